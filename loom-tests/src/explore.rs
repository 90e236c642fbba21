//! Runs a model over every schedule within a bound on preemptions.

use std::cell::{Cell, RefCell};
use std::env;
use std::panic;
use std::sync::Arc;
use std::sync::Once;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::{Relaxed, SeqCst};
use std::time::Instant;

use crate::primitives::{Alive, fence};

/// loom looks here for the bound on preemptions; set, it overrides what the models state.
const BOUND: &str = "LOOM_MAX_PREEMPTIONS";

/// Set, it adds one to the bound each model states.
const DEEP: &str = "WINDLASS_LOOM_DEEP";

/// A scenario and how far it is explored.
pub(crate) struct Model {
    name: &'static str,
    preemptions: usize,
    floor: usize,
}

/// A model of that name. It fails where it takes fewer iterations than `floor`, since then it has lost what
/// it was made to explore.
pub(crate) fn model(name: &'static str, floor: usize) -> Model {
    Model { name, preemptions: 3, floor }
}

impl Model {
    /// A lower bound than the usual three; whoever asks for it says why.
    pub(crate) fn preemptions(self, preemptions: usize) -> Self {
        Self { preemptions, ..self }
    }

    /// Calls `scenario` once for every schedule.
    pub(crate) fn explore(self, scenario: impl Fn() + Send + Sync + 'static) {
        count_panics();
        let bound = match env::var(BOUND) {
            Ok(bound) => bound.parse().unwrap_or_else(|_| panic!("{BOUND} is not a number: {bound}")),
            Err(_) => self.preemptions + usize::from(env::var_os(DEEP).is_some()),
        };
        let mut builder = loom::model::Builder::new();
        builder.preemption_bound = Some(bound);
        builder.max_branches = 20_000;
        let iterations = Arc::new(AtomicUsize::new(0));
        let (counter, started) = (Arc::clone(&iterations), Instant::now());
        PANIC.take();
        Alive::reset();
        builder.check(move || {
            counter.fetch_add(1, Relaxed);
            // What all fences share is made before there are threads, so that its making orders nothing.
            fence(SeqCst);
            windlass_blocking::model::begin();
            scenario();
            if let Some(message) = PANIC.take() {
                panic!("a panic was caught on its way: {message}");
            }
            assert_eq!(Alive::count(), 0, "every task is freed exactly once");
            assert!(windlass_blocking::model::is_free(), "what job and future share is freed exactly once");
        });
        let iterations = iterations.load(Relaxed);
        println!(
            "{}: {iterations} iterations at bound {bound} in {:.1} s",
            self.name,
            started.elapsed().as_secs_f64()
        );
        let floor = if bound < self.preemptions { 1 } else { self.floor };
        assert!(
            iterations >= floor,
            "{} took {iterations} iterations only, not {floor}: it has become empty",
            self.name
        );
    }
}

thread_local! {
    /// The first panic of the execution under way. The sources catch what tasks panic with; a model must not
    /// lose an assertion, or a race that loom found, that way.
    static PANIC: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Has every panic noted on its thread, which is the model's: loom's threads are coroutines on it.
fn count_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let report = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            report(info);
            let _ = PANIC.try_with(|panic| {
                if let Ok(mut panic) = panic.try_borrow_mut() {
                    panic.get_or_insert_with(|| info.to_string());
                }
            });
        }));
    });
}

//! What the behaviour tests of Windlass share: the flavours a scenario runs on, the watchdog that turns a hang into a
//! failure with a name, and small futures, wakers and probes that make a user's view of the runtime observable.
//!
//! Nothing here waits for time to pass in order to let something happen: scenarios meet through channels, barriers and
//! hand-offs, and the watchdog alone knows how long is too long.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::panic::{AssertUnwindSafe, Location, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicIsize, AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, Once, mpsc};
use std::task::{Context, Poll, RawWaker, RawWakerVTable, Wake, Waker};
use std::thread::{self, ThreadId};
use std::time::Duration;

use parking_lot::Mutex;
use windlass::runtime::{Builder, Handle, Runtime};

pub mod ending;
pub mod example;
pub mod fileserver;
pub mod group;
pub mod http2;
pub mod jobs;
pub mod log;
pub mod polled;
pub mod reports;
pub mod rounds;
pub mod tcp;

/// A flavour of runtime that a scenario runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flavor {
    /// `Builder::new_current_thread()`.
    CurrentThread,
    /// `Builder::new_multi_thread()` with this many workers.
    MultiThread(usize),
}

impl Flavor {
    /// A builder of this flavour, for scenarios that set more on it.
    pub fn builder(self) -> Builder {
        match self {
            Flavor::CurrentThread => Builder::new_current_thread(),
            Flavor::MultiThread(workers) => {
                let mut builder = Builder::new_multi_thread();
                builder.worker_threads(workers);
                builder
            }
        }
    }

    /// A runtime of this flavour.
    pub fn runtime(self) -> Runtime {
        self.builder().build().expect("a runtime starts")
    }

    /// Runs a scenario in virtual time.
    ///
    /// # Panics
    ///
    /// As the scenario does.
    pub fn run_paused<F: Future>(self, scenario: F) -> F::Output {
        self.builder().start_paused(true).build().expect("a runtime starts").block_on(scenario)
    }

    /// Runs a scenario that awaits nothing in a task of a runtime of this flavour.
    ///
    /// # Panics
    ///
    /// As the scenario does.
    pub fn in_a_task(self, scenario: fn()) {
        let outcome =
            self.runtime().block_on(async move { windlass::spawn(async move { scenario() }).await });
        if let Err(error) = outcome {
            resume_unwind(error.into_panic());
        }
    }

    /// Whether tasks run only while somebody is inside `block_on`.
    pub fn is_current_thread(self) -> bool {
        self == Flavor::CurrentThread
    }
}

impl fmt::Display for Flavor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Flavor::CurrentThread => f.write_str("current_thread"),
            Flavor::MultiThread(workers) => write!(f, "multi_thread({workers})"),
        }
    }
}

/// Makes a test of each named `fn(Flavor)` on a current-thread runtime and on 1, 2 and 4 workers, each under the
/// watchdog.
#[macro_export]
macro_rules! on_every_flavor {
    ($($scenario:ident),+ $(,)?) => {
        $crate::on_flavor!(current_thread, $crate::Flavor::CurrentThread, $($scenario),+);
        $crate::on_flavor!(one_worker, $crate::Flavor::MultiThread(1), $($scenario),+);
        $crate::on_flavor!(two_workers, $crate::Flavor::MultiThread(2), $($scenario),+);
        $crate::on_flavor!(four_workers, $crate::Flavor::MultiThread(4), $($scenario),+);
    };
}

/// Makes a test of each named `fn(Flavor)` on a current-thread runtime and on 1, 2 and 8 workers, each under the
/// watchdog: for what is ported from CPython's tests.
#[macro_export]
macro_rules! on_conformance_flavors {
    ($($scenario:ident),+ $(,)?) => {
        $crate::on_flavor!(current_thread, $crate::Flavor::CurrentThread, $($scenario),+);
        $crate::on_flavor!(one_worker, $crate::Flavor::MultiThread(1), $($scenario),+);
        $crate::on_flavor!(two_workers, $crate::Flavor::MultiThread(2), $($scenario),+);
        $crate::on_flavor!(eight_workers, $crate::Flavor::MultiThread(8), $($scenario),+);
    };
}

/// Makes a test of each named `fn()`, which polls by hand, in a task of each flavour that [`on_conformance_flavors!`] has.
#[macro_export]
macro_rules! in_a_task_on_conformance_flavors {
    ($($scenario:ident),+ $(,)?) => {
        mod in_a_task {
            $(
                fn $scenario(flavor: $crate::Flavor) {
                    flavor.in_a_task(super::$scenario);
                }
            )+
            $crate::on_conformance_flavors!($($scenario),+);
        }
    };
}

/// Makes a test of each named `fn(Flavor)` on 1, 2 and 4 workers, each under the watchdog.
#[macro_export]
macro_rules! on_multi_thread {
    ($($scenario:ident),+ $(,)?) => {
        $crate::on_flavor!(multi_thread_1, $crate::Flavor::MultiThread(1), $($scenario),+);
        $crate::on_flavor!(multi_thread_2, $crate::Flavor::MultiThread(2), $($scenario),+);
        $crate::on_flavor!(multi_thread_4, $crate::Flavor::MultiThread(4), $($scenario),+);
    };
}

/// Makes a test of each named `fn(Flavor)` on one flavour, in a module of the given name.
#[macro_export]
macro_rules! on_flavor {
    ($module:ident, $flavor:expr, $($scenario:ident),+ $(,)?) => {
        mod $module {
            $(
                #[test]
                fn $scenario() {
                    let flavor = $flavor;
                    let name = format!("{} on {flavor}", stringify!($scenario));
                    $crate::watchdog(&name, move || super::$scenario(flavor));
                }
            )+
        }
    };
}

/// Makes a test of each named `fn()` under the watchdog, for scenarios that choose their own runtime or have none.
#[macro_export]
macro_rules! once {
    ($($scenario:ident),+ $(,)?) => {
        mod once {
            $(
                #[test]
                fn $scenario() {
                    $crate::watchdog(stringify!($scenario), super::$scenario);
                }
            )+
        }
    };
}

/// How long a scenario may take before the watchdog calls it hung: three minutes, or `WINDLASS_TEST_DEADLINE` seconds. Nothing but
/// a hang waits for it. Those that race two threads for thousands of rounds take a second where each has a processor, and more than
/// a minute where other programs have both.
pub fn deadline() -> Duration {
    let seconds = std::env::var("WINDLASS_TEST_DEADLINE").ok().and_then(|value| value.parse().ok());
    Duration::from_secs(seconds.unwrap_or(180))
}

/// Runs `body` on a thread of its own and returns what it returns or panics as it panics.
///
/// # Panics
///
/// With the scenario's name if `body` is not done by the [`deadline`]; its thread is left behind.
#[track_caller]
pub fn watchdog<T: Send + 'static>(scenario: &str, body: impl FnOnce() -> T + Send + 'static) -> T {
    let (done, finished) = mpsc::channel();
    let thread = thread::Builder::new()
        .name(scenario.to_owned())
        .spawn(move || {
            let outcome = catch_unwind(AssertUnwindSafe(body));
            let _ = done.send(());
            outcome
        })
        .expect("a thread for the scenario");
    match finished.recv_timeout(deadline()) {
        Ok(()) => match thread.join().expect("the scenario's outcome is caught") {
            Ok(value) => value,
            Err(panic) => resume_unwind(panic),
        },
        Err(_) => panic!("{scenario}: hung, it was not done after {:?}", deadline()),
    }
}

/// The text of a panic payload, or a note that it has none.
pub fn payload_text(payload: &(dyn std::any::Any + Send)) -> String {
    if let Some(text) = payload.downcast_ref::<&'static str>() {
        (*text).to_owned()
    } else if let Some(text) = payload.downcast_ref::<String>() {
        text.clone()
    } else {
        "(a payload that is no text)".to_owned()
    }
}

/// What a panic said, and where it said it happened.
#[derive(Clone, Debug)]
pub struct Panicked {
    /// The message.
    pub message: String,
    /// The file of the location that the panic reports: the caller's, where the function is `#[track_caller]`.
    pub file: String,
    /// The line in that file.
    pub line: u32,
}

thread_local! {
    /// While a panic is expected on this thread: where the first one happened.
    static EXPECTED: RefCell<Option<Option<(String, u32)>>> = const { RefCell::new(None) };
}

/// Runs `body`, which must panic on the calling thread, and returns what the panic said and where.
///
/// # Panics
///
/// If `body` returns.
#[track_caller]
pub fn panics<T>(body: impl FnOnce() -> T) -> Panicked {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let previous = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            let expected = EXPECTED.with_borrow_mut(|expected| match expected {
                Some(location) => {
                    location.get_or_insert_with(|| {
                        let at = info.location().expect("a panic has a location");
                        (at.file().to_owned(), at.line())
                    });
                    true
                }
                None => false,
            });
            if !expected {
                previous(info);
            }
        }));
    });

    EXPECTED.set(Some(None));
    let outcome = catch_unwind(AssertUnwindSafe(|| drop(body())));
    let location = EXPECTED.take().flatten();
    let payload = outcome.expect_err("this was expected to panic");
    let (file, line) = location.expect("a panic that was caught passed the hook");
    Panicked { message: payload_text(&*payload), file, line }
}

/// Asserts that `body` panics at a line of the calling file, as functions do that are `#[track_caller]`.
#[track_caller]
pub fn panics_at_its_caller<T>(body: impl FnOnce() -> T) -> Panicked {
    let here = Location::caller();
    let panicked = panics(body);
    assert_eq!(
        panicked.file,
        here.file(),
        "the panic {:?} does not name its caller's file but line {} of another",
        panicked.message,
        panicked.line
    );
    panicked
}

/// A waker that counts how often it was woken.
#[derive(Debug, Default)]
pub struct CountingWaker(AtomicUsize);

impl CountingWaker {
    /// A counter and the waker that feeds it.
    pub fn new() -> (Arc<Self>, Waker) {
        let counter = Arc::new(CountingWaker::default());
        (counter.clone(), Waker::from(counter))
    }

    /// How often it was woken.
    pub fn wakes(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

impl Wake for CountingWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// A waker that panics when it is woken, without a line in the log.
pub fn panics_when_woken() -> Waker {
    struct PanicsWhenWoken;
    impl Wake for PanicsWhenWoken {
        fn wake(self: Arc<Self>) {
            resume_unwind(Box::new("woken, and panics at it"));
        }
    }
    Waker::from(Arc::new(PanicsWhenWoken))
}

/// A waker that calls a function when it is cloned, and does nothing else. (The function is never dropped.)
pub fn calls_when_cloned(f: impl Fn() + Send + Sync + 'static) -> Waker {
    type Function = Box<dyn Fn() + Send + Sync>;
    unsafe fn clone(f: *const ()) -> RawWaker {
        // SAFETY: it was made of a reference to such a function, which is never dropped.
        let call = unsafe { &*f.cast::<Function>() };
        call();
        RawWaker::new(f, &CALLS)
    }
    static CALLS: RawWakerVTable = RawWakerVTable::new(clone, |_| {}, |_| {}, |_| {});
    let f: Box<Function> = Box::new(Box::new(f));
    // SAFETY: the functions of the table may be called on any thread, with a function that may be too.
    unsafe { Waker::from_raw(RawWaker::new(Box::into_raw(f).cast_const().cast(), &CALLS)) }
}

/// A waker of which any clone panics when it is dropped as long as the flag is set, without a line in the log.
pub fn panics_when_dropped(if_set: &'static AtomicBool) -> Waker {
    unsafe fn drop(if_set: *const ()) {
        // SAFETY: it was made of a reference that lives for ever.
        if unsafe { &*if_set.cast::<AtomicBool>() }.load(Ordering::SeqCst) {
            resume_unwind(Box::new("dropped, and panics at it"));
        }
    }
    static PANICS: RawWakerVTable =
        RawWakerVTable::new(|flag| RawWaker::new(flag, &PANICS), |_| {}, |_| {}, drop);
    // SAFETY: the functions of the table may be called on any thread.
    unsafe { Waker::from_raw(RawWaker::new(std::ptr::from_ref(if_set).cast(), &PANICS)) }
}

/// Polls a future once with a waker that does nothing.
pub fn poll_once<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
    Pin::new(future).poll(&mut Context::from_waker(Waker::noop()))
}

/// Returns `Pending` once after waking itself: a task that gives way without asking the runtime to put it last.
pub fn wake_self() -> impl Future<Output = ()> + Send + Unpin {
    let mut woken = false;
    std::future::poll_fn(move |context| {
        if woken {
            return Poll::Ready(());
        }
        woken = true;
        context.waker().wake_by_ref();
        Poll::Pending
    })
}

/// Yields until `condition` holds.
pub async fn yield_until(mut condition: impl FnMut() -> bool) {
    while !condition() {
        windlass::task::yield_now().await;
    }
}

/// Gives up the processor until `condition` holds: for what another thread is about to make true.
pub fn spin_until(mut condition: impl FnMut() -> bool) {
    while !condition() {
        thread::yield_now();
    }
}

/// Returns a moment after the runtime of the handle has begun to shut down, which shows in that it cancels at once what
/// is spawned on it.
pub fn linger_into_shutdown(handle: &Handle) {
    spin_until(|| handle.spawn(std::future::pending::<()>()).is_finished());
    for _ in 0..20 {
        thread::yield_now();
    }
}

/// Runs a closure when it is dropped.
pub struct OnDrop<F: FnOnce()>(Option<F>);

impl<F: FnOnce()> OnDrop<F> {
    /// Runs `closure` when the value returned is dropped.
    pub fn new(closure: F) -> Self {
        OnDrop(Some(closure))
    }
}

impl<F: FnOnce()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        if let Some(closure) = self.0.take() {
            closure();
        }
    }
}

/// Panics when it is dropped, unless the thread panics already.
#[derive(Debug)]
pub struct PanicsOnDrop;

impl Drop for PanicsOnDrop {
    fn drop(&mut self) {
        if !thread::panicking() {
            panic!("dropped, and panics at it");
        }
    }
}

/// Asserts that all `workers` of a multi-thread runtime still run tasks: as many tasks meet at a barrier, each of them
/// blocking its thread. Must be called outside the runtime, so that no thread but a worker can help.
pub fn assert_all_workers_live(runtime: &Runtime, workers: usize) {
    let barrier = Arc::new(Barrier::new(workers + 1));
    for _ in 0..workers {
        let barrier = barrier.clone();
        runtime.spawn(async move {
            barrier.wait();
        });
    }
    barrier.wait();
}

/// A book in which values note their drops: how often, and on which thread.
#[derive(Debug, Default)]
pub struct Ledger {
    drops: Mutex<HashMap<usize, Vec<ThreadId>>>,
    tracked: AtomicUsize,
    closed: AtomicBool,
    late: AtomicUsize,
}

impl Ledger {
    /// An empty book.
    pub fn new() -> Arc<Self> {
        Arc::default()
    }

    /// A value whose drop this book notes.
    pub fn track(self: &Arc<Self>) -> Tracked {
        Tracked { ledger: self.clone(), number: self.tracked.fetch_add(1, Ordering::SeqCst) }
    }

    /// From here on every drop is too late.
    pub fn close(&self) {
        self.closed.store(true, Ordering::SeqCst);
    }

    /// How many values it was given to watch.
    pub fn tracked(&self) -> usize {
        self.tracked.load(Ordering::SeqCst)
    }

    /// How many of its values were dropped.
    pub fn dropped(&self) -> usize {
        self.drops.lock().len()
    }

    /// Asserts that each value was dropped once, none after the book was closed, and each on a thread that `may_drop`.
    #[track_caller]
    pub fn assert_each_dropped_once(&self, may_drop: impl Fn(ThreadId) -> bool) {
        let drops = self.drops.lock();
        let tracked = self.tracked.load(Ordering::SeqCst);
        assert_eq!(drops.len(), tracked, "values that were tracked and values that were dropped differ");
        for (number, threads) in drops.iter() {
            assert_eq!(threads.len(), 1, "value {number} was dropped {} times", threads.len());
            assert!(may_drop(threads[0]), "value {number} was dropped on a foreign thread, {:?}", threads[0]);
        }
        assert_eq!(
            self.late.load(Ordering::SeqCst),
            0,
            "values were dropped after the shutdown had completed"
        );
    }
}

/// A value whose drop its [`Ledger`] notes.
#[derive(Debug)]
pub struct Tracked {
    ledger: Arc<Ledger>,
    number: usize,
}

impl Drop for Tracked {
    fn drop(&mut self) {
        if self.ledger.closed.load(Ordering::SeqCst) {
            self.ledger.late.fetch_add(1, Ordering::SeqCst);
        }
        self.ledger.drops.lock().entry(self.number).or_default().push(thread::current().id());
    }
}

/// The system's allocator, which counts: for test programs that make it their global allocator.
#[derive(Debug)]
pub struct CountingAllocator {
    bytes: AtomicUsize,
    live: AtomicIsize,
    live_bytes: AtomicIsize,
}

impl CountingAllocator {
    /// An allocator that has counted nothing.
    pub const fn new() -> Self {
        let (live, live_bytes) = (AtomicIsize::new(0), AtomicIsize::new(0));
        CountingAllocator { bytes: AtomicUsize::new(0), live, live_bytes }
    }

    /// How many bytes were allocated so far, whether or not they were freed again.
    pub fn bytes(&self) -> usize {
        self.bytes.load(Ordering::SeqCst)
    }

    /// How many allocations are alive.
    pub fn live(&self) -> isize {
        self.live.load(Ordering::SeqCst)
    }

    /// How many bytes the allocations take that are alive.
    pub fn live_bytes(&self) -> isize {
        self.live_bytes.load(Ordering::SeqCst)
    }

    fn count(&self, pointer: *mut u8, size: usize) -> *mut u8 {
        if !pointer.is_null() {
            self.live_bytes.fetch_add(size as isize, Ordering::Relaxed);
            self.bytes.fetch_add(size, Ordering::Relaxed);
            self.live.fetch_add(1, Ordering::Relaxed);
        }
        pointer
    }
}

impl Default for CountingAllocator {
    fn default() -> Self {
        CountingAllocator::new()
    }
}

// SAFETY: every call is passed on to the system's allocator; counting allocates nothing.
unsafe impl GlobalAlloc for CountingAllocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promise is the callee's.
        self.count(unsafe { System.alloc(layout) }, layout.size())
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promise is the callee's.
        self.count(unsafe { System.alloc_zeroed(layout) }, layout.size())
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        self.live.fetch_sub(1, Ordering::Relaxed);
        self.live_bytes.fetch_sub(layout.size() as isize, Ordering::Relaxed);
        // SAFETY: the caller's promise is the callee's.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        self.live.fetch_sub(1, Ordering::Relaxed);
        self.live_bytes.fetch_sub(layout.size() as isize, Ordering::Relaxed);
        // SAFETY: the caller's promise is the callee's.
        let moved = self.count(unsafe { System.realloc(pointer, layout, new_size) }, new_size);
        if moved.is_null() {
            // The old one is still there.
            self.live.fetch_add(1, Ordering::Relaxed);
            self.live_bytes.fetch_add(layout.size() as isize, Ordering::Relaxed);
        }
        moved
    }
}

/// The variable that tells a test's program that it is its own child.
const CHILD: &str = "WINDLASS_TEST_CHILD";

/// Whether this process was started through [`child`].
pub fn is_child() -> bool {
    std::env::var_os(CHILD).is_some()
}

/// The arguments with which this test program runs nothing but `test` (its full path), with its output shown.
pub fn only(test: &str) -> [&str; 4] {
    [test, "--exact", "--nocapture", "--test-threads=1"]
}

/// A command that runs `test` (its full path) of this program alone, in a process where [`is_child`] holds.
pub fn child(test: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().expect("the path of this program"));
    command.args(only(test)).env(CHILD, "1").env_remove("WINDLASS_WORKER_THREADS");
    command
}

/// Marks a command started by hand as a child, as [`child`] does.
pub fn as_child(command: &mut Command) -> &mut Command {
    command.env(CHILD, "1").env_remove("WINDLASS_WORKER_THREADS")
}

/// Runs a child to its end and asserts that it succeeded; returns what it wrote to both streams.
#[track_caller]
pub fn run_to_success(mut command: Command) -> String {
    let output = command.output().expect("the child starts");
    let mut text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.push_str(&String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "the child failed, {}:\n{text}", output.status);
    text
}

/// How many threads this process has.
#[cfg(target_os = "linux")]
pub fn thread_count() -> usize {
    std::fs::read_dir("/proc/self/task").expect("/proc is mounted").count()
}

//! Failures that nobody looks at: counted, and reported with the place they come from.

use std::panic::Location;

use super::cell::Payload;
use super::info::Place;
use super::unhandled::{Unhandled, UnhandledHook, UnhandledKind};
use crate::primitives::atomic::Ordering::Relaxed;
use crate::primitives::{Arc, Statistic};
use crate::quietly;

/// Whoever counts and reports them for one runtime. Failures may outlive the runtime, and with them this.
#[derive(Default)]
pub(crate) struct Unobserved {
    panics: Statistic,
    hook: Option<UnhandledHook>,
}

impl Unobserved {
    pub(crate) fn new(hook: Option<UnhandledHook>) -> Self {
        Self { panics: Statistic::new(0), hook }
    }

    pub(crate) fn panics(&self) -> u64 {
        self.panics.load(Relaxed)
    }

    /// Tells whoever wants to know of a failure, and counts it if it is a panic.
    #[cold]
    pub(crate) fn report(&self, unhandled: &Unhandled<'_>) {
        if unhandled.payload().is_some() {
            self.panics.fetch_add(1, Relaxed);
        }
        // Neither a hook nor a subscriber that panics must add to it.
        quietly(|| match &self.hook {
            Some(hook) => hook(unhandled),
            None => {
                tracing::error!(
                    target: "windlass::task",
                    spawned_at = %Place(unhandled.location()),
                    "{unhandled}"
                );
            }
        });
    }
}

/// The payload of a panic on its way to whoever waits for the task. Dropped on that way, it is reported.
pub(crate) struct Panic {
    payload: Option<Payload>,
    origin: &'static Location<'static>,
    unobserved: Arc<Unobserved>,
}

impl Panic {
    pub(crate) fn new(
        payload: Payload,
        origin: &'static Location<'static>,
        unobserved: Arc<Unobserved>,
    ) -> Self {
        Self { payload: Some(payload), origin, unobserved }
    }

    /// Gives the payload to someone who looks at it.
    pub(crate) fn observe(mut self) -> Payload {
        self.payload.take().expect("a payload is taken once")
    }
}

impl Drop for Panic {
    fn drop(&mut self) {
        if let Some(payload) = self.payload.take() {
            self.unobserved.report(&Unhandled::panic(UnhandledKind::Task, self.origin, &*payload));
            quietly(|| drop(payload));
        }
    }
}

//! Panics that nobody looks at: counted, and reported with the place of their task.

use std::panic::Location;

use super::cell::Payload;
use super::info::Place;
use crate::primitives::atomic::Ordering::Relaxed;
use crate::primitives::{Arc, Statistic};
use crate::quietly;

/// Whoever counts them for one runtime. Panics may outlive the runtime, and with them this.
#[derive(Default)]
pub(crate) struct Unobserved {
    panics: Statistic,
}

impl Unobserved {
    pub(crate) fn panics(&self) -> u64 {
        self.panics.load(Relaxed)
    }

    #[cold]
    fn report(&self, origin: &'static Location<'static>) {
        self.panics.fetch_add(1, Relaxed);
        let place = Place(origin);
        // A subscriber that panics must not add to it.
        quietly(|| {
            tracing::error!(
                target: "windlass::task",
                spawned_at = %place,
                "what was spawned at {place} panicked, and its handle was dropped without a look at that"
            );
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
            self.unobserved.report(self.origin);
            quietly(|| drop(payload));
        }
    }
}

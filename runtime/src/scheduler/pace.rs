//! How long a worker's polls take, without a look at the clock for each.

use std::cell::Cell;
use std::time::{Duration, Instant};

/// Below this it is not worth it to wake another worker for what is queued: it would take as long to come.
const WORTH_A_WAKE: Duration = Duration::from_micros(50);

/// What a worker measures of its own stretches of work, from when it gets up until it goes to sleep.
pub(super) struct Pace {
    /// When this worker last got up, and how many polls it had done then.
    up: Cell<(Instant, u64)>,
    /// What a poll took of late, with all there is around it, in nanoseconds.
    per_poll: Cell<u64>,
}

impl Pace {
    pub(super) fn new() -> Self {
        Self { up: Cell::new((Instant::now(), 0)), per_poll: Cell::new(0) }
    }

    /// The worker gets up.
    pub(super) fn start(&self, polls: u64) {
        self.up.set((Instant::now(), polls));
    }

    /// The worker goes to sleep. Returns how long it was up.
    pub(super) fn stop(&self, polls: u64) -> Duration {
        let (since, before) = self.up.get();
        let busy = since.elapsed();
        if let Some(took) = (busy.as_nanos() as u64).checked_div(polls.wrapping_sub(before)) {
            // Mostly what it was, so that one long poll does not count for all.
            self.per_poll.set((self.per_poll.get() * 7 + took) / 8);
        }
        busy
    }

    /// Whether this many polls are likely to take so long that another worker should share them.
    pub(super) fn is_worth_a_wake(&self, polls: usize) -> bool {
        let likely = (polls as u64).saturating_mul(self.per_poll.get());
        // A model has no clock, and must not depend on the real one.
        cfg!(windlass_loom) || likely > WORTH_A_WAKE.as_nanos() as u64
    }
}

//! The clock of a runtime.

use std::time::{Duration, Instant};

pub(crate) struct Clock(Instant);

impl Clock {
    pub(crate) fn new() -> Self {
        Self(Instant::now())
    }
    pub(crate) fn is_paused(&self) -> bool {
        false
    }
    pub(crate) fn tick(&self) -> u64 {
        self.0.elapsed().as_micros() as u64 / 16
    }
    pub(crate) fn until(&self, tick: u64) -> Duration {
        Duration::from_micros(tick * 16).saturating_sub(self.0.elapsed())
    }
}

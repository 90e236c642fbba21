//! Work that takes a known time of a processor.

use std::hint::black_box;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// Steps that take long enough to be timed.
const TRIAL: u64 = 20_000;
const TRIALS: usize = 200;

/// Steps that take this much of a processor's time.
///
/// They are counted out beforehand and not ended by the clock: a job that looks at the clock is the shorter the longer
/// it was kept from its processor, and a pool with too many threads would look quick.
#[derive(Clone, Copy, Debug)]
pub(super) struct Work {
    steps: u64,
}

impl Work {
    /// Work for `time`.
    pub(super) fn of(time: Duration) -> Self {
        Self { steps: (time.as_nanos() as f64 / ns_per_step()).round() as u64 }
    }

    /// Does it.
    pub(super) fn run(self) -> u64 {
        run(self.steps)
    }
}

/// Each step waits for the one before, so that neither the compiler nor the processor can make them fewer.
fn run(steps: u64) -> u64 {
    let mut value = black_box(1_u64);
    for _ in 0..steps {
        value = value.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    }
    black_box(value)
}

/// What a step takes on a processor that does nothing else: the shortest of many trials.
fn ns_per_step() -> f64 {
    static NS_PER_STEP: OnceLock<f64> = OnceLock::new();
    *NS_PER_STEP.get_or_init(|| {
        let trial = || {
            let start = Instant::now();
            run(TRIAL);
            start.elapsed()
        };
        let shortest = (0..TRIALS).map(|_| trial()).min().unwrap_or_default();
        shortest.as_nanos() as f64 / TRIAL as f64
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_takes_no_less_than_its_time() {
        let work = Work::of(Duration::from_millis(2));
        let start = Instant::now();
        work.run();
        // The trials may have been slower than this, but not by much, since the shortest counts.
        assert!(start.elapsed() > Duration::from_millis(1), "{:?} for {work:?}", start.elapsed());
    }
}

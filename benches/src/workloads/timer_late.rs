//! One sleep after the other on a runtime that does nothing else: how much later than asked for each one ends.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use super::{Latencies, Prepared, TimerWorkload, build};
use crate::runtime::{Flavor, Timers};

/// See the module.
pub struct TimerLate {
    /// Worker threads.
    pub workers: usize,
    /// How long each sleep is.
    pub sleep: Duration,
    /// Sleeps per iteration.
    pub times: u64,
}

impl TimerWorkload for TimerLate {
    fn flavor(&self) -> Flavor {
        Flavor::Multi(self.workers)
    }

    fn ops(&self) -> u64 {
        self.times
    }

    fn prepare<R: Timers>(&self) -> Prepared {
        let Self { sleep, times, .. } = *self;
        let runtime = build::<R>(self.flavor());
        let latencies = Rc::new(RefCell::new(Latencies::default()));
        let record = Rc::clone(&latencies);
        Prepared::new(move || {
            let late = runtime.block_on(runtime.spawn_outside(async move {
                let mut late = Vec::new();
                for _ in 0..times {
                    let due = Instant::now() + sleep;
                    R::sleep(sleep).await;
                    let now = Instant::now();
                    assert!(now >= due, "a timer fired {:?} early", due - now);
                    late.push((now - due).as_nanos() as u64);
                }
                late
            }));
            let done = late.len() as u64;
            record.borrow_mut().ns.extend(late);
            done
        })
        .with_latencies(latencies)
    }
}

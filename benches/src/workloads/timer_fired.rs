//! Tasks that sleep until their timers fire, without what it takes to spawn and join such tasks.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use super::{Latencies, Prepared, TimerWorkload, build};
use crate::runtime::{Flavor, Timers};
use crate::usage::Usage;

/// See the module.
pub struct TimerFired {
    /// Worker threads.
    pub workers: usize,
    /// Tasks per iteration.
    pub sleepers: u32,
    /// What the shortest sleep takes.
    pub shortest: Duration,
    /// The longest takes this much more; the others lie between them in steps of a millisecond.
    pub spread: Duration,
}

/// Sleeps, if it is to, and not too short; returns 1.
async fn sleeper<R: Timers>(time: Option<Duration>) -> u64 {
    let start = Instant::now();
    if let Some(time) = time {
        R::sleep(time).await;
    }
    let slept = start.elapsed();
    assert!(slept >= time.unwrap_or_default(), "a sleep of {time:?} took {slept:?}");
    1
}

fn spawn_and_join<R: Timers>(runtime: &R, times: impl Iterator<Item = Option<Duration>>) -> u64 {
    runtime.block_on(async {
        let joins: Vec<_> = times.map(|time| R::spawn(sleeper::<R>(time))).collect();
        let mut joined = 0;
        for join in joins {
            joined += join.await;
        }
        joined
    })
}

impl TimerWorkload for TimerFired {
    fn flavor(&self) -> Flavor {
        Flavor::Multi(self.workers)
    }

    fn ops(&self) -> u64 {
        self.sleepers.into()
    }

    /// An iteration first spawns and joins the same tasks without their sleeps. What that used is taken off twice: for
    /// itself, and for the same part of the run with the sleeps.
    fn prepare<R: Timers>(&self) -> Prepared {
        let Self { sleepers, shortest, spread, .. } = *self;
        let runtime = build::<R>(self.flavor());
        let steps = spread.as_millis().max(1) as u32;
        let latencies = Rc::new(RefCell::new(Latencies::default()));
        let record = Rc::clone(&latencies);
        Prepared::new(move || {
            let mut record = record.borrow_mut();
            let before = Usage::of_process();
            let joined = spawn_and_join(&runtime, (0..sleepers).map(|_| None));
            let without_sleeps = Usage::of_process() - before;
            assert_eq!(joined, u64::from(sleepers));
            record.unmeasured += without_sleeps;
            record.unmeasured += without_sleeps;
            let start = Instant::now();
            let step = |sleeper| Duration::from_millis(u64::from(sleeper % steps));
            let woken = spawn_and_join(&runtime, (0..sleepers).map(|sleeper| Some(shortest + step(sleeper))));
            record.ns.push(start.elapsed().as_nanos() as u64);
            woken
        })
        .with_latencies(latencies)
    }
}

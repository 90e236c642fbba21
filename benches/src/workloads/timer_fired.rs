//! Tasks that sleep until their timers fire, without what it takes to spawn and join such tasks.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use super::{Latencies, Prepared, TimerWorkload, build};
use crate::runtime::{Flavor, Timers};
use crate::usage::Usage;

/// What the tasks do whose CPU time is taken off.
#[derive(Clone, Copy)]
pub enum Without {
    /// They end in their first poll: what is left is a timer, and a wait.
    Waiting,
    /// They yield instead of sleeping: what is left is a timer.
    Sleeping,
}

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
    /// What is taken off.
    pub without: Without,
}

/// What a task does before it ends.
#[derive(Clone, Copy)]
enum Wait {
    None,
    Yield,
    Sleep(Duration),
}

/// Waits, and not too short; returns 1.
async fn sleeper<R: Timers>(wait: Wait) -> u64 {
    let start = Instant::now();
    let time = match wait {
        Wait::None => Duration::ZERO,
        Wait::Yield => {
            R::yield_now().await;
            Duration::ZERO
        }
        Wait::Sleep(time) => {
            R::sleep(time).await;
            time
        }
    };
    let slept = start.elapsed();
    assert!(slept >= time, "a sleep of {time:?} took {slept:?}");
    1
}

fn spawn_and_join<R: Timers>(runtime: &R, waits: impl Iterator<Item = Wait>) -> u64 {
    runtime.block_on(async {
        let joins: Vec<_> = waits.map(|wait| R::spawn(sleeper::<R>(wait))).collect();
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
        let Self { sleepers, shortest, spread, without, .. } = *self;
        let instead = match without {
            Without::Waiting => Wait::None,
            Without::Sleeping => Wait::Yield,
        };
        let runtime = build::<R>(self.flavor());
        let steps = spread.as_millis().max(1) as u32;
        let latencies = Rc::new(RefCell::new(Latencies::default()));
        let record = Rc::clone(&latencies);
        Prepared::new(move || {
            let mut record = record.borrow_mut();
            let before = Usage::of_process();
            let joined = spawn_and_join(&runtime, (0..sleepers).map(|_| instead));
            let without_sleeps = Usage::of_process() - before;
            assert_eq!(joined, u64::from(sleepers));
            record.unmeasured += without_sleeps;
            record.unmeasured += without_sleeps;
            let start = Instant::now();
            let step = |sleeper| Duration::from_millis(u64::from(sleeper % steps));
            let woken =
                spawn_and_join(&runtime, (0..sleepers).map(|sleeper| Wait::Sleep(shortest + step(sleeper))));
            record.ns.push(start.elapsed().as_nanos() as u64);
            woken
        })
        .with_latencies(latencies)
    }
}

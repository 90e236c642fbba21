//! Timers that never fire: created, cancelled, reset. Most timers of a server are of this kind.

use std::future::poll_fn;
use std::hint::black_box;
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::Duration;

use super::{Prepared, TimerWorkload, build};
use crate::runtime::{Flavor, Runtime, Timers};

/// When the timers would fire, as in tokio's benches.
const LATER: Duration = Duration::from_secs(1);

/// When the timers that stand around fire, again and again: before the others would. A runtime that has to be told of
/// the earliest timer hears of none of the others then.
const EARLIER: Duration = Duration::from_millis(500);

/// Polls of timers in one poll of their task. Runtimes allow a poll some 128 such steps and then answer `Pending`
/// without a look at the timer, which would be quick and wrong.
const POLLS: u64 = 100;

/// What is done to a timer.
#[derive(Clone, Copy)]
pub enum Churn {
    /// A sleep is created and dropped, never polled.
    Sleep,
    /// A future that is ready gets a timeout.
    Timeout,
    /// A sleep is polled once, so that it is registered, and dropped.
    Cancelled,
    /// A yield gets a timeout.
    TimeoutYield,
    /// A registered sleep gets a new deadline and is polled.
    Reset,
}

/// See the module.
pub struct TimerChurn {
    /// Worker threads, each with a task.
    pub workers: usize,
    /// What the tasks do to their timers.
    pub churn: Churn,
    /// How often each task does it per iteration.
    pub times: u64,
    /// Timers that are registered all the while and have nothing to do with it.
    pub standing: usize,
}

/// Polls a sleep once; it has to be pending, and so is registered afterwards.
async fn register<S: Future>(mut sleep: Pin<&mut S>) {
    let registered = poll_fn(|cx| Poll::Ready(sleep.as_mut().poll(cx).is_pending())).await;
    assert!(registered, "a timer of {LATER:?} fired at once");
}

async fn yield_between_polls<R: Runtime>(done: u64) {
    if done.is_multiple_of(POLLS) {
        R::yield_now().await;
    }
}

async fn run<R: Timers>(churn: Churn, times: u64) -> u64 {
    let mut done = 0;
    match churn {
        Churn::Sleep => {
            while done < times {
                drop(black_box(R::sleep(LATER)));
                done += 1;
            }
        }
        Churn::Timeout => {
            while done < times {
                let output = R::timeout(LATER, async { 1 }).await;
                done += black_box(output).expect("it was ready");
            }
        }
        Churn::Cancelled => {
            while done < times {
                register(pin!(R::sleep(LATER))).await;
                done += 1;
                yield_between_polls::<R>(done).await;
            }
        }
        Churn::TimeoutYield => {
            while done < times {
                R::timeout(LATER, R::yield_now()).await.expect("a yield does not take that long");
                done += 1;
            }
        }
        Churn::Reset => {
            let mut sleep = pin!(R::sleep(LATER));
            register(sleep.as_mut()).await;
            while done < times {
                R::reset(sleep.as_mut(), LATER);
                register(sleep.as_mut()).await;
                done += 1;
                yield_between_polls::<R>(done).await;
            }
        }
    }
    done
}

impl TimerWorkload for TimerChurn {
    fn flavor(&self) -> Flavor {
        Flavor::Multi(self.workers)
    }

    fn ops(&self) -> u64 {
        self.workers as u64 * self.times
    }

    fn prepare<R: Timers>(&self) -> Prepared {
        let Self { workers, churn, times, standing } = *self;
        let runtime = build::<R>(self.flavor());
        for _ in 0..standing {
            runtime.spawn_outside_detached(async {
                loop {
                    R::sleep(EARLIER).await;
                }
            });
        }
        Prepared::new(move || {
            let tasks: Vec<_> = (0..workers).map(|_| runtime.spawn_outside(run::<R>(churn, times))).collect();
            runtime.block_on(async {
                let mut done = 0;
                for task in tasks {
                    done += task.await;
                }
                done
            })
        })
    }
}

//! Many tasks, spawned from outside, that each yield many times.

use super::{Prepared, Workload, build, done};
use crate::runtime::{Flavor, Runtime};

/// See the module.
pub struct YieldMany {
    /// The scheduler it runs on.
    pub flavor: Flavor,
    /// Tasks per iteration.
    pub tasks: usize,
    /// Yields per task.
    pub yields: u64,
}

impl Workload for YieldMany {
    fn flavor(&self) -> Flavor {
        self.flavor
    }

    fn ops(&self) -> u64 {
        self.tasks as u64 * self.yields
    }

    fn prepare<R: Runtime>(&self) -> Prepared {
        let (tasks, yields) = (self.tasks, self.yields);
        let runtime = build::<R>(self.flavor);
        let (done, mut all_done) = done::channel::<R>(self.flavor, tasks);
        Prepared::new(move || {
            for _ in 0..tasks {
                let done = done.clone();
                runtime.spawn_outside_detached(async move {
                    let mut yielded = 0;
                    while yielded < yields {
                        R::yield_now().await;
                        yielded += 1;
                    }
                    done.send(yielded);
                });
            }
            all_done.wait_outside(&runtime, tasks)
        })
    }
}

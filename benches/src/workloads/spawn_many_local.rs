//! Many tasks spawned from inside `block_on`, which then blocks its thread until the last of them has run.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::{Prepared, Workload, build, done};
use crate::runtime::{Flavor, Runtime};

/// See the module.
pub struct SpawnManyLocal {
    /// The scheduler it runs on.
    pub flavor: Flavor,
    /// Tasks per iteration.
    pub tasks: u64,
}

impl Workload for SpawnManyLocal {
    fn flavor(&self) -> Flavor {
        self.flavor
    }

    fn ops(&self) -> u64 {
        self.tasks
    }

    fn prepare<R: Runtime>(&self) -> Prepared {
        let tasks = self.tasks;
        let runtime = build::<R>(self.flavor);
        let (done, mut all_done) = done::channel::<R>(self.flavor, 1_000);
        let remaining = Arc::new(AtomicU64::new(0));
        Prepared::new(move || {
            remaining.store(tasks, Relaxed);
            runtime.block_on(async {
                for _ in 0..tasks {
                    let done = done.clone();
                    let remaining = Arc::clone(&remaining);
                    R::spawn_detached(async move {
                        if remaining.fetch_sub(1, Relaxed) == 1 {
                            done.send(tasks);
                        }
                    });
                }
                all_done.wait().await
            })
        })
    }
}

//! Tasks spawned inside `block_on` and awaited there, without ever blocking the thread.

use std::hint::black_box;

use super::{Prepared, Workload, build};
use crate::runtime::{Flavor, Runtime};

/// See the module.
pub struct SpawnJoin {
    /// The scheduler it runs on.
    pub flavor: Flavor,
    /// Tasks per iteration.
    pub tasks: usize,
    /// Yields each task makes before it ends.
    pub yields: usize,
}

impl Workload for SpawnJoin {
    fn flavor(&self) -> Flavor {
        self.flavor
    }

    fn ops(&self) -> u64 {
        self.tasks as u64
    }

    fn prepare<R: Runtime>(&self) -> Prepared {
        let (tasks, yields) = (self.tasks, self.yields);
        let runtime = build::<R>(self.flavor);
        let mut joins = Vec::with_capacity(tasks);
        Prepared::new(move || {
            runtime.block_on(async {
                for _ in 0..tasks {
                    joins.push(R::spawn(async move {
                        for _ in 0..yields {
                            R::yield_now().await;
                        }
                        black_box(1)
                    }));
                }
                let mut joined = 0;
                for join in joins.drain(..) {
                    joined += join.await;
                }
                joined
            })
        })
    }
}

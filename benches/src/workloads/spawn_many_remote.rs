//! Many tasks spawned from outside an idle runtime, then all of them awaited.

use super::{Prepared, Workload, build};
use crate::runtime::{Flavor, Runtime};

/// See the module.
pub struct SpawnManyRemote {
    /// The scheduler it runs on.
    pub flavor: Flavor,
    /// Tasks per iteration.
    pub tasks: usize,
}

impl Workload for SpawnManyRemote {
    fn flavor(&self) -> Flavor {
        self.flavor
    }

    fn ops(&self) -> u64 {
        self.tasks as u64
    }

    fn prepare<R: Runtime>(&self) -> Prepared {
        let tasks = self.tasks;
        let runtime = build::<R>(self.flavor);
        let mut joins = Vec::with_capacity(tasks);
        Prepared::new(move || spawn_and_join(&runtime, tasks, &mut joins))
    }
}

/// Spawns empty tasks from outside and waits for each; returns how many have been joined.
pub(super) fn spawn_and_join<R: Runtime>(runtime: &R, tasks: usize, joins: &mut Vec<R::Join<()>>) -> u64 {
    for _ in 0..tasks {
        joins.push(runtime.spawn_outside(async {}));
    }
    runtime.block_on(async {
        let mut joined = 0;
        for join in joins.drain(..) {
            join.await;
            joined += 1;
        }
        joined
    })
}

//! Many tasks spawned from outside and awaited while a task that respawns itself for ever sits in the same queue.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::spawn_many_remote::spawn_and_join;
use super::{Prepared, Workload, build};
use crate::runtime::{Flavor, Runtime};

/// See the module. Runs on the current thread, where the chain advances only inside `block_on`.
pub struct Respawning {
    /// Tasks per iteration.
    pub tasks: usize,
}

fn respawn<R: Runtime>(steps: Arc<AtomicU64>) {
    R::spawn_detached(async move {
        steps.fetch_add(1, Relaxed);
        respawn::<R>(steps);
    });
}

impl Workload for Respawning {
    fn flavor(&self) -> Flavor {
        Flavor::Current
    }

    fn ops(&self) -> u64 {
        self.tasks as u64
    }

    fn prepare<R: Runtime>(&self) -> Prepared {
        let tasks = self.tasks;
        let runtime = build::<R>(self.flavor());
        let steps = Arc::new(AtomicU64::new(0));
        let first = Arc::clone(&steps);
        runtime.spawn_outside_detached(async move { respawn::<R>(first) });
        let mut joins = Vec::with_capacity(tasks);
        Prepared::new(move || spawn_and_join(&runtime, tasks, &mut joins))
            .with_background(move || steps.load(Relaxed))
    }
}

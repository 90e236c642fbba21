//! Many tasks spawned from outside and awaited while the runtime is busy with tasks that never end.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use super::spawn_many_remote::spawn_and_join;
use super::{Prepared, ThreadedWorkload, build};
use crate::runtime::{Flavor, Threaded};

/// What one step of a background task costs.
const STALL: Duration = Duration::from_micros(10);

/// How the background tasks go on after a step.
#[derive(Clone, Copy)]
pub enum Background {
    /// Each yields and goes on: two per worker.
    Yielding,
    /// Each spawns its successor and ends: one per worker.
    Respawning,
}

/// See the module.
pub struct RemoteBusy {
    /// Worker threads.
    pub workers: usize,
    /// What keeps them busy.
    pub background: Background,
    /// Tasks per iteration.
    pub tasks: usize,
}

/// What the background tasks share.
struct Shared {
    go_on: AtomicBool,
    steps: AtomicU64,
}

impl Shared {
    fn step(&self) {
        let start = Instant::now();
        while start.elapsed() < STALL {
            std::thread::yield_now();
        }
        self.steps.fetch_add(1, Relaxed);
    }
}

/// Ends the background tasks when the workload is dropped, before its runtime.
struct StopOnDrop(Arc<Shared>);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.go_on.store(false, Relaxed);
    }
}

fn respawn<R: Threaded>(shared: Arc<Shared>) {
    R::spawn_detached(async move {
        if shared.go_on.load(Relaxed) {
            shared.step();
            respawn::<R>(shared);
        }
    });
}

async fn keep_yielding<R: Threaded>(shared: Arc<Shared>) {
    while shared.go_on.load(Relaxed) {
        R::yield_now().await;
        shared.step();
    }
}

impl ThreadedWorkload for RemoteBusy {
    const WHY_THREADS: &'static str = "one thread would only measure the background tasks";

    fn flavor(&self) -> Flavor {
        Flavor::Multi(self.workers)
    }

    fn ops(&self) -> u64 {
        self.tasks as u64
    }

    fn prepare<R: Threaded>(&self) -> Prepared {
        let tasks = self.tasks;
        let runtime = build::<R>(self.flavor());
        let shared = Arc::new(Shared { go_on: AtomicBool::new(true), steps: AtomicU64::new(0) });
        match self.background {
            Background::Yielding => {
                for _ in 0..2 * self.workers {
                    runtime.spawn_outside_detached(keep_yielding::<R>(Arc::clone(&shared)));
                }
            }
            Background::Respawning => {
                for _ in 0..self.workers {
                    let shared = Arc::clone(&shared);
                    runtime.spawn_outside_detached(async move { respawn::<R>(shared) });
                }
            }
        }
        let mut joins = Vec::with_capacity(tasks);
        let stop = StopOnDrop(Arc::clone(&shared));
        // A tuple, so that the guard is captured first and dropped first.
        let parts = (stop, runtime);
        Prepared::new(move || {
            let (_stop, runtime) = &parts;
            spawn_and_join(runtime, tasks, &mut joins)
        })
        .with_background(move || shared.steps.load(Relaxed))
    }
}

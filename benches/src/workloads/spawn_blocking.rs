//! Tasks that each send batches of trivial jobs to the blocking pool and wait for every batch.

use std::hint::black_box;

use super::{Prepared, ThreadedWorkload, build};
use crate::runtime::{Flavor, Threaded};

/// See the module.
pub struct SpawnBlocking {
    /// The scheduler it runs on.
    pub flavor: Flavor,
    /// Tasks that do so at once.
    pub tasks: usize,
    /// Batches per task.
    pub batches: usize,
    /// Jobs per batch.
    pub jobs: usize,
}

async fn run_batches<R: Threaded>(batches: usize, jobs: usize) -> u64 {
    let mut completed = 0;
    let mut batch = Vec::with_capacity(jobs);
    for _ in 0..batches {
        batch.extend((0..jobs).map(|_| R::spawn_blocking(|| black_box(1))));
        for job in batch.drain(..) {
            completed += job.await;
        }
    }
    completed
}

impl ThreadedWorkload for SpawnBlocking {
    const WHY_THREADS: &'static str = "it has no pool of threads";

    fn flavor(&self) -> Flavor {
        self.flavor
    }

    fn ops(&self) -> u64 {
        (self.tasks * self.batches * self.jobs) as u64
    }

    fn prepare<R: Threaded>(&self) -> Prepared {
        let Self { flavor, tasks, batches, jobs } = *self;
        let runtime = build::<R>(flavor);
        let mut joins = Vec::with_capacity(tasks);
        Prepared::new(move || {
            runtime.block_on(async {
                for _ in 0..tasks {
                    joins.push(R::spawn(run_batches::<R>(batches, jobs)));
                }
                let mut completed = 0;
                for join in joins.drain(..) {
                    completed += join.await;
                }
                completed
            })
        })
    }
}

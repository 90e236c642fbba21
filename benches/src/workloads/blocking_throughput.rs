//! Threads that each submit all their jobs and then wait for the last: how many jobs a pool gets done.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::Duration;

use super::latch::Latch;
use super::work::Work;
use super::{PoolWorkload, Prepared, pool};
use crate::pool::Pool;

/// See the module.
pub struct BlockingThroughput {
    /// Threads of the pool.
    pub threads: usize,
    /// Processor time of a job.
    pub job: Duration,
    /// Threads that submit, the one that measures among them.
    pub submitters: usize,
    /// Jobs of each per iteration.
    pub jobs: u64,
}

/// The submitters and what they share.
struct Crowd {
    shared: Arc<Shared>,
    others: Vec<thread::JoinHandle<()>>,
}

struct Shared {
    /// Passed by all before an iteration and after it.
    turn: Barrier,
    stop: AtomicBool,
    /// The one who measures is between the two passes.
    within: AtomicBool,
    completed: AtomicU64,
}

impl Shared {
    /// One submitter's part of an iteration.
    fn take_part<P: Pool>(&self, submitter: &P::Submitter, latch: &'static Latch, work: Work, jobs: u64) {
        for _ in 0..jobs {
            P::submit(submitter, move || {
                work.run();
                latch.complete();
            });
        }
        self.completed.fetch_add(latch.wait(), Relaxed);
    }
}

impl Crowd {
    /// Starts all submitters but the calling thread.
    fn start<P: Pool>(pool: &P, submitters: usize, work: Work, jobs: u64) -> Self {
        let shared = Arc::new(Shared {
            turn: Barrier::new(submitters),
            stop: AtomicBool::new(false),
            within: AtomicBool::new(false),
            completed: AtomicU64::new(0),
        });
        let start = |_| {
            let (shared, submitter) = (Arc::clone(&shared), pool.submitter());
            thread::spawn(move || {
                let latch = Latch::leaked(jobs);
                loop {
                    shared.turn.wait();
                    if shared.stop.load(Relaxed) {
                        return;
                    }
                    shared.take_part::<P>(&submitter, latch, work, jobs);
                    shared.turn.wait();
                }
            })
        };
        let others = (1..submitters).map(start).collect();
        Self { shared, others }
    }
}

impl Drop for Crowd {
    fn drop(&mut self) {
        if self.shared.within.load(Relaxed) {
            // It panicked there. The others cannot be told.
            return;
        }
        self.shared.stop.store(true, Relaxed);
        self.shared.turn.wait();
        for thread in self.others.drain(..) {
            thread.join().expect("a submitter panicked");
        }
    }
}

impl PoolWorkload for BlockingThroughput {
    fn threads(&self) -> usize {
        self.threads
    }

    fn ops(&self) -> u64 {
        self.submitters as u64 * self.jobs
    }

    fn prepare<P: Pool>(&self) -> Prepared {
        let Self { threads, job, submitters, jobs } = *self;
        let work = Work::of(job);
        let pool = pool::<P>(threads);
        let latch = Latch::leaked(jobs);
        // Dropped in this order: some pools wait for their submitters.
        let (crowd, submitter, pool) = (Crowd::start(&pool, submitters, work, jobs), pool.submitter(), pool);
        let setup = (crowd, submitter, pool);
        Prepared::new(move || {
            let (crowd, submitter, _pool) = &setup;
            let shared = &crowd.shared;
            shared.completed.store(0, Relaxed);
            shared.turn.wait();
            shared.within.store(true, Relaxed);
            shared.take_part::<P>(submitter, latch, work, jobs);
            shared.turn.wait();
            shared.within.store(false, Relaxed);
            shared.completed.load(Relaxed)
        })
    }
}

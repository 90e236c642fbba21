//! As many jobs as a new pool may have threads, each asleep for a while: how long until all have slept.
//!
//! A pool that wakes or starts one thread at a time has to be quick about it. Building the pool and ending it is not
//! timed; the `blocking` crate's pool cannot be ended and keeps its threads.

use std::cell::RefCell;
use std::rc::Rc;
use std::thread;
use std::time::{Duration, Instant};

use super::latch::Latch;
use super::{Latencies, PoolWorkload, Prepared, pool};
use crate::pool::Pool;

/// See the module.
pub struct BlockingSleepers {
    /// Threads of the pool, and jobs.
    pub threads: usize,
    /// How long each job sleeps.
    pub sleep: Duration,
}

impl PoolWorkload for BlockingSleepers {
    fn threads(&self) -> usize {
        self.threads
    }

    /// One: all have slept.
    fn ops(&self) -> u64 {
        1
    }

    fn prepare<P: Pool>(&self) -> Prepared {
        let Self { threads, sleep } = *self;
        let latch = Latch::leaked(threads as u64);
        let latencies = Rc::new(RefCell::new(Latencies::default()));
        let record = Rc::clone(&latencies);
        Prepared::new(move || {
            let pool = pool::<P>(threads);
            let submitter = pool.submitter();
            let start = Instant::now();
            for _ in 0..threads {
                P::submit(&submitter, move || {
                    thread::sleep(sleep);
                    latch.complete();
                });
            }
            let slept = latch.wait();
            let elapsed = start.elapsed();
            assert!(elapsed >= sleep, "all slept {sleep:?} within {elapsed:?}");
            record.borrow_mut().ns.push(elapsed.as_nanos() as u64);
            slept / threads as u64
        })
        .with_latencies(latencies)
    }
}

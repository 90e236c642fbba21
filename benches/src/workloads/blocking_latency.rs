//! One job at a time on a pool whose threads are all parked: how long until it starts, and until its result is there.

use std::cell::RefCell;
use std::hint::black_box;
use std::rc::Rc;
use std::time::Instant;

use super::{Latencies, PoolWorkload, Prepared, idle, pool};
use crate::pool::Pool;
use crate::usage::Usage;

/// What is timed from the submitting call on.
#[derive(Clone, Copy)]
pub enum Until {
    /// Until the job's first instruction.
    Start,
    /// Until the submitter has the result, which it waits for in the way that comes with the pool.
    Return,
}

/// See the module.
pub struct BlockingLatency {
    /// Threads of the pool.
    pub threads: usize,
    /// What is timed.
    pub until: Until,
    /// Jobs per iteration.
    pub jobs: u64,
}

impl PoolWorkload for BlockingLatency {
    fn threads(&self) -> usize {
        self.threads
    }

    fn ops(&self) -> u64 {
        self.jobs
    }

    fn prepare<P: Pool>(&self) -> Prepared {
        let Self { threads, until, jobs } = *self;
        let pool = pool::<P>(threads);
        let latencies = Rc::new(RefCell::new(Latencies::default()));
        let record = Rc::clone(&latencies);
        Prepared::new(move || {
            let mut record = record.borrow_mut();
            for _ in 0..jobs {
                record.unmeasured += Usage::of_part(idle::until_all_others_sleep);
                let trip = pool.call(|| black_box(Instant::now()));
                let started = trip.output;
                assert!(trip.submitted <= started && started <= trip.returned, "the job did not run in time");
                let end = match until {
                    Until::Start => started,
                    Until::Return => trip.returned,
                };
                record.ns.push((end - trip.submitted).as_nanos() as u64);
            }
            jobs
        })
        .with_latencies(latencies)
    }
}

//! Push, then look at the counts; against: give up the token, then look at the queue.

use loom::thread;
use windlass_blocking::ExecutorExt;
use windlass_blocking::model::Gate;

use super::pools::{Pool, Tally};
use crate::explore::model;

/// A job is submitted while the pool's thread looks in vain and lies down.
#[test]
fn submit_against_park() {
    model("blocking::park::submit_against_park", 7000).explore(|| {
        let pool = Pool::new(1);
        let gate = pool.busy_thread();
        let ran = Tally::default();
        gate.open();
        pool.submit(&ran);
        if pool.is_at_rest() {
            assert_eq!(ran.count(), 1, "the job has run");
        }
        pool.end();
    });
}

/// A job is submitted while the thread that searches takes another, and does not come back from it.
#[test]
fn submit_against_the_last_searcher() {
    model("blocking::park::submit_against_the_last_searcher", 25_000).explore(|| {
        let pool = Pool::new(2);
        pool.idle_threads(1);
        let gate = Gate::new();
        let there = gate.clone();
        drop(pool.executor.submit(move || there.pass()));
        let ran = Tally::default();
        pool.submit(&ran);
        if pool.is_at_rest() {
            assert_eq!(ran.count(), 1, "the other job has run");
        }
        gate.open();
        pool.end();
    });
}

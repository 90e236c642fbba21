//! Jobs that wait for others of their own pool.

use windlass_blocking::model::Gate;
use windlass_blocking::{ExecutorExt, wait_blocked};

use super::pools::{Pool, Tally};
use crate::explore::model;

/// A job is submitted to a saturated pool while the job that saturates it begins to wait.
#[test]
fn submit_against_a_job_that_waits() {
    model("blocking::nested::submit_against_a_job_that_waits", 12_000).explore(|| {
        let pool = Pool::new(1);
        let (begin, end) = (Gate::new(), Gate::new());
        let there = (begin.clone(), end.clone());
        pool.set_up(|| {
            let waits = move || {
                there.0.pass();
                wait_blocked(|| there.1.pass());
            };
            drop(pool.executor.submit(waits));
        });
        let ran = Tally::default();
        begin.open();
        pool.submit(&ran);
        if pool.is_at_rest() {
            assert_eq!(ran.count(), 1, "a job that waits leaves its place to the one it waits for");
        }
        end.open();
        pool.end();
    });
}

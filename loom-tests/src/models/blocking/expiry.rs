//! Submissions against threads whose keep-alive is over.

use super::pools::{Pool, Tally};
use crate::explore::model;

/// A job is submitted while the only thread there may be expires.
#[test]
fn submit_against_expiry() {
    model("blocking::expiry::submit_against_expiry", 30_000).explore(|| {
        let pool = Pool::new(1);
        pool.idle_threads(1);
        let ran = Tally::default();
        pool.inside.keep_alive_is_over();
        pool.submit(&ran);
        if pool.is_at_rest() {
            assert_eq!(ran.count(), 1, "the job has run");
        }
        pool.end();
    });
}

/// Of two idle threads the one expires that is being popped. (With the other, the submitter and the job, a
/// bound of three takes twenty times as long as any other model.)
#[test]
fn popped_thread_against_expiry() {
    model("blocking::expiry::popped_thread_against_expiry", 5000).preemptions(2).explore(|| {
        let pool = Pool::new(2);
        pool.idle_threads(2);
        let ran = Tally::default();
        pool.inside.keep_alive_is_over();
        pool.submit(&ran);
        if pool.is_at_rest() {
            assert_eq!(ran.count(), 1, "the job has run");
        }
        pool.end();
    });
}

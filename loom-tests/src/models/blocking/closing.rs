//! The end of a pool against submissions, and against who waits for it.

use std::sync::atomic::Ordering::Relaxed;

use windlass_blocking::model::{is_quiet, spawn};
use windlass_blocking::{Executor, ExecutorExt};

use super::pools::{Pool, Tally, settle};
use crate::explore::model;
use crate::models::tasks::Drops;

/// A job is submitted while the pool is shut down, and its thread leaves.
#[test]
fn submit_against_shutdown() {
    model("blocking::closing::submit_against_shutdown", 20_000).explore(|| {
        let pool = Pool::new(1);
        pool.idle_threads(1);
        let (held, drops) = Drops::new();
        let executor = pool.executor.clone();
        let submitting = spawn(move || drop(executor.submit(move || drop(held))));
        pool.executor.shutdown(false, false);
        submitting.join().unwrap();
        settle();
        if is_quiet() {
            assert_eq!(drops.load(Relaxed), 1, "an accepted job is run or cancelled, and never left");
            assert!(pool.is_at_rest(), "what is quiet stays so");
        }
        pool.end();
    });
}

/// A pool is shut down just after a job was submitted, while its thread looks for the last time.
#[test]
fn shutdown_after_a_submission() {
    model("blocking::closing::shutdown_after_a_submission", 25_000).explore(|| {
        let pool = Pool::new(1);
        let gate = pool.busy_thread();
        let ran = Tally::default();
        gate.open();
        pool.submit(&ran);
        pool.executor.shutdown(false, false);
        if pool.is_at_rest() {
            assert_eq!(ran.count(), 1, "what was accepted before the end is run");
        }
        pool.end();
    });
}

/// A job is submitted while the pool is shut down and what is queued is cancelled; its thread is busy for good.
#[test]
fn submit_against_cancelling_shutdown() {
    model("blocking::closing::submit_against_cancelling_shutdown", 20).explore(|| {
        let pool = Pool::new(1);
        let gate = pool.busy_thread();
        let (held, drops) = Drops::new();
        let executor = pool.executor.clone();
        let submitting = spawn(move || drop(executor.submit(move || drop(held))));
        pool.executor.shutdown(false, true);
        submitting.join().unwrap();
        assert_eq!(drops.load(Relaxed), 1, "what is queued when all is to be cancelled is cancelled");
        gate.open();
        pool.end();
    });
}

/// Somebody waits for the end while the last thread leaves.
#[test]
fn waiting_for_the_last_thread() {
    model("blocking::closing::waiting_for_the_last_thread", 1500).explore(|| {
        let pool = Pool::new(1);
        let gate = pool.busy_thread();
        let is_over = Tally::default();
        let waiting = {
            let (executor, is_over) = (pool.executor.clone(), is_over.clone());
            spawn(move || {
                executor.shutdown(true, false);
                is_over.add();
            })
        };
        gate.open();
        settle();
        if is_quiet() {
            assert_eq!(is_over.count(), 1, "who waits for the end is told");
        }
        loom::stop_exploring();
        waiting.join().unwrap();
    });
}

//! Threads that cannot be started.

use std::sync::{Arc, Mutex};

use windlass_blocking::model::spawn;
use windlass_blocking::{ExecutorExt, ThreadPoolExecutor};

use super::pools::{Pool, Tally};
use crate::explore::model;

/// The name of a thread that cannot be started.
const NO_THREAD: &str = "\0";

/// The first thread of a pool cannot be started, and a job was submitted that counts on it.
#[test]
fn first_start_fails_against_a_submission() {
    model("blocking::start::first_start_fails_against_a_submission", 200).explore(|| {
        let pool = Pool::build(1, |builder| builder.thread_name_fn(|| NO_THREAD.to_owned()));
        let executor = pool.executor.clone();
        let submitting = spawn(move || executor.submit(|| ()));
        let one = pool.executor.submit(|| ());
        let other = submitting.join().unwrap();
        assert!(one.done() && other.done(), "without a thread to run it a job fails");
        pool.end();
    });
}

/// A second thread cannot be started while the first lies down, and a job was submitted that counts on the
/// second. (It is submitted by the function that names the thread, which saves a thread to submit it.)
#[test]
fn failed_start_against_a_thread_that_lies_down() {
    model("blocking::start::failed_start_against_a_thread_that_lies_down", 45_000).explore(|| {
        let ran = Tally::default();
        let slot = Arc::new(Mutex::new(None::<ThreadPoolExecutor>));
        let (there, counted) = (slot.clone(), ran.clone());
        let pool = Pool::build(2, |builder| {
            builder.thread_name_fn(move || {
                let Some(executor) = there.lock().unwrap().take() else { return "first".to_owned() };
                let ran = counted.clone();
                drop(executor.submit(move || ran.add()));
                NO_THREAD.to_owned()
            })
        });
        let gate = pool.busy_thread();
        *slot.lock().unwrap() = Some(pool.executor.clone());
        gate.open();
        pool.submit(&ran);
        if pool.is_at_rest() {
            let all = 1 + usize::from(slot.lock().unwrap().is_none());
            assert_eq!(ran.count(), all, "every job has run");
        }
        drop(slot.lock().unwrap().take());
        pool.end();
    });
}

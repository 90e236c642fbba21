//! The bridge: a task that a thread waits for, and a job that a task waits for.

use std::future::poll_fn;
use std::panic::Location;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::task::{Context, Poll, Waker};

use loom::thread;
use windlass_blocking::model::spawn;
use windlass_blocking::{Job, Promise};

use super::tasks::{ByHand, Drops, leave, left, take};
use crate::explore::model;
use crate::primitives::atomic::AtomicBool;
use crate::primitives::atomic::Ordering::{Acquire, Release};
use crate::task::Schedule;
use crate::threadsafe::fulfil;
use crate::wrap::wrap_future;

/// `run_coroutine_threadsafe`: the result is cancelled while the task that was woken completes.
#[test]
fn cancel_against_completion_of_a_coroutine() {
    model("bridge::cancel_against_completion_of_a_coroutine", 100).explore(|| {
        let scheduler = ByHand::new();
        let (promise, result) = Promise::new();
        let (wakers, (held, drops)) = (left(), Drops::new());
        let mut first = true;
        let future = poll_fn({
            let wakers = wakers.clone();
            move |cx| {
                let _held = &held;
                if std::mem::take(&mut first) {
                    leave(&wakers, cx, 1);
                    return Poll::Pending;
                }
                Poll::Ready(7)
            }
        });
        let (token, handle) = scheduler.create(fulfil(promise, future));
        drop(handle);
        scheduler.run(token);
        let cancelling = thread::spawn(move || (result.cancel(), result));
        take(&wakers).wake();
        scheduler.run_all();
        let (cancelled, result) = cancelling.join().unwrap();
        // What the cancellation queued after the last look.
        scheduler.run_all();
        assert_eq!(drops.load(Relaxed), 1, "the coroutine is dropped exactly once");
        assert!(scheduler.registry().is_empty(), "a coroutine that is over leaves no task behind");
        match result.result() {
            Ok(output) => assert!(!cancelled && output == 7, "a result that was cancelled has no value"),
            Err(error) => assert!(cancelled && error.is_cancelled(), "only a cancelled result is missing"),
        }
    });
}

/// `run_coroutine_threadsafe`: the result is cancelled while the task waits, or is polled for the first time.
#[test]
fn cancel_against_the_first_poll_of_a_coroutine() {
    model("bridge::cancel_against_the_first_poll_of_a_coroutine", 20).explore(|| {
        let scheduler = ByHand::new();
        let (promise, result) = Promise::<u32>::new();
        let (held, drops) = Drops::new();
        let future = poll_fn(move |_| {
            let _held = &held;
            Poll::Pending
        });
        let (token, handle) = scheduler.create(fulfil(promise, future));
        drop(handle);
        let cancelling = thread::spawn(move || assert!(result.cancel(), "what is not over can be cancelled"));
        scheduler.run(token);
        cancelling.join().unwrap();
        scheduler.run_all();
        assert_eq!(drops.load(Relaxed), 1, "a coroutine that was cancelled is dropped");
        assert!(scheduler.registry().is_empty(), "a coroutine that was cancelled leaves no task behind");
    });
}

/// `run_coroutine_threadsafe`: the result is taken while the task that brought it about, and watches for a
/// cancellation, looks whom to tell.
#[test]
fn result_taken_while_its_coroutine_tells() {
    model("bridge::result_taken_while_its_coroutine_tells", 30).explore(|| {
        let (promise, mut result) = Promise::new();
        promise.on_cancel(|| panic!("nobody has cancelled it"));
        let fulfilling = spawn(move || promise.set_result(Box::new(7)).unwrap());
        let mut cx = Context::from_waker(Waker::noop());
        let first = result.poll_result(&mut cx);
        fulfilling.join().unwrap();
        let Poll::Ready(output) = (if first.is_ready() { first } else { result.poll_result(&mut cx) }) else {
            panic!("a promise that was fulfilled has a result")
        };
        assert_eq!(*output.unwrap(), 7, "the result arrives as it was left");
    });
}

/// `wrap_future`: the task that waits for a job is aborted while the job begins.
#[test]
fn abort_of_a_waiting_task_against_start() {
    model("bridge::abort_of_a_waiting_task_against_start", 100).explore(|| {
        let scheduler = ByHand::new();
        let ran = Arc::new(std::sync::atomic::AtomicBool::new(false));
        let is_gone = Arc::new(AtomicBool::new(false));
        let (output, drops) = Drops::new();
        let (job, future) = Job::with_future(
            {
                let ran = Arc::clone(&ran);
                move || {
                    ran.store(true, Relaxed);
                    output
                }
            },
            Location::caller(),
        );
        let (token, handle) = scheduler.create(wrap_future(future));
        scheduler.run(token);
        let running = thread::spawn({
            let is_gone = Arc::clone(&is_gone);
            move || {
                let was_gone = is_gone.load(Acquire);
                job.run();
                assert!(!was_gone || !ran.load(Relaxed), "a job whose task is gone does not begin");
            }
        });
        handle.abort();
        scheduler.run_all();
        is_gone.store(true, Release);
        running.join().unwrap();
        scheduler.run_all();
        drop(handle);
        assert_eq!(drops.load(Relaxed), 1, "what a job returns is dropped exactly once");
    });
}

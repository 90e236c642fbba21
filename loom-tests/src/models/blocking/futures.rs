//! A job and its future: who runs it, who is told, who gets the result, who frees the allocation of both.

use std::panic::Location;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::task::{Context, Poll, Waker};

use windlass_blocking::model::{is_quiet, spawn};
use windlass_blocking::{Future, Job, Promise};

use super::pools::{Tally, settle};
use crate::explore::model;
use crate::models::tasks::{Drops, Wakes};

fn job<T: Send + 'static>(f: impl FnOnce() -> T + Send + 'static) -> (Job, Future<T>) {
    Job::with_future(f, Location::caller())
}

/// A job is cancelled while it starts.
#[test]
fn cancel_against_start() {
    model("blocking::futures::cancel_against_start", 10).explore(|| {
        let ran = Tally::default();
        let (there, (held, drops)) = (ran.clone(), Drops::new());
        let (job, future) = job(move || {
            drop(held);
            there.add();
        });
        let running = spawn(move || job.run());
        let cancelled = future.cancel();
        running.join().unwrap();
        assert_eq!(ran.count() + usize::from(cancelled), 1, "a job is either run or cancelled");
        assert_eq!(drops.load(Relaxed), 1, "its closure is dropped exactly once");
        assert!(future.done(), "a job that was run or cancelled is done");
    });
}

/// A future is polled, and again with another waker, while its job ends.
#[test]
fn completion_against_poll_result() {
    model("blocking::futures::completion_against_poll_result", 150).explore(|| {
        let (job, mut future) = job(|| Box::new(7));
        let running = spawn(move || job.run());
        let mut last = None;
        let mut output = None;
        for wakes in [Wakes::new(), Wakes::new()] {
            let waker = Waker::from(wakes.clone());
            last = match future.poll_result(&mut Context::from_waker(&waker)) {
                Poll::Ready(ready) => {
                    output = Some(ready);
                    None
                }
                Poll::Pending => Some(wakes),
            };
            if output.is_some() {
                break;
            }
        }
        running.join().unwrap();
        if let Some(last) = last {
            assert_eq!(last.count(), 1, "the waker that was left last is woken");
            let Poll::Ready(ready) = future.poll_result(&mut Context::from_waker(Waker::noop())) else {
                panic!("a job that has ended has its result for the future")
            };
            output = Some(ready);
        }
        assert_eq!(*output.unwrap().unwrap(), 7, "the result arrives as it was left");
    });
}

/// A future is polled until it has its result, twice at most, and then dropped, while its job ends.
#[test]
fn completion_against_drop_of_a_polled_future() {
    model("blocking::futures::completion_against_drop_of_a_polled_future", 60).explore(|| {
        let (output, drops) = Drops::new();
        let (job, mut future) = job(move || output);
        let running = spawn(move || job.run());
        let wakes = Wakes::new();
        let waker = Waker::from(wakes.clone());
        let mut poll = || future.poll_result(&mut Context::from_waker(&waker)).is_ready();
        let taken = poll() || poll();
        drop(future);
        drop(waker);
        running.join().unwrap();
        assert_eq!(drops.load(Relaxed), 1, "a result is taken or dropped, and once (taken: {taken})");
        assert_eq!(Arc::strong_count(&wakes), 1, "the waker goes with the future");
    });
}

/// A thread waits for the result while the job ends.
#[test]
fn completion_against_result() {
    model("blocking::futures::completion_against_result", 150).explore(|| {
        let (job, future) = job(|| Box::new(7));
        let is_over = Tally::default();
        let waiting = {
            let is_over = is_over.clone();
            spawn(move || {
                assert_eq!(*future.result().unwrap(), 7, "the result arrives as it was left");
                is_over.add();
            })
        };
        job.run();
        settle();
        if is_quiet() {
            assert_eq!(is_over.count(), 1, "who waits for the result gets it");
        }
        waiting.join().unwrap();
    });
}

/// A job ends while a callback is added, and the result is taken.
#[test]
fn callback_against_completion() {
    model("blocking::futures::callback_against_completion", 150).explore(|| {
        let (job, mut future) = job(|| Box::new(7));
        let running = spawn(move || job.run());
        let called = Tally::default();
        let there = called.clone();
        future.add_done_callback(move |result| {
            assert_eq!(**result.as_ref().unwrap(), 7, "the callback sees the result");
            there.add();
        });
        let early = future.poll_result(&mut Context::from_waker(Waker::noop()));
        running.join().unwrap();
        assert_eq!(called.count(), 1, "a callback is called exactly once");
        let late = match early {
            Poll::Ready(_) => early,
            Poll::Pending => future.poll_result(&mut Context::from_waker(Waker::noop())),
        };
        assert!(
            matches!(late, Poll::Ready(Ok(value)) if *value == 7),
            "the result is there after the callback"
        );
    });
}

/// A future is cancelled while a callback is added to it.
#[test]
fn callback_against_cancel() {
    model("blocking::futures::callback_against_cancel", 8).explore(|| {
        let (job, future) = job(|| 7);
        let future = future.share();
        let other = future.clone();
        let cancelling = spawn(move || assert!(other.cancel(), "nobody starts it"));
        let called = Tally::default();
        let there = called.clone();
        future.add_done_callback(move |result| {
            assert!(result.as_ref().unwrap_err().is_cancelled(), "the callback hears of the cancellation");
            there.add();
        });
        cancelling.join().unwrap();
        assert_eq!(called.count(), 1, "a callback is called exactly once");
        job.run();
        assert!(future.cancelled(), "what was cancelled is not run");
    });
}

/// A future is cancelled while its promise asks to be told of that, and is then kept: what
/// `run_coroutine_threadsafe` does.
#[test]
fn on_cancel_against_completion() {
    model("blocking::futures::on_cancel_against_completion", 40).explore(|| {
        let (promise, future) = Promise::new();
        let told = Tally::default();
        let (held, drops) = Drops::new();
        let keeping = {
            let told = told.clone();
            spawn(move || {
                promise.on_cancel(move || {
                    drop(held);
                    told.add();
                });
                promise.set_result(7).is_ok()
            })
        };
        let cancelled = future.cancel();
        let kept = keeping.join().unwrap();
        assert_eq!(usize::from(kept) + usize::from(cancelled), 1, "a promise is either kept or cancelled");
        assert_eq!(
            told.count(),
            usize::from(cancelled),
            "who asks is told of a cancellation, once, and of nothing else"
        );
        assert_eq!(drops.load(Relaxed), 1, "the callback is dropped exactly once");
    });
}

/// A future is dropped without a look while its job ends: the later of the two frees what they share.
#[test]
fn last_owner_frees() {
    model("blocking::futures::last_owner_frees", 9).explore(|| {
        let (output, drops) = Drops::new();
        let (job, future) = job(move || output);
        let running = spawn(move || job.run());
        drop(future);
        running.join().unwrap();
        assert_eq!(drops.load(Relaxed), 1, "what job and future share is freed exactly once");
    });
}

/// A promise is dropped while its future is: that cancels, and frees.
#[test]
fn both_owners_dropped() {
    model("blocking::futures::both_owners_dropped", 15).explore(|| {
        let (held, drops) = Drops::new();
        let (promise, future) = Promise::<u8>::new();
        promise.on_cancel(move || drop(held));
        let breaking = spawn(move || drop(promise));
        drop(future);
        breaking.join().unwrap();
        assert_eq!(drops.load(Relaxed), 1, "what job and future share is freed exactly once");
    });
}

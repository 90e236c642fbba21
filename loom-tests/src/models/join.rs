//! The join handle: its waker, and who gets the output.

use std::sync::atomic::Ordering::Relaxed;
use std::task::{Poll, Waker};

use loom::thread;

use super::tasks::{ByHand, Drops, Wakes, poll};
use crate::explore::model;

/// The handle leaves a waker, and another in its place, while the task completes.
#[test]
fn waker_registration_racing_completion() {
    model("join::waker_registration_racing_completion", 40).explore(|| {
        let tasks = ByHand::new();
        let (token, mut join) = tasks.create(async { Box::new(7) });
        let there = tasks.clone();
        let completer = thread::spawn(move || there.run(token));
        let (first, second) = (Wakes::new(), Wakes::new());
        let mut last = None;
        let mut output = None;
        for wakes in [first, second] {
            match poll(&mut join, &Waker::from(wakes.clone())) {
                Poll::Ready(ready) => {
                    output = Some(ready);
                    last = None;
                    break;
                }
                Poll::Pending => last = Some(wakes),
            }
        }
        completer.join().unwrap();
        if let Some(last) = last {
            assert_eq!(last.count(), 1, "the waker that was left last is woken");
            let Poll::Ready(ready) = poll(&mut join, Waker::noop()) else {
                panic!("a complete task has its output for the handle")
            };
            output = Some(ready);
        }
        assert_eq!(*output.unwrap().unwrap(), 7, "the output arrives as it was left");
    });
}

/// The handle is dropped without ever being polled, while the task completes.
#[test]
fn handle_dropped_against_completion() {
    model("join::handle_dropped_against_completion", 9).explore(|| {
        let tasks = ByHand::new();
        let (output, drops) = Drops::new();
        let (token, join) = tasks.create(async { output });
        let there = tasks.clone();
        let completer = thread::spawn(move || there.run(token));
        drop(join);
        completer.join().unwrap();
        assert_eq!(drops.load(Relaxed), 1, "an output nobody takes is dropped exactly once");
    });
}

/// The handle is awaited, leaves its waker and is then dropped, while the task completes.
#[test]
fn awaited_handle_dropped_against_completion() {
    model("join::awaited_handle_dropped_against_completion", 60).explore(|| {
        let tasks = ByHand::new();
        let (output, drops) = Drops::new();
        let (token, mut join) = tasks.create(async { output });
        let there = tasks.clone();
        let completer = thread::spawn(move || there.run(token));
        let wakes = Wakes::new();
        let waker = Waker::from(wakes.clone());
        let taken = poll(&mut join, &waker).is_ready();
        drop(join);
        drop(waker);
        completer.join().unwrap();
        assert_eq!(drops.load(Relaxed), 1, "an output is taken or dropped, and once (taken: {taken})");
        assert_eq!(std::sync::Arc::strong_count(&wakes), 1, "the join waker is dropped with the handle");
    });
}

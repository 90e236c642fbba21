//! References: the last one frees the task, whoever has it.

use std::future::poll_fn;
use std::task::{Poll, Waker};

use loom::thread;

use super::tasks::{ByHand, Wakes, leave, left, poll, take};
use crate::explore::model;

/// The task completes and wakes its joiner, while the join handle and an abort handle are dropped.
#[test]
fn last_reference_freed_once() {
    model("refs::last_reference_freed_once", 2000).explore(|| {
        let tasks = ByHand::new();
        let (token, mut join) = tasks.create(async { Box::new(7) });
        let wakes = Wakes::new();
        assert!(poll(&mut join, &Waker::from(wakes)).is_pending());
        let abort = join.abort_handle();
        let there = tasks.clone();
        let completer = thread::spawn(move || there.run(token));
        let dropper = thread::spawn(move || drop(abort));
        drop(join);
        completer.join().unwrap();
        dropper.join().unwrap();
    });
}

/// Nobody but the task itself has a reference when it completes.
#[test]
fn sole_reference_freed_by_its_completer() {
    model("refs::sole_reference_freed_by_its_completer", 50).explore(|| {
        let tasks = ByHand::new();
        let (token, join) = tasks.create(async { Box::new(7) });
        let abort = join.abort_handle();
        drop(join);
        let dropper = thread::spawn(move || abort.abort());
        tasks.run(token);
        dropper.join().unwrap();
    });
}

/// Wakers are cloned, woken and dropped by two threads, while the task ends and its handle goes.
#[test]
fn wakers_cloned_and_dropped_elsewhere() {
    model("refs::wakers_cloned_and_dropped_elsewhere", 5000).explore(|| {
        let tasks = ByHand::new();
        let wakers = left();
        let future = {
            let wakers = wakers.clone();
            let mut first = true;
            poll_fn(move |cx| {
                if std::mem::take(&mut first) {
                    leave(&wakers, cx, 2);
                    return Poll::Pending;
                }
                Poll::Ready(Box::new(7))
            })
        };
        let (token, join) = tasks.create(future);
        tasks.run(token);
        let (one, two) = (take(&wakers), take(&wakers));
        let cloner = thread::spawn(move || {
            let clone = one.clone();
            drop(one);
            clone.wake();
        });
        let waker = thread::spawn(move || two.wake());
        drop(join);
        tasks.run_one();
        cloner.join().unwrap();
        waker.join().unwrap();
        tasks.run_all();
    });
}

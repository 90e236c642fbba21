//! Waking a task against its poll, its completion and its abortion.

use std::cell::Cell;
use std::future::poll_fn;
use std::sync::atomic::Ordering::Relaxed;
use std::task::Poll;

use loom::sync::atomic::{AtomicUsize, Ordering};
use loom::thread;

use super::tasks::{ByHand, Drops, leave, left, take};
use crate::explore::model;
use crate::primitives::Arc;

/// Two threads write something down and wake the task, which is polled meanwhile.
#[test]
fn wake_racing_poll() {
    model("wake::wake_racing_poll", 1000).explore(|| {
        let tasks = ByHand::new();
        let written = Arc::new([AtomicUsize::new(0), AtomicUsize::new(0)]);
        let (wakers, seen) = (left(), std::sync::Arc::new(std::sync::Mutex::new(Vec::new())));
        let future = {
            let (wakers, seen, written) = (wakers.clone(), seen.clone(), written.clone());
            poll_fn(move |cx| {
                let mut seen = seen.lock().unwrap();
                if seen.is_empty() {
                    leave(&wakers, cx, 2);
                }
                seen.push(written.each_ref().map(|written| written.load(Ordering::Relaxed)));
                Poll::<()>::Pending
            })
        };
        let (token, join) = tasks.create(future);
        tasks.run(token);
        let threads = [0, 1].map(|n| {
            let (waker, written) = (take(&wakers), written.clone());
            thread::spawn(move || {
                written[n].store(1, Ordering::Relaxed);
                if n == 0 { waker.wake() } else { waker.wake_by_ref() }
            })
        });
        tasks.run_one();
        tasks.run_one();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        tasks.run_all();
        let seen = seen.lock().unwrap();
        assert!(seen.len() >= 2, "a wake is followed by a poll");
        assert!(seen.len() <= 4, "no more polls than wakes, and one that was under way");
        assert_eq!(seen.last(), Some(&[1, 1]), "the poll after a wake sees what was written before it");
        drop(seen);
        join.abort();
        tasks.run_all();
    });
}

/// Two threads wake the task, which completes when it is polled the next time.
#[test]
fn wake_racing_completion() {
    model("wake::wake_racing_completion", 800).explore(|| {
        let tasks = ByHand::new();
        let wakers = left();
        let (future_alive, drops) = Drops::new();
        let (output, outputs) = Drops::new();
        let future = {
            let (wakers, first, output) = (wakers.clone(), Cell::new(true), Cell::new(Some(output)));
            poll_fn(move |cx| {
                let _alive = &future_alive;
                if first.replace(false) {
                    leave(&wakers, cx, 2);
                    return Poll::Pending;
                }
                Poll::Ready(output.take())
            })
        };
        let (token, join) = tasks.create(future);
        tasks.run(token);
        let threads = [0, 1].map(|n| {
            let waker = take(&wakers);
            thread::spawn(move || if n == 0 { waker.wake() } else { waker.wake_by_ref() })
        });
        tasks.run_one();
        tasks.run_one();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        tasks.run_all();
        assert!(join.is_finished(), "a task that was woken completes");
        assert_eq!(drops.load(Relaxed), 1, "the future is dropped exactly once");
        drop(join);
        assert_eq!(outputs.load(Relaxed), 1, "the output is dropped exactly once");
    });
}

/// One thread aborts the task, another wakes it, and it is polled meanwhile.
#[test]
fn wake_racing_abort() {
    model("wake::wake_racing_abort", 800).explore(|| {
        let tasks = ByHand::new();
        let wakers = left();
        let (alive, drops) = Drops::new();
        let future = {
            let wakers = wakers.clone();
            poll_fn(move |cx| {
                let _alive = &alive;
                if wakers.lock().unwrap().is_empty() {
                    leave(&wakers, cx, 1);
                }
                Poll::<()>::Pending
            })
        };
        let (token, join) = tasks.create(future);
        tasks.run(token);
        let waker = take(&wakers);
        let abort = join.abort_handle();
        let waking = thread::spawn(move || waker.wake());
        let aborting = thread::spawn(move || abort.abort());
        tasks.run_one();
        tasks.run_one();
        waking.join().unwrap();
        aborting.join().unwrap();
        tasks.run_all();
        assert!(join.is_finished(), "a task that was aborted is complete once nothing is queued");
        assert_eq!(drops.load(Relaxed), 1, "an aborted future is dropped exactly once");
        wakers.lock().unwrap().clear();
    });
}

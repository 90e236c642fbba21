//! A task that yields keeps the claim while its token waits in a queue.

use std::future::poll_fn;
use std::sync::atomic::Ordering::Relaxed;
use std::task::Poll;

use loom::sync::atomic::{AtomicUsize, Ordering};
use loom::thread;

use super::tasks::{ByHand, Drops, leave, left, take};
use crate::context;
use crate::explore::model;
use crate::primitives::Arc;

/// The task is woken while it yields, waits in the queue, and is polled again.
#[test]
fn kept_claim_against_wake() {
    model("yielding::kept_claim_against_wake", 30).explore(|| {
        let tasks = ByHand::new();
        let written = Arc::new(AtomicUsize::new(0));
        let (wakers, seen) = (left(), std::sync::Arc::new(std::sync::Mutex::new(Vec::new())));
        let future = {
            let (wakers, seen, written) = (wakers.clone(), seen.clone(), written.clone());
            poll_fn(move |cx| {
                let mut seen = seen.lock().unwrap();
                match seen.len() {
                    0 => {
                        leave(&wakers, cx, 1);
                        context::yield_to_others(cx.waker());
                    }
                    1 => context::yield_to_others(cx.waker()),
                    _ => {}
                }
                seen.push(written.load(Ordering::Relaxed));
                Poll::<()>::Pending
            })
        };
        let (token, join) = tasks.create(future);
        tasks.run(token);
        let waker = take(&wakers);
        let waking = {
            let written = written.clone();
            thread::spawn(move || {
                written.store(1, Ordering::Relaxed);
                waker.wake();
            })
        };
        tasks.run_one();
        tasks.run_one();
        waking.join().unwrap();
        tasks.run_all();
        let seen = seen.lock().unwrap();
        assert_eq!(seen.last(), Some(&1), "a task woken while it yields is polled and sees what was written");
        drop(seen);
        join.abort();
        tasks.run_all();
    });
}

/// The task is aborted while it yields, waits in the queue, and is polled again.
#[test]
fn kept_claim_against_abort() {
    model("yielding::kept_claim_against_abort", 100).explore(|| {
        let tasks = ByHand::new();
        let (alive, drops) = Drops::new();
        let mut polls = 0;
        let future = poll_fn(move |cx| {
            let _alive = &alive;
            polls += 1;
            if polls <= 2 {
                context::yield_to_others(cx.waker());
            }
            Poll::<()>::Pending
        });
        let (token, join) = tasks.create(future);
        let abort = join.abort_handle();
        let aborting = thread::spawn(move || abort.abort());
        tasks.run(token);
        tasks.run_one();
        tasks.run_one();
        aborting.join().unwrap();
        tasks.run_all();
        assert!(join.is_finished(), "a task aborted while it yields is complete once nothing is queued");
        assert_eq!(drops.load(Relaxed), 1, "a future aborted while it yields is dropped exactly once");
    });
}

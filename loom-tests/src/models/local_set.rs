//! A `LocalSet` whose task is woken from another thread.

use std::future::poll_fn;
use std::sync::atomic::Ordering::Relaxed;
use std::task::{Poll, Waker};

use loom::thread;

use super::tasks::{Drops, Wakes, leave, left, poll, take};
use crate::explore::model;
use crate::task::LocalSet;

/// The set is polled while another thread wakes its task.
#[test]
fn wake_from_elsewhere_against_poll() {
    model("local_set::wake_from_elsewhere_against_poll", 9).explore(|| {
        let mut set = LocalSet::new();
        let wakers = left();
        let mut first = true;
        let join = set.spawn_local({
            let wakers = wakers.clone();
            poll_fn(move |cx| {
                if std::mem::take(&mut first) {
                    leave(&wakers, cx, 1);
                    return Poll::Pending;
                }
                Poll::Ready(())
            })
        });
        let first = Wakes::new();
        assert!(poll(&mut set, &Waker::from(first)).is_pending());
        let waker = take(&wakers);
        let waking = thread::spawn(move || waker.wake());
        let second = Wakes::new();
        let ready = poll(&mut set, &Waker::from(second.clone())).is_ready();
        waking.join().unwrap();
        if !ready {
            assert!(second.count() > 0, "who polls the set is woken when its task is");
            assert!(poll(&mut set, Waker::noop()).is_ready(), "a set is ready when its tasks are");
        }
        assert!(join.is_finished(), "a task woken from elsewhere runs");
    });
}

/// The set is dropped while another thread wakes its task.
#[test]
fn wake_from_elsewhere_against_drop() {
    model("local_set::wake_from_elsewhere_against_drop", 90).explore(|| {
        let mut set = LocalSet::new();
        let wakers = left();
        let (alive, drops) = Drops::new();
        let mut first = true;
        let join = set.spawn_local({
            let wakers = wakers.clone();
            poll_fn(move |cx| {
                let _alive = &alive;
                if std::mem::take(&mut first) {
                    leave(&wakers, cx, 1);
                }
                Poll::<()>::Pending
            })
        });
        assert!(poll(&mut set, Waker::noop()).is_pending());
        let waker = take(&wakers);
        let waking = thread::spawn(move || waker.wake());
        drop(set);
        assert_eq!(drops.load(Relaxed), 1, "a dropped set has dropped its futures");
        assert!(join.is_finished(), "every task of a dropped set is ended");
        waking.join().unwrap();
    });
}

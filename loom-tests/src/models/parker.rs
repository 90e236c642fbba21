//! Parking: one thread waits for a permit, others give it.

use std::future::poll_fn;
use std::task::Poll;

use loom::sync::atomic::{AtomicUsize, Ordering};
use loom::thread;

use super::workers::settle;
use crate::explore::model;
use crate::primitives::Arc;
use crate::scheduler::model::{Parker, Root, poll_or_park, waker};

/// A thread writes something down and gives the permit, while another parks.
#[test]
fn park_against_unpark() {
    model("parker::park_against_unpark", 10).explore(|| {
        let parker = Arc::new(Parker::new(None));
        let written = Arc::new(AtomicUsize::new(0));
        let parked = {
            let (parker, written) = (parker.clone(), written.clone());
            thread::spawn(move || {
                parker.park();
                assert_eq!(
                    written.load(Ordering::Relaxed),
                    1,
                    "what was done before the permit was given is seen with it"
                );
            })
        };
        written.store(1, Ordering::Relaxed);
        parker.unpark();
        settle();
        assert!(!parker.is_awaited(), "a permit reaches the thread that waits for it");
        parked.join().unwrap();
    });
}

/// The future of `block_on` is woken while its thread polls it and parks.
#[test]
fn root_wake_against_park() {
    model("parker::root_wake_against_park", 40).explore(|| {
        let root = Root::new(None);
        let written = Arc::new(AtomicUsize::new(0));
        let blocked = {
            let (root, written) = (root.clone(), written.clone());
            thread::spawn(move || {
                let mut polls = 0;
                let mut future = std::pin::pin!(poll_fn(|_| {
                    polls += 1;
                    if written.load(Ordering::Relaxed) == 1 { Poll::Ready(()) } else { Poll::Pending }
                }));
                let own = waker(&root);
                while poll_or_park(&root, &own, future.as_mut()).is_pending() {}
                polls
            })
        };
        let waker = waker(&root);
        written.store(1, Ordering::Relaxed);
        waker.wake_by_ref();
        settle();
        assert!(!root.parker().is_awaited(), "a future that was woken is polled and sees what was written");
        assert!(blocked.join().unwrap() <= 2, "a future is polled as often as it is woken");
    });
}

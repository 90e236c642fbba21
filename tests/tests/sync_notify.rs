//! `Notify`: one is remembered, all are not, and what a dropped waiter got goes to the next.

use std::pin::pin;
use std::sync::Arc;

use windlass::sync::Notify;
use windlass_tests::polled::Polled;
use windlass_tests::{Flavor, on_every_flavor};

on_every_flavor!(five_hundred_waiters, a_channel_of_one_on_a_notify);

fn five_hundred_waiters(flavor: Flavor) {
    const WAITERS: usize = 500;
    flavor.runtime().block_on(async {
        let notify = Arc::new(Notify::new());
        for _ in 0..5 {
            let tasks: Vec<_> =
                (0..WAITERS).map(|_| windlass::spawn(notify.clone().notified_owned())).collect();
            // They exist, so all are reached, whether or not they were polled.
            notify.notify_waiters();
            for task in tasks {
                task.await.unwrap();
            }
            let tasks: Vec<_> =
                (0..WAITERS).map(|_| windlass::spawn(notify.clone().notified_owned())).collect();
            windlass_tests::yield_until(|| format!("{notify:?}").contains("waiters: 500")).await;
            for _ in 0..WAITERS {
                notify.notify_one();
            }
            for task in tasks {
                task.await.unwrap();
            }
        }
        assert_eq!(format!("{notify:?}"), "Notify { notified: false, waiters: 0 }");
    });
}

fn a_channel_of_one_on_a_notify(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let (go, gone) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let task = windlass::spawn({
            let (go, gone) = (go.clone(), gone.clone());
            async move {
                for _ in 0..500 {
                    go.notified().await;
                    gone.notify_one();
                }
            }
        });
        for _ in 0..500 {
            go.notify_one();
            gone.notified().await;
        }
        task.await.unwrap();
    });
}

#[test]
fn one_is_remembered_once() {
    let notify = Notify::new();
    notify.notify_one();
    notify.notify_one();
    Polled::new(notify.notified()).ready();
    Polled::new(notify.notified()).is_pending();
}

#[test]
fn all_are_not_remembered() {
    let notify = Notify::new();
    notify.notify_waiters();
    Polled::new(notify.notified()).is_pending();
    let mut before = Polled::new(notify.notified());
    notify.notify_waiters();
    before.ready();
    // It does not use up a notification that was kept.
    notify.notify_one();
    let mut before = Polled::new(notify.notified());
    notify.notify_waiters();
    before.ready();
    Polled::new(notify.notified()).ready();
}

#[test]
fn the_first_the_last_and_all() {
    let notify = Notify::new();
    let mut waiters: Vec<_> = (0..5).map(|_| Polled::waiting(notify.notified())).collect();
    notify.notify_one();
    waiters[0].woken_and_ready();
    notify.notify_last();
    waiters[4].woken_and_ready();
    assert!(waiters[1..4].iter().all(|waiter| !waiter.is_woken()));
    notify.notify_waiters();
    waiters[1..4].iter_mut().for_each(Polled::woken_and_ready);
}

#[test]
fn who_is_notified_and_dropped_passes_it_on() {
    let notify = Notify::new();
    let mut waiters: Vec<_> = (0..4).map(|_| Some(Polled::waiting(notify.notified()))).collect();
    notify.notify_one();
    drop(waiters[0].take());
    waiters[1].take().unwrap().woken_and_ready();
    // The last one goes to the last one then.
    notify.notify_last();
    drop(waiters[3].take());
    waiters[2].take().unwrap().woken_and_ready();
    // And with nobody in line it is kept.
    let waiter = Polled::waiting(notify.notified());
    notify.notify_one();
    drop(waiter);
    Polled::new(notify.notified()).ready();
}

#[test]
fn who_was_notified_with_all_and_is_dropped_passes_nothing_on() {
    let notify = Notify::new();
    let first = Polled::waiting(notify.notified());
    notify.notify_waiters();
    let second = Polled::waiting(notify.notified());
    drop(first);
    assert!(!second.is_woken());
}

#[test]
fn who_is_enabled_is_in_line() {
    let notify = Notify::new();
    let mut first = pin!(notify.notified());
    assert!(!first.as_mut().enable());
    let second = Polled::waiting(notify.notified());
    notify.notify_one();
    assert!(!second.is_woken());
    assert!(first.as_mut().enable());
    notify.notify_one();
    assert!(second.is_woken());
}

#[test]
fn enable_takes_no_waker_away() {
    let notify = Notify::new();
    let mut notified = Box::pin(notify.notified());
    let (counter, waker) = windlass_tests::CountingWaker::new();
    assert!(notified.as_mut().poll(&mut std::task::Context::from_waker(&waker)).is_pending());
    assert!(!notified.as_mut().enable());
    notify.notify_one();
    assert_eq!(counter.wakes(), 1);
    assert!(notified.as_mut().enable());
}

#[test]
fn a_waiter_is_woken_by_its_last_waker() {
    let notify = Notify::new();
    let mut notified = Box::pin(notify.notified());
    let (old, old_waker) = windlass_tests::CountingWaker::new();
    let (new, new_waker) = windlass_tests::CountingWaker::new();
    for waker in [&old_waker, &new_waker] {
        assert!(notified.as_mut().poll(&mut std::task::Context::from_waker(waker)).is_pending());
    }
    drop(old_waker);
    assert_eq!(Arc::strong_count(&old), 1, "its waker was kept");
    notify.notify_one();
    assert_eq!((old.wakes(), new.wakes()), (0, 1));
}

/// A waker that is the last to keep a waiter of the same primitive alive.
#[test]
fn a_waker_that_drops_a_waiter_when_it_is_dropped_meets_no_lock() {
    struct Keeps(#[allow(dead_code)] parking_lot::Mutex<Option<Polled<windlass::sync::OwnedNotified>>>);
    impl std::task::Wake for Keeps {
        fn wake(self: Arc<Self>) {}
    }

    let notify = Arc::new(Notify::new());
    let kept = Polled::waiting(notify.clone().notified_owned());
    let waker = Arc::new(Keeps(parking_lot::Mutex::new(Some(kept)))).into();
    let mut notified = Box::pin(notify.notified());
    assert!(notified.as_mut().poll(&mut std::task::Context::from_waker(&waker)).is_pending());
    drop(waker);
    // Takes the other waker, and drops the first with what it keeps.
    assert!(
        notified.as_mut().poll(&mut std::task::Context::from_waker(std::task::Waker::noop())).is_pending()
    );
    assert_eq!(format!("{notify:?}"), "Notify { notified: false, waiters: 1 }");
}

#[test]
fn a_waker_that_panics_keeps_nobody_else_from_being_woken() {
    struct Panics;
    impl std::task::Wake for Panics {
        fn wake(self: Arc<Self>) {
            std::panic::resume_unwind(Box::new("a waker"));
        }
    }

    let notify = Notify::new();
    let mut first = Box::pin(notify.notified());
    let waker = Arc::new(Panics).into();
    assert!(first.as_mut().poll(&mut std::task::Context::from_waker(&waker)).is_pending());
    let mut second = Polled::waiting(notify.notified());
    notify.notify_waiters();
    second.woken_and_ready();
}

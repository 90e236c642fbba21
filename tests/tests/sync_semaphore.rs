//! `Semaphore`, `BoundedSemaphore`, `CapacityLimiter`: permits are neither lost nor made, and go to the first in line.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;

use windlass::sync::{BoundedSemaphore, CapacityLimiter, Semaphore, TryAcquireError};
use windlass_tests::polled::Polled;
use windlass_tests::{
    Flavor, OnDrop, in_a_task_on_conformance_flavors, on_conformance_flavors, panics_at_its_caller,
};

on_conformance_flavors!(
    no_more_than_so_many_at_once,
    who_is_cancelled_in_line_leaves_nothing,
    a_call_keeps_its_token_until_it_has_ended,
    a_call_that_never_begins_keeps_its_token_until_it_is_gone,
);

in_a_task_on_conformance_flavors!(
    debug_of_a_semaphore_says_how_many_permits_are_left_and_who_waits,
    what_a_semaphore_begins_with,
    a_semaphore_cannot_have_too_many,
    permits_go_to_those_who_wait,
    who_stops_waiting_is_in_line_no_more,
    who_stops_waiting_before_a_permit_comes_is_skipped,
    a_permit_comes_back_when_it_is_dropped,
    who_comes_back_goes_to_the_end_of_the_line,
    several_permits_wake_as_many,
    a_bounded_semaphore_is_not_released_too_often,
);

fn no_more_than_so_many_at_once(flavor: Flavor) {
    let semaphore = Arc::new(Semaphore::new(3));
    let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    flavor.runtime().block_on(async {
        let tasks: Vec<_> = (0..50)
            .map(|_| {
                let (semaphore, now, most) = (semaphore.clone(), now.clone(), most.clone());
                windlass::spawn(async move {
                    let _permit = semaphore.acquire_owned().await.unwrap();
                    most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                    windlass::task::yield_now().await;
                    now.fetch_sub(1, Ordering::SeqCst);
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
    });
    assert!((1..=3).contains(&most.load(Ordering::SeqCst)));
    assert_eq!(semaphore.available_permits(), 3);
}

/// ported: test_locks.py::SemaphoreTests::test_acquire_no_hang
fn who_is_cancelled_in_line_leaves_nothing(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let semaphore = Arc::new(Semaphore::new(1));
        let held = semaphore.clone().acquire_owned().await.unwrap();
        let second = windlass::spawn({
            let semaphore = semaphore.clone();
            async move {
                let _permit = semaphore.acquire().await.unwrap();
                unreachable!("it is cancelled before it is its turn");
            }
        });
        windlass::task::yield_now().await;
        second.abort();
        assert!(second.await.unwrap_err().is_cancelled());
        drop(held);
        drop(semaphore.acquire().await.unwrap());
    });
}

/// ported: test_locks.py::SemaphoreTests::test_initial_value_zero
/// ported: test_locks.py::SemaphoreTests::test_semaphore
fn what_a_semaphore_begins_with() {
    assert_eq!(Semaphore::new(0).try_acquire().unwrap_err(), TryAcquireError::NoPermits);
    assert_eq!(Semaphore::new(1).available_permits(), 1);
    assert!(!Semaphore::new(1).is_closed());
}

/// ported: test_locks.py::SemaphoreTests::test_repr
fn debug_of_a_semaphore_says_how_many_permits_are_left_and_who_waits() {
    let semaphore = Semaphore::new(1);
    assert_eq!(format!("{semaphore:?}"), "Semaphore { permits: 1, waiters: 0, closed: false }");
    let permit = semaphore.try_acquire().unwrap();
    assert_eq!(format!("{semaphore:?}"), "Semaphore { permits: 0, waiters: 0, closed: false }");
    let first = Polled::waiting(semaphore.acquire());
    assert_eq!(format!("{semaphore:?}"), "Semaphore { permits: 0, waiters: 1, closed: false }");
    let _second = Polled::waiting(semaphore.acquire_many(2));
    assert_eq!(format!("{semaphore:?}"), "Semaphore { permits: 0, waiters: 2, closed: false }");
    // Who gave up is counted no more, nor who was granted what he waited for.
    let _third = Polled::waiting(semaphore.acquire());
    drop(first);
    assert_eq!(format!("{semaphore:?}"), "Semaphore { permits: 0, waiters: 2, closed: false }");
    drop(permit);
    semaphore.add_permits(1);
    assert_eq!(format!("{semaphore:?}"), "Semaphore { permits: 0, waiters: 1, closed: false }");

    let bounded = BoundedSemaphore::new(1);
    let _permit = bounded.try_acquire().unwrap();
    let _waiter = Polled::waiting(bounded.acquire());
    assert_eq!(format!("{bounded:?}"), "BoundedSemaphore { permits: 0, waiters: 1 }");
}

/// inexpressible: test_locks.py::SemaphoreTests::test_semaphore_value: there is no negative number of permits; there is a greatest one
fn a_semaphore_cannot_have_too_many() {
    panics_at_its_caller(|| Semaphore::new(Semaphore::MAX_PERMITS + 1));
    let semaphore = Semaphore::new(Semaphore::MAX_PERMITS);
    panics_at_its_caller(|| semaphore.add_permits(1));
    assert_eq!(semaphore.available_permits(), Semaphore::MAX_PERMITS);
    // The same with somebody in line.
    let semaphore = Semaphore::new(0);
    let _waiter = Polled::waiting(semaphore.acquire());
    panics_at_its_caller(|| semaphore.add_permits(Semaphore::MAX_PERMITS + 1));
}

/// ported: test_locks.py::SemaphoreTests::test_acquire
fn permits_go_to_those_who_wait() {
    let semaphore = Semaphore::new(3);
    let held = semaphore.try_acquire_many(2).unwrap();
    let third = Polled::new(semaphore.acquire()).ready().unwrap();
    let mut waiters: Vec<_> = (0..3).map(|_| Polled::waiting(semaphore.acquire())).collect();
    drop(held);
    let got: Vec<_> = waiters[..2].iter_mut().map(|waiter| waiter.woken_and_ready().unwrap()).collect();
    assert!(!waiters[2].is_woken());
    assert_eq!(semaphore.available_permits(), 0);
    drop(third);
    drop(waiters[2].woken_and_ready());
    drop(got);
    drop(waiters);
    assert_eq!(semaphore.available_permits(), 3);
}

/// ported: test_locks.py::SemaphoreTests::test_acquire_cancel
fn who_stops_waiting_is_in_line_no_more() {
    let semaphore = Semaphore::new(1);
    let held = semaphore.try_acquire().unwrap();
    drop(Polled::waiting(semaphore.acquire()));
    drop(held);
    assert!(semaphore.try_acquire().is_ok());
}

/// ported: test_locks.py::SemaphoreTests::test_acquire_cancel_before_awoken
/// ported: test_locks.py::SemaphoreTests::test_acquire_hang
fn who_stops_waiting_before_a_permit_comes_is_skipped() {
    let semaphore = Semaphore::new(0);
    let first = Polled::waiting(semaphore.acquire());
    let second = Polled::waiting(semaphore.acquire());
    let mut third = Polled::waiting(semaphore.acquire());
    let fourth = Polled::waiting(semaphore.acquire());
    drop((first, second));
    semaphore.add_permits(1);
    let permit = third.woken_and_ready().unwrap();
    assert!(!fourth.is_woken());
    assert_eq!(semaphore.try_acquire().unwrap_err(), TryAcquireError::NoPermits);
    drop(permit);
    assert!(fourth.is_woken());
}

#[test]
fn who_was_granted_a_permit_and_is_dropped_passes_it_on() {
    let semaphore = Semaphore::new(0);
    let first = Polled::waiting(semaphore.acquire());
    let mut second = Polled::waiting(semaphore.acquire());
    semaphore.add_permits(1);
    assert!(first.is_woken() && !second.is_woken());
    drop(first);
    second.woken_and_ready().unwrap().forget();
    assert_eq!(semaphore.available_permits(), 0);
    // Nobody behind it: the permit is there again.
    let last = Polled::waiting(semaphore.acquire());
    semaphore.add_permits(1);
    drop(last);
    assert_eq!(semaphore.available_permits(), 1);
}

/// ported: test_locks.py::SemaphoreTests::test_release_no_waiters
fn a_permit_comes_back_when_it_is_dropped() {
    let semaphore = Semaphore::new(1);
    let permit = semaphore.try_acquire().unwrap();
    assert_eq!(semaphore.available_permits(), 0);
    drop(permit);
    assert_eq!(semaphore.available_permits(), 1);
}

/// ported: test_locks.py::SemaphoreTests::test_acquire_fifo_order
/// ported: test_locks.py::SemaphoreTests::test_acquire_fifo_order_2
fn who_comes_back_goes_to_the_end_of_the_line() {
    let semaphore = Semaphore::new(1);
    let mut order = Vec::new();
    let first = semaphore.try_acquire().unwrap();
    let mut second = Polled::waiting(semaphore.acquire());
    let mut third = Polled::waiting(semaphore.acquire());
    let mut first_again = Polled::waiting(semaphore.acquire());
    drop(first);
    for (name, waiter) in [(2, &mut second), (3, &mut third), (1, &mut first_again)] {
        order.push(name);
        drop(waiter.woken_and_ready());
    }
    assert_eq!(order, [2, 3, 1]);
}

/// ported: test_locks.py::SemaphoreTests::test_acquire_fifo_order_3
/// ported: test_locks.py::SemaphoreTests::test_acquire_fifo_order_4
fn several_permits_wake_as_many() {
    let semaphore = Semaphore::new(0);
    let first = Polled::waiting(semaphore.acquire());
    let mut rest: Vec<_> = (0..3).map(|_| Polled::waiting(semaphore.acquire())).collect();
    drop(first);
    semaphore.add_permits(3);
    for waiter in &mut rest {
        waiter.woken_and_ready().unwrap().forget();
    }
    assert_eq!(semaphore.available_permits(), 0);
}

#[test]
fn who_wants_many_is_not_overtaken() {
    let semaphore = Semaphore::new(2);
    let mut many = Polled::waiting(semaphore.acquire_many(5));
    let mut one = Polled::waiting(semaphore.acquire());
    assert_eq!(semaphore.try_acquire().unwrap_err(), TryAcquireError::NoPermits);
    semaphore.add_permits(2);
    assert!(!many.is_woken() && !one.is_woken());
    semaphore.add_permits(1);
    let permits = many.woken_and_ready().unwrap();
    assert_eq!(permits.num_permits(), 5);
    drop(permits);
    one.woken_and_ready().unwrap().forget();
    assert_eq!(semaphore.available_permits(), 4);
}

#[test]
fn who_wants_many_and_gives_up_lets_the_others_go_on() {
    let semaphore = Semaphore::new(2);
    let many = Polled::waiting(semaphore.acquire_many(5));
    let mut ones: Vec<_> = (0..2).map(|_| Polled::waiting(semaphore.acquire())).collect();
    drop(many);
    for one in &mut ones {
        one.woken_and_ready().unwrap().forget();
    }
}

#[test]
fn a_closed_semaphore_sends_everyone_away() {
    let semaphore = Semaphore::new(1);
    let held = semaphore.try_acquire().unwrap();
    let mut granted = Polled::waiting(semaphore.acquire());
    let mut waiting = Polled::waiting(semaphore.acquire());
    let dropped = Polled::waiting(semaphore.acquire());
    drop(held);
    semaphore.close();
    assert!(semaphore.is_closed());
    let permit = granted.woken_and_ready().expect("it was granted before");
    drop(dropped);
    drop(permit);
    assert!(waiting.woken_and_ready().is_err());
    assert_eq!(semaphore.try_acquire().unwrap_err(), TryAcquireError::Closed);
    assert!(Polled::new(semaphore.acquire()).ready().is_err());
    assert_eq!(semaphore.available_permits(), 1);
}

#[test]
fn permits_are_merged_split_and_forgotten() {
    let semaphore = Arc::new(Semaphore::new(5));
    let mut permits = semaphore.try_acquire_many(3).unwrap();
    let part = permits.split(1).unwrap();
    assert!(permits.split(3).is_none());
    assert_eq!((permits.num_permits(), part.num_permits()), (2, 1));
    permits.merge(part);
    assert_eq!(permits.num_permits(), 3);
    permits.forget();
    assert_eq!(semaphore.available_permits(), 2);

    let mut owned = semaphore.clone().try_acquire_many_owned(2).unwrap();
    assert!(Arc::ptr_eq(owned.semaphore(), &semaphore));
    drop(owned.split(1));
    assert_eq!(semaphore.available_permits(), 1);
    let other = Arc::new(Semaphore::new(1)).try_acquire_owned().unwrap();
    panics_at_its_caller(|| owned.merge(other));
}

#[test]
fn permits_that_are_forgotten_are_those_that_nobody_has() {
    let semaphore = Semaphore::new(3);
    let _held = semaphore.try_acquire().unwrap();
    let waiter = Polled::waiting(semaphore.acquire_many(3));
    assert_eq!(semaphore.forget_permits(5), 2);
    drop(waiter);
    assert_eq!(semaphore.available_permits(), 0);
}

#[test]
fn none_at_all_is_always_to_be_had() {
    let semaphore = Semaphore::new(0);
    assert_eq!(semaphore.try_acquire_many(0).unwrap().num_permits(), 0);
    let _waiter = Polled::waiting(semaphore.acquire());
    assert!(Polled::new(semaphore.acquire_many(0)).ready().is_ok());
}

/// ported: test_locks.py::SemaphoreTests::test_release_not_acquired
fn a_bounded_semaphore_is_not_released_too_often() {
    let semaphore = BoundedSemaphore::new(1);
    assert!(semaphore.release().is_err());
    let permit = semaphore.try_acquire().unwrap();
    assert!(semaphore.release().is_err(), "its guard will do that");
    drop(permit);
    semaphore.try_acquire().unwrap().forget();
    assert_eq!(semaphore.available_permits(), 0);
    let mut waiter = Polled::waiting(semaphore.acquire());
    semaphore.release().unwrap();
    drop(waiter.woken_and_ready());
    assert!(semaphore.release().is_err());
    assert_eq!(semaphore.available_permits(), 1);
}

#[test]
fn a_limit_can_be_raised_and_lowered() {
    let limiter = CapacityLimiter::new(1);
    let first = limiter.try_acquire().unwrap();
    let mut second = Polled::waiting(limiter.acquire());
    let mut third = Polled::waiting(limiter.acquire());
    limiter.set_total_tokens(2);
    let second = second.woken_and_ready();
    assert!(!third.is_woken());
    limiter.set_total_tokens(1);
    assert_eq!((limiter.borrowed_tokens(), limiter.available_tokens()), (2, 0));
    drop(first);
    assert!(!third.is_woken(), "one is still taken of the one there is");
    drop(second);
    drop(third.woken_and_ready());
    assert_eq!(limiter.available_tokens(), 1);
}

#[test]
fn a_token_that_was_granted_and_not_taken_goes_to_the_next() {
    let limiter = CapacityLimiter::new(1);
    let held = limiter.try_acquire().unwrap();
    let first = Polled::waiting(limiter.acquire());
    let mut second = Polled::waiting(limiter.acquire());
    drop(held);
    drop(first);
    drop(second.woken_and_ready());
    assert_eq!(limiter.borrowed_tokens(), 0);
}

fn a_call_keeps_its_token_until_it_has_ended(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let limiter = CapacityLimiter::new(1);
        let (go, wait) = mpsc::channel::<()>();
        let (begun, begins) = mpsc::channel();
        let mut call = Polled::waiting({
            let limiter = limiter.clone();
            async move {
                limiter
                    .to_thread(move || {
                        begun.send(()).unwrap();
                        let _ = wait.recv();
                    })
                    .await
            }
        });
        call.is_pending();
        begins.recv().unwrap();
        drop(call);
        assert_eq!(limiter.available_tokens(), 0, "the call is still under way");
        drop(go);
        drop(limiter.acquire().await);
    });
}

fn a_call_that_never_begins_keeps_its_token_until_it_is_gone(flavor: Flavor) {
    let runtime = flavor.builder().max_blocking_threads(1).build().unwrap();
    let (go, wait) = mpsc::channel::<()>();
    runtime.spawn_blocking(move || {
        let _ = wait.recv();
    });
    runtime.block_on(async {
        let limiter = CapacityLimiter::new(1);
        let (count, counted) = mpsc::channel();
        let owned = {
            let limiter = limiter.clone();
            OnDrop::new(move || count.send(limiter.available_tokens()).unwrap())
        };
        let mut call = Polled::waiting({
            let limiter = limiter.clone();
            async move { limiter.to_thread(move || drop(owned)).await }
        });
        call.is_pending();
        drop(call);
        assert_eq!(counted.recv().unwrap(), 0, "what the call owns was there");
        assert_eq!(limiter.available_tokens(), 1);
    });
    drop(go);
}

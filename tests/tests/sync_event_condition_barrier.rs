//! `Event`, `Condition`, `Barrier`, as CPython's `test_locks` sees them.
//!
//! inexpressible: test_locks.py::ConditionTests::test_wait_unacquired: waiting is a method of the guard
//! inexpressible: test_locks.py::ConditionTests::test_notify_unacquired: notifying is a method of the guard
//! inexpressible: test_locks.py::ConditionTests::test_cancelled_error_wakeup: an abort raises nothing that could be changed on its way
//! inexpressible: test_locks.py::ConditionTests::test_cancelled_error_re_aquire: an abort raises nothing that could be changed on its way
//! inexpressible: test_locks.py::ConditionTests::test_notify_all_unacquired: notifying is a method of the guard

use std::sync::Arc;
use std::task::Poll;

use windlass::sync::{Barrier, Condition, Event, Mutex};
use windlass_tests::polled::Polled;
use windlass_tests::{Flavor, in_a_task_on_conformance_flavors, on_conformance_flavors, panics};

on_conformance_flavors!(
    tasks_wait_for_an_event,
    a_wait_that_is_out_of_time,
    a_buyer_waits_for_the_stock,
    all_pass_a_barrier_together_many_times,
);

in_a_task_on_conformance_flavors!(
    debug_of_a_condition_says_who_waits,
    everyone_who_waits_goes_on_when_an_event_is_set,
    nobody_waits_for_an_event_that_is_set,
    who_stops_waiting_for_an_event_is_counted_no_more,
    an_event_is_cleared,
    who_waited_when_an_event_was_set_goes_on_though_it_is_cleared,
    who_is_notified_waits_for_the_lock,
    who_stops_waiting_for_a_condition_is_skipped,
    who_stops_waiting_while_the_lock_is_held_leaves_it_to_its_holder,
    who_is_notified_and_dropped_passes_it_on,
    who_is_notified_and_dropped_while_it_waits_for_the_lock_passes_it_on,
    a_condition_is_waited_for_until_it_is_true,
    so_many_are_notified_in_order,
    a_condition_of_a_lock_that_others_use,
    a_barrier_for_one_keeps_nobody,
    a_barrier_opens_for_the_last_one,
    who_passes_a_barrier_may_come_again_before_the_others_have_gone,
    who_stops_waiting_at_a_barrier_has_not_come,
    a_reset_barrier_sends_away_who_waits,
    who_has_passed_a_barrier_is_not_sent_away_by_a_reset,
    a_broken_barrier_lets_nobody_wait_until_it_is_reset,
);

fn tasks_wait_for_an_event(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let event = Arc::new(Event::new());
        let tasks: Vec<_> = (0..20)
            .map(|_| {
                let event = event.clone();
                windlass::spawn(async move { event.wait().await })
            })
            .collect();
        windlass::task::yield_now().await;
        event.set();
        for task in tasks {
            task.await.unwrap();
        }
    });
}

/// ported: test_locks.py::EventTests::test_wait
fn everyone_who_waits_goes_on_when_an_event_is_set() {
    let event = Event::new();
    assert!(!event.is_set());
    let mut waiters: Vec<_> = (0..3).map(|_| Polled::waiting(event.wait())).collect();
    event.set();
    for waiter in &mut waiters {
        waiter.woken_and_ready();
    }
}

/// ported: test_locks.py::EventTests::test_wait_on_set
fn nobody_waits_for_an_event_that_is_set() {
    let event = Event::new();
    event.set();
    Polled::new(event.wait()).ready();
}

/// ported: test_locks.py::EventTests::test_wait_cancel
/// ported: test_locks.py::EventTests::test_repr
fn who_stops_waiting_for_an_event_is_counted_no_more() {
    let event = Event::new();
    let waiter = Polled::waiting(event.wait());
    assert_eq!(format!("{event:?}"), "Event { set: false, waiters: 1 }");
    drop(waiter);
    assert_eq!(format!("{event:?}"), "Event { set: false, waiters: 0 }");
    event.set();
    assert_eq!(format!("{event:?}"), "Event { set: true, waiters: 0 }");
}

/// ported: test_locks.py::EventTests::test_clear
fn an_event_is_cleared() {
    let event = Event::new();
    event.set();
    assert!(event.is_set());
    event.clear();
    assert!(!event.is_set());
    Polled::new(event.wait()).is_pending();
}

/// ported: test_locks.py::EventTests::test_clear_with_waiters
fn who_waited_when_an_event_was_set_goes_on_though_it_is_cleared() {
    let event = Event::new();
    let mut waiter = Polled::waiting(event.wait());
    event.set();
    event.clear();
    let mut late = Polled::waiting(event.wait());
    waiter.woken_and_ready();
    late.is_pending();
    event.set();
    event.set();
    late.woken_and_ready();
}

/// ported: test_locks.py::ConditionTests::test_timeout_in_block
fn a_wait_that_is_out_of_time(flavor: Flavor) {
    flavor.run_paused(async {
        let condition = Condition::new(());
        let guard = condition.lock().await;
        let wait = windlass::time::timeout(std::time::Duration::from_millis(500), guard.wait());
        assert!(wait.await.is_err());
        assert_eq!(format!("{condition:?}"), "Condition { lock: Mutex { data: () }, waiters: 0 }");
    });
}

fn a_buyer_waits_for_the_stock(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let stock = Arc::new(Condition::new(0));
        let buyers: Vec<_> = (0..10)
            .map(|_| {
                let stock = stock.clone();
                windlass::spawn(async move {
                    for _ in 0..20 {
                        let mut stock = stock.lock().await.wait_for(|stock| *stock > 0).await;
                        *stock -= 1;
                    }
                })
            })
            .collect();
        for _ in 0..200 {
            let mut stock = stock.lock().await;
            *stock += 1;
            stock.notify(1);
        }
        for buyer in buyers {
            buyer.await.unwrap();
        }
        assert_eq!(*stock.lock().await, 0);
    });
}

/// Takes the lock, waits, and says with what.
async fn wait<T: Copy>(condition: &Condition<T>) -> T {
    *condition.lock().await.wait().await
}

/// ported: test_locks.py::ConditionTests::test_wait
fn who_is_notified_waits_for_the_lock() {
    let condition = Condition::new(());
    let mut waiters: Vec<_> = (0..3).map(|_| Polled::waiting(wait(&condition))).collect();
    let guard = condition.try_lock().expect("who waits does not hold the lock");
    guard.notify(1);
    assert!(waiters[0].is_woken() && !waiters[1].is_woken());
    waiters[0].is_pending();
    drop(guard);
    waiters[0].woken_and_ready();
    condition.try_lock().unwrap().notify(2);
    waiters[1].woken_and_ready();
    waiters[2].woken_and_ready();
}

/// different: test_locks.py::ConditionTests::test_wait_cancel: who stops waiting does not take the lock again
fn who_stops_waiting_for_a_condition_is_skipped() {
    let condition = Condition::new(());
    let first = Polled::waiting(wait(&condition));
    let mut second = Polled::waiting(wait(&condition));
    drop(first);
    condition.try_lock().unwrap().notify(1);
    second.woken_and_ready();
    assert!(condition.try_lock().is_ok());
}

/// different: test_locks.py::ConditionTests::test_wait_cancel_contested: who stops waiting does not take the lock again
fn who_stops_waiting_while_the_lock_is_held_leaves_it_to_its_holder() {
    let condition = Condition::new(());
    let waiter = Polled::waiting(wait(&condition));
    let guard = condition.try_lock().unwrap();
    drop(waiter);
    assert!(condition.try_lock().is_err());
    drop(guard);
    assert!(condition.try_lock().is_ok());
}

/// ported: test_locks.py::ConditionTests::test_cancelled_wakeup
fn who_is_notified_and_dropped_passes_it_on() {
    let condition = Condition::new(());
    let first = Polled::waiting(wait(&condition));
    let mut second = Polled::waiting(wait(&condition));
    condition.try_lock().unwrap().notify(1);
    assert!(!second.is_woken());
    drop(first);
    second.woken_and_ready();
}

/// ported: test_locks.py::ConditionTests::test_cancelled_wakeup_relock
/// ported: test_locks.py::ConditionTests::test_wait_cancel_after_notify
fn who_is_notified_and_dropped_while_it_waits_for_the_lock_passes_it_on() {
    let condition = Condition::new(());
    let mut first = Polled::waiting(wait(&condition));
    let mut second = Polled::waiting(wait(&condition));
    let guard = condition.try_lock().unwrap();
    guard.notify(1);
    first.is_pending();
    drop(first);
    drop(guard);
    second.woken_and_ready();
}

/// ported: test_locks.py::ConditionTests::test_wait_for
/// ported: test_locks.py::ConditionTests::test_wait_for_unacquired
fn a_condition_is_waited_for_until_it_is_true() {
    let condition = Condition::new(false);
    let mut waiter = Polled::waiting(async { *condition.lock().await.wait_for(|is_true| *is_true).await });
    condition.try_lock().unwrap().notify(1);
    waiter.is_pending();
    *condition.try_lock().unwrap() = true;
    waiter.is_pending();
    condition.try_lock().unwrap().notify(1);
    assert!(waiter.woken_and_ready());
    let at_once = Polled::new(async { *condition.lock().await.wait_for(|is_true| *is_true).await }).ready();
    assert!(at_once);
}

/// ported: test_locks.py::ConditionTests::test_notify
/// ported: test_locks.py::ConditionTests::test_notify_all
fn so_many_are_notified_in_order() {
    let condition = Condition::new(());
    let mut waiters: Vec<_> = (0..5).map(|_| Polled::waiting(wait(&condition))).collect();
    condition.try_lock().unwrap().notify(1);
    condition.try_lock().unwrap().notify(2);
    assert_eq!(waiters.iter().filter(|waiter| waiter.is_woken()).count(), 3);
    waiters[..3].iter_mut().for_each(Polled::woken_and_ready);
    condition.try_lock().unwrap().notify_all();
    waiters[3..].iter_mut().for_each(Polled::woken_and_ready);
    condition.try_lock().unwrap().notify(2048);
}

/// ported: test_locks.py::ConditionTests::test_explicit_lock
/// ported: test_locks.py::ConditionTests::test_context_manager
fn a_condition_of_a_lock_that_others_use() {
    let lock = Arc::new(Mutex::new(1));
    let condition = Condition::with_lock(lock.clone());
    let guard = condition.try_lock().unwrap();
    assert!(lock.try_lock().is_err());
    assert_eq!(format!("{condition:?}"), "Condition { lock: Mutex { data: <locked> }, waiters: 0 }");
    drop(guard);
    let held = lock.try_lock().unwrap();
    assert!(condition.try_lock().is_err());
    drop(held);
}

/// ported: test_locks.py::ConditionTests::test_repr
fn debug_of_a_condition_says_who_waits() {
    let condition = Condition::new(1);
    assert_eq!(format!("{condition:?}"), "Condition { lock: Mutex { data: 1 }, waiters: 0 }");
    let one = Polled::waiting(wait(&condition));
    assert_eq!(format!("{condition:?}"), "Condition { lock: Mutex { data: 1 }, waiters: 1 }");
    let other = Polled::waiting(wait(&condition));
    let guard = condition.try_lock().unwrap();
    assert_eq!(format!("{condition:?}"), "Condition { lock: Mutex { data: <locked> }, waiters: 2 }");
    drop(guard);
    drop((one, other));
    assert_eq!(format!("{condition:?}"), "Condition { lock: Mutex { data: 1 }, waiters: 0 }");
}

fn all_pass_a_barrier_together_many_times(flavor: Flavor) {
    const PARTIES: usize = 5;
    flavor.runtime().block_on(async {
        let barrier = Arc::new(Barrier::new(PARTIES));
        let tasks: Vec<_> = (0..PARTIES)
            .map(|_| {
                let barrier = barrier.clone();
                windlass::spawn(async move {
                    let mut leads = 0;
                    for _ in 0..100 {
                        leads += usize::from(barrier.wait().await.is_leader());
                    }
                    leads
                })
            })
            .collect();
        let mut leads = 0;
        for task in tasks {
            leads += task.await.unwrap();
        }
        assert_eq!(leads, 100);
        assert_eq!(barrier.n_waiting(), 0);
    });
}

fn a_barrier_for_one_keeps_nobody() {
    for barrier in [Barrier::new(1), Barrier::new(0)] {
        for _ in 0..2 {
            let passed = Polled::new(barrier.wait()).ready();
            assert!(passed.is_leader());
            assert_eq!((passed.index(), barrier.n_waiting()), (0, 0));
        }
    }
}

fn a_barrier_opens_for_the_last_one() {
    let barrier = Barrier::new(3);
    let mut first = Polled::waiting(barrier.wait());
    assert_eq!(barrier.n_waiting(), 1);
    let mut second = Polled::waiting(barrier.wait());
    assert_eq!(barrier.n_waiting(), 2);
    let last = Polled::new(barrier.wait()).ready();
    let results = [first.woken_and_ready(), second.woken_and_ready(), last];
    assert_eq!(results.each_ref().map(|result| result.index()), [0, 1, 2]);
    assert_eq!(results.each_ref().map(|result| result.is_leader()), [false, false, true]);
    assert_eq!(barrier.n_waiting(), 0);
    assert!(!barrier.is_broken());
}

fn who_passes_a_barrier_may_come_again_before_the_others_have_gone() {
    let barrier = Barrier::new(2);
    let mut first = Polled::waiting(barrier.wait());
    Polled::new(barrier.wait()).ready();
    let mut again = Polled::waiting(barrier.wait());
    first.woken_and_ready();
    Polled::new(barrier.wait()).ready();
    again.woken_and_ready();
}

fn who_stops_waiting_at_a_barrier_has_not_come() {
    let barrier = Barrier::new(3);
    let first = Polled::waiting(barrier.wait());
    let mut second = Polled::waiting(barrier.wait());
    drop(first);
    assert_eq!(barrier.n_waiting(), 1);
    let mut third = Polled::waiting(barrier.wait());
    assert_eq!(barrier.n_waiting(), 2);
    Polled::new(barrier.wait()).ready();
    second.woken_and_ready();
    third.woken_and_ready();
}

#[test]
fn who_is_dropped_after_a_barrier_opened_has_come() {
    let barrier = Barrier::new(2);
    let first = Polled::waiting(barrier.wait());
    Polled::new(barrier.wait()).ready();
    drop(first);
    assert_eq!(barrier.n_waiting(), 0);
}

fn a_reset_barrier_sends_away_who_waits() {
    let barrier = Barrier::new(3);
    barrier.reset();
    assert!(!barrier.is_broken());
    let mut waiters: Vec<_> = (0..2).map(|_| Polled::waiting(barrier.try_wait())).collect();
    barrier.reset();
    for waiter in &mut waiters {
        assert!(waiter.woken_and_ready().is_err());
    }
    assert!(!barrier.is_broken());
    assert_eq!(barrier.n_waiting(), 0);
    // It works again.
    let _waiters: Vec<_> = (0..2).map(|_| Polled::waiting(barrier.try_wait())).collect();
    assert_eq!(Polled::new(barrier.try_wait()).ready().unwrap().index(), 2);
}

fn who_has_passed_a_barrier_is_not_sent_away_by_a_reset() {
    let barrier = Barrier::new(2);
    let mut first = Polled::waiting(barrier.try_wait());
    Polled::new(barrier.try_wait()).ready().unwrap();
    barrier.reset();
    assert!(first.woken_and_ready().is_ok());
}

fn a_broken_barrier_lets_nobody_wait_until_it_is_reset() {
    let barrier = Barrier::new(2);
    let mut first = Polled::waiting(barrier.try_wait());
    barrier.abort();
    assert!(barrier.is_broken());
    assert!(first.woken_and_ready().is_err());
    assert!(Polled::new(barrier.try_wait()).ready().is_err());
    assert!(panics(|| Polled::new(barrier.wait()).ready()).message.contains("try_wait"));
    barrier.reset();
    let mut first = Polled::waiting(barrier.wait());
    assert!(matches!(Polled::new(barrier.wait()).poll(), Poll::Ready(_)));
    first.woken_and_ready();
}

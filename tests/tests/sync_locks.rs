//! `Mutex`, `RwLock`, `OnceCell`: who gets them, in which order, and what becomes of those who stop waiting.
//!
//! inexpressible: test_locks.py::LockTests::test_lock: the compiler refuses to await a lock
//! inexpressible: test_locks.py::LockTests::test_lock_doesnt_accept_loop_parameter: the compiler refuses it
//! inexpressible: test_locks.py::LockTests::test_lock_by_with_statement: the compiler refuses to await a lock
//! inexpressible: test_locks.py::LockTests::test_release_not_acquired: only who has the guard can let go of it

use std::sync::Arc;

use windlass::sync::{
    Mutex, MutexGuard, OnceCell, OwnedMutexGuard, OwnedRwLockWriteGuard, RwLock, RwLockReadGuard,
    RwLockWriteGuard,
};
use windlass_tests::polled::Polled;
use windlass_tests::{
    Flavor, in_a_task_on_conformance_flavors, on_conformance_flavors, panics_at_its_caller,
};

on_conformance_flavors!(
    a_mutex_between_two_runtimes,
    a_mutex_excludes_tasks_from_each_other,
    a_mutex_spends_the_budget,
    an_owned_guard_goes_to_another_task,
    readers_and_writers_exclude_each_other,
    one_of_many_makes_the_value_of_a_cell,
    blocking_calls_panic_on_a_thread_that_runs_tasks,
);

in_a_task_on_conformance_flavors!(
    a_mutex_is_first_come_first_served,
    who_stops_waiting_for_a_mutex_is_skipped,
    who_is_given_a_mutex_and_is_dropped_passes_it_on,
    a_mutex_is_free_when_its_guard_is_gone,
    debug_of_a_mutex_says_whether_it_is_locked,
);

fn a_mutex_excludes_tasks_from_each_other(flavor: Flavor) {
    const TASKS: u64 = 20;
    const TURNS: u64 = 200;
    let lock = Arc::new(Mutex::new(0));
    flavor.runtime().block_on(async {
        let tasks: Vec<_> = (0..TASKS)
            .map(|_| {
                let lock = lock.clone();
                windlass::spawn(async move {
                    for _ in 0..TURNS {
                        let mut guard = lock.lock().await;
                        let before = *guard;
                        windlass::task::yield_now().await;
                        *guard = before + 1;
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
    });
    assert_eq!(Arc::into_inner(lock).unwrap().into_inner(), TASKS * TURNS);
}

fn a_mutex_spends_the_budget(flavor: Flavor) {
    let runtime = flavor.runtime();
    let task = runtime.spawn(async {
        let lock = Mutex::new(());
        let mut locked = 0;
        let mut many = std::pin::pin!(async {
            for _ in 0..1_000 {
                drop(lock.lock().await);
                locked += 1;
            }
        });
        std::future::poll_fn(|cx| std::task::Poll::Ready(many.as_mut().poll(cx).is_ready())).await
    });
    assert!(!runtime.block_on(task).unwrap(), "a thousand locks in one poll");
}

fn an_owned_guard_goes_to_another_task(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let lock = Arc::new(Mutex::new(1));
        let mut guard = lock.clone().lock_owned().await;
        assert!(Arc::ptr_eq(OwnedMutexGuard::mutex(&guard), &lock));
        windlass::spawn(async move { *guard += 1 }).await.unwrap();
        assert_eq!(*lock.lock().await, 2);
    });
}

/// ported: test_locks.py::LockTests::test_acquire
fn a_mutex_is_first_come_first_served() {
    let lock = Mutex::new(());
    let held = Polled::new(lock.lock()).ready();
    let mut waiters: Vec<_> = (0..3).map(|_| Polled::waiting(lock.lock())).collect();
    drop(held);
    for next in 0..3 {
        assert!(lock.try_lock().is_err(), "it is promised to the first in line");
        for other in &waiters[next + 1..] {
            assert!(!other.is_woken(), "one at a time");
        }
        drop(waiters[next].woken_and_ready());
    }
    assert!(lock.try_lock().is_ok());
}

/// ported: test_locks.py::LockTests::test_acquire_cancel
fn who_stops_waiting_for_a_mutex_is_skipped() {
    let lock = Mutex::new(());
    let held = Polled::new(lock.lock()).ready();
    let first = Polled::waiting(lock.lock());
    let mut second = Polled::waiting(lock.lock());
    drop(first);
    drop(held);
    drop(second.woken_and_ready());
}

/// ported: test_locks.py::LockTests::test_cancel_race
/// ported: test_locks.py::LockTests::test_cancel_release_race
/// ported: test_locks.py::LockTests::test_finished_waiter_cancelled
fn who_is_given_a_mutex_and_is_dropped_passes_it_on() {
    let lock = Mutex::new(());
    let held = Polled::new(lock.lock()).ready();
    let first = Polled::waiting(lock.lock());
    let mut second = Polled::waiting(lock.lock());
    drop(held);
    assert!(first.is_woken() && !second.is_woken());
    drop(first);
    drop(second.woken_and_ready());
    assert!(lock.try_lock().is_ok());
}

/// ported: test_locks.py::LockTests::test_release_no_waiters
/// ported: test_locks.py::LockTests::test_context_manager
fn a_mutex_is_free_when_its_guard_is_gone() {
    let lock = Mutex::new(());
    let guard = lock.try_lock().unwrap();
    assert!(lock.try_lock().is_err());
    drop(guard);
    assert!(lock.try_lock().is_ok());
}

/// different: test_locks.py::ConditionTests::test_ambiguous_loops: a lock is of no runtime, and may be waited for on any
fn a_mutex_between_two_runtimes(flavor: Flavor) {
    let (runtime, other) = (flavor.runtime(), flavor.runtime());
    let lock = Arc::new(Mutex::new(1));
    let guard = runtime.block_on(lock.clone().lock_owned());
    let waits = lock.clone();
    let task = other.spawn(async move { *waits.lock().await });
    runtime.block_on(async move {
        let mut guard = guard;
        *guard += 1;
    });
    assert_eq!(other.block_on(task).unwrap(), 2);
}

/// ported: test_locks.py::LockTests::test_repr
fn debug_of_a_mutex_says_whether_it_is_locked() {
    let lock = Mutex::new(5);
    assert_eq!(format!("{lock:?}"), "Mutex { data: 5 }");
    let guard = lock.try_lock().unwrap();
    assert_eq!(format!("{lock:?}"), "Mutex { data: <locked> }");
    assert_eq!(format!("{guard:?} {guard}"), "5 5");
}

#[test]
fn a_panic_leaves_a_mutex_usable() {
    let lock = Mutex::new(1);
    let _ = windlass_tests::panics(|| {
        let _guard = lock.try_lock().unwrap();
        panic!("while it is held");
    });
    assert_eq!(*lock.try_lock().unwrap(), 1);
}

#[test]
fn guards_of_a_part() {
    let lock = Mutex::new((1, Some(2)));
    let part = MutexGuard::map(lock.try_lock().unwrap(), |pair| &mut pair.0);
    assert!(lock.try_lock().is_err());
    drop(part);
    let mut part = MutexGuard::try_map(lock.try_lock().unwrap(), |pair| pair.1.as_mut()).unwrap();
    *part = 3;
    drop(part);
    let mut whole = lock.try_lock().unwrap();
    whole.1 = None;
    let whole = MutexGuard::try_map(whole, |pair| pair.1.as_mut()).unwrap_err();
    assert!(std::ptr::eq(MutexGuard::mutex(&whole), &lock));
    assert!(lock.try_lock().is_err());
    drop(whole);
    assert_eq!(lock.into_inner(), (1, None));

    let lock = Arc::new(Mutex::new((1, 2)));
    let part = OwnedMutexGuard::map(lock.clone().try_lock_owned().unwrap(), |pair| &mut pair.0);
    assert!(lock.try_lock().is_err());
    drop(part);
    assert!(lock.try_lock().is_ok());
}

#[test]
fn a_panic_in_map_unlocks() {
    let lock = Mutex::new(1);
    let guard = lock.try_lock().unwrap();
    let _ = windlass_tests::panics(|| MutexGuard::map(guard, |_| -> &mut i32 { panic!("no part") }));
    assert!(lock.try_lock().is_ok());
}

#[test]
fn a_mutex_of_what_has_no_size() {
    let lock: Arc<Mutex<[u8]>> = Arc::new(Mutex::new([1, 2, 3]));
    lock.try_lock().unwrap()[0] = 5;
    assert_eq!(lock.try_lock().unwrap().len(), 3);
    assert_eq!(*lock.try_lock_owned().unwrap(), [5, 2, 3]);
}

#[test]
fn a_blocked_thread_waits_for_a_mutex_in_line() {
    let lock = Arc::new(Mutex::new(0));
    let held = lock.try_lock().unwrap();
    let thread = std::thread::spawn({
        let lock = lock.clone();
        move || *lock.blocking_lock() += 1
    });
    drop(held);
    thread.join().unwrap();
    assert_eq!(*lock.blocking_lock(), 1);
}

fn blocking_calls_panic_on_a_thread_that_runs_tasks(flavor: Flavor) {
    let runtime = flavor.runtime();
    runtime.block_on(async {
        let lock = Arc::new(Mutex::new(0));
        panics_at_its_caller(|| lock.blocking_lock());
        panics_at_its_caller(|| *RwLock::new(0).blocking_write());
        let panicked = windlass::spawn(async move {
            let said = panics_at_its_caller(|| lock.blocking_lock());
            said.message.contains("spawn_blocking")
        });
        assert!(panicked.await.unwrap());
        let in_a_job = windlass::task::spawn_blocking(|| *Mutex::new(7).blocking_lock());
        assert_eq!(in_a_job.await.unwrap(), 7);
    });
}

fn readers_and_writers_exclude_each_other(flavor: Flavor) {
    let lock = Arc::new(RwLock::new((0u64, 0u64)));
    flavor.runtime().block_on(async {
        let writers: Vec<_> = (0..4)
            .map(|_| {
                let lock = lock.clone();
                windlass::spawn(async move {
                    for _ in 0..100 {
                        let mut pair = lock.write().await;
                        pair.0 += 1;
                        windlass::task::yield_now().await;
                        pair.1 += 1;
                    }
                })
            })
            .collect();
        let readers: Vec<_> = (0..4)
            .map(|_| {
                let lock = lock.clone();
                windlass::spawn(async move {
                    for _ in 0..100 {
                        let pair = lock.read().await;
                        let first = pair.0;
                        windlass::task::yield_now().await;
                        assert_eq!((first, first), *pair);
                    }
                })
            })
            .collect();
        for task in writers.into_iter().chain(readers) {
            task.await.unwrap();
        }
    });
    assert_eq!(*lock.try_read().unwrap(), (400, 400));
}

#[test]
fn a_waiting_writer_lets_no_reader_pass() {
    let lock = RwLock::new(0);
    let reader = lock.try_read().unwrap();
    assert!(lock.try_read().is_ok() && lock.try_write().is_err());
    let mut writer = Polled::waiting(lock.write());
    assert!(lock.try_read().is_err());
    let (mut one, mut other) = (Polled::waiting(lock.read()), Polled::waiting(lock.read()));
    drop(reader);
    assert!(!one.is_woken());
    *writer.woken_and_ready() = 1;
    let (one, other) = (one.woken_and_ready(), other.woken_and_ready());
    assert_eq!(*one + *other, 2);
}

#[test]
fn a_writer_that_stops_waiting_lets_the_readers_behind_it_go_on() {
    let lock = RwLock::new(0);
    let reader = lock.try_read().unwrap();
    let writer = Polled::waiting(lock.write());
    let mut behind = Polled::waiting(lock.read());
    drop(writer);
    drop(behind.woken_and_ready());
    drop(reader);

    // The same when it was given the lock already.
    let reader = lock.try_read().unwrap();
    let writer = Polled::waiting(lock.write());
    let mut behind = Polled::waiting(lock.read());
    drop(reader);
    assert!(writer.is_woken());
    drop(writer);
    drop(behind.woken_and_ready());
    assert!(lock.try_write().is_ok());
}

#[test]
fn a_writer_becomes_a_reader_without_letting_a_writer_in() {
    let lock = RwLock::new(1);
    let mut writer = lock.try_write().unwrap();
    let mut reader = Polled::waiting(lock.read());
    let mut next = Polled::waiting(lock.write());
    *writer = 2;
    let reading = writer.downgrade();
    assert_eq!(*reader.woken_and_ready(), 2);
    assert!(!next.is_woken());
    drop(reading);
    assert_eq!(*next.woken_and_ready(), 2);
}

#[test]
fn guards_of_a_part_of_what_is_read_or_written() {
    let lock = RwLock::new((1, Some(2)));
    let part = RwLockReadGuard::map(lock.try_read().unwrap(), |pair| &pair.0);
    assert!(lock.try_write().is_err() && lock.try_read().is_ok());
    drop(part);
    assert!(RwLockReadGuard::try_map(lock.try_read().unwrap(), |_| None::<&u8>).is_err());
    *RwLockWriteGuard::map(lock.try_write().unwrap(), |pair| &mut pair.0) = 5;
    let part = RwLockWriteGuard::downgrade_map(lock.try_write().unwrap(), |pair| &pair.0);
    assert_eq!((*part, lock.try_read().unwrap().0), (5, 5));
    drop(part);
    let whole = RwLockWriteGuard::try_downgrade_map(lock.try_write().unwrap(), |_| None::<&u8>).unwrap_err();
    assert!(lock.try_read().is_err());
    let part = RwLockWriteGuard::try_downgrade_map(whole, |pair| pair.1.as_ref()).unwrap();
    assert_eq!(*part, 2);
    drop(part);

    let lock = Arc::new(lock);
    let guard = lock.clone().try_write_owned().unwrap();
    let part = OwnedRwLockWriteGuard::map(guard, |pair| &mut pair.0);
    assert!(lock.try_read().is_err());
    drop(part);
    let reading = lock.clone().try_write_owned().unwrap().downgrade();
    assert_eq!(lock.clone().try_read_owned().unwrap().0, reading.0);
    drop(reading);
    assert!(lock.try_write().is_ok());
}

#[test]
fn a_lock_may_have_a_limit_of_readers() {
    let lock = RwLock::with_max_readers(0, 2);
    let readers = (lock.try_read().unwrap(), lock.try_read().unwrap());
    assert!(lock.try_read().is_err());
    drop(readers);
    assert!(lock.try_write().is_ok());
    panics_at_its_caller(|| RwLock::with_max_readers(0, u32::MAX));
}

fn one_of_many_makes_the_value_of_a_cell(flavor: Flavor) {
    let cell = Arc::new(OnceCell::new());
    flavor.runtime().block_on(async {
        let tasks: Vec<_> = (0..10)
            .map(|n| {
                let cell = cell.clone();
                windlass::spawn(async move {
                    *cell
                        .get_or_init(|| async {
                            windlass::task::yield_now().await;
                            n
                        })
                        .await
                })
            })
            .collect();
        let mut values = Vec::new();
        for task in tasks {
            values.push(task.await.unwrap());
        }
        assert!(values.iter().all(|value| Some(value) == cell.get()), "{values:?}");
    });
}

#[test]
fn who_gives_up_making_the_value_of_a_cell_leaves_it_to_the_next() {
    let cell = OnceCell::new();
    let first = Polled::waiting(cell.get_or_init(std::future::pending::<u32>));
    let mut second = Polled::waiting(cell.get_or_init(|| async { 2 }));
    let mut third = Polled::waiting(cell.get_or_init(|| async { 3 }));
    assert!(cell.set(4).unwrap_err().is_initializing_err());
    drop(first);
    assert_eq!(*second.woken_and_ready(), 2);
    assert_eq!(*third.woken_and_ready(), 2);
    assert!(cell.set(5).unwrap_err().is_already_init_err());
}

#[test]
fn an_error_leaves_a_cell_empty() {
    let cell = OnceCell::new();
    assert_eq!(Polled::new(cell.get_or_try_init(|| async { Err::<u32, _>("no") })).ready(), Err("no"));
    assert!(!cell.initialized());
    assert!(cell.set(1).is_ok());
    let mut cell = cell;
    assert_eq!(cell.take(), Some(1));
    assert_eq!(cell.set(2), Ok(()));
    assert_eq!(cell.clone(), OnceCell::from(2));
}

#[test]
fn a_cell_in_a_constant_has_its_value_from_the_beginning() {
    static CELL: OnceCell<Vec<u32>> = OnceCell::const_new_with(Vec::new());
    assert!(CELL.initialized());
    let made = CELL.get_or_init(|| async { unreachable!("it is there") });
    assert_eq!(Polled::new(made).ready(), &[0_u32; 0]);
    assert!(CELL.set(vec![1]).unwrap_err().is_already_init_err());

    let mut cell = OnceCell::const_new_with(vec![1]);
    cell.get_mut().unwrap().push(2);
    assert_eq!(cell, OnceCell::new_with(Some(vec![1, 2])));
    assert_eq!(cell.take(), Some(vec![1, 2]));
    // Then it is as any that is empty.
    assert_eq!(cell.set(vec![3]), Ok(()));
    assert_eq!(cell.into_inner(), Some(vec![3]));
    assert_eq!(OnceCell::<u32>::new_with(None).into_inner(), None);
}

#[test]
fn a_task_without_budget_is_not_overtaken() {
    let runtime = Flavor::CurrentThread.runtime();
    runtime.block_on(async {
        use windlass::task::coop::{consume_budget, unconstrained};

        let lock = Arc::new(Mutex::new(()));
        let held = lock.clone().try_lock_owned().unwrap();
        let mut first = Polled::new({
            let lock = lock.clone();
            async move {
                while Polled::new(consume_budget()).poll().is_ready() {}
                lock.lock_owned().await
            }
        });
        first.is_pending();
        let mut second = Polled::waiting(unconstrained(lock.clone().lock_owned()));
        drop(held);
        assert!(!second.is_woken());
        windlass::task::yield_now().await;
        drop(first.ready());
        drop(second.woken_and_ready());

        // It takes a lock that is free, and gives it back if it is dropped before it can say so.
        let mut taken = Polled::new({
            let lock = lock.clone();
            async move {
                while Polled::new(consume_budget()).poll().is_ready() {}
                lock.lock_owned().await
            }
        });
        taken.is_pending();
        assert!(lock.try_lock().is_err());
        drop(taken);
        assert!(lock.try_lock().is_ok());
    });
}

/// What goes to another thread, and what may be shared between them, as far as what is inside may.
#[test]
fn locks_guards_and_waits_go_to_other_threads() {
    fn both<T: Send + Sync>(_: &T) {}
    fn send<T: Send>(_: &T) {}

    let lock = Arc::new(Mutex::new(1));
    both(&lock);
    both(&lock.lock());
    let guard = lock.try_lock().unwrap();
    both(&guard);
    both(&MutexGuard::map(guard, |n| n));
    both(&lock.clone().try_lock_owned().unwrap());
    send(&Mutex::new(std::cell::Cell::new(1)).try_lock().unwrap().get());

    let lock = Arc::new(RwLock::new(1));
    both(&lock.read());
    both(&lock.write());
    both(&lock.try_read().unwrap());
    both(&lock.try_write().unwrap());
    both(&lock.try_write_owned().unwrap());

    let (sender, receiver) = windlass::sync::mpsc::channel::<std::cell::Cell<u32>>(1);
    both(&sender);
    both(&receiver);
    send(&sender.reserve());
    let queue = windlass::sync::Queue::<std::cell::Cell<u32>>::new();
    both(&queue);
    send(&queue.get());
    both(&windlass::sync::Condition::new(std::cell::Cell::new(1)));
    both(&windlass::sync::Notify::new().notified());
    both(&windlass::sync::watch::channel(1));
    both(&windlass::sync::broadcast::channel::<u32>(1));
    both(&windlass::sync::oneshot::channel::<std::cell::Cell<u32>>());
    both(&OnceCell::<u32>::new());
}

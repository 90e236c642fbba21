//! A `TaskGroup` that is ended before its children are: by `cancel`, with the task it is in or the group around it, or dropped.

use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use futures::channel::oneshot;
use windlass::aio::{ChildError, TaskGroup};
use windlass::task;
use windlass_tests::group::{Oops, errors, hangs};
use windlass_tests::reports::reporting;
use windlass_tests::{Flavor, OnDrop, on_conformance_flavors, wake_self, yield_until};

on_conformance_flavors!(
    a_group_that_failed_and_a_task_that_is_cancelled,
    a_panic_in_the_drop_of_an_aborted_child,
    cancelling_the_task_of_the_group_cancels_the_children,
    cancelling_the_task_while_it_joins,
    a_nested_group_cancelled_with_the_outer,
    an_aborting_group_waits_for_blocking_children,
    cancel_ends_without_an_error,
    cancel_before_the_first_child,
    cancel_twice,
    cancel_from_a_child,
    cancel_in_the_body,
    cancel_after_a_failure_keeps_the_failure,
    dropping_the_group_aborts,
    failures_of_a_group_nobody_joins_are_reported,
);

/// ported: test_taskgroups.py::TestTaskGroup::test_taskgroup_07
/// ported: test_taskgroups.py::TestTaskGroup::test_taskgroup_17
fn cancelling_the_task_of_the_group_cancels_the_children(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let (started, dropped) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let (start, drops) = (started.clone(), dropped.clone());
        let outer = windlass::spawn(async move {
            TaskGroup::scope(async move |group| {
                for _ in 0..5 {
                    group.spawn(hangs(&start, &drops));
                }
                let _on_drop = OnDrop::new(move || {
                    drops.fetch_add(10, Ordering::SeqCst);
                });
                pending::<Result<(), Oops>>().await
            })
            .await
        });
        yield_until(|| started.load(Ordering::SeqCst) == 5).await;
        outer.abort();
        assert!(outer.await.unwrap_err().is_cancelled());
        yield_until(|| dropped.load(Ordering::SeqCst) == 15).await;
    });
}

/// ported: test_taskgroups.py::TestTaskGroup::test_cancellation
/// ported: test_taskgroups.py::TestTaskGroup::test_taskgroup_22
fn cancelling_the_task_while_it_joins(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let (started, dropped) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let (start, drops) = (started.clone(), dropped.clone());
        let outer = windlass::spawn(async move {
            let group = TaskGroup::new();
            let inner = TaskGroup::new();
            group.spawn(hangs(&start, &drops));
            inner.spawn(hangs(&start, &drops));
            inner.join().await.unwrap();
            group.join().await.unwrap();
        });
        yield_until(|| started.load(Ordering::SeqCst) == 2).await;
        outer.abort();
        assert!(outer.await.unwrap_err().is_cancelled());
        yield_until(|| dropped.load(Ordering::SeqCst) == 2).await;
    });
}

/// ported: test_taskgroups.py::TestTaskGroup::test_taskgroup_13
fn a_nested_group_cancelled_with_the_outer(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let (started, dropped) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let (start, drops) = (started.clone(), dropped.clone());
        let joined = TaskGroup::scope(async move |outer| {
            outer.spawn({
                let started = start.clone();
                async move {
                    yield_until(|| started.load(Ordering::SeqCst) == 1).await;
                    Err::<(), _>(Oops("outer"))
                }
            });
            TaskGroup::scope(async move |inner| {
                inner.spawn(hangs(&start, &drops));
                pending::<Result<(), Oops>>().await
            })
            .await
            .map(drop)
            .map_err(|errors| errors.into_first().into_error().unwrap())
        });
        assert_eq!(errors(joined.await.unwrap_err()), [Oops("outer")]);
        yield_until(|| dropped.load(Ordering::SeqCst) == 1).await;
    });
}

fn an_aborting_group_waits_for_blocking_children(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let group = TaskGroup::<Oops>::new();
        let (go, gone) = std::sync::mpsc::channel::<()>();
        let (tx, rx) = oneshot::channel();
        let ended = Arc::new(AtomicBool::new(false));
        let ends = ended.clone();
        group.spawn_blocking(move || {
            tx.send(()).unwrap();
            gone.recv().unwrap();
            ends.store(true, Ordering::SeqCst);
            Ok(())
        });
        rx.await.unwrap();
        group.cancel();
        let joined = windlass::spawn(group.join());
        task::yield_now().await;
        assert!(!joined.is_finished());
        go.send(()).unwrap();
        joined.await.unwrap().unwrap();
        assert!(ended.load(Ordering::SeqCst));
    });
}

fn cancel_ends_without_an_error(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let (started, dropped) = (Arc::default(), Arc::default());
        let group = TaskGroup::new();
        for _ in 0..4 {
            group.spawn(hangs(&started, &dropped));
        }
        yield_until(|| started.load(Ordering::SeqCst) == 4).await;
        group.cancel();
        group.join().await.unwrap();
        assert_eq!(dropped.load(Ordering::SeqCst), 4);
    });
}

fn cancel_before_the_first_child(flavor: Flavor) {
    let group = TaskGroup::<Oops>::new();
    group.cancel();
    flavor.runtime().block_on(async {
        assert_eq!(group.spawn(async { Ok(()) }).await, Err(ChildError::Cancelled));
        group.join().await.unwrap();
    });
}

fn cancel_twice(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let group = TaskGroup::<Oops>::new();
        let spawner = group.spawner();
        group.spawn(pending::<Result<(), _>>());
        group.cancel();
        group.cancel();
        group.join().await.unwrap();
        spawner.cancel();
    });
}

fn cancel_from_a_child(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let group = TaskGroup::<Oops>::new();
        let waits = group.spawn(pending::<Result<(), _>>());
        let spawner = group.spawner();
        group.spawn(async move {
            spawner.cancel();
            Ok(())
        });
        group.join().await.unwrap();
        assert_eq!(waits.await, Err(ChildError::Cancelled));
    });
}

fn cancel_in_the_body(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let after = Arc::new(AtomicBool::new(false));
        let reached = after.clone();
        let joined = TaskGroup::<Oops>::scope(async move |group| {
            group.spawn(pending::<Result<(), _>>());
            group.cancel();
            task::yield_now().await;
            reached.store(true, Ordering::SeqCst);
            Ok(1)
        });
        assert_eq!(joined.await.unwrap(), None);
        assert!(!after.load(Ordering::SeqCst));
    });
}

fn cancel_after_a_failure_keeps_the_failure(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let group = TaskGroup::new();
        let _ = group.spawn(async { Err::<(), _>(Oops("first")) }).await;
        group.cancel();
        assert_eq!(errors(group.join().await.unwrap_err()), [Oops("first")]);
    });
}

fn dropping_the_group_aborts(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let (started, dropped) = (Arc::default(), Arc::default());
        let group = TaskGroup::new();
        let spawner = group.spawner();
        for _ in 0..4 {
            group.spawn(hangs(&started, &dropped));
        }
        yield_until(|| started.load(Ordering::SeqCst) == 4).await;
        drop(group);
        yield_until(|| dropped.load(Ordering::SeqCst) == 4).await;
        assert!(spawner.is_closed());
    });
}

fn failures_of_a_group_nobody_joins_are_reported(flavor: Flavor) {
    let (runtime, reports) = reporting(flavor);
    runtime.block_on(async {
        let group = TaskGroup::<Oops>::new();
        let child = group.spawn(async { panic!("nobody looks") as Result<(), Oops> });
        assert_eq!(child.await, Err(ChildError::Failed));
        drop(group);
        yield_until(|| !reports.lock().is_empty()).await;
        let reports = reports.lock();
        assert_eq!(*reports, [(windlass::task::UnhandledKind::TaskGroup, "nobody looks".to_owned())]);
    });
}

/// ported: test_taskgroups.py::TestTaskGroup::test_error_and_cancel
fn a_group_that_failed_and_a_task_that_is_cancelled(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let (tx, event) = oneshot::channel::<()>();
        let inner = windlass::spawn(async move {
            let group = TaskGroup::new();
            group.spawn(async move {
                tx.send(()).unwrap();
                wake_self().await;
                Err::<(), _>(Oops("error"))
            });
            let _ = group.join().await;
            pending::<()>().await;
        });
        event.await.unwrap();
        inner.abort();
        assert!(inner.await.unwrap_err().is_cancelled());
    });
}

fn a_panic_in_the_drop_of_an_aborted_child(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let (tx, begun) = oneshot::channel::<()>();
        let group = TaskGroup::<Oops>::new();
        let child = group.spawn(async move {
            let _crash = OnDrop::new(|| panic!("in the drop"));
            tx.send(()).unwrap();
            pending::<Result<(), _>>().await
        });
        begun.await.unwrap();
        child.abort();
        let errors = group.join().await.unwrap_err();
        assert!(errors.to_string().contains("in the drop"), "{errors}");
    });
}

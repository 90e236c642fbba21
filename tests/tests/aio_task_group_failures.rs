//! No failure of a `TaskGroup` is lost: what nobody is given is reported, wherever that happens.

use std::future::{pending, poll_fn};
use std::hint::black_box;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::task::Poll;

use futures::FutureExt;
use futures::channel::oneshot;
use windlass::aio::{ChildError, TaskFailure, TaskGroup};
use windlass::task::{UnhandledKind, yield_now};
use windlass_tests::group::Oops;
use windlass_tests::reports::reporting;
use windlass_tests::{Flavor, OnDrop, PanicsOnDrop, on_every_flavor, poll_once};

on_every_flavor!(
    of_children_when_the_body_panics,
    of_a_group_that_is_dropped_outside_of_its_runtime,
    of_a_child_whose_output_panics_too_when_it_is_dropped,
    of_a_child_that_returned_an_error_and_panics_when_it_is_dropped,
    of_a_body_that_panics_when_it_is_dropped,
    of_a_blocking_child_that_panics_when_it_is_dropped,
);

fn of_children_when_the_body_panics(flavor: Flavor) {
    let (runtime, reports) = reporting(flavor);
    let scope = runtime.spawn(TaskGroup::<Oops>::scope(async |group| {
        let (tx, begun) = oneshot::channel::<()>();
        group.spawn(async move {
            let _crash = OnDrop::new(|| panic!("the child"));
            tx.send(()).unwrap();
            pending::<Result<(), _>>().await
        });
        begun.await.unwrap();
        panic!("the body") as Result<(), _>
    }));
    assert!(runtime.block_on(scope).unwrap_err().is_panic());
    assert_eq!(*reports.lock(), [(UnhandledKind::TaskGroup, "the child".to_owned())]);
}

fn of_a_group_that_is_dropped_outside_of_its_runtime(flavor: Flavor) {
    let (runtime, reports) = reporting(flavor);
    let group = runtime.block_on(async {
        let group = TaskGroup::new();
        let child = group.spawn(async { panic!("the child") as Result<(), Oops> });
        assert_eq!(child.await, Err(ChildError::Failed));
        group
    });
    drop(group);
    assert_eq!(*reports.lock(), [(UnhandledKind::TaskGroup, "the child".to_owned())]);
}

/// A future that is ready with this, and panics when it is dropped.
fn ready_and_panics<T>(value: T) -> impl Future<Output = T> {
    let mut value = Some(value);
    let mut held = OnDrop::new(|| panic!("the future"));
    poll_fn(move |_| {
        black_box(&mut held);
        Poll::Ready(value.take().unwrap())
    })
}

fn of_a_child_whose_output_panics_too_when_it_is_dropped(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let group = TaskGroup::<Oops>::new();
        let child = group.spawn(ready_and_panics(Ok(PanicsOnDrop)));
        let errors = group.join().await.unwrap_err();
        assert_eq!((errors.len(), errors.to_string().contains("the future")), (1, true));
        assert_eq!(child.await.unwrap_err(), ChildError::Failed);
    });
}

fn of_a_child_that_returned_an_error_and_panics_when_it_is_dropped(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let group = TaskGroup::new();
        group.spawn(ready_and_panics(Err::<(), _>(Oops("the error"))));
        let errors = group.join().await.unwrap_err();
        assert!(matches!(
            errors.iter().as_slice(),
            [TaskFailure::Error(Oops("the error")), TaskFailure::Join(_)]
        ));
    });
}

fn of_a_body_that_panics_when_it_is_dropped(flavor: Flavor) {
    let (runtime, reports) = reporting(flavor);
    runtime.block_on(async {
        let (release, released) = mpsc::channel::<()>();
        let dropped = Arc::new(AtomicBool::new(false));
        let drops = dropped.clone();
        let mut scope = Box::pin(TaskGroup::<Oops>::scope(async move |group| {
            let _crash = PanicsOnDrop;
            let _told = OnDrop::new(move || drops.store(true, Ordering::SeqCst));
            let (tx, begun) = oneshot::channel();
            group.spawn_blocking(move || {
                tx.send(()).unwrap();
                let _ = released.recv();
                panic!("the child") as Result<(), _>
            });
            begun.await.unwrap();
            group.spawn(async { Err::<(), _>(Oops("another child")) });
            pending::<Result<(), _>>().await
        }));
        while !dropped.load(Ordering::SeqCst) {
            let polled = catch_unwind(AssertUnwindSafe(|| poll_once(&mut scope).is_pending()));
            assert!(polled.is_ok_and(|waits| waits), "one of its tasks is not done");
            yield_now().await;
        }
        drop(release);
        assert!(AssertUnwindSafe(scope).catch_unwind().await.is_err());
    });
    let kinds: Vec<_> = reports.lock().iter().map(|(kind, _)| *kind).collect();
    assert_eq!(
        kinds,
        [UnhandledKind::TaskGroup; 2],
        "that of each child, since the body's takes their place"
    );
}

fn of_a_blocking_child_that_panics_when_it_is_dropped(flavor: Flavor) {
    let runtime = flavor.builder().max_blocking_threads(1).build().unwrap();
    runtime.block_on(async {
        let (release, released) = mpsc::channel::<()>();
        let other = windlass::task::spawn_blocking(move || {
            let _ = released.recv();
        });
        let group = TaskGroup::<Oops>::new();
        let crash = PanicsOnDrop;
        let child = group.spawn_blocking(move || {
            drop(crash);
            Ok(())
        });
        // It has not begun, and will not.
        group.cancel();
        drop(release);
        let failures = group.join().await.expect_err("the child's panic is the group's");
        assert_eq!(failures.into_iter().filter(TaskFailure::is_panic).count(), 1);
        assert_eq!(child.await, Err(ChildError::Cancelled));
        other.await.unwrap();
    });
}

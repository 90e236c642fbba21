//! Task ids: unique while the task lives, the same from inside and outside, and known in every destructor.

use std::collections::HashSet;
use std::future::{Future, pending};
use std::pin::Pin;
use std::task::{Context, Poll};

use futures::channel::oneshot;
use windlass::task::{self, Id, JoinSet, LocalSet};
use windlass_tests::{Flavor, OnDrop, on_every_flavor, once, panics_at_its_caller, wake_self};

on_every_flavor!(
    a_task_knows_its_id,
    a_blocking_job_knows_its_id,
    a_local_task_knows_its_id,
    ids_of_live_tasks_differ,
    ids_are_the_same_inside_and_outside,
    an_id_does_not_change_from_poll_to_poll,
    there_is_none_in_block_on,
    the_destructor_of_a_future_that_completed_knows_it,
    the_destructor_of_a_future_that_was_aborted_knows_it,
    the_destructor_of_a_future_never_polled_knows_it,
    the_destructor_of_a_future_dropped_with_the_runtime_knows_it,
    the_destructor_of_an_output_whose_handle_went_before_knows_it,
    the_destructor_of_an_output_whose_handle_goes_after_knows_it,
    a_nested_local_set_gives_the_outer_id_back,
    a_block_on_in_a_blocking_job_hides_and_restores_it,
    ids_can_be_compared_hashed_and_shown,
);

once!(id_outside_a_task_panics_at_its_caller);

fn a_task_knows_its_id(flavor: Flavor) {
    let runtime = flavor.runtime();
    let task = runtime.spawn(async { (task::id(), task::try_id()) });
    let id = task.id();
    assert_eq!(runtime.block_on(task).unwrap(), (id, Some(id)));
}

fn a_blocking_job_knows_its_id(flavor: Flavor) {
    let runtime = flavor.runtime();
    let job = runtime.spawn_blocking(|| (task::id(), task::try_id()));
    let id = job.id();
    assert_eq!(runtime.block_on(job).unwrap(), (id, Some(id)));
}

fn a_local_task_knows_its_id(flavor: Flavor) {
    let runtime = flavor.runtime();
    let local = LocalSet::new();
    let task = local.spawn_local(async {
        wake_self().await;
        task::id()
    });
    let id = task.id();
    assert_eq!(local.block_on(&runtime, task).unwrap(), id);
}

fn ids_of_live_tasks_differ(flavor: Flavor) {
    let runtime = flavor.runtime();
    let handles: Vec<_> = (0..1_000).map(|_| runtime.spawn(pending::<()>())).collect();
    let ids: HashSet<_> = handles.iter().map(task::JoinHandle::id).collect();
    assert_eq!(ids.len(), handles.len());
}

fn ids_are_the_same_inside_and_outside(flavor: Flavor) {
    let runtime = flavor.runtime();
    let (tx, rx) = oneshot::channel();
    let task = runtime.spawn(async move { assert_eq!(rx.await, Ok(task::id())) });
    let abort = task.abort_handle();
    assert_eq!(abort.id(), task.id());
    tx.send(task.id()).unwrap();
    runtime.block_on(task).unwrap();

    runtime.block_on(async {
        let mut set = JoinSet::new();
        let abort = set.spawn(async { task::id() });
        let (id, from_inside) = set.join_next_with_id().await.unwrap().unwrap();
        assert_eq!((id, from_inside), (abort.id(), abort.id()));
    });
}

fn an_id_does_not_change_from_poll_to_poll(flavor: Flavor) {
    let runtime = flavor.runtime();
    let tasks: Vec<_> = (0..20)
        .map(|_| {
            runtime.spawn(async {
                let id = task::id();
                for _ in 0..20 {
                    wake_self().await;
                    assert_eq!(task::id(), id);
                }
            })
        })
        .collect();
    runtime.block_on(async {
        for task in tasks {
            task.await.unwrap();
        }
    });
}

fn there_is_none_in_block_on(flavor: Flavor) {
    let runtime = flavor.runtime();
    assert_eq!(task::try_id(), None);
    runtime.block_on(async {
        for _ in 0..20 {
            assert_eq!(task::try_id(), None);
            windlass::spawn(wake_self()).await.unwrap();
        }
    });
    runtime.handle().block_on(async { assert_eq!(task::try_id(), None) });
    assert_eq!(task::try_id(), None);
}

/// Sends the id of the task that it is dropped in.
fn tells_id() -> (OnDrop<impl FnOnce()>, oneshot::Receiver<Id>) {
    let (tx, rx) = oneshot::channel();
    (OnDrop::new(move || tx.send(task::id()).unwrap()), rx)
}

fn the_destructor_of_a_future_that_completed_knows_it(flavor: Flavor) {
    struct Holds<T>(T);
    impl<T> Future for Holds<T> {
        type Output = ();
        fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
            Poll::Ready(())
        }
    }
    let runtime = flavor.runtime();
    let (tells, told) = tells_id();
    let task = runtime.spawn(Holds(tells));
    let id = task.id();
    runtime.block_on(task).unwrap();
    assert_eq!(runtime.block_on(told), Ok(id));
}

fn the_destructor_of_a_future_that_was_aborted_knows_it(flavor: Flavor) {
    let runtime = flavor.runtime();
    let (tells, told) = tells_id();
    let (polled, was_polled) = oneshot::channel();
    let task = runtime.spawn(async move {
        let _tells = tells;
        polled.send(()).unwrap();
        pending::<()>().await;
    });
    let id = task.id();
    runtime.block_on(was_polled).unwrap();
    task.abort();
    assert!(runtime.block_on(task).unwrap_err().is_cancelled());
    assert_eq!(runtime.block_on(told), Ok(id));
}

fn the_destructor_of_a_future_never_polled_knows_it(flavor: Flavor) {
    let runtime = flavor.runtime();
    runtime.block_on(async {
        let (tells, told) = tells_id();
        let task = windlass::spawn(async move {
            let _tells = tells;
            pending::<()>().await;
        });
        let id = task.id();
        task.abort();
        assert!(task.await.unwrap_err().is_cancelled());
        assert_eq!(told.await, Ok(id));
    });
}

fn the_destructor_of_a_future_dropped_with_the_runtime_knows_it(flavor: Flavor) {
    let runtime = flavor.runtime();
    let (tells, told) = tells_id();
    let (polled, was_polled) = oneshot::channel();
    let task = runtime.spawn(async move {
        let _tells = tells;
        polled.send(()).unwrap();
        pending::<()>().await;
    });
    let id = task.id();
    runtime.block_on(was_polled).unwrap();
    drop(runtime);
    assert_eq!(futures::executor::block_on(told), Ok(id));
    assert_eq!(task::try_id(), None);
}

fn the_destructor_of_an_output_whose_handle_went_before_knows_it(flavor: Flavor) {
    let runtime = flavor.runtime();
    let (tells, told) = tells_id();
    let (go_on, may_go_on) = oneshot::channel::<()>();
    let task = runtime.spawn(async move {
        may_go_on.await.unwrap();
        tells
    });
    let id = task.id();
    drop(task);
    go_on.send(()).unwrap();
    assert_eq!(runtime.block_on(told), Ok(id));
}

fn the_destructor_of_an_output_whose_handle_goes_after_knows_it(flavor: Flavor) {
    let runtime = flavor.runtime();
    let (tells, told) = tells_id();
    let task = runtime.spawn(async move { tells });
    let id = task.id();
    runtime.block_on(windlass_tests::yield_until(|| task.is_finished()));
    drop(task);
    assert_eq!(runtime.block_on(told), Ok(id));
}

fn a_nested_local_set_gives_the_outer_id_back(flavor: Flavor) {
    let runtime = flavor.runtime();
    let local = LocalSet::new();
    local.block_on(&runtime, async {
        task::spawn_local(async {
            let outer = task::id();
            LocalSet::new()
                .run_until(async {
                    task::spawn_local(async move { assert_ne!(task::id(), outer) }).await.unwrap();
                })
                .await;
            assert_eq!(task::id(), outer);
        })
        .await
        .unwrap();
    });
}

fn a_block_on_in_a_blocking_job_hides_and_restores_it(flavor: Flavor) {
    let runtime = flavor.runtime();
    let handle = runtime.handle().clone();
    let job = runtime.spawn_blocking(move || {
        let outer = task::id();
        let inner = Flavor::CurrentThread.runtime();
        let task = inner.spawn(async { task::id() });
        let id = task.id();
        assert_eq!(inner.block_on(task).unwrap(), id);
        assert_eq!(task::id(), outer);
        let task = handle.spawn(async { task::id() });
        let id = task.id();
        assert_eq!(handle.block_on(task).unwrap(), id);
        assert_eq!(task::id(), outer);
    });
    runtime.block_on(job).unwrap();
}

fn ids_can_be_compared_hashed_and_shown(flavor: Flavor) {
    let runtime = flavor.runtime();
    let one = runtime.spawn(async {});
    let other = runtime.spawn(async {});
    let (one, other) = (one.id(), other.id());
    assert_eq!(one, one.clone());
    assert_ne!(one, other);
    assert_eq!(HashSet::from([one, other, one]).len(), 2);
    // Shown as a number, which the errors of the task repeat.
    assert!(one.to_string().parse::<u64>().is_ok(), "{one}");
    assert_ne!(one.to_string(), other.to_string());
    assert!(format!("{one:?}").contains(&one.to_string()));
}

fn id_outside_a_task_panics_at_its_caller() {
    panics_at_its_caller(|| task::id().to_string());
    panics_at_its_caller(|| Flavor::CurrentThread.runtime().block_on(async { task::id() }));
    panics_at_its_caller(|| Flavor::MultiThread(1).runtime().block_on(async { task::id() }));
}

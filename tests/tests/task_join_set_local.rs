//! A `JoinSet` of tasks of a `LocalSet`.

use std::future::{Future, pending};
use std::pin::Pin;
use std::rc::Rc;
use std::task::Context;

use futures::channel::oneshot;
use windlass::task::{JoinSet, LocalSet};
use windlass_tests::{Flavor, on_every_flavor, panics, panics_when_woken, poll_once};

on_every_flavor!(
    local_tasks_of_a_set,
    local_tasks_of_a_set_shut_down,
    local_tasks_of_a_set_dropped,
    local_tasks_of_a_set_dropped_beside_a_waker_that_panics,
    local_tasks_spawned_before_the_local_set_is_driven,
    local_tasks_dropped_before_the_local_set_is_driven,
    spawn_local_outside_a_local_set_panics,
);

/// Spawns `!Send` tasks that return their index.
fn spawn_local_indices(set: &mut JoinSet<usize>, count: usize, on: Option<&LocalSet>) {
    for i in 0..count {
        let not_send = Rc::new(i);
        match on {
            None => set.spawn_local(async move { *not_send }),
            Some(local) => set.spawn_local_on(async move { *not_send }, local),
        };
    }
}

/// Spawns `!Send` tasks that wait forever; what is returned ends with an error when they are dropped.
fn spawn_local_waiting(
    set: &mut JoinSet<()>,
    count: usize,
    on: Option<&LocalSet>,
) -> Vec<oneshot::Receiver<()>> {
    (0..count)
        .map(|_| {
            let (tx, rx) = oneshot::channel();
            let not_send = Rc::new(tx);
            let future = async move {
                let _not_send = not_send;
                pending::<()>().await;
            };
            match on {
                None => set.spawn_local(future),
                Some(local) => set.spawn_local_on(future, local),
            };
            rx
        })
        .collect()
}

async fn assert_all_dropped(dropped: Vec<oneshot::Receiver<()>>) {
    for dropped in dropped {
        assert!(dropped.await.is_err());
    }
}

fn local_tasks_of_a_set(flavor: Flavor) {
    let runtime = flavor.runtime();
    LocalSet::new().block_on(&runtime, async {
        let mut set = JoinSet::new();
        spawn_local_indices(&mut set, 8, None);
        let mut outputs = set.join_all().await;
        outputs.sort_unstable();
        assert_eq!(outputs, (0..8).collect::<Vec<_>>());
    });
}

fn local_tasks_of_a_set_shut_down(flavor: Flavor) {
    let runtime = flavor.runtime();
    LocalSet::new().block_on(&runtime, async {
        let mut set = JoinSet::new();
        let dropped = spawn_local_waiting(&mut set, 8, None);
        assert!(set.try_join_next().is_none());
        set.shutdown().await;
        assert!(set.is_empty());
        assert_all_dropped(dropped).await;
    });
}

fn local_tasks_of_a_set_dropped(flavor: Flavor) {
    let runtime = flavor.runtime();
    LocalSet::new().block_on(&runtime, async {
        let mut set = JoinSet::new();
        let dropped = spawn_local_waiting(&mut set, 8, None);
        drop(set);
        assert_all_dropped(dropped).await;
    });
}

fn local_tasks_spawned_before_the_local_set_is_driven(flavor: Flavor) {
    let runtime = flavor.runtime();
    let local = LocalSet::new();
    let mut set = JoinSet::new();
    spawn_local_indices(&mut set, 8, Some(&local));
    assert!(set.try_join_next().is_none());
    let mut outputs = local.block_on(&runtime, set.join_all());
    outputs.sort_unstable();
    assert_eq!(outputs, (0..8).collect::<Vec<_>>());
}

fn local_tasks_dropped_before_the_local_set_is_driven(flavor: Flavor) {
    let runtime = flavor.runtime();
    let local = LocalSet::new();
    let mut set = JoinSet::new();
    let dropped = spawn_local_waiting(&mut set, 8, Some(&local));
    assert!(set.try_join_next().is_none());
    drop(set);
    local.block_on(&runtime, assert_all_dropped(dropped));
}

fn spawn_local_outside_a_local_set_panics(flavor: Flavor) {
    let runtime = flavor.runtime();
    let panicked = panics(|| {
        runtime.block_on(async {
            let mut set = JoinSet::new();
            set.spawn_local(async {});
        });
    });
    assert!(panicked.message.contains("LocalSet"), "{}", panicked.message);
}

fn local_tasks_of_a_set_dropped_beside_a_waker_that_panics(_: Flavor) {
    let mut local = LocalSet::new();
    let mut set = JoinSet::new();
    let ended = spawn_local_waiting(&mut set, 3, Some(&local));
    assert!(Pin::new(&mut local).poll(&mut Context::from_waker(&panics_when_woken())).is_pending());
    drop(set);
    assert!(poll_once(&mut local).is_ready(), "all of them were aborted");
    drop(ended);
}

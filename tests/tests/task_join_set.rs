//! `JoinSet`: joins what it spawned in the order in which it finishes, aborts the rest when it is dropped.

use std::collections::HashSet;
use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use futures::FutureExt;
use futures::channel::oneshot;
use windlass::runtime::Runtime;
use windlass::task::{self, JoinSet};
use windlass_tests::{
    CountingWaker, Flavor, PanicsOnDrop, on_every_flavor, once, panics_at_its_caller, wake_self, yield_until,
};

on_every_flavor!(
    tasks_are_joined_as_they_finish,
    a_set_can_be_used_again,
    alternating_spawns_and_joins,
    detached_tasks_go_on,
    dropping_the_set_aborts_its_tasks,
    shutdown_aborts_and_waits,
    a_panic_that_shutdown_or_drop_meets_is_reported,
    abort_all_leaves_the_results_to_be_joined,
    some_tasks_aborted_through_their_handles,
    join_all_returns_all_outputs,
    join_all_panics_as_a_task_did,
    a_panic_in_a_task_is_one_result,
    join_next_with_id_names_the_task,
    join_next_may_be_dropped_and_asked_again,
    try_join_next_never_waits,
    try_join_next_with_id_never_waits,
    a_set_is_collected_and_extended,
    a_set_of_tasks_on_a_handle,
    a_set_of_blocking_jobs,
    a_set_whose_runtime_is_gone,
    a_thousand_results_do_not_starve_others,
    a_future_that_panics_in_drop_does_not_stop_the_set,
    a_set_can_be_moved_to_a_task,
    a_set_wakes_whoever_waits_last,
);

once!(a_waker_that_drives_the_runtime_in_its_drop, spawning_with_no_runtime_panics_at_its_caller);

fn tasks_are_joined_as_they_finish(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let mut set = JoinSet::new();
        let mut senders = Vec::new();
        for i in 0..10 {
            let (tx, rx) = oneshot::channel::<()>();
            set.spawn(async move {
                rx.await.unwrap();
                i
            });
            senders.push(tx);
            assert_eq!(set.len(), i + 1);
        }
        assert!(!set.is_empty());
        // In the reverse order, one by one.
        for (i, tx) in senders.into_iter().enumerate().rev() {
            tx.send(()).unwrap();
            assert_eq!(set.join_next().await.unwrap().unwrap(), i);
            assert_eq!(set.len(), i);
        }
        assert!(set.join_next().await.is_none());
    });
}

fn a_set_can_be_used_again(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let mut set = JoinSet::new();
        for _ in 0..3 {
            for i in 0..10 {
                set.spawn(async move {
                    wake_self().await;
                    i
                });
            }
            let mut seen = HashSet::new();
            while let Some(result) = set.join_next().await {
                assert!(seen.insert(result.unwrap()));
            }
            assert_eq!(seen.len(), 10);
            assert!(set.join_next().await.is_none());
        }
    });
}

fn alternating_spawns_and_joins(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let mut set = JoinSet::new();
        set.spawn(async {});
        set.spawn(async {});
        for _ in 0..16 {
            set.join_next().await.unwrap().unwrap();
            assert_eq!(set.len(), 1);
            set.spawn(async {});
            assert_eq!(set.len(), 2);
        }
    });
}

fn detached_tasks_go_on(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let done = Arc::new(AtomicUsize::new(0));
        let mut set = JoinSet::new();
        for _ in 0..10 {
            let done = done.clone();
            set.spawn(async move {
                wake_self().await;
                done.fetch_add(1, Ordering::SeqCst);
            });
        }
        set.detach_all();
        assert_eq!(set.len(), 0);
        assert!(set.join_next().await.is_none());
        drop(set);
        yield_until(|| done.load(Ordering::SeqCst) == 10).await;
    });
}

/// Spawns tasks that wait forever; what is returned ends with an error when they are dropped.
fn spawn_waiting(set: &mut JoinSet<()>, count: usize) -> Vec<oneshot::Receiver<()>> {
    (0..count)
        .map(|_| {
            let (tx, rx) = oneshot::channel::<()>();
            set.spawn(async move {
                let _tx = tx;
                pending::<()>().await;
            });
            rx
        })
        .collect()
}

fn dropping_the_set_aborts_its_tasks(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let mut set = JoinSet::new();
        let dropped = spawn_waiting(&mut set, 16);
        drop(set);
        for dropped in dropped {
            assert!(dropped.await.is_err());
        }
    });
}

fn shutdown_aborts_and_waits(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let mut set = JoinSet::new();
        let dropped = spawn_waiting(&mut set, 16);
        set.spawn(async {});
        set.shutdown().await;
        assert!(set.is_empty());
        for mut dropped in dropped {
            assert!(dropped.try_recv().is_err(), "shutdown returned before a task was dropped");
        }
        set.shutdown().await;
    });
}

fn a_panic_that_shutdown_or_drop_meets_is_reported(flavor: Flavor) {
    for shut_down in [false, true] {
        let reports = Arc::new(AtomicUsize::new(0));
        let reported = reports.clone();
        let runtime = flavor
            .builder()
            .on_unhandled(move |unhandled| {
                assert_eq!(unhandled.message(), "nobody looks");
                reported.fetch_add(1, Ordering::SeqCst);
            })
            .build()
            .unwrap();
        runtime.block_on(async {
            let mut set = JoinSet::new();
            let panicked = set.spawn(async { std::panic::resume_unwind(Box::new("nobody looks")) });
            set.spawn(std::future::pending::<()>());
            yield_until(|| panicked.is_finished()).await;
            if shut_down {
                set.shutdown().await;
            }
        });
        assert_eq!(reports.load(Ordering::SeqCst), 1, "shut down: {shut_down}");
    }
}

fn abort_all_leaves_the_results_to_be_joined(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let mut set = JoinSet::new();
        let _dropped = spawn_waiting(&mut set, 5);
        let finished: Vec<_> = (0..5).map(|_| set.spawn(async {})).collect();
        yield_until(|| finished.iter().all(task::AbortHandle::is_finished)).await;
        set.abort_all();
        assert_eq!(set.len(), 10);

        let (mut completed, mut cancelled) = (0, 0);
        while let Some(result) = set.join_next().await {
            match result {
                Ok(()) => completed += 1,
                Err(error) => {
                    assert!(error.is_cancelled());
                    cancelled += 1;
                }
            }
        }
        assert_eq!((completed, cancelled), (5, 5));
    });
}

fn some_tasks_aborted_through_their_handles(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let mut set = JoinSet::new();
        let mut senders = Vec::new();
        for i in 0..16 {
            let (tx, rx) = oneshot::channel::<()>();
            let abort = set.spawn(async move {
                rx.await.unwrap();
                i
            });
            if i % 2 != 0 {
                abort.abort();
            }
            senders.push(tx);
        }
        let mut cancelled = 0;
        for _ in 0..8 {
            assert!(set.join_next().await.unwrap().unwrap_err().is_cancelled());
            cancelled += 1;
        }
        for tx in senders {
            // The receivers of those that were aborted are gone.
            let _ = tx.send(());
        }
        let mut completed = 0;
        while let Some(result) = set.join_next().await {
            assert_eq!(result.unwrap() % 2, 0);
            completed += 1;
        }
        assert_eq!((completed, cancelled), (8, 8));
    });
}

fn join_all_returns_all_outputs(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let mut set = JoinSet::new();
        for i in 0..5 {
            set.spawn(async move {
                wake_self().await;
                i
            });
        }
        let mut outputs = set.join_all().await;
        outputs.sort_unstable();
        assert_eq!(outputs, [0, 1, 2, 3, 4]);
    });
}

fn join_all_panics_as_a_task_did(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let mut set = JoinSet::new();
        let mut waiting = spawn_waiting(&mut set, 1);
        set.spawn(async { panic!("boom") });
        let error = windlass::spawn(set.join_all()).await.unwrap_err();
        assert_eq!(*error.into_panic().downcast_ref::<&'static str>().unwrap(), "boom");
        // The others were aborted with the set.
        assert!(waiting.pop().unwrap().await.is_err());
    });
}

fn a_panic_in_a_task_is_one_result(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let mut set = JoinSet::new();
        for i in 0..10 {
            set.spawn(async move {
                assert!(i != 5, "five");
                i
            });
        }
        let mut sum = 0;
        let mut panicked = 0;
        while let Some(result) = set.join_next().await {
            match result {
                Ok(i) => sum += i,
                Err(error) => {
                    assert!(error.is_panic());
                    panicked += 1;
                }
            }
        }
        assert_eq!((sum, panicked), (40, 1));
    });
}

fn join_next_with_id_names_the_task(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let mut set = JoinSet::new();
        let completes = set.spawn(async { task::id() }).id();
        let panics = set.spawn(async { panic!("boom") }).id();
        let aborted = set.spawn(pending());
        aborted.abort();
        let mut ids = HashSet::new();
        while let Some(result) = set.join_next_with_id().await {
            match result {
                Ok((id, output)) => {
                    assert_eq!((id, output), (completes, completes));
                    ids.insert(id);
                }
                Err(error) => {
                    assert_eq!(error.id(), if error.is_panic() { panics } else { aborted.id() });
                    ids.insert(error.id());
                }
            }
        }
        assert_eq!(ids.len(), 3);
    });
}

fn join_next_may_be_dropped_and_asked_again(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let mut set = JoinSet::new();
        let (tx, rx) = oneshot::channel::<()>();
        set.spawn(async move { rx.await.unwrap() });
        for _ in 0..10 {
            assert!(set.join_next().now_or_never().is_none());
        }
        tx.send(()).unwrap();
        set.join_next().await.unwrap().unwrap();
    });
}

fn try_join_next_never_waits(flavor: Flavor) {
    const TASKS: usize = 1_000;
    flavor.runtime().block_on(async {
        let mut set = JoinSet::new();
        assert!(set.try_join_next().is_none());
        let mut senders = Vec::new();
        let mut handles = Vec::new();
        for _ in 0..TASKS {
            let (tx, rx) = oneshot::channel::<()>();
            handles.push(set.spawn(async move { rx.await.unwrap() }));
            senders.push(tx);
        }
        assert!(set.try_join_next().is_none());
        for tx in senders {
            tx.send(()).unwrap();
        }
        yield_until(|| handles.iter().all(task::AbortHandle::is_finished)).await;
        let mut count = 0;
        while count < TASKS {
            // A result may be on its way to the set, on another thread, when its task is finished already.
            match set.try_join_next() {
                Some(result) => {
                    result.unwrap();
                    count += 1;
                }
                None => task::yield_now().await,
            }
        }
        assert!(set.is_empty());
        assert!(set.try_join_next().is_none());
    });
}

fn try_join_next_with_id_never_waits(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let mut set = JoinSet::new();
        let (tx, rx) = oneshot::channel::<()>();
        let id = set.spawn(async move { rx.await.unwrap() }).id();
        assert!(set.try_join_next_with_id().is_none());
        tx.send(()).unwrap();
        let result = loop {
            match set.try_join_next_with_id() {
                Some(result) => break result,
                None => task::yield_now().await,
            }
        };
        assert_eq!(result.unwrap(), (id, ()));
        assert!(set.try_join_next_with_id().is_none());
    });
}

fn a_set_is_collected_and_extended(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let mut set: JoinSet<_> = (0..5).map(|i| async move { i }).collect();
        set.extend((5..10).map(|i| async move { i }));
        let mut outputs = set.join_all().await;
        outputs.sort_unstable();
        assert_eq!(outputs, (0..10).collect::<Vec<_>>());
    });
}

fn a_set_of_tasks_on_a_handle(flavor: Flavor) {
    let runtime = flavor.runtime();
    let mut set = JoinSet::new();
    set.spawn_on(async { 1 }, runtime.handle());
    set.spawn_blocking_on(|| 1, runtime.handle());
    assert_eq!(runtime.block_on(set.join_all()), [1, 1]);
}

fn a_set_of_blocking_jobs(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let mut set = JoinSet::new();
        for i in 0..10 {
            set.spawn_blocking(move || i);
        }
        let mut outputs = set.join_all().await;
        outputs.sort_unstable();
        assert_eq!(outputs, (0..10).collect::<Vec<_>>());
    });
}

fn a_set_whose_runtime_is_gone(flavor: Flavor) {
    let mut set = JoinSet::new();
    {
        let runtime = flavor.runtime();
        for _ in 0..3 {
            set.spawn_on(pending::<()>(), runtime.handle());
        }
    }
    let other = flavor.runtime();
    for _ in 0..3 {
        assert!(other.block_on(set.join_next()).unwrap().unwrap_err().is_cancelled());
    }
    assert!(other.block_on(set.join_next()).is_none());
}

fn a_thousand_results_do_not_starve_others(flavor: Flavor) {
    const TASKS: usize = 1_000;
    flavor.runtime().block_on(async {
        let mut set = JoinSet::new();
        let handles: Vec<_> = (0..TASKS).map(|_| set.spawn(async {})).collect();
        yield_until(|| handles.iter().all(task::AbortHandle::is_finished)).await;
        // All of them are there for the taking, and yet one task may not take them all in one go.
        let (mut joined, mut given_way) = (0, 0);
        while joined < TASKS {
            match set.join_next().now_or_never() {
                Some(result) => {
                    result.unwrap().unwrap();
                    joined += 1;
                }
                None => {
                    given_way += 1;
                    task::yield_now().await;
                }
            }
        }
        assert!(given_way >= 1);
    });
}

fn a_future_that_panics_in_drop_does_not_stop_the_set(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let mut set = JoinSet::new();
        for _ in 0..10 {
            set.spawn(async {
                let _panics = PanicsOnDrop;
                pending::<()>().await;
            });
            set.spawn(pending());
        }
        for _ in 0..5 {
            task::yield_now().await;
        }
        set.abort_all();
        let mut results = 0;
        while let Some(result) = set.join_next().await {
            result.unwrap_err();
            results += 1;
        }
        assert_eq!(results, 20);
    });
}

fn a_set_can_be_moved_to_a_task(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let mut set = JoinSet::new();
        let mut senders = Vec::new();
        for i in 0..10 {
            let (tx, rx) = oneshot::channel::<()>();
            set.spawn(async move {
                rx.await.unwrap();
                i
            });
            senders.push(tx);
        }
        // Waited for here once, so that the set knows a waker of this future.
        assert!(set.join_next().now_or_never().is_none());
        for tx in senders {
            tx.send(()).unwrap();
        }
        let sum = windlass::spawn(async move {
            let mut sum = 0;
            while let Some(result) = set.join_next().await {
                sum += result.unwrap();
            }
            sum
        });
        assert_eq!(sum.await.unwrap(), 45);
    });
}

fn a_set_wakes_whoever_waits_last(flavor: Flavor) {
    let runtime = flavor.runtime();
    let mut set = JoinSet::new();
    let (tx, rx) = oneshot::channel::<()>();
    let abort = set.spawn_on(async move { rx.await.unwrap() }, runtime.handle());
    let (first, first_waker) = CountingWaker::new();
    let (last, last_waker) = CountingWaker::new();
    assert!(set.poll_join_next(&mut Context::from_waker(&first_waker)).is_pending());
    assert!(set.poll_join_next(&mut Context::from_waker(&last_waker)).is_pending());
    tx.send(()).unwrap();
    runtime.block_on(yield_until(|| abort.is_finished() && last.wakes() > 0));
    assert_eq!((first.wakes(), last.wakes()), (0, 1));
    assert!(set.poll_join_next(&mut Context::from_waker(&last_waker)).is_ready());
    assert!(matches!(set.poll_join_next(&mut Context::from_waker(&last_waker)), Poll::Ready(None)));
}

fn a_waker_that_drives_the_runtime_in_its_drop() {
    struct DrivesOnDrop(parking_lot::Mutex<Option<Runtime>>);
    impl Wake for DrivesOnDrop {
        fn wake(self: Arc<Self>) {}
    }
    impl Drop for DrivesOnDrop {
        fn drop(&mut self) {
            let runtime = self.0.lock().take().unwrap();
            runtime.block_on(task::yield_now());
        }
    }
    let runtime = Flavor::CurrentThread.runtime();
    let mut set = JoinSet::new();
    set.spawn_on(async { 42 }, runtime.handle());
    let waker = Waker::from(Arc::new(DrivesOnDrop(parking_lot::Mutex::new(Some(runtime)))));
    assert!(set.poll_join_next(&mut Context::from_waker(&waker)).is_pending());
    drop(waker);
    // The set drops the old waker for another, which runs the task, which wakes the set: no lock may be held.
    let result = loop {
        if let Poll::Ready(result) = set.poll_join_next(&mut Context::from_waker(Waker::noop())) {
            break result.unwrap();
        }
    };
    assert_eq!(result.unwrap(), 42);
}

fn spawning_with_no_runtime_panics_at_its_caller() {
    panics_at_its_caller(|| JoinSet::new().spawn(async {}));
    panics_at_its_caller(|| JoinSet::new().spawn_blocking(|| {}));
    panics_at_its_caller(|| JoinSet::new().spawn_local(async {}));
}

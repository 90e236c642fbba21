//! `JoinHandle`: detaches when it is dropped, keeps the output until it is asked for, and contains panics of its drop.

use std::future::{Future, pending};
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc as std_mpsc};
use std::task::{Context, Poll};
use std::thread;

use futures::channel::oneshot;
use windlass::task;
use windlass_tests::{
    CountingWaker, Flavor, Ledger, OnDrop, PanicsOnDrop, on_every_flavor, poll_once, wake_self, yield_until,
};

on_every_flavor!(
    dropped_at_once_it_detaches,
    dropped_after_it_was_polled_it_detaches,
    dropped_after_completion_it_drops_the_output,
    dropped_after_completion_on_another_thread_it_drops_the_output_there,
    dropped_before_completion_the_task_drops_the_output,
    an_output_that_panics_when_the_handle_drops_it_is_contained,
    an_output_that_panics_when_the_task_drops_it_is_contained,
    an_output_is_moved_out_not_dropped,
    it_can_be_awaited_by_any_executor,
    it_can_be_awaited_by_reference,
    it_wakes_only_the_last_waker,
    it_is_woken_once,
    is_finished_becomes_true_and_stays,
    it_moves_from_task_to_task,
    a_handle_of_a_handle,
    dropping_handles_races_completion,
);

fn dropped_at_once_it_detaches(flavor: Flavor) {
    let runtime = flavor.runtime();
    let (tx, rx) = oneshot::channel();
    drop(runtime.spawn(async move {
        wake_self().await;
        tx.send("went on").unwrap();
    }));
    assert_eq!(runtime.block_on(rx), Ok("went on"));
}

fn dropped_after_it_was_polled_it_detaches(flavor: Flavor) {
    let runtime = flavor.runtime();
    let (tx, rx) = oneshot::channel();
    let (go_on, may_go_on) = oneshot::channel::<()>();
    let mut task = runtime.spawn(async move {
        may_go_on.await.unwrap();
        tx.send("went on").unwrap();
    });
    let (counter, waker) = CountingWaker::new();
    assert!(Pin::new(&mut task).poll(&mut Context::from_waker(&waker)).is_pending());
    drop(task);
    go_on.send(()).unwrap();
    assert_eq!(runtime.block_on(rx), Ok("went on"));
    assert_eq!(counter.wakes(), 0, "nobody waits any more");
}

fn dropped_after_completion_it_drops_the_output(flavor: Flavor) {
    let runtime = flavor.runtime();
    let ledger = Ledger::new();
    let tracked = ledger.track();
    let task = runtime.spawn(async move { tracked });
    runtime.block_on(yield_until(|| task.is_finished()));
    assert_eq!(ledger.dropped(), 0);
    drop(task);
    assert_eq!(ledger.dropped(), 1);
}

fn dropped_after_completion_on_another_thread_it_drops_the_output_there(flavor: Flavor) {
    let runtime = flavor.runtime();
    let ledger = Ledger::new();
    let tracked = ledger.track();
    let task = runtime.spawn(async move { tracked });
    runtime.block_on(yield_until(|| task.is_finished()));
    let thread = thread::spawn(move || {
        drop(task);
        thread::current().id()
    });
    let there = thread.join().unwrap();
    ledger.assert_each_dropped_once(|thread| thread == there);
}

fn dropped_before_completion_the_task_drops_the_output(flavor: Flavor) {
    let runtime = flavor.runtime();
    let (tx, rx) = oneshot::channel();
    let (go_on, may_go_on) = oneshot::channel::<()>();
    let task = runtime.spawn(async move {
        may_go_on.await.unwrap();
        OnDrop::new(move || tx.send("dropped").unwrap())
    });
    drop(task);
    go_on.send(()).unwrap();
    assert_eq!(runtime.block_on(rx), Ok("dropped"));
}

fn an_output_that_panics_when_the_handle_drops_it_is_contained(flavor: Flavor) {
    let runtime = flavor.runtime();
    for _ in 0..20 {
        let task = runtime.spawn(async { PanicsOnDrop });
        runtime.block_on(yield_until(|| task.is_finished()));
        drop(task);
    }
}

fn an_output_that_panics_when_the_task_drops_it_is_contained(flavor: Flavor) {
    let runtime = flavor.runtime();
    for _ in 0..20 {
        let task = runtime.spawn(async { PanicsOnDrop });
        let finished = task.abort_handle();
        drop(task);
        runtime.block_on(yield_until(|| finished.is_finished()));
    }
    assert_eq!(runtime.block_on(async { windlass::spawn(async { 1 }).await.unwrap() }), 1);
}

fn an_output_is_moved_out_not_dropped(flavor: Flavor) {
    let runtime = flavor.runtime();
    let ledger = Ledger::new();
    let tracked = ledger.track();
    let output = runtime.block_on(runtime.spawn(async move { tracked })).unwrap();
    assert_eq!(ledger.dropped(), 0);
    drop(runtime);
    assert_eq!(ledger.dropped(), 0);
    drop(output);
    assert_eq!(ledger.dropped(), 1);
}

fn it_can_be_awaited_by_any_executor(flavor: Flavor) {
    let runtime = Arc::new(flavor.runtime());
    let task = runtime.spawn(async {
        wake_self().await;
        "output"
    });
    let thread = thread::spawn(move || futures::executor::block_on(task).unwrap());
    let other = flavor.runtime();
    let task = runtime.spawn(async { "other" });
    if flavor.is_current_thread() {
        runtime.block_on(yield_until(|| task.is_finished() && thread.is_finished()));
    }
    assert_eq!(other.block_on(task).unwrap(), "other");
    assert_eq!(thread.join().unwrap(), "output");
}

fn it_can_be_awaited_by_reference(flavor: Flavor) {
    let runtime = flavor.runtime();
    let (tx, rx) = oneshot::channel::<()>();
    let mut task = runtime.spawn(async move {
        rx.await.unwrap();
        "output"
    });
    for _ in 0..5 {
        assert!(runtime.block_on(async { poll_once(&mut task) }).is_pending());
    }
    tx.send(()).unwrap();
    assert_eq!(runtime.block_on(&mut task).unwrap(), "output");
    assert!(task.is_finished());
}

fn it_wakes_only_the_last_waker(flavor: Flavor) {
    let runtime = flavor.runtime();
    let (tx, rx) = oneshot::channel::<()>();
    let mut task = runtime.spawn(async move { rx.await.unwrap() });
    let wakers: Vec<_> = (0..5).map(|_| CountingWaker::new()).collect();
    for (_, waker) in &wakers {
        assert!(Pin::new(&mut task).poll(&mut Context::from_waker(waker)).is_pending());
    }
    tx.send(()).unwrap();
    runtime.block_on(yield_until(|| wakers[4].0.wakes() > 0));
    let wakes: Vec<_> = wakers.iter().map(|(counter, _)| counter.wakes()).collect();
    assert_eq!(wakes, [0, 0, 0, 0, 1]);
    assert!(matches!(poll_once(&mut task), Poll::Ready(Ok(()))));
}

fn it_is_woken_once(flavor: Flavor) {
    let runtime = flavor.runtime();
    let (tx, rx) = oneshot::channel::<()>();
    let mut task = runtime.spawn(async move {
        rx.await.unwrap();
        for _ in 0..10 {
            wake_self().await;
        }
    });
    let (counter, waker) = CountingWaker::new();
    for _ in 0..3 {
        assert!(Pin::new(&mut task).poll(&mut Context::from_waker(&waker)).is_pending());
    }
    tx.send(()).unwrap();
    runtime.block_on(yield_until(|| counter.wakes() > 0));
    assert!(matches!(poll_once(&mut task), Poll::Ready(Ok(()))));
    drop(task);
    drop(runtime);
    assert_eq!(counter.wakes(), 1);
    assert_eq!(Arc::strong_count(&counter), 2, "a waker was left behind");
}

fn is_finished_becomes_true_and_stays(flavor: Flavor) {
    let runtime = flavor.runtime();
    let (tx, rx) = oneshot::channel::<()>();
    let mut task = runtime.spawn(async move { rx.await.unwrap() });
    runtime.block_on(async {
        for _ in 0..10 {
            task::yield_now().await;
            assert!(!task.is_finished());
        }
    });
    tx.send(()).unwrap();
    runtime.block_on(yield_until(|| task.is_finished()));
    runtime.block_on(&mut task).unwrap();
    assert!(task.is_finished());
    drop(runtime);
    assert!(task.is_finished());
}

#[allow(clippy::async_yields_async, reason = "that is the scenario")]
fn it_moves_from_task_to_task(flavor: Flavor) {
    let runtime = flavor.runtime();
    let out = runtime.block_on(async {
        let (tx, rx) = oneshot::channel::<()>();
        let mut task = windlass::spawn(async move {
            rx.await.unwrap();
            "output"
        });
        for _ in 0..10 {
            task = windlass::spawn(async move {
                // Leaves the waker of this task behind, and hands the handle on.
                assert!(futures::poll!(&mut task).is_pending());
                task
            })
            .await
            .unwrap();
        }
        tx.send(()).unwrap();
        task.await.unwrap()
    });
    assert_eq!(out, "output");
}

fn a_handle_of_a_handle(flavor: Flavor) {
    let runtime = flavor.runtime();
    #[allow(clippy::async_yields_async, reason = "that is the scenario")]
    let outer = runtime.spawn(async { windlass::spawn(async { "inner" }) });
    let out = runtime.block_on(async { outer.await.unwrap().await.unwrap() });
    assert_eq!(out, "inner");
    #[allow(clippy::async_yields_async, reason = "that is the scenario")]
    let never_taken = runtime.spawn(async { windlass::spawn(pending::<()>()) });
    runtime.block_on(yield_until(|| never_taken.is_finished()));
    drop(runtime);
}

fn dropping_handles_races_completion(flavor: Flavor) {
    const TASKS: usize = 2_000;
    let runtime = flavor.runtime();
    let outputs = Arc::new(AtomicUsize::new(0));
    let (tx, rx) = std_mpsc::channel();
    let dropper = thread::spawn(move || {
        for (i, mut task) in rx.into_iter().enumerate() {
            if i % 2 == 0 {
                let _ = poll_once(&mut task);
            }
            drop(task);
        }
    });
    for _ in 0..TASKS {
        let outputs = outputs.clone();
        tx.send(runtime.spawn(async move {
            OnDrop::new(move || {
                outputs.fetch_add(1, Ordering::SeqCst);
            })
        }))
        .unwrap();
    }
    drop(tx);
    runtime.block_on(yield_until(|| outputs.load(Ordering::SeqCst) == TASKS));
    dropper.join().unwrap();
    assert_eq!(outputs.load(Ordering::SeqCst), TASKS);
}

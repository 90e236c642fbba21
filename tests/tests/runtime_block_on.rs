//! `block_on`, whatever the flavour: what it may be given, on which thread it runs that, and what it is to tasks and to another one.

use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use futures::channel::oneshot;
use windlass::task;
use windlass_tests::{Flavor, on_every_flavor, panics, wake_self, yield_until};

on_every_flavor!(
    block_on_runs_a_future_that_borrows,
    block_on_runs_its_future_on_the_calling_thread,
    block_on_takes_a_future_that_is_neither_send_nor_static,
    block_on_waits_for_another_thread,
    block_on_runs_again_and_again,
    block_on_from_many_threads_at_once,
    block_on_in_block_on_panics,
    a_runtime_made_in_block_on_works_after_it,
    a_task_sends_to_block_on,
    a_task_outlives_the_block_on_that_spawned_it,
    handle_block_on_spawns_for_block_on,
    two_block_ons_hand_over_to_each_other,
    a_panic_in_block_on_is_the_callers,
);

fn block_on_runs_a_future_that_borrows(flavor: Flavor) {
    let runtime = flavor.runtime();
    let mut won = false;
    runtime.block_on(async { won = true });
    assert!(won);
}

fn block_on_runs_its_future_on_the_calling_thread(flavor: Flavor) {
    let runtime = flavor.runtime();
    let caller = thread::current().id();
    runtime.block_on(async {
        for _ in 0..100 {
            assert_eq!(thread::current().id(), caller);
            task::yield_now().await;
        }
        let task = windlass::spawn(wake_self());
        task.await.unwrap();
        assert_eq!(thread::current().id(), caller);
    });
}

fn block_on_takes_a_future_that_is_neither_send_nor_static(flavor: Flavor) {
    let runtime = flavor.runtime();
    let local = String::from("local");
    let shared = std::rc::Rc::new(&local);
    let length = runtime.block_on(async {
        task::yield_now().await;
        shared.len()
    });
    assert_eq!(length, local.len());
}

fn block_on_waits_for_another_thread(flavor: Flavor) {
    let runtime = flavor.runtime();
    let out = runtime.block_on(async {
        let (tx, mut rx) = oneshot::channel();
        // The thread starts once the future was polled and waits.
        let mut tx = Some(tx);
        let mut thread = None;
        let out = poll_fn(|context| {
            let poll = Pin::new(&mut rx).poll(context);
            if let Some(tx) = tx.take() {
                thread = Some(thread::spawn(move || tx.send("from a thread").unwrap()));
            }
            poll
        })
        .await
        .unwrap();
        thread.unwrap().join().unwrap();
        out
    });
    assert_eq!(out, "from a thread");
}

fn block_on_runs_again_and_again(flavor: Flavor) {
    let runtime = flavor.runtime();
    let sum =
        (0..1_000).map(|i| runtime.block_on(async move { windlass::spawn(async move { i }).await.unwrap() }));
    assert_eq!(sum.sum::<i32>(), 499_500);
}

fn block_on_from_many_threads_at_once(flavor: Flavor) {
    const THREADS: usize = 16;
    let runtime = flavor.runtime();
    let inside = AtomicUsize::new(0);
    thread::scope(|scope| {
        for thread in 0..THREADS {
            let (runtime, inside) = (&runtime, &inside);
            scope.spawn(move || {
                let out = runtime.block_on(async move {
                    // All of them are in `block_on` before any of them leaves.
                    inside.fetch_add(1, Ordering::SeqCst);
                    yield_until(|| inside.load(Ordering::SeqCst) == THREADS).await;
                    let tasks: Vec<_> = (0..50)
                        .map(|i| {
                            windlass::spawn(async move {
                                wake_self().await;
                                i * thread
                            })
                        })
                        .collect();
                    let mut sum = 0;
                    for task in tasks {
                        sum += task.await.unwrap();
                    }
                    sum
                });
                assert_eq!(out, 1225 * thread);
            });
        }
    });
}

fn block_on_in_block_on_panics(flavor: Flavor) {
    let outer = flavor.runtime();
    let inner = flavor.runtime();
    let panicked = panics(|| outer.block_on(async { inner.block_on(async {}) }));
    assert!(
        panicked.message.contains(".await"),
        "the message must say what to do instead: {}",
        panicked.message
    );
    // Neither is the worse for it.
    assert_eq!(outer.block_on(async { windlass::spawn(async { 1 }).await.unwrap() }), 1);
    assert_eq!(inner.block_on(async { windlass::spawn(async { 2 }).await.unwrap() }), 2);
}

fn a_runtime_made_in_block_on_works_after_it(flavor: Flavor) {
    let outer = flavor.runtime();
    let inner = outer.block_on(async { flavor.runtime() });
    assert_eq!(inner.block_on(async { windlass::spawn(async { "inner" }).await.unwrap() }), "inner");
}

fn a_task_sends_to_block_on(flavor: Flavor) {
    let out = flavor.runtime().block_on(async {
        let (tx, rx) = oneshot::channel();
        windlass::spawn(async move { tx.send("sent").unwrap() });
        rx.await.unwrap()
    });
    assert_eq!(out, "sent");
}

fn a_task_outlives_the_block_on_that_spawned_it(flavor: Flavor) {
    let runtime = flavor.runtime();
    let (tx, rx) = oneshot::channel::<u32>();
    let mut task = None;
    runtime.block_on(async { task = Some(windlass::spawn(async move { rx.await.unwrap() + 1 })) });
    tx.send(1).unwrap();
    assert_eq!(runtime.block_on(task.unwrap()).unwrap(), 2);
}

#[allow(clippy::async_yields_async, reason = "the handle is what the second block_on waits for")]
fn handle_block_on_spawns_for_block_on(flavor: Flavor) {
    let runtime = flavor.runtime();
    let (tx, rx) = oneshot::channel();
    let task = runtime.handle().block_on(async {
        windlass::spawn(async move {
            tx.send("sent").unwrap();
            "returned"
        })
    });
    let out = runtime.block_on(async { (rx.await.unwrap(), task.await.unwrap()) });
    assert_eq!(out, ("sent", "returned"));
}

fn two_block_ons_hand_over_to_each_other(flavor: Flavor) {
    let runtime = Arc::new(flavor.runtime());
    for _ in 0..50 {
        let (tx1, rx1) = oneshot::channel::<()>();
        let (tx2, rx2) = oneshot::channel::<()>();
        let first = runtime.clone();
        let first = thread::spawn(move || {
            first.block_on(async move {
                rx2.await.unwrap();
                task::yield_now().await;
                windlass::spawn(async move { tx1.send(()).unwrap() }).await.unwrap();
            });
        });
        let second = runtime.clone();
        let second = thread::spawn(move || {
            second.block_on(async move {
                windlass::spawn(async move { tx2.send(()).unwrap() }).await.unwrap();
                rx1.await.unwrap();
                task::yield_now().await;
            });
        });
        first.join().unwrap();
        second.join().unwrap();
    }
}

fn a_panic_in_block_on_is_the_callers(flavor: Flavor) {
    let runtime = flavor.runtime();
    for _ in 0..20 {
        let payload = catch_unwind(AssertUnwindSafe(|| {
            runtime.block_on(async {
                windlass::spawn(wake_self());
                task::yield_now().await;
                std::panic::panic_any(42);
            });
        }))
        .unwrap_err();
        assert_eq!(*payload.downcast_ref::<i32>().unwrap(), 42);
    }
    assert_eq!(runtime.block_on(async { windlass::spawn(async { 1 }).await.unwrap() }), 1);
}

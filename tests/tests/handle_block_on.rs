//! `Handle::block_on`: from any thread outside, before and after the runtime is gone, and inside blocking jobs.

use std::future::{pending, poll_fn};
use std::sync::mpsc as std_mpsc;
use std::task::Poll;
use std::thread;
use std::time::Duration;

use futures::channel::{mpsc, oneshot};
use futures::{SinkExt, StreamExt};
use windlass::runtime::{Handle, Runtime};
use windlass::task::{self, spawn_blocking};
use windlass_tests::{Flavor, linger_into_shutdown, on_every_flavor, on_multi_thread, panics, wake_self};

on_every_flavor!(
    a_ready_future_before_and_after_shutdown,
    a_bounded_channel_before_and_after_shutdown,
    an_unbounded_channel_before_and_after_shutdown,
    a_yield_before_and_after_shutdown,
    a_wake_from_a_thread_before_and_after_shutdown,
    a_blocking_job_is_awaited,
    a_blocking_job_after_shutdown_is_cancelled,
    a_blocking_job_started_before_shutdown_finishes,
    a_task_is_cancelled_under_a_block_on_that_waits_for_it,
    a_future_that_uses_up_the_threads_park_token_does_not_hang,
    block_on_in_a_task_panics_and_says_what_to_do,
    block_on_in_block_on_panics_and_says_what_to_do,
    block_on_in_a_blocking_job_works,
    block_on_in_a_blocking_job_waits_for_a_task,
    many_threads_at_once,
);

on_multi_thread!(spawned_tasks_run_elsewhere);

/// Runs `body` with the runtime entered, once while it lives and once after it was shut down.
fn before_and_after_shutdown(flavor: Flavor, body: impl Fn()) {
    let runtime = flavor.runtime();
    let handle = runtime.handle().clone();
    let _entered = handle.enter();
    body();
    runtime.shutdown_timeout(Duration::from_secs(1_000));
    body();
}

fn a_ready_future_before_and_after_shutdown(flavor: Flavor) {
    before_and_after_shutdown(flavor, || assert_eq!(Handle::current().block_on(async { 1 }), 1));
}

fn a_bounded_channel_before_and_after_shutdown(flavor: Flavor) {
    before_and_after_shutdown(flavor, || {
        let (mut tx, mut rx) = mpsc::channel(16);
        Handle::current().block_on(tx.send(42)).unwrap();
        assert_eq!(Handle::current().block_on(rx.next()), Some(42));
    });
}

fn an_unbounded_channel_before_and_after_shutdown(flavor: Flavor) {
    before_and_after_shutdown(flavor, || {
        let (tx, mut rx) = mpsc::unbounded();
        tx.unbounded_send(42).unwrap();
        assert_eq!(Handle::current().block_on(rx.next()), Some(42));
    });
}

fn a_yield_before_and_after_shutdown(flavor: Flavor) {
    before_and_after_shutdown(flavor, || {
        Handle::current().block_on(async {
            task::yield_now().await;
            wake_self().await;
        });
    });
}

fn a_wake_from_a_thread_before_and_after_shutdown(flavor: Flavor) {
    before_and_after_shutdown(flavor, || {
        for _ in 0..50 {
            let (tx, rx) = oneshot::channel();
            let thread = thread::spawn(move || tx.send(42).unwrap());
            assert_eq!(Handle::current().block_on(rx), Ok(42));
            thread.join().unwrap();
        }
    });
}

fn a_blocking_job_is_awaited(flavor: Flavor) {
    let runtime = flavor.runtime();
    let _entered = runtime.enter();
    assert_eq!(Handle::current().block_on(spawn_blocking(|| 42)).unwrap(), 42);
}

fn a_blocking_job_after_shutdown_is_cancelled(flavor: Flavor) {
    let runtime = flavor.runtime();
    let handle = runtime.handle().clone();
    let _entered = handle.enter();
    runtime.shutdown_timeout(Duration::from_secs(1_000));
    assert!(Handle::current().block_on(spawn_blocking(|| 42)).unwrap_err().is_cancelled());
}

fn a_blocking_job_started_before_shutdown_finishes(flavor: Flavor) {
    let runtime = flavor.runtime();
    let handle = runtime.handle().clone();
    let _entered = handle.enter();
    let (started, is_started) = std_mpsc::channel();
    let job = spawn_blocking(move || {
        started.send(()).unwrap();
        linger_into_shutdown(&Handle::current());
        42
    });
    is_started.recv().unwrap();
    runtime.shutdown_timeout(Duration::from_secs(1_000));
    assert_eq!(Handle::current().block_on(job).unwrap(), 42);
}

fn a_task_is_cancelled_under_a_block_on_that_waits_for_it(flavor: Flavor) {
    let runtime = flavor.runtime();
    let handle = runtime.handle().clone();
    let (waits, is_waiting) = std_mpsc::channel();
    let thread = thread::spawn(move || {
        handle.block_on(async {
            let mut task = windlass::spawn(pending::<()>());
            // Says so when the handle was polled and has this thread's waker.
            let mut waits = Some(waits);
            poll_fn(|context| {
                let poll = std::pin::Pin::new(&mut task).poll(context);
                if let Some(waits) = waits.take() {
                    waits.send(()).unwrap();
                }
                poll
            })
            .await
        })
    });
    is_waiting.recv().unwrap();
    drop(runtime);
    assert!(thread.join().unwrap().unwrap_err().is_cancelled());
}

fn a_future_that_uses_up_the_threads_park_token_does_not_hang(flavor: Flavor) {
    let runtime = flavor.runtime();
    let mut polled = false;
    let future = poll_fn(move |context| {
        if std::mem::replace(&mut polled, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        thread::current().unpark();
        thread::park();
        Poll::Pending
    });
    runtime.handle().block_on(future);
}

fn not_async() -> u32 {
    Handle::current().block_on(wake_self());
    1
}

/// Asserts that a message about `block_on` in the wrong place tells what would be right.
#[track_caller]
fn assert_says_what_to_do(message: &str) {
    assert!(
        message.contains(".await") || message.contains("spawn_blocking"),
        "the message must say what to do instead: {message}"
    );
}

fn block_on_in_a_task_panics_and_says_what_to_do(flavor: Flavor) {
    let runtime = flavor.runtime();
    let task = runtime.spawn(async { not_async() });
    let error = runtime.block_on(task).unwrap_err();
    assert_says_what_to_do(&windlass_tests::payload_text(&*error.into_panic()));
    assert_eq!(runtime.block_on(async { windlass::spawn(async { 2 }).await.unwrap() }), 2);
}

fn block_on_in_block_on_panics_and_says_what_to_do(flavor: Flavor) {
    let runtime = flavor.runtime();
    assert_says_what_to_do(&panics(|| runtime.block_on(async { not_async() })).message);
    let handle = runtime.handle().clone();
    assert_says_what_to_do(&panics(|| handle.block_on(async { not_async() })).message);
    assert_eq!(handle.block_on(async { 2 }), 2);
}

fn block_on_in_a_blocking_job_works(flavor: Flavor) {
    let out = flavor.runtime().block_on(async { spawn_blocking(not_async).await.unwrap() });
    assert_eq!(out, 1);
}

fn block_on_in_a_blocking_job_waits_for_a_task(flavor: Flavor) {
    let out = flavor.runtime().block_on(async {
        spawn_blocking(|| {
            Handle::current().block_on(async {
                let nested =
                    spawn_blocking(|| Handle::current().block_on(windlass::spawn(async { "nested" })));
                nested.await.unwrap().unwrap()
            })
        })
        .await
        .unwrap()
    });
    assert_eq!(out, "nested");
}

/// Runs `body` while another thread drives the runtime, which a current-thread one needs.
fn while_driven(runtime: &Runtime, body: impl FnOnce()) {
    let (stop, stopped) = oneshot::channel::<()>();
    thread::scope(|scope| {
        scope.spawn(move || runtime.block_on(stopped).unwrap());
        body();
        stop.send(()).unwrap();
    });
}

fn many_threads_at_once(flavor: Flavor) {
    let runtime = flavor.runtime();
    while_driven(&runtime, || {
        thread::scope(|scope| {
            for thread in 0..16 {
                let handle = runtime.handle();
                scope.spawn(move || {
                    for round in 0..20 {
                        let out = handle.block_on(async move {
                            windlass::spawn(async move {
                                wake_self().await;
                                thread * round
                            })
                            .await
                            .unwrap()
                        });
                        assert_eq!(out, thread * round);
                    }
                });
            }
        });
    });
}

fn spawned_tasks_run_elsewhere(flavor: Flavor) {
    // A handle's `block_on` does not lend its thread to tasks: the caller may hold a lock that a task wants.
    let runtime = flavor.runtime();
    let here = thread::current().id();
    runtime.handle().block_on(async {
        for _ in 0..100 {
            let task = windlass::spawn(async {
                wake_self().await;
                thread::current().id()
            });
            assert_ne!(task.await.unwrap(), here);
        }
    });
}

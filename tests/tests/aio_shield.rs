//! `shield`: what goes on when its waiter ends. CPython's cases of it in test_tasks.py.

use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures::channel::oneshot;
use windlass::aio::shield;
use windlass::task::{self, UnhandledKind};
use windlass_tests::{Flavor, on_conformance_flavors, yield_until};

on_conformance_flavors!(
    shield_gives_the_result,
    shield_gives_the_exception,
    shield_of_a_cancelled_inner,
    shield_of_a_cancelled_outer,
    shield_of_a_finished_task,
    shield_effect,
    a_shielded_panic_is_reported,
);

/// ported: test_tasks.py::BaseTaskTests::test_shield_result
/// ported: test_tasks.py::BaseTaskTests::test_shield_coroutine_use_running_loop
fn shield_gives_the_result(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let (tx, rx) = oneshot::channel();
        let outer = shield(async move { rx.await.unwrap() });
        tx.send(42).unwrap();
        assert_eq!(outer.await.unwrap(), 42);
    });
}

/// ported: test_tasks.py::BaseTaskTests::test_shield_exception
fn shield_gives_the_exception(flavor: Flavor) {
    flavor.runtime().block_on(async {
        assert!(shield(async { panic!("expected") }).await.unwrap_err().is_panic());
    });
}

/// ported: test_tasks.py::BaseTaskTests::test_shield_cancel_inner
fn shield_of_a_cancelled_inner(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let inner = windlass::spawn(pending::<()>());
        let abort = inner.abort_handle();
        let outer = windlass::spawn(async move {
            let outcome: Result<(), _> = shield(inner).await;
            outcome
        });
        abort.abort();
        assert!(outer.await.unwrap().unwrap_err().is_cancelled());
    });
}

/// ported: test_tasks.py::BaseTaskTests::test_shield_cancel_outer
fn shield_of_a_cancelled_outer(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let inner = windlass::spawn(pending::<()>());
        let handle = inner.abort_handle();
        let outer = windlass::spawn(async move { shield::<(), _>(inner).await });
        task::yield_now().await;
        outer.abort();
        assert!(outer.await.unwrap_err().is_cancelled());
        assert!(!handle.is_finished());
        handle.abort();
    });
}

/// ported: test_tasks.py::BaseTaskTests::test_shield_shortcut
fn shield_of_a_finished_task(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let inner = windlass::spawn(async { 42 });
        yield_until(|| inner.is_finished()).await;
        let shield: windlass::aio::Shield<i32> = shield(inner);
        assert_eq!(shield.await.unwrap(), 42);
    });
}

/// ported: test_tasks.py::BaseTaskTests::test_shield_effect
fn shield_effect(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let proof = Arc::new(AtomicUsize::new(0));
        let (tx, waiter) = oneshot::channel::<()>();
        let (begins, begun) = oneshot::channel();
        let (ends, ended) = oneshot::channel();
        let inner = {
            let proof = proof.clone();
            async move {
                begins.send(()).unwrap();
                waiter.await.unwrap();
                proof.fetch_add(1, Ordering::SeqCst);
                ends.send(()).unwrap();
            }
        };
        let outer = {
            let proof = proof.clone();
            windlass::spawn(async move {
                shield(inner).await.unwrap();
                proof.fetch_add(100, Ordering::SeqCst);
            })
        };
        begun.await.unwrap();
        outer.abort();
        assert!(outer.await.unwrap_err().is_cancelled());
        assert_eq!(proof.load(Ordering::SeqCst), 0);
        tx.send(()).expect("the inner one still waits");
        ended.await.expect("and goes on to its end");
        assert_eq!(proof.load(Ordering::SeqCst), 1);
    });
}

fn a_shielded_panic_is_reported(flavor: Flavor) {
    let reports = Arc::new(AtomicUsize::new(0));
    let count = reports.clone();
    let runtime = flavor
        .builder()
        .on_unhandled(move |unhandled| {
            assert_eq!(unhandled.kind(), UnhandledKind::Task);
            assert_eq!(unhandled.message(), "after the shield");
            count.fetch_add(1, Ordering::SeqCst);
        })
        .build()
        .unwrap();
    runtime.block_on(async {
        let (tx, rx) = oneshot::channel::<()>();
        drop(shield(async move {
            rx.await.unwrap();
            panic!("after the shield");
        }));
        tx.send(()).unwrap();
        yield_until(|| reports.load(Ordering::SeqCst) == 1).await;
    });
}

//! `wait_for`: a task with a time limit. CPython's test_waitfor.py.
//!
//! different: test_waitfor.py::AsyncioWaitForTest::test_wait_for_issue86296: the handle belongs to `wait_for`

use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures::channel::oneshot;
use windlass::aio::{shield, wait_for};
use windlass::task;
use windlass::time::{Instant, sleep};
use windlass_tests::{Flavor, OnDrop, on_conformance_flavors, poll_once, yield_until};

on_conformance_flavors!(
    wait_for_in_time,
    wait_for_times_out,
    wait_for_without_a_limit,
    wait_for_zero_of_a_finished_task,
    wait_for_zero_of_one_that_never_started,
    wait_for_zero_of_one_that_runs,
    wait_for_waits_for_the_cancellation,
    wait_for_waits_for_the_cancellation_without_time,
    wait_for_waits_for_what_cannot_be_cancelled,
    wait_for_gives_what_came_all_the_same,
    wait_for_gives_a_panic_of_the_cancellation,
    wait_for_given_up_aborts,
    wait_for_given_up_without_a_limit_aborts,
    wait_for_a_result_that_comes,
    wait_for_a_shielded_task,
    wait_for_a_shielded_task_for_zero,
    wait_for_a_shielded_task_without_a_limit,
);

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn wait_for_in_time(flavor: Flavor) {
    flavor.run_paused(async {
        let task = windlass::spawn(async {
            sleep(ms(5)).await;
            "done"
        });
        assert_eq!(wait_for(task, ms(10)).await.unwrap().unwrap(), "done");
    });
}

/// ported: test_waitfor.py::AsyncioWaitForTest::test_wait_for
/// ported: test_waitfor.py::AsyncioWaitForTest::test_asyncio_wait_for_timeout
fn wait_for_times_out(flavor: Flavor) {
    flavor.run_paused(async {
        let start = Instant::now();
        let running = Arc::new(AtomicBool::new(false));
        let runs = running.clone();
        let task = windlass::spawn(async move {
            runs.store(true, Ordering::SeqCst);
            let _on_drop = OnDrop::new(move || runs.store(false, Ordering::SeqCst));
            pending::<()>().await;
        });
        let handle = task.abort_handle();
        assert!(wait_for(task, ms(100)).await.is_err());
        assert!(handle.is_finished());
        assert!(!running.load(Ordering::SeqCst));
        assert_eq!(start.elapsed(), ms(100));
    });
}

/// ported: test_waitfor.py::AsyncioWaitForTest::test_wait_for_blocking
fn wait_for_without_a_limit(flavor: Flavor) {
    flavor.run_paused(async {
        let task = windlass::spawn(async { "done" });
        assert_eq!(wait_for(task, None).await.unwrap().unwrap(), "done");
    });
}

/// ported: test_waitfor.py::AsyncioWaitForTest::test_wait_for_timeout_less_then_0_or_0_future_done
fn wait_for_zero_of_a_finished_task(flavor: Flavor) {
    flavor.run_paused(async {
        let task = windlass::spawn(async { "done" });
        yield_until(|| task.is_finished()).await;
        assert_eq!(wait_for(task, Duration::ZERO).await.unwrap().unwrap(), "done");
    });
}

/// different: test_waitfor.py::AsyncioWaitForTest::test_wait_for_timeout_less_then_0_or_0_coroutine_do_not_started: a task is kept from starting that has not started yet, and another worker may have been quicker
fn wait_for_zero_of_one_that_never_started(flavor: Flavor) {
    let runtime = flavor.runtime();
    runtime.block_on(async {
        let started = Arc::new(AtomicBool::new(false));
        let starts = started.clone();
        let task = windlass::spawn(async move {
            starts.store(true, Ordering::SeqCst);
            pending::<()>().await;
        });
        assert!(wait_for(task, Duration::ZERO).await.is_err());
        // Where there are other workers, one of them may have been quicker.
        assert!(!started.load(Ordering::SeqCst) || !flavor.is_current_thread());
    });
}

/// ported: test_waitfor.py::AsyncioWaitForTest::test_wait_for_timeout_less_then_0_or_0
fn wait_for_zero_of_one_that_runs(flavor: Flavor) {
    flavor.run_paused(async {
        let (tx, started) = oneshot::channel();
        let running = Arc::new(AtomicBool::new(true));
        let runs = running.clone();
        let task = windlass::spawn(async move {
            let _on_drop = OnDrop::new(move || runs.store(false, Ordering::SeqCst));
            tx.send(()).unwrap();
            sleep(ms(10_000)).await;
        });
        started.await.unwrap();
        let handle = task.abort_handle();
        assert!(wait_for(task, Duration::ZERO).await.is_err());
        assert!(handle.is_finished());
        assert!(!running.load(Ordering::SeqCst));
    });
}

/// A task that takes its time to be cancelled, on the thread that drops it; with a way to know that it has begun, and whether
/// it has ended.
fn slow_to_cancel() -> (task::JoinHandle<()>, oneshot::Receiver<()>, Arc<AtomicBool>) {
    let done = Arc::new(AtomicBool::new(false));
    let (begins, begun) = oneshot::channel();
    let is_done = done.clone();
    let task = windlass::spawn(async move {
        let _cleanup = OnDrop::new(move || {
            for _ in 0..100 {
                std::thread::yield_now();
            }
            is_done.store(true, Ordering::SeqCst);
        });
        begins.send(()).unwrap();
        pending::<()>().await;
    });
    (task, begun, done)
}

/// ported: test_waitfor.py::AsyncioWaitForTest::test_wait_for_waits_for_task_cancellation
fn wait_for_waits_for_the_cancellation(flavor: Flavor) {
    flavor.run_paused(async {
        let start = Instant::now();
        let (task, begun, done) = slow_to_cancel();
        begun.await.unwrap();
        assert!(wait_for(task, ms(10)).await.is_err());
        assert!(done.load(Ordering::SeqCst), "it returned before the task had ended");
        assert_eq!(start.elapsed(), ms(10));
    });
}

/// ported: test_waitfor.py::AsyncioWaitForTest::test_wait_for_waits_for_task_cancellation_w_timeout_0
fn wait_for_waits_for_the_cancellation_without_time(flavor: Flavor) {
    flavor.run_paused(async {
        let start = Instant::now();
        let (task, begun, done) = slow_to_cancel();
        begun.await.unwrap();
        assert!(wait_for(task, Duration::ZERO).await.is_err());
        assert!(done.load(Ordering::SeqCst), "it returned before the task had ended");
        assert_eq!(start.elapsed(), Duration::ZERO);
    });
}

fn wait_for_waits_for_what_cannot_be_cancelled(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let (tx, started) = oneshot::channel();
        let (go, gone) = std::sync::mpsc::channel::<()>();
        let done = Arc::new(AtomicBool::new(false));
        let is_done = done.clone();
        let task = task::spawn_blocking(move || {
            tx.send(()).unwrap();
            gone.recv().unwrap();
            is_done.store(true, Ordering::SeqCst);
        });
        started.await.unwrap();
        let mut waits = Box::pin(wait_for(task, Duration::ZERO));
        for _ in 0..100 {
            assert!(poll_once(&mut waits).is_pending(), "it does not return before the task has ended");
            task::yield_now().await;
        }
        go.send(()).unwrap();
        // It could not be cancelled, so its output is what comes.
        waits.await.unwrap().unwrap();
        assert!(done.load(Ordering::SeqCst));
    });
}

/// ported: test_waitfor.py::AsyncioWaitForTest::test_wait_for_cancel_suppressed
/// ported: test_waitfor.py::AsyncioWaitForTest::test_wait_for_cancellation_race_condition
fn wait_for_gives_what_came_all_the_same(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let (tx, started) = oneshot::channel();
        let (go, gone) = std::sync::mpsc::channel::<()>();
        let task = task::spawn_blocking(move || {
            tx.send(()).unwrap();
            gone.recv().unwrap();
            42
        });
        started.await.unwrap();
        let waits = windlass::spawn(wait_for(task, Duration::ZERO));
        task::yield_now().await;
        go.send(()).unwrap();
        assert_eq!(waits.await.unwrap().unwrap().unwrap(), 42);
    });
}

/// ported: test_waitfor.py::AsyncioWaitForTest::test_wait_for_reraises_exception_during_cancellation
fn wait_for_gives_a_panic_of_the_cancellation(flavor: Flavor) {
    flavor.run_paused(async {
        let task = windlass::spawn(async {
            let _crash = OnDrop::new(|| panic!("in the drop"));
            sleep(ms(200)).await;
        });
        assert!(wait_for(task, ms(10)).await.unwrap().unwrap_err().is_panic());
    });
}

/// ported: test_waitfor.py::AsyncioWaitForTest::test_cancel_wait_for
/// ported: test_waitfor.py::AsyncioWaitForTest::test_asyncio_wait_for_cancelled
fn wait_for_given_up_aborts(flavor: Flavor) {
    flavor.run_paused(async {
        let task = windlass::spawn(pending::<()>());
        let handle = task.abort_handle();
        let waits = windlass::spawn(wait_for(task, ms(60_000)));
        task::yield_now().await;
        waits.abort();
        assert!(waits.await.unwrap_err().is_cancelled());
        yield_until(|| handle.is_finished()).await;
    });
}

/// ported: test_waitfor.py::AsyncioWaitForTest::test_cancel_blocking_wait_for
fn wait_for_given_up_without_a_limit_aborts(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let task = windlass::spawn(pending::<()>());
        let handle = task.abort_handle();
        let waits = windlass::spawn(wait_for(task, None));
        waits.abort();
        assert!(waits.await.unwrap_err().is_cancelled());
        yield_until(|| handle.is_finished()).await;
    });
}

/// ported: test_waitfor.py::AsyncioWaitForTest::test_wait_for_race_condition
fn wait_for_a_result_that_comes(flavor: Flavor) {
    flavor.run_paused(async {
        let promise = windlass::aio::Promise::new();
        let task = windlass::spawn(std::future::IntoFuture::into_future(&promise));
        let waits = windlass::spawn(wait_for(task, ms(200)));
        promise.set_result("ok").unwrap();
        assert_eq!(waits.await.unwrap().unwrap().unwrap().unwrap(), "ok");
    });
}

/// ported: test_waitfor.py::WaitForShieldTests::test_shielded_timeout
fn wait_for_a_shielded_task(flavor: Flavor) {
    flavor.run_paused(async {
        let promise = windlass::aio::Promise::new();
        let inner = promise.clone();
        let shielded = windlass::spawn(async move {
            let shield = shield(async move {
                sleep(ms(100)).await;
                inner.set_result("done").unwrap();
            });
            shield.await
        });
        assert!(wait_for(shielded, ms(10)).await.is_err());
        assert!(!promise.done());
        assert_eq!(promise.await.unwrap(), "done");
    });
}

/// ported: test_waitfor.py::WaitForShieldTests::test_zero_timeout
fn wait_for_a_shielded_task_for_zero(flavor: Flavor) {
    flavor.run_paused(async {
        let task = windlass::spawn(async {
            sleep(ms(10)).await;
            "done"
        });
        let handle = task.abort_handle();
        let shielded = windlass::spawn(shield::<&str, _>(task));
        assert!(wait_for(shielded, Duration::ZERO).await.is_err());
        assert!(!handle.is_finished());
        sleep(ms(100)).await;
        assert!(handle.is_finished());
    });
}

/// ported: test_waitfor.py::WaitForShieldTests::test_none_timeout
fn wait_for_a_shielded_task_without_a_limit(flavor: Flavor) {
    flavor.run_paused(async {
        let shielded = windlass::spawn(shield(async {
            sleep(ms(100)).await;
            "done"
        }));
        assert_eq!(wait_for(shielded, None).await.unwrap().unwrap().unwrap(), "done");
    });
}

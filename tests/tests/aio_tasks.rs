//! What cancels what, what is running, and what is reported: CPython's test_tasks.py.
//!
//! different: test_tasks.py::BaseTaskTests::test_cancel_at_end: a task that is aborted in the poll that completes it has its output, as in tokio
//! inexpressible: test_tasks.py::BaseTaskTests::test_cancel_task_catching: a future is dropped, and cannot catch that
//! inexpressible: test_tasks.py::BaseTaskTests::test_cancel_task_ignoring: a future is dropped, and cannot go on
//! inexpressible: test_tasks.py::BaseTaskTests::test_uncancel_basic: an abort cannot be taken back
//! inexpressible: test_tasks.py::BaseTaskTests::test_uncancel_structured_blocks: an abort cannot be taken back
//! inexpressible: test_tasks.py::BaseTaskTests::test_cancelling: an abort does not count
//! inexpressible: test_tasks.py::BaseTaskTests::test_cancel_with_message_then_future_result: an abort has no message
//! inexpressible: test_tasks.py::BaseTaskTests::test_cancel_with_message_then_future_exception: an abort has no message
//! inexpressible: test_tasks.py::BaseTaskTests::test_cancel_with_message_before_starting_task: an abort has no message
//! inexpressible: test_tasks.py::BaseTaskTests::test_step_result_future: there is one kind of future
//! inexpressible: test_tasks.py::BaseTaskTests::test_log_traceback: whether it has been looked at cannot be set
//! inexpressible: test_tasks.py::BaseTaskTests::test_task_awaits_on_itself: a task has no handle of its own to await

use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Context;
use std::time::Duration;

use futures::channel::oneshot;
use windlass::aio::{Promise, ReturnWhen, TaskGroup, wait};
use windlass::task::{self, JoinHandle};
use windlass::time::{Instant, sleep};
use windlass_tests::{CountingWaker, Flavor, OnDrop, on_conformance_flavors, yield_until};

on_conformance_flavors!(
    cancel_a_task,
    cancel_while_it_yields,
    cancel_the_current_task,
    cancel_an_awaited_task,
    cancel_a_sleeping_task,
    cancel_a_waiting_task,
    cancel_what_a_task_waits_for,
    cancel_a_task_and_what_it_waits_for,
    cancel_a_task_cancels_what_it_awaits,
    cancel_a_wait_does_not_cancel_its_tasks,
    debug_of_a_task,
    a_task_has_a_name,
    current_task,
    current_task_of_interleaved_tasks,
    a_dropped_handle_leaves_the_task,
    sleep_gives_its_result,
    sleep_zero,
    cancelled_sleep,
    an_unobserved_panic_is_reported_once,
    an_unobserved_panic_is_reported_after_an_abort,
    an_observed_panic_is_not_reported,
);

fn after<T: Send + 'static>(millis: u64, value: T) -> JoinHandle<T> {
    windlass::spawn(async move {
        sleep(Duration::from_millis(millis)).await;
        value
    })
}

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// ported: test_tasks.py::BaseTaskTests::test_cancel
fn cancel_a_task(flavor: Flavor) {
    flavor.run_paused(async {
        let start = Instant::now();
        let mut task = after(10_000, 12);
        task.abort();
        assert!((&mut task).await.unwrap_err().is_cancelled());
        assert!(task.is_finished());
        task.abort();
        assert_eq!(start.elapsed(), Duration::ZERO);
    });
}

/// ported: test_tasks.py::BaseTaskTests::test_cancel_yield
fn cancel_while_it_yields(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let task = windlass::spawn(async {
            loop {
                task::yield_now().await;
            }
        });
        task::yield_now().await;
        task.abort();
        let error: task::JoinError = task.await.map(|(): ()| ()).unwrap_err();
        assert!(error.is_cancelled());
    });
}

/// ported: test_tasks.py::BaseTaskTests::test_cancel_current_task
fn cancel_the_current_task(flavor: Flavor) {
    flavor.run_paused(async {
        let (tx, rx) = oneshot::channel::<task::AbortHandle>();
        let task = windlass::spawn(async move {
            rx.await.unwrap().abort();
            sleep(ms(100_000)).await;
            12
        });
        tx.send(task.abort_handle()).unwrap();
        assert!(task.await.unwrap_err().is_cancelled());
    });
}

/// different: test_tasks.py::BaseTaskTests::test_cancel_awaited_task: an awaited handle does not pass an abort on; a group does, which owns its tasks
fn cancel_an_awaited_task(flavor: Flavor) {
    flavor.runtime().block_on(async {
        // A task that aborts itself, and then waits for another one.
        let (tx, fut) = oneshot::channel::<()>();
        let nested = windlass::spawn(fut);
        let outlives = nested.abort_handle();
        let task = abort_oneself_and(async move { nested.await.unwrap().unwrap() });
        assert!(task.await.unwrap_err().is_cancelled());
        assert!(!outlives.is_finished());
        tx.send(()).unwrap();
        yield_until(|| outlives.is_finished()).await;

        // The other one is of a group, and ends with who waits for the group.
        let (tx, fut) = oneshot::channel::<()>();
        let (tell, told) = oneshot::channel();
        let task = abort_oneself_and(async move {
            let group = TaskGroup::<()>::new();
            let nested = group.spawn(async { fut.await.map_err(drop) });
            tell.send(nested).unwrap();
            group.join().await.unwrap();
        });
        assert!(task.await.unwrap_err().is_cancelled());
        assert!(told.await.unwrap().await.unwrap_err().is_cancelled());
        assert!(tx.is_canceled());
    });
}

/// A task that has been aborted, by itself, when it polls the future.
fn abort_oneself_and(future: impl Future<Output = ()> + Send + 'static) -> JoinHandle<()> {
    let (tx, rx) = oneshot::channel::<task::AbortHandle>();
    let task = windlass::spawn(async move {
        rx.await.unwrap().abort();
        future.await;
    });
    tx.send(task.abort_handle()).unwrap();
    task
}

/// ported: test_tasks.py::BaseTaskTests::test_task_cancel_sleeping_task
fn cancel_a_sleeping_task(flavor: Flavor) {
    flavor.run_paused(async {
        let start = Instant::now();
        let sleeper = after(100_000, ());
        let abort = sleeper.abort_handle();
        let canceller = windlass::spawn(async move {
            sleep(ms(100)).await;
            abort.abort();
        });
        assert!(sleeper.await.unwrap_err().is_cancelled());
        canceller.await.unwrap();
        assert_eq!(start.elapsed(), ms(100));
    });
}

/// ported: test_tasks.py::BaseTaskTests::test_task_cancel_waiter_future
fn cancel_a_waiting_task(flavor: Flavor) {
    flavor.runtime().block_on(async {
        // What is the task's alone is cancelled with it.
        let (tx, fut) = oneshot::channel::<()>();
        let waits = windlass::spawn(fut);
        yield_until(|| format!("{waits:?}").contains("Idle")).await;
        assert!(!tx.is_canceled());
        waits.abort();
        assert!(waits.await.unwrap_err().is_cancelled());
        assert!(tx.is_canceled());

        // A promise is everybody's, and stays.
        let promise = Promise::<()>::new();
        let waits = windlass::spawn(promise.clone().into_future());
        yield_until(|| format!("{waits:?}").contains("Idle")).await;
        waits.abort();
        assert!(waits.await.unwrap_err().is_cancelled());
        assert!(!promise.done());
    });
}

/// different: test_tasks.py::BaseTaskTests::test_cancel_inner_future: a cancelled promise is an error for who awaits it, whose task goes on
fn cancel_what_a_task_waits_for(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let promise = Promise::<()>::new();
        let waited = promise.clone();
        let waits = windlass::spawn(async move { (waited.await, 12) });
        yield_until(|| format!("{waits:?}").contains("Idle")).await;
        assert!(promise.cancel());
        let (error, output) = waits.await.unwrap();
        assert!(error.unwrap_err().is_cancelled());
        assert_eq!(output, 12);
        assert!(promise.cancelled());
    });
}

/// ported: test_tasks.py::BaseTaskTests::test_cancel_both_task_and_inner_future
fn cancel_a_task_and_what_it_waits_for(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let promise = Promise::<()>::new();
        let waited = promise.clone();
        let waits = windlass::spawn(async move {
            // In Rust the one is an error, after which a task may go on; the other is not.
            assert!(waited.await.unwrap_err().is_cancelled());
            pending::<()>().await;
        });
        yield_until(|| format!("{waits:?}").contains("Idle")).await;
        assert!(promise.cancel());
        waits.abort();
        yield_until(|| waits.is_finished()).await;
        assert!(promise.cancelled());
        assert!(waits.await.unwrap_err().is_cancelled());
    });
}

/// ported: test_tasks.py::BaseTaskTests::test_yield_future_passes_cancel
fn cancel_a_task_cancels_what_it_awaits(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let proof = Arc::new(parking_lot::Mutex::new(Vec::new()));
        let (tx, waiter) = oneshot::channel::<()>();
        let note = |what: &'static str| {
            let proof = proof.clone();
            OnDrop::new(move || proof.lock().push(what))
        };
        let (of_inner, of_outer) = (note("inner"), note("outer"));
        let inner = async move {
            let _cancelled = of_inner;
            waiter.await.unwrap();
            panic!("got past the wait");
        };
        let outer = windlass::spawn(async move {
            let _cancelled = of_outer;
            inner.await;
        });
        yield_until(|| format!("{outer:?}").contains("Idle")).await;
        outer.abort();
        assert!(outer.await.unwrap_err().is_cancelled());
        assert_eq!(*proof.lock(), ["inner", "outer"]);
        assert!(tx.is_canceled());
    });
}

/// ported: test_tasks.py::BaseTaskTests::test_yield_wait_does_not_shield_cancel
fn cancel_a_wait_does_not_cancel_its_tasks(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let proof = Arc::new(AtomicUsize::new(0));
        let (tx, waiter) = oneshot::channel::<()>();
        let inner = windlass::spawn({
            let proof = proof.clone();
            async move {
                waiter.await.unwrap();
                proof.fetch_add(1, Ordering::SeqCst);
            }
        });
        let handle = inner.abort_handle();
        let outer = windlass::spawn({
            let proof = proof.clone();
            async move {
                let _ = wait([inner], None, ReturnWhen::AllCompleted).await;
                proof.fetch_add(100, Ordering::SeqCst);
            }
        });
        task::yield_now().await;
        outer.abort();
        assert!(outer.await.unwrap_err().is_cancelled());
        tx.send(()).unwrap();
        yield_until(|| handle.is_finished()).await;
        assert_eq!(proof.load(Ordering::SeqCst), 1);
    });
}

/// ported: test_tasks.py::BaseTaskTests::test_task_repr
fn debug_of_a_task(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let line = line!() + 1;
        let task = task::Builder::new().name("TestTask").spawn(pending::<()>()).unwrap();
        yield_until(|| format!("{task:?}").contains("state: Idle")).await;
        let text = format!("{task:?}");
        assert!(text.contains("name: \"TestTask\""), "{text}");
        assert!(text.contains(&format!("{}:{line}", file!())), "{text}");
        task.abort();
        yield_until(|| task.is_finished()).await;
        assert!(format!("{task:?}").contains("state: Cancelled"));

        let task = task::Builder::new().name("TestTask").spawn(async { "abc" }).unwrap();
        yield_until(|| task.is_finished()).await;
        let text = format!("{task:?}");
        assert!(text.contains("state: Finished") && text.contains("name: \"TestTask\""), "{text}");
    });
}

/// ported: test_tasks.py::BaseTaskTests::test_bare_create_named_task
fn a_task_has_a_name(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let task = task::Builder::new()
            .name("No-op")
            .spawn(async { task::current().unwrap().name().map(str::to_owned) })
            .unwrap();
        assert!(format!("{task:?}").contains("name: \"No-op\""));
        assert_eq!(task.await.unwrap().as_deref(), Some("No-op"));
    });
}

/// ported: test_tasks.py::BaseTaskTests::test_current_task
fn current_task(flavor: Flavor) {
    flavor.runtime().block_on(async {
        assert!(task::current().is_none());
        let task = windlass::spawn(async { task::current().unwrap().id() });
        let id = task.id();
        assert_eq!(task.await.unwrap(), id);
        assert!(task::current().is_none());
    });
}

/// ported: test_tasks.py::BaseTaskTests::test_current_task_with_interleaving_tasks
fn current_task_of_interleaved_tasks(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let (tx1, rx1) = oneshot::channel::<()>();
        let (tx2, rx2) = oneshot::channel::<()>();
        let one = windlass::spawn(async move {
            let before = task::id();
            rx1.await.unwrap();
            assert_eq!(task::id(), before);
            tx2.send(()).unwrap();
            before
        });
        let two = windlass::spawn(async move {
            let before = task::id();
            tx1.send(()).unwrap();
            rx2.await.unwrap();
            assert_eq!(task::id(), before);
            before
        });
        let ids = (one.id(), two.id());
        assert_eq!((one.await.unwrap(), two.await.unwrap()), ids);
    });
}

/// different: test_tasks.py::BaseTaskTests::test_log_destroyed_pending_task: a task that nobody holds goes on, and is never destroyed as it waits
fn a_dropped_handle_leaves_the_task(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let (tx, rx) = oneshot::channel::<()>();
        let (done, is_done) = oneshot::channel::<()>();
        drop(windlass::spawn(async move {
            rx.await.unwrap();
            done.send(()).unwrap();
        }));
        task::yield_now().await;
        tx.send(()).unwrap();
        is_done.await.unwrap();
    });
}

/// ported: test_tasks.py::BaseTaskTests::test_sleep
fn sleep_gives_its_result(flavor: Flavor) {
    flavor.run_paused(async {
        let start = Instant::now();
        let sleeper = async |dt: u64, arg: &'static str| {
            sleep(ms(dt / 2)).await;
            sleep(ms(dt / 2)).await;
            arg
        };
        assert_eq!(sleeper(100, "yeah").await, "yeah");
        assert_eq!(start.elapsed(), ms(100));
    });
}

/// ported: test_tasks.py::SleepTests::test_sleep_zero
fn sleep_zero(flavor: Flavor) {
    flavor.run_paused(async {
        let start = Instant::now();
        sleep(Duration::ZERO).await;
        task::yield_now().await;
        assert_eq!(start.elapsed(), Duration::ZERO);
    });
}

/// ported: test_tasks.py::BaseTaskTests::test_sleep_cancel
fn cancelled_sleep(flavor: Flavor) {
    flavor.run_paused(async {
        let (counter, waker) = CountingWaker::new();
        let (begins, begun) = oneshot::channel();
        let task = windlass::spawn(async move {
            let mut sleep = Box::pin(sleep(ms(10_000)));
            assert!(sleep.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
            drop(waker);
            begins.send(()).unwrap();
            pending::<()>().await;
        });
        begun.await.unwrap();
        assert_eq!(Arc::strong_count(&counter), 2, "the timer has the waker");
        task.abort();
        assert!(task.await.unwrap_err().is_cancelled());
        assert_eq!(Arc::strong_count(&counter), 1, "the timer is gone");
        windlass::time::advance(ms(20_000)).await;
        assert_eq!(counter.wakes(), 0);
    });
}

fn an_unobserved_panic_is_reported_once(flavor: Flavor) {
    let reports = Arc::new(parking_lot::Mutex::new(Vec::new()));
    let list = reports.clone();
    let runtime = flavor
        .builder()
        .on_unhandled(move |unhandled| list.lock().push((unhandled.location().line(), unhandled.to_string())))
        .build()
        .unwrap();
    let line = line!() + 2;
    runtime.block_on(async {
        drop(windlass::spawn(async { panic!("nobody looks") }));
        yield_until(|| reports.lock().len() == 1).await;
    });
    drop(runtime);
    let reports = reports.lock();
    assert_eq!(reports.len(), 1);
    assert_eq!(reports[0].0, line);
    assert!(reports[0].1.contains("nobody looks"), "{}", reports[0].1);
}

/// different: test_tasks.py::BaseTaskTests::test_tb_logger_not_called_after_cancel: a panic that nobody has seen is reported, though its task be aborted after it
fn an_unobserved_panic_is_reported_after_an_abort(flavor: Flavor) {
    let reports = Arc::new(AtomicUsize::new(0));
    let count = reports.clone();
    let runtime = flavor
        .builder()
        .on_unhandled(move |_| {
            count.fetch_add(1, Ordering::SeqCst);
        })
        .build()
        .unwrap();
    runtime.block_on(async {
        let task = windlass::spawn(async { panic!("nobody looks") });
        yield_until(|| task.is_finished()).await;
        task.abort();
        assert_eq!(reports.load(Ordering::SeqCst), 0);
        drop(task);
        assert_eq!(reports.load(Ordering::SeqCst), 1);
    });
}

fn an_observed_panic_is_not_reported(flavor: Flavor) {
    let runtime = flavor.builder().on_unhandled(|unhandled| panic!("{unhandled}")).build().unwrap();
    runtime.block_on(async {
        assert!(windlass::spawn(async { panic!("looked at") }).await.is_err());
        let cancelled = windlass::spawn(pending::<()>());
        cancelled.abort();
        drop(cancelled);
    });
    let metrics = runtime.metrics();
    drop(runtime);
    assert_eq!(metrics.unobserved_panics_count(), 0);
}

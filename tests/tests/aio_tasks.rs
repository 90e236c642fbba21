//! `wait`, `as_completed`, `shield`, and what cancels what: CPython's test_tasks.py.
//!
//! different: test_tasks.py::BaseTaskTests::test_cancel_at_end: a task that is aborted in the poll that completes it has its output, as in tokio
//! different: test_tasks.py::BaseTaskTests::test_wait_duplicate_coroutines: a handle exists once
//! different: test_tasks.py::BaseTaskTests::test_as_completed_duplicate_coroutines: a future exists once
//! inexpressible: test_tasks.py::BaseTaskTests::test_cancel_task_catching: a future is dropped, and cannot catch that
//! inexpressible: test_tasks.py::BaseTaskTests::test_cancel_task_ignoring: a future is dropped, and cannot go on
//! inexpressible: test_tasks.py::BaseTaskTests::test_uncancel_basic: an abort cannot be taken back
//! inexpressible: test_tasks.py::BaseTaskTests::test_uncancel_structured_blocks: an abort cannot be taken back
//! inexpressible: test_tasks.py::BaseTaskTests::test_cancelling: an abort does not count
//! inexpressible: test_tasks.py::BaseTaskTests::test_cancel_with_message_then_future_result: an abort has no message
//! inexpressible: test_tasks.py::BaseTaskTests::test_cancel_with_message_then_future_exception: an abort has no message
//! inexpressible: test_tasks.py::BaseTaskTests::test_cancel_with_message_before_starting_task: an abort has no message
//! inexpressible: test_tasks.py::BaseTaskTests::test_step_result_future: there is one kind of future
//! inexpressible: test_tasks.py::BaseTaskTests::test_as_completed_invalid_args: the compiler refuses it
//! inexpressible: test_tasks.py::BaseTaskTests::test_log_traceback: whether it has been looked at cannot be set
//! inexpressible: test_tasks.py::BaseTaskTests::test_wait_invalid_args: the compiler refuses it
//! inexpressible: test_tasks.py::BaseTaskTests::test_task_awaits_on_itself: a task has no handle of its own to await

use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Context;
use std::time::Duration;

use futures::StreamExt;
use futures::channel::oneshot;
use windlass::aio::{Promise, ReturnWhen, TaskGroup, as_completed, shield, try_wait, wait};
use windlass::task::{self, JoinHandle, UnhandledKind};
use windlass::time::{Instant, sleep};
use windlass_tests::{CountingWaker, Flavor, OnDrop, on_conformance_flavors, wake_self, yield_until};

on_conformance_flavors!(
    wait_for_all,
    wait_for_nothing,
    wait_for_the_first,
    wait_sees_all_that_are_done,
    wait_for_the_first_exception,
    wait_for_an_exception_that_comes,
    a_cancelled_task_is_no_exception,
    wait_with_an_exception_among_all,
    wait_with_a_timeout,
    wait_whose_time_is_up_as_a_task_ends,
    wait_with_a_timeout_of_zero,
    wait_takes_an_iterator,
    wait_many,
    wait_for_the_first_error,
    wait_given_up_leaves_the_tasks_running,
    completed_in_order,
    completed_are_the_original_handles,
    completed_with_a_timeout,
    completed_with_an_unused_timeout,
    completed_resumed,
    completed_at_once,
    completed_many_as_a_stream,
    completed_of_handles_that_are_done,
    shield_gives_the_result,
    shield_gives_the_exception,
    shield_of_a_cancelled_inner,
    shield_of_a_cancelled_outer,
    shield_of_a_finished_task,
    shield_effect,
    a_shielded_panic_is_reported,
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

/// ported: test_tasks.py::BaseTaskTests::test_wait
fn wait_for_all(flavor: Flavor) {
    flavor.run_paused(async {
        let start = Instant::now();
        let (done, left) =
            wait([after(150, 'b'), after(100, 'a')], None, ReturnWhen::AllCompleted).await.unwrap();
        assert_eq!((done.len(), left.len()), (2, 0));
        assert_eq!(start.elapsed(), ms(150));
        // Again it takes no time.
        let (done, _) = wait(done, None, ReturnWhen::AllCompleted).await.unwrap();
        assert_eq!(start.elapsed(), ms(150));
        let mut letters = Vec::new();
        for task in done {
            letters.push(task.await.unwrap());
        }
        assert_eq!(letters, ['b', 'a']);
    });
}

/// ported: test_tasks.py::BaseTaskTests::test_wait_errors
fn wait_for_nothing(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let error = wait(Vec::<JoinHandle<()>>::new(), None, ReturnWhen::AllCompleted).await.unwrap_err();
        assert!(error.to_string().contains("no tasks"));
    });
}

/// ported: test_tasks.py::BaseTaskTests::test_wait_first_completed
fn wait_for_the_first(flavor: Flavor) {
    flavor.run_paused(async {
        let start = Instant::now();
        let (a, b) = (after(10_000, ()), after(100, ()));
        let id = b.id();
        let (done, left) = wait([b, a], None, ReturnWhen::FirstCompleted).await.unwrap();
        assert_eq!(start.elapsed(), ms(100));
        assert_eq!((done.len(), left.len()), (1, 1));
        assert_eq!(done[0].id(), id);
        assert!(done[0].is_finished() && !left[0].is_finished());
        wait(left, None, ReturnWhen::AllCompleted).await.unwrap();
        assert_eq!(start.elapsed(), ms(10_000));
    });
}

/// ported: test_tasks.py::BaseTaskTests::test_wait_really_done
fn wait_sees_all_that_are_done(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let a = windlass::spawn(wake_self());
        let b = windlass::spawn(async {
            wake_self().await;
            wake_self().await;
        });
        yield_until(|| a.is_finished() && b.is_finished()).await;
        let (done, left) = wait([b, a], None, ReturnWhen::FirstCompleted).await.unwrap();
        assert_eq!((done.len(), left.len()), (2, 0));
    });
}

/// ported: test_tasks.py::BaseTaskTests::test_wait_first_exception
fn wait_for_the_first_exception(flavor: Flavor) {
    flavor.run_paused(async {
        let start = Instant::now();
        let a = after(10_000, ());
        let b = windlass::spawn(async { panic!("err") });
        let (mut done, left) = wait([b, a], None, ReturnWhen::FirstException).await.unwrap();
        assert_eq!((done.len(), left.len()), (1, 1));
        assert_eq!(start.elapsed(), Duration::ZERO);
        assert!(done.remove(0).await.unwrap_err().is_panic());
    });
}

/// ported: test_tasks.py::BaseTaskTests::test_wait_first_exception_in_wait
fn wait_for_an_exception_that_comes(flavor: Flavor) {
    flavor.run_paused(async {
        let start = Instant::now();
        let a = after(10_000, ());
        let fine = after(1, ());
        let b = windlass::spawn(async {
            sleep(ms(10)).await;
            panic!("err");
        });
        let (done, left) = wait([b, fine, a], None, ReturnWhen::FirstException).await.unwrap();
        assert_eq!((done.len(), left.len()), (2, 1));
        assert_eq!(start.elapsed(), ms(10));
    });
}

fn a_cancelled_task_is_no_exception(flavor: Flavor) {
    flavor.run_paused(async {
        let cancelled = windlass::spawn(pending::<()>());
        cancelled.abort();
        let start = Instant::now();
        let (done, left) = wait([cancelled, after(10, ())], None, ReturnWhen::FirstException).await.unwrap();
        assert_eq!((done.len(), left.len()), (2, 0));
        assert_eq!(start.elapsed(), ms(10));
    });
}

/// ported: test_tasks.py::BaseTaskTests::test_wait_with_exception
fn wait_with_an_exception_among_all(flavor: Flavor) {
    flavor.run_paused(async {
        let start = Instant::now();
        let b = windlass::spawn(async {
            sleep(ms(150)).await;
            panic!("really");
        });
        let (done, left) = wait([b, after(100, ())], None, ReturnWhen::AllCompleted).await.unwrap();
        assert_eq!((done.len(), left.len()), (2, 0));
        assert_eq!(start.elapsed(), ms(150));
        let mut errors = 0;
        for task in done {
            errors += usize::from(task.await.is_err());
        }
        assert_eq!(errors, 1);
    });
}

/// ported: test_tasks.py::BaseTaskTests::test_wait_with_timeout
fn wait_with_a_timeout(flavor: Flavor) {
    flavor.run_paused(async {
        let start = Instant::now();
        let tasks = [after(150, 'b'), after(100, 'a')];
        let (done, left) = wait(tasks, Some(ms(110)), ReturnWhen::AllCompleted).await.unwrap();
        assert_eq!(start.elapsed(), ms(110));
        assert_eq!((done.len(), left.len()), (1, 1));
        for task in done {
            assert_eq!(task.await.unwrap(), 'a');
        }
        // It was not aborted.
        for task in left {
            assert_eq!(task.await.unwrap(), 'b');
        }
    });
}

/// different: test_tasks.py::BaseTaskTests::test_wait_concurrent_complete: a task that ends at the very moment when the time is up may be told of before or after it, and is in one of the two
fn wait_whose_time_is_up_as_a_task_ends(flavor: Flavor) {
    flavor.run_paused(async {
        let start = Instant::now();
        let (b, a) = (after(150, 'b'), after(100, 'a'));
        let (slow, quick) = (b.id(), a.id());
        let (done, left) = wait([b, a], Some(ms(100)), ReturnWhen::AllCompleted).await.unwrap();
        assert_eq!(start.elapsed(), ms(100));
        let ids = |tasks: &[JoinHandle<char>]| tasks.iter().map(JoinHandle::id).collect::<Vec<_>>();
        match done.len() {
            0 => assert_eq!(ids(&left), [slow, quick]),
            _ => assert_eq!((ids(&done), ids(&left)), (vec![quick], vec![slow])),
        }
        wait(left, None, ReturnWhen::AllCompleted).await.unwrap();
        assert_eq!(start.elapsed(), ms(150));
    });
}

fn wait_with_a_timeout_of_zero(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let done = windlass::spawn(async {});
        yield_until(|| done.is_finished()).await;
        let waits = windlass::spawn(pending());
        let (done, left) = wait([done, waits], Some(Duration::ZERO), ReturnWhen::AllCompleted).await.unwrap();
        assert_eq!((done.len(), left.len()), (1, 1));
        left[0].abort();
    });
}

/// ported: test_tasks.py::BaseTaskTests::test_wait_with_iterator_of_tasks
fn wait_takes_an_iterator(flavor: Flavor) {
    flavor.run_paused(async {
        let start = Instant::now();
        let tasks = [150, 100].into_iter().map(|millis| after(millis, ()));
        let (done, left) = wait(tasks, None, ReturnWhen::AllCompleted).await.unwrap();
        assert_eq!((done.len(), left.len()), (2, 0));
        assert_eq!(start.elapsed(), ms(150));
    });
}

/// ported: test_tasks.py::BaseTaskTests::test_wait_generator
fn wait_many(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let tasks = (0..1_000).map(|n| windlass::spawn(async move { n }));
        let (done, left) = wait(tasks, None, ReturnWhen::AllCompleted).await.unwrap();
        assert_eq!((done.len(), left.len()), (1_000, 0));
        for (n, task) in done.into_iter().enumerate() {
            assert_eq!(task.await.unwrap(), n);
        }
    });
}

fn wait_for_the_first_error(flavor: Flavor) {
    flavor.run_paused(async {
        let tasks = [after(10_000, Ok(())), after(1, Ok(())), after(2, Err("torn"))];
        let (mut done, left) = try_wait(tasks, None, ReturnWhen::FirstException).await.unwrap();
        assert_eq!((done.len(), left.len()), (2, 1));
        assert_eq!(done.pop().unwrap().await.unwrap(), Err("torn"));
    });
}

fn wait_given_up_leaves_the_tasks_running(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let (tx, rx) = oneshot::channel::<()>();
        let task = windlass::spawn(rx);
        let handle = task.abort_handle();
        let waits = windlass::spawn(wait([task], None, ReturnWhen::AllCompleted));
        task::yield_now().await;
        waits.abort();
        assert!(waits.await.unwrap_err().is_cancelled());
        assert!(!handle.is_finished());
        tx.send(()).unwrap();
        yield_until(|| handle.is_finished()).await;
    });
}

/// ported: test_tasks.py::BaseTaskTests::test_as_completed
fn completed_in_order(flavor: Flavor) {
    flavor.run_paused(async {
        let start = Instant::now();
        let mut completed = as_completed([after(10, 'b'), after(150, 'c'), after(10, 'a')], None);
        let mut letters = Vec::new();
        while let Some(task) = completed.next().await {
            letters.push(task.unwrap().await.unwrap());
        }
        assert_eq!(start.elapsed(), ms(150));
        assert!(letters[..2].contains(&'a') && letters[..2].contains(&'b'));
        assert_eq!(letters[2], 'c');
    });
}

/// ported: test_tasks.py::BaseTaskTests::test_as_completed_same_tasks_in_as_out
fn completed_are_the_original_handles(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let tasks: Vec<_> = (0..4).map(|n| windlass::spawn(async move { n })).collect();
        let mut ids: Vec<_> = tasks.iter().map(JoinHandle::id).collect();
        let completed: Vec<_> = as_completed(tasks, None).map(|task| task.unwrap().id()).collect().await;
        assert_eq!(completed.len(), 4);
        ids.retain(|id| !completed.contains(id));
        assert!(ids.is_empty());
    });
}

/// ported: test_tasks.py::BaseTaskTests::test_as_completed_with_timeout
fn completed_with_a_timeout(flavor: Flavor) {
    flavor.run_paused(async {
        let start = Instant::now();
        let mut completed = as_completed([after(100, 'a'), after(150, 'b')], Some(ms(120)));
        assert_eq!(completed.next().await.unwrap().unwrap().await.unwrap(), 'a');
        assert!(completed.next().await.unwrap().is_err());
        assert_eq!(start.elapsed(), ms(120));
        assert!(completed.next().await.is_none());
        let mut left = completed.into_pending();
        assert_eq!(left.len(), 1);
        assert_eq!(left.remove(0).await.unwrap(), 'b');
    });
}

/// ported: test_tasks.py::BaseTaskTests::test_as_completed_with_unused_timeout
fn completed_with_an_unused_timeout(flavor: Flavor) {
    flavor.run_paused(async {
        let mut completed = as_completed([after(10, 'a')], Some(ms(1_000)));
        assert_eq!(completed.next().await.unwrap().unwrap().await.unwrap(), 'a');
        assert!(completed.next().await.is_none());
    });
}

/// ported: test_tasks.py::BaseTaskTests::test_as_completed_resume_iterator
fn completed_resumed(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let mut completed = as_completed((0..4).map(|n| windlass::spawn(async move { n })), None);
        let mut collected = Vec::new();
        while collected.len() < 2 {
            collected.push(completed.next().await.unwrap().unwrap().await.unwrap());
        }
        // A step that was given up loses nothing.
        drop(completed.next());
        while let Some(task) = completed.next().await {
            collected.push(task.unwrap().await.unwrap());
        }
        collected.sort_unstable();
        assert_eq!(collected, [0, 1, 2, 3]);
    });
}

/// ported: test_tasks.py::BaseTaskTests::test_as_completed_concurrent
fn completed_at_once(flavor: Flavor) {
    flavor.run_paused(async {
        let start = Instant::now();
        let tasks: Vec<_> =
            as_completed([after(50, 'a'), after(50, 'b')], None).map(|task| task.unwrap()).collect().await;
        assert_eq!(start.elapsed(), ms(50));
        let (done, _) = wait(tasks, None, ReturnWhen::AllCompleted).await.unwrap();
        let mut letters = Vec::new();
        for task in done {
            letters.push(task.await.unwrap());
        }
        letters.sort_unstable();
        assert_eq!(letters, ['a', 'b']);
    });
}

/// ported: test_tasks.py::BaseTaskTests::test_as_completed_coroutine_use_running_loop
fn completed_many_as_a_stream(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let tasks = (0..2_000).map(|n| windlass::spawn(async move { n }));
        let sum: usize = as_completed(tasks, None)
            .then(|task| async { task.unwrap().await.unwrap() })
            .fold(0, |sum, n| async move { sum + n })
            .await;
        assert_eq!(sum, 2_000 * 1_999 / 2);
    });
}

fn completed_of_handles_that_are_done(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let tasks: Vec<_> = (0..3).map(|n| windlass::spawn(async move { n })).collect();
        yield_until(|| tasks.iter().all(JoinHandle::is_finished)).await;
        let mut completed = as_completed(tasks, Some(Duration::ZERO));
        for n in 0..3 {
            assert_eq!(completed.next().await.unwrap().unwrap().await.unwrap(), n);
        }
        assert!(completed.next().await.is_none());
    });
}

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

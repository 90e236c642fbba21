//! `wrap_future`: an executor's future, awaited. Completion, cancellation and panics go from the thread to the awaiting
//! side, and cancellation the other way too. The cases of CPython's `test_futures` among them.
//!
//! inexpressible: test_futures.py::DuckTests::test_wrap_future: nothing passes for a future without being one
//! inexpressible: test_futures.py::DuckTests::test_ensure_future: nothing passes for a future without being one
//! inexpressible: test_futures.py::BaseFutureTests::test_wrap_future_future: the compiler refuses it: there is nothing to wrap
//! different: test_futures.py::BaseFutureTests::test_wrap_future_use_global_loop: what is wrapped is of no runtime

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::mpsc;
use std::task::{Context, Poll};
use std::thread;

use futures::channel::oneshot;
use windlass::blocking::{self, ExecutorExt, JobError, Promise, ThreadPoolExecutor};
use windlass::{task, wrap_future};
use windlass_tests::jobs::{Gate, Rayon, occupy};
use windlass_tests::{
    CountingWaker, Flavor, OnDrop, on_conformance_flavors, once, payload_text, poll_once, spin_until,
};

on_conformance_flavors!(
    a_result_that_is_there_already,
    a_result_of_a_call_on_another_thread,
    a_result_that_comes_later,
    wrap_future_cancel,
    wrap_future_cancel_2,
    a_panic_with_its_payload,
    an_error_of_the_promise,
    a_future_of_rayons_pool,
    a_job_cancelled_by_the_shutdown_of_its_pool,
    a_promise_that_is_dropped,
    a_promise_that_is_dropped_while_it_runs,
    dropped_before_the_job_begins_the_job_is_cancelled,
    dropped_while_the_job_runs_the_job_is_told,
    aborting_the_task_that_awaits_cancels_the_job,
    polled_from_two_tasks_in_turn,
    many_at_once,
    a_shared_future_leaves_the_job_alone,
    completion_races_the_first_poll,
    completion_races_drop,
    cancellation_races_completion,
    in_handle_block_on_after_the_runtime_is_gone,
);

once!(
    without_a_runtime,
    cancelled_on_the_blocking_side,
    taking_the_result_races_the_end_of_one_that_watches_for_cancellation,
    the_waker_of_the_last_poll_is_woken,
    debug_names_the_line_and_the_state,
);

fn a_result_that_is_there_already(flavor: Flavor) {
    let (promise, future) = Promise::new();
    promise.set_result("there").unwrap();
    assert_eq!(flavor.runtime().block_on(wrap_future(future)).unwrap(), "there");
}

/// ported: test_futures.py::BaseFutureTests::test_wrap_future
/// ported: test_futures.py::BaseFutureTests::test_wrap_future_use_running_loop
fn a_result_of_a_call_on_another_thread(flavor: Flavor) {
    let run = |arg: &'static str| (arg, thread::current().id());
    let pool = ThreadPoolExecutor::new(1);
    let (output, caller) = flavor.runtime().block_on(async {
        let wrapped = wrap_future(pool.submit(move || run("oi")));
        (wrapped.await.unwrap(), thread::current().id())
    });
    assert_eq!(output.0, "oi");
    assert_ne!(output.1, caller);
}

fn a_result_that_comes_later(flavor: Flavor) {
    let pool = ThreadPoolExecutor::new(1);
    let (polled, was_polled) = mpsc::channel();
    let mut wrapped = wrap_future(pool.submit(move || was_polled.recv().unwrap()));
    let output = flavor.runtime().block_on(poll_fn(move |cx| {
        let poll = Pin::new(&mut wrapped).poll(cx);
        // The job waits for the first poll, which therefore is too early.
        let _ = polled.send("later");
        poll
    }));
    assert_eq!(output.unwrap(), "later");
}

fn a_panic_with_its_payload(flavor: Flavor) {
    let pool = ThreadPoolExecutor::new(1);
    let wrapped = wrap_future(pool.submit(|| panic!("in the job")));
    let error = flavor.runtime().block_on(wrapped).unwrap_err();
    assert!(error.is_panic());
    assert_eq!(payload_text(&*error.into_panic()), "in the job");
}

fn an_error_of_the_promise(flavor: Flavor) {
    let (promise, future) = Promise::<()>::new();
    let task = flavor.runtime();
    let task = (task.spawn(wrap_future(future)), task);
    promise.set_error(JobError::broken("worker 3 died")).unwrap();
    let error = task.1.block_on(task.0).unwrap().unwrap_err();
    assert!(error.is_broken() && error.to_string().contains("worker 3"), "{error}");
}

fn a_future_of_rayons_pool(flavor: Flavor) {
    let rayon = Rayon::new(1);
    let wrapped = wrap_future(rayon.submit(|| thread::current().name().unwrap().to_owned()));
    assert_eq!(flavor.runtime().block_on(wrapped).unwrap(), "rayon-0");
}

fn a_job_cancelled_by_the_shutdown_of_its_pool(flavor: Flavor) {
    let pool = ThreadPoolExecutor::new(1);
    let gate = occupy(&pool);
    let runtime = flavor.runtime();
    let task = runtime.spawn(wrap_future(pool.submit(|| unreachable!("it was cancelled in the queue"))));
    pool.shutdown(false, true);
    let result: Result<(), _> = runtime.block_on(task).unwrap();
    assert!(result.unwrap_err().is_cancelled());
    gate.open();
}

fn a_promise_that_is_dropped(flavor: Flavor) {
    let (promise, future) = Promise::<()>::new();
    let runtime = flavor.runtime();
    let task = runtime.spawn(wrap_future(future));
    drop(promise);
    assert!(runtime.block_on(task).unwrap().unwrap_err().is_cancelled());
}

fn a_promise_that_is_dropped_while_it_runs(flavor: Flavor) {
    let (promise, future) = Promise::<()>::new();
    assert!(promise.set_running_or_notify_cancel());
    let runtime = flavor.runtime();
    let task = runtime.spawn(wrap_future(future));
    drop(promise);
    assert!(runtime.block_on(task).unwrap().unwrap_err().is_broken());
}

fn dropped_before_the_job_begins_the_job_is_cancelled(flavor: Flavor) {
    let pool = ThreadPoolExecutor::new(1);
    let gate = occupy(&pool);
    let (dropped, was_dropped) = mpsc::channel();
    let on_drop = OnDrop::new(move || dropped.send(()).unwrap());
    let wrapped = wrap_future(pool.submit(move || {
        let _on_drop = on_drop;
        unreachable!("it was cancelled");
    }));
    flavor.runtime().block_on(async move {
        let mut wrapped = wrapped;
        assert!(poll_once(&mut wrapped).is_pending());
        drop(wrapped);
    });
    assert_eq!(was_dropped.try_recv(), Ok(()));
    gate.open();
}

fn dropped_while_the_job_runs_the_job_is_told(flavor: Flavor) {
    let pool = ThreadPoolExecutor::new(1);
    let (begun, begins) = mpsc::channel();
    let (told, is_told) = mpsc::channel();
    let mut wrapped = wrap_future(pool.submit(move || {
        begun.send(()).unwrap();
        spin_until(|| blocking::current().is_cancelled());
        told.send(()).unwrap();
    }));
    begins.recv().unwrap();
    flavor.runtime().block_on(async move {
        assert!(poll_once(&mut wrapped).is_pending());
    });
    is_told.recv().unwrap();
}

fn aborting_the_task_that_awaits_cancels_the_job(flavor: Flavor) {
    let pool = ThreadPoolExecutor::new(1);
    let gate = occupy(&pool);
    let (dropped, was_dropped) = mpsc::channel();
    let on_drop = OnDrop::new(move || dropped.send(()).unwrap());
    let runtime = flavor.runtime();
    let task = runtime.spawn(wrap_future(pool.submit(move || drop(on_drop))));
    task.abort();
    assert!(runtime.block_on(task).unwrap_err().is_cancelled());
    assert_eq!(was_dropped.recv(), Ok(()));
    gate.open();
}

/// Polls a future once, with the caller's own waker.
async fn poll_here<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
    poll_fn(|cx| Poll::Ready(Pin::new(&mut *future).poll(cx))).await
}

fn polled_from_two_tasks_in_turn(flavor: Flavor) {
    let runtime = flavor.runtime();
    for round in 0..50 {
        let (promise, future) = Promise::new();
        let mut wrapped = wrap_future(future);
        let (hand_over, handed) = oneshot::channel();
        let first = runtime.spawn(async move {
            assert!(poll_here(&mut wrapped).await.is_pending());
            hand_over.send(wrapped).unwrap();
            // This one has lost it, and is not woken for it.
            std::future::pending::<()>().await;
        });
        let (waits, is_waiting) = mpsc::channel();
        let second = runtime.spawn(async move {
            let mut wrapped = handed.await.unwrap();
            poll_fn(|cx| {
                let poll = Pin::new(&mut wrapped).poll(cx);
                let _ = waits.send(());
                poll
            })
            .await
        });
        let completes = thread::spawn(move || {
            is_waiting.recv().unwrap();
            promise.set_result(round).unwrap();
        });
        assert_eq!(runtime.block_on(second).unwrap().unwrap(), round);
        completes.join().unwrap();
        first.abort();
        assert!(runtime.block_on(first).unwrap_err().is_cancelled());
    }
}

fn many_at_once(flavor: Flavor) {
    let pool = ThreadPoolExecutor::new(3);
    flavor.runtime().block_on(async {
        let tasks: Vec<_> = (0..300_u64)
            .map(|n| {
                let future = pool.submit(move || n * n);
                windlass::spawn(async move { wrap_future(future).await.unwrap() })
            })
            .collect();
        for (n, task) in tasks.into_iter().enumerate() {
            assert_eq!(task.await.unwrap(), (n * n) as u64);
        }
    });
}

fn a_shared_future_leaves_the_job_alone(flavor: Flavor) {
    let pool = ThreadPoolExecutor::new(1);
    let gate = occupy(&pool);
    let shared = pool.submit(|| "done").share();
    let other = shared.clone();
    let runtime = flavor.runtime();
    let waits = runtime.handle().run_in_executor(None, move || other.result().unwrap());
    // Nobody waits any more, and the job is run all the same.
    drop(waits);
    gate.open();
    assert_eq!(shared.result().unwrap(), "done");
}

fn completion_races_the_first_poll(flavor: Flavor) {
    let runtime = flavor.runtime();
    let pool = ThreadPoolExecutor::new(2);
    for n in 0..2_000 {
        assert_eq!(runtime.block_on(wrap_future(pool.submit(move || n))).unwrap(), n);
    }
}

fn completion_races_drop(flavor: Flavor) {
    let runtime = flavor.runtime();
    let pool = ThreadPoolExecutor::new(2);
    let (dropped, drops) = mpsc::channel();
    const ROUNDS: usize = 1_000;
    for round in 0..ROUNDS {
        let dropped = dropped.clone();
        let output = OnDrop::new(move || dropped.send(()).unwrap());
        let mut wrapped = wrap_future(pool.submit(move || output));
        if round % 2 == 0 {
            drop(poll_once(&mut wrapped));
        }
        if round % 3 == 0 {
            drop(runtime.spawn(async move { drop(wrapped) }));
        } else {
            drop(wrapped);
        }
    }
    runtime.block_on(async {
        while task::all_tasks().not_started() > 0 {
            task::yield_now().await;
        }
    });
    drop(runtime);
    pool.shutdown(true, false);
    // Run or cancelled, the value was dropped, once.
    drop(dropped);
    assert_eq!(drops.into_iter().count(), ROUNDS);
}

fn cancellation_races_completion(flavor: Flavor) {
    let runtime = flavor.runtime();
    for n in 0..500 {
        let (promise, future) = Promise::new();
        let wrapped = wrap_future(future);
        let completes = thread::spawn(move || promise.set_result(n));
        let cancelled = wrapped.cancel();
        let result = runtime.block_on(wrapped);
        let set = completes.join().unwrap();
        match result {
            Ok(value) => assert!(!cancelled && value == n && set.is_ok()),
            Err(error) => assert!(cancelled && error.is_cancelled() && set == Err(n)),
        }
    }
}

fn in_handle_block_on_after_the_runtime_is_gone(flavor: Flavor) {
    let runtime = flavor.runtime();
    let handle = runtime.handle().clone();
    let pool = ThreadPoolExecutor::new(1);
    assert_eq!(handle.block_on(wrap_future(pool.submit(|| 1))).unwrap(), 1);
    drop(runtime);
    assert_eq!(handle.block_on(wrap_future(pool.submit(|| 2))).unwrap(), 2);
}

/// different: test_futures.py::BaseFutureTests::test_wrap_future_without_loop: what is wrapped is of no runtime, and needs none
fn without_a_runtime() {
    let pool = ThreadPoolExecutor::new(2);
    for n in 0..100 {
        let (one, other) = (wrap_future(pool.submit(move || n)), wrap_future(pool.submit(move || n + 1)));
        let (one, other) = futures::executor::block_on(async { futures::join!(one, other) });
        assert_eq!((one.unwrap(), other.unwrap()), (n, n + 1));
    }
}

/// Cancelling the awaiting side cancels the other.
///
/// ported: test_futures.py::BaseFutureTests::test_wrap_future_cancel
fn wrap_future_cancel(flavor: Flavor) {
    let (promise, future) = Promise::<u32>::new();
    let wrapped = wrap_future(future);
    assert!(wrapped.cancel());
    assert!(wrapped.is_finished());
    assert!(promise.is_cancelled());
    assert!(!promise.set_running_or_notify_cancel());
    assert!(flavor.runtime().block_on(wrapped).unwrap_err().is_cancelled());

    let (promise, future) = Promise::<u32>::new();
    drop(wrap_future(future));
    assert!(promise.is_cancelled());
}

/// What is done is not cancelled any more.
///
/// different: test_futures.py::BaseFutureTests::test_wrap_future_cancel2: what is done is not cancelled any more, on neither side
fn wrap_future_cancel_2(flavor: Flavor) {
    let (promise, future) = Promise::new();
    let wrapped = wrap_future(future);
    promise.set_result(42).unwrap();
    assert!(!wrapped.cancel());
    assert_eq!(flavor.runtime().block_on(wrapped).unwrap(), 42);
}

fn cancelled_on_the_blocking_side() {
    let (promise, future) = Promise::<u32>::new();
    assert!(future.cancel());
    assert!(futures::executor::block_on(wrap_future(future)).unwrap_err().is_cancelled());
    assert!(!promise.set_running_or_notify_cancel());
}

fn taking_the_result_races_the_end_of_one_that_watches_for_cancellation() {
    let (tx, rx) = mpsc::channel::<(Promise<u32>, u32)>();
    let sets = thread::spawn(move || {
        for (promise, n) in rx {
            promise.set_result(n).unwrap();
        }
    });
    // Under the thread sanitizer each message may cost a report about std's channel, which is suppressed once it is made up.
    let rounds = if cfg!(windlass_sanitize_thread) { 500 } else { 20_000 };
    for n in 0..rounds {
        let (promise, future) = Promise::new();
        promise.on_cancel(|| unreachable!("nobody cancels it"));
        let mut wrapped = wrap_future(future);
        if tx.send((promise, n)).is_err() {
            // It panicked, as `join` will say.
            break;
        }
        // Taken as soon as it is there, while the other thread may still be looking for whom to tell.
        let output = loop {
            if wrapped.is_finished()
                && let Poll::Ready(output) = poll_once(&mut wrapped)
            {
                break output;
            }
            std::hint::spin_loop();
        };
        assert_eq!(output.unwrap(), n);
    }
    drop(tx);
    sets.join().unwrap();
}

fn the_waker_of_the_last_poll_is_woken() {
    let (promise, future) = Promise::new();
    let mut wrapped = wrap_future(future);
    let (first, first_waker) = CountingWaker::new();
    let (second, second_waker) = CountingWaker::new();
    for waker in [&first_waker, &second_waker] {
        assert!(Pin::new(&mut wrapped).poll(&mut Context::from_waker(waker)).is_pending());
    }
    promise.set_result(1).unwrap();
    assert_eq!((first.wakes(), second.wakes()), (0, 1));
    assert!(matches!(poll_once(&mut wrapped), Poll::Ready(Ok(1))));
}

fn debug_names_the_line_and_the_state() {
    let pool = ThreadPoolExecutor::new(1);
    let (gate, job) = Gate::new();
    let (future, line) = (pool.submit(job), line!());
    gate.wait_begun();
    let text = format!("{:?}", wrap_future(future));
    assert!(text.contains("Running") && text.contains(&format!("{}:{line}:", file!())), "{text}");
    gate.open();
}

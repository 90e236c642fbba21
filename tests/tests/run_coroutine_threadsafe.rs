//! `run_coroutine_threadsafe`: a thread waits for a task. The cases of CPython's `RunCoroutineThreadsafeTests`, and what
//! a runtime that goes away does to it.

use std::future::{pending, poll_fn};
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::task::Poll;
use std::thread;
use std::time::Duration;

use futures::channel::oneshot;
use windlass::blocking::{FutureState, JobError};
use windlass::runtime::{Handle, Runtime};
use windlass::{run_coroutine_threadsafe, task};
use windlass_tests::{
    Flavor, Ledger, OnDrop, PanicsOnDrop, on_conformance_flavors, on_multi_thread, payload_text, spin_until,
    wake_self,
};

on_conformance_flavors!(
    the_result,
    an_error_is_a_value_like_any_other,
    a_panic_with_its_payload,
    a_timeout_and_then_cancel_leave_no_task_behind,
    a_task_that_is_cancelled_cancels_the_result,
    cancelled_before_the_first_poll,
    cancelled_again_and_again,
    cancel_after_the_end_changes_nothing,
    dropping_the_result_leaves_the_task_running,
    a_panic_after_the_result_was_dropped_is_reported,
    it_is_a_task_like_any_other,
    the_runtime_is_shut_down_before,
    the_runtime_is_shut_down_while_it_waits,
    the_runtime_is_shut_down_before_the_first_poll,
    what_the_task_owns_is_gone_when_its_end_cancels_the_result,
    what_the_task_owns_is_gone_when_its_result_is_there,
    a_panic_in_the_drop_of_the_future_is_the_result,
    called_from_many_threads,
    called_in_a_blocking_job,
    called_in_a_task_and_awaited,
    a_callback_is_called_with_the_result,
    the_future_is_dropped_where_the_tasks_are_dropped,
    an_output_that_nobody_takes_is_dropped,
    debug_and_location_name_the_line,
);

on_multi_thread!(cancel_races_completion, cancel_races_the_first_poll);

/// Runs `body` on a thread of its own, while the runtime's tasks run.
fn beside<T: Send + 'static>(runtime: &Runtime, body: impl FnOnce(Handle) -> T + Send + 'static) -> T {
    let handle = runtime.handle().clone();
    let (done, is_done) = oneshot::channel();
    let thread = thread::spawn(move || {
        let output = body(handle);
        let _ = done.send(());
        output
    });
    // The sender is dropped by a panic as well.
    let _ = runtime.block_on(is_done);
    thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

async fn add(a: u32, b: u32) -> u32 {
    task::yield_now().await;
    wake_self().await;
    a + b
}

/// How many tasks of the runtime there are, whether or not they have been polled.
fn live(handle: &Handle) -> usize {
    handle.metrics().num_alive_tasks()
}

/// ported: test_tasks.py::RunCoroutineThreadsafeTests::test_run_coroutine_threadsafe
fn the_result(flavor: Flavor) {
    let runtime = flavor.runtime();
    assert_eq!(beside(&runtime, |handle| run_coroutine_threadsafe(add(1, 2), &handle).result().unwrap()), 3);
}

fn an_error_is_a_value_like_any_other(flavor: Flavor) {
    let runtime = flavor.runtime();
    let fails = async { Err::<(), _>("fail") };
    assert_eq!(
        beside(&runtime, |handle| run_coroutine_threadsafe(fails, &handle).result().unwrap()),
        Err("fail")
    );
}

/// ported: test_tasks.py::RunCoroutineThreadsafeTests::test_run_coroutine_threadsafe_with_exception
fn a_panic_with_its_payload(flavor: Flavor) {
    let runtime = flavor.runtime();
    let error = beside(&runtime, |handle| {
        let result = run_coroutine_threadsafe(
            async {
                add(1, 2).await;
                panic!("number {}", 9)
            },
            &handle,
        );
        result.result().unwrap_err()
    });
    assert!(error.is_panic());
    assert_eq!(payload_text(&*error.into_panic()), "number 9");
    // Someone has looked at it.
    assert_eq!(runtime.metrics().unobserved_panics_count(), 0);
}

/// ported: test_tasks.py::RunCoroutineThreadsafeTests::test_run_coroutine_threadsafe_with_timeout
fn a_timeout_and_then_cancel_leave_no_task_behind(flavor: Flavor) {
    let runtime = flavor.runtime();
    beside(&runtime, |handle| {
        let (polled, was_polled) = mpsc::channel();
        let ledger = Ledger::new();
        let tracked = ledger.track();
        let result = run_coroutine_threadsafe(
            async move {
                let _tracked = tracked;
                polled.send(()).unwrap();
                pending::<()>().await;
            },
            &handle,
        );
        was_polled.recv().unwrap();
        let result = result.result_timeout(Duration::from_millis(1)).expect_err("it waits for ever");
        assert_eq!(result.state(), FutureState::Pending);
        assert!(result.cancel());
        assert!(result.cancelled() && result.done());
        spin_until(|| ledger.dropped() == 1);
        spin_until(|| live(&handle) == 0);
        assert_eq!(handle.all_tasks().iter().count(), 0);
        assert!(result.result().unwrap_err().is_cancelled());
    });
}

/// ported: test_tasks.py::RunCoroutineThreadsafeTests::test_run_coroutine_threadsafe_task_cancelled
fn a_task_that_is_cancelled_cancels_the_result(flavor: Flavor) {
    // Whoever cancels the task: its runtime, here, which another one drops meanwhile.
    let runtime = flavor.runtime();
    let (polled, was_polled) = oneshot::channel();
    let future = async move {
        polled.send(()).unwrap();
        pending::<()>().await;
    };
    let result = run_coroutine_threadsafe(future, runtime.handle());
    runtime.block_on(was_polled).unwrap();
    let callback = Arc::new(AtomicBool::new(false));
    let called = callback.clone();
    result.add_done_callback(move |result| {
        called.store(result.as_ref().is_err_and(JobError::is_cancelled), Ordering::SeqCst);
    });
    let drops = thread::spawn(move || drop(runtime));
    assert!(result.result().unwrap_err().is_cancelled());
    drops.join().unwrap();
    assert!(callback.load(Ordering::SeqCst));
}

fn cancelled_before_the_first_poll(flavor: Flavor) {
    let runtime = flavor.builder().build().unwrap();
    let polls = Arc::new(AtomicUsize::new(0));
    let ledger = Ledger::new();
    // Where nobody drives the runtime, or the only worker is busy, there is no first poll before it.
    let (hold, held) = mpsc::channel::<()>();
    let (holding, is_holding) = mpsc::channel();
    let workers = match flavor {
        Flavor::CurrentThread => 0,
        Flavor::MultiThread(workers) => workers,
    };
    let held = Arc::new(parking_lot::Mutex::new(held));
    for _ in 0..workers {
        let (held, holding) = (held.clone(), holding.clone());
        runtime.spawn(async move {
            holding.send(()).unwrap();
            let _ = held.lock().recv();
        });
    }
    (0..workers).for_each(|_| is_holding.recv().unwrap());
    let result = {
        let (polls, tracked) = (polls.clone(), ledger.track());
        run_coroutine_threadsafe(
            async move {
                let _tracked = tracked;
                polls.fetch_add(1, Ordering::SeqCst);
            },
            runtime.handle(),
        )
    };
    assert!(result.cancel());
    drop(hold);
    runtime.block_on(async {
        while live(&Handle::current()) > 0 {
            task::yield_now().await;
        }
    });
    assert_eq!((polls.load(Ordering::SeqCst), ledger.dropped()), (0, 1));
    assert!(result.result().unwrap_err().is_cancelled());
}

fn cancelled_again_and_again(flavor: Flavor) {
    let runtime = flavor.runtime();
    beside(&runtime, |handle| {
        let result = run_coroutine_threadsafe(pending::<()>(), &handle);
        for _ in 0..3 {
            assert!(result.cancel());
        }
        spin_until(|| live(&handle) == 0);
        assert!(result.cancel());
    });
}

fn cancel_after_the_end_changes_nothing(flavor: Flavor) {
    let runtime = flavor.runtime();
    let output = beside(&runtime, |handle| {
        let result = run_coroutine_threadsafe(async { "the output" }, &handle);
        spin_until(|| result.done());
        assert!(!result.cancel());
        result.result().unwrap()
    });
    assert_eq!(output, "the output");
}

fn dropping_the_result_leaves_the_task_running(flavor: Flavor) {
    let runtime = flavor.runtime();
    let (go_on, may_go_on) = oneshot::channel::<()>();
    let (tx, rx) = mpsc::channel();
    beside(&runtime, move |handle| {
        drop(run_coroutine_threadsafe(
            async move {
                may_go_on.await.unwrap();
                tx.send("ran on").unwrap();
            },
            &handle,
        ));
        go_on.send(()).unwrap();
        assert_eq!(rx.recv(), Ok("ran on"));
    });
}

fn a_panic_after_the_result_was_dropped_is_reported(flavor: Flavor) {
    let (tx, rx) = mpsc::channel();
    let tell = tx.clone();
    let runtime = flavor
        .builder()
        .on_unhandled(move |unhandled| tell.send((unhandled.kind(), unhandled.message())).unwrap())
        .build()
        .unwrap();
    beside(&runtime, move |handle| {
        for has_callback in [true, false] {
            let (go_on, may_go_on) = oneshot::channel::<()>();
            let result = run_coroutine_threadsafe(
                async move {
                    may_go_on.await.unwrap();
                    panic!("overboard");
                },
                &handle,
            );
            if has_callback {
                let tx = tx.clone();
                result.add_done_callback(move |_| {
                    tx.send((task::UnhandledKind::Callback, "seen".to_owned())).unwrap();
                });
            }
            drop(result);
            go_on.send(()).unwrap();
        }
        // In whichever order: the callback was shown the one, and the other is reported.
        let mut told = [rx.recv().unwrap(), rx.recv().unwrap()];
        told.sort_by(|a, b| b.1.cmp(&a.1));
        let overboard = (task::UnhandledKind::Task, "overboard".to_owned());
        assert_eq!(told, [(task::UnhandledKind::Callback, "seen".to_owned()), overboard]);
    });
}

fn it_is_a_task_like_any_other(flavor: Flavor) {
    let runtime = flavor.runtime();
    beside(&runtime, |handle| {
        let (result, line) =
            (run_coroutine_threadsafe(async { pending::<task::Id>().await }, &handle), line!());
        spin_until(|| handle.all_tasks().iter().count() == 1);
        let tasks = handle.all_tasks();
        let info = tasks.iter().next().unwrap();
        assert_eq!((info.spawned_at().file(), info.spawned_at().line()), (file!(), line));
        let id = run_coroutine_threadsafe(async { (task::try_id(), Handle::try_current().is_ok()) }, &handle);
        let (id, inside) = id.result().unwrap();
        assert!(id.is_some_and(|id| id != info.id()) && inside);
        result.cancel();
    });
}

fn the_runtime_is_shut_down_before(flavor: Flavor) {
    let runtime = flavor.runtime();
    let handle = runtime.handle().clone();
    drop(runtime);
    let ledger = Ledger::new();
    let tracked = ledger.track();
    let result = run_coroutine_threadsafe(
        async move {
            drop(tracked);
        },
        &handle,
    );
    assert_eq!(ledger.dropped(), 1);
    assert!(result.result().unwrap_err().is_cancelled());
}

fn the_runtime_is_shut_down_while_it_waits(flavor: Flavor) {
    let runtime = flavor.runtime();
    let results: Vec<_> =
        (0..10).map(|_| run_coroutine_threadsafe(pending::<()>(), runtime.handle())).collect();
    let waiting: Vec<_> = results.into_iter().map(|result| thread::spawn(move || result.result())).collect();
    runtime.block_on(task::yield_now());
    drop(runtime);
    for thread in waiting {
        assert!(thread.join().unwrap().unwrap_err().is_cancelled());
    }
}

fn the_runtime_is_shut_down_before_the_first_poll(flavor: Flavor) {
    for _ in 0..50 {
        let runtime = flavor.runtime();
        let handle = runtime.handle().clone();
        let drops = thread::spawn(move || drop(runtime));
        let result = run_coroutine_threadsafe(async { 1 }, &handle).result();
        match result {
            Ok(output) => assert_eq!(output, 1),
            Err(error) => assert!(error.is_cancelled(), "{error}"),
        }
        drops.join().unwrap();
    }
}

fn called_from_many_threads(flavor: Flavor) {
    let runtime = flavor.runtime();
    beside(&runtime, |handle| {
        let threads: Vec<_> = (0..16_u32)
            .map(|thread| {
                let handle = handle.clone();
                thread::spawn(move || {
                    for n in 0..50 {
                        let sum = run_coroutine_threadsafe(add(thread, n), &handle).result();
                        assert_eq!(sum.unwrap(), thread + n);
                    }
                })
            })
            .collect();
        for thread in threads {
            thread.join().unwrap();
        }
    });
}

fn called_in_a_blocking_job(flavor: Flavor) {
    let runtime = flavor.builder().max_blocking_threads(1).build().unwrap();
    let output = runtime.block_on(async {
        task::spawn_blocking(|| {
            let handle = Handle::current();
            // The task needs the pool's only thread, on which the job waits for it.
            let inner = async { task::spawn_blocking(|| "inner").await.unwrap() };
            run_coroutine_threadsafe(inner, &handle).result().unwrap()
        })
        .await
        .unwrap()
    });
    assert_eq!(output, "inner");
}

fn called_in_a_task_and_awaited(flavor: Flavor) {
    let runtime = flavor.runtime();
    let other = Flavor::MultiThread(1).runtime();
    let handle = other.handle().clone();
    let output = runtime.block_on(async move {
        // Across runtimes, and back by `wrap_future`.
        windlass::wrap_future(run_coroutine_threadsafe(add(20, 22), &handle)).await
    });
    assert_eq!(output.unwrap(), 42);
}

fn a_callback_is_called_with_the_result(flavor: Flavor) {
    let runtime = flavor.runtime();
    let (tx, rx) = mpsc::channel();
    let result = run_coroutine_threadsafe(add(3, 4), runtime.handle());
    result.add_done_callback(move |result| tx.send(*result.as_ref().unwrap()).unwrap());
    beside(&runtime, move |_| assert_eq!(rx.recv(), Ok(7)));
}

fn the_future_is_dropped_where_the_tasks_are_dropped(flavor: Flavor) {
    let runtime = flavor.runtime();
    beside(&runtime, |handle| {
        let (dropped, was_dropped) = mpsc::channel();
        let on_drop = OnDrop::new(move || {
            dropped.send((thread::current().id(), Handle::try_current().is_ok())).unwrap();
        });
        let (polled, was_polled) = mpsc::channel();
        let result = run_coroutine_threadsafe(
            async move {
                let _on_drop = on_drop;
                polled.send(()).unwrap();
                pending::<()>().await;
            },
            &handle,
        );
        was_polled.recv().unwrap();
        result.cancel();
        let (thread, inside) = was_dropped.recv().unwrap();
        assert_ne!(thread, thread::current().id());
        assert!(inside);
    });
}

fn an_output_that_nobody_takes_is_dropped(flavor: Flavor) {
    let runtime = flavor.runtime();
    let ledger = Ledger::new();
    let tracked = ledger.track();
    let book = ledger.clone();
    beside(&runtime, move |handle| {
        drop(run_coroutine_threadsafe(async move { tracked }, &handle));
        spin_until(|| book.dropped() == 1);
        // One whose drop panics takes no worker with it.
        let (go_on, may_go_on) = oneshot::channel::<()>();
        let panics = async move {
            let _ = may_go_on.await;
            PanicsOnDrop
        };
        drop(run_coroutine_threadsafe(panics, &handle));
        drop(go_on);
        assert_eq!(run_coroutine_threadsafe(add(1, 1), &handle).result().unwrap(), 2);
    });
    ledger.assert_each_dropped_once(|_| true);
}

fn debug_and_location_name_the_line(flavor: Flavor) {
    let runtime = flavor.runtime();
    let (result, line) = (run_coroutine_threadsafe(pending::<()>(), runtime.handle()), line!());
    assert_eq!((result.location().file(), result.location().line()), (file!(), line));
    assert!(format!("{result:?}").contains(&format!("{}:{line}:", file!())));
}

fn cancel_races_completion(flavor: Flavor) {
    let runtime = flavor.runtime();
    let handle = runtime.handle();
    for n in 0..500 {
        let (go_on, may_go_on) = oneshot::channel::<()>();
        let ended = Arc::new(AtomicBool::new(false));
        let ending = ended.clone();
        let on_drop = OnDrop::new(move || ending.store(true, Ordering::SeqCst));
        let result = run_coroutine_threadsafe(
            async move {
                let _on_drop = on_drop;
                let _ = may_go_on.await;
                n
            },
            handle,
        );
        let completes = thread::spawn(move || drop(go_on));
        let cancelled = result.cancel();
        match result.result() {
            Ok(output) => assert!(!cancelled && output == n),
            Err(error) => assert!(cancelled && error.is_cancelled()),
        }
        completes.join().unwrap();
        spin_until(|| ended.load(Ordering::SeqCst));
    }
    spin_until(|| live(handle) == 0);
}

fn cancel_races_the_first_poll(flavor: Flavor) {
    let runtime = flavor.runtime();
    let handle = runtime.handle();
    for _ in 0..1_000 {
        let result = run_coroutine_threadsafe(pending::<()>(), handle);
        assert!(result.cancel());
    }
    // Whether they were polled by then or not, none is left.
    spin_until(|| live(handle) == 0);
}

fn what_the_task_owns_is_gone_when_its_end_cancels_the_result(flavor: Flavor) {
    let runtime = flavor.runtime();
    let (tell, told) = mpsc::channel();
    let (begun, has_begun) = oneshot::channel();
    let tell_of_drop = tell.clone();
    let future = async move {
        let _owned = OnDrop::new(move || tell_of_drop.send("dropped").unwrap());
        begun.send(()).unwrap();
        pending::<()>().await;
    };
    let result = run_coroutine_threadsafe(future, runtime.handle());
    result.add_done_callback(move |result| {
        assert!(result.as_ref().is_err_and(JobError::is_cancelled));
        tell.send("cancelled").unwrap();
    });
    runtime.block_on(has_begun).unwrap();
    drop(runtime);
    assert_eq!(told.iter().collect::<Vec<_>>(), ["dropped", "cancelled"]);
}

fn what_the_task_owns_is_gone_when_its_result_is_there(flavor: Flavor) {
    let runtime = flavor.runtime();
    for panics in [false, true] {
        let (tell, told) = mpsc::channel();
        let tell_of_drop = tell.clone();
        let owned = OnDrop::new(move || tell_of_drop.send("dropped").unwrap());
        let future = poll_fn(move |_| {
            let _owned = &owned;
            if panics { resume_unwind(Box::new("boom")) } else { Poll::Ready(1) }
        });
        let result = run_coroutine_threadsafe(future, runtime.handle());
        result.add_done_callback(move |result| {
            assert_eq!(result.is_err(), panics);
            tell.send("done").unwrap();
        });
        assert_eq!(beside(&runtime, move |_| result.result()).is_err(), panics);
        assert_eq!(told.iter().collect::<Vec<_>>(), ["dropped", "done"]);
    }
}

fn a_panic_in_the_drop_of_the_future_is_the_result(flavor: Flavor) {
    let runtime = flavor.runtime();
    let owned = OnDrop::new(|| resume_unwind(Box::new("boom")));
    let future = poll_fn(move |_| {
        let _owned = &owned;
        Poll::Ready(())
    });
    let result = run_coroutine_threadsafe(future, runtime.handle());
    let error = beside(&runtime, move |_| result.result()).unwrap_err();
    assert_eq!(error.panic_message(), Some("boom"));
    assert_eq!(runtime.metrics().unobserved_panics_count(), 0);
}

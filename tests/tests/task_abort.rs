//! Aborting tasks: before, between and after their polls, from inside and from other threads.

use std::future::{Future, pending, poll_fn};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, mpsc as std_mpsc};
use std::task::Poll;
use std::thread;

use futures::channel::oneshot;
use windlass::runtime::Runtime;
use windlass::task::{self, JoinError, JoinHandle, LocalSet};
use windlass_tests::{
    CountingWaker, Flavor, OnDrop, PanicsOnDrop, on_every_flavor, on_multi_thread, once, spin_until,
    wake_self, yield_until,
};

on_every_flavor!(
    a_waiting_task,
    a_waiting_task_from_another_thread,
    a_task_that_was_never_polled,
    a_task_whose_handle_is_dropped_at_once,
    a_task_through_an_abort_handle_after_its_join_handle,
    a_finished_task_keeps_its_output,
    a_task_twice,
    a_task_that_is_queued,
    a_task_from_within_that_then_waits,
    a_task_from_within_that_then_returns,
    a_task_that_yields_forever,
    a_task_that_awaits_another_leaves_the_other_alone,
    a_join_handle_is_woken,
    a_future_that_panics_in_its_drop_is_contained,
    a_future_that_panics_in_its_drop_is_reported,
    abort_handles_tell_when_the_task_is_finished,
    a_blocking_job_that_has_started_goes_on,
    a_blocking_job_in_the_queue_is_cancelled,
    the_error_of_an_aborted_task,
    the_error_of_a_task_that_panicked,
    errors_become_io_errors,
);

on_multi_thread!(a_task_in_the_middle_of_a_poll, aborts_racing_completion);

once!(a_local_task_from_another_thread);

/// Spawns a task that waits forever, with a value in it whose last reference is returned, and sees to it that it was
/// polled.
fn spawn_waiting(runtime: &Runtime) -> (JoinHandle<()>, std::sync::Weak<()>) {
    let held = Arc::new(());
    let weak = Arc::downgrade(&held);
    let (polled, was_polled) = oneshot::channel();
    let task = runtime.spawn(async move {
        let _held = held;
        polled.send(()).unwrap();
        pending::<()>().await;
    });
    runtime.block_on(was_polled).unwrap();
    (task, weak)
}

fn a_waiting_task(flavor: Flavor) {
    let runtime = flavor.runtime();
    let (task, held) = spawn_waiting(&runtime);
    task.abort();
    assert!(runtime.block_on(task).unwrap_err().is_cancelled());
    assert!(held.upgrade().is_none(), "the future is dropped before its handle says so");
    // The runtime goes on.
    runtime.block_on(async { windlass::spawn(task::yield_now()).await.unwrap() });
}

fn a_waiting_task_from_another_thread(flavor: Flavor) {
    let runtime = flavor.runtime();
    for _ in 0..50 {
        let (task, held) = spawn_waiting(&runtime);
        let task = thread::spawn(move || {
            task.abort();
            task
        })
        .join()
        .unwrap();
        assert!(runtime.block_on(task).unwrap_err().is_cancelled());
        assert!(held.upgrade().is_none());
    }
}

fn a_task_that_was_never_polled(flavor: Flavor) {
    let runtime = flavor.runtime();
    runtime.block_on(async {
        for _ in 0..100 {
            let polled = Arc::new(AtomicBool::new(false));
            let aborted = Arc::new(AtomicBool::new(false));
            let (seen, told) = (polled.clone(), aborted.clone());
            let task = windlass::spawn(async move {
                seen.store(told.load(Ordering::SeqCst), Ordering::SeqCst);
                pending::<()>().await;
            });
            task.abort();
            aborted.store(true, Ordering::SeqCst);
            assert!(task.await.unwrap_err().is_cancelled());
            if flavor.is_current_thread() {
                assert!(!polled.load(Ordering::SeqCst), "it was polled after it was aborted");
            }
        }
    });
}

fn a_task_whose_handle_is_dropped_at_once(flavor: Flavor) {
    let runtime = flavor.runtime();
    let (task, held) = spawn_waiting(&runtime);
    task.abort();
    drop(task);
    runtime.block_on(yield_until(|| held.strong_count() == 0));
}

fn a_task_through_an_abort_handle_after_its_join_handle(flavor: Flavor) {
    let runtime = flavor.runtime();
    let (task, held) = spawn_waiting(&runtime);
    let abort = task.abort_handle();
    drop(task);
    assert!(!abort.is_finished());
    abort.abort();
    runtime.block_on(yield_until(|| abort.is_finished()));
    runtime.block_on(yield_until(|| held.strong_count() == 0));
}

fn a_finished_task_keeps_its_output(flavor: Flavor) {
    let runtime = flavor.runtime();
    let task = runtime.spawn(async { "output" });
    runtime.block_on(yield_until(|| task.is_finished()));
    task.abort();
    task.abort_handle().abort();
    assert_eq!(runtime.block_on(task).unwrap(), "output");
}

fn a_task_twice(flavor: Flavor) {
    let runtime = flavor.runtime();
    let (task, _) = spawn_waiting(&runtime);
    let abort = task.abort_handle();
    for _ in 0..3 {
        task.abort();
        abort.abort();
        abort.clone().abort();
    }
    assert!(runtime.block_on(task).unwrap_err().is_cancelled());
    abort.abort();
}

fn a_task_that_is_queued(flavor: Flavor) {
    let runtime = flavor.runtime();
    let waker = Arc::new(parking_lot::Mutex::new(None));
    let kept = waker.clone();
    let task = runtime.spawn(poll_fn(move |context| {
        *kept.lock() = Some(context.waker().clone());
        Poll::<()>::Pending
    }));
    runtime.block_on(yield_until(|| waker.lock().is_some()));
    let waker = waker.lock().take().unwrap();
    waker.wake_by_ref();
    task.abort();
    waker.wake_by_ref();
    assert!(runtime.block_on(task).unwrap_err().is_cancelled());
    waker.wake();
}

fn a_task_from_within_that_then_waits(flavor: Flavor) {
    let runtime = flavor.runtime();
    let (tx, rx) = oneshot::channel::<task::AbortHandle>();
    let task = runtime.spawn(async move {
        rx.await.unwrap().abort();
        task::yield_now().await;
        unreachable!("it was polled after it was aborted");
    });
    tx.send(task.abort_handle()).unwrap();
    assert!(runtime.block_on(task).unwrap_err().is_cancelled());
}

fn a_task_from_within_that_then_returns(flavor: Flavor) {
    let runtime = flavor.runtime();
    let (tx, rx) = oneshot::channel::<task::AbortHandle>();
    let task = runtime.spawn(async move {
        rx.await.unwrap().abort();
        "returned"
    });
    tx.send(task.abort_handle()).unwrap();
    assert_eq!(runtime.block_on(task).unwrap(), "returned");
}

fn a_task_that_yields_forever(flavor: Flavor) {
    let runtime = flavor.runtime();
    let yielding = runtime.spawn(async {
        loop {
            task::yield_now().await;
        }
    });
    let waking = runtime.spawn(async {
        loop {
            wake_self().await;
        }
    });
    runtime.block_on(async {
        for _ in 0..20 {
            task::yield_now().await;
        }
        yielding.abort();
        waking.abort();
        let never: Result<(), JoinError> = yielding.await;
        assert!(never.unwrap_err().is_cancelled());
        let never: Result<(), JoinError> = waking.await;
        assert!(never.unwrap_err().is_cancelled());
    });
}

fn a_task_that_awaits_another_leaves_the_other_alone(flavor: Flavor) {
    let runtime = flavor.runtime();
    let (tx, rx) = oneshot::channel();
    let inner = runtime.spawn(async move { rx.await.unwrap() });
    let inner_abort = inner.abort_handle();
    let (polled, was_polled) = oneshot::channel();
    let outer = runtime.spawn(async move {
        polled.send(()).unwrap();
        inner.await.unwrap()
    });
    runtime.block_on(was_polled).unwrap();
    outer.abort();
    assert!(runtime.block_on(outer).unwrap_err().is_cancelled());
    assert!(!inner_abort.is_finished(), "dropping a join handle detaches");
    tx.send(()).unwrap();
    runtime.block_on(yield_until(|| inner_abort.is_finished()));
}

fn a_join_handle_is_woken(flavor: Flavor) {
    let runtime = flavor.runtime();
    let (mut task, _) = spawn_waiting(&runtime);
    let (counter, waker) = CountingWaker::new();
    let mut context = std::task::Context::from_waker(&waker);
    assert!(Pin::new(&mut task).poll(&mut context).is_pending());
    task.abort();
    runtime.block_on(yield_until(|| counter.wakes() > 0));
    let Poll::Ready(Err(error)) = Pin::new(&mut task).poll(&mut context) else {
        panic!("woken before it was finished")
    };
    assert!(error.is_cancelled());
    assert_eq!(counter.wakes(), 1);
}

/// Spawns a task that waits with a value in it that panics when it is dropped.
fn spawn_that_panics_in_drop(runtime: &Runtime) -> JoinHandle<()> {
    let (polled, was_polled) = oneshot::channel();
    let task = runtime.spawn(async move {
        let _panics = PanicsOnDrop;
        polled.send(()).unwrap();
        pending::<()>().await;
    });
    runtime.block_on(was_polled).unwrap();
    task
}

fn a_future_that_panics_in_its_drop_is_contained(flavor: Flavor) {
    let runtime = flavor.runtime();
    for _ in 0..20 {
        let task = spawn_that_panics_in_drop(&runtime);
        let abort = task.abort_handle();
        task.abort();
        drop(task);
        runtime.block_on(yield_until(|| abort.is_finished()));
    }
    assert_eq!(runtime.block_on(async { windlass::spawn(async { 1 }).await.unwrap() }), 1);
}

fn a_future_that_panics_in_its_drop_is_reported(flavor: Flavor) {
    let runtime = flavor.runtime();
    let task = spawn_that_panics_in_drop(&runtime);
    task.abort();
    let error = runtime.block_on(task).unwrap_err();
    assert!(error.is_panic());
    assert!(!error.is_cancelled());
}

fn abort_handles_tell_when_the_task_is_finished(flavor: Flavor) {
    let runtime = flavor.runtime();
    let (tx, rx) = oneshot::channel::<()>();
    let task = runtime.spawn(async move { rx.await.unwrap() });
    let abort = task.abort_handle();
    assert_eq!(abort.id(), task.id());
    assert!(!abort.is_finished());
    assert!(!task.is_finished());
    tx.send(()).unwrap();
    runtime.block_on(task).unwrap();
    assert!(abort.is_finished());
    let other = abort.clone();
    drop(abort);
    assert!(other.is_finished());
}

fn a_blocking_job_that_has_started_goes_on(flavor: Flavor) {
    let runtime = flavor.runtime();
    let (started, is_started) = std_mpsc::channel();
    let (go_on, may_go_on) = std_mpsc::channel();
    let job = runtime.spawn_blocking(move || {
        started.send(()).unwrap();
        may_go_on.recv().unwrap()
    });
    is_started.recv().unwrap();
    job.abort();
    go_on.send("finished all the same").unwrap();
    assert_eq!(runtime.block_on(job).unwrap(), "finished all the same");
}

fn a_blocking_job_in_the_queue_is_cancelled(flavor: Flavor) {
    let runtime = flavor.builder().max_blocking_threads(1).build().unwrap();
    let (started, is_started) = std_mpsc::channel();
    let (go_on, may_go_on) = std_mpsc::channel::<()>();
    let first = runtime.spawn_blocking(move || {
        started.send(()).unwrap();
        may_go_on.recv().unwrap();
    });
    is_started.recv().unwrap();
    let dropped = Arc::new(AtomicBool::new(false));
    let on_drop = OnDrop::new({
        let dropped = dropped.clone();
        move || dropped.store(true, Ordering::SeqCst)
    });
    let second = runtime.spawn_blocking(move || {
        let _on_drop = on_drop;
        unreachable!("it was aborted before it started");
    });
    second.abort();
    go_on.send(()).unwrap();
    runtime.block_on(first).unwrap();
    assert!(runtime.block_on(second).unwrap_err().is_cancelled());
    drop(runtime);
    assert!(dropped.load(Ordering::SeqCst));
}

fn the_error_of_an_aborted_task(flavor: Flavor) {
    let runtime = flavor.runtime();
    let (task, _) = spawn_waiting(&runtime);
    let id = task.id();
    task.abort();
    let error = runtime.block_on(task).unwrap_err();
    assert!(error.is_cancelled() && !error.is_panic());
    assert_eq!(error.id(), id);
    assert_eq!(error.to_string(), format!("task {id} was cancelled"));
    assert_eq!(format!("{error:?}"), format!("JoinError::Cancelled({id:?})"));
    let error: Box<dyn std::error::Error + Send + Sync> = Box::new(error.try_into_panic().unwrap_err());
    assert!(error.source().is_none());
}

fn the_error_of_a_task_that_panicked(flavor: Flavor) {
    let runtime = flavor.runtime();
    let panicked = |future: Pin<Box<dyn Future<Output = ()> + Send>>| {
        let task = runtime.spawn(future);
        let id = task.id();
        let error = runtime.block_on(task).unwrap_err();
        assert!(error.is_panic() && !error.is_cancelled());
        assert_eq!(error.id(), id);
        (error, id)
    };

    let (error, id) = panicked(Box::pin(async {
        let value = 1234;
        panic!("Format-args payload: {value}")
    }));
    assert_eq!(error.to_string(), format!("task {id} panicked with message \"Format-args payload: 1234\""));
    assert_eq!(format!("{error:?}"), format!("JoinError::Panic({id:?}, \"Format-args payload: 1234\", ...)"));
    assert_eq!(error.into_panic().downcast_ref::<String>().unwrap(), "Format-args payload: 1234");

    let (error, id) = panicked(Box::pin(async { panic!("Const payload") }));
    assert_eq!(error.to_string(), format!("task {id} panicked with message \"Const payload\""));
    assert_eq!(format!("{error:?}"), format!("JoinError::Panic({id:?}, \"Const payload\", ...)"));
    assert_eq!(*error.try_into_panic().unwrap().downcast_ref::<&'static str>().unwrap(), "Const payload");

    let (error, id) = panicked(Box::pin(async { std::panic::panic_any(1234i32) }));
    assert_eq!(error.to_string(), format!("task {id} panicked"));
    assert_eq!(format!("{error:?}"), format!("JoinError::Panic({id:?}, ...)"));
    assert_eq!(*error.into_panic().downcast_ref::<i32>().unwrap(), 1234);
}

fn errors_become_io_errors(flavor: Flavor) {
    let runtime = flavor.runtime();
    let (task, _) = spawn_waiting(&runtime);
    task.abort();
    let error: std::io::Error = runtime.block_on(task).unwrap_err().into();
    assert_eq!(error.kind(), std::io::ErrorKind::Other);
    let error: std::io::Error = runtime.block_on(runtime.spawn(async { panic!("boom") })).unwrap_err().into();
    assert_eq!(error.kind(), std::io::ErrorKind::Other);
    assert_eq!(error.to_string(), "task panicked");
}

fn a_task_in_the_middle_of_a_poll(flavor: Flavor) {
    let runtime = flavor.runtime();
    for then_returns in [false, true] {
        let (polled, was_polled) = std_mpsc::channel();
        let (go_on, may_go_on) = std_mpsc::channel::<()>();
        let task = runtime.spawn(async move {
            polled.send(()).unwrap();
            may_go_on.recv().unwrap();
            if !then_returns {
                pending::<()>().await;
            }
        });
        was_polled.recv().unwrap();
        task.abort();
        assert!(!task.is_finished(), "a poll cannot be interrupted");
        go_on.send(()).unwrap();
        let result = futures::executor::block_on(task);
        assert_eq!(result.is_ok(), then_returns);
    }
}

fn aborts_racing_completion(flavor: Flavor) {
    let runtime = flavor.runtime();
    let (mut completed, mut cancelled) = (0, 0);
    for round in 0..2_000 {
        let drops = Arc::new(AtomicUsize::new(0));
        let counted = drops.clone();
        let on_drop = OnDrop::new(move || {
            counted.fetch_add(1, Ordering::SeqCst);
        });
        let task = runtime.spawn(async move {
            let _on_drop = on_drop;
            for _ in 0..round % 4 {
                wake_self().await;
            }
        });
        for _ in 0..round % 50 {
            std::hint::spin_loop();
        }
        task.abort();
        match futures::executor::block_on(task) {
            Ok(()) => completed += 1,
            Err(error) => {
                assert!(error.is_cancelled());
                cancelled += 1;
            }
        }
        spin_until(|| drops.load(Ordering::SeqCst) > 0);
        assert_eq!(drops.load(Ordering::SeqCst), 1);
    }
    assert_eq!(completed + cancelled, 2_000);
}

fn a_local_task_from_another_thread() {
    let runtime = Flavor::CurrentThread.runtime();
    for _ in 0..50 {
        let here = thread::current().id();
        let local = LocalSet::new();
        let not_send = std::rc::Rc::new(());
        let on_drop =
            OnDrop::new(move || assert_eq!(thread::current().id(), here, "dropped on another thread"));
        let (polled, was_polled) = std_mpsc::channel();
        let task = local.spawn_local(async move {
            let _values = (on_drop, not_send);
            polled.send(()).unwrap();
            pending::<()>().await;
        });
        let abort = task.abort_handle();
        let thread = thread::spawn(move || {
            was_polled.recv().unwrap();
            abort.abort();
        });
        runtime.block_on(local);
        assert!(runtime.block_on(task).unwrap_err().is_cancelled());
        thread.join().unwrap();
    }
}

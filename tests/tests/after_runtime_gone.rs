//! What is left when a runtime is gone: wakers, join handles, abort handles and handles keep working, to no effect.

use std::future::{pending, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::Duration;

use parking_lot::Mutex;
use windlass::runtime::Runtime;
use windlass::task::{JoinHandle, JoinSet};
use windlass_tests::{CountingWaker, Flavor, Ledger, on_every_flavor, poll_once, wake_self, yield_until};

on_every_flavor!(
    wakers_of_tasks_that_waited,
    wakers_of_tasks_that_were_finished,
    wakers_of_tasks_that_were_aborted,
    wakers_of_tasks_that_panicked,
    wakers_used_from_many_threads,
    the_waker_of_block_on,
    wakers_that_are_the_last_of_their_runtime,
    join_handles_of_tasks_that_waited,
    join_handles_of_tasks_that_were_finished,
    join_handles_polled_before_and_after,
    join_handles_dropped_unread,
    abort_handles,
    a_join_set,
    handles_spawn_and_block_on,
    handles_that_are_the_last_of_their_runtime,
    metrics_can_still_be_read,
);

type Wakers = Arc<Mutex<Vec<Waker>>>;

/// How a task goes on after it has left its waker.
#[derive(Clone, Copy)]
enum Then {
    Wait,
    Finish,
    Panic,
}

/// Spawns a task that leaves its waker and goes on as told; returns once it has.
fn leave_waker(runtime: &Runtime, then: Then) -> (JoinHandle<()>, Waker) {
    let wakers = Wakers::default();
    let left = wakers.clone();
    let task = runtime.spawn(poll_fn(move |context| {
        left.lock().push(context.waker().clone());
        match then {
            Then::Wait => Poll::Pending,
            Then::Finish => Poll::Ready(()),
            Then::Panic => std::panic::resume_unwind(Box::new("boom")),
        }
    }));
    runtime.block_on(yield_until(|| !wakers.lock().is_empty()));
    let waker = wakers.lock().pop().unwrap();
    (task, waker)
}

/// Does everything that can be done with a waker.
fn use_up(waker: Waker) {
    let another = waker.clone();
    assert!(waker.will_wake(&another));
    waker.wake_by_ref();
    another.wake_by_ref();
    let _ = format!("{waker:?}");
    let mut kept = Waker::noop().clone();
    kept.clone_from(&waker);
    another.wake();
    drop(kept);
    waker.wake();
}

fn wakers_of(flavor: Flavor, then: Then, abort: bool) {
    for keep_handle in [true, false] {
        let runtime = flavor.runtime();
        let (task, waker) = leave_waker(&runtime, then);
        if abort {
            task.abort();
            runtime.block_on(yield_until(|| task.is_finished()));
        }
        let task = keep_handle.then_some(task);
        drop(runtime);
        use_up(waker);
        drop(task);
    }
}

fn wakers_of_tasks_that_waited(flavor: Flavor) {
    wakers_of(flavor, Then::Wait, false);
}

fn wakers_of_tasks_that_were_finished(flavor: Flavor) {
    wakers_of(flavor, Then::Finish, false);
}

fn wakers_of_tasks_that_were_aborted(flavor: Flavor) {
    wakers_of(flavor, Then::Wait, true);
}

fn wakers_of_tasks_that_panicked(flavor: Flavor) {
    wakers_of(flavor, Then::Panic, false);
}

fn wakers_used_from_many_threads(flavor: Flavor) {
    for _ in 0..20 {
        let runtime = flavor.runtime();
        let wakers: Vec<_> = (0..20).map(|_| leave_waker(&runtime, Then::Wait).1).collect();
        drop(runtime);
        let threads: Vec<_> = (0..4)
            .map(|_| {
                let wakers = wakers.clone();
                thread::spawn(move || wakers.into_iter().for_each(use_up))
            })
            .collect();
        drop(wakers);
        for thread in threads {
            thread.join().unwrap();
        }
    }
}

fn the_waker_of_block_on(flavor: Flavor) {
    let runtime = flavor.runtime();
    let own = runtime.block_on(poll_fn(|context| Poll::Ready(context.waker().clone())));
    let of_handle = runtime.handle().block_on(poll_fn(|context| Poll::Ready(context.waker().clone())));
    own.wake_by_ref();
    of_handle.wake_by_ref();
    assert_eq!(runtime.block_on(async { windlass::spawn(async { 1 }).await.unwrap() }), 1);
    drop(runtime);
    use_up(own);
    use_up(of_handle);
}

fn wakers_that_are_the_last_of_their_runtime(flavor: Flavor) {
    let ledger = Ledger::new();
    let tracked = ledger.track();
    let wakers = Wakers::default();
    let left = wakers.clone();
    let runtime = flavor.runtime();
    let task = runtime.spawn(poll_fn(move |context| {
        let _held = &tracked;
        left.lock().push(context.waker().clone());
        Poll::<()>::Pending
    }));
    runtime.block_on(yield_until(|| !wakers.lock().is_empty()));
    drop(runtime);
    drop(task);
    assert_eq!(ledger.dropped(), 1, "a waker keeps no future alive");
    let wakers = std::mem::take(&mut *wakers.lock());
    wakers.into_iter().for_each(use_up);
    ledger.assert_each_dropped_once(|_| true);
}

fn join_handles_of_tasks_that_waited(flavor: Flavor) {
    let runtime = flavor.runtime();
    let (mut task, _) = leave_waker(&runtime, Then::Wait);
    let mut queued = runtime.spawn(pending::<()>());
    drop(runtime);
    for task in [&mut task, &mut queued] {
        assert!(task.is_finished());
        let Poll::Ready(result) = poll_once(task) else { panic!("it waits for a runtime that is gone") };
        let error = result.unwrap_err();
        assert!(error.is_cancelled());
        assert_eq!(error.id(), task.id());
        let _ = format!("{task:?}");
        task.abort();
    }
}

fn join_handles_of_tasks_that_were_finished(flavor: Flavor) {
    let runtime = flavor.runtime();
    let task = runtime.spawn(async {
        wake_self().await;
        String::from("output")
    });
    let job = runtime.spawn_blocking(|| String::from("of a job"));
    runtime.block_on(yield_until(|| task.is_finished() && job.is_finished()));
    drop(runtime);
    assert_eq!(futures::executor::block_on(task).unwrap(), "output");
    assert_eq!(futures::executor::block_on(job).unwrap(), "of a job");
}

fn join_handles_polled_before_and_after(flavor: Flavor) {
    let runtime = flavor.runtime();
    let (mut task, _) = leave_waker(&runtime, Then::Wait);
    let (counter, waker) = CountingWaker::new();
    assert!(Pin::new(&mut task).poll(&mut Context::from_waker(&waker)).is_pending());
    drop(runtime);
    assert_eq!(counter.wakes(), 1, "whoever waits is told");
    let result = Pin::new(&mut task).poll(&mut Context::from_waker(&waker));
    assert!(matches!(result, Poll::Ready(Err(error)) if error.is_cancelled()));
}

fn join_handles_dropped_unread(flavor: Flavor) {
    let ledger = Ledger::new();
    let runtime = flavor.runtime();
    let output = ledger.track();
    let task = runtime.spawn(async move { output });
    runtime.block_on(yield_until(|| task.is_finished()));
    drop(runtime);
    assert_eq!(ledger.dropped(), 0);
    drop(task);
    assert_eq!(ledger.dropped(), 1);
}

fn abort_handles(flavor: Flavor) {
    let runtime = flavor.runtime();
    let (task, _) = leave_waker(&runtime, Then::Wait);
    let abort = task.abort_handle();
    drop(task);
    drop(runtime);
    assert!(abort.is_finished());
    abort.abort();
    abort.clone().abort();
    let _ = format!("{abort:?}");
    let _ = abort.id();
}

fn a_join_set(flavor: Flavor) {
    let runtime = flavor.runtime();
    let mut set = JoinSet::new();
    set.spawn_on(async { 1 }, runtime.handle());
    let finished = set.spawn_on(async { 1 }, runtime.handle());
    runtime.block_on(yield_until(|| finished.is_finished()));
    set.spawn_on(pending(), runtime.handle());
    let handle = runtime.handle().clone();
    drop(runtime);
    set.spawn_on(async { 1 }, &handle);
    let (mut ok, mut cancelled) = (0, 0);
    while let Some(result) = futures::executor::block_on(set.join_next()) {
        match result {
            Ok(_) => ok += 1,
            Err(error) => {
                assert!(error.is_cancelled());
                cancelled += 1;
            }
        }
    }
    assert!(ok >= 1 && cancelled >= 2 && ok + cancelled == 4, "{ok} and {cancelled}");
}

fn handles_spawn_and_block_on(flavor: Flavor) {
    let runtime = flavor.runtime();
    let handle = runtime.handle().clone();
    runtime.shutdown_timeout(Duration::from_secs(1_000));
    for _ in 0..20 {
        assert!(handle.block_on(handle.spawn(wake_self())).unwrap_err().is_cancelled());
        assert!(handle.block_on(handle.spawn_blocking(|| {})).unwrap_err().is_cancelled());
        assert_eq!(handle.block_on(async { 1 }), 1);
        let _entered = handle.enter();
        assert!(handle.block_on(windlass::spawn(async {})).unwrap_err().is_cancelled());
    }
}

fn handles_that_are_the_last_of_their_runtime(flavor: Flavor) {
    let runtime = flavor.runtime();
    let handles: Vec<_> = (0..4).map(|_| runtime.handle().clone()).collect();
    drop(runtime);
    let threads: Vec<_> = handles
        .into_iter()
        .map(|handle| {
            thread::spawn(move || {
                drop(handle.spawn(wake_self()));
                drop(handle);
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
}

fn metrics_can_still_be_read(flavor: Flavor) {
    let runtime = flavor.runtime();
    runtime.block_on(async {
        windlass::spawn(wake_self()).await.unwrap();
    });
    let metrics = runtime.metrics();
    let workers = metrics.num_workers();
    drop(runtime);
    assert_eq!(metrics.num_workers(), workers);
    assert_eq!(metrics.num_alive_tasks(), 0);
}

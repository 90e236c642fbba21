//! `Handle`, `enter` and `try_current`: how code finds the runtime it runs in, and what a handle does after it is gone.

use std::future::{pending, ready};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Barrier, Mutex, mpsc as std_mpsc};
use std::task::Poll;
use std::thread;
use std::time::Duration;

use futures::channel::oneshot;
use futures::future::select;
use windlass::runtime::{Handle, Runtime, RuntimeFlavor};
use windlass::task;
use windlass_tests::{Flavor, OnDrop, on_every_flavor, once, panics, poll_once, wake_self, yield_until};

on_every_flavor!(
    guards_may_be_dropped_in_reverse_order,
    guards_of_two_runtimes_must_not_cross,
    guards_of_one_runtime_must_not_cross,
    a_runtime_can_be_entered_after_guards_crossed,
    the_innermost_guard_counts,
    enter_is_no_block_on,
    current_is_known_wherever_the_runtime_runs_code,
    a_handle_keeps_working_on_another_thread,
    handles_tell_their_flavor,
    tasks_that_hold_each_others_join_handles_are_dropped,
    a_spawn_after_the_runtime_is_gone_is_cancelled_at_once,
    a_blocking_job_after_the_runtime_is_gone_is_cancelled_at_once,
    a_job_refused_after_shutdown_may_submit_another_in_its_drop,
    a_future_refused_after_shutdown_may_spawn_another_in_its_drop,
    try_current_within_a_guard_outlives_the_runtime,
    a_guard_may_outlive_its_runtime_that_is_shut_down,
    a_runtime_around_one_that_its_guard_outlives,
);

once!(try_current_says_that_there_is_none, current_says_that_there_is_none);

fn guards_may_be_dropped_in_reverse_order(flavor: Flavor) {
    let one = flavor.runtime();
    let other = flavor.runtime();
    let first = one.enter();
    let second = other.enter();
    drop(second);
    drop(first);
    assert!(Handle::try_current().is_err());
}

/// A runtime whose guards are about to cross. That keeps it alive for good, since its thread may still be in it; what
/// looks for leaks is to find it here.
fn runtime_that_stays(flavor: Flavor) -> Runtime {
    static STAYS: Mutex<Vec<Handle>> = Mutex::new(Vec::new());
    let runtime = flavor.runtime();
    STAYS.lock().unwrap().push(runtime.handle().clone());
    runtime
}

fn guards_of_two_runtimes_must_not_cross(flavor: Flavor) {
    panics(|| {
        let one = runtime_that_stays(flavor);
        let other = runtime_that_stays(flavor);
        let first = one.enter();
        let second = other.enter();
        drop(first);
        drop(second);
    });
}

fn guards_of_one_runtime_must_not_cross(flavor: Flavor) {
    panics(|| {
        let runtime = runtime_that_stays(flavor);
        let _first = runtime.enter();
        let second = runtime.enter();
        let third = runtime.enter();
        drop(second);
        drop(third);
    });
}

fn a_runtime_can_be_entered_after_guards_crossed(flavor: Flavor) {
    guards_of_two_runtimes_must_not_cross(flavor);
    let runtime = flavor.runtime();
    let _entered = runtime.enter();
    drop(windlass::spawn(async {}));
}

fn the_innermost_guard_counts(flavor: Flavor) {
    let outer = flavor.runtime();
    let inner = Flavor::CurrentThread.runtime();
    let (tx, rx) = std_mpsc::channel();
    let _outer = outer.enter();
    {
        let _inner = inner.enter();
        windlass::spawn(async move { tx.send(thread::current().id()).unwrap() });
    }
    inner.block_on(async {
        for _ in 0..10 {
            task::yield_now().await;
        }
    });
    assert_eq!(rx.recv().unwrap(), thread::current().id());
}

fn enter_is_no_block_on(flavor: Flavor) {
    let runtime = flavor.runtime();
    let _entered = runtime.enter();
    // A thread that is only within the context may block.
    assert_eq!(runtime.block_on(async { 1 }), 1);
    assert_eq!(Handle::current().block_on(async { 2 }), 2);
}

fn current_is_known_wherever_the_runtime_runs_code(flavor: Flavor) {
    /// Finds out whether the current runtime is the one that is about to be dropped: its spawns are cancelled then.
    fn spawns_here() -> bool {
        Handle::try_current().is_ok()
    }
    let runtime = flavor.runtime();
    assert!(!spawns_here());
    let (tx, rx) = std_mpsc::channel();
    let on_drop = OnDrop::new(move || tx.send(spawns_here()).unwrap());
    runtime.block_on(async {
        assert!(spawns_here());
        assert!(windlass::spawn(async { spawns_here() }).await.unwrap());
        assert!(task::spawn_blocking(spawns_here).await.unwrap());
        let (polled, was_polled) = oneshot::channel();
        windlass::spawn(async move {
            let _on_drop = on_drop;
            polled.send(()).unwrap();
            pending::<()>().await;
        });
        was_polled.await.unwrap();
    });
    assert!(!spawns_here());
    drop(runtime);
    assert!(rx.recv().unwrap(), "a future is dropped within its runtime, at shutdown as well");
    assert!(!spawns_here());
}

fn a_handle_keeps_working_on_another_thread(flavor: Flavor) {
    let runtime = flavor.runtime();
    let handle = runtime.block_on(async { Handle::current() });
    let thread = thread::spawn(move || {
        let _entered = handle.enter();
        windlass::spawn(async { "spawned" })
    });
    let task = thread.join().unwrap();
    assert_eq!(runtime.block_on(task).unwrap(), "spawned");
}

fn handles_tell_their_flavor(flavor: Flavor) {
    let runtime = flavor.runtime();
    let expected = match flavor {
        Flavor::CurrentThread => RuntimeFlavor::CurrentThread,
        Flavor::MultiThread(_) => RuntimeFlavor::MultiThread,
    };
    assert_eq!(runtime.handle().runtime_flavor(), expected);
    assert_eq!(runtime.block_on(async { Handle::current().runtime_flavor() }), expected);
}

fn tasks_that_hold_each_others_join_handles_are_dropped(flavor: Flavor) {
    for _ in 0..20 {
        let count = Arc::new(());
        let runtime = flavor.runtime();
        runtime.block_on(async {
            let (tx, rx) = oneshot::channel::<task::JoinHandle<()>>();
            let (polled, polls) = std_mpsc::channel();
            let (held, polled_too) = (count.clone(), polled.clone());
            let one = windlass::spawn(async move {
                let _held = held;
                // Polls the other's handle once, which leaves this task's waker there.
                let (_, other) = match select(rx.await.unwrap(), ready(())).await {
                    futures::future::Either::Left(_) => unreachable!(),
                    futures::future::Either::Right(((), other)) => ((), other),
                };
                polled.send(()).unwrap();
                other.await.unwrap();
            });
            let held = count.clone();
            let other = windlass::spawn(async move {
                let _held = held;
                let one = match select(one, ready(())).await {
                    futures::future::Either::Left(_) => unreachable!(),
                    futures::future::Either::Right(((), one)) => one,
                };
                polled_too.send(()).unwrap();
                one.await.unwrap();
            });
            tx.send(other).unwrap();
            let mut both = 0;
            yield_until(|| {
                both += polls.try_iter().count();
                both == 2
            })
            .await;
        });
        drop(runtime);
        assert_eq!(Arc::strong_count(&count), 1);
    }
}

fn a_spawn_after_the_runtime_is_gone_is_cancelled_at_once(flavor: Flavor) {
    let runtime = flavor.runtime();
    let handle = runtime.handle().clone();
    let mut before = handle.spawn(pending::<()>());
    drop(runtime);
    let mut after = handle.spawn(pending::<()>());
    for task in [&mut before, &mut after] {
        let Poll::Ready(result) = poll_once(task) else {
            panic!("a handle that waits for a runtime that is gone")
        };
        assert!(result.unwrap_err().is_cancelled());
    }
    assert!(after.is_finished());
}

fn a_blocking_job_after_the_runtime_is_gone_is_cancelled_at_once(flavor: Flavor) {
    let runtime = flavor.runtime();
    let handle = runtime.handle().clone();
    runtime.shutdown_timeout(Duration::from_secs(1_000));
    let mut job = handle.spawn_blocking(|| unreachable!("it must not run"));
    let Poll::Ready(result) = poll_once(&mut job) else {
        panic!("a handle that waits for a pool that is gone")
    };
    assert!(result.unwrap_err().is_cancelled());
}

fn a_job_refused_after_shutdown_may_submit_another_in_its_drop(flavor: Flavor) {
    let runtime = flavor.runtime();
    let handle = runtime.handle().clone();
    drop(runtime);
    let again = handle.clone();
    let on_drop = OnDrop::new(move || drop(again.spawn_blocking(|| {})));
    let job = handle.spawn_blocking(move || drop(on_drop));
    assert!(futures::executor::block_on(job).unwrap_err().is_cancelled());
}

fn a_future_refused_after_shutdown_may_spawn_another_in_its_drop(flavor: Flavor) {
    let runtime = flavor.runtime();
    let handle = runtime.handle().clone();
    drop(runtime);
    let again = handle.clone();
    let on_drop = OnDrop::new(move || drop(again.spawn(async {})));
    let task = handle.spawn(async move { drop(on_drop) });
    assert!(futures::executor::block_on(task).unwrap_err().is_cancelled());
}

fn try_current_within_a_guard_outlives_the_runtime(flavor: Flavor) {
    let runtime: Runtime = flavor.runtime();
    let handle = runtime.handle().clone();
    let _entered = handle.enter();
    drop(runtime);
    // The context is still there; what is spawned in it is cancelled.
    let task = Handle::current().spawn(wake_self());
    assert!(futures::executor::block_on(task).unwrap_err().is_cancelled());
}

fn try_current_says_that_there_is_none() {
    let error = Handle::try_current().unwrap_err();
    assert!(error.is_missing_context());
    assert!(!error.is_thread_local_destroyed());
    assert!(!error.to_string().is_empty());

    // Threads of one's own are outside, even those that a task started.
    let runtime = Flavor::MultiThread(1).runtime();
    let outside = runtime.block_on(async {
        let barrier = Arc::new(Barrier::new(2));
        let met = barrier.clone();
        let thread = thread::spawn(move || {
            met.wait();
            Handle::try_current().is_err()
        });
        barrier.wait();
        thread.join().unwrap()
    });
    assert!(outside);

    // A closure that panics within the context leaves none behind.
    let _ = catch_unwind(AssertUnwindSafe(|| {
        let _entered = runtime.enter();
        std::panic::resume_unwind(Box::new(()));
    }));
    assert!(Handle::try_current().is_err());
}

fn current_says_that_there_is_none() {
    let panicked = panics(Handle::current);
    assert!(
        panicked.message.contains("runtime"),
        "the message must say that a runtime is missing: {}",
        panicked.message
    );
}

fn a_guard_may_outlive_its_runtime_that_is_shut_down(flavor: Flavor) {
    fn entered(runtime: Runtime, end: impl FnOnce(Runtime)) {
        let expected = runtime.handle().runtime_flavor();
        let _guard = runtime.enter();
        end(runtime);
        // The thread is in it still, and told that nothing runs there any more.
        assert_eq!(Handle::current().runtime_flavor(), expected);
        let (task, job) = (windlass::spawn(async { 1 }), task::spawn_blocking(|| 2));
        assert!(Handle::current().block_on(task).unwrap_err().is_cancelled());
        assert!(Handle::current().block_on(job).unwrap_err().is_cancelled());
    }
    let ends: [fn(Runtime); 3] =
        [|runtime| runtime.shutdown_timeout(Duration::from_secs(1_000)), Runtime::shutdown_background, drop];
    for end in ends {
        entered(flavor.runtime(), end);
        assert!(Handle::try_current().is_err(), "the guard has taken the thread out");
    }
}

fn a_runtime_around_one_that_its_guard_outlives(flavor: Flavor) {
    let outer = flavor.runtime();
    let _outer = outer.enter();
    {
        let inner = flavor.runtime();
        let _inner = inner.enter();
        drop(inner);
    }
    assert_eq!(outer.block_on(windlass::spawn(async { 1 })).unwrap(), 1);
}

//! `TaskTracker`: what counts as a task, and when a wait is over.

use std::future::{Future, pending};
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, mpsc};
use std::task::{Context, Waker};
use std::thread;

use windlass::sync::{CancellationToken, TaskTracker};
use windlass::task::LocalSet;
use windlass_tests::{CountingWaker, Flavor, OnDrop, PanicsOnDrop, on_every_flavor, once};

on_every_flavor!(
    tasks_of_every_kind,
    aborted_and_panicking_tasks_end_too,
    a_wait_sees_what_the_tasks_did,
    dropping_it_leaves_the_tasks_alone,
    many_wait_for_many,
    tasks_that_spawn_tasks,
    a_function_that_is_not_called_counts_until_it_is_gone,
);

once!(
    opening_and_closing,
    tokens_are_counted,
    over_at_once,
    over_at_once_and_open_again,
    over_when_it_is_closed,
    over_when_it_was_closed_for_a_moment,
    over_when_the_last_task_ends,
    over_when_the_last_task_has_ended_for_a_moment,
    not_over_while_it_is_open,
    many_waiters,
    closed_while_the_last_task_ends,
    identity,
);

fn is_over<F: Future>(future: F) -> bool {
    pin!(future).poll(&mut Context::from_waker(Waker::noop())).is_ready()
}

fn opening_and_closing() {
    let tracker = TaskTracker::new();
    assert!(!tracker.is_closed() && tracker.is_empty());
    assert!(tracker.close());
    assert!(tracker.is_closed());
    assert!(!tracker.close());
    assert!(tracker.reopen());
    assert!(!tracker.reopen());
    assert!(!tracker.is_closed());
    assert!(tracker.close());
    assert_eq!(format!("{tracker:?}"), "TaskTracker { len: 0, is_closed: true }");
}

fn tokens_are_counted() {
    let tracker = TaskTracker::new();
    let mut tokens: Vec<windlass::sync::TaskTrackerToken> = Vec::new();
    for n in 0..10 {
        assert_eq!(tracker.len(), n);
        tokens.push(if n % 2 == 0 { tracker.token() } else { tokens[n - 1].clone() });
    }
    assert!(tokens.iter().all(|token| TaskTracker::ptr_eq(token.task_tracker(), &tracker)));
    tracker.close();
    assert_eq!((tracker.len(), tracker.is_empty(), tracker.is_closed()), (10, false, true));
    while let Some(token) = tokens.pop() {
        drop(token);
        assert_eq!(tracker.len(), tokens.len());
    }
    assert!(tracker.is_empty());
}

fn over_at_once() {
    let tracker = TaskTracker::new();
    tracker.close();
    assert!(is_over(tracker.wait()));
}

fn over_at_once_and_open_again() {
    let tracker = TaskTracker::new();
    tracker.close();
    let wait = tracker.wait();
    tracker.reopen();
    assert!(is_over(wait));
    assert!(!is_over(tracker.wait()));
}

fn over_when_it_is_closed() {
    let tracker = TaskTracker::new();
    let (wakes, waker) = CountingWaker::new();
    let mut wait = pin!(tracker.wait());
    assert!(wait.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    tracker.close();
    assert_eq!(wakes.wakes(), 1);
    assert!(is_over(wait));
}

fn over_when_it_was_closed_for_a_moment() {
    let tracker = TaskTracker::new();
    let wait = tracker.wait();
    tracker.close();
    tracker.reopen();
    assert!(is_over(wait));
}

fn over_when_the_last_task_ends() {
    let tracker = TaskTracker::new();
    let token = tracker.token();
    tracker.close();
    let mut wait = pin!(tracker.wait());
    assert!(!is_over(wait.as_mut()));
    let another = tracker.token();
    drop(token);
    assert!(!is_over(wait.as_mut()));
    drop(another);
    assert!(is_over(wait));
}

fn over_when_the_last_task_has_ended_for_a_moment() {
    let tracker = TaskTracker::new();
    let token = tracker.token();
    tracker.close();
    let wait = tracker.wait();
    drop(token);
    let _another = tracker.token();
    assert!(is_over(wait));
    assert!(!is_over(tracker.wait()));
}

fn not_over_while_it_is_open() {
    let tracker = TaskTracker::new();
    let mut wait = pin!(tracker.wait());
    for _ in 0..3 {
        drop(tracker.token());
        assert!(!is_over(wait.as_mut()));
    }
    let token = tracker.token();
    tracker.close();
    tracker.reopen();
    drop(token);
    assert!(!is_over(wait));
}

fn many_waiters() {
    let tracker = TaskTracker::new();
    let token = tracker.token();
    let (wakes, waker) = CountingWaker::new();
    let mut waits: Vec<_> = (0..100).map(|_| Box::pin(tracker.wait())).collect();
    for wait in &mut waits {
        assert!(wait.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    }
    tracker.close();
    assert_eq!(wakes.wakes(), 0);
    drop(token);
    assert_eq!(wakes.wakes(), 100);
    assert!(waits.iter_mut().all(|wait| is_over(wait.as_mut())));
}

fn closed_while_the_last_task_ends() {
    for _ in 0..500 {
        let tracker = TaskTracker::new();
        let (token, barrier) = (tracker.token(), Barrier::new(3));
        thread::scope(|scope| {
            scope.spawn(|| {
                barrier.wait();
                drop(token);
            });
            scope.spawn(|| {
                barrier.wait();
                tracker.close();
            });
            barrier.wait();
            futures::executor::block_on(tracker.wait());
        });
        assert!(tracker.is_empty() && tracker.is_closed());
    }
}

fn identity() {
    let tracker = TaskTracker::new();
    assert!(TaskTracker::ptr_eq(&tracker, &tracker.clone()));
    assert!(!TaskTracker::ptr_eq(&tracker, &TaskTracker::default()));
}

fn tasks_of_every_kind(flavor: Flavor) {
    let (tracker, stop) = (TaskTracker::new(), CancellationToken::new());
    let runtime = flavor.runtime();
    let (go, gone) = mpsc::channel::<()>();
    let other = tracker.spawn_on(stop.clone().cancelled_owned(), runtime.handle());
    let elsewhere = tracker.spawn_blocking_on(move || gone.recv().is_err(), runtime.handle());
    let local = LocalSet::new();
    let on_the_set = tracker.spawn_local_on(stop.clone().cancelled_owned(), &local);
    local.block_on(&runtime, async {
        let one = tracker.spawn(stop.clone().cancelled_owned());
        let blocking = tracker.spawn_blocking(|| 7);
        let on_the_current = tracker.spawn_local(stop.clone().cancelled_owned());
        assert_eq!(blocking.await.unwrap(), 7);
        assert_eq!(tracker.len(), 5);
        tracker.close();
        let mut wait = pin!(tracker.wait());
        assert!(!is_over(wait.as_mut()));
        stop.cancel();
        for task in [one, other, on_the_set, on_the_current] {
            task.await.unwrap();
        }
        assert!(!is_over(wait.as_mut()));
        drop(go);
        assert!(elsewhere.await.unwrap());
        wait.await;
        assert!(tracker.is_empty());
    });
}

fn aborted_and_panicking_tasks_end_too(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let tracker = TaskTracker::new();
        let aborted = tracker.spawn(pending::<()>());
        let panicking = tracker.spawn(async { panic!("a task's") });
        let in_drop = tracker.spawn(async {
            let _guard = PanicsOnDrop;
            pending::<()>().await
        });
        let blocking = tracker.spawn_blocking(|| panic!("a job's"));
        windlass::task::yield_now().await;
        aborted.abort();
        in_drop.abort();
        tracker.close();
        tracker.wait().await;
        assert!(aborted.await.unwrap_err().is_cancelled());
        assert!(panicking.await.unwrap_err().is_panic());
        assert!(blocking.await.unwrap_err().is_panic());
    });
}

fn a_wait_sees_what_the_tasks_did(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let tracker = TaskTracker::new();
        let sum = Arc::new(AtomicUsize::new(0));
        for n in 0..100 {
            let sum = sum.clone();
            tracker.spawn(async move {
                windlass::task::yield_now().await;
                // Relaxed: the wait is what orders it.
                sum.fetch_add(n, Ordering::Relaxed);
            });
        }
        tracker.close();
        tracker.wait().await;
        assert_eq!(sum.load(Ordering::Relaxed), 4_950);
    });
}

fn dropping_it_leaves_the_tasks_alone(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let tracker = TaskTracker::new();
        let (send, receive) = futures::channel::oneshot::channel();
        let task = tracker.spawn(receive);
        drop(tracker);
        send.send(7).unwrap();
        assert_eq!(task.await.unwrap(), Ok(7));
    });
}

fn many_wait_for_many(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let tracker = TaskTracker::new();
        let waiting: Vec<_> = (0..20)
            .map(|_| {
                let tracker = tracker.clone();
                windlass::spawn(async move { tracker.wait().await })
            })
            .collect();
        for _ in 0..500 {
            tracker.spawn(windlass::task::yield_now());
        }
        tracker.close();
        for wait in waiting {
            wait.await.unwrap();
        }
        assert!(tracker.is_empty());
    });
}

fn tasks_that_spawn_tasks(flavor: Flavor) {
    fn tree(tracker: &TaskTracker, count: &Arc<AtomicUsize>, depth: u32) {
        count.fetch_add(1, Ordering::Relaxed);
        if depth > 0 {
            for _ in 0..2 {
                let (inner, count) = (tracker.clone(), count.clone());
                tracker.spawn(async move { tree(&inner, &count, depth - 1) });
            }
        }
    }
    flavor.runtime().block_on(async {
        let (tracker, count) = (TaskTracker::new(), Arc::new(AtomicUsize::new(0)));
        tree(&tracker, &count, 8);
        tracker.close();
        tracker.wait().await;
        assert_eq!(count.load(Ordering::Relaxed), 511);
    });
}

fn a_function_that_is_not_called_counts_until_it_is_gone(flavor: Flavor) {
    let runtime = flavor.builder().max_blocking_threads(1).build().unwrap();
    let (release, released) = mpsc::channel::<()>();
    runtime.spawn_blocking(move || {
        let _ = released.recv();
    });
    let tracker = TaskTracker::new();
    let (count, counted) = mpsc::channel();
    let owned = {
        let tracker = tracker.clone();
        OnDrop::new(move || count.send(tracker.len()).unwrap())
    };
    let job = tracker.spawn_blocking_on(move || drop(owned), runtime.handle());
    job.abort();
    drop(release);
    assert_eq!(counted.recv().unwrap(), 1, "what the function owns was there");
    runtime.block_on(async { assert!(job.await.unwrap_err().is_cancelled()) });
    assert!(tracker.is_empty());
}

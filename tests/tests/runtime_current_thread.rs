//! What only a current-thread runtime does: tasks run on the threads inside `block_on`, one at a time.

use std::collections::HashSet;
use std::future::{pending, poll_fn};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::Poll;
use std::thread;

use futures::StreamExt;
use futures::channel::{mpsc, oneshot};
use parking_lot::Mutex;
use windlass::runtime::{Handle, Runtime};
use windlass::task;
use windlass_tests::{Flavor, OnDrop, once, panics, wake_self, yield_until};

once!(
    a_task_runs_only_while_somebody_is_in_block_on,
    tasks_run_on_the_thread_in_block_on,
    tasks_run_in_the_order_they_were_spawned,
    a_task_is_polled_no_more_than_it_is_woken,
    a_task_woken_many_times_before_it_runs_is_polled_once,
    a_drop_during_shutdown_may_wake_a_task_already_dropped,
    futures_are_dropped_within_the_runtime,
    a_drop_after_a_panic_may_wake_another_task,
    a_task_spawned_from_a_thread_runs_in_block_on,
    block_on_from_several_threads_runs_one_task_at_a_time,
    another_thread_takes_over_when_the_one_that_drives_leaves,
);

fn runtime() -> Runtime {
    Flavor::CurrentThread.runtime()
}

fn a_task_runs_only_while_somebody_is_in_block_on() {
    let runtime = runtime();
    let (tx, mut rx) = oneshot::channel();
    runtime.spawn(async move { tx.send(thread::current().id()).unwrap() });
    // A job in the pool gives whoever might run the task the time to do so.
    let job = runtime.spawn_blocking(|| {});
    while !job.is_finished() {
        thread::yield_now();
    }
    assert_eq!(rx.try_recv(), Ok(None));
    assert_eq!(runtime.block_on(rx).unwrap(), thread::current().id());
}

fn tasks_run_on_the_thread_in_block_on() {
    let runtime = Arc::new(runtime());
    for _ in 0..3 {
        let runtime = runtime.clone();
        thread::spawn(move || {
            let here = thread::current().id();
            runtime.block_on(async {
                for _ in 0..100 {
                    let there = windlass::spawn(async {
                        wake_self().await;
                        thread::current().id()
                    });
                    assert_eq!(there.await.unwrap(), here);
                }
            });
        })
        .join()
        .unwrap();
    }
}

fn tasks_run_in_the_order_they_were_spawned() {
    let order = Arc::new(Mutex::new(Vec::new()));
    let runtime = runtime();
    let tasks: Vec<_> = (0..1_000)
        .map(|i| {
            let order = order.clone();
            runtime.spawn(async move { order.lock().push(i) })
        })
        .collect();
    runtime.block_on(async {
        for task in tasks {
            task.await.unwrap();
        }
    });
    assert_eq!(*order.lock(), (0..1_000).collect::<Vec<_>>());
}

/// Lets the tasks of a runtime come to rest, once `condition` holds.
fn settle(runtime: &Runtime, condition: impl FnMut() -> bool) {
    runtime.block_on(async {
        yield_until(condition).await;
        for _ in 0..200 {
            task::yield_now().await;
        }
    });
}

fn a_task_is_polled_no_more_than_it_is_woken() {
    let runtime = runtime();
    let (tx, mut rx) = mpsc::unbounded::<()>();
    let polls = Arc::new(AtomicUsize::new(0));
    let counted = polls.clone();
    let task = runtime.spawn(poll_fn(move |context| {
        counted.fetch_add(1, Ordering::SeqCst);
        while let Poll::Ready(item) = rx.poll_next_unpin(context) {
            if item.is_none() {
                return Poll::Ready(());
            }
        }
        Poll::Pending
    }));

    settle(&runtime, || polls.load(Ordering::SeqCst) >= 1);
    assert_eq!(polls.load(Ordering::SeqCst), 1, "the first poll");
    tx.unbounded_send(()).unwrap();
    settle(&runtime, || polls.load(Ordering::SeqCst) >= 2);
    assert_eq!(polls.load(Ordering::SeqCst), 2, "one poll for one wake");
    drop(tx);
    runtime.block_on(task).unwrap();
    assert_eq!(polls.load(Ordering::SeqCst), 3, "one poll for the end");
}

fn a_task_woken_many_times_before_it_runs_is_polled_once() {
    let runtime = runtime();
    let polls = Arc::new(AtomicUsize::new(0));
    let waker = Arc::new(Mutex::new(None));
    let (counted, kept) = (polls.clone(), waker.clone());
    runtime.spawn(poll_fn(move |context| {
        counted.fetch_add(1, Ordering::SeqCst);
        *kept.lock() = Some(context.waker().clone());
        Poll::<()>::Pending
    }));
    settle(&runtime, || waker.lock().is_some());
    assert_eq!(polls.load(Ordering::SeqCst), 1);

    let waker = waker.lock().take().unwrap();
    for _ in 0..100 {
        waker.wake_by_ref();
        let another = waker.clone();
        another.wake_by_ref();
        another.wake();
    }
    settle(&runtime, || polls.load(Ordering::SeqCst) >= 2);
    assert_eq!(polls.load(Ordering::SeqCst), 2);
}

fn a_drop_during_shutdown_may_wake_a_task_already_dropped() {
    let (tx1, rx1) = oneshot::channel::<()>();
    let (tx2, rx2) = oneshot::channel::<()>();
    let runtime = runtime();
    let polled = Arc::new(AtomicUsize::new(0));
    let count = polled.clone();
    runtime.spawn(async move {
        count.fetch_add(1, Ordering::SeqCst);
        let _ = rx2.await;
        unreachable!();
    });
    let count = polled.clone();
    runtime.spawn(async move {
        let _tx2 = tx2;
        count.fetch_add(1, Ordering::SeqCst);
        let _ = rx1.await;
        unreachable!();
    });
    let count = polled.clone();
    runtime.spawn(async move {
        let _tx1 = tx1;
        count.fetch_add(1, Ordering::SeqCst);
        pending::<()>().await;
    });
    runtime.block_on(yield_until(|| polled.load(Ordering::SeqCst) == 3));
    drop(runtime);
}

fn futures_are_dropped_within_the_runtime() {
    let inside = Arc::new(AtomicBool::new(false));
    let seen = inside.clone();
    let on_drop = OnDrop::new(move || seen.store(Handle::try_current().is_ok(), Ordering::SeqCst));
    let runtime = runtime();
    runtime.spawn(async move {
        pending::<()>().await;
        drop(on_drop);
    });
    drop(runtime);
    assert!(inside.load(Ordering::SeqCst));
}

fn a_drop_after_a_panic_may_wake_another_task() {
    let panicked = panics(|| {
        let runtime = runtime();
        let (tx1, rx1) = oneshot::channel::<()>();
        let (tx2, rx2) = oneshot::channel::<()>();
        let polled = Arc::new(AtomicUsize::new(0));
        // Whichever is dropped first wakes the other.
        for (tx, rx) in [(tx2, rx1), (tx1, rx2)] {
            let count = polled.clone();
            runtime.spawn(async move {
                let _on_drop = OnDrop::new(move || {
                    let _ = tx.send(());
                });
                count.fetch_add(1, Ordering::SeqCst);
                let _ = rx.await;
                unreachable!();
            });
        }
        runtime.block_on(async {
            yield_until(|| polled.load(Ordering::SeqCst) == 2).await;
            panic!("boom");
        });
    });
    assert_eq!(panicked.message, "boom");
}

fn a_task_spawned_from_a_thread_runs_in_block_on() {
    let out = runtime().block_on(async {
        let (tx, rx) = oneshot::channel();
        let handle = Handle::current();
        let thread = thread::spawn(move || {
            handle.spawn(async move { tx.send("from a thread").unwrap() });
        });
        let out = rx.await.unwrap();
        thread.join().unwrap();
        out
    });
    assert_eq!(out, "from a thread");
}

fn block_on_from_several_threads_runs_one_task_at_a_time() {
    let runtime = runtime();
    let running = Arc::new(AtomicBool::new(false));
    let drivers = Arc::new(Mutex::new(HashSet::new()));
    thread::scope(|scope| {
        for _ in 0..4 {
            let (runtime, running, drivers) = (&runtime, running.clone(), drivers.clone());
            scope.spawn(move || {
                drivers.lock().insert(thread::current().id());
                runtime.block_on(async {
                    let tasks: Vec<_> = (0..200)
                        .map(|_| {
                            let (running, drivers) = (running.clone(), drivers.clone());
                            windlass::spawn(async move {
                                for _ in 0..5 {
                                    assert!(!running.swap(true, Ordering::SeqCst), "two tasks at once");
                                    assert!(drivers.lock().contains(&thread::current().id()));
                                    for _ in 0..50 {
                                        std::hint::spin_loop();
                                    }
                                    running.store(false, Ordering::SeqCst);
                                    wake_self().await;
                                }
                            })
                        })
                        .collect();
                    for task in tasks {
                        task.await.unwrap();
                    }
                });
            });
        }
    });
}

fn another_thread_takes_over_when_the_one_that_drives_leaves() {
    for _ in 0..100 {
        let runtime = runtime();
        let (leave, may_leave) = oneshot::channel::<()>();
        let (entered, is_entered) = std::sync::mpsc::channel();
        thread::scope(|scope| {
            let runtime = &runtime;
            scope.spawn(move || {
                runtime.block_on(async {
                    entered.send(()).unwrap();
                    may_leave.await.unwrap();
                });
            });
            is_entered.recv().unwrap();
            // The first thread drives; the second waits for a task that only somebody who drives can run.
            let second = scope.spawn(move || {
                runtime.block_on(async {
                    windlass::spawn(async move {
                        leave.send(()).unwrap();
                        for _ in 0..50 {
                            wake_self().await;
                        }
                        "done"
                    })
                    .await
                    .unwrap()
                })
            });
            assert_eq!(second.join().unwrap(), "done");
        });
    }
}

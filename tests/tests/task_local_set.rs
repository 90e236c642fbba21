//! `LocalSet` and `spawn_local`: futures that are not `Send` stay on one thread, whoever awaits or wakes them.

use std::cell::{Cell, RefCell};
use std::collections::HashSet;
use std::future::{Future, pending, ready};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::thread::{self, ThreadId};

use futures::StreamExt;
use futures::channel::{mpsc, oneshot};
use futures::future::{Either, join_all, select};
use windlass::task::{self, LocalSet};
use windlass_tests::{
    CountingWaker, Flavor, on_every_flavor, once, panics, poll_once, wake_self, yield_until,
};

on_every_flavor!(
    run_until_runs_local_tasks,
    local_tasks_stay_on_their_thread,
    local_tasks_spawn_local_tasks,
    spawn_within_a_local_set_is_no_spawn_local,
    awaiting_the_set_runs_all_of_its_tasks,
    run_until_leaves_unfinished_tasks_for_later,
    a_guard_lets_spawn_local_find_the_set,
    guards_nest,
    a_local_task_is_joined_elsewhere,
    a_local_task_waits_for_a_blocking_job,
    a_local_task_is_woken_from_other_threads,
    a_spawn_from_outside_wakes_the_set,
    many_local_tasks_wake_one_that_joins_them,
    local_tasks_run_beside_the_future_that_is_run_until,
    local_tasks_that_yield_do_not_starve_each_other,
    tasks_polled_after_five_hundred_arrive,
    a_set_moves_from_one_block_on_to_another,
    a_set_in_a_set,
);

once!(
    a_set_is_a_future_for_any_executor,
    a_set_wakes_the_executor_that_polls_it,
    a_task_woken_as_the_old_waker_is_dropped_is_polled,
    spawn_local_without_a_set_panics,
    spawn_local_in_a_plain_task_panics,
);

fn run_until_runs_local_tasks(flavor: Flavor) {
    let out = flavor.runtime().block_on(async {
        LocalSet::new()
            .run_until(async {
                let not_send = Rc::new("local");
                *task::spawn_local(async move { not_send }).await.unwrap()
            })
            .await
    });
    assert_eq!(out, "local");
}

fn local_tasks_stay_on_their_thread(flavor: Flavor) {
    let runtime = flavor.runtime();
    let here = thread::current().id();
    LocalSet::new().block_on(&runtime, async move {
        assert_eq!(thread::current().id(), here);
        let tasks = (0..128).map(|_| {
            task::spawn_local(async move {
                for _ in 0..10 {
                    assert_eq!(thread::current().id(), here);
                    wake_self().await;
                    task::yield_now().await;
                }
            })
        });
        for result in join_all(tasks.collect::<Vec<_>>()).await {
            result.unwrap();
        }
    });
}

fn local_tasks_spawn_local_tasks(flavor: Flavor) {
    fn nested(depth: usize, on: ThreadId) -> Pin<Box<dyn Future<Output = usize>>> {
        Box::pin(async move {
            assert_eq!(thread::current().id(), on);
            if depth == 0 {
                return 0;
            }
            task::spawn_local(nested(depth - 1, on)).await.unwrap() + 1
        })
    }
    let runtime = flavor.runtime();
    let depth = LocalSet::new().block_on(&runtime, nested(20, thread::current().id()));
    assert_eq!(depth, 20);
}

fn spawn_within_a_local_set_is_no_spawn_local(flavor: Flavor) {
    let runtime = flavor.runtime();
    let local = LocalSet::new();
    let out = local.block_on(&runtime, async {
        task::spawn_local(async { windlass::spawn(async { wake_self().await }).await }).await.unwrap()
    });
    out.unwrap();
}

fn awaiting_the_set_runs_all_of_its_tasks(flavor: Flavor) {
    let runtime = flavor.runtime();
    let ran = Rc::new(Cell::new(0));
    let local = LocalSet::new();
    let (first, nested) = (ran.clone(), ran.clone());
    local.spawn_local(async move {
        task::spawn_local(async move {
            task::yield_now().await;
            nested.set(nested.get() + 1);
        });
        task::yield_now().await;
        first.set(first.get() + 1);
    });
    let second = ran.clone();
    local.spawn_local(async move {
        task::yield_now().await;
        second.set(second.get() + 1);
    });
    runtime.block_on(local);
    assert_eq!(ran.get(), 3);
}

fn run_until_leaves_unfinished_tasks_for_later(flavor: Flavor) {
    let runtime = flavor.runtime();
    let local = LocalSet::new();
    let (tx, rx) = oneshot::channel::<()>();
    let task = local.spawn_local(async move { rx.await.unwrap() });
    local.block_on(&runtime, task::yield_now());
    assert!(!task.is_finished());
    tx.send(()).unwrap();
    local.block_on(&runtime, task).unwrap();
}

fn a_guard_lets_spawn_local_find_the_set(flavor: Flavor) {
    let runtime = flavor.runtime();
    let local = LocalSet::new();
    let task = {
        let _entered = local.enter();
        task::spawn_local(async { true })
    };
    assert!(local.block_on(&runtime, task).unwrap());
}

fn guards_nest(flavor: Flavor) {
    let runtime = flavor.runtime();
    let (outer, inner) = (LocalSet::new(), LocalSet::new());
    let order = Rc::new(RefCell::new(Vec::new()));
    let spawn = |name| {
        let order = order.clone();
        task::spawn_local(async move { order.borrow_mut().push(name) })
    };
    let entered_outer = outer.enter();
    let first = spawn("outer");
    let entered_inner = inner.enter();
    let second = spawn("inner");
    drop(entered_inner);
    let third = spawn("outer again");
    drop(entered_outer);
    inner.block_on(&runtime, second).unwrap();
    assert_eq!(*order.borrow(), ["inner"]);
    outer.block_on(&runtime, first).unwrap();
    outer.block_on(&runtime, third).unwrap();
    assert_eq!(*order.borrow(), ["inner", "outer", "outer again"]);
}

fn a_local_task_is_joined_elsewhere(flavor: Flavor) {
    let runtime = flavor.runtime();
    let here = thread::current().id();
    LocalSet::new().block_on(&runtime, async move {
        let (tx, rx) = oneshot::channel();
        let local = task::spawn_local(async move {
            rx.await.unwrap();
            assert_eq!(thread::current().id(), here);
            "joined"
        });
        let elsewhere = task::spawn(async move {
            tx.send(()).unwrap();
            local.await.unwrap()
        });
        assert_eq!(elsewhere.await.unwrap(), "joined");
    });
}

fn a_local_task_waits_for_a_blocking_job(flavor: Flavor) {
    let runtime = flavor.runtime();
    let here = thread::current().id();
    LocalSet::new().block_on(&runtime, async move {
        task::spawn_local(async move {
            let there = task::spawn_blocking(|| thread::current().id()).await.unwrap();
            assert_ne!(there, here);
            assert_eq!(thread::current().id(), here);
        })
        .await
        .unwrap();
    });
}

fn a_local_task_is_woken_from_other_threads(flavor: Flavor) {
    const THREADS: usize = 4;
    const MESSAGES: usize = 200;
    let runtime = flavor.runtime();
    let local = LocalSet::new();
    let received = Rc::new(Cell::new(0));
    let (tx, mut rx) = mpsc::unbounded();
    let counted = received.clone();
    let task = local.spawn_local(async move {
        while rx.next().await.is_some() {
            counted.set(counted.get() + 1);
        }
    });
    let threads: Vec<_> = (0..THREADS)
        .map(|_| {
            let tx = tx.clone();
            thread::spawn(move || {
                for i in 0..MESSAGES {
                    tx.unbounded_send(i).unwrap();
                    thread::yield_now();
                }
            })
        })
        .collect();
    drop(tx);
    local.block_on(&runtime, task).unwrap();
    for thread in threads {
        thread.join().unwrap();
    }
    assert_eq!(received.get(), THREADS * MESSAGES);
}

fn a_spawn_from_outside_wakes_the_set(flavor: Flavor) {
    let runtime = flavor.runtime();
    runtime.block_on(async {
        let local = LocalSet::new();
        let run = pin!(local.run_until(pending::<()>()));
        let spawn = pin!(async { local.spawn_local(ready(1)).await.unwrap() });
        match select(run, spawn).await {
            Either::Left(_) => unreachable!(),
            Either::Right((out, _)) => assert_eq!(out, 1),
        }
    });
}

fn many_local_tasks_wake_one_that_joins_them(flavor: Flavor) {
    let runtime = flavor.runtime();
    let local = LocalSet::new();
    let tasks: Vec<_> =
        (0..128).map(|_| local.spawn_local(async { task::spawn_local(async {}).await.unwrap() })).collect();
    for result in runtime.block_on(local.run_until(join_all(tasks))) {
        result.unwrap();
    }
}

fn local_tasks_run_beside_the_future_that_is_run_until(flavor: Flavor) {
    let runtime = flavor.runtime();
    let local = LocalSet::new();
    let turns = Rc::new(Cell::new(0));
    let counted = turns.clone();
    local.spawn_local(async move {
        loop {
            counted.set(counted.get() + 1);
            wake_self().await;
        }
    });
    // Neither the future nor the task ever waits, and both go on.
    let mut polls = 0;
    local.block_on(&runtime, async {
        while turns.get() < 100 {
            polls += 1;
            wake_self().await;
        }
    });
    assert!(polls > 0);
}

fn local_tasks_that_yield_do_not_starve_each_other(flavor: Flavor) {
    let runtime = flavor.runtime();
    let local = LocalSet::new();
    let spinning = Rc::new(Cell::new(true));
    let mut spinners = Vec::new();
    for i in 0..10 {
        let spinning = spinning.clone();
        spinners.push(local.spawn_local(async move {
            while spinning.get() {
                if i % 2 == 0 { wake_self().await } else { task::yield_now().await }
            }
        }));
    }
    let task = local.spawn_local(async move {
        for _ in 0..100 {
            task::yield_now().await;
        }
        spinning.set(false);
    });
    local.block_on(&runtime, task).unwrap();
    for spinner in spinners {
        local.block_on(&runtime, spinner).unwrap();
    }
}

fn tasks_polled_after_five_hundred_arrive(flavor: Flavor) {
    const TASKS: usize = 500;
    let runtime = flavor.runtime();
    let local = LocalSet::new();
    let (tx, mut rx) = mpsc::unbounded();
    let started = Arc::new(AtomicUsize::new(0));
    let finished = Arc::new(AtomicUsize::new(0));
    let (starting, finishing) = (started.clone(), finished.clone());
    local.block_on(&runtime, async move {
        let feeder = task::spawn(async move {
            let mut senders = Vec::new();
            for _ in 0..TASKS {
                let (go, may_go) = oneshot::channel::<()>();
                senders.push(go);
                tx.unbounded_send(may_go).unwrap();
            }
            drop(tx);
            yield_until(|| starting.load(Ordering::SeqCst) == TASKS).await;
            for go in senders {
                go.send(()).unwrap();
            }
            yield_until(|| finishing.load(Ordering::SeqCst) == TASKS).await;
        });
        while let Some(may_go) = rx.next().await {
            started.fetch_add(1, Ordering::SeqCst);
            let finished = finished.clone();
            task::spawn_local(async move {
                may_go.await.unwrap();
                finished.fetch_add(1, Ordering::SeqCst);
            });
        }
        feeder.await.unwrap();
    });
}

fn a_set_moves_from_one_block_on_to_another(flavor: Flavor) {
    let runtimes = [flavor.runtime(), flavor.runtime()];
    let local = LocalSet::new();
    let turns = Rc::new(Cell::new(0));
    let counted = turns.clone();
    local.spawn_local(async move {
        loop {
            counted.set(counted.get() + 1);
            wake_self().await;
        }
    });
    for round in 1..50 {
        local.block_on(&runtimes[round % 2], async {
            while turns.get() < round {
                task::yield_now().await;
            }
        });
    }
}

fn a_set_in_a_set(flavor: Flavor) {
    let runtime = flavor.runtime();
    let outer = LocalSet::new();
    let out = outer.block_on(&runtime, async {
        task::spawn_local(async {
            let inner = LocalSet::new();
            let value = Rc::new(1);
            let nested = inner.spawn_local(async move {
                wake_self().await;
                *value
            });
            inner.run_until(nested).await.unwrap() + task::spawn_local(async { 1 }).await.unwrap()
        })
        .await
        .unwrap()
    });
    assert_eq!(out, 2);
}

fn a_set_is_a_future_for_any_executor() {
    let ran = Rc::new(Cell::new(0));
    let local = LocalSet::new();
    for _ in 0..10 {
        let ran = ran.clone();
        local.spawn_local(async move {
            for _ in 0..10 {
                wake_self().await;
            }
            ran.set(ran.get() + 1);
        });
    }
    futures::executor::block_on(local);
    assert_eq!(ran.get(), 10);
}

fn a_set_wakes_the_executor_that_polls_it() {
    let local = LocalSet::new();
    let (tx, rx) = oneshot::channel::<()>();
    let task = local.spawn_local(async move { rx.await.unwrap() });
    let mut local = Box::pin(local);
    let (counter, waker) = CountingWaker::new();
    assert!(local.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    let before = counter.wakes();
    thread::spawn(move || tx.send(()).unwrap()).join().unwrap();
    assert!(counter.wakes() > before);
    assert!(poll_once(&mut local).is_ready());
    assert!(matches!(poll_once(&mut pin!(task)), Poll::Ready(Ok(()))));
}

/// A waker whose drop wakes a task of the set that drops it.
fn a_task_woken_as_the_old_waker_is_dropped_is_polled() {
    struct Sends(parking_lot::Mutex<Option<oneshot::Sender<()>>>);
    impl std::task::Wake for Sends {
        fn wake(self: Arc<Self>) {}
    }
    impl Drop for Sends {
        fn drop(&mut self) {
            self.0.lock().take().unwrap().send(()).unwrap();
        }
    }

    let mut local = Box::pin(LocalSet::new());
    let (tx, rx) = oneshot::channel();
    local.spawn_local(async move { rx.await.unwrap() });
    let old = Arc::new(Sends(parking_lot::Mutex::new(Some(tx)))).into();
    assert!(local.as_mut().poll(&mut Context::from_waker(&old)).is_pending());
    drop(old);
    let (counter, new) = CountingWaker::new();
    let polled = local.as_mut().poll(&mut Context::from_waker(&new));
    assert!(polled.is_ready() || counter.wakes() > 0, "a task is queued, and nobody will poll the set");
}

fn spawn_local_without_a_set_panics() {
    let mut said = HashSet::new();
    said.insert(panics(|| task::spawn_local(async {})).message);
    let runtime = Flavor::MultiThread(1).runtime();
    said.insert(panics(|| runtime.block_on(async { drop(task::spawn_local(async {})) })).message);
    let _entered = runtime.enter();
    said.insert(panics(|| task::spawn_local(async {})).message);
    for message in said {
        assert!(message.contains("LocalSet"), "the message must say what is missing: {message}");
    }
}

fn spawn_local_in_a_plain_task_panics() {
    // A set that was entered around `block_on` is not the set of the tasks that run meanwhile on the same thread.
    let runtime = Flavor::CurrentThread.runtime();
    let error = LocalSet::new().block_on(&runtime, async {
        windlass::spawn(async { drop(task::spawn_local(async {})) }).await.unwrap_err()
    });
    assert!(error.is_panic());
}

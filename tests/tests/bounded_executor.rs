//! `run_in_executor` on a pool with a bounded queue that is full: the call waits in line without blocking its thread,
//! and gives its place to the next if it is dropped there.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::task::{Context, Poll};

use windlass::blocking::{Executor, ThreadPoolExecutor};
use windlass::{RunInExecutor, run_in_executor, task};
use windlass_tests::jobs::{Gate, occupy};
use windlass_tests::{CountingWaker, Flavor, OnDrop, on_every_flavor, poll_once, spin_until};

on_every_flavor!(
    tasks_run_while_a_call_waits_for_room,
    a_call_waits_without_a_task_of_its_own,
    calls_get_in_in_the_order_in_which_they_began_to_wait,
    dropped_while_it_waits_the_closure_is_dropped_unrun,
    dropped_while_it_waits_the_next_gets_in,
    dropped_after_it_was_told_of_room_the_next_gets_in,
    drops_that_race_room_lose_no_place,
    cancelled_while_it_waits_it_is_over,
    the_pool_is_shut_down_while_it_waits,
    the_pool_is_broken_while_it_waits,
    the_runtime_is_dropped_while_it_waits,
    more_calls_than_room_from_many_tasks,
    debug_says_that_it_waits_for_room,
);

/// A pool of one thread, with room for one job more.
fn tight() -> ThreadPoolExecutor {
    ThreadPoolExecutor::builder().max_workers(1).queue_capacity(1).build()
}

/// Such a pool without room: its thread is at a job that waits at the gate, and its queue is full.
fn full() -> (ThreadPoolExecutor, Gate, Gate) {
    let pool = tight();
    let running = occupy(&pool);
    let (queued, job) = Gate::new();
    pool.try_execute(windlass::blocking::Job::new(job)).unwrap();
    (pool, running, queued)
}

/// Polls a call that waits for room once, so that it stands in line.
#[track_caller]
fn stand_in_line<T>(call: &mut RunInExecutor<T>) {
    assert!(poll_once(call).is_pending());
    assert!(format!("{call:?}").contains("WaitsForRoom"), "{call:?}");
}

fn tasks_run_while_a_call_waits_for_room(flavor: Flavor) {
    let runtime = flavor.runtime();
    let (pool, running, queued) = full();
    let (mut open, mut gates) = (Some(running), Some(queued));
    let output = runtime.block_on(async {
        let waits = windlass::spawn({
            let pool = pool.clone();
            async move { run_in_executor(Some(&pool), || "got in").await }
        });
        // More turns than there are workers: each of them is free for others.
        for _ in 0..50 {
            windlass::spawn(async {}).await.unwrap();
        }
        assert!(!waits.is_finished());
        drop((open.take(), gates.take()));
        waits.await.unwrap().unwrap()
    });
    assert_eq!(output, "got in");
}

fn a_call_waits_without_a_task_of_its_own(flavor: Flavor) {
    let runtime = flavor.runtime();
    let (pool, running, queued) = full();
    let mut call = runtime.handle().run_in_executor(Some(&pool), || 7);
    let output = runtime.block_on(async {
        stand_in_line(&mut call);
        windlass::spawn(async move { drop((running, queued)) }).await.unwrap();
        call.await
    });
    assert_eq!(output.unwrap(), 7);
}

fn calls_get_in_in_the_order_in_which_they_began_to_wait(flavor: Flavor) {
    let runtime = flavor.runtime();
    let (pool, running, queued) = full();
    let (tx, rx) = mpsc::channel();
    let mut calls: Vec<_> = (0..20)
        .map(|n| {
            let tx = tx.clone();
            runtime.handle().run_in_executor(Some(&pool), move || tx.send(n).unwrap())
        })
        .collect();
    // Polled, and so in line, the other way round.
    calls.iter_mut().rev().for_each(stand_in_line);
    drop((running, queued));
    runtime.block_on(async {
        let tasks: Vec<_> = calls.into_iter().map(windlass::spawn).collect();
        for task in tasks {
            task.await.unwrap().unwrap();
        }
    });
    drop(tx);
    assert!(rx.into_iter().eq((0..20).rev()));
}

fn dropped_while_it_waits_the_closure_is_dropped_unrun(flavor: Flavor) {
    let runtime = flavor.runtime();
    let (pool, running, queued) = full();
    let (dropped, was_dropped) = mpsc::channel();
    for polled in [false, true] {
        let dropped = dropped.clone();
        let on_drop = OnDrop::new(move || dropped.send(()).unwrap());
        let mut call = runtime.handle().run_in_executor(Some(&pool), move || {
            let _on_drop = on_drop;
            unreachable!("it never got in");
        });
        if polled {
            stand_in_line(&mut call);
        }
        assert!(was_dropped.try_recv().is_err());
        drop(call);
        assert_eq!(was_dropped.try_recv(), Ok(()));
    }
    drop((running, queued));
    pool.shutdown(true, false);
}

fn dropped_while_it_waits_the_next_gets_in(flavor: Flavor) {
    let runtime = flavor.runtime();
    let (pool, running, queued) = full();
    let mut first = runtime.handle().run_in_executor(Some(&pool), || "first");
    let mut second = runtime.handle().run_in_executor(Some(&pool), || "second");
    stand_in_line(&mut first);
    stand_in_line(&mut second);
    drop(first);
    drop((running, queued));
    assert_eq!(runtime.block_on(second).unwrap(), "second");
}

fn poll_with<T>(call: &mut RunInExecutor<T>, waker: &std::task::Waker) -> bool {
    Pin::new(call).poll(&mut Context::from_waker(waker)).is_ready()
}

fn dropped_after_it_was_told_of_room_the_next_gets_in(flavor: Flavor) {
    let runtime = flavor.runtime();
    let (pool, running, queued) = full();
    let mut first = runtime.handle().run_in_executor(Some(&pool), || unreachable!("it was dropped"));
    let mut second = runtime.handle().run_in_executor(Some(&pool), || "second");
    let (told, waker) = CountingWaker::new();
    let (told_too, second_waker) = CountingWaker::new();
    assert!(!poll_with::<()>(&mut first, &waker));
    assert!(!poll_with(&mut second, &second_waker));
    running.open();
    queued.wait_begun();
    spin_until(|| told.wakes() > 0);
    assert_eq!(told_too.wakes(), 0, "there is one place, and it is the first one's");
    drop(first);
    assert_eq!(told_too.wakes(), 1, "the place goes to the next");
    queued.open();
    assert_eq!(runtime.block_on(second).unwrap(), "second");
}

fn drops_that_race_room_lose_no_place(flavor: Flavor) {
    let runtime = flavor.runtime();
    for _ in 0..200 {
        let (pool, running, queued) = full();
        let mut leaves = runtime.handle().run_in_executor(Some(&pool), || ());
        let mut stays = runtime.handle().run_in_executor(Some(&pool), || "in");
        stand_in_line(&mut leaves);
        stand_in_line(&mut stays);
        let opens = std::thread::spawn(move || drop((running, queued)));
        drop(leaves);
        assert_eq!(runtime.block_on(stays).unwrap(), "in");
        opens.join().unwrap();
    }
}

fn cancelled_while_it_waits_it_is_over(flavor: Flavor) {
    let runtime = flavor.runtime();
    let (pool, running, queued) = full();
    for polled in [false, true] {
        let mut call = runtime.handle().run_in_executor(Some(&pool), || unreachable!("it was cancelled"));
        if polled {
            stand_in_line(&mut call);
        }
        assert!(call.cancel());
        assert!(call.is_finished());
        // It does not wait for room to say so.
        let result: Result<(), _> = runtime.block_on(call);
        assert!(result.unwrap_err().is_cancelled());
    }
    drop((running, queued));
}

fn the_pool_is_shut_down_while_it_waits(flavor: Flavor) {
    let runtime = flavor.runtime();
    for cancel_futures in [false, true] {
        let (pool, running, queued) = full();
        let mut waits = runtime.handle().run_in_executor(Some(&pool), || unreachable!());
        stand_in_line(&mut waits);
        let task = runtime.spawn(waits);
        pool.shutdown(false, cancel_futures);
        let result: Result<(), _> = runtime.block_on(task).unwrap();
        assert!(result.unwrap_err().is_rejected());
        drop((running, queued));
    }
}

fn the_pool_is_broken_while_it_waits(flavor: Flavor) {
    let runtime = flavor.runtime();
    let (gate, wait) = Gate::new();
    let wait = parking_lot::Mutex::new(Some(wait));
    let pool = ThreadPoolExecutor::builder()
        .max_workers(1)
        .queue_capacity(1)
        .initializer(move || {
            wait.lock().take().expect("one thread")();
            Err("no licence")
        })
        .build();
    let queued = runtime.handle().run_in_executor(Some(&pool), || unreachable!());
    let mut waits = runtime.handle().run_in_executor(Some(&pool), || unreachable!());
    stand_in_line::<()>(&mut waits);
    let task = runtime.spawn(waits);
    gate.open();
    assert!(runtime.block_on(task).unwrap().unwrap_err().is_broken());
    let result: Result<(), _> = runtime.block_on(queued);
    assert!(result.unwrap_err().is_broken());
}

fn the_runtime_is_dropped_while_it_waits(flavor: Flavor) {
    let runtime = flavor.runtime();
    let (pool, running, queued) = full();
    let (dropped, was_dropped) = mpsc::channel();
    let on_drop = OnDrop::new(move || dropped.send(()).unwrap());
    let mut call = runtime.handle().run_in_executor(Some(&pool), move || drop(on_drop));
    stand_in_line(&mut call);
    let task = runtime.spawn(call);
    drop(runtime);
    assert!(futures::executor::block_on(task).unwrap_err().is_cancelled());
    assert_eq!(was_dropped.try_recv(), Ok(()));
    drop((running, queued));
    // The pool is none the worse for it.
    let other = flavor.runtime();
    assert_eq!(other.block_on(other.handle().run_in_executor(Some(&pool), || 3)).unwrap(), 3);
}

fn more_calls_than_room_from_many_tasks(flavor: Flavor) {
    let runtime = flavor.runtime();
    let pool = ThreadPoolExecutor::builder().max_workers(2).queue_capacity(2).build();
    let ran = Arc::new(AtomicUsize::new(0));
    runtime.block_on(async {
        let tasks: Vec<_> = (0..50)
            .map(|number| {
                let (pool, ran) = (pool.clone(), ran.clone());
                windlass::spawn(async move {
                    for call in 0..20 {
                        let ran = ran.clone();
                        let job = move || ran.fetch_add(1, Ordering::SeqCst);
                        let mut future = run_in_executor(Some(&pool), job);
                        if (number + call) % 5 == 0 {
                            // Some change their mind, wherever they are by then.
                            poll_fn(|cx| {
                                let _ = Pin::new(&mut future).poll(cx);
                                Poll::Ready(())
                            })
                            .await;
                            drop(future);
                            task::yield_now().await;
                        } else {
                            future.await.unwrap();
                        }
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
    });
    pool.shutdown(true, false);
    let ran = ran.load(Ordering::SeqCst);
    assert!((800..=1000).contains(&ran), "{ran}");
}

fn debug_says_that_it_waits_for_room(flavor: Flavor) {
    let runtime = flavor.runtime();
    let (pool, running, queued) = full();
    let (call, line) = (runtime.handle().run_in_executor(Some(&pool), || ()), line!());
    let text = format!("{call:?}");
    assert!(text.contains("WaitsForRoom") && text.contains(&format!("{}:{line}:", file!())), "{text}");
    drop((running, queued));
    runtime.block_on(call).unwrap();
}

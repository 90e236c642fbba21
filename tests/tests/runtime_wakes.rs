//! Tasks and runtimes reached from elsewhere: spawns and wakes from threads, idle and under load, and wakers that are kept where runtimes do not reach.

use std::cell::RefCell;
use std::future::{pending, poll_fn};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, mpsc as std_mpsc};
use std::task::{Poll, Waker};
use std::thread;

use futures::StreamExt;
use futures::channel::{mpsc, oneshot};
use windlass::runtime::Runtime;
use windlass::task;
use windlass_tests::{Flavor, OnDrop, on_every_flavor, wake_self, yield_until};

on_every_flavor!(
    two_hundred_tasks_spawned_by_block_on_are_woken_from_a_thread,
    five_hundred_tasks_spawned_by_a_task_are_woken_from_a_thread,
    ten_thousand_tasks_from_outside_all_run,
    a_spawn_from_a_thread_reaches_an_idle_runtime,
    a_spawn_from_a_thread_reaches_a_busy_runtime,
    a_wake_from_a_thread_reaches_an_idle_runtime,
    a_waker_in_a_thread_local_is_woken_by_reference,
    a_waker_in_a_thread_local_is_woken_by_value,
    a_runtime_in_a_thread_local_is_dropped_with_the_thread,
    a_task_may_drop_the_last_handle_to_itself,
    a_waker_wakes_only_its_own_task,
    a_task_completes_under_load,
    block_on_completes_under_load,
);

/// Spawns `count` tasks that a thread then wakes one by one, and returns what they saw.
async fn woken_from_a_thread(count: usize) -> Vec<usize> {
    let (done, mut all_done) = mpsc::unbounded();
    let senders: Vec<_> = (0..count)
        .map(|_| {
            let (tx, rx) = oneshot::channel();
            let done = done.clone();
            windlass::spawn(async move { done.unbounded_send(rx.await.unwrap()).unwrap() });
            tx
        })
        .collect();
    drop(done);

    let thread = thread::spawn(move || {
        for (i, tx) in senders.into_iter().enumerate() {
            tx.send(i).unwrap();
        }
    });
    let mut seen = Vec::new();
    while let Some(i) = all_done.next().await {
        seen.push(i);
    }
    thread.join().unwrap();
    seen.sort_unstable();
    seen
}

fn two_hundred_tasks_spawned_by_block_on_are_woken_from_a_thread(flavor: Flavor) {
    let seen = flavor.runtime().block_on(woken_from_a_thread(200));
    assert_eq!(seen, (0..200).collect::<Vec<_>>());
}

fn five_hundred_tasks_spawned_by_a_task_are_woken_from_a_thread(flavor: Flavor) {
    let runtime = flavor.runtime();
    let seen = runtime.block_on(async { windlass::spawn(woken_from_a_thread(500)).await.unwrap() });
    assert_eq!(seen, (0..500).collect::<Vec<_>>());
}

fn ten_thousand_tasks_from_outside_all_run(flavor: Flavor) {
    let runtime = flavor.runtime();
    let tasks: Vec<_> = (0..10_000u64).map(|i| runtime.spawn(async move { i })).collect();
    let sum = runtime.block_on(async {
        let mut sum = 0;
        for task in tasks {
            sum += task.await.unwrap();
        }
        sum
    });
    assert_eq!(sum, 49_995_000);
}

fn a_spawn_from_a_thread_reaches_an_idle_runtime(flavor: Flavor) {
    let runtime = Arc::new(flavor.runtime());
    for _ in 0..100 {
        let (tx, rx) = oneshot::channel();
        let spawner = runtime.clone();
        let thread = thread::spawn(move || {
            spawner.spawn(async move { tx.send(()).unwrap() });
        });
        runtime.block_on(async move { rx.await.unwrap() });
        thread.join().unwrap();
    }
}

fn a_spawn_from_a_thread_reaches_a_busy_runtime(flavor: Flavor) {
    let runtime = Arc::new(flavor.runtime());
    let stop = load(&runtime, 4);
    for _ in 0..20 {
        let (tx, rx) = oneshot::channel();
        let spawner = runtime.clone();
        let thread = thread::spawn(move || {
            spawner.spawn(async move { tx.send(()).unwrap() });
        });
        runtime.block_on(async move { rx.await.unwrap() });
        thread.join().unwrap();
    }
    stop.store(true, Ordering::Relaxed);
}

fn a_wake_from_a_thread_reaches_an_idle_runtime(flavor: Flavor) {
    const ROUNDS: usize = 1_000;
    let runtime = flavor.runtime();
    let (ping, mut pings) = mpsc::unbounded();
    let (pong, pongs) = std_mpsc::channel();
    let task = runtime.spawn(async move {
        while pings.next().await.is_some() {
            pong.send(()).unwrap();
        }
    });
    let thread = thread::spawn(move || {
        for _ in 0..ROUNDS {
            ping.unbounded_send(()).unwrap();
            pongs.recv().unwrap();
        }
    });
    runtime.block_on(task).unwrap();
    thread.join().unwrap();
}

fn a_waker_in_a_thread_local_is_woken_by_reference(flavor: Flavor) {
    waker_in_a_thread_local(flavor, |waker| waker.wake_by_ref());
}

fn a_waker_in_a_thread_local_is_woken_by_value(flavor: Flavor) {
    waker_in_a_thread_local(flavor, Waker::wake);
}

/// Leaves the waker of a finished task in a thread-local, whose destructor wakes it when the thread is on its way out.
fn waker_in_a_thread_local(flavor: Flavor, wake: fn(Waker)) {
    struct Leftover {
        waker: Option<Waker>,
        wake: fn(Waker),
        done: std_mpsc::Sender<()>,
    }
    impl Drop for Leftover {
        fn drop(&mut self) {
            (self.wake)(self.waker.take().unwrap());
            self.done.send(()).unwrap();
        }
    }
    thread_local! {
        static LEFTOVER: RefCell<Option<Leftover>> = const { RefCell::new(None) };
    }

    let (done, woken) = std_mpsc::channel();
    thread::spawn(move || {
        let runtime = flavor.runtime();
        runtime
            .block_on(runtime.spawn(poll_fn(move |context| {
                let leftover = Leftover { waker: Some(context.waker().clone()), wake, done: done.clone() };
                LEFTOVER.set(Some(leftover));
                Poll::Ready(())
            })))
            .unwrap();
    })
    .join()
    .unwrap();
    woken.recv().unwrap();
}

fn a_runtime_in_a_thread_local_is_dropped_with_the_thread(flavor: Flavor) {
    thread_local! {
        static RUNTIME: RefCell<Option<Runtime>> = const { RefCell::new(None) };
    }
    let (dropped, was_dropped) = std_mpsc::channel();
    thread::spawn(move || {
        let runtime = flavor.runtime();
        let on_drop = OnDrop::new(move || dropped.send(()).unwrap());
        runtime.spawn(async move {
            pending::<()>().await;
            drop(on_drop);
        });
        RUNTIME.set(Some(runtime));
        // One that is dropped while the thread lives, to set up the thread's own state.
        flavor.runtime().block_on(async {});
    })
    .join()
    .unwrap();
    was_dropped.recv().unwrap();
}

fn a_task_may_drop_the_last_handle_to_itself(flavor: Flavor) {
    let runtime = flavor.runtime();
    for _ in 0..100 {
        let (tx, rx) = oneshot::channel::<task::JoinHandle<()>>();
        let (done, is_done) = oneshot::channel();
        let task = runtime.spawn(async move {
            drop(rx.await.unwrap());
            wake_self().await;
            done.send(()).unwrap();
        });
        tx.send(task).unwrap();
        runtime.block_on(is_done).unwrap();
    }
}

fn a_waker_wakes_only_its_own_task(flavor: Flavor) {
    let runtime = flavor.runtime();
    let wakers = Arc::new(parking_lot::Mutex::new(Vec::<Waker>::new()));
    let polls = Arc::new([const { AtomicUsize::new(0) }; 3]);
    for i in 0..3 {
        let (seen, polls) = (wakers.clone(), polls.clone());
        let poll_counted = poll_fn(move |context| {
            if polls[i].fetch_add(1, Ordering::SeqCst) == 0 {
                seen.lock().push(context.waker().clone());
            }
            Poll::<()>::Pending
        });
        drop(runtime.spawn(poll_counted));
        runtime.block_on(yield_until(|| wakers.lock().len() == i + 1));
    }
    let wakers = std::mem::take(&mut *wakers.lock());
    assert!(wakers[0].will_wake(&wakers[0].clone()));
    assert!(!wakers[0].will_wake(&wakers[1]));
    wakers[1].wake_by_ref();
    runtime.block_on(yield_until(|| polls[1].load(Ordering::SeqCst) == 2));
    runtime.block_on(async {
        for _ in 0..100 {
            task::yield_now().await;
        }
    });
    let polls: Vec<_> = polls.iter().map(|polls| polls.load(Ordering::SeqCst)).collect();
    assert_eq!(polls, [1, 2, 1]);
}

/// Tasks that never let the runtime go idle, until `stop` is set.
fn load(runtime: &Runtime, tasks: usize) -> Arc<AtomicBool> {
    let stop = Arc::new(AtomicBool::new(false));
    for _ in 0..tasks {
        let stop = stop.clone();
        runtime.spawn(async move {
            while !stop.load(Ordering::Relaxed) {
                wake_self().await;
            }
        });
    }
    stop
}

fn block_on_completes_under_load(flavor: Flavor) {
    let runtime = flavor.runtime();
    let stop = load(&runtime, 8);
    runtime.block_on(async {
        for _ in 0..10 {
            let (tx, rx) = oneshot::channel();
            let thread = thread::spawn(move || tx.send(()).unwrap());
            rx.await.unwrap();
            thread.join().unwrap();
        }
    });
    stop.store(true, Ordering::Relaxed);
}

fn a_task_completes_under_load(flavor: Flavor) {
    let runtime = flavor.runtime();
    let stop = load(&runtime, 8);
    runtime.block_on(async {
        for _ in 0..10 {
            let (tx1, rx1) = oneshot::channel();
            let (tx2, rx2) = oneshot::channel();
            windlass::spawn(async move {
                rx1.await.unwrap();
                tx2.send(()).unwrap();
            });
            let thread = thread::spawn(move || tx1.send(()).unwrap());
            rx2.await.unwrap();
            thread.join().unwrap();
        }
    });
    stop.store(true, Ordering::Relaxed);
}

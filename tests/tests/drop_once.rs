//! G3: a future is dropped exactly once, on a thread of its runtime or the thread that drops the runtime, and never
//! after the shutdown has completed.

use std::collections::HashSet;
use std::future::{Future, pending, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Poll, Waker};
use std::thread::{self, ThreadId};

use parking_lot::Mutex;
use windlass::runtime::{Handle, Runtime};
use windlass::task::JoinHandle;
use windlass_tests::{Flavor, Ledger, Tracked, on_every_flavor, wake_self, yield_until};

on_every_flavor!(
    futures_never_polled,
    futures_that_wait,
    futures_that_complete,
    futures_that_panic,
    futures_that_keep_waking_themselves,
    futures_aborted_by_another_thread,
    futures_aborted_and_woken_by_other_threads,
    futures_whose_wakers_live_on,
    futures_whose_handles_live_on,
    futures_spawned_by_the_drop_of_others,
    futures_spawned_while_the_runtime_shuts_down,
    outputs_never_taken,
    ten_thousand_futures_of_all_kinds,
);

/// A runtime that knows its threads, and a book for what is dropped in it.
struct Watched {
    runtime: Runtime,
    ledger: Arc<Ledger>,
    threads: Arc<Mutex<HashSet<ThreadId>>>,
}

impl Watched {
    fn new(flavor: Flavor) -> Self {
        let threads = Arc::new(Mutex::new(HashSet::from([thread::current().id()])));
        let started = threads.clone();
        let runtime = flavor
            .builder()
            .on_thread_start(move || {
                started.lock().insert(thread::current().id());
            })
            .build()
            .unwrap();
        Watched { runtime, ledger: Ledger::new(), threads }
    }

    fn track(&self) -> Tracked {
        self.ledger.track()
    }

    /// Drops the runtime and closes the book on it: everything was dropped once, and by whom it may be.
    fn close(self) {
        drop(self.runtime);
        self.ledger.close();
        let threads = self.threads.lock();
        self.ledger.assert_each_dropped_once(|thread| threads.contains(&thread));
    }
}

/// Waits forever, and counts the polls.
fn waiting(tracked: Tracked, polls: Arc<AtomicUsize>) -> impl Future<Output = ()> + Send {
    let mut polled = false;
    poll_fn(move |_| {
        let _held = &tracked;
        if !std::mem::replace(&mut polled, true) {
            polls.fetch_add(1, Ordering::SeqCst);
        }
        Poll::Pending
    })
}

/// Spawns `count` tasks that wait forever, and returns once all of them do.
fn spawn_waiting(watched: &Watched, count: usize) -> Vec<JoinHandle<()>> {
    let polls = Arc::new(AtomicUsize::new(0));
    let tasks = (0..count).map(|_| watched.runtime.spawn(waiting(watched.track(), polls.clone()))).collect();
    watched.runtime.block_on(yield_until(|| polls.load(Ordering::SeqCst) == count));
    tasks
}

fn futures_never_polled(flavor: Flavor) {
    for count in [1, 10, 1_000] {
        let watched = Watched::new(flavor);
        for _ in 0..count {
            let tracked = watched.track();
            watched.runtime.spawn(async move {
                pending::<()>().await;
                drop(tracked);
            });
        }
        watched.close();
    }
}

fn futures_that_wait(flavor: Flavor) {
    let watched = Watched::new(flavor);
    spawn_waiting(&watched, 1_000);
    assert_eq!(watched.ledger.dropped(), 0);
    watched.close();
}

fn futures_that_complete(flavor: Flavor) {
    let watched = Watched::new(flavor);
    let tasks: Vec<_> = (0..1_000)
        .map(|i| {
            let tracked = watched.track();
            watched.runtime.spawn(async move {
                for _ in 0..i % 3 {
                    wake_self().await;
                }
                drop(tracked);
            })
        })
        .collect();
    watched.runtime.block_on(async {
        for task in tasks {
            task.await.unwrap();
        }
    });
    assert_eq!(watched.ledger.dropped(), 1_000);
    watched.close();
}

fn futures_that_panic(flavor: Flavor) {
    let watched = Watched::new(flavor);
    for i in 0..50 {
        let tracked = watched.track();
        let task = watched.runtime.spawn(async move {
            let _tracked = tracked;
            for _ in 0..i % 3 {
                wake_self().await;
            }
            // Not reported as a panic would be.
            std::panic::resume_unwind(Box::new("boom"));
        });
        if i % 2 == 0 {
            assert!(watched.runtime.block_on(task).unwrap_err().is_panic());
            assert!(watched.ledger.dropped() > i / 2);
        }
    }
    watched.close();
}

fn futures_that_keep_waking_themselves(flavor: Flavor) {
    let watched = Watched::new(flavor);
    let turns = Arc::new(AtomicUsize::new(0));
    for _ in 0..20 {
        let (tracked, turns) = (watched.track(), turns.clone());
        watched.runtime.spawn(async move {
            let _tracked = tracked;
            loop {
                turns.fetch_add(1, Ordering::Relaxed);
                wake_self().await;
            }
        });
    }
    watched.runtime.block_on(yield_until(|| turns.load(Ordering::Relaxed) > 100));
    watched.close();
}

fn futures_aborted_by_another_thread(flavor: Flavor) {
    let watched = Watched::new(flavor);
    let tasks = spawn_waiting(&watched, 1_000);
    let thread = thread::spawn(move || {
        for task in tasks {
            task.abort();
        }
    });
    watched.runtime.block_on(yield_until(|| watched.ledger.dropped() == 1_000));
    thread.join().unwrap();
    watched.close();
}

/// Spawns `count` tasks that wait forever and leave their wakers here.
fn spawn_leaving_wakers(watched: &Watched, count: usize) -> (Vec<JoinHandle<()>>, Vec<Waker>) {
    let wakers = Arc::new(Mutex::new(Vec::new()));
    let tasks = (0..count)
        .map(|_| {
            let (tracked, wakers) = (watched.track(), wakers.clone());
            let mut left = false;
            watched.runtime.spawn(poll_fn(move |context| {
                let _held = &tracked;
                if !std::mem::replace(&mut left, true) {
                    wakers.lock().push(context.waker().clone());
                }
                Poll::Pending
            }))
        })
        .collect();
    watched.runtime.block_on(yield_until(|| wakers.lock().len() == count));
    let wakers = std::mem::take(&mut *wakers.lock());
    (tasks, wakers)
}

fn futures_aborted_and_woken_by_other_threads(flavor: Flavor) {
    for round in 0..20 {
        let watched = Watched::new(flavor);
        let (tasks, wakers) = spawn_leaving_wakers(&watched, 100);
        let waking = wakers.clone();
        let wakes = thread::spawn(move || waking.iter().for_each(Waker::wake_by_ref));
        let wakes_too = thread::spawn(move || wakers.into_iter().rev().for_each(Waker::wake));
        let aborts = thread::spawn(move || tasks.iter().for_each(JoinHandle::abort));
        if round % 2 == 0 {
            // Everything is dropped by the tasks' ends; else the runtime's end races the rest.
            watched.runtime.block_on(yield_until(|| watched.ledger.dropped() == 100));
        }
        watched.close();
        for thread in [wakes, wakes_too, aborts] {
            thread.join().unwrap();
        }
    }
}

fn futures_whose_wakers_live_on(flavor: Flavor) {
    let watched = Watched::new(flavor);
    let (_, wakers) = spawn_leaving_wakers(&watched, 100);
    watched.close();
    for waker in &wakers {
        waker.wake_by_ref();
    }
    drop(wakers);
}

fn futures_whose_handles_live_on(flavor: Flavor) {
    let watched = Watched::new(flavor);
    let tasks = spawn_waiting(&watched, 100);
    watched.close();
    for task in tasks {
        task.abort();
        assert!(futures::executor::block_on(task).unwrap_err().is_cancelled());
    }
}

/// Spawns another of its kind when it is dropped, `depth` times over.
struct Respawns {
    tracked: Option<(Tracked, Arc<Ledger>)>,
    depth: usize,
}

impl Respawns {
    fn spawn(ledger: &Arc<Ledger>, handle: &Handle, depth: usize) {
        let respawns = Respawns { tracked: Some((ledger.track(), ledger.clone())), depth };
        handle.spawn(async move {
            let _respawns = respawns;
            pending::<()>().await;
        });
    }
}

impl Drop for Respawns {
    fn drop(&mut self) {
        let (_tracked, ledger) = self.tracked.take().unwrap();
        if self.depth > 0 {
            Respawns::spawn(&ledger, &Handle::current(), self.depth - 1);
        }
    }
}

fn futures_spawned_by_the_drop_of_others(flavor: Flavor) {
    for polled in [false, true] {
        let watched = Watched::new(flavor);
        for _ in 0..50 {
            Respawns::spawn(&watched.ledger, watched.runtime.handle(), 3);
        }
        if polled {
            watched.runtime.block_on(async {
                for _ in 0..10 {
                    windlass::task::yield_now().await;
                }
            });
        }
        let ledger = watched.ledger.clone();
        watched.close();
        assert_eq!(ledger.dropped(), 200);
    }
}

fn futures_spawned_while_the_runtime_shuts_down(flavor: Flavor) {
    for _ in 0..20 {
        let watched = Watched::new(flavor);
        // What is spawned from outside may be refused, and dropped by whoever spawned it.
        let refused = Ledger::new();
        let stop = Arc::new(AtomicBool::new(false));
        let spawned = Arc::new(AtomicUsize::new(0));
        let threads: Vec<_> = (0..3)
            .map(|_| {
                let handle = watched.runtime.handle().clone();
                let (refused, stop, spawned) = (refused.clone(), stop.clone(), spawned.clone());
                thread::spawn(move || {
                    while !stop.load(Ordering::SeqCst) {
                        let tracked = refused.track();
                        handle.spawn(async move {
                            let _tracked = tracked;
                            pending::<()>().await;
                        });
                        spawned.fetch_add(1, Ordering::SeqCst);
                        thread::yield_now();
                    }
                })
            })
            .collect();
        windlass_tests::spin_until(|| spawned.load(Ordering::SeqCst) > 20);
        watched.close();
        stop.store(true, Ordering::SeqCst);
        for thread in threads {
            thread.join().unwrap();
        }
        refused.assert_each_dropped_once(|_| true);
    }
}

fn outputs_never_taken(flavor: Flavor) {
    let watched = Watched::new(flavor);
    let tasks: Vec<_> = (0..300)
        .map(|i| {
            let (output, inside) = (watched.track(), watched.track());
            let task = watched.runtime.spawn(async move {
                let _inside = inside;
                output
            });
            if i % 3 == 0 { None } else { Some(task) }
        })
        .collect();
    watched.runtime.block_on(yield_until(|| tasks.iter().flatten().all(JoinHandle::is_finished)));
    // Some handles went before the tasks were done, some go now, some never.
    let mut kept = Vec::new();
    for (i, task) in tasks.into_iter().enumerate() {
        match task {
            Some(task) if i % 3 == 1 => kept.push(task),
            other => drop(other),
        }
    }
    let (ledger, threads) = (watched.ledger.clone(), watched.threads.clone());
    drop(watched);
    assert_eq!(ledger.dropped(), 500, "outputs belong to their handles");
    drop(kept);
    let threads = threads.lock();
    ledger.assert_each_dropped_once(|thread| threads.contains(&thread));
}

fn ten_thousand_futures_of_all_kinds(flavor: Flavor) {
    let watched = Watched::new(flavor);
    let mut random = fastrand::Rng::with_seed(0x5eed);
    let mut kept = Vec::new();
    for i in 0..10_000 {
        let tracked = watched.track();
        let kind = random.u32(..6);
        let task = watched.runtime.spawn(async move {
            let _tracked = tracked;
            match kind {
                0 => {}
                1 => wake_self().await,
                2 => windlass::task::yield_now().await,
                3 => std::panic::resume_unwind(Box::new("boom")),
                4 => drop(windlass::spawn(wake_self()).await),
                _ => pending().await,
            }
        });
        match random.u32(..3) {
            0 => task.abort(),
            1 => drop(task),
            _ => kept.push(Box::pin(task) as Pin<Box<dyn Future<Output = _> + Send>>),
        }
        if i == 5_000 {
            watched.runtime.block_on(windlass::task::yield_now());
        }
    }
    watched.close();
    for task in kept {
        // Whatever came of it, it is known by now.
        let _ = futures::executor::block_on(task);
    }
}

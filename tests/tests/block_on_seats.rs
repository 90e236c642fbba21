//! `Runtime::block_on` lends its thread to tasks while its own future waits, unless the builder says otherwise;
//! `Handle::block_on` never does.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, mpsc as std_mpsc};
use std::thread::{self, ThreadId};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use windlass::runtime::Runtime;
use windlass::sync::{Notify, oneshot};
use windlass::time::sleep;
use windlass_tests::{Flavor, on_every_flavor, on_multi_thread, spin_until, wake_self, yield_until};

on_multi_thread!(
    the_thread_in_block_on_runs_tasks_when_the_workers_cannot,
    the_thread_runs_none_when_the_builder_says_so,
    the_thread_of_a_handle_runs_none,
    a_caller_that_holds_a_lock_meets_it_in_no_task,
    more_threads_than_seats,
    a_seat_goes_to_the_next_in_line,
    tasks_left_on_a_seat_are_handed_over,
    a_root_that_never_waits_runs_no_tasks_for_good,
    long_tasks_do_not_go_before_the_future,
);

on_every_flavor!(
    the_switch_changes_nothing_else,
    one_yield_of_the_future_lets_all_at_hand_go_first,
    a_future_that_wakes_itself_lets_some_go_first,
);

/// Holds up every worker until it is dropped.
struct HeldUp(Arc<AtomicBool>);

impl HeldUp {
    fn new(flavor: Flavor, runtime: &Runtime) -> Self {
        let Flavor::MultiThread(workers) = flavor else { unreachable!() };
        let release = Arc::new(AtomicBool::new(false));
        let barrier = Arc::new(Barrier::new(workers + 1));
        for _ in 0..workers {
            let (barrier, release) = (barrier.clone(), release.clone());
            runtime.spawn(async move {
                barrier.wait();
                spin_until(|| release.load(Ordering::SeqCst));
            });
        }
        barrier.wait();
        HeldUp(release)
    }
}

impl Drop for HeldUp {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

fn not_lending(flavor: Flavor) -> Runtime {
    flavor.builder().block_on_runs_tasks(false).build().unwrap()
}

async fn whereabouts() -> ThreadId {
    wake_self().await;
    thread::current().id()
}

fn the_thread_in_block_on_runs_tasks_when_the_workers_cannot(flavor: Flavor) {
    let runtime = flavor.runtime();
    let here = thread::current().id();
    let held_up = HeldUp::new(flavor, &runtime);
    let queued: Vec<_> = (0..50).map(|_| runtime.spawn(whereabouts())).collect();
    runtime.block_on(async {
        assert_eq!(windlass::spawn(whereabouts()).await.unwrap(), here);
        for task in queued {
            assert_eq!(task.await.unwrap(), here);
        }
    });
    drop(held_up);
}

fn the_thread_runs_none_when_the_builder_says_so(flavor: Flavor) {
    let runtime = not_lending(flavor);
    let here = thread::current().id();
    let queued: Vec<_> = (0..50).map(|_| runtime.spawn(whereabouts())).collect();
    runtime.block_on(async {
        for _ in 0..50 {
            assert_ne!(windlass::spawn(whereabouts()).await.unwrap(), here);
        }
        for task in queued {
            assert_ne!(task.await.unwrap(), here);
        }
    });
}

fn the_thread_of_a_handle_runs_none(flavor: Flavor) {
    let runtime = flavor.runtime();
    let here = thread::current().id();
    runtime.handle().block_on(async {
        for _ in 0..50 {
            assert_ne!(windlass::spawn(whereabouts()).await.unwrap(), here);
        }
    });
}

fn a_caller_that_holds_a_lock_meets_it_in_no_task(flavor: Flavor) {
    let runtime = not_lending(flavor);
    let mutex = Arc::new(Mutex::new(0));
    let mut tasks = Vec::new();
    for _ in 0..20 {
        // A task that ran here would wait for this very thread.
        let held = mutex.lock();
        let wanting = mutex.clone();
        tasks.push(runtime.spawn(async move { *wanting.lock() += 1 }));
        runtime.block_on(async {
            for _ in 0..10 {
                windlass::task::yield_now().await;
            }
        });
        drop(held);
    }
    runtime.block_on(async {
        for task in tasks {
            task.await.unwrap();
        }
    });
    assert_eq!(*mutex.lock(), 20);
}

fn more_threads_than_seats(flavor: Flavor) {
    const THREADS: usize = 32;
    let runtime = flavor.runtime();
    let inside = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..THREADS {
            let (runtime, inside) = (&runtime, &inside);
            scope.spawn(move || {
                runtime.block_on(async {
                    inside.fetch_add(1, Ordering::SeqCst);
                    yield_until(|| inside.load(Ordering::SeqCst) == THREADS).await;
                    for _ in 0..20 {
                        windlass::spawn(wake_self()).await.unwrap();
                    }
                });
            });
        }
    });
}

fn a_seat_goes_to_the_next_in_line(flavor: Flavor) {
    // With all workers held up, only threads in `block_on` run tasks: as those on the seats leave, others come.
    let runtime = flavor.runtime();
    let held_up = HeldUp::new(flavor, &runtime);
    let ran_on = Mutex::new(HashSet::new());
    thread::scope(|scope| {
        for _ in 0..16 {
            let (runtime, ran_on) = (&runtime, &ran_on);
            scope.spawn(move || {
                let there = runtime.block_on(async { windlass::spawn(whereabouts()).await.unwrap() });
                ran_on.lock().insert(there);
            });
        }
    });
    assert!(!ran_on.lock().is_empty());
    drop(held_up);
}

fn tasks_left_on_a_seat_are_handed_over(flavor: Flavor) {
    let runtime = flavor.runtime();
    for round in 0..50 {
        let (tx, rx) = std_mpsc::channel();
        runtime.block_on(async {
            for _ in 0..100 {
                let tx = tx.clone();
                windlass::spawn(async move {
                    wake_self().await;
                    tx.send(()).unwrap();
                });
            }
            if round % 2 == 0 {
                windlass::task::yield_now().await;
            }
        });
        drop(tx);
        // Nobody is in `block_on` any more.
        assert_eq!(rx.into_iter().count(), 100);
    }
}

fn a_root_that_never_waits_runs_no_tasks_for_good(flavor: Flavor) {
    // It blocks its thread for as long as it likes; what it spawns meanwhile is run by the workers.
    let runtime = flavor.runtime();
    let here = thread::current().id();
    runtime.block_on(async {
        for _ in 0..20 {
            let (tx, rx) = std_mpsc::channel();
            for _ in 0..10 {
                let tx = tx.clone();
                windlass::spawn(async move { tx.send(thread::current().id()).unwrap() });
            }
            drop(tx);
            assert!(rx.into_iter().all(|there| there != here));
        }
    });
}

fn the_switch_changes_nothing_else(flavor: Flavor) {
    let runtime = not_lending(flavor);
    let sum = runtime.block_on(async {
        let tasks: Vec<_> = (0..100)
            .map(|i| {
                windlass::spawn(async move {
                    wake_self().await;
                    i
                })
            })
            .collect();
        let mut sum = windlass::task::spawn_blocking(|| 0).await.unwrap();
        for task in tasks {
            sum += task.await.unwrap();
        }
        sum
    });
    assert_eq!(sum, 4_950);
}

/// What took its thread's whole time until then was short, and so seem these, which are woken with the future.
fn long_tasks_do_not_go_before_the_future(flavor: Flavor) {
    let runtime = flavor.runtime();
    let here = thread::current().id();
    for _ in 0..10 {
        let notify = Arc::new(Notify::new());
        let is_polled = Arc::new(AtomicBool::new(false));
        let (sender, woken) = oneshot::channel();
        let ran_before = runtime.block_on(async {
            let tasks: Vec<_> = (0..60)
                .map(|_| {
                    let (notify, is_polled) = (notify.clone(), is_polled.clone());
                    windlass::spawn(async move {
                        notify.notified().await;
                        let is_before = thread::current().id() == here && !is_polled.load(Ordering::SeqCst);
                        let begun = Instant::now();
                        spin_until(|| begun.elapsed() > Duration::from_millis(1));
                        is_before
                    })
                })
                .collect();
            // By a timer, since those are served by whoever is in the driver: this thread, at times.
            windlass::spawn(async move {
                sleep(Duration::from_millis(3)).await;
                notify.notify_waiters();
                sender.send(()).unwrap();
            });
            woken.await.unwrap();
            is_polled.store(true, Ordering::SeqCst);
            let mut ran_before = 0;
            for task in tasks {
                ran_before += usize::from(task.await.unwrap());
            }
            ran_before
        });
        // One or two until it is seen that they take long.
        assert!(ran_before <= 4, "{ran_before} tasks of a millisecond each went before the future");
    }
}

fn one_yield_of_the_future_lets_all_at_hand_go_first(flavor: Flavor) {
    let runtime = flavor.builder().event_interval(10).build().unwrap();
    let ran = Arc::new(AtomicUsize::new(0));
    runtime.block_on(async {
        for _ in 0..500 {
            let ran = ran.clone();
            windlass::spawn(async move { ran.fetch_add(1, Ordering::SeqCst) });
        }
        windlass::task::yield_now().await;
        // Workers may have some of them in hand.
        match flavor {
            Flavor::CurrentThread => assert_eq!(ran.load(Ordering::SeqCst), 500),
            Flavor::MultiThread(_) => yield_until(|| ran.load(Ordering::SeqCst) == 500).await,
        }
    });
}

/// One that wakes itself, and does not ask to let others go first, lets no more than so many go.
fn a_future_that_wakes_itself_lets_some_go_first(flavor: Flavor) {
    const MOST: u32 = 10;
    let runtime = flavor.builder().event_interval(MOST).build().unwrap();
    let here = thread::current().id();
    let ran = Arc::new(AtomicUsize::new(0));
    runtime.block_on(async {
        for _ in 0..500 {
            let ran = ran.clone();
            windlass::spawn(async move {
                ran.fetch_add(usize::from(thread::current().id() == here), Ordering::SeqCst);
            });
        }
        let before = ran.load(Ordering::SeqCst);
        wake_self().await;
        let first = ran.load(Ordering::SeqCst) - before;
        // Twice as many of those that are known to be short.
        assert!(first <= 2 * MOST as usize, "{first} went first");
        if matches!(flavor, Flavor::CurrentThread) {
            assert_eq!(first, MOST as usize);
        }
    });
}

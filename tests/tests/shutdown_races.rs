//! G4, with threads against each other: what is spawned, woken, aborted and joined while a runtime shuts down is safe, and is
//! cancelled at the latest; and nothing runs once it has shut down.

use std::future::{pending, poll_fn};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, mpsc as std_mpsc};
use std::task::{Poll, Waker};
use std::thread;

use futures::channel::oneshot;
use parking_lot::Mutex;
use windlass::runtime::{Handle, Runtime};
use windlass::task::{self, JoinHandle};
use windlass_tests::ending::{Way, assert_ended};
use windlass_tests::{Flavor, on_every_flavor, spin_until, wake_self, yield_until};

on_every_flavor!(
    spawns_racing_shutdown_end_in_cancelled,
    spawns_of_named_tasks_racing_shutdown_end_in_cancelled,
    wakes_racing_shutdown_end_in_cancelled,
    aborts_racing_shutdown_end_in_cancelled,
    joins_racing_shutdown_end_in_cancelled,
    everything_racing_shutdown_ends,
    ten_thousand_wakes_racing_shutdown,
    nothing_runs_once_shutdown_has_completed,
);

/// Runs `work` on some threads over and over while the runtime is shut down in each of the ways, and some more after.
fn race<S: Clone + Send + 'static>(
    flavor: Flavor,
    setup: impl Fn(&Runtime) -> S,
    work: impl Fn(&Handle, &S, usize) + Clone + Send + 'static,
    finish: impl Fn(S),
) {
    for way in Way::ALL {
        for _ in 0..5 {
            let runtime = flavor.runtime();
            let state = setup(&runtime);
            let stop = Arc::new(AtomicBool::new(false));
            let rounds = Arc::new(AtomicUsize::new(0));
            let threads: Vec<_> = (0..3)
                .map(|_| {
                    let (handle, state, work) = (runtime.handle().clone(), state.clone(), work.clone());
                    let (stop, rounds) = (stop.clone(), rounds.clone());
                    thread::spawn(move || {
                        let mut after = 0;
                        while after < 10 {
                            after += usize::from(stop.load(Ordering::SeqCst));
                            work(&handle, &state, rounds.fetch_add(1, Ordering::SeqCst));
                            thread::yield_now();
                        }
                    })
                })
                .collect();
            spin_until(|| rounds.load(Ordering::SeqCst) > 10);
            way.shut_down(runtime);
            stop.store(true, Ordering::SeqCst);
            for thread in threads {
                thread.join().unwrap();
            }
            finish(state);
        }
    }
}

type Tasks = Arc<Mutex<Vec<JoinHandle<()>>>>;

fn assert_all_ended(tasks: &Tasks) {
    std::mem::take(&mut *tasks.lock()).into_iter().for_each(assert_ended);
}

fn spawns_racing_shutdown_end_in_cancelled(flavor: Flavor) {
    race(
        flavor,
        |_| Tasks::default(),
        |handle, tasks, _| {
            let task = handle.spawn(wake_self());
            tasks.lock().push(task);
            let task = handle.spawn(pending());
            tasks.lock().push(task);
        },
        |tasks| assert_all_ended(&tasks),
    );
}

fn spawns_of_named_tasks_racing_shutdown_end_in_cancelled(flavor: Flavor) {
    race(
        flavor,
        |_| Tasks::default(),
        |handle, tasks, _| {
            let task = task::Builder::new().name("n1").spawn_on(pending(), handle).unwrap();
            tasks.lock().push(task);
        },
        |tasks| assert_all_ended(&tasks),
    );
}

/// Tasks that wait forever, and their wakers.
#[derive(Clone, Default)]
struct Waiting {
    tasks: Tasks,
    wakers: Arc<Mutex<Vec<Waker>>>,
}

impl Waiting {
    const COUNT: usize = 50;

    fn new(runtime: &Runtime) -> Self {
        let waiting = Waiting::default();
        for _ in 0..Waiting::COUNT {
            let wakers = waiting.wakers.clone();
            let mut left = false;
            let task = runtime.spawn(poll_fn(move |context| {
                if !std::mem::replace(&mut left, true) {
                    wakers.lock().push(context.waker().clone());
                }
                Poll::<()>::Pending
            }));
            waiting.tasks.lock().push(task);
        }
        runtime.block_on(yield_until(|| waiting.wakers.lock().len() == Waiting::COUNT));
        waiting
    }

    fn wake(&self, which: usize) {
        let waker = self.wakers.lock()[which % Waiting::COUNT].clone();
        if which.is_multiple_of(2) { waker.wake() } else { waker.wake_by_ref() }
    }

    fn abort(&self, which: usize) {
        self.tasks.lock()[which % Waiting::COUNT].abort();
    }
}

fn wakes_racing_shutdown_end_in_cancelled(flavor: Flavor) {
    race(flavor, Waiting::new, |_, waiting, i| waiting.wake(i), |waiting| assert_all_ended(&waiting.tasks));
}

fn aborts_racing_shutdown_end_in_cancelled(flavor: Flavor) {
    race(flavor, Waiting::new, |_, waiting, i| waiting.abort(i), |waiting| assert_all_ended(&waiting.tasks));
}

fn joins_racing_shutdown_end_in_cancelled(flavor: Flavor) {
    for way in Way::ALL {
        let runtime = flavor.runtime();
        let threads: Vec<_> = (0..8)
            .map(|i| {
                let task = runtime.spawn(pending::<()>());
                let handle = runtime.handle().clone();
                let (waits, is_waiting) = std_mpsc::channel();
                let thread = thread::spawn(move || {
                    waits.send(()).unwrap();
                    // With and without the runtime's own way to block.
                    if i % 2 == 0 { futures::executor::block_on(task) } else { handle.block_on(task) }
                });
                is_waiting.recv().unwrap();
                thread
            })
            .collect();
        way.shut_down(runtime);
        for thread in threads {
            assert!(thread.join().unwrap().unwrap_err().is_cancelled());
        }
    }
}

fn everything_racing_shutdown_ends(flavor: Flavor) {
    race(
        flavor,
        Waiting::new,
        |handle, waiting, i| match i % 5 {
            0 => waiting.wake(i),
            1 => waiting.abort(i),
            2 => {
                let task = handle.spawn(async {
                    drop(windlass::spawn(wake_self()).await);
                });
                waiting.tasks.lock().push(task);
            }
            3 => drop(handle.spawn(wake_self())),
            _ => drop(handle.spawn_blocking(|| {})),
        },
        |waiting| assert_all_ended(&waiting.tasks),
    );
}

fn ten_thousand_wakes_racing_shutdown(flavor: Flavor) {
    const TASKS: usize = 10_000;
    for _ in 0..3 {
        let runtime = flavor.runtime();
        let mut senders = Vec::new();
        let mut tasks = Vec::new();
        for _ in 0..TASKS {
            let (tx, rx) = oneshot::channel::<()>();
            senders.push(tx);
            tasks.push(runtime.spawn(async move {
                let _ = rx.await;
            }));
        }
        // Some of them were polled by now.
        runtime.block_on(task::yield_now());
        let (began, has_begun) = std_mpsc::channel();
        let thread = thread::spawn(move || {
            began.send(()).unwrap();
            for tx in senders {
                let _ = tx.send(());
            }
        });
        has_begun.recv().unwrap();
        drop(runtime);
        thread.join().unwrap();
        tasks.into_iter().for_each(assert_ended);
    }
}

fn nothing_runs_once_shutdown_has_completed(flavor: Flavor) {
    for way in [Way::Drop, Way::Timeout] {
        let runtime = flavor.runtime();
        let closed = Arc::new(AtomicBool::new(false));
        let polls = Arc::new(AtomicUsize::new(0));
        let late = Arc::new(AtomicUsize::new(0));
        let wakers = Arc::new(Mutex::new(Vec::new()));
        for i in 0..20 {
            let (closed, polls, late, wakers) = (closed.clone(), polls.clone(), late.clone(), wakers.clone());
            runtime.spawn(poll_fn(move |context| {
                if polls.fetch_add(1, Ordering::SeqCst) < 100 {
                    wakers.lock().push(context.waker().clone());
                }
                late.fetch_add(usize::from(closed.load(Ordering::SeqCst)), Ordering::SeqCst);
                if i % 2 == 0 {
                    context.waker().wake_by_ref();
                }
                Poll::<()>::Pending
            }));
        }
        runtime.block_on(yield_until(|| polls.load(Ordering::SeqCst) > 200));
        let handle = runtime.handle().clone();
        way.shut_down(runtime);
        closed.store(true, Ordering::SeqCst);
        for waker in wakers.lock().drain(..) {
            waker.wake();
        }
        let unwanted = late.clone();
        assert_ended(handle.spawn(async move {
            unwanted.fetch_add(1, Ordering::SeqCst);
        }));
        let another = flavor.runtime();
        another.block_on(async {
            for _ in 0..100 {
                task::yield_now().await;
            }
        });
        assert_eq!(late.load(Ordering::SeqCst), 0);
    }
}

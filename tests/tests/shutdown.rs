//! G4: once a shutdown completes no task runs; spawns, wakes, aborts and joins that race it are safe and end in
//! `JoinError::is_cancelled`; and no shutdown hangs, wherever it happens.

use std::future::{pending, poll_fn};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, Weak, mpsc as std_mpsc};
use std::task::{Poll, Waker};
use std::thread;
use std::time::{Duration, Instant};

use futures::channel::oneshot;
use parking_lot::Mutex;
use windlass::runtime::{Handle, Runtime};
use windlass::task::{self, JoinHandle};
use windlass_tests::{
    Flavor, Ledger, OnDrop, linger_into_shutdown, on_every_flavor, on_multi_thread, spin_until, wake_self,
    yield_until,
};

on_every_flavor!(
    futures_are_dropped_before_drop_returns,
    ten_thousand_waiting_tasks_are_dropped,
    drops_that_wake_each_other,
    spawns_racing_shutdown_end_in_cancelled,
    spawns_of_named_tasks_racing_shutdown_end_in_cancelled,
    wakes_racing_shutdown_end_in_cancelled,
    aborts_racing_shutdown_end_in_cancelled,
    joins_racing_shutdown_end_in_cancelled,
    everything_racing_shutdown_ends,
    ten_thousand_wakes_racing_shutdown,
    nothing_runs_once_shutdown_has_completed,
    a_queued_blocking_job_runs_or_is_cancelled,
    a_running_blocking_job_is_waited_for,
    blocking_jobs_that_begin_while_the_runtime_goes,
    shutdown_timeout_gives_up_on_a_stuck_blocking_job,
    shutdown_timeout_of_zero_gives_up_at_once,
    shutdown_timeout_returns_early_when_nothing_is_stuck,
    shutdown_timeout_takes_the_longest_of_durations,
    shutdown_background_waits_for_nothing,
    shutdown_background_drops_the_futures_in_the_end,
    a_runtime_dropped_in_its_own_blocking_job,
    a_runtime_dropped_in_a_blocking_job_of_another,
    a_runtime_shut_down_in_the_background_of_another,
    a_runtime_dropped_at_once,
    a_drop_that_spawns_on_the_runtime_that_shuts_down,
    a_drop_that_submits_a_blocking_job_to_the_runtime_that_shuts_down,
    a_drop_that_blocks_on_the_runtime_that_shuts_down,
);

on_multi_thread!(
    a_poll_in_hand_is_waited_for,
    shutdown_timeout_gives_up_on_a_stuck_task,
    shutdown_background_leaves_a_stuck_task_behind,
    a_runtime_dropped_in_its_own_task,
    a_runtime_dropped_with_a_future_of_its_own,
    a_runtime_dropped_in_a_task_of_another,
);

/// The ways to shut a runtime down.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Way {
    Drop,
    Timeout,
    Background,
}

impl Way {
    const ALL: [Way; 3] = [Way::Drop, Way::Timeout, Way::Background];

    fn shut_down(self, runtime: Runtime) {
        match self {
            Way::Drop => drop(runtime),
            Way::Timeout => runtime.shutdown_timeout(Duration::from_secs(1_000)),
            Way::Background => runtime.shutdown_background(),
        }
    }
}

/// Asserts that a task ended, and if not by itself then by cancellation.
#[track_caller]
fn assert_ended<T>(task: JoinHandle<T>) {
    if let Err(error) = futures::executor::block_on(task) {
        assert!(error.is_cancelled(), "{error}");
    }
}

fn futures_are_dropped_before_drop_returns(flavor: Flavor) {
    for way in [Way::Drop, Way::Timeout] {
        let runtime = flavor.runtime();
        let (tx, rx) = std_mpsc::channel();
        let (polled, was_polled) = oneshot::channel();
        runtime.block_on(async {
            windlass::spawn(async move {
                let _on_drop = OnDrop::new(move || tx.send(()).unwrap());
                polled.send(()).unwrap();
                pending::<()>().await;
            });
            was_polled.await.unwrap();
        });
        way.shut_down(runtime);
        rx.try_recv().unwrap();
    }
}

fn ten_thousand_waiting_tasks_are_dropped(flavor: Flavor) {
    for way in Way::ALL {
        let runtime = flavor.runtime();
        let polls = Arc::new(AtomicUsize::new(0));
        let tasks: Vec<_> = (0..10_000)
            .map(|_| {
                let polls = polls.clone();
                runtime.spawn(async move {
                    polls.fetch_add(1, Ordering::SeqCst);
                    pending::<()>().await;
                })
            })
            .collect();
        runtime.block_on(yield_until(|| polls.load(Ordering::SeqCst) == 10_000));
        way.shut_down(runtime);
        for task in tasks {
            assert!(futures::executor::block_on(task).unwrap_err().is_cancelled());
        }
    }
}

fn drops_that_wake_each_other(flavor: Flavor) {
    for way in Way::ALL {
        let runtime = flavor.runtime();
        let polls = Arc::new(AtomicUsize::new(0));
        let (tx1, rx1) = oneshot::channel::<()>();
        let (tx2, rx2) = oneshot::channel::<()>();
        let mut tasks = Vec::new();
        // Whichever is dropped first wakes the other.
        for (tx, rx) in [(tx2, rx1), (tx1, rx2)] {
            let polls = polls.clone();
            tasks.push(runtime.spawn(async move {
                let _on_drop = OnDrop::new(move || {
                    let _ = tx.send(());
                });
                polls.fetch_add(1, Ordering::SeqCst);
                let _ = rx.await;
            }));
        }
        runtime.block_on(yield_until(|| polls.load(Ordering::SeqCst) == 2));
        way.shut_down(runtime);
        tasks.into_iter().for_each(assert_ended);
    }
}

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

/// Occupies a blocking thread until the sender returned is dropped.
fn stuck_job(runtime: &Runtime) -> (JoinHandle<()>, std_mpsc::Sender<()>) {
    let (release, released) = std_mpsc::channel::<()>();
    let (started, has_started) = std_mpsc::channel();
    let job = runtime.spawn_blocking(move || {
        started.send(()).unwrap();
        let _ = released.recv();
    });
    has_started.recv().unwrap();
    (job, release)
}

fn a_queued_blocking_job_runs_or_is_cancelled(flavor: Flavor) {
    let runtime = flavor.builder().max_blocking_threads(1).build().unwrap();
    let (job, release) = stuck_job(&runtime);
    let ledger = Ledger::new();
    let queued: Vec<_> = (0..10)
        .map(|_| {
            let tracked = ledger.track();
            runtime.spawn_blocking(move || drop(tracked))
        })
        .collect();
    runtime.shutdown_background();
    drop(release);
    futures::executor::block_on(job).unwrap();
    queued.into_iter().for_each(assert_ended);
    ledger.assert_each_dropped_once(|_| true);
}

fn a_running_blocking_job_is_waited_for(flavor: Flavor) {
    for _ in 0..20 {
        let runtime = flavor.runtime();
        let done = Arc::new(AtomicBool::new(false));
        let doing = done.clone();
        let (started, has_started) = std_mpsc::channel();
        let job = runtime.spawn_blocking(move || {
            started.send(()).unwrap();
            linger_into_shutdown(&Handle::current());
            doing.store(true, Ordering::SeqCst);
            "done"
        });
        has_started.recv().unwrap();
        drop(runtime);
        assert!(done.load(Ordering::SeqCst));
        assert_eq!(futures::executor::block_on(job).unwrap(), "done");
    }
}

fn blocking_jobs_that_begin_while_the_runtime_goes(flavor: Flavor) {
    for round in 0..100 {
        let runtime = flavor.runtime();
        if round % 3 == 0 {
            // With a thread there already.
            futures::executor::block_on(runtime.spawn_blocking(|| {})).unwrap();
        }
        let ledger = Ledger::new();
        let jobs: Vec<_> = (0..2)
            .map(|_| {
                let tracked = ledger.track();
                runtime.spawn_blocking(move || drop(tracked))
            })
            .collect();
        // Nothing of the runtime is left but what its jobs hold.
        Way::ALL[round % 2 * 2].shut_down(runtime);
        jobs.into_iter().for_each(assert_ended);
        ledger.assert_each_dropped_once(|_| true);
    }
}

/// Far beyond any timeout given here, and far below the watchdog's deadline.
const LONG: Duration = Duration::from_secs(20);

fn shutdown_timeout_gives_up_on_a_stuck_blocking_job(flavor: Flavor) {
    let runtime = flavor.runtime();
    let (job, release) = stuck_job(&runtime);
    let timeout = Duration::from_millis(100);
    let begun = Instant::now();
    runtime.shutdown_timeout(timeout);
    let took = begun.elapsed();
    assert!(took >= timeout && took < LONG, "{took:?}");
    drop(release);
    futures::executor::block_on(job).unwrap();
}

fn shutdown_timeout_of_zero_gives_up_at_once(flavor: Flavor) {
    let runtime = flavor.runtime();
    let (job, release) = stuck_job(&runtime);
    let begun = Instant::now();
    runtime.shutdown_timeout(Duration::ZERO);
    assert!(begun.elapsed() < LONG);
    drop(release);
    futures::executor::block_on(job).unwrap();
}

fn shutdown_timeout_returns_early_when_nothing_is_stuck(flavor: Flavor) {
    let runtime = flavor.runtime();
    runtime.block_on(async {
        windlass::spawn(wake_self()).await.unwrap();
        task::spawn_blocking(|| {}).await.unwrap();
    });
    runtime.spawn(pending::<()>());
    let begun = Instant::now();
    runtime.shutdown_timeout(Duration::from_secs(10_000));
    assert!(begun.elapsed() < LONG);
}

fn shutdown_timeout_takes_the_longest_of_durations(flavor: Flavor) {
    let runtime = flavor.runtime();
    runtime.block_on(async { task::spawn_blocking(|| {}).await.unwrap() });
    runtime.shutdown_timeout(Duration::MAX);
}

fn shutdown_background_waits_for_nothing(flavor: Flavor) {
    let runtime = flavor.runtime();
    let (job, release) = stuck_job(&runtime);
    runtime.shutdown_background();
    // Were it to wait, nobody would ever let the job go on.
    drop(release);
    futures::executor::block_on(job).unwrap();
}

fn shutdown_background_drops_the_futures_in_the_end(flavor: Flavor) {
    let runtime = flavor.runtime();
    let ledger = Ledger::new();
    let polls = Arc::new(AtomicUsize::new(0));
    for _ in 0..100 {
        let (tracked, polls) = (ledger.track(), polls.clone());
        runtime.spawn(async move {
            let _tracked = tracked;
            polls.fetch_add(1, Ordering::SeqCst);
            pending::<()>().await;
        });
    }
    runtime.block_on(yield_until(|| polls.load(Ordering::SeqCst) == 100));
    runtime.shutdown_background();
    spin_until(|| ledger.dropped() == 100);
    ledger.assert_each_dropped_once(|_| true);
}

/// Drops the last reference to a runtime, having made sure that it is the last.
fn drop_last(runtime: Arc<Runtime>) {
    let runtime = Arc::into_inner(runtime).expect("nobody else holds the runtime");
    drop(runtime);
}

fn a_runtime_dropped_in_its_own_blocking_job(flavor: Flavor) {
    let runtime = Arc::new(flavor.runtime());
    let ledger = Ledger::new();
    let tracked = ledger.track();
    runtime.spawn(async move {
        let _tracked = tracked;
        pending::<()>().await;
    });
    let (go_on, may_go_on) = std_mpsc::channel::<()>();
    let last = runtime.clone();
    let job = runtime.spawn_blocking(move || {
        may_go_on.recv().unwrap();
        drop_last(last);
        "done"
    });
    drop(runtime);
    go_on.send(()).unwrap();
    assert_eq!(futures::executor::block_on(job).unwrap(), "done");
    spin_until(|| ledger.dropped() == 1);
}

fn a_runtime_dropped_in_a_blocking_job_of_another(flavor: Flavor) {
    let runtime = flavor.runtime();
    let other = flavor.runtime();
    let task = runtime.spawn(pending::<()>());
    let job = other.spawn_blocking(move || drop(runtime));
    other.block_on(job).unwrap();
    assert!(futures::executor::block_on(task).unwrap_err().is_cancelled());
}

fn a_runtime_shut_down_in_the_background_of_another(flavor: Flavor) {
    let other = flavor.runtime();
    other.block_on(async {
        let runtime = flavor.runtime();
        let task = runtime.spawn(pending::<()>());
        runtime.shutdown_background();
        assert!(task.await.unwrap_err().is_cancelled());

        let runtime = flavor.runtime();
        let task = runtime.spawn(pending::<()>());
        runtime.shutdown_timeout(Duration::ZERO);
        assert!(task.await.unwrap_err().is_cancelled());
    });
}

fn a_runtime_dropped_at_once(flavor: Flavor) {
    for _ in 0..200 {
        drop(flavor.runtime());
    }
}

fn a_drop_that_spawns_on_the_runtime_that_shuts_down(flavor: Flavor) {
    for way in Way::ALL {
        let runtime = flavor.runtime();
        let handle = runtime.handle().clone();
        let (tx, rx) = std_mpsc::channel();
        let on_drop = OnDrop::new(move || {
            tx.send(handle.spawn(pending::<()>())).unwrap();
            tx.send(windlass::spawn(pending::<()>())).unwrap();
        });
        let (polled, was_polled) = oneshot::channel();
        runtime.spawn(async move {
            let _on_drop = on_drop;
            polled.send(()).unwrap();
            pending::<()>().await;
        });
        runtime.block_on(was_polled).unwrap();
        way.shut_down(runtime);
        for task in rx {
            assert!(futures::executor::block_on(task).unwrap_err().is_cancelled());
        }
    }
}

fn a_drop_that_submits_a_blocking_job_to_the_runtime_that_shuts_down(flavor: Flavor) {
    for way in Way::ALL {
        let runtime = flavor.runtime();
        let (tx, rx) = std_mpsc::channel();
        let on_drop = OnDrop::new(move || tx.send(task::spawn_blocking(|| {})).unwrap());
        let (polled, was_polled) = oneshot::channel();
        runtime.spawn(async move {
            let _on_drop = on_drop;
            polled.send(()).unwrap();
            pending::<()>().await;
        });
        runtime.block_on(was_polled).unwrap();
        way.shut_down(runtime);
        rx.into_iter().for_each(assert_ended);
    }
}

fn a_drop_that_blocks_on_the_runtime_that_shuts_down(flavor: Flavor) {
    // Blocking there is refused, with a panic that the shutdown contains, or done; either way the shutdown ends.
    for way in Way::ALL {
        let runtime = flavor.runtime();
        let handle = runtime.handle().clone();
        let on_drop = OnDrop::new(move || handle.block_on(async {}));
        let (polled, was_polled) = oneshot::channel();
        runtime.spawn(async move {
            let _on_drop = on_drop;
            polled.send(()).unwrap();
            pending::<()>().await;
        });
        runtime.block_on(was_polled).unwrap();
        way.shut_down(runtime);
    }
}

/// Occupies a worker until the sender returned is dropped.
fn stuck_task(runtime: &Runtime) -> (JoinHandle<()>, std_mpsc::Sender<()>) {
    let (release, released) = std_mpsc::channel::<()>();
    let (started, has_started) = std_mpsc::channel();
    let task = runtime.spawn(async move {
        started.send(()).unwrap();
        let _ = released.recv();
        pending::<()>().await;
    });
    has_started.recv().unwrap();
    (task, release)
}

fn a_poll_in_hand_is_waited_for(flavor: Flavor) {
    for _ in 0..20 {
        let runtime = flavor.runtime();
        let done = Arc::new(AtomicBool::new(false));
        let doing = done.clone();
        let (started, has_started) = std_mpsc::channel();
        runtime.spawn(async move {
            started.send(()).unwrap();
            linger_into_shutdown(&Handle::current());
            doing.store(true, Ordering::SeqCst);
        });
        has_started.recv().unwrap();
        drop(runtime);
        assert!(done.load(Ordering::SeqCst));
    }
}

fn shutdown_timeout_gives_up_on_a_stuck_task(flavor: Flavor) {
    let runtime = flavor.runtime();
    let (task, release) = stuck_task(&runtime);
    let timeout = Duration::from_millis(100);
    let begun = Instant::now();
    runtime.shutdown_timeout(timeout);
    let took = begun.elapsed();
    assert!(took >= timeout && took < LONG, "{took:?}");
    drop(release);
    assert!(futures::executor::block_on(task).unwrap_err().is_cancelled());
}

fn shutdown_background_leaves_a_stuck_task_behind(flavor: Flavor) {
    let runtime = flavor.runtime();
    let (task, release) = stuck_task(&runtime);
    let other = runtime.spawn(pending::<()>());
    runtime.shutdown_background();
    drop(release);
    assert!(futures::executor::block_on(task).unwrap_err().is_cancelled());
    assert!(futures::executor::block_on(other).unwrap_err().is_cancelled());
}

fn a_runtime_dropped_in_its_own_task(flavor: Flavor) {
    for _ in 0..50 {
        let runtime = Arc::new(flavor.runtime());
        let ledger = Ledger::new();
        for _ in 0..10 {
            let tracked = ledger.track();
            runtime.spawn(async move {
                let _tracked = tracked;
                pending::<()>().await;
            });
        }
        let (go_on, may_go_on) = oneshot::channel::<()>();
        let (done, is_done) = std_mpsc::channel();
        let last = runtime.clone();
        runtime.spawn(async move {
            may_go_on.await.unwrap();
            drop_last(last);
            done.send(()).unwrap();
            // The poll in hand goes on; there is no next one.
            task::yield_now().await;
            unreachable!("it was polled after its runtime went");
        });
        drop(runtime);
        go_on.send(()).unwrap();
        is_done.recv().unwrap();
        spin_until(|| ledger.dropped() == 10);
        ledger.assert_each_dropped_once(|_| true);
    }
}

fn a_runtime_dropped_with_a_future_of_its_own(flavor: Flavor) {
    // The task owns its runtime; aborting it drops both.
    for _ in 0..20 {
        let runtime = Arc::new(flavor.runtime());
        let weak: Weak<Runtime> = Arc::downgrade(&runtime);
        let (polled, was_polled) = oneshot::channel();
        let owned = runtime.clone();
        let task = runtime.spawn(async move {
            let _owned = owned;
            polled.send(()).unwrap();
            pending::<()>().await;
        });
        runtime.block_on(was_polled).unwrap();
        drop(runtime);
        task.abort();
        assert!(futures::executor::block_on(task).unwrap_err().is_cancelled());
        assert!(weak.upgrade().is_none());
    }
}

fn a_runtime_dropped_in_a_task_of_another(flavor: Flavor) {
    // It would block the other's worker until every thread of this one ended: a clear panic, or done all the same.
    let other = flavor.runtime();
    for _ in 0..10 {
        let runtime = flavor.runtime();
        let waiting = runtime.spawn(pending::<()>());
        let barrier = Arc::new(Barrier::new(2));
        let met = barrier.clone();
        runtime.spawn(async move {
            met.wait();
        });
        barrier.wait();
        let task = other.spawn(async move { drop(runtime) });
        if let Err(error) = futures::executor::block_on(task) {
            let message = windlass_tests::payload_text(&*error.into_panic());
            assert!(message.contains("runtime"), "the panic must say what it is about: {message}");
        }
        assert!(futures::executor::block_on(waiting).unwrap_err().is_cancelled());
    }
    assert_eq!(other.block_on(async { windlass::spawn(async { 1 }).await.unwrap() }), 1);
}

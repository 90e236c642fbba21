//! G4: once a shutdown completes no task runs, every future is dropped, and what was asked for of its limits is kept.

use std::future::pending;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, mpsc as std_mpsc};
use std::time::{Duration, Instant};

use futures::channel::oneshot;
use windlass::runtime::{Handle, Runtime};
use windlass::task::{self, JoinHandle};
use windlass::time;
use windlass_tests::ending::{Way, assert_ended};
use windlass_tests::{
    Flavor, Ledger, OnDrop, linger_into_shutdown, on_every_flavor, on_multi_thread, poll_once, spin_until,
    wake_self, yield_until,
};

on_every_flavor!(
    futures_are_dropped_before_drop_returns,
    ten_thousand_waiting_tasks_are_dropped,
    drops_that_wake_each_other,
    a_queued_blocking_job_runs_or_is_cancelled,
    a_running_blocking_job_is_waited_for,
    blocking_jobs_that_begin_while_the_runtime_goes,
    shutdown_timeout_gives_up_on_a_stuck_blocking_job,
    shutdown_timeout_of_zero_gives_up_at_once,
    shutdown_timeout_returns_early_when_nothing_is_stuck,
    shutdown_timeout_takes_the_longest_of_durations,
    shutdown_background_waits_for_nothing,
    shutdown_background_drops_the_futures_in_the_end,
);

on_multi_thread!(
    a_poll_in_hand_is_waited_for,
    shutdown_timeout_gives_up_on_a_stuck_task,
    shutdown_background_leaves_a_stuck_task_behind,
    a_stuck_task_that_sleeps_after_the_shutdown_is_cancelled,
);

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

fn a_stuck_task_that_sleeps_after_the_shutdown_is_cancelled(flavor: Flavor) {
    for is_set_before in [true, false] {
        let runtime = flavor.runtime();
        let (release, released) = std_mpsc::channel::<()>();
        let (started, has_started) = std_mpsc::channel();
        let task = runtime.spawn(async move {
            let mut sleep = pin!(time::sleep(LONG));
            if is_set_before {
                assert!(poll_once(&mut sleep).is_pending());
            }
            started.send(()).unwrap();
            let _ = released.recv();
            sleep.await;
        });
        has_started.recv().unwrap();
        runtime.shutdown_background();
        drop(release);
        let error = futures::executor::block_on(task).unwrap_err();
        assert!(error.is_cancelled(), "{error}");
    }
}

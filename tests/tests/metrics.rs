//! `RuntimeMetrics`: what is counted adds up.

use std::future::pending;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Barrier, mpsc as std_mpsc};
use std::time::Duration;

use windlass::task;
use windlass_tests::{Flavor, on_every_flavor, on_multi_thread, panics, spin_until, wake_self, yield_until};

on_every_flavor!(
    the_number_of_workers,
    tasks_that_are_alive,
    tasks_that_were_spawned,
    polls_that_were_made,
    tasks_that_wait_in_a_queue,
    threads_that_parked,
    a_worker_that_does_not_exist,
    counters_print_and_outlive_the_runtime,
    blocking_jobs_do_not_confuse_the_counts,
);

on_multi_thread!(sums_of_workers, workers_are_busy_for_some_time, workers_that_were_woken);

windlass_tests::on_flavor!(
    on_two_workers,
    windlass_tests::Flavor::MultiThread(2),
    tasks_that_were_stolen,
    a_task_taken_from_behind_a_blocked_poll
);

fn the_number_of_workers(flavor: Flavor) {
    let runtime = flavor.runtime();
    let workers = match flavor {
        Flavor::CurrentThread => 1,
        Flavor::MultiThread(workers) => workers,
    };
    assert_eq!(runtime.metrics().num_workers(), workers);
    assert_eq!(runtime.handle().metrics().num_workers(), workers);
}

fn tasks_that_are_alive(flavor: Flavor) {
    let runtime = flavor.runtime();
    let metrics = runtime.metrics();
    assert_eq!(metrics.num_alive_tasks(), 0);
    let inside = runtime.metrics();
    runtime.block_on(runtime.spawn(async move { assert_eq!(inside.num_alive_tasks(), 1) })).unwrap();
    // The handle may say so a moment before the count does.
    spin_until(|| metrics.num_alive_tasks() == 0);

    let waiting: Vec<_> = (0..100).map(|_| runtime.spawn(pending::<()>())).collect();
    assert_eq!(metrics.num_alive_tasks(), 100);
    for task in waiting.iter().take(40) {
        task.abort();
    }
    runtime.block_on(yield_until(|| metrics.num_alive_tasks() == 60));
    drop(waiting);
    assert_eq!(metrics.num_alive_tasks(), 60, "detached tasks live on");
    drop(runtime);
    assert_eq!(metrics.num_alive_tasks(), 0);
}

fn tasks_that_were_spawned(flavor: Flavor) {
    let runtime = flavor.runtime();
    let metrics = runtime.metrics();
    assert_eq!(metrics.spawned_tasks_count(), 0);
    for _ in 0..100 {
        runtime.spawn(async {});
    }
    assert_eq!(metrics.spawned_tasks_count(), 100);
    runtime.block_on(async {
        for _ in 0..100 {
            windlass::spawn(async {
                windlass::spawn(async {}).await.unwrap();
            })
            .await
            .unwrap();
        }
    });
    assert_eq!(metrics.spawned_tasks_count(), 300);
}

fn polls_that_were_made(flavor: Flavor) {
    let runtime = flavor.runtime();
    let metrics = runtime.metrics();
    let tasks: Vec<_> = (0..100)
        .map(|_| {
            runtime.spawn(async {
                for _ in 0..9 {
                    wake_self().await;
                }
            })
        })
        .collect();
    runtime.block_on(async {
        for task in tasks {
            task.await.unwrap();
        }
    });
    assert_eq!(metrics.polls_count(), 1_000);
}

fn tasks_that_wait_in_a_queue(flavor: Flavor) {
    let runtime = flavor.runtime();
    let metrics = runtime.metrics();
    let release = Arc::new(AtomicBool::new(false));
    if let Flavor::MultiThread(workers) = flavor {
        // With all workers in a poll, what is spawned stays where it is.
        let barrier = Arc::new(Barrier::new(workers + 1));
        for _ in 0..workers {
            let (barrier, release) = (barrier.clone(), release.clone());
            runtime.spawn(async move {
                barrier.wait();
                spin_until(|| release.load(Ordering::SeqCst));
            });
        }
        barrier.wait();
    }
    assert_eq!(metrics.num_queued_tasks(), 0);
    let tasks: Vec<_> = (0..50).map(|_| runtime.spawn(async {})).collect();
    assert_eq!(metrics.num_queued_tasks(), 50);
    release.store(true, Ordering::SeqCst);
    runtime.block_on(async {
        for task in tasks {
            task.await.unwrap();
        }
    });
    assert_eq!(metrics.num_queued_tasks(), 0);
}

fn threads_that_parked(flavor: Flavor) {
    let runtime = flavor.runtime();
    let metrics = runtime.metrics();
    runtime.block_on(async {
        // Nothing to do meanwhile but to wait.
        let (tx, rx) = std_mpsc::channel::<()>();
        let job = task::spawn_blocking(move || rx.recv());
        let (before, again) = (metrics.parks_count(), metrics.clone());
        let waiter = std::thread::spawn(move || {
            // All of them are asleep at last.
            let is_asleep = |worker| again.worker_park_unpark_count(worker) % 2 == 1;
            spin_until(|| again.parks_count() > before && (0..again.num_workers()).all(is_asleep));
            tx.send(()).unwrap();
        });
        job.await.unwrap().unwrap();
        waiter.join().unwrap();
    });
    for worker in 0..metrics.num_workers() {
        assert!(metrics.worker_park_unpark_count(worker) >= metrics.worker_park_count(worker));
    }
}

fn a_worker_that_does_not_exist(flavor: Flavor) {
    let runtime = flavor.runtime();
    let metrics = runtime.metrics();
    let workers = metrics.num_workers();
    for worker in 0..workers {
        metrics.worker_poll_count(worker);
        metrics.worker_park_count(worker);
        metrics.worker_park_unpark_count(worker);
        metrics.worker_total_busy_duration(worker);
    }
    panics(|| metrics.worker_poll_count(workers));
    panics(|| metrics.worker_park_count(usize::MAX));
    panics(|| metrics.worker_total_busy_duration(workers));
}

fn counters_print_and_outlive_the_runtime(flavor: Flavor) {
    let runtime = flavor.runtime();
    runtime.block_on(async { windlass::spawn(async {}).await.unwrap() });
    let metrics = runtime.metrics();
    drop(runtime);
    assert_eq!(metrics.spawned_tasks_count(), 1);
    assert_eq!(metrics.polls_count(), 1);
    assert!(!format!("{metrics:?}").is_empty());
}

fn blocking_jobs_do_not_confuse_the_counts(flavor: Flavor) {
    let runtime = flavor.runtime();
    let metrics = runtime.metrics();
    runtime.block_on(async {
        for _ in 0..50 {
            task::spawn_blocking(|| {}).await.unwrap();
            drop(task::spawn_blocking(|| {}));
        }
        windlass::spawn(async {}).await.unwrap();
    });
    drop(runtime);
    assert_eq!(metrics.num_alive_tasks(), 0);
    assert_eq!(metrics.num_queued_tasks(), 0);
}

fn sums_of_workers(flavor: Flavor) {
    let runtime = flavor.runtime();
    let metrics = runtime.metrics();
    // From outside, so that only workers poll.
    for _ in 0..1_000 {
        futures::executor::block_on(runtime.spawn(wake_self())).unwrap();
    }
    let workers = metrics.num_workers();
    drop(runtime);
    assert_eq!((0..workers).map(|worker| metrics.worker_poll_count(worker)).sum::<u64>(), 2_000);
    assert_eq!(metrics.polls_count(), 2_000);
    let parks: u64 = (0..workers).map(|worker| metrics.worker_park_count(worker)).sum();
    assert!(parks <= metrics.parks_count());
}

fn workers_are_busy_for_some_time(flavor: Flavor) {
    let runtime = flavor.runtime();
    let metrics = runtime.metrics();
    let worked = Duration::from_millis(20);
    futures::executor::block_on(runtime.spawn(async move {
        let begun = std::time::Instant::now();
        spin_until(|| begun.elapsed() >= worked);
    }))
    .unwrap();
    drop(runtime);
    let busy: Duration =
        (0..metrics.num_workers()).map(|worker| metrics.worker_total_busy_duration(worker)).sum();
    assert!(busy >= worked, "{busy:?}");
}

fn workers_that_were_woken(flavor: Flavor) {
    let runtime = flavor.runtime();
    let metrics = runtime.metrics();
    spin_until(|| metrics.parks_count() >= metrics.num_workers() as u64);
    let before = metrics.wakes_count();
    futures::executor::block_on(runtime.spawn(async {})).unwrap();
    assert!(metrics.wakes_count() > before);
}

fn tasks_that_were_stolen(flavor: Flavor) {
    let runtime = flavor.runtime();
    let metrics = runtime.metrics();
    // A hundred tasks in the queue of one worker, of which two must meet: the other came for one.
    let barrier = Arc::new(Barrier::new(2));
    let (tx, rx) = std_mpsc::channel::<()>();
    runtime.spawn(async move {
        for i in 0..100 {
            let (barrier, tx) = (barrier.clone(), tx.clone());
            windlass::spawn(async move {
                if i == 40 || i == 60 {
                    barrier.wait();
                }
                drop(tx);
            });
        }
    });
    assert!(rx.recv().is_err());
    let moved = metrics.steals_count() + metrics.lifo_steals_count() + metrics.rescues_count();
    assert!(moved > 0);
}

fn a_task_taken_from_behind_a_blocked_poll(flavor: Flavor) {
    let runtime = flavor.runtime();
    let metrics = runtime.metrics();
    for _ in 0..10 {
        let task = runtime.spawn(async {
            let (tx, rx) = std_mpsc::channel();
            windlass::spawn(async move { tx.send(()).unwrap() });
            rx.recv().unwrap();
        });
        futures::executor::block_on(task).unwrap();
    }
    // Whoever came for it, a searching worker or the monitor, was counted.
    let moved = metrics.steals_count() + metrics.lifo_steals_count() + metrics.rescues_count();
    assert!(moved >= 10, "{metrics:?}");
}

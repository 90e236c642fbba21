//! How many threads are woken for a burst of jobs, as the system counts it, and how many are started at a time.
#![cfg(target_os = "linux")]

mod common;

use common::eventually;
use std::fs;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, mpsc};
use windlass_blocking::{Executor, Job, ThreadPoolExecutor};

const THREADS: usize = 8;

fn execute(pool: &ThreadPoolExecutor, f: impl FnOnce() + Send + 'static) {
    pool.try_execute(Job::new(f)).expect("the pool takes jobs");
}

/// A pool with all its threads, all of them idle.
fn idle_pool(name: &str) -> ThreadPoolExecutor {
    let pool = ThreadPoolExecutor::builder().max_workers(THREADS).thread_name_prefix(name).build();
    let barrier = Arc::new(Barrier::new(THREADS));
    for _ in 0..THREADS {
        let barrier = barrier.clone();
        execute(&pool, move || {
            barrier.wait();
        });
    }
    eventually("all threads rest", || pool.metrics().idle_threads == THREADS);
    pool
}

/// How often the threads of this name have gone to sleep so far. Each time but the first, someone woke them.
fn sleeps(name: &str) -> usize {
    let threads = fs::read_dir("/proc/self/task").unwrap().map(|thread| thread.unwrap().path());
    threads
        .filter(|thread| fs::read_to_string(thread.join("comm")).is_ok_and(|comm| comm.starts_with(name)))
        .map(|thread| {
            let status = fs::read_to_string(thread.join("status")).unwrap();
            let count = status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
            count.expect("the system counts them").trim().parse::<usize>().unwrap()
        })
        .sum()
}

/// A thread that was woken runs many of them, and wakes the next before its first. A pool that woke a thread for each
/// submission, as those around a condition variable do, would wake all of them each time.
#[test]
fn a_burst_of_tiny_jobs_wakes_few_threads() {
    const ROUNDS: usize = 200;
    const JOBS: usize = 200;
    let pool = idle_pool("burst");
    let before = sleeps("burst");
    let done = Arc::new(AtomicUsize::new(0));
    for round in 1..=ROUNDS {
        for _ in 0..JOBS {
            let done = done.clone();
            execute(&pool, move || {
                done.fetch_add(1, Ordering::Relaxed);
            });
        }
        eventually("all jobs have run, and all threads rest", || {
            done.load(Ordering::Relaxed) == round * JOBS && pool.metrics().idle_threads == THREADS
        });
    }
    let wakes = sleeps("burst") - before;
    assert!(wakes >= ROUNDS, "someone has run them");
    assert!(wakes < 5 * ROUNDS, "{wakes} wakes for {ROUNDS} bursts");
}

/// One job wakes one thread, however many are idle.
#[test]
fn a_single_job_wakes_a_single_thread() {
    const JOBS: usize = 200;
    let pool = idle_pool("single");
    let before = sleeps("single");
    for _ in 0..JOBS {
        execute(&pool, || ());
        eventually("all threads rest", || {
            let metrics = pool.metrics();
            metrics.queued == 0 && metrics.idle_threads == THREADS
        });
    }
    let wakes = sleeps("single") - before;
    assert!((JOBS..=JOBS + JOBS / 2).contains(&wakes), "{wakes} wakes for {JOBS} jobs");
}

#[test]
fn while_a_thread_is_being_started_no_other_is() {
    const JOBS: usize = 100;
    let starts = Arc::new(AtomicUsize::new(0));
    let (starting, started) = mpsc::channel();
    let (gate, gated) = mpsc::channel::<()>();
    let gated = parking_lot::Mutex::new(gated);
    // Whoever starts a thread asks for its name first: this makes the first start take as long as it likes.
    let name = {
        let starts = starts.clone();
        move || {
            if starts.fetch_add(1, Ordering::Relaxed) == 0 {
                starting.send(()).unwrap();
                gated.lock().recv().unwrap();
            }
            "starts".to_owned()
        }
    };
    let pool = ThreadPoolExecutor::builder().max_workers(THREADS).thread_name_fn(name).build();
    let done = Arc::new(AtomicUsize::new(0));
    let submit = || {
        let done = done.clone();
        execute(&pool, move || {
            done.fetch_add(1, Ordering::Relaxed);
        });
    };
    std::thread::scope(|scope| {
        // In here, so that an assertion that fails ends the start.
        let gate = gate;
        scope.spawn(submit);
        started.recv().unwrap();
        for _ in 0..JOBS {
            submit();
        }
        assert_eq!(starts.load(Ordering::Relaxed), 1);
        assert_eq!(done.load(Ordering::Relaxed), 0);
        gate.send(()).unwrap();
    });
    pool.shutdown(true, false);
    assert_eq!(done.load(Ordering::Relaxed), 1 + JOBS);
    assert!(starts.load(Ordering::Relaxed) <= THREADS);
}

//! Jobs, futures and closures that outlive their pool's handle, or have the last one.

mod common;

use common::{LONG, occupy};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use windlass_blocking::{ExecutorExt, Future, SharedFuture, ThreadPoolExecutor, current};

/// A pool that tells of the end of each of its threads, and, by hanging up, of its own.
fn watched_pool(max_workers: usize) -> (ThreadPoolExecutor, mpsc::Receiver<()>) {
    let (ended, ends) = mpsc::channel();
    let pool = ThreadPoolExecutor::builder()
        .max_workers(max_workers)
        .on_thread_stop(move || ended.send(()).unwrap())
        .build();
    (pool, ends)
}

/// Waits until nothing is left of the pool; how many threads it had.
#[track_caller]
fn wait_gone(ends: &mpsc::Receiver<()>) -> usize {
    let mut threads = 0;
    loop {
        match ends.recv_timeout(LONG) {
            Ok(()) => threads += 1,
            Err(mpsc::RecvTimeoutError::Disconnected) => return threads,
            Err(mpsc::RecvTimeoutError::Timeout) => panic!("something of the pool is still there"),
        }
    }
}

#[test]
fn results_are_there_when_the_pool_is_not() {
    let (pool, ends) = watched_pool(5);
    let futures: Vec<_> = (-5_i32..5).map(|n| pool.submit(move || n.abs())).collect();
    drop(pool);
    assert!((1..=5).contains(&wait_gone(&ends)));
    assert!(futures.iter().all(Future::done));
    let results: Vec<i32> = futures.into_iter().map(|future| future.result().unwrap()).collect();
    assert_eq!(results, [5, 4, 3, 2, 1, 0, 1, 2, 3, 4]);
}

#[test]
fn jobs_run_though_nobody_waits_for_their_pool() {
    let (pool, ends) = watched_pool(1);
    let gate = occupy(&pool);
    let futures: Vec<_> = (0..10).map(|n| pool.submit(move || n)).collect();
    pool.shutdown(false, false);
    // Would hang if it waited.
    drop(pool);
    assert!(!futures[0].done());
    drop(gate);
    for (n, future) in futures.into_iter().enumerate() {
        assert_eq!(future.result().unwrap(), n);
    }
    assert_eq!(wait_gone(&ends), 1);
}

#[test]
fn the_last_handle_goes_inside_a_job() {
    let (pool, ends) = watched_pool(2);
    let own = pool.clone();
    let (gate, gated) = mpsc::channel::<()>();
    let future = pool.submit(move || {
        let _ = gated.recv();
        let queued = own.submit(|| "queued");
        drop(own);
        queued
    });
    drop(pool);
    drop(gate);
    assert_eq!(future.result().unwrap().result().unwrap(), "queued");
    assert!((1..=2).contains(&wait_gone(&ends)));
}

#[test]
fn the_last_handle_is_the_result_of_a_job_that_nobody_wants() {
    let (pool, ends) = watched_pool(1);
    let gate = occupy(&pool);
    let own = pool.clone();
    drop(pool.submit(move || own));
    drop(pool);
    drop(gate);
    assert_eq!(wait_gone(&ends), 1);
}

#[test]
fn the_last_handle_is_in_a_closure_that_panics() {
    let (pool, ends) = watched_pool(1);
    let gate = occupy(&pool);
    let own = pool.clone();
    let future: Future<()> = pool.submit(move || {
        let _ = &own;
        panic!("this panic belongs to the test");
    });
    drop(pool);
    drop(gate);
    assert!(future.result().unwrap_err().is_panic());
    assert_eq!(wait_gone(&ends), 1);
}

#[test]
fn the_last_handle_is_in_a_callback() {
    let (pool, ends) = watched_pool(1);
    let gate = occupy(&pool);
    let own = pool.clone();
    pool.submit(|| 1).add_done_callback(move |_| drop(own));
    drop(pool);
    drop(gate);
    assert_eq!(wait_gone(&ends), 1);
}

#[test]
fn the_last_handle_is_in_a_job_that_is_cancelled() {
    let (pool, ends) = watched_pool(1);
    let gate = occupy(&pool);
    // A pair's first half is dropped first, and its sender hangs up.
    let (token, dropped) = mpsc::channel::<()>();
    let pair = (token, pool.clone());
    let future = pool.submit(move || drop(pair));
    drop(pool);
    // Dropping the handle waits for the running job, so another thread has to do it.
    let canceller = thread::spawn(move || future.cancel());
    assert!(dropped.recv().is_err());
    drop(gate);
    assert!(canceller.join().unwrap());
    assert_eq!(wait_gone(&ends), 1);
}

#[test]
fn a_panic_that_takes_the_pool_along_waits_for_its_jobs() {
    let ran = Arc::new(AtomicUsize::new(0));
    let panic = catch_unwind(AssertUnwindSafe(|| {
        let pool = ThreadPoolExecutor::new(2);
        for _ in 0..50 {
            let ran = ran.clone();
            pool.submit(move || {
                thread::yield_now();
                ran.fetch_add(1, Ordering::Relaxed);
            });
        }
        panic!("this panic belongs to the test");
    }));
    assert!(panic.is_err());
    assert_eq!(ran.load(Ordering::Relaxed), 50);
}

#[test]
fn a_job_cannot_submit_once_its_pool_is_shut_down() {
    let pool = ThreadPoolExecutor::new(1);
    let own = pool.clone();
    let (gate, gated) = mpsc::channel::<()>();
    let future = pool.submit(move || {
        let _ = gated.recv();
        own.submit(|| ()).result().unwrap_err().is_rejected()
    });
    pool.shutdown(false, false);
    drop(gate);
    assert!(future.result().unwrap());
}

#[test]
fn a_job_that_cancels_itself_is_too_late_but_hears_of_it() {
    let pool = ThreadPoolExecutor::new(1);
    let (give, given) = mpsc::channel::<SharedFuture<(bool, bool)>>();
    let shared = pool.submit(move || (given.recv().unwrap().cancel(), current().is_cancelled())).share();
    give.send(shared.clone()).unwrap();
    assert_eq!(shared.result().unwrap(), (false, true));
}

//! What a pool's end means for the futures of its jobs, and for those who wait for them. After CPython's test_shutdown.

mod common;

use common::{LONG, eventually, occupy};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, mpsc};
use std::thread;
use std::time::Duration;
use windlass_blocking::{ExecutorExt, Future, ReturnWhen, ThreadPoolExecutor, as_completed, wait};

#[test]
fn all_threads_end() {
    const THREADS: usize = 15;
    let stopped = Arc::new(AtomicUsize::new(0));
    let on_stop = stopped.clone();
    let pool = ThreadPoolExecutor::builder()
        .max_workers(THREADS)
        .on_thread_stop(move || {
            on_stop.fetch_add(1, Ordering::SeqCst);
        })
        .build();
    let barrier = Arc::new(Barrier::new(THREADS));
    for _ in 0..3 * THREADS {
        let barrier = barrier.clone();
        pool.submit(move || barrier.wait());
    }
    pool.shutdown(true, false);
    assert_eq!((pool.metrics().threads, stopped.load(Ordering::SeqCst)), (0, THREADS));
}

#[test]
fn all_futures_are_done_when_it_returns() {
    let pool = ThreadPoolExecutor::new(5);
    let futures: Vec<_> = (0..50).map(|n| pool.submit(move || (thread::yield_now(), n).1)).collect();
    pool.shutdown(true, false);
    assert!(futures.iter().all(Future::done));
    for (n, future) in futures.into_iter().enumerate() {
        assert_eq!(future.result().unwrap(), n);
    }
}

#[test]
fn of_more_jobs_than_idle_threads() {
    const THREADS: usize = 4;
    for round in 0..300 {
        let pool = ThreadPoolExecutor::new(THREADS);
        if round % 2 == 0 {
            let barrier = Arc::new(Barrier::new(THREADS));
            for _ in 0..THREADS {
                let barrier = barrier.clone();
                pool.submit(move || barrier.wait());
            }
            eventually("all are idle", || pool.metrics().idle_threads == THREADS);
        }
        let results = pool.map(|n: usize| n.to_string(), 0..=THREADS);
        pool.shutdown(true, false);
        assert_eq!(results.map(Result::unwrap).collect::<Vec<_>>(), ["0", "1", "2", "3", "4"]);
    }
}

#[test]
fn by_many_threads_at_once() {
    const CALLERS: usize = 8;
    for _ in 0..50 {
        let pool = ThreadPoolExecutor::new(2);
        let futures: Vec<_> = (0..100).map(|n| pool.submit(move || n)).collect();
        let barrier = Barrier::new(CALLERS);
        thread::scope(|scope| {
            let shut_down = || {
                barrier.wait();
                pool.shutdown(true, false);
                assert!(futures.iter().all(Future::done), "it returned before the end");
                assert_eq!(pool.metrics().threads, 0);
            };
            let callers: Vec<_> = (0..CALLERS).map(|_| scope.spawn(shut_down)).collect();
            // The thread sanitizer sees a join, and not how a scope ends.
            callers.into_iter().for_each(|caller| caller.join().unwrap());
        });
        for (n, future) in futures.into_iter().enumerate() {
            assert_eq!(future.result().unwrap(), n);
        }
    }
}

#[test]
fn each_future_ends_once_when_it_races_submitters() {
    for round in 0..150_u64 {
        let pool =
            ThreadPoolExecutor::builder().max_workers(2).keep_alive(Duration::from_micros(100)).build();
        let ran = Arc::new(AtomicUsize::new(0));
        let submitters: Vec<_> = (0..3)
            .map(|_| {
                let (pool, ran) = (pool.clone(), ran.clone());
                thread::spawn(move || {
                    let mut futures = Vec::new();
                    while !pool.is_shut_down() {
                        let ran = ran.clone();
                        futures.push(pool.submit(move || {
                            ran.fetch_add(1, Ordering::SeqCst);
                        }));
                    }
                    futures
                })
            })
            .collect();
        // A while that differs, not one that is waited for.
        thread::sleep(Duration::from_micros(round * 3));
        pool.shutdown(true, round % 2 == 0);
        let mut succeeded = 0;
        for future in submitters.into_iter().flat_map(|submitter| submitter.join().unwrap()) {
            match future.result_timeout(LONG).expect("it has ended") {
                Ok(()) => succeeded += 1,
                Err(error) => assert!(error.is_rejected() || (error.is_cancelled() && round % 2 == 0)),
            }
        }
        assert_eq!(succeeded, ran.load(Ordering::SeqCst));
    }
}

#[test]
fn who_waits_for_what_it_cancels_goes_on() {
    let pool = ThreadPoolExecutor::new(1);
    let gate = occupy(&pool);
    let queued = || (0..5).map(|n| pool.submit(move || n)).collect::<Vec<_>>();
    let (waited_for, completed, alone) = (queued(), queued(), pool.submit(|| 5));
    let shared = pool.submit(|| 6).share();
    let mut mapped = pool.map(|n| n, 0..5);
    let (begun, begins) = mpsc::channel();
    thread::scope(|scope| {
        let begin = || begun.send(()).unwrap();
        scope.spawn(move || {
            begin();
            let (done, not_done) = wait(waited_for, Some(LONG), ReturnWhen::AllCompleted);
            assert_eq!((done.len(), not_done.len()), (5, 0));
            assert!(done.iter().all(Future::cancelled));
        });
        scope.spawn(move || {
            begin();
            let cancelled = |future: Result<Future<_>, _>| future.expect("it is not too late").cancelled();
            assert_eq!(
                as_completed(completed, Some(LONG)).filter_map(|f| cancelled(f).then_some(())).count(),
                5
            );
        });
        scope.spawn(move || {
            begin();
            assert!(alone.result_timeout(LONG).unwrap().unwrap_err().is_cancelled());
        });
        scope.spawn(move || {
            begin();
            assert!(shared.result_timeout(LONG).unwrap().unwrap_err().is_cancelled());
        });
        scope.spawn(move || {
            begin();
            assert!(mapped.all(|result| result.unwrap_err().is_cancelled()));
        });
        for _ in 0..5 {
            begins.recv().unwrap();
        }
        pool.shutdown(false, true);
        // The gate is still shut.
    });
    drop(gate);
}

#[test]
fn with_a_time_limit_and_cancellation_only_what_runs_is_left() {
    let pool = ThreadPoolExecutor::new(1);
    let gate = occupy(&pool);
    let queued: Vec<_> = (0..3).map(|_| pool.submit(|| ())).collect();
    let still = pool.shutdown_timeout(Duration::ZERO, true).unwrap_err();
    assert_eq!((still.jobs().len(), still.queued()), (1, 0));
    assert!(queued.into_iter().all(|future| future.result().unwrap_err().is_cancelled()));
    drop(gate);
    pool.shutdown_timeout(LONG, false).unwrap();
}

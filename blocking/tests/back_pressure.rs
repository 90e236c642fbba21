//! A bounded queue and more submitters than it has room for.

mod common;

use common::occupy;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, mpsc};
use std::thread;
use windlass_blocking::{ExecutorExt, ThreadPoolExecutor};

const SUBMITTERS: usize = 64;
const EACH: usize = 300;
const CAPACITY: usize = 4;

fn bounded() -> ThreadPoolExecutor {
    ThreadPoolExecutor::builder().max_workers(2).queue_capacity(CAPACITY).build()
}

/// What job `n` of a submitter returns.
fn value(submitter: usize, n: usize) -> usize {
    (submitter * EACH + n).wrapping_mul(0x9E37_79B9)
}

#[test]
fn submit_waits_and_the_queue_stays_within_its_bounds() {
    let pool = bounded();
    let (barrier, most, runs) =
        (Barrier::new(SUBMITTERS), AtomicUsize::new(0), Arc::new(AtomicUsize::new(0)));
    thread::scope(|scope| {
        for submitter in 0..SUBMITTERS {
            let (pool, barrier, most, runs) = (&pool, &barrier, &most, &runs);
            scope.spawn(move || {
                barrier.wait();
                let futures: Vec<_> = (0..EACH)
                    .map(|n| {
                        let runs = runs.clone();
                        let future = pool.submit(move || {
                            runs.fetch_add(1, Ordering::Relaxed);
                            value(submitter, n)
                        });
                        most.fetch_max(pool.metrics().queued, Ordering::Relaxed);
                        future
                    })
                    .collect();
                for (n, future) in futures.into_iter().enumerate() {
                    assert_eq!(future.result().unwrap(), value(submitter, n));
                }
            });
        }
    });
    assert_eq!(runs.load(Ordering::Relaxed), SUBMITTERS * EACH);
    let most = most.load(Ordering::Relaxed);
    assert!((1..=CAPACITY).contains(&most), "{most} queued of at most {CAPACITY}");
}

#[test]
fn try_submit_gives_back_what_it_does_not_take() {
    let pool = bounded();
    let (barrier, refused) = (Barrier::new(SUBMITTERS), AtomicUsize::new(0));
    thread::scope(|scope| {
        for submitter in 0..SUBMITTERS {
            let (pool, barrier, refused) = (&pool, &barrier, &refused);
            scope.spawn(move || {
                barrier.wait();
                for n in 0..EACH {
                    // Runs once, here or there, or the box would be gone.
                    let answer = Box::new(value(submitter, n));
                    let answer = match pool.try_submit(move || answer) {
                        Ok(future) => future.result().unwrap(),
                        Err(error) => {
                            assert!(error.is_full(), "{error}");
                            refused.fetch_add(1, Ordering::Relaxed);
                            error.into_inner()()
                        }
                    };
                    assert_eq!(*answer, value(submitter, n));
                }
            });
        }
    });
    // With the pool full, all are refused; nothing of before is in the way.
    let gates = [occupy(&pool), occupy(&pool)];
    let queued: Vec<_> = (0..CAPACITY).map(|n| pool.try_submit(move || n).unwrap()).collect();
    assert!(pool.try_submit(|| ()).unwrap_err().is_full());
    drop(gates);
    for (n, future) in queued.into_iter().enumerate() {
        assert_eq!(future.result().unwrap(), n);
    }
    assert!(refused.load(Ordering::Relaxed) < SUBMITTERS * EACH, "some are taken");
}

#[test]
fn the_end_of_the_pool_ends_the_wait_of_all() {
    for round in 0..20 {
        let pool = bounded();
        let gates = [occupy(&pool), occupy(&pool)];
        let ran = Arc::new(AtomicUsize::new(0));
        let (begun, begins) = mpsc::channel();
        thread::scope(|scope| {
            let submitters: Vec<_> = (0..SUBMITTERS)
                .map(|_| {
                    let (pool, ran, begun) = (&pool, ran.clone(), begun.clone());
                    scope.spawn(move || {
                        begun.send(()).unwrap();
                        pool.submit(move || ran.fetch_add(1, Ordering::SeqCst)).result()
                    })
                })
                .collect();
            for _ in 0..SUBMITTERS {
                begins.recv().unwrap();
            }
            let cancels = round % 2 == 0;
            pool.shutdown(false, cancels);
            // With cancellation all of them are over while the threads are still busy; else those in the queue run.
            let held = cancels.then_some(gates);
            let mut succeeded = 0;
            for submitter in submitters {
                match submitter.join().unwrap() {
                    Ok(_) => succeeded += 1,
                    Err(error) => {
                        assert!(error.is_rejected() || (cancels && error.is_cancelled()), "{error}")
                    }
                }
            }
            assert!(succeeded == 0 || !cancels);
            assert_eq!(succeeded, ran.load(Ordering::SeqCst));
            drop(held);
        });
    }
}

#[test]
fn jobs_that_submit_to_their_own_full_pool() {
    let pool = bounded();
    let barrier = Barrier::new(SUBMITTERS);
    thread::scope(|scope| {
        for submitter in 0..SUBMITTERS {
            let (pool, barrier) = (&pool, &barrier);
            scope.spawn(move || {
                barrier.wait();
                for n in 0..20 {
                    let own = pool.clone();
                    let outer = pool.submit(move || own.submit(move || value(submitter, n)).result());
                    assert_eq!(outer.result().unwrap().unwrap(), value(submitter, n));
                }
            });
        }
    });
}

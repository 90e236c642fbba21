//! A million jobs from many threads at once, every result checked; and panics among them.

mod common;

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier};
use std::thread;
use windlass_blocking::{ExecutorExt, Future, ThreadPoolExecutor};

const SUBMITTERS: usize = 64;

/// Submits `each` jobs from each of 64 threads, `ahead` of them at a time, and hands each thread's futures to `check`.
fn from_many_threads<T: Send + 'static>(
    pool: &ThreadPoolExecutor,
    each: usize,
    ahead: usize,
    job: impl Fn(usize) -> T + Clone + Send + Sync + 'static,
    check: impl Fn(usize, Future<T>) + Sync,
) {
    let barrier = Barrier::new(SUBMITTERS);
    thread::scope(|scope| {
        for submitter in 0..SUBMITTERS {
            let (barrier, check, job) = (&barrier, &check, job.clone());
            scope.spawn(move || {
                barrier.wait();
                let mut futures = VecDeque::with_capacity(ahead);
                for number in submitter * each..(submitter + 1) * each {
                    if futures.len() == ahead {
                        let (number, future) = futures.pop_front().expect("it is full");
                        check(number, future);
                    }
                    let job = job.clone();
                    futures.push_back((number, pool.submit(move || job(number))));
                }
                for (number, future) in futures {
                    check(number, future);
                }
            });
        }
    });
}

#[test]
fn a_million_results_are_all_right() {
    const EACH: usize = 15_625;
    let pool = ThreadPoolExecutor::new(8);
    let (runs, checked) = (Arc::new(AtomicUsize::new(0)), AtomicUsize::new(0));
    let counter = runs.clone();
    let job = move |number: usize| {
        counter.fetch_add(1, Ordering::Relaxed);
        number.wrapping_mul(0x9E37_79B9)
    };
    from_many_threads(&pool, EACH, 512, job, |number, future| {
        assert_eq!(future.result().unwrap(), number.wrapping_mul(0x9E37_79B9));
        checked.fetch_add(1, Ordering::Relaxed);
    });
    assert_eq!((runs.load(Ordering::Relaxed), checked.load(Ordering::Relaxed)), (1_000_000, 1_000_000));
    assert!(pool.metrics().threads <= 8);
}

#[test]
fn panics_and_cancellations_among_them_meet_nobody_else() {
    const EACH: usize = 600;
    let pool = ThreadPoolExecutor::new(4);
    let runs = Arc::new(AtomicUsize::new(0));
    let (counter, not_run) = (runs.clone(), AtomicUsize::new(0));
    let job = move |number: usize| {
        counter.fetch_add(1, Ordering::Relaxed);
        if number.is_multiple_of(7) {
            // Without the panic hook, which would print all of them.
            std::panic::resume_unwind(Box::new(number));
        }
        number.to_string()
    };
    from_many_threads(&pool, EACH, 64, job, |number, future| {
        let cancels = number.is_multiple_of(5) && future.cancel();
        match future.result() {
            Ok(text) => assert!(text == number.to_string() && !number.is_multiple_of(7) && !cancels),
            Err(error) if error.is_cancelled() => {
                assert!(cancels);
                not_run.fetch_add(1, Ordering::Relaxed);
            }
            Err(error) => {
                assert!(number.is_multiple_of(7) && !cancels);
                assert_eq!(error.into_panic().downcast_ref::<usize>(), Some(&number));
            }
        }
    });
    assert_eq!(runs.load(Ordering::Relaxed) + not_run.load(Ordering::Relaxed), SUBMITTERS * EACH);
    assert!(pool.metrics().threads <= 4, "no panic costs a thread");
}

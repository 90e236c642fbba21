//! A pool that breaks while it is at work: what runs, what is queued, who waits. After CPython's test_init.

mod common;

use common::{LONG, eventually};
use std::panic::panic_any;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, mpsc};
use std::thread;
use windlass_blocking::{ExecutorExt, Future, JobError, ReturnWhen, ThreadPoolExecutor, as_completed, wait};

/// A pool of one thread whose initializer fails once the sender is gone.
fn doomed(queue_capacity: usize) -> (ThreadPoolExecutor, mpsc::Sender<()>) {
    let (gate, gated) = mpsc::channel::<()>();
    let gated = Mutex::new(gated);
    let pool = ThreadPoolExecutor::builder()
        .max_workers(1)
        .queue_capacity(queue_capacity)
        .initializer(move || {
            let _ = gated.lock().unwrap().recv();
            Err("no dice")
        })
        .build();
    (pool, gate)
}

#[test]
fn what_runs_goes_on_when_a_later_thread_fails() {
    let threads = AtomicUsize::new(0);
    let pool = ThreadPoolExecutor::builder()
        .max_workers(2)
        .initializer(move || match threads.fetch_add(1, Ordering::SeqCst) {
            0 => Ok(()),
            _ => Err("only one licence"),
        })
        .build();
    let (gate, gated) = mpsc::channel::<()>();
    let (started, starts) = mpsc::channel();
    let running = pool.submit(move || {
        started.send(()).unwrap();
        let _ = gated.recv();
        "done all the same"
    });
    starts.recv().unwrap();
    let queued: Vec<Future<()>> =
        (0..10).map(|_| pool.submit(|| unreachable!("the pool is broken"))).collect();
    for future in queued {
        let error = future.result().unwrap_err();
        assert!(error.is_broken() && error.to_string().contains("only one licence"), "{error}");
    }
    assert!(running.running());
    drop(gate);
    assert_eq!(running.result().unwrap(), "done all the same");
    assert!(pool.submit(|| ()).result().unwrap_err().is_broken());
    eventually("its threads leave", || pool.metrics().threads == 0);
}

#[test]
fn waiting_for_room_ends() {
    const WAITERS: usize = 4;
    let (pool, gate) = doomed(1);
    let queued = pool.submit(|| ());
    thread::scope(|scope| {
        let waiters: Vec<_> = (0..WAITERS).map(|_| scope.spawn(|| pool.submit(|| ()).result())).collect();
        drop(gate);
        for waiter in waiters {
            assert!(waiter.join().unwrap().unwrap_err().is_broken());
        }
    });
    assert!(queued.result().unwrap_err().is_broken());
}

#[test]
fn waiting_for_futures_ends() {
    let (pool, gate) = doomed(100);
    let queued = || (0..5).map(|n| pool.submit(move || n)).collect::<Vec<_>>();
    let (all, first, completed) = (queued(), queued(), queued());
    let mapped = pool.map(|n| n, 0..5);
    thread::scope(|scope| {
        scope.spawn(|| {
            let (done, not_done) = wait(all, Some(LONG), ReturnWhen::AllCompleted);
            assert_eq!((done.len(), not_done.len()), (5, 0));
        });
        scope.spawn(|| {
            // A job that could not be run has failed, as one that panicked has.
            let (done, not_done) = wait(first, Some(LONG), ReturnWhen::FirstException);
            assert!(!done.is_empty());
            for future in done.into_iter().chain(not_done) {
                assert!(future.result().unwrap_err().is_broken());
            }
        });
        scope.spawn(|| {
            let errors = as_completed(completed, Some(LONG))
                .map(|future| future.expect("it is not too late").result().unwrap_err());
            assert_eq!(errors.filter(JobError::is_broken).count(), 5);
        });
        scope.spawn(|| assert_eq!(mapped.filter(|r| r.as_ref().unwrap_err().is_broken()).count(), 5));
        drop(gate);
    });
}

#[test]
fn a_panic_without_words_breaks_it_too() {
    let pool = ThreadPoolExecutor::builder().initializer(|| -> () { panic_any(7) }).build();
    let error = pool.submit(|| ()).result().unwrap_err();
    assert!(error.is_broken() && !error.to_string().contains('7'), "{error}");
    eventually("its threads leave", || pool.metrics().threads == 0);
}

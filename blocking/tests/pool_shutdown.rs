//! Ending a thread pool: what runs, what is cancelled, who waits.

mod common;

use std::cell::RefCell;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};
use windlass_blocking::{Executor, ExecutorExt, Job, RejectReason, ThreadPoolExecutor};

/// A pool of one thread that is busy until the sender is dropped, with nothing queued.
fn busy_pool() -> (ThreadPoolExecutor, mpsc::Sender<()>) {
    let pool = ThreadPoolExecutor::new(1);
    let gate = common::occupy(&pool);
    (pool, gate)
}

fn count_up(pool: &ThreadPoolExecutor, counter: &Arc<AtomicUsize>) {
    let counter = counter.clone();
    pool.try_execute(Job::new(move || {
        counter.fetch_add(1, Ordering::SeqCst);
    }))
    .unwrap();
}

#[test]
fn nothing_is_accepted_after_it() {
    let pool = ThreadPoolExecutor::new(1);
    pool.shutdown(false, false);
    let rejected = pool.try_execute(Job::new(|| ())).unwrap_err();
    assert!(matches!(rejected.reason(), RejectReason::ShutDown));
}

#[test]
fn what_was_accepted_still_runs() {
    let (pool, gate) = busy_pool();
    let counter = Arc::new(AtomicUsize::new(0));
    for _ in 0..100 {
        count_up(&pool, &counter);
    }
    pool.shutdown(false, false);
    assert_eq!(counter.load(Ordering::SeqCst), 0);
    drop(gate);
    pool.shutdown(true, false);
    assert_eq!(counter.load(Ordering::SeqCst), 100);
}

#[test]
fn queued_jobs_can_be_cancelled() {
    let (pool, gate) = busy_pool();
    let counter = Arc::new(AtomicUsize::new(0));
    for _ in 0..100 {
        count_up(&pool, &counter);
    }
    pool.shutdown(false, true);
    assert_eq!(Arc::strong_count(&counter), 1, "a cancelled job is dropped at once");
    drop(gate);
    pool.shutdown(true, true);
    assert_eq!(counter.load(Ordering::SeqCst), 0);
}

#[test]
fn dropping_the_last_handle_waits() {
    let counter = Arc::new(AtomicUsize::new(0));
    let pool = ThreadPoolExecutor::new(2);
    for _ in 0..20 {
        let counter = counter.clone();
        pool.try_execute(Job::new(move || {
            std::thread::sleep(Duration::from_millis(1));
            counter.fetch_add(1, Ordering::SeqCst);
        }))
        .unwrap();
    }
    drop(pool.clone());
    drop(pool);
    assert_eq!(counter.load(Ordering::SeqCst), 20);
}

#[test]
fn a_handle_may_be_dropped_on_its_own_thread() {
    let (done, is_done) = mpsc::channel();
    let pool = ThreadPoolExecutor::new(1);
    let own = pool.clone();
    let (gate, gated) = mpsc::channel::<()>();
    let last = done.clone();
    pool.try_execute(Job::new(move || {
        let _ = gated.recv();
        drop(own);
        done.send("dropped").unwrap();
    }))
    .unwrap();
    pool.try_execute(Job::new(move || last.send("ran").unwrap())).unwrap();
    // Not the last handle: this does not wait.
    drop(pool);
    drop(gate);
    assert_eq!(is_done.recv_timeout(Duration::from_secs(10)), Ok("dropped"));
    assert_eq!(is_done.recv_timeout(Duration::from_secs(10)), Ok("ran"));
}

#[test]
fn shutdown_on_an_own_thread_does_not_wait_for_itself() {
    let pool = ThreadPoolExecutor::new(1);
    let own = pool.clone();
    let (done, is_done) = mpsc::channel();
    pool.try_execute(Job::new(move || {
        own.shutdown(true, false);
        done.send(()).unwrap();
    }))
    .unwrap();
    assert_eq!(is_done.recv_timeout(Duration::from_secs(10)), Ok(()));
}

#[test]
fn a_timeout_names_what_still_runs() {
    let (pool, gate) = busy_pool();
    let counter = Arc::new(AtomicUsize::new(0));
    count_up(&pool, &counter);
    let start = Instant::now();
    let still = pool.shutdown_timeout(Duration::from_millis(20), false).unwrap_err();
    assert!(start.elapsed() < Duration::from_secs(5));
    assert_eq!((still.jobs().len(), still.queued()), (1, 1));
    assert!(still.jobs()[0].running_for() >= Duration::from_millis(20));
    assert!(still.to_string().contains("common/mod.rs"), "{still}");
    // The handle's drop must not wait now, or this would hang.
    drop(pool);
    drop(gate);
}

#[test]
fn a_timeout_is_not_waited_out() {
    let (pool, gate) = busy_pool();
    drop(gate);
    let start = Instant::now();
    pool.shutdown_timeout(Duration::from_secs(60), false).unwrap();
    assert!(start.elapsed() < Duration::from_secs(10));
    assert_eq!(pool.metrics().threads, 0);
}

#[test]
fn jobs_still_get_side_by_side_threads_while_it_ends() {
    for _ in 0..100 {
        let pool = ThreadPoolExecutor::new(2);
        // The first job waits for the second, which has no thread yet when the end begins.
        let (sender, receiver) = mpsc::channel();
        pool.try_execute(Job::new(move || receiver.recv_timeout(Duration::from_secs(10)).unwrap())).unwrap();
        pool.try_execute(Job::new(move || sender.send(()).unwrap())).unwrap();
        pool.shutdown(true, false);
    }
}

#[test]
fn shutdown_against_submission() {
    struct Fate(Arc<AtomicUsize>);
    impl Drop for Fate {
        fn drop(&mut self) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    for round in 0..300 {
        let pool =
            ThreadPoolExecutor::builder().max_workers(2).keep_alive(Duration::from_micros(100)).build();
        let ended = Arc::new(AtomicUsize::new(0));
        let submitters: Vec<_> = (0..3)
            .map(|_| {
                let (pool, ended) = (pool.clone(), ended.clone());
                std::thread::spawn(move || {
                    let mut made = 0;
                    loop {
                        made += 1;
                        let fate = Fate(ended.clone());
                        if pool.try_execute(Job::new(move || drop(fate))).is_err() {
                            return made;
                        }
                    }
                })
            })
            .collect();
        std::thread::sleep(Duration::from_micros(round));
        pool.shutdown(true, round % 2 == 0);
        let made: usize = submitters.into_iter().map(|submitter| submitter.join().unwrap()).sum();
        // Each was run, cancelled or refused, exactly once, and all of that is over.
        assert_eq!(ended.load(Ordering::SeqCst), made);
    }
}

#[test]
fn dropping_jobs_that_panic_when_dropped_ends_nothing_else() {
    struct Nasty;
    impl Drop for Nasty {
        fn drop(&mut self) {
            panic!("this panic belongs to the test");
        }
    }
    let (pool, gate) = busy_pool();
    for _ in 0..3 {
        let nasty = Nasty;
        pool.try_execute(Job::new(move || drop(nasty))).unwrap();
    }
    pool.shutdown(false, true);
    drop(gate);
    pool.shutdown(true, true);
}

#[test]
fn the_last_handle_may_be_dropped_by_a_thread_at_its_very_end() {
    thread_local! {
        static KEPT: RefCell<Option<(ThreadPoolExecutor, mpsc::Sender<()>)>> = const { RefCell::new(None) };
    }
    let pool = ThreadPoolExecutor::builder().max_workers(1).keep_alive(Duration::from_millis(1)).build();
    let (sender, gone) = mpsc::channel();
    let kept = pool.clone();
    pool.submit(move || KEPT.set(Some((kept, sender)))).result().unwrap();
    drop(pool);
    assert_eq!(gone.recv_timeout(common::LONG), Err(mpsc::RecvTimeoutError::Disconnected));
}

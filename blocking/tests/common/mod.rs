//! What several of the test programs need.
#![allow(dead_code, reason = "each test program uses its part")]

use std::sync::mpsc;
use std::time::{Duration, Instant};
use windlass_blocking::{Executor, Future, Job, Promise, ThreadPoolExecutor};

/// Longer than anything takes that ends at all.
pub(crate) const LONG: Duration = Duration::from_secs(10);
/// Long enough for something to happen that must not.
pub(crate) const SHORT: Duration = Duration::from_millis(10);

/// Waits until `condition` holds, and fails if that takes too long.
#[track_caller]
pub(crate) fn eventually(what: &str, condition: impl Fn() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < LONG, "never happened: {what}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Keeps the pool's next free thread busy until the sender is dropped.
pub(crate) fn occupy(pool: &ThreadPoolExecutor) -> mpsc::Sender<()> {
    let (gate, gated) = mpsc::channel::<()>();
    let (started, starts) = mpsc::channel();
    pool.try_execute(Job::new(move || {
        started.send(()).unwrap();
        let _ = gated.recv();
    }))
    .unwrap();
    starts.recv().unwrap();
    gate
}

/// A future in each of the states that CPython's tests know, with what keeps it there.
pub(crate) struct Table {
    pub(crate) pending: (Promise<u32>, Future<u32>),
    pub(crate) running: (Promise<u32>, Future<u32>),
    /// Its producer has not noticed.
    pub(crate) cancelled: Future<u32>,
    pub(crate) unnoticed: Promise<u32>,
    /// Cancelled, and its producer has noticed.
    pub(crate) cancelled_and_notified: Future<u32>,
    pub(crate) failed: Future<u32>,
    pub(crate) successful: Future<u32>,
}

pub(crate) fn table() -> Table {
    let running = Promise::new();
    assert!(running.0.set_running_or_notify_cancel());
    let (unnoticed, cancelled) = Promise::new();
    assert!(cancelled.cancel());
    let (notified_promise, cancelled_and_notified) = Promise::new();
    assert!(cancelled_and_notified.cancel());
    assert!(!notified_promise.set_running_or_notify_cancel());
    let (failed_promise, failed) = Promise::new();
    failed_promise.set_panic(Box::new("failed")).unwrap();
    let (successful_promise, successful) = Promise::new();
    successful_promise.set_result(42).unwrap();
    Table {
        pending: Promise::new(),
        running,
        cancelled,
        unnoticed,
        cancelled_and_notified,
        failed,
        successful,
    }
}

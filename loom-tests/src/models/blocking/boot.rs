//! Threads that are long in their initializer.

use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;

use loom::thread;
use windlass_blocking::model::Gate;

use super::pools::{Pool, Tally};
use crate::explore::model;

/// A pool whose thread of that number is held up at the gate in its initializer.
fn slow_start(threads: usize, slow: usize) -> (Pool, Gate) {
    let gate = Gate::new();
    let (there, started) = (gate.clone(), AtomicUsize::new(0));
    let pool = Pool::build(threads, |builder| {
        builder.initializer(move || {
            if started.fetch_add(1, Relaxed) == slow {
                there.pass();
            }
        })
    });
    (pool, gate)
}

/// A second job is submitted while the thread that is on its way for the first goes into its initializer.
#[test]
fn slow_initializer_against_queued_jobs() {
    model("blocking::boot::slow_initializer_against_queued_jobs", 20_000).explore(|| {
        let (pool, gate) = slow_start(2, 0);
        let ran = Tally::default();
        pool.submit(&ran);
        pool.submit(&ran);
        if pool.is_at_rest() {
            assert_eq!(
                ran.count(),
                2,
                "jobs do not wait for a slow initializer where another thread may start"
            );
        }
        gate.open();
        pool.end();
    });
}

/// A job is submitted while a thread lies down, and the one on its way goes into its initializer. (Three
/// threads go through all their steps: at a bound of three it takes ten times as long as any other model.)
#[test]
fn slow_initializer_against_an_idle_thread() {
    model("blocking::boot::slow_initializer_against_an_idle_thread", 50_000).preemptions(2).explore(|| {
        let (pool, gate) = slow_start(2, 1);
        let busy = pool.busy_thread();
        let ran = Tally::default();
        busy.open();
        pool.submit(&ran);
        thread::yield_now();
        pool.submit(&ran);
        if pool.is_at_rest() {
            assert_eq!(
                ran.count(),
                2,
                "jobs do not wait for a slow initializer where another thread is idle"
            );
        }
        gate.open();
        pool.end();
    });
}

//! Pools, and the question every model of their threads asks: does a job wait that nobody comes for?

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;

use loom::thread;
use windlass_blocking::model::{Gate, Inside, is_quiet};
use windlass_blocking::{Builder, Executor, ExecutorExt, ThreadPoolExecutor};

/// A pool under a model.
pub(super) struct Pool {
    pub(super) executor: ThreadPoolExecutor,
    pub(super) inside: Inside,
}

impl Pool {
    /// A pool of at most that many threads, of which there is none yet.
    pub(super) fn new(threads: usize) -> Self {
        Self::build(threads, |builder| builder)
    }

    pub(super) fn build(threads: usize, set_up: impl FnOnce(Builder) -> Builder) -> Self {
        let executor = set_up(ThreadPoolExecutor::builder().max_workers(threads)).build();
        let inside = Inside::of(&executor);
        Self { executor, inside }
    }

    /// Does what comes before there is anything to explore, and lets the pool come to rest.
    pub(super) fn set_up(&self, f: impl FnOnce()) {
        loom::stop_exploring();
        f();
        settle();
        assert!(self.is_at_rest(), "what is set up comes to rest");
        loom::explore();
    }

    /// Sets the pool up with that many idle threads.
    pub(super) fn idle_threads(&self, count: usize) {
        self.set_up(|| {
            let gate = Gate::new();
            for _ in 0..count {
                let there = gate.clone();
                drop(self.executor.submit(move || there.pass()));
                settle();
            }
            gate.open();
        });
        assert_eq!(self.executor.metrics().idle_threads, count, "threads that have nothing to do are idle");
    }

    /// Sets the pool up with one thread, in a job that waits at the gate.
    pub(super) fn busy_thread(&self) -> Gate {
        let gate = Gate::new();
        let there = gate.clone();
        self.set_up(|| drop(self.executor.submit(move || there.pass())));
        gate
    }

    /// Submits a job that only says that it has run.
    pub(super) fn submit(&self, ran: &Tally) {
        let ran = ran.clone();
        drop(self.executor.submit(move || ran.add()));
    }

    /// Where all has become quiet, fails if a job is queued for which a thread could be had, or if a thread is
    /// not where others find it. Where it has not, says so: a schedule that gets here too early says nothing.
    pub(super) fn is_at_rest(&self) -> bool {
        let limit = self.executor.max_workers();
        settle();
        if !is_quiet() {
            return false;
        }
        let counts = self.inside.counts();
        let to_be_had = counts.idle > 0 || counts.threads < limit;
        assert!(
            counts.queued <= counts.booting || !to_be_had,
            "no lost job: one is queued, and nobody comes for it: {counts:?}"
        );
        assert_eq!(
            counts.searching, 0,
            "no lost thread: one is said to search, and all is quiet: {counts:?}"
        );
        assert_eq!(
            counts.listed, counts.idle,
            "no lost thread: one is idle and not on the stack: {counts:?}"
        );
        true
    }

    /// The end, which is not explored: it has models of its own.
    pub(super) fn end(self) {
        loom::stop_exploring();
        self.executor.shutdown(true, false);
    }
}

impl Drop for Pool {
    /// A model that has failed does not wait for the end, which would hide why.
    fn drop(&mut self) {
        if std::thread::panicking() {
            std::mem::forget(self.executor.clone());
        }
    }
}

/// Lets the other threads go on until they wait or are done, which most schedules then have done.
pub(super) fn settle() {
    for _ in 0..3 {
        thread::yield_now();
    }
}

/// Counts what was done; not watched by loom, so look once all is quiet.
#[derive(Clone, Default)]
pub(super) struct Tally(Arc<AtomicUsize>);

impl Tally {
    pub(super) fn add(&self) {
        self.0.fetch_add(1, Relaxed);
    }

    pub(super) fn count(&self) -> usize {
        self.0.load(Relaxed)
    }
}

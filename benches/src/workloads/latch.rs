//! How a submitter learns that all its jobs have run, the same way for every pool.

use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::{self, Thread};

/// Counts the completed jobs of one submitter, and wakes it once for all of them.
pub(super) struct Latch {
    completed: AtomicU64,
    wanted: u64,
    submitter: Thread,
}

impl Latch {
    /// A latch for this thread, which is going to submit `wanted` jobs. It is leaked: an `Arc` would have a count
    /// that every submission and every job contends for, at the cost of an empty job.
    pub(super) fn leaked(wanted: u64) -> &'static Self {
        Box::leak(Box::new(Self { completed: AtomicU64::new(0), wanted, submitter: thread::current() }))
    }

    /// A job has run.
    pub(super) fn complete(&self) {
        // AcqRel: the last one hands on what all of them did.
        if self.completed.fetch_add(1, Ordering::AcqRel) + 1 == self.wanted {
            self.submitter.unpark();
        }
    }

    /// Waits until all jobs have run, makes ready for as many more, and returns how many there were.
    pub(super) fn wait(&self) -> u64 {
        while self.completed.load(Ordering::Acquire) < self.wanted {
            thread::park();
        }
        self.completed.swap(0, Ordering::AcqRel)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_waits_for_all_and_can_be_used_again() {
        let latch = Latch::leaked(3);
        for _ in 0..2 {
            thread::scope(|scope| {
                for _ in 0..3 {
                    scope.spawn(|| latch.complete());
                }
                assert_eq!(latch.wait(), 3);
            });
        }
    }
}

//! [`Seat`]: the record by which others reach a thread of the pool.

use crate::primitives::thread::{self, Thread};
use crate::primitives::{AtomicBool, AtomicPtr, AtomicU64, Instant, Ordering, fence};
use std::panic::Location;
use std::ptr;
use std::sync::Arc;
use std::time::Duration;

/// One thread's parker, and what it is running.
pub(crate) struct Seat {
    thread: Thread,
    /// Set by whoever claimed the thread, cleared by the thread as it wakes.
    woken: AtomicBool,
    current: Current,
}

/// How a timed park ended.
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Parked {
    /// Someone claimed the thread: it is searching now.
    Woken,
    /// Nobody did, as far as can be told without asking the word.
    TimedOut,
}

impl Seat {
    /// The seat of the thread that calls this.
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self { thread: thread::current(), woken: AtomicBool::new(false), current: Current::new() })
    }

    pub(crate) fn current(&self) -> &Current {
        &self.current
    }

    pub(crate) fn thread_name(&self) -> Option<&str> {
        self.thread.name()
    }

    /// Wakes the thread, whose idle count the caller has claimed.
    pub(crate) fn wake(&self) {
        // Release pairs with the swap in `take_wake`.
        self.woken.store(true, Ordering::Release);
        self.thread.unpark();
    }

    /// Unparks the thread, which nobody has claimed.
    #[cfg(windlass_loom)]
    pub(crate) fn unpark(&self) {
        self.thread.unpark();
    }

    fn take_wake(&self) -> bool {
        // Acquire pairs with the store in `wake`. The load spares a write to a line others look at.
        self.woken.load(Ordering::Relaxed) && self.woken.swap(false, Ordering::Acquire)
    }

    /// Parks this thread until it is woken. A job's own use of `unpark` on it is not taken for a wake.
    pub(crate) fn park(&self) {
        while !self.take_wake() {
            thread::park();
        }
    }

    /// Parks this thread until it is woken or `timeout` has passed.
    pub(crate) fn park_timeout(&self, timeout: Duration) -> Parked {
        if self.take_wake() {
            return Parked::Woken;
        }
        let Some(deadline) = Instant::now().checked_add(timeout) else {
            self.park();
            return Parked::Woken;
        };
        let mut left = timeout;
        loop {
            thread::park_timeout(left);
            if self.take_wake() {
                return Parked::Woken;
            }
            left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Parked::TimedOut;
            }
        }
    }
}

/// What a thread is running, written by it alone without a read-modify-write, read by anyone who asks.
///
/// `turn` is odd while a job runs; a reader that finds it unchanged around its reads has a pair that belongs
/// together.
pub(crate) struct Current {
    turn: AtomicU64,
    location: AtomicPtr<Location<'static>>,
    since: AtomicU64,
}

impl Current {
    fn new() -> Self {
        Self { turn: AtomicU64::new(0), location: AtomicPtr::new(ptr::null_mut()), since: AtomicU64::new(0) }
    }

    /// The thread starts a job made at `location`, `since` nanoseconds after the pool was built.
    #[inline]
    pub(crate) fn begin(&self, location: &'static Location<'static>, since: u64) {
        self.location.store(ptr::from_ref(location).cast_mut(), Ordering::Relaxed);
        self.since.store(since, Ordering::Relaxed);
        let turn = self.turn.load(Ordering::Relaxed);
        // Release pairs with the first load in `read`: who sees this turn sees its job.
        self.turn.store(turn + 1, Ordering::Release);
    }

    /// The job has ended.
    #[inline]
    pub(crate) fn end(&self) {
        let turn = self.turn.load(Ordering::Relaxed);
        self.turn.store(turn + 1, Ordering::Relaxed);
        // Pairs with the fence in `read`: who reads a later job's fields sees this turn over.
        fence(Ordering::Release);
    }

    /// The job's location and start, if one is running.
    pub(crate) fn read(&self) -> Option<(&'static Location<'static>, u64)> {
        loop {
            // Acquire pairs with the Release in `begin`.
            let turn = self.turn.load(Ordering::Acquire);
            if turn.is_multiple_of(2) {
                return None;
            }
            let location = self.location.load(Ordering::Relaxed);
            let since = self.since.load(Ordering::Relaxed);
            // Pairs with the fence in `end`.
            fence(Ordering::Acquire);
            if self.turn.load(Ordering::Relaxed) == turn {
                // SAFETY: `begin` stored it from a `&'static Location` before it made the turn odd.
                return Some((unsafe { &*location }, since));
            }
        }
    }
}

#[cfg(all(test, not(windlass_loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_wake_before_the_park_is_kept() {
        let seat = Seat::new();
        seat.wake();
        assert_eq!(seat.park_timeout(Duration::from_secs(60)), Parked::Woken);
        assert_eq!(seat.park_timeout(Duration::from_millis(1)), Parked::TimedOut);
    }

    #[test]
    fn a_strangers_unpark_is_no_wake() {
        let seat = Seat::new();
        std::thread::current().unpark();
        assert_eq!(seat.park_timeout(Duration::from_millis(5)), Parked::TimedOut);
    }

    #[test]
    fn an_endless_keep_alive_is_a_park() {
        let seat = Seat::new();
        std::thread::scope(|scope| {
            scope.spawn(|| seat.wake());
            assert_eq!(seat.park_timeout(Duration::MAX), Parked::Woken);
        });
    }

    #[test]
    fn the_current_job_is_seen_while_it_runs() {
        let current = Current::new();
        assert!(current.read().is_none());
        let here = Location::caller();
        current.begin(here, 7);
        assert_eq!(current.read(), Some((here, 7)));
        current.end();
        assert!(current.read().is_none());
    }
}

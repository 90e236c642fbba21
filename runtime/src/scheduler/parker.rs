//! A place for one thread to wait, with a permit.

use std::time::Duration;

use crate::primitives::atomic::AtomicUsize;
use crate::primitives::atomic::Ordering::{AcqRel, Acquire, Relaxed};
use crate::primitives::{Condvar, Mutex};

const EMPTY: usize = 0;
const PARKED: usize = 1;
const PERMIT: usize = 2;

/// Where one thread waits until another gives it a permit. A permit given beforehand is kept; a second one
/// is lost.
pub(crate) struct Parker {
    state: AtomicUsize,
    pub(super) lock: Mutex<()>,
    pub(super) wake: Condvar,
}

impl Parker {
    pub(crate) fn new() -> Self {
        Self { state: AtomicUsize::new(EMPTY), lock: Mutex::new(()), wake: Condvar::new() }
    }

    /// Takes a permit, waiting for it if there is none. Only one thread at a time calls this.
    pub(crate) fn park(&self) {
        if self.take_permit() {
            return;
        }
        let mut guard = self.lock.lock();
        // Acquire pairs with the Release of `unpark`, as everywhere here.
        if self.state.compare_exchange(EMPTY, PARKED, AcqRel, Acquire).is_err() {
            self.state.swap(EMPTY, AcqRel);
            return;
        }
        loop {
            self.wake.wait(&mut guard);
            if self.take_permit() {
                return;
            }
        }
    }

    /// As [`park`](Self::park), but not for longer than this.
    pub(crate) fn park_for(&self, timeout: Duration) {
        if self.take_permit() {
            return;
        }
        let mut guard = self.lock.lock();
        if self.state.compare_exchange(EMPTY, PARKED, AcqRel, Acquire).is_ok() {
            self.wake.wait_for(&mut guard, timeout);
        }
        self.state.swap(EMPTY, AcqRel);
    }

    fn take_permit(&self) -> bool {
        self.state.load(Relaxed) == PERMIT
            && self.state.compare_exchange(PERMIT, EMPTY, AcqRel, Relaxed).is_ok()
    }

    /// Gives the permit.
    pub(crate) fn unpark(&self) {
        // Release: what was done before is seen by the thread that takes the permit.
        if self.state.swap(PERMIT, AcqRel) == PARKED {
            // The thread holds the lock from before it says `PARKED` until it waits: once the lock is ours,
            // it hears us.
            drop(self.lock.lock());
            self.wake.notify_one();
        }
    }
}

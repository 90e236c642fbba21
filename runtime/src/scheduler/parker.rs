//! A place for one thread to wait, with a permit.

use std::time::Duration;

use crate::driver::{Driver, Held};
use crate::primitives::atomic::Ordering::{AcqRel, Acquire, Relaxed};
use crate::primitives::atomic::{AtomicBool, AtomicUsize};
use crate::primitives::{Arc, Condvar, Mutex};

const EMPTY: usize = 0;
const PARKED: usize = 1;
const PERMIT: usize = 2;
const IN_DRIVER: usize = 3;

/// Where one thread waits until another gives it a permit. A permit given beforehand is kept; a second one
/// is lost.
pub(crate) struct Parker {
    state: AtomicUsize,
    pub(super) lock: Mutex<()>,
    pub(super) wake: Condvar,
    /// Where the thread may wait instead.
    driver: Option<Arc<Driver>>,
    /// Whether the future that the thread is inside `block_on` for was woken, and is not polled yet.
    pub(super) woken: AtomicBool,
}

impl Parker {
    /// A place for a thread that may hold this driver.
    pub(crate) fn new(driver: Option<Arc<Driver>>) -> Self {
        Self {
            state: AtomicUsize::new(EMPTY),
            lock: Mutex::new(()),
            wake: Condvar::new(),
            driver,
            woken: AtomicBool::new(false),
        }
    }

    /// As [`park`](Self::park), in the driver's poller: what happens there ends it too. The driver must be that of
    /// this parker.
    pub(crate) fn park_in(&self, held: &mut Held<'_>) {
        if self.take_permit() {
            return;
        }
        // Acquire as everywhere here. From here on `unpark` wakes the poller, whether this thread is in it yet or not.
        if self.state.compare_exchange(EMPTY, IN_DRIVER, AcqRel, Acquire).is_ok() {
            held.wait();
        }
        self.state.swap(EMPTY, AcqRel);
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

    /// Whether the thread, which is among the sleepers, was told to get up: it has a permit, or has taken it and comes to poll
    /// its future.
    pub(crate) fn is_called(&self) -> bool {
        // Acquire pairs with the swaps of `unpark` and `Root::wake`.
        self.state.load(Acquire) == PERMIT || self.woken.load(Acquire)
    }

    /// Whether the thread waits in the poller, and nobody has woken it.
    #[cfg(windlass_loom)]
    pub(super) fn is_in_driver(&self) -> bool {
        self.driver.as_ref().is_some_and(|driver| driver.is_awaited())
            && self.state.load(Relaxed) == IN_DRIVER
    }

    fn take_permit(&self) -> bool {
        self.state.load(Relaxed) == PERMIT
            && self.state.compare_exchange(PERMIT, EMPTY, AcqRel, Relaxed).is_ok()
    }

    /// Gives the permit.
    pub(crate) fn unpark(&self) {
        // Release: what was done before is seen by the thread that takes the permit.
        match self.state.swap(PERMIT, AcqRel) {
            PARKED => {
                // The thread holds the lock from before it says `PARKED` until it waits: once the lock is ours,
                // it hears us.
                drop(self.lock.lock());
                self.wake.notify_one();
            }
            IN_DRIVER => {
                if let Some(driver) = &self.driver {
                    driver.wake();
                }
            }
            _ => {}
        }
    }
}

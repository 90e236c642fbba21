//! The waker of `block_on`'s own future.

use std::task::{Wake, Waker};

use super::parker::Parker;
use crate::driver::Driver;
use crate::primitives::Arc;
use crate::primitives::atomic::Ordering::{AcqRel, Acquire, Relaxed};

/// Where the thread of `block_on`'s own future waits, and with it whether that was woken.
pub(crate) struct Root {
    parker: Arc<Parker>,
}

impl Root {
    /// A root future, to be polled at once; its thread may hold this driver.
    pub(crate) fn new(driver: Option<Arc<Driver>>) -> Arc<Self> {
        let parker = Parker::new(driver);
        // Relaxed: nobody else has it yet.
        parker.woken.store(true, Relaxed);
        Arc::new(Self { parker: Arc::new(parker) })
    }

    pub(crate) fn parker(&self) -> &Arc<Parker> {
        &self.parker
    }

    #[inline]
    pub(crate) fn is_woken(&self) -> bool {
        self.parker.woken.load(Acquire)
    }

    /// Whether it was woken since this was last asked.
    #[inline]
    pub(crate) fn take_woken(&self) -> bool {
        // Acquire pairs with the Release of `wake`: the poll sees what was done before it.
        self.is_woken() && self.parker.woken.swap(false, AcqRel)
    }

    /// Wakes the future: first the flag, then the thread, which may be anywhere.
    pub(crate) fn wake(&self) {
        if !self.parker.woken.swap(true, AcqRel) {
            self.parker.unpark();
        }
    }
}

impl Wake for Root {
    fn wake(self: Arc<Self>) {
        Root::wake(&self);
    }

    fn wake_by_ref(self: &Arc<Self>) {
        Root::wake(self);
    }
}

/// The waker of a root future.
pub(crate) fn waker(root: &Arc<Root>) -> Waker {
    Waker::from(Arc::clone(root))
}

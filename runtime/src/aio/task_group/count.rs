//! How many tasks of a group are alive, and whether it takes more, in one word.

use crate::primitives::atomic::AtomicUsize;
use crate::primitives::atomic::Ordering::{AcqRel, Acquire, Relaxed};

/// No more tasks begin. Never unset.
const CLOSED: usize = 1;
const ONE: usize = 2;

/// The word.
pub(super) struct Count(AtomicUsize);

/// What the last look at the word came to.
#[derive(Debug, PartialEq, Eq)]
#[must_use]
pub(super) enum Ended {
    /// There are none, and none will begin.
    Yes,
    /// Some are alive.
    No,
}

impl Count {
    pub(super) fn new() -> Self {
        Self(AtomicUsize::new(0))
    }

    /// One more begins. False if it must not: it leaves at once.
    #[must_use]
    pub(super) fn enter(&self) -> bool {
        // Relaxed: what the task does is ordered by its spawn.
        self.0.fetch_add(ONE, Relaxed) & CLOSED == 0
    }

    /// One has ended. True if it was the last: whoever waits is to be told.
    #[must_use]
    pub(super) fn leave(&self) -> bool {
        // Release: `try_end` sees all the task did; Acquire: so does who tells, if others left before.
        self.0.fetch_sub(ONE, AcqRel) & !CLOSED == ONE
    }

    /// No more begin from here on.
    pub(super) fn close(&self) {
        self.0.fetch_or(CLOSED, AcqRel);
    }

    pub(super) fn is_closed(&self) -> bool {
        self.0.load(Acquire) & CLOSED != 0
    }

    pub(super) fn live(&self) -> usize {
        self.0.load(Relaxed) / ONE
    }

    /// Closes the group if nothing of it is alive.
    pub(super) fn try_end(&self) -> Ended {
        // Acquire pairs with the Release of `leave`.
        match self.0.compare_exchange(0, CLOSED, AcqRel, Acquire) {
            Ok(_) | Err(CLOSED) => Ended::Yes,
            Err(_) => Ended::No,
        }
    }
}

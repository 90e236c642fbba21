//! The state word: who may touch what in a task, in one atomic integer.
//!
//! ```text
//!                  new                                         abort = wake + CANCELLED
//!                   |
//!                   v         start              finish_ready
//!   +--- wake ---> QUEUED -------------> RUNNING -------------> COMPLETE
//!   |         (NOTIFIED, token)          |  ^ |
//!   |                ^                   |  | | yield: the claim is kept while the token waits in
//!   |                |   finish_pending  |  +-+ a queue, so a yield changes nothing here
//!   |                +--- woken meanwhile|
//!   |                                    | not woken
//!  IDLE <--------------------------------+
//! ```
//!
//! The **token** is the right to poll or drop the future. It exists exactly once for a task that is not
//! complete, except while the task is idle: then it does not exist, and whoever sets `NOTIFIED` makes it.
//! Being complete is for ever.
//!
//! References are counted from bit 7 up. A task that is not complete owns one reference to itself (the
//! *live* reference): a token needs none of its own. The others are the join handle's, abort handles' and
//! wakers'.

use std::process;

use crate::primitives::atomic::AtomicUsize;
use crate::primitives::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};

/// Somebody holds the claim: the future is being polled or dropped, or it yielded and waits in a queue.
/// Never set together with `COMPLETE`.
const RUNNING: usize = 1 << 0;

/// Somebody wants the task polled. Without `RUNNING`, a token is queued or on its way to a queue; with it,
/// the poll under way will be followed by another.
const NOTIFIED: usize = 1 << 1;

/// The future is gone and the output, if there is one, belongs to the join handle. Never unset.
const COMPLETE: usize = 1 << 2;

/// The next one to start the task drops the future instead of polling it. Never unset.
const CANCELLED: usize = 1 << 3;

/// The join handle exists and wants the output. Unset once, by the handle's drop.
const JOIN_INTEREST: usize = 1 << 4;

/// The join waker belongs to the task: whoever completes it takes the waker and wakes it. While unset, the
/// waker's field belongs to the join handle. Only the join handle changes this bit.
const JOIN_WAKER: usize = 1 << 5;

/// There is no output: the task was cancelled or has panicked. Set together with `COMPLETE`, if at all.
const FAILED: usize = 1 << 6;

/// One reference.
const REF_ONE: usize = 1 << 7;

/// What the holder of a token has to do.
#[derive(Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum Start {
    /// Poll the future.
    Poll,
    /// Drop the future; the task was aborted.
    Cancel,
}

/// What became of the token after a poll that returned `Pending`.
#[derive(Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum Pending {
    /// The task is idle; the token is gone and the task may be gone too.
    Idle,
    /// The task was woken while it was polled; the caller still holds the token and must queue it.
    Woken,
}

/// What the one who completed the task has to do.
#[derive(Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum Complete {
    /// Nobody else has a reference: drop the output, free the task.
    Sole,
    /// The join handle has the output, and the live reference is released already: touch nothing.
    Released,
    /// The join handle has the output: release the live reference.
    Watched,
    /// The join handle has the output and waits for it: take the join waker, wake it, release the live
    /// reference.
    WakeJoiner,
    /// Nobody wants the output: drop it, release the live reference.
    Unwatched,
}

/// What the join handle finds when it looks for the output.
#[derive(Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum Join {
    /// The task is not complete, and the join waker's field is the handle's.
    OwnsWaker,
    /// The task is complete: take the output.
    Complete,
}

/// What the join handle has to do when it is dropped.
#[derive(Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum Leave {
    /// Nothing: its reference is released already.
    Released,
    /// Drop the waker that is left in the field, then release the reference.
    DropWaker,
    /// Drop the output, then release the reference.
    DropOutput,
}

/// A copy of the word, for those who only report it.
#[derive(Clone, Copy)]
pub(crate) struct Snapshot(usize);

impl Snapshot {
    pub(crate) fn is_complete(self) -> bool {
        self.0 & COMPLETE != 0
    }

    pub(crate) fn is_running(self) -> bool {
        self.0 & RUNNING != 0
    }

    pub(crate) fn is_notified(self) -> bool {
        self.0 & NOTIFIED != 0
    }

    pub(crate) fn is_cancelled(self) -> bool {
        self.0 & CANCELLED != 0
    }

    /// Of a task that is complete: whether it has no output.
    pub(crate) fn has_failed(self) -> bool {
        self.0 & FAILED != 0
    }

    fn refs(self) -> usize {
        self.0 / REF_ONE
    }
}

/// The state word of a task.
pub(crate) struct State(AtomicUsize);

impl State {
    /// A new task: its token is in the caller's hands, and so is its join handle.
    pub(crate) fn new() -> Self {
        Self(AtomicUsize::new(NOTIFIED | JOIN_INTEREST | (2 * REF_ONE)))
    }

    /// Looks, without taking part. Acquire pairs with the Release of `finish_ready`, so that one who sees
    /// `COMPLETE` sees the output.
    #[inline]
    pub(crate) fn load(&self) -> Snapshot {
        Snapshot(self.0.load(Acquire))
    }

    /// The holder of the token begins: QUEUED -> RUNNING, or goes on after a yield.
    #[inline]
    pub(crate) fn start(&self) -> Start {
        let now = self.0.load(Relaxed);
        let old = if now & RUNNING == 0 {
            debug_assert!(now & NOTIFIED != 0 && now & COMPLETE == 0, "a token of a task that is not queued");
            // Acquire pairs with the Release of every wake before this: the poll sees what they wrote.
            self.0.fetch_sub(NOTIFIED - RUNNING, AcqRel)
        } else if now & NOTIFIED != 0 {
            // It yielded and was woken since. Acquire as above; a wake after this one finds the bit unset.
            self.0.fetch_and(!NOTIFIED, AcqRel)
        } else {
            // It yielded, nobody woke it: the queue the token came through ordered the two polls.
            now
        };
        if old & CANCELLED == 0 { Start::Poll } else { Start::Cancel }
    }

    /// The poll returned `Pending`: RUNNING -> IDLE, or QUEUED if it was woken meanwhile.
    #[inline]
    pub(crate) fn finish_pending(&self) -> Pending {
        // Release: the next poll, by whoever makes the token, sees what this one did. Acquire pairs with the
        // wake whose `NOTIFIED` is found here.
        let old = self.0.fetch_sub(RUNNING, AcqRel);
        debug_assert!(old & RUNNING != 0);
        if old & NOTIFIED == 0 { Pending::Idle } else { Pending::Woken }
    }

    /// The future is gone and its output stored, unless it `failed`: RUNNING -> COMPLETE.
    #[inline]
    pub(crate) fn finish_ready(&self, failed: bool) -> Complete {
        // Acquire pairs with the Release of those who released their references before.
        let now = self.0.load(Acquire);
        debug_assert!(now & RUNNING != 0 && now & COMPLETE == 0);
        if now & JOIN_INTEREST == 0 && Snapshot(now).refs() == 1 {
            return Complete::Sole;
        }
        let done = COMPLETE - RUNNING + if failed { FAILED } else { 0 };
        if now & (JOIN_INTEREST | JOIN_WAKER) == JOIN_INTEREST {
            // Nothing is left to do behind this step, so it gives up the live reference as well. Release
            // publishes the output to `load`.
            let next = (now + done) - REF_ONE;
            if self.0.compare_exchange(now, next, AcqRel, Relaxed).is_ok() {
                return Complete::Released;
            }
        }
        // Release publishes the output to `load` and `give_waker`; Acquire pairs with `give_waker`, so that
        // the waker it left can be taken.
        let old = self.0.fetch_add(done, AcqRel);
        if old & JOIN_INTEREST == 0 {
            Complete::Unwatched
        } else if old & JOIN_WAKER == 0 {
            Complete::Watched
        } else {
            Complete::WakeJoiner
        }
    }

    /// Asks for another poll. True if that made the token: the caller must queue it.
    #[inline]
    #[must_use]
    pub(crate) fn wake(&self) -> bool {
        // A read-modify-write even where the bit is set already: its Release is what lets the coming poll
        // see what the waker's caller wrote before (pairs with the Acquire of `start`).
        let old = self.0.fetch_or(NOTIFIED, AcqRel);
        old & (RUNNING | NOTIFIED | COMPLETE) == 0
    }

    /// Asks for the end of the task. True if that made the token: the caller must queue it, or cancel it
    /// itself.
    #[must_use]
    pub(crate) fn abort(&self) -> bool {
        let old = self.0.fetch_or(NOTIFIED | CANCELLED, AcqRel);
        old & (RUNNING | NOTIFIED | COMPLETE) == 0
    }

    /// The holder of the token decides that its next start is a cancellation.
    pub(crate) fn cancel_claimed(&self) {
        // Relaxed: `start` on this same thread reads it.
        self.0.fetch_or(CANCELLED, Relaxed);
    }

    /// The join handle looks for the output, and takes the waker's field back if it has lent it out.
    #[inline]
    pub(crate) fn reclaim_waker(&self) -> Join {
        let mut now = self.0.load(Acquire);
        if now & COMPLETE == 0 && now & JOIN_WAKER != 0 {
            // Acquire pairs with the Release of `finish_ready`, if that came first: then the waker is the
            // completer's and the output ours.
            now = self.0.fetch_and(!JOIN_WAKER, AcqRel);
        }
        if now & COMPLETE == 0 { Join::OwnsWaker } else { Join::Complete }
    }

    /// The join handle has stored a waker and lends it to the task. If the task is complete meanwhile, the
    /// waker stays the handle's.
    #[inline]
    pub(crate) fn give_waker(&self) -> Join {
        // Release pairs with the Acquire of `finish_ready`: who completes the task sees the waker.
        let old = self.0.fetch_or(JOIN_WAKER, AcqRel);
        debug_assert!(old & JOIN_WAKER == 0);
        if old & COMPLETE == 0 { Join::OwnsWaker } else { Join::Complete }
    }

    /// The join handle is dropped.
    #[inline]
    pub(crate) fn leave(&self) -> Leave {
        // Acquire pairs with the Release of `finish_ready`, here and below: if that came first, the output is
        // ours to drop.
        let now = self.0.load(Acquire);
        if now & COMPLETE != 0 {
            // Nobody asks for the join handle any more.
            return Leave::DropOutput;
        }
        if now & JOIN_WAKER == 0 {
            // Neither output nor waker to see to. Release as in `release`; the live reference keeps the task.
            let next = now - JOIN_INTEREST - REF_ONE;
            if self.0.compare_exchange(now, next, Release, Relaxed).is_ok() {
                return Leave::Released;
            }
        }
        let old = self.0.fetch_and(!(JOIN_INTEREST | JOIN_WAKER), AcqRel);
        if old & COMPLETE == 0 { Leave::DropWaker } else { Leave::DropOutput }
    }

    /// One more reference.
    #[inline]
    pub(crate) fn retain(&self) {
        // Relaxed: the caller has a reference, so the task cannot go away meanwhile.
        let old = self.0.fetch_add(REF_ONE, Relaxed);
        if old > usize::MAX / 2 {
            // Wakers were leaked by the quintillion: going on would free the task under their feet.
            process::abort();
        }
    }

    /// One reference less. True if it was the last: the caller must free the task.
    #[inline]
    #[must_use]
    pub(crate) fn release(&self) -> bool {
        // Acquire pairs with the Release below of those who left before: all they did is over.
        if Snapshot(self.0.load(Acquire)).refs() == 1 {
            return true;
        }
        let old = self.0.fetch_sub(REF_ONE, AcqRel);
        Snapshot(old).refs() == 1
    }

    /// `wake` and `release` in one step, for a waker that is used up by waking.
    #[inline]
    pub(crate) fn wake_and_release(&self) -> WakeRelease {
        let mut now = self.0.load(Relaxed);
        loop {
            let next = (now | NOTIFIED) - REF_ONE;
            // Orderings as in `wake` and `release`.
            match self.0.compare_exchange_weak(now, next, AcqRel, Relaxed) {
                Ok(_) if now & (RUNNING | NOTIFIED | COMPLETE) == 0 => return WakeRelease::MadeToken,
                Ok(_) if Snapshot(now).refs() == 1 => return WakeRelease::Last,
                Ok(_) => return WakeRelease::Nothing,
                Err(seen) => now = seen,
            }
        }
    }
}

/// What a waker that was used up has to do.
#[derive(Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum WakeRelease {
    /// Queue the token. The task lives on its live reference.
    MadeToken,
    /// Free the task.
    Last,
    /// Nothing; the task may be gone.
    Nothing,
}

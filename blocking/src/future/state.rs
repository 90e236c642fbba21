//! The word of a future: its phase, who watches it, and how many of its two owners are left.
//!
//! ```text
//!              start                    finish
//!   PENDING ───────────▶ RUNNING ─────────────────▶ FINISHED
//!      │                                               │
//!      │ cancel                                        │ settle, if there are callbacks
//!      ▼                                               ▼
//!   CANCELLED ───────────────────────────────────▶ + SETTLED
//! ```
//!
//! Edges are the methods of [`State`]. Leaving `PENDING` hands the body to whoever left it: to run it
//! (`start`) or to drop it (`cancel`).

use crate::primitives::{AtomicU32, Ordering};

/// Two bits for the phase. CANCELLED and FINISHED are final.
const PHASE: u32 = 0b11;
const PENDING: u32 = 0b00;
const RUNNING: u32 = 0b01;
const CANCELLED: u32 = 0b10;
const FINISHED: u32 = 0b11;
/// Set in PENDING or RUNNING by whoever adds a callback or a waker, or while callbacks run by whoever adds a
/// waker: the one who ends the phase looks at the list. Never cleared.
const WATCHED: u32 = 1 << 2;
/// Set in PENDING or RUNNING, with WATCHED: there are callbacks that borrow the result. Never cleared.
const CALLBACKS: u32 = 1 << 3;
/// Set once, in a final phase: the callbacks have run, so the result may be moved out.
const SETTLED: u32 = 1 << 4;
/// Set in RUNNING: someone would have liked to cancel. The job may ask.
const WISH: u32 = 1 << 5;
/// One of the two owners, producer and consumer, is gone. The one that finds it set frees the cell.
const ONE_GONE: u32 = 1 << 6;
/// Set in FINISHED: someone looked at the result where it is. Never cleared.
const OBSERVED: u32 = 1 << 7;

/// One look at the word.
#[derive(Clone, Copy)]
pub(crate) struct Seen(u32);

impl Seen {
    fn phase(self) -> u32 {
        self.0 & PHASE
    }

    pub(crate) fn is_pending(self) -> bool {
        self.phase() == PENDING
    }

    pub(crate) fn is_running(self) -> bool {
        self.phase() == RUNNING
    }

    pub(crate) fn is_cancelled(self) -> bool {
        self.phase() == CANCELLED
    }

    /// Finished or cancelled.
    pub(crate) fn is_done(self) -> bool {
        self.0 & CANCELLED != 0
    }

    /// Done, and no callback borrows the result any more.
    #[inline]
    pub(crate) fn is_ready(self) -> bool {
        self.is_done() && self.0 & (CALLBACKS | SETTLED) != CALLBACKS
    }

    pub(crate) fn is_observed(self) -> bool {
        self.0 & OBSERVED != 0
    }

    /// For the producer: the consumer is gone, and no callback is shown the result.
    pub(crate) fn is_abandoned(self) -> bool {
        self.0 & (ONE_GONE | CALLBACKS) == ONE_GONE
    }

    pub(crate) fn wants_cancel(self) -> bool {
        self.0 & WISH != 0 || self.is_cancelled()
    }
}

/// What came of `start`.
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Start {
    /// The body is the caller's.
    Started,
    Cancelled,
    /// It was running before: only a promise that is misused can see this.
    Already,
}

/// What came of `cancel`.
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Cancel {
    /// The body is the caller's, to drop; then the watchers are to be told, if there are any.
    Now {
        watched: bool,
    },
    Before,
    /// Running or finished.
    TooLate,
}

/// What came of `finish`.
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Finish {
    /// Nobody watches. The producer is gone, and if it is the last owner, frees the cell.
    Gone { last: bool },
    /// The producer is to tell the watchers before it goes.
    Watched,
}

/// What came of wanting to watch.
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Watch {
    /// The end will be told to those on the list.
    Watching,
    /// There is nothing left to wait for.
    Over,
}

pub(crate) struct State(AtomicU32);

impl State {
    pub(crate) fn new() -> Self {
        Self(AtomicU32::new(PENDING))
    }

    #[inline]
    pub(crate) fn look(&self) -> Seen {
        // Acquire pairs with the Release of `finish` and `settle`: who sees the end sees the result.
        Seen(self.0.load(Ordering::Acquire))
    }

    /// The only compare-exchange loop on the word: `next` says what it becomes, or `None` to leave it.
    #[inline]
    fn update(&self, next: impl Fn(Seen) -> Option<u32>) -> Result<Seen, Seen> {
        let mut seen = self.look();
        loop {
            let Some(new) = next(seen) else { return Err(seen) };
            // Release pairs with the Acquire here and in `look`, so that each transition sees what those
            // before it did, the result above all.
            match self.0.compare_exchange_weak(seen.0, new, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => return Ok(seen),
                Err(actual) => seen = Seen(actual),
            }
        }
    }

    /// PENDING to RUNNING.
    pub(crate) fn start(&self) -> Start {
        match self.update(|seen| seen.is_pending().then_some(seen.0 | RUNNING)) {
            Ok(_) => Start::Started,
            Err(seen) if seen.is_cancelled() => Start::Cancelled,
            Err(_) => Start::Already,
        }
    }

    /// PENDING to CANCELLED. In RUNNING, leaves word that it was wanted.
    pub(crate) fn cancel(&self) -> Cancel {
        let outcome = self.update(|seen| {
            if seen.is_pending() {
                Some(seen.0 | CANCELLED)
            } else if seen.is_running() && seen.0 & WISH == 0 {
                Some(seen.0 | WISH)
            } else {
                None
            }
        });
        match outcome {
            Ok(before) if before.is_pending() => Cancel::Now { watched: before.0 & WATCHED != 0 },
            Err(seen) if seen.is_cancelled() => Cancel::Before,
            _ => Cancel::TooLate,
        }
    }

    /// RUNNING to FINISHED; the caller, which is the producer, has written the result.
    pub(crate) fn finish(&self) -> Finish {
        let before = self.update(|seen| {
            let gone = if seen.0 & WATCHED == 0 { ONE_GONE } else { 0 };
            Some(seen.0 | FINISHED | gone)
        });
        let (Ok(before) | Err(before)) = before;
        debug_assert!(before.is_running());
        if before.0 & WATCHED == 0 {
            Finish::Gone { last: before.0 & ONE_GONE != 0 }
        } else {
            Finish::Watched
        }
    }

    /// Someone is shown the result without taking it, so that an error in it is not lost.
    pub(crate) fn observe(&self) {
        // Relaxed: the last owner reads it, after all that the others did.
        self.0.fetch_or(OBSERVED, Ordering::Relaxed);
    }

    /// The callbacks have run.
    pub(crate) fn settle(&self) {
        // Release pairs with `look`: who takes the result comes after those who borrowed it.
        self.0.fetch_or(SETTLED, Ordering::AcqRel);
    }

    /// Makes sure that the end is told to a callback, which the caller, holding the list's lock, adds.
    pub(crate) fn watch_done(&self) -> Watch {
        let watched = |seen: Seen| (!seen.is_done()).then_some(seen.0 | WATCHED | CALLBACKS);
        if self.update(watched).is_ok() { Watch::Watching } else { Watch::Over }
    }

    /// Makes sure that the end is told to a callback that borrows nothing, likewise.
    pub(crate) fn watch_cancelled(&self) -> Watch {
        let watched = |seen: Seen| (!seen.is_done()).then_some(seen.0 | WATCHED);
        if self.update(watched).is_ok() { Watch::Watching } else { Watch::Over }
    }

    /// Makes sure that a waker, which the caller adds likewise, is told when the result may be taken.
    pub(crate) fn watch_ready(&self) -> Watch {
        let watched = |seen: Seen| (!seen.is_ready()).then_some(seen.0 | WATCHED);
        if self.update(watched).is_ok() { Watch::Watching } else { Watch::Over }
    }

    /// An owner goes. True if it is the last one, which frees the cell.
    #[must_use]
    pub(crate) fn release(&self) -> bool {
        // The Acquire in `look` pairs with the Release of the other's `finish` or `release`: it did all it
        // ever does to the cell before. If it is gone, nobody else writes to this word.
        self.look().0 & ONE_GONE != 0 ||
            // AcqRel for the same, whichever of the two comes first.
            self.0.fetch_or(ONE_GONE, Ordering::AcqRel) & ONE_GONE != 0
    }
}

#[cfg(all(test, not(windlass_loom)))]
mod tests {
    use super::*;

    #[test]
    fn the_six_states_of_cancel() {
        let pending = State::new();
        assert_eq!(pending.cancel(), Cancel::Now { watched: false });
        assert_eq!(pending.cancel(), Cancel::Before);

        let running = State::new();
        assert_eq!(running.start(), Start::Started);
        assert_eq!(running.cancel(), Cancel::TooLate);
        assert!(running.look().wants_cancel());
        assert!(!running.look().is_done());

        assert_eq!(running.finish(), Finish::Gone { last: false });
        assert_eq!(running.cancel(), Cancel::TooLate);
    }

    #[test]
    fn a_cancelled_job_never_starts() {
        let state = State::new();
        assert_eq!(state.cancel(), Cancel::Now { watched: false });
        assert_eq!(state.start(), Start::Cancelled);
    }

    #[test]
    fn watchers_are_told() {
        let state = State::new();
        assert_eq!(state.watch_ready(), Watch::Watching);
        assert_eq!(state.start(), Start::Started);
        assert_eq!(state.start(), Start::Already);
        assert_eq!(state.finish(), Finish::Watched);
        assert!(state.look().is_ready());
        assert_eq!(state.watch_ready(), Watch::Over);
        assert!(!state.release());
        assert!(state.release());
    }

    #[test]
    fn the_result_stays_put_until_the_callbacks_have_run() {
        let state = State::new();
        assert_eq!(state.watch_done(), Watch::Watching);
        assert_eq!(state.start(), Start::Started);
        assert_eq!(state.finish(), Finish::Watched);
        assert!(state.look().is_done() && !state.look().is_ready());
        assert_eq!(state.watch_done(), Watch::Over);
        assert_eq!(state.watch_ready(), Watch::Watching);
        state.settle();
        assert!(state.look().is_ready());
    }

    #[test]
    fn the_last_owner_frees() {
        let state = State::new();
        assert!(!state.look().is_abandoned());
        assert!(!state.release());
        assert!(state.look().is_abandoned());
        assert_eq!(state.start(), Start::Started);
        assert_eq!(state.finish(), Finish::Gone { last: true });
    }
}

//! The word that counts a pool's threads by what they are doing.
//!
//! ```text
//!                    claim (start)                           boot
//!     (no thread) ─────────────────▶ SEARCHING ◀───────────────────────▶ BOOTING
//!          ▲                         │  ▲    ▲        booted
//!          │ start_failed / leave    │  │    │ claim (unpark)
//!          └─────────────────────────┤  │    │
//!          ▲                   found │  │    │
//!          │ leave                   ▼  │    │
//!          ├────────────────── (running)┘    │
//!          │                    search       │
//!          │ unlist                          │
//!          └─────────────────── IDLE ◀───────┘ lie_down
//! ```
//!
//! Edges are the methods below. `THREADS` counts every thread from the decision to start it until it leaves;
//! the other three fields count those of them in that state. A thread in none of the three runs a job (or is
//! on its way out).

use crate::primitives::{AtomicU64, Ordering};

const WIDTH: u32 = 15;
const FIELD: u64 = (1 << WIDTH) - 1;

/// Threads that exist or are being started.
const THREADS: u64 = 1;
/// Threads parked and listed in the stack, that nobody has claimed yet.
const IDLE: u64 = 1 << WIDTH;
/// Threads awake and looking at the queue, a wake or start in flight included: at most one thread is on its
/// way, and while there is one, submitting wakes nobody.
const SEARCHING: u64 = 1 << (2 * WIDTH);
/// Threads inside their start hooks and initializer, which will look at the queue when they come out.
const BOOTING: u64 = 1 << (3 * WIDTH);
/// Set once, by `shutdown`: no new jobs; threads drain the queue and leave. Never cleared.
const SHUTDOWN: u64 = 1 << (4 * WIDTH);
/// Set once, when an initializer fails: no new jobs, none taken from the queue. Never cleared.
const BROKEN: u64 = 1 << (4 * WIDTH + 1);

/// The most threads a pool can count.
pub(crate) const MAX_THREADS: usize = FIELD as usize;

/// Why a pool takes no more jobs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Shutdown,
    Broken,
}

/// One look at the word.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Seen(u64);

impl Seen {
    fn field(self, unit: u64) -> usize {
        ((self.0 / unit) & FIELD) as usize
    }

    #[inline]
    pub(crate) fn threads(self) -> usize {
        self.field(THREADS)
    }

    #[inline]
    pub(crate) fn idle(self) -> usize {
        self.field(IDLE)
    }

    #[inline]
    pub(crate) fn searching(self) -> usize {
        self.field(SEARCHING)
    }

    pub(crate) fn booting(self) -> usize {
        self.field(BOOTING)
    }

    #[inline]
    pub(crate) fn is_shut_down(self) -> bool {
        self.0 & SHUTDOWN != 0
    }

    #[inline]
    pub(crate) fn is_broken(self) -> bool {
        self.0 & BROKEN != 0
    }

    /// Shut down or broken.
    #[inline]
    pub(crate) fn is_ended(self) -> bool {
        self.0 & (SHUTDOWN | BROKEN) != 0
    }
}

/// Who a claim found to look at the queue.
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Claim {
    /// Nobody is needed, or nobody can be had: whoever runs now looks at the queue when done.
    Nobody,
    /// An idle thread was taken off the count and is counted as searching: unpark one from the stack.
    Idle,
    /// A new thread was counted, as searching: start it, or undo with `start_failed`.
    New,
}

/// See the module's drawing.
pub(crate) struct Word(AtomicU64);

impl Word {
    pub(crate) fn new() -> Self {
        Self(AtomicU64::new(0))
    }

    #[inline]
    pub(crate) fn look(&self) -> Seen {
        // Acquire pairs with the Release of every transition: who sees the last thread gone sees all it did.
        Seen(self.0.load(Ordering::Acquire))
    }

    /// The counts as they are now: a read-modify-write reads nothing older.
    #[cfg(windlass_loom)]
    pub(crate) fn newest(&self) -> Seen {
        Seen(self.0.fetch_add(0, Ordering::AcqRel))
    }

    /// The compare-exchange loop of every conditional transition: `next` says what the word becomes, or
    /// `None` to leave it. Returns what was seen last and whether it was changed.
    #[inline]
    fn update(&self, mut next: impl FnMut(Seen) -> Option<u64>) -> (Seen, bool) {
        let mut seen = Seen(self.0.load(Ordering::Relaxed));
        loop {
            let Some(new) = next(seen) else { return (seen, false) };
            // AcqRel pairs with itself and with `look`, so that the transitions form one chain: the one who
            // claims sees what the one who lay down did before.
            match self.0.compare_exchange_weak(seen.0, new, Ordering::AcqRel, Ordering::Relaxed) {
                Ok(_) => return (seen, true),
                Err(actual) => seen = Seen(actual),
            }
        }
    }

    /// Adds and subtracts units, unconditionally. Returns the word after it.
    #[inline]
    fn shift(&self, add: u64, subtract: u64) -> Seen {
        let delta = add.wrapping_sub(subtract);
        // AcqRel: as in `update`.
        let before = self.0.fetch_add(delta, Ordering::AcqRel);
        Seen(before.wrapping_add(delta))
    }

    /// Finds someone to look at the queue unless someone is looking: an idle thread first, else a new one
    /// while there are fewer than `limit`. `may_start` is asked last, with the number of booting threads.
    ///
    /// The caller has made its job visible and issued a SeqCst fence, which pairs with the fence of a thread
    /// that stops searching before its last look at the queue.
    pub(crate) fn claim(&self, limit: usize, mut may_start: impl FnMut(Seen) -> bool) -> Claim {
        let mut claim = Claim::Nobody;
        self.update(|seen| {
            claim = Claim::Nobody;
            if seen.searching() > 0 || seen.is_broken() {
                None
            } else if seen.idle() > 0 {
                claim = Claim::Idle;
                Some(seen.0 - IDLE + SEARCHING)
            } else if seen.threads() < limit.min(MAX_THREADS)
                && !(seen.is_shut_down() && seen.threads() == 0)
                && may_start(seen)
            {
                claim = Claim::New;
                Some(seen.0 + THREADS + SEARCHING)
            } else {
                None
            }
        });
        claim
    }

    /// Counts the first thread of a pool that has none. False if it has one by now, or has ended.
    #[must_use]
    pub(crate) fn claim_first(&self) -> bool {
        self.update(|seen| (seen.threads() == 0 && !seen.is_ended()).then(|| seen.0 + THREADS + SEARCHING)).1
    }

    /// The thread counted by a claim could not be started; its token is given up.
    pub(crate) fn start_failed(&self) -> Seen {
        self.shift(0, THREADS + SEARCHING)
    }

    /// A new thread gives up its token before it runs code of others that may take for ever.
    pub(crate) fn boot(&self) {
        self.shift(BOOTING, SEARCHING);
    }

    /// A booted thread is about to look at the queue.
    pub(crate) fn booted(&self) {
        self.shift(SEARCHING, BOOTING);
    }

    /// A thread out of work starts to look for some, unless `most` are at it.
    #[must_use]
    pub(crate) fn search(&self, most: usize) -> bool {
        self.update(|seen| (seen.searching() < most).then(|| seen.0 + SEARCHING)).1
    }

    /// A searching thread has a job. True if no other is searching: then it must look whether more is queued.
    #[must_use]
    pub(crate) fn found(&self) -> bool {
        self.shift(0, SEARCHING).searching() == 0
    }

    /// A thread becomes idle, giving up its token if it was searching. Refused, with nothing changed, once
    /// the pool has ended.
    #[must_use]
    pub(crate) fn lie_down(&self, searching: bool) -> bool {
        let token = if searching { SEARCHING } else { 0 };
        self.update(|seen| (!seen.is_ended()).then(|| seen.0 + IDLE - token)).1
    }

    /// An idle thread whose keep-alive ran out takes itself off the idle count. False if as many have been
    /// claimed as are listed.
    #[must_use]
    pub(crate) fn unlist(&self) -> bool {
        self.update(|seen| (seen.idle() > 0).then(|| seen.0 - IDLE)).1
    }

    /// A thread is gone, and its token, if it was searching. Returns the word after it.
    pub(crate) fn leave(&self, searching: bool) -> Seen {
        let token = if searching { SEARCHING } else { 0 };
        self.shift(0, THREADS + token)
    }

    /// Sets the end's flag and turns every idle thread into a searching one. Returns the word before it.
    pub(crate) fn end(&self, end: End) -> Seen {
        let flag = match end {
            End::Shutdown => SHUTDOWN,
            End::Broken => BROKEN,
        };
        let idle = |seen: Seen| seen.idle() as u64;
        self.update(|seen| Some((seen.0 | flag) - idle(seen) * IDLE + idle(seen) * SEARCHING)).0
    }
}

impl std::fmt::Debug for Seen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Seen")
            .field("threads", &self.threads())
            .field("idle", &self.idle())
            .field("searching", &self.searching())
            .field("booting", &self.booting())
            .field("shut_down", &self.is_shut_down())
            .field("broken", &self.is_broken())
            .finish()
    }
}

#[cfg(all(test, not(windlass_loom)))]
mod tests {
    use super::*;

    fn counts(word: &Word) -> (usize, usize, usize, usize) {
        let seen = word.look();
        (seen.threads(), seen.idle(), seen.searching(), seen.booting())
    }

    #[test]
    fn one_thread_at_a_time_is_on_its_way() {
        let word = Word::new();
        assert!(word.claim_first());
        assert!(!word.claim_first());
        assert_eq!(word.claim(8, |_| true), Claim::Nobody);
        assert!(word.found());
        assert_eq!(word.claim(8, |_| true), Claim::New);
        assert_eq!(counts(&word), (2, 0, 1, 0));
    }

    #[test]
    fn an_idle_thread_comes_before_a_new_one() {
        let word = Word::new();
        assert!(word.claim_first());
        assert!(word.lie_down(true));
        assert_eq!(counts(&word), (1, 1, 0, 0));
        assert_eq!(word.claim(8, |_| unreachable!()), Claim::Idle);
        assert_eq!(counts(&word), (1, 0, 1, 0));
    }

    #[test]
    fn the_limit_holds() {
        let word = Word::new();
        assert!(word.claim_first());
        assert!(word.found());
        assert_eq!(word.claim(1, |_| true), Claim::Nobody);
        assert_eq!(word.claim(2, |_| false), Claim::Nobody);
    }

    #[test]
    fn a_failed_start_leaves_no_token() {
        let word = Word::new();
        assert!(word.claim_first());
        assert_eq!(word.start_failed().threads(), 0);
        assert_eq!(counts(&word), (0, 0, 0, 0));
    }

    #[test]
    fn a_booting_thread_holds_no_token() {
        let word = Word::new();
        assert!(word.claim_first());
        word.boot();
        assert_eq!(counts(&word), (1, 0, 0, 1));
        assert_eq!(word.claim(8, |seen| 1 > seen.booting()), Claim::Nobody);
        assert_eq!(word.claim(8, |seen| 2 > seen.booting()), Claim::New);
        word.booted();
        assert_eq!(counts(&word), (2, 0, 2, 0));
        assert!(!word.found());
        assert!(word.found());
    }

    #[test]
    fn a_claimed_thread_cannot_expire() {
        let word = Word::new();
        assert!(word.claim_first());
        assert!(word.lie_down(true));
        assert_eq!(word.claim(8, |_| true), Claim::Idle);
        assert!(!word.unlist());
    }

    #[test]
    fn nobody_lies_down_after_the_end() {
        let word = Word::new();
        assert!(word.claim_first());
        assert!(word.lie_down(true));
        assert_eq!(word.end(End::Shutdown).idle(), 1);
        assert_eq!(counts(&word), (1, 0, 1, 0));
        assert!(!word.lie_down(true));
        assert_eq!(word.leave(true).threads(), 0);
        assert!(!word.claim_first());
        assert_eq!(word.claim(8, |_| true), Claim::Nobody);
    }
}

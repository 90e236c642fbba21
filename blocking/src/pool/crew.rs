//! [`Crew`]: who is awake, who is idle, and whom to wake. The protocol's core; it starts no thread itself.

use super::seat::Seat;
use super::word::{Claim, End, Seen, Word};
use crate::primitives::{AtomicUsize, Mutex, Ordering, fence};
use std::sync::Arc;

/// The counts, and the stack of idle threads: the one that parked last is woken first, so that those at the
/// bottom reach the end of their keep-alive.
pub(crate) struct Crew {
    word: Word,
    /// How many threads there may be. Grows while threads wait for other jobs of their own pool.
    limit: AtomicUsize,
    /// How many threads are about to leave because they were too many, and are counted still.
    leaving: Mutex<usize>,
    /// Holds the idle threads, and those claimed but not yet popped. Whoever claims one off the word's idle
    /// count pops one here: entries are added before the lock is released under which the count went up.
    idle: Mutex<Vec<Arc<Seat>>>,
}

/// What came of looking for someone to take a queued job.
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Rouse {
    /// Someone is looking already, or has been woken, or nobody can be had.
    Done,
    /// The caller has to start a thread, and say so if it cannot: [`Crew::start_failed`].
    Start,
}

impl Crew {
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            word: Word::new(),
            limit: AtomicUsize::new(limit),
            leaving: Mutex::new(0),
            idle: Mutex::new(Vec::new()),
        }
    }

    #[inline]
    pub(crate) fn look(&self) -> Seen {
        self.word.look()
    }

    pub(crate) fn limit(&self) -> usize {
        self.limit.load(Ordering::Relaxed)
    }

    /// The look at the counts that follows making a job visible. If this has nobody to wake, nobody is needed.
    #[inline]
    pub(crate) fn look_after_push(&self) -> Seen {
        // Pairs with the fences in `last_found`, `lie_down` and `leave`: either this look sees that thread no
        // longer searching (or gone), or its following look at the queue sees the job.
        fence(Ordering::SeqCst);
        self.word.look()
    }

    /// Whether `seen` has someone that could be woken or started for a queued job, and nobody looking.
    #[inline]
    pub(crate) fn wants_rousing(&self, seen: Seen) -> bool {
        seen.searching() == 0 && (seen.idle() > 0 || seen.threads() < self.limit())
    }

    /// Wakes one idle thread if nobody is looking at the queue, or asks for a new one if none is idle.
    /// `may_start` has the last word on the latter.
    ///
    /// The job is visible and [`look_after_push`](Self::look_after_push) or its like came after it.
    pub(crate) fn rouse(&self, may_start: impl FnMut(Seen) -> bool) -> Rouse {
        match self.word.claim(self.limit(), may_start) {
            Claim::Nobody => Rouse::Done,
            Claim::New => Rouse::Start,
            Claim::Idle => {
                let seat = self.idle.lock().pop();
                // None only if the pool ended in between, which woke everyone.
                if let Some(seat) = seat {
                    seat.wake();
                }
                Rouse::Done
            }
        }
    }

    /// True if the caller has to start the pool's first thread.
    #[must_use]
    pub(crate) fn claim_first(&self) -> bool {
        self.word.claim_first()
    }

    /// The thread asked for could not be started. The caller looks at the queue again: nobody may be left.
    pub(crate) fn start_failed(&self) -> Seen {
        let seen = self.word.start_failed();
        // Pairs with the fence in `look_after_push`: who skipped because of this token pushed before.
        fence(Ordering::SeqCst);
        seen
    }

    /// A new thread goes into code of others. The caller looks at the queue then: its token is given up.
    pub(crate) fn boot(&self) {
        self.word.boot();
        // Pairs with the fence in `look_after_push`: who skipped because of this token pushed before.
        fence(Ordering::SeqCst);
    }

    /// A new thread comes out of it and is searching again. Who saw it booting is served when it gives up that
    /// token.
    pub(crate) fn booted(&self) {
        self.word.booted();
    }

    /// A thread out of work starts searching. False if `most` are at it.
    #[must_use]
    pub(crate) fn search(&self, most: usize) -> bool {
        self.word.search(most)
    }

    /// A searching thread has taken a job. True if it was the last one searching: before it runs the job it
    /// looks at the queue, and if there is more it rouses the next.
    #[must_use]
    pub(crate) fn last_found(&self) -> bool {
        let last = self.word.found();
        if last {
            // Pairs with the fence in `look_after_push`: who skipped because of this token pushed before.
            fence(Ordering::SeqCst);
        }
        last
    }

    /// The thread on `seat` becomes idle. It looks at the queue once more before it parks, and rouses if there
    /// is something (most likely itself). False, with nothing changed, once the pool has ended.
    #[must_use]
    pub(crate) fn lie_down(&self, seat: &Arc<Seat>, searching: bool) -> bool {
        let mut idle = self.idle.lock();
        if !self.word.lie_down(searching) {
            return false;
        }
        idle.push(seat.clone());
        drop(idle);
        // Pairs with the fence in `look_after_push`: who skipped because of this token pushed before.
        fence(Ordering::SeqCst);
        true
    }

    /// The keep-alive of the idle thread on `seat` has run out: it is idle no longer. False if it has been
    /// claimed in the meantime, or if every thread on the stack has been, so that it may be the next to be
    /// popped: then it parks again.
    #[must_use]
    pub(crate) fn expire(&self, seat: &Arc<Seat>) -> bool {
        let mut idle = self.idle.lock();
        // Once popped it must not touch the count, in which others may still be idle.
        let Some(index) = idle.iter().position(|other| Arc::ptr_eq(other, seat)) else { return false };
        if !self.word.unlist() {
            return false;
        }
        // Not `swap_remove`: the order is how long they have been idle.
        drop(idle.remove(index));
        true
    }

    /// Whether there are more threads than there may be, so that the caller has to leave and say that it was
    /// `surplus`. No more are told so than are too many, however many ask at the same time.
    #[must_use]
    pub(crate) fn claim_surplus(&self, seen: Seen) -> bool {
        if seen.threads() <= self.limit() {
            return false;
        }
        let mut leaving = self.leaving.lock();
        // Who has left is off the word before it is off `leaving`, so this never takes it for one that stays.
        let is_surplus = self.word.look().threads().saturating_sub(*leaving) > self.limit();
        *leaving += usize::from(is_surplus);
        is_surplus
    }

    /// A thread is gone. The caller looks at the queue then: it may have been the last.
    pub(crate) fn leave(&self, searching: bool, surplus: bool) -> Seen {
        let seen = self.word.leave(searching);
        if surplus {
            *self.leaving.lock() -= 1;
        }
        // Pairs with the fence in `look_after_push`: who counted on this thread pushed before.
        fence(Ordering::SeqCst);
        seen
    }

    /// No more jobs: wakes all idle threads, which see why and leave. Returns the counts before.
    pub(crate) fn end(&self, end: End) -> Seen {
        let seen = self.word.end(end);
        let idle = std::mem::take(&mut *self.idle.lock());
        for seat in idle {
            seat.wake();
        }
        seen
    }

    /// The counts as they are now, and how many are on the stack.
    #[cfg(windlass_loom)]
    pub(crate) fn newest(&self) -> (Seen, usize) {
        let listed = self.idle.lock().len();
        (self.word.newest(), listed)
    }

    /// The thread to be woken next.
    #[cfg(windlass_loom)]
    pub(crate) fn next_idle(&self) -> Option<Arc<Seat>> {
        self.idle.lock().last().cloned()
    }

    /// One more thread may be started, while one is known to wait for something that only others can do.
    pub(crate) fn widen(&self) {
        self.limit.fetch_add(1, Ordering::Relaxed);
        // Pairs with the fence in `look_after_push`: who saw the old limit pushed before the caller's look.
        fence(Ordering::SeqCst);
    }

    /// Takes back `widen`. A thread too many leaves after its job.
    pub(crate) fn narrow(&self) {
        self.limit.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(all(test, not(windlass_loom)))]
mod tests {
    use super::super::seat::Parked;
    use super::*;
    use std::time::Duration;

    /// A crew of `count` threads, all idle, the last one on top. (All on this thread, which never parks.)
    fn idle_crew(count: usize) -> (Crew, Vec<Arc<Seat>>) {
        let crew = Crew::new(8);
        let seats: Vec<_> = (0..count).map(|_| Seat::new()).collect();
        for _ in &seats {
            assert!(crew.claim_first() || crew.rouse(|_| true) == Rouse::Start);
            assert!(crew.last_found());
        }
        for seat in &seats {
            assert!(crew.lie_down(seat, false));
        }
        (crew, seats)
    }

    fn woken(seat: &Seat) -> bool {
        seat.park_timeout(Duration::ZERO) == Parked::Woken
    }

    #[test]
    fn the_last_to_park_is_the_first_to_wake() {
        let (crew, seats) = idle_crew(2);
        assert_eq!(crew.look().idle(), 2);
        assert_eq!(crew.rouse(|_| true), Rouse::Done);
        assert!(woken(&seats[1]) && !woken(&seats[0]));
        assert_eq!(crew.rouse(|_| true), Rouse::Done);
        assert!(!woken(&seats[0]), "one wake at a time");
    }

    #[test]
    fn who_was_popped_does_not_expire_in_anothers_place() {
        let (crew, seats) = idle_crew(2);
        assert_eq!(crew.rouse(|_| true), Rouse::Done);
        assert!(!crew.expire(&seats[1]));
        assert_eq!(crew.look().idle(), 1);
        assert!(crew.expire(&seats[0]));
        assert_eq!(crew.look().idle(), 0);
    }

    #[test]
    fn who_may_be_popped_does_not_expire() {
        let (crew, seats) = idle_crew(1);
        assert_eq!(crew.word.claim(8, |_| true), Claim::Idle);
        assert!(!crew.expire(&seats[0]));
    }

    #[test]
    fn the_end_wakes_everyone() {
        let (crew, seats) = idle_crew(3);
        crew.end(End::Shutdown);
        assert!(seats.iter().all(|seat| woken(seat)));
        assert!(!crew.lie_down(&seats[0], true));
    }
}

//! Who sleeps, who searches, and the rule that at most one is being woken. `README.md` beside this file has
//! the protocol and why no wakeup is lost.

use crate::primitives::atomic::AtomicUsize;
use crate::primitives::atomic::Ordering::{Relaxed, Release, SeqCst};
use crate::primitives::atomic::fence;
use crate::primitives::{Arc, Mutex};

use super::parker::Parker;

/// One worker that is awake and looks for work, or is being woken to do so.
const SEARCHING_ONE: usize = 1;
pub(super) const SEARCHING_MASK: usize = (1 << 16) - 1;

/// One worker in the list of sleepers.
const SLEEPING_ONE: usize = 1 << 16;
const SLEEPING_MASK: usize = SEARCHING_MASK << 16;

/// The scheduler's last worker has seen to everything: whoever queues a task now has to end it himself.
const DRAINED: usize = 1 << 32;

/// The idle workers of a scheduler.
pub(crate) struct Idle {
    /// How many search, how many sleep. The latter changes under the lock only.
    pub(super) word: AtomicUsize,
    pub(super) sleepers: Mutex<Sleepers>,
}

pub(super) struct Sleepers {
    pub(super) list: Vec<Sleeper>,
    /// How often one was taken from the list to be woken.
    wakes: u64,
}

pub(super) struct Sleeper {
    pub(super) seat: usize,
    parker: Arc<Parker>,
}

/// The right and duty of one searching worker: whoever queues work leaves it to him to be found.
#[must_use = "a searching worker must stop searching in one of two ways"]
pub(crate) struct Searching(());

/// What a worker finds it is when it stops sleeping.
#[must_use]
pub(crate) enum Woken {
    /// Nobody asked for it.
    OnItsOwn,
    /// It was taken from the list to search.
    ToSearch(Searching),
}

/// What whoever has queued work has to do.
#[derive(Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum Notified {
    /// Nothing: somebody will find it.
    InGoodHands,
    /// The scheduler is drained: nobody else will come for it.
    Drained,
}

impl Idle {
    pub(crate) fn new(seats: usize) -> Self {
        assert!(seats < SEARCHING_MASK, "seats must fit their counters");
        Self {
            word: AtomicUsize::new(0),
            sleepers: Mutex::new(Sleepers { list: Vec::with_capacity(seats), wakes: 0 }),
        }
    }

    /// Work was queued: makes sure that somebody comes for it.
    #[inline]
    pub(crate) fn notify(&self) -> Notified {
        // Pairs with the fences of `sleep` and `found`: either this sees the worker asleep (or no longer
        // searching), or that worker sees the work.
        fence(SeqCst);
        let word = self.word.load(Relaxed);
        if word & DRAINED != 0 {
            return Notified::Drained;
        }
        if word & SEARCHING_MASK == 0 && word & SLEEPING_MASK != 0 {
            self.wake_one();
        }
        Notified::InGoodHands
    }

    /// Wakes a sleeper to search, unless one searches already.
    #[cold]
    pub(crate) fn wake_one(&self) {
        let parker = {
            let mut sleepers = self.sleepers.lock();
            if self.word.load(Relaxed) & SEARCHING_MASK != 0 {
                return;
            }
            let Some(sleeper) = sleepers.list.pop() else { return };
            sleepers.wakes += 1;
            // It searches from now on, so that nobody else is woken until it has looked. Relaxed: the lock
            // orders this for the sleeper, the fence of `found` for all others.
            self.word.fetch_add(SEARCHING_ONE.wrapping_sub(SLEEPING_ONE), Relaxed);
            sleeper.parker
        };
        parker.unpark();
    }

    /// Wakes every sleeper, to no end but that they look around.
    pub(crate) fn wake_all(&self) {
        let sleepers = {
            let mut sleepers = self.sleepers.lock();
            let list = std::mem::take(&mut sleepers.list);
            sleepers.wakes += list.len() as u64;
            self.word.fetch_add(SEARCHING_ONE.wrapping_sub(SLEEPING_ONE).wrapping_mul(list.len()), Relaxed);
            list
        };
        for sleeper in sleepers {
            sleeper.parker.unpark();
        }
    }

    /// A worker without work begins to search, unless `limit` do so already.
    pub(crate) fn search(&self, limit: usize) -> Option<Searching> {
        if self.word.load(Relaxed) & SEARCHING_MASK >= limit {
            return None;
        }
        // Relaxed: who sees it relies on the fence at the end of the search, not on this.
        self.word.fetch_add(SEARCHING_ONE, Relaxed);
        Some(Searching(()))
    }

    /// A searching worker stops because it has something to do. True if it was the last one: then it must
    /// look whether there is work left, and wake the next if so.
    #[must_use]
    pub(crate) fn found(&self, searching: Searching) -> bool {
        let Searching(()) = searching;
        // Release: what came along with what it found is in its own queue by now, and whoever stops after it
        // sees that (pairs with the fences here and in `sleep`).
        let last = self.word.fetch_sub(SEARCHING_ONE, Release) & SEARCHING_MASK == 1;
        if last {
            // Pairs with the fence of `notify`: who queued work and left it to this worker did so before the
            // look that follows.
            fence(SeqCst);
        }
        last
    }

    /// A worker without work joins the sleepers. It must look for work once more, and then park.
    pub(crate) fn sleep(&self, seat: usize, parker: &Arc<Parker>, searching: Option<Searching>) {
        let stops = if let Some(Searching(())) = searching { SEARCHING_ONE } else { 0 };
        {
            let mut sleepers = self.sleepers.lock();
            sleepers.list.push(Sleeper { seat, parker: Arc::clone(parker) });
            self.word.fetch_add(SLEEPING_ONE - stops, Relaxed);
        }
        // Pairs with the fence of `notify`: who queued work and saw neither a sleeper nor a searcher did so
        // before the look that follows.
        fence(SeqCst);
    }

    /// A worker that has seen work from among the sleepers stops sleeping to search for it. Whoever queued that
    /// may have left it to this worker when it still searched.
    pub(crate) fn search_again(&self, seat: usize) -> Searching {
        let mut sleepers = self.sleepers.lock();
        if let Some(at) = sleepers.list.iter().position(|sleeper| sleeper.seat == seat) {
            sleepers.list.swap_remove(at);
            // Relaxed, as in `wake_one`, which else has done the same.
            self.word.fetch_add(SEARCHING_ONE.wrapping_sub(SLEEPING_ONE), Relaxed);
        }
        Searching(())
    }

    /// A worker stops sleeping, for whatever reason.
    pub(crate) fn wake_up(&self, seat: usize) -> Woken {
        let mut sleepers = self.sleepers.lock();
        let Some(at) = sleepers.list.iter().position(|sleeper| sleeper.seat == seat) else {
            return Woken::ToSearch(Searching(()));
        };
        sleepers.list.swap_remove(at);
        self.word.fetch_sub(SLEEPING_ONE, Relaxed);
        Woken::OnItsOwn
    }

    /// Calls `f` if all who are `seated` sleep, nobody searches, and none of those who sleep was told to get up; false if
    /// not. None of them gets up before `f` returns, and who sits down meanwhile waits for that in [`pass`](Self::pass).
    pub(crate) fn while_all_sleep(&self, seated: impl FnOnce() -> usize, f: impl FnOnce() -> bool) -> bool {
        let sleepers = self.sleepers.lock();
        sleepers.list.len() == seated()
            && self.word.load(Relaxed) & SEARCHING_MASK == 0
            && !sleepers.list.iter().any(|sleeper| sleeper.parker.is_called())
            && f()
    }

    /// Waits until nobody is in [`while_all_sleep`](Self::while_all_sleep) who may not have seen that this worker sits.
    pub(crate) fn pass(&self) {
        drop(self.sleepers.lock());
    }

    /// From here on every `notify` says `Drained`, and all that was queued before can be seen.
    pub(crate) fn set_drained(&self) {
        self.word.fetch_or(DRAINED, Relaxed);
        // Pairs with the fence of `notify`: either that sees the bit, or we see what it queued.
        fence(SeqCst);
    }

    /// How often a sleeper was woken.
    pub(crate) fn wakes(&self) -> u64 {
        self.sleepers.lock().wakes
    }
}

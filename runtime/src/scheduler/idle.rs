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

/// One [`Role::Worker`] in the list of sleepers.
const SLEEPING_ONE: usize = 1 << 16;
const SLEEPING_MASK: usize = SEARCHING_MASK << 16;

/// All who are there to run tasks are stuck: guests are woken for them, too.
const GUESTS_TOO: usize = 1 << 33;

/// The scheduler's last worker has seen to everything: whoever queues a task now has to end it himself.
const DRAINED: usize = 1 << 32;

/// What somebody is on its seat for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Role {
    /// To run tasks: it is woken for what is queued.
    Worker,
    /// To wait for a future of its own. It runs what that spawns and what the driver brings it, but neither looks for tasks nor is woken
    /// for them, unless all workers are stuck: a runtime of so many workers is to have so many threads busy, and two that meet at
    /// the same lock for tasks of 100 ns take longer than one.
    Guest,
}

/// The idle workers of a scheduler.
pub(crate) struct Idle {
    /// How many search, how many with the role of a worker sleep. The latter changes under the lock only.
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
    role: Role,
    parker: Arc<Parker>,
}

impl Role {
    /// What one of this role who sleeps adds to the word.
    #[inline]
    const fn asleep(self) -> usize {
        match self {
            Self::Worker => SLEEPING_ONE,
            Self::Guest => 0,
        }
    }
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

/// What whoever has queued work sees.
#[must_use]
pub(crate) enum Seen {
    /// Somebody searches, or nobody sleeps: all are up, and come for it.
    InGoodHands,
    /// Nobody searches, and so many workers sleep.
    Asleep(usize),
    /// The scheduler is drained.
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
        match self.look() {
            Seen::Asleep(_) => {
                self.wake_one();
            }
            Seen::InGoodHands => {}
            Seen::Drained => return Notified::Drained,
        }
        Notified::InGoodHands
    }

    /// Work was queued: looks whether somebody should be woken for it.
    #[inline]
    pub(crate) fn look(&self) -> Seen {
        // Pairs with the fences of `sleep` and `found`: either this sees the worker asleep (or no longer
        // searching), or that worker sees the work.
        fence(SeqCst);
        let word = self.word.load(Relaxed);
        if word & DRAINED != 0 {
            return Seen::Drained;
        }
        match (word & SEARCHING_MASK, word & (SLEEPING_MASK | GUESTS_TOO)) {
            (0, 1..) => Seen::Asleep((word & SLEEPING_MASK) / SLEEPING_ONE),
            _ => Seen::InGoodHands,
        }
    }

    /// Whether all workers run tasks: none sleeps or searches, and they are not all stuck.
    #[inline]
    pub(crate) fn all_run(&self) -> bool {
        self.word.load(Relaxed) & (SEARCHING_MASK | SLEEPING_MASK | GUESTS_TOO) == 0
    }

    /// Wakes a worker that sleeps to search, unless one searches already; a guest only if all workers are stuck. Returns whether
    /// there was one.
    #[cold]
    pub(crate) fn wake_one(&self) -> bool {
        self.wake(self.wakes_guests(), false)
    }

    /// The same, or a guest if no worker sleeps: for what is no task.
    #[cold]
    pub(crate) fn wake_worker_or_guest(&self) -> bool {
        self.wake(true, false)
    }

    /// The same for a task or for what is none, though somebody may search: he has not found it for long, and may have no processor.
    #[cold]
    pub(crate) fn wake_one_more(&self, is_for_task: bool) -> bool {
        self.wake(!is_for_task || self.wakes_guests(), true)
    }

    /// Whether somebody searches.
    pub(crate) fn is_searched(&self) -> bool {
        self.word.load(Relaxed) & SEARCHING_MASK != 0
    }

    fn wake(&self, guests_too: bool, one_more: bool) -> bool {
        let parker = {
            let mut sleepers = self.sleepers.lock();
            if !one_more && self.is_searched() {
                return false;
            }
            let worker = sleepers.list.iter().rposition(|sleeper| sleeper.role == Role::Worker);
            let guest = || sleepers.list.len().checked_sub(1).filter(|_| guests_too);
            let Some(chosen) = worker.or_else(guest) else { return false };
            let sleeper = sleepers.list.remove(chosen);
            sleepers.wakes += 1;
            // It searches from now on, so that nobody else is woken until it has looked. Relaxed: the lock
            // orders this for the sleeper, the fence of `found` for all others.
            self.word.fetch_add(SEARCHING_ONE.wrapping_sub(sleeper.role.asleep()), Relaxed);
            sleeper.parker
        };
        parker.unpark();
        true
    }

    /// Whether guests are woken for tasks from here on, since all workers are stuck. What was queued before, nobody may have
    /// been woken for.
    pub(crate) fn set_guests_too(&self, guests_too: bool) {
        // Relaxed: whoever queues does not rely on it, but on the monitor, which looks again.
        if guests_too {
            self.word.fetch_or(GUESTS_TOO, Relaxed);
        } else if self.word.load(Relaxed) & GUESTS_TOO != 0 {
            self.word.fetch_and(!GUESTS_TOO, Relaxed);
        }
    }

    /// Whether guests are woken for tasks, since all workers are stuck.
    #[inline]
    pub(crate) fn wakes_guests(&self) -> bool {
        self.word.load(Relaxed) & GUESTS_TOO != 0
    }

    /// Wakes every sleeper, to no end but that they look around.
    pub(crate) fn wake_all(&self) {
        let sleepers = {
            let mut sleepers = self.sleepers.lock();
            let list = std::mem::take(&mut sleepers.list);
            sleepers.wakes += list.len() as u64;
            let asleep: usize = list.iter().map(|sleeper| sleeper.role.asleep()).sum();
            self.word.fetch_add((SEARCHING_ONE * list.len()).wrapping_sub(asleep), Relaxed);
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
    pub(crate) fn sleep(&self, seat: usize, role: Role, parker: &Arc<Parker>, searching: Option<Searching>) {
        let stops = if let Some(Searching(())) = searching { SEARCHING_ONE } else { 0 };
        {
            let mut sleepers = self.sleepers.lock();
            sleepers.list.push(Sleeper { seat, role, parker: Arc::clone(parker) });
            self.word.fetch_add(role.asleep().wrapping_sub(stops), Relaxed);
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
            let sleeper = sleepers.list.swap_remove(at);
            // Relaxed, as in `wake`, which else has done the same.
            self.word.fetch_add(SEARCHING_ONE.wrapping_sub(sleeper.role.asleep()), Relaxed);
        }
        Searching(())
    }

    /// A worker stops sleeping, for whatever reason.
    pub(crate) fn wake_up(&self, seat: usize) -> Woken {
        let mut sleepers = self.sleepers.lock();
        let Some(at) = sleepers.list.iter().position(|sleeper| sleeper.seat == seat) else {
            return Woken::ToSearch(Searching(()));
        };
        let sleeper = sleepers.list.swap_remove(at);
        self.word.fetch_sub(sleeper.role.asleep(), Relaxed);
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

#[cfg(all(test, not(windlass_loom)))]
mod tests {
    use super::*;

    fn sleep(idle: &Idle, seat: usize, role: Role) -> Arc<Parker> {
        let parker = Arc::new(Parker::new(None));
        idle.sleep(seat, role, &parker, None);
        parker
    }

    /// It was woken to search, and stops.
    fn was_woken(idle: &Idle, seat: usize) -> bool {
        match idle.wake_up(seat) {
            Woken::ToSearch(searching) => idle.found(searching),
            Woken::OnItsOwn => false,
        }
    }

    fn sleepers(idle: &Idle) -> Vec<usize> {
        idle.sleepers.lock().list.iter().map(|sleeper| sleeper.seat).collect()
    }

    #[test]
    fn a_guest_is_not_woken_for_tasks() {
        let idle = Idle::new(2);
        let _parkers = [sleep(&idle, 0, Role::Worker), sleep(&idle, 1, Role::Guest)];
        // The worker, though the guest came last; and once that one is up, nobody.
        assert_eq!(idle.notify(), Notified::InGoodHands);
        assert_eq!(sleepers(&idle), [1]);
        assert!(was_woken(&idle, 0));
        assert_eq!(idle.notify(), Notified::InGoodHands);
        assert_eq!(sleepers(&idle), [1]);
    }

    #[test]
    fn one_more_is_woken_though_somebody_searches() {
        let idle = Idle::new(2);
        let _parker = sleep(&idle, 0, Role::Worker);
        let searching = idle.search(2).expect("nobody does yet");
        assert!(!idle.wake_one());
        assert!(idle.wake_one_more(true));
        assert!(!was_woken(&idle, 0), "another one searches still");
        assert!(idle.found(searching));
        assert_eq!(idle.word.load(Relaxed), 0);
    }

    #[test]
    fn a_guest_is_woken_where_no_worker_can_be() {
        let idle = Idle::new(3);
        let _parkers =
            [0, 1, 2].map(|seat| sleep(&idle, seat, if seat == 1 { Role::Worker } else { Role::Guest }));
        assert!(idle.wake_worker_or_guest());
        assert_eq!(sleepers(&idle), [0, 2], "a worker first");
        assert!(was_woken(&idle, 1));
        assert!(idle.wake_worker_or_guest());
        assert_eq!(sleepers(&idle), [0]);
        assert!(was_woken(&idle, 2));
        assert!(!idle.wake_one(), "not for a task");
        idle.set_guests_too(true);
        assert_eq!(idle.notify(), Notified::InGoodHands);
        assert!(was_woken(&idle, 0), "for a task, as all workers are stuck");
        idle.set_guests_too(false);
        assert_eq!(idle.word.load(Relaxed), 0);
    }
}

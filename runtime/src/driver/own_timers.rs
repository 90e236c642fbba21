//! The timers of a worker: set in its shard, and when they are cancelled, left to it for the next.
//!
//! Most timers are cancelled, and most that are cancelled are followed by another one soon. So one that goes stays in the wheel
//! for a moment, with its waker: the next takes its place, by a step under the shard's lock or by none, instead of both going through it.
//! `README.md` has the protocol.

use std::cell::{Cell, UnsafeCell};
use std::mem;
use std::task::Waker;

use super::timers::{Set, Shard, Timer};
use crate::primitives::atomic::AtomicBool;
use crate::primitives::atomic::Ordering::Relaxed;
use crate::primitives::{Arc, Mutex};

/// How many a worker keeps at most, and how many others leave to it.
const MOST: usize = if cfg!(windlass_loom) { 2 } else { 1_024 };

/// How often a worker that has none left sets a timer before it asks what others have left.
const INTERVAL: u32 = if cfg!(windlass_loom) { 0 } else { 31 };

/// See the module. None is left while the worker sleeps.
pub(crate) struct OwnTimers {
    shard: Arc<Shard>,
    /// The timers of this shard whose owners are gone.
    left: UnsafeCell<Vec<Timer>>,
    /// How many timers are set before the next look at what others have left.
    until_look: Cell<u32>,
    /// Whether others may leave any.
    is_open: Cell<bool>,
    /// Whether those of others were asked for since the last tidying.
    has_looked: Cell<bool>,
    /// How many at the bottom of the list have been of no use since the last tidying.
    unused: Cell<usize>,
}

/// What other threads leave to the worker of a shard. On cache lines of its own: the worker itself seldom looks.
#[repr(align(128))]
pub(super) struct LeftByOthers {
    /// Whether there is a worker that will look before it sleeps. Written under the lock.
    is_open: AtomicBool,
    timers: Mutex<Vec<Timer>>,
}

impl OwnTimers {
    pub(crate) fn new(shard: Arc<Shard>) -> Self {
        Self {
            shard,
            left: UnsafeCell::new(Vec::new()),
            until_look: Cell::new(0),
            is_open: Cell::new(false),
            has_looked: Cell::new(false),
            unused: Cell::new(0),
        }
    }

    /// Sets a timer that wakes at the tick `deadline`, or by so much earlier that it has to be set again.
    #[inline]
    pub(crate) fn set(&self, deadline: u64, slack: u64, waker: &Waker) -> Set {
        match self.pop().or_else(|| self.left_by_others()) {
            Some(timer) => timer.again(deadline, slack, waker),
            None => self.shard.set(deadline, waker),
        }
    }

    #[inline]
    fn pop(&self) -> Option<Timer> {
        self.with_left(|left| {
            let timer = left.pop();
            if left.len() < self.unused.get() {
                self.unused.set(left.len());
            }
            timer
        })
    }

    /// One that others have left. They are asked every now and then.
    #[inline]
    fn left_by_others(&self) -> Option<Timer> {
        match self.until_look.get() {
            0 => self.look(),
            left => {
                self.until_look.set(left - 1);
                None
            }
        }
    }

    /// Takes what others have left since the last look, and lets them leave more.
    #[cold]
    fn look(&self) -> Option<Timer> {
        self.until_look.set(INTERVAL);
        self.is_open.set(true);
        self.has_looked.set(true);
        self.with_left(|left| {
            self.shard.left_by_others.open(left);
            left.pop()
        })
    }

    /// Whether it is a timer of this worker's shard.
    #[inline]
    pub(crate) fn is_mine(&self, timer: &Timer) -> bool {
        timer.is_in(&self.shard)
    }

    /// Keeps a timer of this shard whose owner is gone for the next, or cancels it.
    #[inline]
    pub(crate) fn leave(&self, timer: Timer) {
        let refused = self.with_left(|left| {
            if left.len() == MOST {
                return Some(timer);
            }
            left.push(timer);
            None
        });
        drop(refused);
    }

    /// Cancels those that have been of no use since the last time, and lets nobody leave any that is not asked for.
    pub(crate) fn tidy(&self) {
        let mut gone = Vec::new();
        if !self.has_looked.replace(false) && self.is_open.replace(false) {
            self.shard.left_by_others.close(&mut gone);
            self.until_look.set(0);
        }
        self.with_left(|left| {
            gone.extend(left.drain(..self.unused.get()));
            self.unused.set(left.len());
        });
        // Last: what a waker does when it is dropped is not ours.
        drop(gone);
    }

    /// Cancels all that are left, and lets nobody leave any more: the worker sleeps, or goes.
    #[inline]
    pub(crate) fn close(&self) {
        if self.is_open.get() || self.with_left(|left| !left.is_empty()) {
            self.close_some();
        }
    }

    #[cold]
    fn close_some(&self) {
        loop {
            let mut left = self.with_left(mem::take);
            if self.is_open.replace(false) {
                self.shard.left_by_others.close(&mut left);
            }
            self.until_look.set(0);
            self.unused.set(0);
            // What a waker does when it is dropped is not ours: it may set and leave timers here.
            left.drain(..).for_each(drop);
            let is_empty = self.with_left(|meanwhile| {
                let is_empty = meanwhile.is_empty();
                if is_empty {
                    mem::swap(meanwhile, &mut left);
                }
                is_empty
            });
            if is_empty && !self.is_open.get() {
                return;
            }
        }
    }

    #[inline]
    fn with_left<R>(&self, f: impl FnOnce(&mut Vec<Timer>) -> R) -> R {
        // SAFETY: this thread alone has the worker, and no `f` calls anything but what is done to the list and to locks of ours.
        f(unsafe { &mut *self.left.get() })
    }
}

impl Drop for OwnTimers {
    fn drop(&mut self) {
        self.close();
    }
}

impl LeftByOthers {
    pub(super) fn new() -> Self {
        Self { is_open: AtomicBool::new(false), timers: Mutex::new(Vec::new()) }
    }

    /// Takes what is there, in exchange for the memory of a list that is empty, and lets others leave more.
    fn open(&self, to: &mut Vec<Timer>) {
        let mut timers = self.timers.lock();
        // Relaxed, as all that is done to it: the lock orders it, and who looks at it elsewhere looks again under the lock.
        self.is_open.store(true, Relaxed);
        mem::swap(&mut *timers, to);
    }

    /// Takes what is there, and lets nobody leave any more.
    fn close(&self, to: &mut Vec<Timer>) {
        let mut timers = self.timers.lock();
        self.is_open.store(false, Relaxed);
        to.append(&mut timers);
    }

    /// Leaves a timer to the worker, which is up. Gives it back if not, or if there are many.
    #[inline]
    fn put(&self, timer: Timer) -> Option<Timer> {
        if !self.is_open.load(Relaxed) {
            return Some(timer);
        }
        let mut timers = self.timers.lock();
        if !self.is_open.load(Relaxed) || timers.len() >= MOST {
            return Some(timer);
        }
        timers.push(timer);
        None
    }
}

/// A timer whose owner is gone, on a thread that is not its worker: leaves it to the worker if that one is up, or cancels it.
#[inline]
pub(crate) fn leave_to_worker(timer: Timer) {
    let left_by_others: *const LeftByOthers = &timer.shard().left_by_others;
    // SAFETY: the timer keeps its shard until it is taken from there, which nobody does before the lock is released; that is the last
    // that is done to it.
    let refused = unsafe { &*left_by_others }.put(timer);
    drop(refused);
}

#[cfg(all(test, not(windlass_loom)))]
mod tests {
    use std::sync::Arc as StdArc;
    use std::task::Wake;

    use super::*;
    use crate::driver::{Clock, Timers};

    struct Waiter;

    impl Wake for Waiter {
        fn wake(self: StdArc<Self>) {}
    }

    fn own() -> (Timers, OwnTimers) {
        let timers = Timers::new(1, Clock::new());
        let own = OwnTimers::new(Arc::clone(timers.shard(0)));
        (timers, own)
    }

    fn waiter() -> (StdArc<Waiter>, Waker) {
        let waiter = StdArc::new(Waiter);
        (waiter.clone(), Waker::from(waiter))
    }

    fn set(own: &OwnTimers, deadline: u64, slack: u64, waker: &Waker) -> Timer {
        match own.set(deadline, slack, waker) {
            Set::Waits { timer, .. } => timer,
            Set::Due | Set::Closed => panic!("tick {deadline} is ahead, and the runtime there"),
        }
    }

    #[test]
    fn one_that_was_left_serves_the_next() {
        let (timers, own) = own();
        let (waiter, waker) = waiter();
        own.leave(set(&own, 100, 0, &waker));
        // Where it is, if that is early enough, and not too early; or else elsewhere.
        for (deadline, slack, tick) in [(100, 0, 100), (108, 8, 100), (109, 8, 109), (108, 8, 108)] {
            let timer = set(&own, deadline, slack, &waker);
            assert_eq!(timer.tick(), tick);
            assert_eq!(StdArc::strong_count(&waiter), 3, "it is one timer");
            own.leave(timer);
        }
        let _timer = set(&own, 108, 0, &waker);
        assert_eq!(timers.fire(107, Waker::wake), 0);
        assert_eq!(timers.fire(108, Waker::wake), 1);
    }

    #[test]
    fn another_waker_takes_the_place_of_the_first() {
        let (timers, own) = own();
        let ((first, a), (second, b)) = (waiter(), waiter());
        own.leave(set(&own, 100, 0, &a));
        let _timer = set(&own, 100, 0, &b);
        assert_eq!((StdArc::strong_count(&first), StdArc::strong_count(&second)), (2, 3));
        assert_eq!(timers.fire(100, Waker::wake), 1);
        assert_eq!(StdArc::strong_count(&second), 2);
    }

    #[test]
    fn one_that_has_fired_serves_nobody() {
        let (timers, own) = own();
        let (_waiter, waker) = waiter();
        own.leave(set(&own, 100, 0, &waker));
        assert_eq!(timers.fire(100, Waker::wake), 1);
        assert!(matches!(own.set(100, 0, &waker), Set::Due));
        let _timer = set(&own, 101, 8, &waker);
        assert_eq!(timers.fire(101, Waker::wake), 1);
    }

    #[test]
    fn none_is_left_for_longer_than_it_may_be_of_use() {
        let (_timers, own) = own();
        let (waiter, waker) = waiter();
        own.leave(set(&own, 100, 0, &waker));
        own.leave(set(&own, 100, 0, &waker));
        own.tidy();
        assert_eq!(StdArc::strong_count(&waiter), 3, "it was of use a moment ago");
        own.tidy();
        assert_eq!(StdArc::strong_count(&waiter), 2, "it was of no use since");
        own.leave(set(&own, 100, 0, &waker));
        own.close();
        assert_eq!(StdArc::strong_count(&waiter), 2, "nobody sets one soon");
    }

    #[test]
    fn no_more_are_left_than_fit() {
        let (_timers, own) = own();
        let (waiter, waker) = waiter();
        let some: Vec<_> = (0..3 * MOST).map(|_| set(&own, 100, 0, &waker)).collect();
        let mut some = some.into_iter();
        some.by_ref().take(MOST + 1).for_each(|timer| own.leave(timer));
        some.for_each(leave_to_worker);
        assert_eq!(StdArc::strong_count(&waiter), 2 + 2 * MOST);
        own.close();
        assert_eq!(StdArc::strong_count(&waiter), 2);
        own.leave(set(&own, 100, 0, &waker));
    }

    #[test]
    fn others_leave_timers_to_one_who_is_up() {
        let (_timers, own) = own();
        let (waiter, waker) = waiter();
        let (first, second) = (set(&own, 100, 0, &waker), set(&own, 100, 0, &waker));
        leave_to_worker(first);
        assert_eq!(StdArc::strong_count(&waiter), 4, "it is left");
        own.close();
        assert_eq!(StdArc::strong_count(&waiter), 3, "it is gone");
        leave_to_worker(second);
        assert_eq!(StdArc::strong_count(&waiter), 2, "it is cancelled at once");
    }
}

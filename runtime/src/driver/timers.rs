//! The timers of a runtime: a wheel for each seat, and one for all threads that have none.
//!
//! `README.md` has the protocol by which no timer is missed.

use std::fmt;
use std::mem::{self, ManuallyDrop};
use std::task::Waker;

use windlass_timer::{Key, Wheel};

use super::own_timers::LeftByOthers;
use super::{Clock, wake};
use crate::primitives::atomic::AtomicU64;
use crate::primitives::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};
use crate::primitives::{Arc, Mutex};
use crate::task::{fetch_tasks, is_of_tasks};

/// How many timers fire at most while a shard's lock is held.
const BATCH: usize = if cfg!(windlass_loom) { 2 } else { 512 };

/// Every timer of one runtime.
pub(crate) struct Timers {
    common: Arc<Common>,
    /// One for each seat, and the last for everyone else.
    shards: Box<[Arc<Shard>]>,
}

/// What all shards have in common.
struct Common {
    /// No timer of any shard is due before this tick.
    earliest: AtomicU64,
    clock: Clock,
}

/// The timers that were set on one seat. On cache lines of its own: it is written to for every timer.
#[repr(align(128))]
pub(crate) struct Shard {
    wheel: Mutex<Waiting>,
    /// What is due up to this tick has been taken out, or is being taken out. Written under the lock, and never lowered.
    taken: AtomicU64,
    /// What was due up to this tick is out. Likewise.
    emptied: AtomicU64,
    common: Arc<Common>,
    pub(super) left_by_others: LeftByOthers,
}

struct Waiting {
    wheel: Wheel<Waker>,
    /// How many counts of this shard there are that nobody has: those of timers that were cancelled. The next ones take them, so
    /// that most timers need not be counted on a word that all threads share.
    spare: usize,
    /// Whether the runtime is gone, and nobody looks at this any more.
    is_closed: bool,
}

/// A timer that was set. Dropped, it is cancelled.
pub(crate) struct Timer {
    shard: ManuallyDrop<Arc<Shard>>,
    key: Key,
    /// When it fires; `GONE` once its owner knows that it has.
    tick: u64,
    waker: WakerId,
}

/// No timer waits for it.
const GONE: u64 = 0;

/// Tells whether a waker is the one that was set, without asking for that one. Of the clone that is kept: it need not have the
/// address of what it was cloned from, which may be another waker's by now.
#[derive(Clone, Copy, PartialEq, Eq)]
struct WakerId {
    data: usize,
    vtable: usize,
}

impl WakerId {
    #[inline]
    fn of(waker: &Waker) -> Self {
        Self { data: waker.data().addr(), vtable: std::ptr::from_ref(waker.vtable()).addr() }
    }
}

/// What came of setting a timer.
pub(crate) enum Set {
    /// It waits.
    Waits {
        timer: Timer,
        /// Whether it is the earliest of all now, so that somebody may wait for longer than it allows.
        is_earliest: bool,
    },
    /// It was due when it was set.
    Due,
    /// The runtime is gone.
    Closed,
}

/// What came of moving a timer.
pub(crate) enum Moved {
    /// It has fired.
    TooLate,
    /// It waits for the other tick now.
    Done {
        /// As in [`Set::Waits`].
        is_earliest: bool,
    },
}

/// What a timer is found to be.
pub(crate) enum Polled {
    /// It waits.
    Waits,
    /// It has fired.
    Fired,
    /// The runtime is gone, and with it whatever would have fired it.
    Closed,
}

/// A timer that has fired, and its deadline.
type Fired = (u64, Waker);

impl Timers {
    pub(crate) fn new(shards: usize, clock: Clock) -> Self {
        let common = Arc::new(Common { earliest: AtomicU64::new(u64::MAX), clock });
        let shards = (0..shards).map(|_| Arc::new(Shard::new(Arc::clone(&common)))).collect();
        Self { common, shards }
    }

    #[inline]
    pub(crate) fn clock(&self) -> &Clock {
        &self.common.clock
    }

    /// The shard of that seat.
    #[inline]
    pub(crate) fn shard(&self, seat: usize) -> &Arc<Shard> {
        &self.shards[seat]
    }

    /// The shard of threads without a seat.
    pub(crate) fn outside(&self) -> &Arc<Shard> {
        self.shards.last().expect("there is one shard more than there are seats")
    }

    /// No timer is due before this tick; `u64::MAX` if there is none.
    #[inline]
    pub(crate) fn earliest(&self) -> u64 {
        self.common.earliest.load(Relaxed)
    }

    /// Fires what is due at the tick `now`: has everyone woken, in the order of the deadlines, and outside of locks. Returns how many.
    pub(crate) fn fire(&self, now: u64, wake: impl FnMut(Waker)) -> usize {
        if now < self.earliest() {
            return 0;
        }
        self.fire_due(now, wake)
    }

    #[cold]
    fn fire_due(&self, now: u64, mut wake: impl FnMut(Waker)) -> usize {
        let mut fired = Vec::new();
        let mut count = 0;
        loop {
            let all_up_to = self.take_due(now, &mut fired);
            if !fired.is_sorted_by_key(|(deadline, _)| *deadline) {
                // Of more than one shard. Stable: equal deadlines keep their order.
                fired.sort_by_key(|(deadline, _)| *deadline);
            }
            // What is due later has to wait: a shard that gave no more than a batch may have more that is due before.
            let ready = fired.partition_point(|(deadline, _)| *deadline <= all_up_to);
            count += ready;
            fetch_tasks(fired[..ready].iter().map(|(_, waker)| waker));
            for (_, waker) in fired.drain(..ready) {
                wake(waker);
            }
            if all_up_to == u64::MAX {
                return count;
            }
        }
    }

    /// Takes what is due at `now` from every shard, and finds the earliest of what is left. Returns up to which deadline that was all.
    fn take_due(&self, now: u64, fired: &mut Vec<Fired>) -> u64 {
        // First: see `README.md`. Relaxed, here and wherever this word is written: the shards' locks order it.
        self.common.earliest.store(u64::MAX, Relaxed);
        let mut all_up_to = u64::MAX;
        for shard in &self.shards {
            let mut waiting = shard.wheel.lock();
            shard.takes(now);
            let before = fired.len();
            fired.extend(waiting.wheel.advance(now).take(BATCH));
            if fired.len() - before < BATCH {
                shard.is_emptied(now);
            } else if let Some((deadline, _)) = fired.last() {
                all_up_to = all_up_to.min(*deadline);
                shard.is_emptied(deadline - 1);
            }
            if let Some(next) = waiting.wheel.next_expiry() {
                self.common.lower(next);
            }
        }
        all_up_to
    }

    /// Whether a paused clock may move by itself if everyone is asleep. Asked before that is found out: see `README.md`.
    pub(crate) fn may_advance(&self) -> bool {
        let clock = self.clock();
        clock.is_paused() && !clock.is_inhibited()
    }

    /// Moves a paused clock to the earliest deadline. False if the clock goes, if something keeps it from that, or if nothing waits.
    pub(crate) fn auto_advance(&self) -> bool {
        let clock = self.clock();
        if !self.may_advance() {
            return false;
        }
        // As in `take_due`, but exactly: the clock must not stop at a timer that was cancelled.
        self.common.earliest.store(u64::MAX, Relaxed);
        let mut first = u64::MAX;
        for shard in &self.shards {
            let waiting = shard.wheel.lock();
            if let Some(next) = waiting.wheel.first_deadline() {
                self.common.lower(next);
                first = first.min(next);
            }
        }
        first != u64::MAX && clock.advance_to(first)
    }

    /// The runtime is gone: wakes everyone who waits, and lets nobody wait any more.
    pub(crate) fn close(&self) {
        let mut fired = Vec::new();
        for shard in &self.shards {
            let mut waiting = shard.wheel.lock();
            waiting.is_closed = true;
            shard.takes(u64::MAX);
            fired.extend(waiting.wheel.advance(u64::MAX));
            let spare = mem::take(&mut waiting.spare);
            drop(waiting);
            for _ in 0..spare {
                // SAFETY: nobody has this count, and `self` has another one.
                unsafe { Arc::decrement_strong_count(Arc::as_ptr(shard)) };
            }
        }
        for (_, waker) in fired {
            wake(waker);
        }
    }
}

impl Drop for Timers {
    fn drop(&mut self) {
        // A shard with spare counts keeps itself alive until it is closed.
        self.close();
    }
}

impl Common {
    /// There is a timer for that tick. Returns whether it is the earliest now. The caller holds its shard's lock.
    #[inline]
    fn lower(&self, tick: u64) -> bool {
        tick < self.earliest.load(Relaxed) && tick < self.earliest.fetch_min(tick, AcqRel)
    }
}

impl Shard {
    fn new(common: Arc<Common>) -> Self {
        let waiting = Waiting { wheel: Wheel::new(), spare: 0, is_closed: false };
        Self {
            wheel: Mutex::new(waiting),
            taken: AtomicU64::new(0),
            emptied: AtomicU64::new(0),
            common,
            left_by_others: LeftByOthers::new(),
        }
    }

    /// What is due up to that tick is going to be taken out. The caller holds the lock.
    fn takes(&self, up_to: u64) {
        // Never lowered: of two who fire, the one with the earlier time may come later.
        if up_to > self.taken.load(Relaxed) {
            // Release pairs with the Acquire of `Timer::poll`.
            self.taken.store(up_to, Release);
        }
    }

    /// What was due up to that tick is out. The caller holds the lock.
    fn is_emptied(&self, up_to: u64) {
        if up_to > self.emptied.load(Relaxed) {
            // Release pairs with the Acquire of `Timer::is_out`: what its owner does next comes after.
            self.emptied.store(up_to, Release);
        }
    }

    /// Sets a timer that wakes at the tick `deadline`.
    #[inline]
    pub(crate) fn set(self: &Arc<Self>, deadline: u64, waker: &Waker) -> Set {
        // What a waker does when it is cloned or dropped is not ours: not under the lock.
        let waker = waker.clone();
        let id = WakerId::of(&waker);
        let mut waiting = self.wheel.lock();
        if waiting.is_closed {
            return Set::Closed;
        }
        if deadline <= waiting.wheel.now() {
            return Set::Due;
        }
        let key = waiting.wheel.insert(deadline, waker);
        let is_earliest = self.common.lower(deadline);
        let shard = waiting.count(self);
        drop(waiting);
        let timer = Timer { shard: ManuallyDrop::new(shard), key, tick: deadline, waker: id };
        Set::Waits { timer, is_earliest }
    }
}

impl Waiting {
    /// One more count of the shard whose this is: a spare one, if there is any.
    #[inline]
    fn count(&mut self, shard: &Arc<Shard>) -> Arc<Shard> {
        if self.spare == 0 {
            return Arc::clone(shard);
        }
        self.spare -= 1;
        // SAFETY: this count was left by another timer of this shard, and nobody else takes it from here on.
        unsafe { Arc::from_raw(Arc::as_ptr(shard)) }
    }
}

impl Timer {
    /// When it fires or has fired.
    #[inline]
    pub(crate) fn tick(&self) -> u64 {
        self.tick
    }

    /// Whether it is known to have fired, without a look at the wheel.
    #[inline]
    fn is_out(&self) -> bool {
        self.tick <= self.shard.emptied.load(Acquire)
    }

    /// Looks whether it has fired; if not, it wakes that waker from here on.
    #[inline]
    pub(crate) fn poll(&mut self, waker: &Waker) -> Polled {
        if self.is_out() {
            self.tick = GONE;
            return Polled::Fired;
        }
        if self.waits_for(waker) {
            return Polled::Waits;
        }
        self.poll_locked(waker)
    }

    /// Whether it is sure, without a look at the wheel, that it waits with that waker or is about to be taken out by one who will wake it.
    #[inline]
    fn waits_for(&self, waker: &Waker) -> bool {
        // Acquire pairs with the Release of `takes`. If the tick is not among those, the timer is in the wheel, or about to be
        // taken out by one who will wake the waker that is there. And if that is this one, all is as it should be. (It has not got
        // its address from another that is gone: that one went after it had been taken out, which this would see.)
        self.tick > self.shard.taken.load(Acquire) && self.waker == WakerId::of(waker)
    }

    /// Has one whose owner is gone serve another, at the tick `deadline`; or where it is, if that is earlier by no more than `slack`.
    #[inline]
    pub(super) fn again(self, deadline: u64, slack: u64, waker: &Waker) -> Set {
        // One that is due later is too late by more than any slack.
        if deadline.wrapping_sub(self.tick) <= slack && self.waits_for(waker) {
            return Set::Waits { timer: self, is_earliest: false };
        }
        self.again_locked(deadline, waker)
    }

    fn again_locked(mut self, deadline: u64, waker: &Waker) -> Set {
        // What a waker does when it is cloned or dropped is not ours: not under the lock.
        let other = (self.waker != WakerId::of(waker)).then(|| waker.clone());
        let mut waiting = self.shard.wheel.lock();
        if deadline <= waiting.wheel.now() || !waiting.wheel.reset(&mut self.key, deadline) {
            drop(waiting);
            // Due already, or this one has fired: by the end too, which is past every deadline.
            return self.shard.set(deadline, waker);
        }
        let is_earliest = self.shard.common.lower(deadline);
        let mut old = None;
        if let Some(other) = other {
            self.waker = WakerId::of(&other);
            old = waiting.wheel.get_mut(self.key).map(|set| mem::replace(set, other));
        }
        self.tick = deadline;
        drop(waiting);
        drop(old);
        Set::Waits { timer: self, is_earliest }
    }

    /// Whether it is worth the wait to see whether another takes its place: it is known to wait in the wheel, and to wake a task. (A waker of anyone else's
    /// is dropped with its timer.) By the system's clock, that is: one that stands is exact about who waits, and in what order.
    #[inline]
    pub(crate) fn may_be_left(&self) -> bool {
        !self.is_out() && is_of_tasks(self.waker.vtable) && !self.clock().is_virtual()
    }

    #[inline]
    pub(super) fn is_in(&self, shard: &Arc<Shard>) -> bool {
        Arc::ptr_eq(&self.shard, shard)
    }

    pub(super) fn shard(&self) -> &Shard {
        &self.shard
    }

    #[cold]
    fn poll_locked(&mut self, waker: &Waker) -> Polled {
        // What a waker does when it is cloned or dropped is not ours: not under the lock.
        let waker = waker.clone();
        let id = WakerId::of(&waker);
        let mut waiting = self.shard.wheel.lock();
        let Some(set) = waiting.wheel.get_mut(self.key) else {
            let is_closed = waiting.is_closed;
            drop(waiting);
            self.tick = GONE;
            return if is_closed { Polled::Closed } else { Polled::Fired };
        };
        let old = mem::replace(set, waker);
        // Before the old one is dropped, which may panic.
        self.waker = id;
        drop(waiting);
        drop(old);
        Polled::Waits
    }

    /// Whether it has fired.
    pub(crate) fn has_fired(&self) -> bool {
        self.is_out() || !self.shard.wheel.lock().wheel.contains(self.key)
    }

    /// Has it fire at another tick: at once, where that is past.
    #[inline]
    pub(crate) fn move_to(&mut self, tick: u64) -> Moved {
        let mut waiting = self.shard.wheel.lock();
        if tick <= waiting.wheel.now() {
            drop(waiting);
            self.fire();
            return Moved::TooLate;
        }
        if !waiting.wheel.reset(&mut self.key, tick) {
            return Moved::TooLate;
        }
        let is_earliest = self.shard.common.lower(tick);
        drop(waiting);
        self.tick = tick;
        Moved::Done { is_earliest }
    }

    /// Has it fire now.
    #[cold]
    pub(crate) fn fire(&mut self) {
        let waker = self.shard.wheel.lock().wheel.cancel(self.key);
        // It is not in the wheel any more: nobody may leave it there for another.
        self.tick = GONE;
        if let Some(waker) = waker {
            wake(waker);
        }
    }

    /// Whether it is one of that runtime's.
    pub(crate) fn is_of(&self, timers: &Timers) -> bool {
        Arc::ptr_eq(&self.shard.common, &timers.common)
    }

    pub(crate) fn clock(&self) -> &Clock {
        &self.shard.common.clock
    }
}

impl Drop for Timer {
    #[inline]
    fn drop(&mut self) {
        // One that is `GONE` is out.
        let is_out = self.is_out();
        // SAFETY: nobody looks at it again.
        let shard = unsafe { ManuallyDrop::take(&mut self.shard) };
        if is_out {
            return;
        }
        let mut waiting = shard.wheel.lock();
        let waker = waiting.wheel.cancel(self.key);
        if waiting.is_closed {
            drop(waiting);
        } else {
            waiting.spare += 1;
            drop(waiting);
            // The count is given away. The shard may be gone since the lock was released, which was the last that was done to it.
            mem::forget(shard);
        }
        drop(waker);
    }
}

impl fmt::Debug for Timer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Timer").finish_non_exhaustive()
    }
}

#[cfg(all(test, not(windlass_loom)))]
mod tests {
    use super::*;

    fn timers() -> Timers {
        Timers::new(2, Clock::new())
    }

    fn set(timers: &Timers, shard: usize, tick: u64) -> (Timer, bool) {
        match timers.shard(shard).set(tick, Waker::noop()) {
            Set::Waits { timer, is_earliest } => (timer, is_earliest),
            Set::Due | Set::Closed => panic!("tick {tick} is ahead, and the runtime there"),
        }
    }

    fn has_fired(timer: &mut Timer) -> bool {
        matches!(timer.poll(Waker::noop()), Polled::Fired)
    }

    #[test]
    fn the_earliest_of_all_shards_is_known() {
        let timers = timers();
        assert_eq!(timers.earliest(), u64::MAX);
        let (_b, b_is) = set(&timers, 1, 30);
        let (_c, c_is) = set(&timers, 0, 40);
        let (_a, a_is) = set(&timers, 0, 20);
        assert_eq!((b_is, c_is, a_is), (true, false, true));
        assert_eq!(timers.earliest(), 20);
        assert_eq!(timers.fire(19, Waker::wake), 0);
        assert_eq!(timers.fire(35, Waker::wake), 2);
        assert_eq!(timers.earliest(), 40);
    }

    #[test]
    fn who_fires_late_for_an_earlier_time_hides_nothing() {
        let timers = timers();
        let (mut timer, _) = set(&timers, 0, 150);
        assert_eq!(timers.fire(200, Waker::wake), 1);
        // Another one read the clock before that, and comes to the shard only now.
        assert_eq!(timers.take_due(100, &mut Vec::new()), u64::MAX);
        assert!(has_fired(&mut timer));
    }

    #[test]
    fn more_than_a_batch_fires_in_order() {
        let timers = timers();
        let mut set: Vec<_> =
            (0..4 * BATCH as u64).map(|n| set(&timers, n as usize % 2, 1 + n % 1_000).0).collect();
        assert_eq!(timers.fire(1_000, Waker::wake), set.len());
        assert!(set.iter_mut().all(has_fired));
        assert_eq!(timers.earliest(), u64::MAX);
    }

    #[test]
    fn closed_it_takes_no_more() {
        let timers = timers();
        let (mut timer, _) = set(&timers, 0, 10);
        timers.close();
        assert!(matches!(timer.poll(Waker::noop()), Polled::Closed));
        assert!(matches!(timers.outside().set(10, Waker::noop()), Set::Closed));
    }
}

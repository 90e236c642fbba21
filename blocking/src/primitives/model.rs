//! loom, and a queue with crossbeam-channel's orderings and no more.

pub(crate) use loom::hint::spin_loop;
pub(crate) use loom::sync::atomic::{
    AtomicBool, AtomicPtr, AtomicU32, AtomicU64, AtomicUsize, Ordering, fence,
};
pub(crate) use loom::thread_local;
use std::collections::VecDeque;
use std::ops::{Deref, DerefMut};
use std::time::{Duration, Instant};

pub(crate) mod thread {
    use super::Duration;
    pub(crate) use loom::thread::{Builder, JoinHandle, Thread, current, park, yield_now};

    /// loom has no clock: a timed park never ends by itself, or ends at once if the time is zero.
    pub(crate) fn park_timeout(timeout: Duration) {
        if timeout.is_zero() {
            yield_now();
        } else {
            park();
        }
    }

    /// loom cannot tell; handles are kept until they are joined.
    pub(crate) fn is_finished(_: &JoinHandle<()>) -> bool {
        false
    }
}

/// Models look once and park: a longer look adds schedules and no behaviour.
pub(crate) const SPINS: bool = false;

pub(crate) struct UnsafeCell<T>(loom::cell::UnsafeCell<T>);

impl<T> UnsafeCell<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(loom::cell::UnsafeCell::new(value))
    }

    pub(crate) fn with<R>(&self, f: impl FnOnce(*const T) -> R) -> R {
        self.0.with(f)
    }

    pub(crate) fn with_mut<R>(&self, f: impl FnOnce(*mut T) -> R) -> R {
        self.0.with_mut(f)
    }
}

impl<T> Drop for UnsafeCell<T> {
    /// Freeing is an access like any other: who frees must come after all who used it.
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.0.with_mut(|_| ());
        }
    }
}

/// loom's mutex with parking_lot's interface.
pub(crate) struct Mutex<T>(loom::sync::Mutex<T>);

impl<T> Mutex<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(loom::sync::Mutex::new(value))
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
        MutexGuard(Some(self.0.lock().expect("a model panicked while it held a lock")))
    }
}

/// Empty only while its owner waits on a [`Condvar`].
pub(crate) struct MutexGuard<'a, T>(Option<loom::sync::MutexGuard<'a, T>>);

impl<T> Deref for MutexGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.0.as_ref().expect("its owner waits")
    }
}

impl<T> DerefMut for MutexGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        self.0.as_mut().expect("its owner waits")
    }
}

/// loom's condition variable with parking_lot's interface; waits on it never time out.
pub(crate) struct Condvar(loom::sync::Condvar);

/// The answer of a timed wait.
pub(crate) struct WaitTimeoutResult;

impl WaitTimeoutResult {
    pub(crate) fn timed_out(&self) -> bool {
        false
    }
}

impl Condvar {
    pub(crate) fn new() -> Self {
        Self(loom::sync::Condvar::new())
    }

    pub(crate) fn notify_all(&self) {
        self.0.notify_all();
    }

    pub(crate) fn wait<T>(&self, guard: &mut MutexGuard<'_, T>) {
        let inner = guard.0.take().expect("its owner waits");
        guard.0 = Some(self.0.wait(inner).expect("a model panicked while it held a lock"));
    }

    pub(crate) fn wait_until<T>(&self, guard: &mut MutexGuard<'_, T>, _: Instant) -> WaitTimeoutResult {
        self.wait(guard);
        WaitTimeoutResult
    }
}

/// Stands in for crossbeam-channel, whose inside loom cannot see.
///
/// The order of items and their hand-over live under a lock that only `push` and a *successful* `pop` take,
/// since crossbeam's slots hand over with Release and Acquire as well. What the protocol's rechecks rely on,
/// `is_empty` and a `pop` that finds nothing, reads the two indices with crossbeam's own orderings (a
/// compare-exchange advances them, SeqCst, which loom treats as AcqRel), so that no ordering is supplied here
/// that the real queue does not supply.
pub(crate) struct Queue<T> {
    head: AtomicUsize,
    tail: AtomicUsize,
    capacity: Option<usize>,
    items: Mutex<VecDeque<T>>,
}

impl<T> Queue<T> {
    pub(crate) fn new(capacity: Option<usize>) -> Self {
        Self {
            head: AtomicUsize::new(0),
            tail: AtomicUsize::new(0),
            capacity,
            items: Mutex::new(VecDeque::new()),
        }
    }

    pub(crate) fn push(&self, item: T) -> Result<(), T> {
        let mut items = self.items.lock();
        if self.capacity.is_some_and(|capacity| items.len() >= capacity) {
            return Err(item);
        }
        items.push_back(item);
        // Pairs with the loads in `is_empty` and `pop`.
        self.tail.fetch_add(1, Ordering::AcqRel);
        Ok(())
    }

    pub(crate) fn pop(&self) -> Option<T> {
        if self.is_empty() {
            return None;
        }
        let mut items = self.items.lock();
        let item = items.pop_front();
        if item.is_some() {
            // Pairs with the loads in `len`. Under the lock, so that who comes too late knows.
            self.head.fetch_add(1, Ordering::AcqRel);
        }
        item
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(crate) fn is_full(&self) -> bool {
        self.capacity.is_some_and(|capacity| self.len() >= capacity)
    }

    pub(crate) fn len(&self) -> usize {
        // Both pair with the advances in `push` and `pop`.
        let head = self.head.load(Ordering::Acquire);
        let tail = self.tail.load(Ordering::Acquire);
        tail.saturating_sub(head)
    }
}

//! The only place that knows whether Windlass runs on real threads or inside a loom model.
//!
//! Everything concurrent in this crate takes its atomics, cells, locks and thread-locals from here. Outside
//! a model they are std's and `parking_lot`'s; inside one (`cfg(windlass_loom)`) they are loom's, behind the
//! same small interface.

#[cfg(not(windlass_loom))]
pub(crate) use real::*;

#[cfg(windlass_loom)]
pub(crate) use model::*;

/// std's, in models too: it is sound by itself, and its counting would only add schedules.
pub(crate) use std::sync::Arc;

/// What only counts and orders nothing; the same in a model, where it would only add schedules.
pub(crate) type Statistic = std::sync::atomic::AtomicU64;

/// Has the processor fetch so many bytes that somebody is about to look at, without a wait for them, where that can be said. Any address will do.
#[inline]
pub(crate) fn fetch<T>(from: *const T, bytes: usize) {
    const LINE: usize = 64;
    let from = from.cast::<i8>();
    for line in (from.addr() & !(LINE - 1)..from.addr() + bytes).step_by(LINE) {
        fetch_line(from.with_addr(line));
    }
}

#[cfg(target_arch = "x86_64")]
#[inline]
fn fetch_line(at: *const i8) {
    use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
    // SAFETY: a hint, which changes nothing and faults at no address.
    unsafe { _mm_prefetch::<_MM_HINT_T0>(at) };
}

#[cfg(not(target_arch = "x86_64"))]
#[inline]
fn fetch_line(_at: *const i8) {}

/// Declares a thread-local that needs no destructor and whose initial value is a constant.
macro_rules! thread_static {
    ($(#[$attr:meta])* static $name:ident: $ty:ty = $init:expr) => {
        #[cfg(not(windlass_loom))]
        ::std::thread_local! { $(#[$attr])* static $name: $ty = const { $init } }
        #[cfg(windlass_loom)]
        ::loom::thread_local! { $(#[$attr])* static $name: $ty = $init }
    };
}
pub(crate) use thread_static;

#[cfg(not(windlass_loom))]
mod real {
    pub(crate) use crate::poller;
    pub(crate) use crossbeam_deque as deque;
    pub(crate) use parking_lot::{Condvar, Mutex, MutexGuard, RwLock, RwLockReadGuard};
    /// A lock that is tried, and never waited for.
    pub(crate) use parking_lot::{Mutex as TryLock, MutexGuard as TryLockGuard};
    pub(crate) use std::hint;
    pub(crate) use std::sync::atomic;
    pub(crate) use std::sync::atomic::fence;

    /// A lock that is hardly ever held for more than a few instructions: who finds it taken looks again for a while before it sleeps.
    ///
    /// (`parking_lot`'s own looks only ten times, most of which it gives up the processor for, and not at all while somebody sleeps: of threads
    /// that take turns at a hot lock some are always asleep or being woken. That is bad for a line in which hundreds wait: Notify between four workers on
    /// two processors takes 25% less CPU time with this. It is good where two threads get on better if one of them sleeps: queues and semaphores are
    /// twice as slow with this, so they do without.)
    pub(crate) struct BriefMutex<T>(Mutex<T>);

    impl<T> BriefMutex<T> {
        pub(crate) const fn new(value: T) -> Self {
            Self(Mutex::new(value))
        }

        #[inline]
        pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
            match self.0.try_lock() {
                Some(guard) => guard,
                None => self.lock_contended(),
            }
        }

        #[cold]
        fn lock_contended(&self) -> MutexGuard<'_, T> {
            for _ in 0..LOOKS {
                hint::spin_loop();
                if let Some(guard) = self.0.try_lock() {
                    return guard;
                }
            }
            self.0.lock()
        }
    }

    /// Some microseconds: more than a holder needs, unless it is not running.
    const LOOKS: u32 = 100;

    /// Nothing; in a model it counts the allocations it is in.
    pub(crate) struct Alive;

    impl Alive {
        #[inline(always)]
        pub(crate) const fn new() -> Self {
            Self
        }
    }

    /// A cell whose accesses are closures, so that a model can watch them.
    #[repr(transparent)]
    pub(crate) struct UnsafeCell<T>(std::cell::UnsafeCell<T>);

    impl<T> UnsafeCell<T> {
        pub(crate) const fn new(value: T) -> Self {
            Self(std::cell::UnsafeCell::new(value))
        }

        /// Calls `f` with a pointer it may read through.
        #[inline(always)]
        pub(crate) fn with<R>(&self, f: impl FnOnce(*const T) -> R) -> R {
            f(self.0.get())
        }

        /// Calls `f` with a pointer it may read and write through.
        #[inline(always)]
        pub(crate) fn with_mut<R>(&self, f: impl FnOnce(*mut T) -> R) -> R {
            f(self.0.get())
        }
    }
}

#[cfg(windlass_loom)]
#[path = "primitives/deque.rs"]
pub(crate) mod deque;

#[cfg(windlass_loom)]
#[path = "primitives/poller.rs"]
pub(crate) mod poller;

#[cfg(windlass_loom)]
mod model {
    pub(crate) use loom::cell::UnsafeCell;
    pub(crate) use loom::hint;
    // Models have no reader-writer locks yet.
    #[allow(unused_imports)]
    pub(crate) use parking_lot::{RwLock, RwLockReadGuard};
    use std::ops::{Deref, DerefMut};
    use std::sync::atomic::AtomicUsize;
    use std::sync::atomic::Ordering::Relaxed;
    use std::time::Duration;

    pub(crate) use super::{deque, poller};

    /// loom's atomics, with the fence of this module.
    pub(crate) mod atomic {
        pub(crate) use super::fence;
        pub(crate) use loom::sync::atomic::{
            AtomicBool, AtomicPtr, AtomicU8, AtomicU32, AtomicU64, AtomicUsize, Ordering,
        };
    }

    loom::lazy_static! {
        static ref FENCES: atomic::AtomicUsize = atomic::AtomicUsize::new(0);
    }

    /// loom's fence, and for the strongest one a step on a word that all of them share.
    ///
    /// To loom two fences are independent, so of two orders of them it explores one, and misses what happens
    /// in the other. The step makes it explore both. It orders nothing by itself: no thread switch comes
    /// between it and its fence, and those have one order already.
    pub(crate) fn fence(order: atomic::Ordering) {
        if order == atomic::Ordering::SeqCst {
            FENCES.fetch_add(1, Relaxed);
        }
        loom::sync::atomic::fence(order);
    }

    thread_local! {
        /// How many allocations of tasks are alive in the model that runs on this thread.
        static ALIVE: std::cell::Cell<isize> = const { std::cell::Cell::new(0) };
    }

    /// Lives in an allocation, so that a model can count those that were not freed.
    pub(crate) struct Alive(());

    impl Alive {
        pub(crate) fn new() -> Self {
            ALIVE.set(ALIVE.get() + 1);
            Self(())
        }

        /// How many there are.
        pub(crate) fn count() -> isize {
            ALIVE.get()
        }

        /// Forgets what a model that failed has left behind.
        pub(crate) fn reset() {
            ALIVE.set(0);
        }
    }

    impl Drop for Alive {
        fn drop(&mut self) {
            ALIVE.set(ALIVE.get() - 1);
        }
    }

    /// loom's mutex with `parking_lot`'s interface: locks are never poisoned.
    #[derive(Debug)]
    pub(crate) struct Mutex<T>(loom::sync::Mutex<T>);

    impl<T> Mutex<T> {
        pub(crate) fn new(value: T) -> Self {
            Self(loom::sync::Mutex::new(value))
        }

        pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
            MutexGuard(Some(self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner())))
        }

        pub(crate) fn get_mut(&mut self) -> &mut T {
            self.0.get_mut().unwrap_or_else(|poisoned| poisoned.into_inner())
        }

        pub(crate) fn into_inner(self) -> T {
            self.0.into_inner().unwrap_or_else(|poisoned| poisoned.into_inner())
        }
    }

    /// In a model no time passes, and it is a lock like another.
    pub(crate) type BriefMutex<T> = Mutex<T>;

    /// loom's guard, which a condition variable can take away for a while.
    #[derive(Debug)]
    pub(crate) struct MutexGuard<'a, T>(Option<loom::sync::MutexGuard<'a, T>>);

    impl<T> MutexGuard<'_, T> {
        /// Unlocks; who waits for the lock is a matter of loom's.
        pub(crate) fn unlock_fair(self) {}
    }

    impl<T> Deref for MutexGuard<'_, T> {
        type Target = T;

        fn deref(&self) -> &T {
            self.0.as_ref().expect("the guard is there but while its thread waits")
        }
    }

    impl<T> DerefMut for MutexGuard<'_, T> {
        fn deref_mut(&mut self) -> &mut T {
            self.0.as_mut().expect("the guard is there but while its thread waits")
        }
    }

    /// A lock that is tried, and never waited for, with the orderings of `parking_lot`'s and no more. (loom's has a thread
    /// that is about to try it wait until it is free.)
    pub(crate) struct TryLock<T> {
        locked: atomic::AtomicBool,
        /// The cell is touched by each who has the lock, so that loom sees whether one is done before the next.
        value: std::sync::Mutex<(UnsafeCell<()>, T)>,
    }

    impl<T> TryLock<T> {
        pub(crate) fn new(value: T) -> Self {
            Self {
                locked: atomic::AtomicBool::new(false),
                value: std::sync::Mutex::new((UnsafeCell::new(()), value)),
            }
        }

        pub(crate) fn try_lock(&self) -> Option<TryLockGuard<'_, T>> {
            use atomic::Ordering::{Acquire, Relaxed};
            // It may be free already: the look orders nothing.
            if self.is_locked() || self.locked.compare_exchange(false, true, Acquire, Relaxed).is_err() {
                return None;
            }
            let value = self.value.try_lock().unwrap_or_else(|_| panic!("a lock has one holder"));
            value.0.with_mut(|_| ());
            Some(TryLockGuard { lock: self, value })
        }

        pub(crate) fn is_locked(&self) -> bool {
            self.locked.load(atomic::Ordering::Relaxed)
        }
    }

    pub(crate) struct TryLockGuard<'l, T> {
        lock: &'l TryLock<T>,
        value: std::sync::MutexGuard<'l, (UnsafeCell<()>, T)>,
    }

    impl<T> Drop for TryLockGuard<'_, T> {
        fn drop(&mut self) {
            self.value.0.with_mut(|_| ());
            self.lock.locked.store(false, atomic::Ordering::Release);
        }
    }

    impl<T> Deref for TryLockGuard<'_, T> {
        type Target = T;

        fn deref(&self) -> &T {
            &self.value.1
        }
    }

    impl<T> DerefMut for TryLockGuard<'_, T> {
        fn deref_mut(&mut self) -> &mut T {
            &mut self.value.1
        }
    }

    /// loom's condition variable with `parking_lot`'s interface.
    #[derive(Debug)]
    pub(crate) struct Condvar {
        inner: loom::sync::Condvar,
        /// The threads that wait and were not notified.
        waiting: AtomicUsize,
    }

    impl Condvar {
        pub(crate) fn new() -> Self {
            Self { inner: loom::sync::Condvar::new(), waiting: AtomicUsize::new(0) }
        }

        pub(crate) fn wait<T>(&self, guard: &mut MutexGuard<'_, T>) {
            self.waiting.fetch_add(1, Relaxed);
            let inner = guard.0.take().expect("the guard is there but while its thread waits");
            guard.0 = Some(self.inner.wait(inner).unwrap_or_else(|poisoned| poisoned.into_inner()));
        }

        /// loom has no clock: a timed wait is an untimed one.
        pub(crate) fn wait_for<T>(&self, guard: &mut MutexGuard<'_, T>, _timeout: Duration) {
            self.wait(guard);
        }

        pub(crate) fn notify_one(&self) {
            let waiting = self.waiting.load(Relaxed);
            self.waiting.store(waiting.saturating_sub(1), Relaxed);
            self.inner.notify_one();
        }

        pub(crate) fn notify_all(&self) {
            self.waiting.store(0, Relaxed);
            self.inner.notify_all();
        }

        /// Whether a thread waits that nobody has notified. The caller holds the mutex.
        pub(crate) fn is_awaited(&self) -> bool {
            self.waiting.load(Relaxed) > 0
        }
    }
}

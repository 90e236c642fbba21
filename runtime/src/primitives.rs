//! The only place that knows whether Windlass runs on real threads or inside a loom model.
//!
//! Everything concurrent in this crate takes its atomics, cells, locks and thread-locals from here. Outside
//! a model they are std's and `parking_lot`'s; inside one (`cfg(windlass_loom)`) they are loom's, behind the
//! same small interface.

#[cfg(not(windlass_loom))]
pub(crate) use real::*;

#[cfg(windlass_loom)]
pub(crate) use model::*;

/// What only counts and orders nothing; the same in a model, where it would only add schedules.
pub(crate) type Statistic = std::sync::atomic::AtomicU64;

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
    pub(crate) use crossbeam_deque as deque;
    pub(crate) use parking_lot::{Condvar, Mutex};
    pub(crate) use std::hint;
    pub(crate) use std::sync::Arc;
    pub(crate) use std::sync::atomic;
    pub(crate) use std::sync::atomic::fence;

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
pub(crate) mod deque;

#[cfg(windlass_loom)]
mod model {
    pub(crate) use loom::cell::UnsafeCell;
    pub(crate) use loom::hint;
    pub(crate) use loom::sync::Arc;
    pub(crate) use loom::sync::MutexGuard;
    pub(crate) use loom::sync::atomic;
    pub(crate) use loom::sync::atomic::fence;
    use std::time::Duration;

    pub(crate) use super::deque;

    /// loom's mutex with `parking_lot`'s interface: locks are never poisoned.
    #[derive(Debug)]
    pub(crate) struct Mutex<T>(loom::sync::Mutex<T>);

    impl<T> Mutex<T> {
        pub(crate) fn new(value: T) -> Self {
            Self(loom::sync::Mutex::new(value))
        }

        pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
            self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
        }
    }

    /// loom's condition variable with `parking_lot`'s interface.
    #[derive(Debug)]
    pub(crate) struct Condvar(loom::sync::Condvar);

    impl Condvar {
        pub(crate) fn new() -> Self {
            Self(loom::sync::Condvar::new())
        }

        pub(crate) fn wait<T>(&self, guard: &mut MutexGuard<'_, T>) {
            replace_with(guard, |g| self.0.wait(g).unwrap_or_else(|poisoned| poisoned.into_inner()));
        }

        /// loom has no clock: a timed wait is an untimed one.
        pub(crate) fn wait_for<T>(&self, guard: &mut MutexGuard<'_, T>, _timeout: Duration) {
            self.wait(guard);
        }

        pub(crate) fn notify_one(&self) {
            self.0.notify_one();
        }

        pub(crate) fn notify_all(&self) {
            self.0.notify_all();
        }
    }

    /// Turns loom's by-value wait into `parking_lot`'s by-reference one.
    fn replace_with<T>(slot: &mut T, f: impl FnOnce(T) -> T) {
        struct AbortOnUnwind;
        impl Drop for AbortOnUnwind {
            fn drop(&mut self) {
                if std::thread::panicking() {
                    std::process::abort();
                }
            }
        }
        // SAFETY: the value is read once here and overwritten below before anyone can see the slot again.
        let value = unsafe { std::ptr::read(slot) };
        let value = f(value);
        // SAFETY: `slot` is valid for writes, and what it held was moved out above.
        unsafe { std::ptr::write(slot, value) };
    }
}

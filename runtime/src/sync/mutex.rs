//! A lock that tasks wait for without blocking their thread.

use std::cell::UnsafeCell;
use std::fmt;
use std::ptr::NonNull;
use std::sync::Arc;

use super::wait::{Exclusive, HasPermits, Held, Permits, block_on, const_unless_model};
use super::{MutexGuard, OwnedMutexGuard, TryLockError};
use crate::task::Resource;

/// A lock that is given out first come, first served, and that may be held across an await; asyncio's `Lock`.
///
/// A panic while it is held leaves it usable: it is unlocked, not poisoned. To protect what is only touched between two
/// awaits, `std::sync::Mutex` is cheaper.
///
/// # Differences from asyncio
///
/// It owns what it protects, and is released by its guard, in the same task or another.
///
/// # Examples
///
/// ```
/// # let rt = windlass::runtime::Runtime::new().unwrap();
/// # rt.block_on(async {
/// use std::sync::Arc;
/// use windlass::sync::Mutex;
///
/// let total = Arc::new(Mutex::new(0));
/// let tasks: Vec<_> = (1..=4)
///     .map(|n| {
///         let total = total.clone();
///         windlass::spawn(async move { *total.lock().await += n })
///     })
///     .collect();
/// for task in tasks {
///     task.await.unwrap();
/// }
/// assert_eq!(*total.lock().await, 10);
/// # });
/// ```
///
/// From threads without a runtime, and with guards that own the mutex and can go to another task:
///
/// ```
/// use std::sync::Arc;
/// use windlass::sync::{Mutex, OwnedMutexGuard};
///
/// let mutex = Arc::new(Mutex::new(1));
/// *Arc::clone(&mutex).blocking_lock_owned() += 1;
/// let guard = Arc::clone(&mutex).try_lock_owned().unwrap();
/// assert!(Arc::ptr_eq(OwnedMutexGuard::mutex(&guard), &mutex));
/// assert_eq!(*guard, 2);
/// ```
#[doc(alias("asyncio.Lock", "Lock", "locked"))]
pub struct Mutex<T: ?Sized> {
    permits: Permits,
    value: UnsafeCell<T>,
}

// SAFETY: it is reached by one guard at a time; going from thread to thread with the lock takes `T: Send`.
unsafe impl<T: ?Sized + Send> Send for Mutex<T> {}
// SAFETY: as above.
unsafe impl<T: ?Sized + Send> Sync for Mutex<T> {}

impl<T: ?Sized> HasPermits for Mutex<T> {
    #[inline]
    fn permits(&self) -> &Permits {
        &self.permits
    }
}

impl<T: ?Sized> Mutex<T> {
    /// A lock, free, around a value.
    ///
    /// # Examples
    ///
    /// ```
    /// let lock = windlass::sync::Mutex::new(5);
    /// assert_eq!(*lock.try_lock().unwrap(), 5);
    /// ```
    pub fn new(t: T) -> Self
    where
        T: Sized,
    {
        Self { permits: Permits::new(1), value: UnsafeCell::new(t) }
    }

    /// The value's place, as the holder of the one permit sees it.
    #[inline]
    fn value(&self) -> NonNull<T> {
        NonNull::new(self.value.get()).expect("a reference's target is not null")
    }

    #[inline]
    fn guard(&self) -> MutexGuard<'_, T> {
        // SAFETY: the one permit was acquired, and nothing else hands out the value while it is held.
        MutexGuard(unsafe { Exclusive::new(self.value(), Held::new(self, 1)) })
    }

    fn owned_guard(self: Arc<Self>) -> OwnedMutexGuard<T> {
        // SAFETY: as in `guard`; the `Arc` keeps the value where it is.
        OwnedMutexGuard(unsafe { Exclusive::new(self.value(), Held::new(self, 1)) })
    }

    /// Takes the lock, and waits for it in line.
    ///
    /// # Cancel safety
    ///
    /// Dropped while it waits it loses its place; the lock goes to the next in line.
    ///
    /// # Examples
    ///
    /// ```
    /// # let rt = windlass::runtime::Runtime::new().unwrap();
    /// # rt.block_on(async {
    /// let lock = windlass::sync::Mutex::new(1);
    /// *lock.lock().await += 1;
    /// assert_eq!(*lock.lock().await, 2);
    /// # });
    /// ```
    #[doc(alias = "acquire")]
    #[inline]
    pub async fn lock(&self) -> MutexGuard<'_, T> {
        self.permits.acquire(1, Resource::Mutex).await.expect("a lock is never closed");
        self.guard()
    }

    /// [`lock`](Self::lock) for a thread that may block.
    ///
    /// # Panics
    ///
    /// On a thread that runs tasks.
    ///
    /// # Examples
    ///
    /// ```
    /// let lock = windlass::sync::Mutex::new(1);
    /// *lock.blocking_lock() += 1;
    /// ```
    #[track_caller]
    pub fn blocking_lock(&self) -> MutexGuard<'_, T> {
        block_on(self.lock())
    }

    /// [`lock_owned`](Self::lock_owned) for a thread that may block.
    ///
    /// # Panics
    ///
    /// On a thread that runs tasks.
    #[track_caller]
    pub fn blocking_lock_owned(self: Arc<Self>) -> OwnedMutexGuard<T> {
        block_on(self.lock_owned())
    }

    /// [`lock`](Self::lock) with a guard that keeps the lock alive, and may be sent elsewhere.
    ///
    /// # Cancel safety
    ///
    /// Dropped while it waits it loses its place; the lock goes to the next in line.
    ///
    /// # Examples
    ///
    /// ```
    /// # let rt = windlass::runtime::Runtime::new().unwrap();
    /// # rt.block_on(async {
    /// use std::sync::Arc;
    /// use windlass::sync::Mutex;
    ///
    /// let lock = Arc::new(Mutex::new(1));
    /// let mut guard = lock.clone().lock_owned().await;
    /// windlass::spawn(async move { *guard = 2 }).await.unwrap();
    /// assert_eq!(*lock.lock().await, 2);
    /// # });
    /// ```
    pub async fn lock_owned(self: Arc<Self>) -> OwnedMutexGuard<T> {
        self.permits.acquire(1, Resource::Mutex).await.expect("a lock is never closed");
        self.owned_guard()
    }

    /// Takes the lock if it is free and nobody waits for it.
    ///
    /// # Errors
    ///
    /// If it is not.
    ///
    /// # Examples
    ///
    /// ```
    /// let lock = windlass::sync::Mutex::new(1);
    /// let guard = lock.try_lock().unwrap();
    /// assert!(lock.try_lock().is_err());
    /// # drop(guard);
    /// ```
    #[inline]
    pub fn try_lock(&self) -> Result<MutexGuard<'_, T>, TryLockError> {
        match self.permits.try_acquire(1) {
            Ok(()) => Ok(self.guard()),
            Err(_) => Err(TryLockError(())),
        }
    }

    /// [`try_lock`](Self::try_lock) with a guard that keeps the lock alive.
    ///
    /// # Errors
    ///
    /// If it is held, or others wait.
    pub fn try_lock_owned(self: Arc<Self>) -> Result<OwnedMutexGuard<T>, TryLockError> {
        match self.permits.try_acquire(1) {
            Ok(()) => Ok(self.owned_guard()),
            Err(_) => Err(TryLockError(())),
        }
    }

    /// The value, which nobody else can reach now.
    ///
    /// # Examples
    ///
    /// ```
    /// let mut lock = windlass::sync::Mutex::new(1);
    /// *lock.get_mut() = 2;
    /// assert_eq!(lock.into_inner(), 2);
    /// ```
    pub fn get_mut(&mut self) -> &mut T {
        self.value.get_mut()
    }

    /// The value, without the lock.
    pub fn into_inner(self) -> T
    where
        T: Sized,
    {
        self.value.into_inner()
    }
}

impl<T> Mutex<T> {
    const_unless_model! {
        /// As [`new`](Self::new), in a constant.
        ///
        /// # Examples
        ///
        /// ```
        /// use windlass::sync::Mutex;
        ///
        /// static LOCK: Mutex<u32> = Mutex::const_new(5);
        /// assert_eq!(*LOCK.try_lock().unwrap(), 5);
        /// ```
        pub fn const_new(t: T) -> Self {
            Self { permits: Permits::new(1), value: UnsafeCell::new(t) }
        }
    }
}

impl<T> From<T> for Mutex<T> {
    fn from(value: T) -> Self {
        Self::new(value)
    }
}

impl<T: Default> Default for Mutex<T> {
    fn default() -> Self {
        Self::new(T::default())
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for Mutex<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut f = f.debug_struct("Mutex");
        match self.try_lock() {
            Ok(guard) => f.field("data", &&*guard),
            Err(_) => f.field("data", &format_args!("<locked>")),
        };
        f.finish()
    }
}

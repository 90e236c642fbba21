//! A lock that many may read through, or one write.

use std::cell::UnsafeCell;
use std::fmt;
use std::ptr::NonNull;
use std::sync::Arc;

use super::wait::{Exclusive, HasPermits, Held, Permits, Shared, block_on, const_unless_model};
use super::{OwnedRwLockReadGuard, OwnedRwLockWriteGuard, RwLockReadGuard, RwLockWriteGuard, TryLockError};
use crate::task::Resource;

/// The most readers at a time.
const MAX_READS: u32 = u32::MAX >> 3;

/// A lock that many may read through or one write, given out first come, first served.
///
/// A writer in line lets no reader pass him, so readers who come and go all the time do not keep him waiting; who reads
/// already must not ask for another read meanwhile, or both wait for ever.
///
/// # Examples
///
/// ```
/// # let rt = windlass::runtime::Runtime::new().unwrap();
/// # rt.block_on(async {
/// let lock = windlass::sync::RwLock::new(5);
/// {
///     let (one, other) = (lock.read().await, lock.read().await);
///     assert_eq!(*one + *other, 10);
/// }
/// *lock.write().await += 1;
/// assert_eq!(*lock.read().await, 6);
/// # });
/// ```
///
/// From threads without a runtime, and with guards that own the lock:
///
/// ```
/// use std::sync::Arc;
/// use windlass::sync::RwLock;
///
/// // At most two read at once.
/// static CONFIG: RwLock<&str> = RwLock::const_with_max_readers("old", 2);
/// *CONFIG.blocking_write() = "new";
/// assert_eq!(*CONFIG.blocking_read(), "new");
///
/// let mut lock = RwLock::new(1);
/// *lock.get_mut() += 1;
/// let lock = Arc::new(lock);
/// let reading = Arc::clone(&lock).try_read_owned().unwrap();
/// assert!(Arc::clone(&lock).try_write_owned().is_err());
/// assert_eq!(*reading, 2);
/// ```
pub struct RwLock<T: ?Sized> {
    /// How many permits a writer takes: all. A reader takes one.
    all: u32,
    permits: Permits,
    value: UnsafeCell<T>,
}

// SAFETY: readers on several threads share a reference, a writer has one to itself, and the lock may be what carries the
// value to another thread.
unsafe impl<T: ?Sized + Send> Send for RwLock<T> {}
// SAFETY: as above.
unsafe impl<T: ?Sized + Send + Sync> Sync for RwLock<T> {}

impl<T: ?Sized> HasPermits for RwLock<T> {
    fn permits(&self) -> &Permits {
        &self.permits
    }
}

impl<T: ?Sized> RwLock<T> {
    /// A lock, free, around a value.
    pub fn new(value: T) -> Self
    where
        T: Sized,
    {
        Self::with_max_readers(value, MAX_READS)
    }

    /// A lock that so many may read through at once.
    ///
    /// # Panics
    ///
    /// If they are more than `u32::MAX >> 3`, or none.
    ///
    /// # Examples
    ///
    /// ```
    /// let lock = windlass::sync::RwLock::with_max_readers(5, 1);
    /// let reader = lock.try_read().unwrap();
    /// assert!(lock.try_read().is_err());
    /// # drop(reader);
    /// ```
    #[track_caller]
    pub fn with_max_readers(value: T, max_reads: u32) -> Self
    where
        T: Sized,
    {
        assert!(
            max_reads > 0 && max_reads <= MAX_READS,
            "a lock may have 1 to {MAX_READS} readers at a time"
        );
        Self { all: max_reads, permits: Permits::new(max_reads as usize), value: UnsafeCell::new(value) }
    }

    fn value(&self) -> NonNull<T> {
        NonNull::new(self.value.get()).expect("a reference's target is not null")
    }

    fn read_guard(&self) -> RwLockReadGuard<'_, T> {
        // SAFETY: a permit was acquired, and only the holder of all writes to the value.
        RwLockReadGuard(unsafe { Shared::new(self.value(), Held::new(&self.permits, 1)) })
    }

    fn owned_read_guard(self: Arc<Self>) -> OwnedRwLockReadGuard<T> {
        // SAFETY: as in `read_guard`; the `Arc` keeps the value where it is.
        OwnedRwLockReadGuard(unsafe { Shared::new(self.value(), Held::new(self, 1)) })
    }

    fn write_guard(&self) -> RwLockWriteGuard<'_, T> {
        // SAFETY: all permits were acquired, and nobody gets at the value without one.
        RwLockWriteGuard(unsafe { Exclusive::new(self.value(), Held::new(&self.permits, self.all as usize)) })
    }

    fn owned_write_guard(self: Arc<Self>) -> OwnedRwLockWriteGuard<T> {
        let all = self.all as usize;
        // SAFETY: as in `write_guard`; the `Arc` keeps the value where it is.
        OwnedRwLockWriteGuard(unsafe { Exclusive::new(self.value(), Held::new(self, all)) })
    }

    /// Takes the lock to read, and waits for it in line.
    ///
    /// # Cancel safety
    ///
    /// Dropped while it waits it loses its place, and the lock goes to the next in line.
    ///
    /// # Examples
    ///
    /// ```
    /// # let rt = windlass::runtime::Runtime::new().unwrap();
    /// # rt.block_on(async {
    /// let lock = windlass::sync::RwLock::new(5);
    /// assert_eq!(*lock.read().await, 5);
    /// # });
    /// ```
    pub async fn read(&self) -> RwLockReadGuard<'_, T> {
        self.permits.acquire(1, Resource::RwLock).await.expect("a lock is never closed");
        self.read_guard()
    }

    /// [`read`](Self::read) for a thread that may block.
    ///
    /// # Panics
    ///
    /// On a thread that runs tasks.
    #[track_caller]
    pub fn blocking_read(&self) -> RwLockReadGuard<'_, T> {
        block_on(self.read())
    }

    /// [`read`](Self::read) with a guard that keeps the lock alive.
    ///
    /// # Cancel safety
    ///
    /// As `read`.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::Arc;
    /// use windlass::sync::RwLock;
    ///
    /// # #[windlass::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let lock = Arc::new(RwLock::new(1));
    /// let reading = Arc::clone(&lock).read_owned().await;
    /// // The guard goes to the task, which may outlive this scope.
    /// let task = windlass::spawn(async move { *reading });
    /// assert_eq!(task.await.unwrap(), 1);
    /// # }
    /// ```
    pub async fn read_owned(self: Arc<Self>) -> OwnedRwLockReadGuard<T> {
        self.permits.acquire(1, Resource::RwLock).await.expect("a lock is never closed");
        self.owned_read_guard()
    }

    /// Takes the lock to read if nobody writes and nobody waits.
    ///
    /// # Errors
    ///
    /// If somebody does.
    ///
    /// # Examples
    ///
    /// ```
    /// let lock = windlass::sync::RwLock::new(5);
    /// let reader = lock.try_read().unwrap();
    /// assert!(lock.try_read().is_ok() && lock.try_write().is_err());
    /// # drop(reader);
    /// ```
    pub fn try_read(&self) -> Result<RwLockReadGuard<'_, T>, TryLockError> {
        match self.permits.try_acquire(1) {
            Ok(()) => Ok(self.read_guard()),
            Err(_) => Err(TryLockError(())),
        }
    }

    /// [`try_read`](Self::try_read) with a guard that keeps the lock alive.
    ///
    /// # Errors
    ///
    /// If somebody writes or waits.
    pub fn try_read_owned(self: Arc<Self>) -> Result<OwnedRwLockReadGuard<T>, TryLockError> {
        match self.permits.try_acquire(1) {
            Ok(()) => Ok(self.owned_read_guard()),
            Err(_) => Err(TryLockError(())),
        }
    }

    /// Takes the lock to write, and waits for it in line.
    ///
    /// # Cancel safety
    ///
    /// Dropped while it waits it loses its place, and the lock goes to the next in line.
    ///
    /// # Examples
    ///
    /// ```
    /// # let rt = windlass::runtime::Runtime::new().unwrap();
    /// # rt.block_on(async {
    /// let lock = windlass::sync::RwLock::new(5);
    /// *lock.write().await = 6;
    /// assert_eq!(lock.into_inner(), 6);
    /// # });
    /// ```
    pub async fn write(&self) -> RwLockWriteGuard<'_, T> {
        self.permits.acquire(self.all as usize, Resource::RwLock).await.expect("a lock is never closed");
        self.write_guard()
    }

    /// [`write`](Self::write) for a thread that may block.
    ///
    /// # Panics
    ///
    /// On a thread that runs tasks.
    #[track_caller]
    pub fn blocking_write(&self) -> RwLockWriteGuard<'_, T> {
        block_on(self.write())
    }

    /// [`write`](Self::write) with a guard that keeps the lock alive.
    ///
    /// # Cancel safety
    ///
    /// As `write`.
    ///
    /// # Examples
    ///
    /// ```
    /// # let rt = windlass::runtime::Runtime::new().unwrap();
    /// # rt.block_on(async {
    /// use std::sync::Arc;
    /// use windlass::sync::RwLock;
    ///
    /// let lock = Arc::new(RwLock::new(1));
    /// let mut writer = lock.clone().write_owned().await;
    /// windlass::spawn(async move { *writer = 2 }).await.unwrap();
    /// assert_eq!(*lock.read().await, 2);
    /// # });
    /// ```
    pub async fn write_owned(self: Arc<Self>) -> OwnedRwLockWriteGuard<T> {
        self.permits.acquire(self.all as usize, Resource::RwLock).await.expect("a lock is never closed");
        self.owned_write_guard()
    }

    /// Takes the lock to write if it is free and nobody waits.
    ///
    /// # Errors
    ///
    /// If it is not.
    pub fn try_write(&self) -> Result<RwLockWriteGuard<'_, T>, TryLockError> {
        match self.permits.try_acquire(self.all as usize) {
            Ok(()) => Ok(self.write_guard()),
            Err(_) => Err(TryLockError(())),
        }
    }

    /// [`try_write`](Self::try_write) with a guard that keeps the lock alive.
    ///
    /// # Errors
    ///
    /// If it is held, or others wait.
    pub fn try_write_owned(self: Arc<Self>) -> Result<OwnedRwLockWriteGuard<T>, TryLockError> {
        match self.permits.try_acquire(self.all as usize) {
            Ok(()) => Ok(self.owned_write_guard()),
            Err(_) => Err(TryLockError(())),
        }
    }

    /// The value, which nobody else can reach now.
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

impl<T> RwLock<T> {
    const_unless_model! {
        /// As [`new`](Self::new), in a constant.
        ///
        /// # Examples
        ///
        /// ```
        /// use windlass::sync::RwLock;
        ///
        /// static LOCK: RwLock<u32> = RwLock::const_new(5);
        /// assert_eq!(*LOCK.try_read().unwrap(), 5);
        /// ```
        pub fn const_new(value: T) -> Self {
            Self::const_with_max_readers(value, MAX_READS)
        }
    }

    const_unless_model! {
        /// As [`with_max_readers`](Self::with_max_readers), in a constant.
        ///
        /// # Panics
        ///
        /// If they are more than `u32::MAX >> 3`, or none.
        #[track_caller]
        pub fn const_with_max_readers(value: T, max_reads: u32) -> Self {
            assert!(max_reads > 0 && max_reads <= MAX_READS, "that is no number of readers a lock may have");
            Self { all: max_reads, permits: Permits::new(max_reads as usize), value: UnsafeCell::new(value) }
        }
    }
}

impl<T> From<T> for RwLock<T> {
    fn from(value: T) -> Self {
        Self::new(value)
    }
}

impl<T: Default> Default for RwLock<T> {
    fn default() -> Self {
        Self::new(T::default())
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for RwLock<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut f = f.debug_struct("RwLock");
        match self.try_read() {
            Ok(guard) => f.field("data", &&*guard),
            Err(_) => f.field("data", &format_args!("<locked>")),
        };
        f.finish()
    }
}

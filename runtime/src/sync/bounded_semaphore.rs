//! A semaphore that cannot get more permits than it began with.

use std::fmt;

use super::TryAcquireError;
use super::wait::{HasPermits, Held, Permits};
use crate::primitives::atomic::AtomicUsize;
use crate::primitives::atomic::Ordering::Relaxed;
use crate::task::Resource;

/// A semaphore that cannot get more permits than it began with; asyncio's `BoundedSemaphore`.
///
/// # Differences from asyncio
///
/// The guard gives its permit back, so only who has [forgotten](BoundedPermit::forget) one calls
/// [`release`](Self::release); doing so once too often is an error, as in Python.
///
/// # Examples
///
/// ```
/// # let rt = windlass::runtime::Runtime::new().unwrap();
/// # rt.block_on(async {
/// let semaphore = windlass::sync::BoundedSemaphore::new(1);
/// semaphore.acquire().await.forget();
/// assert!(semaphore.release().is_ok());
/// assert!(semaphore.release().is_err());
/// # });
/// ```
#[doc(alias = "asyncio.BoundedSemaphore")]
pub struct BoundedSemaphore {
    permits: Permits,
    /// How many were forgotten, and may be released. It orders nothing: the permits do.
    forgotten: AtomicUsize,
}

impl HasPermits for BoundedSemaphore {
    fn permits(&self) -> &Permits {
        &self.permits
    }
}

impl BoundedSemaphore {
    /// A semaphore with so many permits, now and at most.
    ///
    /// # Panics
    ///
    /// If they are more than [`Semaphore::MAX_PERMITS`](super::Semaphore::MAX_PERMITS).
    ///
    /// # Examples
    ///
    /// ```
    /// let semaphore = windlass::sync::BoundedSemaphore::new(3);
    /// assert_eq!(semaphore.available_permits(), 3);
    /// ```
    #[track_caller]
    pub fn new(permits: usize) -> Self {
        Self { permits: Permits::new(permits), forgotten: AtomicUsize::new(0) }
    }

    /// How many permits are left.
    pub fn available_permits(&self) -> usize {
        self.permits.available()
    }

    /// Takes a permit, and waits for it in line.
    ///
    /// # Cancel safety
    ///
    /// Dropped while it waits it loses its place, and no permit.
    ///
    /// # Examples
    ///
    /// ```
    /// # let rt = windlass::runtime::Runtime::new().unwrap();
    /// # rt.block_on(async {
    /// let semaphore = windlass::sync::BoundedSemaphore::new(1);
    /// let permit = semaphore.acquire().await;
    /// assert!(semaphore.try_acquire().is_err());
    /// drop(permit);
    /// # });
    /// ```
    pub async fn acquire(&self) -> BoundedPermit<'_> {
        self.permits.acquire(1, Resource::Semaphore).await.expect("it is never closed");
        BoundedPermit(Held::new(self, 1))
    }

    /// Takes a permit if there is one and nobody waits.
    ///
    /// # Errors
    ///
    /// If there is none, or others wait.
    pub fn try_acquire(&self) -> Result<BoundedPermit<'_>, TryAcquireError> {
        self.permits.try_acquire(1)?;
        Ok(BoundedPermit(Held::new(self, 1)))
    }

    /// Gives back the permit of a guard that was forgotten.
    ///
    /// # Errors
    ///
    /// If there is none that was: the semaphore would have more permits than it began with.
    pub fn release(&self) -> Result<(), OverRelease> {
        match self.forgotten.fetch_update(Relaxed, Relaxed, |forgotten| forgotten.checked_sub(1)) {
            Ok(_) => {
                self.permits.release(1);
                Ok(())
            }
            Err(_) => Err(OverRelease(())),
        }
    }
}

impl fmt::Debug for BoundedSemaphore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BoundedSemaphore")
            .field("permits", &self.available_permits())
            .field("waiters", &self.permits.waiters())
            .finish()
    }
}

/// A permit of a [`BoundedSemaphore`], given back when it is dropped.
#[must_use = "the permit is given back when it is dropped"]
#[clippy::has_significant_drop]
pub struct BoundedPermit<'a>(Held<&'a BoundedSemaphore>);

impl BoundedPermit<'_> {
    /// Leaves it to a later [`release`](BoundedSemaphore::release) to give the permit back.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[windlass::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let semaphore = windlass::sync::BoundedSemaphore::new(2);
    /// semaphore.acquire().await.forget();
    /// assert_eq!(semaphore.available_permits(), 1);
    /// semaphore.release().unwrap();
    /// # }
    /// ```
    pub fn forget(self) {
        let (semaphore, permits) = self.0.into_parts();
        semaphore.forgotten.fetch_add(permits, Relaxed);
    }
}

impl fmt::Debug for BoundedPermit<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BoundedPermit").field("semaphore", self.0.owner()).finish()
    }
}

/// A permit was given back that nobody had taken.
///
/// # Examples
///
/// ```
/// use windlass::sync::{BoundedSemaphore, OverRelease};
///
/// # #[windlass::main(flavor = "current_thread")]
/// # async fn main() {
/// let semaphore = BoundedSemaphore::new(1);
/// // Taken in one place and given back in another, as asyncio does it.
/// semaphore.acquire().await.forget();
/// assert_eq!(semaphore.available_permits(), 0);
/// semaphore.release().unwrap();
/// let once_too_often: Result<(), OverRelease> = semaphore.release();
/// assert!(once_too_often.is_err());
/// # }
/// ```
#[derive(Debug, PartialEq, Eq)]
pub struct OverRelease(());

impl fmt::Display for OverRelease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BoundedSemaphore released too many times")
    }
}

impl std::error::Error for OverRelease {}

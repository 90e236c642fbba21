//! Why a lock or a permit was not to be had.

use std::fmt;

use super::wait::{Closed, Refused};

/// The semaphore was closed.
///
/// # Examples
///
/// ```
/// use windlass::sync::{AcquireError, Semaphore};
///
/// # #[windlass::main(flavor = "current_thread")]
/// # async fn main() {
/// let semaphore = Semaphore::new(0);
/// semaphore.close();
/// let closed: AcquireError = semaphore.acquire().await.unwrap_err();
/// println!("{closed}");
/// # }
/// ```
#[derive(Debug, PartialEq, Eq)]
pub struct AcquireError(());

impl From<Closed> for AcquireError {
    fn from(_: Closed) -> Self {
        Self(())
    }
}

impl fmt::Display for AcquireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("semaphore closed")
    }
}

impl std::error::Error for AcquireError {}

/// Why [`Semaphore::try_acquire`](super::Semaphore::try_acquire) did not get a permit.
///
/// # Examples
///
/// ```
/// use windlass::sync::{Semaphore, TryAcquireError};
///
/// let semaphore = Semaphore::new(0);
/// assert_eq!(semaphore.try_acquire().unwrap_err(), TryAcquireError::NoPermits);
/// semaphore.close();
/// assert_eq!(semaphore.try_acquire().unwrap_err(), TryAcquireError::Closed);
/// ```
#[derive(Debug, PartialEq, Eq)]
pub enum TryAcquireError {
    /// The semaphore was closed.
    Closed,
    /// There are too few permits, or others wait for some.
    NoPermits,
}

impl From<Refused> for TryAcquireError {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Closed => TryAcquireError::Closed,
            Refused::TooFew => TryAcquireError::NoPermits,
        }
    }
}

impl fmt::Display for TryAcquireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            TryAcquireError::Closed => "semaphore closed",
            TryAcquireError::NoPermits => "no permits available",
        })
    }
}

impl std::error::Error for TryAcquireError {}

/// The lock is held, or others wait for it.
///
/// # Examples
///
/// ```
/// use windlass::sync::{Mutex, TryLockError};
///
/// let mutex = Mutex::new(1);
/// let guard = mutex.try_lock().unwrap();
/// let held: TryLockError = mutex.try_lock().unwrap_err();
/// println!("{held}");
/// # drop(guard);
/// ```
#[derive(Debug)]
pub struct TryLockError(pub(super) ());

impl fmt::Display for TryLockError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("operation would block")
    }
}

impl std::error::Error for TryLockError {}

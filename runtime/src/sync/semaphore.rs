//! A semaphore: so many may do something at once.

use std::fmt;
use std::sync::Arc;

use super::wait::{HasPermits, Held, Permits, block_on, const_unless_model};
use super::{AcquireError, TryAcquireError};
use crate::task::Resource;

/// So many permits, given out first come, first served; asyncio's `Semaphore`.
///
/// A permit is given back when its guard is dropped. Who asks for many waits until so many are there at once, and
/// nobody behind him in line is served before.
///
/// # Differences from asyncio
///
/// There is no `release`: the guard does it, and [`add_permits`](Self::add_permits) makes new ones. A semaphore can be
/// closed.
///
/// # Examples
///
/// ```
/// # let rt = windlass::runtime::Runtime::new().unwrap();
/// # rt.block_on(async {
/// use std::sync::Arc;
/// use windlass::sync::Semaphore;
///
/// let at_once = Arc::new(Semaphore::new(2));
/// let tasks: Vec<_> = (0..10)
///     .map(|n| {
///         let at_once = at_once.clone();
///         windlass::spawn(async move {
///             let _permit = at_once.acquire().await.unwrap();
///             n // never more than two at a time
///         })
///     })
///     .collect();
/// for task in tasks {
///     task.await.unwrap();
/// }
/// assert_eq!(at_once.available_permits(), 2);
/// # });
/// ```
///
/// Several at once, and from threads without a runtime:
///
/// ```
/// use std::sync::Arc;
/// use windlass::sync::Semaphore;
///
/// let megabytes = Arc::new(Semaphore::new(8));
/// let large = megabytes.try_acquire_many(5).unwrap();
/// assert!(megabytes.try_acquire_many(5).is_err());
/// drop(large);
/// let large = megabytes.blocking_acquire_many(5).unwrap();
/// let small = Arc::clone(&megabytes).blocking_acquire_owned().unwrap();
/// assert_eq!(megabytes.available_permits(), 2);
/// drop((large, small));
///
/// let owned = Arc::clone(&megabytes).blocking_acquire_many_owned(6).unwrap();
/// assert!(Arc::clone(&megabytes).try_acquire_owned().is_ok());
/// assert!(Arc::clone(&megabytes).try_acquire_many_owned(3).is_err());
/// drop(owned);
/// megabytes.close();
/// assert!(megabytes.is_closed());
/// assert!(Semaphore::MAX_PERMITS > 1 << 28);
/// ```
#[doc(alias("asyncio.Semaphore", "locked"))]
pub struct Semaphore {
    permits: Permits,
}

impl HasPermits for Semaphore {
    fn permits(&self) -> &Permits {
        &self.permits
    }
}

impl Semaphore {
    /// The most permits a semaphore may have.
    pub const MAX_PERMITS: usize = Permits::MAX;

    /// A semaphore with so many permits.
    ///
    /// # Panics
    ///
    /// If they are more than [`MAX_PERMITS`](Self::MAX_PERMITS).
    ///
    /// # Examples
    ///
    /// ```
    /// let semaphore = windlass::sync::Semaphore::new(3);
    /// assert_eq!(semaphore.available_permits(), 3);
    /// ```
    #[track_caller]
    pub fn new(permits: usize) -> Self {
        Self { permits: Permits::new(permits) }
    }

    const_unless_model! {
        /// As [`new`](Self::new), in a constant.
        ///
        /// # Examples
        ///
        /// ```
        /// use windlass::sync::Semaphore;
        ///
        /// static AT_ONCE: Semaphore = Semaphore::const_new(3);
        /// assert_eq!(AT_ONCE.available_permits(), 3);
        /// ```
        #[track_caller]
        pub fn const_new(permits: usize) -> Self {
            Self { permits: Permits::new(permits) }
        }
    }

    /// How many permits are left. They are spoken for if somebody waits for more than that.
    pub fn available_permits(&self) -> usize {
        self.permits.available()
    }

    /// Makes so many new permits, or gives back those of forgotten guards; asyncio's `release`.
    ///
    /// # Panics
    ///
    /// If there are then more than [`MAX_PERMITS`](Self::MAX_PERMITS).
    ///
    /// # Examples
    ///
    /// ```
    /// let semaphore = windlass::sync::Semaphore::new(0);
    /// semaphore.add_permits(1);
    /// assert!(semaphore.try_acquire().is_ok());
    /// ```
    #[doc(alias = "release")]
    #[track_caller]
    pub fn add_permits(&self, n: usize) {
        self.permits.release(n);
    }

    /// Makes so many permits fewer, as far as they are there, and returns how many it were.
    ///
    /// # Examples
    ///
    /// ```
    /// let semaphore = windlass::sync::Semaphore::new(3);
    /// assert_eq!(semaphore.forget_permits(5), 3);
    /// assert_eq!(semaphore.available_permits(), 0);
    /// ```
    pub fn forget_permits(&self, n: usize) -> usize {
        self.permits.forget(n)
    }

    /// Takes a permit, and waits for it in line.
    ///
    /// # Errors
    ///
    /// If the semaphore is closed, or is while this waits.
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
    /// let semaphore = windlass::sync::Semaphore::new(1);
    /// let permit = semaphore.acquire().await.unwrap();
    /// assert_eq!(semaphore.available_permits(), 0);
    /// drop(permit);
    /// # });
    /// ```
    pub async fn acquire(&self) -> Result<SemaphorePermit<'_>, AcquireError> {
        self.acquire_many(1).await
    }

    /// Takes so many permits at once, and waits for them in line.
    ///
    /// # Errors
    ///
    /// If the semaphore is closed, or is while this waits.
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
    /// let semaphore = windlass::sync::Semaphore::new(5);
    /// let permits = semaphore.acquire_many(3).await.unwrap();
    /// assert_eq!(permits.num_permits(), 3);
    /// # });
    /// ```
    pub async fn acquire_many(&self, n: u32) -> Result<SemaphorePermit<'_>, AcquireError> {
        self.permits.acquire(n as usize, Resource::Semaphore).await?;
        Ok(SemaphorePermit(Held::new(self, n as usize)))
    }

    /// Takes a permit if there is one and nobody waits.
    ///
    /// # Errors
    ///
    /// If there is none, or others wait, or the semaphore is closed.
    ///
    /// # Examples
    ///
    /// ```
    /// use windlass::sync::{Semaphore, TryAcquireError};
    ///
    /// let semaphore = Semaphore::new(1);
    /// let _permit = semaphore.try_acquire().unwrap();
    /// assert_eq!(semaphore.try_acquire().unwrap_err(), TryAcquireError::NoPermits);
    /// ```
    pub fn try_acquire(&self) -> Result<SemaphorePermit<'_>, TryAcquireError> {
        self.try_acquire_many(1)
    }

    /// Takes so many permits if they are there and nobody waits.
    ///
    /// # Errors
    ///
    /// If there are fewer, or others wait, or the semaphore is closed.
    pub fn try_acquire_many(&self, n: u32) -> Result<SemaphorePermit<'_>, TryAcquireError> {
        self.permits.try_acquire(n as usize)?;
        Ok(SemaphorePermit(Held::new(self, n as usize)))
    }

    /// [`acquire`](Self::acquire) for a thread that may block.
    ///
    /// # Errors
    ///
    /// As `acquire`.
    ///
    /// # Panics
    ///
    /// On a thread that runs tasks.
    ///
    /// # Examples
    ///
    /// ```
    /// let semaphore = windlass::sync::Semaphore::new(1);
    /// let _permit = semaphore.blocking_acquire().unwrap();
    /// ```
    #[track_caller]
    pub fn blocking_acquire(&self) -> Result<SemaphorePermit<'_>, AcquireError> {
        block_on(self.acquire())
    }

    /// [`acquire_many`](Self::acquire_many) for a thread that may block.
    ///
    /// # Errors
    ///
    /// As `acquire_many`.
    ///
    /// # Panics
    ///
    /// On a thread that runs tasks.
    #[track_caller]
    pub fn blocking_acquire_many(&self, n: u32) -> Result<SemaphorePermit<'_>, AcquireError> {
        block_on(self.acquire_many(n))
    }

    /// [`acquire`](Self::acquire) with a permit that lives by itself.
    ///
    /// # Errors
    ///
    /// If the semaphore is closed, or is while this waits.
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
    /// use std::sync::Arc;
    /// use windlass::sync::Semaphore;
    ///
    /// let semaphore = Arc::new(Semaphore::new(1));
    /// let permit = semaphore.clone().acquire_owned().await.unwrap();
    /// windlass::spawn(async move { drop(permit) }).await.unwrap();
    /// assert_eq!(semaphore.available_permits(), 1);
    /// # });
    /// ```
    pub async fn acquire_owned(self: Arc<Self>) -> Result<OwnedSemaphorePermit, AcquireError> {
        self.acquire_many_owned(1).await
    }

    /// [`acquire_many`](Self::acquire_many) with permits that live by themselves.
    ///
    /// # Errors
    ///
    /// If the semaphore is closed, or is while this waits.
    ///
    /// # Cancel safety
    ///
    /// Dropped while it waits it loses its place, and no permit.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::Arc;
    /// use windlass::sync::Semaphore;
    ///
    /// # #[windlass::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let semaphore = Arc::new(Semaphore::new(3));
    /// let permits = Arc::clone(&semaphore).acquire_many_owned(2).await.unwrap();
    /// windlass::spawn(async move {
    ///     assert_eq!(permits.num_permits(), 2);
    ///     // They come back when the task is done with them.
    /// }).await.unwrap();
    /// assert_eq!(semaphore.available_permits(), 3);
    /// # }
    /// ```
    pub async fn acquire_many_owned(self: Arc<Self>, n: u32) -> Result<OwnedSemaphorePermit, AcquireError> {
        self.permits.acquire(n as usize, Resource::Semaphore).await?;
        Ok(OwnedSemaphorePermit(Held::new(self, n as usize)))
    }

    /// [`try_acquire`](Self::try_acquire) with a permit that lives by itself.
    ///
    /// # Errors
    ///
    /// As `try_acquire`.
    pub fn try_acquire_owned(self: Arc<Self>) -> Result<OwnedSemaphorePermit, TryAcquireError> {
        self.try_acquire_many_owned(1)
    }

    /// [`try_acquire_many`](Self::try_acquire_many) with permits that live by themselves.
    ///
    /// # Errors
    ///
    /// As `try_acquire_many`.
    pub fn try_acquire_many_owned(self: Arc<Self>, n: u32) -> Result<OwnedSemaphorePermit, TryAcquireError> {
        self.permits.try_acquire(n as usize)?;
        Ok(OwnedSemaphorePermit(Held::new(self, n as usize)))
    }

    /// [`acquire_owned`](Self::acquire_owned) for a thread that may block.
    ///
    /// # Errors
    ///
    /// As `acquire`.
    ///
    /// # Panics
    ///
    /// On a thread that runs tasks.
    #[track_caller]
    pub fn blocking_acquire_owned(self: Arc<Self>) -> Result<OwnedSemaphorePermit, AcquireError> {
        block_on(self.acquire_owned())
    }

    /// [`acquire_many_owned`](Self::acquire_many_owned) for a thread that may block.
    ///
    /// # Errors
    ///
    /// As `acquire_many`.
    ///
    /// # Panics
    ///
    /// On a thread that runs tasks.
    #[track_caller]
    pub fn blocking_acquire_many_owned(
        self: Arc<Self>,
        n: u32,
    ) -> Result<OwnedSemaphorePermit, AcquireError> {
        block_on(self.acquire_many_owned(n))
    }

    /// Gives out no permits any more: who waits, and who asks from now on, gets an error. Who was granted some before, and has not been
    /// polled since, has them.
    ///
    /// # Examples
    ///
    /// ```
    /// # let rt = windlass::runtime::Runtime::new().unwrap();
    /// # rt.block_on(async {
    /// let semaphore = windlass::sync::Semaphore::new(1);
    /// semaphore.close();
    /// assert!(semaphore.acquire().await.is_err());
    /// # });
    /// ```
    pub fn close(&self) {
        self.permits.close();
    }

    /// Whether it was closed.
    pub fn is_closed(&self) -> bool {
        self.permits.is_closed()
    }
}

impl fmt::Debug for Semaphore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Semaphore")
            .field("permits", &self.available_permits())
            .field("waiters", &self.permits.waiters())
            .field("closed", &self.is_closed())
            .finish()
    }
}

macro_rules! permit {
    ([$($generics:tt)*] $Permit:ty, $owner:ty, $semaphore:ty, $get:expr) => {
        impl<$($generics)*> $Permit {
            /// Gives it up without giving it back: the semaphore has so many fewer.
            pub fn forget(self) {
                let _ = self.0.into_parts();
            }

            /// Takes over the permits of another one.
            ///
            /// # Panics
            ///
            /// If they are of another semaphore.
            #[track_caller]
            pub fn merge(&mut self, other: Self) {
                let same = std::ptr::eq::<Semaphore>(&**self.0.owner(), &**other.0.owner());
                assert!(same, "permits of two semaphores do not mix: merge those of one");
                self.0.merge(other.0);
            }

            /// Parts with so many of its permits, if it has them.
            pub fn split(&mut self, n: usize) -> Option<Self> {
                self.0.split(n).map(Self)
            }

            /// The semaphore it is of.
            pub fn semaphore(&self) -> $semaphore {
                $get(self.0.owner())
            }

            /// How many permits it is.
            pub fn num_permits(&self) -> usize {
                self.0.many()
            }
        }

        impl<$($generics)*> fmt::Debug for $Permit {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($Permit))
                    .field("permits", &self.num_permits())
                    .field("semaphore", &self.semaphore())
                    .finish()
            }
        }
    };
}

/// Permits of a [`Semaphore`], given back when they are dropped.
///
/// # Examples
///
/// ```
/// use windlass::sync::Semaphore;
///
/// let semaphore = Semaphore::new(4);
/// let mut all = semaphore.try_acquire_many(3).unwrap();
/// let one = all.split(1).unwrap();
/// assert_eq!((all.num_permits(), one.num_permits()), (2, 1));
/// assert!(std::ptr::eq(one.semaphore(), &semaphore));
/// all.merge(one);
/// // They do not come back.
/// all.forget();
/// assert_eq!(semaphore.available_permits(), 1);
/// ```
#[must_use = "the permit is given back when it is dropped"]
#[clippy::has_significant_drop]
pub struct SemaphorePermit<'a>(Held<&'a Semaphore>);

/// Permits of a [`Semaphore`] that they keep alive; given back when they are dropped.
///
/// # Examples
///
/// ```
/// use std::sync::Arc;
/// use windlass::sync::Semaphore;
///
/// let semaphore = Arc::new(Semaphore::new(4));
/// let mut all = Arc::clone(&semaphore).try_acquire_many_owned(3).unwrap();
/// let one = all.split(1).unwrap();
/// assert!(Arc::ptr_eq(one.semaphore(), &semaphore));
/// all.merge(one);
/// assert_eq!(all.num_permits(), 3);
/// all.forget();
/// assert_eq!(semaphore.available_permits(), 1);
/// ```
#[must_use = "the permit is given back when it is dropped"]
#[clippy::has_significant_drop]
pub struct OwnedSemaphorePermit(Held<Arc<Semaphore>>);

permit!(['a] SemaphorePermit<'a>, &'a Semaphore, &'a Semaphore, |owner: &&'a Semaphore| *owner);
permit!([] OwnedSemaphorePermit, Arc<Semaphore>, &Arc<Semaphore>, std::convert::identity);

//! The guards of a `Mutex`.

use std::sync::Arc;

use super::Mutex;
use super::wait::{Exclusive, HasPermits, Permits, forward_guard};

/// Access to the value of a [`Mutex`], which is unlocked when this is dropped.
///
/// # Examples
///
/// A guard can be narrowed to a part of the value:
///
/// ```
/// use windlass::sync::{MappedMutexGuard, Mutex, MutexGuard};
///
/// let mutex = Mutex::new((vec![1, 2], "name"));
/// {
///     let guard = mutex.try_lock().unwrap();
///     assert!(MutexGuard::mutex(&guard).try_lock().is_err());
///     let numbers = MutexGuard::map(guard, |pair| &mut pair.0);
///     let mut first = MappedMutexGuard::map(numbers, |numbers| &mut numbers[0]);
///     *first = 7;
/// }
/// // `try_map` gives the guard back where there is no such part.
/// let guard = mutex.try_lock().unwrap();
/// let guard = MutexGuard::try_map(guard, |pair| pair.0.get_mut(9)).unwrap_err();
/// assert_eq!(guard.0, [7, 2]);
/// ```
#[must_use = "the lock is released when its guard is dropped"]
#[clippy::has_significant_drop]
pub struct MutexGuard<'a, T: ?Sized>(pub(super) Exclusive<&'a Mutex<T>, T>);

/// Access to the value of a [`Mutex`] that it keeps alive, and that is unlocked when this is dropped.
///
/// # Examples
///
/// ```
/// use std::sync::Arc;
/// use windlass::sync::{Mutex, OwnedMutexGuard};
///
/// let mutex = Arc::new(Mutex::new((vec![1], "name")));
/// let guard = Arc::clone(&mutex).try_lock_owned().unwrap();
/// let guard = OwnedMutexGuard::try_map(guard, |pair| pair.0.get_mut(9)).unwrap_err();
/// let name = OwnedMutexGuard::map(guard, |pair| &mut pair.1);
/// assert_eq!(*name, "name");
/// ```
#[must_use = "the lock is released when its guard is dropped"]
#[clippy::has_significant_drop]
pub struct OwnedMutexGuard<T: ?Sized>(pub(super) Exclusive<Arc<Mutex<T>>, T>);

/// Access to a part of the value of a [`Mutex`], which is unlocked when this is dropped.
///
/// # Examples
///
/// ```
/// use windlass::sync::{MappedMutexGuard, Mutex, MutexGuard};
///
/// let mutex = Mutex::new((vec![1], "name"));
/// let numbers = MutexGuard::map(mutex.try_lock().unwrap(), |pair| &mut pair.0);
/// let numbers = MappedMutexGuard::try_map(numbers, |numbers| numbers.get_mut(9)).unwrap_err();
/// let first = MappedMutexGuard::map(numbers, |numbers| &mut numbers[0]);
/// assert_eq!(*first, 1);
/// ```
#[must_use = "the lock is released when its guard is dropped"]
#[clippy::has_significant_drop]
pub struct MappedMutexGuard<'a, T: ?Sized>(Exclusive<&'a Permits, T>);

/// Access to a part of the value of a [`Mutex`] that it keeps alive, and that is unlocked when this is dropped.
///
/// # Examples
///
/// ```
/// use std::sync::Arc;
/// use windlass::sync::{Mutex, OwnedMappedMutexGuard, OwnedMutexGuard};
///
/// let mutex = Arc::new(Mutex::new((vec![1], "name")));
/// let numbers = OwnedMutexGuard::map(mutex.try_lock_owned().unwrap(), |pair| &mut pair.0);
/// let numbers = OwnedMappedMutexGuard::try_map(numbers, |numbers| numbers.get_mut(9)).unwrap_err();
/// let first = OwnedMappedMutexGuard::map(numbers, |numbers| &mut numbers[0]);
/// assert_eq!(*first, 1);
/// ```
#[must_use = "the lock is released when its guard is dropped"]
#[clippy::has_significant_drop]
pub struct OwnedMappedMutexGuard<T: ?Sized, U: ?Sized = T>(Exclusive<Arc<Mutex<T>>, U>);

forward_guard!(['a, T: ?Sized] mut MutexGuard<'a, T> => T);
forward_guard!([T: ?Sized] mut OwnedMutexGuard<T> => T);
forward_guard!(['a, T: ?Sized] mut MappedMutexGuard<'a, T> => T);
forward_guard!([T: ?Sized, U: ?Sized] mut OwnedMappedMutexGuard<T, U> => U);

impl<'a, T: ?Sized> MutexGuard<'a, T> {
    /// A guard of a part of the value. An associated function, since the value may have a method of that name.
    ///
    /// # Examples
    ///
    /// ```
    /// # let rt = windlass::runtime::Runtime::new().unwrap();
    /// # rt.block_on(async {
    /// use windlass::sync::{Mutex, MutexGuard};
    ///
    /// let lock = Mutex::new((1, "one"));
    /// *MutexGuard::map(lock.lock().await, |pair| &mut pair.0) = 2;
    /// assert_eq!(lock.into_inner(), (2, "one"));
    /// # });
    /// ```
    pub fn map<U, F>(this: Self, f: F) -> MappedMutexGuard<'a, U>
    where
        U: ?Sized,
        F: FnOnce(&mut T) -> &mut U,
    {
        MappedMutexGuard(this.0.reach(|lock| lock.permits()).map(f))
    }

    /// A guard of a part of the value, if there is one.
    ///
    /// # Errors
    ///
    /// The guard itself, if there is not.
    pub fn try_map<U, F>(this: Self, f: F) -> Result<MappedMutexGuard<'a, U>, Self>
    where
        U: ?Sized,
        F: FnOnce(&mut T) -> Option<&mut U>,
    {
        let lock: &'a Mutex<T> = this.0.owner();
        match this.0.try_map(f) {
            Ok(part) => Ok(MappedMutexGuard(part.reach(|_| lock.permits()))),
            Err(whole) => Err(Self(whole)),
        }
    }

    /// The lock it is of.
    pub fn mutex(this: &Self) -> &'a Mutex<T> {
        this.0.owner()
    }
}

impl<T: ?Sized> OwnedMutexGuard<T> {
    /// A guard of a part of the value.
    pub fn map<U, F>(this: Self, f: F) -> OwnedMappedMutexGuard<T, U>
    where
        U: ?Sized,
        F: FnOnce(&mut T) -> &mut U,
    {
        OwnedMappedMutexGuard(this.0.map(f))
    }

    /// A guard of a part of the value, if there is one.
    ///
    /// # Errors
    ///
    /// The guard itself, if there is not.
    pub fn try_map<U, F>(this: Self, f: F) -> Result<OwnedMappedMutexGuard<T, U>, Self>
    where
        U: ?Sized,
        F: FnOnce(&mut T) -> Option<&mut U>,
    {
        this.0.try_map(f).map(OwnedMappedMutexGuard).map_err(Self)
    }

    /// The lock it is of.
    pub fn mutex(this: &Self) -> &Arc<Mutex<T>> {
        this.0.owner()
    }
}

impl<'a, T: ?Sized> MappedMutexGuard<'a, T> {
    /// A guard of a part of the part.
    pub fn map<U, F>(this: Self, f: F) -> MappedMutexGuard<'a, U>
    where
        U: ?Sized,
        F: FnOnce(&mut T) -> &mut U,
    {
        MappedMutexGuard(this.0.map(f))
    }

    /// A guard of a part of the part, if there is one.
    ///
    /// # Errors
    ///
    /// The guard itself, if there is not.
    pub fn try_map<U, F>(this: Self, f: F) -> Result<MappedMutexGuard<'a, U>, Self>
    where
        U: ?Sized,
        F: FnOnce(&mut T) -> Option<&mut U>,
    {
        this.0.try_map(f).map(MappedMutexGuard).map_err(Self)
    }
}

impl<T: ?Sized, U: ?Sized> OwnedMappedMutexGuard<T, U> {
    /// A guard of a part of the part.
    pub fn map<V, F>(this: Self, f: F) -> OwnedMappedMutexGuard<T, V>
    where
        V: ?Sized,
        F: FnOnce(&mut U) -> &mut V,
    {
        OwnedMappedMutexGuard(this.0.map(f))
    }

    /// A guard of a part of the part, if there is one.
    ///
    /// # Errors
    ///
    /// The guard itself, if there is not.
    pub fn try_map<V, F>(this: Self, f: F) -> Result<OwnedMappedMutexGuard<T, V>, Self>
    where
        V: ?Sized,
        F: FnOnce(&mut U) -> Option<&mut V>,
    {
        this.0.try_map(f).map(OwnedMappedMutexGuard).map_err(Self)
    }
}

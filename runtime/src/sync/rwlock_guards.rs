//! The guards of a `RwLock`.

use std::sync::Arc;

use super::RwLock;
use super::wait::{Exclusive, Permits, Shared, forward_guard};

/// Access to read the value of a [`RwLock`], until it is dropped.
///
/// # Examples
///
/// ```
/// use windlass::sync::{RwLock, RwLockReadGuard};
///
/// let lock = RwLock::new((vec![1], "name"));
/// let guard = lock.try_read().unwrap();
/// let guard = RwLockReadGuard::try_map(guard, |pair| pair.0.get(9)).unwrap_err();
/// let name = RwLockReadGuard::map(guard, |pair| &pair.1);
/// assert_eq!(*name, "name");
/// ```
#[must_use = "the lock is released when its guard is dropped"]
#[clippy::has_significant_drop]
pub struct RwLockReadGuard<'a, T: ?Sized>(pub(super) Shared<&'a Permits, T>);

/// Access to read the value of a [`RwLock`] that it keeps alive, until it is dropped.
///
/// # Examples
///
/// ```
/// use std::sync::Arc;
/// use windlass::sync::{OwnedRwLockReadGuard, RwLock};
///
/// let lock = Arc::new(RwLock::new((vec![1], "name")));
/// let guard = Arc::clone(&lock).try_read_owned().unwrap();
/// assert!(Arc::ptr_eq(OwnedRwLockReadGuard::rwlock(&guard), &lock));
/// let guard = OwnedRwLockReadGuard::try_map(guard, |pair| pair.0.get(9)).unwrap_err();
/// let name = OwnedRwLockReadGuard::map(guard, |pair| &pair.1);
/// assert_eq!(*name, "name");
/// ```
#[must_use = "the lock is released when its guard is dropped"]
#[clippy::has_significant_drop]
pub struct OwnedRwLockReadGuard<T: ?Sized, U: ?Sized = T>(pub(super) Shared<Arc<RwLock<T>>, U>);

/// Access to write to the value of a [`RwLock`], until it is dropped.
///
/// # Examples
///
/// Narrowed to a part, and turned into a guard that reads, with nobody writing in between:
///
/// ```
/// use windlass::sync::{RwLock, RwLockWriteGuard};
///
/// let lock = RwLock::new((vec![1], "name"));
/// let guard = lock.try_write().unwrap();
/// let guard = RwLockWriteGuard::try_map(guard, |pair| pair.0.get_mut(9)).unwrap_err();
/// *RwLockWriteGuard::map(guard, |pair| &mut pair.0[0]) = 7;
///
/// let guard = lock.try_write().unwrap();
/// let guard = RwLockWriteGuard::try_downgrade_map(guard, |pair| pair.0.get(9)).unwrap_err();
/// let first = RwLockWriteGuard::downgrade_map(guard, |pair| &pair.0[0]);
/// assert_eq!((*first, lock.try_read().is_ok()), (7, true));
/// drop(first);
///
/// // All of it, as the type of a part: for a function that takes either.
/// let whole = RwLockWriteGuard::into_mapped(lock.try_write().unwrap());
/// assert_eq!(whole.1, "name");
/// ```
#[must_use = "the lock is released when its guard is dropped"]
#[clippy::has_significant_drop]
pub struct RwLockWriteGuard<'a, T: ?Sized>(pub(super) Exclusive<&'a Permits, T>);

/// Access to write to the value of a [`RwLock`] that it keeps alive, until it is dropped.
///
/// # Examples
///
/// ```
/// use std::sync::Arc;
/// use windlass::sync::{OwnedRwLockWriteGuard, RwLock};
///
/// let lock = Arc::new(RwLock::new((vec![1], "name")));
/// let write = || Arc::clone(&lock).try_write_owned().unwrap();
///
/// assert!(Arc::ptr_eq(OwnedRwLockWriteGuard::rwlock(&write()), &lock));
/// let guard = OwnedRwLockWriteGuard::try_map(write(), |pair| pair.0.get_mut(9)).unwrap_err();
/// *OwnedRwLockWriteGuard::map(guard, |pair| &mut pair.0[0]) = 7;
///
/// let guard = OwnedRwLockWriteGuard::try_downgrade_map(write(), |pair| pair.0.get(9)).unwrap_err();
/// let first = OwnedRwLockWriteGuard::downgrade_map(guard, |pair| &pair.0[0]);
/// assert_eq!(*first, 7);
/// drop(first);
///
/// assert_eq!(OwnedRwLockWriteGuard::into_mapped(write()).1, "name");
/// let reading = write().downgrade();
/// assert!(lock.try_read().is_ok(), "others may read too");
/// # drop(reading);
/// ```
#[must_use = "the lock is released when its guard is dropped"]
#[clippy::has_significant_drop]
pub struct OwnedRwLockWriteGuard<T: ?Sized>(pub(super) Exclusive<Arc<RwLock<T>>, T>);

/// Access to write to a part of the value of a [`RwLock`], until it is dropped.
///
/// It cannot become a read guard: others would then read the rest as well.
///
/// # Examples
///
/// ```
/// use windlass::sync::{RwLock, RwLockMappedWriteGuard, RwLockWriteGuard};
///
/// let lock = RwLock::new((vec![1], "name"));
/// let numbers = RwLockWriteGuard::map(lock.try_write().unwrap(), |pair| &mut pair.0);
/// let numbers = RwLockMappedWriteGuard::try_map(numbers, |numbers| numbers.get_mut(9)).unwrap_err();
/// let mut first = RwLockMappedWriteGuard::map(numbers, |numbers| &mut numbers[0]);
/// *first = 7;
/// ```
#[must_use = "the lock is released when its guard is dropped"]
#[clippy::has_significant_drop]
pub struct RwLockMappedWriteGuard<'a, T: ?Sized>(Exclusive<&'a Permits, T>);

/// Access to write to a part of the value of a [`RwLock`] that it keeps alive, until it is dropped.
///
/// # Examples
///
/// ```
/// use std::sync::Arc;
/// use windlass::sync::{OwnedRwLockMappedWriteGuard, OwnedRwLockWriteGuard, RwLock};
///
/// let lock = Arc::new(RwLock::new((vec![1], "name")));
/// let guard = Arc::clone(&lock).try_write_owned().unwrap();
/// let numbers = OwnedRwLockWriteGuard::map(guard, |pair| &mut pair.0);
/// assert!(Arc::ptr_eq(OwnedRwLockMappedWriteGuard::rwlock(&numbers), &lock));
/// let numbers = OwnedRwLockMappedWriteGuard::try_map(numbers, |numbers| numbers.get_mut(9)).unwrap_err();
/// let mut first = OwnedRwLockMappedWriteGuard::map(numbers, |numbers| &mut numbers[0]);
/// *first = 7;
/// ```
#[must_use = "the lock is released when its guard is dropped"]
#[clippy::has_significant_drop]
pub struct OwnedRwLockMappedWriteGuard<T: ?Sized, U: ?Sized = T>(Exclusive<Arc<RwLock<T>>, U>);

forward_guard!(['a, T: ?Sized] RwLockReadGuard<'a, T> => T);
forward_guard!([T: ?Sized, U: ?Sized] OwnedRwLockReadGuard<T, U> => U);
forward_guard!(['a, T: ?Sized] mut RwLockWriteGuard<'a, T> => T);
forward_guard!([T: ?Sized] mut OwnedRwLockWriteGuard<T> => T);
forward_guard!(['a, T: ?Sized] mut RwLockMappedWriteGuard<'a, T> => T);
forward_guard!([T: ?Sized, U: ?Sized] mut OwnedRwLockMappedWriteGuard<T, U> => U);

impl<'a, T: ?Sized> RwLockReadGuard<'a, T> {
    /// A guard of a part of the value.
    pub fn map<F, U: ?Sized>(this: Self, f: F) -> RwLockReadGuard<'a, U>
    where
        F: FnOnce(&T) -> &U,
    {
        RwLockReadGuard(this.0.map(f))
    }

    /// A guard of a part of the value, if there is one.
    ///
    /// # Errors
    ///
    /// The guard itself, if there is not.
    pub fn try_map<F, U: ?Sized>(this: Self, f: F) -> Result<RwLockReadGuard<'a, U>, Self>
    where
        F: FnOnce(&T) -> Option<&U>,
    {
        this.0.try_map(f).map(RwLockReadGuard).map_err(Self)
    }
}

impl<T: ?Sized, U: ?Sized> OwnedRwLockReadGuard<T, U> {
    /// A guard of a part of the value.
    pub fn map<F, V: ?Sized>(this: Self, f: F) -> OwnedRwLockReadGuard<T, V>
    where
        F: FnOnce(&U) -> &V,
    {
        OwnedRwLockReadGuard(this.0.map(f))
    }

    /// A guard of a part of the value, if there is one.
    ///
    /// # Errors
    ///
    /// The guard itself, if there is not.
    pub fn try_map<F, V: ?Sized>(this: Self, f: F) -> Result<OwnedRwLockReadGuard<T, V>, Self>
    where
        F: FnOnce(&U) -> Option<&V>,
    {
        this.0.try_map(f).map(OwnedRwLockReadGuard).map_err(Self)
    }

    /// The lock it is of.
    pub fn rwlock(this: &Self) -> &Arc<RwLock<T>> {
        this.0.owner()
    }
}

impl<'a, T: ?Sized> RwLockWriteGuard<'a, T> {
    /// A guard of a part of the value.
    pub fn map<F, U: ?Sized>(this: Self, f: F) -> RwLockMappedWriteGuard<'a, U>
    where
        F: FnOnce(&mut T) -> &mut U,
    {
        RwLockMappedWriteGuard(this.0.map(f))
    }

    /// A guard of a part of the value, if there is one.
    ///
    /// # Errors
    ///
    /// The guard itself, if there is not.
    pub fn try_map<F, U: ?Sized>(this: Self, f: F) -> Result<RwLockMappedWriteGuard<'a, U>, Self>
    where
        F: FnOnce(&mut T) -> Option<&mut U>,
    {
        this.0.try_map(f).map(RwLockMappedWriteGuard).map_err(Self)
    }

    /// A guard that reads a part of the value, and lets others read too.
    pub fn downgrade_map<F, U: ?Sized>(this: Self, f: F) -> RwLockReadGuard<'a, U>
    where
        F: FnOnce(&T) -> &U,
    {
        // Nobody else reads before `f` has returned.
        let Ok(part) = Self::try_downgrade_map(this, |value| Some(f(value))) else {
            unreachable!("there is a part");
        };
        part
    }

    /// A guard that reads a part of the value, if there is one, and lets others read too.
    ///
    /// # Errors
    ///
    /// The guard itself, if there is not.
    pub fn try_downgrade_map<F, U: ?Sized>(this: Self, f: F) -> Result<RwLockReadGuard<'a, U>, Self>
    where
        F: FnOnce(&T) -> Option<&U>,
    {
        let part = f(&this).map(std::ptr::from_ref);
        match part {
            // SAFETY: the part is of the value, which may be read as long as a permit is held.
            Some(part) => Ok(RwLockReadGuard::map(this.downgrade(), |_| unsafe { &*part })),
            None => Err(this),
        }
    }

    /// The same guard as one of a part that is the whole.
    pub fn into_mapped(this: Self) -> RwLockMappedWriteGuard<'a, T> {
        RwLockMappedWriteGuard(this.0)
    }

    /// Lets others read from here on, without letting a writer in between.
    ///
    /// # Examples
    ///
    /// ```
    /// # let rt = windlass::runtime::Runtime::new().unwrap();
    /// # rt.block_on(async {
    /// let lock = windlass::sync::RwLock::new(1);
    /// let mut writer = lock.write().await;
    /// *writer = 2;
    /// let reader = writer.downgrade();
    /// assert_eq!(*lock.read().await, *reader);
    /// # });
    /// ```
    pub fn downgrade(self) -> RwLockReadGuard<'a, T> {
        RwLockReadGuard(self.0.downgrade(1))
    }
}

impl<T: ?Sized> OwnedRwLockWriteGuard<T> {
    /// A guard of a part of the value.
    pub fn map<F, U: ?Sized>(this: Self, f: F) -> OwnedRwLockMappedWriteGuard<T, U>
    where
        F: FnOnce(&mut T) -> &mut U,
    {
        OwnedRwLockMappedWriteGuard(this.0.map(f))
    }

    /// A guard of a part of the value, if there is one.
    ///
    /// # Errors
    ///
    /// The guard itself, if there is not.
    pub fn try_map<F, U: ?Sized>(this: Self, f: F) -> Result<OwnedRwLockMappedWriteGuard<T, U>, Self>
    where
        F: FnOnce(&mut T) -> Option<&mut U>,
    {
        this.0.try_map(f).map(OwnedRwLockMappedWriteGuard).map_err(Self)
    }

    /// A guard that reads a part of the value, and lets others read too.
    pub fn downgrade_map<F, U: ?Sized>(this: Self, f: F) -> OwnedRwLockReadGuard<T, U>
    where
        F: FnOnce(&T) -> &U,
    {
        // Nobody else reads before `f` has returned.
        let Ok(part) = Self::try_downgrade_map(this, |value| Some(f(value))) else {
            unreachable!("there is a part");
        };
        part
    }

    /// A guard that reads a part of the value, if there is one, and lets others read too.
    ///
    /// # Errors
    ///
    /// The guard itself, if there is not.
    pub fn try_downgrade_map<F, U: ?Sized>(this: Self, f: F) -> Result<OwnedRwLockReadGuard<T, U>, Self>
    where
        F: FnOnce(&T) -> Option<&U>,
    {
        let part = f(&this).map(std::ptr::from_ref);
        match part {
            // SAFETY: the part is of the value, which may be read as long as a permit is held.
            Some(part) => Ok(OwnedRwLockReadGuard::map(this.downgrade(), |_| unsafe { &*part })),
            None => Err(this),
        }
    }

    /// The same guard as one of a part that is the whole.
    pub fn into_mapped(this: Self) -> OwnedRwLockMappedWriteGuard<T> {
        OwnedRwLockMappedWriteGuard(this.0)
    }

    /// Lets others read from here on, without letting a writer in between.
    pub fn downgrade(self) -> OwnedRwLockReadGuard<T> {
        OwnedRwLockReadGuard(self.0.downgrade(1))
    }

    /// The lock it is of.
    pub fn rwlock(this: &Self) -> &Arc<RwLock<T>> {
        this.0.owner()
    }
}

impl<'a, T: ?Sized> RwLockMappedWriteGuard<'a, T> {
    /// A guard of a part of the part.
    pub fn map<F, U: ?Sized>(this: Self, f: F) -> RwLockMappedWriteGuard<'a, U>
    where
        F: FnOnce(&mut T) -> &mut U,
    {
        RwLockMappedWriteGuard(this.0.map(f))
    }

    /// A guard of a part of the part, if there is one.
    ///
    /// # Errors
    ///
    /// The guard itself, if there is not.
    pub fn try_map<F, U: ?Sized>(this: Self, f: F) -> Result<RwLockMappedWriteGuard<'a, U>, Self>
    where
        F: FnOnce(&mut T) -> Option<&mut U>,
    {
        this.0.try_map(f).map(RwLockMappedWriteGuard).map_err(Self)
    }
}

impl<T: ?Sized, U: ?Sized> OwnedRwLockMappedWriteGuard<T, U> {
    /// A guard of a part of the part.
    pub fn map<F, V: ?Sized>(this: Self, f: F) -> OwnedRwLockMappedWriteGuard<T, V>
    where
        F: FnOnce(&mut U) -> &mut V,
    {
        OwnedRwLockMappedWriteGuard(this.0.map(f))
    }

    /// A guard of a part of the part, if there is one.
    ///
    /// # Errors
    ///
    /// The guard itself, if there is not.
    pub fn try_map<F, V: ?Sized>(this: Self, f: F) -> Result<OwnedRwLockMappedWriteGuard<T, V>, Self>
    where
        F: FnOnce(&mut U) -> Option<&mut V>,
    {
        this.0.try_map(f).map(OwnedRwLockMappedWriteGuard).map_err(Self)
    }

    /// The lock it is of.
    pub fn rwlock(this: &Self) -> &Arc<RwLock<T>> {
        this.0.owner()
    }
}

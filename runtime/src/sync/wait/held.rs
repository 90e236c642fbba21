//! What is held by a guard: permits that are given back when it goes, and for locks the value they protect.

use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};
use std::ptr::NonNull;

use super::Permits;

/// What has permits to give out.
pub(crate) trait HasPermits {
    fn permits(&self) -> &Permits;
}

impl HasPermits for Permits {
    fn permits(&self) -> &Permits {
        self
    }
}

/// Permits that are given back when this is dropped. `P` is how the owner of the permits is reached.
pub(crate) struct Held<P: Deref<Target: HasPermits>> {
    /// `None` when it was taken apart.
    owner: Option<P>,
    many: usize,
}

impl<P: Deref<Target: HasPermits>> Held<P> {
    /// Takes over permits that were acquired.
    #[inline]
    pub(crate) fn new(owner: P, many: usize) -> Self {
        Self { owner: Some(owner), many }
    }

    #[inline]
    pub(crate) fn owner(&self) -> &P {
        self.owner.as_ref().expect("it is there until this is taken apart")
    }

    pub(crate) fn many(&self) -> usize {
        self.many
    }

    /// The owner, and how many permits whoever calls this has to give back from here on.
    pub(crate) fn into_parts(mut self) -> (P, usize) {
        (self.owner.take().expect("it is there until this is taken apart"), std::mem::take(&mut self.many))
    }

    /// Gives some back now, and the rest later.
    pub(crate) fn keep(&mut self, many: usize) {
        let rest = self.many - many;
        self.many = many;
        self.owner().permits().release(rest);
    }

    /// Takes over what another one holds.
    pub(crate) fn merge(&mut self, other: Self) {
        self.many += other.into_parts().1;
    }

    /// Parts with so many.
    pub(crate) fn split(&mut self, many: usize) -> Option<Self>
    where
        P: Clone,
    {
        self.many = self.many.checked_sub(many)?;
        Some(Self::new(self.owner().clone(), many))
    }
}

impl<P: Deref<Target: HasPermits>> Drop for Held<P> {
    #[inline]
    fn drop(&mut self) {
        if let Some(owner) = &self.owner
            && self.many > 0
        {
            owner.permits().release(self.many);
        }
    }
}

/// Access to a value that others have too.
pub(crate) struct Shared<P: Deref<Target: HasPermits>, T: ?Sized> {
    value: NonNull<T>,
    held: Held<P>,
}

/// Access to a value that nobody else has.
pub(crate) struct Exclusive<P: Deref<Target: HasPermits>, T: ?Sized> {
    value: NonNull<T>,
    held: Held<P>,
    /// What is written through it must be exactly a `T`.
    _invariant: PhantomData<*mut T>,
}

// SAFETY: it is as good as the reference it hands out, and what is needed to give the permits back.
unsafe impl<P: Deref<Target: HasPermits> + Send, T: ?Sized + Sync> Send for Shared<P, T> {}
// SAFETY: as above.
unsafe impl<P: Deref<Target: HasPermits> + Sync, T: ?Sized + Sync> Sync for Shared<P, T> {}
// SAFETY: as above; the reference is a mutable one.
unsafe impl<P: Deref<Target: HasPermits> + Send, T: ?Sized + Send> Send for Exclusive<P, T> {}
// SAFETY: as above; through a shared reference to this there is only a shared one to the value.
unsafe impl<P: Deref<Target: HasPermits> + Sync, T: ?Sized + Sync> Sync for Exclusive<P, T> {}

impl<P: Deref<Target: HasPermits>, T: ?Sized> Shared<P, T> {
    /// # Safety
    ///
    /// The value lives as long as what `held` reaches its permits by, and nobody writes to it while they are held.
    pub(crate) unsafe fn new(value: NonNull<T>, held: Held<P>) -> Self {
        Self { value, held }
    }

    pub(crate) fn owner(&self) -> &P {
        self.held.owner()
    }

    pub(crate) fn map<U: ?Sized>(self, f: impl FnOnce(&T) -> &U) -> Shared<P, U> {
        // SAFETY: `new` was promised that it may be read as long as the permits are held.
        let value = NonNull::from(f(unsafe { self.value.as_ref() }));
        Shared { value, held: self.held }
    }

    pub(crate) fn try_map<U: ?Sized>(self, f: impl FnOnce(&T) -> Option<&U>) -> Result<Shared<P, U>, Self> {
        // SAFETY: as in `map`.
        match f(unsafe { self.value.as_ref() }).map(NonNull::from) {
            Some(value) => Ok(Shared { value, held: self.held }),
            None => Err(self),
        }
    }
}

impl<P: Deref<Target: HasPermits>, T: ?Sized> Exclusive<P, T> {
    /// # Safety
    ///
    /// The value lives as long as what `held` reaches its permits by, and nobody else uses it while they are held.
    #[inline]
    pub(crate) unsafe fn new(value: NonNull<T>, held: Held<P>) -> Self {
        Self { value, held, _invariant: PhantomData }
    }

    #[inline]
    pub(crate) fn owner(&self) -> &P {
        self.held.owner()
    }

    /// Reaches the permits in another way.
    pub(crate) fn reach<Q: Deref<Target: HasPermits>>(self, f: impl FnOnce(P) -> Q) -> Exclusive<Q, T> {
        let value = self.value;
        let (owner, many) = self.held.into_parts();
        Exclusive { value, held: Held::new(f(owner), many), _invariant: PhantomData }
    }

    /// Lets others read, by keeping so many of the permits.
    pub(crate) fn downgrade(mut self, keep: usize) -> Shared<P, T> {
        self.held.keep(keep);
        Shared { value: self.value, held: self.held }
    }

    pub(crate) fn map<U: ?Sized>(mut self, f: impl FnOnce(&mut T) -> &mut U) -> Exclusive<P, U> {
        // SAFETY: `new` was promised that nobody else uses it as long as the permits are held.
        let value = NonNull::from(f(unsafe { self.value.as_mut() }));
        Exclusive { value, held: self.held, _invariant: PhantomData }
    }

    pub(crate) fn try_map<U: ?Sized>(
        mut self,
        f: impl FnOnce(&mut T) -> Option<&mut U>,
    ) -> Result<Exclusive<P, U>, Self> {
        // SAFETY: as in `map`.
        match f(unsafe { self.value.as_mut() }).map(NonNull::from) {
            Some(value) => Ok(Exclusive { value, held: self.held, _invariant: PhantomData }),
            None => Err(self),
        }
    }
}

impl<P: Deref<Target: HasPermits>, T: ?Sized> Deref for Shared<P, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: `new` was promised that it may be read as long as the permits are held.
        unsafe { self.value.as_ref() }
    }
}

impl<P: Deref<Target: HasPermits>, T: ?Sized> Deref for Exclusive<P, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: `new` was promised that nobody else uses it as long as the permits are held.
        unsafe { self.value.as_ref() }
    }
}

impl<P: Deref<Target: HasPermits>, T: ?Sized> DerefMut for Exclusive<P, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: as above.
        unsafe { self.value.as_mut() }
    }
}

/// The traits of a guard that is a `Shared` or, with `mut`, an `Exclusive` in a public type.
macro_rules! forward_guard {
    ([$($generics:tt)*] $Guard:ty => $Value:ty) => {
        impl<$($generics)*> ::std::ops::Deref for $Guard {
            type Target = $Value;

            #[inline]
            fn deref(&self) -> &$Value {
                &self.0
            }
        }

        impl<$($generics)*> ::std::fmt::Debug for $Guard
        where
            $Value: ::std::fmt::Debug,
        {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                ::std::fmt::Debug::fmt(&**self, f)
            }
        }

        impl<$($generics)*> ::std::fmt::Display for $Guard
        where
            $Value: ::std::fmt::Display,
        {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                ::std::fmt::Display::fmt(&**self, f)
            }
        }
    };
    ([$($generics:tt)*] mut $Guard:ty => $Value:ty) => {
        $crate::sync::wait::forward_guard!([$($generics)*] $Guard => $Value);

        impl<$($generics)*> ::std::ops::DerefMut for $Guard {
            #[inline]
            fn deref_mut(&mut self) -> &mut $Value {
                &mut self.0
            }
        }
    };
}
pub(crate) use forward_guard;

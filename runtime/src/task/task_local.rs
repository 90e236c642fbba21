//! Values that belong to a task, or to the part of it inside a scope.

use std::any::type_name;
use std::cell::{BorrowError, BorrowMutError, RefCell};
use std::error::Error;
use std::fmt;
use std::future::Future;
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::thread::{self, AccessError as ThreadGone};

use pin_project_lite::pin_project;

use super::carried_locals::{CarryFn, in_scope};

/// Declares task-locals: statics of type [`LocalKey`](crate::task::LocalKey).
///
/// # Examples
///
/// ```
/// windlass::task_local! {
///     /// Who asked.
///     static USER: &'static str;
/// }
///
/// #[windlass::main]
/// async fn main() {
///     USER.scope("ada", async { assert_eq!(USER.get(), "ada") }).await;
///     assert!(USER.try_with(|_| ()).is_err());
/// }
/// ```
#[macro_export]
macro_rules! task_local {
    () => {};
    ($(#[$attr:meta])* $vis:vis static $name:ident: $ty:ty; $($rest:tt)*) => {
        $crate::__task_local!($(#[$attr])* $vis $name, $ty);
        $crate::task_local!($($rest)*);
    };
    ($(#[$attr:meta])* $vis:vis static $name:ident: $ty:ty) => {
        $crate::__task_local!($(#[$attr])* $vis $name, $ty);
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __task_local {
    ($(#[$attr:meta])* $vis:vis $name:ident, $ty:ty) => {
        $(#[$attr])*
        $vis static $name: $crate::task::LocalKey<$ty> = {
            ::std::thread_local! {
                static VALUE: ::std::cell::RefCell<::std::option::Option<$ty>> =
                    const { ::std::cell::RefCell::new(::std::option::Option::None) };
            }
            #[allow(unused_imports)]
            use $crate::task::NotCarried as _;
            $crate::task::LocalKey::__new(&VALUE, $crate::task::Carry::<$ty>::HOW)
        };
    };
}

/// A value that is set for a future, and found by all that future calls; declared by
/// [`task_local!`](crate::task_local). asyncio's `ContextVar`, but set by a scope and not inherited by tasks
/// that are spawned inside.
///
/// # Examples
///
/// ```
/// use windlass::task::AccessError;
/// use windlass::task_local;
///
/// task_local! {
///     static DEPTH: u32;
/// }
///
/// # #[windlass::main(flavor = "current_thread")]
/// # async fn main() {
/// assert!(DEPTH.try_get().is_err());
/// let nested = DEPTH.scope(1, async {
///     let inner = DEPTH.sync_scope(2, || DEPTH.get());
///     (DEPTH.with(|depth| *depth), inner)
/// });
/// assert_eq!(nested.await, (1, 2));
/// let outside: Result<u32, AccessError> = DEPTH.try_with(|depth| *depth);
/// assert!(outside.is_err());
/// # }
/// ```
#[doc(alias = "ContextVar")]
pub struct LocalKey<T: 'static> {
    value: &'static thread::LocalKey<RefCell<Option<T>>>,
    carry: Option<CarryFn<T>>,
}

impl<T: 'static> LocalKey<T> {
    #[doc(hidden)]
    pub const fn __new(
        value: &'static thread::LocalKey<RefCell<Option<T>>>,
        carry: Option<CarryFn<T>>,
    ) -> Self {
        Self { value, carry }
    }

    /// How its value goes to another thread, if it can.
    pub(super) fn carry_fn(&self) -> Option<CarryFn<T>> {
        self.carry
    }

    /// Whether somebody on this thread looks at the value.
    pub(super) fn is_borrowed(&self) -> bool {
        self.value.try_with(|value| value.try_borrow_mut().is_err()).unwrap_or(false)
    }

    /// Exchanges the value, unless it is borrowed or the thread is in its last moments.
    pub(super) fn swap(&'static self, slot: &mut Option<T>) {
        let _ = self.value.try_with(|value| {
            if let Ok(mut value) = value.try_borrow_mut() {
                mem::swap(slot, &mut *value);
            }
        });
    }

    /// Runs a future with the task-local set to `value`.
    ///
    /// # Cancel safety
    ///
    /// That of the future; the value is dropped with it.
    ///
    /// # Panics
    ///
    /// When polled while the task-local is borrowed by [`with`](Self::with).
    pub fn scope<F: Future>(&'static self, value: T, future: F) -> TaskLocalFuture<T, F> {
        TaskLocalFuture { key: self, value: Some(value), future: Some(future) }
    }

    /// Calls a function with the task-local set to `value`.
    ///
    /// # Panics
    ///
    /// If the task-local is borrowed by [`with`](Self::with), or its thread is in its last moments.
    #[track_caller]
    pub fn sync_scope<F, R>(&'static self, value: T, f: F) -> R
    where
        F: FnOnce() -> R,
    {
        let mut value = Some(value);
        match self.scoped(&mut value, f) {
            Ok(result) => result,
            Err(error) => error.panic(),
        }
    }

    /// Calls `f` while the task-local is `slot`'s value, and puts that back into `slot`.
    fn scoped<R>(&'static self, slot: &mut Option<T>, f: impl FnOnce() -> R) -> Result<R, ScopeError> {
        struct PutBack<'a, T: 'static> {
            key: &'static LocalKey<T>,
            slot: &'a mut Option<T>,
        }
        impl<T: 'static> Drop for PutBack<'_, T> {
            fn drop(&mut self) {
                // It worked on the way in, on this thread, and whoever borrowed it since is gone.
                self.key.value.with(|value| mem::swap(self.slot, &mut *value.borrow_mut()));
            }
        }
        self.value
            .try_with(|value| value.try_borrow_mut().map(|mut value| mem::swap(slot, &mut *value)))??;
        let _put_back = PutBack { key: self, slot };
        Ok(in_scope(self, f))
    }

    /// Calls `f` with the value.
    ///
    /// # Panics
    ///
    /// Where it is not set.
    #[track_caller]
    pub fn with<F, R>(&'static self, f: F) -> R
    where
        F: FnOnce(&T) -> R,
    {
        match self.try_with(f) {
            Ok(result) => result,
            Err(error) => panic!("cannot access the task-local of type {}: {error}", type_name::<T>()),
        }
    }

    /// Calls `f` with the value.
    ///
    /// # Errors
    ///
    /// Where it is not set.
    pub fn try_with<F, R>(&'static self, f: F) -> Result<R, AccessError>
    where
        F: FnOnce(&T) -> R,
    {
        self.value.try_with(|value| value.borrow().as_ref().map(f)).ok().flatten().ok_or(AccessError(()))
    }

    /// A copy of the value.
    ///
    /// # Panics
    ///
    /// Where it is not set.
    #[track_caller]
    pub fn get(&'static self) -> T
    where
        T: Clone,
    {
        self.with(T::clone)
    }

    /// A copy of the value.
    ///
    /// # Errors
    ///
    /// Where it is not set.
    pub fn try_get(&'static self) -> Result<T, AccessError>
    where
        T: Clone,
    {
        self.try_with(T::clone)
    }
}

impl<T: 'static> fmt::Debug for LocalKey<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalKey").finish_non_exhaustive()
    }
}

pin_project! {
    /// The future of [`LocalKey::scope`].
    ///
    /// # Examples
    ///
    /// ```
    /// use std::pin::pin;
    ///
    /// windlass::task_local! {
    ///     static COUNT: u32;
    /// }
    /// # #[windlass::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let mut counted = pin!(COUNT.scope(5, async { COUNT.get() }));
    /// assert_eq!(counted.as_mut().await, 5);
    /// // The value comes out again.
    /// assert_eq!(counted.take_value(), Some(5));
    /// # }
    /// ```
    #[must_use = "futures do nothing unless they are awaited"]
    pub struct TaskLocalFuture<T: 'static, F> {
        key: &'static LocalKey<T>,
        value: Option<T>,
        #[pin]
        future: Option<F>,
    }

    impl<T: 'static, F> PinnedDrop for TaskLocalFuture<T, F> {
        fn drop(this: Pin<&mut Self>) {
            // What the future drops may look for the value.
            let mut this = this.project();
            if this.future.is_some() {
                let _ = this.key.scoped(this.value, || this.future.as_mut().set(None));
            }
        }
    }
}

impl<T: 'static, F> TaskLocalFuture<T, F> {
    /// Takes the value out, once the future is done or before it begins.
    pub fn take_value(self: Pin<&mut Self>) -> Option<T> {
        self.project().value.take()
    }
}

impl<T: 'static, F: Future> Future for TaskLocalFuture<T, F> {
    type Output = F::Output;

    #[track_caller]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let mut this = self.project();
        let polled = this.key.scoped(this.value, || {
            let future = this.future.as_mut().as_pin_mut()?;
            let polled = future.poll(cx);
            if polled.is_ready() {
                this.future.set(None);
            }
            Some(polled)
        });
        match polled {
            Ok(Some(polled)) => polled,
            Ok(None) => panic!("`TaskLocalFuture` polled after completion"),
            Err(error) => error.panic(),
        }
    }
}

impl<T: fmt::Debug + 'static, F> fmt::Debug for TaskLocalFuture<T, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TaskLocalFuture").field("value", &self.value).finish_non_exhaustive()
    }
}

/// The error of a task-local that is not set.
///
/// # Examples
///
/// ```
/// use windlass::task::AccessError;
///
/// windlass::task_local! {
///     static USER: &'static str;
/// }
/// let unset: AccessError = USER.try_with(|user| user.len()).unwrap_err();
/// println!("nobody is logged in: {unset}");
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct AccessError(());

impl fmt::Debug for AccessError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccessError").finish()
    }
}

impl fmt::Display for AccessError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("task-local value not set: set it with `KEY.scope(value, future)`")
    }
}

impl Error for AccessError {}

/// Why a scope could not be entered.
enum ScopeError {
    Borrowed,
    ThreadGone,
}

impl From<BorrowMutError> for ScopeError {
    fn from(_: BorrowMutError) -> Self {
        Self::Borrowed
    }
}

impl From<BorrowError> for ScopeError {
    fn from(_: BorrowError) -> Self {
        Self::Borrowed
    }
}

impl From<ThreadGone> for ScopeError {
    fn from(_: ThreadGone) -> Self {
        Self::ThreadGone
    }
}

impl ScopeError {
    #[track_caller]
    fn panic(&self) -> ! {
        match self {
            Self::Borrowed => panic!("cannot enter a task-local scope while the task-local is borrowed"),
            Self::ThreadGone => panic!("cannot enter a task-local scope while the thread is ending"),
        }
    }
}

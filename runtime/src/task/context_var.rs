//! Context variables: values that a task has from where it was spawned.
//!
//! The values that are set make up a context, a list that is never changed, only replaced. A thread has the context of what
//! it polls; a task that waits keeps its own in its registry entry. A task without any pays for none of this but a look
//! whether there are some.

use std::any::{Any, type_name};
use std::future::Future;
use std::pin::Pin;
use std::ptr;
use std::task::{Context, Poll};
use std::{fmt, mem};

use pin_project_lite::pin_project;

use crate::context;
use crate::primitives::Arc;
use crate::quietly;

/// The values of a context, by the addresses of their variables.
pub(crate) struct Vars(Vec<(usize, Value)>);

type Value = Arc<dyn Any + Send + Sync>;

/// Values that end here, when the last task that has them does.
impl Drop for Vars {
    fn drop(&mut self) {
        for (_, value) in self.0.drain(..) {
            quietly(|| drop(value));
        }
    }
}

impl Vars {
    fn get(&self, key: usize) -> Option<&Value> {
        self.0.iter().find(|(of, _)| *of == key).map(|(_, value)| value)
    }

    /// As it is, but for one variable.
    fn with(vars: Option<&Self>, key: usize, value: Option<Value>) -> Option<Arc<Self>> {
        let others = vars.into_iter().flat_map(|vars| &vars.0).filter(|(of, _)| *of != key).cloned();
        let all: Vec<_> = others.chain(value.map(|value| (key, value))).collect();
        (!all.is_empty()).then(|| Arc::new(Self(all)))
    }
}

/// Declares context variables: statics of type [`ContextVar`](crate::task::ContextVar), with a default or without.
///
/// # Examples
///
/// ```
/// windlass::context_var! {
///     /// Which request this is about.
///     static REQUEST: u64;
///     static LANGUAGE: &'static str = "en";
/// }
///
/// #[windlass::main]
/// async fn main() {
///     REQUEST.set(7);
///     // A task has the values of where it was spawned, and what it sets is its own.
///     let task = windlass::spawn(async {
///         LANGUAGE.set("de");
///         (REQUEST.get(), LANGUAGE.get())
///     });
///     assert_eq!(task.await.unwrap(), (7, "de"));
///     assert_eq!(LANGUAGE.get(), "en");
/// }
/// ```
#[macro_export]
macro_rules! context_var {
    () => {};
    ($(#[$attr:meta])* $vis:vis static $name:ident: $ty:ty $(= $default:expr)?; $($rest:tt)*) => {
        $crate::context_var!($(#[$attr])* $vis static $name: $ty $(= $default)?);
        $crate::context_var!($($rest)*);
    };
    ($(#[$attr:meta])* $vis:vis static $name:ident: $ty:ty) => {
        $(#[$attr])*
        $vis static $name: $crate::task::ContextVar<$ty> =
            $crate::task::ContextVar::__new(::core::stringify!($name), ::core::option::Option::None);
    };
    ($(#[$attr:meta])* $vis:vis static $name:ident: $ty:ty = $default:expr) => {
        $(#[$attr])*
        $vis static $name: $crate::task::ContextVar<$ty> = $crate::task::ContextVar::__new(
            ::core::stringify!($name),
            ::core::option::Option::Some(|| $default),
        );
    };
}

/// A variable whose value a task has from where it was spawned, and can set for itself; Python's `ContextVar`. Declared by
/// [`context_var!`](crate::context_var).
///
/// [`spawn`](crate::spawn), [`to_thread`](crate::to_thread()) and the callbacks of a [`Promise`](crate::aio::Promise) take
/// the values of their caller along; [`spawn_blocking`](crate::task::spawn_blocking) and
/// [`run_in_executor`](crate::run_in_executor()) do not, as in Python. A task that has values costs two allocations more.
///
/// # Examples
///
/// ```
/// use windlass::context_var;
/// use windlass::task::ContextVars;
///
/// context_var! {
///     static USER: String;
///     static DEPTH: u32 = 0;
/// }
///
/// # #[windlass::main(flavor = "current_thread")]
/// # async fn main() {
/// assert_eq!((USER.name(), USER.try_get(), DEPTH.get()), ("USER", None, 0));
/// // As Python's `token = var.set(..)`, `var.reset(token)`.
/// let before = DEPTH.set(1);
/// assert_eq!(DEPTH.with(|depth| depth.copied()), Some(1));
/// DEPTH.reset(before);
/// assert_eq!(DEPTH.get(), 0);
///
/// // For a future, or for a function.
/// let name = USER.scope("ada".into(), async { USER.get() }).await;
/// assert_eq!(name, "ada");
/// assert_eq!(DEPTH.sync_scope(9, || DEPTH.get()), 9);
///
/// // All that there is, taken along by hand.
/// let vars = DEPTH.sync_scope(3, ContextVars::current);
/// assert_eq!(vars.scope(async { DEPTH.get() }).await, 3);
/// # }
/// ```
#[doc(alias = "contextvars")]
pub struct ContextVar<T: 'static> {
    name: &'static str,
    default: Option<fn() -> T>,
}

impl<T: Send + Sync + 'static> ContextVar<T> {
    #[doc(hidden)]
    pub const fn __new(name: &'static str, default: Option<fn() -> T>) -> Self {
        Self { name, default }
    }

    /// Its name.
    pub fn name(&self) -> &'static str {
        self.name
    }

    fn key(&'static self) -> usize {
        ptr::from_ref(self).addr()
    }

    /// Sets the value for the task that runs, from here on; outside of tasks for the future inside `block_on`, or for the
    /// thread. What it gives can [`reset`](Self::reset) that.
    pub fn set(&'static self, value: T) -> Reset<T> {
        keep_thread();
        let old = self.replace(Some(Arc::new(value)));
        Reset { var: self, old }
    }

    fn replace(&'static self, value: Option<Value>) -> Option<Value> {
        let vars = context::replace_vars(None);
        let old = vars.as_deref().and_then(|vars| vars.get(self.key())).cloned();
        context::replace_vars(Vars::with(vars.as_deref(), self.key(), value));
        old
    }

    /// Sets the value that was there before a [`set`](Self::set).
    ///
    /// # Panics
    ///
    /// If it is of another variable.
    #[track_caller]
    pub fn reset(&'static self, reset: Reset<T>) {
        assert!(
            ptr::eq(self, reset.var),
            "the value to reset was set to {}, not to {}",
            reset.var.name,
            self.name
        );
        self.replace(reset.old);
    }

    /// Calls `f` with the value, if there is one; a default counts.
    pub fn with<R>(&'static self, f: impl FnOnce(Option<&T>) -> R) -> R {
        let value = context::with_vars(|vars| vars?.get(self.key()).cloned());
        match value {
            Some(value) => f(value.downcast_ref()),
            None => f(self.default.map(|default| default()).as_ref()),
        }
    }

    /// A copy of the value.
    ///
    /// # Panics
    ///
    /// If it is not set and has no default; Python's `LookupError`.
    #[track_caller]
    pub fn get(&'static self) -> T
    where
        T: Clone,
    {
        match self.try_get() {
            Some(value) => value,
            None => panic!(
                "the context variable {} of type {} is not set here: set it before, or declare it with a default",
                self.name,
                type_name::<T>()
            ),
        }
    }

    /// A copy of the value, if there is one.
    pub fn try_get(&'static self) -> Option<T>
    where
        T: Clone,
    {
        self.with(|value| value.cloned())
    }

    /// Runs a future in a context where the variable has this value, and all others what they have here.
    ///
    /// # Cancel safety
    ///
    /// That of the future.
    pub fn scope<F: Future>(&'static self, value: T, future: F) -> InContext<F> {
        let vars = context::with_vars(|vars| Vars::with(vars, self.key(), Some(Arc::new(value))));
        ContextVars(vars).scope(future)
    }

    /// Calls a function in a context where the variable has this value, and all others what they have here.
    pub fn sync_scope<R>(&'static self, value: T, f: impl FnOnce() -> R) -> R {
        let vars = context::with_vars(|vars| Vars::with(vars, self.key(), Some(Arc::new(value))));
        ContextVars(vars).run(f)
    }
}

impl<T: 'static> fmt::Debug for ContextVar<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ContextVar").field("name", &self.name).finish_non_exhaustive()
    }
}

/// The value that a [`ContextVar`] had before it was set; Python's `Token`. Dropping it does nothing.
#[doc(alias = "Token")]
pub struct Reset<T: 'static> {
    var: &'static ContextVar<T>,
    old: Option<Value>,
}

impl<T: 'static> fmt::Debug for Reset<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reset").field("var", &self.var.name).finish_non_exhaustive()
    }
}

/// The values that all context variables have in one place, to be had in another; Python's `Context`.
///
/// # Examples
///
/// ```
/// use windlass::task::ContextVars;
///
/// windlass::context_var! { static USER: String; }
///
/// let ada = USER.sync_scope("ada".into(), ContextVars::current);
/// assert_eq!(ada.run(|| USER.get()), "ada");
/// assert_eq!(USER.try_get(), None);
/// ```
#[derive(Clone, Default)]
#[doc(alias = "copy_context")]
#[doc(alias = "Context")]
pub struct ContextVars(Option<Arc<Vars>>);

impl ContextVars {
    /// Those of here and now; Python's `copy_context`.
    pub fn current() -> Self {
        Self(context::vars())
    }

    /// Whether none is set.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// Calls `f` with these values. What it sets is gone after that.
    pub fn run<R>(&self, f: impl FnOnce() -> R) -> R {
        struct Restore(Option<Arc<Vars>>);
        impl Drop for Restore {
            fn drop(&mut self) {
                context::replace_vars(self.0.take());
            }
        }
        let _restore = Restore(context::replace_vars(self.0.clone()));
        f()
    }

    /// Runs a future with these values. What it sets is its own.
    ///
    /// # Cancel safety
    ///
    /// That of the future.
    ///
    /// # Examples
    ///
    /// ```
    /// use windlass::task::ContextVars;
    ///
    /// windlass::context_var! { static USER: String; }
    ///
    /// # #[windlass::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let ada = USER.sync_scope("ada".into(), ContextVars::current);
    /// assert_eq!(ada.scope(async { USER.get() }).await, "ada");
    /// # }
    /// ```
    pub fn scope<F: Future>(self, future: F) -> InContext<F> {
        InContext { vars: self, future: Some(future) }
    }

    /// Calls `f` with these values, and keeps what it sets.
    #[inline]
    fn enter<R>(&mut self, f: impl FnOnce() -> R) -> R {
        struct Exchange<'a>(&'a mut Option<Arc<Vars>>);
        impl Exchange<'_> {
            #[inline]
            fn swap(&mut self) {
                if self.0.is_some() || context::has_vars() {
                    self.swap_some();
                }
            }

            #[cold]
            fn swap_some(&mut self) {
                *self.0 = context::replace_vars(self.0.take());
            }
        }
        impl Drop for Exchange<'_> {
            #[inline]
            fn drop(&mut self) {
                self.swap();
            }
        }
        let mut exchange = Exchange(&mut self.0);
        exchange.swap();
        let _back = exchange;
        f()
    }
}

impl fmt::Debug for ContextVars {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ContextVars").field("set", &self.0.as_ref().map_or(0, |vars| vars.0.len())).finish()
    }
}

pin_project! {
    /// The future of [`ContextVars::scope`] and [`ContextVar::scope`].
    #[must_use = "futures do nothing unless they are awaited"]
    pub struct InContext<F> {
        vars: ContextVars,
        #[pin]
        future: Option<F>,
    }

    impl<F> PinnedDrop for InContext<F> {
        fn drop(this: Pin<&mut Self>) {
            // What the future drops may look for its values.
            let mut this = this.project();
            if this.future.is_some() {
                this.vars.enter(|| this.future.as_mut().set(None));
            }
        }
    }
}

impl<F: Future> Future for InContext<F> {
    type Output = F::Output;

    #[track_caller]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let mut this = self.project();
        this.vars.enter(|| {
            let future = this.future.as_mut().as_pin_mut().expect("`InContext` polled after completion");
            let polled = future.poll(cx);
            if polled.is_ready() {
                this.future.set(None);
            }
            polled
        })
    }
}

impl<F> fmt::Debug for InContext<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("InContext").field(&self.vars).finish()
    }
}

/// Calls `f` with these values, if there are some.
pub(super) fn within_vars<R>(vars: Option<Arc<Vars>>, f: impl FnOnce() -> R) -> R {
    match vars {
        None => f(),
        vars => ContextVars(vars).run(f),
    }
}

/// Sees to it that what is set for a thread is dropped with it.
fn keep_thread() {
    struct Keeper;
    impl Drop for Keeper {
        fn drop(&mut self) {
            drop(mem::take(&mut ContextVars(context::replace_vars(None))));
        }
    }
    std::thread_local! {
        static KEEPER: Keeper = const { Keeper };
    }
    let _ = KEEPER.try_with(|_| ());
}

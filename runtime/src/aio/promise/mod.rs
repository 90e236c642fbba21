//! `Promise`: a value that somebody sets and any number of tasks wait for.

mod callbacks;

use std::error::Error;
use std::fmt;
use std::future::{Future, IntoFuture};
use std::mem;
use std::panic::Location;
use std::pin::Pin;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, Waker, ready};

use parking_lot::Mutex;
use slab::Slab;

use super::InvalidState;
use crate::context;
use crate::quietly;
use crate::runtime::{Handle, in_runtime};
use crate::scheduler::Shared;
use crate::task::{Note, Resource, Unhandled, UnhandledKind, coop};

pub use callbacks::CallbackId;
use callbacks::{Callback, Callbacks, Calls};

/// A value that is set once, by anyone who has the promise, and waited for by any number of tasks; asyncio's `Future`.
///
/// Clones are the same promise. Await it, or a reference to it, for the value; [`result`](Self::result) looks without
/// waiting. Callbacks never run inside of the call that sets it, but in a task after that.
///
/// The value is `Clone + Send + Sync + 'static`: each who waits has a clone, made on his own thread, and callbacks are tasks.
///
/// An error that nobody has looked at when the last clone is dropped is reported
/// ([`Builder::on_unhandled`](crate::runtime::Builder::on_unhandled)).
///
/// # Cancel safety
///
/// Awaiting it can be given up and begun again. In asyncio cancelling a task that waits cancels the future; here the
/// promise belongs to all who have it, and stays.
///
/// # Examples
///
/// ```
/// use windlass::aio::Promise;
///
/// #[windlass::main]
/// async fn main() {
///     let promise = Promise::new();
///     let waits = windlass::spawn(promise.clone().into_future());
///     promise.set_result(42).unwrap();
///     assert_eq!(waits.await.unwrap().unwrap(), 42);
///     assert_eq!(promise.await.unwrap(), 42);
/// }
/// # use std::future::IntoFuture;
/// ```
///
/// ```
/// use windlass::aio::Promise;
/// use windlass::runtime::Handle;
///
/// # #[windlass::main(flavor = "current_thread")]
/// # async fn main() {
/// // Of a runtime that this thread need not be in.
/// let promise = Promise::<u32>::new_on(&Handle::current());
/// assert!(promise.result().is_err(), "it has none yet");
/// let forgotten = promise.add_done_callback(|_| unreachable!());
/// assert!(promise.remove_done_callback(forgotten));
///
/// promise.set_exception("out of reach").unwrap();
/// assert!(promise.done() && !promise.cancelled());
/// assert_eq!(promise.exception().unwrap().unwrap().to_string(), "out of reach");
///
/// let promise = Promise::<u32>::new();
/// assert!(promise.cancel());
/// assert!(promise.await.unwrap_err().is_cancelled());
/// # }
/// ```
#[doc(alias = "Future")]
#[doc(alias = "create_future")]
pub struct Promise<T> {
    inner: Arc<Inner<T>>,
}

struct Inner<T> {
    outcome: OnceLock<Result<T, PromiseError>>,
    /// Whether somebody has looked at the outcome.
    seen: AtomicBool,
    state: Mutex<State<T>>,
    runtime: Arc<Shared>,
    at: &'static Location<'static>,
}

struct State<T> {
    waiters: Slab<Waker>,
    callbacks: Callbacks<T>,
}

impl<T: Clone + Send + Sync + 'static> Promise<T> {
    /// A promise of the current runtime, where its callbacks will run.
    ///
    /// # Panics
    ///
    /// Outside of a runtime; see [`new_on`](Self::new_on).
    #[track_caller]
    pub fn new() -> Self {
        let at = Location::caller();
        Self::make(in_runtime(context::with_runtime(|runtime| runtime.cloned())), at)
    }

    /// A promise of that runtime.
    #[track_caller]
    pub fn new_on(handle: &Handle) -> Self {
        Self::make(Arc::clone(handle.shared()), Location::caller())
    }

    fn make(runtime: Arc<Shared>, at: &'static Location<'static>) -> Self {
        let state = State { waiters: Slab::new(), callbacks: Callbacks::default() };
        let inner = Inner {
            outcome: OnceLock::new(),
            seen: AtomicBool::new(false),
            state: Mutex::new(state),
            runtime,
            at,
        };
        Self { inner: Arc::new(inner) }
    }

    /// Sets the value, and wakes all who wait.
    ///
    /// # Errors
    ///
    /// If the promise is done, in whatever way.
    pub fn set_result(&self, value: T) -> Result<(), InvalidState> {
        self.settle(Ok(value))
    }

    /// Sets an error, and wakes all who wait.
    ///
    /// # Errors
    ///
    /// If the promise is done, in whatever way.
    ///
    /// # Examples
    ///
    /// ```
    /// # let rt = windlass::runtime::Runtime::new().unwrap();
    /// # rt.block_on(async {
    /// let promise = windlass::aio::Promise::<u32>::new();
    /// promise.set_exception("no wind").unwrap();
    /// assert!(promise.set_result(1).is_err());
    /// assert_eq!(promise.await.unwrap_err().to_string(), "no wind");
    /// # });
    /// ```
    pub fn set_exception(&self, error: impl Into<Box<dyn Error + Send + Sync>>) -> Result<(), InvalidState> {
        self.settle(Err(PromiseError(Some(Arc::from(error.into())))))
    }

    /// Cancels it: all who wait get [`PromiseError::is_cancelled`]. False if it is done already.
    pub fn cancel(&self) -> bool {
        self.settle(Err(PromiseError(None))).is_ok()
    }

    fn settle(&self, outcome: Result<T, PromiseError>) -> Result<(), InvalidState> {
        let inner = &*self.inner;
        // One that comes too late is dropped when the lock is free: its drop is the user's.
        let _refused;
        let (waiters, begin) = {
            let mut state = inner.state.lock();
            if let Err(outcome) = inner.outcome.set(outcome) {
                _refused = outcome;
                return Err(InvalidState::new("the promise is done: it can be set or cancelled once"));
            }
            (mem::take(&mut state.waiters), state.callbacks.begin())
        };
        for (_, waiter) in waiters {
            quietly(|| waiter.wake());
        }
        if begin {
            self.call_callbacks();
        }
        Ok(())
    }

    /// Has the callbacks called, in order, soon.
    fn call_callbacks(&self) {
        drop(self.inner.runtime.spawn(Calls::new(self.clone()).run(), None, self.inner.at));
    }

    /// Whether it has a result, an error, or was cancelled.
    pub fn done(&self) -> bool {
        self.inner.outcome.get().is_some()
    }

    /// Whether it was cancelled.
    pub fn cancelled(&self) -> bool {
        matches!(self.inner.outcome.get(), Some(Err(error)) if error.is_cancelled())
    }

    /// The result, or the error it was given instead. It never waits.
    ///
    /// # Errors
    ///
    /// The outer one if it is not done.
    pub fn result(&self) -> Result<Result<T, PromiseError>, InvalidState> {
        self.inner.look().cloned().ok_or(InvalidState::new("the promise has no result yet"))
    }

    /// The error it was given, if that is how it ended.
    ///
    /// # Errors
    ///
    /// If it is not done.
    pub fn exception(&self) -> Result<Option<PromiseError>, InvalidState> {
        let outcome = self.inner.look().ok_or(InvalidState::new("the promise has no result yet"))?;
        Ok(outcome.as_ref().err().cloned())
    }

    /// Has a function called once the promise is done, or soon if it is; never inside of this call or of the one that sets
    /// it. They run in the order in which they were added, in a task of the promise's runtime, with the context variables
    /// of here and now. A panic of one is reported, and the next one runs. One that cannot be called, since that runtime has
    /// ended, is reported too ([`Builder::on_unhandled`](crate::runtime::Builder::on_unhandled)).
    ///
    /// # Examples
    ///
    /// ```
    /// # let rt = windlass::runtime::Runtime::new().unwrap();
    /// # rt.block_on(async {
    /// use windlass::aio::Promise;
    ///
    /// let (first, second) = (Promise::new(), Promise::new());
    /// let chained = second.clone();
    /// first.add_done_callback(move |first| {
    ///     chained.set_result(first.result().unwrap().unwrap() + 1).unwrap();
    /// });
    /// first.set_result(1).unwrap();
    /// assert_eq!(second.await.unwrap(), 2);
    /// # });
    /// ```
    #[track_caller]
    pub fn add_done_callback(&self, f: impl FnOnce(Promise<T>) + Send + 'static) -> CallbackId {
        let callback = Callback::new(Box::new(f), Location::caller());
        let (id, begin) = {
            let mut state = self.inner.state.lock();
            (state.callbacks.add(callback), self.done() && state.callbacks.begin())
        };
        if begin {
            self.call_callbacks();
        }
        id
    }

    /// Removes a callback that has not been called. False if there is none such, or if the promise is done: then it is about
    /// to be called.
    pub fn remove_done_callback(&self, id: CallbackId) -> bool {
        let removed = {
            let mut state = self.inner.state.lock();
            if self.done() { None } else { state.callbacks.remove(id) }
        };
        removed.is_some()
    }
}

impl<T> Inner<T> {
    /// The outcome, for somebody who looks at it.
    fn look(&self) -> Option<&Result<T, PromiseError>> {
        let outcome = self.outcome.get()?;
        self.seen.store(true, Relaxed);
        Some(outcome)
    }
}

impl<T> Drop for Inner<T> {
    fn drop(&mut self) {
        if let Some(Err(PromiseError(Some(error)))) = self.outcome.get()
            && !*self.seen.get_mut()
        {
            self.runtime.unobserved.report(&Unhandled::error(UnhandledKind::Promise, self.at, &**error));
        }
    }
}

impl<T> Clone for Promise<T> {
    fn clone(&self) -> Self {
        Self { inner: Arc::clone(&self.inner) }
    }
}

impl<T: Clone + Send + Sync + 'static> Default for Promise<T> {
    #[track_caller]
    fn default() -> Self {
        Self::new()
    }
}

impl<T> fmt::Debug for Promise<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match self.inner.outcome.get() {
            None => "Pending",
            Some(Ok(_)) => "Finished",
            Some(Err(error)) if error.is_cancelled() => "Cancelled",
            Some(Err(_)) => "Failed",
        };
        // What is written to is the user's: not under the lock.
        let callbacks = { self.inner.state.lock().callbacks.len() };
        f.debug_struct("Promise")
            .field("state", &format_args!("{state}"))
            .field("callbacks", &callbacks)
            .field("made_at", &format_args!("{}:{}", self.inner.at.file(), self.inner.at.line()))
            .finish()
    }
}

impl<T: Clone + Send + Sync + 'static> IntoFuture for Promise<T> {
    type Output = Result<T, PromiseError>;
    type IntoFuture = PromiseFuture<T>;

    fn into_future(self) -> PromiseFuture<T> {
        PromiseFuture { promise: self, key: None }
    }
}

impl<T: Clone + Send + Sync + 'static> IntoFuture for &Promise<T> {
    type Output = Result<T, PromiseError>;
    type IntoFuture = PromiseFuture<T>;

    fn into_future(self) -> PromiseFuture<T> {
        self.clone().into_future()
    }
}

/// Waits for a [`Promise`].
///
/// # Examples
///
/// ```
/// use windlass::aio::{Promise, PromiseFuture};
///
/// # #[windlass::main(flavor = "current_thread")]
/// # async fn main() {
/// let promise = Promise::new();
/// promise.set_result(1).unwrap();
/// let future: PromiseFuture<i32> = promise.into_future();
/// assert_eq!(future.await.unwrap(), 1);
/// # }
/// ```
#[must_use = "futures do nothing unless they are awaited"]
pub struct PromiseFuture<T> {
    promise: Promise<T>,
    /// Where its waker is.
    key: Option<usize>,
}

impl<T> Unpin for PromiseFuture<T> {}

impl<T: Clone> Future for PromiseFuture<T> {
    type Output = Result<T, PromiseError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let coop =
            ready!(coop::poll_proceed(cx)).awaiting(Note::resource(Resource::Promise, &*self.promise.inner));
        if self.promise.inner.outcome.get().is_none() {
            let inner = Arc::clone(&self.promise.inner);
            // What a foreign waker does when it is cloned or dropped, nobody knows: not under the lock.
            let mut waker = cx.waker().clone();
            let mut state = inner.state.lock();
            if inner.outcome.get().is_none() {
                match self.key {
                    Some(key) => mem::swap(&mut state.waiters[key], &mut waker),
                    None => self.key = Some(state.waiters.insert(waker)),
                }
                return Poll::Pending;
            }
        }
        self.key = None;
        coop.made_progress();
        let outcome = self.promise.inner.look().expect("it is done");
        Poll::Ready(outcome.clone())
    }
}

impl<T> Drop for PromiseFuture<T> {
    fn drop(&mut self) {
        if let Some(key) = self.key {
            let waker = {
                let mut state = self.promise.inner.state.lock();
                // Once it is done, the wakers are gone.
                self.promise.inner.outcome.get().is_none().then(|| state.waiters.remove(key))
            };
            drop(waker);
        }
    }
}

impl<T> fmt::Debug for PromiseFuture<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("PromiseFuture").field(&self.promise).finish()
    }
}

/// Why a [`Promise`] has no value: it was cancelled, or given an error. Clones have the same error.
///
/// # Examples
///
/// ```
/// use windlass::aio::{Promise, PromiseError};
///
/// # #[windlass::main(flavor = "current_thread")]
/// # async fn main() {
/// let promise = Promise::<u32>::new();
/// promise.set_exception(std::fmt::Error).unwrap();
/// let error: PromiseError = promise.await.unwrap_err();
/// assert!(!error.is_cancelled());
/// assert!(error.error().unwrap().is::<std::fmt::Error>());
/// # }
/// ```
#[derive(Clone)]
pub struct PromiseError(Option<Arc<dyn Error + Send + Sync>>);

impl PromiseError {
    /// Whether the promise was cancelled.
    pub fn is_cancelled(&self) -> bool {
        self.0.is_none()
    }

    /// The error that the promise was given.
    pub fn error(&self) -> Option<&(dyn Error + Send + Sync + 'static)> {
        self.0.as_deref()
    }
}

impl fmt::Debug for PromiseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            None => f.write_str("PromiseError::Cancelled"),
            Some(error) => write!(f, "PromiseError::Failed({error:?})"),
        }
    }
}

impl fmt::Display for PromiseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            None => f.write_str("the promise was cancelled"),
            Some(error) => error.fmt(f),
        }
    }
}

impl Error for PromiseError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.as_ref().and_then(|error| error.source())
    }
}

//! Guards whose close is asynchronous.

use std::any::type_name;
use std::fmt;
use std::future::Future;
use std::ops::{Deref, DerefMut};
use std::panic::Location;
use std::thread;

use crate::context;
use crate::primitives::Arc;
use crate::task::{Unhandled, UnhandledKind};

/// Keeps a value that has to be closed by an asynchronous function; Python's `async with`, or `contextlib.aclosing`.
///
/// Rust's destructors cannot wait. So [`close`](Closing::close) is called by hand, on every way out that matters; a guard that
/// is dropped without it, for instance because its task was aborted, drops its value as any other and reports that
/// ([`Builder::on_unhandled`](crate::runtime::Builder::on_unhandled), as Python warns of what was not closed).
///
/// # Examples
///
/// ```
/// use windlass::aio::closing;
///
/// struct Connection {
///     sent: Vec<&'static str>,
/// }
///
/// #[windlass::main]
/// async fn main() {
///     let mut connection = closing(Connection { sent: Vec::new() }, async |mut connection: Connection| {
///         connection.sent.push("goodbye");
///         connection.sent
///     });
///     connection.sent.push("hello");
///     assert_eq!(connection.close().await, ["hello", "goodbye"]);
/// }
/// ```
#[doc(alias = "aclosing")]
#[doc(alias = "asynccontextmanager")]
#[doc(alias = "AsyncExitStack")]
#[track_caller]
pub fn closing<T, C, F>(value: T, close: C) -> Closing<T, C>
where
    C: FnOnce(T) -> F,
    F: Future,
{
    Closing { open: Some((value, close)), at: Location::caller() }
}

/// The guard of [`closing`]; it derefs to its value.
///
/// # Examples
///
/// ```
/// use windlass::aio::closing;
///
/// # #[windlass::main(flavor = "current_thread")]
/// # async fn main() {
/// let log = closing(vec!["opened"], async |mut log| {
///     log.push("closed");
///     log
/// });
/// assert_eq!(log.first(), Some(&"opened"));
/// assert_eq!(log.close().await, ["opened", "closed"]);
///
/// // Handed on to whoever closes it instead.
/// let log = closing(vec!["opened"], async |_log| {}).into_inner();
/// assert_eq!(log, ["opened"]);
/// # }
/// ```
#[must_use = "dropping it does not close its value, and reports that: call `close().await`"]
pub struct Closing<T, C> {
    open: Option<(T, C)>,
    at: &'static Location<'static>,
}

impl<T, C> Closing<T, C> {
    /// Closes the value, and gives what that returns.
    ///
    /// # Cancel safety
    ///
    /// That of the function that closes. Before it is polled, the value is closed by nobody, which is reported.
    #[doc(alias = "__aexit__")]
    #[doc(alias = "aclose")]
    pub async fn close<F: Future>(mut self) -> F::Output
    where
        C: FnOnce(T) -> F,
    {
        let (value, close) = self.open.take().expect("it is closed once");
        close(value).await
    }

    /// The value, which is not to be closed by this guard.
    pub fn into_inner(mut self) -> T {
        self.open.take().expect("it is there until it is closed").0
    }
}

impl<T, C> Deref for Closing<T, C> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.open.as_ref().expect("it is there until it is closed").0
    }
}

impl<T, C> DerefMut for Closing<T, C> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.open.as_mut().expect("it is there until it is closed").0
    }
}

impl<T, C> Drop for Closing<T, C> {
    fn drop(&mut self) {
        // A panic on its way is reported by itself.
        if self.open.is_some() && !thread::panicking() {
            let what = format!("a {} was dropped: call `close().await` before", type_name::<T>());
            let unobserved = context::with_runtime(|runtime| {
                runtime.map(|runtime| Arc::clone(&runtime.unobserved)).unwrap_or_default()
            });
            unobserved.report(&Unhandled::other(UnhandledKind::Unclosed, self.at, &what));
        }
    }
}

impl<T: fmt::Debug, C> fmt::Debug for Closing<T, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Closing").field("value", &self.open.as_ref().map(|(value, _)| value)).finish()
    }
}

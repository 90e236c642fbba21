//! The token.

use std::fmt;
use std::future::{Future, poll_fn};
use std::hash::{Hash, Hasher};
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::pin::pin;
use std::task::Poll;

use super::tree::Node;
use super::{DropGuard, DropGuardRef, WaitForCancellationFuture, WaitForCancellationFutureOwned};
use crate::primitives::Arc;
use crate::task::coop::with_unconstrained;

/// Tells any number of tasks to stop.
///
/// A clone is the same token. A [child](Self::child_token) is cancelled with its parent, and can be cancelled alone. A task that is told
/// decides itself when and how it ends; [`abort`](crate::task::JoinHandle::abort) does not ask.
///
/// # Examples
///
/// ```
/// # #[windlass::main]
/// # async fn main() {
/// use windlass::sync::CancellationToken;
///
/// let token = CancellationToken::new();
/// let stop = token.clone();
/// let task = windlass::spawn(async move {
///     windlass::select! {
///         _ = stop.cancelled() => "told to stop",
///         _ = std::future::pending::<()>() => "done",
///     }
/// });
/// token.cancel();
/// assert_eq!(task.await.unwrap(), "told to stop");
/// # }
/// ```
#[derive(Clone)]
pub struct CancellationToken {
    node: Arc<Node>,
}

impl UnwindSafe for CancellationToken {}
impl RefUnwindSafe for CancellationToken {}

impl CancellationToken {
    /// A token that is not cancelled.
    pub fn new() -> Self {
        Self { node: Node::root() }
    }

    pub(super) fn node(&self) -> &Node {
        &self.node
    }

    /// A token that is cancelled with this one. Cancelling it does not cancel this one.
    ///
    /// It needs no token above it to live: one that is dropped leaves its children to its parent.
    ///
    /// # Examples
    ///
    /// ```
    /// # use windlass::sync::CancellationToken;
    /// let server = CancellationToken::new();
    /// let (one, other) = (server.child_token(), server.child_token());
    /// one.cancel();
    /// assert!(one.is_cancelled() && !server.is_cancelled() && !other.is_cancelled());
    /// server.cancel();
    /// assert!(other.is_cancelled() && server.child_token().is_cancelled());
    /// ```
    pub fn child_token(&self) -> Self {
        Self { node: self.node.child() }
    }

    /// Cancels this token and all its descendants, and wakes who waits for them. Does nothing the second time.
    ///
    /// All of them are cancelled before the first is woken.
    pub fn cancel(&self) {
        self.node.cancel();
    }

    /// Whether it is cancelled.
    pub fn is_cancelled(&self) -> bool {
        self.node.is_cancelled()
    }

    /// Waits until it is cancelled; ready at once if it is.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost when it is dropped.
    pub fn cancelled(&self) -> WaitForCancellationFuture<'_> {
        WaitForCancellationFuture::new(self)
    }

    /// [`cancelled`](Self::cancelled), with a future that owns the token.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost when it is dropped, but for the token.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[windlass::main]
    /// # async fn main() {
    /// let token = windlass::sync::CancellationToken::new();
    /// let waiting = windlass::spawn(token.clone().cancelled_owned());
    /// token.cancel();
    /// waiting.await.unwrap();
    /// # }
    /// ```
    pub fn cancelled_owned(self) -> WaitForCancellationFutureOwned {
        WaitForCancellationFutureOwned::new(self)
    }

    /// A guard that cancels it when it is dropped.
    ///
    /// # Examples
    ///
    /// ```
    /// # use windlass::sync::CancellationToken;
    /// let token = CancellationToken::new();
    /// let guard = token.clone().drop_guard();
    /// drop(guard);
    /// assert!(token.is_cancelled());
    /// ```
    pub fn drop_guard(self) -> DropGuard {
        DropGuard::new(self)
    }

    /// A guard that cancels it when it is dropped, and borrows it.
    ///
    /// # Examples
    ///
    /// ```
    /// # use windlass::sync::CancellationToken;
    /// let token = CancellationToken::new();
    /// token.drop_guard_ref().disarm();
    /// assert!(!token.is_cancelled());
    /// drop(token.drop_guard_ref());
    /// assert!(token.is_cancelled());
    /// ```
    pub fn drop_guard_ref(&self) -> DropGuardRef<'_> {
        DropGuardRef::new(self)
    }

    /// Runs a future until it is done, or until this is cancelled: then `None`, and the future is dropped.
    ///
    /// The future is not polled if this is cancelled already. When both come at once the future's output counts.
    ///
    /// # Cancel safety
    ///
    /// That of the future.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[windlass::main]
    /// # async fn main() {
    /// let token = windlass::sync::CancellationToken::new();
    /// assert_eq!(token.run_until_cancelled(async { 42 }).await, Some(42));
    /// token.cancel();
    /// assert_eq!(token.run_until_cancelled(async { 42 }).await, None);
    /// # }
    /// ```
    pub async fn run_until_cancelled<F: Future>(&self, future: F) -> Option<F::Output> {
        if self.is_cancelled() {
            return None;
        }
        let (mut future, mut cancelled) = (pin!(future), pin!(self.cancelled()));
        poll_fn(|cx| match future.as_mut().poll(cx) {
            Poll::Ready(output) => Poll::Ready(Some(output)),
            // The future may use up the budget each time: that must not keep it from being cancelled.
            Poll::Pending => with_unconstrained(|| cancelled.as_mut().poll(cx)).map(|()| None),
        })
        .await
    }

    /// [`run_until_cancelled`](Self::run_until_cancelled), with a future that owns the token.
    ///
    /// # Cancel safety
    ///
    /// That of the future.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[windlass::main]
    /// # async fn main() {
    /// let token = windlass::sync::CancellationToken::new();
    /// let task = windlass::spawn(token.clone().run_until_cancelled_owned(std::future::pending::<()>()));
    /// token.cancel();
    /// assert_eq!(task.await.unwrap(), None);
    /// # }
    /// ```
    pub async fn run_until_cancelled_owned<F: Future>(self, future: F) -> Option<F::Output> {
        self.run_until_cancelled(future).await
    }
}

impl Default for CancellationToken {
    fn default() -> Self {
        Self::new()
    }
}

/// Clones are equal; all others differ, whether they are cancelled or not.
impl PartialEq for CancellationToken {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.node, &other.node)
    }
}

impl Eq for CancellationToken {}

impl Hash for CancellationToken {
    fn hash<H: Hasher>(&self, state: &mut H) {
        Arc::as_ptr(&self.node).hash(state);
    }
}

impl fmt::Debug for CancellationToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CancellationToken").field("is_cancelled", &self.is_cancelled()).finish()
    }
}

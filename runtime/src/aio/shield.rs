//! `shield`: a task that the end of its waiter leaves running.

use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll};

use super::IntoTask;
use super::into_task::Spawns;
use crate::context;
use crate::runtime::in_runtime;
use crate::task::{JoinError, JoinHandle};

/// Runs a future as a task that goes on when its waiter is dropped or aborted; asyncio's `shield`.
///
/// It takes a join handle as well. A bare future inside of a [`gather`](super::gather()), a
/// [`timeout`](crate::time::timeout) or a [`TaskGroup`](super::TaskGroup) ends with it; shielded it does not. Aborting
/// the inner task itself ends the wait with [`JoinError::is_cancelled`].
///
/// # Cancel safety
///
/// Dropping it leaves the task running. If it panics after that, it is reported
/// ([`Builder::on_unhandled`](crate::runtime::Builder::on_unhandled)).
///
/// # Panics
///
/// Outside of a runtime.
///
/// # Examples
///
/// ```
/// use std::sync::mpsc;
/// use windlass::aio::shield;
///
/// #[windlass::main]
/// async fn main() {
///     let (tell, told) = mpsc::channel();
///     let commit = async move {
///         windlass::task::yield_now().await;
///         tell.send("committed").unwrap();
///     };
///     drop(shield(commit));
///     let told = windlass::to_thread(move || told.recv().unwrap()).await.unwrap();
///     assert_eq!(told, "committed");
/// }
/// ```
#[track_caller]
pub fn shield<T, F: IntoTask<T>>(task: F) -> Shield<T> {
    let at = Location::caller();
    let runtime = in_runtime(context::with_runtime(|runtime| runtime.cloned()));
    Shield { task: task.into_task(&Spawns { runtime: &runtime, at }) }
}

/// The future of [`shield`].
///
/// # Examples
///
/// ```
/// use windlass::aio::shield;
///
/// # #[windlass::main(flavor = "current_thread")]
/// # async fn main() {
/// let shield = shield(async { "written" });
/// println!("task {} goes on whatever happens here", shield.get_ref().id());
/// // From here on it is a task like any other.
/// assert_eq!(shield.into_inner().await.unwrap(), "written");
/// # }
/// ```
#[must_use = "the task runs whether or not it is awaited"]
pub struct Shield<T> {
    task: JoinHandle<T>,
}

impl<T> Shield<T> {
    /// The task's own handle, to abort it for one.
    pub fn get_ref(&self) -> &JoinHandle<T> {
        &self.task
    }

    /// The task's own handle.
    pub fn into_inner(self) -> JoinHandle<T> {
        self.task
    }
}

impl<T> Future for Shield<T> {
    type Output = Result<T, JoinError>;

    #[track_caller]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.task).poll(cx)
    }
}

impl<T> fmt::Debug for Shield<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Shield").field(&self.task).finish()
    }
}

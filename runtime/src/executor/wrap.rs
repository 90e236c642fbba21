//! `wrap_future`: an executor's future, awaited.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use windlass_blocking::{Future as BlockingFuture, JobError};

use crate::task::{Note, coop};

/// Makes something to await of an executor's future; asyncio's `wrap_future`.
///
/// It needs no runtime: anything that polls futures can wait for it.
///
/// # Errors
///
/// The output is the job's own error: that it panicked, was cancelled or could not be run.
///
/// # Cancel safety
///
/// Dropping it cancels the job if that has not begun. One that has begun runs to its end; a panic of it is
/// counted by [`unobserved_panics`](windlass_blocking::unobserved_panics), where Python loses it, but not told to
/// [`on_unhandled`](crate::runtime::Builder::on_unhandled), as that of [`run_in_executor`](crate::run_in_executor()) is. The other way
/// round, a job that is cancelled ends the wait with [`JobError::is_cancelled`]. To leave the job alone, keep its
/// future and wait for a [shared](BlockingFuture::share) one.
///
/// # Examples
///
/// ```
/// use windlass::blocking::{ExecutorExt, ThreadPoolExecutor};
///
/// #[windlass::main]
/// async fn main() {
///     let pool = ThreadPoolExecutor::new(2);
///     let future = pool.submit(|| (1..=5).product::<u32>());
///     assert_eq!(windlass::wrap_future(future).await.unwrap(), 120);
/// }
/// ```
pub fn wrap_future<T>(future: BlockingFuture<T>) -> WrapFuture<T> {
    WrapFuture { future }
}

/// The future of [`wrap_future`].
///
/// # Examples
///
/// ```
/// use windlass::blocking::{ExecutorExt, ThreadPoolExecutor};
/// use windlass::wrap_future;
///
/// # #[windlass::main(flavor = "current_thread")]
/// # async fn main() {
/// let pool = ThreadPoolExecutor::new(1);
/// let (go, wait) = std::sync::mpsc::channel::<()>();
/// let first = wrap_future(pool.submit(move || wait.recv()));
/// let second = wrap_future(pool.submit(|| unreachable!("it has not begun")));
/// assert!(!first.is_finished());
/// assert!(second.cancel());
/// go.send(()).unwrap();
/// first.await.unwrap().unwrap();
/// # }
/// ```
#[must_use = "dropping it cancels the job if it has not begun"]
pub struct WrapFuture<T> {
    future: BlockingFuture<T>,
}

impl<T> WrapFuture<T> {
    /// Cancels the job if it has not begun. True if it is cancelled now, or was before.
    pub fn cancel(&self) -> bool {
        self.future.cancel()
    }

    /// Whether the job has ended or was cancelled.
    pub fn is_finished(&self) -> bool {
        self.future.done()
    }
}

impl<T> Future for WrapFuture<T> {
    type Output = Result<T, JobError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let coop = ready!(coop::poll_proceed(cx)).awaiting(Note::job(self.future.location()));
        let output = ready!(self.future.poll_result(cx));
        coop.made_progress();
        Poll::Ready(output)
    }
}

impl<T> Drop for WrapFuture<T> {
    fn drop(&mut self) {
        self.future.cancel();
    }
}

impl<T> fmt::Debug for WrapFuture<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("WrapFuture").field(&self.future).finish()
    }
}

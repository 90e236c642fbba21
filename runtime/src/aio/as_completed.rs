//! `as_completed`: tasks in the order in which they end.

use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_core::Stream;
use futures_core::stream::FusedStream;

use super::deadline::Deadline;
use super::wait::Watch;
use crate::task::{JoinHandle, coop};
use crate::time::error::Elapsed;

/// Gives the handles of tasks back one by one as they end, those first that have ended already; asyncio's
/// `as_completed`.
///
/// It is a [`Stream`], and has [`next`](AsCompleted::next) for a loop without one. The handles are the original ones;
/// awaiting one of them is ready at once. The time counts from this call.
///
/// # Errors
///
/// When the time is up, the stream yields one error, and ends; [`into_pending`](AsCompleted::into_pending) has the rest.
///
/// # Cancel safety
///
/// A `next` that is dropped loses nothing. Dropping the stream detaches the tasks that are left.
///
/// # Panics
///
/// With a timeout, outside of a runtime.
///
/// # Examples
///
/// ```
/// use windlass::aio::as_completed;
///
/// #[windlass::main]
/// async fn main() {
///     let tasks = (1..=3).map(|n| windlass::spawn(async move { n }));
///     let mut completed = as_completed(tasks, None);
///     let mut sum = 0;
///     while let Some(task) = completed.next().await {
///         sum += task.unwrap().await.unwrap();
///     }
///     assert_eq!(sum, 6);
/// }
/// ```
#[track_caller]
pub fn as_completed<T>(
    tasks: impl IntoIterator<Item = JoinHandle<T>>,
    timeout: Option<Duration>,
) -> AsCompleted<T> {
    let watch = Watch::new(tasks);
    AsCompleted { left: watch.tasks.len(), watch, deadline: Deadline::after(timeout) }
}

/// The stream of [`as_completed`].
#[must_use = "streams do nothing unless they are polled"]
pub struct AsCompleted<T> {
    watch: Watch<T>,
    /// How many there are to come; none once the time is up.
    left: usize,
    deadline: Deadline,
}

impl<T> Unpin for AsCompleted<T> {}

impl<T> AsCompleted<T> {
    /// The next task that has ended.
    ///
    /// # Errors
    ///
    /// Once, when the time is up.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost.
    pub async fn next(&mut self) -> Option<Result<JoinHandle<T>, Elapsed>> {
        poll_fn(|cx| Pin::new(&mut *self).poll_next(cx)).await
    }

    /// The tasks that it has not yielded, in the order in which they were given.
    ///
    /// # Examples
    ///
    /// ```
    /// # let rt = windlass::runtime::Runtime::new().unwrap();
    /// # rt.block_on(async {
    /// use std::time::Duration;
    ///
    /// let never = windlass::spawn(std::future::pending::<()>());
    /// let mut completed = windlass::aio::as_completed([never], Some(Duration::ZERO));
    /// assert!(completed.next().await.unwrap().is_err());
    /// completed.into_pending()[0].abort();
    /// # });
    /// ```
    #[must_use]
    pub fn into_pending(self) -> Vec<JoinHandle<T>> {
        self.watch.tasks.into_iter().flatten().collect()
    }
}

impl<T> Stream for AsCompleted<T> {
    type Item = Result<JoinHandle<T>, Elapsed>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.left == 0 {
            return Poll::Ready(None);
        }
        let coop = ready!(coop::poll_proceed(cx));
        let item = match self.watch.next(cx) {
            Some(key) => {
                self.left -= 1;
                Ok(self.watch.tasks[key].take().expect("a task ends once"))
            }
            None => {
                ready!(self.deadline.poll(cx));
                self.left = 0;
                Err(Elapsed::new())
            }
        };
        coop.made_progress();
        Poll::Ready(Some(item))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        // An error takes the place of at least one task.
        (usize::from(self.left > 0), Some(self.left))
    }
}

impl<T> FusedStream for AsCompleted<T> {
    fn is_terminated(&self) -> bool {
        self.left == 0
    }
}

impl<T> fmt::Debug for AsCompleted<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AsCompleted").field("left", &self.left).field("of", &self.watch.tasks.len()).finish()
    }
}

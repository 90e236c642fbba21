//! `gather`: many tasks, one wait, the values in order.

mod policy;
mod slots;

use std::convert::Infallible;
use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use super::TaskFailure;
use super::into_task::{ALL, HANDLE, Members, Roll, Spawns};
use crate::context;
use crate::runtime::in_runtime;
use crate::task::{Ended, Followed, JoinError, coop};

use policy::{Collect, Fallible, Plain};
pub use slots::{Gatherable, Slots};

/// Runs every future as a task of its own, and waits for their outputs, in order; asyncio's `gather`.
///
/// It takes any iterator of futures or join handles, and gives a `Vec`; or a tuple of up to twelve, futures and handles
/// mixed, and gives a tuple. The tasks are spawned here and now, whether or not the gather is awaited.
///
/// A join handle is a future itself, so the type wanted has to be said: `let sums: Vec<u32> = gather(handles).await?`.
///
/// # Errors
///
/// The first failure, as soon as it happens: a task that panicked, or was cancelled. The others keep running, and are
/// detached. (asyncio drops what they fail with later; here a panic is reported.) See [`try_gather`] for outputs that
/// are `Result`s, and [`gather_results`] to wait for all in any case.
///
/// # Cancel safety
///
/// Dropping it aborts every task that has not ended. In asyncio they would see `CancelledError`; here their futures are
/// dropped.
///
/// # Panics
///
/// Outside of a runtime, and as the iterator does. What that has given before is aborted, as if the gather was dropped.
///
/// # Examples
///
/// ```
/// use windlass::aio::gather;
///
/// async fn square(n: u64) -> u64 {
///     n * n
/// }
///
/// #[windlass::main]
/// async fn main() {
///     assert_eq!(gather((1..=3).map(square)).await.unwrap(), [1, 4, 9]);
///
///     let (n, text) = gather((square(4), async { "text" })).await.unwrap();
///     assert_eq!((n, text), (16, "text"));
///
///     let handle = windlass::spawn(square(5));
///     let squares: Vec<u64> = gather([handle]).await.unwrap();
///     assert_eq!(squares, [25]);
/// }
/// ```
#[track_caller]
pub fn gather<V, G>(tasks: G) -> Gather<G::Slots>
where
    G: Gatherable<Plain, V, JoinError>,
{
    start(tasks)
}

/// As [`gather`], for tasks whose output is a `Result`: an error is a failure too.
///
/// # Errors
///
/// The first failure, as soon as it happens; the others keep running.
///
/// # Cancel safety, panics
///
/// As for [`gather`].
///
/// # Examples
///
/// ```
/// use windlass::aio::try_gather;
///
/// #[windlass::main]
/// async fn main() {
///     let parse = |text: &'static str| async move { text.parse::<i32>() };
///     assert_eq!(try_gather(["1", "2"].map(parse)).await.unwrap(), [1, 2]);
///     assert!(try_gather(["1", "no"].map(parse)).await.unwrap_err().into_error().is_some());
/// }
/// ```
#[doc(alias = "gather")]
#[track_caller]
pub fn try_gather<V, E, G>(tasks: G) -> Gather<G::Slots>
where
    G: Gatherable<Fallible, V, TaskFailure<E>>,
{
    start(tasks)
}

/// As [`gather`], but waits for all and gives failures among the outputs; asyncio's `gather(..., return_exceptions=True)`.
///
/// # Cancel safety, panics
///
/// As for [`gather`].
///
/// # Examples
///
/// ```
/// use windlass::aio::gather_results;
///
/// #[windlass::main]
/// async fn main() {
///     let halves = [2, 0].map(|n| async move { 10 / n });
///     let results = gather_results(halves).await;
///     assert_eq!(*results[0].as_ref().unwrap(), 5);
///     assert!(results[1].as_ref().unwrap_err().is_panic());
/// }
/// ```
#[doc(alias = "return_exceptions")]
#[track_caller]
pub fn gather_results<V, G>(tasks: G) -> GatherResults<G::Slots>
where
    G: Gatherable<Collect, V, Infallible>,
{
    GatherResults(start(tasks))
}

#[track_caller]
fn start<P, V, E, G: Gatherable<P, V, E>>(tasks: G) -> Gather<G::Slots> {
    let at = Location::caller();
    let runtime = in_runtime(context::with_runtime(|runtime| runtime.cloned()));
    let ended = Ended::new();
    let mut roll = Roll {
        members: Arc::new(Members { ended: Arc::clone(&ended) }),
        handles: 0,
        followed: Followed::default(),
    };
    let slots = tasks.into_slots(&Spawns { runtime: &runtime, at }, &mut roll);
    Gather {
        slots: Some(slots),
        ended,
        handles: roll.handles,
        followed: roll.followed,
        spawned_ended: false,
        early: Vec::new(),
        next: 0,
    }
}

/// The future of [`gather`] and [`try_gather`].
#[must_use = "dropping it aborts its tasks"]
pub struct Gather<S: Slots> {
    /// Until it is done.
    slots: Option<S>,
    ended: Arc<Ended>,
    /// How many of the tasks that were handles have not ended.
    handles: usize,
    followed: Followed,
    /// Whether those that were spawned here have all ended.
    spawned_ended: bool,
    /// Tasks that have failed but were not quite complete when they were looked at.
    early: Vec<usize>,
    /// The first task that was not looked at, once they all have ended.
    next: usize,
}

impl<S: Slots> Unpin for Gather<S> {}

impl<S: Slots> Gather<S> {
    fn poll_slots(&mut self, cx: &Context<'_>) -> Poll<Result<(), S::Error>> {
        let slots = self.slots.as_mut().expect("`Gather` polled after completion");
        let mut early = std::mem::take(&mut self.early);
        let mut at = 0;
        while at < early.len() {
            match slots.poll_one(early[at], cx.waker()) {
                Poll::Ready(result) => {
                    early.swap_remove(at);
                    result?;
                }
                Poll::Pending => at += 1,
            }
        }
        self.early = early;
        while self.handles > 0 || !self.spawned_ended {
            match self.ended.next(cx) {
                None => return Poll::Pending,
                Some(ALL) => self.spawned_ended = true,
                Some(key) => {
                    // A handle notes its end when it is complete.
                    self.handles -= usize::from(key & HANDLE != 0);
                    let key = key & !HANDLE;
                    match slots.poll_one(key, cx.waker()) {
                        Poll::Ready(result) => result?,
                        Poll::Pending => self.early.push(key),
                    }
                }
            }
        }
        // What has not failed is complete, or about to be.
        while self.next < slots.size() {
            ready!(slots.poll_one(self.next, cx.waker()))?;
            self.next += 1;
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: Slots> Future for Gather<S> {
    type Output = Result<S::Values, S::Error>;

    #[track_caller]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let coop = ready!(coop::poll_proceed(cx));
        let Poll::Ready(result) = self.poll_slots(cx) else {
            self.followed.note();
            return Poll::Pending;
        };
        coop.made_progress();
        let slots = self.slots.take();
        Poll::Ready(result.map(|()| slots.expect("it was there a moment ago").into_values()))
    }
}

impl<S: Slots> Drop for Gather<S> {
    fn drop(&mut self) {
        if let Some(slots) = &self.slots {
            slots.abort_all();
        }
    }
}

impl<S: Slots> fmt::Debug for Gather<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gather")
            .field("tasks", &self.slots.as_ref().map_or(0, Slots::size))
            .finish_non_exhaustive()
    }
}

/// The future of [`gather_results`].
#[must_use = "dropping it aborts its tasks"]
pub struct GatherResults<S: Slots>(Gather<S>);

impl<S: Slots<Error = Infallible>> Future for GatherResults<S> {
    type Output = S::Values;

    #[track_caller]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<S::Values> {
        Pin::new(&mut self.0).poll(cx).map(|Ok(values)| values)
    }
}

impl<S: Slots> fmt::Debug for GatherResults<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("GatherResults").field(&self.0).finish()
    }
}

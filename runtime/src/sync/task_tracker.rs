//! Waiting for any number of tasks to end.

use std::fmt;
use std::future::Future;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;

use crate::primitives::Arc;
use crate::primitives::atomic::{AtomicUsize, Ordering};
use crate::runtime::Handle;
use crate::sync::rounds::{Rounds, Waiter};
use crate::task::{self, JoinHandle, LocalSet, Note, Resource, coop};

/// Waits until a set of tasks has ended, without keeping what they return.
///
/// [`wait`](Self::wait) is over when the tracker is [closed](Self::close) and no tracked task is left. Closing it is a promise that
/// nothing comes that must be waited for; it refuses nothing. A [`JoinSet`](crate::task::JoinSet) keeps outputs, which must be taken or they pile up, and
/// aborts its tasks when it is dropped; dropping a tracker changes nothing for the tasks. A clone is the same tracker.
///
/// # Examples
///
/// ```
/// # #[windlass::main]
/// # async fn main() {
/// use windlass::sync::{CancellationToken, TaskTracker};
///
/// let (tracker, stop) = (TaskTracker::new(), CancellationToken::new());
/// for _ in 0..10 {
///     tracker.spawn(stop.clone().cancelled_owned());
/// }
/// stop.cancel();
/// tracker.close();
/// tracker.wait().await;
/// assert!(tracker.is_empty());
/// # }
/// ```
///
/// Everything that can be tracked:
///
/// ```
/// use windlass::runtime::Handle;
/// use windlass::sync::TaskTracker;
/// use windlass::task::LocalSet;
///
/// # #[windlass::main(flavor = "current_thread")]
/// # async fn main() {
/// let tracker = TaskTracker::new();
/// let local = LocalSet::new();
/// tracker.spawn_on(async {}, &Handle::current());
/// tracker.spawn_local_on(async {}, &local);
/// tracker.spawn_blocking(|| std::fs::read("Cargo.toml"));
/// tracker.spawn_blocking_on(|| {}, &Handle::current());
/// local.run_until(async { tracker.spawn_local(async {}); }).await;
/// // What is no task of ours is counted as long as its token lives.
/// let token = tracker.token();
/// assert!(TaskTracker::ptr_eq(token.task_tracker(), &tracker));
/// drop(token);
///
/// tracker.close();
/// assert!(tracker.is_closed());
/// local.run_until(tracker.wait()).await;
/// // To be used once more.
/// tracker.reopen();
/// # }
/// ```
#[derive(Clone)]
pub struct TaskTracker {
    shared: Arc<Shared>,
}

// No code of a user runs while the tracker is changed, so a panic leaves everything whole.
impl UnwindSafe for TaskTracker {}
impl RefUnwindSafe for TaskTracker {}

#[derive(Debug)]
struct Shared {
    /// The tasks, times two, and [`CLOSED`].
    state: AtomicUsize,
    /// Those who wait for it to be closed and without tasks.
    rounds: Rounds,
}

const CLOSED: usize = 1;
const TASK: usize = 2;

impl TaskTracker {
    /// An open tracker of no tasks.
    pub fn new() -> Self {
        let (state, rounds) = (AtomicUsize::new(0), Rounds::new());
        Self { shared: Arc::new(Shared { state, rounds }) }
    }

    /// Waits until the tracker is closed and empty at the same time.
    ///
    /// It is enough that this was so for a moment after the call, before the future was polled too.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost when it is dropped.
    pub fn wait(&self) -> TaskTrackerWaitFuture<'_> {
        // Waiting begins before the look, so that what comes after the look ends it.
        let waiter = self.shared.rounds.join();
        let ended = self.state() == CLOSED;
        TaskTrackerWaitFuture { tracker: self, waiter: (!ended).then_some(waiter) }
    }

    fn state(&self) -> usize {
        // Acquire: pairs with the Release in the drop of a token: who sees no task sees what the tasks did.
        self.shared.state.load(Ordering::Acquire)
    }

    /// Lets [`wait`](Self::wait) end once no task is left. True if it was open.
    pub fn close(&self) -> bool {
        // Acquire: as in `state`. Release: pairs with `state`, for what was done before closing.
        let before = self.shared.state.fetch_or(CLOSED, Ordering::AcqRel);
        if before == 0 {
            self.shared.rounds.wake_all();
        }
        before & CLOSED == 0
    }

    /// Takes [`close`](Self::close) back. True if it was closed.
    pub fn reopen(&self) -> bool {
        self.shared.state.fetch_and(!CLOSED, Ordering::AcqRel) & CLOSED != 0
    }

    /// Whether it is closed.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.state() & CLOSED != 0
    }

    /// How many tasks it tracks. A task counts until its future is dropped.
    #[must_use]
    pub fn len(&self) -> usize {
        self.state() / TASK
    }

    /// Whether it tracks no task.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Spawns a task on the current runtime and tracks it.
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    #[track_caller]
    pub fn spawn<F>(&self, future: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        task::spawn(self.track_future(future))
    }

    /// Spawns a task on that runtime and tracks it.
    #[track_caller]
    pub fn spawn_on<F>(&self, future: F, handle: &Handle) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        handle.spawn(self.track_future(future))
    }

    /// Spawns a task on the current [`LocalSet`] and tracks it.
    ///
    /// # Panics
    ///
    /// Outside of a `LocalSet`.
    #[track_caller]
    pub fn spawn_local<F>(&self, future: F) -> JoinHandle<F::Output>
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        task::spawn_local(self.track_future(future))
    }

    /// Spawns a task on that [`LocalSet`] and tracks it.
    #[track_caller]
    pub fn spawn_local_on<F>(&self, future: F, local_set: &LocalSet) -> JoinHandle<F::Output>
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        local_set.spawn_local(self.track_future(future))
    }

    /// Runs a function on the blocking pool of the current runtime and tracks it until it has returned.
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    #[track_caller]
    pub fn spawn_blocking<F, T>(&self, f: F) -> JoinHandle<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        task::spawn_blocking(self.track_function(f))
    }

    /// Runs a function on the blocking pool of that runtime and tracks it until it has returned.
    #[track_caller]
    pub fn spawn_blocking_on<F, T>(&self, f: F, handle: &Handle) -> JoinHandle<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        handle.spawn_blocking(self.track_function(f))
    }

    fn track_function<F: FnOnce() -> T, T>(&self, f: F) -> impl FnOnce() -> T + use<F, T> {
        let token = self.token();
        move || {
            // In this order they are dropped where this is not called: the token is there until `f` is gone, as when it has returned
            // or panicked.
            let (f, _token) = (f, token);
            f()
        }
    }

    /// Tracks a future until it is dropped, however it is run.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[windlass::main]
    /// # async fn main() {
    /// let tracker = windlass::sync::TaskTracker::new();
    /// let future = tracker.track_future(async { 42 });
    /// assert_eq!(tracker.len(), 1);
    /// assert_eq!(future.await, 42);
    /// assert!(tracker.is_empty());
    /// # }
    /// ```
    pub fn track_future<F: Future>(&self, future: F) -> TrackedFuture<F> {
        TrackedFuture { future, token: self.token() }
    }

    /// What counts as a task until it is dropped.
    ///
    /// # Examples
    ///
    /// ```
    /// let tracker = windlass::sync::TaskTracker::new();
    /// let token = tracker.token();
    /// let thread = std::thread::spawn(move || drop(token));
    /// # thread.join().unwrap();
    /// assert!(tracker.is_empty());
    /// ```
    pub fn token(&self) -> TaskTrackerToken {
        // Relaxed: what a new task does is published by its end.
        self.shared.state.fetch_add(TASK, Ordering::Relaxed);
        TaskTrackerToken { tracker: self.clone() }
    }

    /// Whether both are the same tracker.
    #[must_use]
    pub fn ptr_eq(left: &Self, right: &Self) -> bool {
        Arc::ptr_eq(&left.shared, &right.shared)
    }
}

impl Default for TaskTracker {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for TaskTracker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.state();
        let mut tracker = f.debug_struct("TaskTracker");
        tracker.field("len", &(state / TASK)).field("is_closed", &(state & CLOSED != 0)).finish()
    }
}

/// Counts as a task of a [`TaskTracker`] until it is dropped. A clone counts as another one.
///
/// # Examples
///
/// ```
/// use windlass::sync::TaskTracker;
///
/// let tracker = TaskTracker::new();
/// let token = tracker.token();
/// assert_eq!(token.task_tracker().len(), 1);
/// drop(token);
/// assert!(tracker.is_empty());
/// ```
#[derive(Debug)]
pub struct TaskTrackerToken {
    tracker: TaskTracker,
}

impl TaskTrackerToken {
    /// The tracker it counts in.
    #[must_use]
    pub fn task_tracker(&self) -> &TaskTracker {
        &self.tracker
    }
}

impl Clone for TaskTrackerToken {
    fn clone(&self) -> Self {
        self.tracker.token()
    }
}

impl Drop for TaskTrackerToken {
    fn drop(&mut self) {
        let shared = &self.tracker.shared;
        // Release: pairs with the Acquire in `state`. Acquire: the last one passes on what all others did.
        let before = shared.state.fetch_sub(TASK, Ordering::AcqRel);
        if before == TASK | CLOSED {
            shared.rounds.wake_all();
        }
    }
}

pin_project! {
    /// The future of [`TaskTracker::track_future`].
    #[must_use = "futures do nothing unless they are awaited"]
    #[derive(Debug)]
    pub struct TrackedFuture<F> {
        // Dropped before the token.
        #[pin]
        future: F,
        token: TaskTrackerToken,
    }
}

impl<F: Future> Future for TrackedFuture<F> {
    type Output = F::Output;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        self.project().future.poll(cx)
    }
}

/// The future of [`TaskTracker::wait`].
#[must_use = "futures do nothing unless they are awaited"]
pub struct TaskTrackerWaitFuture<'a> {
    tracker: &'a TaskTracker,
    /// `None` once it is over.
    waiter: Option<Waiter>,
}

impl Future for TaskTrackerWaitFuture<'_> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let coop = ready!(coop::poll_proceed(cx))
            .awaiting(Note::resource(Resource::TaskTracker, &*self.tracker.shared));
        let this = &mut *self;
        if let Some(waiter) = &mut this.waiter {
            ready!(this.tracker.shared.rounds.poll(waiter, cx));
            this.waiter = None;
        }
        coop.made_progress();
        Poll::Ready(())
    }
}

impl Drop for TaskTrackerWaitFuture<'_> {
    fn drop(&mut self) {
        if let Some(waiter) = &mut self.waiter {
            self.tracker.shared.rounds.leave(waiter);
        }
    }
}

impl fmt::Debug for TaskTrackerWaitFuture<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TaskTrackerWaitFuture").field("tracker", self.tracker).finish_non_exhaustive()
    }
}

//! [`ExecutorExt`]: what users call on an executor.

use crate::error::JobError;
use crate::executor::{Executor, RejectReason, Rejected};
use crate::future::{Future, block, task};
use crate::job::Job;
use crate::map::{Map, MapOptions};
use std::error::Error;
use std::fmt;
use std::panic::Location;
use std::task::{Context, Poll};

/// Submitting closures to an [`Executor`]; every executor has it.
///
/// ```
/// use windlass_blocking::{Executor, ExecutorExt, ThreadPoolExecutor};
///
/// let pool = ThreadPoolExecutor::new(1);
/// let anything: &dyn Executor = &pool;
/// assert_eq!(anything.submit(|| 1 + 1).result().unwrap(), 2);
/// ```
pub trait ExecutorExt: Executor {
    /// Submits `f` and returns the future of its result. If the executor is full, waits for room.
    ///
    /// It does not fail: if the executor does not accept `f`, the future does, at once
    /// ([`JobError::is_rejected`], [`JobError::is_broken`]).
    ///
    /// ```
    /// use windlass_blocking::{ExecutorExt, ThreadPoolExecutor};
    /// let pool = ThreadPoolExecutor::new(1);
    /// let future = pool.submit(|| std::fs::read_to_string("/no/such/file"));
    /// assert!(future.result().unwrap().is_err());
    /// ```
    #[track_caller]
    fn submit<T, F>(&self, f: F) -> Future<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        submit_at(self, f, Location::caller())
    }

    /// Submits `f` and returns the future of its result, without waiting for room.
    ///
    /// # Errors
    /// `f` itself with the reason, if the executor does not accept it.
    ///
    /// ```
    /// use windlass_blocking::{ExecutorExt, ThreadPoolExecutor};
    /// let pool = ThreadPoolExecutor::new(1);
    /// pool.shutdown(true, false);
    /// let error = pool.try_submit(|| 5).unwrap_err();
    /// assert_eq!(error.into_inner()(), 5);
    /// ```
    #[track_caller]
    fn try_submit<T, F>(&self, f: F) -> Result<Future<T>, TrySubmitError<F>>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        let (job, future) = task(f, Location::caller());
        let Err(rejected) = self.try_execute(job) else { return Ok(future) };
        let (job, reason) = rejected.into_parts();
        // SAFETY: `task` made this future from an `F`, just above.
        let f = unsafe { future.reclaim::<F>() };
        drop(job);
        Err(TrySubmitError { f: f.expect("a job that was not accepted has not been touched"), reason })
    }

    /// Calls `f` with each item, in jobs of their own, and returns an iterator over the results in the order of
    /// the items. All jobs are submitted before this returns.
    ///
    /// Dropping the iterator cancels those that have not started.
    ///
    /// ```
    /// use windlass_blocking::{ExecutorExt, ThreadPoolExecutor};
    /// let pool = ThreadPoolExecutor::new(4);
    /// let lengths: Result<Vec<usize>, _> = pool.map(str::len, ["a", "bc", "def"]).collect();
    /// assert_eq!(lengths.unwrap(), [1, 2, 3]);
    /// ```
    #[track_caller]
    fn map<T, I, F>(&self, f: F, items: I) -> Map<'_, Self, I::IntoIter, F, T>
    where
        I: IntoIterator,
        I::Item: Send + 'static,
        F: Fn(I::Item) -> T + Send + Sync + 'static,
        T: Send + 'static,
    {
        self.map_with(MapOptions::new(), f, items)
    }

    /// As [`map`](Self::map), with a time limit or a limit to how much is submitted ahead.
    ///
    /// ```
    /// use windlass_blocking::{ExecutorExt, MapOptions, ThreadPoolExecutor};
    /// let pool = ThreadPoolExecutor::new(2);
    /// // At most four of infinitely many are submitted and not yet yielded.
    /// let mut squares = pool.map_with(MapOptions::new().buffersize(4), |n: u64| n * n, 1..);
    /// assert_eq!(squares.nth(9).unwrap().unwrap(), 100);
    /// ```
    #[track_caller]
    fn map_with<T, I, F>(&self, options: MapOptions, f: F, items: I) -> Map<'_, Self, I::IntoIter, F, T>
    where
        I: IntoIterator,
        I::Item: Send + 'static,
        F: Fn(I::Item) -> T + Send + Sync + 'static,
        T: Send + 'static,
    {
        Map::new(self, options, f, items.into_iter(), Location::caller())
    }
}

impl<E: Executor + ?Sized> ExecutorExt for E {}

/// [`ExecutorExt::submit`] on behalf of someone at `location`.
pub(crate) fn submit_at<E, T, F>(executor: &E, f: F, location: &'static Location<'static>) -> Future<T>
where
    E: Executor + ?Sized,
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    let (job, future) = task(f, location);
    let outcome = match executor.try_execute(job) {
        Err(rejected) if rejected.is_full() => execute_when_room(executor, rejected),
        outcome => outcome,
    };
    if let Err(rejected) = outcome {
        let (job, reason) = rejected.into_parts();
        job.fail(JobError::from(reason));
    }
    future
}

/// Blocks the thread until a full executor takes the job, if it lets one wait.
#[cold]
fn execute_when_room<E: Executor + ?Sized>(executor: &E, rejected: Rejected) -> Result<(), Rejected> {
    let Some(mut room) = executor.room() else { return Err(rejected) };
    let mut job: Option<Job> = Some(rejected.into_job());
    let outcome =
        block::until(None, |waker| match room.poll_execute(&mut Context::from_waker(waker), &mut job) {
            Poll::Ready(outcome) => Some(outcome),
            Poll::Pending => None,
        });
    outcome.expect("without a deadline the wait ends with an outcome")
}

/// A closure that an executor did not accept, with the reason.
#[must_use = "it holds the closure"]
pub struct TrySubmitError<F> {
    f: F,
    reason: RejectReason,
}

impl<F> TrySubmitError<F> {
    /// Gives `f` back for `reason`; for those who submit in a way of their own.
    ///
    /// ```
    /// use windlass_blocking::{RejectReason, TrySubmitError};
    /// assert!(TrySubmitError::new(|| (), RejectReason::Full).is_full());
    /// ```
    pub fn new(f: F, reason: RejectReason) -> Self {
        Self { f, reason }
    }

    /// The closure.
    ///
    /// ```
    /// use windlass_blocking::{ExecutorExt, ThreadPoolExecutor};
    /// let pool = ThreadPoolExecutor::new(1);
    /// pool.shutdown(false, false);
    /// let f = pool.try_submit(|| "run it here, then").unwrap_err().into_inner();
    /// println!("{}", f());
    /// ```
    pub fn into_inner(self) -> F {
        self.f
    }

    /// Why it was not accepted.
    ///
    /// ```
    /// use windlass_blocking::{ExecutorExt, RejectReason, ThreadPoolExecutor};
    /// let pool = ThreadPoolExecutor::new(1);
    /// pool.shutdown(false, false);
    /// let error = pool.try_submit(|| ()).unwrap_err();
    /// assert!(matches!(error.reason(), RejectReason::ShutDown));
    /// ```
    pub fn reason(&self) -> &RejectReason {
        &self.reason
    }

    /// Whether it may be accepted later, when there is room.
    #[must_use]
    pub fn is_full(&self) -> bool {
        matches!(self.reason, RejectReason::Full)
    }
}

impl<F> fmt::Debug for TrySubmitError<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TrySubmitError").field("reason", &self.reason).finish_non_exhaustive()
    }
}

impl<F> fmt::Display for TrySubmitError<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.reason.fmt(f)
    }
}

impl<F> Error for TrySubmitError<F> {}

//! [`Executor`]: anything that can take a job and see that it runs.

use crate::error::JobError;
use crate::job::Job;
use crate::pool::StillRunning;
use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

/// Somewhere to run jobs: a thread pool of ours, or any other that someone adapts.
///
/// It is object-safe, so that a runtime can be handed one it has never heard of. Executors are meant to be
/// cheap handles, cloned where they are needed. What users call is in [`ExecutorExt`](crate::ExecutorExt).
///
/// An adapter needs one method and, if there is anything to it, `shutdown`:
///
/// ```
/// use windlass_blocking::{Executor, ExecutorExt, Job, Rejected};
///
/// /// Runs each job on a thread of its own.
/// #[derive(Clone)]
/// struct ThreadPerJob;
///
/// impl Executor for ThreadPerJob {
///     fn try_execute(&self, job: Job) -> Result<(), Rejected> {
///         std::thread::spawn(move || job.run());
///         Ok(())
///     }
///
///     fn shutdown(&self, _wait: bool, _cancel_futures: bool) {}
/// }
///
/// assert_eq!(ThreadPerJob.submit(|| 6 * 7).result().unwrap(), 42);
/// ```
pub trait Executor: Send + Sync {
    /// Accepts `job`, without waiting for anything, or gives it back.
    ///
    /// A job that was accepted is run exactly once, or dropped (which cancels it), or failed.
    ///
    /// # Errors
    /// The job with the reason: the executor is full, shut down, broken or without a thread.
    fn try_execute(&self, job: Job) -> Result<(), Rejected>;

    /// A way to wait for room, for an executor that can be full; `None`, the default, if it never is.
    ///
    /// ```
    /// use windlass_blocking::{Executor, ThreadPoolExecutor};
    /// assert!(ThreadPoolExecutor::new(1).room().is_none());
    /// assert!(ThreadPoolExecutor::builder().queue_capacity(8).build().room().is_some());
    /// ```
    fn room(&self) -> Option<Box<dyn Room>> {
        None
    }

    /// Stops accepting jobs; what was accepted still runs, unless `cancel_futures`.
    ///
    /// With `wait`, returns when all that was accepted has ended and its threads are gone. What is running is
    /// never interrupted. Calling it again is allowed.
    fn shutdown(&self, wait: bool, cancel_futures: bool);

    /// As [`shutdown`](Self::shutdown) with `wait`, but waits no longer than `timeout`.
    ///
    /// An executor that cannot tell when its jobs are over does not wait; that is the default.
    ///
    /// # Errors
    /// What still runs and how much is still queued, if that was not over in time.
    ///
    /// ```
    /// use std::time::Duration;
    /// use windlass_blocking::{Executor, ThreadPoolExecutor};
    ///
    /// let executor: Box<dyn Executor> = Box::new(ThreadPoolExecutor::new(1));
    /// executor.shutdown_timeout(Duration::from_secs(1), true).unwrap();
    /// ```
    fn shutdown_timeout(&self, timeout: Duration, cancel_futures: bool) -> Result<(), StillRunning> {
        let _ = timeout;
        self.shutdown(false, cancel_futures);
        Ok(())
    }
}

/// A place in the line for room in a bounded executor, made by [`Executor::room`].
///
/// It holds its own handle of the executor, so it may outlive the one it came from. Dropping it gives up the
/// place; if it had just been told of room, the next in line is told instead.
///
/// ```
/// use std::future::poll_fn;
/// use std::task::{Context, Poll, Waker};
/// use windlass_blocking::{Executor, Job, Room, ThreadPoolExecutor};
///
/// let pool = ThreadPoolExecutor::builder().max_workers(1).queue_capacity(1).build();
/// let mut room: Box<dyn Room> = pool.room().unwrap();
/// let (ran, has_run) = std::sync::mpsc::channel();
/// let mut job = Some(Job::new(move || ran.send(()).unwrap()));
/// // With an async runtime: `poll_fn(|cx| room.poll_execute(cx, &mut job)).await`
/// let mut cx = Context::from_waker(Waker::noop());
/// assert!(matches!(room.poll_execute(&mut cx, &mut job), Poll::Ready(Ok(()))));
/// assert!(job.is_none(), "the pool has it");
/// has_run.recv().unwrap();
/// ```
pub trait Room: Send {
    /// Takes the job out of `job` once the executor has room for it and submits it.
    ///
    /// # Errors
    /// The job with the reason, if the executor will never take it.
    ///
    /// # Panics
    /// If `job` is empty.
    fn poll_execute(&mut self, cx: &mut Context<'_>, job: &mut Option<Job>) -> Poll<Result<(), Rejected>>;
}

/// A job that an executor did not accept, with the reason.
#[must_use = "it holds the job, which is cancelled when this is dropped"]
pub struct Rejected {
    job: Job,
    reason: RejectReason,
}

/// Why a job was not accepted.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum RejectReason {
    /// The queue is full; [`Executor::room`] waits for it.
    Full,
    /// The executor was shut down.
    ShutDown,
    /// The executor broke down, as this says.
    Broken(BrokenThreadPool),
    /// The executor has no thread and could not start one.
    NoThread(Arc<std::io::Error>),
}

/// What broke a thread pool: the failure of its initializer.
///
/// ```
/// use windlass_blocking::{ExecutorExt, ThreadPoolExecutor};
/// let pool = ThreadPoolExecutor::builder().initializer(|| Err("no licence")).build();
/// let error = pool.submit(|| ()).result().unwrap_err();
/// assert!(error.is_broken());
/// assert!(error.to_string().contains("no licence"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrokenThreadPool(Arc<str>);

impl BrokenThreadPool {
    pub(crate) fn new(reason: &str) -> Self {
        Self(reason.into())
    }
}

impl fmt::Display for BrokenThreadPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error for BrokenThreadPool {}

impl Rejected {
    /// Gives `job` back for `reason`.
    ///
    /// ```
    /// use windlass_blocking::{Job, RejectReason, Rejected};
    /// let rejected = Rejected::new(Job::new(|| ()), RejectReason::Full);
    /// assert!(rejected.is_full());
    /// rejected.into_job().run();
    /// ```
    pub fn new(job: Job, reason: RejectReason) -> Self {
        Self { job, reason }
    }

    /// Why the job was not accepted.
    ///
    /// ```
    /// # use windlass_blocking::{Job, RejectReason, Rejected};
    /// let rejected = Rejected::new(Job::new(|| ()), RejectReason::ShutDown);
    /// assert!(matches!(rejected.reason(), RejectReason::ShutDown));
    /// ```
    pub fn reason(&self) -> &RejectReason {
        &self.reason
    }

    /// Whether it may be accepted later, when there is room.
    ///
    /// ```
    /// # use windlass_blocking::{Job, RejectReason, Rejected};
    /// assert!(!Rejected::new(Job::new(|| ()), RejectReason::ShutDown).is_full());
    /// ```
    #[must_use]
    pub fn is_full(&self) -> bool {
        matches!(self.reason, RejectReason::Full)
    }

    /// The job.
    ///
    /// ```
    /// # use windlass_blocking::{Job, RejectReason, Rejected};
    /// Rejected::new(Job::new(|| ()), RejectReason::Full).into_job().run();
    /// ```
    pub fn into_job(self) -> Job {
        self.job
    }

    /// The job and the reason.
    ///
    /// ```
    /// # use windlass_blocking::{Job, RejectReason, Rejected};
    /// let (job, reason) = Rejected::new(Job::new(|| ()), RejectReason::Full).into_parts();
    /// job.fail(reason.into());
    /// ```
    pub fn into_parts(self) -> (Job, RejectReason) {
        (self.job, self.reason)
    }
}

impl fmt::Debug for Rejected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rejected").field("job", &self.job).field("reason", &self.reason).finish()
    }
}

impl fmt::Display for Rejected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.reason.fmt(f)
    }
}

impl Error for Rejected {}

impl fmt::Display for RejectReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full => f.write_str("the executor's queue is full"),
            Self::ShutDown => f.write_str("the executor was shut down"),
            Self::Broken(broken) => broken.fmt(f),
            Self::NoThread(error) => write!(f, "no thread could be started: {error}"),
        }
    }
}

impl Error for RejectReason {}

impl From<RejectReason> for JobError {
    fn from(reason: RejectReason) -> Self {
        match reason {
            RejectReason::Full | RejectReason::ShutDown => Self::rejected(reason.to_string()),
            RejectReason::Broken(_) | RejectReason::NoThread(_) => Self::broken(reason.to_string()),
        }
    }
}

macro_rules! forward_executor {
    ($($pointer:ty),*) => {$(
        impl<E: Executor + ?Sized> Executor for $pointer {
            fn try_execute(&self, job: Job) -> Result<(), Rejected> {
                (**self).try_execute(job)
            }

            fn room(&self) -> Option<Box<dyn Room>> {
                (**self).room()
            }

            fn shutdown(&self, wait: bool, cancel_futures: bool) {
                (**self).shutdown(wait, cancel_futures);
            }

            fn shutdown_timeout(
                &self,
                timeout: Duration,
                cancel_futures: bool,
            ) -> Result<(), StillRunning> {
                (**self).shutdown_timeout(timeout, cancel_futures)
            }
        }
    )*};
}

forward_executor!(&E, Box<E>, Arc<E>);

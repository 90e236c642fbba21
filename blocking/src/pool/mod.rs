//! [`ThreadPoolExecutor`]. Its protocol is told in README.md beside this file.
//!
//! Models run the pool as a whole; what they look at, and the steps they take alone, is in `model`.

mod builder;
pub(crate) mod crew;
mod line;
mod member;
#[cfg(windlass_loom)]
pub mod model;
pub(crate) mod seat;
mod shared;
mod shutdown;
mod spin;
mod word;
mod worker;

pub use builder::{Builder, InitializerOutput};
pub(crate) use member::is_cancelling;
pub use member::wait_blocked;
pub use shutdown::{RunningJob, StillRunning};

use crate::executor::{Executor, Rejected, Room};
use crate::job::Job;
use builder::Config;
use line::PoolRoom;
use shared::Shared;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// A pool of threads that run blocking jobs, started as they are needed and ended when they are idle.
///
/// It is a handle: clones are cheap and mean the same pool. When the last one is dropped, the pool is shut
/// down and waited for, unless that happens on one of its own threads or `shutdown` had been called before.
///
/// At most one of its threads is being woken or started at a time; a thread that takes a job while more are
/// queued wakes or starts the next before it runs its own. Jobs start in the order in which they came. A panic
/// of a job ends up in its result and leaves the thread as it was.
///
/// A job may wait for the result of another job of the same pool, or for room in it: while it waits, the pool
/// may have one thread more, so that this cannot deadlock, however small the pool. (This goes for the waits of
/// this crate and for [`wait_blocked`](crate::wait_blocked); a job that waits for others by a channel holds on to its thread.)
///
/// ```
/// use windlass_blocking::{ExecutorExt, ThreadPoolExecutor};
///
/// let pool = ThreadPoolExecutor::new(4);
/// let squares: Result<Vec<u64>, _> = pool.map(|n| n * n, 1..=4).collect();
/// assert_eq!(squares.unwrap(), [1, 4, 9, 16]);
/// ```
#[derive(Clone)]
pub struct ThreadPoolExecutor {
    /// Counts the handles; the threads have the pool by its own count.
    handle: Arc<Handle>,
}

struct Handle {
    pool: Arc<Shared>,
}

impl ThreadPoolExecutor {
    /// Makes a pool of at most `max_workers` threads, with the defaults of [`builder`](Self::builder) else.
    ///
    /// # Panics
    /// If `max_workers` is 0.
    ///
    /// ```
    /// let pool = windlass_blocking::ThreadPoolExecutor::new(8);
    /// assert_eq!(pool.max_workers(), 8);
    /// ```
    #[track_caller]
    #[must_use]
    pub fn new(max_workers: usize) -> Self {
        Self::builder().max_workers(max_workers).build()
    }

    /// Sets up a pool in detail.
    ///
    /// ```
    /// let pool = windlass_blocking::ThreadPoolExecutor::builder().thread_name_prefix("io").build();
    /// ```
    pub fn builder() -> Builder {
        Builder::new()
    }

    fn from_config(config: Config) -> Self {
        Self { handle: Arc::new(Handle { pool: Shared::new(config) }) }
    }

    fn pool(&self) -> &Arc<Shared> {
        &self.handle.pool
    }

    /// The most threads this pool was built to have.
    ///
    /// ```
    /// let pool = windlass_blocking::ThreadPoolExecutor::default();
    /// assert!(pool.max_workers() >= 5);
    /// ```
    #[must_use]
    pub fn max_workers(&self) -> usize {
        self.pool().config.max_workers
    }

    /// How many threads and jobs there are at the moment.
    ///
    /// ```
    /// use windlass_blocking::{ExecutorExt, ThreadPoolExecutor};
    /// let pool = ThreadPoolExecutor::new(2);
    /// pool.submit(|| ()).result().unwrap();
    /// assert_eq!(pool.metrics().threads, 1);
    /// ```
    #[must_use]
    pub fn metrics(&self) -> Metrics {
        let seen = self.pool().crew.look();
        Metrics { threads: seen.threads(), idle_threads: seen.idle(), queued: self.pool().queue.len() }
    }

    /// Whether `shutdown` was called, in whatever form.
    ///
    /// ```
    /// let pool = windlass_blocking::ThreadPoolExecutor::new(1);
    /// pool.shutdown(false, false);
    /// assert!(pool.is_shut_down());
    /// ```
    #[must_use]
    pub fn is_shut_down(&self) -> bool {
        self.pool().crew.look().is_shut_down()
    }

    /// What the pool's threads are running, the longest running first.
    ///
    /// ```
    /// use windlass_blocking::{ExecutorExt, ThreadPoolExecutor};
    /// let pool = ThreadPoolExecutor::new(1);
    /// let inner = pool.clone();
    /// let jobs = pool.submit(move || inner.running_jobs()).result().unwrap();
    /// assert!(jobs[0].location().file().ends_with(".rs"));
    /// ```
    #[must_use]
    pub fn running_jobs(&self) -> Vec<RunningJob> {
        self.pool().running_jobs()
    }

    /// Stops accepting jobs; what is queued still runs, or is cancelled with `cancel_futures`.
    ///
    /// With `wait`, returns when the last job has ended and the threads are gone. Called on one of the pool's
    /// own threads it does not wait, since it would wait for itself. With `cancel_futures` the running jobs
    /// are left alone, but [`current().is_cancelled()`](crate::Current::is_cancelled) is true for them.
    ///
    /// ```
    /// use windlass_blocking::{ExecutorExt, ThreadPoolExecutor};
    /// let pool = ThreadPoolExecutor::new(1);
    /// let future = pool.submit(|| 5);
    /// pool.shutdown(true, false);
    /// assert_eq!(future.result().unwrap(), 5);
    /// assert!(pool.submit(|| 6).result().unwrap_err().is_rejected());
    /// ```
    pub fn shutdown(&self, wait: bool, cancel_futures: bool) {
        self.pool().shutdown(wait, cancel_futures);
    }

    /// Shuts down like [`shutdown`](Self::shutdown) with `wait`, but waits no longer than `timeout`; on one of
    /// the pool's own threads, not at all.
    ///
    /// Afterwards, dropping the handles waits for nothing.
    ///
    /// # Errors
    /// What still runs and how much is still queued, if that was not over in time. It goes on without anyone
    /// waiting for it.
    ///
    /// ```
    /// use std::{sync::mpsc, time::Duration};
    /// use windlass_blocking::{ExecutorExt, ThreadPoolExecutor};
    ///
    /// let pool = ThreadPoolExecutor::new(1);
    /// let (stop, stopped) = mpsc::channel::<()>();
    /// let (started, starts) = mpsc::channel();
    /// pool.submit(move || {
    ///     started.send(()).unwrap();
    ///     stopped.recv()
    /// });
    /// starts.recv().unwrap();
    /// let running = pool.shutdown_timeout(Duration::from_millis(5), true).unwrap_err();
    /// assert_eq!(running.jobs().len(), 1);
    /// println!("not waiting for {running}");
    /// # drop(stop);
    /// ```
    pub fn shutdown_timeout(&self, timeout: Duration, cancel_futures: bool) -> Result<(), StillRunning> {
        self.pool().shutdown_timeout(timeout, cancel_futures)
    }
}

/// Counts of a [`ThreadPoolExecutor`], each true for itself at about the same time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Metrics {
    /// Threads that exist or are being started.
    pub threads: usize,
    /// Threads that are parked for want of work.
    pub idle_threads: usize,
    /// Jobs that no thread has taken yet, those cancelled meanwhile included.
    pub queued: usize,
}

impl Executor for ThreadPoolExecutor {
    fn try_execute(&self, job: Job) -> Result<(), Rejected> {
        self.pool().submit(job)
    }

    fn room(&self) -> Option<Box<dyn Room>> {
        let pool = self.pool();
        pool.line().is_some().then(|| Box::new(PoolRoom::new(pool.clone())) as Box<dyn Room>)
    }

    fn shutdown(&self, wait: bool, cancel_futures: bool) {
        Self::shutdown(self, wait, cancel_futures);
    }

    fn shutdown_timeout(&self, timeout: Duration, cancel_futures: bool) -> Result<(), StillRunning> {
        Self::shutdown_timeout(self, timeout, cancel_futures)
    }
}

impl Default for ThreadPoolExecutor {
    fn default() -> Self {
        Self::builder().build()
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        if !self.pool.crew.look().is_shut_down() {
            self.pool.shutdown(true, false);
        }
    }
}

impl fmt::Debug for ThreadPoolExecutor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let metrics = self.metrics();
        f.debug_struct("ThreadPoolExecutor")
            .field("max_workers", &self.max_workers())
            .field("threads", &metrics.threads)
            .field("idle_threads", &metrics.idle_threads)
            .field("queued", &metrics.queued)
            .field("shut_down", &self.is_shut_down())
            .finish()
    }
}

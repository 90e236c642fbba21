//! The runtime itself, and its end.

use std::future::Future;
use std::io;
use std::mem;
use std::panic::{Location, RefUnwindSafe, UnwindSafe};
use std::thread;
use std::time::{Duration, Instant};

use windlass_blocking::wait_blocked;

use super::handle::{Entered, drive};
use super::roots::with_root;
use super::{Builder, EnterGuard, Handle, RuntimeMetrics};
use crate::context::{self, Seated};
use crate::executor::PATIENCE;
use crate::primitives::Arc;
use crate::quietly;
use crate::scheduler::{Close, Desk, Shared, Worker, block_on_parked, block_on_seated};
use crate::task::{ContextVars, JoinHandle};

/// A runtime: worker threads that run tasks, and a pool for blocking jobs.
///
/// Dropping it shuts it down: every task is dropped where it waits, blocking jobs that have begun are waited
/// for. Dropped inside one of its own tasks it does the same without waiting, as
/// [`shutdown_background`](Self::shutdown_background).
///
/// # Examples
///
/// ```
/// let rt = windlass::runtime::Runtime::new().unwrap();
/// let sum = rt.block_on(async {
///     let task = windlass::spawn(async { 20 });
///     task.await.unwrap() + 22
/// });
/// assert_eq!(sum, 42);
/// ```
///
/// Beside what it blocks on:
///
/// ```
/// use windlass::runtime::{Handle, Runtime};
///
/// let runtime = Runtime::new().unwrap();
/// let handle = runtime.handle().clone();
/// let job = runtime.spawn_blocking(|| 6 * 7);
/// {
///     // `spawn` and the like find the runtime, in a function that is not async.
///     let _inside = runtime.enter();
///     windlass::spawn(async {});
///     assert!(Handle::try_current().is_ok());
/// }
/// assert_eq!(runtime.block_on(job).unwrap(), 42);
/// println!("{} workers", runtime.metrics().num_workers());
/// // Without waiting for blocking calls.
/// runtime.shutdown_background();
/// assert!(handle.block_on(handle.spawn(async {})).unwrap_err().is_cancelled());
/// ```
#[derive(Debug)]
#[doc(alias = "Runner")]
#[doc(alias = "EventLoop")]
pub struct Runtime {
    handle: Handle,
    threads: Vec<thread::JoinHandle<()>>,
}

impl UnwindSafe for Runtime {}
impl RefUnwindSafe for Runtime {}

impl Runtime {
    pub(super) fn without_threads(handle: Handle) -> Self {
        Self { handle, threads: Vec::new() }
    }

    /// Takes in a thread that was started for this runtime.
    pub(super) fn adopt(&mut self, thread: io::Result<thread::JoinHandle<()>>) -> io::Result<()> {
        match thread {
            Ok(thread) => {
                self.threads.push(thread);
                Ok(())
            }
            Err(error) => Err(io::Error::new(
                error.kind(),
                format!(
                    "the runtime could not start its threads ({} did start and were shut down again): {error}; \
                     lower `Builder::worker_threads`, or raise the limit of threads",
                    self.threads.len()
                ),
            )),
        }
    }

    /// A multi-thread runtime with a worker for each core.
    ///
    /// # Errors
    ///
    /// If its threads cannot be started, or the environment variable `WINDLASS_WORKER_THREADS` is not a
    /// number of threads.
    pub fn new() -> io::Result<Self> {
        Builder::new_multi_thread().build()
    }

    /// The handle of this runtime.
    pub fn handle(&self) -> &Handle {
        &self.handle
    }

    /// Spawns a future as a task of this runtime.
    #[doc(alias = "create_task")]
    #[track_caller]
    pub fn spawn<F>(&self, future: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        self.handle.spawn(future)
    }

    /// Runs a function that blocks on a thread of the blocking pool; see
    /// [`task::spawn_blocking`](crate::task::spawn_blocking).
    #[track_caller]
    pub fn spawn_blocking<F, T>(&self, f: F) -> JoinHandle<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        self.handle.spawn_blocking(f)
    }

    /// Runs a future to its end on this thread, and tasks of the runtime while the future waits.
    ///
    /// So the future and what it spawns talk to each other without crossing threads. Any number of threads
    /// may call it at once. On a multi-thread runtime this thread is no worker: it runs what its future spawns, and what the events and
    /// timers wake that it waits for, but as long as not all workers are blocked it looks for no other tasks and is not woken for any. **A caller that holds a lock, or a borrow of a thread-local, may meet it again
    /// in a task**: switch that off with
    /// [`Builder::block_on_runs_tasks`](super::Builder::block_on_runs_tasks), or use
    /// [`Handle::block_on`], which never runs tasks.
    ///
    /// It leaves Ctrl-C alone; [`run`](Self::run) does not.
    ///
    /// # Panics
    ///
    /// On a thread that drives futures: inside a task or another `block_on`. And with what the future
    /// panics with.
    #[doc(alias = "run_until_complete")]
    #[track_caller]
    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        let _driving = drive();
        let shared = self.handle.shared();
        let _entered = Entered::new(shared);
        with_root(shared, Location::caller(), |root| {
            let future = ContextVars::current().scope(root.watch(future));
            // Inside a blocking job the future may wait for another job of the same pool.
            wait_blocked(|| {
                if shared.config.block_on_runs_tasks {
                    block_on_seated(shared, future)
                } else {
                    block_on_parked(future)
                }
            })
        })
    }

    /// Puts this thread into the runtime; see [`Handle::enter`].
    pub fn enter(&self) -> EnterGuard<'_> {
        self.handle.enter()
    }

    /// What the runtime has counted so far.
    pub fn metrics(&self) -> RuntimeMetrics {
        self.handle.metrics()
    }

    /// Shuts down and waits for that no longer than `timeout`. What still runs then, a task that does not
    /// return from its poll or a blocking job, is named in a warning and left to itself; once it returns,
    /// the rest is dropped.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let rt = windlass::runtime::Runtime::new().unwrap();
    /// rt.spawn(std::future::pending::<()>());
    /// rt.shutdown_timeout(Duration::from_secs(1));
    /// ```
    #[doc(alias = "shutdown_default_executor")]
    pub fn shutdown_timeout(mut self, timeout: Duration) {
        self.shut_down(Some(timeout));
    }

    /// Shuts down without waiting; for a runtime that is dropped in async code.
    pub fn shutdown_background(self) {
        self.shutdown_timeout(Duration::ZERO);
    }

    fn shut_down(&mut self, timeout: Option<Duration>) {
        let shared = Arc::clone(self.handle.shared());
        let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        let close = shared.roster.close();
        shared.set_closing();
        match close {
            Close::Begun => return,
            Close::Workers => {}
            Close::Caller(index, desk) => {
                let _entered = Entered::new(&shared);
                let worker = Box::new(Worker::new(Arc::clone(&shared), index, desk));
                worker.arrive();
                // SAFETY: the worker is in a box of its own, and outlives the guard.
                let seated = unsafe { Seated::new(&worker) };
                worker.retire();
                drop(seated);
                (*worker).depart();
            }
        }
        let threads = mem::take(&mut self.threads);
        let timeout =
            if context::is_worker_of(Arc::as_ptr(&shared)) { Some(Duration::ZERO) } else { timeout };
        // Inside a blocking job of another runtime, a task of this one may wait for a job of that one's pool.
        let wait_drained = |timeout| wait_blocked(|| shared.roster.wait_drained(timeout));
        let mut drained = wait_drained(Some(timeout.unwrap_or(PATIENCE)));
        if !drained {
            // A subscriber that panics must not keep the shutdown from its end.
            quietly(|| shared.report_stuck());
        }
        if !drained && timeout.is_none() {
            drained = wait_drained(None);
        }
        if drained {
            for thread in threads {
                // std has no join with a timeout; what is left for a thread to do are the hooks of the user.
                while deadline.is_some_and(|deadline| Instant::now() < deadline) && !thread.is_finished() {
                    thread::sleep(Duration::from_micros(100));
                }
                if deadline.is_none() || thread.is_finished() {
                    // What its tasks and hooks panic with does not reach the thread's end.
                    let _ = thread.join();
                }
            }
        }
        shared.driver.close();
        shared.executors.shut_down(deadline);
    }
}

impl Drop for Runtime {
    fn drop(&mut self) {
        let on_own_worker = context::is_worker_of(Arc::as_ptr(self.handle.shared()));
        self.shut_down(on_own_worker.then_some(Duration::ZERO));
    }
}

/// What a worker's thread does.
pub(super) fn work(shared: Arc<Shared>, index: usize, desk: Desk) {
    let worker = Box::new(Worker::new(Arc::clone(&shared), index, desk));
    let _driving = drive();
    let entered = Entered::new(&shared);
    // SAFETY: the worker is in a box of its own, and outlives the guard.
    let seated = unsafe { Seated::new(&worker) };
    shared.hooks.started();
    worker.arrive();
    worker.work();
    worker.retire();
    // What the hook wakes or spawns is not this worker's any more.
    drop(seated);
    shared.hooks.stopping();
    drop(entered);
    (*worker).depart();
}

//! Handles: a runtime, to spawn on and to enter.

use std::error::Error;
use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::panic::{Location, RefUnwindSafe, UnwindSafe};
use std::sync::MutexGuard;

use windlass_blocking::{Executor, TrySubmitError, wait_blocked};

use super::RuntimeMetrics;
use super::dump::Dump;
use super::roots::with_root;
use crate::context::{self, Driving, Outer};
use crate::executor::{self, RunInExecutor};
use crate::primitives::Arc;
use crate::scheduler::{Shared, block_on_parked};
use crate::task::{AllTasks, ContextVars, JoinHandle};

/// A reference to a runtime, cheap to clone. It does not keep the runtime running.
///
/// # Examples
///
/// ```
/// let rt = windlass::runtime::Runtime::new().unwrap();
/// let handle = rt.handle().clone();
/// let sum = std::thread::spawn(move || handle.block_on(async { 1 + 1 })).join().unwrap();
/// assert_eq!(sum, 2);
/// ```
///
/// What can be asked of a runtime from any thread:
///
/// ```
/// use windlass::runtime::{Handle, Runtime, RuntimeFlavor};
///
/// assert!(Handle::try_current().unwrap_err().is_missing_context());
///
/// let runtime = Runtime::new().unwrap();
/// let handle = runtime.handle().clone();
/// std::thread::spawn(move || {
///     assert_eq!(handle.runtime_flavor(), RuntimeFlavor::MultiThread);
///     let one = handle.spawn_blocking(|| 1);
///     let two = handle.run_in_executor(None, || 2);
///     let three = handle.try_spawn_blocking(|| 3).expect("there is room");
///     let sum = handle.block_on(async { one.await.unwrap() + two.await.unwrap() + three.await.unwrap() });
///     assert_eq!(sum, 6);
///     println!("{} alive, {} workers", handle.all_tasks().len(), handle.metrics().num_workers());
/// }).join().unwrap();
/// ```
#[derive(Clone)]
pub struct Handle {
    shared: Arc<Shared>,
}

/// What runs the tasks of a runtime.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RuntimeFlavor {
    /// The thread that calls `block_on`.
    CurrentThread,
    /// Worker threads.
    MultiThread,
}

// A panic of the user's leaves no lock poisoned and no queue half-written.
impl UnwindSafe for Handle {}
impl RefUnwindSafe for Handle {}

impl Handle {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// The runtime this thread is in; asyncio's `get_running_loop`.
    ///
    /// # Panics
    ///
    /// Outside of a runtime; see [`try_current`](Self::try_current).
    #[doc(alias = "get_running_loop")]
    #[doc(alias = "get_event_loop")]
    #[track_caller]
    pub fn current() -> Self {
        in_runtime(Self::try_current().ok())
    }

    /// The runtime this thread is in.
    ///
    /// # Errors
    ///
    /// Outside of a runtime.
    pub fn try_current() -> Result<Self, TryCurrentError> {
        context::with_runtime(|runtime| match runtime {
            Some(runtime) => Ok(Self::new(Arc::clone(runtime))),
            None => Err(TryCurrentError(())),
        })
    }

    /// Puts this thread into the runtime, so that [`spawn`](crate::spawn) spawns there, until the guard is
    /// dropped.
    ///
    /// # Examples
    ///
    /// ```
    /// let rt = windlass::runtime::Runtime::new().unwrap();
    /// let _guard = rt.enter();
    /// let task = windlass::spawn(async { 1 });
    /// assert_eq!(rt.block_on(task).unwrap(), 1);
    /// ```
    pub fn enter(&self) -> EnterGuard<'_> {
        let shared = Arc::clone(&self.shared);
        // SAFETY: the guard keeps the count until the thread is out of the runtime, or for ever.
        let outer = unsafe { context::enter(&shared) };
        let stay = Stay { outer, shared: Some(shared), _thread: PhantomData };
        EnterGuard { _stay: stay, _handle: PhantomData }
    }

    /// Spawns a future as a task of this runtime. Once the runtime is shut down, the future is dropped at
    /// once and its handle says that it was cancelled.
    #[doc(alias = "create_task")]
    #[track_caller]
    pub fn spawn<F>(&self, future: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        self.shared.spawn(future, None, Location::caller())
    }

    /// Runs a function that blocks on a thread of the blocking pool; see
    /// [`task::spawn_blocking`](crate::task::spawn_blocking).
    #[track_caller]
    pub fn spawn_blocking<F, T>(&self, f: F) -> JoinHandle<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        self.shared.spawn_blocking(f, None, Location::caller())
    }

    /// Runs a function that blocks on a thread of the blocking pool, or gives it back; see
    /// [`task::try_spawn_blocking`](crate::task::try_spawn_blocking).
    ///
    /// # Errors
    ///
    /// The function with the reason, if the pool does not accept it.
    #[track_caller]
    pub fn try_spawn_blocking<F, T>(&self, f: F) -> Result<JoinHandle<T>, TrySubmitError<F>>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        self.shared.try_spawn_blocking(f, Location::caller())
    }

    /// Calls a function that blocks on a thread of an executor; see [`run_in_executor`](crate::run_in_executor).
    /// It may be called outside of the runtime.
    #[track_caller]
    pub fn run_in_executor<F, T>(&self, executor: Option<&dyn Executor>, f: F) -> RunInExecutor<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        executor::submit(&self.shared, executor, f, Location::caller())
    }

    /// Has [`run_in_executor`](crate::run_in_executor)`(None, ..)` and [`to_thread`](crate::to_thread) use that
    /// executor from here on; asyncio's `set_default_executor`.
    ///
    /// [`spawn_blocking`](crate::task::spawn_blocking) stays on the runtime's blocking pool. The runtime shuts the
    /// executor down when it is shut down itself, as asyncio does, and waits for it as for its own. (asyncio
    /// demands a `ThreadPoolExecutor`; here any executor will do.) An executor that was set before is dropped
    /// here; the last handle of a thread pool waits for its jobs.
    ///
    /// # Examples
    ///
    /// ```
    /// use windlass::blocking::ThreadPoolExecutor;
    ///
    /// let rt = windlass::runtime::Runtime::new().unwrap();
    /// rt.handle().set_default_executor(
    ///     ThreadPoolExecutor::builder().thread_name_prefix("disk").build(),
    /// );
    /// let name = rt.block_on(async {
    ///     windlass::to_thread(|| std::thread::current().name().unwrap().to_owned()).await.unwrap()
    /// });
    /// assert_eq!(name, "disk_0");
    /// ```
    pub fn set_default_executor(&self, executor: impl Executor + 'static) {
        self.shared.executors.set_default(Arc::new(executor));
    }

    /// Waits for a future on this thread, which does nothing else meanwhile. Tasks run on the runtime's own
    /// threads only: on a current-thread runtime, somebody must be inside
    /// [`Runtime::block_on`](super::Runtime::block_on) for them to run.
    ///
    /// It may be called inside a blocking job: while it lasts the blocking pool may have one thread more, so that a
    /// job may wait for another one of a pool that is full.
    ///
    /// # Panics
    ///
    /// On a thread that drives futures: inside a task or another `block_on`. And with what the future
    /// panics with.
    #[track_caller]
    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        let _driving = drive();
        let _entered = Entered::new(&self.shared);
        with_root(&self.shared, Location::caller(), |root| {
            let future = ContextVars::current().scope(root.watch(future));
            // Inside a blocking job the future may wait for another job of the same pool.
            wait_blocked(|| block_on_parked(future))
        })
    }

    /// What runs the tasks of this runtime.
    pub fn runtime_flavor(&self) -> RuntimeFlavor {
        if self.shared.config.workers == 0 {
            RuntimeFlavor::CurrentThread
        } else {
            RuntimeFlavor::MultiThread
        }
    }

    /// What the runtime has counted so far.
    pub fn metrics(&self) -> RuntimeMetrics {
        RuntimeMetrics::new(Arc::clone(&self.shared))
    }

    /// Every live task of this runtime; see [`task::all_tasks`](crate::task::all_tasks).
    pub fn all_tasks(&self) -> AllTasks {
        self.shared.all_tasks()
    }

    /// Every live task of this runtime and what it waits for, as a tree of who waits for whom, to be printed; asyncio's
    /// `print_call_graph`, and what `python -m asyncio pstree` shows.
    ///
    /// It looks, and asks nobody: no task is polled, none is kept waiting for longer than a moment, and the calling thread
    /// need not be one of the runtime's. (tokio's is `async`, since it polls every task.) See [`Dump`] for what it knows,
    /// and [`task::all_tasks`](crate::task::all_tasks) for how long it takes.
    ///
    /// # Examples
    ///
    /// ```
    /// use windlass::runtime::Handle;
    /// use windlass::sync::Mutex;
    /// use windlass::task;
    ///
    /// let rt = windlass::runtime::Builder::new_current_thread().build().unwrap();
    /// let text = rt.block_on(async {
    ///     static LOCK: Mutex<()> = Mutex::const_new(());
    ///     let _held = LOCK.lock().await;
    ///     let writer = task::Builder::new().name("writer").spawn(async { drop(LOCK.lock().await) }).unwrap();
    ///     let main = task::Builder::new().name("main").spawn(writer).unwrap();
    ///     task::yield_now().await;
    ///     # drop(main);
    ///     Handle::current().dump().to_string()
    /// });
    /// assert!(text.contains("writer") && text.contains("a mutex"));
    /// // 2 tasks
    /// // block_on at src/main.rs:7, thread "main": running
    /// // task 2 "main" at src/main.rs:11: idle for task 1
    /// // └─ task 1 "writer" at src/main.rs:10: idle for a mutex (0x55d0c3a3c0a8)
    /// ```
    #[doc(alias("print_call_graph", "format_call_graph", "capture_call_graph", "pstree", "ps"))]
    pub fn dump(&self) -> Dump {
        Dump::of(&self.shared)
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handle")
            .field("flavor", &self.runtime_flavor())
            .field("workers", &self.shared.config.workers)
            .field("tasks", &self.shared.counts().live)
            .finish()
    }
}

/// Marks this thread as one that drives futures.
#[track_caller]
pub(crate) fn drive() -> Driving {
    match Driving::try_new() {
        Some(driving) => driving,
        None => nested(),
    }
}

#[cold]
#[track_caller]
fn nested() -> ! {
    panic!(
        "Cannot start a runtime from within a runtime: `block_on` was called on a thread that drives \
         futures, and blocking it would stall the tasks that run there. In async code `.await` the future \
         instead; in code that is not async, run it with `spawn_blocking` and call `Handle::block_on` there, \
         or use a thread of its own"
    );
}

/// What was asked of the current runtime, which must be there.
#[track_caller]
pub(crate) fn in_runtime<T>(answer: Option<T>) -> T {
    match answer {
        Some(answer) => answer,
        None => no_runtime(),
    }
}

#[cold]
#[track_caller]
fn no_runtime() -> ! {
    panic!(
        "there is no runtime running on this thread: call this from a task or inside `block_on`, or enter a \
         runtime first with `let _guard = handle.enter();`, or begin with `#[windlass::main]` or \
         `windlass::run`"
    );
}

/// A thread inside a runtime, for the length of a call.
pub(crate) struct Entered {
    outer: Outer,
    _shared: Arc<Shared>,
}

impl Entered {
    pub(crate) fn new(shared: &Arc<Shared>) -> Self {
        let shared = Arc::clone(shared);
        // SAFETY: the count is kept until the thread is out of it.
        let outer = unsafe { context::enter(&shared) };
        Self { outer, _shared: shared }
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        context::leave_all(&self.outer);
    }
}

/// Keeps its thread inside a runtime until it is dropped; see [`Handle::enter`].
///
/// It may outlive the runtime, if that is shut down by value: what is spawned on the thread then is cancelled at once.
///
/// # Panics
///
/// Dropping it panics if another guard that was made later on this thread is still alive.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use windlass::runtime::Runtime;
///
/// let runtime = Runtime::new().unwrap();
/// let _guard = runtime.enter();
/// runtime.shutdown_timeout(Duration::from_secs(1));
/// let late = windlass::spawn(async {});
/// assert!(late.is_finished());
/// ```
#[must_use = "dropping the guard leaves the runtime"]
pub struct EnterGuard<'a> {
    _stay: Stay,
    _handle: PhantomData<&'a Handle>,
}

/// What a guard undoes. It has no lifetime: a destructor that has one would borrow the runtime to the end of the guard's scope.
struct Stay {
    outer: Outer,
    /// Its count is what keeps the runtime's memory as long as the thread is in it, and not the borrow.
    shared: Option<Arc<Shared>>,
    /// A guard belongs to its thread.
    _thread: PhantomData<MutexGuard<'static, ()>>,
}

impl Drop for Stay {
    fn drop(&mut self) {
        if context::leave(&self.outer) {
            return;
        }
        // The thread may stay in the runtime, or come back to it, so it has to live.
        std::mem::forget(self.shared.take());
        if !std::thread::panicking() {
            panic!(
                "guards of `Handle::enter` were dropped out of order: drop them in the reverse order of the \
                 calls that gave them"
            );
        }
    }
}

impl fmt::Debug for EnterGuard<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EnterGuard").finish_non_exhaustive()
    }
}

/// The error of [`Handle::try_current`]: this thread is not inside a runtime.
///
/// # Examples
///
/// ```
/// use windlass::runtime::{Handle, TryCurrentError};
///
/// let error: TryCurrentError = Handle::try_current().unwrap_err();
/// assert!(error.is_missing_context() && !error.is_thread_local_destroyed());
/// ```
pub struct TryCurrentError(());

impl TryCurrentError {
    /// Whether there is no runtime on this thread.
    pub fn is_missing_context(&self) -> bool {
        true
    }

    /// Whether the thread is so far in its end that its thread-locals are gone. It never is: Windlass keeps
    /// what it needs to know where no destructor takes it away.
    pub fn is_thread_local_destroyed(&self) -> bool {
        false
    }
}

impl fmt::Debug for TryCurrentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TryCurrentError(NoContext)")
    }
}

impl fmt::Display for TryCurrentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "there is no runtime running on this thread: call this from a task or inside `block_on`, or \
             enter a runtime first with `let _guard = handle.enter();`",
        )
    }
}

impl Error for TryCurrentError {}

//! `run_in_executor`: a call on an executor, awaited.

use std::fmt;
use std::future::Future;
use std::panic::{AssertUnwindSafe, Location, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use windlass_blocking::{Executor, Future as BlockingFuture, FutureState, Job, JobError, Rejected, Room};

use super::inhibit::keeping_the_clock;
use crate::context;
use crate::primitives::Arc;
use crate::runtime::{Entered, in_runtime};
use crate::scheduler::Shared;
use crate::task::{Note, Panic, coop};

/// Calls a function that blocks on a thread of an executor, and gives a future of what it returns; asyncio's
/// `loop.run_in_executor`.
///
/// `None` is the runtime's default executor: its blocking pool, or what
/// [`Handle::set_default_executor`](crate::runtime::Handle::set_default_executor) put in its place. Anything
/// else that implements [`Executor`] can be named instead, such as a
/// [`ThreadPoolExecutor`](windlass_blocking::ThreadPoolExecutor) of one's own.
///
/// The function is submitted here and now, as in Python, and runs whether or not the future is polled. An
/// executor with a bounded queue that is full takes it later: the future waits for room when it is polled,
/// without blocking its thread. Told of room, it has to be polled again or dropped before the next in line can have
/// it.
///
/// The function runs inside the runtime, so that it can spawn and submit, and without the task-locals of the
/// caller; see [`to_thread`](crate::to_thread).
///
/// # Errors
///
/// The future's output is an error if the function panicked, and if the executor is shut down, broken, or
/// full with no way to wait for room.
///
/// # Cancel safety
///
/// Dropping the future cancels the function if it has not begun, and gives up its place in the line for room.
/// One that has begun runs to its end, and can ask
/// [`blocking::current().is_cancelled()`](windlass_blocking::Current::is_cancelled); its result is dropped, and a
/// panic of it is reported and counted
/// ([`unobserved_panics_count`](crate::runtime::RuntimeMetrics::unobserved_panics_count)). Python loses both.
///
/// # Panics
///
/// Outside of a runtime.
///
/// # Examples
///
/// ```
/// use windlass::blocking::ThreadPoolExecutor;
/// use windlass::run_in_executor;
///
/// #[windlass::main]
/// async fn main() {
///     let text = run_in_executor(None, || std::fs::read_to_string("Cargo.toml")).await.unwrap();
///     assert!(text.unwrap().contains("[package]"));
///
///     let pool = ThreadPoolExecutor::new(2);
///     assert_eq!(run_in_executor(Some(&pool), || 6 * 7).await.unwrap(), 42);
/// }
/// ```
#[track_caller]
pub fn run_in_executor<F, T>(executor: Option<&dyn Executor>, f: F) -> RunInExecutor<T>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    let location = Location::caller();
    in_runtime(context::with_runtime(|runtime| Some(submit(runtime?, executor, f, location))))
}

/// As `run_in_executor`, on a runtime and with a place to name.
pub(crate) fn submit<F, T>(
    shared: &Arc<Shared>,
    executor: Option<&dyn Executor>,
    f: F,
    location: &'static Location<'static>,
) -> RunInExecutor<T>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    let (job, future) = job(shared, f, location);
    let waits = match executor {
        Some(executor) => execute(executor, job),
        None if shared.is_closing() => closed(job),
        None => shared.executors.with_default(|executor| execute(executor, job)),
    };
    RunInExecutor { waits: waits.map(Unshared), future }
}

/// Calls a function of the runtime's own that blocks, on a thread that no user's job takes.
pub(crate) fn run_own<F, T>(
    shared: &Arc<Shared>,
    f: F,
    location: &'static Location<'static>,
) -> RunInExecutor<T>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    let (job, future) = job(shared, f, location);
    let waits = execute(shared.executors.own(), job);
    RunInExecutor { waits: waits.map(Unshared), future }
}

/// A job that runs inside the runtime, and whose panic travels as a value, which notices when nobody wants it.
fn job<F, T>(
    shared: &Arc<Shared>,
    f: F,
    location: &'static Location<'static>,
) -> (Job, BlockingFuture<Result<T, Panic>>)
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    let call = {
        let shared = Arc::clone(shared);
        move || {
            let _entered = Entered::new(&shared);
            catch_unwind(AssertUnwindSafe(f))
                .map_err(|payload| Panic::new(payload, location, Arc::clone(&shared.unobserved)))
        }
    };
    let (job, future) = Job::with_future(call, location);
    (keeping_the_clock(&shared.driver, job), future)
}

#[cold]
fn closed(job: Job) -> Option<Waits> {
    job.fail(JobError::rejected("the runtime of the default executor is shut down"));
    None
}

/// Submits the job; the wait for room, if that is what it comes to.
fn execute(executor: &dyn Executor, job: Job) -> Option<Waits> {
    let rejected = executor.try_execute(job).err()?;
    if rejected.is_full()
        && let Some(room) = executor.room()
    {
        return Some(Waits { job: Some(rejected.into_job()), room });
    }
    fail(rejected);
    None
}

fn fail(rejected: Rejected) {
    let (job, reason) = rejected.into_parts();
    job.fail(reason.into());
}

/// A job in the line for room. The job is dropped, and so cancelled, before its place is given up.
struct Waits {
    job: Option<Job>,
    room: Box<dyn Room>,
}

/// What is there, but of no use to who has only a shared reference.
struct Unshared<T>(T);

impl<T> Unshared<T> {
    fn get_mut(&mut self) -> &mut T {
        &mut self.0
    }
}

// SAFETY: a shared reference gives no access to the value. (std's `SyncView`, once it is stable.)
unsafe impl<T> Sync for Unshared<T> {}

/// The future of [`run_in_executor`] and [`to_thread`](crate::to_thread).
///
/// # Examples
///
/// ```
/// use windlass::blocking::ThreadPoolExecutor;
/// use windlass::run_in_executor;
///
/// # #[windlass::main(flavor = "current_thread")]
/// # async fn main() {
/// let pool = ThreadPoolExecutor::new(1);
/// let (go, wait) = std::sync::mpsc::channel::<()>();
/// let first = run_in_executor(Some(&pool), move || wait.recv());
/// let second = run_in_executor(Some(&pool), || unreachable!("it has not begun"));
/// assert!(second.cancel() && second.is_finished());
/// assert!(second.await.unwrap_err().is_cancelled());
/// go.send(()).unwrap();
/// first.await.unwrap().unwrap();
/// # }
/// ```
#[must_use = "dropping it cancels the call if it has not begun"]
pub struct RunInExecutor<T> {
    waits: Option<Unshared<Waits>>,
    future: BlockingFuture<Result<T, Panic>>,
}

// Neither a job nor a room is touched through a shared reference.
impl<T> Unpin for RunInExecutor<T> {}

impl<T> RunInExecutor<T> {
    /// Cancels the call if it has not begun. True if it is cancelled now, or was before.
    ///
    /// A call that has begun goes on, and can ask whether this was called.
    pub fn cancel(&self) -> bool {
        self.future.cancel()
    }

    /// Whether the call has ended or was cancelled.
    pub fn is_finished(&self) -> bool {
        self.future.done()
    }
}

impl<T> Future for RunInExecutor<T> {
    type Output = Result<T, JobError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let coop = ready!(coop::poll_proceed(cx)).awaiting(Note::job(self.future.location()));
        if self.future.done() {
            // Cancelled in the line for room, if it stands there: the job does not take the place.
            self.waits = None;
        }
        if let Some(Waits { job, room }) = self.waits.as_mut().map(Unshared::get_mut) {
            let accepted = ready!(room.poll_execute(cx, job));
            self.waits = None;
            if let Err(rejected) = accepted {
                fail(rejected);
            }
        }
        let output = ready!(self.future.poll_result(cx));
        coop.made_progress();
        Poll::Ready(output.and_then(|output| output.map_err(|panic| JobError::panicked(panic.observe()))))
    }
}

impl<T> Drop for RunInExecutor<T> {
    fn drop(&mut self) {
        self.future.cancel();
    }
}

impl<T> fmt::Debug for RunInExecutor<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match self.future.state() {
            FutureState::Pending if self.waits.is_some() => "WaitsForRoom".to_owned(),
            state => format!("{state:?}"),
        };
        f.debug_struct("RunInExecutor")
            .field("state", &format_args!("{state}"))
            .field("submitted_at", &format_args!("{}", self.future.location()))
            .finish()
    }
}

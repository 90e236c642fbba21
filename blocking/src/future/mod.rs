//! [`Future`]: the result of a job, now or later.

pub(crate) mod block;
mod cell;
mod collect;
mod promise;
mod shared;
mod state;
mod task;
mod watchers;

pub use collect::{AsCompleted, ReturnWhen, as_completed, wait};
pub use promise::Promise;
pub use shared::SharedFuture;
pub(crate) use task::task;

use crate::error::JobError;
use crate::primitives::Instant;
use cell::Consumer;
use std::error::Error;
use std::fmt;
use std::panic::Location;
use std::task::{Context, Poll, Waker};
use std::time::Duration;
use watchers::{Callback, Key};

/// The key under which the one owner of a future waits for it. A shared future chooses others.
const OWNER: Key = 0;

/// The result of a job that may not have run yet, as [`concurrent.futures.Future`] in Python.
///
/// It is one of two owners of one allocation; the job is the other. Dropping it lets the job run as if nothing
/// had happened: see [`cancel`](Self::cancel). It is not a [`std::future::Future`]: a thread waits for it, with
/// [`result`](Self::result). (`windlass::wrap_future` makes something to await of it.)
///
/// ```
/// use windlass_blocking::{ExecutorExt, ThreadPoolExecutor};
///
/// let pool = ThreadPoolExecutor::new(2);
/// let future = pool.submit(|| (1..=20).product::<u64>());
/// assert_eq!(future.result().unwrap(), 2_432_902_008_176_640_000);
/// ```
///
/// [`concurrent.futures.Future`]: https://docs.python.org/3/library/concurrent.futures.html#future-objects
pub struct Future<T> {
    cell: Consumer<T>,
}

// The result is moved out by value, and nothing refers to it where it is.
impl<T> Unpin for Future<T> {}

/// The four states of a future. `Pending` becomes `Running` or `Cancelled`, `Running` becomes `Finished`.
///
/// ```
/// use windlass_blocking::{FutureState, Promise};
///
/// let (promise, future) = Promise::new();
/// assert_eq!(future.state(), FutureState::Pending);
/// assert!(promise.set_running_or_notify_cancel());
/// assert_eq!(future.state(), FutureState::Running);
/// promise.set_result("done").unwrap();
/// assert_eq!(future.state(), FutureState::Finished);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FutureState {
    /// Not started: it can be cancelled.
    Pending,
    /// Started, and not to be stopped.
    Running,
    /// Cancelled before it started.
    Cancelled,
    /// Ended, with a value, a panic or another error.
    Finished,
}

impl<T> Future<T> {
    fn new(cell: Consumer<T>) -> Self {
        Self { cell }
    }

    /// Cancels the job unless it has started. True if it is cancelled now, or was before.
    ///
    /// If this cancels it, the job's closure is dropped and the callbacks run here and now, and who waits is
    /// woken. If the job is running, it goes on; it can ask [`current`](crate::current) whether this was
    /// called.
    ///
    /// ```
    /// use windlass_blocking::Promise;
    ///
    /// let (_promise, future) = Promise::<u32>::new();
    /// assert!(future.cancel());
    /// assert!(future.cancelled() && future.done());
    /// ```
    pub fn cancel(&self) -> bool {
        self.cell.cancel()
    }

    /// What state it is in.
    ///
    /// ```
    /// use windlass_blocking::{FutureState, Promise};
    /// let (_promise, future) = Promise::<u32>::new();
    /// assert_eq!(future.state(), FutureState::Pending);
    /// ```
    #[must_use]
    pub fn state(&self) -> FutureState {
        let seen = self.cell.core().look();
        if seen.is_pending() {
            FutureState::Pending
        } else if seen.is_running() {
            FutureState::Running
        } else if seen.is_cancelled() {
            FutureState::Cancelled
        } else {
            FutureState::Finished
        }
    }

    /// Whether it was cancelled.
    ///
    /// ```
    /// let (promise, future) = windlass_blocking::Promise::<u32>::new();
    /// drop(promise);
    /// assert!(future.cancelled());
    /// ```
    #[must_use]
    pub fn cancelled(&self) -> bool {
        self.state() == FutureState::Cancelled
    }

    /// Whether the job is running, so that it cannot be cancelled any more.
    ///
    /// ```
    /// let (promise, future) = windlass_blocking::Promise::<u32>::new();
    /// promise.set_running_or_notify_cancel();
    /// assert!(future.running() && !future.cancel());
    /// ```
    #[must_use]
    pub fn running(&self) -> bool {
        self.state() == FutureState::Running
    }

    /// Whether it has finished or was cancelled. Callbacks come first: the result can be had when they were called.
    ///
    /// ```
    /// let (promise, future) = windlass_blocking::Promise::new();
    /// promise.set_result(5).unwrap();
    /// assert!(future.done());
    /// ```
    #[must_use]
    pub fn done(&self) -> bool {
        self.cell.core().look().is_done()
    }

    /// Where the job was submitted.
    ///
    /// ```
    /// let (_promise, future) = windlass_blocking::Promise::<u32>::new();
    /// assert!(future.location().file().ends_with(".rs"));
    /// ```
    #[must_use]
    pub fn location(&self) -> &'static Location<'static> {
        self.cell.core().location()
    }

    /// Waits for the result and takes it.
    ///
    /// Inside a job of a [`ThreadPoolExecutor`](crate::ThreadPoolExecutor) this may wait for another job of the
    /// same pool, however busy it is.
    ///
    /// # Errors
    /// If the job panicked, was cancelled, or could not be run.
    ///
    /// # Panics
    /// If [`poll_result`](Self::poll_result) has given the result out before.
    ///
    /// ```
    /// use windlass_blocking::{ExecutorExt, ThreadPoolExecutor};
    /// let pool = ThreadPoolExecutor::new(1);
    /// assert_eq!(pool.submit(|| "ahoy").result().unwrap(), "ahoy");
    /// ```
    pub fn result(mut self) -> Result<T, JobError> {
        let result = self.wait_and_take(None);
        result.expect("without a deadline the wait ends with the result")
    }

    /// Waits for the result no longer than `timeout`, and takes it or gives the future back.
    ///
    /// # Errors
    /// The future itself, if the time was up; the result's own error is in the inner `Result`.
    ///
    /// # Panics
    /// If [`poll_result`](Self::poll_result) has given the result out before.
    ///
    /// ```
    /// use std::time::Duration;
    /// use windlass_blocking::Promise;
    ///
    /// let (promise, future) = Promise::new();
    /// let future = future.result_timeout(Duration::from_millis(1)).unwrap_err();
    /// promise.set_result(3).unwrap();
    /// assert_eq!(future.result_timeout(Duration::from_millis(1)).unwrap().unwrap(), 3);
    /// ```
    pub fn result_timeout(mut self, timeout: Duration) -> Result<Result<T, JobError>, Self> {
        // A time beyond the clock's end is no limit.
        let deadline = Instant::now().checked_add(timeout);
        match self.wait_and_take(deadline) {
            Some(result) => Ok(result),
            None => {
                self.cell.core().remove_waker(OWNER);
                Err(self)
            }
        }
    }

    fn wait_and_take(&mut self, deadline: Option<Instant>) -> Option<Result<T, JobError>> {
        let mut watching = false;
        block::until(deadline, |waker| {
            if let Some(result) = self.cell.take() {
                return Some(result);
            }
            // Once is enough: the waker is this thread's.
            if !watching {
                watching = self.cell.core().add_waker(OWNER, waker);
            }
            if watching { None } else { self.cell.take() }
        })
    }

    /// Takes the result if there is one, else has the task of `cx` woken when there is: for those who write a
    /// `std::future::Future` around this. Of several wakers, the last one given is woken.
    ///
    /// # Panics
    /// If it has given the result out before.
    ///
    /// ```
    /// use std::task::{Context, Poll, Waker};
    /// use windlass_blocking::Promise;
    ///
    /// let (promise, mut future) = Promise::new();
    /// let mut cx = Context::from_waker(Waker::noop());
    /// assert!(future.poll_result(&mut cx).is_pending());
    /// promise.set_result(1).unwrap();
    /// assert!(matches!(future.poll_result(&mut cx), Poll::Ready(Ok(1))));
    /// ```
    pub fn poll_result(&mut self, cx: &mut Context<'_>) -> Poll<Result<T, JobError>> {
        if let Some(result) = self.cell.take() {
            return Poll::Ready(result);
        }
        if self.watch(cx.waker()) {
            return Poll::Pending;
        }
        Poll::Ready(self.cell.take().expect("there is nothing to watch any more"))
    }

    /// Has `waker` woken when it is ready. False if it is.
    fn watch(&self, waker: &Waker) -> bool {
        self.cell.core().add_waker(OWNER, waker)
    }

    fn unwatch(&self) {
        self.cell.core().remove_waker(OWNER);
    }

    /// Calls `callback` with the result when the job ends or is cancelled, or here and now if that has
    /// happened.
    ///
    /// Callbacks run in the order in which they were added, on the thread that ends or cancels the job. A panic
    /// in one is left to the panic hook, and the next still runs. The result cannot be taken before the
    /// callbacks have seen it, so one that waits for [`result`](Self::result) of the same future waits for ever.
    ///
    /// `T` is `Sync`: a callback looks at the value on the thread that ends the job, while others may look at it elsewhere.
    ///
    /// # Panics
    /// If [`poll_result`](Self::poll_result) has given the result out before.
    ///
    /// ```
    /// use windlass_blocking::{ExecutorExt, ThreadPoolExecutor};
    ///
    /// let (sender, receiver) = std::sync::mpsc::channel();
    /// let pool = ThreadPoolExecutor::new(1);
    /// let future = pool.submit(|| 6 * 7);
    /// future.add_done_callback(move |result| sender.send(*result.as_ref().unwrap()).unwrap());
    /// assert_eq!(receiver.recv(), Ok(42));
    /// ```
    pub fn add_done_callback(&self, callback: impl FnOnce(&Result<T, JobError>) + Send + 'static)
    where
        T: Sync,
    {
        let Err(Callback::Done(callback)) = self.cell.core().add_callback(Callback::Done(Box::new(callback)))
        else {
            return;
        };
        match self.cell.peek() {
            Some(result) => crate::panics::swallow(|| callback(result)),
            None => crate::panics::swallow(|| callback(&Err(JobError::cancelled()))),
        }
    }

    /// Turns it into a handle that can be cloned, each clone giving out a clone of the value.
    ///
    /// `T` is `Sync`: several threads may clone the value at a time.
    ///
    /// ```
    /// use windlass_blocking::{ExecutorExt, ThreadPoolExecutor};
    ///
    /// let pool = ThreadPoolExecutor::new(2);
    /// let shared = pool.submit(|| "rope".to_owned()).share();
    /// let other = shared.clone();
    /// let length = pool.submit(move || other.result().unwrap().len());
    /// assert_eq!(length.result().unwrap(), 4);
    /// assert_eq!(shared.result().unwrap(), "rope");
    /// ```
    #[must_use]
    pub fn share(self) -> SharedFuture<T>
    where
        T: Clone + Sync,
    {
        SharedFuture::new(self)
    }
}

impl<T> fmt::Debug for Future<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Future")
            .field("state", &self.state())
            .field("submitted_at", &format_args!("{}", self.location()))
            .finish()
    }
}

/// The time was up before the futures were done.
///
/// ```
/// use std::time::Duration;
/// use windlass_blocking::{Promise, as_completed};
///
/// let (_promise, future) = Promise::<u32>::new();
/// let error = as_completed([future], Some(Duration::ZERO)).next().unwrap().unwrap_err();
/// assert_eq!(error.to_string(), "timed out with 1 of 1 futures unfinished");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeoutError {
    unfinished: usize,
    total: usize,
}

impl TimeoutError {
    /// How many futures were not done.
    #[must_use]
    pub fn unfinished(&self) -> usize {
        self.unfinished
    }
}

impl fmt::Display for TimeoutError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "timed out with {} of {} futures unfinished", self.unfinished, self.total)
    }
}

impl Error for TimeoutError {}

//! [`SharedFuture`]: one result for many readers.

use super::watchers::Key;
use super::{Future, FutureState, OWNER, TimeoutError, block};
use crate::error::JobError;
use crate::primitives::Instant;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

/// A future whose value can be had many times, made by [`Future::share`].
///
/// Any number of threads may wait, on one handle or on clones. Of those who [poll](Self::poll_result) one handle the last is woken: a task
/// has a clone of its own. A panic's payload cannot be cloned: every reader gets its message instead.
///
/// ```
/// use windlass_blocking::Promise;
///
/// let (promise, future) = Promise::new();
/// let first = future.share();
/// let second = first.clone();
/// promise.set_result(8).unwrap();
/// assert_eq!(first.result().unwrap() + second.result().unwrap(), 16);
/// ```
pub struct SharedFuture<T> {
    common: Arc<Common<T>>,
    key: Key,
}

struct Common<T> {
    future: Future<T>,
    last_key: AtomicUsize,
}

impl<T> Common<T> {
    fn fresh_key(&self) -> Key {
        self.last_key.fetch_add(1, Ordering::Relaxed) + 1
    }
}

impl<T: Clone + Sync> SharedFuture<T> {
    pub(super) fn new(future: Future<T>) -> Self {
        Self { common: Arc::new(Common { future, last_key: AtomicUsize::new(OWNER) }), key: OWNER }
    }

    /// Waits for the result and clones it.
    ///
    /// # Errors
    /// If the job panicked, was cancelled, or could not be run.
    ///
    /// ```
    /// let (promise, future) = windlass_blocking::Promise::new();
    /// let shared = future.share();
    /// promise.set_result(1).unwrap();
    /// assert_eq!(shared.result().unwrap(), 1);
    /// ```
    pub fn result(&self) -> Result<T, JobError> {
        self.wait_and_clone(None).expect("without a deadline the wait ends with the result")
    }

    /// Waits for the result no longer than `timeout` and clones it.
    ///
    /// # Errors
    /// If the time was up; the result's own error is in the inner `Result`.
    ///
    /// ```
    /// use std::time::Duration;
    /// let (_promise, future) = windlass_blocking::Promise::<u8>::new();
    /// assert!(future.share().result_timeout(Duration::from_millis(1)).is_err());
    /// ```
    pub fn result_timeout(&self, timeout: Duration) -> Result<Result<T, JobError>, TimeoutError> {
        let result = self.wait_and_clone(Instant::now().checked_add(timeout));
        result.ok_or(TimeoutError { unfinished: 1, total: 1 })
    }

    /// Clones the result if there is one, else has the task of `cx` woken when there is. It replaces one that polled this handle before.
    ///
    /// ```
    /// use std::task::{Context, Waker};
    /// let (promise, future) = windlass_blocking::Promise::<u8>::new();
    /// let shared = future.share();
    /// let mut cx = Context::from_waker(Waker::noop());
    /// assert!(shared.poll_result(&mut cx).is_pending());
    /// drop(promise);
    /// assert!(shared.poll_result(&mut cx).is_ready());
    /// ```
    pub fn poll_result(&self, cx: &mut Context<'_>) -> Poll<Result<T, JobError>> {
        if let Some(result) = self.try_clone() {
            return Poll::Ready(result);
        }
        if self.future().cell.core().add_waker(self.key, cx.waker()) {
            return Poll::Pending;
        }
        Poll::Ready(self.try_clone().expect("there is nothing to watch any more"))
    }

    /// Calls `callback` with the result at the end, as [`Future::add_done_callback`] does.
    ///
    /// ```
    /// let (promise, future) = windlass_blocking::Promise::new();
    /// let shared = future.share();
    /// shared.add_done_callback(|result| assert_eq!(*result.as_ref().unwrap(), 3));
    /// promise.set_result(3).unwrap();
    /// ```
    pub fn add_done_callback(&self, callback: impl FnOnce(&Result<T, JobError>) + Send + 'static) {
        self.future().add_done_callback(callback);
    }

    fn wait_and_clone(&self, deadline: Option<Instant>) -> Option<Result<T, JobError>> {
        // Of its own: other threads may wait on this handle.
        let key = self.common.fresh_key();
        let mut watching = false;
        let result = block::until(deadline, |waker| {
            if !watching {
                watching = self.future().cell.core().add_waker(key, waker);
            }
            self.try_clone()
        });
        if watching && result.is_none() {
            self.future().cell.core().remove_waker(key);
        }
        result
    }

    fn try_clone(&self) -> Option<Result<T, JobError>> {
        let future = self.future();
        if !future.cell.core().look().is_ready() {
            return None;
        }
        Some(match future.cell.peek() {
            Some(Ok(value)) => Ok(value.clone()),
            Some(Err(error)) => Err(error.duplicate()),
            None => Err(JobError::cancelled()),
        })
    }
}

impl<T> SharedFuture<T> {
    fn future(&self) -> &Future<T> {
        &self.common.future
    }

    /// As [`Future::cancel`], for all its readers.
    ///
    /// ```
    /// let (_promise, future) = windlass_blocking::Promise::<u8>::new();
    /// let shared = future.share();
    /// assert!(shared.clone().cancel() && shared.cancelled());
    /// ```
    pub fn cancel(&self) -> bool {
        self.future().cancel()
    }

    /// What state it is in.
    ///
    /// ```
    /// # use windlass_blocking::{FutureState, Promise};
    /// let (promise, future) = Promise::new();
    /// let shared = future.share();
    /// assert_eq!((shared.state(), shared.running(), shared.done()), (FutureState::Pending, false, false));
    /// promise.set_result(1).unwrap();
    /// assert_eq!((shared.state(), shared.done()), (FutureState::Finished, true));
    /// ```
    #[must_use]
    pub fn state(&self) -> FutureState {
        self.future().state()
    }

    /// Whether it was cancelled.
    #[must_use]
    pub fn cancelled(&self) -> bool {
        self.future().cancelled()
    }

    /// Whether the job is running.
    #[must_use]
    pub fn running(&self) -> bool {
        self.future().running()
    }

    /// Whether it has finished or was cancelled. As for [`Future::done`], the result can be had when the callbacks were called.
    #[must_use]
    pub fn done(&self) -> bool {
        self.future().done()
    }
}

impl<T> Clone for SharedFuture<T> {
    fn clone(&self) -> Self {
        Self { common: self.common.clone(), key: self.common.fresh_key() }
    }
}

impl<T> Drop for SharedFuture<T> {
    fn drop(&mut self) {
        if !self.done() {
            self.future().cell.core().remove_waker(self.key);
        }
    }
}

impl<T> fmt::Debug for SharedFuture<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedFuture")
            .field("state", &self.state())
            .field("submitted_at", &format_args!("{}", self.future().location()))
            .finish()
    }
}

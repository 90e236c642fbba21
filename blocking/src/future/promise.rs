//! [`Promise`]: the side of a future that brings about its result.

use super::Future;
use super::cell::{self, Producer};
use super::watchers::Callback;
use crate::error::{JobError, PanicPayload};
use std::fmt;
use std::panic::Location;

/// The producer of a [`Future`]'s result, for those who write an executor or a bridge to one.
///
/// Dropping it before it is running cancels the future; dropping it while it is running fails the future, as
/// broken.
///
/// ```
/// use windlass_blocking::Promise;
///
/// let (promise, future) = Promise::new();
/// std::thread::spawn(move || {
///     if promise.set_running_or_notify_cancel() {
///         promise.set_result(2 + 2).unwrap();
///     }
/// });
/// assert_eq!(future.result().unwrap(), 4);
/// ```
pub struct Promise<T> {
    cell: Producer<T, NoBody>,
}

/// A promise has nothing of its own to run.
struct NoBody;

impl<T> Promise<T> {
    /// Makes a promise and its future, which says that it was submitted where this is called.
    ///
    /// ```
    /// let (promise, future) = windlass_blocking::Promise::new();
    /// promise.set_result('x').unwrap();
    /// assert_eq!(future.result().unwrap(), 'x');
    /// ```
    #[track_caller]
    #[must_use]
    pub fn new() -> (Self, Future<T>) {
        Self::with_location(Location::caller())
    }

    /// As [`new`](Self::new), with a place to name instead of the caller's.
    ///
    /// ```
    /// let here = std::panic::Location::caller();
    /// let (_promise, future) = windlass_blocking::Promise::<u8>::with_location(here);
    /// assert_eq!(future.location(), here);
    /// ```
    #[must_use]
    pub fn with_location(location: &'static Location<'static>) -> (Self, Future<T>) {
        let (producer, consumer) = cell::pair(NoBody, location);
        (Self { cell: producer }, Future::new(consumer))
    }

    /// Says that the work begins, so that it can no longer be cancelled. False if it has been: then drop the
    /// promise and do nothing.
    ///
    /// # Panics
    /// If it was called before and was true.
    ///
    /// ```
    /// let (promise, future) = windlass_blocking::Promise::<u32>::new();
    /// future.cancel();
    /// assert!(!promise.set_running_or_notify_cancel());
    /// ```
    #[track_caller]
    #[must_use = "what has been cancelled must not be done"]
    pub fn set_running_or_notify_cancel(&self) -> bool {
        self.cell.start().is_some()
    }

    /// Fulfils the promise. If it was not running, it is started on the way, so a future that has not been
    /// told of the start can be cancelled up to now.
    ///
    /// # Errors
    /// The value, if the future was cancelled.
    ///
    /// ```
    /// let (promise, future) = windlass_blocking::Promise::new();
    /// future.cancel();
    /// assert_eq!(promise.set_result(1), Err(1));
    /// ```
    pub fn set_result(self, value: T) -> Result<(), T> {
        if self.begin_end() {
            self.cell.finish(Ok(value));
            Ok(())
        } else {
            Err(value)
        }
    }

    /// Ends the future with a panic's payload.
    ///
    /// # Errors
    /// The payload, if the future was cancelled.
    ///
    /// ```
    /// let (promise, future) = windlass_blocking::Promise::<u32>::new();
    /// promise.set_panic(Box::new("broken rope")).unwrap();
    /// assert!(future.result().unwrap_err().is_panic());
    /// ```
    #[doc(alias = "set_exception")]
    pub fn set_panic(self, payload: PanicPayload) -> Result<(), PanicPayload> {
        if self.begin_end() {
            self.cell.finish(Err(JobError::panicked(payload)));
            Ok(())
        } else {
            Err(payload)
        }
    }

    /// Ends the future with an error.
    ///
    /// # Errors
    /// The error, if the future was cancelled.
    ///
    /// ```
    /// use windlass_blocking::{JobError, Promise};
    /// let (promise, future) = Promise::<u32>::new();
    /// promise.set_error(JobError::broken("worker process 7 died")).unwrap();
    /// assert!(future.result().unwrap_err().is_broken());
    /// ```
    pub fn set_error(self, error: JobError) -> Result<(), JobError> {
        if self.begin_end() {
            self.cell.finish(Err(error));
            Ok(())
        } else {
            Err(error)
        }
    }

    /// Makes sure that it runs. False if it was cancelled.
    fn begin_end(&self) -> bool {
        self.cell.core().look().is_running() || self.cell.start().is_some()
    }

    /// Whether the future was cancelled, or someone tried to while it was running.
    ///
    /// ```
    /// let (promise, future) = windlass_blocking::Promise::<u32>::new();
    /// assert!(promise.set_running_or_notify_cancel());
    /// assert!(!future.cancel() && promise.is_cancelled());
    /// ```
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.cell.core().look().wants_cancel()
    }

    /// Whether the future was dropped, and has no callback: nobody will see what comes of this. So an error can be told to
    /// somebody else.
    ///
    /// ```
    /// let (promise, future) = windlass_blocking::Promise::<u32>::new();
    /// assert!(!promise.is_abandoned());
    /// drop(future);
    /// assert!(promise.is_abandoned());
    ///
    /// let (promise, future) = windlass_blocking::Promise::new();
    /// future.add_done_callback(|result| assert_eq!(*result.as_ref().unwrap(), 4));
    /// drop(future);
    /// assert!(!promise.is_abandoned(), "the callback will see it");
    /// promise.set_result(4).unwrap();
    /// ```
    #[must_use]
    pub fn is_abandoned(&self) -> bool {
        self.cell.core().look().is_abandoned()
    }

    /// Calls `callback` if the future is cancelled, on the thread that does it, or here and now if it has been.
    /// If it ends otherwise, `callback` is dropped. Trying to cancel it while it runs does not call it.
    ///
    /// ```
    /// let (promise, future) = windlass_blocking::Promise::<u32>::new();
    /// let (sender, receiver) = std::sync::mpsc::channel();
    /// promise.on_cancel(move || sender.send("aborted").unwrap());
    /// future.cancel();
    /// assert_eq!(receiver.recv(), Ok("aborted"));
    /// ```
    pub fn on_cancel(&self, callback: impl FnOnce() + Send + 'static) {
        let callback = Callback::Cancelled(Box::new(callback));
        if let Err(Callback::Cancelled(callback)) = self.cell.core().add_callback(callback)
            && self.is_cancelled()
        {
            crate::panics::swallow(callback);
        }
    }
}

impl<T> fmt::Debug for Promise<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let core = self.cell.core();
        f.debug_struct("Promise")
            .field("running", &core.look().is_running())
            .field("cancelled", &core.look().is_cancelled())
            .field("made_at", &format_args!("{}", core.location()))
            .finish()
    }
}

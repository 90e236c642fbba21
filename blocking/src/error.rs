//! [`JobError`]: why there is no result.

use std::any::Any;
use std::borrow::Cow;
use std::error::Error;
use std::fmt;

/// The payload of a panic, as [`std::thread::JoinHandle::join`] has it.
pub type PanicPayload = Box<dyn Any + Send + 'static>;

/// Why a job has no result: it was cancelled, it panicked, or its executor could not run it.
///
/// ```
/// use windlass_blocking::{ExecutorExt, ThreadPoolExecutor};
///
/// let pool = ThreadPoolExecutor::new(1);
/// let error = pool.submit(|| -> u32 { panic!("no such number") }).result().unwrap_err();
/// assert!(error.is_panic());
/// assert_eq!(error.to_string(), "job panicked: no such number");
/// ```
pub struct JobError(Kind);

enum Kind {
    Cancelled,
    Panic(Payload),
    Broken(Cow<'static, str>),
    Rejected(Cow<'static, str>),
    TimedOut,
}

impl JobError {
    /// The error of a job that was cancelled before it ran.
    ///
    /// ```
    /// assert!(windlass_blocking::JobError::cancelled().is_cancelled());
    /// ```
    #[must_use]
    pub fn cancelled() -> Self {
        Self(Kind::Cancelled)
    }

    /// The error of a job that panicked with `payload`.
    ///
    /// ```
    /// use windlass_blocking::JobError;
    /// let error = JobError::panicked(Box::new("out of rope"));
    /// assert_eq!(error.to_string(), "job panicked: out of rope");
    /// ```
    #[must_use]
    pub fn panicked(payload: PanicPayload) -> Self {
        Self(Kind::Panic(Payload(payload)))
    }

    /// The error of a job whose executor broke down before or while it ran it.
    ///
    /// ```
    /// assert!(windlass_blocking::JobError::broken("worker 3 died").is_broken());
    /// ```
    #[must_use]
    pub fn broken(reason: impl Into<Cow<'static, str>>) -> Self {
        Self(Kind::Broken(reason.into()))
    }

    /// The error of a job that its executor never accepted.
    ///
    /// ```
    /// assert!(windlass_blocking::JobError::rejected("the executor was shut down").is_rejected());
    /// ```
    #[must_use]
    pub fn rejected(reason: impl Into<Cow<'static, str>>) -> Self {
        Self(Kind::Rejected(reason.into()))
    }

    pub(crate) fn timed_out() -> Self {
        Self(Kind::TimedOut)
    }

    /// Whether the job was cancelled before it ran: by [`Future::cancel`](crate::Future::cancel), by
    /// `shutdown` with `cancel_futures`, or because its executor dropped it.
    ///
    /// ```
    /// let (promise, future) = windlass_blocking::Promise::<u32>::new();
    /// drop(promise);
    /// assert!(future.result().unwrap_err().is_cancelled());
    /// ```
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        matches!(self.0, Kind::Cancelled)
    }

    /// Whether the job panicked.
    ///
    /// ```
    /// assert!(windlass_blocking::JobError::panicked(Box::new("")).is_panic());
    /// ```
    #[must_use]
    pub fn is_panic(&self) -> bool {
        matches!(self.0, Kind::Panic(_))
    }

    /// Whether the executor broke down: a failed initializer, no thread to be had, a lost worker.
    ///
    /// ```
    /// assert!(!windlass_blocking::JobError::cancelled().is_broken());
    /// ```
    #[doc(alias = "BrokenExecutor")]
    #[must_use]
    pub fn is_broken(&self) -> bool {
        matches!(self.0, Kind::Broken(_))
    }

    /// Whether the executor never accepted the job: it was shut down, or full with no way to wait for room.
    ///
    /// ```
    /// use windlass_blocking::{ExecutorExt, ThreadPoolExecutor};
    /// let pool = ThreadPoolExecutor::new(1);
    /// pool.shutdown(true, false);
    /// assert!(pool.submit(|| ()).result().unwrap_err().is_rejected());
    /// ```
    #[must_use]
    pub fn is_rejected(&self) -> bool {
        matches!(self.0, Kind::Rejected(_))
    }

    /// Whether [`Map`](crate::Map) ran out of time. No future has this error for its result.
    ///
    /// ```
    /// assert!(!windlass_blocking::JobError::cancelled().is_timeout());
    /// ```
    #[must_use]
    pub fn is_timeout(&self) -> bool {
        matches!(self.0, Kind::TimedOut)
    }

    /// The panic's payload, for [`std::panic::resume_unwind`].
    ///
    /// # Panics
    /// If the job did not panic: see [`is_panic`](Self::is_panic) and
    /// [`try_into_panic`](Self::try_into_panic).
    ///
    /// ```
    /// use windlass_blocking::JobError;
    /// let payload = JobError::panicked(Box::new("ahoy")).into_panic();
    /// assert_eq!(payload.downcast_ref::<&str>(), Some(&"ahoy"));
    /// ```
    #[track_caller]
    #[must_use]
    pub fn into_panic(self) -> PanicPayload {
        match self.try_into_panic() {
            Ok(payload) => payload,
            Err(error) => panic!("`JobError::into_panic` called on an error that is no panic: {error}"),
        }
    }

    /// The panic's payload, or the error itself if the job did not panic.
    ///
    /// # Errors
    /// The error itself, if it is not a panic's.
    ///
    /// ```
    /// use windlass_blocking::JobError;
    /// assert!(JobError::cancelled().try_into_panic().is_err());
    /// ```
    pub fn try_into_panic(self) -> Result<PanicPayload, Self> {
        match self.0 {
            Kind::Panic(payload) => Ok(payload.0),
            other => Err(Self(other)),
        }
    }

    /// What the panic said, if it said it in words.
    ///
    /// ```
    /// use windlass_blocking::JobError;
    /// assert_eq!(JobError::panicked(Box::new("ahoy")).panic_message(), Some("ahoy"));
    /// assert_eq!(JobError::panicked(Box::new(7)).panic_message(), None);
    /// ```
    #[must_use]
    pub fn panic_message(&self) -> Option<&str> {
        match &self.0 {
            Kind::Panic(payload) => payload.message(),
            _ => None,
        }
    }

    /// A second error that says the same. A payload cannot be had twice: the copy's is the message.
    pub(crate) fn duplicate(&self) -> Self {
        Self(match &self.0 {
            Kind::Cancelled => Kind::Cancelled,
            Kind::Panic(payload) => {
                let message = payload.message().unwrap_or("a payload that is not text").to_owned();
                Kind::Panic(Payload(Box::new(message)))
            }
            Kind::Broken(reason) => Kind::Broken(reason.clone()),
            Kind::Rejected(reason) => Kind::Rejected(reason.clone()),
            Kind::TimedOut => Kind::TimedOut,
        })
    }
}

impl fmt::Display for JobError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Cancelled => f.write_str("job was cancelled"),
            Kind::Panic(payload) => match payload.message() {
                Some(message) => write!(f, "job panicked: {message}"),
                None => f.write_str("job panicked"),
            },
            Kind::Broken(reason) => write!(f, "executor is broken: {reason}"),
            Kind::Rejected(reason) => write!(f, "job was not accepted: {reason}"),
            Kind::TimedOut => f.write_str("timed out waiting for a job"),
        }
    }
}

impl fmt::Debug for JobError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Cancelled => f.write_str("JobError::Cancelled"),
            Kind::Panic(payload) => write!(f, "JobError::Panic({:?})", payload.message().unwrap_or("..")),
            Kind::Broken(reason) => write!(f, "JobError::Broken({reason:?})"),
            Kind::Rejected(reason) => write!(f, "JobError::Rejected({reason:?})"),
            Kind::TimedOut => f.write_str("JobError::TimedOut"),
        }
    }
}

impl Error for JobError {}

/// A panic's payload, which is `Send` but need not be `Sync`, in a type that is both.
struct Payload(PanicPayload);

// SAFETY: a shared `Payload` only ever gives out its contents as `&str`, having found a `&'static str` or a
// `String` in it, both of which are `Sync`; anything else comes out by value only. Asking for the type's id
// touches the vtable, not the value.
unsafe impl Sync for Payload {}

impl Payload {
    fn message(&self) -> Option<&str> {
        crate::panics::message(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_can_be_shared_whatever_its_payload() {
        fn check<T: Send + Sync + Error>() {}
        check::<JobError>();
    }

    #[test]
    fn a_duplicate_says_the_same() {
        let errors = [
            JobError::cancelled(),
            JobError::panicked(Box::new("text")),
            JobError::panicked(Box::new(String::from("string"))),
            JobError::broken("why"),
            JobError::rejected("full"),
            JobError::timed_out(),
        ];
        for error in errors {
            assert_eq!(error.duplicate().to_string(), error.to_string());
        }
    }

    #[test]
    fn errors_are_small() {
        assert!(std::mem::size_of::<JobError>() <= 4 * std::mem::size_of::<usize>());
    }
}

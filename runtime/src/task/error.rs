//! Why a task has no output.

use std::any::Any;
use std::fmt;
use std::io;

use super::cell::Payload;
use super::id::Id;
use crate::primitives::Mutex;

/// The error of a task that ended without an output: it was cancelled, or it panicked.
///
/// # Examples
///
/// ```
/// # let rt = windlass::runtime::Runtime::new().unwrap();
/// # rt.block_on(async {
/// let task = windlass::spawn(std::future::pending::<()>());
/// task.abort();
/// assert!(task.await.unwrap_err().is_cancelled());
/// # });
/// ```
#[doc(alias = "CancelledError")]
pub struct JoinError {
    id: Id,
    kind: Kind,
}

enum Kind {
    Cancelled,
    /// The mutex makes a payload that is only `Send` fit for an error that is `Sync`.
    Panic(Mutex<Payload>),
}

impl JoinError {
    pub(crate) fn cancelled(id: Id) -> Self {
        Self { id, kind: Kind::Cancelled }
    }

    pub(crate) fn panic(id: Id, payload: Payload) -> Self {
        Self { id, kind: Kind::Panic(Mutex::new(payload)) }
    }

    /// Whether the task was cancelled: aborted, or dropped by the end of its runtime.
    pub fn is_cancelled(&self) -> bool {
        matches!(self.kind, Kind::Cancelled)
    }

    /// Whether the task panicked.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[windlass::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let error = windlass::spawn(async { panic!("overboard") }).await.unwrap_err();
    /// assert!(error.is_panic() && !error.is_cancelled());
    /// println!("task {} panicked", error.id());
    /// assert_eq!(error.into_panic().downcast_ref(), Some(&"overboard"));
    ///
    /// let aborted = windlass::spawn(std::future::pending::<()>());
    /// aborted.abort();
    /// let error = aborted.await.unwrap_err().try_into_panic().unwrap_err();
    /// assert!(error.is_cancelled(), "it comes back where it is no panic");
    /// # }
    /// ```
    pub fn is_panic(&self) -> bool {
        matches!(self.kind, Kind::Panic(_))
    }

    /// The payload of the panic, fit for [`std::panic::resume_unwind`].
    ///
    /// # Panics
    ///
    /// If the task did not panic; see [`try_into_panic`](Self::try_into_panic).
    #[track_caller]
    pub fn into_panic(self) -> Box<dyn Any + Send + 'static> {
        match self.try_into_panic() {
            Ok(payload) => payload,
            Err(error) => {
                panic!("`into_panic` of an error that is not a panic: {error}; ask `is_panic` first")
            }
        }
    }

    /// The payload of the panic.
    ///
    /// # Errors
    ///
    /// The error itself if the task did not panic.
    pub fn try_into_panic(self) -> Result<Box<dyn Any + Send + 'static>, JoinError> {
        match self.kind {
            Kind::Panic(payload) => Ok(payload.into_inner()),
            Kind::Cancelled => Err(self),
        }
    }

    /// The id of the task.
    pub fn id(&self) -> Id {
        self.id
    }

    /// What the panic said. A copy: what it is written to is the user's, and may ask for it again, so not under the lock.
    fn message(&self) -> Option<String> {
        let Kind::Panic(payload) = &self.kind else { return None };
        let payload = payload.lock();
        let payload: &(dyn Any + Send) = &**payload;
        payload
            .downcast_ref::<String>()
            .cloned()
            .or_else(|| payload.downcast_ref::<&'static str>().map(|text| (*text).to_owned()))
    }
}

impl fmt::Display for JoinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            Kind::Cancelled => write!(f, "task {} was cancelled", self.id),
            Kind::Panic(_) => match self.message() {
                Some(message) => write!(f, "task {} panicked with message {message:?}", self.id),
                None => write!(f, "task {} panicked", self.id),
            },
        }
    }
}

impl fmt::Debug for JoinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            Kind::Cancelled => write!(f, "JoinError::Cancelled({:?})", self.id),
            Kind::Panic(_) => match self.message() {
                Some(message) => write!(f, "JoinError::Panic({:?}, {message:?}, ...)", self.id),
                None => write!(f, "JoinError::Panic({:?}, ...)", self.id),
            },
        }
    }
}

impl std::error::Error for JoinError {}

impl From<JoinError> for io::Error {
    fn from(error: JoinError) -> Self {
        io::Error::other(match error.kind {
            Kind::Cancelled => "task was cancelled",
            Kind::Panic(_) => "task panicked",
        })
    }
}

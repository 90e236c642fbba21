//! Why a value was not sent or not seen.

use std::fmt;

/// There is no receiver; here is the value.
///
/// # Examples
///
/// ```
/// use windlass::sync::watch::{Sender, error::SendError};
///
/// let sender = Sender::new(1);
/// assert_eq!(sender.send(2), Err(SendError(2)));
/// // Where there may be no receiver:
/// sender.send_replace(3);
/// assert_eq!(*sender.borrow(), 3);
/// ```
#[derive(PartialEq, Eq, Clone, Copy)]
pub struct SendError<T>(pub T);

impl<T> fmt::Debug for SendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SendError").finish_non_exhaustive()
    }
}

impl<T> fmt::Display for SendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("channel closed")
    }
}

impl<T> std::error::Error for SendError<T> {}

/// There is no sender any more.
///
/// # Examples
///
/// ```
/// use windlass::sync::watch::{self, error::RecvError};
///
/// # #[windlass::main(flavor = "current_thread")]
/// # async fn main() {
/// let (sender, mut receiver) = watch::channel(1);
/// drop(sender);
/// let changed: Result<(), RecvError> = receiver.changed().await;
/// assert!(changed.is_err(), "it will never change again");
/// assert_eq!(*receiver.borrow(), 1);
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecvError(pub(super) ());

impl fmt::Display for RecvError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("channel closed")
    }
}

impl std::error::Error for RecvError {}

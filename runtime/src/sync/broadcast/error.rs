//! Why a message was not sent or not received.

use std::fmt;

/// There is no receiver; here is the message.
///
/// # Examples
///
/// ```
/// use windlass::sync::broadcast::{Sender, error::SendError};
///
/// // Nobody has subscribed.
/// let SendError(message) = Sender::new(1).send("lost").unwrap_err();
/// assert_eq!(message, "lost");
/// ```
#[derive(Debug, PartialEq, Eq)]
pub struct SendError<T>(pub T);

impl<T> fmt::Display for SendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("channel closed")
    }
}

impl<T: fmt::Debug> std::error::Error for SendError<T> {}

/// Why [`Receiver::recv`](super::Receiver::recv) has no message.
///
/// # Examples
///
/// Going on after messages were missed:
///
/// ```
/// use windlass::sync::broadcast::{self, error::RecvError};
///
/// # #[windlass::main(flavor = "current_thread")]
/// # async fn main() {
/// let (sender, mut receiver) = broadcast::channel(1);
/// sender.send(1).unwrap();
/// sender.send(2).unwrap();
/// drop(sender);
/// let mut received = Vec::new();
/// loop {
///     match receiver.recv().await {
///         Ok(n) => received.push(n),
///         Err(RecvError::Lagged(missed)) => println!("{missed} messages were missed"),
///         Err(RecvError::Closed) => break,
///     }
/// }
/// assert_eq!(received, [2]);
/// # }
/// ```
#[derive(Debug, PartialEq, Eq, Clone)]
pub enum RecvError {
    /// There is no sender any more, and everything was received.
    Closed,
    /// So many messages were missed. The next call receives the oldest that is still there.
    Lagged(u64),
}

impl fmt::Display for RecvError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RecvError::Closed => f.write_str("channel closed"),
            RecvError::Lagged(missed) => write!(f, "channel lagged by {missed}"),
        }
    }
}

impl std::error::Error for RecvError {}

/// Why [`Receiver::try_recv`](super::Receiver::try_recv) has no message.
///
/// # Examples
///
/// ```
/// use windlass::sync::broadcast::{self, error::TryRecvError};
///
/// let (sender, mut receiver) = broadcast::channel::<u32>(1);
/// assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));
/// drop(sender);
/// assert_eq!(receiver.try_recv(), Err(TryRecvError::Closed));
/// ```
#[derive(Debug, PartialEq, Eq, Clone)]
pub enum TryRecvError {
    /// None is there.
    Empty,
    /// There is no sender any more, and everything was received.
    Closed,
    /// So many messages were missed. The next call receives the oldest that is still there.
    Lagged(u64),
}

impl fmt::Display for TryRecvError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TryRecvError::Empty => f.write_str("channel empty"),
            TryRecvError::Closed => f.write_str("channel closed"),
            TryRecvError::Lagged(missed) => write!(f, "channel lagged by {missed}"),
        }
    }
}

impl std::error::Error for TryRecvError {}

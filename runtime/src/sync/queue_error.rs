//! Why an item could not be put or got.

use std::fmt;

/// The queue was shut down; asyncio's `QueueShutDown`. A `put` has its item back in it.
///
/// # Examples
///
/// ```
/// use windlass::sync::{Queue, QueueShutDown};
///
/// # #[windlass::main(flavor = "current_thread")]
/// # async fn main() {
/// let queue = Queue::new();
/// queue.shutdown(false);
/// let QueueShutDown(item) = queue.put("late").await.unwrap_err();
/// assert_eq!(item, "late");
/// # }
/// ```
#[doc(alias = "asyncio.QueueShutDown")]
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct QueueShutDown<T = ()>(pub T);

/// Why an item could not be put at once; it is in it.
///
/// # Examples
///
/// ```
/// use windlass::sync::{Queue, TryPutError};
///
/// let queue = Queue::with_maxsize(1);
/// queue.try_put("a").unwrap();
/// let error = queue.try_put("b").unwrap_err();
/// assert!(matches!(error, TryPutError::Full(_)));
/// assert_eq!(error.into_inner(), "b");
/// ```
#[doc(alias("asyncio.QueueFull", "QueueFull"))]
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum TryPutError<T> {
    /// The queue is full, or what room it has goes to those who wait for some.
    Full(T),
    /// The queue was shut down.
    ShutDown(T),
}

/// Why an item could not be got at once.
///
/// # Examples
///
/// ```
/// use windlass::sync::{Queue, TryGetError};
///
/// let queue = Queue::<u32>::new();
/// assert!(matches!(queue.try_get(), Err(TryGetError::Empty)));
/// queue.shutdown(false);
/// assert!(matches!(queue.try_get(), Err(TryGetError::ShutDown)));
/// ```
#[doc(alias("asyncio.QueueEmpty", "QueueEmpty"))]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TryGetError {
    /// The queue is empty, or what it has goes to those who wait.
    Empty,
    /// The queue is empty, and was shut down.
    ShutDown,
}

impl<T> TryPutError<T> {
    /// The item that was not put.
    pub fn into_inner(self) -> T {
        match self {
            TryPutError::Full(item) | TryPutError::ShutDown(item) => item,
        }
    }
}

impl<T> fmt::Debug for QueueShutDown<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("QueueShutDown(..)")
    }
}

impl<T> fmt::Display for QueueShutDown<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the queue was shut down")
    }
}

impl<T> std::error::Error for QueueShutDown<T> {}

impl<T> fmt::Debug for TryPutError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            TryPutError::Full(_) => "Full(..)",
            TryPutError::ShutDown(_) => "ShutDown(..)",
        })
    }
}

impl<T> fmt::Display for TryPutError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            TryPutError::Full(_) => "the queue is full",
            TryPutError::ShutDown(_) => "the queue was shut down",
        })
    }
}

impl<T> std::error::Error for TryPutError<T> {}

impl fmt::Display for TryGetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            TryGetError::Empty => "the queue is empty",
            TryGetError::ShutDown => "the queue was shut down",
        })
    }
}

impl std::error::Error for TryGetError {}

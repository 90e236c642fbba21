//! How a task fails whose output is a `Result`.

use std::error::Error;
use std::fmt;

use crate::task::JoinError;

/// The failure of a task whose output is a `Result<T, E>`: its error, or that it has no output.
///
/// In asyncio both are exceptions of the task.
///
/// # Examples
///
/// ```
/// use windlass::aio::{TaskFailure, try_gather};
///
/// #[windlass::main]
/// async fn main() {
///     let parsed = try_gather(["1", "two"].map(|text| async move { text.parse::<u32>() })).await;
///     match parsed {
///         Err(TaskFailure::Error(error)) => println!("{error}"),
///         other => panic!("{other:?}"),
///     }
/// }
/// ```
#[derive(Debug)]
pub enum TaskFailure<E> {
    /// The task returned this error.
    Error(E),
    /// The task panicked or was cancelled.
    Join(JoinError),
}

impl<E> TaskFailure<E> {
    /// The error that the task returned, if it returned.
    ///
    /// # Examples
    ///
    /// ```
    /// use windlass::aio::try_gather;
    ///
    /// # #[windlass::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let failure = try_gather([async { "x".parse::<u32>() }]).await.unwrap_err();
    /// assert!(!failure.is_panic() && !failure.is_cancelled());
    /// println!("{}", failure.into_error().unwrap());
    ///
    /// let failure = try_gather([async { if true { panic!("aground") } else { Err::<u32, ()>(()) } }]).await.unwrap_err();
    /// assert!(failure.is_panic());
    /// assert_eq!(failure.into_error(), None);
    /// # }
    /// ```
    pub fn into_error(self) -> Option<E> {
        match self {
            Self::Error(error) => Some(error),
            Self::Join(_) => None,
        }
    }

    /// The failure as a boxed error. `?` makes it one by itself if `E` is an error; a `Box<dyn Error>` is none.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::error::Error;
    ///
    /// use windlass::aio::{TaskFailure, try_gather};
    ///
    /// async fn parse(text: &str) -> Result<u32, Box<dyn Error + Send + Sync>> {
    ///     Ok(text.parse()?)
    /// }
    ///
    /// #[windlass::main]
    /// async fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    ///     let parsed = try_gather(["1", "2"].map(parse)).await.map_err(TaskFailure::into_boxed)?;
    ///     assert_eq!(parsed, [1, 2]);
    ///     Ok(())
    /// }
    /// ```
    pub fn into_boxed(self) -> Box<dyn Error + Send + Sync>
    where
        E: Into<Box<dyn Error + Send + Sync>>,
    {
        match self {
            Self::Error(error) => error.into(),
            Self::Join(error) => error.into(),
        }
    }

    /// Whether the task was cancelled.
    pub fn is_cancelled(&self) -> bool {
        matches!(self, Self::Join(error) if error.is_cancelled())
    }

    /// Whether the task panicked.
    pub fn is_panic(&self) -> bool {
        matches!(self, Self::Join(error) if error.is_panic())
    }
}

impl<E> From<JoinError> for TaskFailure<E> {
    fn from(error: JoinError) -> Self {
        Self::Join(error)
    }
}

impl<E: fmt::Display> fmt::Display for TaskFailure<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Error(error) => error.fmt(f),
            Self::Join(error) => error.fmt(f),
        }
    }
}

impl<E: Error + 'static> Error for TaskFailure<E> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Error(error) => error.source(),
            Self::Join(error) => error.source(),
        }
    }
}

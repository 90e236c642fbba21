//! A boxed error that is an error.

use std::error::Error;
use std::fmt;

/// A `Box<dyn Error>` as an error by itself, which the box is not: what the failures of an
/// [`ErrorGroup`](super::ErrorGroup) are in [`into_boxed`](super::ErrorGroup::into_boxed).
///
/// It reads as the error in it, which is its source: whoever follows the sources comes by that, and can downcast it.
///
/// # Examples
///
/// ```
/// use std::error::Error;
/// use windlass::aio::{BoxedError, ErrorGroup, TaskGroup};
///
/// # #[windlass::main(flavor = "current_thread")]
/// # async fn main() {
/// let group = TaskGroup::<std::num::ParseIntError>::new();
/// group.spawn(async { "seven".parse::<u8>() });
/// let error = group.join().await.map_err(ErrorGroup::into_boxed).unwrap_err();
///
/// // Somewhere else, where nothing is known but that it is an error.
/// let errors: ErrorGroup<BoxedError> = *error.downcast().unwrap();
/// let error = errors.into_first().into_error().unwrap();
/// assert!(error.source().unwrap().is::<std::num::ParseIntError>());
/// let error: Box<dyn Error + Send + Sync> = error.into_inner();
/// assert!(error.is::<std::num::ParseIntError>());
/// # }
/// ```
pub struct BoxedError(Box<dyn Error + Send + Sync>);

impl BoxedError {
    pub(super) fn new(error: Box<dyn Error + Send + Sync>) -> Self {
        Self(error)
    }

    /// The box.
    pub fn into_inner(self) -> Box<dyn Error + Send + Sync> {
        self.0
    }
}

impl fmt::Debug for BoxedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl fmt::Display for BoxedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl Error for BoxedError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&*self.0)
    }
}

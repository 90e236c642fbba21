//! What cannot be done any more, or not yet.

use std::error::Error;
use std::fmt;

/// The error of a step for which it is too late, or too early; asyncio's `InvalidStateError`.
///
/// # Examples
///
/// ```
/// use windlass::aio::{InvalidState, Promise};
///
/// # #[windlass::main(flavor = "current_thread")]
/// # async fn main() {
/// let promise = Promise::new();
/// promise.set_result(1).unwrap();
/// let twice: InvalidState = promise.set_result(2).unwrap_err();
/// println!("{twice}");
/// # }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[doc(alias = "InvalidStateError")]
pub struct InvalidState(&'static str);

impl InvalidState {
    pub(super) const fn new(why: &'static str) -> Self {
        Self(why)
    }
}

impl fmt::Display for InvalidState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl Error for InvalidState {}

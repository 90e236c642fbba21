//! What cannot be done any more, or not yet.

use std::error::Error;
use std::fmt;

/// The error of a step for which it is too late, or too early; asyncio's `InvalidStateError`.
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

//! The errors of this module.

use std::error::Error;
use std::fmt;
use std::io;

/// The error of a [`timeout`](super::timeout): the time was up before the future was done.
///
/// # Examples
///
/// ```
/// # let rt = windlass::runtime::Runtime::new().unwrap();
/// # rt.block_on(async {
/// let error = windlass::time::timeout(std::time::Duration::ZERO, std::future::pending::<()>()).await;
/// assert_eq!(error.unwrap_err().to_string(), "deadline has elapsed");
/// # });
/// ```
#[doc(alias = "TimeoutError")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Elapsed(());

impl Elapsed {
    pub(crate) const fn new() -> Self {
        Self(())
    }
}

impl fmt::Display for Elapsed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("deadline has elapsed")
    }
}

impl Error for Elapsed {}

impl From<Elapsed> for io::Error {
    fn from(_: Elapsed) -> Self {
        io::ErrorKind::TimedOut.into()
    }
}

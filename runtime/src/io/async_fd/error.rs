//! What goes wrong with a descriptor.

use std::error::Error;
use std::fmt;
use std::io;

/// An attempt failed with `WouldBlock`: the readiness is over, and is to be waited for again.
///
/// # Examples
///
/// ```
/// use std::io::Read;
/// use std::os::unix::net::UnixStream;
/// use windlass::io::{AsyncFd, TryIoError};
///
/// /// Reads again and again until there is something to read.
/// async fn read(fd: &AsyncFd<UnixStream>, buffer: &mut [u8]) -> std::io::Result<usize> {
///     loop {
///         let mut guard = fd.readable().await?;
///         match guard.try_io(|fd| fd.get_ref().read(buffer)) {
///             Ok(read) => return read,
///             Err(TryIoError { .. }) => continue,
///         }
///     }
/// }
/// ```
#[derive(Debug)]
pub struct TryIoError(pub(super) ());

impl fmt::Display for TryIoError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the descriptor is not ready any more: wait for it again")
    }
}

impl Error for TryIoError {}

/// A descriptor cannot be watched. It has what was to be watched, and the reason.
///
/// # Examples
///
/// A plain file cannot be waited for; it comes back:
///
/// ```
/// use std::fs::File;
/// use windlass::io::{AsyncFd, AsyncFdRegisterError};
///
/// # #[windlass::main(flavor = "current_thread")]
/// # async fn main() -> std::io::Result<()> {
/// // SAFETY: a `File` has the same open descriptor for as long as it lives.
/// let error: AsyncFdRegisterError<File> = unsafe { AsyncFd::register(File::open("Cargo.toml")?).unwrap_err() };
/// let (file, cause) = error.into_parts();
/// println!("{cause}: {:?} is read with `spawn_blocking`", file.metadata()?);
/// # Ok(())
/// # }
/// ```
pub struct AsyncFdRegisterError<T> {
    inner: T,
    cause: io::Error,
}

impl<T> AsyncFdRegisterError<T> {
    pub(super) fn new(inner: T, cause: io::Error) -> Self {
        Self { inner, cause }
    }

    /// What was to be watched, and the reason why it cannot be.
    pub fn into_parts(self) -> (T, io::Error) {
        (self.inner, self.cause)
    }
}

impl<T> fmt::Display for AsyncFdRegisterError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.cause.fmt(f)
    }
}

impl<T> fmt::Debug for AsyncFdRegisterError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.cause.fmt(f)
    }
}

impl<T> Error for AsyncFdRegisterError<T> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.cause)
    }
}

impl<T> From<AsyncFdRegisterError<T>> for io::Error {
    fn from(error: AsyncFdRegisterError<T>) -> io::Error {
        error.cause
    }
}

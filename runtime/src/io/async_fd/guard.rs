//! What stands for the readiness of a descriptor.

use std::fmt;
use std::io;
use std::os::fd::AsRawFd;

use super::{AsyncFd, TryIoError};
use crate::driver::{Ready, ReadyEvent};

/// The readiness of an [`AsyncFd`]; says when it is over.
///
/// # Examples
///
/// ```
/// use std::io::{Read, Write};
/// use std::os::unix::net::UnixStream;
/// use windlass::io::{AsyncFd, Ready};
///
/// # #[windlass::main(flavor = "current_thread")]
/// # async fn main() -> std::io::Result<()> {
/// let (near, mut far) = UnixStream::pair()?;
/// near.set_nonblocking(true)?;
/// // SAFETY: a `UnixStream` has the same open descriptor for as long as it lives.
/// let fd = unsafe { AsyncFd::register(near)? };
/// far.write_all(b"x")?;
///
/// let mut guard = fd.readable().await?;
/// assert!(guard.ready().is_readable());
/// assert!(std::ptr::eq(guard.get_ref(), &fd) && std::ptr::eq(guard.get_inner(), fd.get_ref()));
/// let mut byte = [0];
/// guard.try_io(|fd| fd.get_ref().read_exact(&mut byte)).unwrap()?;
/// // There is no more: the guard ends the readiness.
/// assert!(guard.try_io(|fd| fd.get_ref().read_exact(&mut byte)).is_err());
/// assert!(guard.ready().is_empty());
///
/// // By hand, where the attempt is made elsewhere: for one direction, or for all.
/// let mut guard = fd.writable().await?;
/// guard.clear_ready_matching(Ready::READABLE);
/// guard.retain_ready();
/// guard.clear_ready();
/// # Ok(())
/// # }
/// ```
#[must_use = "a descriptor stays ready until the guard is told otherwise: use `try_io` or `clear_ready`"]
pub struct AsyncFdReadyGuard<'a, T: AsRawFd> {
    async_fd: &'a AsyncFd<T>,
    event: Option<ReadyEvent>,
}

/// The readiness of an [`AsyncFd`] that is borrowed mutably; says when it is over.
///
/// # Examples
///
/// ```
/// use std::io::Write;
/// use std::os::unix::net::UnixStream;
/// use windlass::io::{AsyncFd, Ready};
///
/// # #[windlass::main(flavor = "current_thread")]
/// # async fn main() -> std::io::Result<()> {
/// let (near, _far) = UnixStream::pair()?;
/// near.set_nonblocking(true)?;
/// // SAFETY: a `UnixStream` has the same open descriptor for as long as it lives.
/// let mut fd = unsafe { AsyncFd::register(near)? };
/// let mut guard = fd.writable_mut().await?;
/// guard.get_inner_mut().write_all(b"a")?;
/// guard.try_io(|fd| fd.get_mut().write(b"b")).unwrap()?;
/// println!("{:?} is {:?}, of {:?}", guard.get_inner(), guard.ready(), guard.get_ref());
/// guard.get_mut().get_mut().flush()?;
/// guard.clear_ready_matching(Ready::READABLE);
/// guard.retain_ready();
/// guard.clear_ready();
/// # Ok(())
/// # }
/// ```
#[must_use = "a descriptor stays ready until the guard is told otherwise: use `try_io` or `clear_ready`"]
pub struct AsyncFdReadyMutGuard<'a, T: AsRawFd> {
    async_fd: &'a mut AsyncFd<T>,
    event: Option<ReadyEvent>,
}

/// What both guards have.
macro_rules! guard {
    () => {
        /// Ends the readiness: an attempt has failed with `WouldBlock`, or the next one would. If the descriptor has become ready
        /// again since this guard was made, it stays ready; and that the other side has closed a direction stays.
        pub fn clear_ready(&mut self) {
            if let Some(event) = self.event.take() {
                self.async_fd.registration.clear(event);
            }
        }

        /// Ends some of the readiness, as [`clear_ready`](Self::clear_ready) does all of it.
        pub fn clear_ready_matching(&mut self, ready: Ready) {
            if let Some(event) = self.event.take() {
                self.async_fd.registration.clear(event.with_ready(ready));
                let left = event.ready - ready;
                if !left.is_empty() {
                    self.event = Some(event.with_ready(left));
                }
            }
        }

        /// An attempt has failed with `WouldBlock`.
        fn disproved(&mut self) {
            if let Some(event) = self.event.take() {
                self.async_fd.registration.would_block(event);
            }
        }

        /// Does nothing: the descriptor stays ready, as it does when the guard is dropped. It says so in the code.
        pub fn retain_ready(&mut self) {}

        /// What the descriptor was ready for and, as far as the guard was told, still is.
        pub fn ready(&self) -> Ready {
            self.event.as_ref().map_or(Ready::EMPTY, |event| event.ready)
        }
    };
}

impl<'a, T: AsRawFd> AsyncFdReadyGuard<'a, T> {
    pub(super) fn new(async_fd: &'a AsyncFd<T>, event: ReadyEvent) -> Self {
        Self { async_fd, event: Some(event) }
    }

    guard!();

    /// Makes an attempt. If that fails with `WouldBlock` the readiness is over. If it was for one direction that was
    /// closed, the system is asked whether it is open again: a FIFO may have a new writer.
    ///
    /// # Errors
    ///
    /// `TryIoError` if the attempt failed with `WouldBlock`; inside, what `f` returns.
    pub fn try_io<R>(
        &mut self,
        f: impl FnOnce(&'a AsyncFd<T>) -> io::Result<R>,
    ) -> Result<io::Result<R>, TryIoError> {
        match f(self.async_fd) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.disproved();
                Err(TryIoError(()))
            }
            done => Ok(done),
        }
    }

    /// The descriptor the guard is about.
    pub fn get_ref(&self) -> &'a AsyncFd<T> {
        self.async_fd
    }

    /// What has the descriptor.
    pub fn get_inner(&self) -> &'a T {
        self.async_fd.get_ref()
    }
}

impl<'a, T: AsRawFd> AsyncFdReadyMutGuard<'a, T> {
    pub(super) fn new(async_fd: &'a mut AsyncFd<T>, event: ReadyEvent) -> Self {
        Self { async_fd, event: Some(event) }
    }

    guard!();

    /// Makes an attempt. If that fails with `WouldBlock` the readiness is over. If it was for one direction that was
    /// closed, the system is asked whether it is open again: a FIFO may have a new writer.
    ///
    /// # Errors
    ///
    /// `TryIoError` if the attempt failed with `WouldBlock`; inside, what `f` returns.
    pub fn try_io<R>(
        &mut self,
        f: impl FnOnce(&mut AsyncFd<T>) -> io::Result<R>,
    ) -> Result<io::Result<R>, TryIoError> {
        match f(self.async_fd) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.disproved();
                Err(TryIoError(()))
            }
            done => Ok(done),
        }
    }

    /// The descriptor the guard is about.
    pub fn get_ref(&self) -> &AsyncFd<T> {
        self.async_fd
    }

    /// The descriptor the guard is about.
    pub fn get_mut(&mut self) -> &mut AsyncFd<T> {
        self.async_fd
    }

    /// What has the descriptor.
    pub fn get_inner(&self) -> &T {
        self.async_fd.get_ref()
    }

    /// What has the descriptor.
    pub fn get_inner_mut(&mut self) -> &mut T {
        self.async_fd.get_mut()
    }
}

impl<T: AsRawFd + fmt::Debug> fmt::Debug for AsyncFdReadyGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AsyncFdReadyGuard")
            .field("async_fd", self.async_fd)
            .field("ready", &self.ready())
            .finish()
    }
}

impl<T: AsRawFd + fmt::Debug> fmt::Debug for AsyncFdReadyMutGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AsyncFdReadyMutGuard")
            .field("async_fd", self.async_fd)
            .field("ready", &self.ready())
            .finish()
    }
}

//! Any descriptor that can be waited for.

mod error;
mod guard;

use std::fmt;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::task::{Context, Poll, ready};

pub use error::{AsyncFdRegisterError, TryIoError};
pub use guard::{AsyncFdReadyGuard, AsyncFdReadyMutGuard};

use crate::driver::{Direction, Interest, Registration};

/// A descriptor that a runtime watches, of any type that has one: a pipe, a terminal, a socket of another crate.
///
/// It waits until the descriptor is ready; the reading and writing is the caller's. A guard that is returned by
/// [`readable`](Self::readable) and the others stands for the readiness. The descriptor counts as ready until an
/// attempt fails with `WouldBlock` and the guard is told, which [`try_io`](AsyncFdReadyGuard::try_io) does by
/// itself: the runtime is told once when it becomes ready, not each time it is looked at (edge-triggered). That it is closed
/// ends with an attempt for that direction alone, such as one to read after `readable`, if the system says that it is open again: a FIFO may
/// have a new writer. Nothing else ends the readiness, and a short read does not, since what that means differs from one kind of
/// descriptor to the next.
///
/// The descriptor must be non-blocking; that is the caller's to see to. Plain files cannot be waited for: they
/// are refused with an error. The constructors are unsafe because [`AsRawFd`] promises nothing about the number.
///
/// [`ready`](Self::ready) and what is built on it any number of tasks may await; of those that use a `poll_` method
/// for the same direction only the last one is woken.
///
/// # Examples
///
/// ```
/// use std::io::{self, Read, Write};
/// use std::os::unix::net::UnixStream;
/// use windlass::io::AsyncFd;
///
/// #[windlass::main]
/// async fn main() -> io::Result<()> {
///     let (mut theirs, ours) = UnixStream::pair()?;
///     ours.set_nonblocking(true)?;
///     // SAFETY: a `UnixStream` has the same open descriptor for as long as it lives.
///     let ours = unsafe { AsyncFd::register(ours)? };
///
///     theirs.write_all(b"hello")?;
///     let mut buffer = [0; 5];
///     loop {
///         let mut guard = ours.readable().await?;
///         match guard.try_io(|fd| fd.get_ref().read(&mut buffer)) {
///             Ok(read) => break assert_eq!(read?, 5),
///             Err(_would_block) => continue,
///         }
///     }
///     Ok(())
/// }
/// ```
///
/// Every way of asking, over a pair of pipes' ends:
///
/// ```
/// use std::future::poll_fn;
/// use std::io::{Read, Write};
/// use std::os::unix::net::UnixStream;
/// use windlass::io::{AsyncFd, Interest};
///
/// # #[windlass::main(flavor = "current_thread")]
/// # async fn main() -> std::io::Result<()> {
/// let (near, mut far) = UnixStream::pair()?;
/// near.set_nonblocking(true)?;
/// // SAFETY: a `UnixStream` has the same open descriptor for as long as it lives.
/// let mut fd = unsafe { AsyncFd::register_with_interest(near, Interest::READABLE | Interest::WRITABLE)? };
///
/// fd.writable().await?.try_io(|fd| fd.get_ref().write(b"a")).unwrap()?;
/// fd.ready(Interest::WRITABLE).await?.retain_ready();
/// fd.writable_mut().await?.try_io(|fd| fd.get_mut().write(b"b")).unwrap()?;
/// fd.ready_mut(Interest::WRITABLE).await?.retain_ready();
/// poll_fn(|cx| fd.poll_write_ready(cx).map_ok(|_guard| ())).await?;
/// poll_fn(|cx| fd.poll_write_ready_mut(cx).map_ok(|_guard| ())).await?;
///
/// far.write_all(b"xy")?;
/// fd.readable_mut().await?.retain_ready();
/// poll_fn(|cx| fd.poll_read_ready(cx).map_ok(|_guard| ())).await?;
/// poll_fn(|cx| fd.poll_read_ready_mut(cx).map_ok(|_guard| ())).await?;
/// let mut byte = [0];
/// fd.async_io_mut(Interest::READABLE, |stream| stream.read_exact(&mut byte)).await?;
/// fd.try_io_mut(Interest::READABLE, |stream| stream.read_exact(&mut byte))?;
/// assert_eq!(&byte, b"y");
///
/// // Not watched any more.
/// let near: UnixStream = fd.into_inner();
/// # drop(near);
/// # Ok(())
/// # }
/// ```
#[doc(alias = "add_reader")]
#[doc(alias = "add_writer")]
pub struct AsyncFd<T: AsRawFd> {
    registration: Registration,
    /// `None` once it was taken out.
    inner: Option<T>,
}

const BOTH: Interest = Interest::READABLE.add(Interest::WRITABLE);

impl<T: AsRawFd> AsyncFd<T> {
    /// Has the runtime watch a descriptor for reading and writing.
    ///
    /// # Errors
    ///
    /// If the system cannot wait for it, such as for a plain file, or not twice: it is registered by another
    /// `AsyncFd` or socket. The error has `inner`.
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    ///
    /// # Safety
    ///
    /// `as_raw_fd` of `inner` gives the same descriptor each time, which stays open until the `AsyncFd` is dropped
    /// or taken apart.
    #[track_caller]
    pub unsafe fn register(inner: T) -> Result<Self, AsyncFdRegisterError<T>> {
        // SAFETY: as the caller promises.
        unsafe { Self::register_with_interest(inner, BOTH) }
    }

    /// As [`register`](Self::register), for what is asked for and nothing else.
    ///
    /// # Errors
    ///
    /// As [`register`](Self::register).
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    ///
    /// # Safety
    ///
    /// As [`register`](Self::register).
    #[track_caller]
    pub unsafe fn register_with_interest(
        inner: T,
        interest: Interest,
    ) -> Result<Self, AsyncFdRegisterError<T>> {
        let fd = inner.as_raw_fd();
        if fd < 0 {
            let cause = rustix::io::Errno::BADF.into();
            return Err(AsyncFdRegisterError::new(inner, cause));
        }
        // SAFETY: it is open, as the caller promises, and no -1.
        let fd = unsafe { BorrowedFd::borrow_raw(fd) };
        match Registration::new(fd, interest) {
            Ok(registration) => Ok(Self { registration, inner: Some(inner) }),
            Err(cause) => Err(AsyncFdRegisterError::new(inner, cause)),
        }
    }

    /// As [`register`](Self::register).
    ///
    /// # Errors
    ///
    /// As [`register`](Self::register).
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    #[track_caller]
    #[deprecated = "it trusts `AsRawFd` to be right about the descriptor: use `register`"]
    pub fn new(inner: T) -> io::Result<Self> {
        // SAFETY: none; it is for programs that rely on it, and deprecated for that.
        unsafe { Self::register(inner) }.map_err(io::Error::from)
    }

    /// As [`register_with_interest`](Self::register_with_interest).
    ///
    /// # Errors
    ///
    /// As [`register`](Self::register).
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    #[track_caller]
    #[deprecated = "it trusts `AsRawFd` to be right about the descriptor: use `register_with_interest`"]
    pub fn with_interest(inner: T, interest: Interest) -> io::Result<Self> {
        // SAFETY: none; it is for programs that rely on it, and deprecated for that.
        unsafe { Self::register_with_interest(inner, interest) }.map_err(io::Error::from)
    }

    /// As [`register`](Self::register).
    ///
    /// # Errors
    ///
    /// As [`register`](Self::register).
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    #[track_caller]
    #[deprecated = "it trusts `AsRawFd` to be right about the descriptor: use `register`"]
    pub fn try_new(inner: T) -> Result<Self, AsyncFdRegisterError<T>> {
        // SAFETY: none; it is for programs that rely on it, and deprecated for that.
        unsafe { Self::register(inner) }
    }

    /// As [`register_with_interest`](Self::register_with_interest).
    ///
    /// # Errors
    ///
    /// As [`register`](Self::register).
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    #[track_caller]
    #[deprecated = "it trusts `AsRawFd` to be right about the descriptor: use `register_with_interest`"]
    pub fn try_with_interest(inner: T, interest: Interest) -> Result<Self, AsyncFdRegisterError<T>> {
        // SAFETY: none; it is for programs that rely on it, and deprecated for that.
        unsafe { Self::register_with_interest(inner, interest) }
    }

    /// What has the descriptor.
    #[inline]
    pub fn get_ref(&self) -> &T {
        self.inner.as_ref().expect("it is there until it is taken out")
    }

    /// What has the descriptor.
    #[inline]
    pub fn get_mut(&mut self) -> &mut T {
        self.inner.as_mut().expect("it is there until it is taken out")
    }

    /// Ends the watch, and gives back what has the descriptor.
    pub fn into_inner(mut self) -> T {
        self.end_watch();
        self.inner.take().expect("it is there until this")
    }

    fn end_watch(&self) {
        if let Some(inner) = &self.inner {
            // SAFETY: it is open, as the caller of the constructor promised.
            let fd = unsafe { BorrowedFd::borrow_raw(inner.as_raw_fd()) };
            // It fails only for a descriptor that was closed all the same.
            let _ = self.registration.deregister(fd);
        }
    }

    /// Waits until it is ready for something of what is asked for.
    ///
    /// # Errors
    ///
    /// If the runtime is gone.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost when it is dropped.
    pub async fn ready(&self, interest: Interest) -> io::Result<AsyncFdReadyGuard<'_, T>> {
        let event = self.registration.ready(interest).await?;
        Ok(AsyncFdReadyGuard::new(self, event))
    }

    /// As [`ready`](Self::ready), with a guard that gives mutable access.
    ///
    /// # Errors
    ///
    /// If the runtime is gone.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost when it is dropped.
    pub async fn ready_mut(&mut self, interest: Interest) -> io::Result<AsyncFdReadyMutGuard<'_, T>> {
        let event = self.registration.ready(interest).await?;
        Ok(AsyncFdReadyMutGuard::new(self, event))
    }

    /// Waits until there is something to read, or nothing will come.
    ///
    /// # Errors
    ///
    /// If the runtime is gone.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost when it is dropped.
    pub async fn readable(&self) -> io::Result<AsyncFdReadyGuard<'_, T>> {
        self.ready(Interest::READABLE).await
    }

    /// As [`readable`](Self::readable), with a guard that gives mutable access.
    ///
    /// # Errors
    ///
    /// If the runtime is gone.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost when it is dropped.
    pub async fn readable_mut(&mut self) -> io::Result<AsyncFdReadyMutGuard<'_, T>> {
        self.ready_mut(Interest::READABLE).await
    }

    /// Waits until there is room to write, or it is of no use.
    ///
    /// # Errors
    ///
    /// If the runtime is gone.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost when it is dropped.
    pub async fn writable(&self) -> io::Result<AsyncFdReadyGuard<'_, T>> {
        self.ready(Interest::WRITABLE).await
    }

    /// As [`writable`](Self::writable), with a guard that gives mutable access.
    ///
    /// # Errors
    ///
    /// If the runtime is gone.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost when it is dropped.
    pub async fn writable_mut(&mut self) -> io::Result<AsyncFdReadyMutGuard<'_, T>> {
        self.ready_mut(Interest::WRITABLE).await
    }

    /// As [`readable`](Self::readable), for hand-written futures.
    ///
    /// # Errors
    ///
    /// If the runtime is gone.
    pub fn poll_read_ready<'a>(&'a self, cx: &mut Context<'_>) -> Poll<io::Result<AsyncFdReadyGuard<'a, T>>> {
        let event = ready!(self.registration.poll_ready(cx, Direction::Read))?;
        Poll::Ready(Ok(AsyncFdReadyGuard::new(self, event)))
    }

    /// As [`readable_mut`](Self::readable_mut), for hand-written futures.
    ///
    /// # Errors
    ///
    /// If the runtime is gone.
    pub fn poll_read_ready_mut<'a>(
        &'a mut self,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<AsyncFdReadyMutGuard<'a, T>>> {
        let event = ready!(self.registration.poll_ready(cx, Direction::Read))?;
        Poll::Ready(Ok(AsyncFdReadyMutGuard::new(self, event)))
    }

    /// As [`writable`](Self::writable), for hand-written futures.
    ///
    /// # Errors
    ///
    /// If the runtime is gone.
    pub fn poll_write_ready<'a>(
        &'a self,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<AsyncFdReadyGuard<'a, T>>> {
        let event = ready!(self.registration.poll_ready(cx, Direction::Write))?;
        Poll::Ready(Ok(AsyncFdReadyGuard::new(self, event)))
    }

    /// As [`writable_mut`](Self::writable_mut), for hand-written futures.
    ///
    /// # Errors
    ///
    /// If the runtime is gone.
    pub fn poll_write_ready_mut<'a>(
        &'a mut self,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<AsyncFdReadyMutGuard<'a, T>>> {
        let event = ready!(self.registration.poll_ready(cx, Direction::Write))?;
        Poll::Ready(Ok(AsyncFdReadyMutGuard::new(self, event)))
    }

    /// Makes an attempt as soon as it is ready for what is asked for, again and again until it does not fail
    /// with `WouldBlock`.
    ///
    /// # Errors
    ///
    /// What `f` returns, and if the runtime is gone.
    ///
    /// # Cancel safety
    ///
    /// `f` is not called any more once it is dropped.
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::io::{Read, Write};
    /// # use std::os::unix::net::UnixStream;
    /// use windlass::io::{AsyncFd, Interest};
    ///
    /// # #[windlass::main]
    /// # async fn main() -> std::io::Result<()> {
    /// # let (mut theirs, ours) = UnixStream::pair()?;
    /// # ours.set_nonblocking(true)?;
    /// # theirs.write_all(b"hi")?;
    /// # // SAFETY: a `UnixStream` has the same open descriptor for as long as it lives.
    /// # let fd = unsafe { AsyncFd::register(ours)? };
    /// let mut buffer = [0; 2];
    /// let read = fd.async_io(Interest::READABLE, |mut stream| stream.read(&mut buffer)).await?;
    /// assert_eq!(read, 2);
    /// # Ok(())
    /// # }
    /// ```
    pub async fn async_io<R>(
        &self,
        interest: Interest,
        mut f: impl FnMut(&T) -> io::Result<R>,
    ) -> io::Result<R> {
        self.registration.async_io(interest, || f(self.get_ref())).await
    }

    /// As [`async_io`](Self::async_io), with mutable access.
    ///
    /// # Errors
    ///
    /// As [`async_io`](Self::async_io).
    ///
    /// # Cancel safety
    ///
    /// `f` is not called any more once it is dropped.
    pub async fn async_io_mut<R>(
        &mut self,
        interest: Interest,
        mut f: impl FnMut(&mut T) -> io::Result<R>,
    ) -> io::Result<R> {
        let Self { registration, inner } = self;
        let inner = inner.as_mut().expect("it is there until it is taken out");
        registration.async_io(interest, || f(inner)).await
    }

    /// Makes an attempt, if it is ready for what is asked for. If that fails with `WouldBlock` it is not ready
    /// any more.
    ///
    /// # Errors
    ///
    /// `WouldBlock` if it is not ready; otherwise what `f` returns.
    pub fn try_io<R>(&self, interest: Interest, f: impl FnOnce(&T) -> io::Result<R>) -> io::Result<R> {
        self.registration.try_io(interest, || f(self.get_ref()))
    }

    /// As [`try_io`](Self::try_io), with mutable access.
    ///
    /// # Errors
    ///
    /// As [`try_io`](Self::try_io).
    pub fn try_io_mut<R>(
        &mut self,
        interest: Interest,
        f: impl FnOnce(&mut T) -> io::Result<R>,
    ) -> io::Result<R> {
        let Self { registration, inner } = self;
        let inner = inner.as_mut().expect("it is there until it is taken out");
        registration.try_io(interest, || f(inner))
    }
}

impl<T: AsRawFd> AsRawFd for AsyncFd<T> {
    fn as_raw_fd(&self) -> RawFd {
        self.get_ref().as_raw_fd()
    }
}

impl<T: AsRawFd> AsFd for AsyncFd<T> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        // SAFETY: it is open, as the caller of the constructor promised.
        unsafe { BorrowedFd::borrow_raw(self.as_raw_fd()) }
    }
}

impl<T: AsRawFd + fmt::Debug> fmt::Debug for AsyncFd<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AsyncFd").field("inner", self.get_ref()).finish()
    }
}

impl<T: AsRawFd> Drop for AsyncFd<T> {
    fn drop(&mut self) {
        self.end_watch();
    }
}

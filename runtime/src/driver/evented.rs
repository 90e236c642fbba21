//! A descriptor of std's together with its registration.

use std::fmt;
use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::ops::Deref;
use std::os::fd::AsFd;
use std::task::{Context, Poll};

use super::ready::Interest;
use super::registration::Registration;
use super::source::Direction;

/// A non-blocking descriptor that a runtime watches, until it is dropped or taken out.
pub(crate) struct Evented<S: AsFd> {
    /// `None` once it was taken out.
    io: Option<S>,
    registration: Registration,
}

impl<S: AsFd> Evented<S> {
    /// Has the runtime this thread is in watch the descriptor, which must not block.
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    #[track_caller]
    pub(crate) fn new(io: S, interest: Interest) -> io::Result<Self> {
        let registration = Registration::new(io.as_fd(), interest)?;
        Ok(Self { io: Some(io), registration })
    }

    #[inline]
    pub(crate) fn registration(&self) -> &Registration {
        &self.registration
    }

    /// Ends the watch and gives the descriptor back.
    pub(crate) fn into_inner(mut self) -> io::Result<S> {
        let io = self.io.take().expect("it is there until this");
        self.registration.deregister(io.as_fd())?;
        Ok(io)
    }

    /// Reads from a stream socket.
    #[inline]
    pub(crate) fn poll_read(&self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>>
    where
        for<'s> &'s S: Read,
    {
        let wanted = buf.len();
        self.registration.poll_transfer(cx, Direction::Read, wanted, || (&**self).read(buf))
    }

    /// Reads from a stream socket into several buffers.
    #[inline]
    pub(crate) fn poll_read_vectored(
        &self,
        cx: &mut Context<'_>,
        bufs: &mut [IoSliceMut<'_>],
    ) -> Poll<io::Result<usize>>
    where
        for<'s> &'s S: Read,
    {
        let wanted = bufs.iter().map(|buf| buf.len()).sum();
        self.registration.poll_transfer(cx, Direction::Read, wanted, || (&**self).read_vectored(bufs))
    }

    /// Writes to a stream socket.
    #[inline]
    pub(crate) fn poll_write(&self, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>>
    where
        for<'s> &'s S: Write,
    {
        self.registration.poll_transfer(cx, Direction::Write, buf.len(), || (&**self).write(buf))
    }

    /// Writes several buffers to a stream socket.
    #[inline]
    pub(crate) fn poll_write_vectored(
        &self,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>>
    where
        for<'s> &'s S: Write,
    {
        let wanted = bufs.iter().map(|buf| buf.len()).sum();
        self.registration.poll_transfer(cx, Direction::Write, wanted, || (&**self).write_vectored(bufs))
    }
}

impl<S: AsFd> Deref for Evented<S> {
    type Target = S;

    #[inline]
    fn deref(&self) -> &S {
        self.io.as_ref().expect("it is there until it is taken out")
    }
}

impl<S: AsFd> Drop for Evented<S> {
    fn drop(&mut self) {
        if let Some(io) = &self.io {
            // It fails only for a descriptor that was closed behind our back.
            let _ = self.registration.deregister(io.as_fd());
        }
    }
}

impl<S: AsFd + fmt::Debug> fmt::Debug for Evented<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.io.fmt(f)
    }
}

//! A descriptor of std's together with its registration.

use std::fmt;
use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::ops::Deref;
use std::os::fd::AsFd;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::task::{Context, Poll};

use super::ready::Interest;
use super::registration::Registration;
use super::source::Direction;

/// Linux's `UIO_MAXIOV`. Where else less is taken at a time, a short read or write has no meaning of its own anyway.
const MOST_BUFFERS: usize = 1024;

/// A non-blocking descriptor that a runtime watches, until it is dropped or taken out.
pub(crate) struct Evented<S: AsFd> {
    /// `None` once it was taken out.
    io: Option<S>,
    registration: Registration,
}

// No code of a user runs in an operation, so a panic leaves none half done.
impl<S: AsFd> UnwindSafe for Evented<S> {}
impl<S: AsFd> RefUnwindSafe for Evented<S> {}

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
        let wanted = asked_for(bufs);
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
        let wanted = asked_for(bufs);
        self.registration.poll_transfer(cx, Direction::Write, wanted, || (&**self).write_vectored(bufs))
    }
}

/// How many bytes a vectored read or write asks the system for: it takes no more than so many buffers at a time, and leaves the
/// others however ready the socket is.
#[inline]
pub(crate) fn asked_for<B: Deref<Target = [u8]>>(bufs: &[B]) -> usize {
    bufs.iter().take(MOST_BUFFERS).map(|buf| buf.len()).sum()
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

#[cfg(all(test, not(windlass_loom)))]
mod tests {
    use std::future::poll_fn;
    use std::os::unix::net::UnixStream;

    use super::*;
    use crate::runtime::Builder;

    async fn read(io: &Evented<UnixStream>, buf: &mut [u8]) -> usize {
        poll_fn(|cx| io.poll_read(cx, buf)).await.unwrap()
    }

    #[test]
    fn bytes_go_round_between_two_tasks() {
        const ROUNDS: usize = 10_000;
        let runtime = Builder::new_multi_thread().worker_threads(2).build().unwrap();
        let (a, b) = UnixStream::pair().unwrap();
        a.set_nonblocking(true).unwrap();
        b.set_nonblocking(true).unwrap();
        runtime.block_on(async {
            let interest = Interest::READABLE | Interest::WRITABLE;
            let (a, b) = (Evented::new(a, interest).unwrap(), Evented::new(b, interest).unwrap());
            let echo = crate::spawn(async move {
                let mut buf = [0; 64];
                loop {
                    match read(&b, &mut buf).await {
                        0 => return,
                        n => assert_eq!(poll_fn(|cx| b.poll_write(cx, &buf[..n])).await.unwrap(), n),
                    }
                }
            });
            let mut buf = [0; 64];
            for round in 0..ROUNDS {
                let sent = [round as u8; 3];
                assert_eq!(poll_fn(|cx| a.poll_write(cx, &sent)).await.unwrap(), 3);
                assert_eq!(read(&a, &mut buf).await, 3);
                assert_eq!(buf[..3], sent);
            }
            drop(a);
            echo.await.unwrap();
        });
    }

    #[test]
    fn data_and_the_end_that_came_together_are_both_read() {
        let runtime = Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let (a, b) = UnixStream::pair().unwrap();
            a.set_nonblocking(true).unwrap();
            (&b).write_all(b"bye").unwrap();
            drop(b);
            let a = Evented::new(a, Interest::READABLE).unwrap();
            let mut buf = [0; 64];
            assert_eq!(read(&a, &mut buf).await, 3);
            assert_eq!(read(&a, &mut buf).await, 0);
        });
    }
}

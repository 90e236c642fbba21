//! How a signal handler, which may do next to nothing, tells a task.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use crate::driver::{Direction, Evented, Interest};

/// The side that waits.
pub(super) struct Notice(Evented<Arc<OwnedFd>>);

/// The side of the signal handler.
pub(super) struct Notifier(Arc<OwnedFd>);

impl Notice {
    #[track_caller]
    pub(super) fn new() -> io::Result<(Self, Notifier)> {
        let (reader, writer) = sys::channel()?;
        Ok((Self(Evented::new(reader, Interest::READABLE)?), Notifier(writer)))
    }

    /// Waits until it was notified since the last time.
    pub(super) fn poll(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.registration().poll_io(cx, Direction::Read, || sys::drain(&self.0))
    }

    /// Has this waker woken at the first notice, for who waits beside the future that is polled.
    pub(super) fn poll_beside(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.0.registration().poll_beside(cx, Direction::Read))?;
        Poll::Ready(Ok(()))
    }
}

impl Notifier {
    /// One system call that may be made in a signal handler. If there is no room the other side has been notified.
    pub(super) fn notify(&self) {
        notify(self.0.as_fd());
    }
}

impl AsFd for Notifier {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// What [`Notifier::notify`] does, by its descriptor.
pub(super) fn notify(notifier: BorrowedFd<'_>) {
    let _ = sys::notify(notifier);
}

#[cfg(target_os = "linux")]
mod sys {
    use super::{Arc, BorrowedFd, OwnedFd, io};
    use rustix::event::{EventfdFlags, eventfd};

    /// A counter, for both sides.
    pub(super) fn channel() -> io::Result<(Arc<OwnedFd>, Arc<OwnedFd>)> {
        let counter = Arc::new(eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?);
        Ok((Arc::clone(&counter), counter))
    }

    pub(super) fn notify(counter: BorrowedFd<'_>) -> io::Result<()> {
        rustix::io::write(counter, &1_u64.to_ne_bytes())?;
        Ok(())
    }

    pub(super) fn drain(counter: &OwnedFd) -> io::Result<()> {
        rustix::io::read(counter, &mut [0; 8])?;
        Ok(())
    }
}

#[cfg(not(target_os = "linux"))]
mod sys {
    use super::{Arc, BorrowedFd, OwnedFd, io};
    use std::os::unix::net::UnixStream;

    pub(super) fn channel() -> io::Result<(Arc<OwnedFd>, Arc<OwnedFd>)> {
        let (reader, writer) = UnixStream::pair()?;
        reader.set_nonblocking(true)?;
        writer.set_nonblocking(true)?;
        Ok((Arc::new(reader.into()), Arc::new(writer.into())))
    }

    pub(super) fn notify(writer: BorrowedFd<'_>) -> io::Result<()> {
        rustix::io::write(writer, &[1])?;
        Ok(())
    }

    pub(super) fn drain(reader: &OwnedFd) -> io::Result<()> {
        let mut bytes = [0; 256];
        let mut read = rustix::io::read(reader, &mut bytes)?;
        while read == bytes.len() {
            read = rustix::io::read(reader, &mut bytes).unwrap_or(0);
        }
        Ok(())
    }
}

//! One descriptor's membership in the driver of a runtime.

use std::future::poll_fn;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, RawFd};
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::Driver;
use super::ready::Interest;
use super::source::{Direction, Place, ReadyEvent, Source};
use crate::context;
use crate::primitives::poller::Key;
use crate::task::Note;
use crate::task::coop::poll_proceed;

/// A descriptor that is watched by a runtime.
///
/// Its owner deregisters it before the descriptor is closed.
pub(crate) struct Registration {
    driver: Arc<Driver>,
    source: Arc<Source>,
    pub(super) key: Key,
    interest: Interest,
    fd: RawFd,
}

impl Registration {
    /// Has the runtime this thread is in watch the descriptor.
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    #[track_caller]
    pub(crate) fn new(fd: BorrowedFd<'_>, interest: Interest) -> io::Result<Self> {
        let driver = context::with_runtime(|runtime| runtime.map(|runtime| Arc::clone(&runtime.driver)));
        let Some(driver) = driver else {
            panic!(
                "sockets and other descriptors belong to a runtime, and this thread is in none: call this \
                 inside `Runtime::block_on` or a task, or hold the guard of `Handle::enter`"
            )
        };
        Self::with_driver(driver, fd, interest)
    }

    pub(crate) fn with_driver(
        driver: Arc<Driver>,
        fd: BorrowedFd<'_>,
        interest: Interest,
    ) -> io::Result<Self> {
        let source = Arc::new(Source::new());
        let key = driver.sources.insert(&source).ok_or_else(gone)?;
        if let Err(error) = driver.poller.add(fd, key, interest) {
            driver.sources.remove(key);
            return Err(error);
        }
        Ok(Self { driver, source, key, interest, fd: fd.as_raw_fd() })
    }

    /// Ends the watch.
    pub(crate) fn deregister(&self, fd: BorrowedFd<'_>) -> io::Result<()> {
        let deleted = self.driver.poller.delete(fd);
        self.driver.sources.remove(self.key);
        self.source.forget_waiters();
        deleted
    }

    /// Waits until the direction is ready, for one task at a time.
    #[inline]
    pub(crate) fn poll_ready(
        &self,
        cx: &mut Context<'_>,
        direction: Direction,
    ) -> Poll<io::Result<ReadyEvent>> {
        let proceed = ready!(poll_proceed(cx));
        match self.source.poll_ready(cx, direction) {
            Poll::Ready(event) => {
                proceed.made_progress();
                Poll::Ready(checked(event))
            }
            Poll::Pending => {
                proceed.awaits(match direction {
                    Direction::Read => Note::readable(self.fd),
                    Direction::Write => Note::writable(self.fd),
                });
                self.pending()
            }
        }
    }

    /// As [`poll_ready`](Self::poll_ready), for who polls a future and waits for this beside it: nothing is taken from the
    /// budget of the poll, and it is not among what the future awaits.
    pub(crate) fn poll_beside(
        &self,
        cx: &mut Context<'_>,
        direction: Direction,
    ) -> Poll<io::Result<ReadyEvent>> {
        match self.source.poll_ready(cx, direction) {
            Poll::Ready(event) => Poll::Ready(checked(event)),
            Poll::Pending => self.pending(),
        }
    }

    /// Waits until something of what is asked for is ready, for any number of tasks.
    ///
    /// Nothing is lost when it is dropped.
    pub(crate) async fn ready(&self, interest: Interest) -> io::Result<ReadyEvent> {
        let mut listed = Listing { source: &self.source, place: None };
        poll_fn(|cx| {
            let proceed = ready!(poll_proceed(cx));
            match self.source.poll_listed(cx, interest.mask(), &mut listed.place) {
                Poll::Ready(event) => {
                    proceed.made_progress();
                    Poll::Ready(checked(event))
                }
                Poll::Pending => {
                    proceed.awaits(match interest {
                        Interest::READABLE => Note::readable(self.fd),
                        Interest::WRITABLE => Note::writable(self.fd),
                        _ => Note::ready(self.fd),
                    });
                    self.pending()
                }
            }
        })
        .await
    }

    /// A waker is stored. Where the system reports only once, asks it again.
    #[inline]
    fn pending(&self) -> Poll<io::Result<ReadyEvent>> {
        if !self.driver.poller.forgets() {
            return Poll::Pending;
        }
        match self.rearm() {
            Ok(()) => Poll::Pending,
            Err(error) => Poll::Ready(Err(error)),
        }
    }

    /// Has the system watch the descriptor once more, for what somebody waits for and nothing else: what nobody waits for
    /// would be reported at once, again and again.
    #[cold]
    fn rearm(&self) -> io::Result<()> {
        let mut awaited = self.source.awaited();
        loop {
            if let Some(interest) = awaited.interest() {
                self.driver.poller.rearm(self.fd, self.key, interest)?;
            }
            // Another who has begun to wait meanwhile may have asked for it before this did, without it.
            let now = self.source.awaited();
            if now == awaited {
                return Ok(());
            }
            awaited = now;
        }
    }

    /// Takes readiness back, because the next attempt would wait. That a direction is closed stays.
    #[inline]
    pub(crate) fn clear(&self, event: ReadyEvent) {
        self.source.clear(event);
    }

    /// Takes readiness back, because an attempt would have waited. If it was of a direction that is closed, that may not be so any more: a pipe with a
    /// name has a writer again. Or it had other reasons, of which another who reads is one: a terminal gives way to him. So the system is asked.
    #[inline]
    pub(crate) fn would_block(&self, event: ReadyEvent) {
        match event.closed() {
            Some(direction) if self.is_open(direction) => self.disprove(event),
            _ => self.clear(event),
        }
    }

    /// Takes readiness back, and that it is closed, because the system has said that it is neither.
    pub(crate) fn disprove(&self, event: ReadyEvent) {
        self.source.disprove(event);
    }

    /// Whether the system says that a direction is not closed, and is not ready either.
    #[cold]
    fn is_open(&self, direction: Direction) -> bool {
        let flags = match direction {
            Direction::Read => PollFlags::IN,
            Direction::Write => PollFlags::OUT,
        };
        // SAFETY: its owner deregisters it before the descriptor is closed, and whoever calls this has borrowed it from him.
        let fd = unsafe { BorrowedFd::borrow_raw(self.fd) };
        matches!(poll(&mut [PollFd::from_borrowed_fd(fd, flags)], Some(&Timespec::default())), Ok(0))
    }

    /// Does `f` as soon as it does not wait.
    #[inline]
    pub(crate) fn poll_io<R>(
        &self,
        cx: &mut Context<'_>,
        direction: Direction,
        mut f: impl FnMut() -> io::Result<R>,
    ) -> Poll<io::Result<R>> {
        loop {
            let event = ready!(self.poll_ready(cx, direction))?;
            match f() {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.would_block(event),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                done => return Poll::Ready(done),
            }
        }
    }

    /// As [`poll_io`](Self::poll_io), on a stream socket that was asked for `wanted` bytes: to do some of it, and not
    /// all, shows without another attempt that the next one would wait.
    #[inline]
    pub(crate) fn poll_transfer(
        &self,
        cx: &mut Context<'_>,
        direction: Direction,
        wanted: usize,
        mut f: impl FnMut() -> io::Result<usize>,
    ) -> Poll<io::Result<usize>> {
        loop {
            let event = ready!(self.poll_ready(cx, direction))?;
            match f() {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.would_block(event),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Ok(some) => {
                    if self.is_used_up(event, some, wanted) {
                        self.clear(event);
                    }
                    return Poll::Ready(Ok(some));
                }
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }

    /// Whether it shows that the next attempt would wait if this one did `some` of what was `wanted`. It does not where something is
    /// out of band: a read stops there, with more behind it.
    #[inline]
    fn is_used_up(&self, event: ReadyEvent, some: usize, wanted: usize) -> bool {
        0 < some && some < wanted && self.driver.poller.tells_of_the_end() && !event.is_out_of_band()
    }

    /// Does `f` as soon as it does not wait, for any number of tasks.
    ///
    /// Nothing is lost when it is dropped.
    pub(crate) async fn async_io<R>(
        &self,
        interest: Interest,
        mut f: impl FnMut() -> io::Result<R>,
    ) -> io::Result<R> {
        loop {
            let event = self.ready(interest).await?;
            match f() {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.would_block(event),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                done => return done,
            }
        }
    }

    /// Does `f` if what is asked for was reported as ready. `WouldBlock` if not, and if `f` says so.
    pub(crate) fn try_io<R>(&self, interest: Interest, f: impl FnOnce() -> io::Result<R>) -> io::Result<R> {
        let event = checked(self.source.look(interest.mask()))?;
        if event.ready.is_empty() {
            return self.rearmed();
        }
        let done = f();
        if let Err(error) = &done
            && error.kind() == io::ErrorKind::WouldBlock
        {
            self.would_block(event);
            return self.rearmed();
        }
        done
    }

    /// As [`try_io`](Self::try_io), with the rule of [`poll_transfer`](Self::poll_transfer).
    pub(crate) fn try_transfer(
        &self,
        direction: Direction,
        wanted: usize,
        f: impl FnOnce() -> io::Result<usize>,
    ) -> io::Result<usize> {
        let event = checked(self.source.look(direction.mask()))?;
        if event.ready.is_empty() {
            return self.rearmed();
        }
        match f() {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.would_block(event);
                self.rearmed()
            }
            Ok(some) => {
                if self.is_used_up(event, some, wanted) {
                    self.clear(event);
                }
                Ok(some)
            }
            Err(error) => Err(error),
        }
    }

    #[cold]
    fn rearmed<R>(&self) -> io::Result<R> {
        self.driver.poller.rearm(self.fd, self.key, self.interest)?;
        Err(io::ErrorKind::WouldBlock.into())
    }
}

/// A place in the list of a source, until it is dropped.
struct Listing<'s> {
    source: &'s Source,
    place: Option<Place>,
}

impl Drop for Listing<'_> {
    fn drop(&mut self) {
        self.source.unlist(&mut self.place);
    }
}

#[inline]
fn checked(event: ReadyEvent) -> io::Result<ReadyEvent> {
    if event.is_gone() { Err(gone()) } else { Ok(event) }
}

#[cold]
fn gone() -> io::Error {
    io::Error::other("the runtime this socket or descriptor belongs to was shut down")
}

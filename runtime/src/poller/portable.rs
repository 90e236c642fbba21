//! `polling`'s own way of waiting, on every system it knows.

use std::io;
use std::num::NonZeroUsize;
use std::os::fd::{AsRawFd, BorrowedFd, RawFd};
use std::time::Duration;

use polling::{Event, PollMode};

use super::{Events, Key, MOST_EVENTS};
use crate::driver::{Interest, Ready};
use crate::primitives::Mutex;

pub(crate) struct Poller {
    inner: polling::Poller,
    mode: PollMode,
    /// What the thread that waits fetches into.
    fetched: Mutex<polling::Events>,
}

impl Poller {
    pub(super) fn new(inner: polling::Poller) -> Self {
        let edge = inner.supports_edge() && !cfg!(windlass_portable_poll = "oneshot");
        let mode = if edge { PollMode::Edge } else { PollMode::Oneshot };
        let most = NonZeroUsize::new(MOST_EVENTS).unwrap_or(NonZeroUsize::MIN);
        Self { inner, mode, fetched: Mutex::new(polling::Events::with_capacity(most)) }
    }

    pub(super) fn add(&self, fd: BorrowedFd<'_>, key: Key, interest: Interest) -> io::Result<()> {
        // SAFETY: our own contract is that the descriptor is deleted before it is closed.
        unsafe { self.inner.add_with_mode(fd.as_raw_fd(), event(key, interest), self.mode) }
    }

    pub(super) fn forgets(&self) -> bool {
        matches!(self.mode, PollMode::Oneshot)
    }

    pub(super) fn rearm(&self, fd: RawFd, key: Key, interest: Interest) -> io::Result<()> {
        match self.mode {
            PollMode::Oneshot => {
                // SAFETY: the caller's registration is of a descriptor that is not closed yet.
                let fd = unsafe { BorrowedFd::borrow_raw(fd) };
                self.inner.modify_with_mode(fd, event(key, interest), self.mode)
            }
            _ => Ok(()),
        }
    }

    pub(super) fn delete(&self, fd: BorrowedFd<'_>) -> io::Result<()> {
        self.inner.delete(fd)
    }

    pub(super) fn wait(&self, events: &mut Events, timeout: Option<Duration>) -> io::Result<()> {
        let mut fetched = self.fetched.lock();
        fetched.clear();
        match self.inner.wait(&mut fetched, timeout) {
            Ok(_) => {
                events.extend(fetched.iter().map(|event| (Key(event.key as u64), ready(&event))));
                Ok(())
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(()),
            Err(error) => Err(error),
        }
    }

    pub(super) fn wake(&self) {
        // It fails only where its descriptor was closed behind our back.
        let _ = self.inner.notify();
    }
}

fn event(key: Key, interest: Interest) -> Event {
    let mut event = Event::new(key.0 as usize, interest.is_readable(), interest.is_writable());
    event.set_priority(interest.is_priority());
    event
}

fn ready(event: &Event) -> Ready {
    let mut ready = Ready::EMPTY;
    if event.readable {
        ready |= Ready::READABLE;
    }
    if event.writable {
        ready |= Ready::WRITABLE;
    }
    if event.is_priority() {
        ready |= Ready::PRIORITY;
    }
    if event.is_interrupt() {
        ready |= Ready::READ_CLOSED | Ready::WRITE_CLOSED;
    }
    if event.is_err() == Some(true) {
        ready |= Ready::ERROR;
    }
    ready
}

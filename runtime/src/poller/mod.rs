//! Where a thread waits for descriptors: epoll, called directly, or whatever `polling` has on this system.
//!
//! A descriptor is added once, for both directions, edge-triggered. `polling` makes the epoll descriptor in either
//! case. Its own way of waiting takes about five system calls, and it does not ask for `EPOLLRDHUP`; so on Linux
//! we add to its descriptor and wait on it ourselves, with `epoll_pwait2`, or `epoll_wait` on a kernel before 5.11. With
//! `--cfg windlass_portable_poll` its way is ours.

#[cfg(target_os = "linux")]
mod direct;
mod portable;

use std::io;
use std::os::fd::{BorrowedFd, RawFd};
use std::time::Duration;

use crate::driver::{Interest, Ready};

/// Which descriptor an event is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Key(pub(crate) u64);

/// The key of what only wakes the waiting thread.
#[cfg(target_os = "linux")]
const WAKE: Key = Key(u64::MAX - 1);

/// How many events one wait brings at most.
const MOST_EVENTS: usize = 1024;

/// Where one thread waits for descriptors.
pub(crate) enum Poller {
    #[cfg(target_os = "linux")]
    Direct(direct::Poller),
    Portable(portable::Poller),
}

/// The events of one wait: about which descriptor, and what it is ready for.
pub(crate) type Events = Vec<(Key, Ready)>;

impl Poller {
    pub(crate) fn new() -> io::Result<Self> {
        let poller = polling::Poller::new()?;
        #[cfg(target_os = "linux")]
        if !cfg!(any(windlass_portable_poll, windlass_portable_poll = "oneshot")) {
            return Ok(Self::Direct(direct::Poller::new(poller)?));
        }
        Ok(Self::Portable(portable::Poller::new(poller)))
    }

    /// Begins to watch a descriptor, which must be deleted before it is closed.
    pub(crate) fn add(&self, fd: BorrowedFd<'_>, key: Key, interest: Interest) -> io::Result<()> {
        match self {
            #[cfg(target_os = "linux")]
            Self::Direct(poller) => poller.add(fd, key, interest),
            Self::Portable(poller) => poller.add(fd, key, interest),
        }
    }

    /// Ends the watch. Events that were fetched before may still come.
    pub(crate) fn delete(&self, fd: BorrowedFd<'_>) -> io::Result<()> {
        match self {
            #[cfg(target_os = "linux")]
            Self::Direct(poller) => poller.delete(fd),
            Self::Portable(poller) => poller.delete(fd),
        }
    }

    /// Waits for events, or until somebody wakes the thread; `None` is for as long as that takes. What was in
    /// `events` is gone.
    pub(crate) fn wait(&self, events: &mut Events, timeout: Option<Duration>) -> io::Result<()> {
        events.clear();
        match self {
            #[cfg(target_os = "linux")]
            Self::Direct(poller) => poller.wait(events, timeout),
            Self::Portable(poller) => poller.wait(events, timeout),
        }
    }

    /// Wakes the thread that waits, or the next one that would.
    pub(crate) fn wake(&self) {
        match self {
            #[cfg(target_os = "linux")]
            Self::Direct(poller) => poller.wake(),
            Self::Portable(poller) => poller.wake(),
        }
    }

    /// Whether a read or write that did less than it was asked for shows that the direction is not ready any more,
    /// on a stream socket: the end of the stream has an event of its own.
    #[inline]
    pub(crate) fn tells_of_the_end(&self) -> bool {
        match self {
            #[cfg(target_os = "linux")]
            Self::Direct(_) => true,
            Self::Portable(_) => false,
        }
    }

    /// Whether the system reports a descriptor once and then forgets it.
    #[inline]
    pub(crate) fn forgets(&self) -> bool {
        match self {
            #[cfg(target_os = "linux")]
            Self::Direct(_) => false,
            Self::Portable(poller) => poller.forgets(),
        }
    }

    /// If the system has forgotten a descriptor: asks again.
    #[inline]
    pub(crate) fn rearm(&self, fd: RawFd, key: Key, interest: Interest) -> io::Result<()> {
        match self {
            #[cfg(target_os = "linux")]
            Self::Direct(_) => Ok(()),
            Self::Portable(poller) => poller.rearm(fd, key, interest),
        }
    }
}

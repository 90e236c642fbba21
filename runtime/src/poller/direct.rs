//! epoll without a wrapper: one system call per wait.

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use rustix::event::epoll::{self, EventData, EventFlags};
use rustix::event::{EventfdFlags, Timespec, eventfd};
use rustix::io::Errno;

use super::{Events, Key, MOST_EVENTS, WAKE};
use crate::driver::{Interest, Ready};

pub(crate) struct Poller {
    /// `polling`'s, of which only the epoll descriptor is used.
    epoll: polling::Poller,
    /// Written to wake the waiting thread. It is edge-triggered: each write is an event, and nobody reads it.
    wake: OwnedFd,
}

/// Whether the kernel has `epoll_pwait2`.
pub(super) fn is_supported(epoll: &polling::Poller) -> bool {
    let now = Timespec { tv_sec: 0, tv_nsec: 0 };
    !matches!(
        epoll::wait(epoll.as_fd(), &mut [MaybeUninit::uninit()], Some(&now)),
        // What a sandbox that does not know the call says.
        Err(Errno::NOSYS | Errno::PERM)
    )
}

impl Poller {
    pub(super) fn new(epoll: polling::Poller) -> io::Result<Self> {
        let wake = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        epoll::add(&epoll, &wake, EventData::new_u64(WAKE.0), EventFlags::IN | EventFlags::ET)?;
        Ok(Self { epoll, wake })
    }

    pub(super) fn add(&self, fd: BorrowedFd<'_>, key: Key, interest: Interest) -> io::Result<()> {
        let mut flags = EventFlags::ET;
        if interest.is_readable() {
            flags |= EventFlags::IN | EventFlags::RDHUP;
        }
        if interest.is_writable() {
            flags |= EventFlags::OUT;
        }
        if interest.is_priority() {
            flags |= EventFlags::PRI;
        }
        // Errors and hang-ups are reported unasked.
        Ok(epoll::add(&self.epoll, fd, EventData::new_u64(key.0), flags)?)
    }

    pub(super) fn delete(&self, fd: BorrowedFd<'_>) -> io::Result<()> {
        Ok(epoll::delete(&self.epoll, fd)?)
    }

    pub(super) fn wait(&self, events: &mut Events, timeout: Option<Duration>) -> io::Result<()> {
        let timeout = timeout.map(|timeout| Timespec {
            // The kernel refuses what no clock of its can count.
            tv_sec: i64::try_from(timeout.as_secs()).unwrap_or(i64::MAX).min(1 << 32),
            tv_nsec: timeout.subsec_nanos().into(),
        });
        let mut buffer = [const { MaybeUninit::<epoll::Event>::uninit() }; MOST_EVENTS];
        match epoll::wait(&self.epoll, &mut buffer, timeout.as_ref()) {
            Ok((fetched, _)) => {
                let fetched = fetched.iter().map(|event| (Key(event.data.u64()), event.flags));
                events
                    .extend(fetched.filter(|(key, _)| *key != WAKE).map(|(key, flags)| (key, ready(flags))));
                Ok(())
            }
            // A signal handler ran: whoever waits looks around, and waits again.
            Err(Errno::INTR) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    pub(super) fn wake(&self) {
        if let Err(Errno::AGAIN) = rustix::io::write(&self.wake, &1_u64.to_ne_bytes()) {
            // The counter is full, after some 2^64 wakes.
            let _ = rustix::io::read(&self.wake, &mut [0; 8]);
            let _ = rustix::io::write(&self.wake, &1_u64.to_ne_bytes());
        }
    }
}

fn ready(flags: EventFlags) -> Ready {
    let mut ready = Ready::EMPTY;
    if flags.intersects(EventFlags::IN) {
        ready |= Ready::READABLE;
    }
    if flags.intersects(EventFlags::OUT) {
        ready |= Ready::WRITABLE;
    }
    if flags.intersects(EventFlags::PRI) {
        ready |= Ready::PRIORITY | Ready::READABLE;
    }
    if flags.intersects(EventFlags::RDHUP | EventFlags::HUP) {
        ready |= Ready::READ_CLOSED;
    }
    if flags.intersects(EventFlags::HUP) {
        ready |= Ready::WRITE_CLOSED;
    }
    if flags.intersects(EventFlags::ERR) {
        ready |= Ready::ERROR;
        // A direction that waits must wake up for it; a pipe without a reader says nothing but this.
        if flags == EventFlags::ERR || flags.intersects(EventFlags::OUT) {
            ready |= Ready::WRITE_CLOSED;
        }
    }
    ready
}

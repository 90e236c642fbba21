//! epoll without a wrapper: one system call per wait.

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};
use std::ptr;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use rustix::event::epoll::{self, EventData, EventFlags};
use rustix::event::{EventfdFlags, eventfd};
use rustix::io::Errno;

use super::{Events, Key, MOST_EVENTS, WAKE};
use crate::driver::{Interest, Ready};

/// What the kernel writes events to.
type Buffer = [MaybeUninit<libc::epoll_event>; MOST_EVENTS];

pub(crate) struct Poller {
    /// `polling`'s, of which only the epoll descriptor is used.
    epoll: polling::Poller,
    /// Whether the kernel has `epoll_pwait2`, which counts in nanoseconds; before 5.11 it has not, and a sandbox may
    /// not let us have it.
    counts_nanoseconds: AtomicBool,
    /// Written to wake the waiting thread. It is edge-triggered: each write is an event, and nobody reads it.
    wake: OwnedFd,
}

impl Poller {
    pub(super) fn new(epoll: polling::Poller) -> io::Result<Self> {
        let wake = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        epoll::add(&epoll, &wake, EventData::new_u64(WAKE.0), EventFlags::IN | EventFlags::ET)?;
        Ok(Self { epoll, counts_nanoseconds: AtomicBool::new(true), wake })
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
        let mut buffer = [const { MaybeUninit::uninit() }; MOST_EVENTS];
        match self.fetch(&mut buffer, timeout) {
            Ok(fetched) => {
                for event in fetched {
                    let (flags, key) = (event.events, Key(event.u64));
                    if key != WAKE {
                        events.push((key, ready(EventFlags::from_bits_retain(flags))));
                    }
                }
                Ok(())
            }
            // A signal handler ran: whoever waits looks around, and waits again.
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(()),
            Err(error) => Err(error),
        }
    }

    fn fetch<'b>(
        &self,
        buffer: &'b mut Buffer,
        timeout: Option<Duration>,
    ) -> io::Result<&'b [libc::epoll_event]> {
        let fetched = if self.counts_nanoseconds.load(Relaxed) {
            match self.fetch_in_nanoseconds(buffer, timeout) {
                Err(error) if matches!(error.raw_os_error(), Some(libc::ENOSYS | libc::EPERM)) => {
                    self.counts_nanoseconds.store(false, Relaxed);
                    self.fetch_in_milliseconds(buffer, timeout)
                }
                fetched => fetched,
            }
        } else {
            self.fetch_in_milliseconds(buffer, timeout)
        }?;
        // SAFETY: the kernel has written that many, and a `MaybeUninit` has the layout of what is in it.
        Ok(unsafe { std::slice::from_raw_parts(buffer.as_ptr().cast(), fetched) })
    }

    fn fetch_in_nanoseconds(&self, buffer: &mut Buffer, timeout: Option<Duration>) -> io::Result<usize> {
        let timeout = timeout.map(|timeout| libc::timespec {
            // The kernel refuses what no clock of its can count.
            tv_sec: timeout.as_secs().min(1 << 32) as libc::time_t,
            tv_nsec: timeout.subsec_nanos().into(),
        });
        // SAFETY: the buffer has room for that many events, the timeout is null or lives until the call is over, and
        // there is no signal mask.
        let fetched = unsafe {
            libc::syscall(
                libc::SYS_epoll_pwait2,
                self.epoll.as_raw_fd(),
                buffer.as_mut_ptr(),
                MOST_EVENTS,
                timeout.as_ref().map_or(ptr::null(), ptr::from_ref),
                ptr::null::<libc::sigset_t>(),
                0_usize,
            )
        };
        usize::try_from(fetched).map_err(|_| io::Error::last_os_error())
    }

    #[cold]
    fn fetch_in_milliseconds(&self, buffer: &mut Buffer, timeout: Option<Duration>) -> io::Result<usize> {
        // Rounded up: a timer is never early.
        let timeout = timeout
            .map_or(-1, |timeout| i32::try_from(timeout.as_nanos().div_ceil(1_000_000)).unwrap_or(i32::MAX));
        let most = MOST_EVENTS as i32;
        // SAFETY: the buffer has room for that many events.
        let fetched =
            unsafe { libc::epoll_wait(self.epoll.as_raw_fd(), buffer.as_mut_ptr().cast(), most, timeout) };
        usize::try_from(fetched).map_err(|_| io::Error::last_os_error())
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
        // Whoever waits, for either direction, is to try: a datagram socket that was refused says nothing but this, and goes on
        // once the error is taken; so does a pipe without a reader, where each attempt fails. It is no end, which would stay.
        ready |= Ready::ERROR | Ready::READABLE | Ready::WRITABLE;
    }
    ready
}

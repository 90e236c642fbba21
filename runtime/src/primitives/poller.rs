//! The poller inside a model: the kernel's part is a list of events that a model fills.

use std::io;
use std::os::fd::{BorrowedFd, RawFd};
use std::time::Duration;

use super::{Condvar, Mutex};
use crate::driver::{Interest, Ready};

/// Which descriptor an event is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Key(pub(crate) u64);

/// What the kernel would report, and whether the waiting thread was woken.
pub(crate) struct Poller {
    pending: Mutex<Pending>,
    changed: Condvar,
}

#[derive(Default)]
struct Pending {
    events: Vec<(Key, Ready)>,
    is_woken: bool,
}

pub(crate) type Events = Vec<(Key, Ready)>;

impl Poller {
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self { pending: Mutex::new(Pending::default()), changed: Condvar::new() })
    }

    /// The kernel has an event.
    pub(crate) fn raise(&self, key: Key, ready: Ready) {
        let mut pending = self.pending.lock();
        pending.events.push((key, ready));
        // Under the lock, as in `wake`: told later, a thread that has come back meanwhile would be told for nothing.
        self.changed.notify_one();
    }

    /// Whether a thread waits here, with nothing on its way that would wake it.
    pub(crate) fn is_awaited(&self) -> bool {
        let _pending = self.pending.lock();
        self.changed.is_awaited()
    }

    pub(crate) fn add(&self, _fd: BorrowedFd<'_>, _key: Key, _interest: Interest) -> io::Result<()> {
        Ok(())
    }

    pub(crate) fn forgets(&self) -> bool {
        false
    }

    pub(crate) fn rearm(&self, _fd: RawFd, _key: Key, _interest: Interest) -> io::Result<()> {
        Ok(())
    }

    pub(crate) fn delete(&self, _fd: BorrowedFd<'_>) -> io::Result<()> {
        Ok(())
    }

    /// loom has no clock: a wait with a timeout ends as one without does, or at once if it is zero.
    pub(crate) fn wait(&self, events: &mut Events, timeout: Option<Duration>) -> io::Result<()> {
        let mut pending = self.pending.lock();
        while pending.events.is_empty() && !pending.is_woken && timeout != Some(Duration::ZERO) {
            self.changed.wait(&mut pending);
        }
        pending.is_woken = false;
        *events = std::mem::take(&mut pending.events);
        Ok(())
    }

    pub(crate) fn wake(&self) {
        let mut pending = self.pending.lock();
        pending.is_woken = true;
        self.changed.notify_one();
    }

    pub(crate) fn tells_of_the_end(&self) -> bool {
        true
    }
}

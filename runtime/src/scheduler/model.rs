//! What models look at, and the steps they take alone.

use super::guest::Guest;
use super::idle::{Idle, SEARCHING_MASK};
use super::monitor::{self, Monitor};
use super::roster::Roster;
use super::shared::Shared;
use super::worker::Worker;
use crate::primitives::Arc;
use crate::primitives::atomic::Ordering::Relaxed;

pub(crate) use super::guest::poll_or_park;
pub(crate) use super::parker::Parker;
pub(crate) use super::root::{Root, waker};

impl Parker {
    /// Whether a thread waits here that nobody has told to go on.
    pub(crate) fn is_awaited(&self) -> bool {
        let _lock = self.lock.lock();
        self.wake.is_awaited()
    }

    /// The same, if it waits here or in the poller.
    pub(crate) fn is_awaited_anywhere(&self) -> bool {
        self.is_awaited() || self.is_in_driver()
    }
}

impl Idle {
    /// How many workers search.
    pub(crate) fn searching(&self) -> usize {
        self.word.load(Relaxed) & SEARCHING_MASK
    }

    /// Whether the worker on that seat is among the sleepers.
    pub(crate) fn is_sleeper(&self, seat: usize) -> bool {
        self.sleepers.lock().list.iter().any(|sleeper| sleeper.seat == seat)
    }
}

impl Roster {
    /// The guest that will be told of the next free seat.
    pub(crate) fn first_in_line(&self) -> Option<Arc<Parker>> {
        self.inner.lock().waiting.front().cloned()
    }

    /// Whether a thread that closes the runtime waits for a seat, and none has come back.
    pub(crate) fn is_awaited(&self) -> bool {
        let _lock = self.inner.lock();
        self.changed.is_awaited()
    }
}

impl Worker {
    pub(crate) fn parker(&self) -> &Arc<Parker> {
        &self.parker
    }
}

impl Monitor {
    /// Looks whether somebody sees to the driver, as the monitor's thread does at each tick; `looks` is what it saw last.
    pub(crate) fn look_at_driver(&self, shared: &Shared, looks: &mut u64) {
        monitor::look_at_driver(shared, looks);
    }

    /// Sleeps until a worker gets up, as the monitor's thread does after a while of quiet.
    pub(crate) fn rest_now(&self, shared: &Shared) {
        self.rest(shared);
    }

    pub(crate) fn is_awaited(&self) -> bool {
        self.parker.is_awaited()
    }
}

/// A guest that takes a seat, or `None` if there is no free one.
pub(crate) fn sit(shared: &Arc<Shared>, root: &Arc<Root>) -> Option<Guest> {
    let (index, queue) = shared.roster.sit()?;
    Some(Guest::sit(shared, index, super::idle::Role::Guest, queue, root))
}

/// Ends the tasks that wait for something, which nobody will do at the end of a model.
pub(crate) fn end(shared: &Shared) {
    shared.end_from_outside();
}

/// Closes the runtime and tells nobody: the model wakes those who sleep, one after the other.
pub(crate) fn close_silently(shared: &Shared) {
    shared.closing.store(true, Relaxed);
}

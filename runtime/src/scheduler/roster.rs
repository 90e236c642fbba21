//! Who sits on which seat, and who is the last to leave.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::desk::Desk;
use super::parker::Parker;
use crate::primitives::{Arc, Condvar, Mutex};

/// The seats that are free, and how far the shutdown is.
pub(crate) struct Roster {
    pub(super) inner: Mutex<Inner>,
    /// A seat came back, or the shutdown is complete.
    pub(super) changed: Condvar,
}

pub(super) struct Inner {
    free: Vec<(usize, Desk)>,
    seated: usize,
    phase: Phase,
    /// Guests without a seat, to be told of the next free one, in the order in which they came. Who is in
    /// this line is parked or about to look, so that a word given to it is not lost.
    pub(super) waiting: VecDeque<Arc<Parker>>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Phase {
    Open,
    Closing,
    Drained,
}

/// Whether a worker may go.
#[must_use]
pub(crate) enum Leave {
    /// Others are left, or nothing is closing.
    Go,
    /// The runtime closes and this is the last worker: it must see to what is left first.
    Last,
}

/// What there is to be done by whoever begins the shutdown.
#[must_use]
pub(crate) enum Close {
    /// The last worker to leave will complete it.
    Workers,
    /// There are no workers: the caller takes this seat and completes it.
    Caller(usize, Desk),
    /// It has begun already.
    Begun,
}

impl Inner {
    fn sit(&mut self) -> Option<(usize, Desk)> {
        if self.phase != Phase::Open {
            return None;
        }
        let seat = self.free.pop()?;
        self.seated += 1;
        Some(seat)
    }
}

impl Roster {
    pub(crate) fn new(desks: Vec<Desk>) -> Self {
        let free = desks.into_iter().enumerate().rev().collect();
        Self {
            inner: Mutex::new(Inner { free, seated: 0, phase: Phase::Open, waiting: VecDeque::new() }),
            changed: Condvar::new(),
        }
    }

    /// Takes a seat, if there is one and the runtime is open.
    pub(crate) fn sit(&self) -> Option<(usize, Desk)> {
        self.inner.lock().sit()
    }

    /// As [`sit`](Self::sit), or else waits in line: the parker is unparked when a seat becomes free.
    pub(crate) fn sit_or_wait(&self, parker: &Arc<Parker>) -> Option<(usize, Desk)> {
        let mut inner = self.inner.lock();
        let seat = inner.sit();
        let in_line = inner.waiting.iter().position(|waiting| Arc::ptr_eq(waiting, parker));
        match (&seat, in_line) {
            // It came unasked: the word of the next free seat is for somebody else.
            (Some(_), Some(at)) => drop(inner.waiting.remove(at)),
            (None, None) => inner.waiting.push_back(Arc::clone(parker)),
            (Some(_), None) | (None, Some(_)) => {}
        }
        seat
    }

    /// Leaves the line of those who wait for a seat, and passes the word on if it was given meanwhile.
    pub(crate) fn stop_waiting(&self, parker: &Arc<Parker>) {
        let next = {
            let mut inner = self.inner.lock();
            match inner.waiting.iter().position(|waiting| Arc::ptr_eq(waiting, parker)) {
                Some(at) => {
                    inner.waiting.remove(at);
                    None
                }
                None if inner.free.is_empty() => None,
                None => inner.waiting.pop_front(),
            }
        };
        if let Some(next) = next {
            next.unpark();
        }
    }

    /// Tells everyone in line, to no end but that they look around.
    pub(crate) fn wake_line(&self) {
        let waiting = std::mem::take(&mut self.inner.lock().waiting);
        for parker in waiting {
            parker.unpark();
        }
    }

    /// Whether this worker may go. `Go` counts it out: it must give the seat back.
    pub(crate) fn leave(&self) -> Leave {
        let mut inner = self.inner.lock();
        if inner.phase == Phase::Closing && inner.seated == 1 {
            return Leave::Last;
        }
        inner.seated -= 1;
        Leave::Go
    }

    /// A seat was taken for a worker that could not be started.
    pub(crate) fn never_came(&self) {
        self.inner.lock().seated -= 1;
    }

    /// Gives a seat back with its desk.
    pub(crate) fn give_back(&self, index: usize, desk: Desk) {
        let next = {
            let mut inner = self.inner.lock();
            inner.free.push((index, desk));
            self.changed.notify_all();
            inner.waiting.pop_front()
        };
        if let Some(next) = next {
            next.unpark();
        }
    }

    /// Begins the shutdown: nobody sits down from here on.
    pub(crate) fn close(&self) -> Close {
        let mut inner = self.inner.lock();
        if inner.phase != Phase::Open {
            return Close::Begun;
        }
        inner.phase = Phase::Closing;
        if inner.seated > 0 {
            return Close::Workers;
        }
        loop {
            if let Some((index, desk)) = inner.free.pop() {
                inner.seated = 1;
                return Close::Caller(index, desk);
            }
            // The seats are on their way back: their workers were counted out a moment ago.
            self.changed.wait(&mut inner);
        }
    }

    /// The last worker has seen to everything.
    pub(crate) fn set_drained(&self) {
        let mut inner = self.inner.lock();
        inner.phase = Phase::Drained;
        inner.seated = 0;
        self.changed.notify_all();
    }

    /// Waits for the end of the shutdown. False if it took too long.
    pub(crate) fn wait_drained(&self, timeout: Option<Duration>) -> bool {
        let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        let mut inner = self.inner.lock();
        while inner.phase != Phase::Drained {
            match deadline {
                None => self.changed.wait(&mut inner),
                Some(deadline) => {
                    let left = deadline.saturating_duration_since(Instant::now());
                    if left.is_zero() {
                        return false;
                    }
                    self.changed.wait_for(&mut inner, left);
                }
            }
        }
        true
    }
}

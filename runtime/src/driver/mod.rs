//! What a runtime waits for besides tasks: descriptors and timers.
//!
//! One worker at a time *holds* the driver: it waits in the poller instead of on its parker, or looks in passing.
//! `README.md` has the protocols. Nothing here knows of tasks but their wakers.

mod clock;
mod evented;
#[cfg(windlass_loom)]
pub(crate) mod model;
mod own_timers;
mod ready;
mod registration;
mod source;
mod sources;
mod timers;

use std::io;
use std::task::Waker;
use std::time::Duration;

pub(crate) use clock::{Clock, ClockError, Grain, InhibitAdvance, now_by};
pub(crate) use evented::{Evented, asked_for};
pub(crate) use own_timers::{OwnTimers, leave_to_worker};
pub use ready::{Interest, Ready};
pub(crate) use registration::Registration;
pub(crate) use source::{Direction, ReadyEvent};
pub(crate) use timers::{Moved, Polled, Set, Timer, Timers};

use self::sources::Sources;
use crate::primitives::atomic::AtomicU64;
use crate::primitives::atomic::Ordering::{Relaxed, SeqCst};
use crate::primitives::poller::{Events, Poller};
use crate::primitives::{Statistic, TryLock, TryLockGuard, fence};
use crate::quietly;

/// Nobody waits in the poller.
const NOBODY: u64 = 0;

/// The descriptors and timers of one runtime.
pub(crate) struct Driver {
    poller: Poller,
    sources: Sources,
    timers: Timers,
    /// The events of the last wait. Whoever has the lock holds the driver.
    turn: TryLock<Events>,
    /// The tick until which whoever holds the driver waits, or `NOBODY`.
    waits_until: AtomicU64,
    /// How often somebody has looked.
    looks: Statistic,
}

/// The driver, held by one thread.
pub(crate) struct Held<'d> {
    driver: &'d Driver,
    turn: TryLockGuard<'d, Events>,
}

impl Driver {
    /// A driver with a shard of timers for each seat, and one for all other threads.
    pub(crate) fn new(seats: usize, clock: Clock) -> io::Result<Self> {
        let poller = Poller::new()?;
        Ok(Self {
            poller,
            sources: Sources::new(),
            timers: Timers::new(seats + 1, clock),
            turn: TryLock::new(Events::new()),
            waits_until: AtomicU64::new(NOBODY),
            looks: Statistic::new(0),
        })
    }

    pub(crate) fn timers(&self) -> &Timers {
        &self.timers
    }

    /// Holds the driver, unless another thread does.
    #[inline]
    pub(crate) fn try_hold(&self) -> Option<Held<'_>> {
        self.turn.try_lock().map(|turn| Held { driver: self, turn })
    }

    /// Fires the timers that are due.
    #[inline]
    pub(crate) fn fire_timers(&self, wake: impl FnMut(Waker)) {
        if self.timers.earliest() != u64::MAX {
            self.timers.fire(self.timers.clock().tick(), wake);
        }
    }

    /// Whether a thread holds it, or did a moment ago.
    pub(crate) fn is_held(&self) -> bool {
        self.turn.is_locked()
    }

    /// Whether there is something to wait for.
    #[inline]
    pub(crate) fn is_needed(&self) -> bool {
        self.sources.len() > 0 || self.timers.earliest() != u64::MAX
    }

    /// Whether somebody should look now: there are descriptors, or a timer is due.
    pub(crate) fn is_urgent(&self) -> bool {
        self.sources.len() > 0 || {
            let earliest = self.timers.earliest();
            earliest != u64::MAX && earliest <= self.timers.clock().tick()
        }
    }

    /// How often somebody has looked, to know whether somebody still does.
    pub(crate) fn looks(&self) -> u64 {
        self.looks.load(Relaxed)
    }

    /// Wakes the thread that waits in the poller, or the next one that would.
    pub(crate) fn wake(&self) {
        self.poller.wake();
    }

    /// Makes sure that whoever waits in the poller does not wait longer than the timers allow. Called by a worker
    /// that goes to sleep elsewhere.
    #[inline]
    pub(crate) fn cover_timers(&self) {
        let earliest = self.timers.earliest();
        if earliest != u64::MAX {
            self.timer_moved_up(earliest);
        }
    }

    /// There is a timer for this tick, and it is the first.
    pub(crate) fn timer_moved_up(&self, tick: u64) {
        // Pairs with the fence of `announce`: either the waiter sees the timer, or we see what it waits for.
        fence(SeqCst);
        let until = self.waits_until.load(Relaxed);
        if until != NOBODY && tick < until {
            self.poller.wake();
        }
    }

    /// Something that kept a paused clock from moving is over.
    pub(crate) fn look_again(&self) {
        self.poller.wake();
    }

    /// The runtime is gone: tells everyone who still waits.
    pub(crate) fn close(&self) {
        let mut wakers = Vec::new();
        self.sources.close(&mut wakers);
        wake_all(&mut wakers);
        self.timers.close();
    }
}

impl Held<'_> {
    /// Waits for an event, a timer that is due, or somebody who wakes this thread.
    pub(crate) fn wait(&mut self) {
        let until = self.announce();
        let clock = self.driver.timers.clock();
        let timeout = (until != u64::MAX && !clock.is_paused()).then(|| clock.until(until));
        self.poll(timeout);
        self.driver.waits_until.store(NOBODY, Relaxed);
    }

    /// Says what this thread is going to wait for.
    fn announce(&self) -> u64 {
        let mut until = self.driver.timers.earliest();
        loop {
            self.driver.waits_until.store(until.max(NOBODY + 1), Relaxed);
            // Pairs with the fence of `timer_moved_up`.
            fence(SeqCst);
            let now = self.driver.timers.earliest();
            if now >= until {
                return until;
            }
            until = now;
        }
    }

    /// Fetches events without waiting. False if there are none.
    pub(crate) fn look(&mut self) -> bool {
        if self.driver.sources.len() > 0 {
            self.poll(Some(Duration::ZERO));
        }
        !self.turn.is_empty()
    }

    fn poll(&mut self, timeout: Option<Duration>) {
        if let Err(error) = self.driver.poller.wait(&mut self.turn, timeout) {
            cannot_wait(&error);
        }
    }

    /// Collects those who wait for what was fetched.
    pub(crate) fn report(&mut self, wakers: &mut Vec<Waker>) {
        let looks = self.driver.looks.load(Relaxed);
        self.driver.looks.store(looks.wrapping_add(1), Relaxed);
        if !self.turn.is_empty() {
            self.driver.sources.report(&self.turn, self.driver.poller.forgets(), wakers);
            self.turn.clear();
        }
    }
}

/// Somebody closed a descriptor that is ours. No worker would notice anything any more.
#[cold]
fn cannot_wait(error: &io::Error) -> ! {
    eprintln!(
        "windlass: the runtime cannot wait for events any more ({error}): its epoll descriptor was closed by \
         something else in this process, for example by closing a descriptor twice"
    );
    std::process::abort()
}

/// Wakes a task or a stranger; what the stranger's waker panics with goes no further.
pub(crate) fn wake(waker: Waker) {
    quietly(|| waker.wake());
}

/// Wakes them all.
pub(crate) fn wake_all(wakers: &mut Vec<Waker>) {
    wakers.drain(..).for_each(wake);
}

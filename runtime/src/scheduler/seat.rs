//! The shared record of a worker, by which others reach it.

use std::panic::Location;
use std::ptr;
use std::time::Duration;

use super::idle::Role;
use crate::primitives::Statistic;
use crate::primitives::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};
use crate::primitives::atomic::{AtomicBool, AtomicPtr, AtomicU64, AtomicUsize};
use crate::primitives::deque::Stealer;
use crate::task::{Header, Id, Published, Token, published_origin};

/// A seat. Its owner is the worker that sits on it; all others reach it by what is here.
pub(crate) struct Seat {
    /// Takes from the worker's local queue.
    pub(crate) stealer: Stealer<Token>,
    pub(crate) lifo: LifoSlot,
    /// Whether a worker sits here. Its queue is empty when none does.
    occupied: AtomicBool,
    /// Whether that is one who is there to run tasks, and no guest.
    workers: AtomicBool,
    /// Whether its worker is awake.
    awake: AtomicBool,
    /// Whether its worker is in `block_in_place`.
    in_place: AtomicBool,
    pub(crate) pulse: Pulse,
    pub(crate) stats: Stats,
    /// The length of the local queue when the worker last looked, for those that cannot ask the stealer.
    pub(crate) queued: Counter,
}

impl Seat {
    pub(crate) fn new(stealer: Stealer<Token>) -> Self {
        Self {
            stealer,
            lifo: LifoSlot::new(),
            occupied: AtomicBool::new(false),
            workers: AtomicBool::new(false),
            awake: AtomicBool::new(false),
            in_place: AtomicBool::new(false),
            pulse: Pulse::new(),
            stats: Stats::default(),
            queued: Counter::default(),
        }
    }

    /// Whether it is worth looking for work here.
    #[inline]
    pub(crate) fn is_occupied(&self) -> bool {
        // Relaxed: a worker sits down before it queues work, so the fence that shows the work shows this.
        self.occupied.load(Relaxed)
    }

    /// Somebody sits down in that role.
    pub(crate) fn occupy(&self, role: Role) {
        self.workers.store(role == Role::Worker, Relaxed);
        self.occupied.store(true, Relaxed);
        self.awake.store(true, Relaxed);
    }

    /// Whoever sat here goes.
    pub(crate) fn vacate(&self) {
        self.occupied.store(false, Relaxed);
        self.awake.store(false, Relaxed);
    }

    /// Whether somebody sits here who is there to run tasks.
    pub(crate) fn is_workers(&self) -> bool {
        // Relaxed, both: the monitor looks again.
        self.is_occupied() && self.workers.load(Relaxed)
    }

    /// Whether the worker on it is not asleep.
    pub(crate) fn is_awake(&self) -> bool {
        self.awake.load(Relaxed)
    }

    /// Whether its worker blocks, and has said so.
    pub(crate) fn is_in_place(&self) -> bool {
        // Acquire pairs with the store in `set_in_place`.
        self.in_place.load(Acquire)
    }

    /// The worker goes to block in place, or comes back; then its poll counts as a new one, of which nothing is
    /// known yet.
    pub(crate) fn set_in_place(&self, in_place: bool) {
        if !in_place {
            // First: who sees the worker back sees a poll of which nothing is known.
            self.pulse.go_on();
        }
        // Release pairs with the load in `is_in_place`.
        self.in_place.store(in_place, Release);
    }

    pub(crate) fn set_awake(&self, awake: bool) {
        self.awake.store(awake, Relaxed);
    }
}

/// One task, woken last, to be run next. Its worker puts it there; anyone may take it.
pub(crate) struct LifoSlot(AtomicPtr<Header>);

impl LifoSlot {
    fn new() -> Self {
        Self(AtomicPtr::new(ptr::null_mut()))
    }

    /// Puts a task in and returns the one it displaces.
    #[inline]
    pub(crate) fn put(&self, token: Token) -> Option<Token> {
        // Release pairs with the Acquire of whoever takes the task.
        Self::token(self.0.swap(token.into_raw().as_ptr(), AcqRel))
    }

    /// Takes the task, if there is one.
    #[inline]
    pub(crate) fn take(&self) -> Option<Token> {
        if self.is_empty() {
            return None;
        }
        // Acquire pairs with the Release of `put`.
        Self::token(self.0.swap(ptr::null_mut(), AcqRel))
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.0.load(Relaxed).is_null()
    }

    #[inline]
    fn token(task: *mut Header) -> Option<Token> {
        // SAFETY: what is in the slot came from `into_raw`, and each swap takes it out of circulation.
        ptr::NonNull::new(task).map(|task| unsafe { Token::reclaim(task) })
    }
}

/// What a worker polls, for those who watch it. The worker stores; it never reads the clock for it.
pub(crate) struct Pulse {
    /// Odd while something is being polled; changes with every poll.
    beat: AtomicUsize,
    id: AtomicU64,
    origin: AtomicPtr<()>,
}

impl Pulse {
    fn new() -> Self {
        Self { beat: AtomicUsize::new(0), id: AtomicU64::new(0), origin: AtomicPtr::new(ptr::null_mut()) }
    }

    /// The worker begins to poll a task, or `block_on`'s own future.
    #[inline]
    pub(crate) fn begin(&self, task: Option<&Header>) {
        let (id, origin) = match task {
            Some(task) => (task.id().get(), task.origin().word()),
            None => (0, ptr::null_mut()),
        };
        // Release, here and in `end`, pairs with the Acquire loads of `look`: who sees one of these words of a
        // later poll sees the beat of that poll, or a later one, and rejects it.
        self.id.store(id, Release);
        self.origin.store(origin, Release);
        self.beat.store(self.beat.load(Relaxed).wrapping_add(1), Release);
    }

    /// The poll is over.
    #[inline]
    pub(crate) fn end(&self) {
        self.beat.store(self.beat.load(Relaxed).wrapping_add(1), Release);
    }

    /// The poll goes on after a stop that others need not know of.
    pub(crate) fn go_on(&self) {
        // Release as in `begin`; still odd.
        self.beat.store(self.beat.load(Relaxed).wrapping_add(2), Release);
    }

    /// The beat as it is now.
    #[inline]
    pub(crate) fn beat(&self) -> Beat {
        Beat(self.beat.load(Acquire))
    }

    /// What is being polled, if it is still the poll of that beat.
    pub(crate) fn look(&self, beat: Beat) -> Option<Watched> {
        let id = Id::from_raw(self.id.load(Acquire));
        let origin = self.origin.load(Acquire);
        if self.beat() != beat || !beat.is_polling() {
            return None;
        }
        Some(match (id, published_origin(origin)) {
            (Some(id), Published::At(location)) => Watched::FirstPoll(id, location),
            (Some(_), Published::Entry(entry)) => Watched::Registered(entry),
            _ => Watched::BlockOn,
        })
    }
}

/// One moment of a pulse.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(crate) struct Beat(usize);

impl Beat {
    /// Whether a poll was under way.
    pub(crate) fn is_polling(self) -> bool {
        self.0 % 2 == 1
    }
}

/// What a worker is polling.
pub(crate) enum Watched {
    /// `block_on`'s own future, which may block.
    BlockOn,
    /// A task in its first poll.
    FirstPoll(Id, &'static Location<'static>),
    /// A task with an entry, which may be gone by now: ask the registry.
    Registered(*const crate::task::Entry),
}

/// What a worker counts. Only the worker itself writes, so load and store need not be one step.
#[derive(Default)]
pub(crate) struct Stats {
    pub(crate) spawned: Counter,
    pub(crate) finished: Counter,
    pub(crate) polls: Counter,
    pub(crate) steals: Counter,
    pub(crate) lifo_steals: Counter,
    /// Odd while the worker sleeps.
    pub(crate) parks_and_unparks: Counter,
    /// Nanoseconds spent awake.
    pub(crate) busy: Counter,
}

/// A counter with one writer.
#[derive(Default)]
pub(crate) struct Counter(Statistic);

impl Counter {
    #[inline]
    pub(crate) fn add(&self, n: u64) {
        self.0.store(self.0.load(Relaxed).wrapping_add(n), Relaxed);
    }

    pub(crate) fn add_duration(&self, time: Duration) {
        self.add(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX));
    }

    #[inline]
    pub(crate) fn set(&self, n: u64) {
        self.0.store(n, Relaxed);
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

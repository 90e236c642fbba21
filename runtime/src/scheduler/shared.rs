//! What the workers of one runtime share.

use std::future::Future;
use std::panic::Location;
use std::ptr::NonNull;

use crossbeam_utils::CachePadded;

use super::config::{Config, Hooks};
use super::desk::Desk;
use super::idle::{Idle, Notified};
use super::monitor::Monitor;
use super::roster::Roster;
use super::seat::Seat;
use crate::context;
use crate::driver::Driver;
use crate::executor::Executors;
use crate::primitives::atomic::AtomicBool;
use crate::primitives::atomic::Ordering::Relaxed;
use crate::primitives::deque::{Injector, Steal};
use crate::primitives::{Arc, Statistic, hint};
use crate::runtime::{Callbacks, Roots};
use crate::task::{self, JoinHandle, LocalSets, Registry, Schedule, Token, Unobserved};

/// A scheduler. It lives as long as a worker, a handle, or a task that is not complete.
pub(crate) struct Shared {
    pub(crate) config: Config,
    pub(crate) hooks: Hooks,
    pub(crate) seats: Box<[CachePadded<Seat>]>,
    /// Tasks queued by threads that are not workers.
    pub(crate) injector: Injector<Token>,
    pub(crate) idle: CachePadded<Idle>,
    pub(crate) registry: Registry,
    pub(crate) roster: Roster,
    pub(crate) monitor: Monitor,
    pub(crate) driver: Arc<Driver>,
    pub(crate) executors: Executors,
    /// Functions to be called soon, or at a given time.
    pub(crate) callbacks: Callbacks,
    /// The futures that threads are inside `block_on` for.
    pub(crate) roots: Roots,
    /// The sets of tasks of one thread that are polled in it.
    pub(crate) local_sets: Arc<LocalSets>,
    /// Panics of tasks and jobs that nobody looks at.
    pub(crate) unobserved: Arc<Unobserved>,
    /// Whether the runtime is being shut down: nothing new is begun.
    pub(super) closing: AtomicBool,
    /// Tasks spawned by threads that are not workers.
    spawned_outside: Statistic,
    /// Tasks that were ended outside of workers, after the shutdown.
    finished_outside: Statistic,
}

impl Shared {
    pub(crate) fn new(config: Config, hooks: Hooks, executors: Executors, driver: Driver) -> Arc<Self> {
        let alone = config.seats == 1;
        let (desks, seats): (Vec<_>, Vec<_>) = (0..config.seats)
            .map(|_| Desk::new(alone))
            .map(|(desk, stealer)| (desk, CachePadded::new(Seat::new(stealer))))
            .unzip();
        Arc::new(Self {
            seats: seats.into_boxed_slice(),
            injector: Injector::new(),
            idle: CachePadded::new(Idle::new(config.seats)),
            registry: Registry::new(config.seats),
            roster: Roster::new(desks),
            monitor: Monitor::new(),
            driver: Arc::new(driver),
            executors,
            callbacks: Callbacks::default(),
            roots: Roots::default(),
            local_sets: Arc::new(LocalSets::new()),
            unobserved: Arc::new(Unobserved::new(hooks.on_unhandled.clone())),
            closing: AtomicBool::new(false),
            spawned_outside: Statistic::new(0),
            finished_outside: Statistic::new(0),
            config,
            hooks,
        })
    }

    /// Spawns a future as a task of this runtime.
    #[inline]
    pub(crate) fn spawn<F>(
        self: &Arc<Self>,
        future: F,
        name: Option<Box<str>>,
        location: &'static Location<'static>,
    ) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let (token, join) = self.create(future, name, location);
        // SAFETY: it was made for this.
        unsafe { task::carry_vars::<Self>(&token) };
        self.spawned(token);
        join
    }

    /// Spawns a future as a task of this runtime, and polls it once here and now, if this is a worker of it.
    pub(crate) fn spawn_eager<F>(
        self: &Arc<Self>,
        future: F,
        name: Option<Box<str>>,
        location: &'static Location<'static>,
    ) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let (token, join) = self.create(future, name, location);
        // SAFETY: it was made for this.
        unsafe { task::carry_vars::<Self>(&token) };
        context::with_worker_of(Arc::as_ptr(self), |worker| match worker {
            // A task-local that is borrowed would still be set in it, and it could not set it itself.
            Some(worker) if !self.is_closing() && !task::borrows_a_local() => {
                worker.seat().stats.spawned.add(1);
                // No pulse shows its first poll.
                // SAFETY: it was made for this.
                unsafe { task::register::<Self>(&token) };
                worker.run_inside(token);
            }
            _ => self.spawned(token),
        });
        join
    }

    /// Makes a task of this runtime. The token must be given to one who runs it while the runtime is alive.
    #[inline]
    pub(crate) fn create<F>(
        self: &Arc<Self>,
        future: F,
        name: Option<Box<str>>,
        location: &'static Location<'static>,
    ) -> (Token, JoinHandle<F::Output>)
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        // SAFETY: the runtime is alive now, and a shutdown is not complete before every task of it is:
        // `spawned` and the last worker see to that. All is `Send`.
        unsafe { task::create(future, Self::as_non_null(self), name, location) }
    }

    pub(crate) fn as_non_null(this: &Arc<Self>) -> NonNull<Self> {
        // SAFETY: an `Arc`'s pointer is not null.
        unsafe { NonNull::new_unchecked(Arc::as_ptr(this).cast_mut()) }
    }

    /// Takes back the count of a task's runtime that was forgotten for this.
    ///
    /// # Safety
    ///
    /// There is such a count, and the token's task is one of a `Shared`.
    pub(crate) unsafe fn of(token: &Token) -> Arc<Self> {
        let shared = token.header().scheduler().cast::<Self>().as_ptr().cast_const();
        // SAFETY: the premise; `create` took the pointer from an `Arc`.
        unsafe { Arc::from_raw(shared) }
    }

    /// Queues a new task.
    #[inline]
    fn spawned(&self, token: Token) {
        context::with_worker_of(self, |worker| match worker {
            Some(worker) => {
                worker.seat().stats.spawned.add(1);
                if self.is_closing() {
                    // A worker that shuts down would end it sooner or later; sooner is clearer.
                    token.cancel();
                    worker.seat().stats.finished.add(1);
                } else {
                    worker.push_next(token);
                }
            }
            None => {
                self.spawned_outside.fetch_add(1, Relaxed);
                if self.is_closing() {
                    self.cancel_outside(token);
                    // One with a name was in the registry, and the last worker may wait for it to leave.
                    self.idle.wake_all();
                } else {
                    self.inject(token);
                }
            }
        });
    }

    /// Queues a task from a thread that is no worker.
    pub(crate) fn inject(&self, token: Token) {
        self.injector.push(token);
        if self.idle.notify() == Notified::Drained {
            self.sweep();
        }
    }

    /// Ends what was spawned while the last worker went away, which therefore nobody will come for.
    #[cold]
    pub(crate) fn sweep(&self) {
        loop {
            match self.injector.steal() {
                Steal::Success(token) => self.cancel_outside(token),
                Steal::Empty => return,
                Steal::Retry => hint::spin_loop(),
            }
        }
    }

    /// Ends a task on a thread that is no worker.
    pub(super) fn cancel_outside(&self, token: Token) {
        token.cancel();
        self.finished_outside.fetch_add(1, Relaxed);
    }

    /// Whether there is a task in a queue somewhere. LIFO slots do not count: their workers come back for
    /// them, or else the monitor does.
    pub(crate) fn has_work(&self) -> bool {
        !self.injector.is_empty()
            || self.seats.iter().any(|seat| seat.is_occupied() && !seat.stealer.is_empty())
    }

    /// Moves a paused clock to the next timer if nothing can happen but by an event, a timer or a thread that is no
    /// worker: every worker sleeps, nobody was told to get up, and nothing is queued. False if it does not move.
    #[cold]
    pub(crate) fn advance_if_all_sleep(&self) -> bool {
        let seated = || self.seats.iter().filter(|seat| seat.is_occupied()).count();
        self.idle.while_all_sleep(seated, || !self.has_work() && self.driver.timers().auto_advance())
    }

    /// A worker goes for good: if nobody is in the driver now, one who sleeps elsewhere is to take its place. Even if there
    /// is nothing to wait for: a thread that is no worker may come with it later, and tells nobody but whoever is there.
    pub(crate) fn leave_driver_to_others(&self) {
        if !self.driver.is_held() {
            self.idle.wake_worker_or_guest();
            return;
        }
        self.driver.cover_timers();
        if self.driver.timers().clock().is_paused() {
            // Whoever holds it may have waited for this worker to sleep, which it does not any more.
            self.driver.look_again();
        }
    }

    /// Whether the runtime is being shut down.
    #[inline]
    pub(crate) fn is_closing(&self) -> bool {
        self.closing.load(Relaxed)
    }

    /// Begins the shutdown: every worker sees it before it sleeps again, and so does every guest in line.
    pub(crate) fn set_closing(&self) {
        // Relaxed, and no fence: a worker that joins the sleepers too late to be woken here takes the list's
        // lock after `wake_all` has released it, and sees the flag. So it is with the line and its lock.
        self.closing.store(true, Relaxed);
        self.idle.wake_all();
        self.roster.wake_line();
        self.monitor.stop();
    }

    pub(crate) fn counts(&self) -> Counts {
        let sum = |f: fn(&Seat) -> u64| self.seats.iter().map(|seat| f(seat)).sum::<u64>();
        // Finished first: a task that finishes meanwhile must not be missing from the spawned.
        let finished = self.finished_outside.load(Relaxed) + sum(|seat| seat.stats.finished.get());
        let spawned = self.spawned_outside.load(Relaxed) + sum(|seat| seat.stats.spawned.get());
        Counts { spawned, live: spawned.saturating_sub(finished) }
    }
}

/// How many tasks there were and are.
pub(crate) struct Counts {
    pub(crate) spawned: u64,
    pub(crate) live: u64,
}

impl Schedule for Shared {
    #[inline]
    unsafe fn schedule(this: NonNull<Self>, token: Token) {
        let this = this.as_ptr().cast_const();
        context::with_worker_of(this, |worker| match worker {
            Some(worker) => worker.push_next(token),
            // SAFETY: the token's task is not complete, so its runtime is still alive.
            None => unsafe { schedule_from_outside(this, token) },
        });
    }

    fn registry(&self) -> &Registry {
        &self.registry
    }

    fn shard(&self) -> usize {
        context::with_worker_of(self, |worker| worker.map_or(0, |worker| worker.index()))
    }

    fn unobserved(&self) -> Arc<Unobserved> {
        Arc::clone(&self.unobserved)
    }
}

/// Queues a task that was woken by a thread that is no worker.
///
/// # Safety
///
/// `this` is of an `Arc` that is alive, if only because of the token's task.
unsafe fn schedule_from_outside(this: *const Shared, token: Token) {
    // Once the token is queued, its task may end and the runtime with it: this keeps what is left to be
    // looked at.
    // SAFETY: the premise.
    unsafe { Arc::increment_strong_count(this) };
    // SAFETY: the count was taken for this.
    let shared = unsafe { Arc::from_raw(this) };
    shared.inject(token);
}

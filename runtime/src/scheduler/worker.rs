//! A worker: what it has, what it does next, and how it runs it.

mod search;
mod share;

use std::cell::Cell;
use std::ptr::NonNull;
use std::task::Waker;

use super::desk::Desk;
use super::idle::{Role, Woken};
use super::pace::Pace;
use super::parker::Parker;
use super::root::Root;
use super::seat::{Beat, Seat};
use super::shared::Shared;
use crate::context;
use crate::driver::{Held, OwnTimers, wake, wake_all};
use crate::primitives::Arc;
use crate::task::coop::BUDGET;
use crate::task::{Ran, Token, leave_scopes, only_queues};

/// How many tasks in a row come from the LIFO slot before the local queue has its turn.
const LIFO_STREAK: u32 = 3;

/// After so many tasks a worker that has told nobody of what it queued thinks of that again.
const SOON: u32 = 8;

/// A thread while it runs tasks: the part of a seat that is its own.
pub(crate) struct Worker {
    shared: Arc<Shared>,
    index: usize,
    role: Role,
    /// The seat of that index, in `shared`.
    seat: NonNull<Seat>,
    desk: Desk,
    timers: OwnTimers,
    /// The worker this thread is besides, further up its stack.
    outer: Cell<*const Worker>,
    pub(super) parker: Arc<Parker>,
    /// How many tasks run before the next look at the injector.
    until_injector: Cell<u32>,
    /// How many tasks run before the next look at the driver.
    until_driver: Cell<u32>,
    /// How many will have run when all that was queued at the last look has.
    round_ends: Cell<u64>,
    /// Memory for those the driver wakes.
    wakers: Cell<Vec<Waker>>,
    lifo_streak: Cell<u32>,
    random: Cell<u32>,
    /// The future of the `block_on` this worker is a guest for.
    root: Option<Arc<Root>>,
    /// Whether that future is being polled, which may block this thread for good.
    in_root: Cell<bool>,
    /// Whether that future has asked to let others go first.
    root_yielded: Cell<bool>,
    pace: Pace,
    /// The poll of a guest's future for which this worker last waited in vain, and how many tasks that guest had spawned then.
    lingered_for: Cell<Option<(Beat, u64)>>,
    /// How many tasks were queued here by the driver's events, or by one who wakes many at once, while they do.
    brought: Cell<Option<usize>>,
    /// Whether something may be in the queue that nobody was told of.
    untold: Cell<bool>,
}

impl Worker {
    /// A worker of the runtime itself.
    pub(crate) fn new(shared: Arc<Shared>, index: usize, desk: Desk) -> Self {
        let parker = Arc::new(Parker::new(Some(Arc::clone(&shared.driver))));
        Self::with(shared, index, Role::Worker, desk, parker, None)
    }

    /// A guest: a thread inside `block_on`, whose future wakes it too.
    pub(crate) fn guest(shared: Arc<Shared>, index: usize, role: Role, desk: Desk, root: &Arc<Root>) -> Self {
        Self::with(shared, index, role, desk, Arc::clone(root.parker()), Some(Arc::clone(root)))
    }

    fn with(
        shared: Arc<Shared>,
        index: usize,
        role: Role,
        desk: Desk,
        parker: Arc<Parker>,
        root: Option<Arc<Root>>,
    ) -> Self {
        let seat = NonNull::from(&*shared.seats[index]);
        let timers = OwnTimers::new(Arc::clone(shared.driver.timers().shard(index)));
        let pace = Pace::new(shared.seats[index].stats.polls.get());
        Self {
            shared,
            index,
            role,
            seat,
            desk,
            timers,
            outer: Cell::new(std::ptr::null()),
            parker,
            until_injector: Cell::new(0),
            until_driver: Cell::new(0),
            round_ends: Cell::new(0),
            wakers: Cell::new(Vec::new()),
            lifo_streak: Cell::new(0),
            random: Cell::new((index as u32 + 1).wrapping_mul(0x9E37_79B9)),
            root,
            in_root: Cell::new(false),
            root_yielded: Cell::new(false),
            pace,
            lingered_for: Cell::new(None),
            brought: Cell::new(None),
            untold: Cell::new(false),
        }
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    pub(crate) fn index(&self) -> usize {
        self.index
    }

    /// Gives back the desk, with nothing left on it to do.
    pub(crate) fn into_desk(self) -> Desk {
        debug_assert!(self.desk.len() == 0 && self.seat().lifo.is_empty());
        self.desk
    }

    pub(crate) fn role(&self) -> Role {
        self.role
    }

    #[inline]
    pub(crate) fn belongs_to(&self, shared: *const Shared) -> bool {
        std::ptr::eq(Arc::as_ptr(&self.shared), shared)
    }

    pub(crate) fn outer(&self) -> *const Worker {
        self.outer.get()
    }

    pub(crate) fn set_outer(&self, outer: *const Worker) {
        self.outer.set(outer);
    }

    pub(crate) fn desk(&self) -> &Desk {
        &self.desk
    }

    #[inline]
    pub(crate) fn timers(&self) -> &OwnTimers {
        &self.timers
    }

    #[inline]
    pub(crate) fn seat(&self) -> &Seat {
        // SAFETY: the seats stay where they are as long as `shared`, of which a count is ours.
        unsafe { self.seat.as_ref() }
    }

    /// Polls `block_on`'s own future. It may block this thread for good, so what it wakes and spawns, and
    /// what is at hand, goes where others find it.
    pub(crate) fn in_root<R>(&self, poll: impl FnOnce() -> R) -> R {
        struct InRoot<'w>(&'w Worker);
        impl Drop for InRoot<'_> {
            fn drop(&mut self) {
                self.0.seat().pulse.end();
                self.0.in_root.set(false);
            }
        }
        // A poll that blocks would keep what waits in them.
        self.timers.close();
        self.flush_lifo();
        self.in_root.set(true);
        self.tell_of_untold();
        self.seat().pulse.begin(None);
        let _until_polled = InRoot(self);
        poll()
    }

    /// The future of `block_on` asks to let others go first.
    pub(crate) fn yield_of_root(&self) {
        self.root_yielded.set(true);
    }

    /// Whether it has since this was last asked. Those go first, too, whose events have come.
    pub(crate) fn take_yield_of_root(&self) -> bool {
        let has_yielded = self.root_yielded.take();
        if has_yielded && self.shared.driver.is_urgent() {
            self.fetch_events(None);
        }
        has_yielded
    }

    /// The next task this worker has at hand.
    #[inline]
    pub(crate) fn next(&self) -> Option<Token> {
        match self.until_injector.get() {
            0 => {
                if let Some(token) = self.look_around() {
                    return Some(token);
                }
            }
            left => self.until_injector.set(left - 1),
        }
        let streak = self.lifo_streak.get();
        if let Some(token) = self.seat().lifo.take() {
            if streak < LIFO_STREAK {
                self.lifo_streak.set(streak + 1);
                return Some(token);
            }
            self.push_back(token);
        }
        self.lifo_streak.set(0);
        self.desk.pop()
    }

    /// Looks at what others may have for this worker: the driver, if it is time, and the injector.
    #[cold]
    fn look_around(&self) -> Option<Token> {
        self.think_again();
        if self.until_driver.get() == 0 {
            self.look_at_driver();
        }
        let token = self.look_at_injector();
        self.until_driver.set(self.until_driver.get().saturating_sub(self.until_injector.get() + 1));
        token
    }

    /// Wakes those whose events have come, unless another worker sees to that.
    fn look_at_driver(&self) {
        let driver = &self.shared.driver;
        let most = self.shared.config.event_interval;
        self.timers.tidy();
        if !driver.is_needed() {
            self.until_driver.set(most);
            return;
        }
        self.until_driver.set(self.pace.until_next_look(self.seat().stats.polls.get(), most));
        self.fetch_events(None);
    }

    /// Has those queued whose events have come, and behind them one that yields.
    fn fetch_events(&self, yielder: Option<Token>) {
        match self.shared.driver.try_hold() {
            Some(mut held) => {
                held.look();
                let _on_its_own = self.dispatch(held, Woken::OnItsOwn, yielder);
            }
            None => {
                // Whoever waits there may wait for longer than what was set here meanwhile allows.
                self.shared.driver.cover_timers();
                if let Some(token) = yielder {
                    self.push_back(token);
                }
            }
        }
    }

    /// Queues a task that yields; once a round behind those whose events have come.
    #[inline]
    fn push_yielder(&self, token: Token) {
        if self.seat().stats.polls.get() >= self.round_ends.get() {
            self.begin_round(token);
        } else {
            self.push_back(token);
        }
    }

    #[cold]
    fn begin_round(&self, yielder: Token) {
        if self.shared.driver.is_urgent() {
            self.fetch_events(Some(yielder));
        } else {
            self.push_back(yielder);
        }
        self.round_ends.set(self.seat().stats.polls.get() + self.desk.len() as u64);
    }

    /// Wakes those who wait for what the driver has brought, then queues the one that yields, and wakes strangers last. The driver is free before that:
    /// a waker may be anybody's. Returns what it finds it is after that: a search it was to begin has ended if there are strangers.
    fn dispatch(&self, mut held: Held<'_>, mut woken: Woken, yielder: Option<Token>) -> Woken {
        let mut wakers = self.wakers.take();
        held.report(&mut wakers);
        drop(held);
        self.brought.set(Some(0));
        // A stranger that blocks is as a poll that does not return: what was queued before it, the monitor moves on.
        self.seat().pulse.begin(None);
        let mut strangers: Vec<Waker> = wakers.extract_if(.., |waker| !only_queues(waker)).collect();
        wake_all(&mut wakers);
        self.wakers.set(wakers);
        self.shared
            .driver
            .fire_timers(|waker| if only_queues(&waker) { wake(waker) } else { strangers.push(waker) });
        if let Some(token) = yielder {
            self.push_back(token);
        }
        if !strangers.is_empty() {
            // As long as one who searches is blocked by them, nobody is woken for anything.
            if let Woken::ToSearch(searching) = std::mem::replace(&mut woken, Woken::OnItsOwn) {
                self.stop_searching(searching);
            }
            wake_all(&mut strangers);
        }
        self.seat().pulse.end();
        self.tell_of_brought();
        woken
    }

    /// Takes tasks from the injector in passing, and sets the time of the next look: as soon as each task
    /// at hand has had its turn if there were some, so that a flood from outside gets its share of every
    /// round and no more.
    fn look_at_injector(&self) -> Option<Token> {
        let token = self.pop_injected();
        let queued = self.desk.len();
        self.seat().queued.set(queued as u64);
        if token.is_some() && queued > 0 {
            // What came along was on its way here while those who searched and slept looked for it, and this
            // worker does not search: nobody comes for it unless told.
            self.tell();
        }
        let interval = self.shared.config.global_queue_interval;
        let until = match token {
            Some(_) => interval.min(queued as u32),
            None => interval - 1,
        };
        let until = if self.untold.get() { until.min(SOON) } else { until };
        self.until_injector.set(until.min(self.until_driver.get().saturating_sub(1)));
        token
    }

    /// A task of this worker's own.
    pub(crate) fn at_hand(&self) -> Option<Token> {
        self.seat().lifo.take().or_else(|| self.desk.pop())
    }

    /// How many tasks there are at hand.
    pub(crate) fn count_at_hand(&self) -> usize {
        self.desk.len() + usize::from(!self.seat().lifo.is_empty())
    }

    pub(crate) fn pop_injected(&self) -> Option<Token> {
        self.desk.take_injected(&self.shared.injector, self.shared.config.workers.max(1))
    }

    /// Runs one task.
    #[inline]
    pub(crate) fn run(&self, token: Token) {
        let seat = self.seat();
        seat.stats.polls.add(1);
        seat.pulse.begin(Some(token.header()));
        let polling = context::begin_poll(token.header(), BUDGET);
        let ran = token.run();
        drop(polling);
        seat.pulse.end();
        match ran {
            Ran::Done => seat.stats.finished.add(1),
            Ran::Idle => {}
            Ran::Woken(token) => self.push_back(token),
            Ran::Yielded(token) => self.push_yielder(token),
        }
    }

    /// Polls a new task on top of the one that spawns it. To the monitor it is a part of that one's poll.
    pub(crate) fn run_inside(&self, token: Token) {
        let stats = &self.seat().stats;
        stats.polls.add(1);
        let ran = {
            // Neither the task-locals nor the `LocalSet` of the other one are its own.
            let _out_of_scopes = leave_scopes();
            let _out_of_set = context::leave_local_set();
            let _polling = context::begin_poll(token.header(), BUDGET);
            token.run()
        };
        match ran {
            Ran::Done => stats.finished.add(1),
            Ran::Idle => {}
            Ran::Woken(token) | Ran::Yielded(token) => self.push_back(token),
        }
    }

    /// Ends one task: drops its future.
    pub(crate) fn cancel(&self, token: Token) {
        let seat = self.seat();
        seat.pulse.begin(Some(token.header()));
        let polling = context::begin_poll(token.header(), BUDGET);
        token.cancel();
        drop(polling);
        seat.pulse.end();
    }

    /// Counts the time since this worker got up.
    pub(crate) fn count_busy(&self) {
        let stats = &self.seat().stats;
        stats.busy.add_duration(self.pace.stop(stats.polls.get()));
    }
}

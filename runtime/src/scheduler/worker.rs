//! A worker: where it looks for work, and how it runs what it finds.

use std::cell::Cell;
use std::ptr::NonNull;
use std::task::Waker;

use super::desk::{Desk, Reach};
use super::idle::{Searching, Woken};
use super::pace::Pace;
use super::parker::Parker;
use super::root::Root;
use super::seat::Seat;
use super::shared::Shared;
use crate::context;
use crate::driver::{Held, OwnTimers, wake, wake_all};
use crate::primitives::deque::Steal;
use crate::primitives::{Arc, hint};
use crate::task::coop::BUDGET;
use crate::task::{Ran, Token, is_of_a_task, leave_scopes};

/// How many tasks in a row come from the LIFO slot before the local queue has its turn.
const LIFO_STREAK: u32 = 3;

/// How long a searching worker watches a LIFO slot before it takes the task of a worker that does not come
/// back for it.
const LIFO_PATIENCE: u32 = if cfg!(windlass_loom) { 1 } else { 64 };

/// A thread while it runs tasks: the part of a seat that is its own.
pub(crate) struct Worker {
    shared: Arc<Shared>,
    index: usize,
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
    /// Memory for those the driver wakes.
    wakers: Cell<Vec<Waker>>,
    lifo_streak: Cell<u32>,
    random: Cell<u32>,
    /// The future of the `block_on` this worker is a guest for.
    root: Option<Arc<Root>>,
    /// Whether that future is being polled, which may block this thread for good.
    in_root: Cell<bool>,
    pace: Pace,
    /// How many tasks the driver's events have queued here, while they do.
    brought: Cell<Option<usize>>,
    /// Whether some of them are still in the queue, perhaps, and nobody was told.
    untold: Cell<bool>,
}

impl Worker {
    /// A worker of the runtime itself.
    pub(crate) fn new(shared: Arc<Shared>, index: usize, desk: Desk) -> Self {
        let parker = Arc::new(Parker::new(Some(Arc::clone(&shared.driver))));
        Self::with(shared, index, desk, parker, None)
    }

    /// A guest: a thread inside `block_on`, whose future wakes it too.
    pub(crate) fn guest(shared: Arc<Shared>, index: usize, desk: Desk, root: &Arc<Root>) -> Self {
        Self::with(shared, index, desk, Arc::clone(root.parker()), Some(Arc::clone(root)))
    }

    fn with(
        shared: Arc<Shared>,
        index: usize,
        desk: Desk,
        parker: Arc<Parker>,
        root: Option<Arc<Root>>,
    ) -> Self {
        let seat = NonNull::from(&*shared.seats[index]);
        let timers = OwnTimers::new(Arc::clone(shared.driver.timers().shard(index)));
        Self {
            shared,
            index,
            seat,
            desk,
            timers,
            outer: Cell::new(std::ptr::null()),
            parker,
            until_injector: Cell::new(0),
            until_driver: Cell::new(0),
            wakers: Cell::new(Vec::new()),
            lifo_streak: Cell::new(0),
            random: Cell::new((index as u32 + 1).wrapping_mul(0x9E37_79B9)),
            root,
            in_root: Cell::new(false),
            pace: Pace::new(),
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
        self.flush_lifo();
        if self.untold.take() {
            self.shared.notify_local();
        }
        self.in_root.set(true);
        self.seat().pulse.begin(None);
        let _until_polled = InRoot(self);
        poll()
    }

    /// Queues a task that was woken or spawned on this worker, to be run next.
    #[inline]
    pub(crate) fn push_next(&self, token: Token) {
        if self.in_root.get() || !self.shared.config.lifo {
            self.push_back(token);
        } else if let Some(displaced) = self.seat().lifo.put(token) {
            self.push_back(displaced);
        }
    }

    /// Queues a task behind the others.
    #[inline]
    pub(crate) fn push_back(&self, token: Token) {
        if self.desk.push(token) == Reach::Others {
            match self.brought.get() {
                None => self.shared.notify_local(),
                Some(brought) => self.brought.set(Some(brought + 1)),
            }
        }
    }

    /// Moves the task in the LIFO slot to the queue, where others see it at once.
    fn flush_lifo(&self) {
        if let Some(token) = self.seat().lifo.take() {
            self.push_back(token);
        }
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
        match driver.try_hold() {
            Some(mut held) => {
                held.look();
                let _on_its_own = self.dispatch(held, Woken::OnItsOwn);
            }
            // Whoever waits there may wait for longer than what was set here meanwhile allows.
            None => driver.cover_timers(),
        }
    }

    /// Wakes those who wait for what the driver has brought, strangers last. It is free before that: a waker may be
    /// anybody's. Returns what it finds it is after that: a search it was to begin has ended if there are strangers.
    fn dispatch(&self, mut held: Held<'_>, mut woken: Woken) -> Woken {
        let mut wakers = self.wakers.take();
        held.report(&mut wakers);
        drop(held);
        self.brought.set(Some(0));
        // A stranger that blocks is as a poll that does not return: what was queued before it, the monitor moves on.
        self.seat().pulse.begin(None);
        let mut strangers: Vec<Waker> = wakers.extract_if(.., |waker| !is_of_a_task(waker)).collect();
        wake_all(&mut wakers);
        self.wakers.set(wakers);
        self.shared
            .driver
            .fire_timers(|waker| if is_of_a_task(&waker) { wake(waker) } else { strangers.push(waker) });
        if !strangers.is_empty() {
            // As long as one who searches is blocked by them, nobody is woken for anything.
            if let Woken::ToSearch(searching) = std::mem::replace(&mut woken, Woken::OnItsOwn) {
                self.stop_searching(searching);
            }
            wake_all(&mut strangers);
        }
        self.seat().pulse.end();
        let brought = self.brought.take().unwrap_or_default();
        if brought > 0 {
            self.tell_of(brought);
        }
        woken
    }

    /// Many tasks were queued at once: tells somebody, if it is worth it. If not it is as with the LIFO slot: this
    /// worker comes back for them soon, or else the monitor does.
    fn tell_of(&self, brought: usize) {
        let is_worth_it = self.pace.is_worth_a_wake(brought);
        self.untold.set(!is_worth_it);
        if is_worth_it {
            self.shared.notify_local();
        }
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
            self.shared.notify_local();
        }
        let interval = self.shared.config.global_queue_interval;
        let until = match token {
            Some(_) => interval.min(queued as u32),
            None => interval - 1,
        };
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
            Ran::Woken(token) | Ran::Yielded(token) => self.push_back(token),
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

    /// Looks for work everywhere: the injector, the other queues, the LIFO slots of those who do not come
    /// back for them.
    pub(crate) fn search(&self) -> Option<Token> {
        loop {
            if let Some(token) = self.pop_injected() {
                return Some(token);
            }
            let mut retry = false;
            for seat in self.others() {
                match self.desk.steal_from(seat) {
                    Steal::Success(token) => {
                        self.seat().stats.steals.add(1);
                        return Some(token);
                    }
                    Steal::Empty => {}
                    Steal::Retry => retry = true,
                }
            }
            if !retry {
                return self.steal_lifo();
            }
            hint::spin_loop();
        }
    }

    /// Takes the task from a LIFO slot whose worker is busy with something else for longer than a moment.
    fn steal_lifo(&self) -> Option<Token> {
        for seat in self.others() {
            if seat.lifo.is_empty() {
                continue;
            }
            let beat = seat.pulse.beat();
            for _ in 0..LIFO_PATIENCE {
                hint::spin_loop();
            }
            if seat.pulse.beat() == beat
                && let Some(token) = seat.lifo.take()
            {
                self.seat().stats.lifo_steals.add(1);
                return Some(token);
            }
        }
        None
    }

    /// The other workers' seats, from a random one on.
    fn others(&self) -> impl Iterator<Item = &Seat> {
        let seats = &self.shared.seats;
        let start = self.random() as usize % seats.len();
        let (before, after) = seats.split_at(start);
        let mine: *const Seat = self.seat();
        after
            .iter()
            .chain(before)
            .map(|seat| &**seat)
            .filter(move |seat| seat.is_occupied() && !std::ptr::eq(*seat, mine))
    }

    fn random(&self) -> u32 {
        // xorshift, which is enough to spread thieves.
        let mut x = self.random.get();
        x ^= x << 13;
        x ^= x >> 17;
        x ^= x << 5;
        self.random.set(x);
        x
    }

    /// Looks for work elsewhere, and sleeps if there is none. Returns with a task, or without when something
    /// else may have happened: the root future was woken, the runtime closes.
    #[cold]
    pub(crate) fn find_or_sleep(&self) -> Option<Token> {
        let mut searching = self.shared.idle.search(self.shared.config.search_limit);
        loop {
            let woken;
            if let Some(searching) = searching.take() {
                if let Some(token) = self.search() {
                    self.stop_searching(searching);
                    return Some(token);
                }
                woken = self.sleep_from(Some(searching));
            } else {
                woken = self.sleep_from(None);
            }
            match woken {
                Woken::OnItsOwn => return None,
                Woken::ToSearch(token) if self.is_interrupted() || self.has_own_work() => {
                    self.stop_searching(token);
                    return None;
                }
                Woken::ToSearch(token) => searching = Some(token),
            }
        }
    }

    /// Whether there is a task at hand: what a hook of the user's woke or spawned, once this worker has
    /// looked for work elsewhere.
    fn has_own_work(&self) -> bool {
        !self.seat().lifo.is_empty() || self.desk.len() > 0
    }

    fn is_interrupted(&self) -> bool {
        self.shared.is_closing() || self.root.as_ref().is_some_and(|root| root.is_woken())
    }

    /// Stops searching; whoever was the last to do so makes sure that what is left is found.
    fn stop_searching(&self, searching: Searching) {
        if self.shared.idle.found(searching) && self.shared.has_work() {
            self.shared.idle.wake_one();
        }
    }

    /// Parks until a task is queued by someone else. Only the last worker of a runtime that closes calls
    /// this.
    pub(crate) fn await_token(&self) {
        self.shared.idle.sleep(self.index, &self.parker, None);
        // An entry may leave the registry without its token passing through a queue (a spawn that saw the
        // closing ends its task itself, and wakes all): it is looked at again from among the sleepers.
        if !self.shared.has_work() && !self.shared.registry.is_empty() {
            self.parker.park();
        }
        if let Woken::ToSearch(searching) = self.shared.idle.wake_up(self.index) {
            // It is the only worker: what was queued is what it looks for next.
            let _last = self.shared.idle.found(searching);
        }
    }

    /// Counts the time since this worker got up.
    pub(crate) fn count_busy(&self) {
        let stats = &self.seat().stats;
        stats.busy.add_duration(self.pace.stop(stats.polls.get()));
    }

    /// Waits in the driver if nobody else does, and then holds it; or else on the parker.
    fn park(&self) -> Option<Held<'_>> {
        let driver = &self.shared.driver;
        let is_paused = driver.timers().clock().is_paused();
        let Some(mut held) = driver.try_hold() else {
            driver.cover_timers();
            if is_paused {
                // Whoever holds it may have waited for this worker to sleep.
                driver.look_again();
            }
            self.parker.park();
            return None;
        };
        if is_paused && (held.look() || driver.timers().may_advance() && self.shared.advance_if_all_sleep()) {
            return Some(held);
        }
        self.parker.park_in(&mut held);
        Some(held)
    }

    /// Joins the sleepers, looks once more, and parks until somebody gives the permit.
    fn sleep_from(&self, searching: Option<Searching>) -> Woken {
        self.shared.hooks.before_park();
        self.timers.close();
        if self.has_own_work() {
            self.shared.hooks.after_unpark();
            if let Some(searching) = searching {
                self.stop_searching(searching);
            }
            return Woken::OnItsOwn;
        }
        self.shared.idle.sleep(self.index, &self.parker, searching);
        let sees_work = self.shared.has_work();
        let mut held = None;
        if !sees_work && !self.shared.is_closing() {
            let seat = self.seat();
            seat.stats.parks.add(1);
            self.count_busy();
            seat.set_awake(false);
            held = self.park();
            self.pace.start(seat.stats.polls.get());
            seat.set_awake(true);
            self.shared.monitor.kick();
        }
        let woken = if sees_work {
            // Not just on its own: a guest may have its future to poll first, and then has to pass this on.
            Woken::ToSearch(self.shared.idle.search_again(self.index))
        } else {
            self.shared.idle.wake_up(self.index)
        };
        let woken = match held {
            // Not from among the sleepers: what this wakes goes to the queue of one who is up.
            Some(held) => self.dispatch(held, woken),
            None => woken,
        };
        self.shared.hooks.after_unpark();
        woken
    }
}

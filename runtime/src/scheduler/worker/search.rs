//! A worker that has nothing at hand: where it looks for work, and how it sleeps.

use std::thread;
use std::time::{Duration, Instant};

use super::Worker;
use crate::driver::Held;
use crate::primitives::deque::Steal;
use crate::primitives::hint;
use crate::scheduler::idle::{Role, Searching, Woken};
use crate::scheduler::seat::{Beat, Seat, Watched};
use crate::task::Token;

/// How long a searching worker watches a LIFO slot before it takes the task of a worker that does not come
/// back for it.
const LIFO_PATIENCE: u32 = if cfg!(windlass_loom) { 1 } else { 64 };

/// For how long a worker that has found nothing waits for what a guest's future spawns.
const LINGER: Duration = Duration::from_micros(5);

/// So many tasks of such a guest are worth the way to its queue.
const ENOUGH: usize = 32;

impl Worker {
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

    /// Waits a moment, giving way to others, and looks again, while a guest polls its future: those spawn one task after the other, and have to tell
    /// of each, as they may block. What is there by then is taken together. One that spawns nothing meanwhile is waited for once.
    fn linger(&self) -> Option<Token> {
        // In a model no time passes.
        if cfg!(windlass_loom) || self.role == Role::Guest {
            return None;
        }
        let mut spawns = self.spawning()?;
        let begun = Instant::now();
        let waited = loop {
            thread::yield_now();
            // Where this took longer, others have had the processor meanwhile: the guest too, most likely.
            let waited = begun.elapsed();
            if spawns.0.stealer.len() >= ENOUGH || waited > LINGER {
                break waited;
            }
            match self.spawning() {
                Some(goes_on) => spawns = goes_on,
                None => break waited,
            }
        };
        self.pace.has_waited(waited);
        let found = self.search();
        self.lingered_for.set(if found.is_some() { None } else { Some(spawns.1) });
        found
    }

    /// The seat of a guest whose future is being polled (or who serves the driver, which is as well), and what tells whether that poll has spawned
    /// since; but for one that was waited for in vain.
    fn spawning(&self) -> Option<(&Seat, (Beat, u64))> {
        let guests = self.shared.seats.iter().filter(|seat| seat.is_occupied() && !seat.is_workers());
        guests.map(|seat| &**seat).find_map(|seat| {
            let beat = seat.pulse.beat();
            let spawns = (beat, seat.stats.spawned.get());
            let is_polled = matches!(seat.pulse.look(beat)?, Watched::BlockOn);
            (is_polled && self.lingered_for.get() != Some(spawns)).then_some((seat, spawns))
        })
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

    /// Looks for work elsewhere, if that is for this one to do, and sleeps if there is none. Returns with a task, or without when
    /// something else may have happened: the root future was woken, the runtime closes.
    #[cold]
    pub(crate) fn find_or_sleep(&self) -> Option<Token> {
        if self.role == Role::Guest && !self.shared.idle.wakes_guests() {
            return self.sleep_unasked();
        }
        self.find_or_sleep_from(self.shared.idle.search(self.shared.config.search_limit))
    }

    /// Leaves what is at hand to the workers, who all run tasks, and sleeps. Only a guest calls this. Returns as `find_or_sleep` does.
    #[cold]
    pub(crate) fn rest(&self) -> Option<Token> {
        self.hand_over();
        self.sleep_unasked()
    }

    /// Sleeps without a look for work. Only a guest calls this: nobody relies on it to look, and what it leaves it has told of.
    fn sleep_unasked(&self) -> Option<Token> {
        match self.to_search(self.sleep_from(None, false)) {
            Some(searching) => self.find_or_sleep_from(Some(searching)),
            // Its own future comes first, which the driver woke last.
            None if self.is_interrupted() => None,
            // What a hook of the user's or the driver has brought: rather than to leave that too, and call the hook again.
            None => self.at_hand(),
        }
    }

    /// Whether this worker is to search now that it has slept. Not if there is something else to do: then it passes that on.
    fn to_search(&self, woken: Woken) -> Option<Searching> {
        match woken {
            Woken::OnItsOwn => None,
            Woken::ToSearch(token) if self.is_interrupted() || self.has_own_work() => {
                self.stop_searching(token);
                None
            }
            Woken::ToSearch(token) => Some(token),
        }
    }

    fn find_or_sleep_from(&self, mut searching: Option<Searching>) -> Option<Token> {
        loop {
            let woken;
            if let Some(searching) = searching.take() {
                if let Some(token) = self.search().or_else(|| self.linger()) {
                    self.stop_searching(searching);
                    return Some(token);
                }
                woken = self.sleep_from(Some(searching), true);
            } else {
                woken = self.sleep_from(None, true);
            }
            searching = Some(self.to_search(woken)?);
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
    pub(super) fn stop_searching(&self, searching: Searching) {
        if self.shared.idle.found(searching) && self.shared.has_work() {
            self.shared.idle.wake_one();
        }
    }

    /// Parks until a task is queued by someone else. Only the last worker of a runtime that closes calls
    /// this.
    pub(crate) fn await_token(&self) {
        self.timers.close();
        // Whatever it came for: there are no others.
        self.shared.idle.sleep(self.index, Role::Worker, &self.parker, None);
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

    /// Joins the sleepers, looks for work once more if it `looks`, and parks until somebody gives the permit.
    fn sleep_from(&self, searching: Option<Searching>, looks: bool) -> Woken {
        self.shared.hooks.before_park();
        self.timers.close();
        if self.has_own_work() {
            self.shared.hooks.after_unpark();
            if let Some(searching) = searching {
                self.stop_searching(searching);
            }
            return Woken::OnItsOwn;
        }
        self.shared.idle.sleep(self.index, self.role, &self.parker, searching);
        // Who does not look is not to be looked for; unless all workers have got stuck meanwhile, and the monitor did not find this one among the sleepers yet.
        // (Then this sees what it has set before: both had the sleepers' lock.)
        let sees_work = (looks || self.shared.idle.wakes_guests()) && self.shared.has_work();
        let mut held = None;
        if !sees_work && !self.shared.is_closing() {
            let seat = self.seat();
            seat.stats.parks_and_unparks.add(1);
            self.count_busy();
            seat.set_awake(false);
            held = self.park();
            seat.stats.parks_and_unparks.add(1);
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
            Some(held) => self.dispatch(held, woken, None),
            None => woken,
        };
        self.shared.hooks.after_unpark();
        woken
    }
}

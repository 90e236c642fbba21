//! The monitor: bounds what no wake was spent on, and reports polls that do not return.
//!
//! One thread that looks at every seat once in a while, as long as one is awake and a little after. A seat
//! whose pulse has not changed since the last look is stuck in a poll: what waits behind that poll, in the
//! LIFO slot or the queue, is moved to the injector where others find it. And where something is queued while
//! a worker sleeps it is woken. It costs the workers nothing but the pulse, which is a store.

use std::time::{Duration, Instant};

use super::parker::Parker;
use super::seat::{Beat, Seat, Watched};
use super::shared::Shared;
use crate::primitives::atomic::AtomicBool;
use crate::primitives::atomic::Ordering::{AcqRel, Relaxed, SeqCst};
use crate::primitives::deque::Steal;
use crate::primitives::{Statistic, fence, hint};
use crate::quietly;
use crate::task::Place;

/// How long the monitor waits from one look to the next.
const TICK: Duration = Duration::from_millis(4);

/// The same if something waits behind a poll that was under way, and there are others who could take it over: a poll that is still the
/// same then does not return. Both together are to leave of the 10 ms what a busy machine takes until it runs a thread it woke.
const SECOND_LOOK: Duration = Duration::from_millis(2);

/// For how long nobody must have been awake before the monitor is not, either.
const QUIET: Duration = Duration::from_millis(50);

/// Where the monitor's thread waits, and what it did.
pub(crate) struct Monitor {
    asleep: AtomicBool,
    pub(super) parker: Parker,
    pub(crate) rescues: Statistic,
}

/// What the monitor last saw of a seat.
#[derive(Clone)]
struct Seen {
    beat: Beat,
    since: Instant,
    reported: bool,
}

impl Monitor {
    pub(crate) fn new() -> Self {
        Self { asleep: AtomicBool::new(false), parker: Parker::new(None), rescues: Statistic::new(0) }
    }

    /// A worker got up.
    pub(crate) fn kick(&self) {
        // Pairs with the fence of `rest`: either that sees the worker awake, or we see the monitor asleep.
        fence(SeqCst);
        if self.asleep.load(Relaxed) && self.asleep.swap(false, AcqRel) {
            self.parker.unpark();
        }
    }

    /// The runtime closes: the monitor is to see that now.
    pub(crate) fn stop(&self) {
        self.parker.unpark();
    }

    /// Sleeps until a worker gets up.
    pub(super) fn rest(&self, shared: &Shared) {
        self.asleep.store(true, Relaxed);
        // Pairs with the fence of `kick`.
        fence(SeqCst);
        if shared.is_closing() || shared.seats.iter().any(|seat| seat.is_awake()) {
            self.asleep.store(false, Relaxed);
            return;
        }
        self.parker.park();
    }
}

/// What the monitor's thread does until the runtime closes.
pub(crate) fn watch(shared: &Shared) {
    let unseen = Seen { beat: Beat::default(), since: Instant::now(), reported: false };
    let mut seen = vec![unseen; shared.seats.len()];
    let mut last_awake = Instant::now();
    let mut looks = shared.driver.looks();
    let mut left_to_searcher = false;
    while !shared.is_closing() {
        let now = Instant::now();
        let driver = look_at_driver(shared, &mut looks);
        let tick = match look(shared, &mut seen, &mut left_to_searcher, now) {
            Look::Quiet if now.duration_since(last_awake) > QUIET => {
                shared.monitor.rest(shared);
                last_awake = Instant::now();
                continue;
            }
            Look::Quiet => TICK,
            Look::Awake { suspicious } => {
                last_awake = now;
                // Behind a busy worker's polls something always waits, so it is worth a look at who could take it over.
                let suspicious = (suspicious || driver == Attended::Perhaps) && !is_alone(shared);
                if suspicious { SECOND_LOOK } else { TICK }
            }
        };
        shared.monitor.parker.park_for(tick);
    }
}

/// What one look came to.
enum Look {
    /// Everyone is asleep, and was since the last look.
    Quiet,
    /// Someone is or was not; and perhaps something waits behind a poll that does not return.
    Awake { suspicious: bool },
}

/// Whether somebody waits for the events that may come, and looks at the timers.
#[derive(PartialEq, Eq)]
pub(super) enum Attended {
    /// Or there is nothing to wait for, or nobody else to do it.
    Yes,
    /// Nobody does now; whoever left it may come back.
    Perhaps,
}

/// Wakes somebody to take the driver over, if nobody has looked at it since this did last.
pub(super) fn look_at_driver(shared: &Shared, seen: &mut u64) -> Attended {
    let (driver, last) = (&shared.driver, *seen);
    *seen = driver.looks();
    if shared.seats.len() == 1 || !driver.is_urgent() {
        return Attended::Yes;
    }
    if driver.is_held() {
        // But perhaps for longer than what a worker has set since that does not return from its poll.
        driver.cover_timers();
        return Attended::Yes;
    }
    if *seen == last {
        // It searches, finds nothing, and sleeps in the driver. Whoever may search now has not come to that since the last look.
        shared.idle.wake_one_more(false);
    }
    Attended::Perhaps
}

fn look(shared: &Shared, seen: &mut [Seen], left_to_searcher: &mut bool, now: Instant) -> Look {
    let (mut awake, mut suspicious) = (false, false);
    // Those who are there to run tasks, and those of them whose poll is the same as at the last look.
    let (mut workers, mut stuck) = (0, 0);
    for (seat, seen) in shared.seats.iter().zip(seen) {
        let beat = seat.pulse.beat();
        let is_worker = seat.is_workers();
        workers += usize::from(is_worker);
        if !seat.is_awake() && beat == seen.beat {
            continue;
        }
        // Or it was since the last look: a monitor that went to sleep between the requests of a server that has one
        // each millisecond would have to be woken for many of them.
        awake = true;
        if beat != seen.beat || !beat.is_polling() {
            // Not `now`, which may be long past if this thread had no processor: no poll is said to be older than it is.
            *seen = Seen { beat, since: Instant::now(), reported: false };
            suspicious |= beat.is_polling() && (!seat.lifo.is_empty() || shared.has_work());
            continue;
        }
        suspicious |= rescue(shared, seat) > 0;
        stuck += usize::from(is_worker);
        let stuck = now.duration_since(seen.since);
        if stuck >= shared.config.slow_poll_threshold && !seen.reported && !seat.is_in_place() {
            seen.reported = true;
            // A subscriber that panics must not end the watch.
            quietly(|| report(shared, seat, beat, stuck));
        }
    }
    share(shared, stuck == workers, left_to_searcher);
    if awake { Look::Awake { suspicious } } else { Look::Quiet }
}

/// Wakes somebody for what is queued, if nobody comes for it unless woken: whoever queued it may have thought it too short to be shared.
/// If all workers are stuck, or none has come yet, it is a guest, and so it is from here on for whatever is queued, until one of them moves.
///
/// What is queued is left to who searches, if somebody does, but not twice in a row: he may have no processor, or have given it away.
pub(crate) fn share(shared: &Shared, all_are_stuck: bool, left_to_searcher: &mut bool) {
    shared.idle.set_guests_too(all_are_stuck);
    let was_left = std::mem::take(left_to_searcher);
    if shared.has_work() {
        if was_left {
            shared.idle.wake_one_more(true);
        } else {
            *left_to_searcher = shared.idle.is_searched();
            shared.idle.wake_one();
        }
    }
}

/// Whether there is one worker and no other that could take anything over.
fn is_alone(shared: &Shared) -> bool {
    shared.seats.iter().filter(|seat| seat.is_occupied()).count() < 2
}

/// Moves what waits behind a poll that does not return to where others find it. Returns how much that was.
pub(crate) fn rescue(shared: &Shared, seat: &Seat) -> usize {
    if is_alone(shared) {
        return 0;
    }
    let mut moved = 0;
    let mut move_on = |token| {
        // Counted first: whoever sees that the task ran sees that it was rescued.
        shared.monitor.rescues.fetch_add(1, Relaxed);
        shared.inject(token);
        moved += 1;
    };
    if let Some(token) = seat.lifo.take() {
        move_on(token);
    }
    // No more than there is now: the worker may come back and queue as fast as this takes.
    for _ in 0..seat.stealer.len() {
        match seat.stealer.steal() {
            Steal::Success(token) => move_on(token),
            Steal::Retry => hint::spin_loop(),
            Steal::Empty => break,
        }
    }
    moved
}

#[cold]
fn report(shared: &Shared, seat: &Seat, beat: Beat, stuck: Duration) {
    let (id, name, location) = match seat.pulse.look(beat) {
        Some(Watched::FirstPoll(id, location)) => (id, None, location),
        Some(Watched::Registered(entry)) => {
            let found = shared
                .registry
                .find(entry, |task, entry| (task.id(), entry.name().map(str::to_owned), entry.location()));
            match found {
                Some(found) if seat.pulse.beat() == beat => found,
                _ => return,
            }
        }
        // `block_on`'s own future may block, and a poll that has returned is not stuck.
        Some(Watched::BlockOn) | None => return,
    };
    let (place, stuck_ms) = (Place(location), stuck.as_millis() as u64);
    let name = name.map(|name| format!(" ({name})")).unwrap_or_default();
    tracing::warn!(
        target: "windlass::monitor",
        task_id = id.get(),
        spawned_at = %place,
        stuck_ms,
        "the task spawned at {place}{name} has not returned from its poll for {stuck_ms} ms: it blocks its \
         worker; move blocking calls to `spawn_blocking`, or yield in long computations"
    );
}

#[cfg(all(test, not(windlass_loom)))]
mod tests {
    use std::sync::Arc as StdArc;
    use std::sync::Barrier;
    use std::time::Duration;

    use super::*;
    use crate::runtime::Builder;

    /// A monitor that has no processor for long between its look at the clock and that at the workers.
    #[test]
    fn a_poll_is_not_older_than_it_was_seen_to_be() {
        let threshold = Duration::from_secs(600);
        let clock = Instant::now();
        let runtime =
            Builder::new_multi_thread().worker_threads(1).slow_poll_threshold(threshold).build().unwrap();
        let barrier = StdArc::new(Barrier::new(2));
        let met = barrier.clone();
        let task = runtime.spawn(async move {
            met.wait();
            met.wait();
        });
        barrier.wait();
        let shared = runtime.handle().shared();
        let unseen = Seen { beat: Beat::default(), since: clock, reported: false };
        let mut seen = vec![unseen; shared.seats.len()];
        let now = Instant::now();
        look(shared, &mut seen, &mut false, clock);
        let is_seen = seen.iter().any(|seen| seen.beat.is_polling() && seen.since >= now);
        look(shared, &mut seen, &mut false, now + threshold / 2);
        let is_reported_early = seen.iter().any(|seen| seen.reported);
        look(shared, &mut seen, &mut false, now + 2 * threshold);
        let is_reported = seen.iter().any(|seen| seen.reported);
        barrier.wait();
        assert!(is_seen && !is_reported_early && is_reported);
        drop(task);
    }
}

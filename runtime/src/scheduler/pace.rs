//! How long a worker's polls take, without a look at the clock for each, and what follows from that.

use std::cell::Cell;
use std::time::{Duration, Instant};

/// About as long as a thread takes to come that is woken, on a virtual machine.
const COMES_AFTER: Duration = Duration::from_micros(50);

/// Below this it is not worth it to wake another worker for what is queued: when it has come, little more is left than what it costs
/// both of them to work on the same things.
const WORTH_A_WAKE: Duration = Duration::from_micros(200);

/// So many polls say how long a poll takes, if it is looked at while they go on.
const ENOUGH: u64 = 4;

/// A worker that is up looks at the driver about this often at least, however long its polls are.
const LOOK_WITHIN: Duration = Duration::from_millis(2);

/// What a worker measures of its own stretches of work, from when it gets up until it goes to sleep.
pub(super) struct Pace {
    /// When this worker last got up, and how many polls it had done then.
    up: Cell<(Instant, u64)>,
    /// For how long of that it waited for what might come.
    waited: Cell<Duration>,
    /// What a poll took of late, with all there is around it, in nanoseconds; 0 if nothing is known yet.
    per_poll: Cell<u64>,
    /// When this worker last looked at the driver, or got up, and how many polls it had done then.
    looked: Cell<(Instant, u64)>,
    /// How many polls it was to do from that look to the next.
    between_looks: Cell<u32>,
    /// When this worker last woke another, and how many slept before.
    woke: Cell<Option<(Instant, usize)>>,
    /// Since when as many run tasks as there are to be workers, as far as this guest has seen.
    all_run: Cell<Option<Instant>>,
}

impl Pace {
    /// Of a worker at a seat where so many polls were done before.
    pub(super) fn new(polls: u64) -> Self {
        let now = (Instant::now(), polls);
        Self {
            up: Cell::new(now),
            waited: Cell::new(Duration::ZERO),
            per_poll: Cell::new(0),
            looked: Cell::new(now),
            between_looks: Cell::new(u32::MAX),
            woke: Cell::new(None),
            all_run: Cell::new(None),
        }
    }

    /// The worker gets up.
    pub(super) fn start(&self, polls: u64) {
        let now = (Instant::now(), polls);
        self.up.set(now);
        self.waited.set(Duration::ZERO);
        self.looked.set(now);
    }

    /// The worker looks at the driver. Returns how many polls later it is to look again: `most`, or fewer if they are long.
    pub(super) fn until_next_look(&self, polls: u64, most: u32) -> u32 {
        if cfg!(windlass_loom) {
            return most;
        }
        let now = Instant::now();
        let (since, before) = self.looked.replace((now, polls));
        let took = now.duration_since(since);
        let next = if took > LOOK_WITHIN {
            let done = u128::from(polls.wrapping_sub(before));
            u32::try_from(done * LOOK_WITHIN.as_nanos() / took.as_nanos()).unwrap_or(u32::MAX)
        } else {
            // Step by step: a few short polls may have been among long ones.
            self.between_looks.get().saturating_mul(4)
        };
        let next = next.clamp(1, most);
        self.between_looks.set(next);
        next
    }

    /// The worker has waited for so long, and done nothing meanwhile.
    pub(super) fn has_waited(&self, time: Duration) {
        self.waited.set(self.waited.get().saturating_add(time));
    }

    /// The worker goes to sleep. Returns how long it was up.
    pub(super) fn stop(&self, polls: u64) -> Duration {
        let (since, before) = self.up.get();
        let busy = since.elapsed().saturating_sub(self.waited.get());
        if let Some(took) = (busy.as_nanos() as u64).checked_div(polls.wrapping_sub(before)) {
            // If longer, mostly what it was, so that one long poll does not count for all. If shorter, just that: polls take longer
            // than they would if others work on the same things, and then this must not be why they do. Nor must it be what there is besides
            // polls, which is most of a short stretch.
            let next = match self.per_poll.get() {
                before if before == 0 || took < before => took,
                before if busy < COMES_AFTER => before,
                before => (before * 7 + took) / 8,
            };
            self.per_poll.set(next.max(1));
        }
        busy
    }

    /// Whether this many polls are likely to take so long that another worker should share them.
    pub(super) fn is_worth_a_wake(&self, polls: usize) -> bool {
        let per_poll = self.per_poll.get();
        let likely = (polls as u64).saturating_mul(per_poll);
        // A model has no clock, and must not depend on the real one.
        cfg!(windlass_loom) || per_poll == 0 || likely > WORTH_A_WAKE.as_nanos() as u64
    }

    /// Whether so many polls are likely to be over, if they go on like those since this worker got up, before it has been up for so long
    /// that it was worth a wake.
    pub(super) fn is_over_soon(&self, polls: u64, left: usize) -> bool {
        let (since, before) = self.up.get();
        let took = since.elapsed().as_nanos() as u64;
        let done = polls.wrapping_sub(before);
        // With fewer polls the time is mostly that of something else, and says nothing of them.
        let likely = if done < ENOUGH { 0 } else { (took / done).saturating_mul(left as u64) };
        // As above.
        !cfg!(windlass_loom) && took.saturating_add(likely) <= WORTH_A_WAKE.as_nanos() as u64
    }

    /// The same, if those before say so too.
    pub(super) fn is_surely_over_soon(&self, polls: u64, left: usize) -> bool {
        self.per_poll.get() > 0 && !self.is_worth_a_wake(left) && self.is_over_soon(polls, left)
    }

    /// So many slept, and one of them is being woken for what is queued.
    pub(super) fn wakes_another(&self, sleepers: usize) {
        self.woke.set(Some((Instant::now(), sleepers)));
    }

    /// So many sleep, and one of them could be woken: whether that would be in vain. So it is if the one that was woken last was needed for so
    /// short that it sleeps again already: what there is to do is too little to be shared.
    pub(super) fn wakes_in_vain(&self, sleepers: usize) -> bool {
        // In a model no time passes.
        let is_recent = |woke: Instant| cfg!(windlass_loom) || woke.elapsed() < COMES_AFTER;
        self.woke.get().is_some_and(|(woke, before)| sleepers >= before && is_recent(woke))
    }

    /// A guest has seen whether all workers run tasks: whether they have for so long that it is one too many.
    pub(super) fn is_one_too_many(&self, all_run: bool) -> bool {
        if !all_run {
            self.all_run.set(None);
            return false;
        }
        // In a model no time passes, or as much as there needs to.
        let since = self.all_run.get();
        self.all_run.set(since.or_else(|| Some(Instant::now())));
        cfg!(windlass_loom) || since.is_some_and(|since| since.elapsed() > COMES_AFTER)
    }
}

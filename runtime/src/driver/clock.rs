//! The clock of a runtime: the system's, or one that stands until it is moved.

use std::time::{Duration, Instant};

use super::Driver;
use crate::primitives::atomic::Ordering::{AcqRel, Acquire, Relaxed};
use crate::primitives::atomic::{AtomicBool, AtomicUsize};
use crate::primitives::{Arc, Mutex};

/// To what deadlines on the system's clock are rounded up: a multiple of a power of two, or of [`COARSEST`], in nanoseconds, so that those
/// which are about as early are served together, with one wake. It is at most a sixteenth of how long they are ahead, as
/// in the kernel's own wheel, but some 16 us at least and [`COARSEST`] at most: from 10 ms on a runtime wakes for them 1 500 times a second
/// at most, however many there are, and all are less than a millisecond late.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Grain(u64);

/// Five eighths of 2^20 ns, some 655 us: what is left of a millisecond is for the wake. No power of two, but a multiple of a large one,
/// so that one slot of a wheel holds what fires together.
const COARSEST: u64 = 5 << 17;

impl Grain {
    /// Some 16 us.
    pub(crate) const FINEST: Grain = Grain(1 << 14);

    /// For a timer that is so far ahead.
    #[inline]
    pub(crate) fn of(ahead: Duration) -> Self {
        let sixteenth = nanoseconds(ahead) >> 4;
        if sixteenth >= COARSEST {
            return Grain(COARSEST);
        }
        Grain(1 << (sixteenth | Self::FINEST.0).ilog2())
    }

    /// The next multiple, if there is one.
    #[inline]
    fn round_up(self, tick: u64) -> Option<u64> {
        if self.0 == COARSEST {
            return tick.checked_next_multiple_of(COARSEST);
        }
        // A power of two.
        let rest = self.0 - 1;
        Some(tick.checked_add(rest)? & !rest)
    }
}

/// Whether some clock of this process stands or has stood, so that each has to be asked whether it is the one. Most processes have none, and
/// there nobody has to find the clock of a runtime, four loads away, before it reads the time: which waits for all loads that come before.
static SOME_ARE_VIRTUAL: std::sync::atomic::AtomicBool = std::sync::atomic::AtomicBool::new(false);

/// The time by a clock that is found only if it may be one that stands.
#[inline]
pub(crate) fn now_by<'c>(find: impl FnOnce() -> &'c Clock) -> Instant {
    // Relaxed, as `Clock::is_virtual`. A model asks, as nothing lasts from one schedule to the next.
    if cfg!(windlass_loom) || SOME_ARE_VIRTUAL.load(Relaxed) { find().now() } else { Instant::now() }
}

/// Reads the time, and counts it in ticks: nanoseconds since the clock was made.
pub(crate) struct Clock {
    start: Instant,
    /// Whether the time is not the system's, or was not once, so that `time` has to be asked.
    is_virtual: AtomicBool,
    is_paused: AtomicBool,
    /// How many blocking jobs keep a paused clock from moving by itself.
    inhibited: AtomicUsize,
    time: Mutex<windlass_timer::Clock>,
}

/// What went wrong with a clock that was to be paused, resumed or advanced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ClockError {
    /// It stands already.
    Stands,
    /// It goes.
    Goes,
    /// Time is not counted so far.
    TooFar,
}

impl Clock {
    /// A clock that goes with the system's.
    pub(crate) fn new() -> Self {
        let time = windlass_timer::Clock::real(Duration::ZERO);
        Self {
            start: time.now(),
            is_virtual: AtomicBool::new(false),
            is_paused: AtomicBool::new(false),
            inhibited: AtomicUsize::new(0),
            time: Mutex::new(time),
        }
    }

    /// A clock that stands.
    pub(crate) fn paused() -> Self {
        let clock = Self::new();
        // A clock that was made just now goes.
        let _ = clock.pause();
        clock
    }

    /// The time.
    #[inline]
    pub(crate) fn now(&self) -> Instant {
        // Relaxed: who pauses the clock sees that itself, and whoever is told of it by him.
        if self.is_virtual() { self.virtual_now() } else { Instant::now() }
    }

    #[cold]
    fn virtual_now(&self) -> Instant {
        self.time.lock().now()
    }

    /// The tick that has begun.
    #[inline]
    pub(crate) fn tick(&self) -> u64 {
        nanoseconds(self.now().saturating_duration_since(self.start))
    }

    /// The first tick at which `deadline` has been reached; `u64::MAX`, which is never, from some 584 years on.
    #[inline]
    pub(crate) fn tick_for(&self, deadline: Instant) -> u64 {
        nanoseconds(deadline.saturating_duration_since(self.start))
    }

    /// The tick at which one who waits for the tick `due` is woken: that one, or a later one that others share.
    #[inline]
    pub(crate) fn rounded_up(&self, due: u64, grain: Grain) -> u64 {
        // Exact where the clock stands: what a program reads from it then is what it asked for.
        if self.is_virtual() { due } else { grain.round_up(due).unwrap_or(u64::MAX) }
    }

    /// The time left until a tick begins, by the system's clock if that is what goes.
    pub(crate) fn until(&self, tick: u64) -> Duration {
        Duration::from_nanos(tick.saturating_sub(self.tick()))
    }

    /// Whether it stands, or has stood: then it is exact.
    #[inline]
    pub(crate) fn is_virtual(&self) -> bool {
        self.is_virtual.load(Relaxed)
    }

    /// Whether it stands.
    #[inline]
    pub(crate) fn is_paused(&self) -> bool {
        self.is_paused.load(Relaxed)
    }

    pub(crate) fn pause(&self) -> Result<(), ClockError> {
        let mut time = self.time.lock();
        if time.is_paused() {
            return Err(ClockError::Stands);
        }
        // Relaxed, all: see `now`. Whoever asks `time` finds it standing, or waits for the lock.
        SOME_ARE_VIRTUAL.store(true, Relaxed);
        time.pause();
        self.is_paused.store(true, Relaxed);
        self.is_virtual.store(true, Relaxed);
        Ok(())
    }

    pub(crate) fn resume(&self) -> Result<(), ClockError> {
        let mut time = self.time.lock();
        if !time.is_paused() {
            return Err(ClockError::Goes);
        }
        time.resume();
        self.is_paused.store(false, Relaxed);
        Ok(())
    }

    pub(crate) fn advance(&self, by: Duration) -> Result<(), ClockError> {
        let mut time = self.time.lock();
        if !time.is_paused() {
            return Err(ClockError::Goes);
        }
        if time.advance(by) { Ok(()) } else { Err(ClockError::TooFar) }
    }

    /// Moves a clock that stands on to a tick. False if it goes, if something keeps it from moving by itself, or if it is past that.
    pub(super) fn advance_to(&self, tick: u64) -> bool {
        let mut time = self.time.lock();
        // Acquire pairs with the Release of a guard's end: what the job did is done.
        if !time.is_paused() || self.inhibited.load(Acquire) > 0 {
            return false;
        }
        let now = nanoseconds(time.now().saturating_duration_since(self.start));
        time.advance(Duration::from_nanos(tick.saturating_sub(now)))
    }

    /// Whether a job keeps a paused clock from moving by itself.
    pub(super) fn is_inhibited(&self) -> bool {
        // Acquire as in `advance_to`.
        self.inhibited.load(Acquire) > 0
    }
}

/// Keeps a paused clock from moving by itself: a blocking job is under way, and what it will wake is not known yet.
pub(crate) struct InhibitAdvance(Arc<Driver>);

impl InhibitAdvance {
    /// `None` if the clock goes, which then needs no such thing.
    #[inline]
    pub(crate) fn if_paused(driver: &Arc<Driver>) -> Option<Self> {
        driver.timers().clock().is_paused().then(|| Self::new(driver))
    }

    #[cold]
    fn new(driver: &Arc<Driver>) -> Self {
        // Relaxed: whoever begins a job is awake, or wakes somebody, and so is looked for before the clock moves.
        driver.timers().clock().inhibited.fetch_add(1, Relaxed);
        Self(Arc::clone(driver))
    }
}

impl Drop for InhibitAdvance {
    fn drop(&mut self) {
        let clock = self.0.timers().clock();
        // Release pairs with the Acquire of `advance_to`: whom the job has woken is seen to be awake.
        if clock.inhibited.fetch_sub(1, AcqRel) == 1 && clock.is_paused() {
            self.0.look_again();
        }
    }
}

/// The duration in nanoseconds, or `u64::MAX` from some 584 years on.
#[inline]
fn nanoseconds(duration: Duration) -> u64 {
    duration
        .as_secs()
        .checked_mul(1_000_000_000)
        .and_then(|seconds| seconds.checked_add(duration.subsec_nanos().into()))
        .unwrap_or(u64::MAX)
}

#[cfg(all(test, not(windlass_loom)))]
mod tests {
    use super::*;

    /// What that grain makes of a nanosecond.
    fn nanoseconds_of(grain: Grain) -> u64 {
        grain.round_up(1).unwrap()
    }

    #[test]
    fn a_grain_is_a_sixteenth_at_most_and_less_than_a_millisecond() {
        for ahead in (0..80).map(|bits| Duration::from_nanos((2 + bits % 2) << (bits / 2))) {
            let grain = nanoseconds_of(Grain::of(ahead));
            assert!(grain <= (1 << 14).max(ahead.as_nanos() as u64 / 16), "{ahead:?}: {grain}");
            assert!((1 << 14..=COARSEST).contains(&grain), "{ahead:?}: {grain}");
        }
        assert_eq!(nanoseconds_of(Grain::of(Duration::from_millis(13))), COARSEST);
    }

    #[test]
    fn a_deadline_is_rounded_up_and_by_less_than_the_grain() {
        let clock = Clock::new();
        for ahead in (0..100).map(|n| Duration::from_nanos(n * n * 1_000_003)) {
            let exact = nanoseconds(ahead);
            let tick = clock.rounded_up(clock.tick_for(clock.start + ahead), Grain::of(ahead));
            assert!((exact..exact + nanoseconds_of(Grain::of(ahead))).contains(&tick), "{ahead:?}: {tick}");
        }
    }
}

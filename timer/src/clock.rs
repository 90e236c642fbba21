//! The clock.

use std::time::{Duration, Instant};

/// Reads the time, real or paused, and counts it in ticks.
///
/// A tick of a clock is a stretch of its resolution, counted from when the clock was made. The present counts as the tick that has
/// begun, a deadline as the tick by whose beginning it has passed; so what waits for [`tick_for`](Clock::tick_for) is never early,
/// and late by less than the resolution.
///
/// # Examples
///
/// ```
/// use std::time::{Duration, Instant};
/// use windlass_timer::Clock;
///
/// let clock = Clock::real(Duration::from_millis(1));
/// let deadline = Instant::now() + Duration::from_secs(5);
/// assert!(clock.tick() < clock.tick_for(deadline));
/// assert!(clock.until(clock.tick_for(deadline)) <= Duration::from_millis(5_001));
/// ```
#[derive(Clone, Debug)]
pub struct Clock {
    start: Instant,
    /// Nanoseconds of one tick, at least 1.
    resolution: u64,
    mode: Mode,
}

/// Where the time comes from.
#[derive(Clone, Copy, Debug)]
enum Mode {
    /// The system's time, and how much of it was skipped or missed while paused before.
    Real { ahead: Duration, behind: Duration },
    /// The time it stands at.
    Paused { at: Instant },
}

impl Clock {
    /// A clock that goes with the system's. A resolution of zero counts as one nanosecond.
    ///
    /// ```
    /// use std::time::Duration;
    /// let clock = windlass_timer::Clock::real(Duration::from_micros(250));
    /// assert!(!clock.is_paused());
    /// ```
    pub fn real(resolution: Duration) -> Self {
        let mode = Mode::Real { ahead: Duration::ZERO, behind: Duration::ZERO };
        Clock { start: Instant::now(), resolution: nanoseconds(resolution).max(1), mode }
    }

    /// A clock that stands until it is [advanced](Clock::advance). A resolution of zero counts as one nanosecond.
    ///
    /// ```
    /// use std::time::Duration;
    /// let clock = windlass_timer::Clock::paused(Duration::from_millis(1));
    /// assert!(clock.is_paused());
    /// assert_eq!(clock.tick(), 0);
    /// ```
    pub fn paused(resolution: Duration) -> Self {
        let real = Self::real(resolution);
        Clock { mode: Mode::Paused { at: real.start }, ..real }
    }

    /// The time.
    ///
    /// ```
    /// use std::time::Duration;
    /// let clock = windlass_timer::Clock::paused(Duration::from_millis(1));
    /// assert_eq!(clock.now(), clock.now());
    /// ```
    pub fn now(&self) -> Instant {
        match self.mode {
            Mode::Real { ahead, behind } => Instant::now() + ahead - behind,
            Mode::Paused { at } => at,
        }
    }

    /// Whether the clock stands.
    ///
    /// ```
    /// use std::time::Duration;
    /// assert!(windlass_timer::Clock::paused(Duration::ZERO).is_paused());
    /// ```
    pub fn is_paused(&self) -> bool {
        matches!(self.mode, Mode::Paused { .. })
    }

    /// Stops the clock where it is. A clock that stands already goes on standing.
    ///
    /// ```
    /// use std::time::Duration;
    /// let mut clock = windlass_timer::Clock::real(Duration::from_millis(1));
    /// clock.pause();
    /// assert_eq!(clock.now(), clock.now());
    /// ```
    pub fn pause(&mut self) {
        self.mode = Mode::Paused { at: self.now() };
    }

    /// Lets the clock go on from where it stands. A clock that goes already is left alone.
    ///
    /// ```
    /// use std::time::Duration;
    /// let mut clock = windlass_timer::Clock::paused(Duration::from_millis(1));
    /// clock.advance(Duration::from_secs(3_600));
    /// clock.resume();
    /// assert!(clock.tick() >= 3_600_000);
    /// ```
    pub fn resume(&mut self) {
        if let Mode::Paused { at } = self.mode {
            let system = Instant::now();
            self.mode = Mode::Real {
                ahead: at.saturating_duration_since(system),
                behind: system.saturating_duration_since(at),
            };
        }
    }

    /// Moves the time of a clock that stands. `false`, and nothing else, if it does not stand, or if the time cannot be that late: no
    /// [`Instant`] is, or it is 584 years after the clock was made, which is as far as is counted.
    ///
    /// ```
    /// use std::time::Duration;
    /// let mut clock = windlass_timer::Clock::paused(Duration::from_millis(1));
    /// assert!(clock.advance(Duration::from_millis(7)));
    /// assert_eq!(clock.tick(), 7);
    /// clock.resume();
    /// assert!(!clock.advance(Duration::from_millis(7)));
    /// ```
    #[must_use = "a clock that goes cannot be advanced"]
    pub fn advance(&mut self, by: Duration) -> bool {
        let Mode::Paused { at } = &mut self.mode else { return false };
        // What is due at a time that is not counted is never due, so the time must not come there.
        match at
            .checked_add(by)
            .filter(|later| nanoseconds(later.saturating_duration_since(self.start)) < u64::MAX)
        {
            Some(later) => {
                *at = later;
                true
            }
            None => false,
        }
    }

    /// The tick that has begun.
    ///
    /// ```
    /// use std::time::Duration;
    /// let mut clock = windlass_timer::Clock::paused(Duration::from_millis(1));
    /// assert!(clock.advance(Duration::from_micros(1_999)));
    /// assert_eq!(clock.tick(), 1);
    /// ```
    pub fn tick(&self) -> u64 {
        nanoseconds(self.now().saturating_duration_since(self.start)) / self.resolution
    }

    /// The first tick at whose beginning `deadline` has been reached.
    ///
    /// A deadline before the clock was made is tick 0, one beyond what can be counted is `u64::MAX`.
    ///
    /// ```
    /// use std::time::Duration;
    /// let clock = windlass_timer::Clock::paused(Duration::from_millis(1));
    /// assert_eq!(clock.tick_for(clock.now()), 0);
    /// assert_eq!(clock.tick_for(clock.now() + Duration::from_nanos(1)), 1);
    /// assert_eq!(clock.tick_for(clock.now() + Duration::from_millis(1)), 1);
    /// ```
    pub fn tick_for(&self, deadline: Instant) -> u64 {
        match nanoseconds(deadline.saturating_duration_since(self.start)) {
            // Beyond what fits: never, rather than some 584 years after the start.
            u64::MAX => u64::MAX,
            nanoseconds => nanoseconds.div_ceil(self.resolution),
        }
    }

    /// The time left until the tick begins; zero if it has.
    ///
    /// ```
    /// use std::time::Duration;
    /// let mut clock = windlass_timer::Clock::paused(Duration::from_millis(1));
    /// assert!(clock.advance(Duration::from_micros(2_400)));
    /// assert_eq!(clock.until(3), Duration::from_micros(600));
    /// assert_eq!(clock.until(2), Duration::ZERO);
    /// ```
    pub fn until(&self, tick: u64) -> Duration {
        let begins = Duration::from_nanos(tick.saturating_mul(self.resolution));
        begins.saturating_sub(self.now().saturating_duration_since(self.start))
    }
}

/// The duration in nanoseconds, or `u64::MAX` from some 584 years on.
fn nanoseconds(duration: Duration) -> u64 {
    duration.as_secs().saturating_mul(1_000_000_000).saturating_add(duration.subsec_nanos().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    const MILLISECOND: Duration = Duration::from_millis(1);

    #[test]
    fn a_deadline_is_never_early_and_late_by_less_than_a_tick() {
        let mut clock = Clock::paused(Duration::from_nanos(7));
        for wait in 0..100 {
            assert!(clock.advance(Duration::from_nanos(wait % 5)));
            let deadline = clock.now() + Duration::from_nanos(wait);
            let tick = clock.tick_for(deadline);
            let begins = clock.now() + clock.until(tick);
            assert!(begins >= deadline || wait == 0, "early");
            assert!(begins < deadline + Duration::from_nanos(7), "late");
        }
    }

    #[test]
    fn the_far_ends_of_time_count() {
        let clock = Clock::paused(Duration::ZERO);
        if let Some(before) = clock.start.checked_sub(Duration::from_secs(1)) {
            assert_eq!(clock.tick_for(before), 0);
        }
        if let Some(far) = clock.start.checked_add(Duration::from_secs(1 << 40)) {
            assert_eq!(clock.tick_for(far), u64::MAX);
        }
        assert!(clock.until(u64::MAX) > Duration::from_secs(500 * 365 * 24 * 3_600));
    }

    #[test]
    fn an_advance_beyond_what_is_counted_is_refused() {
        let mut clock = Clock::paused(MILLISECOND);
        let before = clock.now();
        assert!(!clock.advance(Duration::MAX));
        assert!(!clock.advance(Duration::from_nanos(u64::MAX)));
        assert_eq!(clock.now(), before);
        assert!(clock.advance(Duration::from_nanos(u64::MAX - 1)));
        assert!(!clock.advance(Duration::from_nanos(1)));
        assert!(clock.tick() < clock.tick_for(clock.now() + MILLISECOND * 2), "what waits is not due yet");
    }

    #[test]
    fn pausing_and_resuming_never_goes_back() {
        let mut clock = Clock::real(MILLISECOND);
        let mut last = clock.now();
        for round in 0..100 {
            match round % 4 {
                0 => clock.pause(),
                1 => assert!(clock.advance(MILLISECOND * 3)),
                2 => std::hint::black_box(()),
                _ => clock.resume(),
            }
            let now = clock.now();
            assert!(now >= last);
            last = now;
        }
    }
}

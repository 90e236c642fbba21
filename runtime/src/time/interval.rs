//! `interval`.

use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use super::{Instant, Sleep, sleep_until};

/// How late a tick may be without being missed.
const SLACK: Duration = Duration::from_millis(5);

/// Ticks once each `period`, for the first time at once.
///
/// What is done between two ticks does not shift those that follow, as it would with a [`sleep`](super::sleep) in a loop. If it takes
/// longer than the period, [`MissedTickBehavior`] says what becomes of the ticks that were missed.
///
/// # Panics
///
/// If the period is zero, and outside of a runtime.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use windlass::time;
///
/// #[windlass::main]
/// async fn main() {
///     let mut interval = time::interval(Duration::from_millis(5));
///     interval.tick().await; // at once
///     interval.tick().await; // after 5 ms
///     interval.tick().await; // after 10 ms
/// }
/// ```
#[track_caller]
pub fn interval(period: Duration) -> Interval {
    assert_period(period);
    Interval::new(Instant::now(), period)
}

/// Ticks once each `period`, for the first time at `start`; see [`interval`].
///
/// # Panics
///
/// If the period is zero, and outside of a runtime.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use windlass::time::{Instant, interval_at};
///
/// #[windlass::main]
/// async fn main() {
///     let start = Instant::now() + Duration::from_millis(5);
///     let mut interval = interval_at(start, Duration::from_millis(2));
///     assert_eq!(interval.tick().await, start);
/// }
/// ```
#[track_caller]
pub fn interval_at(start: Instant, period: Duration) -> Interval {
    assert_period(period);
    Interval::new(start, period)
}

#[track_caller]
fn assert_period(period: Duration) {
    assert!(
        !period.is_zero(),
        "`period` must be non-zero: an interval of zero would tick for ever at one moment"
    );
}

/// What an [`Interval`] does about ticks that it has missed: whose time was more than 5 ms ago when somebody asked for them.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use windlass::time::{MissedTickBehavior, interval};
///
/// # let rt = windlass::runtime::Runtime::new().unwrap();
/// # rt.block_on(async {
/// let mut interval = interval(Duration::from_millis(50));
/// interval.set_missed_tick_behavior(MissedTickBehavior::Skip);
/// # });
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MissedTickBehavior {
    /// Ticks as fast as it can until it has caught up.
    ///
    /// ```text
    /// expected  |     1     |     2     |     3     |     4     |     5     |     6     |
    /// actual    | work -----|          work          | work | work | work -| work -----|
    /// ```
    #[default]
    Burst,
    /// Ticks at once, and then each period from there on.
    ///
    /// ```text
    /// expected  |     1     |     2     |     3     |     4     |     5     |     6     |
    /// actual    | work -----|          work          | work -----| work -----| work -----|
    /// ```
    Delay,
    /// Ticks at once, and then at the next of the moments at which it would have ticked anyway.
    ///
    /// ```text
    /// expected  |     1     |     2     |     3     |     4     |     5     |     6     |
    /// actual    | work -----|          work          | work ---| work -----| work -----|
    /// ```
    Skip,
}

impl MissedTickBehavior {
    /// When the next tick is, if the one of `due` is missed `now`.
    fn next(self, due: Instant, now: Instant, period: Duration) -> Instant {
        match self {
            Self::Burst => due.later_by(period),
            Self::Delay => now.later_by(period),
            Self::Skip => {
                let since = now.duration_since(due).as_nanos() % period.as_nanos();
                // Less than the period's nanoseconds, which are a `Duration`.
                let since = Duration::from_nanos_u128(since);
                now.later_by(period - since)
            }
        }
    }
}

/// A steady beat: see [`interval`].
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use windlass::time::{Instant, interval};
///
/// #[windlass::main(flavor = "current_thread", start_paused = true)]
/// async fn main() {
///     let start = Instant::now();
///     let mut interval = interval(Duration::from_secs(60));
///     for minute in 0..60 {
///         let tick = interval.tick().await;
///         assert_eq!(tick - start, minute * Duration::from_secs(60));
///     }
/// }
/// ```
///
/// Beginning anew, in four ways:
///
/// ```
/// use windlass::time::{Duration, Instant, MissedTickBehavior, interval};
///
/// # let rt = windlass::runtime::Builder::new_current_thread().start_paused(true).build().unwrap();
/// # rt.block_on(async {
/// let second = Duration::from_secs(1);
/// let mut ticks = interval(second);
/// ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
/// assert_eq!((ticks.period(), ticks.missed_tick_behavior()), (second, MissedTickBehavior::Skip));
/// let start = ticks.tick().await;
///
/// ticks.reset_after(5 * second);
/// assert_eq!(ticks.tick().await - start, 5 * second);
/// ticks.reset_at(start + 9 * second);
/// assert_eq!(ticks.tick().await - start, 9 * second);
/// ticks.reset();
/// assert_eq!(ticks.tick().await - start, 10 * second);
/// ticks.reset_immediately();
/// assert_eq!(ticks.tick().await, Instant::now());
/// # });
/// ```
pub struct Interval {
    /// Pinned, so that the interval need not be. It waits for the next tick.
    delay: Pin<Box<Sleep>>,
    period: Duration,
    missed_tick_behavior: MissedTickBehavior,
}

impl Interval {
    #[track_caller]
    fn new(start: Instant, period: Duration) -> Self {
        let delay = Box::pin(sleep_until(start));
        Self { delay, period, missed_tick_behavior: MissedTickBehavior::default() }
    }

    /// Waits for the next tick, and returns the moment it was due.
    ///
    /// # Cancel safety
    ///
    /// A tick that nobody has got is not lost: the next call gets it.
    pub async fn tick(&mut self) -> Instant {
        poll_fn(|cx| self.poll_tick(cx)).await
    }

    /// Asks for the next tick, and returns the moment it was due. The task is woken when it is.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::future::poll_fn;
    /// use std::time::Duration;
    ///
    /// # let rt = windlass::runtime::Runtime::new().unwrap();
    /// # rt.block_on(async {
    /// let mut interval = windlass::time::interval(Duration::from_millis(1));
    /// poll_fn(|cx| interval.poll_tick(cx)).await;
    /// # });
    /// ```
    pub fn poll_tick(&mut self, cx: &mut Context<'_>) -> Poll<Instant> {
        ready!(self.delay.as_mut().poll(cx));
        let due = self.delay.deadline();
        let now = Instant::now();
        let next = if now > due.later_by(SLACK) {
            self.missed_tick_behavior.next(due, now, self.period)
        } else {
            due.later_by(self.period)
        };
        self.delay.as_mut().reset(next);
        Poll::Ready(due)
    }

    /// Has the next tick come a period from now.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use windlass::time::{Instant, interval};
    ///
    /// #[windlass::main(flavor = "current_thread", start_paused = true)]
    /// async fn main() {
    ///     let mut interval = interval(Duration::from_millis(100));
    ///     interval.tick().await;
    ///     windlass::time::sleep(Duration::from_millis(50)).await;
    ///     let now = Instant::now();
    ///     interval.reset();
    ///     assert_eq!(interval.tick().await - now, Duration::from_millis(100));
    /// }
    /// ```
    pub fn reset(&mut self) {
        self.reset_at(Instant::now().later_by(self.period));
    }

    /// Has the next tick come at once.
    pub fn reset_immediately(&mut self) {
        self.reset_at(Instant::now());
    }

    /// Has the next tick come after that time, and those that follow each a period later.
    pub fn reset_after(&mut self, after: Duration) {
        self.reset_at(Instant::now().later_by(after));
    }

    /// Has the next tick come at that moment, and those that follow each a period later.
    pub fn reset_at(&mut self, deadline: Instant) {
        self.delay.as_mut().reset(deadline);
    }

    /// What becomes of ticks that are missed.
    pub fn missed_tick_behavior(&self) -> MissedTickBehavior {
        self.missed_tick_behavior
    }

    /// Says what is to become of ticks that are missed.
    pub fn set_missed_tick_behavior(&mut self, behavior: MissedTickBehavior) {
        self.missed_tick_behavior = behavior;
    }

    /// The time from one tick to the next.
    pub fn period(&self) -> Duration {
        self.period
    }
}

impl fmt::Debug for Interval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Interval")
            .field("next", &self.delay.deadline())
            .field("period", &self.period)
            .field("missed_tick_behavior", &self.missed_tick_behavior)
            .finish()
    }
}

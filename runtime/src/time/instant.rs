//! Moments in time, of a clock that may be paused.

use std::fmt;
use std::ops;
use std::time::Duration;

use crate::context;
use crate::driver::now_by;

/// A moment, as `std::time::Instant`, by the clock of the runtime this thread is in.
///
/// Outside of runtimes, and in those whose clock was never paused, that is the system's monotonic clock.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use windlass::time::{self, Instant};
///
/// #[windlass::main(flavor = "current_thread", start_paused = true)]
/// async fn main() {
///     let start = Instant::now();
///     time::sleep(Duration::from_secs(3_600)).await;
///     assert_eq!(start.elapsed(), Duration::from_secs(3_600));
/// }
/// ```
///
/// ```
/// use windlass::time::{Duration, Instant};
///
/// let start = Instant::now();
/// let later = start + Duration::from_secs(1);
/// assert_eq!(later.duration_since(start), Duration::from_secs(1));
/// // An earlier one is no time before a later one.
/// assert_eq!(start.checked_duration_since(later), None);
/// assert_eq!(start.saturating_duration_since(later), Duration::ZERO);
/// assert_eq!(start.checked_add(Duration::from_secs(1)), Some(later));
/// assert_eq!(later.checked_sub(Duration::from_secs(1)), Some(start));
/// assert_eq!(start.checked_add(Duration::MAX), None);
/// assert_eq!(Instant::from_std(start.into_std()), start);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant {
    std: std::time::Instant,
}

/// Seconds that are more than any program waits for, from the most on. Not every platform's clock goes that far.
const FAR: [u64; 3] = [1 << 40, 1 << 33, 30 * 365 * 24 * 3_600];

impl Instant {
    /// The moment that is now.
    #[inline]
    #[must_use]
    pub fn now() -> Self {
        Self::from_std(context::with_runtime(|runtime| match runtime {
            Some(runtime) => now_by(|| runtime.driver.timers().clock()),
            None => std::time::Instant::now(),
        }))
    }

    /// The moment as one of std's.
    #[inline]
    #[must_use]
    pub const fn from_std(std: std::time::Instant) -> Self {
        Self { std }
    }

    /// The moment of one of std's.
    #[inline]
    #[must_use]
    pub const fn into_std(self) -> std::time::Instant {
        self.std
    }

    /// The time from `earlier` to this moment; zero if that is later.
    #[inline]
    #[must_use]
    pub fn duration_since(&self, earlier: Instant) -> Duration {
        self.std.saturating_duration_since(earlier.std)
    }

    /// The time from `earlier` to this moment; `None` if that is later.
    #[inline]
    #[must_use]
    pub fn checked_duration_since(&self, earlier: Instant) -> Option<Duration> {
        self.std.checked_duration_since(earlier.std)
    }

    /// The time from `earlier` to this moment; zero if that is later.
    #[inline]
    #[must_use]
    pub fn saturating_duration_since(&self, earlier: Instant) -> Duration {
        self.std.saturating_duration_since(earlier.std)
    }

    /// The time from this moment until now; zero if it is yet to come.
    #[inline]
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        Self::now().duration_since(*self)
    }

    /// The moment so much later, if there is one.
    #[inline]
    #[must_use]
    pub fn checked_add(&self, duration: Duration) -> Option<Instant> {
        self.std.checked_add(duration).map(Self::from_std)
    }

    /// The moment so much earlier, if there is one.
    #[inline]
    #[must_use]
    pub fn checked_sub(&self, duration: Duration) -> Option<Instant> {
        self.std.checked_sub(duration).map(Self::from_std)
    }

    /// The moment so much later, or one that nobody lives to see.
    #[inline]
    pub(crate) fn later_by(self, duration: Duration) -> Instant {
        self.checked_add(duration).unwrap_or_else(|| self.far())
    }

    #[cold]
    fn far(self) -> Instant {
        FAR.iter().find_map(|seconds| self.checked_add(Duration::from_secs(*seconds))).unwrap_or(self)
    }
}

impl From<std::time::Instant> for Instant {
    fn from(std: std::time::Instant) -> Self {
        Self::from_std(std)
    }
}

impl From<Instant> for std::time::Instant {
    fn from(instant: Instant) -> Self {
        instant.into_std()
    }
}

impl ops::Add<Duration> for Instant {
    type Output = Instant;

    /// # Panics
    ///
    /// If there is no moment that late; see [`Instant::checked_add`].
    #[track_caller]
    fn add(self, duration: Duration) -> Instant {
        Self::from_std(self.std + duration)
    }
}

impl ops::AddAssign<Duration> for Instant {
    #[track_caller]
    fn add_assign(&mut self, duration: Duration) {
        *self = *self + duration;
    }
}

impl ops::Sub for Instant {
    type Output = Duration;

    fn sub(self, earlier: Instant) -> Duration {
        self.duration_since(earlier)
    }
}

impl ops::Sub<Duration> for Instant {
    type Output = Instant;

    /// # Panics
    ///
    /// If there is no moment that early; see [`Instant::checked_sub`].
    #[track_caller]
    fn sub(self, duration: Duration) -> Instant {
        Self::from_std(self.std - duration)
    }
}

impl ops::SubAssign<Duration> for Instant {
    #[track_caller]
    fn sub_assign(&mut self, duration: Duration) {
        *self = *self - duration;
    }
}

impl fmt::Debug for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.std.fmt(f)
    }
}

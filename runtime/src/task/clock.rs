//! A clock that is cheap enough to be read at every registration, and exact to a few milliseconds.

use std::time::Duration;

/// The time since some fixed moment, as of the kernel's last tick.
#[cfg(target_os = "linux")]
pub(super) fn coarse() -> Duration {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::MonotonicCoarse);
    Duration::new(now.tv_sec.unsigned_abs(), now.tv_nsec.unsigned_abs() as u32)
}

/// The time since the first call.
#[cfg(not(target_os = "linux"))]
pub(super) fn coarse() -> Duration {
    static START: std::sync::OnceLock<std::time::Instant> = std::sync::OnceLock::new();
    START.get_or_init(std::time::Instant::now).elapsed()
}

//! Time: sleeping, timeouts, intervals, and a clock that can be paused.
//!
//! | | |
//! | --- | --- |
//! | [`sleep`], [`sleep_until`] | wait for a while, or for a moment |
//! | [`timeout`], [`timeout_at`] | a future that gets no longer than that |
//! | [`interval`], [`interval_at`] | the same step again and again |
//! | [`pause`], [`resume`], [`advance`] | a clock that stands, for tests |
//!
//! A timer never fires early. It fires up to 16 us after its deadline, or a sixteenth of how far that was ahead and 660 us at
//! most, so that timers which are due at about the same time share a wake; later only if every worker is busy.
//!
//! # Examples
//!
//! ```
//! use std::time::Duration;
//! use windlass::time;
//!
//! #[windlass::main]
//! async fn main() {
//!     let start = time::Instant::now();
//!     time::sleep(Duration::from_millis(5)).await;
//!     assert!(start.elapsed() >= Duration::from_millis(5));
//!
//!     let never = std::future::pending::<()>();
//!     assert!(time::timeout(Duration::from_millis(5), never).await.is_err());
//! }
//! ```

#[cfg(feature = "test-util")]
mod clock;
pub mod error;
mod instant;
mod interval;
mod sleep;
mod timeout;

#[cfg(feature = "test-util")]
pub use clock::{advance, pause, resume};
pub use instant::Instant;
pub use interval::{Interval, MissedTickBehavior, interval, interval_at};
pub use sleep::{Sleep, sleep, sleep_until};
pub use std::time::Duration;
pub use timeout::{Timeout, timeout, timeout_at};

//! The timer wheel and the clock of [Windlass](https://docs.rs/windlass).
//!
//! Both are plain data structures: no threads, no locks, no system calls but the clock's reading of the time. Who owns them
//! decides when to look, and what to do with what has expired.
//!
//! - [`Wheel`] keeps values until their deadline, counted in ticks. Inserting, cancelling and moving one takes constant time, whatever
//!   their number.
//! - [`Clock`] reads the time, real or paused, and turns it into ticks, such that nothing is ever early.
//!
//! ```
//! use std::time::Duration;
//! use windlass_timer::{Clock, Wheel};
//!
//! let mut clock = Clock::paused(Duration::from_millis(1));
//! let mut wheel = Wheel::new();
//!
//! let deadline = clock.now() + Duration::from_micros(2_500);
//! wheel.insert(clock.tick_for(deadline), "tea");
//!
//! clock.advance(Duration::from_millis(2));
//! assert_eq!(wheel.advance(clock.tick()).count(), 0);
//!
//! clock.advance(Duration::from_millis(1));
//! assert_eq!(wheel.advance(clock.tick()).next(), Some((3, "tea")));
//! ```

mod clock;
mod entries;
mod items;
mod level;
mod wheel;

pub use clock::Clock;
pub use wheel::{Expired, Key, Wheel};

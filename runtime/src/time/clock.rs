//! The clock that can be paused.

use std::time::Duration;

use crate::context;
use crate::driver::{ClockError, Driver, wake};
use crate::primitives::Arc;
use crate::runtime::in_runtime;
use crate::task::yield_now;

/// Stops the clock of the runtime this thread is in.
///
/// From here on [`Instant::now`](super::Instant::now) stands, and the timers with it, until [`advance`] moves it. And when there is nothing
/// else to do, every task waits and no blocking job is under way, **the clock moves by itself** to the next timer: a program that sleeps
/// for an hour is tested in no time.
///
/// It works on both flavours of runtimes. `std::time::Instant` and other clocks go on. Events of sockets come when they come: while a task
/// waits for one and another for time, the time comes first. A thread that runs no tasks does not keep the clock from moving while it computes:
/// one in [`Handle::block_on`](crate::runtime::Handle::block_on), or in a `Runtime::block_on` for which there is no seat.
///
/// # Panics
///
/// If the clock stands already, and outside of a runtime.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use windlass::time::{self, Instant};
///
/// #[windlass::main(flavor = "current_thread")]
/// async fn main() {
///     time::pause();
///     let start = Instant::now();
///     time::sleep(Duration::from_secs(3_600)).await;
///     assert_eq!(start.elapsed(), Duration::from_secs(3_600));
/// }
/// ```
#[track_caller]
pub fn pause() {
    let driver = driver();
    if driver.timers().clock().pause().is_err() {
        panic!("time is already frozen: call `pause` once, or not at all where `start_paused` is set");
    }
    // Whoever waits in the poller does so for the system's time.
    driver.look_again();
}

/// Lets the clock of the runtime this thread is in go on, from where it stands.
///
/// # Panics
///
/// If it goes, and outside of a runtime.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use windlass::time;
///
/// #[windlass::main(flavor = "current_thread", start_paused = true)]
/// async fn main() {
///     time::sleep(Duration::from_secs(3_600)).await;
///     time::resume();
///     time::sleep(Duration::from_millis(5)).await; // takes 5 ms
/// }
/// ```
#[track_caller]
pub fn resume() {
    let driver = driver();
    if driver.timers().clock().resume().is_err() {
        goes();
    }
    // Whoever waits in the poller has to know for how long.
    driver.look_again();
}

/// Moves the clock of the runtime this thread is in, which must stand, and lets the tasks run whose time has come.
///
/// Timers that are due fire in the order of their deadlines. What they wake sees the new time, and what it sets for times that are past is
/// due at once. When this returns, tasks may still be under way; to go from timer to timer, [`sleep`](super::sleep) instead and let the
/// clock move by itself.
///
/// # Cancel safety
///
/// The clock moves at the first poll.
///
/// # Panics
///
/// If the clock goes, if the time would be later than is counted, 584 years after the runtime was made, and outside of a runtime.
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
///     let task = windlass::spawn(time::sleep(Duration::from_secs(60)));
///     time::advance(Duration::from_secs(61)).await;
///     task.await.unwrap();
///     assert_eq!(start.elapsed(), Duration::from_secs(61));
/// }
/// ```
pub async fn advance(duration: Duration) {
    let driver = driver();
    let timers = driver.timers();
    match timers.clock().advance(duration) {
        Ok(()) => {}
        Err(ClockError::TooFar) => {
            panic!(
                "the clock cannot be advanced by {duration:?}: time is counted for 584 years from the runtime's beginning"
            )
        }
        Err(_) => goes(),
    }
    timers.fire(timers.clock().tick(), wake);
    // This thread may be no worker, which would see to that by itself.
    driver.cover_timers();
    yield_now().await;
}

#[track_caller]
fn driver() -> Arc<Driver> {
    in_runtime(context::with_runtime(|runtime| runtime.map(|runtime| Arc::clone(&runtime.driver))))
}

#[cold]
#[track_caller]
fn goes() -> ! {
    panic!("time is not frozen: call `time::pause()` first, or set `start_paused`")
}

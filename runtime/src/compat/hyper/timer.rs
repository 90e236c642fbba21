//! Time for hyper.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use hyper::rt::{Sleep, Timer};
use pin_project_lite::pin_project;

use crate::time;

/// hyper's time limits, on the timers of this runtime: give it to the `timer` method of hyper's builders.
///
/// Without it those limits are silently off. Setting one again, as hyper does for each request of a connection,
/// allocates nothing. A paused clock holds for hyper too.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use windlass::compat::hyper::HyperTimer;
///
/// let mut builder = hyper::server::conn::http1::Builder::new();
/// builder.timer(HyperTimer::new()).header_read_timeout(Duration::from_secs(5));
/// ```
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct HyperTimer;

impl HyperTimer {
    /// A timer. It belongs to the runtime that hyper's future is polled in.
    pub fn new() -> Self {
        Self
    }
}

impl Timer for HyperTimer {
    #[track_caller]
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Sleep>> {
        Box::pin(HyperSleep { sleep: time::sleep(duration) })
    }

    #[track_caller]
    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn Sleep>> {
        Box::pin(HyperSleep { sleep: time::sleep_until(deadline.into()) })
    }

    fn now(&self) -> Instant {
        time::Instant::now().into()
    }

    #[track_caller]
    fn reset(&self, sleep: &mut Pin<Box<dyn Sleep>>, new_deadline: Instant) {
        match sleep.as_mut().downcast_mut_pin::<HyperSleep>() {
            Some(sleep) => sleep.project().sleep.reset(new_deadline.into()),
            // Another timer's.
            None => *sleep = self.sleep_until(new_deadline),
        }
    }
}

pin_project! {
    /// A [`time::Sleep`] as hyper wants it.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use hyper::rt::Timer;
    /// use windlass::compat::hyper::HyperTimer;
    ///
    /// # #[windlass::main(flavor = "current_thread")]
    /// # async fn main() {
    /// // hyper does this, for its time limits; what it gets is a `HyperSleep`.
    /// HyperTimer::new().sleep(Duration::from_millis(1)).await;
    /// # }
    /// ```
    #[derive(Debug)]
    pub struct HyperSleep {
        #[pin]
        sleep: time::Sleep,
    }
}

impl Future for HyperSleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.project().sleep.poll(cx)
    }
}

impl Sleep for HyperSleep {}

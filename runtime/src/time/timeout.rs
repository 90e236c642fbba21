//! `timeout`.

use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use pin_project_lite::pin_project;

use super::error::Elapsed;
use super::{Instant, Sleep, sleep, sleep_until};
use crate::task::coop;

/// Waits for a future, but no longer than that.
///
/// The future is polled before the time is looked at: one that is ready when the time is up has won. When the time is up the future is
/// not dropped until the timeout is; asyncio's `wait_for` cancels the task and waits for its end.
///
/// # Errors
///
/// If the time is up first.
///
/// # Cancel safety
///
/// That of the future inside, which is dropped with it.
///
/// # Panics
///
/// Outside of a runtime.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use windlass::time::timeout;
///
/// #[windlass::main]
/// async fn main() {
///     assert_eq!(timeout(Duration::from_secs(60), async { 42 }).await, Ok(42));
///     assert!(timeout(Duration::from_millis(5), std::future::pending::<()>()).await.is_err());
/// }
/// ```
#[track_caller]
pub fn timeout<F: IntoFuture>(duration: Duration, future: F) -> Timeout<F::IntoFuture> {
    Timeout { value: future.into_future(), delay: sleep(duration) }
}

/// Waits for a future, but not beyond a moment; see [`timeout`].
///
/// # Errors, cancel safety, panics
///
/// As for [`timeout`].
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use windlass::time::{Instant, timeout_at};
///
/// #[windlass::main]
/// async fn main() {
///     let deadline = Instant::now() + Duration::from_millis(5);
///     assert!(timeout_at(deadline, std::future::pending::<()>()).await.is_err());
/// }
/// ```
#[track_caller]
pub fn timeout_at<F: IntoFuture>(deadline: Instant, future: F) -> Timeout<F::IntoFuture> {
    Timeout { value: future.into_future(), delay: sleep_until(deadline) }
}

pin_project! {
    /// The future of [`timeout`] and [`timeout_at`].
    ///
    /// # Examples
    ///
    /// ```
    /// use windlass::time::{Duration, timeout};
    ///
    /// # #[windlass::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let mut timeout = timeout(Duration::from_secs(1), std::future::ready(1));
    /// println!("{:?}", timeout.get_ref());
    /// *timeout.get_mut() = std::future::ready(2);
    /// // Without the limit after all.
    /// assert_eq!(timeout.into_inner().into_inner(), 2);
    /// # }
    /// ```
    #[must_use = "futures do nothing unless they are awaited"]
    #[derive(Debug)]
    pub struct Timeout<T> {
        #[pin]
        value: T,
        #[pin]
        delay: Sleep,
    }
}

impl<T> Timeout<T> {
    /// The future inside.
    pub fn get_ref(&self) -> &T {
        &self.value
    }

    /// The future inside.
    pub fn get_mut(&mut self) -> &mut T {
        &mut self.value
    }

    /// The future inside, without the time it has.
    pub fn into_inner(self) -> T {
        self.value
    }
}

impl<T: Future> Future for Timeout<T> {
    type Output = Result<T::Output, Elapsed>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let had_budget = coop::has_budget_remaining();
        if let Poll::Ready(output) = this.value.poll(cx) {
            return Poll::Ready(Ok(output));
        }
        let delay = this.delay;
        let elapsed = if had_budget && !coop::has_budget_remaining() {
            // The future took all there was: it must not keep the time from being up, poll after poll.
            coop::with_unconstrained(|| delay.poll(cx))
        } else {
            delay.poll(cx)
        };
        elapsed.map(|()| Err(Elapsed::new()))
    }
}

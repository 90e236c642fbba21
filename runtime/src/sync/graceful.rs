//! Ending a server without cutting what it has begun, within a limit.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use pin_project_lite::pin_project;

use super::rounds::{Rounds, Waiter};
use super::{CancellationToken, TaskTracker, TaskTrackerToken};
use crate::primitives::atomic::{AtomicBool, Ordering};
use crate::primitives::{Arc, Mutex};
use crate::task::{self, JoinHandle};
use crate::time;

/// Drains a server: nothing new is begun, what was begun may end within a limit, and what has not ended then is cut.
///
/// Its [`token`](Self::token) tells the accept loop to stop, and each connection to end after the request in hand. Connections are
/// [tracked](Self::track), and [`shutdown`](Self::shutdown) says how many ended by themselves and how many were cut. A clone is the same.
///
/// # Examples
///
/// ```
/// # #[windlass::main]
/// # async fn main() {
/// use std::time::Duration;
/// use windlass::sync::Graceful;
///
/// let graceful = Graceful::new();
/// for id in 0..3 {
///     let stop = graceful.token().clone();
///     graceful.spawn(async move {
///         match id {
///             0 => std::future::pending().await, // a client that never goes
///             _ => stop.cancelled().await,       // one that goes when it is asked to
///         }
///     });
/// }
/// let drained = graceful.shutdown(Duration::from_millis(10)).await;
/// assert_eq!((drained.finished, drained.cut), (2, 1));
/// # }
/// ```
///
/// An accept loop:
///
/// ```no_run
/// # use std::time::Duration;
/// # use windlass::sync::Graceful;
/// # struct Listener;
/// # impl Listener { async fn accept(&self) -> std::io::Result<()> { std::future::pending().await } }
/// # async fn serve(connection: (), stop: windlass::sync::CancellationToken) {}
/// # async fn run(listener: Listener) {
/// let graceful = Graceful::new();
/// let stop = graceful.token().clone();
/// while let Some(accepted) = stop.run_until_cancelled(listener.accept()).await {
///     let Ok(connection) = accepted else { continue };
///     graceful.spawn(serve(connection, stop.clone()));
/// }
/// drop(listener);
/// let drained = graceful.shutdown(Duration::from_secs(30)).await;
/// println!("{} connections ended, {} were cut", drained.finished, drained.cut);
/// # }
/// ```
#[doc(alias("wait_closed", "abort_clients"))]
#[derive(Clone)]
pub struct Graceful {
    shared: Arc<Shared>,
}

struct Shared {
    token: CancellationToken,
    tracker: TaskTracker,
    /// Set with `Counts::cutting`, for those who look at every poll.
    cutting: AtomicBool,
    /// Those who wait to be cut.
    rounds: Rounds,
    counts: Mutex<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    alive: usize,
    /// Those that ended while their server was draining, and before it began to cut.
    finished: usize,
    cutting: bool,
}

/// How a server ended; see [`Graceful::shutdown`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Drained {
    /// What ended by itself after the shutdown had begun.
    pub finished: usize,
    /// What was there still when the limit was over.
    pub cut: usize,
}

impl Graceful {
    /// With a token of its own.
    pub fn new() -> Self {
        Self::with_token(CancellationToken::new())
    }

    /// With a token that others may cancel too, which tells the server to end but cuts nothing: [`shutdown`](Self::shutdown) does.
    ///
    /// # Examples
    ///
    /// ```
    /// use windlass::sync::{CancellationToken, Graceful};
    ///
    /// // One token for the server and for what else the program does.
    /// let stop = CancellationToken::new();
    /// let graceful = Graceful::with_token(stop.clone());
    /// let connection = graceful.track(async { "served" });
    /// assert_eq!((graceful.len(), graceful.is_empty()), (1, false));
    /// stop.cancel();
    /// assert!(graceful.token().is_cancelled());
    /// # drop(connection);
    /// ```
    pub fn with_token(token: CancellationToken) -> Self {
        let (cutting, rounds) = (AtomicBool::new(false), Rounds::new());
        let (tracker, counts) = (TaskTracker::new(), Mutex::new(Counts::default()));
        tracker.close();
        Self { shared: Arc::new(Shared { token, tracker, cutting, rounds, counts }) }
    }

    /// The token that is cancelled when the server is to end.
    pub fn token(&self) -> &CancellationToken {
        &self.shared.token
    }

    /// How many futures are tracked.
    pub fn len(&self) -> usize {
        self.shared.tracker.len()
    }

    /// Whether no future is tracked.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Counts a future until it is dropped, and drops it if it has not ended when the limit is over: its output is then `None`.
    ///
    /// It is cut where it waits. One whose poll does not return is cut when it does.
    ///
    /// # Examples
    ///
    /// ```
    /// use windlass::sync::Graceful;
    ///
    /// # #[windlass::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let graceful = Graceful::new();
    /// let answer = graceful.track(async { 42 }).await;
    /// assert_eq!(answer, Some(42), "`None` if it had been cut");
    /// # }
    /// ```
    pub fn track<F: Future>(&self, future: F) -> Graced<F> {
        self.shared.counts.lock().alive += 1;
        let member =
            Member { shared: Arc::clone(&self.shared), waiter: None, _token: self.shared.tracker.token() };
        Graced { future, member }
    }

    /// Spawns a task that is [tracked](Self::track), on the current runtime.
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    #[track_caller]
    pub fn spawn<F>(&self, future: F) -> JoinHandle<Option<F::Output>>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        task::spawn(self.track(future))
    }

    /// Cancels the token, waits until everything tracked has ended, `limit` at the longest, and cuts the rest.
    ///
    /// It does not wait for what it cut: that is dropped at its next poll, and a poll that does not return would hold it up. What is tracked
    /// after that is cut at once, and not counted.
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    ///
    /// # Cancel safety
    ///
    /// When it is dropped the token stays cancelled and nothing is cut. It can be called again.
    pub async fn shutdown(&self, limit: Duration) -> Drained {
        let before = self.shared.counts.lock().finished;
        self.shared.token.cancel();
        let _ = time::timeout(limit, self.shared.tracker.wait()).await;
        let drained = {
            let mut counts = self.shared.counts.lock();
            let cut = if counts.cutting { 0 } else { counts.alive };
            counts.cutting = true;
            // Release: pairs with the Acquire in `is_cutting`.
            self.shared.cutting.store(true, Ordering::Release);
            Drained { finished: counts.finished - before, cut }
        };
        self.shared.rounds.wake_all();
        drained
    }
}

impl Default for Graceful {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Graceful {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Graceful").field("token", &self.shared.token).field("len", &self.len()).finish()
    }
}

impl Shared {
    fn is_cutting(&self) -> bool {
        // Acquire: pairs with the Release in `shutdown`.
        self.cutting.load(Ordering::Acquire)
    }
}

pin_project! {
    /// The future of [`Graceful::track`].
    #[must_use = "futures do nothing unless they are awaited"]
    pub struct Graced<F> {
        // Dropped before it is counted as ended.
        #[pin]
        future: F,
        member: Member,
    }
}

impl<F: Future> Future for Graced<F> {
    type Output = Option<F::Output>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        if this.member.shared.is_cutting() {
            return Poll::Ready(None);
        }
        match this.future.poll(cx) {
            Poll::Ready(output) => Poll::Ready(Some(output)),
            Poll::Pending => this.member.poll_cut(cx).map(|()| None),
        }
    }
}

impl<F> fmt::Debug for Graced<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Graced").finish_non_exhaustive()
    }
}

/// Counts as alive until it is dropped.
struct Member {
    shared: Arc<Shared>,
    waiter: Option<Waiter>,
    // Goes when the counts are right.
    _token: TaskTrackerToken,
}

impl Member {
    fn poll_cut(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let rounds = &self.shared.rounds;
        while !self.shared.is_cutting() {
            match &mut self.waiter {
                // Looks again, since it may have been cut before.
                None => self.waiter = Some(rounds.join()),
                Some(waiter) => std::task::ready!(rounds.poll(waiter, cx)),
            }
        }
        Poll::Ready(())
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        if let Some(waiter) = &mut self.waiter {
            self.shared.rounds.leave(waiter);
        }
        let draining = self.shared.token.is_cancelled();
        let mut counts = self.shared.counts.lock();
        counts.alive -= 1;
        if draining && !counts.cutting {
            counts.finished += 1;
        }
    }
}

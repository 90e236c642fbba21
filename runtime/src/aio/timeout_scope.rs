//! `timeout_scope`: a time limit that can be moved from inside.

use std::cell::Cell;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::ptr;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use parking_lot::Mutex;
use pin_project_lite::pin_project;

use super::InvalidState;
use crate::context;
use crate::quietly;
use crate::task::coop;
use crate::time::error::Elapsed;
use crate::time::{Instant, Sleep, sleep, sleep_until};

/// Runs a future with a time limit that it can move while it runs; asyncio's `timeout`.
///
/// `None` is no limit, until one is set by [`reschedule`](TimeoutScope::reschedule). A body that never waits is not
/// interrupted, whatever the limit. The time counts from the call, not from the first poll.
/// [`time::timeout`](crate::time::timeout()) is the same with a limit that stays.
///
/// # Errors
///
/// [`Elapsed`] if the body was ended by this scope. In asyncio the body sees `CancelledError`, and may suppress it; here
/// its future is dropped where it waits. Of nested scopes of one task whose time is up together, the outermost has the
/// error: the inner ones are part of what is dropped. An error of the body's own passes, and so does an abort of the
/// task.
///
/// # Cancel safety
///
/// That of the body.
///
/// # Panics
///
/// With a time to count, outside of a runtime; and when polled outside of one.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use windlass::aio::timeout_scope;
/// use windlass::time::{Instant, sleep};
///
/// # let rt = windlass::runtime::Builder::new_current_thread().start_paused(true).build().unwrap();
/// # rt.block_on(async {
/// let copied = timeout_scope(Duration::from_secs(1), async |scope| {
///     for _ in 0..3 {
///         sleep(Duration::from_millis(900)).await;
///         // Something came in: the time counts from here again.
///         scope.reschedule(Instant::now() + Duration::from_secs(1)).unwrap();
///     }
///     "all"
/// });
/// assert_eq!(copied.await, Ok("all"));
/// # });
/// ```
#[doc(alias = "timeout")]
#[track_caller]
pub fn timeout_scope<F, B>(after: impl Into<Option<Duration>>, body: F) -> InTimeoutScope<B>
where
    F: FnOnce(TimeoutScope) -> B,
    B: Future,
{
    #[expect(clippy::manual_map, reason = "a closure would be the caller of what panics")]
    let sleep = match after.into() {
        Some(after) => Some(sleep(after)),
        None => None,
    };
    InTimeoutScope::new(sleep.as_ref().map(Sleep::deadline), sleep, body)
}

/// As [`timeout_scope`], with the moment at which the time is up; asyncio's `timeout_at`.
///
/// # Panics
///
/// When polled outside of a runtime.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use windlass::aio::timeout_scope_at;
/// use windlass::time::Instant;
///
/// # let rt = windlass::runtime::Runtime::new().unwrap();
/// # rt.block_on(async {
/// let late = timeout_scope_at(Instant::now(), async |_| std::future::pending::<()>().await);
/// assert!(late.await.is_err());
/// # });
/// ```
#[doc(alias = "timeout_at")]
pub fn timeout_scope_at<F, B>(when: impl Into<Option<Instant>>, body: F) -> InTimeoutScope<B>
where
    F: FnOnce(TimeoutScope) -> B,
    B: Future,
{
    InTimeoutScope::new(when.into(), None, body)
}

/// The time limit of a [`timeout_scope`], to look at and to move.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use windlass::aio::{TimeoutScope, timeout_scope};
/// use windlass::time::{Instant, sleep};
///
/// async fn steps(scope: TimeoutScope) {
///     assert!(scope.when().is_some() && !scope.expired());
///     scope.reschedule(Instant::now() + Duration::from_millis(1)).unwrap();
///     sleep(Duration::from_secs(3600)).await;
/// }
///
/// # #[windlass::main(flavor = "current_thread")]
/// # async fn main() {
/// let mut kept = None;
/// let late = timeout_scope(Duration::from_secs(60), |scope| {
///     kept = Some(scope.clone());
///     steps(scope)
/// });
/// assert!(late.await.is_err());
/// assert!(kept.unwrap().expired());
/// # }
/// ```
#[derive(Clone)]
#[doc(alias = "Timeout")]
pub struct TimeoutScope(Arc<Mutex<State>>);

struct State {
    when: Option<Instant>,
    phase: Phase,
    /// Of whoever polls the scope.
    waker: Option<Waker>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Running,
    Expired,
    Left,
}

impl TimeoutScope {
    /// When the time is up, if ever.
    pub fn when(&self) -> Option<Instant> {
        self.0.lock().when
    }

    /// Whether the body was ended because its time was up.
    pub fn expired(&self) -> bool {
        self.0.lock().phase == Phase::Expired
    }

    /// Moves the limit, or with `None` takes it away. After this has returned `Ok`, the limit before does not end the
    /// body any more.
    ///
    /// # Errors
    ///
    /// If the scope has been left, one way or another.
    pub fn reschedule(&self, when: impl Into<Option<Instant>>) -> Result<(), InvalidState> {
        let waker = {
            let mut state = self.0.lock();
            if state.phase != Phase::Running {
                return Err(InvalidState::new("the scope has been left"));
            }
            state.when = when.into();
            state.waker.take()
        };
        if let Some(waker) = waker {
            quietly(|| waker.wake());
        }
        Ok(())
    }

    /// Ends the scope because its time is up. False if the limit is another one by now.
    fn expire(&self, limit: Instant) -> bool {
        self.end(Phase::Expired, |state| state.when == Some(limit))
    }

    /// Ends the scope, unless its time was up before.
    fn leave(&self) {
        self.end(Phase::Left, |state| state.phase == Phase::Running);
    }

    fn end(&self, phase: Phase, may: impl FnOnce(&State) -> bool) -> bool {
        let waker = {
            let mut state = self.0.lock();
            if !may(&state) {
                return false;
            }
            state.phase = phase;
            state.waker.take()
        };
        drop(waker);
        true
    }
}

impl fmt::Debug for TimeoutScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // What is written to is the user's: not under the lock.
        let (phase, when) = {
            let state = self.0.lock();
            (state.phase, state.when)
        };
        f.debug_struct("TimeoutScope").field("state", &phase).field("when", &when).finish()
    }
}

thread_local! {
    /// The earliest limit of the scopes being polled on this thread, and whose they are.
    static AROUND: Cell<Option<(*const (), Instant)>> = const { Cell::new(None) };
}

/// The limit of the scopes around, of the same task or call of `block_on`: what is polled inside of a nested one cannot be dropped
/// by them.
fn around() -> Option<Instant> {
    let (polled, when) = AROUND.get()?;
    ptr::eq(polled, context::polled()).then_some(when)
}

/// Polls with a limit around.
fn within<R>(when: Option<Instant>, poll: impl FnOnce() -> R) -> R {
    struct Restore(Option<(*const (), Instant)>);
    impl Drop for Restore {
        fn drop(&mut self) {
            AROUND.set(self.0);
        }
    }
    let Some(when) = when else { return poll() };
    let earliest = around().map_or(when, |outer| outer.min(when));
    let _restore = Restore(AROUND.replace(Some((context::polled(), earliest))));
    poll()
}

pin_project! {
    /// The future of [`timeout_scope`].
    #[must_use = "futures do nothing unless they are awaited"]
    pub struct InTimeoutScope<B> {
        scope: TimeoutScope,
        // For the limit, or for one that was moved since.
        #[pin]
        sleep: Option<Sleep>,
        #[pin]
        body: Option<B>,
    }

    impl<B> PinnedDrop for InTimeoutScope<B> {
        fn drop(this: Pin<&mut Self>) {
            this.scope.leave();
        }
    }
}

impl<B: Future> InTimeoutScope<B> {
    fn new(when: Option<Instant>, sleep: Option<Sleep>, body: impl FnOnce(TimeoutScope) -> B) -> Self {
        let state = State { when, phase: Phase::Running, waker: None };
        let scope = TimeoutScope(Arc::new(Mutex::new(state)));
        let body = body(scope.clone());
        Self { scope, sleep, body: Some(body) }
    }
}

impl<B: Future> Future for InTimeoutScope<B> {
    type Output = Result<B::Output, Elapsed>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let body = this.body.as_mut().as_pin_mut().expect("`InTimeoutScope` polled after completion");
        let had_budget = coop::has_budget_remaining();
        if let Poll::Ready(output) = within(this.scope.when(), || body.poll(cx)) {
            this.scope.leave();
            this.body.set(None);
            return Poll::Ready(Ok(output));
        }
        // A body that took all there was must not keep the time from being up, poll after poll.
        let used_up = had_budget && !coop::has_budget_remaining();
        loop {
            // First, so that a limit which is moved from here on wakes this.
            let waker = cx.waker().clone();
            let (when, _old) = {
                let mut state = this.scope.0.lock();
                (state.when, state.waker.replace(waker))
            };
            let Some(when) = when else {
                this.sleep.set(None);
                return Poll::Pending;
            };
            match this.sleep.as_mut().as_pin_mut() {
                Some(sleep) if sleep.deadline() == when => {}
                Some(sleep) => sleep.reset(when),
                None => this.sleep.set(Some(sleep_until(when))),
            }
            let sleep = this.sleep.as_mut().as_pin_mut().expect("it was set");
            ready!(if used_up { coop::with_unconstrained(|| sleep.poll(cx)) } else { sleep.poll(cx) });
            if around().is_some_and(|outer| outer <= Instant::now()) {
                // The scope around this one has the error, and drops this. Unless its limit is moved in this very poll: then this
                // has to look again.
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            if this.scope.expire(when) {
                break;
            }
        }
        this.body.set(None);
        Poll::Ready(Err(Elapsed::new()))
    }
}

impl<B> fmt::Debug for InTimeoutScope<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("InTimeoutScope").field(&self.scope).finish()
    }
}

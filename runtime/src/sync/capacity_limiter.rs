//! So many may do something at once, and how many can be changed at any time.

use std::fmt;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll};

use super::TryAcquireError;
use super::wait::{Key, Looked, Waiters, Wakes};
use crate::blocking::JobError;
use crate::primitives::Mutex;
use crate::task::coop::poll_proceed;
use crate::task::{Note, Resource};

/// So many tokens, whose number can be changed at any time; Trio's `CapacityLimiter`.
///
/// It is a handle: a clone is the same limiter. [`to_thread`](Self::to_thread) holds a token for as long as a call really
/// takes, whether or not somebody still waits for it.
///
/// # Differences from Trio
///
/// A token is a guard and not bound to the task that took it, so nobody is kept from taking two. No limit is
/// `usize::MAX`.
///
/// # Examples
///
/// ```
/// # let rt = windlass::runtime::Runtime::new().unwrap();
/// # rt.block_on(async {
/// use windlass::sync::CapacityLimiter;
///
/// let limiter = CapacityLimiter::new(1);
/// let token = limiter.acquire().await;
/// assert_eq!(limiter.available_tokens(), 0);
/// limiter.set_total_tokens(2);
/// assert_eq!((limiter.borrowed_tokens(), limiter.available_tokens()), (1, 1));
/// drop(token);
/// # });
/// ```
#[doc(alias = "trio.CapacityLimiter")]
#[derive(Clone)]
pub struct CapacityLimiter {
    state: Arc<Mutex<State>>,
}

struct State {
    total: usize,
    /// May be more than the total, after that was made less.
    borrowed: usize,
    line: Waiters<()>,
}

impl CapacityLimiter {
    /// A limiter with so many tokens.
    pub fn new(total_tokens: usize) -> Self {
        let state = State { total: total_tokens, borrowed: 0, line: Waiters::new() };
        Self { state: Arc::new(Mutex::new(state)) }
    }

    /// How many tokens there are.
    ///
    /// # Examples
    ///
    /// ```
    /// let limiter = windlass::sync::CapacityLimiter::new(3);
    /// assert_eq!(limiter.total_tokens(), 3);
    /// limiter.set_total_tokens(5);
    /// assert_eq!(limiter.available_tokens(), 5);
    /// ```
    pub fn total_tokens(&self) -> usize {
        self.state.lock().total
    }

    /// How many are taken: more than there are, for a while, after their number was made less.
    pub fn borrowed_tokens(&self) -> usize {
        self.state.lock().borrowed
    }

    /// How many are left.
    pub fn available_tokens(&self) -> usize {
        self.state.lock().available()
    }

    /// Changes how many there are. Those that are taken stay so.
    ///
    /// # Examples
    ///
    /// ```
    /// let limiter = windlass::sync::CapacityLimiter::new(2);
    /// let token = limiter.try_acquire().unwrap();
    /// limiter.set_total_tokens(1);
    /// assert!(limiter.try_acquire().is_err());
    /// # drop(token);
    /// ```
    pub fn set_total_tokens(&self, total_tokens: usize) {
        self.change(|state| state.total = total_tokens);
    }

    fn change(&self, f: impl FnOnce(&mut State)) {
        let mut wakes = Wakes::new();
        let mut state = self.state.lock();
        f(&mut state);
        state.hand_out(&mut wakes);
        drop(state);
        wakes.wake();
    }

    /// Takes a token, and waits for it in line.
    ///
    /// # Cancel safety
    ///
    /// Dropped while it waits it loses its place, and no token.
    pub async fn acquire(&self) -> CapacityToken {
        let mut waiter = Waiter { limiter: self, key: None };
        poll_fn(|cx| {
            let Poll::Ready(step) = poll_proceed(cx) else {
                waiter.queue_up(cx);
                return Poll::Pending;
            };
            let step = step.awaiting(Note::resource(Resource::CapacityLimiter, &*self.state));
            let outcome = waiter.poll(cx);
            if outcome.is_ready() {
                step.made_progress();
            }
            outcome
        })
        .await;
        CapacityToken { limiter: self.clone() }
    }

    /// Takes a token if there is one and nobody waits.
    ///
    /// # Errors
    ///
    /// If there is none, or others wait.
    #[doc(alias = "acquire_nowait")]
    pub fn try_acquire(&self) -> Result<CapacityToken, TryAcquireError> {
        if self.state.lock().try_acquire() {
            Ok(CapacityToken { limiter: self.clone() })
        } else {
            Err(TryAcquireError::NoPermits)
        }
    }

    /// Takes a token, and calls a function that blocks as [`to_thread`](crate::to_thread) does; the token comes back when
    /// the call has ended.
    ///
    /// # Errors
    ///
    /// As for [`to_thread`](crate::to_thread).
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    ///
    /// # Cancel safety
    ///
    /// Dropped before the call has begun, it is not made. Dropped later, the call goes on, and keeps its token until it has
    /// ended.
    ///
    /// # Examples
    ///
    /// ```
    /// # let rt = windlass::runtime::Runtime::new().unwrap();
    /// # rt.block_on(async {
    /// let limiter = windlass::sync::CapacityLimiter::new(1);
    /// assert_eq!(limiter.to_thread(|| 5).await.unwrap(), 5);
    /// assert_eq!(limiter.available_tokens(), 1);
    /// # });
    /// ```
    #[doc(alias("trio.to_thread.run_sync", "anyio.to_thread.run_sync"))]
    pub async fn to_thread<F, T>(&self, f: F) -> Result<T, JobError>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        let token = self.acquire().await;
        crate::to_thread(move || {
            // In this order they are dropped where this is not called.
            let (f, _token) = (f, token);
            f()
        })
        .await
    }
}

impl State {
    /// Grants tokens to the first in line, as far as they go.
    fn hand_out(&mut self, wakes: &mut Wakes) {
        while self.available() > 0 && !self.line.is_empty() {
            self.borrowed += 1;
            wakes.push(self.line.grant_front());
        }
    }

    fn available(&self) -> usize {
        self.total.saturating_sub(self.borrowed)
    }

    fn try_acquire(&mut self) -> bool {
        let is_there = self.available() > 0 && self.line.is_empty();
        self.borrowed += usize::from(is_there);
        is_there
    }
}

impl fmt::Debug for CapacityLimiter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // What is written to is the user's: not under the lock.
        let (total, borrowed, waiters) = {
            let state = self.state.lock();
            (state.total, state.borrowed, state.line.len())
        };
        f.debug_struct("CapacityLimiter")
            .field("total_tokens", &total)
            .field("borrowed_tokens", &borrowed)
            .field("waiters", &waiters)
            .finish()
    }
}

/// A token of a [`CapacityLimiter`], given back when it is dropped.
#[must_use = "the token is given back when it is dropped"]
#[clippy::has_significant_drop]
#[derive(Debug)]
pub struct CapacityToken {
    limiter: CapacityLimiter,
}

impl Drop for CapacityToken {
    fn drop(&mut self) {
        self.limiter.change(|state| state.borrowed -= 1);
    }
}

struct Waiter<'a> {
    limiter: &'a CapacityLimiter,
    key: Option<Key>,
}

impl Waiter<'_> {
    /// Takes a place in line, on behalf of a task whose budget is used up: who comes after it must not overtake it while it lets
    /// others run.
    #[cold]
    fn queue_up(&mut self, cx: &mut Context<'_>) {
        if self.key.is_none() {
            let waker = cx.waker().clone();
            self.limiter.change(|state| self.key = Some(state.line.push((), waker)));
        }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.key.is_some() {
            // The lock is released before what was looked at is dropped.
            let looked = self.limiter.state.lock().line.look(&mut self.key, cx.waker());
            return match looked {
                Looked::Granted(()) => Poll::Ready(()),
                Looked::Waits(_) => Poll::Pending,
            };
        }
        let mut state = self.limiter.state.lock();
        if state.try_acquire() {
            drop(state);
            return Poll::Ready(());
        }
        self.key = Some(state.line.push((), cx.waker().clone()));
        Poll::Pending
    }
}

impl Drop for Waiter<'_> {
    fn drop(&mut self) {
        if let Some(key) = self.key.take() {
            let mut garbage = None;
            self.limiter.change(|state| {
                let left = state.line.remove(key);
                state.borrowed -= usize::from(left.was_granted);
                garbage = Some(left);
            });
        }
    }
}

//! What the macros' expansions call.

use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

use crate::task::coop;

pub use windlass_macros::{join, select, try_join};

/// A number below `count`.
#[inline]
pub fn random_below(count: usize) -> usize {
    fastrand::usize(..count)
}

/// Which one has this turn of a round that the `first` one begins.
#[inline]
pub fn nth(first: usize, turn: usize, count: usize) -> usize {
    (first + turn) % count
}

/// Lets other tasks go first if this poll has used its budget up; takes nothing from it.
#[inline]
pub fn poll_budget(cx: &mut Context<'_>) -> Poll<()> {
    coop::poll_budget(cx)
}

/// What `select!` without an `else` branch does when no branch is left.
#[cold]
#[track_caller]
pub fn all_disabled() -> ! {
    panic!("all branches of `select!` are disabled and there is none to take: add an `else` branch");
}

/// The future of what `try_join!` can wait for.
#[inline]
pub fn fallible<T, E, F: IntoFuture<Output = Result<T, E>>>(future: F) -> F::IntoFuture {
    future.into_future()
}

pin_project! {
    /// A future and then its output, until that is taken. No bounds, so that what is no future is said to be so once.
    #[project = Projected]
    #[project_replace = Replaced]
    #[derive(Debug)]
    pub enum Joined<F, T> {
        /// It is polled.
        Running { #[pin] future: F },
        /// It is done and dropped.
        Done { output: T },
        /// And its output taken.
        Taken,
    }
}

impl<F, T> Joined<F, T> {
    /// Nothing was polled yet.
    #[inline]
    pub fn new(future: F) -> Self {
        Self::Running { future }
    }
}

impl<F: Future> Joined<F, F::Output> {
    /// Whether there is something left to wait for.
    #[inline]
    pub fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> bool {
        let Projected::Running { future } = self.as_mut().project() else { return false };
        let Poll::Ready(output) = future.poll(cx) else { return true };
        self.set(Self::Done { output });
        false
    }

    /// The output, which is there.
    #[inline]
    pub fn output(self: Pin<&mut Self>) -> F::Output {
        match self.project_replace(Self::Taken) {
            Replaced::Done { output } => output,
            _ => unreachable!("taken once, when it is done"),
        }
    }
}

impl<T, E, F: Future<Output = Result<T, E>>> Joined<F, F::Output> {
    /// Whether there is something left to wait for, or the error it came to.
    #[inline]
    pub fn try_poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Result<bool, E> {
        let Projected::Running { future } = self.as_mut().project() else { return Ok(false) };
        match future.poll(cx) {
            Poll::Pending => Ok(true),
            Poll::Ready(Err(error)) => Err(error),
            Poll::Ready(output) => {
                self.set(Self::Done { output });
                Ok(false)
            }
        }
    }

    /// What it came to, if it came to no error.
    #[inline]
    pub fn take_ok(self: Pin<&mut Self>) -> T {
        match self.output() {
            Ok(value) => value,
            Err(_) => unreachable!("`try_poll` kept no error"),
        }
    }
}

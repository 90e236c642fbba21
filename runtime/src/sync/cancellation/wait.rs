//! Waiting for a token to be cancelled.

use std::borrow::Borrow;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use super::token::CancellationToken;
use crate::sync::rounds::Waiter;
use crate::task::{Note, Resource, coop};

/// The future of [`CancellationToken::cancelled`].
#[must_use = "futures do nothing unless they are awaited"]
pub struct WaitForCancellationFuture<'a>(Wait<&'a CancellationToken>);

/// The future of [`CancellationToken::cancelled_owned`].
#[must_use = "futures do nothing unless they are awaited"]
pub struct WaitForCancellationFutureOwned(Wait<CancellationToken>);

impl<'a> WaitForCancellationFuture<'a> {
    pub(super) fn new(token: &'a CancellationToken) -> Self {
        Self(Wait { token, waiter: None })
    }
}

impl WaitForCancellationFutureOwned {
    pub(super) fn new(token: CancellationToken) -> Self {
        Self(Wait { token, waiter: None })
    }
}

impl Future for WaitForCancellationFuture<'_> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.0.poll(cx)
    }
}

impl Future for WaitForCancellationFutureOwned {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.0.poll(cx)
    }
}

/// What both are.
struct Wait<T: Borrow<CancellationToken>> {
    token: T,
    waiter: Option<Waiter>,
}

impl<T: Borrow<CancellationToken>> Wait<T> {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let node = self.token.borrow().node();
        let coop = ready!(coop::poll_proceed(cx)).awaiting(Note::resource(Resource::CancellationToken, node));
        while !node.is_cancelled() {
            match &mut self.waiter {
                // Looks again, since the cancellation may have come before.
                None => self.waiter = Some(node.rounds().join()),
                Some(waiter) => {
                    ready!(node.rounds().poll(waiter, cx));
                    debug_assert!(node.is_cancelled());
                }
            }
        }
        coop.made_progress();
        Poll::Ready(())
    }
}

impl<T: Borrow<CancellationToken>> Drop for Wait<T> {
    fn drop(&mut self) {
        if let Some(waiter) = &mut self.waiter {
            self.token.borrow().node().rounds().leave(waiter);
        }
    }
}

impl fmt::Debug for WaitForCancellationFuture<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WaitForCancellationFuture").field("token", self.0.token).finish_non_exhaustive()
    }
}

impl fmt::Debug for WaitForCancellationFutureOwned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WaitForCancellationFutureOwned").field("token", &self.0.token).finish_non_exhaustive()
    }
}

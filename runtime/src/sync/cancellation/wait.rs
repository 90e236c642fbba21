//! Waiting for a token to be cancelled.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use event_listener::EventListener;

use super::token::CancellationToken;
use super::tree::Node;
use crate::task::coop;

/// The future of [`CancellationToken::cancelled`].
#[must_use = "futures do nothing unless they are awaited"]
pub struct WaitForCancellationFuture<'a> {
    token: &'a CancellationToken,
    listener: Option<EventListener>,
}

/// The future of [`CancellationToken::cancelled_owned`].
#[must_use = "futures do nothing unless they are awaited"]
pub struct WaitForCancellationFutureOwned {
    token: CancellationToken,
    listener: Option<EventListener>,
}

impl<'a> WaitForCancellationFuture<'a> {
    pub(super) fn new(token: &'a CancellationToken) -> Self {
        Self { token, listener: None }
    }
}

impl WaitForCancellationFutureOwned {
    pub(super) fn new(token: CancellationToken) -> Self {
        Self { token, listener: None }
    }
}

impl Future for WaitForCancellationFuture<'_> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.get_mut();
        poll(this.token.node(), &mut this.listener, cx)
    }
}

impl Future for WaitForCancellationFutureOwned {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.get_mut();
        poll(this.token.node(), &mut this.listener, cx)
    }
}

fn poll(node: &Node, listener: &mut Option<EventListener>, cx: &mut Context<'_>) -> Poll<()> {
    let coop = ready!(coop::poll_proceed(cx));
    while !node.is_cancelled() {
        match listener {
            // Looks again, since the cancellation may have come before the place among the waiters.
            None => *listener = Some(node.listen()),
            Some(waiting) => {
                ready!(Pin::new(waiting).poll(cx));
                *listener = None;
            }
        }
    }
    coop.made_progress();
    Poll::Ready(())
}

impl fmt::Debug for WaitForCancellationFuture<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WaitForCancellationFuture").field("token", self.token).finish_non_exhaustive()
    }
}

impl fmt::Debug for WaitForCancellationFutureOwned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WaitForCancellationFutureOwned").field("token", &self.token).finish_non_exhaustive()
    }
}

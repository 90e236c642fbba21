//! A moment by which something is to be done, if there is one.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use crate::time::{Instant, Sleep, sleep_until};

/// A timer that may not be there.
pub(super) struct Deadline(Option<Pin<Box<Sleep>>>);

impl Deadline {
    /// So long from now on.
    #[track_caller]
    pub(super) fn after(timeout: Option<Duration>) -> Self {
        // A closure would not know the caller.
        match timeout {
            Some(timeout) => Self(Some(Box::pin(sleep_until(Instant::now().later_by(timeout))))),
            None => Self(None),
        }
    }

    /// Ready once it has passed.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match &mut self.0 {
            Some(sleep) => sleep.as_mut().poll(cx),
            None => Poll::Pending,
        }
    }
}

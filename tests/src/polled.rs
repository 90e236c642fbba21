//! A future that a test polls by hand, so that what happens between two polls is the test's to say.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use crate::CountingWaker;

/// A future, polled by hand; dropping it is cancelling it.
pub struct Polled<F: Future> {
    future: Pin<Box<F>>,
    counter: Arc<CountingWaker>,
    waker: Waker,
    seen: usize,
}

impl<F: Future> Polled<F> {
    /// Not polled yet.
    pub fn new(future: F) -> Self {
        let (counter, waker) = CountingWaker::new();
        Polled { future: Box::pin(future), counter, waker, seen: 0 }
    }

    /// Polled once, and pending.
    #[track_caller]
    pub fn waiting(future: F) -> Self {
        let mut polled = Polled::new(future);
        polled.is_pending();
        polled
    }

    /// Polls it.
    pub fn poll(&mut self) -> Poll<F::Output> {
        self.seen = self.counter.wakes();
        self.future.as_mut().poll(&mut Context::from_waker(&self.waker))
    }

    /// Polls it, and asserts that it is pending.
    #[track_caller]
    pub fn is_pending(&mut self) {
        assert!(self.poll().is_pending(), "it was ready");
    }

    /// Polls it, and asserts that it is ready.
    #[track_caller]
    pub fn ready(&mut self) -> F::Output {
        match self.poll() {
            Poll::Ready(output) => output,
            Poll::Pending => panic!("it was not ready"),
        }
    }

    /// Asserts that it was woken since it was polled, polls it, and asserts that it is ready.
    #[track_caller]
    pub fn woken_and_ready(&mut self) -> F::Output {
        assert!(self.is_woken(), "it was not woken");
        self.ready()
    }

    /// Whether it was woken since it was polled.
    pub fn is_woken(&self) -> bool {
        self.counter.wakes() > self.seen
    }
}

impl<F: Future> fmt::Debug for Polled<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Polled").field("woken", &self.is_woken()).finish_non_exhaustive()
    }
}

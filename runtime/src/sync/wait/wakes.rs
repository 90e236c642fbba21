//! Wakers that are collected under a lock and woken outside of it.

use std::task::Waker;

use crate::context;
use crate::quietly;

/// Who is to be woken, in order.
#[must_use = "whoever is in it waits to be woken"]
pub(crate) struct Wakes {
    /// The most there is, most of the time: it costs no allocation.
    first: Option<Waker>,
    rest: Vec<Waker>,
}

impl Wakes {
    #[inline]
    pub(crate) const fn new() -> Self {
        Self { first: None, rest: Vec::new() }
    }

    /// Expects so many.
    pub(crate) fn reserve(&mut self, many: usize) {
        if many > 1 {
            self.rest.reserve(many - 1);
        }
    }

    #[inline]
    pub(crate) fn push(&mut self, waker: Option<Waker>) {
        if let Some(waker) = waker {
            if self.first.is_none() {
                self.first = Some(waker);
            } else {
                self.rest.push(waker);
            }
        }
    }

    /// Wakes them all. The caller holds no lock: a waker may run any code. One that panics keeps nobody else
    /// from being woken.
    #[inline]
    pub(crate) fn wake(self) {
        if let Some(first) = self.first {
            quietly(|| first.wake());
        }
        if !self.rest.is_empty() {
            wake_together(self.rest);
        }
    }
}

#[cold]
fn wake_together(wakers: Vec<Waker>) {
    let wake = || wakers.into_iter().for_each(|waker| quietly(|| waker.wake()));
    context::with_worker(|worker| match worker {
        Some(worker) => worker.wake_together(wake),
        None => wake(),
    });
}

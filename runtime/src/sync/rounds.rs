//! Those who wait for something that happens to all of them at once.
//!
//! It is in rounds: who waits remembers the round it began in, and is done when that is over. Wakers are called when the lock is free, so
//! they may do what they like, with this list too. (`event-listener` calls them under its lock, and miscounts after one that panics.)

use std::mem;
use std::task::{Context, Poll, Waker};

use slab::Slab;

use crate::primitives::Mutex;
use crate::primitives::atomic::{AtomicU64, Ordering};
use crate::quietly;

#[derive(Debug)]
pub(crate) struct Rounds {
    /// The round under way. Changed under the lock only.
    round: AtomicU64,
    wakers: Mutex<Slab<Waker>>,
}

/// A waiter: the round it waits in, and where it left which waker, once it has left one.
#[derive(Debug)]
pub(crate) struct Waiter {
    round: u64,
    left: Option<(usize, Waker)>,
}

impl Rounds {
    pub(crate) fn new() -> Self {
        Self { round: AtomicU64::new(0), wakers: Mutex::new(Slab::new()) }
    }

    /// Waits for the end of the round under way. What it waits for may have come before: who calls this looks after that.
    pub(crate) fn join(&self) -> Waiter {
        let _wakers = self.wakers.lock();
        Waiter { round: self.round(), left: None }
    }

    fn round(&self) -> u64 {
        // Acquire: pairs with the Release in `wake_all`, for what was done before it.
        self.round.load(Ordering::Acquire)
    }

    /// Ends the round.
    pub(crate) fn wake_all(&self) {
        let wakers = {
            let mut wakers = self.wakers.lock();
            // Release: pairs with the Acquire in `round`.
            self.round.store(self.round() + 1, Ordering::Release);
            mem::take(&mut *wakers)
        };
        for (_, waker) in wakers {
            quietly(|| waker.wake());
        }
    }

    /// Whether the waiter's round is over. Takes no lock if it was asked before with the same waker.
    pub(crate) fn poll(&self, waiter: &mut Waiter, cx: &mut Context<'_>) -> Poll<()> {
        if self.round() != waiter.round {
            return Poll::Ready(());
        }
        if waiter.left.as_ref().is_some_and(|(_, waker)| waker.will_wake(cx.waker())) {
            // It is there still, for whoever ends the round.
            return Poll::Pending;
        }
        // Cloned and dropped with no lock held, since either is the user's code.
        let (waker, own) = (cx.waker().clone(), cx.waker().clone());
        let mut wakers = self.wakers.lock();
        if self.round() != waiter.round {
            return Poll::Ready(());
        }
        let (place, old) = match &waiter.left {
            Some((place, _)) => (*place, Some(mem::replace(&mut wakers[*place], waker))),
            None => (wakers.insert(waker), None),
        };
        drop(wakers);
        drop((waiter.left.replace((place, own)), old));
        Poll::Pending
    }

    /// The waiter waits no more.
    pub(crate) fn leave(&self, waiter: &mut Waiter) {
        let Some((place, _waker)) = waiter.left.take() else { return };
        if self.round() != waiter.round {
            return;
        }
        let mut wakers = self.wakers.lock();
        let waker = (self.round() == waiter.round).then(|| wakers.remove(place));
        drop(wakers);
        drop(waker);
    }
}

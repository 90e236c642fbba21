//! Those who wait for something that happens to all of them at once.
//!
//! It is in rounds: who waits remembers the round it began in, and is done when that is over. Wakers are called when the lock is free, so
//! they may do what they like, with this list too. (`event-listener` calls them under its lock, and miscounts after one that panics.)

use std::mem;
use std::task::{Context, Poll, Waker};

use slab::Slab;

use crate::primitives::Mutex;
use crate::quietly;

#[derive(Debug)]
pub(super) struct Waiters(Mutex<Round>);

#[derive(Debug)]
struct Round {
    number: u64,
    wakers: Slab<Waker>,
}

/// A waiter: the round it waits in, and where its waker is, once it has left one.
#[derive(Debug)]
pub(super) struct Waiter {
    round: u64,
    place: Option<usize>,
}

impl Waiters {
    pub(super) fn new() -> Self {
        Self(Mutex::new(Round { number: 0, wakers: Slab::new() }))
    }

    /// Waits for the round under way. What it waits for may have come before: who calls this looks after that.
    pub(super) fn join(&self) -> Waiter {
        Waiter { round: self.0.lock().number, place: None }
    }

    /// Ends the round.
    pub(super) fn wake_all(&self) {
        let wakers = {
            let mut round = self.0.lock();
            round.number += 1;
            mem::take(&mut round.wakers)
        };
        for (_, waker) in wakers {
            quietly(|| waker.wake());
        }
    }

    /// Whether the waiter's round is over.
    pub(super) fn poll(&self, waiter: &mut Waiter, cx: &mut Context<'_>) -> Poll<()> {
        // Cloned and dropped when the lock is free, since either is the user's code.
        let waker = cx.waker().clone();
        let mut round = self.0.lock();
        if round.number != waiter.round {
            waiter.place = None;
            return Poll::Ready(());
        }
        let old = match waiter.place {
            Some(place) => Some(mem::replace(&mut round.wakers[place], waker)),
            None => {
                waiter.place = Some(round.wakers.insert(waker));
                None
            }
        };
        drop(round);
        drop(old);
        Poll::Pending
    }

    /// The waiter waits no more.
    pub(super) fn leave(&self, waiter: &mut Waiter) {
        let Some(place) = waiter.place.take() else { return };
        let mut round = self.0.lock();
        let waker = (round.number == waiter.round).then(|| round.wakers.remove(place));
        drop(round);
        drop(waker);
    }
}

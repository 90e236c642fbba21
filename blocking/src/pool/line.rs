//! [`Line`]: those who wait for room in a bounded queue, first come first served.

use super::shared::Shared;
use crate::executor::{Rejected, Room};
use crate::job::Job;
use crate::panics::swallow;
use crate::primitives::{AtomicUsize, Mutex, Ordering, fence};
use std::collections::VecDeque;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

/// The waiting, oldest first. A taken job tells one of them; who is told is off the line, and has to try, or
/// to tell the next when it goes away.
pub(crate) struct Line {
    /// How many wait, so that taking a job from the queue need not lock.
    waiting: AtomicUsize,
    places: Mutex<Places>,
}

struct Places {
    next_key: u64,
    waiting: VecDeque<(u64, Waker)>,
}

/// Which end of the line to join.
#[derive(Clone, Copy, PartialEq, Eq)]
enum At {
    Back,
    /// For one that had been told of room and found it taken.
    Front,
}

impl Line {
    pub(crate) fn new() -> Self {
        Self {
            waiting: AtomicUsize::new(0),
            places: Mutex::new(Places { next_key: 0, waiting: VecDeque::new() }),
        }
    }

    /// A job was taken from the queue: tells the first in line, if anyone waits.
    #[inline]
    pub(crate) fn taken(&self) {
        // Pairs with the fence in `join`: either this sees the newcomer, or the newcomer sees the room.
        fence(Ordering::SeqCst);
        if self.waiting.load(Ordering::Relaxed) > 0 {
            self.tell_next();
        }
    }

    #[cold]
    fn tell_next(&self) {
        let mut places = self.places.lock();
        let next = places.waiting.pop_front();
        self.waiting.store(places.waiting.len(), Ordering::Relaxed);
        drop(places);
        if let Some((_, waker)) = next {
            swallow(|| waker.wake());
        }
    }

    /// Tells everyone: the pool has ended.
    pub(crate) fn tell_all(&self) {
        // The lock is enough: who joins after this has taken all sees the end, which came before.
        let mut places = self.places.lock();
        let all = std::mem::take(&mut places.waiting);
        self.waiting.store(0, Ordering::Relaxed);
        drop(places);
        for (_, waker) in all {
            swallow(|| waker.wake());
        }
    }

    fn is_empty(&self) -> bool {
        self.waiting.load(Ordering::Relaxed) == 0
    }

    /// Joins the line. The caller looks for room once more after this.
    fn join(&self, at: At, waker: Waker) -> u64 {
        let mut places = self.places.lock();
        let key = places.next_key;
        places.next_key += 1;
        match at {
            At::Back => places.waiting.push_back((key, waker)),
            At::Front => places.waiting.push_front((key, waker)),
        }
        self.waiting.store(places.waiting.len(), Ordering::Relaxed);
        drop(places);
        // Pairs with the fence in `taken`: either that sees this one, or the look that follows sees the room.
        fence(Ordering::SeqCst);
        key
    }

    /// Replaces the waker of a place. False if it has been told of room, and is off the line.
    fn renew(&self, key: u64, waker: &Waker) -> bool {
        // A waker's clone and drop are code of others, which may own another place: not under the lock.
        let waker = waker.clone();
        let mut places = self.places.lock();
        let replaced = match places.waiting.iter_mut().find(|(other, _)| *other == key) {
            Some((_, old)) => Ok(std::mem::replace(old, waker)),
            None => Err(waker),
        };
        drop(places);
        replaced.is_ok()
    }

    /// Leaves the line. False if it has been told of room, and is off the line.
    fn quit(&self, key: u64) -> bool {
        let mut places = self.places.lock();
        let Some(index) = places.waiting.iter().position(|(other, _)| *other == key) else { return false };
        let place = places.waiting.remove(index);
        self.waiting.store(places.waiting.len(), Ordering::Relaxed);
        drop(places);
        drop(place);
        true
    }
}

/// [`Room`] of a bounded thread pool.
pub(crate) struct PoolRoom {
    pool: Arc<Shared>,
    /// The place in line, until its holder has tried again after being told.
    place: Option<u64>,
}

impl PoolRoom {
    pub(crate) fn new(pool: Arc<Shared>) -> Self {
        Self { pool, place: None }
    }

    fn line(&self) -> Option<&Line> {
        self.pool.line()
    }
}

impl Room for PoolRoom {
    fn poll_execute(&mut self, cx: &mut Context<'_>, job: &mut Option<Job>) -> Poll<Result<(), Rejected>> {
        let work = job.take().expect("`Room::poll_execute` called without a job");
        let mut at = At::Back;
        match (self.place, self.line()) {
            (Some(place), Some(line)) => {
                if line.renew(place, cx.waker()) {
                    *job = Some(work);
                    return Poll::Pending;
                }
                at = At::Front;
            }
            // Newcomers do not overtake those in line.
            (None, Some(line)) if !line.is_empty() && !self.pool.is_ended() => {
                *job = Some(work);
                self.wait(At::Back, cx);
                return Poll::Pending;
            }
            _ => {}
        }
        match self.pool.submit(work) {
            Err(rejected) if rejected.is_full() => {
                *job = Some(rejected.into_job());
                self.wait(at, cx);
                Poll::Pending
            }
            outcome => {
                self.place = None;
                Poll::Ready(outcome)
            }
        }
    }
}

impl PoolRoom {
    fn wait(&mut self, at: At, cx: &Context<'_>) {
        let Some(line) = self.pool.line() else { return };
        self.place = Some(line.join(at, cx.waker().clone()));
        if self.pool.has_room_or_ended() {
            line.tell_next();
        }
    }
}

impl Drop for PoolRoom {
    fn drop(&mut self) {
        if let (Some(place), Some(line)) = (self.place, self.line())
            && !line.quit(place)
            && self.pool.has_room_or_ended()
        {
            line.tell_next();
        }
    }
}

//! A line of waiters: first come, first served, and everyone can leave at any time.
//!
//! A plain data structure; the lock around it is its owner's. No waker is dropped or woken in here: both may run
//! any code, and belong outside of the lock, so they are handed out instead.

use std::task::Waker;

use slab::Slab;

/// No waiter.
const NONE: usize = usize::MAX;

/// The waiters in a line, and those that have left it at its head and not looked since.
pub(crate) struct Waiters<T> {
    slots: Slab<Waiter<T>>,
    head: usize,
    tail: usize,
    queued: usize,
}

struct Waiter<T> {
    /// What it waits for, or what it was given.
    note: T,
    waker: Option<Waker>,
    place: Place,
}

enum Place {
    Queued { before: usize, after: usize },
    Granted,
}

/// A waiter, known by itself alone. It must be given back: to [`Waiters::look`] until that says that it was granted, or to
/// [`Waiters::remove`].
#[must_use]
pub(crate) struct Key(usize);

/// What a waiter sees.
pub(crate) enum Looked<T> {
    /// It was granted what it waited for, and is no waiter any more.
    Granted(T),
    /// It waits on; here is the waker it had before, to be dropped outside of the lock.
    Waits(#[allow(dead_code, reason = "it is there to be dropped by the caller")] Option<Waker>),
}

/// A waiter that has left.
pub(crate) struct Left<T> {
    pub(crate) note: T,
    /// Whether it was granted what it waited for and never saw it: someone else must have it.
    pub(crate) was_granted: bool,
    /// To be dropped outside of the lock.
    _waker: Option<Waker>,
}

impl<T> Waiters<T> {
    #[inline]
    pub(crate) const fn new() -> Self {
        Self { slots: Slab::new(), head: NONE, tail: NONE, queued: 0 }
    }

    /// How many wait.
    pub(crate) fn len(&self) -> usize {
        self.queued
    }

    /// Whether nobody waits.
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.head == NONE
    }

    /// Goes to the end of the line.
    pub(crate) fn push(&mut self, note: T, waker: Waker) -> Key {
        let place = Place::Queued { before: self.tail, after: NONE };
        let key = self.slots.insert(Waiter { note, waker: Some(waker), place });
        match self.tail {
            NONE => self.head = key,
            tail => *self.after(tail) = key,
        }
        self.tail = key;
        self.queued += 1;
        Key(key)
    }

    /// What the first in line waits for.
    #[inline]
    pub(crate) fn front(&mut self) -> Option<&mut T> {
        self.slots.get_mut(self.head).map(|waiter| &mut waiter.note)
    }

    /// What the last in line waits for.
    pub(crate) fn back(&mut self) -> Option<&mut T> {
        self.slots.get_mut(self.tail).map(|waiter| &mut waiter.note)
    }

    /// Grants the first in line what it waits for: it leaves the line, and sees that when it looks.
    pub(crate) fn grant_front(&mut self) -> Option<Waker> {
        self.grant(self.head)
    }

    /// Grants the last in line what it waits for.
    pub(crate) fn grant_back(&mut self) -> Option<Waker> {
        self.grant(self.tail)
    }

    fn grant(&mut self, key: usize) -> Option<Waker> {
        if key == NONE {
            return None;
        }
        self.unlink(key);
        let waiter = &mut self.slots[key];
        waiter.place = Place::Granted;
        waiter.waker.take()
    }

    /// The wakers of all in line, who stay in it: they will see by other means why they were woken.
    pub(crate) fn take_wakers(&mut self, mut take: impl FnMut(Option<Waker>)) {
        let mut at = self.head;
        while let Some(waiter) = self.slots.get_mut(at) {
            take(waiter.waker.take());
            at = match waiter.place {
                Place::Queued { after, .. } => after,
                Place::Granted => unreachable!("who is granted has left the line"),
            };
        }
    }

    /// Sees whether a waiter was granted what it waits for, and if not leaves that waker.
    #[inline]
    pub(crate) fn look(&mut self, key: &mut Option<Key>, waker: &Waker) -> Looked<T> {
        let index = key.as_ref().expect("a waiter looks until it is granted").0;
        let waiter = &mut self.slots[index];
        match waiter.place {
            Place::Granted => {
                *key = None;
                Looked::Granted(self.slots.remove(index).note)
            }
            Place::Queued { .. } => match &waiter.waker {
                Some(old) if old.will_wake(waker) => Looked::Waits(None),
                _ => Looked::Waits(waiter.waker.replace(waker.clone())),
            },
        }
    }

    /// Leaves, wherever it is.
    pub(crate) fn remove(&mut self, key: Key) -> Left<T> {
        let was_granted = matches!(self.slots[key.0].place, Place::Granted);
        if !was_granted {
            self.unlink(key.0);
        }
        let Waiter { note, waker, .. } = self.slots.remove(key.0);
        Left { note, was_granted, _waker: waker }
    }

    fn unlink(&mut self, key: usize) {
        let Place::Queued { before, after } = self.slots[key].place else {
            unreachable!("who is granted has left the line");
        };
        match before {
            NONE => self.head = after,
            before => *self.after(before) = after,
        }
        match after {
            NONE => self.tail = before,
            after => *self.before(after) = before,
        }
        self.queued -= 1;
    }

    fn before(&mut self, key: usize) -> &mut usize {
        match &mut self.slots[key].place {
            Place::Queued { before, .. } => before,
            Place::Granted => unreachable!("who is granted has left the line"),
        }
    }

    fn after(&mut self, key: usize) -> &mut usize {
        match &mut self.slots[key].place {
            Place::Queued { after, .. } => after,
            Place::Granted => unreachable!("who is granted has left the line"),
        }
    }
}

#[cfg(all(test, not(windlass_loom)))]
mod tests {
    use super::*;

    fn line(waiters: &mut Waiters<u32>) -> Vec<u32> {
        let mut line = Vec::new();
        while let Some(&mut note) = waiters.front() {
            line.push(note);
            waiters.grant_front();
        }
        line
    }

    #[test]
    fn who_comes_first_is_served_first() {
        let mut waiters = Waiters::new();
        let _keys: Vec<_> = (0..5).map(|note| waiters.push(note, Waker::noop().clone())).collect();
        assert_eq!(waiters.len(), 5);
        assert_eq!(line(&mut waiters), [0, 1, 2, 3, 4]);
        assert!(waiters.is_empty());
    }

    #[test]
    fn anyone_may_leave_from_anywhere() {
        let mut waiters = Waiters::new();
        let mut keys: Vec<_> = (0..6).map(|note| Some(waiters.push(note, Waker::noop().clone()))).collect();
        for leaver in [0, 3, 5] {
            let left = waiters.remove(keys[leaver].take().unwrap());
            assert!(!left.was_granted);
            assert_eq!(left.note, leaver as u32);
        }
        assert_eq!(line(&mut waiters), [1, 2, 4]);
    }

    #[test]
    fn who_leaves_after_it_was_granted_says_so() {
        let mut waiters = Waiters::new();
        let key = waiters.push(7, Waker::noop().clone());
        assert!(waiters.grant_back().is_some());
        assert!(waiters.grant_back().is_none());
        assert!(waiters.remove(key).was_granted);
    }

    #[test]
    fn a_slot_is_used_again() {
        let mut waiters = Waiters::new();
        for note in 0..100 {
            let mut key = Some(waiters.push(note, Waker::noop().clone()));
            assert!(matches!(waiters.look(&mut key, Waker::noop()), Looked::Waits(_)));
            waiters.grant_front();
            assert!(matches!(waiters.look(&mut key, Waker::noop()), Looked::Granted(seen) if seen == note));
            assert!(key.is_none());
        }
        assert!(waiters.slots.capacity() < 10);
    }
}

//! A line of waiters: first come, first served, and everyone can leave at any time.
//!
//! The lock around it is its owner's. A waiter that was granted what it waits for can see that without the lock, in a word of
//! its own ([`Key::take_granted`]). No waker is dropped or woken in here: both may run any code, and belong outside of the lock, so they
//! are handed out instead.

use std::array;
use std::ptr::NonNull;
use std::task::Waker;

use crate::primitives::Arc;
use crate::primitives::atomic::AtomicU8;
use crate::primitives::atomic::Ordering::{Acquire, Relaxed, Release};

/// No waiter.
const NONE: u32 = u32::MAX;

// What a waiter's word says.
/// It is in line.
const QUEUED: u8 = 0;
/// It was granted what it waits for.
const GRANTED: u8 = 1;
/// It has seen that, and its slot may be used again.
const SEEN: u8 = 2;

/// The waiters in a line, and those that have left it because they were granted something.
pub(crate) struct Waiters<T> {
    slots: Vec<Waiter<T>>,
    words: Option<Arc<Words>>,
    line: List,
    /// Those that were granted something, until their slots are used again.
    granted: List,
    /// The first free slot; the others follow it.
    free: u32,
    queued: u32,
}

struct Waiter<T> {
    /// What it waits for, or what it was given.
    note: T,
    waker: Option<Waker>,
    word: NonNull<Word>,
    before: u32,
    after: u32,
}

/// What a waiter looks at without the lock.
struct Word {
    says: AtomicU8,
    slot: u32,
}

/// The words of as many slots, and of those before. They are only ever shared, and stay where they are for as long as the line lives.
struct Words {
    words: [Word; WORDS],
    older: Option<Arc<Words>>,
}

const WORDS: usize = 8;

/// For how many slots there is room at first.
const LEAST: usize = 4;

/// The ends of a list of slots.
struct List {
    head: u32,
    tail: u32,
}

/// A waiter, known by itself alone. It must be given back, to the line it is from: to [`take_granted`](Self::take_granted) or
/// [`Waiters::look`] until one of them says that it was granted, or to [`Waiters::remove`].
#[must_use]
pub(crate) struct Key(NonNull<Word>);

// SAFETY: a word is an atomic and a number that does not change.
unsafe impl Send for Key {}
// SAFETY: as above.
unsafe impl Sync for Key {}
// SAFETY: as above, for the words; what else is in here is its own.
unsafe impl<T: Send> Send for Waiters<T> {}
// SAFETY: as above; a shared reference gives nothing away but numbers.
unsafe impl<T: Send> Sync for Waiters<T> {}

impl Key {
    /// Whether it was granted what it waits for; it is no waiter any more then. This needs no lock, and what happened
    /// before it was granted has happened.
    ///
    /// # Safety
    ///
    /// The line it is from lives.
    #[inline]
    pub(crate) unsafe fn take_granted(key: &mut Option<Key>) -> bool {
        let Some(Key(word)) = key else { return false };
        // SAFETY: the words live as long as the line, which does, the caller says.
        let word = unsafe { word.as_ref() };
        // Acquire pairs with the Release in `grant`.
        if word.says.load(Acquire) != GRANTED {
            return false;
        }
        // Nothing but the word is handed over: the slot belongs to whoever has the lock.
        word.says.store(SEEN, Relaxed);
        *key = None;
        true
    }
}

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
        Self {
            slots: Vec::new(),
            words: None,
            line: List::EMPTY,
            granted: List::EMPTY,
            free: NONE,
            queued: 0,
        }
    }

    /// How many wait.
    pub(crate) fn len(&self) -> usize {
        self.queued as usize
    }

    /// Whether nobody waits.
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.line.head == NONE
    }

    /// Goes to the end of the line.
    #[inline]
    pub(crate) fn push(&mut self, note: T, waker: Waker) -> Key {
        let slot = match self.vacant() {
            Some(slot) => slot,
            None => match self.sweep() {
                Some(slot) => slot,
                None => return self.grow_and_push(note, waker),
            },
        };
        let waiter = self.slot(slot);
        let word = waiter.word;
        waiter.note = note;
        waiter.waker = Some(waker);
        self.enqueue(slot, word)
    }

    /// A slot that nobody has: a free one, or that of the one who was granted something first, if it has seen it.
    #[inline]
    fn vacant(&mut self) -> Option<u32> {
        let (free, first) = (self.free, self.granted.head);
        if free != NONE {
            self.free = self.slot(free).after;
            return Some(free);
        }
        if first != NONE && self.is_gone(first) {
            self.granted.unlink(&mut self.slots, first);
            return Some(first);
        }
        None
    }

    /// Looks at all who were granted something, before there is no room for more slots: those who have seen it need theirs no
    /// longer. There is room for twice as many after it unless these were more than half of all, so it is as rare as that room grows.
    #[cold]
    fn sweep(&mut self) -> Option<u32> {
        let slots = self.slots.len();
        if slots < self.slots.capacity() {
            return None;
        }
        let (mut at, mut freed) = (self.granted.head, 0);
        while at != NONE {
            let slot = at;
            at = self.slot(slot).after;
            if self.is_gone(slot) {
                self.granted.unlink(&mut self.slots, slot);
                self.release(slot);
                freed += 1;
            }
        }
        if freed <= slots / 2 {
            self.slots.reserve_exact(slots.max(LEAST));
        }
        self.vacant()
    }

    #[cold]
    fn grow_and_push(&mut self, note: T, waker: Waker) -> Key {
        let number = self.slots.len();
        if number.is_multiple_of(WORDS) {
            let first = u32::try_from(number).ok().filter(|first| first.checked_add(WORDS as u32).is_some());
            let first = first.expect("fewer than four billion wait in one line");
            let word = |at| Word { says: AtomicU8::new(QUEUED), slot: first + at as u32 };
            self.words = Some(Arc::new(Words { words: array::from_fn(word), older: self.words.take() }));
        }
        let words = self.words.as_ref().expect("there are some by now");
        let word = NonNull::from(&words.words[number % WORDS]);
        self.slots.push(Waiter { note, waker: Some(waker), word, before: NONE, after: NONE });
        self.enqueue(number as u32, word)
    }

    fn enqueue(&mut self, slot: u32, word: NonNull<Word>) -> Key {
        // SAFETY: the words live as long as this.
        unsafe { word.as_ref() }.says.store(QUEUED, Relaxed);
        self.line.push(&mut self.slots, slot);
        self.queued += 1;
        Key(word)
    }

    /// What the first in line waits for.
    #[inline]
    pub(crate) fn front(&mut self) -> Option<&mut T> {
        self.note(self.line.head)
    }

    /// What the last in line waits for.
    pub(crate) fn back(&mut self) -> Option<&mut T> {
        self.note(self.line.tail)
    }

    #[inline]
    fn note(&mut self, slot: u32) -> Option<&mut T> {
        self.slots.get_mut(slot as usize).map(|waiter| &mut waiter.note)
    }

    /// Grants the first in line what it waits for: it leaves the line, and sees that when it looks.
    pub(crate) fn grant_front(&mut self) -> Option<Waker> {
        self.grant(self.line.head)
    }

    /// Grants the last in line what it waits for.
    pub(crate) fn grant_back(&mut self) -> Option<Waker> {
        self.grant(self.line.tail)
    }

    fn grant(&mut self, slot: u32) -> Option<Waker> {
        if slot == NONE {
            return None;
        }
        self.line.unlink(&mut self.slots, slot);
        self.queued -= 1;
        self.granted.push(&mut self.slots, slot);
        // Release pairs with the Acquire in `take_granted`: what was done before is seen by who sees the grant.
        self.word(slot).says.store(GRANTED, Release);
        self.slot(slot).waker.take()
    }

    /// The wakers of all in line, who stay in it: they will see by other means why they were woken.
    pub(crate) fn take_wakers(&mut self, mut take: impl FnMut(Option<Waker>)) {
        let mut at = self.line.head;
        while let Some(waiter) = self.slots.get_mut(at as usize) {
            take(waiter.waker.take());
            at = waiter.after;
        }
    }

    /// Sees whether a waiter was granted what it waits for, and if not leaves that waker.
    #[inline]
    pub(crate) fn look(&mut self, key: &mut Option<Key>, waker: &Waker) -> Looked<T>
    where
        T: Copy,
    {
        let slot = self.slot_of(key.as_ref().expect("a waiter looks until it is granted"));
        if self.see_grant(slot) {
            *key = None;
            return Looked::Granted(self.slot(slot).note);
        }
        let waiter = self.slot(slot);
        match &waiter.waker {
            Some(old) if old.will_wake(waker) => Looked::Waits(None),
            _ => Looked::Waits(waiter.waker.replace(waker.clone())),
        }
    }

    /// Whether a waiter was granted what it waits for, and has not seen it yet.
    pub(crate) fn is_granted(&self, key: &Key) -> bool {
        // Granted under the lock, which the caller has.
        self.word(self.slot_of(key)).says.load(Relaxed) == GRANTED
    }

    /// Leaves, wherever it is.
    pub(crate) fn remove(&mut self, key: Key) -> Left<T>
    where
        T: Copy,
    {
        let slot = self.slot_of(&key);
        let was_granted = self.see_grant(slot);
        if !was_granted {
            self.line.unlink(&mut self.slots, slot);
            self.queued -= 1;
            self.release(slot);
        }
        let waiter = self.slot(slot);
        Left { note: waiter.note, was_granted, _waker: waiter.waker.take() }
    }

    /// Puts a slot that is in no list among the free ones.
    fn release(&mut self, slot: u32) {
        self.slot(slot).after = self.free;
        self.free = slot;
    }

    /// Whether a waiter that has not seen it yet was granted what it waits for: it has seen it from here on.
    #[inline]
    fn see_grant(&self, slot: u32) -> bool {
        let word = self.word(slot);
        // Granted under the lock, which the caller has.
        let granted = word.says.load(Relaxed) == GRANTED;
        if granted {
            word.says.store(SEEN, Relaxed);
        }
        granted
    }

    /// Whether one that was granted something has seen it.
    #[inline]
    fn is_gone(&self, slot: u32) -> bool {
        self.word(slot).says.load(Relaxed) == SEEN
    }

    #[inline]
    fn slot_of(&self, Key(word): &Key) -> u32 {
        // SAFETY: the words live as long as this, which the key is from.
        unsafe { word.as_ref() }.slot
    }

    #[inline]
    fn slot(&mut self, slot: u32) -> &mut Waiter<T> {
        &mut self.slots[slot as usize]
    }

    #[inline]
    fn word(&self, slot: u32) -> &Word {
        let word = self.slots[slot as usize].word;
        // SAFETY: the words live as long as this.
        unsafe { word.as_ref() }
    }
}

impl Drop for Words {
    fn drop(&mut self) {
        // One after the other: there may be more than a stack has room for.
        let mut older = self.older.take();
        while let Some(mut words) = older.and_then(|words| Arc::try_unwrap(words).ok()) {
            older = words.older.take();
        }
    }
}

impl List {
    const EMPTY: Self = Self { head: NONE, tail: NONE };

    /// Puts a slot that is in no list at the end.
    #[inline]
    fn push<T>(&mut self, slots: &mut [Waiter<T>], slot: u32) {
        let waiter = &mut slots[slot as usize];
        (waiter.before, waiter.after) = (self.tail, NONE);
        match self.tail {
            NONE => self.head = slot,
            tail => slots[tail as usize].after = slot,
        }
        self.tail = slot;
    }

    /// Takes a slot out that is in this list.
    #[inline]
    fn unlink<T>(&mut self, slots: &mut [Waiter<T>], slot: u32) {
        let Waiter { before, after, .. } = slots[slot as usize];
        match before {
            NONE => self.head = after,
            before => slots[before as usize].after = after,
        }
        match after {
            NONE => self.tail = before,
            after => slots[after as usize].before = before,
        }
    }
}

#[cfg(all(test, not(windlass_loom)))]
mod tests {
    use std::collections::VecDeque;

    use super::*;

    fn taken<T>(_line: &Waiters<T>, key: &mut Option<Key>) -> bool {
        // SAFETY: the line is borrowed.
        unsafe { Key::take_granted(key) }
    }

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
        assert!(waiters.slots.len() < 10);
    }

    #[test]
    fn who_sees_it_without_the_lock_is_no_waiter_any_more() {
        let mut waiters = Waiters::new();
        for note in 0..100 {
            let mut key = Some(waiters.push(note, Waker::noop().clone()));
            assert!(!taken(&waiters, &mut key));
            waiters.grant_front();
            assert!(taken(&waiters, &mut key));
            assert!(key.is_none());
        }
        assert!(waiters.slots.len() < 10);
    }

    #[test]
    fn those_who_never_look_keep_their_slots_and_no_others() {
        let mut waiters = Waiters::new();
        let never: Vec<_> = (0..50).map(|note| waiters.push(note, Waker::noop().clone())).collect();
        while waiters.grant_front().is_some() {}
        for note in 0..10_000 {
            let mut key = Some(waiters.push(note, Waker::noop().clone()));
            waiters.grant_front();
            assert!(taken(&waiters, &mut key));
        }
        assert!(waiters.slots.len() < 200, "{}", waiters.slots.len());
        for (note, key) in (0..50).zip(never) {
            let left = waiters.remove(key);
            assert!(left.was_granted && left.note == note);
        }
    }

    #[test]
    fn whatever_they_do_it_is_a_line() {
        let seed = fastrand::u64(..);
        println!("seed {seed}");
        let mut random = fastrand::Rng::with_seed(seed);
        let mut waiters = Waiters::new();
        let (mut line, mut granted) = (VecDeque::new(), Vec::new());
        for note in 0..20_000 {
            match random.u32(..6) {
                0 | 1 => line.push_back((note, waiters.push(note, Waker::noop().clone()))),
                2 => {
                    assert_eq!(waiters.front().copied(), line.front().map(|&(note, _)| note));
                    assert_eq!(waiters.grant_front().is_some(), !line.is_empty());
                    granted.extend(line.pop_front());
                }
                3 => {
                    assert_eq!(waiters.back().copied(), line.back().map(|&(note, _)| note));
                    assert_eq!(waiters.grant_back().is_some(), !line.is_empty());
                    granted.extend(line.pop_back());
                }
                4 if !line.is_empty() => {
                    let (note, key) = line.remove(random.usize(..line.len())).unwrap();
                    let mut key = Some(key);
                    assert!(!taken(&waiters, &mut key));
                    let left = waiters.remove(key.unwrap());
                    assert!(!left.was_granted && left.note == note);
                }
                _ if !granted.is_empty() => {
                    let (note, key) = granted.swap_remove(random.usize(..granted.len()));
                    let mut key = Some(key);
                    match random.u32(..3) {
                        0 => assert!(taken(&waiters, &mut key)),
                        1 => assert!(matches!(
                            waiters.look(&mut key, Waker::noop()),
                            Looked::Granted(seen) if seen == note
                        )),
                        _ => {
                            let left = waiters.remove(key.unwrap());
                            assert!(left.was_granted && left.note == note);
                        }
                    }
                }
                _ => {}
            }
            assert_eq!(waiters.len(), line.len());
        }
    }
}

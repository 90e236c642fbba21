//! A stand-in for crossbeam-deque inside loom models: its FIFO worker, its stealer and its injector.
//!
//! Every index is read and written with the orderings of crossbeam-deque 0.8.8, and nothing here orders more
//! than they do: no lock, and no fence that the original does not have. Where pinning an epoch acts as a
//! fence there, a fence stands here. What is left out is what a model never reaches: buffers do not grow,
//! injectors have one block, and no slot is used twice, so a slot can be read after the index was won instead
//! of before.

use loom::cell::UnsafeCell;
use loom::sync::atomic::AtomicUsize;
use loom::sync::atomic::Ordering::{Acquire, Relaxed, Release, SeqCst};
use std::mem::MaybeUninit;
use std::sync::Arc;

use super::fence;

/// How many tasks a queue can hold in the course of one execution.
const SLOTS: usize = 8;

/// What came of an attempt to take tasks.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Steal<T> {
    /// There was nothing.
    Empty,
    /// There was this.
    Success(T),
    /// Somebody else was faster.
    Retry,
}

struct Slots<T>([UnsafeCell<MaybeUninit<T>>; SLOTS]);

impl<T> Slots<T> {
    fn new() -> Self {
        Self(std::array::from_fn(|_| UnsafeCell::new(MaybeUninit::uninit())))
    }

    /// # Safety
    ///
    /// The slot was not written before, and is the caller's.
    unsafe fn write(&self, index: usize, value: T) {
        assert!(index < SLOTS, "the model queues more than the stand-in for crossbeam-deque has room for");
        self.0[index].with_mut(|slot| {
            // SAFETY: the premise.
            unsafe { slot.write(MaybeUninit::new(value)) };
        });
    }

    /// # Safety
    ///
    /// The slot was written, and nobody else reads it.
    unsafe fn read(&self, index: usize) -> T {
        let value = self.0[index].with(|slot| {
            // SAFETY: the premise.
            unsafe { slot.read() }
        });
        // SAFETY: the premise.
        unsafe { value.assume_init() }
    }

    /// Drops what lies between the two indices.
    fn clear(&mut self, from: usize, to: usize) {
        for index in from..to {
            // SAFETY: it was pushed and not taken, and `&mut self` says that nobody else is here.
            drop(unsafe { self.read(index) });
        }
    }
}

struct Local<T> {
    front: AtomicUsize,
    back: AtomicUsize,
    slots: Slots<T>,
}

// SAFETY: each value is written by the worker and read by the one who wins its index.
unsafe impl<T: Send> Send for Local<T> {}
// SAFETY: as above.
unsafe impl<T: Send> Sync for Local<T> {}

impl<T> Drop for Local<T> {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            let (front, back) = (self.front.with_mut(|front| *front), self.back.with_mut(|back| *back));
            self.slots.clear(front, back);
        }
    }
}

/// How many tasks lie between the two indices; `front` passes `back` for a moment where a pop fails.
fn between(front: usize, back: usize) -> usize {
    back.saturating_sub(front)
}

/// The owner's end of a queue.
pub(crate) struct Worker<T>(Arc<Local<T>>);

impl<T> Worker<T> {
    pub(crate) fn new_fifo() -> Self {
        Self(Arc::new(Local { front: AtomicUsize::new(0), back: AtomicUsize::new(0), slots: Slots::new() }))
    }

    pub(crate) fn stealer(&self) -> Stealer<T> {
        Stealer(Arc::clone(&self.0))
    }

    pub(crate) fn push(&self, value: T) {
        let back = self.0.back.load(Relaxed);
        // The original looks here whether it must grow.
        self.0.front.load(Acquire);
        // SAFETY: slots behind the back are the owner's.
        unsafe { self.0.slots.write(back, value) };
        fence(Release);
        self.0.back.store(back + 1, Relaxed);
    }

    pub(crate) fn pop(&self) -> Option<T> {
        let back = self.0.back.load(Relaxed);
        if between(self.0.front.load(Relaxed), back) == 0 {
            return None;
        }
        let front = self.0.front.fetch_add(1, SeqCst);
        if front >= back {
            self.0.front.store(front, Relaxed);
            return None;
        }
        // SAFETY: the step won the index.
        Some(unsafe { self.0.slots.read(front) })
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(crate) fn len(&self) -> usize {
        let back = self.0.back.load(Relaxed);
        between(self.0.front.load(SeqCst), back)
    }

    /// Takes over values that were won elsewhere.
    fn append(&self, values: impl Iterator<Item = T>) {
        let mut back = self.0.back.load(Relaxed);
        for value in values {
            // SAFETY: as in `push`.
            unsafe { self.0.slots.write(back, value) };
            back += 1;
        }
        fence(Release);
        self.0.back.store(back, Relaxed);
    }
}

/// The thieves' end of a queue.
pub(crate) struct Stealer<T>(Arc<Local<T>>);

impl<T> Stealer<T> {
    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(crate) fn len(&self) -> usize {
        let front = self.0.front.load(Acquire);
        fence(SeqCst);
        between(front, self.0.back.load(Acquire))
    }

    pub(crate) fn steal(&self) -> Steal<T> {
        self.take(|_| 0, |_| ())
    }

    pub(crate) fn steal_batch_and_pop(&self, into: &Worker<T>) -> Steal<T> {
        if Arc::ptr_eq(&self.0, &into.0) {
            return into.pop().map_or(Steal::Empty, Steal::Success);
        }
        self.take(|len| (len - 1) / 2, |batch| into.append(batch))
    }

    /// Takes the first value, and behind it as many as `more` says to give them to `give`.
    fn take(
        &self,
        more: impl Fn(usize) -> usize,
        give: impl FnOnce(&mut dyn Iterator<Item = T>),
    ) -> Steal<T> {
        let front = self.0.front.load(Acquire);
        // The original pins an epoch here, or if it is pinned already has this fence.
        fence(SeqCst);
        let len = between(front, self.0.back.load(Acquire));
        if len == 0 {
            return Steal::Empty;
        }
        let end = front + 1 + more(len);
        if self.0.front.compare_exchange(front, end, SeqCst, Relaxed).is_err() {
            return Steal::Retry;
        }
        // SAFETY: the step won the index.
        let first = unsafe { self.0.slots.read(front) };
        // SAFETY: as above.
        give(&mut (front + 1..end).map(|index| unsafe { self.0.slots.read(index) }));
        Steal::Success(first)
    }
}

/// A queue that everyone pushes to and everyone takes from.
pub(crate) struct Injector<T> {
    head: AtomicUsize,
    tail: AtomicUsize,
    /// Whether the value was written.
    written: [AtomicUsize; SLOTS],
    slots: Slots<T>,
}

// SAFETY: each value is written by the one who wins its index at the tail, and read by the one who wins it at
// the head.
unsafe impl<T: Send> Send for Injector<T> {}
// SAFETY: as above.
unsafe impl<T: Send> Sync for Injector<T> {}

impl<T> Injector<T> {
    pub(crate) fn new() -> Self {
        Self {
            head: AtomicUsize::new(0),
            tail: AtomicUsize::new(0),
            written: std::array::from_fn(|_| AtomicUsize::new(0)),
            slots: Slots::new(),
        }
    }

    pub(crate) fn push(&self, value: T) {
        let mut tail = self.tail.load(Acquire);
        while let Err(seen) = self.tail.compare_exchange_weak(tail, tail + 1, SeqCst, Acquire) {
            tail = seen;
        }
        // SAFETY: the step won the index.
        unsafe { self.slots.write(tail, value) };
        self.written[tail].fetch_or(1, Release);
    }

    pub(crate) fn steal(&self) -> Steal<T> {
        self.take(|_| 1, |_| ())
    }

    pub(crate) fn steal_batch_with_limit_and_pop(&self, into: &Worker<T>, limit: usize) -> Steal<T> {
        self.take(|len| len.div_ceil(2).min(limit), |batch| into.append(batch))
    }

    pub(crate) fn steal_batch_with_limit(&self, into: &Worker<T>, limit: usize) -> Steal<()> {
        match self.steal_batch_with_limit_and_pop(into, limit) {
            Steal::Empty => Steal::Empty,
            Steal::Success(first) => {
                into.push(first);
                Steal::Success(())
            }
            Steal::Retry => Steal::Retry,
        }
    }

    /// Takes as many values as `many` says: the first for the caller, the others for `give`.
    fn take(
        &self,
        many: impl Fn(usize) -> usize,
        give: impl FnOnce(&mut dyn Iterator<Item = T>),
    ) -> Steal<T> {
        let head = self.head.load(Acquire);
        fence(SeqCst);
        let tail = self.tail.load(Relaxed);
        if head == tail {
            return Steal::Empty;
        }
        let end = head + many(tail - head);
        if self.head.compare_exchange_weak(head, end, SeqCst, Acquire).is_err() {
            return Steal::Retry;
        }
        let first = self.read(head);
        give(&mut (head + 1..end).map(|index| self.read(index)));
        Steal::Success(first)
    }

    /// Reads the value at an index that was won.
    fn read(&self, index: usize) -> T {
        while self.written[index].load(Acquire) == 0 {
            loom::hint::spin_loop();
        }
        // SAFETY: it was written, and the index is the caller's.
        unsafe { self.slots.read(index) }
    }

    pub(crate) fn is_empty(&self) -> bool {
        let head = self.head.load(SeqCst);
        head == self.tail.load(SeqCst)
    }

    pub(crate) fn len(&self) -> usize {
        let tail = self.tail.load(SeqCst);
        between(self.head.load(SeqCst), tail)
    }
}

impl<T> Drop for Injector<T> {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            let (head, tail) = (self.head.with_mut(|head| *head), self.tail.with_mut(|tail| *tail));
            self.slots.clear(head, tail);
        }
    }
}

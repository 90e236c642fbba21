//! The entries of a wheel, and the lists they form.

use slab::Slab;

use crate::level::Slot;

/// The index that stands for no entry.
pub(crate) const NONE: u32 = u32::MAX;

/// One value that waits, linked to its neighbours in its slot.
#[derive(Debug)]
pub(crate) struct Entry<T> {
    pub(crate) deadline: u64,
    /// What tells it from another that has its index later.
    sequence: u64,
    previous: u32,
    next: u32,
    pub(crate) value: T,
}

/// Every entry, in slots of memory that are used again.
#[derive(Debug)]
pub(crate) struct Entries<T> {
    slab: Slab<Entry<T>>,
    /// The number of entries there have ever been.
    sequence: u64,
}

impl<T> Entries<T> {
    pub(crate) fn with_capacity(capacity: usize) -> Self {
        Entries { slab: Slab::with_capacity(capacity), sequence: 0 }
    }

    pub(crate) fn len(&self) -> usize {
        self.slab.len()
    }

    /// Stores a value, in no list yet, and returns its index and sequence number.
    pub(crate) fn add(&mut self, deadline: u64, value: T) -> (u32, u64) {
        self.sequence += 1;
        let entry = Entry { deadline, sequence: self.sequence, previous: NONE, next: NONE, value };
        let index = u32::try_from(self.slab.insert(entry)).ok().filter(|index| *index != NONE);
        (index.expect("a wheel holds at most u32::MAX entries"), self.sequence)
    }

    /// Takes an entry, which is in no list any more, out.
    pub(crate) fn take(&mut self, index: u32) -> Entry<T> {
        self.slab.remove(index as usize)
    }

    pub(crate) fn get(&self, index: u32) -> &Entry<T> {
        &self.slab[index as usize]
    }

    pub(crate) fn get_mut(&mut self, index: u32) -> &mut Entry<T> {
        &mut self.slab[index as usize]
    }

    /// Whether the index still belongs to the entry of that sequence number.
    pub(crate) fn holds(&self, index: u32, sequence: u64) -> bool {
        self.slab.get(index as usize).is_some_and(|entry| entry.sequence == sequence)
    }

    /// The entry that follows in its slot, or `NONE`.
    pub(crate) fn next(&self, index: u32) -> u32 {
        self.get(index).next
    }

    /// Puts an entry at the end of a slot's list.
    pub(crate) fn push_back(&mut self, slot: &mut Slot, index: u32) {
        let entry = self.get_mut(index);
        entry.previous = slot.tail;
        entry.next = NONE;
        match slot.tail {
            NONE => slot.head = index,
            tail => self.get_mut(tail).next = index,
        }
        slot.tail = index;
    }

    /// Takes an entry out of the slot's list it is in.
    pub(crate) fn unlink(&mut self, slot: &mut Slot, index: u32) {
        let Entry { previous, next, .. } = *self.get(index);
        match previous {
            NONE => slot.head = next,
            previous => self.get_mut(previous).next = next,
        }
        match next {
            NONE => slot.tail = previous,
            next => self.get_mut(next).previous = previous,
        }
    }
}

//! A table with holes: who comes gets a slot, and stays in it until it leaves.
//!
//! Slots come in chunks of 64, with a word that says which of them are taken. Who comes takes the first that is free of the
//! chunk that was full last, so that the others may run empty; who leaves clears a bit, and touches no slot. A chunk in
//! which nobody is left gives its memory back once another one is empty. So of a peak stay 20 bytes for each 64
//! who were there, and growing copies no more than these.

use std::{iter, mem, ptr};

/// Pointers, each in a slot of its own.
pub(crate) struct Slots<T> {
    chunks: Vec<Chunk<T>>,
    /// The numbers of the chunks that have a free slot; the last one is filled next.
    roomy: Vec<u32>,
    /// The chunk that ran empty last. It keeps its memory, as no other does that is empty.
    empty: u32,
    len: usize,
}

struct Chunk<T> {
    /// A bit for each slot that is taken.
    taken: u64,
    /// There if one is, or was last.
    memory: Option<Memory<T>>,
}

/// The slots of a chunk. What one holds that is not taken means nothing.
pub(crate) type Memory<T> = Box<[*const T; CHUNK]>;

/// As many as a word has bits.
const CHUNK: usize = 64;

/// Their slots' numbers have 32 bits, and leave the last of these numbers free.
const MOST_CHUNKS: usize = u32::MAX as usize / CHUNK;

impl<T> Slots<T> {
    pub(crate) const fn new() -> Self {
        Self { chunks: Vec::new(), roomy: Vec::new(), empty: 0, len: 0 }
    }

    /// How many are there.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Puts a pointer into a slot, and gives the slot's number, which is less than [`u32::MAX`].
    #[inline]
    pub(crate) fn insert(&mut self, pointer: *const T) -> u32 {
        let Some(&number) = self.roomy.last() else { return self.grow_and_insert(pointer) };
        let chunk = &mut self.chunks[number as usize];
        let Some(memory) = &mut chunk.memory else { return self.grow_and_insert(pointer) };
        let slot = chunk.taken.trailing_ones() as usize % CHUNK;
        memory[slot] = pointer;
        chunk.taken |= 1 << slot;
        if chunk.taken == u64::MAX {
            self.roomy.pop();
        }
        self.len += 1;
        number * CHUNK as u32 + slot as u32
    }

    /// The same where no chunk has room, or the one that is next has no memory.
    #[cold]
    fn grow_and_insert(&mut self, pointer: *const T) -> u32 {
        let memory = Some(Box::new([ptr::null(); CHUNK]));
        if let Some(number) = self.roomy.last() {
            self.chunks[*number as usize].memory = memory;
        } else {
            assert!(self.chunks.len() < MOST_CHUNKS, "more than four billion tasks wait in one place");
            self.roomy.push(self.chunks.len() as u32);
            self.chunks.push(Chunk { taken: 0, memory });
        }
        self.insert(pointer)
    }

    /// Frees a slot that is taken. Gives what memory is not needed any more, for the caller to drop once it holds no lock.
    #[inline]
    #[must_use]
    pub(crate) fn remove(&mut self, slot: u32) -> Option<Memory<T>> {
        let (number, bit) = (slot / CHUNK as u32, 1 << (slot % CHUNK as u32));
        let chunk = &mut self.chunks[number as usize];
        debug_assert!(chunk.taken & bit != 0, "it is there until it leaves");
        let before = chunk.taken;
        chunk.taken &= !bit;
        self.len -= 1;
        if before == u64::MAX || before == bit && self.empty != number { self.turn(number) } else { None }
    }

    /// That chunk was full, or is empty: has room, or keeps its memory instead of the one that was empty last.
    #[cold]
    fn turn(&mut self, number: u32) -> Option<Memory<T>> {
        if self.chunks[number as usize].taken != 0 {
            self.roomy.push(number);
            return None;
        }
        let former = mem::replace(&mut self.empty, number);
        let chunk = &mut self.chunks[former as usize];
        if chunk.taken == 0 { chunk.memory.take() } else { None }
    }

    /// One more than the last number a slot has now.
    pub(crate) fn end(&self) -> usize {
        self.chunks.len() * CHUNK
    }

    /// A step of a walk from 0 to where the [end](Self::end) was: moves `at` past the next slot that is taken, and gives what
    /// is in it, or to the next chunk if this one has none.
    pub(crate) fn step(&self, at: &mut usize) -> Option<*const T> {
        let (number, slot) = (*at / CHUNK, *at % CHUNK);
        let chunk = &self.chunks[number];
        let rest = chunk.taken >> slot;
        if rest == 0 {
            *at = (number + 1) * CHUNK;
            return None;
        }
        let slot = slot + rest.trailing_zeros() as usize;
        *at = number * CHUNK + slot + 1;
        chunk.memory.as_ref().map(|memory| memory[slot])
    }

    /// All that are there.
    pub(crate) fn iter(&self) -> impl Iterator<Item = *const T> + '_ {
        let mut at = 0;
        iter::from_fn(move || {
            while at < self.end() {
                if let Some(pointer) = self.step(&mut at) {
                    return Some(pointer);
                }
            }
            None
        })
    }
}

#[cfg(all(test, not(windlass_loom)))]
mod tests {
    use std::collections::HashMap;

    use super::{CHUNK, Slots};

    fn pointer(value: usize) -> *const u8 {
        std::ptr::without_provenance(value)
    }

    fn chunks_with_memory(slots: &Slots<u8>) -> usize {
        slots.chunks.iter().filter(|chunk| chunk.memory.is_some()).count()
    }

    fn all(slots: &Slots<u8>) -> Vec<usize> {
        let mut all: Vec<_> = slots.iter().map(<*const u8>::addr).collect();
        all.sort_unstable();
        all
    }

    /// Who comes and goes at random is there as long as it is, and nobody else; nobody's slot is given to another.
    #[test]
    fn at_random() {
        let mut random = 0x9e37_79b9_7f4a_7c15_u64;
        let mut next = |below: usize| {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            random as usize % below
        };
        let (mut slots, mut there) = (Slots::new(), HashMap::new());
        for round in 0..20_000 {
            // Grows to some four chunks, and runs empty, in turn.
            let leaves = if round / 2_000 % 2 == 0 { 2 } else { 4 };
            let slot = there.keys().nth(next(there.len().max(1))).copied();
            match slot {
                Some(slot) if next(6) < leaves => {
                    there.remove(&slot);
                    drop(slots.remove(slot));
                }
                _ => {
                    let slot = slots.insert(pointer(round));
                    assert_eq!(there.insert(slot, round), None, "slot {slot} was taken");
                }
            }
            assert_eq!(slots.len(), there.len());
            if round % 100 == 0 {
                let mut expected: Vec<_> = there.values().copied().collect();
                expected.sort_unstable();
                assert_eq!(all(&slots), expected);
            }
        }
    }

    /// Of a peak stays the memory of one chunk besides those with somebody in it, and its slots are taken again.
    #[test]
    fn what_stays_of_a_peak() {
        const CHUNKS: usize = 100;
        let mut slots = Slots::new();
        let peak = |slots: &mut Slots<u8>| -> Vec<u32> {
            (0..CHUNKS * CHUNK).map(|value| slots.insert(pointer(value))).collect()
        };
        for _ in 0..3 {
            let mut there = peak(&mut slots);
            assert_eq!((chunks_with_memory(&slots), slots.end()), (CHUNKS, CHUNKS * CHUNK));
            // One stays, in the middle.
            let stays = there.swap_remove(CHUNKS * CHUNK / 2);
            for slot in there {
                drop(slots.remove(slot));
            }
            assert_eq!(all(&slots), [CHUNKS * CHUNK / 2]);
            assert!(chunks_with_memory(&slots) <= 2);
            drop(slots.remove(stays));
            assert_eq!((chunks_with_memory(&slots), slots.len()), (1, 0));
        }
    }

    /// A walk sees those who stay once, whoever comes and goes meanwhile, and ends.
    #[test]
    fn a_walk_among_those_who_come_and_go() {
        let mut slots = Slots::new();
        let stay: Vec<_> = (0..3 * CHUNK).map(|value| (value, slots.insert(pointer(value)))).collect();
        let (mut goers, stayers): (Vec<_>, Vec<_>) = stay.into_iter().partition(|(value, _)| value % 3 == 0);
        let (mut at, end, mut seen, mut comes) = (0, slots.end(), Vec::new(), 1_000);
        while at < end {
            seen.extend(slots.step(&mut at).map(<*const u8>::addr));
            if let Some((_, slot)) = goers.pop() {
                drop(slots.remove(slot));
            }
            for _ in 0..2 {
                slots.insert(pointer(comes));
                comes += 1;
            }
        }
        for (value, _) in stayers {
            assert_eq!(seen.iter().filter(|seen| **seen == value).count(), 1, "{value}");
        }
        let many = seen.len();
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len(), many, "nobody is seen twice");
    }
}

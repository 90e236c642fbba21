//! The entries of a wheel: what waits, in places of memory that are used again.

use std::hint;

use crate::items::Item;

/// Places of a block: as many as a word has bits.
const BLOCK: usize = 64;

/// As many as have indices.
const MOST_BLOCKS: u32 = u32::MAX / BLOCK as u32;

/// One value that waits, or a place for one.
#[derive(Debug)]
struct Entry<T> {
    /// The deadline as it was given.
    deadline: u64,
    /// What tells one setting of an entry from every other, of this entry and of those that have its place before and after.
    sequence: u64,
    value: Option<T>,
}

/// Every entry.
#[derive(Debug)]
pub(crate) struct Entries<T> {
    places: Vec<Entry<T>>,
    /// For each block of places a bit for each that is taken. So who comes after many have gone, in whatever order, takes one place after
    /// the other, and finds each without a look at another.
    taken: Vec<u64>,
    /// The blocks that have a free place, some of which may not be there yet; the last one is filled next.
    roomy: Vec<u32>,
    len: usize,
    /// How often an entry was set.
    sequence: u64,
}

impl<T> Entries<T> {
    pub(crate) fn with_capacity(capacity: usize) -> Self {
        let blocks = capacity.div_ceil(BLOCK);
        Entries {
            places: Vec::with_capacity(capacity),
            taken: Vec::with_capacity(blocks),
            roomy: Vec::with_capacity(blocks),
            len: 0,
            sequence: 0,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Stores a value, and returns its index and sequence number.
    pub(crate) fn add(&mut self, deadline: u64, value: T) -> (u32, u64) {
        self.sequence += 1;
        let entry = Entry { deadline, sequence: self.sequence, value: Some(value) };
        let index = self.free_place();
        match self.places.get_mut(index as usize) {
            Some(place) => *place = entry,
            None => self.places.push(entry),
        }
        self.len += 1;
        (index, self.sequence)
    }

    /// Takes the first free place of the block that is filled next.
    fn free_place(&mut self) -> u32 {
        let block = match self.roomy.last() {
            Some(block) => *block,
            None => self.add_block(),
        };
        let taken = &mut self.taken[block as usize];
        let place = taken.trailing_ones();
        *taken |= 1 << place;
        if *taken == u64::MAX {
            self.roomy.pop();
        }
        block * BLOCK as u32 + place
    }

    #[cold]
    fn add_block(&mut self) -> u32 {
        let block = self.taken.len() as u32;
        assert!(block < MOST_BLOCKS, "a wheel holds some four billion entries at most");
        self.taken.push(0);
        self.roomy.push(block);
        block
    }

    /// Takes out the entry of that sequence number, and returns its deadline and value. `None` if it is not there any more.
    pub(crate) fn take(&mut self, index: u32, sequence: u64) -> Option<(u64, T)> {
        let place = self.place(index, sequence)?;
        let value = place.value.take()?;
        let deadline = place.deadline;
        let (block, bit) = (index / BLOCK as u32, 1 << (index % BLOCK as u32));
        let taken = &mut self.taken[block as usize];
        if *taken == u64::MAX {
            self.roomy.push(block);
        }
        *taken &= !bit;
        self.len -= 1;
        Some((deadline, value))
    }

    /// Takes out the entry that an item stands for.
    pub(crate) fn take_of(&mut self, item: Item) -> Option<T> {
        let sequence = self.places[item.index as usize].sequence;
        if !self.is_live(item) {
            return None;
        }
        self.take(item.index, sequence).map(|(_, value)| value)
    }

    /// Looks at the entries that items stand for, since all of them are about to be taken: what is not in the cache is waited for together, and not for one after
    /// the other.
    pub(crate) fn fetch(&self, items: &[Item]) {
        let look = |item: &Item| self.places[item.index as usize].sequence;
        hint::black_box(items.iter().map(look).fold(0, u64::wrapping_add));
    }

    /// Whether an item stands for an entry as it was set last.
    ///
    /// An item has room for half a sequence number. If another setting had the same half it would have to be for the same deadline
    /// too, and then it does no harm to take one for the other.
    pub(crate) fn is_live(&self, item: Item) -> bool {
        let place = &self.places[item.index as usize];
        place.sequence as u32 == item.stamp && place.deadline == item.deadline && place.value.is_some()
    }

    /// Gives an entry another deadline and sequence number, and returns the deadline it had and the new number.
    pub(crate) fn set(&mut self, index: u32, sequence: u64, deadline: u64) -> Option<(u64, u64)> {
        let next = self.sequence + 1;
        let place = self.place(index, sequence)?;
        place.sequence = next;
        let before = std::mem::replace(&mut place.deadline, deadline);
        self.sequence = next;
        Some((before, next))
    }

    /// The deadline and value of the entry of that sequence number.
    pub(crate) fn get(&self, index: u32, sequence: u64) -> Option<(u64, &T)> {
        let place = self.places.get(index as usize).filter(|place| place.sequence == sequence)?;
        place.value.as_ref().map(|value| (place.deadline, value))
    }

    /// The value of the entry of that sequence number, to be changed.
    pub(crate) fn get_mut(&mut self, index: u32, sequence: u64) -> Option<&mut T> {
        self.place(index, sequence)?.value.as_mut()
    }

    /// The place of the entry of that sequence number, if it is there still.
    #[inline]
    fn place(&mut self, index: u32, sequence: u64) -> Option<&mut Entry<T>> {
        let place = self.places.get_mut(index as usize)?;
        (place.sequence == sequence && place.value.is_some()).then_some(place)
    }
}

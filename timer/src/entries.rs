//! The entries of a wheel: what waits, in places of memory that are used again.

use crate::items::Item;

/// The index that stands for no entry.
const NONE: u32 = u32::MAX;

/// One value that waits, or a place for one.
#[derive(Debug)]
struct Entry<T> {
    /// The deadline as it was given; of a free place the index of the next free one.
    deadline: u64,
    /// What tells one setting of an entry from every other, of this entry and of those that have its place before and after.
    sequence: u64,
    value: Option<T>,
}

/// Every entry.
#[derive(Debug)]
pub(crate) struct Entries<T> {
    places: Vec<Entry<T>>,
    /// The place that was left last, or `NONE`.
    free: u32,
    len: usize,
    /// How often an entry was set.
    sequence: u64,
}

impl<T> Entries<T> {
    pub(crate) fn with_capacity(capacity: usize) -> Self {
        Entries { places: Vec::with_capacity(capacity), free: NONE, len: 0, sequence: 0 }
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Stores a value, and returns its index and sequence number.
    pub(crate) fn add(&mut self, deadline: u64, value: T) -> (u32, u64) {
        self.sequence += 1;
        let entry = Entry { deadline, sequence: self.sequence, value: Some(value) };
        let index = self.free;
        if index == NONE {
            return (self.add_place(entry), self.sequence);
        }
        let place = &mut self.places[index as usize];
        // The deadline of a free place is an index.
        self.free = place.deadline as u32;
        *place = entry;
        self.len += 1;
        (index, self.sequence)
    }

    #[cold]
    fn add_place(&mut self, entry: Entry<T>) -> u32 {
        let index = u32::try_from(self.places.len()).ok().filter(|index| *index != NONE);
        let index = index.expect("a wheel holds at most u32::MAX entries");
        self.places.push(entry);
        self.len += 1;
        index
    }

    /// Takes out the entry of that sequence number, and returns its deadline and value. `None` if it is not there any more.
    pub(crate) fn take(&mut self, index: u32, sequence: u64) -> Option<(u64, T)> {
        let free = self.free;
        let place = self.place(index, sequence)?;
        let value = place.value.take()?;
        let deadline = std::mem::replace(&mut place.deadline, free.into());
        self.free = index;
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

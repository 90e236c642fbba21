//! What the slots of a wheel hold: items that stand for entries, in chunks.
//!
//! An item says when it is due, so that a whole slot can be moved without a look at the entries, from one end of a piece of memory
//! to the other. The price is that an entry does not know where its item is: unless it is the slot's first or last, that of one which was
//! cancelled or moved stays behind, *stale*, until the slot is moved, swept, or gone through.

/// The index that stands for no chunk.
const NONE: u32 = u32::MAX;

/// Items of a chunk: with them it has eight cache lines.
const ITEMS: usize = 31;

/// Stands for an entry in its slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Item {
    pub(crate) deadline: u64,
    pub(crate) index: u32,
    /// The lower half of the entry's sequence number.
    pub(crate) stamp: u32,
}

impl Item {
    const NOTHING: Item = Item { deadline: 0, index: NONE, stamp: 0 };
}

/// Some of a slot's items. All but the first and the last one of a slot are full.
#[derive(Clone, Copy, Debug)]
struct Chunk {
    items: [Item; ITEMS],
    /// The one that follows: in the slot, or among the free ones.
    next: u32,
}

/// A slot's items, first come first.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Slot {
    /// The first and last chunk, if there are items.
    head: u32,
    tail: u32,
    /// Where in the first chunk the items begin.
    start: u32,
    /// Where in the last chunk they end.
    end: u32,
    len: u32,
    /// How many of them are stale.
    stale: u32,
    /// No entry of the slot is due before. It is not raised where one is cancelled.
    pub(crate) earliest: u64,
}

impl Slot {
    pub(crate) const EMPTY: Slot =
        Slot { head: NONE, tail: NONE, start: 0, end: 0, len: 0, stale: 0, earliest: u64::MAX };

    /// Whether nothing is left in it but items of the past.
    pub(crate) fn is_all_stale(&self) -> bool {
        self.stale == self.len
    }

    pub(crate) fn has_stale(&self) -> bool {
        self.stale > 0
    }

    /// An item that was stale was taken out.
    pub(crate) fn forget_stale(&mut self) {
        self.stale -= 1;
    }

    /// Whether so many items are stale that it is time to sweep: those who made them so have paid for it by then.
    pub(crate) fn is_littered(&self) -> bool {
        self.stale > self.len / 2 + ITEMS as u32
    }
}

/// Every chunk, in use or free.
#[derive(Debug)]
pub(crate) struct Chunks {
    chunks: Vec<Chunk>,
    free: u32,
}

impl Chunks {
    /// Chunks for that many entries in so many slots, and as many stale items as they can leave.
    pub(crate) fn with_capacity(entries: usize, slots: usize) -> Self {
        let capacity = entries.div_ceil(ITEMS) * 2 + entries.min(slots) * 4;
        Chunks { chunks: Vec::with_capacity(capacity), free: NONE }
    }

    /// Puts an item at the end of a slot.
    pub(crate) fn push(&mut self, slot: &mut Slot, item: Item) {
        if slot.tail == NONE || slot.end as usize == ITEMS {
            self.extend(slot);
        }
        self.chunks[slot.tail as usize].items[slot.end as usize] = item;
        slot.end += 1;
        slot.len += 1;
        slot.earliest = slot.earliest.min(item.deadline);
    }

    /// Gives a slot one more chunk.
    fn extend(&mut self, slot: &mut Slot) {
        let added = self.add();
        match slot.tail {
            NONE => (slot.head, slot.start) = (added, 0),
            tail => self.chunks[tail as usize].next = added,
        }
        (slot.tail, slot.end) = (added, 0);
    }

    fn add(&mut self) -> u32 {
        let chunk = self.free;
        if chunk == NONE {
            self.chunks.push(Chunk { items: [Item::NOTHING; ITEMS], next: NONE });
            // Fewer than there are entries and items left behind by them.
            return u32::try_from(self.chunks.len() - 1)
                .expect("a wheel holds some four billion entries at most");
        }
        let place = &mut self.chunks[chunk as usize];
        self.free = std::mem::replace(&mut place.next, NONE);
        chunk
    }

    /// Leaves the chunk to others, and returns the one that followed.
    fn remove(&mut self, chunk: u32) -> u32 {
        let next = std::mem::replace(&mut self.chunks[chunk as usize].next, self.free);
        self.free = chunk;
        next
    }

    /// Takes out a slot's first item. There must be one.
    pub(crate) fn pop(&mut self, slot: &mut Slot) -> Item {
        let item = self.chunks[slot.head as usize].items[slot.start as usize];
        slot.start += 1;
        slot.len -= 1;
        if slot.start as usize == ITEMS && slot.head != slot.tail {
            slot.head = self.remove(slot.head);
            slot.start = 0;
        }
        item
    }

    /// The items of a slot's first chunk, if none of them was taken out; else nothing.
    pub(crate) fn fresh(&self, slot: &Slot) -> &[Item] {
        if slot.start > 0 || slot.head == NONE {
            return &[];
        }
        let end = if slot.head == slot.tail { slot.end as usize } else { ITEMS };
        &self.chunks[slot.head as usize].items[..end]
    }

    /// Takes an item out if it is the slot's last one, as that of a timer is which is cancelled soon, or the first, as where timers are cancelled in the
    /// order they were set; if it is neither it is stale from here on.
    pub(crate) fn leave(&mut self, slot: &mut Slot, item: Item) {
        if self.chunks[slot.tail as usize].items[..slot.end as usize].last() == Some(&item) {
            slot.end -= 1;
            slot.len -= 1;
        } else if self.chunks[slot.head as usize].items.get(slot.start as usize) == Some(&item) {
            self.pop(slot);
        } else {
            slot.stale += 1;
        }
    }

    /// Leaves a slot without items or chunks.
    pub(crate) fn clear(&mut self, slot: &mut Slot) {
        let mut chunk = slot.head;
        while chunk != NONE {
            chunk = self.remove(chunk);
        }
        *slot = Slot::EMPTY;
    }

    /// Takes the items of a slot's first chunk out. `None` if none is left, and the slot is empty.
    pub(crate) fn pop_chunk(&mut self, slot: &mut Slot) -> Option<Taken> {
        if slot.head == NONE {
            *slot = Slot::EMPTY;
            return None;
        }
        let end = if slot.head == slot.tail { slot.end } else { ITEMS as u32 };
        // Copied, so that the chunk is the next one that is used: it is in the cache.
        let taken = Taken {
            items: self.chunks[slot.head as usize].items,
            start: slot.start as usize,
            end: end as usize,
        };
        slot.head = self.remove(slot.head);
        slot.start = 0;
        Some(taken)
    }

    /// A slot's items.
    pub(crate) fn iter(&self, slot: &Slot) -> impl Iterator<Item = Item> {
        let Slot { mut head, tail, mut start, end, .. } = *slot;
        std::iter::from_fn(move || {
            if head != NONE && head != tail && start as usize == ITEMS {
                head = self.chunks[head as usize].next;
                start = 0;
            }
            if head == NONE || head == tail && start == end {
                return None;
            }
            start += 1;
            Some(self.chunks[head as usize].items[start as usize - 1])
        })
    }
}

/// The items of one chunk.
pub(crate) struct Taken {
    items: [Item; ITEMS],
    start: usize,
    end: usize,
}

impl Taken {
    pub(crate) fn items(&self) -> &[Item] {
        &self.items[self.start..self.end]
    }
}

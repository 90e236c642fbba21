//! The wheel.

use std::fmt;

use crate::entries::Entries;
use crate::items::{Chunks, Item, Slot};
use crate::level::{LEVELS, Level, Position, SLOTS};

/// A hierarchical timing wheel: values that wait for a deadline.
///
/// Time is a count of ticks, from 0 to `u64::MAX`, and moves when [`advance`](Wheel::advance) says so. What a tick is, is up to
/// the owner.
///
/// # Inside
///
/// A tick is read as eleven groups of six bits, and each group has a level of 64 slots (the top one of 16):
///
/// ```text
///   bits 63..60       17..12       11..6        5..0
///  ┌───────────┬ ─ ─ ┬────────────┬────────────┬────────────┐
///  │ level 10  │     │  level 2   │  level 1   │  level 0   │
///  └───────────┴ ─ ─ ┴────────────┴────────────┴────────────┘
///   16 slots of       64 slots of  64 slots of  64 slots of
///   2^60 ticks        4096 ticks   64 ticks     1 tick
///
///  now = 100 = 1·64 + 36
///
///  level 1   │ 0 │ 1 │ 2 │ 3 │ ...          deadline 150 = 2·64 + 22: differs from now in level 1, waits in its slot 2
///                 now  150
///  level 0   │ 0 │ ... │ 36 │ ... │ 50 │    deadline 114 = 1·64 + 50: differs in level 0 only, waits in its slot 50
///                       now        114
/// ```
///
/// An entry waits in the level of the **highest group in which its deadline differs from now**, in the slot that its own
/// group names. Hence, at any time:
///
/// 1. In level 0 a slot is one tick. In a higher level it is a stretch that now has not reached.
/// 2. Everything in a level is due before everything in the levels above, and in a level the slots are in order. So the next thing to happen is at the first
///    occupied slot of the lowest occupied level: two instructions that count zeros find it.
/// 3. When now reaches the start of a slot above level 0, that slot's entries now agree with now in its group: they move down, by
///    one level or more. Each entry moves at most ten times, and most never do, as they are cancelled first.
///    What moves is 16 bytes, from one end of a piece of memory to the other, without a look at the entry itself.
/// 4. All entries of one deadline are in the same slot, in the order they were put there, and move together. So they expire in that order.
///
/// Empty stretches cost nothing: now jumps from one occupied slot to the next.
///
/// What a slot holds of an entry that is cancelled or moved is taken out at once if it is the last or the first of it, as with most; the rest is
/// swept once it is more than half of the slot. So a wheel takes some 64 bytes for each of the most entries it ever held at once, and a
/// few hundred for each slot that they are in, and an operation allocates only where it takes more than ever before.
///
/// # Examples
///
/// ```
/// use windlass_timer::Wheel;
///
/// let mut wheel = Wheel::new();
/// let mut tea = wheel.insert(300, "tea");
/// let egg = wheel.insert(240, "egg");
/// wheel.insert(60_000, "bread");
///
/// assert_eq!(wheel.next_expiry(), Some(240));
/// assert_eq!(wheel.cancel(egg), Some("egg"));
/// assert!(wheel.reset(&mut tea, 360));
///
/// let done: Vec<_> = wheel.advance(100_000).collect();
/// assert_eq!(done, [(360, "tea"), (60_000, "bread")]);
/// assert_eq!(wheel.cancel(tea), None);
/// ```
pub struct Wheel<T> {
    /// No entry's slot begins before it.
    now: u64,
    entries: Entries<T>,
    chunks: Chunks,
    /// A bit for each level that says whether it holds anything.
    occupied: u16,
    levels: Box<[Level]>,
}

/// What [`Wheel::insert`] returns: the means to cancel or move the entry.
///
/// A key is never used twice: that of an entry that has expired, was cancelled or moved finds nothing. It belongs to the wheel it
/// came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Key {
    index: u32,
    sequence: u64,
}

impl<T> Wheel<T> {
    /// An empty wheel at tick 0.
    ///
    /// ```
    /// let wheel = windlass_timer::Wheel::<u8>::new();
    /// assert!(wheel.is_empty());
    /// assert_eq!(wheel.now(), 0);
    /// ```
    pub fn new() -> Self {
        Self::with_capacity(0)
    }

    /// An empty wheel at tick 0 that allocates nothing until it holds more than `capacity` entries.
    ///
    /// ```
    /// let mut wheel = windlass_timer::Wheel::with_capacity(2);
    /// wheel.insert(1, ());
    /// wheel.insert(2, ());
    /// ```
    pub fn with_capacity(capacity: usize) -> Self {
        Wheel {
            now: 0,
            entries: Entries::with_capacity(capacity),
            chunks: Chunks::with_capacity(capacity, if capacity == 0 { 0 } else { LEVELS * SLOTS }),
            occupied: 0,
            levels: vec![Level::EMPTY; LEVELS].into_boxed_slice(),
        }
    }

    /// The tick the wheel is at: that of the last [`advance`](Wheel::advance), if all that had expired was taken from it.
    ///
    /// ```
    /// let mut wheel = windlass_timer::Wheel::<u8>::new();
    /// wheel.advance(5).count();
    /// assert_eq!(wheel.now(), 5);
    /// ```
    pub fn now(&self) -> u64 {
        self.now
    }

    /// The number of entries that wait.
    ///
    /// ```
    /// let mut wheel = windlass_timer::Wheel::new();
    /// wheel.insert(7, 'a');
    /// assert_eq!(wheel.len(), 1);
    /// ```
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether nothing waits.
    ///
    /// ```
    /// assert!(windlass_timer::Wheel::<u8>::new().is_empty());
    /// ```
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Adds a value that expires at the tick `deadline`, or at once where that is past: with the next [`advance`](Wheel::advance).
    ///
    /// # Panics
    ///
    /// If the wheel holds some four billion entries.
    ///
    /// ```
    /// let mut wheel = windlass_timer::Wheel::new();
    /// wheel.insert(0, "at once");
    /// assert_eq!(wheel.advance(0).next(), Some((0, "at once")));
    /// ```
    pub fn insert(&mut self, deadline: u64, value: T) -> Key {
        let (index, sequence) = self.entries.add(deadline, value);
        self.link(Item { deadline, index, stamp: sequence as u32 });
        Key { index, sequence }
    }

    /// Takes an entry out before it expires. `None` if it has expired or was cancelled.
    ///
    /// ```
    /// let mut wheel = windlass_timer::Wheel::new();
    /// let key = wheel.insert(9, "soon");
    /// assert_eq!(wheel.cancel(key), Some("soon"));
    /// assert_eq!(wheel.cancel(key), None);
    /// ```
    pub fn cancel(&mut self, key: Key) -> Option<T> {
        let (deadline, value) = self.entries.take(key.index, key.sequence)?;
        self.unlink(Item { deadline, index: key.index, stamp: key.sequence as u32 });
        Some(value)
    }

    /// Moves an entry to another deadline, and has the key find it there. `false` if it has expired or was cancelled.
    ///
    /// ```
    /// let mut wheel = windlass_timer::Wheel::new();
    /// let mut key = wheel.insert(9, ());
    /// assert!(wheel.reset(&mut key, 20));
    /// assert_eq!(wheel.deadline(key), Some(20));
    /// assert_eq!(wheel.advance(19).count(), 0);
    /// assert_eq!(wheel.advance(20).count(), 1);
    /// assert!(!wheel.reset(&mut key, 30));
    /// ```
    pub fn reset(&mut self, key: &mut Key, deadline: u64) -> bool {
        let Key { index, sequence: old } = *key;
        let Some((before, sequence)) = self.entries.set(index, old, deadline) else { return false };
        key.sequence = sequence;
        self.unlink(Item { deadline: before, index, stamp: old as u32 });
        self.link(Item { deadline, index, stamp: sequence as u32 });
        true
    }

    /// Whether the entry still waits.
    ///
    /// ```
    /// let mut wheel = windlass_timer::Wheel::new();
    /// let key = wheel.insert(9, ());
    /// assert!(wheel.contains(key));
    /// wheel.advance(9).count();
    /// assert!(!wheel.contains(key));
    /// ```
    pub fn contains(&self, key: Key) -> bool {
        self.entries.get(key.index, key.sequence).is_some()
    }

    /// The deadline of an entry that waits, as it was given.
    ///
    /// ```
    /// let mut wheel = windlass_timer::Wheel::new();
    /// let key = wheel.insert(9, ());
    /// assert_eq!(wheel.deadline(key), Some(9));
    /// ```
    pub fn deadline(&self, key: Key) -> Option<u64> {
        self.entries.get(key.index, key.sequence).map(|(deadline, _)| deadline)
    }

    /// The value of an entry that waits, to be changed in its place.
    ///
    /// ```
    /// let mut wheel = windlass_timer::Wheel::new();
    /// let key = wheel.insert(9, 1);
    /// *wheel.get_mut(key).unwrap() += 1;
    /// assert_eq!(wheel.advance(9).next(), Some((9, 2)));
    /// ```
    pub fn get_mut(&mut self, key: Key) -> Option<&mut T> {
        self.entries.get_mut(key.index, key.sequence)
    }

    /// When to look again: nothing expires before this tick. `None` if nothing waits.
    ///
    /// It is the earliest deadline itself, unless an entry about as early was cancelled or moved since. Then it may be an earlier
    /// tick: an [`advance`](Wheel::advance) to it expires nothing and finds the next one.
    ///
    /// ```
    /// let mut wheel = windlass_timer::Wheel::new();
    /// assert_eq!(wheel.next_expiry(), None);
    /// wheel.insert(1_000_000, ());
    /// wheel.insert(1_000_001, ());
    /// assert_eq!(wheel.next_expiry(), Some(1_000_000));
    /// ```
    pub fn next_expiry(&self) -> Option<u64> {
        let first = self.first()?;
        Some(match first.level {
            0 => first.start(self.now),
            level => self.levels[level].slots[first.slot].earliest,
        })
    }

    /// The earliest deadline of all, as it was given. `None` if nothing waits.
    ///
    /// It looks at every entry of the first slot that holds any, where [`next_expiry`](Self::next_expiry) looks at none.
    ///
    /// ```
    /// let mut wheel = windlass_timer::Wheel::new();
    /// let first = wheel.insert(1_000_000, ());
    /// wheel.insert(1_000_001, ());
    /// wheel.cancel(first);
    /// assert_eq!(wheel.first_deadline(), Some(1_000_001));
    /// ```
    pub fn first_deadline(&self) -> Option<u64> {
        let first = self.first()?;
        let items = self.chunks.iter(&self.levels[first.level].slots[first.slot]);
        items.filter(|item| self.entries.is_live(*item)).map(|item| item.deadline).min()
    }

    /// Moves the time on, and returns what expires up to and with the tick `to`: deadlines with their values, in the order of the
    /// deadlines, equal ones in the order they were set. A deadline that was past when it was set counts as the tick it was set at.
    ///
    /// The time moves with the iterator. Where it is dropped before its end the rest stays and comes first the next time, so that
    /// expiring a great many can be done in parts. A `to` before [`now`](Wheel::now) expires nothing: time does not go back.
    ///
    /// ```
    /// let mut wheel = windlass_timer::Wheel::new();
    /// for deadline in [30, 10, 20, 40] {
    ///     wheel.insert(deadline, ());
    /// }
    /// let some: Vec<_> = wheel.advance(35).take(2).map(|(deadline, ())| deadline).collect();
    /// assert_eq!(some, [10, 20]);
    /// let rest: Vec<_> = wheel.advance(35).map(|(deadline, ())| deadline).collect();
    /// assert_eq!(rest, [30]);
    /// assert_eq!(wheel.len(), 1);
    /// ```
    #[must_use = "time moves, and entries expire, as the iterator is run"]
    pub fn advance(&mut self, to: u64) -> Expired<'_, T> {
        Expired { wheel: self, to }
    }

    /// Takes the first entry that is due at the tick `to`, or, where there is none, moves now there.
    fn pop(&mut self, to: u64) -> Option<(u64, T)> {
        loop {
            let Some(first) = self.first().filter(|first| first.start(self.now) <= to) else {
                self.now = self.now.max(to);
                return None;
            };
            self.now = first.start(self.now);
            if first.level > 0 {
                self.sort_out(first);
                continue;
            }
            let slot = &mut self.levels[0].slots[first.slot];
            self.entries.fetch(self.chunks.fresh(slot));
            let item = self.chunks.pop(slot);
            let value = self.entries.take_of(item);
            if value.is_none() {
                slot.forget_stale();
            }
            if slot.is_all_stale() {
                self.chunks.clear(slot);
                self.is_empty_now(first);
            }
            if let Some(value) = value {
                return Some((item.deadline, value));
            }
        }
    }

    /// The slot in which the next thing happens: the first occupied one of the lowest occupied level.
    fn first(&self) -> Option<Position> {
        if self.occupied == 0 {
            return None;
        }
        let level = self.occupied.trailing_zeros() as usize;
        Some(Position { level, slot: self.levels[level].first() })
    }

    /// Gives what a slot holds the place it has from now on, and forgets what is stale: moves down the slot that now has just reached,
    /// or sweeps any other.
    fn sort_out(&mut self, from: Position) {
        let mut slot = std::mem::replace(&mut self.levels[from.level].slots[from.slot], Slot::EMPTY);
        self.is_empty_now(from);
        let has_stale = slot.has_stale();
        while let Some(taken) = self.chunks.pop_chunk(&mut slot) {
            for item in taken.items() {
                if !has_stale || self.entries.is_live(*item) {
                    self.link(*item);
                }
            }
        }
    }

    /// Where an entry of this deadline belongs. One that is overdue belongs to this very tick.
    fn position(&self, deadline: u64) -> Position {
        Position::of(deadline.max(self.now), self.now)
    }

    /// Puts an item where it belongs.
    fn link(&mut self, item: Item) {
        let at = self.position(item.deadline);
        let level = &mut self.levels[at.level];
        self.chunks.push(&mut level.slots[at.slot], item);
        level.occupied |= 1 << at.slot;
        self.occupied |= 1 << at.level;
    }

    /// An entry is gone from where this item says it is.
    fn unlink(&mut self, item: Item) {
        let at = self.position(item.deadline);
        let slot = &mut self.levels[at.level].slots[at.slot];
        self.chunks.leave(slot, item);
        if slot.is_all_stale() {
            self.chunks.clear(slot);
            self.is_empty_now(at);
        } else if slot.is_littered() {
            self.sort_out(at);
        }
    }

    /// Notes that a slot holds nothing any more.
    fn is_empty_now(&mut self, at: Position) {
        let level = &mut self.levels[at.level];
        level.occupied &= !(1 << at.slot);
        if level.occupied == 0 {
            self.occupied &= !(1 << at.level);
        }
    }
}

impl<T> Default for Wheel<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> fmt::Debug for Wheel<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wheel")
            .field("now", &self.now)
            .field("len", &self.len())
            .field("next_expiry", &self.next_expiry())
            .finish()
    }
}

/// What has expired, in the order of the deadlines: see [`Wheel::advance`].
#[derive(Debug)]
pub struct Expired<'a, T> {
    wheel: &'a mut Wheel<T>,
    to: u64,
}

impl<T> Iterator for Expired<'_, T> {
    type Item = (u64, T);

    fn next(&mut self) -> Option<(u64, T)> {
        self.wheel.pop(self.to)
    }
}

impl<T> std::iter::FusedIterator for Expired<'_, T> {}

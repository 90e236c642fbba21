//! The wheel.

use std::fmt;

use crate::entries::{Entries, NONE};
use crate::level::{LEVELS, Level, Position, Slot};

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
/// 4. All entries of one deadline are in the same slot, in the order they were put there, and move together. So they expire in that order.
///
/// Empty stretches cost nothing: now jumps from one occupied slot to the next.
///
/// An operation allocates only where there are more entries at once than ever before.
///
/// # Examples
///
/// ```
/// use windlass_timer::Wheel;
///
/// let mut wheel = Wheel::new();
/// let tea = wheel.insert(300, "tea");
/// let egg = wheel.insert(240, "egg");
/// wheel.insert(60_000, "bread");
///
/// assert_eq!(wheel.next_expiry(), Some(240));
/// assert_eq!(wheel.cancel(egg), Some("egg"));
/// assert!(wheel.reset(tea, 360));
///
/// let done: Vec<_> = wheel.advance(100_000).collect();
/// assert_eq!(done, [(360, "tea"), (60_000, "bread")]);
/// assert_eq!(wheel.cancel(tea), None);
/// ```
pub struct Wheel<T> {
    /// No entry's slot begins before it.
    now: u64,
    entries: Entries<T>,
    /// A bit for each level that says whether it holds anything.
    occupied: u16,
    levels: Box<[Level]>,
}

/// What [`Wheel::insert`] returns: the means to cancel or move the entry.
///
/// A key is never used twice: that of an entry that has expired or was cancelled finds nothing. It belongs to the wheel it came from.
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
    /// If the wheel holds `u32::MAX` entries.
    ///
    /// ```
    /// let mut wheel = windlass_timer::Wheel::new();
    /// wheel.insert(0, "at once");
    /// assert_eq!(wheel.advance(0).next(), Some((0, "at once")));
    /// ```
    pub fn insert(&mut self, deadline: u64, value: T) -> Key {
        let (index, sequence) = self.entries.add(deadline, value);
        self.link(index);
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
        if !self.contains(key) {
            return None;
        }
        self.unlink(key.index);
        Some(self.entries.take(key.index).value)
    }

    /// Moves an entry to another deadline, under the same key. `false` if it has expired or was cancelled.
    ///
    /// ```
    /// let mut wheel = windlass_timer::Wheel::new();
    /// let key = wheel.insert(9, ());
    /// assert!(wheel.reset(key, 20));
    /// assert_eq!(wheel.deadline(key), Some(20));
    /// assert_eq!(wheel.advance(19).count(), 0);
    /// assert_eq!(wheel.advance(20).count(), 1);
    /// assert!(!wheel.reset(key, 30));
    /// ```
    pub fn reset(&mut self, key: Key, deadline: u64) -> bool {
        let there = self.contains(key);
        if there {
            self.unlink(key.index);
            self.entries.get_mut(key.index).deadline = deadline;
            self.link(key.index);
        }
        there
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
        self.entries.holds(key.index, key.sequence)
    }

    /// The deadline of an entry that waits, as it was given.
    ///
    /// ```
    /// let mut wheel = windlass_timer::Wheel::new();
    /// let key = wheel.insert(9, ());
    /// assert_eq!(wheel.deadline(key), Some(9));
    /// ```
    pub fn deadline(&self, key: Key) -> Option<u64> {
        self.contains(key).then(|| self.entries.get(key.index).deadline)
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
        self.contains(key).then(|| &mut self.entries.get_mut(key.index).value)
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
        let mut index = self.levels[first.level].slots[first.slot].head;
        let mut earliest = u64::MAX;
        while index != NONE {
            earliest = earliest.min(self.entries.get(index).deadline);
            index = self.entries.next(index);
        }
        Some(earliest)
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
                self.move_down(first);
                continue;
            }
            let index = self.levels[0].slots[first.slot].head;
            self.unlink_at(first, index);
            let entry = self.entries.take(index);
            return Some((entry.deadline, entry.value));
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

    /// Gives the entries of a slot that now has just reached the place they have from now on.
    fn move_down(&mut self, from: Position) {
        let mut index = self.levels[from.level].slots[from.slot].head;
        self.empty(from);
        while index != NONE {
            let next = self.entries.next(index);
            self.link(index);
            index = next;
        }
    }

    /// Where an entry of this deadline belongs. One that is overdue belongs to this very tick.
    fn position(&self, deadline: u64) -> Position {
        Position::of(deadline.max(self.now), self.now)
    }

    /// Puts an entry where it belongs.
    fn link(&mut self, index: u32) {
        let deadline = self.entries.get(index).deadline;
        let at = self.position(deadline);
        let level = &mut self.levels[at.level];
        let slot = &mut level.slots[at.slot];
        slot.earliest = slot.earliest.min(deadline);
        self.entries.push_back(slot, index);
        level.occupied |= 1 << at.slot;
        self.occupied |= 1 << at.level;
    }

    /// Takes an entry out of where it is.
    fn unlink(&mut self, index: u32) {
        self.unlink_at(self.position(self.entries.get(index).deadline), index);
    }

    fn unlink_at(&mut self, at: Position, index: u32) {
        let slot = &mut self.levels[at.level].slots[at.slot];
        self.entries.unlink(slot, index);
        if slot.head == NONE {
            self.empty(at);
        }
    }

    /// Marks a slot as holding nothing.
    fn empty(&mut self, at: Position) {
        let level = &mut self.levels[at.level];
        level.slots[at.slot] = Slot::EMPTY;
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

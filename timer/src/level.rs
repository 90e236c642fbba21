//! Where in the wheel a deadline belongs.

use crate::items::Slot;

/// The bits of a tick that one level looks at.
const BITS: u32 = 6;

/// Slots of a level: as many as those bits tell apart, and as a word has bits.
pub(crate) const SLOTS: usize = 1 << BITS;

/// As many as it takes to cover every bit of a tick; the top one uses 16 of its slots.
pub(crate) const LEVELS: usize = u64::BITS.div_ceil(BITS) as usize;

/// A slot's place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Position {
    pub(crate) level: usize,
    pub(crate) slot: usize,
}

impl Position {
    /// The place of a deadline (not before `now`): the level of the highest group of bits in which the two differ.
    pub(crate) fn of(deadline: u64, now: u64) -> Self {
        // The lowest bit is set so that a deadline of this very tick has a highest bit too.
        let highest = (u64::BITS - 1) - ((deadline ^ now) | 1).leading_zeros();
        let level = highest / BITS;
        Position { level: level as usize, slot: (deadline >> (level * BITS)) as usize % SLOTS }
    }

    /// The first tick of the slot. `now` gives the groups of bits above its level.
    pub(crate) fn start(self, now: u64) -> u64 {
        let shift = self.level as u32 * BITS;
        // The groups above: at the top level there are none, and the shift would be past the word's end.
        let above = (now >> shift >> BITS) << shift << BITS;
        above | (self.slot as u64) << shift
    }
}

/// One level: its slots, and a bit for each that says whether it holds anything.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Level {
    pub(crate) occupied: u64,
    pub(crate) slots: [Slot; SLOTS],
}

impl Level {
    pub(crate) const EMPTY: Level = Level { occupied: 0, slots: [Slot::EMPTY; SLOTS] };

    /// The level's first slot that holds something. There must be one.
    pub(crate) fn first(&self) -> usize {
        self.occupied.trailing_zeros() as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(level: usize, slot: usize) -> Position {
        Position { level, slot }
    }

    #[test]
    fn the_highest_group_that_differs_is_the_level() {
        assert_eq!(Position::of(0, 0), at(0, 0));
        assert_eq!(Position::of(63, 0), at(0, 63));
        assert_eq!(Position::of(64, 0), at(1, 1));
        assert_eq!(Position::of(64, 63), at(1, 1));
        assert_eq!(Position::of(65, 64), at(0, 1));
        assert_eq!(Position::of(4_096, 4_095), at(2, 1));
        assert_eq!(Position::of(u64::MAX, 0), at(10, 15));
        assert_eq!(Position::of(u64::MAX, u64::MAX), at(0, 63));
    }

    #[test]
    fn a_slot_starts_where_its_deadlines_do() {
        assert_eq!(at(0, 3).start(130), 131);
        assert_eq!(at(1, 3).start(5), 192);
        assert_eq!(at(1, 3).start(4_096), 4_096 + 192);
        assert_eq!(at(10, 15).start(77), 15 << 60);
        for deadline in [1, 64, 100, 70_000, 1 << 40, u64::MAX] {
            for now in [0, 1, 63] {
                assert!(Position::of(deadline, now).start(now) <= deadline);
            }
        }
    }
}

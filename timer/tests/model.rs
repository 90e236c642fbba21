//! The wheel does what a sorted map would. `PROPTEST_CASES=100000` in the environment tries harder.

use std::collections::BTreeMap;

use proptest::prelude::*;
use windlass_timer::{Key, Wheel};

/// What can be done to a wheel. Entries are named by the order they were made in, modulo how many there are.
#[derive(Clone, Debug)]
enum Step {
    Insert {
        wait: u64,
    },
    InsertAt {
        deadline: u64,
    },
    /// Many that are due at about the same time.
    InsertMany {
        wait: u64,
        count: u64,
    },
    /// One in so many of the latest.
    CancelMany {
        one_in: usize,
        count: usize,
    },
    Cancel {
        entry: usize,
    },
    Reset {
        entry: usize,
        wait: u64,
    },
    Advance {
        by: u64,
    },
    AdvanceTo {
        tick: u64,
    },
    AdvanceInPart {
        by: u64,
        take: usize,
    },
    AdvanceToNext,
}

/// Waits of every magnitude: every level is reached, and the borders between them.
fn wait() -> impl Strategy<Value = u64> {
    let near_a_power =
        (0..64_u32, -2_i64..=2).prop_map(|(bits, off)| (1_u64 << bits).saturating_add_signed(off));
    let any_size = (any::<u64>(), 0..64_u32).prop_map(|(value, shift)| value >> shift);
    prop_oneof![4 => 0..200_u64, 2 => near_a_power, 2 => any_size, 1 => Just(u64::MAX)]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => wait().prop_map(|wait| Step::Insert { wait }),
        2 => wait().prop_map(|deadline| Step::InsertAt { deadline }),
        1 => (wait(), 0..300_u64).prop_map(|(wait, count)| Step::InsertMany { wait, count }),
        1 => (1..4_usize, 0..300_usize).prop_map(|(one_in, count)| Step::CancelMany { one_in, count }),
        3 => any::<usize>().prop_map(|entry| Step::Cancel { entry }),
        3 => (any::<usize>(), wait()).prop_map(|(entry, wait)| Step::Reset { entry, wait }),
        3 => (0..200_u64).prop_map(|by| Step::Advance { by }),
        1 => wait().prop_map(|by| Step::Advance { by: by / 1_000 }),
        1 => wait().prop_map(|tick| Step::AdvanceTo { tick: tick >> 8 }),
        2 => (0..500_u64, 0..5_usize).prop_map(|(by, take)| Step::AdvanceInPart { by, take }),
        2 => Just(Step::AdvanceToNext),
    ]
}

/// Where an entry is in the map: its deadline, not before when it was set, and the number of that setting.
type Place = (u64, u64);

/// An entry: its key, its deadline as given, and its place while it waits.
type Made = (Key, u64, Option<Place>);

/// The wheel and the map, side by side.
#[derive(Default)]
struct Both {
    wheel: Wheel<usize>,
    map: BTreeMap<Place, usize>,
    /// Every entry ever made.
    entries: Vec<Made>,
    now: u64,
    set: u64,
}

impl Both {
    fn place(&mut self, deadline: u64) -> Place {
        self.set += 1;
        (deadline.max(self.now), self.set)
    }

    fn insert(&mut self, deadline: u64) {
        let id = self.entries.len();
        let key = self.wheel.insert(deadline, id);
        let place = self.place(deadline);
        self.map.insert(place, id);
        self.entries.push((key, deadline, Some(place)));
    }

    fn cancel(&mut self, id: usize) {
        let (key, _, place) = &mut self.entries[id];
        let expected = place.take().and_then(|place| self.map.remove(&place));
        assert_eq!(self.wheel.cancel(*key), expected);
        assert!(!self.wheel.contains(*key));
    }

    fn reset(&mut self, id: usize, deadline: u64) {
        let (mut key, _, old) = self.entries[id];
        let before = key;
        assert_eq!(self.wheel.reset(&mut key, deadline), old.is_some());
        assert_eq!(key == before, old.is_none());
        assert!(!self.wheel.contains(before));
        if let Some(old) = old {
            self.map.remove(&old);
            let place = self.place(deadline);
            self.map.insert(place, id);
            self.entries[id] = (key, deadline, Some(place));
            assert_eq!(self.wheel.deadline(key), Some(deadline));
        }
    }

    /// Advances, taking at most so many of those that expire.
    fn advance(&mut self, to: u64, take: usize) {
        let mut taken = 0;
        let mut expired = self.wheel.advance(to);
        while taken < take {
            let first = self
                .map
                .first_key_value()
                .map(|(place, id)| (*place, *id))
                .filter(|(place, _)| place.0 <= to);
            let Some((place, id)) = first else {
                assert_eq!(expired.next(), None);
                self.now = self.now.max(to);
                break;
            };
            let given = self.entries[id].1;
            assert_eq!(expired.next(), Some((given, id)));
            self.map.remove(&place);
            self.entries[id].2 = None;
            self.now = place.0;
            taken += 1;
        }
    }

    fn run(&mut self, step: Step) {
        let count = self.entries.len().max(1);
        match step {
            Step::Insert { wait } => self.insert(self.now.saturating_add(wait)),
            Step::InsertAt { deadline } => self.insert(deadline),
            Step::InsertMany { wait, count } => {
                (0..count).for_each(|n| self.insert(self.now.saturating_add(wait).saturating_add(n % 7)));
            }
            Step::CancelMany { one_in, count } => {
                let all = self.entries.len();
                (all.saturating_sub(count)..all).step_by(one_in).for_each(|id| self.cancel(id));
            }
            Step::Cancel { entry } if !self.entries.is_empty() => self.cancel(entry % count),
            Step::Reset { entry, wait } if !self.entries.is_empty() => {
                self.reset(entry % count, self.now.saturating_add(wait));
            }
            Step::Cancel { .. } | Step::Reset { .. } => {}
            Step::Advance { by } => self.advance(self.now.saturating_add(by), usize::MAX),
            Step::AdvanceTo { tick } => self.advance(tick, usize::MAX),
            Step::AdvanceInPart { by, take } => self.advance(self.now.saturating_add(by), take),
            Step::AdvanceToNext => self.advance_to_next(),
        }
        self.check();
    }

    /// Goes where `next_expiry` says until something expires: it is never too late, and gets there soon.
    fn advance_to_next(&mut self) {
        let Some(((earliest, _), _)) = self.map.first_key_value() else { return };
        let earliest = *earliest;
        for _ in 0..12 {
            let next = self.wheel.next_expiry().expect("something waits");
            assert!(next <= earliest);
            self.advance(next, usize::MAX);
            if next == earliest {
                return;
            }
        }
        panic!("next_expiry did not come to {earliest} in twelve steps");
    }

    fn check(&self) {
        assert_eq!(self.wheel.now(), self.now);
        assert_eq!(self.wheel.len(), self.map.len());
        assert_eq!(self.wheel.is_empty(), self.map.is_empty());
        let earliest = self.map.first_key_value().map(|((deadline, _), _)| *deadline);
        let next = self.wheel.next_expiry();
        assert_eq!(next.is_some(), earliest.is_some());
        assert!(next <= earliest, "{next:?} is after {earliest:?}");
        // One that was past when it was set counts as the tick it was set at.
        let not_past = |deadline: u64| deadline.max(self.now);
        assert_eq!(self.wheel.first_deadline().map(not_past), earliest.map(not_past));
    }
}

proptest! {
    #[test]
    fn the_wheel_agrees_with_a_map(start in wait(), steps in prop::collection::vec(step(), 0..200)) {
        let mut both = Both::default();
        both.advance(start, usize::MAX);
        for step in steps {
            both.run(step);
        }
        both.advance(u64::MAX, usize::MAX);
        prop_assert!(both.wheel.is_empty());
    }

    #[test]
    fn without_cancelling_the_next_expiry_is_exact(deadlines in prop::collection::vec(wait(), 1..50)) {
        let mut wheel = Wheel::new();
        for deadline in &deadlines {
            wheel.insert(*deadline, ());
        }
        let mut sorted = deadlines;
        sorted.sort_unstable();
        for deadline in sorted {
            prop_assert_eq!(wheel.next_expiry(), Some(deadline));
            prop_assert_eq!(wheel.advance(deadline).next(), Some((deadline, ())));
        }
        prop_assert_eq!(wheel.next_expiry(), None);
    }
}

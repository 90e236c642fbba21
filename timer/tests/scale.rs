//! A million entries, and no allocation for any of them once there is room.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use windlass_timer::Wheel;

thread_local! {
    /// Allocations of this thread.
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
}

/// The system's allocator, counting.
struct Counting;

// SAFETY: every call goes to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        // SAFETY: the caller keeps the contract of `alloc`, which is the same.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller keeps the contract of `dealloc`, and the pointer came from `System`.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

const MILLION: u64 = 1_000_000;

/// A fixed sequence of numbers that look random (Steele, Lea and Flood's SplitMix64).
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

#[test]
fn a_million_entries_come_and_go_without_allocating() {
    let mut wheel = Wheel::with_capacity(MILLION as usize);
    let mut keys = Vec::with_capacity(MILLION as usize);
    let mut numbers = Numbers(1);
    let mut deadlines: Vec<u64> = (0..MILLION).map(|_| numbers.next() >> (numbers.next() % 50)).collect();

    let before = ALLOCATIONS.get();
    for deadline in &deadlines {
        keys.push(wheel.insert(*deadline, *deadline));
    }
    assert_eq!(wheel.len(), MILLION as usize);
    // A third cancelled, a third moved.
    for (at, key) in keys.iter_mut().enumerate() {
        match at % 3 {
            0 => assert_eq!(wheel.cancel(*key), Some(deadlines[at])),
            1 => assert!(wheel.reset(key, deadlines[at] / 2)),
            _ => {}
        }
    }
    let mut last = 0;
    let mut count = 0;
    let mut to = 1;
    while !wheel.is_empty() {
        for (deadline, value) in wheel.advance(to) {
            assert!(deadline <= to && deadline >= last, "{deadline} came after {last}, at {to}");
            assert!(deadline == value || deadline == value / 2);
            last = deadline;
            count += 1;
        }
        to = to.saturating_mul(3).saturating_add(numbers.next() % 100);
    }
    let after = ALLOCATIONS.get();

    deadlines.clear();
    assert_eq!(count, MILLION - MILLION.div_ceil(3));
    assert_eq!(after - before, 0, "allocations");
    assert!(keys.iter().all(|key| !wheel.contains(*key)));
}

#[test]
fn room_is_used_again() {
    let mut wheel = Wheel::new();
    let round = |wheel: &mut Wheel<u64>| {
        for wait in 0..1_000 {
            wheel.insert(wheel.now() + wait * wait, wait);
        }
        wheel.advance(wheel.now() + MILLION).count()
    };
    assert_eq!(round(&mut wheel), 1_000);
    let before = ALLOCATIONS.get();
    for _ in 0..20 {
        assert_eq!(round(&mut wheel), 1_000);
    }
    assert_eq!(ALLOCATIONS.get() - before, 0);
}

#[test]
fn what_is_cancelled_in_the_order_it_was_set_leaves_no_litter() {
    let mut wheel = Wheel::new();
    let mut keys = std::collections::VecDeque::with_capacity(2_000);
    let mut set_and_cancel = |times: u64| {
        for _ in 0..times {
            keys.push_back(wheel.insert(MILLION, ()));
            if keys.len() > 1_000 {
                assert!(keys.pop_front().is_some_and(|key| wheel.cancel(key).is_some()));
            }
        }
    };
    set_and_cancel(10_000);
    let before = ALLOCATIONS.get();
    set_and_cancel(MILLION);
    assert_eq!(ALLOCATIONS.get() - before, 0);
}

#[test]
fn a_key_of_before_does_not_find_what_has_its_place_now() {
    let mut wheel = Wheel::new();
    let mut old = wheel.insert(5, "old");
    assert_eq!(wheel.cancel(old), Some("old"));
    let new = wheel.insert(5, "new");
    assert_ne!(old, new);
    assert_eq!(wheel.cancel(old), None);
    assert!(!wheel.reset(&mut old, 7));
    assert_eq!(wheel.get_mut(old), None);
    assert_eq!(wheel.deadline(old), None);
    assert_eq!(wheel.cancel(new), Some("new"));
}

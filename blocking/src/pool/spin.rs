//! How long a thread out of work goes on looking before it parks.

use crate::primitives::{SPINS, spin_loop, thread};

/// Looks with a few pauses between them, for what is about to come from another processor.
const EAGER: u32 = 2;
const PAUSES: u32 = 16;
/// All looks, the eager ones included. After those the thread yields between two looks, for if the one who is
/// about to submit needs this very processor, only that lets it. Without any yield in the smallest budget a pool
/// on a busy machine can get stuck in a state where each submission wakes a thread that takes the processor
/// from the submitter, finds one job, looks in vain and parks: ten times the work.
const FEWEST: u32 = 4;
const MOST: u32 = 64;

/// An adaptive spin: the budget doubles when looking found something and halves when it did not.
pub(crate) struct Spin {
    looks: u32,
}

impl Spin {
    pub(crate) fn new() -> Self {
        Self { looks: MOST }
    }

    /// Looks until `found` or the budget is spent.
    pub(crate) fn until(&mut self, found: impl Fn() -> bool) -> bool {
        if found() {
            return true;
        }
        if !SPINS {
            return false;
        }
        for look in 0..self.looks {
            if look < EAGER {
                for _ in 0..PAUSES {
                    spin_loop();
                }
            } else {
                thread::yield_now();
            }
            if found() {
                self.looks = (self.looks * 2).min(MOST);
                return true;
            }
        }
        self.looks = (self.looks / 2).max(FEWEST);
        false
    }
}

#[cfg(all(test, not(windlass_loom)))]
mod tests {
    use super::*;
    use std::cell::Cell;

    #[test]
    fn the_budget_follows_success() {
        let mut spin = Spin::new();
        let looks = Cell::new(0);
        for _ in 0..20 {
            looks.set(0);
            assert!(!spin.until(|| {
                looks.set(looks.get() + 1);
                false
            }));
        }
        assert_eq!(looks.get(), 1 + FEWEST);
        looks.set(0);
        assert!(spin.until(|| {
            looks.set(looks.get() + 1);
            looks.get() == 3
        }));
        assert_eq!(spin.looks, 2 * FEWEST);
    }
}

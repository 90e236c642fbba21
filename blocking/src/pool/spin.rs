//! How long a thread out of work goes on looking before it parks.

use crate::primitives::{SPINS, spin_loop, thread};

/// Looks a thread takes when looking has not paid lately, and when it always does.
const FEWEST: u32 = 8;
const MOST: u32 = 64;
/// Pauses between two looks; after the first few looks the thread also lets others run.
const PAUSES: u32 = 16;
const LOOKS_BEFORE_YIELDING: u32 = 16;

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
            if look < LOOKS_BEFORE_YIELDING {
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

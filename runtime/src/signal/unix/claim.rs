//! Whose the signal is, and with it the descriptor that its handler writes to, in one word. ARCHITECTURE.md says why.

use crate::primitives::atomic::AtomicU8;
use crate::primitives::atomic::Ordering::{Acquire, Relaxed, Release};

/// Nobody waits for it.
pub(crate) const IDLE: u8 = 0;
/// Somebody waits for it.
const ARMED: u8 = 1;
/// It came, and the handler is about to tell.
const TELLING: u8 = 2;
/// The handler has told.
const TOLD: u8 = 3;

/// The word.
pub(crate) struct Claim(AtomicU8);

/// What the end of the wait came to.
#[derive(Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum Ended {
    /// There was none.
    Before,
    /// The signal has not come.
    InVain,
    /// It has.
    Told,
    /// It has, and the handler still has the descriptor: ask again.
    NotYet,
}

impl Claim {
    /// Of a word that is [`IDLE`].
    pub(crate) const fn on(word: AtomicU8) -> Self {
        Self(word)
    }

    /// Whether nobody waits.
    pub(crate) fn is_idle(&self) -> bool {
        self.0.load(Relaxed) == IDLE
    }

    /// Begins a wait. Only the main thread does, and only if nobody waits.
    pub(crate) fn arm(&self) {
        // Release pairs with the Acquire of `take`: the descriptor is there.
        self.0.store(ARMED, Release);
    }

    /// The signal came: true for one of those that come during a wait, who uses the descriptor and then says so by `told`.
    #[must_use]
    pub(crate) fn take(&self) -> bool {
        // Acquire pairs with the Release of `arm`.
        self.0.compare_exchange(ARMED, TELLING, Acquire, Relaxed).is_ok()
    }

    /// Who has taken it uses the descriptor no more.
    pub(crate) fn told(&self) {
        // Release pairs with the Acquire of `try_end`.
        self.0.store(TOLD, Release);
    }

    /// Whether it has come.
    #[inline]
    pub(crate) fn has_come(&self) -> bool {
        // Relaxed: there is nothing else to see.
        self.0.load(Relaxed) > ARMED
    }

    /// Ends the wait. The descriptor may be closed then, and what comes from here on is nobody's.
    pub(crate) fn try_end(&self) -> Ended {
        match self.0.compare_exchange(ARMED, IDLE, Relaxed, Relaxed) {
            Ok(_) => return Ended::InVain,
            Err(IDLE) => return Ended::Before,
            Err(_) => {}
        }
        // Acquire pairs with the Release of `told`: it was written to before it is closed.
        match self.0.compare_exchange(TOLD, IDLE, Acquire, Relaxed) {
            Ok(_) => Ended::Told,
            Err(_) => Ended::NotYet,
        }
    }
}

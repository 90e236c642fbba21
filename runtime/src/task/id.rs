//! Task ids.

use std::cell::Cell;
use std::fmt;
use std::num::NonZeroU64;
use std::sync::atomic::{AtomicU64, Ordering};

/// The id of a task: unique among all tasks of the process, of every runtime, for its whole life.
///
/// Ids are handed out to threads in blocks, so they say nothing about the order in which tasks of different
/// threads were spawned.
///
/// # Examples
///
/// ```
/// let rt = windlass::runtime::Runtime::new().unwrap();
/// let task = rt.spawn(async { windlass::task::id() });
/// let id = task.id();
/// assert_eq!(rt.block_on(task).unwrap(), id);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Id(NonZeroU64);

/// How many ids a thread takes at once: one shared read-modify-write for so many spawns.
const BLOCK: u64 = 256;

static NEXT_BLOCK: AtomicU64 = AtomicU64::new(1);

thread_local! {
    /// The ids this thread has left: the next, and the end of its block.
    static LEFT: Cell<(u64, u64)> = const { Cell::new((0, 0)) };
}

impl Id {
    #[inline]
    pub(crate) fn next() -> Self {
        LEFT.with(|left| {
            let (next, end) = left.get();
            let (id, end) = if next < end { (next, end) } else { Self::take_block() };
            left.set((id + 1, end));
            Self(NonZeroU64::new(id).expect("ids begin at one"))
        })
    }

    #[cold]
    fn take_block() -> (u64, u64) {
        // Relaxed: only uniqueness matters.
        let first = NEXT_BLOCK.fetch_add(BLOCK, Ordering::Relaxed);
        (first, first + BLOCK)
    }

    pub(crate) fn get(self) -> u64 {
        self.0.get()
    }

    pub(crate) fn from_raw(raw: u64) -> Option<Self> {
        NonZeroU64::new(raw).map(Self)
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Id({})", self.0)
    }
}

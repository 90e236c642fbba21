//! How tests end a runtime, and what becomes of its tasks.

use std::time::Duration;

use windlass::runtime::Runtime;
use windlass::task::JoinHandle;

/// The ways to shut a runtime down.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Way {
    /// Drops it.
    Drop,
    /// `shutdown_timeout`, with a limit that nothing reaches.
    Timeout,
    /// `shutdown_background`.
    Background,
}

impl Way {
    /// All of them.
    pub const ALL: [Way; 3] = [Way::Drop, Way::Timeout, Way::Background];

    /// Shuts it down.
    pub fn shut_down(self, runtime: Runtime) {
        match self {
            Way::Drop => drop(runtime),
            Way::Timeout => runtime.shutdown_timeout(Duration::from_secs(1_000)),
            Way::Background => runtime.shutdown_background(),
        }
    }
}

/// Asserts that a task ended, and if not by itself then by cancellation.
///
/// # Panics
///
/// If it panicked.
#[track_caller]
pub fn assert_ended<T>(task: JoinHandle<T>) {
    if let Err(error) = futures::executor::block_on(task) {
        assert!(error.is_cancelled(), "{error}");
    }
}

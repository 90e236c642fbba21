//! What tasks tell each other, and wait for.

mod cancellation;
mod graceful;
mod task_tracker;
mod waiters;

pub use cancellation::{
    CancellationToken, DropGuard, DropGuardRef, WaitForCancellationFuture, WaitForCancellationFutureOwned,
};
pub use graceful::{Drained, Graced, Graceful};
pub use task_tracker::{TaskTracker, TaskTrackerToken, TaskTrackerWaitFuture, TrackedFuture};

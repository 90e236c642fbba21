//! What tasks meet at: locks, events, semaphores, queues and channels.
//!
//! Locks, queues and channels are fair: who waits first is served first, and nobody overtakes a line. A future that is dropped
//! while it waits loses nothing: what it was granted and did not take goes to the next in line. Each
//! operation that is ready spends the cooperative budget (see [`task::coop`](crate::task::coop)). Nothing here needs
//! a runtime of this crate; it works on any thread and in any executor.
//!
//! Where tokio has the same thing it has its name and interface; where only asyncio or Trio has it, theirs.

mod wait;

mod barrier;
mod bounded_semaphore;
pub mod broadcast;
mod cancellation;
mod capacity_limiter;
mod condition;
mod error;
mod event;
mod graceful;
pub mod mpsc;
mod mutex;
mod mutex_guards;
mod notify;
mod once_cell;
pub mod oneshot;
mod queue;
mod queue_core;
mod queue_error;
mod rounds;
mod rwlock;
mod rwlock_guards;
mod semaphore;
mod task_tracker;
pub mod watch;

/// The futures of this module that have a name, where tokio has them.
///
/// # Examples
///
/// ```
/// use windlass::sync::Notify;
/// use windlass::sync::futures::Notified;
///
/// let notify = Notify::new();
/// let notified: Notified<'_> = notify.notified();
/// # drop(notified);
/// ```
pub mod futures {
    pub use super::notify::{Notified, OwnedNotified};
}

pub use barrier::{Barrier, BarrierWaitResult, BrokenBarrier};
pub use bounded_semaphore::{BoundedPermit, BoundedSemaphore, OverRelease};
pub use cancellation::{
    CancellationToken, DropGuard, DropGuardRef, WaitForCancellationFuture, WaitForCancellationFutureOwned,
};
pub use capacity_limiter::{CapacityLimiter, CapacityToken};
pub use condition::{Condition, ConditionGuard};
pub use error::{AcquireError, TryAcquireError, TryLockError};
pub use event::Event;
pub use graceful::{Drained, Graced, Graceful};
pub use mutex::Mutex;
pub use mutex_guards::{MappedMutexGuard, MutexGuard, OwnedMappedMutexGuard, OwnedMutexGuard};
pub use notify::{Notified, Notify, OwnedNotified};
pub use once_cell::{OnceCell, SetError};
pub use queue::{LifoQueue, PriorityQueue, Queue};
pub use queue_error::{QueueShutDown, TryGetError, TryPutError};
pub use rwlock::RwLock;
pub use rwlock_guards::{
    OwnedRwLockMappedWriteGuard, OwnedRwLockReadGuard, OwnedRwLockWriteGuard, RwLockMappedWriteGuard,
    RwLockReadGuard, RwLockWriteGuard,
};
pub use semaphore::{OwnedSemaphorePermit, Semaphore, SemaphorePermit};
pub use task_tracker::{TaskTracker, TaskTrackerToken, TaskTrackerWaitFuture, TrackedFuture};

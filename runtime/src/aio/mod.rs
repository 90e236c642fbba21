//! asyncio's way of working with tasks, under its names.

mod as_completed;
mod deadline;
mod failure;
mod gather;
mod into_task;
mod invalid_state;
mod promise;
mod shield;
mod task_group;
mod timeout_scope;
mod wait;
mod wait_for;

pub use as_completed::{AsCompleted, as_completed};
pub use failure::TaskFailure;
pub use gather::{Gather, GatherResults, Gatherable, Slots, gather, gather_results, try_gather};
pub use into_task::IntoTask;
pub use invalid_state::InvalidState;
pub use promise::{CallbackId, Promise, PromiseError, PromiseFuture};
pub use shield::{Shield, shield};
pub use task_group::{
    ChildError, ChildHandle, ErrorGroup, Spawner, Start, StartError, TaskGroup, TaskStatus,
};
pub use timeout_scope::{InTimeoutScope, TimeoutScope, timeout_scope, timeout_scope_at};
pub use wait::{EmptySet, Wait, try_wait, wait};
pub use wait_for::wait_for;
pub use windlass_blocking::ReturnWhen;

//! What the models use of `aio`, but for what is at the root: the parts of a task group, which know each other as neighbours.

#[path = "../../runtime/src/aio/failure.rs"]
mod failure;
#[path = "../../runtime/src/aio/into_task.rs"]
pub(crate) mod into_task;

pub(crate) use failure::TaskFailure;

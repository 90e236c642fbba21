//! asyncio's way of working with tasks, under its names.

mod failure;
mod gather;
mod into_task;

pub use failure::TaskFailure;
pub use gather::{Gather, GatherResults, Gatherable, Slots, gather, gather_results, try_gather};
pub use into_task::IntoTask;

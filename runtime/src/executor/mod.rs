//! Blocking code: the pools it runs on, and the bridge between their futures and ours.
//!
//! `pools` holds the executors of a runtime, `job` makes a blocking call a task, and the others are one bridge
//! each, written on `windlass-blocking`'s public items.

mod in_place;
mod inhibit;
mod job;
mod pools;
mod run;
mod threadsafe;
mod to_thread;
mod wrap;

pub use in_place::block_in_place;
pub(crate) use pools::{Executors, PATIENCE, PoolConfig};
pub use run::{RunInExecutor, run_in_executor};
pub(crate) use run::{run_own, submit};
pub use threadsafe::run_coroutine_threadsafe;
pub use to_thread::to_thread;
pub use wrap::{WrapFuture, wrap_future};

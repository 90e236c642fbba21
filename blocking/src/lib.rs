//! `concurrent.futures` for Rust: executors, their futures, and a thread pool.

mod error;
mod executor;
mod job;
mod panics;
mod pool;
mod primitives;

pub use error::{JobError, PanicPayload};
pub use executor::{BrokenThreadPool, Executor, RejectReason, Rejected, Room};
pub use job::{Job, Run};
pub use pool::{
    Builder, InitializerOutput, Metrics, RunningJob, StillRunning, ThreadPoolExecutor, wait_blocked,
};

//! `concurrent.futures` for Rust: executors, their futures, and a thread pool.
mod current;
mod error;
mod executor;
mod ext;
mod future;
mod job;
mod map;
mod panics;
mod pool;
mod primitives;

pub use current::{CancelProbe, Current, current, with_probe};
pub use error::{JobError, PanicPayload};
pub use executor::{BrokenThreadPool, Executor, RejectReason, Rejected, Room};
pub use ext::{ExecutorExt, TrySubmitError};
pub use future::{
    AsCompleted, Future, FutureState, Promise, ReturnWhen, SharedFuture, TimeoutError, as_completed, wait,
};
pub use job::{Job, Run};
pub use map::{Map, MapOptions};
pub use pool::{
    Builder, InitializerOutput, Metrics, RunningJob, StillRunning, ThreadPoolExecutor, wait_blocked,
};

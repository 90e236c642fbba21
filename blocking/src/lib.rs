//! `concurrent.futures` for Rust: executors, their futures, and a thread pool.
//!
//! Submit closures that block, or that compute for long, to a pool of threads, and get futures to wait for. The names and
//! the behaviour are those of Python's [`concurrent.futures`]; there is no async runtime in here, and none is needed.
//! (The runtime `windlass` runs its blocking calls on this crate's pool, and turns its futures into ones to await.)
//!
//! ```
//! use windlass_blocking::{ExecutorExt, ThreadPoolExecutor, as_completed};
//!
//! let pool = ThreadPoolExecutor::new(4);
//!
//! // One job, one result.
//! let answer = pool.submit(|| 6 * 7);
//! assert_eq!(answer.result().unwrap(), 42);
//!
//! // A function over many items; results in their order.
//! let lengths: Result<Vec<usize>, _> = pool.map(|word: &str| word.len(), ["a", "windlass"]).collect();
//! assert_eq!(lengths.unwrap(), [1, 8]);
//!
//! // Many jobs; results as they come.
//! let futures: Vec<_> = (0..10_u32).map(|n| pool.submit(move || n * n)).collect();
//! let sum: u32 = as_completed(futures, None).map(|future| future.unwrap().result().unwrap()).sum();
//! assert_eq!(sum, 285);
//! ```
//!
//! # What is what
//!
//! | here | in Python |
//! | --- | --- |
//! | [`Executor`], [`ExecutorExt::submit`], [`ExecutorExt::map`] | `Executor`, `submit`, `map` |
//! | [`ExecutorExt::map_with`] and [`MapOptions`] | `map(..., timeout=, buffersize=)` |
//! | [`ThreadPoolExecutor::shutdown`], [`Executor::shutdown`] | `shutdown(wait=, cancel_futures=)` |
//! | dropping the last handle of a [`ThreadPoolExecutor`] | leaving the `with` block |
//! | [`ThreadPoolExecutor::builder`] | `ThreadPoolExecutor(max_workers, thread_name_prefix, initializer)` |
//! | [`Future`], [`FutureState`] | `Future`; `PENDING`, `RUNNING`, `CANCELLED`, `FINISHED` |
//! | [`Future::result`], [`Future::result_timeout`] | `result()`, `result(timeout)` |
//! | [`Promise`] | the methods of `Future` that are meant for executors |
//! | [`wait`], [`ReturnWhen`], [`as_completed`] | the same |
//! | [`JobError::is_cancelled`], [`is_broken`](JobError::is_broken), [`TimeoutError`] | `CancelledError`, `BrokenExecutor`, `TimeoutError` |
//!
//! # Where it differs
//!
//! - Results are moved out: [`Future::result`] takes the future. [`Future::share`] is for several readers.
//! - An exception is a panic; a job whose work can fail returns a `Result`, which is its value like any other.
//! - [`ExecutorExt::submit`] does not raise when the pool was shut down: the future has the error.
//! - A job may wait for another of the same pool, however small ([`wait_blocked`]).
//! - [`wait`] and [`as_completed`] take a cancelled future for done at once; [`MapOptions::buffersize`] is exact.
//! - A running job cannot be cancelled, but it can ask whether someone tried: [`current`].
//! - Threads that have been idle for a while end, and a queue can be bounded.
//!
//! # How fast
//!
//! At most one thread is woken at a time, job and future are one allocation, and nothing is locked on the way from
//! `submit` to the job unless a thread has to be woken for it. `src/pool/README.md` tells the protocol, and why no job is lost in it.
//!
//! [`concurrent.futures`]: https://docs.python.org/3/library/concurrent.futures.html

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
pub use panics::unobserved_panics;
#[cfg(windlass_loom)]
#[doc(hidden)]
pub use pool::model;
pub use pool::{
    Builder, InitializerOutput, Metrics, RunningJob, StillRunning, ThreadPoolExecutor, wait_blocked,
};

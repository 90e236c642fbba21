//! Windlass: a multi-threaded work-stealing async runtime, with asyncio's programming model on top.
//!
//! ```
//! #[windlass::main]
//! async fn main() {
//!     let tasks: Vec<_> = (1..=4).map(|n| windlass::spawn(async move { n * n })).collect();
//!     let mut sum = 0;
//!     for task in tasks {
//!         sum += task.await.unwrap();
//!     }
//!     assert_eq!(sum, 30);
//! }
//! ```
//!
//! Where tokio has the same thing, it is here under the same path, with the same signature; where only
//! asyncio has it, under Python's name.
//! [`guide::from_asyncio`] and [`guide::from_tokio`] go through both, name by name, with what differs.
//!
//! # Two vocabularies
//!
//! | tokio | asyncio, `concurrent.futures` | here |
//! | --- | --- | --- |
//! | `runtime::Runtime`, `#[tokio::main]` | `asyncio.Runner`, `asyncio.run` | [`runtime::Runtime`], [`macro@main`], [`run`] |
//! | - | `KeyboardInterrupt` | [`run`] |
//! | `runtime::Handle` | `get_running_loop()` | [`runtime::Handle`] |
//! | `spawn`, `task::JoinHandle` | `create_task`, `Task` | [`spawn`], [`task::JoinHandle`] |
//! | `JoinHandle::abort` | `Task.cancel` | [`abort`](task::JoinHandle::abort) |
//! | `task::JoinSet` | a set of tasks | [`task::JoinSet`] |
//! | `task_local!` | - | [`task_local!`] |
//! | - | `contextvars.ContextVar` | [`context_var!`] |
//! | `task::yield_now` | `sleep(0)` | [`task::yield_now`] |
//! | - | `current_task`, `all_tasks` | [`task::current`], [`task::all_tasks`] |
//! | `task::spawn_blocking` | `run_in_executor(None, f)` | [`task::spawn_blocking`], [`run_in_executor`] |
//! | - | `run_in_executor(pool, f)` | [`run_in_executor`] |
//! | - | `to_thread` | [`to_thread`] |
//! | - | `wrap_future` | [`wrap_future`] |
//! | - | `run_coroutine_threadsafe` | [`run_coroutine_threadsafe`] |
//! | - | `set_default_executor` | [`Handle::set_default_executor`](runtime::Handle::set_default_executor) |
//! | `task::block_in_place` | - | [`task::block_in_place`] |
//! | - | `ThreadPoolExecutor`, `Future`, `wait`, `as_completed` | [`blocking`] |
//! | `future::join_all` of spawned tasks | `gather` | [`aio::gather()`], [`aio::try_gather`], [`aio::gather_results`] |
//! | - | `wait`, `as_completed` | [`aio::wait()`], [`aio::as_completed()`] |
//! | `time::timeout` | `wait_for`, `timeout` | [`aio::wait_for()`], [`aio::timeout_scope()`] |
//! | - | `shield` | [`aio::shield()`] |
//! | `task::JoinSet` | `TaskGroup`, `ExceptionGroup` | [`aio::TaskGroup`], [`aio::ErrorGroup`] |
//! | `sync::watch`, `sync::OnceCell` | `Future` | [`aio::Promise`] |
//! | - | `eager_start` | [`task::Builder::eager_start`] |
//! | - | `loop.set_exception_handler` | [`runtime::Builder::on_unhandled`] |
//! | - | `async with` | [`aio::closing()`] |
//! | `select!`, `join!`, `try_join!` | `wait(return_when=FIRST_COMPLETED)`, `gather`, without tasks of their own | [`select!`], [`join!`], [`try_join!`] |
//! | `io::{AsyncRead, AsyncWrite, BufReader, ..}` | `StreamReader`, `StreamWriter` | [`io`], the same names, futures-io's traits |
//! | `io::{copy, copy_bidirectional, split, duplex}` | - | [`io::copy()`], [`io::copy_bidirectional()`], [`io::split()`], [`io::duplex()`] |
//! | `tokio_util::sync::CancellationToken` | - | [`sync::CancellationToken`] |
//! | `tokio_util::task::TaskTracker` | a set of tasks | [`sync::TaskTracker`] |
//! | - | `Server.close`, `wait_closed`, `abort_clients` | [`sync::Graceful`] |
//! | `sync::Mutex` | `Lock` | [`sync::Mutex`] |
//! | `sync::RwLock` | - | [`sync::RwLock`] |
//! | `sync::Semaphore` | `Semaphore`, `BoundedSemaphore` | [`sync::Semaphore`], [`sync::BoundedSemaphore`] |
//! | - | `Event` | [`sync::Event`] |
//! | - | `Condition` | [`sync::Condition`] |
//! | `sync::Barrier` | `Barrier` | [`sync::Barrier`] |
//! | `sync::Notify` | - | [`sync::Notify`] |
//! | - | `Queue`, `LifoQueue`, `PriorityQueue` | [`sync::Queue`], [`sync::LifoQueue`], [`sync::PriorityQueue`] |
//! | - | `QueueShutDown`, `QueueFull`, `QueueEmpty` | [`sync::QueueShutDown`], [`sync::TryPutError`], [`sync::TryGetError`] |
//! | - | Trio's `CapacityLimiter` | [`sync::CapacityLimiter`] |
//! | `sync::{mpsc, oneshot, broadcast, watch}` | - | [`sync::mpsc`], [`sync::oneshot`], [`sync::broadcast`], [`sync::watch`] |
//! | `sync::OnceCell` | - | [`sync::OnceCell`] |
//! | `net::lookup_host` | `loop.getaddrinfo` | [`net::lookup_host`] |
//! | `net::TcpListener`, `net::TcpStream` | `start_server`, `open_connection` | [`net::TcpListener`], [`net::TcpStream`] |
//! | `io::unix::AsyncFd` | `loop.add_reader`, `add_writer` | [`io::AsyncFd`], [`Handle::add_reader`](runtime::Handle::add_reader) |
//! | `signal::ctrl_c`, `signal::unix::signal` | `loop.add_signal_handler` | [`signal::ctrl_c`], [`signal::unix::signal`] |

#![cfg_attr(docsrs, feature(doc_cfg))]

mod context;
mod driver;
mod executor;
mod panics;
mod poller;
mod primitives;
mod scheduler;
mod slots;

pub mod aio;
#[cfg(feature = "hyper")]
pub mod compat;
pub mod guide;
pub mod io;
#[cfg(feature = "macros")]
#[doc(hidden)]
pub mod macros;
pub mod net;
pub mod runtime;
pub mod signal;
pub mod sync;
pub mod task;
pub mod time;

#[cfg(feature = "macros")]
pub use windlass_macros::{main, test};

/// Executors, their futures and thread pools: the crate `windlass-blocking`, `concurrent.futures` for Rust.
pub use windlass_blocking as blocking;

pub use executor::{
    RunInExecutor, WrapFuture, run_coroutine_threadsafe, run_in_executor, to_thread, wrap_future,
};
pub use runtime::run;
pub use task::spawn;

use panics::{and_dropped, quietly};

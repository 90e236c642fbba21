//! asyncio's way of working with tasks, under its names.
//!
//! A [`JoinHandle`](crate::task::JoinHandle) is asyncio's `Task`. A task fails by a panic or an abort, which is a
//! [`JoinError`](crate::task::JoinError); where its output is a `Result`, the `try_` forms count an error as a failure too.
//!
//! | asyncio | here | what differs |
//! | --- | --- | --- |
//! | `gather(*aws)` | [`gather()`] of an iterator or a tuple | the tasks are aborted when it is dropped, as when it is cancelled there |
//! | `gather(..., return_exceptions=True)` | [`gather_results`] | |
//! | `gather` of functions that may raise | [`try_gather`] | `Err` is the exception |
//! | `wait` | [`wait()`], [`try_wait`] | it takes the handles and gives them back, in their order |
//! | `as_completed` | [`as_completed()`] | a [`Stream`](futures_core::Stream) of the original handles |
//! | `wait_for` | [`wait_for()`] of a task; [`time::timeout`](crate::time::timeout()) of a future | |
//! | `timeout`, `timeout_at` | [`timeout_scope()`], [`timeout_scope_at`] | the body is dropped where it waits |
//! | `shield` | [`shield()`] | |
//! | `TaskGroup`, `ExceptionGroup` | [`TaskGroup`], [`ErrorGroup`] | [`TaskGroup::scope`] is the `async with` |
//! | Trio's `nursery.start`, `task_status` | [`Spawner::start`], [`TaskStatus`] | |
//! | `Future`, `loop.create_future` | [`Promise`] | clones are the same one, and any number may await it |
//! | `contextvars` | [`context_var!`](crate::context_var), [`ContextVars`](crate::task::ContextVars) | |
//! | `eager_task_factory`, `eager_start` | [`task::Builder::eager_start`](crate::task::Builder::eager_start) | |
//! | `loop.set_exception_handler` | [`Builder::on_unhandled`](crate::runtime::Builder::on_unhandled) | |
//! | `async with` | [`closing()`] | the close is called by hand, and reported if it was not |
//! | `async for`, async generators | `while let Some(x) = stream.next().await`, see below | |
//!
//! # Cancellation
//!
//! asyncio throws `CancelledError` into a coroutine, which may clean up asynchronously, or go on. Here an aborted task's future
//! is **dropped** where it waits: its destructors run, nothing is awaited any more, and it cannot refuse. What has to be finished
//! in any case is a task of its own ([`shield()`]), or asks a
//! [`CancellationToken`](crate::sync::CancellationToken) when it suits.
//!
//! # Async generators
//!
//! An async iterator is a [`Stream`](futures_core::Stream). To write one as a generator, use the crate
//! [`async-stream`](https://docs.rs/async-stream): it needs nothing of the runtime.
//!
//! ```
//! use futures_lite::StreamExt;
//! use windlass::time::{Duration, sleep};
//!
//! fn ticks(n: u32) -> impl futures_core::Stream<Item = u32> {
//!     async_stream::stream! {
//!         for tick in 0..n {
//!             sleep(Duration::from_millis(1)).await;
//!             yield tick;
//!         }
//!     }
//! }
//!
//! #[windlass::main]
//! async fn main() {
//!     let mut ticks = std::pin::pin!(ticks(3));
//!     while let Some(tick) = ticks.next().await {
//!         println!("{tick}");
//!     }
//! }
//! ```

mod as_completed;
mod boxed_error;
mod closing;
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
pub use boxed_error::BoxedError;
pub use closing::{Closing, closing};
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

//! Tasks: spawning, joining, aborting, and asking what is alive.
//!
//! A task is one spawned future in one allocation. `cell` draws it, `state` says who may do what to it when,
//! and `raw` does it.

pub mod coop;

mod awaited;
mod builder;
mod carried_locals;
mod cell;
mod clock;
mod context_var;
mod ended;
mod entry;
mod error;
mod id;
mod info;
mod join;
pub mod join_set;
mod local;
mod local_sets;
mod raw;
mod registry;
mod spawn;
mod state;
mod task_local;
mod token;
mod unhandled;
mod unobserved;
mod waits;
mod waker;
mod yield_now;

pub use crate::executor::block_in_place;
pub use awaited::{Awaited, Resource};
pub use builder::Builder;
#[doc(hidden)]
pub use carried_locals::{CarriedLocal, Carry, CarryFn, NotCarried};
pub use context_var::{ContextVar, ContextVars, InContext, Reset};
pub use coop::{consume_budget, unconstrained};
pub use error::JoinError;
pub use id::Id;
pub use info::{AllTasks, TaskInfo, TaskState};
pub(crate) use join::Ending;
pub use join::{AbortHandle, JoinHandle};
#[doc(inline)]
pub use join_set::JoinSet;
pub use local::{LocalEnterGuard, LocalSet, spawn_local};
pub use spawn::{all_tasks, current, id, spawn, spawn_blocking, try_id, try_spawn_blocking};
pub use task_local::{AccessError, LocalKey, TaskLocalFuture};
pub use unhandled::{Unhandled, UnhandledKind};
pub use yield_now::yield_now;

pub(crate) use carried_locals::{CarriedLocals, Scope, borrows_a_local, leave_scopes};
pub(crate) use cell::{Header, Published, published_origin};
pub(crate) use context_var::Vars;
pub(crate) use ended::Ended;
pub(crate) use entry::{Entry, SpareEntries};
pub(crate) use info::{Place, Waits};
pub(crate) use local::LocalShared;
pub(crate) use local_sets::LocalSets;
pub(crate) use raw::{Schedule, enter_party, register_polled, with_future};
pub(crate) use registry::Registry;
pub(crate) use state::State;

pub(crate) use token::{Ran, Token};
pub(crate) use unhandled::UnhandledHook;
pub(crate) use unobserved::{Panic, Unobserved};
pub(crate) use waits::{Followed, Note, Notes, Parties, Party, Seen, enter as add_party, note_party};
pub(crate) use waker::{fetch_tasks, is_of, is_of_tasks, only_queues};

/// The futures of tasks that have a name, where tokio has them.
///
/// # Examples
///
/// ```
/// use windlass::task::futures::TaskLocalFuture;
///
/// windlass::task_local! {
///     static USER: &'static str;
/// }
///
/// /// A type that keeps one.
/// struct Request<F> {
///     answer: TaskLocalFuture<&'static str, F>,
/// }
///
/// # #[windlass::main(flavor = "current_thread")]
/// # async fn main() {
/// let request = Request { answer: USER.scope("ada", async { USER.get() }) };
/// assert_eq!(request.answer.await, "ada");
/// # }
/// ```
pub mod futures {
    pub use super::task_local::TaskLocalFuture;
}

use std::future::Future;
use std::panic::Location;
use std::ptr::NonNull;

/// Makes a task of a future: its token, which must be queued, and its join handle.
///
/// # Safety
///
/// `scheduler` is alive, and stays so as long as the task is not complete. If the future or its output are
/// not `Send`, the token is only run, and the handle only used, on this thread.
#[inline(always)]
pub(crate) unsafe fn create<F: Future, S: Schedule>(
    future: F,
    scheduler: NonNull<S>,
    name: Option<Box<str>>,
    location: &'static Location<'static>,
) -> (Token, JoinHandle<F::Output>) {
    let task = raw::allocate(future, scheduler, Id::next(), location);
    if let Some(name) = name {
        // SAFETY: the token is ours until this returns, and `S` is the scheduler's type.
        unsafe { raw::register_named::<S>(task, name) };
    }
    // SAFETY: a new task's token and join handle, one of each.
    let token = unsafe { Token::from_raw(task) };
    // SAFETY: as above.
    let join = unsafe { JoinHandle::from_raw(task) };
    (token, join)
}

/// Gives a new task the context variables of the running code, if there are some.
///
/// # Safety
///
/// `S` is the type of the scheduler that the task was made for, and the caller has its only token.
#[inline]
pub(crate) unsafe fn carry_vars<S: Schedule>(token: &Token) {
    if let Some(vars) = crate::context::vars() {
        // SAFETY: the premise.
        unsafe { raw::carry_vars::<S>(token.as_raw(), vars) };
    }
}

/// Registers a task that was not polled yet, for others to see its first poll.
///
/// # Safety
///
/// As for `carry_vars`.
pub(crate) unsafe fn register<S: Schedule>(token: &Token) {
    // SAFETY: the premise.
    unsafe { raw::register_unpolled::<S>(token.as_raw()) };
}

impl Token {
    /// Makes the token of a registered task and ends it, if the task is idle. Otherwise its holder will.
    pub(crate) fn abort_idle(task: &Header, entry: &Entry) -> Option<Token> {
        // SAFETY: `abort` made the token and leaves it to us.
        task.state().abort().then(|| unsafe { Token::reclaim(entry.task()) })
    }
}

//! Spawning, and asking about tasks, from inside a runtime.

use std::future::Future;
use std::panic::Location;

use windlass_blocking::TrySubmitError;

use super::{AllTasks, Id, JoinHandle, TaskInfo};
use crate::context;
use crate::runtime::in_runtime;

/// Spawns a future as a task of the current runtime; asyncio's `create_task`.
///
/// It runs whether or not the handle is kept.
///
/// # Panics
///
/// Outside of a runtime; see [`Handle::enter`](crate::runtime::Handle::enter).
///
/// # Examples
///
/// ```
/// #[windlass::main]
/// async fn main() {
///     let task = windlass::spawn(async { 6 * 7 });
///     assert_eq!(task.await.unwrap(), 42);
/// }
/// ```
#[doc(alias = "create_task")]
#[doc(alias = "ensure_future")]
#[track_caller]
#[inline]
pub fn spawn<F>(future: F) -> JoinHandle<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    let location = Location::caller();
    let spawned = context::with_runtime(|runtime| Some(runtime?.spawn(future, None, location)));
    in_runtime(spawned)
}

/// Runs a function that blocks on a thread of the blocking pool; asyncio's `run_in_executor(None, f)`.
///
/// Once the function has begun it cannot be cancelled: aborting the task then changes nothing.
///
/// # Panics
///
/// Outside of a runtime.
///
/// # Examples
///
/// ```
/// #[windlass::main]
/// async fn main() {
///     let lines = windlass::task::spawn_blocking(|| std::fs::read_to_string("Cargo.toml").unwrap());
///     assert!(lines.await.unwrap().contains("[package]"));
/// }
/// ```
#[track_caller]
pub fn spawn_blocking<F, T>(f: F) -> JoinHandle<T>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    let location = Location::caller();
    let spawned = context::with_runtime(|runtime| Some(runtime?.spawn_blocking(f, None, location)));
    in_runtime(spawned)
}

/// Runs a function that blocks on a thread of the blocking pool, or gives it back.
///
/// # Errors
///
/// The function with the reason: the runtime is shut down, or the pool has no thread and cannot start one.
/// [`spawn_blocking`] says so by a cancelled task, and by a panic.
///
/// # Panics
///
/// Outside of a runtime.
///
/// # Examples
///
/// ```
/// #[windlass::main]
/// async fn main() {
///     match windlass::task::try_spawn_blocking(|| 6 * 7) {
///         Ok(task) => assert_eq!(task.await.unwrap(), 42),
///         Err(error) => println!("here and now, then ({}): {}", error.reason().clone(), error.into_inner()()),
///     }
/// }
/// ```
#[track_caller]
pub fn try_spawn_blocking<F, T>(f: F) -> Result<JoinHandle<T>, TrySubmitError<F>>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    let location = Location::caller();
    in_runtime(context::with_runtime(|runtime| Some(runtime?.try_spawn_blocking(f, location))))
}

/// The id of the task that is running.
///
/// # Panics
///
/// Outside of a task, in `block_on`'s own future too; see [`try_id`].
///
/// # Examples
///
/// ```
/// # #[windlass::main(flavor = "current_thread")]
/// # async fn main() {
/// let task = windlass::spawn(async { println!("this is task {}", windlass::task::id()) });
/// # task.await.unwrap();
/// # }
/// ```
#[track_caller]
pub fn id() -> Id {
    try_id().expect("`task::id` was called outside of a task: spawn one, or use `task::try_id`")
}

/// The id of the task that is running, if one is.
///
/// # Examples
///
/// ```
/// use windlass::task;
///
/// # #[windlass::main(flavor = "current_thread")]
/// # async fn main() {
/// let task = windlass::spawn(async { (task::id(), task::try_id()) });
/// let id = task.id();
/// assert_eq!(task.await.unwrap(), (id, Some(id)));
/// let thread = std::thread::spawn(task::try_id);
/// assert_eq!(thread.join().unwrap(), None, "no task runs there");
/// # }
/// ```
pub fn try_id() -> Option<Id> {
    context::with_task(|task| task.map(|task| task.id()))
}

/// The task that is running, if one is; asyncio's `current_task`.
///
/// # Examples
///
/// ```
/// use windlass::task;
///
/// # #[windlass::main(flavor = "current_thread")]
/// # async fn main() -> std::io::Result<()> {
/// let task = task::Builder::new().name("pump").spawn(async {
///     let me = task::current().unwrap();
///     (me.name().map(String::from), me.polls())
/// })?;
/// let (name, _polls) = task.await.unwrap();
/// assert_eq!(name.as_deref(), Some("pump"));
/// # Ok(())
/// # }
/// ```
#[doc(alias = "current_task")]
pub fn current() -> Option<TaskInfo> {
    context::with_task(|task| task.map(TaskInfo::of))
}

/// Every live task of the current runtime; asyncio's `all_tasks`.
///
/// It keeps no other thread waiting for longer than a moment, but takes its own time: 0.2 to 0.6 s for a million tasks. Inside a task that
/// is a long poll; call [`Handle::all_tasks`](crate::runtime::Handle::all_tasks) on another thread then. The tasks of a
/// [`LocalSet`](super::LocalSet) are listed by the runtime that the set was last polled in. Those on the blocking pool are only counted.
///
/// # Panics
///
/// Outside of a runtime.
///
/// # Examples
///
/// ```
/// # let rt = windlass::runtime::Builder::new_current_thread().build().unwrap();
/// # rt.block_on(async {
/// use windlass::task;
///
/// let waits = task::Builder::new().name("waits").spawn(std::future::pending::<()>()).unwrap();
/// task::yield_now().await;
/// assert!(task::all_tasks().iter().any(|task| task.name() == Some("waits")));
/// waits.abort();
/// # });
/// ```
#[track_caller]
pub fn all_tasks() -> AllTasks {
    in_runtime(context::with_runtime(|runtime| Some(runtime?.all_tasks())))
}

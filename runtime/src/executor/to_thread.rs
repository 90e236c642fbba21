//! `to_thread`: a call on the default executor, with the caller's task-locals.

use std::panic::Location;

use super::run::{RunInExecutor, submit};
use crate::context;
use crate::runtime::in_runtime;
use crate::task::{CarriedLocals, ContextVars};

/// Calls a function that blocks on a thread of the default executor, with the task-locals of the caller;
/// asyncio's `to_thread`.
///
/// It is [`run_in_executor`](crate::run_in_executor)`(None, f)`, but that
/// [`task_local!`](crate::task_local)s which are set here are set in `f` to clones of their values. Those whose
/// type is not `Clone + Send` cannot go to another thread and are not set there. (In Python all context variables
/// go along, and refer to the same objects; those of [`context_var!`](crate::context_var) do here too.)
///
/// # Errors, cancel safety, panics
///
/// As for [`run_in_executor`](crate::run_in_executor).
///
/// # Examples
///
/// ```
/// windlass::task_local! { static USER: String; }
///
/// #[windlass::main]
/// async fn main() {
///     let greeting = USER.scope("ada".into(), async {
///         windlass::to_thread(|| format!("hello {}", USER.get())).await.unwrap()
///     });
///     assert_eq!(greeting.await, "hello ada");
/// }
/// ```
#[track_caller]
pub fn to_thread<F, T>(f: F) -> RunInExecutor<T>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    let location = Location::caller();
    let locals = CarriedLocals::of_caller();
    let vars = ContextVars::current();
    let call = move || locals.enter(|| vars.run(f));
    in_runtime(context::with_runtime(|runtime| Some(submit(runtime?, None, call, location))))
}

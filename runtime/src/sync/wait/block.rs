//! The `blocking_` functions: a thread that waits as a task does.

use std::future::Future;

use windlass_blocking::wait_blocked;

use crate::context::Driving;

/// Waits for a future on this thread, which does nothing else meanwhile.
///
/// # Panics
///
/// On a thread that drives futures.
#[track_caller]
pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    let Some(_driving) = Driving::try_new() else {
        panic!(
            "this would block a thread that runs tasks: `.await` it there, or call it inside `spawn_blocking`"
        );
    };
    wait_blocked(|| futures_lite::future::block_on(future))
}

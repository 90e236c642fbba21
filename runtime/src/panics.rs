//! The panics of the user's code that are ours to deal with.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::{mem, thread};

/// What a future of the user's came to, once `f` has dropped it: of several panics the first.
pub(crate) fn and_dropped<T>(outcome: thread::Result<T>, f: impl FnOnce()) -> thread::Result<T> {
    let Err(payload) = catch_unwind(AssertUnwindSafe(f)) else { return outcome };
    match outcome {
        Ok(output) => {
            quietly(|| drop(output));
            Err(payload)
        }
        Err(first) => {
            quietly(|| drop(payload));
            Err(first)
        }
    }
}

/// Runs a function of the user's whose panic must not go on from here. The panic hook has reported it.
pub(crate) fn quietly(f: impl FnOnce()) {
    if let Err(payload) = catch_unwind(AssertUnwindSafe(f))
        && let Err(second) = catch_unwind(AssertUnwindSafe(|| drop(payload)))
    {
        // A payload whose drop panics with one whose drop may panic: there is an end to it.
        mem::forget(second);
    }
}

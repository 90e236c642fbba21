//! What counts as a failure in a gather, and what comes of an output.

use std::convert::Infallible;

use crate::aio::TaskFailure;
use crate::task::JoinError;

/// How a task's outcome becomes a value, or the error of the whole.
///
/// It asks nothing of the types: what a task needs, [`IntoTask`](crate::aio::IntoTask) demands. A bound here would have to be proved
/// again for the slots, which a gather keeps across an `await`: and there, inside a `Send` future, the compiler knows no lifetime to
/// be `'static`.
pub trait Policy<V, E> {
    /// The output of the task.
    type Output;

    /// Whether an output is a failure.
    fn fails(output: &Self::Output) -> bool;

    /// The value, or the failure that ends the gather.
    fn judge(outcome: Result<Self::Output, JoinError>) -> Result<V, E>;
}

/// A task fails if it has no output.
#[derive(Debug)]
pub struct Plain;

impl<V> Policy<V, JoinError> for Plain {
    type Output = V;

    fn fails(_: &V) -> bool {
        false
    }

    fn judge(outcome: Result<V, JoinError>) -> Result<V, JoinError> {
        outcome
    }
}

/// A task fails as well if its output is an error.
#[derive(Debug)]
pub struct Fallible;

impl<V, E> Policy<V, TaskFailure<E>> for Fallible {
    type Output = Result<V, E>;

    fn fails(output: &Result<V, E>) -> bool {
        output.is_err()
    }

    fn judge(outcome: Result<Result<V, E>, JoinError>) -> Result<V, TaskFailure<E>> {
        outcome?.map_err(TaskFailure::Error)
    }
}

/// Whatever comes is a value.
#[derive(Debug)]
pub struct Collect;

impl<T> Policy<Result<T, JoinError>, Infallible> for Collect {
    type Output = T;

    fn fails(_: &T) -> bool {
        false
    }

    fn judge(outcome: Result<T, JoinError>) -> Result<Result<T, JoinError>, Infallible> {
        Ok(outcome)
    }
}

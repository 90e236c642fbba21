//! A closure as a job with a future.

use super::cell::{self, Producer};
use super::state::State;
use super::{Future, JobError};
use crate::current::{CancelProbe, with_probe};
use crate::job::{Job, Run};
use std::panic::{AssertUnwindSafe, Location, catch_unwind};

/// Makes a job of `f`, and the future of what it returns.
pub(crate) fn task<T, F>(f: F, location: &'static Location<'static>) -> (Job, Future<T>)
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    let (producer, consumer) = cell::pair(f, location);
    (Job::with_location(Work(producer), location), Future::new(consumer))
}

/// The job's side: a pointer, so that a [`Job`] holds it without an allocation.
struct Work<T, F>(Producer<T, F>);

impl<T, F> Run for Work<T, F>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    fn run(self) {
        let Some(f) = self.0.start() else { return };
        let result = with_probe(self.0.core().state(), || catch_unwind(AssertUnwindSafe(f)));
        self.0.finish(result.map_err(JobError::panicked));
    }

    fn fail(self, error: JobError) {
        if let Some(f) = self.0.start() {
            crate::panics::swallow(|| drop(f));
            self.0.finish(Err(error));
        }
    }
}

impl CancelProbe for State {
    fn is_cancelled(&self) -> bool {
        self.look().wants_cancel()
    }
}

impl<T> Future<T> {
    /// Takes the closure back from a job that was not accepted. None if it was cancelled meanwhile.
    ///
    /// # Safety
    /// `self` was made by [`task`] from a closure of type `F`.
    pub(crate) unsafe fn reclaim<F>(self) -> Option<F> {
        // SAFETY: the caller's promise is that the body is an `F`.
        unsafe { self.cell.reclaim() }
    }
}

//! What a runtime is built with.

use std::fmt;
use std::time::Duration;

use crate::primitives::Arc;
use crate::quietly;
use crate::task::UnhandledHook;

/// The numbers a scheduler works by.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    /// Worker threads.
    pub(crate) workers: usize,
    /// Workers and guests at most.
    pub(crate) seats: usize,
    /// How many tasks a worker runs between two looks at the injector.
    pub(crate) global_queue_interval: u32,
    /// How many tasks `block_on` runs at most before it looks at its own future again, unless that lets all go first; twice as many that are known
    /// to be short.
    pub(crate) event_interval: u32,
    /// Whether a task that is woken runs next. Not with one thread, where order is worth more.
    pub(crate) lifo: bool,
    /// How many workers search at the same time.
    pub(crate) search_limit: usize,
    /// Whether `Runtime::block_on` runs tasks while its own future waits.
    pub(crate) block_on_runs_tasks: bool,
    /// How long a poll takes before the monitor reports it.
    pub(crate) slow_poll_threshold: Duration,
}

/// A function of the user's that a thread calls.
pub(crate) type Hook = Arc<dyn Fn() + Send + Sync>;

/// What threads call when they start, stop, park and unpark, and who is told of failures.
#[derive(Clone, Default)]
pub(crate) struct Hooks {
    pub(crate) on_start: Option<Hook>,
    pub(crate) on_stop: Option<Hook>,
    pub(crate) on_park: Option<Hook>,
    pub(crate) on_unpark: Option<Hook>,
    /// What is told of a failure that nobody looks at.
    pub(crate) on_unhandled: Option<UnhandledHook>,
}

impl Hooks {
    pub(crate) fn started(&self) {
        Self::call(&self.on_start);
    }

    pub(crate) fn stopping(&self) {
        Self::call(&self.on_stop);
    }

    pub(crate) fn before_park(&self) {
        Self::call(&self.on_park);
    }

    pub(crate) fn after_unpark(&self) {
        Self::call(&self.on_unpark);
    }

    /// A hook that panics has said so through the panic hook; the thread goes on.
    fn call(hook: &Option<Hook>) {
        if let Some(hook) = hook {
            quietly(|| hook());
        }
    }
}

impl fmt::Debug for Hooks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hooks").finish_non_exhaustive()
    }
}

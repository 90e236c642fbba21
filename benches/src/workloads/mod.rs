//! What is measured, one idea per file.
//!
//! Parameters are those of tokio's own benches, so that its figures can be compared with published ones. Channels are
//! `tokio::sync`'s on every runtime, so that runtimes are compared and not channels. Every iteration returns how many
//! operations it *completed*, counted where they complete; [`Case::iterate`](crate::case::Case::iterate) asserts that
//! none is missing.

use crate::runtime::{Flavor, Runtime, Threaded};

pub mod chained_spawn;
pub mod done;
pub mod mpsc_contention;
pub mod ping_pong;
pub mod remote_busy;
pub mod remote_spawn;
pub mod request_reply;
pub mod respawning;
pub mod spawn_blocking;
pub mod spawn_join;
pub mod spawn_many_local;
pub mod spawn_many_remote;
pub mod yield_many;

/// A workload any runtime can run.
pub trait Workload: Send + Sync + 'static {
    /// The scheduler it runs on.
    fn flavor(&self) -> Flavor;

    /// Operations an iteration completes.
    fn ops(&self) -> u64;

    /// Builds the runtime and what outlives an iteration.
    fn prepare<R: Runtime>(&self) -> Prepared;
}

/// A workload that takes more than one thread.
pub trait ThreadedWorkload: Send + Sync + 'static {
    /// What a single-threaded runtime lacks for it.
    const WHY_THREADS: &'static str;

    /// The scheduler it runs on.
    fn flavor(&self) -> Flavor;

    /// Operations an iteration completes.
    fn ops(&self) -> u64;

    /// Builds the runtime and what outlives an iteration.
    fn prepare<R: Threaded>(&self) -> Prepared;
}

/// A workload set up on a runtime, ready to run any number of iterations.
pub struct Prepared {
    iterate: Box<dyn FnMut() -> u64>,
    background: Option<Box<dyn Fn() -> u64>>,
}

impl Prepared {
    /// A workload whose iteration is `iterate`, which returns the operations it completed.
    pub fn new(iterate: impl FnMut() -> u64 + 'static) -> Self {
        Self { iterate: Box::new(iterate), background: None }
    }

    /// Adds the steps that tasks in the background have made so far. They must have made some by the end: a runtime
    /// that is quick because it starves them has not done the work.
    pub fn with_background(mut self, steps: impl Fn() -> u64 + 'static) -> Self {
        self.background = Some(Box::new(steps));
        self
    }

    /// Runs one iteration and returns the operations it completed.
    pub fn iterate(&mut self) -> u64 {
        (self.iterate)()
    }

    /// The steps made in the background so far, for a workload that has such tasks.
    pub fn background(&self) -> Option<u64> {
        self.background.as_ref().map(|steps| steps())
    }
}

/// Builds the runtime of a workload.
fn build<R: Runtime>(flavor: Flavor) -> R {
    R::new(flavor).expect("the runtime could not be started")
}

//! What is measured, one idea per file.
//!
//! Parameters are those of tokio's own benches, so that its figures can be compared with published ones. Channels are
//! `tokio::sync`'s on every runtime, so that runtimes are compared and not channels, but where what tasks meet at is
//! itself the subject ([`MeetingWorkload`]): there each runtime has its own. Every iteration returns how many
//! operations it *completed*, counted where they complete; [`Case::iterate`](crate::case::Case::iterate) asserts that
//! none is missing.

use std::cell::RefCell;
use std::rc::Rc;

use crate::meeting::Meeting;
use crate::pool::Pool;
use crate::runtime::{Flavor, Runtime, Threaded, Timers};
use crate::usage::Usage;

pub mod blocking_latency;
pub mod blocking_sleepers;
pub mod blocking_throughput;
pub mod chained_spawn;
pub mod done;
pub mod gather;
mod idle;
mod latch;
pub mod locks;
pub mod mpsc_contention;
pub mod notify;
pub mod ping_pong;
pub mod queues;
pub mod remote_busy;
pub mod remote_spawn;
pub mod request_reply;
pub mod respawning;
pub mod spawn_blocking;
pub mod spawn_join;
pub mod spawn_many_local;
pub mod spawn_many_remote;
pub mod timer_churn;
pub mod timer_fired;
pub mod timer_late;
pub mod timer_remote;
mod work;
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

/// A workload of a runtime's timers.
pub trait TimerWorkload: Send + Sync + 'static {
    /// The scheduler it runs on.
    fn flavor(&self) -> Flavor;

    /// Operations an iteration completes.
    fn ops(&self) -> u64;

    /// Builds the runtime and what outlives an iteration.
    fn prepare<R: Timers>(&self) -> Prepared;
}

/// A workload of what tasks meet at.
pub trait MeetingWorkload: Send + Sync + 'static {
    /// The scheduler it runs on.
    fn flavor(&self) -> Flavor;

    /// Operations an iteration completes.
    fn ops(&self) -> u64;

    /// Builds the runtime and what outlives an iteration.
    fn prepare<R: Meeting>(&self) -> Prepared;
}

/// A workload of a pool for blocking calls.
pub trait PoolWorkload: Send + Sync + 'static {
    /// Threads of the pool at most.
    fn threads(&self) -> usize;

    /// Operations an iteration completes.
    fn ops(&self) -> u64;

    /// Builds the pool and what outlives an iteration.
    fn prepare<P: Pool>(&self) -> Prepared;
}

/// What a workload timed itself, one by one, where the time of a whole iteration says nothing.
#[derive(Debug, Default)]
pub struct Latencies {
    /// The times.
    pub ns: Vec<u64>,
    /// What was used between them, not being part of the work.
    pub(crate) unmeasured: Usage,
}

/// A workload set up on a runtime, ready to run any number of iterations.
pub struct Prepared {
    iterate: Box<dyn FnMut() -> u64>,
    background: Option<Box<dyn Fn() -> u64>>,
    latencies: Rc<RefCell<Latencies>>,
}

impl Prepared {
    /// A workload whose iteration is `iterate`, which returns the operations it completed.
    pub fn new(iterate: impl FnMut() -> u64 + 'static) -> Self {
        Self { iterate: Box::new(iterate), background: None, latencies: Rc::default() }
    }

    /// Adds the steps that tasks in the background have made so far. They must have made some by the end: a runtime
    /// that is quick because it starves them has not done the work.
    pub fn with_background(mut self, steps: impl Fn() -> u64 + 'static) -> Self {
        self.background = Some(Box::new(steps));
        self
    }

    /// Adds where the iterations put the times they took themselves.
    pub fn with_latencies(mut self, latencies: Rc<RefCell<Latencies>>) -> Self {
        self.latencies = latencies;
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

    /// The times the iterations took themselves since this was last asked, none for most workloads.
    pub fn take_latencies(&mut self) -> Latencies {
        self.latencies.take()
    }
}

/// Builds the runtime of a workload.
fn build<R: Runtime>(flavor: Flavor) -> R {
    R::new(flavor).expect("the runtime could not be started")
}

/// Builds the pool of a workload.
fn pool<P: Pool>(threads: usize) -> P {
    P::with_threads(threads).expect("the pool could not be started")
}

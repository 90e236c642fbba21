//! Blocking jobs as tasks: a future that calls a function when it is polled, run by the blocking pool.

use std::future::Future;
use std::mem::MaybeUninit;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use windlass_blocking::{Executor, Job, RejectReason, Rejected, Run, ThreadPoolExecutor};

use crate::context;
use crate::primitives::Arc;
use crate::scheduler::{Hooks, Shared};
use crate::task::coop::UNCONSTRAINED;
use crate::task::{JoinHandle, Ran, Token};

/// How long a shutdown waits before it says what for.
pub(crate) const PATIENCE: Duration = Duration::from_secs(5);

/// The blocking pool of a runtime.
pub(crate) struct Pool(ThreadPoolExecutor);

/// What a blocking pool is built with.
pub(crate) struct PoolConfig {
    pub(crate) max_threads: usize,
    pub(crate) keep_alive: Duration,
    pub(crate) stack_size: Option<usize>,
    pub(crate) thread_name: Arc<dyn Fn() -> String + Send + Sync>,
    pub(crate) hooks: Hooks,
}

impl Pool {
    pub(crate) fn new(config: PoolConfig) -> Self {
        let PoolConfig { max_threads, keep_alive, stack_size, thread_name, hooks } = config;
        let stops = hooks.clone();
        let builder = ThreadPoolExecutor::builder()
            .max_workers(max_threads)
            .keep_alive(keep_alive)
            .thread_name_fn(move || thread_name())
            .on_thread_start(move || hooks.started())
            .on_thread_stop(move || stops.stopping());
        Self(match stack_size {
            Some(size) => builder.stack_size(size).build(),
            None => builder.build(),
        })
    }

    /// Cancels what is queued and waits for what runs, no longer than `timeout`.
    pub(crate) fn shut_down(&self, timeout: Option<Duration>) {
        match timeout {
            Some(timeout) => {
                if let Err(running) = self.0.shutdown_timeout(timeout, true)
                    && !timeout.is_zero()
                {
                    tracing::warn!(
                        target: "windlass::runtime",
                        "the shutdown ran out of time and leaves the blocking pool behind with {running}"
                    );
                }
            }
            None => {
                if let Err(running) = self.0.shutdown_timeout(PATIENCE, true) {
                    tracing::warn!(
                        target: "windlass::runtime",
                        "the shutdown waits for the blocking pool, which has {running}"
                    );
                }
                self.0.shutdown(true, true);
            }
        }
    }
}

/// A function as a future.
struct Call<F>(Option<F>);

impl<F> Unpin for Call<F> {}

impl<F: FnOnce() -> T, T> Future for Call<F> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<T> {
        let call = self.0.take().expect("a call is made once");
        Poll::Ready(call())
    }
}

/// The job that runs such a task. It is one word, which a `Job` holds without an allocation.
struct RunTask(Token);

const _: () = assert!(size_of::<RunTask>() == size_of::<MaybeUninit<*mut ()>>());

impl Run for RunTask {
    fn run(self) {
        let Self(token) = self;
        // SAFETY: a job is accepted by the pool of a runtime that is alive, and the runtime's shutdown does
        // not end before the pool has run, cancelled or given up every job; one that runs on has this count.
        let shared = unsafe { Shared::of(&token) };
        // SAFETY: `shared` lives as long as this job.
        let outer = unsafe { context::enter(&shared) };
        {
            let _polling = context::begin_poll(token.header(), UNCONSTRAINED);
            let Ran::Done = token.run() else { unreachable!("a call is ready at once") };
        }
        let in_order = context::leave(&outer);
        debug_assert!(in_order, "the guards of the job are gone");
    }
}

impl Shared {
    /// Runs `f` on the blocking pool.
    ///
    /// # Panics
    ///
    /// If the pool has no thread and cannot start one.
    pub(crate) fn spawn_blocking<F, T>(
        self: &Arc<Self>,
        f: F,
        location: &'static Location<'static>,
    ) -> JoinHandle<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        let (token, join) = self.create(Call(Some(f)), None, location);
        if let Err(rejected) = self.blocking.0.try_execute(Job::with_location(RunTask(token), location)) {
            refused(rejected);
        }
        join
    }
}

/// A job was not accepted: dropping it cancels its task.
#[cold]
fn refused(rejected: Rejected) {
    match rejected.reason() {
        RejectReason::ShutDown => drop(rejected),
        reason => panic!("the blocking job cannot be run: {reason:?}; raise the limit of threads"),
    }
}

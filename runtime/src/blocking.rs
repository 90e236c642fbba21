//! Blocking jobs as tasks: a future that calls a function when it is polled, run by the blocking pool.

use std::future::Future;
use std::mem::{self, ManuallyDrop, MaybeUninit};
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use windlass_blocking::{Executor, Job, RejectReason, Rejected, Run, ThreadPoolExecutor};

use crate::context;
use crate::primitives::Arc;
use crate::quietly;
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
                if let Err(running) = self.0.shutdown_timeout(timeout, true) {
                    warn(&format!(
                        "the runtime is shut down and leaves its blocking pool behind with {running}"
                    ));
                }
            }
            None => {
                if let Err(running) = self.0.shutdown_timeout(PATIENCE, true) {
                    warn(&format!(
                        "the shutdown of a runtime has to do with its blocking pool, which has {running}"
                    ));
                }
                self.0.shutdown(true, true);
            }
        }
    }
}

/// A subscriber that panics must not keep the shutdown from its end.
fn warn(message: &str) {
    quietly(|| tracing::warn!(target: "windlass::runtime", "{message}"));
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

/// The job that runs such a task, with a count of its runtime, which the token's header names. It is one
/// word, which a `Job` holds without an allocation. Dropped without being run, it cancels the task.
struct RunTask(ManuallyDrop<Token>);

const _: () = assert!(size_of::<RunTask>() == size_of::<MaybeUninit<*mut ()>>());

impl RunTask {
    fn new(token: Token, shared: &Arc<Shared>) -> Self {
        // Taken back by `take`.
        mem::forget(Arc::clone(shared));
        Self(ManuallyDrop::new(token))
    }

    /// # Safety
    ///
    /// Called once.
    unsafe fn take(&mut self) -> (Token, Arc<Shared>) {
        // SAFETY: the premise.
        let token = unsafe { ManuallyDrop::take(&mut self.0) };
        // SAFETY: `new` left a count for this.
        let shared = unsafe { Shared::of(&token) };
        (token, shared)
    }
}

impl Run for RunTask {
    fn run(self) {
        let mut this = ManuallyDrop::new(self);
        // SAFETY: `drop`, the other caller, is not run.
        let (token, shared) = unsafe { this.take() };
        // SAFETY: `shared` lives until the runtime is left.
        let outer = unsafe { context::enter(&shared) };
        {
            let _polling = context::begin_poll(token.header(), UNCONSTRAINED);
            let Ran::Done = token.run() else { unreachable!("a call is ready at once") };
        }
        context::leave_all(&outer);
    }
}

impl Drop for RunTask {
    fn drop(&mut self) {
        // SAFETY: `run`, the other caller, does not run this.
        let (token, shared) = unsafe { self.take() };
        token.cancel();
        drop(shared);
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
        if let Err(rejected) =
            self.blocking.0.try_execute(Job::with_location(RunTask::new(token, self), location))
        {
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

//! Blocking jobs as tasks: a future that calls a function when it is polled, run by the blocking pool.

use std::future::Future;
use std::mem::{self, ManuallyDrop, MaybeUninit};
use std::panic::Location;
use std::pin::Pin;
use std::ptr::NonNull;
use std::task::{Context, Poll};

use windlass_blocking::{CancelProbe, Job, RejectReason, Rejected, Run, TrySubmitError, with_probe};

use super::inhibit::keeping_the_clock;
use crate::context;
use crate::primitives::Arc;
use crate::scheduler::Shared;
use crate::task::coop::UNCONSTRAINED;
use crate::task::{self, JoinHandle, Ran, Registry, Schedule, State, Token, Unobserved};

/// A function as a future.
struct Call<F>(Option<F>);

impl<F> Unpin for Call<F> {}

impl<F: FnOnce() -> T, T> Future for Call<F> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<T> {
        let call = self.0.take().expect("a call is made once");
        // A job that asks whether it is still wanted is told whether its task was aborted.
        Poll::Ready(context::with_task(|task| match task {
            Some(task) => with_probe(task.state(), call),
            None => call(),
        }))
    }
}

/// A runtime as the scheduler of calls, which it neither queues nor lists: the last worker waits for what is listed, but a call is
/// waited for with its pool, when what it may wait for in the pool's queue is cancelled.
#[repr(transparent)]
struct Calls(Shared);

impl Schedule for Calls {
    const LISTS: bool = false;

    unsafe fn schedule(_: NonNull<Self>, _: Token) {
        unreachable!("a call is never idle: its token is with its job, and then with the pool's thread")
    }

    fn registry(&self) -> &Registry {
        self.0.registry()
    }

    fn shard(&self) -> usize {
        self.0.shard()
    }

    fn unobserved(&self) -> Arc<Unobserved> {
        self.0.unobserved()
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

impl CancelProbe for State {
    fn is_cancelled(&self) -> bool {
        self.load().is_cancelled()
    }
}

impl Shared {
    /// Makes a task of a call. The token must be given to a job of `job`, or be cancelled here and now.
    fn create_call<F, T>(
        self: &Arc<Self>,
        f: F,
        location: &'static Location<'static>,
    ) -> (Token, JoinHandle<T>)
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        // `Calls` is transparent.
        let scheduler = Self::as_non_null(self).cast::<Calls>();
        // SAFETY: the runtime is alive now, and then by the count that the job has. All is `Send`.
        unsafe { task::create(Call(Some(f)), scheduler, None, location) }
    }

    fn job(self: &Arc<Self>, token: Token, location: &'static Location<'static>) -> Job {
        keeping_the_clock(&self.driver, Job::with_location(RunTask::new(token, self), location))
    }

    /// Runs `f` on the blocking pool.
    ///
    /// # Panics
    ///
    /// If the pool has no thread and cannot start one.
    pub(crate) fn spawn_blocking<F, T>(
        self: &Arc<Self>,
        f: F,
        name: Option<Box<str>>,
        location: &'static Location<'static>,
    ) -> JoinHandle<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        let (token, join) = self.create_call(f, location);
        if let Some(name) = name {
            token.set_name(name);
        }
        if self.is_closing() {
            // Its pool closes a little later, but nothing new is begun from here on.
            token.cancel();
        } else if let Err(rejected) = self.executors.execute(self.job(token, location)) {
            refused(rejected);
        }
        join
    }

    /// Runs `f` on the blocking pool, or gives it back.
    pub(crate) fn try_spawn_blocking<F, T>(
        self: &Arc<Self>,
        f: F,
        location: &'static Location<'static>,
    ) -> Result<JoinHandle<T>, TrySubmitError<F>>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        let (token, join) = self.create_call(f, location);
        let task = token.as_raw();
        let Err(rejected) = self.executors.execute(self.job(token, location)) else {
            return Ok(join);
        };
        let (job, reason) = rejected.into_parts();
        // SAFETY: the job, which we hold, has the token of a task whose future is that type.
        let f = unsafe { task::with_future(task, |call: &mut Call<F>| call.0.take()) };
        drop(job);
        Err(TrySubmitError::new(f.expect("a job that was not accepted has not been run"), reason))
    }
}

/// A job was not accepted: dropping it cancels its task.
#[cold]
fn refused(rejected: Rejected) {
    match rejected.reason() {
        RejectReason::ShutDown => drop(rejected),
        reason => panic!(
            "the blocking job cannot be run: {reason}; allow the process more threads, or use \
             `try_spawn_blocking`, which gives the closure back"
        ),
    }
}

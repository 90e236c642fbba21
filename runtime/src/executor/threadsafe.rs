//! `run_coroutine_threadsafe`: a task, waited for by a thread.

use std::future::Future;
use std::panic::{AssertUnwindSafe, Location, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;
use windlass_blocking::{Future as BlockingFuture, Promise};

use crate::context;
use crate::runtime::Handle;
use crate::task::AbortHandle;
use crate::{and_dropped, quietly};

/// Spawns a future on a runtime and gives a future that a thread can wait for; asyncio's
/// `run_coroutine_threadsafe`.
///
/// A panic of the task ends the result with [`is_panic`](windlass_blocking::JobError::is_panic), and a task that is
/// cancelled, by the end of its runtime for one, with [`is_cancelled`](windlass_blocking::JobError::is_cancelled).
/// [Cancelling](BlockingFuture::cancel) the result aborts the task, so `result_timeout` and then `cancel` leaves
/// nothing behind. Dropping the result does not: the task runs on. If it panics after that, it is reported
/// ([`Builder::on_unhandled`](crate::runtime::Builder::on_unhandled)); a panic that is in the result when that is dropped is counted by
/// [`unobserved_panics`](windlass_blocking::unobserved_panics).
///
/// Python asks for a thread other than the loop's, since waiting there would wait for itself. Here it may be
/// called anywhere, but waiting for the result inside a task blocks its worker all the same.
///
/// # Examples
///
/// ```
/// let rt = windlass::runtime::Runtime::new().unwrap();
/// let handle = rt.handle().clone();
/// let thread = std::thread::spawn(move || {
///     windlass::run_coroutine_threadsafe(async { 6 * 7 }, &handle).result()
/// });
/// assert_eq!(thread.join().unwrap().unwrap(), 42);
/// ```
#[track_caller]
pub fn run_coroutine_threadsafe<F>(future: F, handle: &Handle) -> BlockingFuture<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    let location = Location::caller();
    let (promise, result) = Promise::with_location(location);
    handle.shared().spawn(fulfil(promise, future), None, location);
    result
}

/// A future to be run as a task, which gives the output of another one to a promise.
pub(crate) fn fulfil<F>(promise: Promise<F::Output>, future: F) -> impl Future<Output = ()>
where
    F: Future,
    F::Output: Send + 'static,
{
    Fulfil { future: Some(future), promise: Some(promise), watched: false }
}

pin_project! {
    /// Runs a future and gives its output to a promise. Dropped before, it drops the promise, which cancels the result.
    struct Fulfil<F: Future> {
        // Dropped before the promise: who waits for the result goes on when it is gone.
        #[pin]
        future: Option<F>,
        promise: Option<Promise<F::Output>>,
        watched: bool,
    }
}

impl<F: Future> Future for Fulfil<F>
where
    F::Output: Send + 'static,
{
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut this = self.project();
        if !*this.watched {
            *this.watched = true;
            let task = context::with_task(|task| task.map(AbortHandle::of));
            if let (Some(promise), Some(task)) = (&this.promise, task) {
                promise.on_cancel(move || task.abort());
            }
        }
        if this.promise.as_ref().is_none_or(Promise::is_cancelled) {
            return Poll::Ready(());
        }
        let future = this.future.as_mut().as_pin_mut().expect("a task is not polled after its end");
        let output = match catch_unwind(AssertUnwindSafe(|| future.poll(cx))) {
            Ok(Poll::Pending) => return Poll::Pending,
            Ok(Poll::Ready(output)) => Ok(output),
            Err(payload) => Err(payload),
        };
        // It is gone when its result is there, and a panic in its drop is one of the task, as a join handle has it.
        let output = and_dropped(output, || this.future.set(None));
        // What comes back was cancelled meanwhile; its drop is the user's code.
        if let Some(promise) = this.promise.take() {
            match output {
                Ok(output) => quietly(|| drop(promise.set_result(output))),
                Err(payload) => {
                    let told = if promise.is_abandoned() { Err(payload) } else { promise.set_panic(payload) };
                    if let Err(payload) = told {
                        // Nobody waits for it: it is the task's own, whose handle is gone, and is reported so.
                        resume_unwind(payload);
                    }
                }
            }
        }
        Poll::Ready(())
    }
}

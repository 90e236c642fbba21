//! asyncio's `run`: a runtime for one future, and a Ctrl-C that ends both in good order.

use std::future::Future;
use std::io::{self, Write};
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

use super::Runtime;
use crate::signal::unix::{Interrupt, die};

/// Runs a future to its end on a runtime of its own; asyncio's `run`.
///
/// When the future ends, every other task is cancelled and dropped, and blocking jobs that have begun are
/// waited for.
///
/// # Ctrl-C
///
/// The first `SIGINT` cancels the future, as an abort cancels a task: it is dropped where it waits, so that its destructors run.
/// Then the runtime is shut down as at any other end, which drops the tasks, and the process ends *as by that signal*, so that a
/// shell or whoever else started it sees that. A second one, before that is done, ends the process at once. (So does the first
/// one after the future has ended, while the rest is dropped.)
///
/// That holds where `SIGINT` would have ended the program anyway: on the main thread, and if it is neither ignored (as by `nohup`)
/// nor handled. **A program that listens keeps the signal to itself**: through [`signal::ctrl_c`](crate::signal::ctrl_c), or with
/// any other handler, be it installed before or meanwhile. It does that also for a cleanup that has to wait for something, which a
/// destructor cannot do. The default action is restored when `run` returns, but for a handler that was installed meanwhile.
///
/// asyncio raises `KeyboardInterrupt` from `run`, once its task has ended by the cancellation; a task may also go on. Here no
/// future can refuse to be dropped, and `run` does not return: what its *caller* has on its stack is not dropped. If a
/// destructor panics, that panic goes on from `run`, as an exception does there. As there, nothing happens at the first `SIGINT`
/// while the main thread is stuck in a poll.
///
/// [`Runtime::run`] is the same on a runtime that was built as one likes, and so is
/// [`#[windlass::main]`](macro@crate::main); [`Runtime::block_on`] leaves the signal alone.
///
/// # Panics
///
/// If the runtime's threads cannot be started, inside of another runtime, and with what the future panics
/// with.
///
/// # Examples
///
/// ```
/// let answer = windlass::run(async { windlass::spawn(async { 42 }).await.unwrap() });
/// assert_eq!(answer, 42);
/// ```
///
/// What is told apart at Ctrl-C:
///
/// ```no_run
/// use std::time::Duration;
/// use windlass::{signal, time};
///
/// struct Unlock;
///
/// impl Drop for Unlock {
///     fn drop(&mut self) {
///         println!("at every end, also at Ctrl-C, but not at the second");
///     }
/// }
///
/// async fn say_goodbye() {}
///
/// windlass::run(async {
///     let _unlock = Unlock;
///     // At Ctrl-C it is dropped here.
///     time::sleep(Duration::from_secs(60)).await;
///     // From here on the program does what it likes with it: here, to wait for something else before it ends.
///     windlass::select! {
///         () = time::sleep(Duration::from_secs(60)) => {}
///         _ = signal::ctrl_c() => say_goodbye().await,
///     }
/// });
/// ```
#[doc(alias = "KeyboardInterrupt")]
#[track_caller]
pub fn run<F: Future>(future: F) -> F::Output {
    match Runtime::new() {
        Ok(runtime) => runtime.run(future),
        Err(error) => panic!("the runtime could not be started: {error}"),
    }
}

impl Runtime {
    /// Runs a future to its end, as [`block_on`](Self::block_on) does, and then shuts the runtime down; asyncio's `Runner.run`, for
    /// the last future of a runner.
    ///
    /// On the main thread Ctrl-C cancels the future, and ends the program when the runtime is shut down: [`windlass::run`](run())
    /// has the whole of it.
    ///
    /// # Panics
    ///
    /// On a thread that drives futures: inside a task or another `block_on`. And with what the future
    /// panics with.
    ///
    /// # Examples
    ///
    /// ```
    /// let runtime = windlass::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    /// let handle = runtime.handle().clone();
    /// assert_eq!(runtime.run(async { windlass::spawn(async { 42 }).await.unwrap() }), 42);
    /// // Nothing runs on it any more.
    /// assert!(handle.spawn(async {}).is_finished());
    /// ```
    #[doc(alias = "Runner")]
    #[track_caller]
    pub fn run<F: Future>(self, future: F) -> F::Output {
        let interrupt = {
            let _inside = self.enter();
            Interrupt::arm()
        };
        let Some(interrupt) = interrupt else { return self.block_on(future) };
        let output = self.block_on(Interruptible { future, interrupt: &interrupt, listens: false });
        let came = interrupt.disarm();
        match output {
            Some(output) if !came => output,
            // It may have come in the last poll of a future that has ended.
            unwanted => {
                drop(unwanted);
                drop(self);
                end()
            }
        }
    }
}

/// Ends the process as by `SIGINT`. As at any end of a Rust program, what was printed is.
fn end() -> ! {
    let _ = io::stdout().flush();
    die()
}

pin_project! {
    /// A future that ends at the first `SIGINT`, and its output then is `None`.
    struct Interruptible<'a, F> {
        #[pin]
        future: F,
        interrupt: &'a Interrupt,
        listens: bool,
    }
}

impl<F: Future> Future for Interruptible<'_, F> {
    type Output = Option<F::Output>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        if !*this.listens {
            // Once: `block_on` polls with the same waker from beginning to end, and it is taken by nothing but the signal.
            *this.listens = true;
            this.interrupt.listen(cx);
        }
        if this.interrupt.has_come() {
            // `block_on` drops the future, as any that has ended.
            return Poll::Ready(None);
        }
        this.future.poll(cx).map(Some)
    }
}

//! [`current`]: what a running job can ask about itself.

use crate::pool;
use crate::primitives::thread_local;
use std::cell::Cell;
use std::marker::PhantomData;
use std::ptr::NonNull;

thread_local! {
    /// The probe of the job that this thread is running, innermost if they are nested.
    #[allow(clippy::missing_const_for_thread_local, reason = "loom's macro knows no const")]
    static PROBE: Cell<Option<NonNull<dyn CancelProbe>>> = Cell::new(None);
}

/// Answers a job that asks whether it is still wanted. For those who write their own [`Run`](crate::Run).
///
/// ```
/// use std::sync::atomic::{AtomicBool, Ordering};
/// use windlass_blocking::CancelProbe;
///
/// /// Of a job of one's own: asked to stop when the program is.
/// static STOPPING: AtomicBool = AtomicBool::new(false);
///
/// struct Stopping;
/// impl CancelProbe for Stopping {
///     fn is_cancelled(&self) -> bool {
///         STOPPING.load(Ordering::Relaxed)
///     }
/// }
/// assert!(!Stopping.is_cancelled());
/// ```
pub trait CancelProbe: Sync {
    /// Whether someone has asked to cancel the job.
    fn is_cancelled(&self) -> bool;
}

/// Runs `f`, in which [`current`] asks `probe`.
///
/// Jobs made by [`ExecutorExt::submit`](crate::ExecutorExt::submit) do this by themselves.
///
/// ```
/// use std::sync::atomic::{AtomicBool, Ordering};
/// use windlass_blocking::{CancelProbe, current, with_probe};
///
/// struct Flag(AtomicBool);
/// impl CancelProbe for Flag {
///     fn is_cancelled(&self) -> bool {
///         self.0.load(Ordering::Relaxed)
///     }
/// }
///
/// let flag = Flag(AtomicBool::new(true));
/// assert!(with_probe(&flag, || current().is_cancelled()));
/// assert!(!current().is_cancelled());
/// ```
pub fn with_probe<R>(probe: &dyn CancelProbe, f: impl FnOnce() -> R) -> R {
    /// Puts the outer probe back, even if `f` panics.
    struct Outer(Option<NonNull<dyn CancelProbe>>);

    impl Drop for Outer {
        fn drop(&mut self) {
            PROBE.with(|current| current.set(self.0));
        }
    }

    let probe: NonNull<dyn CancelProbe + '_> = NonNull::from(probe);
    // SAFETY: only the lifetime is forgotten. `is_cancelled` alone reads the pointer, on this thread, and
    // `_outer` takes it away before the borrow of `probe` ends.
    let probe: NonNull<dyn CancelProbe> = unsafe { std::mem::transmute(probe) };
    let _outer = Outer(PROBE.with(|current| current.replace(Some(probe))));
    f()
}

/// The job that the calling thread is running, to ask it things. Outside a job, every answer is no.
///
/// ```
/// use windlass_blocking::{ExecutorExt, ThreadPoolExecutor, current};
///
/// let pool = ThreadPoolExecutor::new(1);
/// let (started, starts) = std::sync::mpsc::channel();
/// let future = pool.submit(move || {
///     started.send(()).unwrap();
///     while !current().is_cancelled() {
///         std::thread::yield_now();
///     }
///     "stopped early"
/// });
/// starts.recv().unwrap();
/// assert!(!future.cancel(), "it has started, so it cannot be cancelled, but it can be asked to stop");
/// assert_eq!(future.result().unwrap(), "stopped early");
/// ```
#[doc(alias = "check_cancelled")]
#[must_use]
pub fn current() -> Current {
    Current { on_this_thread: PhantomData }
}

/// The running job, as [`current`] returns it.
#[derive(Clone, Copy, Debug)]
pub struct Current {
    on_this_thread: PhantomData<*const ()>,
}

impl Current {
    /// Whether the job is not wanted any more: [`Future::cancel`](crate::Future::cancel) was called too late to
    /// keep it from starting, or its pool was shut down with `cancel_futures`.
    ///
    /// A long job may ask now and then, and return early.
    ///
    /// ```
    /// assert!(!windlass_blocking::current().is_cancelled());
    /// ```
    #[must_use]
    pub fn is_cancelled(self) -> bool {
        let probe = PROBE.try_with(Cell::get).ok().flatten();
        probe.is_some_and(|probe| {
            // SAFETY: `with_probe`, further down this thread's stack, borrows it.
            unsafe { probe.as_ref() }.is_cancelled()
        }) || pool::is_cancelling()
    }
}

//! Which pool the running thread belongs to, and what that changes when it waits.

use super::shared::Shared;
use crate::primitives::{Ordering, thread_local};
use std::cell::RefCell;
use std::sync::Arc;

thread_local! {
    #[allow(clippy::missing_const_for_thread_local, reason = "loom's macro knows no const")]
    static POOL: RefCell<Option<Arc<Shared>>> = RefCell::new(None);
}

/// Ends the thread's membership when dropped.
pub(super) struct Member(());

/// Makes the running thread one of `pool`'s.
pub(super) fn enter(pool: &Arc<Shared>) -> Member {
    POOL.with(|own| *own.borrow_mut() = Some(pool.clone()));
    Member(())
}

impl Drop for Member {
    fn drop(&mut self) {
        let own = POOL.with(|own| own.borrow_mut().take());
        drop(own);
    }
}

fn own() -> Option<Arc<Shared>> {
    POOL.try_with(|own| own.borrow().clone()).ok().flatten()
}

/// Whether the running thread is one of `pool`'s.
pub(super) fn is_of(pool: &Arc<Shared>) -> bool {
    own().is_some_and(|own| Arc::ptr_eq(&own, pool))
}

/// Whether the pool of the running thread was shut down with `cancel_futures`.
pub(crate) fn is_cancelling() -> bool {
    let cancelling = |own: &Arc<Shared>| own.cancelling.load(Ordering::Relaxed);
    POOL.try_with(|own| own.borrow().as_ref().is_some_and(cancelling)).unwrap_or(false)
}

/// Runs `f`, which waits for something that may need another thread of the same pool.
///
/// On a pool's thread the pool may have one thread more in the meantime, so that a job that waits for another
/// of a saturated pool is not waiting for itself. Elsewhere it only calls `f`. The waits of this crate do this
/// by themselves.
///
/// ```
/// use std::sync::mpsc;
/// use windlass_blocking::{Executor, Job, ThreadPoolExecutor, wait_blocked};
///
/// let pool = ThreadPoolExecutor::new(1);
/// let own = pool.clone();
/// let (done, is_done) = mpsc::channel();
/// pool.try_execute(Job::new(move || {
///     let (sender, receiver) = mpsc::channel();
///     own.try_execute(Job::new(move || sender.send("from the same pool").unwrap())).unwrap();
///     done.send(wait_blocked(|| receiver.recv().unwrap())).unwrap();
/// }))
/// .unwrap();
/// assert_eq!(is_done.recv().unwrap(), "from the same pool");
/// ```
pub fn wait_blocked<R>(f: impl FnOnce() -> R) -> R {
    /// Takes the allowance back, even if `f` panics.
    struct Wide(Option<Arc<Shared>>);

    impl Drop for Wide {
        fn drop(&mut self) {
            if let Some(pool) = &self.0 {
                pool.crew.narrow();
            }
        }
    }

    let wide = Wide(own());
    if let Some(pool) = &wide.0 {
        pool.crew.widen();
        pool.rouse_if_queued();
    }
    f()
}

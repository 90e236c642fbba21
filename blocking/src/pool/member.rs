//! Which pool the running thread belongs to, and what that changes when it waits.

use super::shared::Shared;
use crate::primitives::{Ordering, thread_local};
use std::cell::RefCell;
use std::sync::Arc;

thread_local! {
    #[allow(clippy::missing_const_for_thread_local, reason = "loom's macro knows no const")]
    static OWN: RefCell<Option<Own>> = RefCell::new(None);
}

/// What a thread knows of the pool it belongs to.
struct Own {
    pool: Arc<Shared>,
    /// Whether the pool may have one thread more because this one waits.
    waits: bool,
}

/// Ends the thread's membership when dropped.
pub(super) struct Member(());

/// Makes the running thread one of `pool`'s.
pub(super) fn enter(pool: &Arc<Shared>) -> Member {
    OWN.with(|own| *own.borrow_mut() = Some(Own { pool: pool.clone(), waits: false }));
    Member(())
}

impl Drop for Member {
    fn drop(&mut self) {
        let own = OWN.with(|own| own.borrow_mut().take());
        drop(own);
    }
}

/// Whether the running thread is one of `pool`'s.
pub(super) fn is_of(pool: &Arc<Shared>) -> bool {
    let is_of = |own: &Own| Arc::ptr_eq(&own.pool, pool);
    OWN.try_with(|own| own.borrow().as_ref().is_some_and(is_of)).unwrap_or(false)
}

/// Whether the pool of the running thread was shut down with `cancel_futures`, and has cancelled what was queued.
pub(crate) fn is_cancelling() -> bool {
    let is_told = |own: &Own| own.pool.tells_running.load(Ordering::Relaxed);
    OWN.try_with(|own| own.borrow().as_ref().is_some_and(is_told)).unwrap_or(false)
}

/// Notes whether the running thread waits. Its pool, if it has one and this is news.
fn set_waits(waits: bool) -> Option<Arc<Shared>> {
    let change = |own: &mut Own| {
        let is_news = own.waits != waits;
        own.waits = waits;
        is_news.then(|| own.pool.clone())
    };
    OWN.try_with(|own| own.borrow_mut().as_mut().and_then(change)).ok().flatten()
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
                let _ = set_waits(false);
                pool.crew.narrow();
            }
        }
    }

    // A wait inside a wait is of the same thread, for which there is one more already.
    let wide = Wide(set_waits(true));
    if let Some(pool) = &wide.0 {
        pool.crew.widen();
        pool.rouse_if_queued();
    }
    f()
}

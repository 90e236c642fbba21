//! Keeping other people's panics out of our threads.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

/// Runs `f` and stops its panic here, which the panic hook has reported by then.
///
/// Whether what `f` touched is still fit for use is its owner's business: we never look at it again.
pub(crate) fn swallow(f: impl FnOnce()) {
    if let Err(payload) = catch_unwind(AssertUnwindSafe(f)) {
        drop_payload(payload);
    }
}

/// Drops a panic's payload, whose own drop may panic, with a payload whose drop may panic, and so on for a while.
#[cold]
pub(crate) fn drop_payload(mut payload: crate::error::PanicPayload) {
    for _ in 0..8 {
        match catch_unwind(AssertUnwindSafe(|| drop(payload))) {
            Ok(()) => return,
            Err(next) => payload = next,
        }
    }
    std::mem::forget(payload);
}

/// Panics of jobs whose result nobody took or looked at.
static UNOBSERVED: AtomicU64 = AtomicU64::new(0);

#[cold]
pub(crate) fn count_unobserved() {
    UNOBSERVED.fetch_add(1, Relaxed);
}

/// How many jobs of this process have panicked and had their future dropped without anyone looking at the result.
///
/// The panic hook has reported each of them when it happened; this is for those who watch a program by numbers.
/// (In Python such an exception is gone without a trace.)
///
/// ```
/// use windlass_blocking::{ExecutorExt, ThreadPoolExecutor, unobserved_panics};
///
/// let pool = ThreadPoolExecutor::new(1);
/// drop(pool.submit(|| panic!("nobody waits for this")));
/// pool.shutdown(true, false);
/// assert_eq!(unobserved_panics(), 1);
/// ```
#[must_use]
pub fn unobserved_panics() -> u64 {
    UNOBSERVED.load(Relaxed)
}

/// What a panic said, if it said it in words.
pub(crate) fn message(payload: &crate::error::PanicPayload) -> Option<&str> {
    payload.downcast_ref::<&'static str>().copied().or_else(|| payload.downcast_ref().map(String::as_str))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payload_that_panics_when_dropped_is_swallowed_too() {
        struct Nasty;
        impl Drop for Nasty {
            fn drop(&mut self) {
                panic!("dropped");
            }
        }
        swallow(|| std::panic::panic_any(Nasty));
    }
}

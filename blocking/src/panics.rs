//! Keeping other people's panics out of our threads.

use std::panic::{AssertUnwindSafe, catch_unwind};

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

//! Waiting for a future with a whole thread.

use crate::pool::wait_blocked;
use crate::primitives::thread::{self, Thread};
use crate::primitives::{Instant, SPINS, thread_local};
use std::sync::Arc;
use std::task::{Wake, Waker};

/// Looks that a waiting thread takes, letting others run in between, before it parks.
const LOOKS: usize = 4;

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.0.unpark();
    }
}

thread_local! {
    /// The waker that unparks this thread. It may be woken for something long over: who parks looks again.
    static WAKER: Waker = Waker::from(Arc::new(Unpark(thread::current())));
}

/// A waker that unparks the running thread.
pub(crate) fn waker() -> Waker {
    // While thread-locals are destroyed there is none to share.
    WAKER.try_with(Waker::clone).unwrap_or_else(|_| Waker::from(Arc::new(Unpark(thread::current()))))
}

/// Blocks the thread until `ready`, which keeps `waker` somewhere where it is woken when it is worth another
/// look. `None` if `deadline` came first.
pub(crate) fn until<R>(deadline: Option<Instant>, mut ready: impl FnMut(&Waker) -> Option<R>) -> Option<R> {
    let waker = waker();
    if let Some(result) = ready(&waker) {
        return Some(result);
    }
    if SPINS {
        for _ in 0..LOOKS {
            thread::yield_now();
            if let Some(result) = ready(&waker) {
                return Some(result);
            }
        }
    }
    wait_blocked(|| {
        loop {
            match deadline {
                None => thread::park(),
                Some(deadline) => {
                    let left = deadline.saturating_duration_since(Instant::now());
                    if left.is_zero() {
                        return None;
                    }
                    thread::park_timeout(left);
                }
            }
            if let Some(result) = ready(&waker) {
                return Some(result);
            }
        }
    })
}

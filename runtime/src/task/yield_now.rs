//! Letting others go first.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use crate::context;

/// Lets every other task that is ready on this worker run first; asyncio's `sleep(0)`.
///
/// That includes tasks whose sockets are ready or whose timers are due: the worker looks at these before a task that yields goes to the back, about once in
/// a round of all that it has queued. (Not before a task of a [`LocalSet`](super::LocalSet) yields to others of the set, which may take some 60 turns.)
///
/// # Cancel safety
///
/// Nothing is lost when it is dropped.
///
/// # Examples
///
/// ```
/// # let rt = windlass::runtime::Runtime::new().unwrap();
/// # rt.block_on(async {
/// windlass::task::yield_now().await;
/// # });
/// ```
pub async fn yield_now() {
    YieldNow { yielded: false }.await;
}

struct YieldNow {
    yielded: bool,
}

impl Future for YieldNow {
    type Output = ();

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.yielded {
            return Poll::Ready(());
        }
        self.yielded = true;
        context::yield_to_others(cx.waker());
        Poll::Pending
    }
}

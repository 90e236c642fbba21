//! A coroutine pauses while it runs, and whoever called it goes on. Here the caller is the event loop itself, and does by hand what one does.
//!
//! `cargo run --release -p windlass-examples --bin tutorial_2_coroutine`
//!
//! It is this program:
//!
//! ```python
//! @types.coroutine
//! def pause():
//!     yield
//!
//! async def coroutine():
//!     print("coroutine: the first half")
//!     await pause()
//!     print("coroutine: the second half")
//!     return 666
//!
//! paused = coroutine()
//! print("caller: nothing has run yet")
//! paused.send(None)
//! print("caller: it waits, and I can do something else")
//! try:
//!     paused.send(None)
//! except StopIteration as end:
//!     print("caller: it returned", end.value)
//! ```

use std::future::{Future, poll_fn};
use std::mem::replace;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

async fn coroutine() -> u32 {
    println!("coroutine: the first half");
    pause().await;
    println!("coroutine: the second half");
    666
}

/// Pauses whoever awaits it, once.
async fn pause() {
    let mut paused = false;
    poll_fn(|_| if replace(&mut paused, true) { Poll::Ready(()) } else { Poll::Pending }).await;
}

fn main() {
    let mut paused = pin!(coroutine());
    println!("caller: nothing has run yet");

    // A runtime gives a waker that queues the task again. Here the caller knows by itself when to go on.
    let mut context = Context::from_waker(Waker::noop());
    assert!(paused.as_mut().poll(&mut context).is_pending());
    println!("caller: it waits, and I can do something else");

    if let Poll::Ready(value) = paused.poll(&mut context) {
        println!("caller: it returned {value}");
    }
}

//! The event loop is a value: one makes it, and has it run until something is complete.
//!
//! `cargo run --release -p windlass-examples --bin tutorial_4_02_event_loop`
//!
//! It is this program:
//!
//! ```python
//! async def func():
//!     print("123456")
//!
//! loop = asyncio.get_event_loop()
//! loop.run_until_complete(func())
//! ```
//!
//! Python made a loop for the main thread when it was first asked for one, and since 3.14 refuses; here there is none until one is made.

use std::io;

use windlass::runtime::{Builder, Handle};

fn main() -> io::Result<()> {
    // `asyncio.get_event_loop()`, before and after there is one.
    assert!(Handle::try_current().is_err());
    let event_loop = Builder::new_current_thread().build()?;

    // `loop.run_until_complete(func())`; it can be called again and again.
    event_loop.block_on(func());
    Ok(())
    // Here the runtime is dropped: `loop.close()`.
}

async fn func() {
    println!("123456");
}

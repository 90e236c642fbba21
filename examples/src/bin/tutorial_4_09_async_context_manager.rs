//! An asynchronous context manager: something that takes time to be opened, and time to be closed.
//!
//! `cargo run --release -p windlass-examples --bin tutorial_4_09_async_context_manager [-- --virtual]`
//!
//! It is this program, which says too how long it took (there the constructor lacks its argument, a `TypeError`; here that is an error of the
//! compiler):
//!
//! ```python
//! class AsyncContextManger:
//!     def __init__(self, conn):
//!         self.conn = conn
//!
//!     async def do_something(self):
//!         return 666
//!
//!     async def __aenter__(self):
//!         self.conn = await asyncio.sleep(1)
//!         return self
//!
//!     async def __aexit__(self, exc_type, exc, tb):
//!         await asyncio.sleep(1)
//!
//! async def func():
//!     async with AsyncContextManger() as f:
//!         result = await f.do_something()
//!         print(result)
//!
//! asyncio.run(func())
//! ```

use std::time::Duration;

use windlass::aio::closing;
use windlass::time::{Instant, sleep};
use windlass_examples::virtual_time;

/// A connection to a database.
struct Connection;

impl Connection {
    /// `__aenter__`
    async fn open() -> Self {
        sleep(Duration::from_secs(1)).await;
        Self
    }

    /// `__aexit__`
    async fn close(self) {
        sleep(Duration::from_secs(1)).await;
    }

    async fn do_something(&self) -> u32 {
        666
    }
}

async fn func() {
    // `async with .. as f:`, to `f.close()`. A drop cannot wait, so the end is said by hand; a guard that is dropped without it reports that.
    let f = closing(Connection::open().await, Connection::close);
    let result = f.do_something().await;
    println!("{result}");
    f.close().await;
}

#[windlass::main(flavor = "current_thread")]
async fn main() {
    virtual_time::if_asked();
    let start = Instant::now();
    func().await;
    println!("{:.1?}", start.elapsed());
}

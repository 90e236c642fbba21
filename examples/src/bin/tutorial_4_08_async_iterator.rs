//! An asynchronous iterator, here a `Stream`, and the loop over it.
//!
//! `cargo run --release -p windlass-examples --bin tutorial_4_08_async_iterator`
//!
//! It is this program:
//!
//! ```python
//! class Reader(object):
//!     def __init__(self):
//!         self.count = 0
//!
//!     async def readline(self):
//!         self.count += 1
//!         if self.count == 100:
//!             return None
//!         return self.count
//!
//!     def __aiter__(self):
//!         return self
//!
//!     async def __anext__(self):
//!         val = await self.readline()
//!         if val is None:
//!             raise StopAsyncIteration
//!         return val
//!
//! async def func():
//!     obj = Reader()
//!     async for item in obj:
//!         print(item)
//!
//! asyncio.run(func())
//! ```

use std::pin::pin;

use async_stream::stream;
use futures_lite::{Stream, StreamExt};

struct Reader {
    count: u32,
}

impl Reader {
    fn new() -> Self {
        Self { count: 0 }
    }

    async fn readline(&mut self) -> Option<u32> {
        self.count += 1;
        (self.count != 100).then_some(self.count)
    }

    /// `__aiter__` and `__anext__` in one, as an asynchronous generator.
    fn lines(mut self) -> impl Stream<Item = u32> {
        stream! {
            while let Some(line) = self.readline().await {
                yield line;
            }
        }
    }
}

async fn func() {
    let mut lines = pin!(Reader::new().lines());
    // `async for`
    while let Some(item) = lines.next().await {
        println!("{item}");
    }
}

fn main() {
    windlass::run(func());
}

//! A function that blocks, called from async code: on the default thread pool, and on one's own.
//!
//! `cargo run --release -p windlass-examples --bin run_in_executor [MILLISECONDS]`
//!
//! It is this program, but for the process pool, which Windlass has not yet:
//!
//! ```python
//! def func1():
//!     time.sleep(2)
//!     return "123"
//!
//! async def main():
//!     loop = asyncio.get_running_loop()
//!
//!     # 1. Run in the default loop's executor
//!     fut = loop.run_in_executor(None, func1)
//!     result = await fut
//!     print('default thread pool', result)
//!
//!     # 2. Run in a custom thread pool
//!     with concurrent.futures.ThreadPoolExecutor() as pool:
//!         result = await loop.run_in_executor(pool, func1)
//!         print('custom thread pool', result)
//!
//! asyncio.run(main())
//! ```
//!
//! and then does by hand what `run_in_executor` does inside: submits the function to the pool, and wraps the
//! `concurrent.futures.Future` in something to await.

use std::error::Error;
use std::thread;
use std::time::Duration;

use windlass::blocking::{ExecutorExt, ThreadPoolExecutor};
use windlass::{run_in_executor, wrap_future};
use windlass_examples::nap::nap;

#[windlass::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let nap = nap(Duration::from_secs(2))?;

    let future = run_in_executor(None, move || func1(nap));
    println!("default thread pool {}", future.await?);

    let pool = ThreadPoolExecutor::builder().thread_name_prefix("custom").build();
    let result = run_in_executor(Some(&pool), move || func1(nap)).await?;
    println!("custom thread pool {result}");

    let future = pool.submit(move || func1(nap));
    println!("wrapped future {}", wrap_future(future).await?);
    Ok(())
    // Here the pool is dropped, which waits for its jobs as the end of `with` does. They are over.
}

/// Takes its time; then says on which thread.
fn func1(nap: Duration) -> String {
    thread::sleep(nap);
    format!("123, on {}", thread::current().name().unwrap_or("a thread without a name"))
}

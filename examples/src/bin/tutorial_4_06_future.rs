//! asyncio's Future, here `Promise`: a value that somebody sets and others wait for.
//!
//! `cargo run --release -p windlass-examples --bin tutorial_4_06_future [-- --virtual]`
//!
//! It is these three programs, but for the first, which waits for ever there, and the last, whose second task never gets to its error there,
//! since `run` cancels it:
//!
//! ```python
//! async def main():
//!     loop = asyncio.get_running_loop()
//!     fut = loop.create_future()
//!     await fut
//! ```
//!
//! ```python
//! async def set_after(fut: asyncio.Future):
//!     await asyncio.sleep(2)
//!     fut.set_result("success")
//!
//! async def main():
//!     loop = asyncio.get_running_loop()
//!     fut = loop.create_future()
//!     await loop.create_task(set_after(fut))
//!     data = await fut
//!     print(data)
//! ```
//!
//! ```python
//! async def task1(future):
//!     await asyncio.sleep(2)
//!     future.set_result('Task 1 completed')
//!
//! async def task2(future):
//!     await asyncio.sleep(3)
//!     future.set_result('Task 2 completed')
//!
//! async def main():
//!     loop = asyncio.get_running_loop()
//!     fut = loop.create_future()
//!     asyncio.create_task(task1(fut))
//!     asyncio.create_task(task2(fut))
//!     result = await fut
//!     print(result)
//! ```

use std::error::Error;
use std::time::Duration;

use windlass::aio::{InvalidState, Promise};
use windlass::runtime::Handle;
use windlass::spawn;
use windlass::time::{sleep, timeout};
use windlass_examples::virtual_time;

#[windlass::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    virtual_time::if_asked();
    never_set().await;
    set_by_a_task().await?;
    set_by_two_tasks().await
}

async fn never_set() {
    let fut = Promise::<()>::new();
    match timeout(Duration::from_secs(3), &fut).await {
        Ok(_) => println!("nobody can have set {fut:?}"),
        Err(elapsed) => println!("still without a result: {elapsed}"),
    }
}

async fn set_by_a_task() -> Result<(), Box<dyn Error>> {
    let event_loop = Handle::current();
    let fut = Promise::new_on(&event_loop);
    event_loop.spawn(set_after(fut.clone())).await??;
    let data = fut.await?;
    println!("{data}");
    Ok(())
}

async fn set_after(fut: Promise<&'static str>) -> Result<(), InvalidState> {
    sleep(Duration::from_secs(2)).await;
    fut.set_result("success")
}

async fn set_by_two_tasks() -> Result<(), Box<dyn Error>> {
    let fut = Promise::new();
    // Clones are the same promise.
    let first = spawn(task1(fut.clone()));
    let second = spawn(task2(fut.clone()));
    println!("{}", fut.await?);

    // It has a result by now, and keeps it.
    first.await??;
    if let Err(error) = second.await? {
        println!("task2: {error}");
    }
    Ok(())
}

async fn task1(future: Promise<&'static str>) -> Result<(), InvalidState> {
    sleep(Duration::from_secs(2)).await;
    future.set_result("Task 1 completed")
}

async fn task2(future: Promise<&'static str>) -> Result<(), InvalidState> {
    sleep(Duration::from_secs(3)).await;
    future.set_result("Task 2 completed")
}

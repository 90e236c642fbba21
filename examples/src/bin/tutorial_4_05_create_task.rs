//! A task is a coroutine that the event loop runs by itself: two of them wait at the same time.
//!
//! `cargo run --release -p windlass-examples --bin tutorial_4_05_create_task [-- --virtual]`
//!
//! It is this program:
//!
//! ```python
//! async def func(arg):
//!     print(1)
//!     await asyncio.sleep(2)
//!     print(2)
//!     return "返回值: " + arg
//!
//! async def main():
//!     print("开始创建Task对象")
//!     task1 = asyncio.create_task(func("task1"))
//!     task2 = asyncio.create_task(func("task2"))
//!     print("创建Task对象结束")
//!
//!     ret1 = await task1
//!     ret2 = await task2
//!     print(ret1, ret2)
//!
//! asyncio.run(main())
//! ```

use std::time::Duration;

use windlass::spawn;
use windlass::task::JoinError;
use windlass::time::sleep;
use windlass_examples::virtual_time;

#[windlass::main(flavor = "current_thread")]
async fn main() -> Result<(), JoinError> {
    virtual_time::if_asked();
    println!("开始创建Task对象");
    // With `get_running_loop`: `Handle::current().spawn(..)`.
    let task1 = spawn(func("task1"));
    let task2 = spawn(func("task2"));
    println!("创建Task对象结束");

    // An error is what is left of a task that panicked, or was aborted.
    let ret1 = task1.await?;
    let ret2 = task2.await?;
    println!("{ret1} {ret2}");
    Ok(())
}

async fn func(arg: &str) -> String {
    println!("1");
    sleep(Duration::from_secs(2)).await;
    println!("2");
    format!("返回值: {arg}")
}

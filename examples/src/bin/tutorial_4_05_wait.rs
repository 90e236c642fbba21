//! `wait` takes many tasks, and gives back those that are done and those that are not.
//!
//! `cargo run --release -p windlass-examples --bin tutorial_4_05_wait [-- --virtual]`
//!
//! It is this program, which prints the tasks' values too:
//!
//! ```python
//! async def func(arg):
//!     print(1)
//!     await asyncio.sleep(2)
//!     print(2)
//!     return "返回值" + arg
//!
//! async def main():
//!     print("开始创建Task对象")
//!     task_list = [
//!         asyncio.create_task(func("task1")),
//!         asyncio.create_task(func("task2"))
//!     ]
//!     print("创建Task对象结束")
//!
//!     done, pending = await asyncio.wait(task_list, timeout=None)
//!     print(done)
//!     print(pending)
//!
//! asyncio.run(main())
//! ```

use std::error::Error;
use std::time::Duration;

use windlass::aio::{ReturnWhen, wait};
use windlass::spawn;
use windlass::time::sleep;
use windlass_examples::virtual_time;

#[windlass::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    virtual_time::if_asked();
    println!("开始创建Task对象");
    let task_list = [spawn(func("task1")), spawn(func("task2"))];
    println!("创建Task对象结束");

    // No sets but lists, in the order in which the tasks were given.
    let (done, pending) = wait(task_list, None, ReturnWhen::AllCompleted).await?;
    println!("{done:?}");
    println!("{pending:?}");
    for task in done {
        println!("{}", task.await?);
    }
    Ok(())
}

async fn func(arg: &str) -> String {
    println!("1");
    sleep(Duration::from_secs(2)).await;
    println!("2");
    format!("返回值{arg}")
}

//! Tasks with names, by which one knows them apart.
//!
//! `cargo run --release -p windlass-examples --bin tutorial_4_05_names [-- --virtual]`
//!
//! It is this program:
//!
//! ```python
//! async def func():
//!     print(1)
//!     await asyncio.sleep(2)
//!     print(2)
//!     return "返回值"
//!
//! async def main():
//!     print("开始创建Task对象")
//!     task_list = [
//!         asyncio.create_task(func(), name="n1"),
//!         asyncio.create_task(func(), name="n2")
//!     ]
//!     print("创建Task对象结束")
//!
//!     done, pending = await asyncio.wait(task_list, timeout=None)
//!     print(done)
//!
//! asyncio.run(main())
//! ```

use std::error::Error;
use std::time::Duration;

use windlass::aio::{ReturnWhen, wait};
use windlass::task;
use windlass::time::sleep;
use windlass_examples::virtual_time;

#[windlass::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    virtual_time::if_asked();
    println!("开始创建Task对象");
    let task_list =
        [task::Builder::new().name("n1").spawn(func())?, task::Builder::new().name("n2").spawn(func())?];
    println!("创建Task对象结束");

    let (done, _pending) = wait(task_list, None, ReturnWhen::AllCompleted).await?;
    println!("{done:?}");
    Ok(())
}

async fn func() -> &'static str {
    println!("1");
    sleep(Duration::from_secs(2)).await;
    println!("2");
    "返回值"
}

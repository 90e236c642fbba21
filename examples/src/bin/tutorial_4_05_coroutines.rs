//! Coroutines may be made where there is no event loop yet; tasks may not.
//!
//! `cargo run --release -p windlass-examples --bin tutorial_4_05_coroutines [-- --virtual]`
//!
//! It is this program, with the error in it that the string describes, and which prints the tasks' values too:
//!
//! ```python
//! async def func(arg):
//!     print(1)
//!     await asyncio.sleep(2)
//!     print(2)
//!     return "返回值" + arg
//!
//! task_list = [
//!     func("task1"),
//!     func("task2")
//! ]
//!
//! """
//! RuntimeError: no running event loop
//! task_list = [
//!     asyncio.create_task(func("task1")),
//!     asyncio.create_task(func("task2"))
//! ]
//! """
//! done, pending = asyncio.run(asyncio.wait(task_list))
//! print(done)
//! ```
//!
//! `wait` made tasks of the coroutines; since Python 3.11 it takes tasks alone, as it does here, where a future is an error of the compiler.
//! (`gather` takes either.)

use std::error::Error;
use std::panic::catch_unwind;
use std::time::Duration;

use windlass::aio::{ReturnWhen, wait};
use windlass::runtime::Builder;
use windlass::spawn;
use windlass::time::sleep;
use windlass_examples::virtual_time;

fn main() -> Result<(), Box<dyn Error>> {
    let task_list = [func("task1"), func("task2")];

    // Wrong: there is no runtime to spawn on, which the panic says.
    assert!(catch_unwind(|| spawn(func("task1"))).is_err());

    let event_loop = Builder::new_current_thread().start_paused(virtual_time::asked()).build()?;
    event_loop.block_on(async {
        let (done, _pending) =
            wait(task_list.map(|coroutine| spawn(coroutine)), None, ReturnWhen::AllCompleted).await?;
        println!("{done:?}");
        for task in done {
            println!("{}", task.await?);
        }
        Ok(())
    })
}

async fn func(arg: &str) -> String {
    println!("1");
    sleep(Duration::from_secs(2)).await;
    println!("2");
    format!("返回值{arg}")
}

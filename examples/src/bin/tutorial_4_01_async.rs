//! Two functions side by side: while one sleeps, the other runs.
//!
//! `cargo run --release -p windlass-examples --bin tutorial_4_01_async [-- --virtual]`
//!
//! It is this program, which says at its end how long it took:
//!
//! ```python
//! async def func1():
//!     print('1')
//!     await asyncio.sleep(1)
//!     print('2')
//!
//! async def func2():
//!     print('3')
//!     await asyncio.sleep(1)
//!     print('4')
//!
//! task_list = [func1(), func2()]
//! asyncio.run(asyncio.wait(task_list))
//! ```
//!
//! There `wait` put the coroutines in a set, and started them in the set's order, 3 before 1 (or not; since Python 3.11 it refuses
//! coroutines). Here tasks start in the order in which they are spawned.

use std::time::Duration;

use windlass::aio::{EmptySet, ReturnWhen, wait};
use windlass::spawn;
use windlass::time::{Instant, sleep};
use windlass_examples::virtual_time;

// One thread, as asyncio has. Without the argument, tasks run on all cores, and these two start at once.
#[windlass::main(flavor = "current_thread")]
async fn main() -> Result<(), EmptySet> {
    virtual_time::if_asked();
    let start = Instant::now();
    let task_list = [spawn(func1()), spawn(func2())];
    wait(task_list, None, ReturnWhen::AllCompleted).await?;
    println!("{:.1?}", start.elapsed());
    Ok(())
}

async fn func1() {
    println!("1");
    sleep(Duration::from_secs(1)).await;
    println!("2");
}

async fn func2() {
    println!("3");
    sleep(Duration::from_secs(1)).await;
    println!("4");
}

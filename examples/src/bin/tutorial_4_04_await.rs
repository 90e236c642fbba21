//! `await` pauses a coroutine until what it waits for is complete. Several awaits of one coroutine come one after the other.
//!
//! `cargo run --release -p windlass-examples --bin tutorial_4_04_await [-- --virtual]`
//!
//! It is this program, and one before that calls its function once:
//!
//! ```python
//! async def func(flags):
//!     print("func() start")
//!     await asyncio.sleep(2)
//!     print("func() end")
//!     return "我是 func(" + flags + ")"
//!
//! async def main():
//!     print("执行协程函数 main()")
//!
//!     result = await func("1")
//!     print("IO第一次的请求结果:", result)
//!
//!     result = await func("2")
//!     print("IO第二次的请求结果:", result)
//!
//! asyncio.run(main())
//! ```

use std::time::Duration;

use windlass::time::sleep;
use windlass_examples::virtual_time;

#[windlass::main(flavor = "current_thread")]
async fn main() {
    virtual_time::if_asked();
    once().await;
    twice().await;
}

async fn once() {
    println!("执行协程函数 main()");

    // While this waits, other tasks run.
    let result = func("").await;
    println!("io请求结果: {result}");
}

async fn twice() {
    println!("执行协程函数 main()");

    let result = func("1").await;
    println!("IO第一次的请求结果: {result}");

    let result = func("2").await;
    println!("IO第二次的请求结果: {result}");
}

async fn func(flags: &str) -> String {
    println!("func() start");
    sleep(Duration::from_secs(2)).await; // stands for I/O
    println!("func() end");
    format!("我是 func({flags})")
}

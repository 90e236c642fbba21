//! A coroutine function that is called runs nothing: it returns a coroutine object, here a future, for an event loop to run.
//!
//! `cargo run --release -p windlass-examples --bin tutorial_4_03_coroutine_object`
//!
//! It is this program:
//!
//! ```python
//! async def func():
//!     print("执行协程函数 func")
//!
//! result = func()
//! asyncio.run(result)
//! ```
//!
//! What nobody runs, Python warns of while the program runs: "coroutine 'func' was never awaited". Rust does while it is compiled: "unused
//! implementer of `Future` that must be used: futures do nothing unless you `.await` or poll them".

async fn func() {
    println!("执行协程函数 func");
}

fn main() {
    let result = func();
    windlass::run(result);
}

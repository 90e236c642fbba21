//! Ten jobs on a pool of five threads; `submit` returns a future at once, and the futures are printed.
//!
//! `cargo run --release -p windlass-examples --bin thread_pool [MILLISECONDS]`
//!
//! It is this program, which needs no event loop:
//!
//! ```python
//! def func(value):
//!     time.sleep(1)
//!     print(value)
//!
//! pool = ThreadPoolExecutor(max_workers=5)
//!
//! for i in range(10):
//!     fut = pool.submit(func, i)
//!     print(fut)
//! ```
//!
//! and then prints the futures again when all is done, and the pool.

use std::thread;
use std::time::Duration;

use windlass::blocking::{ExecutorExt, ThreadPoolExecutor};
use windlass_examples::nap::nap;

fn main() -> Result<(), String> {
    let nap = nap(Duration::from_secs(1))?;
    let pool = ThreadPoolExecutor::new(5);

    let futures: Vec<_> = (0..10)
        .map(|number| {
            let future = pool.submit(move || func(number, nap));
            println!("{future:?}");
            future
        })
        .collect();

    // Python waits for the pool's threads when the program ends; here dropping the pool does, or this, which says so.
    pool.shutdown(true, false);
    for future in &futures {
        println!("{future:?}");
    }
    println!("{pool:?}");
    Ok(())
}

fn func(value: u32, nap: Duration) {
    thread::sleep(nap);
    println!("{value}");
}

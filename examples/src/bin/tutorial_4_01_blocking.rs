//! Two functions, one after the other: each sleeps, and the program with it.
//!
//! `cargo run --release -p windlass-examples --bin tutorial_4_01_blocking [MILLISECONDS]`
//!
//! It is this program, which says at its end how long it took:
//!
//! ```python
//! def func1():
//!     print('1')
//!     time.sleep(1)
//!     print('2')
//!
//! def func2():
//!     print('3')
//!     time.sleep(1)
//!     print('4')
//!
//! func1()
//! func2()
//! ```
//!
//! `tutorial_4_01_async` does the same asynchronously, in half the time.

use std::thread;
use std::time::{Duration, Instant};

use windlass_examples::nap::nap;

fn main() -> Result<(), String> {
    let nap = nap(Duration::from_secs(1))?;
    let start = Instant::now();
    func1(nap);
    func2(nap);
    println!("{:.1?}", start.elapsed());
    Ok(())
}

fn func1(nap: Duration) {
    println!("1");
    thread::sleep(nap);
    println!("2");
}

fn func2(nap: Duration) {
    println!("3");
    thread::sleep(nap);
    println!("4");
}

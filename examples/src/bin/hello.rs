//! The first program: a task for each stretch of numbers, on all cores, and their results joined in order.
//!
//! `cargo run --release -p windlass-examples --bin hello`

use windlass::runtime::Handle;
use windlass::task::JoinError;

const TASKS: u32 = 8;
const STRETCH: u32 = 25_000;

#[windlass::main]
async fn main() -> Result<(), JoinError> {
    println!("hello from {} workers", Handle::current().metrics().num_workers());

    // A task starts to run when it is spawned, on whichever worker is free; its handle is for the result.
    let tasks: Vec<_> = (0..TASKS)
        .map(|number| {
            let from = number * STRETCH;
            windlass::spawn(async move { (from, primes(from, from + STRETCH)) })
        })
        .collect();

    let mut total = 0;
    for task in tasks {
        let (from, count) = task.await?;
        println!("{count:>5} primes from {from:>6} to {:>6}", from + STRETCH - 1);
        total += count;
    }
    println!("{total:>5} primes in all");
    Ok(())
}

/// Counts the primes from `from` up to, and without, `to`.
fn primes(from: u32, to: u32) -> usize {
    let is_prime = |n: u32| n >= 2 && (2..).take_while(|d| d * d <= n).all(|d| !n.is_multiple_of(d));
    (from..to).filter(|&n| is_prime(n)).count()
}

//! What asynchronous code is for: ten thousand waits on one thread, in the time of one, and a clock that goes on ticking meanwhile.
//!
//! `cargo run --release -p windlass-examples --bin tutorial_3_why [-- --virtual]`

use std::time::Duration;

use windlass::aio::gather;
use windlass::task::JoinError;
use windlass::time::{Instant, interval, sleep, timeout};
use windlass_examples::virtual_time;

const REQUESTS: usize = 10_000;

#[windlass::main(flavor = "current_thread")]
async fn main() -> Result<(), JoinError> {
    virtual_time::if_asked();
    let start = Instant::now();

    // 1. Waits take no time from each other.
    let answers = gather((0..REQUESTS).map(request));
    // 2. What waits keeps nobody waiting.
    let ticks = windlass::spawn(ticks());
    let answered = answers.await?.len();
    println!("{answered} requests of a second each: {:.1?}", start.elapsed());
    println!("ticks meanwhile: {}", ticks.await?);

    // 3. A thread for each would have had a stack for each; a task is as large as what it has to remember.
    println!("a request that waits: {} bytes", size_of_val(&request(0)));
    Ok(())
}

/// Stands for something on the network that takes a second to answer.
async fn request(number: usize) -> usize {
    sleep(Duration::from_secs(1)).await;
    number
}

/// How often the clock ticked within a second.
async fn ticks() -> u32 {
    let mut count = 0;
    let _ = timeout(Duration::from_millis(950), async {
        let mut clock = interval(Duration::from_millis(100));
        loop {
            clock.tick().await;
            count += 1;
        }
    })
    .await;
    count
}

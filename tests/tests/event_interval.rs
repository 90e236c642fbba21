//! How often workers that have enough to do look for events and timers.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::time::{Duration, Instant};

use windlass::task::yield_now;
use windlass_tests::tcp::pair;
use windlass_tests::{Flavor, on_every_flavor, wake_self, watchdog};

on_every_flavor!(as_often_as_they_are_told);

/// What is queued from outside is looked at more rarely, and has nothing to do with it.
fn as_often_as_they_are_told(flavor: Flavor) {
    let runtime = flavor.builder().event_interval(2).global_queue_interval(100_000).build().unwrap();
    runtime.block_on(async {
        let (mut client, mut server) = pair().await;
        let received = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&received);
        let reader = windlass::spawn(async move {
            server.read_exact(&mut [0]).await.unwrap();
            flag.store(true, SeqCst);
        });
        let busy = windlass::spawn(async move {
            // Beside another one, so that its worker always has one at hand. (A task that yields has it look at once.)
            let other = windlass::spawn(async {
                loop {
                    wake_self().await;
                }
            });
            for _ in 0..50 {
                wake_self().await;
            }
            client.write_all(b"!").await.unwrap();
            let mut turns = 0;
            while !received.load(SeqCst) {
                wake_self().await;
                turns += 1;
            }
            other.abort();
            turns
        });
        reader.await.unwrap();
        let turns = busy.await.unwrap();
        if flavor.is_current_thread() {
            assert!(turns < 10, "the event was seen after {turns} turns");
        }
    });
}

/// Long polls come one by one between two looks: what is due does not wait for a number of them.
#[test]
fn more_often_where_polls_are_long() {
    const POLL: Duration = Duration::from_millis(1);
    watchdog("more_often_where_polls_are_long", || {
        let runtime = windlass::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
        let polls = Arc::new(AtomicUsize::new(0));
        for _ in 0..2 {
            let polls = Arc::clone(&polls);
            runtime.spawn(async move {
                loop {
                    polls.fetch_add(1, SeqCst);
                    let begin = Instant::now();
                    while begin.elapsed() < POLL {
                        std::hint::spin_loop();
                    }
                    yield_now().await;
                }
            });
        }
        let mut waited: Vec<_> = (0..15)
            .map(|_| {
                // On a thread that runs no tasks.
                runtime.handle().block_on(async {
                    let before = polls.load(SeqCst);
                    windlass::time::sleep(5 * POLL).await;
                    polls.load(SeqCst) - before
                })
            })
            .collect();
        waited.sort_unstable();
        assert!(waited[7] < 20, "5 ms took so many polls of a millisecond: {waited:?}");
    });
}

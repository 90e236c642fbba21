//! Sleeps that are set, cancelled, moved to any time and handed to other tasks, at random: none ends early, and each one ends.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use parking_lot::Mutex;
use windlass::task::yield_now;
use windlass::time::{Instant, Sleep, sleep};
use windlass_tests::{Flavor, on_every_flavor};

on_every_flavor!(sleeps_at_random);

/// Tasks that do that.
const TASKS: u64 = 40;

/// How long they do.
const TIME: Duration = Duration::from_secs(1);

/// xorshift.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }

    fn micros(&mut self, limit: u64) -> Duration {
        Duration::from_micros(self.below(limit))
    }
}

type Sleeps = Vec<Pin<Box<Sleep>>>;

async fn poll_once(sleep: &mut Pin<Box<Sleep>>) {
    poll_fn(|cx| {
        let _ = sleep.as_mut().poll(cx);
        Poll::Ready(())
    })
    .await;
}

/// One task; returns how much it did.
async fn churn(seed: u64, shared: Arc<Mutex<Sleeps>>, until: Instant) -> u64 {
    let mut random = Random(seed);
    let mut own = Sleeps::new();
    let mut steps = 0;
    while Instant::now() < until {
        steps += 1;
        let any = (!own.is_empty()).then(|| random.below(own.len() as u64) as usize);
        match (random.below(9), any) {
            (0 | 1, _) => {
                let mut new = Box::pin(sleep(Duration::from_micros(100) + random.micros(20_000)));
                poll_once(&mut new).await;
                own.push(new);
            }
            (2, Some(any)) => drop(own.swap_remove(any)),
            (3, Some(any)) => shared.lock().push(own.swap_remove(any)),
            (4, _) => own.extend(shared.lock().pop()),
            (5 | 6, Some(any)) => {
                let (now, by) = (Instant::now(), random.micros(20_000));
                own[any].as_mut().reset(if random.below(2) == 0 { now + by } else { now - by });
            }
            (7, Some(any)) => {
                let mut chosen = own.swap_remove(any);
                chosen.as_mut().await;
                assert!(Instant::now() >= chosen.deadline(), "it ended early");
            }
            _ => {
                let (start, time) = (Instant::now(), Duration::from_micros(100) + random.micros(3_000));
                sleep(time).await;
                assert!(start.elapsed() >= time, "it ended early");
            }
        }
        if random.below(50) == 0 {
            yield_now().await;
        }
    }
    steps
}

fn sleeps_at_random(flavor: Flavor) {
    let seed = std::time::UNIX_EPOCH.elapsed().unwrap().as_nanos() as u64;
    println!("seed {seed}");
    let runtime = flavor.runtime();
    let steps = runtime.block_on(async {
        let (shared, until) = (Arc::default(), Instant::now() + TIME);
        let tasks: Vec<_> = (1..=TASKS)
            .map(|task| {
                let seed = (seed ^ task.wrapping_mul(0x9E37_79B9_7F4A_7C15)) | 1;
                windlass::spawn(churn(seed, Arc::clone(&shared), until))
            })
            .collect();
        let mut steps = 0;
        for task in tasks {
            steps += task.await.unwrap();
        }
        steps
    });
    assert!(steps > TASKS, "{steps}");
}

//! Producers and consumers.
//!
//! A queue has many of both. A channel has one consumer, so there are as many channels as consumers, and each producer
//! sends to all of them in turn.

use super::{MeetingWorkload, Prepared, build};
use crate::meeting::Meeting;
use crate::runtime::Flavor;

/// What the items go through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Through {
    /// One queue with room for so many.
    Queue(usize),
    /// Channels, each with room for so many.
    Channels(usize),
    /// Channels without bounds.
    Unbounded,
}

/// See the module.
pub struct Queues {
    /// The scheduler it runs on.
    pub flavor: Flavor,
    /// What the items go through.
    pub through: Through,
    /// Tasks that produce, and as many that consume.
    pub pairs: u64,
    /// Items each of them has; divisible by the pairs.
    pub items: u64,
}

impl MeetingWorkload for Queues {
    fn flavor(&self) -> Flavor {
        self.flavor
    }

    fn ops(&self) -> u64 {
        self.pairs * self.items
    }

    fn prepare<R: Meeting>(&self) -> Prepared {
        let Self { flavor, through, pairs, items } = *self;
        let runtime = build::<R>(flavor);
        Prepared::new(move || {
            runtime.block_on(async move {
                let consumers: Vec<_> = match through {
                    Through::Queue(room) => queue::<R>(room, pairs, items),
                    Through::Channels(room) => channels::<R>(room, pairs, items),
                    Through::Unbounded => unbounded::<R>(pairs, items),
                };
                let mut sum = 0;
                for consumer in consumers {
                    sum += consumer.await;
                }
                // Every item is 1.
                sum
            })
        })
    }
}

fn queue<R: Meeting>(room: usize, pairs: u64, items: u64) -> Vec<R::Join<u64>> {
    let queue = R::queue(room);
    for _ in 0..pairs {
        let queue = queue.clone();
        R::spawn_detached(async move {
            for _ in 0..items {
                R::put(&queue, 1).await;
            }
        });
    }
    let consume = || {
        let queue = queue.clone();
        async move {
            let mut sum = 0;
            for _ in 0..items {
                sum += R::get(&queue).await;
            }
            sum
        }
    };
    (0..pairs).map(|_| R::spawn(consume())).collect()
}

fn channels<R: Meeting>(room: usize, pairs: u64, items: u64) -> Vec<R::Join<u64>> {
    let (senders, receivers): (Vec<_>, Vec<_>) = (0..pairs).map(|_| R::channel(room)).unzip();
    for _ in 0..pairs {
        let senders = senders.clone();
        R::spawn_detached(async move {
            for _ in 0..items / pairs {
                for sender in &senders {
                    R::send(sender, 1).await;
                }
            }
        });
    }
    let consume = |mut receiver| async move {
        let mut sum = 0;
        while let Some(item) = R::recv(&mut receiver).await {
            sum += item;
        }
        sum
    };
    receivers.into_iter().map(|receiver| R::spawn(consume(receiver))).collect()
}

fn unbounded<R: Meeting>(pairs: u64, items: u64) -> Vec<R::Join<u64>> {
    let (senders, receivers): (Vec<_>, Vec<_>) = (0..pairs).map(|_| R::unbounded()).unzip();
    for _ in 0..pairs {
        let senders = senders.clone();
        R::spawn_detached(async move {
            for _ in 0..items / pairs {
                for sender in &senders {
                    R::send_unbounded(sender, 1);
                }
                // A sender never waits: it lets the receivers run.
                R::yield_now().await;
            }
        });
    }
    let consume = |mut receiver| async move {
        let mut sum = 0;
        while let Some(item) = R::recv_unbounded(&mut receiver).await {
            sum += item;
        }
        sum
    };
    receivers.into_iter().map(|receiver| R::spawn(consume(receiver))).collect()
}

//! Pairs of tasks that answer each other over two oneshot channels.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use tokio::sync::oneshot;

use super::done::DoneSender;
use super::{Prepared, Workload, build, done};
use crate::runtime::{Flavor, Runtime};

/// See the module.
pub struct PingPong {
    /// The scheduler it runs on.
    pub flavor: Flavor,
    /// Pairs per iteration.
    pub pairs: u64,
}

async fn ping<R: Runtime>(pairs: u64, remaining: Arc<AtomicU64>, done: DoneSender) {
    let (ping, pinged) = oneshot::channel();
    let (pong, ponged) = oneshot::channel();
    R::spawn_detached(async move {
        pinged.await.expect("no ping came");
        pong.send(()).expect("nobody waits for the pong");
    });
    ping.send(()).expect("nobody waits for the ping");
    ponged.await.expect("no pong came");
    if remaining.fetch_sub(1, Relaxed) == 1 {
        done.send(pairs);
    }
}

impl Workload for PingPong {
    fn flavor(&self) -> Flavor {
        self.flavor
    }

    fn ops(&self) -> u64 {
        self.pairs
    }

    fn prepare<R: Runtime>(&self) -> Prepared {
        let pairs = self.pairs;
        let runtime = build::<R>(self.flavor);
        let (done, mut all_done) = done::channel::<R>(self.flavor, 1_000);
        let remaining = Arc::new(AtomicU64::new(0));
        Prepared::new(move || {
            remaining.store(pairs, Relaxed);
            let done = done.clone();
            let remaining = Arc::clone(&remaining);
            runtime.block_on(async {
                R::spawn_detached(async move {
                    for _ in 0..pairs {
                        R::spawn_detached(ping::<R>(pairs, Arc::clone(&remaining), done.clone()));
                    }
                });
                all_done.wait().await
            })
        })
    }
}

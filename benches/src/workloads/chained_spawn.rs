//! A chain of tasks, each of which spawns the next and ends.

use super::done::DoneSender;
use super::{Prepared, Workload, build, done};
use crate::runtime::{Flavor, Runtime};

/// See the module.
pub struct ChainedSpawn {
    /// The scheduler it runs on.
    pub flavor: Flavor,
    /// Links of the chain.
    pub depth: u64,
}

/// Runs as link number `link` of `depth`.
fn run_link<R: Runtime>(done: DoneSender, link: u64, depth: u64) {
    if link == depth {
        done.send(link);
    } else {
        R::spawn_detached(async move { run_link::<R>(done, link + 1, depth) });
    }
}

impl Workload for ChainedSpawn {
    fn flavor(&self) -> Flavor {
        self.flavor
    }

    fn ops(&self) -> u64 {
        self.depth
    }

    fn prepare<R: Runtime>(&self) -> Prepared {
        let depth = self.depth;
        let runtime = build::<R>(self.flavor);
        let (done, mut all_done) = done::channel::<R>(self.flavor, 1_000);
        Prepared::new(move || {
            let done = done.clone();
            runtime.block_on(async {
                R::spawn_detached(async move { run_link::<R>(done, 0, depth) });
                all_done.wait().await
            })
        })
    }
}

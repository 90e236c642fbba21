//! Threads that are none of the runtime's spawn onto it all at once.

use std::sync::Barrier;
use std::thread;

use super::{Prepared, ThreadedWorkload, build};
use crate::runtime::{Flavor, Threaded};

/// See the module.
pub struct RemoteSpawn {
    /// The scheduler it runs on.
    pub flavor: Flavor,
    /// Threads that spawn.
    pub threads: usize,
    /// Tasks per iteration, of all threads together.
    pub tasks: usize,
}

impl ThreadedWorkload for RemoteSpawn {
    const WHY_THREADS: &'static str = "the tasks come from other threads";

    fn flavor(&self) -> Flavor {
        self.flavor
    }

    fn ops(&self) -> u64 {
        self.tasks as u64
    }

    fn prepare<R: Threaded>(&self) -> Prepared {
        assert_eq!(self.tasks % self.threads, 0, "the threads must share the tasks evenly");
        let (threads, per_thread) = (self.threads, self.tasks / self.threads);
        let runtime = build::<R>(self.flavor);
        Prepared::new(move || {
            let start = Barrier::new(threads);
            let joins: Vec<_> = thread::scope(|scope| {
                let spawning: Vec<_> = (0..threads)
                    .map(|_| {
                        let start = &start;
                        let spawner = runtime.spawner();
                        scope.spawn(move || {
                            let mut joins = Vec::with_capacity(per_thread);
                            start.wait();
                            for _ in 0..per_thread {
                                joins.push(R::spawn_from(&spawner, async {}));
                            }
                            joins
                        })
                    })
                    .collect();
                spawning
                    .into_iter()
                    .flat_map(|thread| thread.join().expect("a spawning thread failed"))
                    .collect()
            });
            runtime.block_on(async {
                let mut joined = 0;
                for join in joins {
                    join.await;
                    joined += 1;
                }
                joined
            })
        })
    }
}

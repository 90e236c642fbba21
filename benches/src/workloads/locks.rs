//! Tasks that contend for a lock or for permits.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::{MeetingWorkload, Prepared, build};
use crate::meeting::Meeting;
use crate::runtime::Flavor;

/// What is done with what is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hold {
    /// It is given back at once: others find it taken only if they run at the same time.
    Briefly,
    /// A yield is awaited: others always find it taken.
    AcrossYield,
}

/// What is contended for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Contended {
    /// A lock.
    Mutex,
    /// So many permits.
    Semaphore(usize),
}

/// See the module.
pub struct Locks {
    /// The scheduler it runs on.
    pub flavor: Flavor,
    /// What for.
    pub contended: Contended,
    /// How it is held.
    pub hold: Hold,
    /// Tasks per iteration.
    pub tasks: u64,
    /// How often each takes it.
    pub times: u64,
}

impl MeetingWorkload for Locks {
    fn flavor(&self) -> Flavor {
        self.flavor
    }

    fn ops(&self) -> u64 {
        self.tasks * self.times
    }

    fn prepare<R: Meeting>(&self) -> Prepared {
        let Self { flavor, contended, hold, tasks, times } = *self;
        let runtime = build::<R>(flavor);
        match contended {
            Contended::Mutex => Prepared::new(move || {
                let mutex = Arc::new(R::mutex());
                let task = || {
                    let mutex = mutex.clone();
                    async move {
                        for _ in 0..times {
                            let mut guard = R::lock(&mutex).await;
                            let count = *guard;
                            hold_on::<R>(hold).await;
                            *guard = count + 1;
                        }
                    }
                };
                runtime.block_on(async {
                    let joins: Vec<_> = (0..tasks).map(|_| R::spawn(task())).collect();
                    for join in joins {
                        join.await;
                    }
                    *R::lock(&mutex).await
                })
            }),
            Contended::Semaphore(permits) => Prepared::new(move || {
                let shared = Arc::new((R::semaphore(permits), AtomicU64::new(0)));
                let task = || {
                    let shared = shared.clone();
                    async move {
                        let (semaphore, count) = &*shared;
                        for _ in 0..times {
                            let permit = R::acquire(semaphore).await;
                            hold_on::<R>(hold).await;
                            count.fetch_add(1, Relaxed);
                            drop(permit);
                        }
                    }
                };
                runtime.block_on(async {
                    let joins: Vec<_> = (0..tasks).map(|_| R::spawn(task())).collect();
                    for join in joins {
                        join.await;
                    }
                    shared.1.load(Relaxed)
                })
            }),
        }
    }
}

async fn hold_on<R: Meeting>(hold: Hold) {
    if hold == Hold::AcrossYield {
        R::yield_now().await;
    }
}

//! Many tasks wait, are all woken, and wait again.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::{MeetingWorkload, Prepared, build};
use crate::meeting::Meeting;
use crate::runtime::Flavor;

/// How they are woken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// All in one call.
    All,
    /// One call for each.
    One,
}

/// See the module.
pub struct Notify {
    /// The scheduler it runs on.
    pub flavor: Flavor,
    /// How they are woken.
    pub by: By,
    /// Tasks that wait.
    pub waiters: u64,
    /// How often they do, per iteration.
    pub rounds: u64,
}

/// What the tasks share with whoever wakes them.
struct Shared<R: Meeting> {
    notify: R::Notify,
    /// How many arrived to wait, in all rounds, and how many were woken.
    arrived: AtomicU64,
    woken: AtomicU64,
    /// Notified when all have arrived.
    all_wait: R::Notify,
}

impl MeetingWorkload for Notify {
    fn flavor(&self) -> Flavor {
        self.flavor
    }

    fn ops(&self) -> u64 {
        self.waiters * self.rounds
    }

    fn prepare<R: Meeting>(&self) -> Prepared {
        let Self { flavor, by, waiters, rounds } = *self;
        let runtime = build::<R>(flavor);
        Prepared::new(move || {
            let shared = Arc::new(Shared::<R> {
                notify: R::notify(),
                arrived: AtomicU64::new(0),
                woken: AtomicU64::new(0),
                all_wait: R::notify(),
            });
            let waking = shared.clone();
            runtime.block_on(async move {
                for _ in 0..waiters {
                    R::spawn_detached(wait(shared.clone(), by, waiters, rounds));
                }
                R::spawn(wake(waking, by, waiters, rounds)).await
            })
        })
    }
}

async fn wait<R: Meeting>(shared: Arc<Shared<R>>, by: By, waiters: u64, rounds: u64) {
    for _ in 0..rounds {
        let mut notified = pin!(R::notified(&shared.notify));
        if by == By::One {
            R::enable(notified.as_mut());
        }
        shared.arrive(waiters);
        notified.await;
        shared.woken.fetch_add(1, Ordering::Relaxed);
    }
    shared.arrive(waiters);
}

/// Wakes them so often, and says how many were woken.
async fn wake<R: Meeting>(shared: Arc<Shared<R>>, by: By, waiters: u64, rounds: u64) -> u64 {
    for _ in 0..rounds {
        R::notified(&shared.all_wait).await;
        match by {
            By::All => R::notify_all(&shared.notify),
            By::One => (0..waiters).for_each(|_| R::notify_one(&shared.notify)),
        }
    }
    R::notified(&shared.all_wait).await;
    shared.woken.load(Ordering::Relaxed)
}

impl<R: Meeting> Shared<R> {
    /// A task waits, or has done so for the last time.
    fn arrive(&self, waiters: u64) {
        // Both: the last one hands on what all of them did.
        if (self.arrived.fetch_add(1, Ordering::AcqRel) + 1).is_multiple_of(waiters) {
            R::notify_one(&self.all_wait);
        }
    }
}

//! A worker that is never idle does not keep what it needs no more of tasks that have ended, for the timers they had set.
//!
//! One test in a program of its own: nothing else may allocate meanwhile.

use std::time::Duration;

use windlass::sync::watch;
use windlass::task::{JoinHandle, yield_now};
use windlass::time::timeout;
use windlass_tests::{CountingAllocator, Flavor, watchdog};

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator::new();

const HOUR: Duration = Duration::from_secs(3_600);

/// What each task holds.
const SIZE: usize = 1 << 16;

/// Groups of tasks, each of which ends by itself.
const GROUPS: usize = 25;
const TASKS: usize = 40;

/// How much may be left: of 64 000 KiB.
const LIMIT: isize = 4 * 1_024 * 1_024;

/// Tasks that wait for the same.
fn group() -> (watch::Sender<bool>, Vec<JoinHandle<()>>) {
    let (go, may_go) = watch::channel(false);
    let task = |mut may_go: watch::Receiver<bool>| async move {
        let held = [1_u8; SIZE];
        timeout(HOUR, may_go.changed()).await.unwrap().unwrap();
        std::hint::black_box(&held);
    };
    let tasks = (0..TASKS).map(|_| windlass::spawn(task(may_go.clone()))).collect();
    (go, tasks)
}

#[test]
fn tasks_that_ended_before_their_timeouts() {
    watchdog("tasks_that_ended_before_their_timeouts", || {
        let runtime = Flavor::CurrentThread.runtime();
        let left = runtime.block_on(async {
            let before = ALLOCATOR.live_bytes();
            windlass::spawn(async move {
                let groups: Vec<_> = (0..GROUPS).map(|_| group()).collect();
                yield_now().await;
                for (go, tasks) in groups {
                    go.send(true).unwrap();
                    for task in tasks {
                        task.await.unwrap();
                        timeout(HOUR, yield_now()).await.unwrap();
                    }
                }
                // It never sleeps, and goes on using a timer.
                for _ in 0..10_000 {
                    timeout(HOUR, yield_now()).await.unwrap();
                }
                ALLOCATOR.live_bytes() - before
            })
            .await
            .unwrap()
        });
        assert!(left < LIMIT, "{left} bytes");
    });
}

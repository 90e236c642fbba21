//! What a spawned task costs in memory: everything allocated from `spawn` to the end of its first poll is counted.
//!
//! One test in a program of its own: nothing else may allocate meanwhile.

use windlass_tests::{CountingAllocator, Flavor, watchdog};

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator::new();

/// The bytes that a spawned `async {}` may allocate.
const LIMIT: usize = 96;

/// What a queue may take of them more, for each task of a burst that it grows for and shrinks after.
const LIMIT_IN_A_LARGE_BURST: usize = 128;

const TASKS: usize = 4_096;
const BURSTS: [(usize, usize); 3] = [(1, LIMIT), (16, LIMIT), (1_024, LIMIT_IN_A_LARGE_BURST)];

/// Tasks spawned by the future of `block_on`, `burst` at a time, each awaited before the next burst.
fn spawned_inside(flavor: Flavor, burst: usize) -> usize {
    let runtime = flavor.runtime();
    runtime.block_on(async {
        let mut tasks = Vec::with_capacity(burst);
        let mut rounds = async |rounds| {
            for _ in 0..rounds {
                tasks.extend((0..burst).map(|_| windlass::spawn(async {})));
                for task in tasks.drain(..) {
                    task.await.unwrap();
                }
            }
        };
        // Queues grow to what a burst takes, once.
        rounds(TASKS / burst).await;
        let before = ALLOCATOR.bytes();
        rounds(TASKS / burst).await;
        (ALLOCATOR.bytes() - before).div_ceil(TASKS)
    })
}

/// Tasks spawned from outside, `burst` at a time.
fn spawned_outside(flavor: Flavor, burst: usize) -> usize {
    let runtime = flavor.runtime();
    let mut tasks = Vec::with_capacity(burst);
    let mut rounds = || {
        for _ in 0..TASKS / burst {
            tasks.extend((0..burst).map(|_| runtime.spawn(async {})));
            for task in tasks.drain(..) {
                futures::executor::block_on(task).unwrap();
            }
        }
    };
    rounds();
    let before = ALLOCATOR.bytes();
    rounds();
    (ALLOCATOR.bytes() - before).div_ceil(TASKS)
}

#[test]
fn a_spawned_task_allocates_at_most_96_bytes() {
    watchdog("a_spawned_task_allocates_at_most_96_bytes", || {
        let flavors = [1, 2, 4].map(Flavor::MultiThread);
        let mut report = Vec::new();
        for (burst, limit) in BURSTS {
            for flavor in [Flavor::CurrentThread].into_iter().chain(flavors) {
                let what = format!("{flavor}, {burst} at a time");
                report.push((what, spawned_inside(flavor, burst), limit));
            }
            for flavor in flavors {
                let what = format!("{flavor}, from outside, {burst} at a time");
                report.push((what, spawned_outside(flavor, burst), limit));
            }
        }
        for (what, bytes, _) in &report {
            println!("{bytes:4} bytes: {what}");
        }
        for (what, bytes, limit) in &report {
            assert!(bytes <= limit, "{what}: {bytes} bytes for an `async {{}}`, more than {limit}");
        }
    });
}

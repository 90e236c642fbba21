//! What a task that waits costs in memory, and what stays when many have ended.
//!
//! One test in a program of its own: nothing else may allocate meanwhile.

use std::future::poll_fn;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::SeqCst;
use std::task::{Context, Poll};

use windlass::task;
use windlass_tests::{CountingAllocator, Flavor, watchdog};

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator::new();

/// The bytes of a task that waits: its own allocation, its entry in the registry, and its slot there.
const LIMIT: isize = 148;

/// The bytes for each task that may stay allocated when all have ended: less than a slot in the registry.
const STAYS: isize = 4;

const TASKS: usize = 64_000;

/// So many at a time, so that no queue grows for them.
const BATCH: usize = 64;

static POLLED: AtomicUsize = AtomicUsize::new(0);

fn wait(_: &mut Context<'_>) -> Poll<()> {
    POLLED.fetch_add(1, SeqCst);
    Poll::Pending
}

/// Returns how many bytes are allocated for each task, while they wait and when they have ended.
fn waiting_and_ended(flavor: Flavor) -> (isize, isize) {
    flavor.runtime().block_on(async {
        let mut tasks = Vec::with_capacity(TASKS);
        let mut round = async |many: usize| {
            let before = ALLOCATOR.live_bytes();
            while tasks.len() < many {
                let polled = POLLED.load(SeqCst) + BATCH;
                tasks.extend((0..BATCH).map(|_| windlass::spawn(poll_fn(wait))));
                while POLLED.load(SeqCst) < polled {
                    task::yield_now().await;
                }
            }
            while task::all_tasks().len() < many {
                task::yield_now().await;
            }
            let waiting = ALLOCATOR.live_bytes() - before;
            while !tasks.is_empty() {
                let batch = tasks.len() - BATCH;
                tasks[batch..].iter().for_each(|task| task.abort());
                for task in tasks.drain(batch..) {
                    assert!(task.await.unwrap_err().is_cancelled());
                }
            }
            let ended = ALLOCATOR.live_bytes() - before;
            (waiting, ended)
        };
        // What a runtime allocates once.
        round(BATCH).await;
        let (waiting, ended) = round(TASKS).await;
        (waiting / TASKS as isize, ended / TASKS as isize)
    })
}

#[test]
fn a_task_that_waits_allocates_at_most_148_bytes_and_leaves_few() {
    watchdog("a_task_that_waits_allocates_at_most_148_bytes_and_leaves_few", || {
        for flavor in [Flavor::CurrentThread, Flavor::MultiThread(1)] {
            let (waiting, ended) = waiting_and_ended(flavor);
            println!("{waiting:4} bytes for each task that waits, {ended} once they have ended: {flavor}");
            assert!(waiting <= LIMIT, "{flavor}: {waiting} bytes for a task that waits");
            assert!(ended < STAYS, "{flavor}: {ended} bytes for each task that has ended");
        }
    });
}

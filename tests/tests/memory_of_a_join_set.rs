//! A `JoinSet` that is used for long and never waited for takes no more memory than its tasks do.
//!
//! One test in a program of its own: nothing else may allocate meanwhile.

use windlass::task::{self, JoinSet};
use windlass_tests::{CountingAllocator, Flavor, watchdog};

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator::new();

const TASKS: usize = 20_000;

/// Runs tasks one by one through a set, as a server does that spawns one for each request and looks now and then which have
/// ended. Returns how many bytes more are allocated at the end than after the first few.
fn grown(flavor: Flavor) -> isize {
    flavor.runtime().block_on(async {
        let mut set = JoinSet::new();
        let mut run = async |tasks| {
            for _ in 0..tasks {
                set.spawn(async {});
                while set.try_join_next().is_none() {
                    task::yield_now().await;
                }
            }
            assert!(set.is_empty());
            ALLOCATOR.live_bytes()
        };
        let before = run(1_000).await;
        run(TASKS).await - before
    })
}

#[test]
fn a_set_that_nobody_waits_for_forgets_the_tasks_that_have_left_it() {
    watchdog("a_set_that_nobody_waits_for_forgets_the_tasks_that_have_left_it", || {
        for flavor in
            [Flavor::CurrentThread, Flavor::MultiThread(1), Flavor::MultiThread(2), Flavor::MultiThread(4)]
        {
            let grown = grown(flavor);
            assert!(grown < 16_384, "{flavor}: {grown} bytes more after {TASKS} tasks");
        }
    });
}

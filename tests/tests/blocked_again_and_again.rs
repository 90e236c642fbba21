//! G2, for the future of `block_on`: it may block for what it spawns, so somebody is woken for that each time.
//!
//! Alone in its program: next to others there may be no processor for the one that is woken, and then moving its tasks on is right.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use windlass_tests::{Flavor, spin_until, watchdog};

const TIMES: u64 = 500;

/// How long after a task has run the next is spawned: its worker sleeps again by then, and was woken for little a moment ago.
const MOMENT: Duration = Duration::from_micros(15);

#[test]
fn whoever_is_needed_is_woken_again_at_once() {
    // One after the other, for the same reason.
    for workers in [1, 2] {
        let flavor = Flavor::MultiThread(workers);
        watchdog(&flavor.to_string(), move || the_future_of_block_on_blocks_for_short_tasks(flavor));
    }
}

/// The thread gives way while it waits: a system may leave a woken worker on the processor of the thread that woke it.
fn the_future_of_block_on_blocks_for_short_tasks(flavor: Flavor) {
    let runtime = flavor.runtime();
    let rescues = || runtime.metrics().rescues_count();
    let before = rescues();
    runtime.block_on(async {
        for _ in 0..TIMES {
            let last = Instant::now();
            spin_until(|| last.elapsed() >= MOMENT);
            let done = Arc::new(AtomicBool::new(false));
            let there = Arc::clone(&done);
            windlass::spawn(async move { there.store(true, Ordering::Release) });
            spin_until(|| done.load(Ordering::Acquire));
        }
    });
    let rescued = rescues() - before;
    assert!(rescued < TIMES / 4, "the monitor had to move {rescued} of {TIMES} tasks");
}

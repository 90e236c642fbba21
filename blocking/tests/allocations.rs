//! What a job costs in allocations.

mod common;

use common::eventually;
use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier};
use std::time::Duration;
use windlass_blocking::{Executor, ExecutorExt, Job, Run, ThreadPoolExecutor};

struct Counting;

static ALLOCATIONS: AtomicUsize = AtomicUsize::new(0);
static LIVE_BYTES: AtomicUsize = AtomicUsize::new(0);

// SAFETY: passes everything on to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        LIVE_BYTES.fetch_add(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller's promise is ours.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        LIVE_BYTES.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller's promise is ours.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn allocations(f: impl FnOnce()) -> usize {
    let before = ALLOCATIONS.load(Ordering::Relaxed);
    f();
    ALLOCATIONS.load(Ordering::Relaxed) - before
}

struct Inline(u32);

impl Run for Inline {
    fn run(self) {
        assert_eq!(self.0, 7);
    }
}

// One test, since the counts are the process's.
#[test]
fn a_job_and_its_future_are_one_allocation() {
    const JOBS: usize = 31 * 100;
    // crossbeam-channel keeps 31 messages to a block.
    const BLOCKS: usize = JOBS / 31 + 2;

    let pool = ThreadPoolExecutor::new(1);
    // Waiting at a barrier allocates nothing; the thread of the pool waits while this one counts.
    let gate = Arc::new(Barrier::new(2));
    let gated = Arc::clone(&gate);
    pool.submit(move || {
        gated.wait();
        gated.wait();
    });
    gate.wait();

    let mut futures = Vec::with_capacity(JOBS);
    let counted = allocations(|| {
        for n in 0..JOBS {
            futures.push(pool.submit(move || n));
        }
    });
    assert!(counted <= JOBS + BLOCKS, "{counted} allocations for {JOBS} jobs");

    let counted = allocations(|| {
        for _ in 0..JOBS {
            pool.try_execute(Job::new(Inline(7))).unwrap();
        }
    });
    assert!(counted <= BLOCKS, "{counted} allocations for {JOBS} jobs that fit a word");

    gate.wait();
    for (n, future) in futures.into_iter().enumerate() {
        assert_eq!(future.result().unwrap(), n);
    }
    drop(pool);

    // Memory stays where it is, however many jobs there have been: a million, or ten where that takes seconds.
    const BATCHES: usize = if cfg!(debug_assertions) { 1_000 } else { 10_000 };
    let pool = ThreadPoolExecutor::new(2);
    let batch = || {
        let futures: Vec<_> = (0..1_000_usize).map(|n| pool.submit(move || n)).collect();
        futures.into_iter().map(|future| future.result().unwrap()).sum::<usize>()
    };
    let before = live_bytes_after(10, &batch);
    let after = live_bytes_after(BATCHES, &batch);
    assert!(after < before + 64 * 1024, "{before} bytes became {after}");
    drop(pool);

    // And however many threads.
    const THREADS: usize = 300;
    let pool = ThreadPoolExecutor::builder().max_workers(2).keep_alive(Duration::ZERO).build();
    let thread = || {
        let n = pool.submit(|| 499_500).result().unwrap();
        eventually("the thread leaves", || pool.metrics().threads == 0);
        n
    };
    let before = live_bytes_after(10, &thread);
    let after = live_bytes_after(THREADS, &thread);
    assert!(after < before + 8 * 1024, "{before} bytes became {after}");
}

/// What is allocated after `work`, which computes 499 500, was done so many times.
fn live_bytes_after(times: usize, work: &dyn Fn() -> usize) -> usize {
    for _ in 0..times {
        assert_eq!(work(), 499_500);
    }
    LIVE_BYTES.load(Ordering::Relaxed)
}

//! What is left of runtimes that are gone: no thread, and no allocation.
//!
//! One test in a program of its own: nothing else may start threads or allocate meanwhile.

#![cfg(target_os = "linux")]

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use windlass::runtime::Builder;
use windlass::task::{self, JoinSet, LocalSet};
use windlass_tests::{CountingAllocator, Flavor, spin_until, thread_count, wake_self, watchdog};

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator::new();

const RUNTIMES: usize = 1_000;
const WARM_UP: usize = 200;

/// Builds a runtime, uses it in every way, leaves tasks of every kind behind, and drops it.
fn use_and_drop(i: usize) {
    let flavor = [Flavor::CurrentThread, Flavor::MultiThread(1), Flavor::MultiThread(2)][i % 3];
    let runtime = flavor.runtime();
    runtime.block_on(async {
        let mut set = JoinSet::new();
        for _ in 0..8 {
            set.spawn(wake_self());
        }
        set.spawn(std::future::pending());
        while set.len() > 1 {
            set.join_next().await.unwrap().unwrap();
        }
        if i.is_multiple_of(8) {
            task::spawn_blocking(|| {}).await.unwrap();
        }
        drop(task::Builder::new().name("left").spawn(std::future::pending::<()>()).unwrap());
        let error = windlass::spawn(async { std::panic::resume_unwind(Box::new("boom")) }).await;
        assert!(error.is_err_and(|error| error.is_panic()));
        LocalSet::new().run_until(async { task::spawn_local(async {}).await.unwrap() }).await;
    });
    for _ in 0..8 {
        drop(runtime.spawn(std::future::pending::<()>()));
        let task = runtime.spawn(wake_self());
        task.abort();
    }
    let handle = runtime.handle().clone();
    drop(runtime);
    drop(handle.spawn(async {}));
}

/// Builds that fail half-way through.
fn fail_to_build() {
    let names = AtomicUsize::new(0);
    let built = catch_unwind(AssertUnwindSafe(|| {
        Builder::new_multi_thread()
            .worker_threads(4)
            .thread_name_fn(move || {
                if names.fetch_add(1, Ordering::SeqCst) == 2 {
                    std::panic::resume_unwind(Box::new("in the name function"));
                }
                "crew".to_owned()
            })
            .build()
    }));
    drop(built);
    let built = Builder::new_multi_thread().worker_threads(2).thread_stack_size(1 << 46).build();
    assert!(built.is_err());
}

/// Waits for the threads that have been told to end. One that was joined may be seen for a moment still.
fn assert_no_thread_more_than(threads: usize, after: &str) {
    let patience = std::time::Instant::now();
    spin_until(|| thread_count() <= threads || patience.elapsed() > std::time::Duration::from_secs(10));
    assert!(thread_count() <= threads, "{} threads {after}, {threads} before", thread_count());
}

#[test]
fn a_thousand_runtimes_leave_nothing_behind() {
    watchdog("a_thousand_runtimes_leave_nothing_behind", || {
        let threads = thread_count();
        let mut live = 0;
        for i in 0..RUNTIMES {
            if i == WARM_UP {
                assert_no_thread_more_than(threads, "after the warm-up");
                live = ALLOCATOR.live();
            }
            use_and_drop(i);
        }
        assert_no_thread_more_than(threads, "after a thousand runtimes");
        let growth = ALLOCATOR.live() - live;
        // One allocation lost by every fourth runtime would be two hundred; what is freed with a delay is less.
        assert!(growth < 100, "{growth} allocations more after {} runtimes more", RUNTIMES - WARM_UP);

        for _ in 0..20 {
            fail_to_build();
        }
        assert_no_thread_more_than(threads, "after runtimes that failed to start");

        // In the background they end when they end.
        let held = Arc::new(());
        for _ in 0..20 {
            let runtime = Flavor::MultiThread(2).runtime();
            let held = held.clone();
            runtime.spawn(async move {
                let _held = held;
                std::future::pending::<()>().await;
            });
            runtime.shutdown_background();
        }
        spin_until(|| Arc::strong_count(&held) == 1);
        assert_no_thread_more_than(threads, "after shutdowns in the background");
    });
}

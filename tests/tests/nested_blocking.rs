//! Blocking jobs that wait for other blocking jobs of a pool that is full: it grows for as long as they wait, so that
//! none waits for itself.

use std::future::poll_fn;
use std::sync::mpsc;
use std::task::Poll;

use windlass::blocking::{ExecutorExt, ThreadPoolExecutor, wait_blocked};
use windlass::runtime::Handle;
use windlass::{run_coroutine_threadsafe, run_in_executor, task, to_thread, wrap_future};
use windlass_tests::jobs::Gate;
use windlass_tests::{Flavor, on_every_flavor, on_multi_thread, wake_self};

on_every_flavor!(
    a_job_blocks_on_a_job,
    three_levels_deep,
    fifty_levels_deep,
    run_in_executor_inside_a_job,
    to_thread_inside_to_thread,
    a_job_blocks_on_a_task_that_waits_for_a_job,
    a_job_blocks_on_many_jobs,
    many_jobs_block_on_jobs_of_their_own,
    a_job_waits_for_a_job_of_a_named_pool_that_waits_for_a_job_of_the_first,
    a_job_of_a_bounded_pool_waits_for_room_in_it,
    a_job_waits_by_a_channel_and_says_so,
    the_pool_shrinks_again,
    the_pool_shrinks_after_a_panic,
    a_job_blocks_on_a_job_that_panics,
    a_job_blocks_on_jobs_of_a_runtime_that_shuts_down,
    a_job_runs_a_runtime_of_its_own,
);

on_multi_thread!(a_job_enters_its_runtime_as_a_guest);

fn tight(flavor: Flavor) -> windlass::runtime::Runtime {
    flavor.builder().max_blocking_threads(1).build().unwrap()
}

/// `n` jobs, each of which waits for the next.
fn descend(n: usize) -> usize {
    if n == 0 {
        return 0;
    }
    1 + Handle::current().block_on(task::spawn_blocking(move || descend(n - 1))).unwrap()
}

fn a_job_blocks_on_a_job(flavor: Flavor) {
    let runtime = tight(flavor);
    for _ in 0..50 {
        assert_eq!(runtime.block_on(runtime.spawn_blocking(|| descend(1))).unwrap(), 1);
    }
}

fn three_levels_deep(flavor: Flavor) {
    let runtime = tight(flavor);
    for _ in 0..20 {
        assert_eq!(runtime.block_on(runtime.spawn_blocking(|| descend(3))).unwrap(), 3);
    }
}

fn fifty_levels_deep(flavor: Flavor) {
    let runtime = tight(flavor);
    assert_eq!(runtime.block_on(runtime.spawn_blocking(|| descend(50))).unwrap(), 50);
}

fn run_in_executor_inside_a_job(flavor: Flavor) {
    let runtime = tight(flavor);
    let output = runtime.block_on(async {
        run_in_executor(None, || {
            let handle = Handle::current();
            let one = handle.block_on(run_in_executor(None, || 1)).unwrap();
            let two =
                handle.block_on(handle.run_in_executor(None, || {
                    Handle::current().block_on(run_in_executor(None, || 2)).unwrap()
                }));
            one + two.unwrap()
        })
        .await
    });
    assert_eq!(output.unwrap(), 3);
}

fn to_thread_inside_to_thread(flavor: Flavor) {
    windlass::task_local! { static DEPTH: u32; }
    fn descend(left: u32) -> u32 {
        if left == 0 {
            return DEPTH.get();
        }
        DEPTH.sync_scope(DEPTH.get() + 1, || {
            Handle::current().block_on(to_thread(move || descend(left - 1))).unwrap()
        })
    }
    let runtime = tight(flavor);
    let depth = runtime.block_on(DEPTH.scope(0, async { to_thread(|| descend(3)).await.unwrap() }));
    assert_eq!(depth, 3);
}

fn a_job_blocks_on_a_task_that_waits_for_a_job(flavor: Flavor) {
    let runtime = tight(flavor);
    let output = runtime.block_on(async {
        task::spawn_blocking(|| {
            let handle = Handle::current();
            let task = handle.spawn(async {
                wake_self().await;
                task::spawn_blocking(|| "inner").await.unwrap()
            });
            handle.block_on(task).unwrap()
        })
        .await
    });
    assert_eq!(output.unwrap(), "inner");
}

fn a_job_blocks_on_many_jobs(flavor: Flavor) {
    let runtime = tight(flavor);
    let sum = runtime.block_on(async {
        task::spawn_blocking(|| {
            let jobs: Vec<_> = (0..100_u32).map(|n| task::spawn_blocking(move || n)).collect();
            Handle::current().block_on(async {
                let mut sum = 0;
                for job in jobs {
                    sum += job.await.unwrap();
                }
                sum
            })
        })
        .await
    });
    assert_eq!(sum.unwrap(), 4950);
}

fn many_jobs_block_on_jobs_of_their_own(flavor: Flavor) {
    let runtime = flavor.builder().max_blocking_threads(2).build().unwrap();
    let jobs: Vec<_> = (0..60).map(|n| runtime.spawn_blocking(move || descend(n % 5))).collect();
    for (n, job) in jobs.into_iter().enumerate() {
        assert_eq!(runtime.block_on(job).unwrap(), n % 5);
    }
}

fn a_job_waits_for_a_job_of_a_named_pool_that_waits_for_a_job_of_the_first(flavor: Flavor) {
    let runtime = tight(flavor);
    let pool = ThreadPoolExecutor::new(1);
    let output = runtime.block_on(async {
        run_in_executor(None, move || {
            let there = run_in_executor(Some(&pool), || {
                Handle::current().block_on(run_in_executor(None, || "back")).unwrap()
            });
            Handle::current().block_on(there).unwrap()
        })
        .await
    });
    assert_eq!(output.unwrap(), "back");
}

fn a_job_of_a_bounded_pool_waits_for_room_in_it(flavor: Flavor) {
    let runtime = flavor.runtime();
    let pool = ThreadPoolExecutor::builder().max_workers(1).queue_capacity(1).build();
    let own = pool.clone();
    let output = runtime.block_on(async {
        run_in_executor(Some(&pool), move || {
            // More than there is room for, while this job has the only thread.
            let calls: Vec<_> = (0..10_u32).map(|n| run_in_executor(Some(&own), move || n)).collect();
            Handle::current().block_on(async {
                let mut sum = 0;
                for call in calls {
                    sum += call.await.unwrap();
                }
                sum
            })
        })
        .await
    });
    assert_eq!(output.unwrap(), 45);
}

fn a_job_waits_by_a_channel_and_says_so(flavor: Flavor) {
    let runtime = tight(flavor);
    let output = runtime.block_on(async {
        task::spawn_blocking(|| {
            let (tx, rx) = mpsc::channel();
            drop(task::spawn_blocking(move || tx.send("by a channel").unwrap()));
            wait_blocked(|| rx.recv().unwrap())
        })
        .await
    });
    assert_eq!(output.unwrap(), "by a channel");
}

/// Asserts that the pool has one place again: of two jobs the second begins when the first has ended.
fn assert_tight(runtime: &windlass::runtime::Runtime) {
    let (gate, job) = Gate::new();
    let first = runtime.spawn_blocking(job);
    gate.wait_begun();
    let (second_gate, job) = Gate::new();
    let second = runtime.spawn_blocking(job);
    // Time enough for a thread that should not be there to take it.
    runtime.block_on(async {
        for _ in 0..200 {
            task::yield_now().await;
        }
    });
    assert!(!second_gate.has_begun(), "two jobs run on a pool of one thread");
    gate.open();
    second_gate.wait_begun();
    second_gate.open();
    runtime.block_on(async { (first.await.unwrap(), second.await.unwrap()) });
}

fn the_pool_shrinks_again(flavor: Flavor) {
    let runtime = tight(flavor);
    for _ in 0..5 {
        runtime.block_on(runtime.spawn_blocking(|| descend(5))).unwrap();
        assert_tight(&runtime);
    }
}

fn the_pool_shrinks_after_a_panic(flavor: Flavor) {
    let runtime = tight(flavor);
    let fails = runtime.spawn_blocking(|| {
        Handle::current().block_on(async {
            task::spawn_blocking(|| ()).await.unwrap();
            panic!("while it waits")
        })
    });
    assert!(runtime.block_on(fails).unwrap_err().is_panic());
    assert_tight(&runtime);
}

fn a_job_blocks_on_a_job_that_panics(flavor: Flavor) {
    let runtime = tight(flavor);
    let error = runtime.block_on(runtime.spawn_blocking(|| {
        Handle::current().block_on(run_in_executor(None, || panic!("inner"))).unwrap_err()
    }));
    assert_eq!(error.unwrap().panic_message(), Some("inner"));
}

fn a_job_blocks_on_jobs_of_a_runtime_that_shuts_down(flavor: Flavor) {
    let runtime = tight(flavor);
    let (begun, begins) = mpsc::channel();
    let job = runtime.spawn_blocking(move || {
        begun.send(()).unwrap();
        let handle = Handle::current();
        // The pool closes after the scheduler.
        windlass_tests::spin_until(|| handle.try_spawn_blocking(|| ()).is_err());
        // Each says so, and none hangs.
        let job = handle.block_on(handle.spawn_blocking(|| ()));
        let call = handle.block_on(handle.run_in_executor(None, || ()));
        let threadsafe = run_coroutine_threadsafe(async {}, &handle).result();
        (job.unwrap_err().is_cancelled(), call.is_err(), threadsafe.unwrap_err().is_cancelled())
    });
    begins.recv().unwrap();
    drop(runtime);
    assert_eq!(futures::executor::block_on(job).unwrap(), (true, true, true));
}

fn a_job_runs_a_runtime_of_its_own(flavor: Flavor) {
    let runtime = tight(flavor);
    let output = runtime.block_on(runtime.spawn_blocking(move || {
        let inner = tight(flavor);
        inner.block_on(async { task::spawn_blocking(|| descend(2)).await.unwrap() })
    }));
    assert_eq!(output.unwrap(), 2);
}

fn a_job_enters_its_runtime_as_a_guest(flavor: Flavor) {
    let runtime = std::sync::Arc::new(tight(flavor));
    let own = runtime.clone();
    let job = runtime.spawn_blocking(move || {
        // It runs tasks meanwhile, and may wait for a job.
        let output = own.block_on(async {
            let pool = ThreadPoolExecutor::new(1);
            let far = wrap_future(pool.submit(|| 1)).await.unwrap();
            let near = task::spawn_blocking(|| 2).await.unwrap();
            let mut turns = 0;
            poll_fn(|cx| {
                turns += 1;
                cx.waker().wake_by_ref();
                if turns > 10 { Poll::Ready(()) } else { Poll::Pending }
            })
            .await;
            far + near
        });
        drop(own);
        output
    });
    assert_eq!(futures::executor::block_on(job).unwrap(), 3);
}

//! A million blocking jobs from 64 tasks and 64 threads at once, by every way there is to a thread, each result checked.
//! `WINDLASS_STRESS_JOBS` sets another number, for machines that take long for this one.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Poll;
use std::thread;

use windlass::blocking::{Executor, ExecutorExt, ThreadPoolExecutor};
use windlass::runtime::Handle;
use windlass::{run_coroutine_threadsafe, task, to_thread, wrap_future};
use windlass_tests::{Flavor, Ledger, watchdog};

/// How many submit from tasks, and how many from threads.
const EACH: u64 = 64;

/// How many jobs each of them has under way at a time.
const WINDOW: u64 = 16;

fn jobs() -> u64 {
    match std::env::var("WINDLASS_STRESS_JOBS") {
        Ok(value) => {
            value.parse().unwrap_or_else(|_| panic!("WINDLASS_STRESS_JOBS is {value:?}, which is no number"))
        }
        Err(_) => 1_000_000,
    }
}

/// What a job returns for its number: something that no other one does.
fn result_of(number: u64) -> u64 {
    number.wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(17)
}

/// What all share.
struct World {
    handle: Handle,
    /// Bounded, so that some wait for room.
    pool: ThreadPoolExecutor,
    runs: AtomicU64,
}

impl World {
    /// The job of that number.
    fn job(self: &Arc<Self>, number: u64) -> impl FnOnce() -> u64 + Send + 'static {
        let world = self.clone();
        move || {
            world.runs.fetch_add(1, Ordering::Relaxed);
            result_of(number)
        }
    }

    /// Submits a job by one of the ways, and gives its result.
    fn submit(self: &Arc<Self>, number: u64) -> Pin<Box<dyn Future<Output = u64> + Send>> {
        let job = self.job(number);
        match number % 5 {
            0 => {
                let job = self.handle.spawn_blocking(job);
                Box::pin(async { job.await.unwrap() })
            }
            1 => {
                let call = self.handle.run_in_executor(None, job);
                Box::pin(async { call.await.unwrap() })
            }
            2 => {
                let call = self.handle.run_in_executor(Some(&self.pool), job);
                Box::pin(async { call.await.unwrap() })
            }
            3 => {
                let job = self.handle.try_spawn_blocking(job).unwrap();
                Box::pin(async { job.await.unwrap() })
            }
            _ => {
                let call = {
                    let _guard = self.handle.enter();
                    to_thread(job)
                };
                Box::pin(async { call.await.unwrap() })
            }
        }
    }

    async fn submit_and_check(self: Arc<Self>, numbers: std::ops::Range<u64>) -> u64 {
        let mut checked = 0;
        for first in numbers.clone().step_by(WINDOW as usize) {
            let window: Vec<_> = (first..numbers.end.min(first + WINDOW))
                .map(|number| (number, self.submit(number)))
                .collect();
            for (number, result) in window {
                assert_eq!(result.await, result_of(number), "job {number}");
                checked += 1;
            }
        }
        checked
    }
}

#[test]
fn a_million_from_64_tasks_and_64_threads() {
    watchdog("a_million_from_64_tasks_and_64_threads", || {
        let runtime = Flavor::MultiThread(4).builder().max_blocking_threads(16).build().unwrap();
        let world = Arc::new(World {
            handle: runtime.handle().clone(),
            pool: ThreadPoolExecutor::builder().max_workers(4).queue_capacity(32).build(),
            runs: AtomicU64::new(0),
        });
        let each = jobs().div_ceil(2 * EACH);
        let numbers = |submitter: u64| submitter * each..(submitter + 1) * each;

        let tasks: Vec<_> =
            (0..EACH).map(|task| runtime.spawn(world.clone().submit_and_check(numbers(task)))).collect();
        let threads: Vec<_> = (EACH..2 * EACH)
            .map(|submitter| {
                let (world, numbers) = (world.clone(), numbers(submitter));
                thread::spawn(move || match submitter % 3 {
                    // Threads wait in their several ways.
                    0 => futures::executor::block_on(world.submit_and_check(numbers)),
                    1 => world.handle.clone().block_on(world.submit_and_check(numbers)),
                    _ => {
                        let handle = world.handle.clone();
                        run_coroutine_threadsafe(world.submit_and_check(numbers), &handle).result().unwrap()
                    }
                })
            })
            .collect();

        let mut checked = 0;
        runtime.block_on(async {
            for task in tasks {
                checked += task.await.unwrap();
            }
        });
        for thread in threads {
            checked += thread.join().unwrap();
        }
        assert_eq!(checked, 2 * EACH * each);
        assert_eq!(world.runs.load(Ordering::Relaxed), checked, "each job has run once");
        assert_eq!(world.pool.metrics().queued, 0);
    });
}

/// Some are awaited, some dropped before, while and after they run, some cancelled, and in the end the runtime goes
/// with the rest. Each closure is dropped once, run or not.
#[test]
fn dropped_and_cancelled_at_any_time() {
    watchdog("dropped_and_cancelled_at_any_time", || {
        for round in 0..5 {
            let flavor = if round == 0 { Flavor::CurrentThread } else { Flavor::MultiThread(round) };
            let runtime = flavor.builder().max_blocking_threads(3).build().unwrap();
            let bounded = ThreadPoolExecutor::builder().max_workers(2).queue_capacity(2).build();
            let ledger = Ledger::new();
            let tasks: Vec<_> = (0..32)
                .map(|number| {
                    let (ledger, bounded) = (ledger.clone(), bounded.clone());
                    runtime.spawn(async move {
                        let mut random = fastrand::Rng::with_seed(number * 7919 + round as u64);
                        for _ in 0..50 {
                            meddle(&mut random, &ledger, &bounded).await;
                        }
                    })
                })
                .collect();
            // Half of them come to their end; the others are where they happen to be.
            runtime.block_on(async {
                for task in tasks.into_iter().step_by(2) {
                    task.await.unwrap();
                }
            });
            drop(runtime);
            bounded.shutdown(true, true);
            ledger.assert_each_dropped_once(|_| true);
        }
    });
}

/// One job and what becomes of it.
async fn meddle(random: &mut fastrand::Rng, ledger: &Arc<Ledger>, bounded: &ThreadPoolExecutor) {
    let tracked = ledger.track();
    let turns = random.u32(..20);
    let job = move || {
        let _tracked = tracked;
        (0..turns).for_each(|_| thread::yield_now());
        turns
    };
    let executor: Option<&dyn Executor> = if random.bool() { None } else { Some(bounded) };
    let mut call = match random.u32(..4) {
        0 => {
            let job = task::spawn_blocking(job);
            if random.bool() {
                job.abort();
            }
            // The handle is dropped, or its error is that of the abort.
            if random.bool() {
                match job.await {
                    Ok(output) => assert_eq!(output, turns),
                    Err(error) => assert!(error.is_cancelled(), "{error}"),
                }
            }
            return;
        }
        1 => {
            let wrapped = wrap_future(match bounded.try_submit(job) {
                Ok(future) => future,
                Err(error) => return drop(error),
            });
            if random.bool() {
                assert_eq!(wrapped.await.unwrap(), turns);
            }
            return;
        }
        _ => windlass::run_in_executor(executor, job),
    };
    for _ in 0..random.u32(..3) {
        let polled = poll_fn(|cx| Poll::Ready(Pin::new(&mut call).poll(cx))).await;
        if let Poll::Ready(output) = polled {
            assert_eq!(output.unwrap(), turns);
            return;
        }
        task::yield_now().await;
    }
    match random.u32(..3) {
        0 => drop(call),
        1 => {
            let cancelled = call.cancel();
            match call.await {
                Ok(output) => assert!(!cancelled && output == turns),
                Err(error) => assert!(cancelled && error.is_cancelled(), "{error}"),
            }
        }
        _ => assert_eq!(call.await.unwrap(), turns),
    }
}

//! The end of a runtime whose blocking pools are busy: what is waited for, for how long, and what becomes of the queued
//! and of those that outlive it.

use std::future::poll_fn;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use windlass::blocking::{self, ThreadPoolExecutor};
use windlass::runtime::{Handle, Runtime};
use windlass::task::{self, JoinHandle, JoinSet, block_in_place};
use windlass_tests::jobs::{Gate, held_job};
use windlass_tests::{
    Flavor, Ledger, OnDrop, linger_into_shutdown, on_every_flavor, on_multi_thread, spin_until,
};

on_every_flavor!(
    a_timeout_waits_for_jobs_that_end_in_time,
    jobs_of_every_kind_are_waited_for,
    a_timeout_is_kept_by_a_running_job,
    a_timeout_is_kept_by_queued_jobs,
    a_timeout_is_kept_by_a_thread_in_its_start_hook,
    a_timeout_is_kept_by_a_thread_in_its_stop_hook,
    a_timeout_is_kept_by_a_job_of_the_default_executor,
    a_timeout_is_kept_by_a_job_that_waits_for_another,
    a_timeout_is_kept_by_all_of_them_at_once,
    queued_jobs_are_cancelled,
    queued_jobs_that_a_running_one_awaits_are_cancelled,
    running_jobs_are_told,
    a_job_that_outlives_the_runtime,
    a_job_that_outlives_every_handle,
    jobs_that_submit_from_their_drop,
    a_queued_closure_that_blocks_on_the_runtime_in_its_drop,
    dropped_by_one_thread_while_others_submit,
);

on_multi_thread!(a_timeout_is_kept_by_a_worker_in_place);

/// Far beyond any timeout given here, and far below the watchdog's deadline.
const LONG: Duration = Duration::from_secs(8);

/// What passes without harm to the tests' own time.
const SHORT: Duration = Duration::from_millis(30);

/// Asserts that a shutdown does not wait for what is held up until after it.
#[track_caller]
fn gives_up(runtime: Runtime) {
    let begun = Instant::now();
    runtime.shutdown_timeout(SHORT);
    let took = begun.elapsed();
    assert!(took >= SHORT && took < LONG, "{took:?}");
}

fn a_timeout_waits_for_jobs_that_end_in_time(flavor: Flavor) {
    for _ in 0..10 {
        let runtime = flavor.runtime();
        let (begun, begins) = mpsc::channel();
        let job = runtime.spawn_blocking(move || {
            begun.send(()).unwrap();
            linger_into_shutdown(&Handle::current());
            "done"
        });
        begins.recv().unwrap();
        runtime.shutdown_timeout(Duration::from_secs(1_000));
        assert!(job.is_finished());
        assert_eq!(futures::executor::block_on(job).unwrap(), "done");
    }
}

fn jobs_of_every_kind_are_waited_for(flavor: Flavor) {
    let runtime = flavor.runtime();
    let handle = runtime.handle().clone();
    handle.set_default_executor(ThreadPoolExecutor::new(4));
    let (begun, begins) = mpsc::channel();
    let job = |name: &'static str| {
        let (begun, handle) = (begun.clone(), handle.clone());
        move || {
            begun.send(()).unwrap();
            linger_into_shutdown(&handle);
            name
        }
    };
    let _guard = handle.enter();
    let spawned = task::spawn_blocking(job("spawned"));
    let tried = task::try_spawn_blocking(job("tried")).unwrap();
    let called = windlass::run_in_executor(None, job("called"));
    let carried = windlass::to_thread(job("carried"));
    (0..4).for_each(|_| begins.recv().unwrap());
    drop(runtime);
    assert!(spawned.is_finished() && tried.is_finished() && called.is_finished() && carried.is_finished());
    let all = async {
        (spawned.await.unwrap(), tried.await.unwrap(), called.await.unwrap(), carried.await.unwrap())
    };
    assert_eq!(futures::executor::block_on(all), ("spawned", "tried", "called", "carried"));
}

fn a_timeout_is_kept_by_a_running_job(flavor: Flavor) {
    let runtime = flavor.runtime();
    let (job, gate) = held_job(&runtime);
    gives_up(runtime);
    gate.open();
    futures::executor::block_on(job).unwrap();
}

fn a_timeout_is_kept_by_queued_jobs(flavor: Flavor) {
    let runtime = flavor.builder().max_blocking_threads(2).build().unwrap();
    let held = [held_job(&runtime), held_job(&runtime)];
    let queued: Vec<_> =
        (0..1_000).map(|_| runtime.spawn_blocking(|| unreachable!("it was cancelled"))).collect();
    gives_up(runtime);
    for job in queued {
        let result: Result<(), _> = futures::executor::block_on(job);
        assert!(result.unwrap_err().is_cancelled());
    }
    for (job, gate) in held {
        gate.open();
        futures::executor::block_on(job).unwrap();
    }
}

/// A hook that waits at a gate on the first thread that is not a worker of the runtime.
fn held_hook(
    is_job_thread: impl Fn() -> bool + Send + Sync + 'static,
) -> (Gate, impl Fn() + Send + Sync + 'static) {
    let (gate, wait) = Gate::new();
    let wait = parking_lot::Mutex::new(Some(wait));
    let hook = move || {
        if is_job_thread()
            && let Some(wait) = { wait.lock().take() }
        {
            wait();
        }
    };
    (gate, hook)
}

fn a_timeout_is_kept_by_a_thread_in_its_start_hook(flavor: Flavor) {
    let armed = Arc::new(AtomicBool::new(false));
    let is_armed = armed.clone();
    let (gate, hook) = held_hook(move || is_armed.load(Ordering::SeqCst));
    let runtime = flavor.builder().on_thread_start(hook).build().unwrap();
    // The workers' threads have been through it.
    if flavor.is_current_thread() {
        runtime.block_on(async {});
    } else {
        let Flavor::MultiThread(workers) = flavor else { unreachable!() };
        windlass_tests::assert_all_workers_live(&runtime, workers);
    }
    armed.store(true, Ordering::SeqCst);
    let job = runtime.spawn_blocking(|| unreachable!("its thread never comes so far"));
    gate.wait_begun();
    gives_up(runtime);
    gate.open();
    let result: Result<(), _> = futures::executor::block_on(job);
    assert!(result.unwrap_err().is_cancelled());
}

thread_local! {
    static RUNS_JOBS: std::cell::Cell<bool> = const { std::cell::Cell::new(false) };
}

fn a_timeout_is_kept_by_a_thread_in_its_stop_hook(flavor: Flavor) {
    let (gate, hook) = held_hook(|| RUNS_JOBS.get());
    let runtime = flavor.builder().on_thread_stop(hook).build().unwrap();
    runtime.block_on(runtime.spawn_blocking(|| RUNS_JOBS.set(true))).unwrap();
    gives_up(runtime);
    gate.wait_begun();
    gate.open();
}

fn a_timeout_is_kept_by_a_job_of_the_default_executor(flavor: Flavor) {
    let runtime = flavor.runtime();
    let handle = runtime.handle().clone();
    handle.set_default_executor(ThreadPoolExecutor::new(1));
    let (gate, job) = Gate::new();
    let call = handle.run_in_executor(None, job);
    gate.wait_begun();
    gives_up(runtime);
    // Nor is it waited for when the last handle goes.
    drop(handle);
    gate.open();
    futures::executor::block_on(call).unwrap();
}

fn a_timeout_is_kept_by_a_job_that_waits_for_another(flavor: Flavor) {
    let runtime = flavor.builder().max_blocking_threads(1).build().unwrap();
    let (gate, inner) = Gate::new();
    let job = runtime.spawn_blocking(|| {
        let handle = Handle::current();
        handle.block_on(handle.spawn_blocking(inner)).unwrap();
    });
    gate.wait_begun();
    gives_up(runtime);
    gate.open();
    futures::executor::block_on(job).unwrap();
}

fn a_timeout_is_kept_by_all_of_them_at_once(flavor: Flavor) {
    let runtime = flavor.builder().max_blocking_threads(2).build().unwrap();
    let handle = runtime.handle().clone();
    handle.set_default_executor(ThreadPoolExecutor::new(2));
    let held = [held_job(&runtime), held_job(&runtime)];
    let calls: Vec<_> = (0..2)
        .map(|_| {
            let (gate, job) = Gate::new();
            let call = handle.run_in_executor(None, job);
            gate.wait_begun();
            (call, gate)
        })
        .collect();
    let queued: Vec<JoinHandle<()>> = (0..10).map(|_| runtime.spawn_blocking(|| unreachable!())).collect();
    gives_up(runtime);
    for job in queued {
        assert!(futures::executor::block_on(job).unwrap_err().is_cancelled());
    }
    for (job, gate) in held {
        gate.open();
        futures::executor::block_on(job).unwrap();
    }
    for (call, gate) in calls {
        gate.open();
        futures::executor::block_on(call).unwrap();
    }
}

fn a_timeout_is_kept_by_a_worker_in_place(flavor: Flavor) {
    let runtime = flavor.runtime();
    let (gate, wait) = Gate::new();
    let task = runtime.spawn(async { block_in_place(wait) });
    gate.wait_begun();
    gives_up(runtime);
    gate.open();
    futures::executor::block_on(task).unwrap();
}

fn queued_jobs_are_cancelled(flavor: Flavor) {
    let runtime = flavor.builder().max_blocking_threads(1).build().unwrap();
    let handle = runtime.handle().clone();
    let (job, gate) = held_job(&runtime);
    let ledger = Ledger::new();
    let spawned: Vec<_> = (0..10)
        .map(|_| {
            let tracked = ledger.track();
            handle.spawn_blocking(move || drop(tracked))
        })
        .collect();
    let called: Vec<_> = (0..10)
        .map(|_| {
            let tracked = ledger.track();
            handle.run_in_executor(None, move || drop(tracked))
        })
        .collect();
    let detached = ledger.track();
    drop(handle.spawn_blocking(move || drop(detached)));
    runtime.shutdown_background();
    // Before the one that runs has ended.
    assert_eq!(ledger.dropped(), 21);
    for job in spawned {
        assert!(futures::executor::block_on(job).unwrap_err().is_cancelled());
    }
    for call in called {
        assert!(futures::executor::block_on(call).unwrap_err().is_cancelled());
    }
    gate.open();
    futures::executor::block_on(job).unwrap();
    ledger.assert_each_dropped_once(|_| true);
}

/// Whatever the running one waits with, and whoever it waits for, alone or with others.
fn queued_jobs_that_a_running_one_awaits_are_cancelled(flavor: Flavor) {
    let runtime = flavor.builder().max_blocking_threads(1).build().unwrap();
    let handle = runtime.handle().clone();
    let (waits, is_waiting) = mpsc::channel();
    let running = runtime.spawn_blocking(move || {
        let mut queued = JoinSet::new();
        for _ in 0..2 {
            queued.spawn_blocking_on(|| (), &handle);
        }
        let mut waits = Some(waits);
        let joined = poll_fn(|cx| {
            let polled = queued.poll_join_next(cx);
            waits.take().into_iter().for_each(|waits| waits.send(()).unwrap());
            polled
        });
        futures::executor::block_on(joined).unwrap().unwrap_err().is_cancelled()
    });
    is_waiting.recv().unwrap();
    drop(runtime);
    assert!(futures::executor::block_on(running).unwrap());
}

fn running_jobs_are_told(flavor: Flavor) {
    let runtime = flavor.runtime();
    let (begun, begins) = mpsc::channel();
    let until_told = || {
        let begun = begun.clone();
        move || {
            begun.send(()).unwrap();
            spin_until(|| blocking::current().is_cancelled());
        }
    };
    let job = runtime.spawn_blocking(until_told());
    let call = runtime.handle().run_in_executor(None, until_told());
    (0..2).for_each(|_| begins.recv().unwrap());
    // It waits for both, which end because it does.
    drop(runtime);
    futures::executor::block_on(job).unwrap();
    futures::executor::block_on(call).unwrap();
}

fn a_job_that_outlives_the_runtime(flavor: Flavor) {
    let runtime = flavor.runtime();
    let (gate, wait) = Gate::new();
    let job = runtime.spawn_blocking(move || {
        wait();
        let handle = Handle::current();
        // All of it says that the runtime is gone, and none of it hangs.
        assert!(handle.block_on(windlass::spawn(async {})).unwrap_err().is_cancelled());
        assert!(handle.block_on(task::spawn_blocking(|| ())).unwrap_err().is_cancelled());
        assert!(task::try_spawn_blocking(|| ()).is_err());
        assert!(handle.block_on(windlass::run_in_executor(None, || ())).unwrap_err().is_rejected());
        assert!(handle.block_on(windlass::to_thread(|| ())).unwrap_err().is_rejected());
        assert!(windlass::run_coroutine_threadsafe(async {}, &handle).result().unwrap_err().is_cancelled());
        assert!(handle.block_on(windlass::net::lookup_host("localhost:80")).is_err());
        assert_eq!(block_in_place(|| 1), 1);
        assert!(blocking::current().is_cancelled());
        // Another executor is another matter.
        let pool = ThreadPoolExecutor::new(1);
        handle.block_on(windlass::run_in_executor(Some(&pool), || "alive")).unwrap()
    });
    gate.wait_begun();
    runtime.shutdown_background();
    gate.open();
    assert_eq!(futures::executor::block_on(job).unwrap(), "alive");
}

fn a_job_that_outlives_every_handle(flavor: Flavor) {
    for detached in [false, true] {
        let runtime = flavor.runtime();
        let (gate, wait) = Gate::new();
        let (done, is_done) = mpsc::channel();
        let job = runtime.spawn_blocking(move || {
            wait();
            done.send(Handle::try_current().is_ok()).unwrap();
        });
        gate.wait_begun();
        let job = (!detached).then_some(job);
        // Nothing but the job refers to what is left of the runtime.
        runtime.shutdown_background();
        gate.open();
        assert_eq!(is_done.recv(), Ok(true));
        if let Some(job) = job {
            futures::executor::block_on(job).unwrap();
        }
    }
}

fn jobs_that_submit_from_their_drop(flavor: Flavor) {
    for _ in 0..10 {
        let runtime = flavor.builder().max_blocking_threads(1).build().unwrap();
        let (job, gate) = held_job(&runtime);
        let ledger = Ledger::new();
        let (tx, rx) = mpsc::channel();
        for _ in 0..5 {
            let (tx, handle, ledger, tracked) =
                (tx.clone(), runtime.handle().clone(), ledger.clone(), ledger.track());
            let on_drop = OnDrop::new(move || {
                drop(tracked);
                let late = ledger.track();
                let later = ledger.track();
                tx.send(handle.spawn_blocking(move || drop(late))).unwrap();
                tx.send(handle.spawn(async move { drop(later) })).unwrap();
            });
            // Dropped unrun, by the shutdown.
            drop(runtime.spawn_blocking(move || drop(on_drop)));
        }
        drop(tx);
        runtime.shutdown_background();
        for late in rx {
            assert!(futures::executor::block_on(late).unwrap_err().is_cancelled());
        }
        gate.open();
        futures::executor::block_on(job).unwrap();
        ledger.assert_each_dropped_once(|_| true);
    }
}

fn a_queued_closure_that_blocks_on_the_runtime_in_its_drop(flavor: Flavor) {
    let runtime = flavor.builder().max_blocking_threads(1).build().unwrap();
    let (job, gate) = held_job(&runtime);
    let handle = runtime.handle().clone();
    let (tx, rx) = mpsc::channel();
    let on_drop = OnDrop::new(move || {
        let ended = handle.block_on(handle.spawn_blocking(|| ())).unwrap_err().is_cancelled();
        tx.send(ended).unwrap();
    });
    drop(runtime.spawn_blocking(move || drop(on_drop)));
    runtime.shutdown_background();
    assert_eq!(rx.recv(), Ok(true));
    gate.open();
    futures::executor::block_on(job).unwrap();
}

fn dropped_by_one_thread_while_others_submit(flavor: Flavor) {
    for _ in 0..20 {
        let runtime = flavor.runtime();
        let ledger = Ledger::new();
        let threads: Vec<_> = (0..3)
            .map(|_| {
                let (handle, ledger) = (runtime.handle().clone(), ledger.clone());
                thread::spawn(move || {
                    let mut ran = 0;
                    loop {
                        let (one, other) = (ledger.track(), ledger.track());
                        let job = handle.spawn_blocking(move || drop(one));
                        let call = handle.run_in_executor(None, move || drop(other));
                        let (job, call) =
                            (futures::executor::block_on(job), futures::executor::block_on(call));
                        if let Err(error) = &job {
                            assert!(error.is_cancelled(), "{error}");
                        }
                        match call {
                            Ok(()) => ran += 1,
                            // Accepted and then cancelled, or not accepted.
                            Err(error) => assert!(error.is_cancelled() || error.is_rejected(), "{error}"),
                        }
                        if job.is_err() {
                            return ran;
                        }
                    }
                })
            })
            .collect();
        runtime.block_on(task::yield_now());
        drop(runtime);
        for thread in threads {
            thread.join().unwrap();
        }
        ledger.assert_each_dropped_once(|_| true);
    }
}

//! Panics of blocking jobs: each reaches whoever waits for it, or is counted and reported once if nobody does, and takes
//! neither a thread nor a runtime with it.
//!
//! A program of its own: it has the one subscriber that a process may have.

use std::sync::mpsc;
use std::thread;

use futures::channel::oneshot;
use tracing::Level;
use windlass::blocking::{ExecutorExt, Promise, ThreadPoolExecutor, unobserved_panics};
use windlass::runtime::Runtime;
use windlass::{run_coroutine_threadsafe, run_in_executor, task, to_thread, wrap_future};
use windlass_tests::jobs::{Gate, held_job};
use windlass_tests::log::{lines_about, listen};
use windlass_tests::{
    Flavor, OnDrop, PanicsOnDrop, on_every_flavor, once, panics, panics_at_its_caller, payload_text,
    poll_once, spin_until,
};

on_every_flavor!(
    a_panic_that_is_looked_at_is_not_counted,
    after_the_future_is_gone_it_is_counted_once,
    a_panic_nobody_took_from_the_future_is_counted_once,
    of_a_job_spawned_and_forgotten,
    of_a_call_on_an_executor_of_ones_own,
    after_the_runtime_is_gone,
    of_a_task_run_for_a_thread_that_has_cancelled_it,
    of_a_task_of_a_local_set_made_outside,
    an_output_whose_drop_panics,
    a_closure_whose_drop_panics_when_it_is_cancelled,
    a_payload_whose_drop_panics,
    the_pool_survives_a_thousand_panics,
    it_is_reported_with_its_line,
);

once!(
    of_a_wrapped_future_it_is_counted_for_the_process,
    a_panic_resumed_in_the_caller,
    a_promise_that_is_begun_twice_names_its_caller,
);

/// Has `act` done to a call that panics once `act` has returned.
fn panics_after<T>(runtime: &Runtime, act: impl FnOnce(windlass::RunInExecutor<()>) -> T) -> T {
    let (gate, wait) = Gate::new();
    let call = runtime.handle().run_in_executor(None, move || {
        wait();
        panic!("too late");
    });
    gate.wait_begun();
    let output = act(call);
    gate.open();
    output
}

fn unobserved(runtime: &Runtime) -> u64 {
    runtime.metrics().unobserved_panics_count()
}

/// Waits until that many were counted, and sees that it stays so.
#[track_caller]
fn assert_counted(runtime: Runtime, count: u64) {
    let metrics = runtime.metrics();
    spin_until(|| metrics.unobserved_panics_count() >= count);
    // Whatever there is to count has been when the runtime is gone.
    drop(runtime);
    assert_eq!(metrics.unobserved_panics_count(), count);
}

fn a_panic_that_is_looked_at_is_not_counted(flavor: Flavor) {
    let runtime = flavor.runtime();
    runtime.block_on(async {
        assert!(run_in_executor(None, || panic!("seen")).await.unwrap_err().is_panic());
        assert!(to_thread(|| panic!("seen")).await.unwrap_err().is_panic());
        assert!(task::spawn_blocking(|| panic!("seen")).await.unwrap_err().is_panic());
        // Even if no more is done with it than to take it.
        drop(run_in_executor(None, || panic!("seen")).await);
    });
    assert_counted(runtime, 0);
}

fn after_the_future_is_gone_it_is_counted_once(flavor: Flavor) {
    let runtime = flavor.runtime();
    panics_after(&runtime, drop);
    panics_after(&runtime, |mut call| {
        // Whether or not somebody has waited for a while.
        assert!(poll_once(&mut call).is_pending());
    });
    assert_counted(runtime, 2);
}

fn a_panic_nobody_took_from_the_future_is_counted_once(flavor: Flavor) {
    let runtime = flavor.runtime();
    let call = panics_after(&runtime, |call| call);
    spin_until(|| call.is_finished());
    assert_eq!(unobserved(&runtime), 0);
    drop(call);
    assert_eq!(unobserved(&runtime), 1);
    let carried = {
        let _guard = runtime.enter();
        to_thread(|| panic!("to_thread"))
    };
    spin_until(|| carried.is_finished());
    drop::<windlass::RunInExecutor<()>>(carried);
    assert_counted(runtime, 2);
}

fn of_a_task_of_a_local_set_made_outside(flavor: Flavor) {
    let set = task::LocalSet::new();
    let runtime = flavor.runtime();
    set.block_on(&runtime, async {
        drop(task::spawn_local(async { panic!("local") }));
        task::yield_now().await;
    });
    assert_eq!(unobserved(&runtime), 1);
}

fn of_a_job_spawned_and_forgotten(flavor: Flavor) {
    let runtime = flavor.runtime();
    drop(runtime.spawn_blocking(|| panic!("forgotten")));
    drop(runtime.handle().try_spawn_blocking(|| panic!("forgotten")).unwrap());
    let job = runtime.spawn_blocking(|| panic!("finished first"));
    spin_until(|| job.is_finished());
    drop(job);
    assert_counted(runtime, 3);
}

fn of_a_call_on_an_executor_of_ones_own(flavor: Flavor) {
    let runtime = flavor.runtime();
    let pool = ThreadPoolExecutor::new(1);
    drop(runtime.handle().run_in_executor(Some(&pool), || ()));
    let (gate, wait) = Gate::new();
    let call = runtime.handle().run_in_executor(Some(&pool), move || {
        wait();
        panic!("elsewhere");
    });
    gate.wait_begun();
    drop::<windlass::RunInExecutor<()>>(call);
    gate.open();
    assert_counted(runtime, 1);
}

fn after_the_runtime_is_gone(flavor: Flavor) {
    let runtime = flavor.runtime();
    let metrics = runtime.metrics();
    let (gate, wait) = Gate::new();
    let call = runtime.handle().run_in_executor(None, move || {
        wait();
        panic!("too late for anybody");
    });
    gate.wait_begun();
    drop::<windlass::RunInExecutor<()>>(call);
    runtime.shutdown_background();
    assert_eq!(metrics.unobserved_panics_count(), 0);
    gate.open();
    spin_until(|| metrics.unobserved_panics_count() == 1);
}

fn of_a_task_run_for_a_thread_that_has_cancelled_it(flavor: Flavor) {
    let runtime = flavor.runtime();
    let (gate, wait) = Gate::new();
    let handle = runtime.handle().clone();
    let (done, is_done) = oneshot::channel();
    let thread = thread::spawn(move || {
        let result = run_coroutine_threadsafe(
            async move {
                wait();
                panic!("in the middle of a poll");
            },
            &handle,
        );
        gate.wait_begun();
        assert!(result.cancel());
        gate.open();
        let result: Result<(), _> = result.result();
        assert!(result.unwrap_err().is_cancelled());
        spin_until(|| handle.metrics().unobserved_panics_count() == 1);
        done.send(()).unwrap();
    });
    runtime.block_on(is_done).unwrap();
    thread.join().unwrap();
    assert_counted(runtime, 1);
}

fn an_output_whose_drop_panics(flavor: Flavor) {
    let runtime = flavor.builder().max_blocking_threads(1).build().unwrap();
    // Of a call that nobody waits for any more, the output is dropped on the job's thread.
    let (gate, wait) = Gate::new();
    let call = runtime.handle().run_in_executor(None, move || {
        wait();
        PanicsOnDrop
    });
    gate.wait_begun();
    drop(call);
    gate.open();
    let (gate, wait) = Gate::new();
    let job = runtime.spawn_blocking(move || {
        wait();
        PanicsOnDrop
    });
    gate.wait_begun();
    drop(job);
    gate.open();
    assert_eq!(runtime.block_on(runtime.spawn_blocking(|| "as before")).unwrap(), "as before");
}

fn a_closure_whose_drop_panics_when_it_is_cancelled(flavor: Flavor) {
    let runtime = flavor.builder().max_blocking_threads(1).build().unwrap();
    let (held, gate) = held_job(&runtime);
    for way in 0..3 {
        let value = PanicsOnDrop;
        let call = runtime.handle().run_in_executor(None, move || drop(value));
        match way {
            0 => drop(call),
            1 => assert!(call.cancel()),
            _ => drop(runtime.spawn(call)),
        }
    }
    let value = PanicsOnDrop;
    let job = runtime.spawn_blocking(move || drop(value));
    job.abort();
    gate.open();
    runtime.block_on(held).unwrap();
    // Cancelled, or ended by the panic of its drop; a thread comes back either way.
    runtime.block_on(job).unwrap_err();
    assert_eq!(runtime.block_on(runtime.spawn_blocking(|| 1)).unwrap(), 1);
}

fn a_payload_whose_drop_panics(flavor: Flavor) {
    let runtime = flavor.builder().max_blocking_threads(1).build().unwrap();
    let (gate, wait) = Gate::new();
    let call = runtime.handle().run_in_executor(None, move || {
        wait();
        std::panic::panic_any(PanicsOnDrop);
    });
    gate.wait_begun();
    drop::<windlass::RunInExecutor<()>>(call);
    gate.open();
    assert_eq!(runtime.block_on(runtime.spawn_blocking(|| 1)).unwrap(), 1);
    assert_counted(runtime, 1);
}

fn the_pool_survives_a_thousand_panics(flavor: Flavor) {
    let runtime = flavor.builder().max_blocking_threads(2).build().unwrap();
    let (tx, rx) = mpsc::channel();
    for n in 0..1_000 {
        let on_drop = OnDrop::new({
            let tx = tx.clone();
            move || tx.send(n).unwrap()
        });
        let job = move || {
            let _on_drop = on_drop;
            // Not through the hook, which would print each.
            std::panic::resume_unwind(Box::new(n));
        };
        match n % 2 {
            0 => drop::<task::JoinHandle<()>>(runtime.spawn_blocking(job)),
            _ => {
                let call = runtime.handle().run_in_executor(None, job);
                let result: Result<(), _> = runtime.block_on(call);
                assert_eq!(result.unwrap_err().into_panic().downcast_ref(), Some(&n));
            }
        }
    }
    drop(tx);
    assert_eq!(rx.into_iter().count(), 1_000);
    assert_counted(runtime, 500);
}

fn it_is_reported_with_its_line(flavor: Flavor) {
    listen();
    let runtime = flavor.runtime();
    let (gate, wait) = Gate::new();
    let job = move || {
        wait();
        panic!("nobody looks");
    };
    let (call, line) = (runtime.handle().run_in_executor(None, job), line!());
    gate.wait_begun();
    drop::<windlass::RunInExecutor<()>>(call);
    gate.open();
    assert_counted(runtime, 1);
    let lines = lines_about("windlass::task", file!(), line);
    assert!(!lines.is_empty());
    assert!(
        lines.iter().all(|line| line.level == Level::ERROR && line.message.contains("panicked")),
        "{lines:?}"
    );
}

/// The one test here that panics in a pool by itself: the count is the process's.
fn of_a_wrapped_future_it_is_counted_for_the_process() {
    let runtime = Flavor::CurrentThread.runtime();
    let pool = ThreadPoolExecutor::new(1);
    let before = unobserved_panics();
    let seen: Result<(), _> = runtime.block_on(wrap_future(pool.submit(|| panic!("seen"))));
    assert!(seen.unwrap_err().is_panic());
    let (gate, wait) = Gate::new();
    let wrapped = wrap_future(pool.submit(move || {
        wait();
        panic!("not seen");
    }));
    gate.wait_begun();
    drop::<windlass::WrapFuture<()>>(wrapped);
    gate.open();
    spin_until(|| unobserved_panics() == before + 1);
    drop(pool);
    assert_eq!((unobserved_panics(), unobserved(&runtime)), (before + 1, 0));
    // Of a task that runs for a thread, and of which the thread has dropped the result, its runtime is told.
    drop::<windlass::blocking::Future<()>>(run_coroutine_threadsafe(
        async { panic!("not seen") },
        runtime.handle(),
    ));
    runtime.block_on(task::yield_now());
    assert_eq!((unobserved_panics(), unobserved(&runtime)), (before + 1, 1));
}

fn a_panic_resumed_in_the_caller() {
    let runtime = Flavor::MultiThread(1).runtime();
    let panicked = panics(|| {
        runtime.block_on(async {
            let error = to_thread(|| panic!("from the job")).await.unwrap_err();
            // The payload is fit for it.
            let payload = error.into_panic();
            assert_eq!(payload_text(&*payload), "from the job");
            panic!("{}", payload_text(&*payload))
        })
    });
    assert_eq!(panicked.message, "from the job");
}

fn a_promise_that_is_begun_twice_names_its_caller() {
    let (promise, future) = Promise::new();
    assert!(promise.set_running_or_notify_cancel());
    panics_at_its_caller(|| promise.set_running_or_notify_cancel());
    promise.set_result(1).unwrap();
    assert_eq!(future.result().unwrap(), 1);
}

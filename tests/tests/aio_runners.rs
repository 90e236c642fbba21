//! A runtime for one future, and for one after the other: CPython's test_runners.py. Its `run` is `windlass::run`, and its
//! `Runner` a `Runtime`, of any flavour.
//!
//! inexpressible: test_runners.py::RunTests::test_asyncio_run_only_coro: the compiler refuses what is no future
//! different: test_runners.py::RunTests::test_asyncio_run_debug: there is no debug mode: slow polls and the like are always looked for
//! inexpressible: test_runners.py::RunTests::test_asyncio_run_set_event_loop: there is no policy to tell
//! inexpressible: test_runners.py::RunTests::test_asyncio_run_without_uncancel: there is no task factory, and an abort does not count
//! different: test_runners.py::RunnerTests::test_non_debug: there is no debug mode
//! different: test_runners.py::RunnerTests::test_debug: there is no debug mode
//! inexpressible: test_runners.py::RunnerTests::test_run_non_coro: the compiler refuses what is no future
//! inexpressible: test_runners.py::RunnerTests::test_double_close: closing takes the runtime, so that nothing is left to close
//! inexpressible: test_runners.py::RunnerTests::test_second_with_block_raises: closing takes the runtime, so that nothing is left to run on
//! inexpressible: test_runners.py::RunnerTests::test_set_event_loop_called_once: there is no policy to tell

use std::fmt;
use std::future::pending;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use futures::channel::oneshot;
use futures::{Stream, StreamExt, pin_mut};
use parking_lot::Mutex;
use windlass::aio::Promise;
use windlass::runtime::{Handle, RuntimeFlavor};
use windlass::task::{self, JoinHandle, UnhandledKind};
use windlass_tests::{Flavor, OnDrop, on_conformance_flavors, panics, payload_text, yield_until};

on_conformance_flavors!(
    it_returns_what_the_future_returns,
    a_panic_is_the_callers,
    not_inside_of_a_runtime,
    not_inside_of_itself,
    what_is_left_is_cancelled,
    what_is_left_and_panics_is_reported,
    generators_are_closed_after_panics_of_what_is_left,
    on_the_runtime_that_was_built,
    on_a_runtime_as_one_likes,
    one_kind_of_runtime_is_the_default,
    a_runtime_is_closed_at_its_end,
    a_closed_runtime_runs_nothing,
    a_promise_is_run_like_any_future,
    contexts_of_runs,
    outputs_are_not_formatted,
);

/// What `windlass::run` does, on a runtime of this flavour.
fn run<F: Future>(flavor: Flavor, future: F) -> F::Output {
    flavor.runtime().block_on(future)
}

/// ported: test_runners.py::RunTests::test_asyncio_run_return
fn it_returns_what_the_future_returns(flavor: Flavor) {
    let main = async || {
        task::yield_now().await;
        42
    };
    assert_eq!(run(flavor, main()), 42);
    assert_eq!(windlass::run(main()), 42);
}

/// ported: test_runners.py::RunTests::test_asyncio_run_raises
fn a_panic_is_the_callers(flavor: Flavor) {
    let panicked = panics(|| {
        run(flavor, async {
            task::yield_now().await;
            panic!("spam");
        });
    });
    assert_eq!(panicked.message, "spam");
}

/// ported: test_runners.py::RunTests::test_asyncio_run_from_running_loop
fn not_inside_of_a_runtime(flavor: Flavor) {
    run(flavor, async {
        let ran = Arc::new(AtomicBool::new(false));
        let runs = ran.clone();
        let panicked = panics(|| windlass::run(async move { runs.store(true, Ordering::SeqCst) }));
        assert!(panicked.message.contains(".await"), "{}", panicked.message);
        assert!(!ran.load(Ordering::SeqCst));
    });
}

/// ported: test_runners.py::RunnerTests::test_recursive_run
fn not_inside_of_itself(flavor: Flavor) {
    let runtime = flavor.runtime();
    let ran = AtomicBool::new(false);
    let panicked =
        panics(|| runtime.block_on(async { runtime.block_on(async { ran.store(true, Ordering::SeqCst) }) }));
    assert!(panicked.message.contains(".await"), "{}", panicked.message);
    assert!(!ran.load(Ordering::SeqCst));
    // It works again.
    assert_eq!(runtime.block_on(async { 1 }), 1);
}

/// ported: test_runners.py::RunTests::test_asyncio_run_cancels_hanging_tasks
fn what_is_left_is_cancelled(flavor: Flavor) {
    let (left, output) = run(flavor, async { (windlass::spawn(pending::<()>()), 123) });
    assert_eq!(output, 123);
    assert!(left.is_finished());
    assert!(futures::executor::block_on(left).unwrap_err().is_cancelled());
}

/// ported: test_runners.py::RunTests::test_asyncio_run_reports_hanging_tasks_errors
fn what_is_left_and_panics_is_reported(flavor: Flavor) {
    let reports = Arc::new(Mutex::new(Vec::new()));
    let list = reports.clone();
    let runtime = flavor
        .builder()
        .on_unhandled(move |unhandled| {
            list.lock().push((unhandled.kind(), unhandled.message(), unhandled.location().line()));
        })
        .build()
        .unwrap();
    let line = line!() + 3;
    let output = runtime.block_on(async {
        let (begins, begun) = oneshot::channel();
        drop(windlass::spawn(async move {
            let _cleanup = OnDrop::new(|| panic!("in its cleanup"));
            begins.send(()).unwrap();
            pending::<()>().await;
        }));
        begun.await.unwrap();
        123
    });
    assert_eq!(output, 123);
    assert!(reports.lock().is_empty());
    drop(runtime);
    assert_eq!(*reports.lock(), [(UnhandledKind::Task, "in its cleanup".to_owned(), line)]);
}

/// Counts for ever, and notes when it is closed.
fn fidget(closed: Arc<AtomicBool>) -> impl Stream<Item = u32> + Send {
    async_stream::stream! {
        let _close = OnDrop::new(move || closed.store(true, Ordering::SeqCst));
        for n in 0.. {
            yield n;
            task::yield_now().await;
        }
    }
}

/// ported: test_runners.py::RunTests::test_asyncio_run_closes_gens_after_hanging_tasks_errors
fn generators_are_closed_after_panics_of_what_is_left(flavor: Flavor) {
    let closed = Arc::new(AtomicBool::new(false));
    let left: Arc<Mutex<Option<JoinHandle<()>>>> = Arc::default();
    let (closes, leaves) = (closed.clone(), left.clone());
    let main = async move {
        let (turns, turned) = oneshot::channel();
        *leaves.lock() = Some(windlass::spawn(async move {
            let fidget = fidget(closes);
            pin_mut!(fidget);
            let _cleanup = OnDrop::new(|| panic!("in its cleanup"));
            fidget.next().await.unwrap();
            turns.send(()).unwrap();
            while fidget.next().await.is_some() {}
        }));
        turned.await.unwrap();
        panic!("fancy exit");
    };
    let payload = catch_unwind(AssertUnwindSafe(|| run(flavor, main))).unwrap_err();
    assert_eq!(payload_text(&*payload), "fancy exit");
    assert!(closed.load(Ordering::SeqCst));
    let left = left.lock().take().unwrap();
    assert!(left.is_finished());
    let error = futures::executor::block_on(left).unwrap_err();
    assert_eq!(payload_text(&*error.into_panic()), "in its cleanup");
}

/// Asserts that the calling future runs on the runtime of the handle: a task of the one is found through the other.
async fn assert_runs_on(handle: &Handle) {
    let task = task::Builder::new().name("a sign").spawn_on(pending::<()>(), handle).unwrap();
    assert!(Handle::current().all_tasks().iter().any(|found| found.id() == task.id()));
    task.abort();
}

/// ported: test_runners.py::RunTests::test_asyncio_run_loop_factory
fn on_the_runtime_that_was_built(flavor: Flavor) {
    let (runtime, other) = (flavor.runtime(), flavor.runtime());
    runtime.block_on(assert_runs_on(runtime.handle()));
    let mistaken = panics(|| runtime.block_on(assert_runs_on(other.handle())));
    assert!(mistaken.message.contains("all_tasks"), "{}", mistaken.message);
}

/// ported: test_runners.py::RunnerTests::test_custom_factory
fn on_a_runtime_as_one_likes(flavor: Flavor) {
    let started = Arc::new(AtomicUsize::new(0));
    let starts = started.clone();
    let runtime = flavor
        .builder()
        .on_thread_start(move || {
            starts.fetch_add(1, Ordering::SeqCst);
        })
        .build()
        .unwrap();
    runtime.block_on(async { task::spawn_blocking(|| {}).await.unwrap() });
    assert!(started.load(Ordering::SeqCst) > 0);
}

/// different: test_runners.py::RunTests::test_loop_factory_default_event_loop: the default is what uses all cores, not what the platform has
fn one_kind_of_runtime_is_the_default(_: Flavor) {
    windlass::run(async { assert_eq!(Handle::current().runtime_flavor(), RuntimeFlavor::MultiThread) });
}

/// Whether the runtime of the handle takes no task any more.
fn is_closed(handle: &Handle) -> bool {
    let task = handle.spawn(async {});
    task.is_finished() && futures::executor::block_on(task).unwrap_err().is_cancelled()
}

/// ported: test_runners.py::RunnerTests::test_run
fn a_runtime_is_closed_at_its_end(flavor: Flavor) {
    let handle = {
        let runtime = flavor.runtime();
        assert_eq!(
            runtime.block_on(async {
                task::yield_now().await;
                "done"
            }),
            "done"
        );
        runtime.handle().clone()
    };
    assert!(is_closed(&handle));
}

/// ported: test_runners.py::RunnerTests::test_explicit_close
fn a_closed_runtime_runs_nothing(flavor: Flavor) {
    let runtime = flavor.runtime();
    let handle = runtime.handle().clone();
    runtime.shutdown_background();
    assert!(is_closed(&handle));
}

/// different: test_runners.py::RunnerTests::test_run_future: what is awaited is run, be it a promise or not
fn a_promise_is_run_like_any_future(flavor: Flavor) {
    let runtime = flavor.runtime();
    let promise = Promise::new_on(runtime.handle());
    promise.set_result(7).unwrap();
    assert_eq!(runtime.block_on(promise.into_future()).unwrap(), 7);
}

windlass::context_var! { static VALUE: i32 = -1; }

/// different: test_runners.py::RunnerTests::test_run_keeps_context: every run begins with the context of its caller, and what it sets ends with it
fn contexts_of_runs(flavor: Flavor) {
    let change = async |to| {
        let old = VALUE.get();
        task::yield_now().await;
        VALUE.set(to);
        old
    };
    let runtime = flavor.runtime();
    assert_eq!(runtime.block_on(change(1)), -1);
    assert_eq!(runtime.block_on(change(2)), -1);
    VALUE.sync_scope(7, || {
        assert_eq!(runtime.block_on(change(3)), 7);
        assert_eq!(VALUE.get(), 7);
    });
}

/// An output that no one may format.
struct Secret;

impl fmt::Debug for Secret {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        panic!("it was formatted");
    }
}

/// ported: test_runners.py::RunnerTests::test_no_repr_is_call_on_the_task_result
fn outputs_are_not_formatted(flavor: Flavor) {
    let Secret = run(flavor, async {
        let task = windlass::spawn(async { Secret });
        yield_until(|| task.is_finished()).await;
        assert!(format!("{task:?}").contains("Finished"));
        task.await.unwrap()
    });
}

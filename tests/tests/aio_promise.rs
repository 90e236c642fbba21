//! `Promise`: set once, awaited by many, callbacks that never run inline. CPython's test_futures.py.
//!
//! inexpressible: test_futures.py::BaseFutureTests::test_log_traceback: whether it has been looked at cannot be set
//! inexpressible: test_futures.py::BaseFutureTests::test_future_del_collect: there is no garbage collector
//! inexpressible: test_futures.py::CFutureTests::test_future_iter_get_referents_segfault: a promise is no generator
//! inexpressible: test_futures.py::BaseFutureInheritanceTests::test_inherit_without_calling_super_init: nothing derives from a promise
//! inexpressible: test_futures.py::BaseFutureTests::test_constructor_positional: the compiler refuses it
//! inexpressible: test_futures.py::BaseFutureTests::test_uninitialized: the compiler refuses it
//! inexpressible: test_futures.py::BaseFutureTests::test_isfuture: the compiler knows
//! inexpressible: test_futures.py::BaseFutureTests::test_generic_alias: the compiler knows
//! inexpressible: test_futures.py::BaseFutureTests::test_iter: a promise is no generator
//! inexpressible: test_futures.py::BaseFutureTests::test_yield_from_twice: a promise is no generator
//! inexpressible: test_futures.py::BaseFutureTests::test_future_iter_throw: a promise is no generator
//! inexpressible: test_futures.py::BaseFutureTests::test_stop_iteration_exception: there is no StopIteration
//! inexpressible: test_futures.py::BaseFutureTests::test_stop_iteration_subclass_exception: there is no StopIteration
//! inexpressible: test_futures.py::BaseFutureTests::test_future_stop_iteration_args: there is no StopIteration
//! inexpressible: test_futures.py::BaseFutureTests::test_exception_class: an error is a value
//! inexpressible: test_futures.py::BaseFutureTests::test_future_cancel_message_getter: a cancellation has no message
//! inexpressible: test_futures.py::BaseFutureTests::test_future_cancel_message_setter: a cancellation has no message
//! inexpressible: test_futures.py::CFutureTests::test_future_del_segfault: nothing can be deleted

use std::future::IntoFuture;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::Mutex;
use windlass::aio::{Promise, wait_for};
use windlass::runtime::Handle;
use windlass::task::{self, UnhandledKind};
use windlass_tests::{CountingWaker, Flavor, on_conformance_flavors, panics_at_its_caller, yield_until};

on_conformance_flavors!(
    the_initial_state,
    cancelled,
    a_result,
    an_exception,
    set_twice,
    set_unless_cancelled,
    described,
    many_awaiters,
    an_awaiter_given_up,
    a_waker_is_kept_once,
    awaited_by_reference,
    a_promise_on_a_runtime_that_was_entered,
    an_exception_nobody_looks_at_is_reported,
    an_exception_is_reported_after_a_cancel,
    what_was_looked_at_is_not_reported,
    set_from_a_thread,
    raced_for,
    a_promise_outside_of_a_runtime,
    a_promise_on_a_handle,
    a_promise_whose_runtime_is_gone,
);

/// ported: test_futures.py::BaseFutureTests::test_initial_state
/// ported: test_futures.py::BaseFutureTests::test_constructor_use_running_loop
fn the_initial_state(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let promise = Promise::<u8>::new();
        assert!(!promise.cancelled() && !promise.done());
        assert!(promise.result().is_err() && promise.exception().is_err());
        assert!(promise.cancel());
        assert!(promise.cancelled() && promise.done());
    });
}

/// ported: test_futures.py::BaseFutureTests::test_cancel
fn cancelled(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let promise = Promise::<u8>::new();
        assert!(promise.cancel());
        assert!(promise.cancelled() && promise.done());
        assert!(promise.result().unwrap().unwrap_err().is_cancelled());
        assert!(promise.exception().unwrap().unwrap().is_cancelled());
        assert!(promise.set_result(1).is_err());
        assert!(promise.set_exception("late").is_err());
        assert!(!promise.cancel());
        assert!(promise.await.unwrap_err().is_cancelled());
    });
}

/// ported: test_futures.py::BaseFutureTests::test_result
fn a_result(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let promise = Promise::new();
        assert!(promise.result().unwrap_err().to_string().contains("no result yet"));
        promise.set_result(42).unwrap();
        assert!(!promise.cancelled() && promise.done());
        assert_eq!(promise.result().unwrap().unwrap(), 42);
        assert!(promise.exception().unwrap().is_none());
        assert!(promise.set_result(43).is_err());
        assert!(!promise.cancel());
        assert_eq!(promise.result().unwrap().unwrap(), 42);
    });
}

/// ported: test_futures.py::BaseFutureTests::test_exception
fn an_exception(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let promise = Promise::<u8>::new();
        assert!(promise.exception().is_err());
        promise.set_exception(std::fmt::Error).unwrap();
        assert!(!promise.cancelled() && promise.done());
        let error = promise.result().unwrap().unwrap_err();
        assert!(error.error().unwrap().is::<std::fmt::Error>());
        assert!(promise.exception().unwrap().unwrap().error().unwrap().is::<std::fmt::Error>());
        assert!(promise.set_exception("again").is_err());
        assert!(!promise.cancel());
        assert!(!promise.await.unwrap_err().is_cancelled());
    });
}

/// ported: test_tasks.py::SetMethodsTest::test_set_result_causes_invalid_state
/// ported: test_tasks.py::SetMethodsTest::test_set_exception_causes_invalid_state
fn set_twice(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let promise = Promise::new();
        promise.set_result("first").unwrap();
        assert!(promise.set_result("second").unwrap_err().to_string().contains("done"));
        assert!(promise.set_exception("third").is_err());
        assert_eq!(promise.await.unwrap(), "first");
    });
}

/// ported: test_futures.py::BaseFutureTests::test_set_result_unless_cancelled
fn set_unless_cancelled(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let promise = Promise::new();
        promise.cancel();
        let _ = promise.set_result(2);
        assert!(promise.cancelled());
    });
}

/// ported: test_futures.py::BaseFutureTests::test_future_repr
/// ported: test_futures.py::BaseFutureTests::test_future_source_traceback
fn described(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let promise = Promise::<u8>::new();
        let text = format!("{promise:?}");
        assert!(text.contains("Pending") && text.contains("aio_promise.rs"), "{text}");
        promise.add_done_callback(|_| {});
        assert!(format!("{promise:?}").contains("callbacks: 1"));
        promise.set_result(4).unwrap();
        assert!(format!("{promise:?}").contains("Finished"));
        let failed = Promise::<u8>::new();
        failed.set_exception("e").unwrap();
        assert!(format!("{failed:?}").contains("Failed"));
        let _ = failed.exception();
        let gone = Promise::<u8>::new();
        gone.cancel();
        assert!(format!("{gone:?}").contains("Cancelled"));
    });
}

fn many_awaiters(flavor: Flavor) {
    if cfg!(windlass_sanitize_thread) {
        // Of what a `OnceLock` points to that sanitizer does not see how it got to whoever follows it.
        many_await(flavor, 7);
    } else {
        many_await(flavor, Arc::new(7));
    }
}

fn many_await<T: Clone + PartialEq + std::fmt::Debug + Send + Sync + 'static>(flavor: Flavor, result: T) {
    flavor.runtime().block_on(async {
        let promise = Promise::new();
        let awaiters: Vec<_> = (0..500).map(|_| windlass::spawn(promise.clone().into_future())).collect();
        task::yield_now().await;
        promise.set_result(result.clone()).unwrap();
        for awaiter in awaiters {
            assert_eq!(awaiter.await.unwrap().unwrap(), result);
        }
    });
}

fn an_awaiter_given_up(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let promise = Promise::new();
        let one = windlass::spawn(promise.clone().into_future());
        let two = windlass::spawn(promise.clone().into_future());
        task::yield_now().await;
        one.abort();
        assert!(one.await.unwrap_err().is_cancelled());
        promise.set_result(1).unwrap();
        assert_eq!(two.await.unwrap().unwrap(), 1);
        let task = windlass::spawn(Promise::<()>::new().into_future());
        assert!(wait_for(task, std::time::Duration::ZERO).await.is_err());
    });
}

fn a_waker_is_kept_once(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let promise = Promise::new();
        let (counter, waker) = CountingWaker::new();
        let mut context = std::task::Context::from_waker(&waker);
        let mut future = promise.clone().into_future();
        for _ in 0..3 {
            assert!(std::pin::Pin::new(&mut future).poll(&mut context).is_pending());
        }
        promise.set_result(()).unwrap();
        assert_eq!(counter.wakes(), 1);
        assert!(std::pin::Pin::new(&mut future).poll(&mut context).is_ready());
    });
}

fn awaited_by_reference(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let promise = Promise::new();
        promise.set_result(1).unwrap();
        assert_eq!((&promise).await.unwrap() + (&promise).await.unwrap(), 2);
    });
}

/// ported: test_futures.py::BaseFutureTests::test_constructor_use_global_loop
fn a_promise_on_a_runtime_that_was_entered(flavor: Flavor) {
    let runtime = flavor.runtime();
    let (tells, told) = std::sync::mpsc::channel();
    let promise = {
        let _entered = runtime.enter();
        Promise::<u8>::new()
    };
    let here = runtime.handle().clone();
    // Its callbacks run there.
    promise.add_done_callback(move |_| {
        let sign = task::Builder::new().name("a sign").spawn_on(std::future::pending::<()>(), &here).unwrap();
        let found = Handle::current().all_tasks().iter().any(|task| task.id() == sign.id());
        tells.send(found).unwrap();
    });
    promise.set_result(1).unwrap();
    runtime.block_on(async { assert_eq!(promise.await.unwrap(), 1) });
    let mut found = None;
    runtime.block_on(yield_until(|| {
        found = told.try_recv().ok();
        found.is_some()
    }));
    assert_eq!(found, Some(true));
}

/// ported: test_futures.py::BaseFutureTests::test_tb_logger_exception_unretrieved
/// ported: test_futures.py::BaseFutureTests::test_future_exception_never_retrieved
/// ported: test_futures.py::BaseFutureTests::test_future_exception_never_retrieved_debug
fn an_exception_nobody_looks_at_is_reported(flavor: Flavor) {
    let reports = Arc::new(Mutex::new(Vec::new()));
    let list = reports.clone();
    let runtime = flavor
        .builder()
        .on_unhandled(move |unhandled| {
            assert!(unhandled.error_ref().is_some() && unhandled.payload().is_none());
            list.lock().push((unhandled.kind(), unhandled.message(), unhandled.location().line()));
        })
        .build()
        .unwrap();
    let line = line!() + 2;
    runtime.block_on(async {
        let promise = Promise::<u8>::new();
        promise.set_exception("nobody asks").unwrap();
        let clone = promise.clone();
        drop(promise);
        assert!(reports.lock().is_empty());
        drop(clone);
    });
    assert_eq!(*reports.lock(), [(UnhandledKind::Promise, "nobody asks".to_owned(), line)]);
}

/// different: test_futures.py::BaseFutureTests::test_tb_logger_not_called_after_cancel: an exception that nobody has seen is reported, though it be cancelled after it, which does nothing
fn an_exception_is_reported_after_a_cancel(flavor: Flavor) {
    let reports = Arc::new(AtomicUsize::new(0));
    let count = reports.clone();
    let runtime = flavor
        .builder()
        .on_unhandled(move |_| {
            count.fetch_add(1, Ordering::SeqCst);
        })
        .build()
        .unwrap();
    runtime.block_on(async {
        let promise = Promise::<u8>::new();
        promise.set_exception("nobody asks").unwrap();
        assert!(!promise.cancel());
    });
    assert_eq!(reports.load(Ordering::SeqCst), 1);
}

/// ported: test_futures.py::BaseFutureTests::test_tb_logger_abandoned
/// ported: test_futures.py::BaseFutureTests::test_tb_logger_result_unretrieved
/// ported: test_futures.py::BaseFutureTests::test_tb_logger_result_retrieved
/// ported: test_futures.py::BaseFutureTests::test_tb_logger_exception_retrieved
/// ported: test_futures.py::BaseFutureTests::test_tb_logger_exception_result_retrieved
fn what_was_looked_at_is_not_reported(flavor: Flavor) {
    let reports = Arc::new(AtomicUsize::new(0));
    let count = reports.clone();
    let runtime = flavor
        .builder()
        .on_unhandled(move |_| {
            count.fetch_add(1, Ordering::SeqCst);
        })
        .build()
        .unwrap();
    runtime.block_on(async {
        drop(Promise::<u8>::new());
        Promise::<u8>::new().cancel();
        Promise::<u8>::new().set_result(1).unwrap();
        let looked = Promise::<u8>::new();
        looked.set_exception("seen").unwrap();
        let _ = looked.exception();
        let asked = Promise::<u8>::new();
        asked.set_exception("seen").unwrap();
        let _ = asked.result();
        let awaited = Promise::<u8>::new();
        awaited.set_exception("seen").unwrap();
        let _ = awaited.await;
    });
    drop(runtime);
    assert_eq!(reports.load(Ordering::SeqCst), 0);
}

fn set_from_a_thread(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let promise = Promise::new();
        let there = promise.clone();
        let thread = std::thread::spawn(move || there.set_result("from afar").unwrap());
        assert_eq!(promise.await.unwrap(), "from afar");
        thread.join().unwrap();
    });
}

fn raced_for(flavor: Flavor) {
    flavor.runtime().block_on(async {
        for _ in 0..50 {
            let promise = Promise::new();
            let setters: Vec<_> = (0..4)
                .map(|n| {
                    let promise = promise.clone();
                    windlass::spawn(async move { promise.set_result(n).is_ok() })
                })
                .collect();
            let value = (&promise).await.unwrap();
            let mut won = Vec::new();
            for (n, setter) in setters.into_iter().enumerate() {
                if setter.await.unwrap() {
                    won.push(n);
                }
            }
            assert_eq!(won, [value]);
        }
    });
}

/// ported: test_futures.py::BaseFutureTests::test_constructor_without_loop
fn a_promise_outside_of_a_runtime(flavor: Flavor) {
    // There is one, but here is not inside of it.
    let _runtime = flavor.runtime();
    let panicked = panics_at_its_caller(|| Promise::<u8>::new());
    assert!(panicked.message.contains("runtime"), "{}", panicked.message);
}

fn a_promise_on_a_handle(flavor: Flavor) {
    let runtime = flavor.runtime();
    let promise = Promise::new_on(runtime.handle());
    promise.set_result(1).unwrap();
    assert_eq!(runtime.block_on(promise.into_future()).unwrap(), 1);
}

fn a_promise_whose_runtime_is_gone(flavor: Flavor) {
    let runtime = flavor.runtime();
    let promise = Promise::new_on(runtime.handle());
    let token = Arc::new(());
    let held = token.clone();
    drop(runtime);
    promise.add_done_callback(move |_| drop(held));
    promise.set_result(1).unwrap();
    assert_eq!(promise.result().unwrap().unwrap(), 1);
    // The callback cannot run any more, and is dropped.
    assert_eq!(Arc::strong_count(&token), 1);
}

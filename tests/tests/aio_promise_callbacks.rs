//! The callbacks of a `Promise`: each is called once, in order, later, and never inline. CPython's test_futures.py.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use parking_lot::Mutex;
use windlass::aio::Promise;
use windlass::runtime::Runtime;
use windlass::task::{UnhandledKind, yield_now};
use windlass_tests::{Flavor, OnDrop, on_conformance_flavors, reports, yield_until};

on_conformance_flavors!(
    callbacks_when_a_result_is_set,
    callbacks_when_an_exception_is_set,
    callbacks_when_it_is_cancelled,
    callbacks_never_run_inline,
    callbacks_in_their_order,
    callbacks_added_late_in_their_order,
    callbacks_added_late_by_many_threads,
    callbacks_that_add_others_let_tasks_run,
    callbacks_after_the_end_of_the_runtime,
    callbacks_dropped_with_the_runtime,
    callbacks_removed,
    callbacks_removed_by_a_callback,
    callbacks_removed_as_one_is_removed,
    a_callback_that_panics_is_reported,
    a_callback_has_the_promise,
    callbacks_have_the_context_they_were_added_in,
);

type Calls = Arc<Mutex<Vec<String>>>;

fn log_of_calls() -> (Calls, impl Fn(&'static str, &Promise<u8>)) {
    let calls = Calls::default();
    let log = calls.clone();
    (calls, move |name, promise: &Promise<u8>| {
        for _ in 0..3 {
            let (log, name) = (log.clone(), name.to_owned());
            promise.add_done_callback(move |_| log.lock().push(name));
        }
    })
}

fn callbacks_when_a_result_is_set(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let (calls, add) = log_of_calls();
        let promise = Promise::new();
        add("spam", &promise);
        promise.set_result(1).unwrap();
        yield_until(|| calls.lock().len() == 3).await;
    });
}

/// ported: test_futures.py::BaseFutureDoneCallbackTests::test_callbacks_invoked_on_set_exception
fn callbacks_when_an_exception_is_set(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let (calls, add) = log_of_calls();
        let promise = Promise::new();
        add("spam", &promise);
        promise.set_exception("boo").unwrap();
        yield_until(|| calls.lock().len() == 3).await;
        let _ = promise.result();
    });
}

fn callbacks_when_it_is_cancelled(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let (calls, add) = log_of_calls();
        let promise = Promise::new();
        add("spam", &promise);
        promise.cancel();
        yield_until(|| calls.lock().len() == 3).await;
    });
}

fn callbacks_never_run_inline(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let promise = Promise::<u8>::new();
        let here = Arc::new(Mutex::new(()));
        for late in [false, true] {
            let held = here.clone();
            // Run inline, it would wait for its caller.
            let locked = here.lock();
            if late {
                promise.add_done_callback(move |_| drop(held.lock()));
            } else {
                promise.add_done_callback(move |_| drop(held.lock()));
                promise.set_result(1).unwrap();
            }
            drop(locked);
        }
    });
}

/// ported: test_futures.py::BaseFutureDoneCallbackTests::test_callbacks_invoked_on_set_result
fn callbacks_in_their_order(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let calls = Arc::new(Mutex::new(Vec::new()));
        let promise = Promise::<u8>::new();
        for n in 0..100 {
            let calls = calls.clone();
            promise.add_done_callback(move |_| calls.lock().push(n));
        }
        assert!(calls.lock().is_empty());
        promise.set_result(1).unwrap();
        yield_until(|| calls.lock().len() == 100).await;
        assert!(calls.lock().iter().copied().eq(0..100));
        assert_eq!(promise.result().unwrap().unwrap(), 1);
    });
}

fn callbacks_added_late_in_their_order(flavor: Flavor) {
    flavor.runtime().block_on(async {
        for _ in 0..100 {
            let calls = Arc::new(Mutex::new(Vec::new()));
            let promise = Promise::<u8>::new();
            let adds = |n| {
                let calls = calls.clone();
                promise.add_done_callback(move |_| calls.lock().push(n));
            };
            adds(0);
            promise.set_result(1).unwrap();
            (1..10).for_each(&adds);
            yield_until(|| calls.lock().len() == 10).await;
            assert!(calls.lock().iter().copied().eq(0..10));
        }
    });
}

fn callbacks_added_late_by_many_threads(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let promise = Promise::<u8>::new();
        promise.set_result(1).unwrap();
        let (calls, inside) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicUsize::new(0)));
        let threads = [0, 1, 2, 3].map(|thread| {
            let (promise, calls, inside) = (promise.clone(), calls.clone(), inside.clone());
            thread::spawn(move || {
                for n in 0..500 {
                    let (calls, inside) = (calls.clone(), inside.clone());
                    promise.add_done_callback(move |_| {
                        let beside = inside.fetch_add(1, Ordering::SeqCst);
                        calls.lock().push((thread, n, beside));
                        inside.fetch_sub(1, Ordering::SeqCst);
                    });
                }
            })
        });
        yield_until(|| calls.lock().len() == 2_000).await;
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        let calls = calls.lock();
        assert!(calls.iter().all(|(_, _, beside)| *beside == 0), "one at a time");
        for thread in 0..4 {
            let of_thread = calls.iter().filter(|call| call.0 == thread).map(|call| call.1);
            assert!(of_thread.eq(0..500));
        }
    });
}

fn callbacks_that_add_others_let_tasks_run(flavor: Flavor) {
    fn again(promise: &Promise<u8>, until: Arc<AtomicBool>) {
        promise.add_done_callback(move |promise| {
            if !until.load(Ordering::SeqCst) {
                again(&promise, until);
            }
        });
    }
    flavor.runtime().block_on(async {
        let promise = Promise::new();
        let until = Arc::new(AtomicBool::new(false));
        again(&promise, until.clone());
        promise.set_result(1).unwrap();
        yield_now().await;
        windlass::spawn(async move { until.store(true, Ordering::SeqCst) }).await.unwrap();
    });
}

/// A runtime, and what it says of callbacks.
fn reporting(flavor: Flavor) -> (Runtime, Calls) {
    let reports = Calls::default();
    let list = reports.clone();
    let runtime = flavor
        .builder()
        .on_unhandled(move |unhandled| {
            assert_eq!((unhandled.kind(), unhandled.location().file()), (UnhandledKind::Callback, file!()));
            list.lock().push(unhandled.message());
        })
        .build()
        .unwrap();
    (runtime, reports)
}

fn callbacks_after_the_end_of_the_runtime(flavor: Flavor) {
    let (runtime, reports) = reporting(flavor);
    let promise = Promise::<u8>::new_on(runtime.handle());
    for _ in 0..2 {
        promise.add_done_callback(|_| unreachable!("there is nobody to call it"));
    }
    drop(runtime);
    promise.set_result(1).unwrap();
    assert_eq!(reports.lock().len(), 2);
    promise.add_done_callback(|_| unreachable!("there is nobody to call it"));
    assert_eq!(reports.lock().len(), 3);
    assert!(reports.lock().iter().all(|report| report.contains("was not called")));
}

fn callbacks_dropped_with_the_runtime(flavor: Flavor) {
    let (runtime, reports) = reporting(flavor);
    let promise = Promise::<u8>::new_on(runtime.handle());
    let calls = Arc::new(AtomicUsize::new(0));
    let adds = || {
        let calls = calls.clone();
        promise.add_done_callback(move |_| {
            calls.fetch_add(1, Ordering::SeqCst);
        })
    };
    adds();
    promise.set_result(1).unwrap();
    adds();
    drop(runtime);
    // Whether or not there was time to call them, nothing is left unsaid.
    assert_eq!(calls.load(Ordering::SeqCst) + reports.lock().len(), 2);
}

/// ported: test_futures.py::BaseFutureDoneCallbackTests::test_remove_done_callback
/// ported: test_futures.py::BaseFutureDoneCallbackTests::test_callbacks_remove_first_callback
/// ported: test_futures.py::BaseFutureDoneCallbackTests::test_callbacks_remove_first_and_second_callback
/// ported: test_futures.py::BaseFutureDoneCallbackTests::test_callbacks_remove_third_callback
fn callbacks_removed(flavor: Flavor) {
    flavor.runtime().block_on(async {
        for gone in [vec![0], vec![0, 1], vec![2], vec![0, 1, 2]] {
            let calls = Arc::new(Mutex::new(Vec::new()));
            let promise = Promise::<u8>::new();
            let ids: Vec<_> = (0..4)
                .map(|n| {
                    let calls = calls.clone();
                    promise.add_done_callback(move |_| calls.lock().push(n))
                })
                .collect();
            for n in &gone {
                assert!(promise.remove_done_callback(ids[*n]));
                assert!(!promise.remove_done_callback(ids[*n]));
            }
            assert!(calls.lock().is_empty());
            promise.set_result(1).unwrap();
            yield_until(|| calls.lock().len() == 4 - gone.len()).await;
            assert!(calls.lock().iter().copied().eq((0..4).filter(|n| !gone.contains(n))));
            assert_eq!(promise.result().unwrap().unwrap(), 1);
            assert!(!promise.remove_done_callback(ids[3]));
        }
    });
}

/// ported: test_futures.py::BaseFutureDoneCallbackTests::test_schedule_callbacks_list_mutation_1
fn callbacks_removed_by_a_callback(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let calls = Arc::new(AtomicUsize::new(0));
        let promise = Promise::<u8>::new();
        let (counts, again) = (calls.clone(), calls.clone());
        let id = promise.add_done_callback(move |promise| {
            counts.fetch_add(1, Ordering::SeqCst);
            promise.add_done_callback(move |_| {
                counts.fetch_add(10, Ordering::SeqCst);
            });
        });
        promise.add_done_callback(move |promise| {
            assert!(!promise.remove_done_callback(id));
            again.fetch_add(100, Ordering::SeqCst);
        });
        promise.set_result(1).unwrap();
        yield_until(|| calls.load(Ordering::SeqCst) == 111).await;
    });
}

fn a_callback_that_panics_is_reported(flavor: Flavor) {
    let (runtime, reports) = reports::reporting(flavor);
    runtime.block_on(async {
        let calls = Arc::new(AtomicUsize::new(0));
        let next = calls.clone();
        let promise = Promise::<u8>::new();
        promise.add_done_callback(|_| panic!("in a callback"));
        promise.add_done_callback(move |_| {
            next.fetch_add(1, Ordering::SeqCst);
        });
        promise.set_result(1).unwrap();
        yield_until(|| calls.load(Ordering::SeqCst) == 1).await;
    });
    assert_eq!(*reports.lock(), [(UnhandledKind::Callback, "in a callback".to_owned())]);
}

/// ported: test_futures.py::BaseFutureTests::test_copy_state
fn a_callback_has_the_promise(flavor: Flavor) {
    let copy_of = |source: &Promise<u8>| {
        let copy = Promise::new();
        let to = copy.clone();
        source.add_done_callback(move |source| match source.result().unwrap() {
            Ok(value) => to.set_result(value).unwrap(),
            Err(error) if error.is_cancelled() => assert!(to.cancel()),
            Err(error) => to.set_exception(error).unwrap(),
        });
        copy
    };
    flavor.runtime().block_on(async {
        let source = Promise::new();
        let copy = copy_of(&source);
        source.set_result(10).unwrap();
        assert_eq!(copy.await.unwrap(), 10);

        let source = Promise::new();
        let copy = copy_of(&source);
        source.set_exception("boo").unwrap();
        assert!((&copy).await.unwrap_err().to_string().contains("boo"));
        assert!(!copy.cancelled());

        let source = Promise::new();
        let copy = copy_of(&source);
        source.cancel();
        assert!((&copy).await.unwrap_err().is_cancelled());
        assert!(copy.cancelled());
    });
}

/// ported: test_futures.py::BaseFutureDoneCallbackTests::test_remove_done_callbacks_list_clear
/// ported: test_futures.py::BaseFutureDoneCallbackTests::test_remove_done_callbacks_list_mutation
/// ported: test_futures.py::BaseFutureDoneCallbackTests::test_schedule_callbacks_list_mutation_2
fn callbacks_removed_as_one_is_removed(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let promise = Promise::<u8>::new();
        let others: Vec<_> =
            (0..63).map(|_| promise.add_done_callback(|_| panic!("it was removed"))).collect();
        let (removes, count) = (promise.clone(), others.len());
        let last = Arc::new(AtomicUsize::new(0));
        let adds = {
            let counts = last.clone();
            move |promise: &Promise<u8>| {
                let counts = counts.clone();
                promise.add_done_callback(move |_| {
                    counts.fetch_add(1, Ordering::SeqCst);
                });
            }
        };
        adds(&promise);
        // What a callback holds is dropped with it, and that may do anything.
        let evil = OnDrop::new(move || {
            let removed = others.into_iter().filter(|other| removes.remove_done_callback(*other)).count();
            assert_eq!(removed, count);
            (0..100).for_each(|_| adds(&removes));
        });
        let id = promise.add_done_callback(move |_| drop(evil));
        assert!(promise.remove_done_callback(id));
        assert!(!promise.remove_done_callback(id));
        promise.set_result(1).unwrap();
        yield_until(|| last.load(Ordering::SeqCst) == 101).await;
    });
}

windlass::context_var! { static WHO: &'static str = "nobody"; }

fn callbacks_have_the_context_they_were_added_in(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let promise = Promise::<u8>::new();
        for who in ["ada", "grace"] {
            let seen = seen.clone();
            WHO.sync_scope(who, || promise.add_done_callback(move |_| seen.lock().push(WHO.get())));
        }
        WHO.sync_scope("alan", || promise.set_result(1)).unwrap();
        yield_until(|| seen.lock().len() == 2).await;
        assert_eq!(*seen.lock(), ["ada", "grace"]);
    });
}

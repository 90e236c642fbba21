//! `to_thread`: CPython's test_threads.py.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use windlass::aio::gather;
use windlass::to_thread;
use windlass_tests::{Flavor, on_conformance_flavors};

on_conformance_flavors!(a_call, a_call_that_panics, called_once, called_at_once, with_what_it_is_given);

/// ported: test_threads.py::ToThreadTests::test_to_thread
fn a_call(flavor: Flavor) {
    flavor.runtime().block_on(async {
        assert_eq!(to_thread(|| (0..10).sum::<i32>() - 5).await.unwrap(), 40);
    });
}

/// ported: test_threads.py::ToThreadTests::test_to_thread_exception
fn a_call_that_panics(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let error = to_thread(|| panic!("test")).await.map(|(): ()| ()).unwrap_err();
        assert_eq!(*error.into_panic().downcast::<&str>().unwrap(), "test");
    });
}

/// ported: test_threads.py::ToThreadTests::test_to_thread_once
fn called_once(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let calls = Arc::new(AtomicUsize::new(0));
        let counts = calls.clone();
        to_thread(move || counts.fetch_add(1, Ordering::SeqCst)).await.unwrap();
        assert_eq!(calls.load(Ordering::SeqCst), 1);
    });
}

/// ported: test_threads.py::ToThreadTests::test_to_thread_concurrent
fn called_at_once(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let calls = Arc::new(AtomicUsize::new(0));
        let futures: Vec<_> = (0..10)
            .map(|_| {
                let calls = calls.clone();
                to_thread(move || {
                    calls.fetch_add(1, Ordering::SeqCst);
                })
            })
            .collect();
        gather(futures).await.unwrap();
        assert_eq!(calls.load(Ordering::SeqCst), 10);
    });
}

/// ported: test_threads.py::ToThreadTests::test_to_thread_args_kwargs
fn with_what_it_is_given(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let (argument, something) = (String::from("test"), 1);
        let result = to_thread(move || format!("{argument} {something}")).await.unwrap();
        assert_eq!(result, "test 1");
    });
}

//! `map`: order, eagerness, time limit, buffersize, abandonment. After CPython's executor tests.

mod common;

use common::{SHORT, occupy};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use windlass_blocking::{ExecutorExt, MapOptions, ThreadPoolExecutor};

#[test]
fn results_come_in_the_order_of_the_items() {
    let pool = ThreadPoolExecutor::new(4);
    let naps = [30, 0, 20, 10];
    let results = pool.map(
        |ms| {
            std::thread::sleep(Duration::from_millis(ms));
            ms
        },
        naps,
    );
    assert_eq!(results.map(Result::unwrap).collect::<Vec<_>>(), naps);
}

#[test]
fn it_submits_without_being_iterated() {
    let pool = ThreadPoolExecutor::new(2);
    let count = Arc::new(AtomicUsize::new(0));
    let counter = count.clone();
    let results = pool.map(move |_| counter.fetch_add(1, Ordering::Relaxed), 0..50);
    common::eventually("all have run", || count.load(Ordering::Relaxed) == 50);
    drop(results);
}

#[test]
fn a_panic_is_an_item_and_the_iteration_goes_on() {
    let pool = ThreadPoolExecutor::new(1);
    let mut results = pool.map(|n: i32| 12 / n, [1, 0, 3]);
    assert_eq!(results.next().unwrap().unwrap(), 12);
    assert!(results.next().unwrap().unwrap_err().is_panic());
    assert_eq!(results.next().unwrap().unwrap(), 4);
    assert!(results.next().is_none());
}

#[test]
fn collecting_stops_at_the_first_error_and_cancels_the_rest() {
    let pool = ThreadPoolExecutor::new(1);
    let ran = Arc::new(AtomicUsize::new(0));
    let counter = ran.clone();
    let gate = occupy(&pool);
    let (go, gated) = std::sync::mpsc::channel::<()>();
    let gated = std::sync::Mutex::new(gated);
    let results = pool.map(
        move |n| {
            counter.fetch_add(1, Ordering::Relaxed);
            match n {
                0 => panic!("this panic belongs to the test"),
                1 => drop(gated.lock().unwrap().recv()),
                _ => {}
            }
        },
        0..20,
    );
    drop(gate);
    assert!(results.collect::<Result<Vec<()>, _>>().unwrap_err().is_panic());
    drop(go);
    drop(pool);
    // The first panicked, the second may have started; the others were cancelled.
    assert!(ran.load(Ordering::Relaxed) <= 2);
}

#[test]
fn the_time_counts_from_the_call_and_what_is_queued_is_cancelled() {
    let pool = ThreadPoolExecutor::new(1);
    let gate = occupy(&pool);
    let ran = Arc::new(AtomicUsize::new(0));
    let counter = ran.clone();
    let options = MapOptions::new().timeout(SHORT);
    let mut results = pool.map_with(options, move |_| counter.fetch_add(1, Ordering::Relaxed), 0..10);
    assert!(results.next().unwrap().unwrap_err().is_timeout());
    assert!(results.next().is_none());
    drop(gate);
    drop(results);
    drop(pool);
    assert_eq!(ran.load(Ordering::Relaxed), 0);
}

#[test]
fn what_is_done_in_time_is_had_after_it() {
    let pool = ThreadPoolExecutor::new(1);
    let begun = Instant::now();
    let mut results = pool.map_with(MapOptions::new().timeout(SHORT), |n| n, [7]);
    // It is done when its thread rests, in time or a moment after it: what counts is that nobody has asked before that.
    common::eventually("it is done", || pool.metrics().idle_threads == 1);
    std::thread::sleep((begun + 2 * SHORT).saturating_duration_since(Instant::now()));
    assert_eq!(results.next().unwrap().unwrap(), 7);
}

#[test]
fn abandoning_it_cancels_the_rest() {
    let pool = ThreadPoolExecutor::new(1);
    let gate = occupy(&pool);
    let token = Arc::new(());
    let inside = token.clone();
    let results = pool.map(
        move |_| {
            let _ = &inside;
            unreachable!("cancelled before it started")
        },
        0..10,
    );
    drop(results.map(|result: Result<(), _>| result));
    assert_eq!(Arc::strong_count(&token), 1);
    drop(gate);
}

#[test]
fn the_buffersize_is_never_exceeded() {
    for buffersize in [1, 2, 3, 10, 100] {
        let pool = ThreadPoolExecutor::new(2);
        let taken = AtomicUsize::new(0);
        let items = (0..40).inspect(|_| {
            taken.fetch_add(1, Ordering::Relaxed);
        });
        let mut results = pool.map_with(MapOptions::new().buffersize(buffersize), |n| n, items);
        assert_eq!(taken.load(Ordering::Relaxed), buffersize.min(40));
        for n in 0..40 {
            assert_eq!(results.next().unwrap().unwrap(), n);
            let ahead = taken.load(Ordering::Relaxed) - (n + 1);
            assert!(ahead <= buffersize, "{ahead} ahead of {buffersize} after item {n}");
        }
        assert!(results.next().is_none());
    }
}

#[test]
fn no_items_no_results() {
    let pool = ThreadPoolExecutor::new(1);
    assert!(pool.map(|n: u32| n, []).next().is_none());
    assert_eq!(pool.metrics().threads, 0);
}

#[test]
fn a_result_is_let_go_of_as_it_is_yielded() {
    let pool = ThreadPoolExecutor::new(2);
    for result in pool.map(|_| Arc::new(()), 0..10) {
        common::eventually("we have the only one", || Arc::strong_count(result.as_ref().unwrap()) == 1);
    }
}

#[test]
fn a_pool_that_was_shut_down_yields_errors() {
    let pool = ThreadPoolExecutor::new(1);
    pool.shutdown(true, false);
    assert!(pool.map(|n| n, 0..3).all(|result| result.unwrap_err().is_rejected()));
}

#[test]
fn a_buffersize_of_none_is_refused() {
    assert!(std::panic::catch_unwind(|| MapOptions::new().buffersize(0)).is_err());
}

#[test]
fn items_that_panic_take_what_was_submitted_along() {
    let pool = ThreadPoolExecutor::new(1);
    let gate = occupy(&pool);
    let token = Arc::new(());
    let inside = token.clone();
    let items = (0..10).inspect(|n| assert_ne!(*n, 3, "this panic belongs to the test"));
    let panic = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        let f = move |_| -> u32 {
            let _ = &inside;
            unreachable!("cancelled before it started")
        };
        pool.map(f, items).count()
    }));
    assert!(panic.is_err());
    assert_eq!(Arc::strong_count(&token), 1);
    drop(gate);
    assert_eq!(pool.submit(|| 1).result().unwrap(), 1);
}

/// Panics when it is dropped.
struct Sore;

impl Drop for Sore {
    fn drop(&mut self) {
        std::panic::resume_unwind(Box::new("sore"));
    }
}

#[test]
fn a_result_that_panics_as_it_is_dropped_does_not_stop_a_cancellation() {
    let pool = ThreadPoolExecutor::new(1);
    let (send, gate) = std::sync::mpsc::channel::<()>();
    let gate = Mutex::new(gate);
    let ran = Arc::new(AtomicUsize::new(0));
    let count = ran.clone();
    let f = move |n: usize| {
        count.fetch_add(1, Ordering::Relaxed);
        if n == 2 {
            let _ = gate.lock().unwrap().recv();
        }
        (n == 1).then(|| Sore)
    };
    let mut results = pool.map(f, 0..5);
    assert!(results.next().unwrap().unwrap().is_none());
    while ran.load(Ordering::Relaxed) < 3 {
        std::thread::yield_now();
    }
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| drop(results))).unwrap_err();
    drop(send);
    pool.shutdown(true, false);
    assert_eq!(ran.load(Ordering::Relaxed), 3);
}

#[test]
fn items_that_panic_as_they_are_dropped_do_not_stop_a_cancellation() {
    let pool = ThreadPoolExecutor::new(1);
    let gate = occupy(&pool);
    let ran = Arc::new(AtomicUsize::new(0));
    let count = ran.clone();
    let sore = Sore;
    let items = (0..5).inspect(move |_| {
        let _ = &sore;
    });
    let results = pool.map_with(
        MapOptions::new().buffersize(3),
        move |_| {
            count.fetch_add(1, Ordering::Relaxed);
        },
        items,
    );
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| drop(results))).unwrap_err();
    drop(gate);
    pool.shutdown(true, false);
    assert_eq!(ran.load(Ordering::Relaxed), 0);
}

#[test]
fn panics_do_not_use_up_the_buffer() {
    let pool = ThreadPoolExecutor::new(2);
    // Without the panic hook, which would print all of them.
    let odd = |n: u32| if n.is_multiple_of(2) { n } else { std::panic::resume_unwind(Box::new(n)) };
    let results = pool.map_with(MapOptions::new().buffersize(2), odd, 0..40);
    for (n, result) in (0..40).zip(results) {
        match result {
            Ok(value) => assert!(value == n && n.is_multiple_of(2)),
            Err(error) => assert_eq!(error.into_panic().downcast_ref::<u32>(), Some(&n)),
        }
    }
}

#[test]
fn the_time_counts_from_the_call_though_items_are_submitted_later() {
    let pool = ThreadPoolExecutor::new(1);
    let options = MapOptions::new().timeout(SHORT).buffersize(1);
    let (gate, gated) = std::sync::mpsc::channel::<()>();
    let gated = std::sync::Mutex::new(gated);
    let wait_at_the_second = move |n| {
        if n == 1 {
            let _ = gated.lock().unwrap().recv();
        }
    };
    let start = Instant::now();
    let mut results = pool.map_with(options, wait_at_the_second, 0..10);
    let errors =
        results.by_ref().filter(|result| result.as_ref().is_err_and(|error| error.is_timeout())).count();
    assert!(errors == 1 && start.elapsed() >= SHORT);
    assert!(results.next().is_none());
    drop(gate);
}

#[test]
fn a_time_beyond_the_end_of_the_clock_is_no_limit() {
    let pool = ThreadPoolExecutor::new(1);
    let results = pool.map_with(MapOptions::new().timeout(Duration::MAX), |n| n, 0..5);
    assert_eq!(results.map(Result::unwrap).collect::<Vec<_>>(), [0, 1, 2, 3, 4]);
}

#[test]
fn it_says_how_many_are_left() {
    let pool = ThreadPoolExecutor::new(1);
    let mut results = pool.map_with(MapOptions::new().buffersize(2), |n| n, 0..5);
    for left in (0..=5).rev() {
        assert_eq!(results.size_hint(), (left, Some(left)));
        assert_eq!(results.next().is_some(), left > 0);
    }
}

#[test]
fn a_pool_that_is_shut_down_on_the_way_yields_errors_for_the_rest() {
    let pool = ThreadPoolExecutor::new(1);
    let mut results = pool.map_with(MapOptions::new().buffersize(2), |n| n, 0..5);
    assert_eq!(results.next().unwrap().unwrap(), 0);
    pool.shutdown(true, false);
    // Two were submitted before that.
    assert_eq!(results.next().unwrap().unwrap(), 1);
    assert_eq!(results.next().unwrap().unwrap(), 2);
    assert_eq!(results.filter(|result| result.as_ref().is_err_and(|error| error.is_rejected())).count(), 2);
}

//! `wait` and `as_completed`. After CPython's test_wait and test_as_completed.

mod common;

use common::{LONG, SHORT, occupy, table};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};
use windlass_blocking::{ExecutorExt, Future, Promise, ReturnWhen, ThreadPoolExecutor, as_completed, wait};

/// Fulfils the promise after a while.
fn fulfil_soon(promise: Promise<u32>, value: u32) {
    std::thread::spawn(move || {
        std::thread::sleep(SHORT);
        promise.set_result(value).unwrap();
    });
}

#[test]
fn nothing_to_wait_for_is_done() {
    for when in [ReturnWhen::FirstCompleted, ReturnWhen::FirstException, ReturnWhen::AllCompleted] {
        let (done, not_done) = wait(Vec::<Future<()>>::new(), None, when);
        assert!(done.is_empty() && not_done.is_empty());
    }
}

#[test]
fn first_completed() {
    let (first, second) = (Promise::new(), Promise::<u32>::new());
    fulfil_soon(first.0, 1);
    let (done, not_done) = wait([second.1, first.1], None, ReturnWhen::FirstCompleted);
    assert_eq!((done.len(), not_done.len()), (1, 1));
    assert_eq!(done.into_iter().next().unwrap().result().unwrap(), 1);
}

#[test]
fn first_completed_when_some_are() {
    let table = table();
    let pending = table.pending.1;
    let (done, not_done) =
        wait([table.cancelled, table.successful, pending], None, ReturnWhen::FirstCompleted);
    assert_eq!((done.len(), not_done.len()), (2, 1));
}

#[test]
fn a_cancelled_future_that_nobody_was_told_of_counts_as_done() {
    // Python hangs here.
    let table = table();
    let (done, _) = wait([table.cancelled], Some(LONG), ReturnWhen::AllCompleted);
    assert_eq!(done.len(), 1);
    let table = common::table();
    assert_eq!(as_completed([table.cancelled], None).count(), 1);

    let (promise, future) = Promise::<u32>::new();
    let shared_cancel = std::thread::spawn({
        let pool = ThreadPoolExecutor::new(1);
        move || {
            std::thread::sleep(SHORT);
            drop(promise);
            drop(pool);
        }
    });
    let (done, _) = wait([future], Some(LONG), ReturnWhen::FirstCompleted);
    assert!(done[0].cancelled());
    shared_cancel.join().unwrap();
}

#[test]
fn first_exception() {
    let (success, failure, never) = (Promise::new(), Promise::<u32>::new(), Promise::<u32>::new());
    success.0.set_result(1).unwrap();
    std::thread::spawn(move || {
        std::thread::sleep(SHORT);
        failure.0.set_panic(Box::new("no")).unwrap();
    });
    let futures = [success.1, failure.1, never.1];
    let (done, not_done) = wait(futures, Some(LONG), ReturnWhen::FirstException);
    assert_eq!((done.len(), not_done.len()), (2, 1));
}

#[test]
fn first_exception_does_not_mean_cancelled() {
    let table = table();
    fulfil_soon(table.pending.0, 1);
    let futures = [table.cancelled, table.cancelled_and_notified, table.successful, table.pending.1];
    let (done, not_done) = wait(futures, Some(LONG), ReturnWhen::FirstException);
    assert_eq!((done.len(), not_done.len()), (4, 0));
}

#[test]
fn first_exception_when_one_has_failed() {
    let table = table();
    let (done, not_done) = wait([table.failed, table.pending.1], None, ReturnWhen::FirstException);
    assert_eq!((done.len(), not_done.len()), (1, 1));
}

#[test]
fn all_completed() {
    let table = table();
    fulfil_soon(table.pending.0, 1);
    let futures = [table.cancelled, table.failed, table.successful, table.pending.1];
    let (done, not_done) = wait(futures, None, ReturnWhen::AllCompleted);
    assert_eq!((done.len(), not_done.len()), (4, 0));
    assert_eq!(done.into_iter().next_back().unwrap().result().unwrap(), 1);
}

#[test]
fn a_timeout_returns_what_there_is_and_cancels_nothing() {
    let table = table();
    let start = Instant::now();
    let (done, not_done) = wait([table.successful, table.pending.1], Some(SHORT), ReturnWhen::AllCompleted);
    assert!(start.elapsed() >= SHORT);
    assert_eq!((done.len(), not_done.len()), (1, 1));
    assert!(!not_done[0].cancelled());
    table.pending.0.set_result(3).unwrap();
    assert_eq!(not_done.into_iter().next().unwrap().result().unwrap(), 3);
}

#[test]
fn pending_calls_race() {
    // Many futures that end while they are being registered.
    let pool = ThreadPoolExecutor::new(4);
    for _ in 0..100 {
        let futures: Vec<_> = (0..50).map(|n| pool.submit(move || n)).collect();
        let (done, not_done) = wait(futures, Some(LONG), ReturnWhen::AllCompleted);
        assert_eq!((done.len(), not_done.len()), (50, 0));
    }
}

#[test]
fn as_completed_yields_in_the_order_of_completion() {
    let (promises, futures): (Vec<_>, Vec<_>) = (0..3).map(|_| Promise::new()).unzip();
    let mut completed = as_completed(futures, Some(LONG));
    let mut promises: Vec<_> = promises.into_iter().map(Some).collect();
    for index in [2, 0, 1] {
        promises[index].take().unwrap().set_result(index).unwrap();
    }
    let order: Vec<usize> = completed.by_ref().map(|future| future.unwrap().result().unwrap()).collect();
    assert_eq!(order, [2, 0, 1]);
}

#[test]
fn as_completed_yields_those_in_every_final_state() {
    let table = table();
    let futures = [table.cancelled, table.cancelled_and_notified, table.failed, table.successful];
    assert_eq!(as_completed(futures, Some(Duration::ZERO)).filter(Result::is_ok).count(), 4);
}

#[test]
fn as_completed_times_out_once_and_gives_the_rest_back() {
    for timeout in [Duration::ZERO, SHORT] {
        let table = table();
        let futures = [table.pending.1, table.successful, table.running.1];
        let mut completed = as_completed(futures, Some(timeout));
        assert!(completed.next().unwrap().is_ok());
        let error = completed.next().unwrap().unwrap_err();
        assert_eq!(error.unfinished(), 2);
        assert_eq!(error.to_string(), "timed out with 2 of 3 futures unfinished");
        assert!(completed.next().is_none());
        let rest = completed.into_pending();
        assert_eq!(rest.len(), 2);
        table.pending.0.set_result(1).unwrap();
        assert_eq!(rest.into_iter().next().unwrap().result().unwrap(), 1);
    }
}

#[test]
fn as_completed_may_change_threads() {
    let (promise, future) = Promise::new();
    let mut completed = as_completed([future], Some(LONG));
    let reader = std::thread::spawn(move || completed.next().unwrap().unwrap().result().unwrap());
    std::thread::sleep(SHORT);
    promise.set_result(4).unwrap();
    assert_eq!(reader.join().unwrap(), 4);
}

#[test]
fn as_completed_inside_a_job_of_a_saturated_pool() {
    let pool = ThreadPoolExecutor::new(1);
    let own = pool.clone();
    let sum = pool.submit(move || {
        let futures: Vec<_> = (0..10_u32).map(|n| own.submit(move || n)).collect();
        as_completed(futures, None).map(|future| future.unwrap().result().unwrap()).sum::<u32>()
    });
    assert_eq!(sum.result().unwrap(), 45);
}

#[test]
fn waiting_does_not_keep_the_values() {
    let pool = ThreadPoolExecutor::new(2);
    let gate = occupy(&pool);
    let futures: Vec<_> = (0..5).map(|n| pool.submit(move || n)).collect();
    drop(gate);
    for future in as_completed(futures, None) {
        let future = future.unwrap();
        assert!(future.done());
        future.result().unwrap();
    }
}

#[test]
fn first_exception_when_one_was_refused() {
    let pool = ThreadPoolExecutor::new(1);
    pool.shutdown(true, false);
    let table = table();
    let futures = [table.pending.1, pool.submit(|| 1), table.cancelled];
    let (done, not_done) = wait(futures, None, ReturnWhen::FirstException);
    assert_eq!((done.len(), not_done.len()), (2, 1));
    assert!(done.into_iter().next().unwrap().result().unwrap_err().is_rejected());
}

#[test]
fn a_time_beyond_the_end_of_the_clock_is_no_limit() {
    let pool = ThreadPoolExecutor::new(2);
    let gate = occupy(&pool);
    let futures = || (0..5).map(|n| pool.submit(move || n)).collect::<Vec<_>>();
    let (waited_for, completed) = (futures(), futures());
    drop(gate);
    assert_eq!(wait(waited_for, Some(Duration::MAX), ReturnWhen::AllCompleted).0.len(), 5);
    assert_eq!(as_completed(completed, Some(Duration::MAX)).filter(Result::is_ok).count(), 5);
}

#[test]
fn what_was_not_done_can_be_waited_for_again() {
    let (promises, mut futures): (Vec<_>, Vec<_>) = (0..10).map(|_| Promise::<usize>::new()).unzip();
    for (n, promise) in promises.into_iter().enumerate() {
        let (done, not_done) = wait(futures, Some(Duration::ZERO), ReturnWhen::FirstCompleted);
        assert_eq!((done.len(), not_done.len()), (0, 10 - n));
        let setter = std::thread::spawn(move || promise.set_result(n).unwrap());
        let (done, not_done) = wait(not_done, Some(LONG), ReturnWhen::FirstCompleted);
        assert_eq!(done.into_iter().map(|future| future.result().unwrap()).collect::<Vec<_>>(), [n]);
        setter.join().unwrap();
        futures = not_done;
    }
    assert!(futures.is_empty());
}

#[test]
fn pending_calls_race_as_completed() {
    let pool = ThreadPoolExecutor::new(4);
    for _ in 0..100 {
        let futures: Vec<_> = (0..50).map(|n| pool.submit(move || n)).collect();
        let completed = as_completed(futures, Some(LONG));
        let mut values: Vec<u32> = completed.map(|future| future.unwrap().result().unwrap()).collect();
        values.sort_unstable();
        assert_eq!(values, Vec::from_iter(0..50), "each comes once");
    }
}

#[test]
fn many_threads_wait_for_jobs_of_one_pool() {
    let pool = ThreadPoolExecutor::new(2);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for when in [ReturnWhen::FirstCompleted, ReturnWhen::AllCompleted].repeat(10) {
                    let futures: Vec<_> = (0..20_u32).map(|n| pool.submit(move || n)).collect();
                    let (done, not_done) = wait(futures, Some(LONG), when);
                    assert!(!done.is_empty() && (not_done.is_empty() || when == ReturnWhen::FirstCompleted));
                    let sum: u32 =
                        done.into_iter().chain(not_done).map(|future| future.result().unwrap()).sum();
                    assert_eq!(sum, 190);
                }
            });
        }
    });
}

#[test]
fn wait_inside_a_job_of_a_saturated_pool() {
    let pool = ThreadPoolExecutor::new(1);
    let own = pool.clone();
    let outer = pool.submit(move || {
        let futures: Vec<_> = (0..10_u32).map(|n| own.submit(move || n)).collect();
        let (done, not_done) = wait(futures, Some(LONG), ReturnWhen::AllCompleted);
        (done.len(), not_done.len())
    });
    assert_eq!(outer.result().unwrap(), (10, 0));
}

#[test]
fn as_completed_lets_go_of_what_it_has_yielded() {
    let token = Arc::new(());
    let (promises, futures): (Vec<_>, Vec<_>) = (0..3).map(|_| Promise::new()).unzip();
    let mut completed = as_completed(futures, Some(LONG));
    for promise in promises {
        promise.set_result(token.clone()).unwrap();
        assert_eq!(Arc::strong_count(&token), 2);
        drop(completed.next().unwrap().unwrap());
        assert_eq!(Arc::strong_count(&token), 1);
    }
    assert!(completed.next().is_none());
}

#[test]
fn as_completed_that_is_left_halfway_leaves_the_jobs_alone() {
    let pool = ThreadPoolExecutor::new(1);
    let (sender, receiver) = mpsc::channel();
    let gate = occupy(&pool);
    let futures: Vec<_> = (0..3)
        .map(|n| {
            let sender = sender.clone();
            pool.submit(move || sender.send(n).unwrap())
        })
        .collect();
    let mut completed = as_completed(futures, Some(Duration::ZERO));
    assert!(completed.next().unwrap().is_err());
    drop(completed);
    drop(gate);
    for n in 0..3 {
        assert_eq!(receiver.recv_timeout(LONG), Ok(n));
    }
}

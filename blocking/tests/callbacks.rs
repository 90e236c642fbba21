//! Callbacks of futures: on which thread, in which state, how often, and what they may do. After CPython's test_future.

mod common;

use common::{LONG, occupy};
use std::panic::panic_any;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, mpsc};
use std::thread;
use windlass_blocking::{
    ExecutorExt, Future, FutureState, JobError, Promise, SharedFuture, ThreadPoolExecutor,
};

/// Has the callback of `future` send the name of its thread.
fn send_thread(future: &Future<u32>) -> mpsc::Receiver<Option<String>> {
    let (sender, receiver) = mpsc::channel();
    future.add_done_callback(move |_| sender.send(thread::current().name().map(str::to_owned)).unwrap());
    receiver
}

#[test]
fn it_runs_on_the_thread_that_ends_the_job() {
    let pool = ThreadPoolExecutor::builder().max_workers(1).thread_name_prefix("ends").build();
    let gate = occupy(&pool);
    let on = send_thread(&pool.submit(|| 1));
    drop(gate);
    assert_eq!(on.recv_timeout(LONG).unwrap().as_deref(), Some("ends_0"));
}

#[test]
fn it_runs_on_the_thread_that_cancels_the_job() {
    let pool = ThreadPoolExecutor::new(1);
    let gate = occupy(&pool);
    let future = pool.submit(|| 1);
    let by_future = send_thread(&future);
    let by_pool = send_thread(&pool.submit(|| 2));
    thread::Builder::new().name("canceller".into()).spawn(move || future.cancel()).unwrap().join().unwrap();
    assert_eq!(by_future.try_recv().unwrap().as_deref(), Some("canceller"));
    let own = pool.clone();
    let shutdown = move || own.shutdown(false, true);
    thread::Builder::new().name("shutdown".into()).spawn(shutdown).unwrap().join().unwrap();
    assert_eq!(by_pool.try_recv().unwrap().as_deref(), Some("shutdown"));
    drop(gate);
}

#[test]
fn it_sees_the_future_done_and_cannot_change_that() {
    let seen = |shared: SharedFuture<u32>, end: &dyn Fn()| {
        let (sender, receiver) = mpsc::channel();
        let inside = shared.clone();
        shared.add_done_callback(move |_| sender.send((inside.state(), inside.cancel())).unwrap());
        end();
        receiver.try_recv().unwrap()
    };

    let (promise, future) = Promise::new();
    let promise = std::sync::Mutex::new(Some(promise));
    let end = || promise.lock().unwrap().take().unwrap().set_result(1).unwrap();
    assert_eq!(seen(future.share(), &end), (FutureState::Finished, false));

    let (_promise, future) = Promise::new();
    let shared = future.share();
    assert_eq!(seen(shared.clone(), &|| assert!(shared.cancel())), (FutureState::Cancelled, true));
}

#[test]
fn one_that_it_adds_runs_at_once() {
    let (promise, future) = Promise::<u32>::new();
    let shared = future.share();
    let (sender, receiver) = mpsc::channel();
    let (inside, outer, inner) = (shared.clone(), sender.clone(), sender.clone());
    shared.add_done_callback(move |_| {
        outer.send("first").unwrap();
        inside.add_done_callback(move |result| {
            assert!(matches!(result, Ok(3)));
            inner.send("added by the first").unwrap();
        });
    });
    shared.add_done_callback(move |_| sender.send("second").unwrap());
    promise.set_result(3).unwrap();
    assert_eq!(receiver.try_iter().collect::<Vec<_>>(), ["first", "added by the first", "second"]);
}

#[test]
fn it_may_wait_for_another_job_of_its_pool() {
    let pool = ThreadPoolExecutor::new(1);
    let gate = occupy(&pool);
    let (own, (sender, receiver)) = (pool.clone(), mpsc::channel());
    pool.submit(|| 20).add_done_callback(move |result| {
        let value = *result.as_ref().unwrap();
        let other = own.submit(move || value + 1).result_timeout(LONG).expect("it gets a thread");
        sender.send(other.unwrap()).unwrap();
    });
    drop(gate);
    assert_eq!(receiver.recv_timeout(2 * LONG), Ok(21));
}

#[test]
fn it_is_gone_once_it_has_run() {
    fn watched(token: &Arc<()>) -> (Promise<u32>, Future<u32>) {
        let (promise, future) = Promise::new();
        let inside = token.clone();
        future.add_done_callback(move |_| {
            let _ = &inside;
        });
        assert_eq!(Arc::strong_count(token), 2);
        (promise, future)
    }
    let token = Arc::new(());
    let is_gone = || assert_eq!(Arc::strong_count(&token), 1);

    let (promise, _future) = watched(&token);
    promise.set_result(1).unwrap();
    is_gone();
    let (_promise, future) = watched(&token);
    assert!(future.cancel());
    is_gone();
    let (promise, _future) = watched(&token);
    assert!(promise.set_running_or_notify_cancel());
    drop(promise);
    is_gone();
    let (promise, future) = watched(&token);
    drop(future);
    drop(promise);
    is_gone();

    let done = common::table().successful;
    let inside = token.clone();
    done.add_done_callback(move |_| drop(inside));
    is_gone();
    let inside = token.clone();
    done.add_done_callback(move |_| {
        let _ = &inside;
        panic!("this panic belongs to the test");
    });
    is_gone();
}

#[test]
fn one_for_cancellation_is_gone_when_it_cannot_be_cancelled_any_more() {
    let token = Arc::new(());
    let inside = token.clone();
    let (promise, future) = Promise::new();
    promise.on_cancel(move || {
        let _ = &inside;
        unreachable!("it is not cancelled");
    });
    promise.set_result(1).unwrap();
    assert_eq!(Arc::strong_count(&token), 1);
    assert_eq!(future.result().unwrap(), 1);
}

#[test]
fn it_hears_why_a_job_could_not_be_run() {
    let heard = |future: Future<()>| {
        let (sender, receiver) = mpsc::channel();
        future.add_done_callback(move |result| {
            let error = result.as_ref().unwrap_err();
            sender.send((error.is_rejected(), error.is_broken())).unwrap();
        });
        receiver.recv_timeout(LONG).unwrap()
    };
    let pool = ThreadPoolExecutor::new(1);
    pool.shutdown(true, false);
    assert_eq!(heard(pool.submit(|| ())), (true, false));
    let broken = ThreadPoolExecutor::builder().initializer(|| Err("no dice")).build();
    assert_eq!(heard(broken.submit(|| ())), (false, true));
    let (promise, future) = Promise::new();
    assert!(promise.set_running_or_notify_cancel());
    drop(promise);
    assert_eq!(heard(future), (false, true));
}

#[test]
fn neither_its_panic_nor_its_drop_nor_its_payload_stops_the_next() {
    struct Nasty;
    impl Drop for Nasty {
        fn drop(&mut self) {
            panic!("this panic belongs to the test");
        }
    }
    let pool = ThreadPoolExecutor::new(1);
    let gate = occupy(&pool);
    let future = pool.submit(|| 1);
    future.add_done_callback(|_| panic_any(Nasty));
    let nasty = Nasty;
    future.add_done_callback(move |_| {
        let _ = &nasty;
    });
    let (sender, receiver) = mpsc::channel();
    future.add_done_callback(move |result: &Result<i32, JobError>| {
        sender.send(*result.as_ref().unwrap()).unwrap();
    });
    drop(gate);
    assert_eq!(receiver.recv_timeout(LONG), Ok(1));
    assert_eq!(future.result().unwrap(), 1);
    assert_eq!(pool.submit(|| 2).result().unwrap(), 2);
}

#[test]
fn each_runs_once_when_they_are_added_as_it_ends() {
    const ADDERS: usize = 4;
    const EACH: usize = 10;
    for round in 0..400 {
        let (promise, future) = Promise::<u32>::new();
        let shared = future.share();
        let (calls, barrier) = (Arc::new(AtomicUsize::new(0)), Barrier::new(ADDERS + 1));
        thread::scope(|scope| {
            let add = || {
                barrier.wait();
                for _ in 0..EACH {
                    let calls = calls.clone();
                    shared.add_done_callback(move |_| {
                        calls.fetch_add(1, Ordering::Relaxed);
                    });
                }
            };
            let adders: Vec<_> = (0..ADDERS).map(|_| scope.spawn(add)).collect();
            barrier.wait();
            match round % 3 {
                0 => promise.set_result(1).unwrap(),
                1 => assert!(shared.cancel()),
                _ => drop(promise),
            }
            // The thread sanitizer sees a join, and not how a scope ends.
            adders.into_iter().for_each(|adder| adder.join().unwrap());
        });
        assert_eq!(calls.load(Ordering::Relaxed), ADDERS * EACH);
        assert_eq!(Arc::strong_count(&calls), 1, "none is kept");
    }
}

//! One future: states, cancellation, callbacks, results. After CPython's test_future.

mod common;

use common::{LONG, SHORT, table};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, Mutex, mpsc};
use std::thread;
use std::time::{Duration, Instant};
use windlass_blocking::{ExecutorExt, Future, FutureState, JobError, Promise, ThreadPoolExecutor, current};

#[test]
fn cancel_in_the_six_states() {
    let table = table();
    assert!(table.pending.1.cancel());
    assert_eq!(table.pending.1.state(), FutureState::Cancelled);
    assert!(!table.running.1.cancel());
    assert_eq!(table.running.1.state(), FutureState::Running);
    assert!(table.cancelled.cancel());
    assert!(table.cancelled_and_notified.cancel());
    assert!(!table.failed.cancel());
    assert_eq!(table.failed.state(), FutureState::Finished);
    assert!(!table.successful.cancel());
    assert_eq!(table.successful.state(), FutureState::Finished);
}

#[test]
fn cancelled_running_and_done_in_the_six_states() {
    let table = table();
    let answers = |future: &Future<u32>| (future.cancelled(), future.running(), future.done());
    assert_eq!(answers(&table.pending.1), (false, false, false));
    assert_eq!(answers(&table.running.1), (false, true, false));
    assert_eq!(answers(&table.cancelled), (true, false, true));
    assert_eq!(answers(&table.cancelled_and_notified), (true, false, true));
    assert_eq!(answers(&table.failed), (false, false, true));
    assert_eq!(answers(&table.successful), (false, false, true));
}

#[test]
fn result_timeout_in_the_six_states() {
    let table = table();
    assert!(table.pending.1.result_timeout(SHORT).is_err());
    assert!(table.running.1.result_timeout(SHORT).is_err());
    assert!(table.cancelled.result_timeout(LONG).unwrap().unwrap_err().is_cancelled());
    assert!(table.cancelled_and_notified.result_timeout(LONG).unwrap().unwrap_err().is_cancelled());
    assert!(table.failed.result_timeout(LONG).unwrap().unwrap_err().is_panic());
    assert_eq!(table.successful.result_timeout(LONG).unwrap().unwrap(), 42);
}

#[test]
fn result_waits_for_success() {
    let (promise, future) = Promise::new();
    let setter = std::thread::spawn(move || {
        std::thread::sleep(SHORT);
        promise.set_result(42).unwrap();
    });
    assert_eq!(future.result().unwrap(), 42);
    setter.join().unwrap();
}

#[test]
fn result_waits_for_cancellation() {
    let (promise, future) = Promise::<u32>::new();
    let dropper = std::thread::spawn(move || {
        std::thread::sleep(SHORT);
        drop(promise);
    });
    assert!(future.result().unwrap_err().is_cancelled());
    dropper.join().unwrap();
}

#[test]
fn a_shared_future_can_be_cancelled_while_others_wait() {
    let (promise, future) = Promise::<u32>::new();
    let shared = future.share();
    std::thread::scope(|scope| {
        let waiters: Vec<_> = (0..4)
            .map(|_| {
                let shared = shared.clone();
                scope.spawn(move || shared.result())
            })
            .collect();
        std::thread::sleep(SHORT);
        assert!(shared.cancel());
        for waiter in waiters {
            assert!(waiter.join().unwrap().unwrap_err().is_cancelled());
        }
    });
    assert_eq!(promise.set_result(1), Err(1));
}

#[test]
fn a_wait_that_timed_out_can_be_taken_up_again() {
    let (promise, mut future) = Promise::new();
    for _ in 0..20 {
        future = future.result_timeout(SHORT / 10).unwrap_err();
    }
    promise.set_result("late").unwrap();
    assert_eq!(future.result().unwrap(), "late");
}

#[test]
fn a_timeout_is_not_early() {
    let (_promise, future) = Promise::<()>::new();
    let start = Instant::now();
    assert!(future.result_timeout(SHORT).is_err());
    assert!(start.elapsed() >= SHORT);
}

#[test]
fn callbacks_see_every_end() {
    let (sender, receiver) = mpsc::channel();
    let tell = |future: &Future<u32>| {
        let sender = sender.clone();
        future.add_done_callback(move |result| sender.send(format!("{result:?}")).unwrap());
    };
    let (promise, future) = Promise::new();
    tell(&future);
    promise.set_result(5).unwrap();
    assert_eq!(receiver.recv().unwrap(), "Ok(5)");

    let (promise, future) = Promise::new();
    tell(&future);
    promise.set_panic(Box::new("why")).unwrap();
    assert_eq!(receiver.recv().unwrap(), r#"Err(JobError::Panic("why"))"#);

    let (_promise, future) = Promise::new();
    tell(&future);
    assert!(future.cancel());
    assert_eq!(receiver.recv().unwrap(), "Err(JobError::Cancelled)");
    assert!(receiver.try_recv().is_err(), "each is called once");
}

#[test]
fn callbacks_added_late_run_at_once() {
    let table = table();
    let (sender, receiver) = mpsc::channel();
    for future in [&table.successful, &table.failed, &table.cancelled] {
        let (sender, thread) = (sender.clone(), std::thread::current().id());
        future.add_done_callback(move |result| {
            assert_eq!(std::thread::current().id(), thread);
            sender.send(result.is_ok()).unwrap();
        });
    }
    assert_eq!(receiver.try_iter().collect::<Vec<_>>(), [true, false, false]);
}

#[test]
fn callbacks_run_in_order_and_a_panic_in_one_stops_no_other() {
    let order = Arc::new(Mutex::new(Vec::new()));
    let (promise, future) = Promise::new();
    for number in 0..5 {
        let order = order.clone();
        future.add_done_callback(move |_| {
            order.lock().unwrap().push(number);
            assert_ne!(number, 2, "this panic belongs to the test");
        });
    }
    promise.set_result(()).unwrap();
    assert_eq!(*order.lock().unwrap(), [0, 1, 2, 3, 4]);
    assert!(future.result().is_ok());
}

#[test]
fn a_late_callback_that_panics_is_stopped_too() {
    let table = table();
    table.successful.add_done_callback(|_| panic!("this panic belongs to the test"));
    assert_eq!(table.successful.result().unwrap(), 42);
}

#[test]
fn callbacks_run_though_the_future_is_gone() {
    let (sender, receiver) = mpsc::channel();
    let (promise, future) = Promise::new();
    future.add_done_callback(move |result: &Result<i32, _>| sender.send(*result.as_ref().unwrap()).unwrap());
    drop(future);
    promise.set_result(3).unwrap();
    assert_eq!(receiver.recv(), Ok(3));
}

#[test]
fn callbacks_see_the_result_before_it_is_taken() {
    for _ in 0..200 {
        let (promise, future) = Promise::new();
        let seen = Arc::new(AtomicUsize::new(0));
        let by_callback = seen.clone();
        future.add_done_callback(move |result: &Result<Vec<usize>, JobError>| {
            by_callback.store(result.as_ref().unwrap().len(), Ordering::Relaxed);
        });
        let setter = std::thread::spawn(move || promise.set_result(vec![1, 2, 3]).unwrap());
        assert_eq!(future.result().unwrap(), [1, 2, 3]);
        assert_eq!(seen.load(Ordering::Relaxed), 3);
        setter.join().unwrap();
    }
}

#[test]
fn a_panic_comes_out_with_its_payload() {
    let pool = ThreadPoolExecutor::new(1);
    let error = pool.submit(|| std::panic::panic_any(7_u8)).result().unwrap_err();
    assert_eq!(error.into_panic().downcast_ref::<u8>(), Some(&7));
    let error = pool.submit(|| panic!("with {}", "words")).result().unwrap_err();
    assert_eq!(error.panic_message(), Some("with words"));
}

#[test]
fn into_panic_says_what_it_was_called_on() {
    let panic = catch_unwind(AssertUnwindSafe(|| JobError::cancelled().into_panic())).unwrap_err();
    assert!(panic.downcast_ref::<String>().unwrap().contains("job was cancelled"));
}

#[test]
fn a_shared_panic_reaches_every_reader_in_words() {
    let (promise, future) = Promise::<u32>::new();
    promise.set_panic(Box::new("overboard")).unwrap();
    let shared = future.share();
    for reader in [shared.clone(), shared] {
        let error = reader.result().unwrap_err();
        assert_eq!(error.panic_message(), Some("overboard"));
        assert_eq!(error.into_panic().downcast_ref::<String>().unwrap(), "overboard");
    }
}

#[test]
fn cancelling_a_queued_job_drops_its_closure_at_once() {
    let pool = ThreadPoolExecutor::new(1);
    let gate = common::occupy(&pool);
    let token = Arc::new(());
    let inside = token.clone();
    let future = pool.submit(move || drop(inside));
    assert_eq!(Arc::strong_count(&token), 2);
    assert!(future.cancel());
    assert_eq!(Arc::strong_count(&token), 1);
    assert!(future.result().unwrap_err().is_cancelled());
    drop(gate);
}

#[test]
fn a_closure_that_panics_when_dropped_does_not_stop_a_cancellation() {
    struct Nasty;
    impl Drop for Nasty {
        fn drop(&mut self) {
            panic!("this panic belongs to the test");
        }
    }
    let pool = ThreadPoolExecutor::new(1);
    let gate = common::occupy(&pool);
    let nasty = Nasty;
    let future = pool.submit(move || drop(nasty));
    assert!(future.cancel());
    assert!(future.cancelled());
    drop(gate);
    assert_eq!(pool.submit(|| 1).result().unwrap(), 1);
}

#[test]
fn a_result_nobody_wants_is_dropped_on_the_pool_and_may_panic() {
    struct Nasty(mpsc::Sender<()>);
    impl Drop for Nasty {
        fn drop(&mut self) {
            self.0.send(()).unwrap();
            panic!("this panic belongs to the test");
        }
    }
    let pool = ThreadPoolExecutor::new(1);
    let gate = common::occupy(&pool);
    let (sender, receiver) = mpsc::channel();
    drop(pool.submit(move || Nasty(sender)));
    drop(gate);
    assert_eq!(receiver.recv_timeout(LONG), Ok(()));
    assert_eq!(pool.submit(|| 1).result().unwrap(), 1);
}

#[test]
fn dropping_the_future_does_not_cancel() {
    let pool = ThreadPoolExecutor::new(1);
    let gate = common::occupy(&pool);
    let (sender, receiver) = mpsc::channel();
    drop(pool.submit(move || sender.send("ran").unwrap()));
    drop(gate);
    assert_eq!(receiver.recv_timeout(LONG), Ok("ran"));
}

#[test]
fn a_promise_dropped_while_running_breaks_its_future() {
    let (promise, future) = Promise::<u32>::new();
    assert!(promise.set_running_or_notify_cancel());
    drop(promise);
    assert!(future.result().unwrap_err().is_broken());
}

#[test]
fn a_promise_starts_once() {
    let (promise, future) = Promise::new();
    assert!(promise.set_running_or_notify_cancel());
    let again = catch_unwind(AssertUnwindSafe(|| promise.set_running_or_notify_cancel()));
    assert!(again.is_err());
    promise.set_result(1).unwrap();
    assert_eq!(future.result().unwrap(), 1);
}

#[test]
fn a_promise_hears_of_cancellation() {
    let calls = Arc::new(AtomicUsize::new(0));
    let count = |promise: &Promise<u32>| {
        let calls = calls.clone();
        promise.on_cancel(move || {
            calls.fetch_add(1, Ordering::Relaxed);
        });
    };
    let (promise, future) = Promise::new();
    count(&promise);
    assert!(future.cancel());
    count(&promise);
    assert_eq!(calls.load(Ordering::Relaxed), 2);

    let (promise, future) = Promise::new();
    count(&promise);
    assert!(promise.set_running_or_notify_cancel());
    assert!(!future.cancel());
    assert!(promise.is_cancelled());
    promise.set_result(1).unwrap();
    assert_eq!(calls.load(Ordering::Relaxed), 2);
}

#[test]
fn polling_wakes_the_last_waker() {
    use std::task::{Context, Wake, Waker};
    struct Count(AtomicUsize);
    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
    let counts = [Arc::new(Count(AtomicUsize::new(0))), Arc::new(Count(AtomicUsize::new(0)))];
    let (promise, mut future) = Promise::new();
    for count in &counts {
        let waker = Waker::from(count.clone());
        assert!(future.poll_result(&mut Context::from_waker(&waker)).is_pending());
    }
    promise.set_result(9).unwrap();
    assert_eq!(counts.map(|count| count.0.load(Ordering::Relaxed)), [0, 1]);
    let mut cx = Context::from_waker(Waker::noop());
    assert!(matches!(future.poll_result(&mut cx), std::task::Poll::Ready(Ok(9))));
}

#[test]
fn a_running_job_may_ask_whether_it_is_wanted() {
    let pool = ThreadPoolExecutor::new(1);
    let (started, starts) = mpsc::channel();
    let future = pool.submit(move || {
        started.send(current().is_cancelled()).unwrap();
        let start = Instant::now();
        while !current().is_cancelled() && start.elapsed() < LONG {
            std::thread::yield_now();
        }
        current().is_cancelled()
    });
    assert!(!starts.recv().unwrap());
    assert!(!future.cancel());
    assert!(future.running());
    assert!(future.result().unwrap());
    // The next job on the same thread is a different matter.
    assert!(!pool.submit(|| current().is_cancelled()).result().unwrap());
}

#[test]
fn debug_output_in_the_six_states() {
    let table = table();
    let states = [
        (&table.pending.1, "Pending"),
        (&table.running.1, "Running"),
        (&table.cancelled, "Cancelled"),
        (&table.cancelled_and_notified, "Cancelled"),
        (&table.failed, "Finished"),
        (&table.successful, "Finished"),
    ];
    for (future, state) in states {
        let text = format!("Future {{ state: {state}, submitted_at: {} }}", future.location());
        assert_eq!(format!("{future:?}"), text);
        assert!(text.contains("mod.rs:"), "{text}");
    }
    let text = format!("{:?}", table.successful.share());
    assert!(text.starts_with("SharedFuture { state: Finished, submitted_at: "), "{text}");
    let text = format!("{:?} {:?}", table.running.0, table.unnoticed);
    assert!(text.starts_with("Promise { running: true, cancelled: false, made_at: "), "{text}");
    assert!(text.contains(" Promise { running: false, cancelled: true, made_at: "), "{text}");
}

#[test]
fn a_time_beyond_the_end_of_the_clock_is_no_limit() {
    let pool = ThreadPoolExecutor::new(1);
    let gate = common::occupy(&pool);
    let (future, shared) = (pool.submit(|| 1), pool.submit(|| 2).share());
    drop(gate);
    assert_eq!(future.result_timeout(Duration::MAX).unwrap().unwrap(), 1);
    assert_eq!(shared.result_timeout(Duration::MAX).unwrap().unwrap(), 2);
}

#[test]
fn many_wait_for_one_result() {
    let (promise, future) = Promise::<String>::new();
    let shared = future.share();
    std::thread::scope(|scope| {
        let (begun, begins) = mpsc::channel();
        for _ in 0..16 {
            let (shared, begun) = (shared.clone(), begun.clone());
            scope.spawn(move || {
                begun.send(()).unwrap();
                assert_eq!(shared.result_timeout(LONG).unwrap().unwrap(), "for all");
            });
        }
        (0..16).for_each(|_| begins.recv().unwrap());
        promise.set_result("for all".to_owned()).unwrap();
    });
    assert_eq!(shared.result().unwrap(), "for all");
}

#[test]
fn cancel_against_start() {
    let pool = ThreadPoolExecutor::new(2);
    let ran = Arc::new(AtomicUsize::new(0));
    let (mut cancelled, mut finished) = (0, 0);
    for _ in 0..5_000 {
        let counter = ran.clone();
        let future = pool.submit(move || {
            counter.fetch_add(1, Ordering::Relaxed);
        });
        let was_cancelled = future.cancel();
        match future.result() {
            Ok(()) => finished += 1,
            Err(error) => {
                assert!(error.is_cancelled() && was_cancelled);
                cancelled += 1;
            }
        }
    }
    assert_eq!(finished, ran.load(Ordering::Relaxed));
    assert_eq!(finished + cancelled, 5_000);
}

#[test]
fn any_number_of_threads_wait_on_one_shared_handle() {
    for _ in 0..20 {
        let (promise, future) = Promise::new();
        let (shared, all_there) = (future.share(), Barrier::new(4));
        thread::scope(|scope| {
            let wait = || {
                all_there.wait();
                shared.result_timeout(LONG)
            };
            let waiting = [scope.spawn(wait), scope.spawn(wait), scope.spawn(wait)];
            all_there.wait();
            for _ in 0..100 {
                thread::yield_now();
            }
            promise.set_result(8).unwrap();
            for thread in waiting {
                assert_eq!(thread.join().unwrap().expect("it is woken").unwrap(), 8);
            }
        });
    }
}

//! `windlass::run`, asyncio's: a runtime for one future, and nothing left of it afterwards.

use std::future::pending;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use futures::channel::oneshot;
use windlass::runtime::{Handle, RuntimeFlavor};
use windlass::task;
use windlass_tests::{Ledger, linger_into_shutdown, once, panics, wake_self, yield_until};

once!(
    it_returns_what_the_future_returns,
    its_future_may_borrow_and_need_not_be_send,
    its_future_finds_the_runtime,
    it_runs_tasks_on_many_cores,
    the_rest_is_cancelled_and_dropped,
    blocking_jobs_that_have_begun_are_waited_for,
    a_panic_is_the_callers_and_the_rest_is_dropped,
    it_runs_again_and_again,
    inside_another_runtime_it_panics_and_says_what_to_do,
    in_a_blocking_job_it_works,
    from_many_threads_at_once,
);

fn it_returns_what_the_future_returns() {
    assert_eq!(windlass::run(async { 42 }), 42);
    assert_eq!(
        windlass::run(async { windlass::spawn(async { "from a task" }).await.unwrap() }),
        "from a task"
    );
}

fn its_future_may_borrow_and_need_not_be_send() {
    let text = String::from("borrowed");
    let not_send = std::rc::Rc::new(&text);
    let length = windlass::run(async {
        task::yield_now().await;
        not_send.len()
    });
    assert_eq!(length, text.len());
}

fn its_future_finds_the_runtime() {
    windlass::run(async {
        assert_eq!(Handle::current().runtime_flavor(), RuntimeFlavor::MultiThread);
        assert!(task::try_id().is_none());
    });
    assert!(Handle::try_current().is_err());
}

fn it_runs_tasks_on_many_cores() {
    let sum = windlass::run(async {
        let tasks: Vec<_> = (0..1_000u64)
            .map(|i| {
                windlass::spawn(async move {
                    wake_self().await;
                    i
                })
            })
            .collect();
        let mut sum = 0;
        for task in tasks {
            sum += task.await.unwrap();
        }
        sum
    });
    assert_eq!(sum, 499_500);
}

fn the_rest_is_cancelled_and_dropped() {
    let ledger = Ledger::new();
    let (waiting, spinning) = windlass::run(async {
        let polls = Arc::new(AtomicUsize::new(0));
        let (tracked, counted) = (ledger.track(), polls.clone());
        let waiting = windlass::spawn(async move {
            let _tracked = tracked;
            counted.fetch_add(1, Ordering::SeqCst);
            pending::<()>().await;
        });
        let (tracked, counted) = (ledger.track(), polls.clone());
        let spinning = windlass::spawn(async move {
            let _tracked = tracked;
            loop {
                counted.fetch_add(1, Ordering::SeqCst);
                wake_self().await;
            }
        });
        let tracked = ledger.track();
        drop(windlass::spawn(async move {
            let _tracked = tracked;
            pending::<()>().await;
        }));
        yield_until(|| polls.load(Ordering::SeqCst) > 10).await;
        (waiting, spinning)
    });
    assert_eq!(ledger.dropped(), 3, "dropped by the time it returns");
    ledger.close();
    assert!(futures::executor::block_on(waiting).unwrap_err().is_cancelled());
    let never: Result<(), _> = futures::executor::block_on(spinning);
    assert!(never.unwrap_err().is_cancelled());
    ledger.assert_each_dropped_once(|_| true);
}

fn blocking_jobs_that_have_begun_are_waited_for() {
    let done = Arc::new(AtomicBool::new(false));
    windlass::run(async {
        let doing = done.clone();
        let (begun, has_begun) = oneshot::channel();
        drop(task::spawn_blocking(move || {
            begun.send(()).unwrap();
            linger_into_shutdown(&Handle::current());
            doing.store(true, Ordering::SeqCst);
        }));
        has_begun.await.unwrap();
    });
    assert!(done.load(Ordering::SeqCst));
}

fn a_panic_is_the_callers_and_the_rest_is_dropped() {
    let ledger = Ledger::new();
    let payload = catch_unwind(AssertUnwindSafe(|| {
        windlass::run(async {
            let tracked = ledger.track();
            drop(windlass::spawn(async move {
                let _tracked = tracked;
                pending::<()>().await;
            }));
            task::yield_now().await;
            std::panic::panic_any(42);
        });
    }))
    .unwrap_err();
    assert_eq!(*payload.downcast_ref::<i32>().unwrap(), 42);
    assert_eq!(ledger.dropped(), 1);
    assert_eq!(windlass::run(async { 1 }), 1);
}

fn it_runs_again_and_again() {
    for i in 0..50 {
        assert_eq!(windlass::run(async move { windlass::spawn(async move { i }).await.unwrap() }), i);
    }
}

fn inside_another_runtime_it_panics_and_says_what_to_do() {
    let panicked = panics(|| windlass::run(async { windlass::run(async {}) }));
    assert!(panicked.message.contains(".await"), "the message must say what to do: {}", panicked.message);
    let error =
        windlass::run(async { windlass::spawn(async { windlass::run(async {}) }).await.unwrap_err() });
    let message = windlass_tests::payload_text(&*error.into_panic());
    assert!(message.contains(".await"), "the message must say what to do: {message}");
}

fn in_a_blocking_job_it_works() {
    let out =
        windlass::run(async { task::spawn_blocking(|| windlass::run(async { "nested" })).await.unwrap() });
    assert_eq!(out, "nested");
}

fn from_many_threads_at_once() {
    std::thread::scope(|scope| {
        for i in 0..8 {
            scope.spawn(move || {
                let out = windlass::run(async move { windlass::spawn(async move { i }).await.unwrap() });
                assert_eq!(out, i);
            });
        }
    });
}

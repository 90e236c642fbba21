//! `gather`, `try_gather`, `gather_results`: outputs in order, the first failure at once, siblings left running.
//!
//! different: test_tasks.py::CoroutineGatherTests::test_duplicate_coroutines: a future exists once

use std::future::pending;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures::FutureExt;
use futures::channel::oneshot;
use windlass::aio::{TaskFailure, gather, gather_results, shield, try_gather};
use windlass::task::{self, JoinError, JoinHandle};
use windlass::time::{Instant, sleep};
use windlass_tests::{
    Flavor, OnDrop, on_conformance_flavors, panics_at_its_caller, payload_text, wake_self, yield_until,
};

on_conformance_flavors!(
    outputs_come_in_order,
    outputs_come_in_order_whatever_the_order_of_the_ends,
    one_failure_ends_the_gather_and_not_its_siblings,
    success_when_all_have_ended,
    tasks_of_two_other_runtimes,
    failures_of_two_coroutines,
    return_exceptions_gives_all,
    return_exceptions_without_any,
    nothing_gathered,
    nothing_gathered_outside_of_a_runtime,
    a_collection_of_handles,
    a_tuple_of_futures_and_handles,
    twelve_at_once,
    a_cancelled_child_is_an_error,
    a_cancelled_child_among_results,
    cancelling_the_gather_cancels_the_children,
    cancelling_a_gather_that_is_done,
    cancelling_who_gathers_again_and_again,
    cancelling_before_a_child_has_started,
    a_gather_spawns_when_it_is_called,
    an_iterator_that_panics_leaves_no_task_behind,
    a_gathered_shield_survives,
    a_shielded_gather_survives,
    errors_of_try_gather,
    try_gather_of_handles,
    a_panic_in_try_gather,
    many_that_are_ready,
    many_that_wait,
    a_panic_in_the_drop_of_a_child_is_its_failure,
    failures_after_the_first_are_reported,
    a_gather_outside_of_a_runtime_panics_at_its_caller,
);

fn outputs_come_in_order(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let outputs = gather((0..10).map(|n| async move { n })).await.unwrap();
        assert_eq!(outputs, (0..10).collect::<Vec<_>>());
    });
}

fn outputs_come_in_order_whatever_the_order_of_the_ends(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let (senders, receivers): (Vec<_>, Vec<_>) = (0..5).map(|_| oneshot::channel::<usize>()).unzip();
        let gathered =
            windlass::spawn(gather(receivers.into_iter().map(|rx| async move { rx.await.unwrap() })));
        for (n, tx) in senders.into_iter().enumerate().rev() {
            tx.send(n).unwrap();
            task::yield_now().await;
        }
        assert_eq!(gathered.await.unwrap().unwrap(), [0, 1, 2, 3, 4]);
    });
}

/// What a task is to return, or to panic with.
type Outcome = Result<u8, &'static str>;

/// Tasks that end as they are told through the senders.
fn driven<const N: usize>() -> ([oneshot::Sender<Outcome>; N], [JoinHandle<u8>; N]) {
    let mut senders = Vec::new();
    let tasks = std::array::from_fn(|_| {
        let (tx, rx) = oneshot::channel::<Outcome>();
        senders.push(tx);
        windlass::spawn(async move { rx.await.unwrap().unwrap_or_else(|error| panic!("{error}")) })
    });
    (senders.try_into().unwrap(), tasks)
}

/// ported: test_tasks.py::GatherTestsBase::test_success
fn success_when_all_have_ended(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let ([a, b, c], tasks) = driven();
        let gathered = windlass::spawn(gather::<Vec<u8>, _>(tasks));
        b.send(Ok(1)).unwrap();
        a.send(Ok(2)).unwrap();
        yield_until(|| format!("{gathered:?}").contains("Idle")).await;
        assert!(!gathered.is_finished());
        c.send(Ok(3)).unwrap();
        assert_eq!(gathered.await.unwrap().unwrap(), [2, 1, 3]);
    });
}

/// different: test_tasks.py::FutureGatherTests::test_constructor_homogenous_futures: a handle exists once, and a gather is of the runtime it is awaited on
/// different: test_tasks.py::FutureGatherTests::test_constructor_heterogenous_futures: tasks of any runtimes may be gathered
fn tasks_of_two_other_runtimes(flavor: Flavor) {
    let (one, other) = (flavor.runtime(), flavor.runtime());
    let tasks = [one.spawn(async { 1 }), other.spawn(async { 2 })];
    one.block_on(yield_until(|| tasks[0].is_finished()));
    other.block_on(yield_until(|| tasks[1].is_finished()));
    assert_eq!(flavor.runtime().block_on(async { gather::<Vec<u8>, _>(tasks).await.unwrap() }), [1, 2]);
}

/// ported: test_tasks.py::GatherTestsBase::test_one_exception
fn one_failure_ends_the_gather_and_not_its_siblings(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let ([a, b, c, d, e], tasks) = driven();
        let aborts = tasks.each_ref().map(JoinHandle::abort_handle);
        let gathered = gather(tasks);
        a.send(Ok(1)).unwrap();
        b.send(Err("b")).unwrap();
        let failed: Result<Vec<u8>, JoinError> = gathered.await;
        assert_eq!(payload_text(&*failed.unwrap_err().into_panic()), "b");
        // The siblings go on, each to its own end, and it does nothing any more.
        assert!(aborts[2..].iter().all(|sibling| !sibling.is_finished()));
        c.send(Ok(3)).unwrap();
        aborts[3].abort();
        drop(d);
        e.send(Err("e")).unwrap();
        yield_until(|| aborts.iter().all(|sibling| sibling.is_finished())).await;
    });
}

/// ported: test_tasks.py::CoroutineGatherTests::test_exception_marking
fn failures_of_two_coroutines(flavor: Flavor) {
    let reported = Arc::new(AtomicUsize::new(0));
    let count = reported.clone();
    let runtime = flavor
        .builder()
        .on_unhandled(move |_| {
            count.fetch_add(1, Ordering::SeqCst);
        })
        .build()
        .unwrap();
    runtime.block_on(async {
        let ([a, b], tasks) = driven();
        let other = tasks[1].abort_handle();
        let outer = windlass::spawn(async move { gather::<Vec<u8>, _>(tasks).await });
        a.send(Err("should not be ignored")).unwrap();
        let error = outer.await.unwrap().unwrap_err();
        assert_eq!(payload_text(&*error.into_panic()), "should not be ignored");
        assert_eq!(reported.load(Ordering::SeqCst), 0);
        // The later one has nobody to go to.
        b.send(Err("should not be ignored either")).unwrap();
        yield_until(|| other.is_finished() && reported.load(Ordering::SeqCst) == 1).await;
    });
}

/// ported: test_tasks.py::GatherTestsBase::test_return_exceptions
fn return_exceptions_gives_all(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let ([a, b, c, d], tasks) = driven();
        let gathered = windlass::spawn(gather_results::<Vec<Result<u8, JoinError>>, _>(tasks));
        b.send(Ok(1)).unwrap();
        c.send(Err("c")).unwrap();
        a.send(Ok(3)).unwrap();
        yield_until(|| format!("{gathered:?}").contains("Idle")).await;
        assert!(!gathered.is_finished());
        d.send(Err("d")).unwrap();
        let [a, b, c, d] = gathered.await.unwrap().try_into().unwrap();
        assert_eq!((a.unwrap(), b.unwrap()), (3, 1));
        assert_eq!(payload_text(&*c.unwrap_err().into_panic()), "c");
        assert_eq!(payload_text(&*d.unwrap_err().into_panic()), "d");
    });
}

/// ported: test_tasks.py::GatherTestsBase::test_result_exception_success
fn return_exceptions_without_any(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let ([a, b, c], tasks) = driven();
        let gathered = windlass::spawn(gather_results::<Vec<Result<u8, JoinError>>, _>(tasks));
        b.send(Ok(1)).unwrap();
        a.send(Ok(2)).unwrap();
        yield_until(|| format!("{gathered:?}").contains("Idle")).await;
        assert!(!gathered.is_finished());
        c.send(Ok(3)).unwrap();
        assert_eq!(gathered.await.unwrap().into_iter().map(Result::unwrap).collect::<Vec<_>>(), [2, 1, 3]);
    });
}

/// ported: test_tasks.py::FutureGatherTests::test_constructor_empty_sequence_use_running_loop
fn nothing_gathered(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let none: Vec<()> = gather(Vec::<std::future::Ready<()>>::new()).await.unwrap();
        assert!(none.is_empty());
    });
}

/// ported: test_tasks.py::FutureGatherTests::test_constructor_empty_sequence_without_loop
fn nothing_gathered_outside_of_a_runtime(flavor: Flavor) {
    let _runtime = flavor.runtime();
    let panicked = panics_at_its_caller(|| gather(Vec::<std::future::Ready<()>>::new()));
    assert!(panicked.message.contains("runtime"), "{}", panicked.message);
}

fn a_collection_of_handles(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let handles: Vec<JoinHandle<usize>> = (0..8)
            .map(|n| {
                windlass::spawn(async move {
                    if n % 2 == 0 {
                        wake_self().await;
                    }
                    n
                })
            })
            .collect();
        let outputs: Vec<usize> = gather(handles).await.unwrap();
        assert_eq!(outputs, (0..8).collect::<Vec<_>>());

        let handles = [windlass::spawn(pending::<u8>()), windlass::spawn(async { panic!("one") })];
        let others = handles[0].abort_handle();
        let failed: Result<Vec<u8>, _> = gather(handles).await;
        assert!(failed.unwrap_err().is_panic());
        assert!(!others.is_finished());
        others.abort();
    });
}

fn a_tuple_of_futures_and_handles(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let handle = windlass::spawn(async { String::from("text") });
        let (n, text, unit): (i32, String, ()) = gather((async { 1 }, handle, wake_self())).await.unwrap();
        assert_eq!((n, text.as_str(), unit), (1, "text", ()));

        let (one, two) = gather_results((async { 1 }, async { panic!("two") })).await;
        assert_eq!(one.unwrap(), 1);
        let _: JoinError = two.map(|(): ()| ()).unwrap_err();
    });
}

fn twelve_at_once(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let n = |n: u8| async move { n };
        let all = gather((n(0), n(1), n(2), n(3), n(4), n(5), n(6), n(7), n(8), n(9), n(10), n(11))).await;
        assert_eq!(all.unwrap(), (0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11));
    });
}

/// ported: test_tasks.py::FutureGatherTests::test_one_cancellation
fn a_cancelled_child_is_an_error(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let ([a, b, c, d, e], tasks) = driven();
        let aborts = tasks.each_ref().map(JoinHandle::abort_handle);
        let gathered = windlass::spawn(gather::<Vec<u8>, _>(tasks));
        a.send(Ok(1)).unwrap();
        aborts[1].abort();
        let outcome = gathered.await.expect("the gather itself is not cancelled");
        assert!(outcome.unwrap_err().is_cancelled());
        drop(b);
        // The siblings go on, each to its own end, and it does nothing any more.
        assert!(aborts[2..].iter().all(|sibling| !sibling.is_finished()));
        c.send(Ok(3)).unwrap();
        aborts[3].abort();
        drop(d);
        e.send(Err("e")).unwrap();
        yield_until(|| aborts.iter().all(|sibling| sibling.is_finished())).await;
    });
}

/// ported: test_tasks.py::FutureGatherTests::test_result_exception_one_cancellation
fn a_cancelled_child_among_results(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let ([a, b, _c, d, _e, f], tasks) = driven();
        let aborts = tasks.each_ref().map(JoinHandle::abort_handle);
        let gathered = windlass::spawn(gather_results::<Vec<Result<u8, JoinError>>, _>(tasks));
        a.send(Ok(1)).unwrap();
        b.send(Err("b")).unwrap();
        aborts[2].abort();
        yield_until(|| aborts[..3].iter().all(|child| child.is_finished())).await;
        yield_until(|| format!("{gathered:?}").contains("Idle")).await;
        d.send(Ok(3)).unwrap();
        aborts[4].abort();
        f.send(Err("f")).unwrap();
        let shown = gathered.await.unwrap().into_iter().map(|result| match result {
            Ok(value) => value.to_string(),
            Err(error) if error.is_cancelled() => "cancelled".to_owned(),
            Err(error) => payload_text(&*error.into_panic()),
        });
        assert_eq!(shown.collect::<Vec<_>>(), ["1", "b", "cancelled", "3", "cancelled", "f"]);
    });
}

/// ported: test_tasks.py::CoroutineGatherTests::test_cancellation_broadcast
fn cancelling_the_gather_cancels_the_children(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let dropped = Arc::new(AtomicUsize::new(0));
        let started = Arc::new(AtomicUsize::new(0));
        let children = (0..3).map(|_| {
            let (dropped, started) = (dropped.clone(), started.clone());
            async move {
                let _on_drop = OnDrop::new(move || {
                    dropped.fetch_add(1, Ordering::SeqCst);
                });
                started.fetch_add(1, Ordering::SeqCst);
                pending::<()>().await;
            }
        });
        let outer = windlass::spawn(gather(children));
        yield_until(|| started.load(Ordering::SeqCst) == 3).await;
        outer.abort();
        assert!(outer.await.unwrap_err().is_cancelled());
        yield_until(|| dropped.load(Ordering::SeqCst) == 3).await;
    });
}

/// different: test_tasks.py::BaseTaskTests::test_cancel_gather_1: a task that is aborted has its output only if it has ended by then, though what it waits for be done
fn cancelling_a_gather_that_is_done(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let child = windlass::spawn(async { 7 });
        let handle = child.abort_handle();
        let outer = windlass::spawn(gather::<Vec<i32>, _>([child]));
        yield_until(|| handle.is_finished() && outer.is_finished()).await;
        outer.abort();
        assert_eq!(outer.await.unwrap().unwrap(), [7]);
    });
}

/// ported: test_tasks.py::BaseTaskTests::test_cancel_gather_2
fn cancelling_who_gathers_again_and_again(flavor: Flavor) {
    flavor.run_paused(async {
        let start = Instant::now();
        let gathers = windlass::spawn(async {
            for _ in 0..20 {
                let results: Vec<Result<(), JoinError>> =
                    gather_results([sleep(Duration::from_millis(50))]).await;
                assert!(results[0].is_ok());
            }
        });
        sleep(Duration::from_millis(210)).await;
        gathers.abort();
        assert!(gathers.await.unwrap_err().is_cancelled());
        assert_eq!(start.elapsed(), Duration::from_millis(210));
    });
}

fn cancelling_before_a_child_has_started(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let children = [windlass::spawn(pending::<()>()), windlass::spawn(pending::<()>())];
        let aborts = children.each_ref().map(JoinHandle::abort_handle);
        drop(gather::<Vec<()>, _>(children));
        yield_until(|| aborts.iter().all(|task| task.is_finished())).await;
    });
}

fn an_iterator_that_panics_leaves_no_task_behind(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let (dropped, mut left) = oneshot::channel::<()>();
        let handle = task::spawn(pending());
        let abort = handle.abort_handle();

        let mut owned = Some(dropped);
        let children = (0..2).map(move |_| {
            let Some(owned) = owned.take() else { resume_unwind(Box::new("no more")) };
            async move {
                let _owned = owned;
                pending::<()>().await;
            }
        });
        let gathered = catch_unwind(AssertUnwindSafe(|| gather(children)));
        assert_eq!(payload_text(&*gathered.unwrap_err()), "no more");
        (&mut left).await.unwrap_err();

        let mut handle = Some(handle);
        let handles =
            (0..2).map(move |_| handle.take().unwrap_or_else(|| resume_unwind(Box::new("no more"))));
        let gathered = catch_unwind(AssertUnwindSafe(|| gather_results::<Vec<Result<(), _>>, _>(handles)));
        assert_eq!(payload_text(&*gathered.unwrap_err()), "no more");
        yield_until(|| abort.is_finished()).await;
    });
}

fn a_gather_spawns_when_it_is_called(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let (tx, rx) = oneshot::channel();
        let gathered = gather([async move { tx.send(()).unwrap() }]);
        rx.await.unwrap();
        assert_eq!(gathered.await.unwrap(), [()]);
    });
}

/// ported: test_tasks.py::BaseTaskTests::test_gather_shield
fn a_gathered_shield_survives(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let (tx1, rx1) = oneshot::channel::<i32>();
        let (tx2, rx2) = oneshot::channel::<i32>();
        let shields = [shield(rx1), shield(rx2)];
        let inner = shields.each_ref().map(|shield| shield.get_ref().abort_handle());
        let outer = windlass::spawn(gather(shields));
        task::yield_now().await;
        outer.abort();
        assert!(outer.await.unwrap_err().is_cancelled());
        assert!(inner.iter().all(|task| !task.is_finished()));
        tx1.send(1).unwrap();
        tx2.send(2).unwrap();
        yield_until(|| inner.iter().all(|task| task.is_finished())).await;
    });
}

/// ported: test_tasks.py::BaseTaskTests::test_shield_gather
fn a_shielded_gather_survives(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let (tx1, rx1) = oneshot::channel::<i32>();
        let (tx2, rx2) = oneshot::channel::<i32>();
        let (done, is_done) = oneshot::channel();
        let parent = async move { done.send(gather([rx1, rx2]).await.unwrap()).unwrap() };
        let outer = windlass::spawn(shield(parent));
        task::yield_now().await;
        outer.abort();
        let _ = outer.await;
        tx1.send(1).unwrap();
        tx2.send(2).unwrap();
        assert_eq!(is_done.await.unwrap(), [Ok(1), Ok(2)]);
    });
}

fn errors_of_try_gather(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let parse = |text: &'static str| async move {
            wake_self().await;
            text.parse::<u8>()
        };
        assert_eq!(try_gather(["1", "2"].map(parse)).await.unwrap(), [1, 2]);
        let failed = try_gather((parse("3"), parse("four"), pending::<Result<(), _>>())).await;
        assert!(matches!(failed, Err(TaskFailure::Error(_))));
    });
}

fn try_gather_of_handles(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let spawn = |text: &'static str| windlass::spawn(async move { text.parse::<u8>() });
        let parsed: Vec<u8> = try_gather([spawn("1"), spawn("2")]).await.unwrap();
        assert_eq!(parsed, [1, 2]);
        let waits = windlass::spawn(pending());
        let abort = waits.abort_handle();
        let failed: Result<Vec<u8>, TaskFailure<std::num::ParseIntError>> =
            try_gather([waits, spawn("no")]).await;
        assert!(failed.unwrap_err().into_error().is_some());
        abort.abort();
    });
}

fn a_panic_in_try_gather(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let failed = try_gather((async { Ok::<_, ()>(1) }, async { panic!("two") as Result<u8, ()> })).await;
        assert!(failed.unwrap_err().is_panic());
    });
}

fn many_that_are_ready(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let outputs = gather((0..10_000).map(|n| async move { n })).await.unwrap();
        assert!(outputs.into_iter().eq(0..10_000));
    });
}

fn many_that_wait(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let futures = (0..2_000).map(|n| async move {
            for _ in 0..n % 5 {
                task::yield_now().await;
            }
            n
        });
        let handles: Vec<_> = (0..2_000).map(|n| windlass::spawn(async move { n })).collect();
        let (a, b): (Vec<i32>, Vec<i32>) = (gather(futures).await.unwrap(), gather(handles).await.unwrap());
        assert_eq!(a, b);
    });
}

fn a_panic_in_the_drop_of_a_child_is_its_failure(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let nasty = {
            let on_drop = OnDrop::new(|| panic!("in drop"));
            let mut held = Some(on_drop);
            std::future::poll_fn(move |_| {
                // Keeps it in the future, which is dropped after its output was made.
                std::hint::black_box(&mut held);
                std::task::Poll::Ready(1)
            })
        };
        // At once: the sibling never ends.
        assert!(gather((nasty, pending::<()>())).await.unwrap_err().is_panic());
    });
}

fn failures_after_the_first_are_reported(flavor: Flavor) {
    let reported = Arc::new(AtomicUsize::new(0));
    let count = reported.clone();
    let runtime = flavor
        .builder()
        .on_unhandled(move |_| {
            count.fetch_add(1, Ordering::SeqCst);
        })
        .build()
        .unwrap();
    runtime.block_on(async {
        let (tx, rx) = oneshot::channel::<()>();
        let later = async move {
            rx.await.unwrap();
            panic!("second");
        };
        assert!(gather([async { panic!("first") }.boxed(), later.boxed()]).await.is_err());
        assert_eq!(reported.load(Ordering::SeqCst), 0);
        tx.send(()).unwrap();
        yield_until(|| reported.load(Ordering::SeqCst) == 1).await;
    });
}

/// ported: test_tasks.py::CoroutineGatherTests::test_constructor_without_loop
fn a_gather_outside_of_a_runtime_panics_at_its_caller(flavor: Flavor) {
    // There is one, but here is not inside of it.
    let _runtime = flavor.runtime();
    let panicked = panics_at_its_caller(|| gather([async {}]));
    assert!(panicked.message.contains("runtime"), "{}", panicked.message);
}

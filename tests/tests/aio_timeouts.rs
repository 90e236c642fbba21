//! `timeout_scope`: CPython's test_timeouts.py.
//!
//! different: test_timeouts.py::TimeoutTests::test_timeout_expiring: a body whose time is up is gone, so there is nobody to ask for more
//! inexpressible: test_timeouts.py::TimeoutTests::test_timeout_exception_context: a future that is dropped raises nothing
//! inexpressible: test_timeouts.py::TimeoutTests::test_foreign_exception_on_timeout_2: a future that is dropped raises nothing
//! inexpressible: test_timeouts.py::TimeoutTests::test_nested_timeout_in_finally: nothing is awaited in a drop
//! inexpressible: test_timeouts.py::TimeoutTests::test_timeout_already_entered: a scope is entered by the call that makes it
//! inexpressible: test_timeouts.py::TimeoutTests::test_timeout_double_enter: a scope is entered by the call that makes it
//! inexpressible: test_timeouts.py::TimeoutTests::test_timeout_not_entered: a scope is entered by the call that makes it
//! inexpressible: test_timeouts.py::TimeoutTests::test_timeout_after_cancellation: a future that is dropped does not go on
//! inexpressible: test_timeouts.py::TimeoutTests::test_cancel_in_timeout_after_cancellation: a future that is dropped does not go on
//! inexpressible: test_timeouts.py::TimeoutTests::test_timeout_without_task: a scope is part of whatever polls it

use std::future::{pending, ready};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures::channel::oneshot;
use windlass::aio::{TaskGroup, TimeoutScope, timeout_scope, timeout_scope_at};
use windlass::task::{self, coop};
use windlass::time::error::Elapsed;
use windlass::time::{Instant, advance, sleep};
use windlass_tests::{Flavor, OnDrop, on_conformance_flavors, yield_until};

on_conformance_flavors!(
    a_scope_whose_time_is_up,
    a_scope_at_a_moment,
    nested_scopes_that_expire_together,
    nested_scopes_in_which_the_inner_expires,
    nested_scopes_in_which_the_outer_expires,
    nested_scopes_that_are_both_late,
    scopes_of_different_tasks_do_not_matter,
    the_body_is_dropped,
    a_scope_in_time,
    a_scope_without_a_limit,
    a_scope_of_zero,
    a_scope_of_zero_that_waits_for_a_moment,
    a_scope_in_the_past,
    a_body_that_never_waits,
    a_body_that_uses_up_the_budget,
    an_error_of_the_body_passes,
    a_panic_in_the_drop_of_the_body,
    an_abort_is_not_a_timeout,
    the_outer_task_is_not_cancelled,
    rescheduled_from_elsewhere,
    rescheduled_from_inside,
    rescheduled_into_the_past,
    a_limit_set_late,
    described,
    a_scope_that_was_left,
    a_scope_that_expired,
    a_scope_around_a_group,
    after_a_cancellation,
);

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// Where a body leaves its scope for the test.
type Kept = Arc<parking_lot::Mutex<Option<TimeoutScope>>>;

fn keeps() -> (Kept, Kept) {
    let kept = Kept::default();
    (kept.clone(), kept)
}

/// ported: test_timeouts.py::TimeoutTests::test_timeout_basic
fn a_scope_whose_time_is_up(flavor: Flavor) {
    flavor.run_paused(async {
        let start = Instant::now();
        let (keep, kept) = keeps();
        let scoped = timeout_scope(ms(10), async |scope| {
            *keep.lock() = Some(scope);
            sleep(ms(10_000)).await;
        });
        assert!(scoped.await.is_err());
        assert_eq!(start.elapsed(), ms(10));
        assert!(kept.lock().as_ref().unwrap().expired());
    });
}

/// ported: test_timeouts.py::TimeoutTests::test_timeout_at_basic
fn a_scope_at_a_moment(flavor: Flavor) {
    flavor.run_paused(async {
        let deadline = Instant::now() + ms(10);
        let (keep, kept) = keeps();
        let scoped = timeout_scope_at(deadline, async |scope| {
            *keep.lock() = Some(scope);
            sleep(ms(10_000)).await;
        });
        assert!(scoped.await.is_err());
        let scope = kept.lock().take().unwrap();
        assert!(scope.expired());
        assert_eq!(scope.when(), Some(deadline));
    });
}

/// ported: test_timeouts.py::TimeoutTests::test_nested_timeouts
fn nested_scopes_that_expire_together(flavor: Flavor) {
    flavor.run_paused(async {
        let deadline = Instant::now() + ms(10);
        let seen = Arc::new(AtomicBool::new(false));
        let sees = seen.clone();
        let outer = timeout_scope_at(deadline, async move |_| {
            let inner = timeout_scope_at(deadline, async |_| sleep(ms(10_000)).await).await;
            // Only the outermost scope has the error.
            sees.store(true, Ordering::SeqCst);
            inner
        });
        assert_eq!(outer.await.map(|inner| inner.is_ok()), Err(timed_out().await));
        assert!(!seen.load(Ordering::SeqCst));
    });
}

async fn timed_out() -> Elapsed {
    timeout_scope(Duration::ZERO, async |_| pending::<()>().await).await.unwrap_err()
}

fn nested_scopes_in_which_the_inner_expires(flavor: Flavor) {
    flavor.run_paused(async {
        let start = Instant::now();
        let outer = timeout_scope(ms(100), async |_| {
            let inner = timeout_scope(ms(10), async |_| pending::<()>().await).await;
            sleep(ms(20)).await;
            inner
        });
        assert!(outer.await.unwrap().is_err());
        assert_eq!(start.elapsed(), ms(30));
    });
}

fn nested_scopes_in_which_the_outer_expires(flavor: Flavor) {
    flavor.run_paused(async {
        let outer =
            timeout_scope(ms(10), async |_| timeout_scope(ms(100), async |_| pending::<()>().await).await);
        assert!(outer.await.is_err());
    });
}

/// ported: test_timeouts.py::TimeoutTests::test_nested_timeouts_concurrent
/// different: test_timeouts.py::TimeoutTests::test_nested_timeouts_loop_busy: of nested scopes that are both late the outer one ends it all, and the inner one is not told of
fn nested_scopes_that_are_both_late(flavor: Flavor) {
    flavor.run_paused(async {
        for (outer, inner) in [(2, 100), (100, 10)] {
            let seen = Arc::new(AtomicBool::new(false));
            let sees = seen.clone();
            let scoped = timeout_scope(ms(outer), async move |_| {
                let inner = timeout_scope(ms(inner), async |_| {
                    // The clock goes on while this is busy.
                    advance(ms(200)).await;
                    pending::<()>().await;
                });
                let _ = inner.await;
                sees.store(true, Ordering::SeqCst);
                pending::<()>().await;
            });
            assert!(scoped.await.is_err());
            assert!(!seen.load(Ordering::SeqCst));
        }
    });
}

fn scopes_of_different_tasks_do_not_matter(flavor: Flavor) {
    flavor.run_paused(async {
        let outer = timeout_scope(ms(10), async |_| {
            // Begun inside of the poll of a scope, but a task of its own.
            let task = task::Builder::new()
                .eager_start(true)
                .spawn(timeout_scope(ms(10), async |_| pending::<()>().await))
                .unwrap();
            [task]
        });
        let [task] = outer.await.unwrap();
        assert!(task.await.unwrap().is_err());
    });
}

/// ported: test_timeouts.py::TimeoutTests::test_waiter_cancelled
fn the_body_is_dropped(flavor: Flavor) {
    flavor.run_paused(async {
        let cancelled = Arc::new(AtomicBool::new(false));
        let cancels = cancelled.clone();
        let scoped = timeout_scope(ms(10), async move |_| {
            let _on_drop = OnDrop::new(move || cancels.store(true, Ordering::SeqCst));
            sleep(ms(10_000)).await;
        });
        assert!(scoped.await.is_err());
        assert!(cancelled.load(Ordering::SeqCst));
    });
}

/// ported: test_timeouts.py::TimeoutTests::test_timeout_not_called
fn a_scope_in_time(flavor: Flavor) {
    flavor.run_paused(async {
        let scope = timeout_scope(ms(10_000), async |scope| {
            sleep(ms(10)).await;
            scope
        });
        let scope = scope.await.unwrap();
        assert!(!scope.expired());
        assert!(scope.when().unwrap() > Instant::now());
    });
}

/// ported: test_timeouts.py::TimeoutTests::test_timeout_disabled
/// ported: test_timeouts.py::TimeoutTests::test_timeout_at_disabled
fn a_scope_without_a_limit(flavor: Flavor) {
    flavor.run_paused(async {
        let body = async |scope: TimeoutScope| {
            sleep(ms(10)).await;
            scope
        };
        for scope in [timeout_scope(None, body).await.unwrap(), timeout_scope_at(None, body).await.unwrap()] {
            assert!(!scope.expired());
            assert_eq!(scope.when(), None);
        }
    });
}

/// ported: test_timeouts.py::TimeoutTests::test_timeout_zero
fn a_scope_of_zero(flavor: Flavor) {
    flavor.run_paused(async {
        let start = Instant::now();
        let (keep, kept) = keeps();
        let scoped = timeout_scope(Duration::ZERO, async |scope| {
            *keep.lock() = Some(scope);
            sleep(ms(10_000)).await;
        });
        assert!(scoped.await.is_err());
        let scope = kept.lock().take().unwrap();
        assert!(scope.expired());
        assert_eq!(scope.when(), Some(start));
        assert_eq!(Instant::now(), start);
    });
}

/// ported: test_timeouts.py::TimeoutTests::test_timeout_zero_sleep_zero
fn a_scope_of_zero_that_waits_for_a_moment(flavor: Flavor) {
    flavor.run_paused(async {
        let scoped = timeout_scope(Duration::ZERO, async |_| task::yield_now().await);
        assert!(scoped.await.is_err());
    });
}

/// ported: test_timeouts.py::TimeoutTests::test_timeout_in_the_past_sleep_zero
fn a_scope_in_the_past(flavor: Flavor) {
    flavor.run_paused(async {
        let past = Instant::now();
        advance(ms(11)).await;
        let scoped = timeout_scope_at(past, async |_| task::yield_now().await);
        assert!(scoped.await.is_err());
    });
}

fn a_body_that_never_waits(flavor: Flavor) {
    flavor.run_paused(async {
        assert_eq!(timeout_scope(Duration::ZERO, |_| ready(7)).await, Ok(7));
    });
}

fn a_body_that_uses_up_the_budget(flavor: Flavor) {
    flavor.run_paused(async {
        for nested in [false, true] {
            let begun = Arc::new(AtomicBool::new(false));
            let begins = begun.clone();
            let busy = async move |_| {
                begins.store(true, Ordering::SeqCst);
                loop {
                    coop::consume_budget().await;
                }
            };
            let task = windlass::spawn(async move {
                if nested {
                    timeout_scope(ms(10), async |_| timeout_scope(ms(20), busy).await.unwrap()).await
                } else {
                    timeout_scope(ms(10), busy).await
                }
            });
            // The time of both counts from before that.
            yield_until(|| begun.load(Ordering::SeqCst)).await;
            advance(ms(30)).await;
            assert_eq!(task.await.unwrap(), Err::<(), _>(timed_out().await));
        }
    });
}

/// ported: test_timeouts.py::TimeoutTests::test_foreign_exception_passed
fn an_error_of_the_body_passes(flavor: Flavor) {
    flavor.run_paused(async {
        let (keep, kept) = keeps();
        let scoped = timeout_scope(ms(10), async |scope| {
            *keep.lock() = Some(scope);
            "one".parse::<u8>()
        });
        assert!(scoped.await.unwrap().is_err());
        assert!(!kept.lock().take().unwrap().expired());
    });
}

/// ported: test_timeouts.py::TimeoutTests::test_foreign_exception_on_timeout
fn a_panic_in_the_drop_of_the_body(flavor: Flavor) {
    flavor.run_paused(async {
        let task = windlass::spawn(timeout_scope(ms(10), async |_| {
            let _crash = OnDrop::new(|| panic!("in the drop"));
            sleep(ms(1_000)).await;
        }));
        assert!(task.await.unwrap_err().is_panic());
    });
}

/// ported: test_timeouts.py::TimeoutTests::test_foreign_cancel_doesnt_timeout_if_not_expired
fn an_abort_is_not_a_timeout(flavor: Flavor) {
    flavor.run_paused(async {
        let (keep, kept) = keeps();
        let task = windlass::spawn(timeout_scope(ms(10_000), async move |scope| {
            *keep.lock() = Some(scope);
            sleep(ms(10_000)).await;
        }));
        yield_until(|| kept.lock().is_some()).await;
        task.abort();
        assert!(task.await.unwrap_err().is_cancelled());
        assert!(!kept.lock().take().unwrap().expired());
    });
}

/// ported: test_timeouts.py::TimeoutTests::test_outer_task_is_not_cancelled
fn the_outer_task_is_not_cancelled(flavor: Flavor) {
    flavor.run_paused(async {
        let outer = windlass::spawn(async {
            assert!(timeout_scope(ms(1), async |_| sleep(ms(10_000)).await).await.is_err());
        });
        outer.await.unwrap();
    });
}

/// ported: test_timeouts.py::TimeoutTests::test_reschedule
fn rescheduled_from_elsewhere(flavor: Flavor) {
    flavor.run_paused(async {
        let deadline1 = Instant::now() + ms(10_000);
        let deadline2 = deadline1 + ms(20_000);
        let (tx, rx) = oneshot::channel();
        let task = windlass::spawn(timeout_scope_at(deadline1, async move |scope| {
            tx.send(scope).unwrap();
            pending::<()>().await;
        }));
        let scope = rx.await.unwrap();
        assert_eq!(scope.when(), Some(deadline1));
        scope.reschedule(deadline2).unwrap();
        assert_eq!(scope.when(), Some(deadline2));
        sleep(ms(15_000)).await;
        assert!(!task.is_finished());
        scope.reschedule(None).unwrap();
        assert_eq!(scope.when(), None);
        sleep(ms(30_000)).await;
        assert!(!task.is_finished());
        task.abort();
        assert!(task.await.unwrap_err().is_cancelled());
        assert!(!scope.expired());
    });
}

fn rescheduled_from_inside(flavor: Flavor) {
    flavor.run_paused(async {
        let start = Instant::now();
        let scoped = timeout_scope(ms(10), async |scope| {
            for _ in 0..5 {
                sleep(ms(9)).await;
                scope.reschedule(Instant::now() + ms(10)).unwrap();
            }
            pending::<()>().await;
        });
        assert!(scoped.await.is_err());
        assert_eq!(start.elapsed(), ms(55));
    });
}

fn rescheduled_into_the_past(flavor: Flavor) {
    flavor.run_paused(async {
        let start = Instant::now();
        let (tx, rx) = oneshot::channel();
        let task = windlass::spawn(timeout_scope(ms(10_000), async move |scope| {
            tx.send(scope).unwrap();
            pending::<()>().await;
        }));
        rx.await.unwrap().reschedule(Instant::now()).unwrap();
        assert!(task.await.unwrap().is_err());
        assert!(start.elapsed() < ms(10_000));
    });
}

fn a_limit_set_late(flavor: Flavor) {
    flavor.run_paused(async {
        let start = Instant::now();
        let scoped = timeout_scope(None, async |scope| {
            sleep(ms(50)).await;
            scope.reschedule(Instant::now() + ms(5)).unwrap();
            pending::<()>().await;
        });
        assert!(scoped.await.is_err());
        assert_eq!(start.elapsed(), ms(55));
    });
}

/// ported: test_timeouts.py::TimeoutTests::test_repr_active
/// ported: test_timeouts.py::TimeoutTests::test_repr_expired
/// ported: test_timeouts.py::TimeoutTests::test_repr_finished
/// ported: test_timeouts.py::TimeoutTests::test_repr_disabled
fn described(flavor: Flavor) {
    flavor.run_paused(async {
        let (keep, kept) = keeps();
        let scope = timeout_scope(ms(10), async |scope| {
            let text = format!("{scope:?}");
            assert!(text.contains("Running") && text.contains("Some"), "{text}");
            *keep.lock() = Some(scope.clone());
            scope
        });
        assert!(format!("{:?}", scope.await.unwrap()).contains("Left"));
        let expires = timeout_scope(None, async |scope| {
            assert!(format!("{scope:?}").contains("when: None"));
            scope.reschedule(Instant::now()).unwrap();
            *keep.lock() = Some(scope);
            pending::<()>().await;
        });
        assert!(expires.await.is_err());
        assert!(format!("{:?}", kept.lock()).contains("Expired"));
    });
}

/// ported: test_timeouts.py::TimeoutTests::test_timeout_finished
fn a_scope_that_was_left(flavor: Flavor) {
    flavor.run_paused(async {
        let scope = timeout_scope(ms(10), ready).await.unwrap();
        assert!(scope.reschedule(Instant::now()).is_err());
    });
}

/// ported: test_timeouts.py::TimeoutTests::test_timeout_expired
fn a_scope_that_expired(flavor: Flavor) {
    flavor.run_paused(async {
        let (keep, kept) = keeps();
        let scoped = timeout_scope(ms(10), async |scope| {
            *keep.lock() = Some(scope);
            sleep(ms(1_000)).await;
        });
        assert!(scoped.await.is_err());
        let scope = kept.lock().take().unwrap();
        assert!(scope.reschedule(Instant::now() + ms(20)).is_err());
    });
}

/// different: test_timeouts.py::TimeoutTests::test_timeout_taskgroup: what is dropped raises nothing, so the scope has timed out, and a panic of the cleanup is reported
fn a_scope_around_a_group(flavor: Flavor) {
    let reports = Arc::new(parking_lot::Mutex::new(Vec::new()));
    let list = reports.clone();
    let runtime = flavor
        .builder()
        .start_paused(true)
        .on_unhandled(move |unhandled| list.lock().push(unhandled.message()))
        .build()
        .unwrap();
    runtime.block_on(async {
        let start = Instant::now();
        let scoped = timeout_scope(ms(10), async |_| {
            TaskGroup::<()>::scope(async |group| {
                group.spawn(async {
                    let _cleanup = OnDrop::new(|| panic!("in its cleanup"));
                    sleep(ms(2_000)).await;
                    Ok(())
                });
                sleep(ms(1_000)).await;
                Err::<(), _>(())
            })
            .await
        });
        assert!(scoped.await.is_err());
        assert_eq!(start.elapsed(), ms(10));
        yield_until(|| !reports.lock().is_empty()).await;
    });
    drop(runtime);
    assert_eq!(*reports.lock(), ["in its cleanup"]);
}

fn after_a_cancellation(flavor: Flavor) {
    flavor.run_paused(async {
        let task = windlass::spawn(pending::<()>());
        task.abort();
        assert!(task.await.unwrap_err().is_cancelled());
        // The waiter is as it was.
        assert!(timeout_scope(Duration::ZERO, async |_| sleep(ms(1_000)).await).await.is_err());
        let again = windlass::spawn(timeout_scope(ms(1_000), async |_| pending::<()>().await));
        again.abort();
        assert!(again.await.unwrap_err().is_cancelled());
    });
}

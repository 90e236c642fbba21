//! `TaskGroup`: the first failure ends the group, every failure is in the error, nothing outlives it. CPython's
//! test_taskgroups.py, and more.
//!
//! different: test_taskgroups.py::TestTaskGroup::test_taskgroup_08: what children fail with when their group is aborted from outside is reported, since nobody waits for the group
//! different: test_taskgroups.py::TestTaskGroup::test_taskgroup_11: what children fail with when their group is aborted from outside is reported, since nobody waits for the group
//! different: test_taskgroups.py::TestTaskGroup::test_taskgroup_12: what children fail with when their group is aborted from outside is reported, since nobody waits for the group
//! different: test_taskgroups.py::TestTaskGroup::test_taskgroup_task_context: a task that is given a context has one of its own
//! different: test_taskgroups.py::TestTaskGroup::test_taskgroup_not_entered: a group takes tasks from when it is made
//! inexpressible: test_taskgroups.py::TestTaskGroup::test_taskgroup_15: a future that is dropped does not go on waiting
//! inexpressible: test_taskgroups.py::TestTaskGroup::test_taskgroup_16: a future that is dropped does not go on waiting
//! inexpressible: test_taskgroups.py::TestTaskGroup::test_taskgroup_18: a future that is dropped returns no error
//! inexpressible: test_taskgroups.py::TestTaskGroup::test_taskgroup_19: a future that is dropped returns no error
//! inexpressible: test_taskgroups.py::TestTaskGroup::test_taskgroup_20: a future that is dropped returns no error
//! inexpressible: test_taskgroups.py::TestTaskGroup::test_taskgroup_20a: a future that is dropped returns no error
//! inexpressible: test_taskgroups.py::TestTaskGroup::test_taskgroup_21a: a future that is dropped returns no error
//! inexpressible: test_taskgroups.py::TestTaskGroup::test_taskgroup_context_manager_exit_raises: a future that is dropped returns no error
//! inexpressible: test_taskgroups.py::TestTaskGroup::test_taskgroup_already_entered: a group is joined by value
//! inexpressible: test_taskgroups.py::TestTaskGroup::test_taskgroup_double_enter: a group is joined by value
//! inexpressible: test_taskgroups.py::TestTaskGroup::test_taskgroup_without_parent_task: a group needs no task around it
//! inexpressible: test_taskgroups.py::TestTaskGroup::test_cancelling_level_preserved: an abort does not count

use std::convert::Infallible;
use std::fmt;
use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use futures::channel::oneshot;
use windlass::aio::{ChildError, ErrorGroup, TaskFailure, TaskGroup};
use windlass::task;
use windlass_tests::group::{Oops, errors, hangs};
use windlass_tests::{Flavor, OnDrop, on_conformance_flavors, wake_self, yield_until};

on_conformance_flavors!(
    two_children_that_return,
    a_child_awaited_in_the_body,
    a_child_cancelled_is_no_failure,
    an_error_cancels_the_siblings,
    an_error_drops_the_body,
    errors_of_child_and_body,
    all_errors_are_in_the_group,
    an_error_in_the_body,
    an_error_in_the_body_before_the_children_begin,
    more_and_more_children,
    inner_and_outer_group_fail,
    an_error_in_the_body_cancels_the_children,
    a_panic_in_the_body_goes_on,
    an_inner_failure_nests,
    an_inner_failure_and_an_outer_one,
    no_child_after_a_failure,
    no_child_after_the_end,
    children_spawn_siblings,
    a_child_spawns_while_the_group_joins,
    an_empty_group,
    children_are_done_after_the_group,
    a_panic_is_a_failure,
    a_panic_in_the_drop_of_a_child,
    blocking_children,
    blocking_children_fail,
    names_of_children,
    ten_thousand_children,
    a_long_lived_group_forgets_its_finished_children,
);

/// ported: test_taskgroups.py::TestTaskGroup::test_taskgroup_01
fn two_children_that_return(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let group = TaskGroup::<Oops>::new();
        let one = group.spawn(async {
            wake_self().await;
            Ok(42)
        });
        let two = group.spawn(async { Ok(11) });
        group.join().await.unwrap();
        assert_eq!((one.await, two.await), (Ok(42), Ok(11)));
    });
}

/// ported: test_taskgroups.py::TestTaskGroup::test_taskgroup_02
fn a_child_awaited_in_the_body(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let (tx, rx) = oneshot::channel();
        let sum = TaskGroup::<Oops>::scope(async |group| {
            let one = group.spawn(async { Ok(rx.await.unwrap()) });
            // One that comes while another runs.
            task::yield_now().await;
            assert!(!one.is_finished());
            let two = group.spawn(async { Ok(11) });
            let two = two.await.unwrap();
            tx.send(42).unwrap();
            Ok((one.await.unwrap(), two))
        });
        assert_eq!(sum.await.unwrap(), Some((42, 11)));
    });
}

/// ported: test_taskgroups.py::TestTaskGroup::test_taskgroup_03
fn a_child_cancelled_is_no_failure(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let group = TaskGroup::<Oops>::new();
        let one = group.spawn(pending::<Result<(), _>>());
        let two = group.spawn(async { Ok(11) });
        one.abort();
        group.join().await.unwrap();
        assert_eq!(one.await, Err(ChildError::Cancelled));
        assert_eq!(two.await, Ok(11));
    });
}

/// ported: test_taskgroups.py::TestTaskGroup::test_taskgroup_04
fn an_error_cancels_the_siblings(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let (started, dropped) = (Arc::default(), Arc::default());
        let group = TaskGroup::new();
        let hanging: Vec<_> = (0..3).map(|_| group.spawn(hangs(&started, &dropped))).collect();
        yield_until(|| started.load(Ordering::SeqCst) == 3).await;
        let failing = group.spawn(async { Err::<(), _>(Oops("zero")) });
        assert_eq!(errors(group.join().await.unwrap_err()), [Oops("zero")]);
        // They have ended by now, not only been asked to.
        assert_eq!(dropped.load(Ordering::SeqCst), 3);
        assert!(hanging.iter().all(|task| task.is_finished()));
        for task in hanging {
            assert_eq!(task.await, Err(ChildError::Cancelled));
        }
        assert_eq!(failing.await, Err(ChildError::Failed));
    });
}

/// ported: test_taskgroups.py::TestTaskGroup::test_cancel_children_on_child_error
fn an_error_drops_the_body(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let dropped = Arc::new(AtomicBool::new(false));
        let is_dropped = dropped.clone();
        let (started, children) = (Arc::default(), Arc::default());
        let joined = TaskGroup::scope({
            let children = Arc::clone(&children);
            async move |group| {
                group.spawn(hangs(&started, &children));
                yield_until(|| started.load(Ordering::SeqCst) == 1).await;
                group.spawn(async {
                    wake_self().await;
                    Err::<(), _>(Oops("child"))
                });
                let _on_drop = OnDrop::new(move || is_dropped.store(true, Ordering::SeqCst));
                pending::<Result<(), Oops>>().await
            }
        });
        assert_eq!(errors(joined.await.unwrap_err()), [Oops("child")]);
        assert_eq!(children.load(Ordering::SeqCst), 1);
        assert!(dropped.load(Ordering::SeqCst));
    });
}

fn errors_of_child_and_body(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let joined = TaskGroup::scope(async |group| {
            let failing = group.spawn(async { Err::<(), _>(Oops("child")) });
            // The body is not interrupted before it waits; that it ends with an error of its own may or may not come
            // first.
            let _ = failing.await;
            Err::<(), _>(Oops("body"))
        });
        let errors = errors(joined.await.unwrap_err());
        assert_eq!(errors[0], Oops("child"));
        assert!(errors.len() == 1 || errors[1] == Oops("body"));
    });
}

fn all_errors_are_in_the_group(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let group = TaskGroup::new();
        // None of them waits, so that none is aborted before its error.
        let gate = Arc::new(AtomicBool::new(false));
        for name in ["a", "b", "c"] {
            let gate = gate.clone();
            group.spawn_blocking(move || {
                windlass_tests::spin_until(|| gate.load(Ordering::SeqCst));
                Err::<(), _>(Oops(name))
            });
        }
        // All three have begun: a blocking child that has begun cannot be aborted.
        let names: Vec<_> = {
            let begun = group.spawn_blocking(|| Ok(()));
            begun.await.unwrap();
            gate.store(true, Ordering::SeqCst);
            let mut names: Vec<_> =
                errors(group.join().await.unwrap_err()).into_iter().map(|e| e.0).collect();
            names.sort_unstable();
            names
        };
        assert!(!names.is_empty() && names.iter().all(|name| ["a", "b", "c"].contains(name)));
    });
}

fn an_error_in_the_body(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let joined = TaskGroup::scope(async |_| Err::<(), _>(Oops("body")));
        assert_eq!(errors(joined.await.unwrap_err()), [Oops("body")]);
    });
}

/// ported: test_taskgroups.py::TestTaskGroup::test_taskgroup_09
fn an_error_in_the_body_cancels_the_children(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let (started, dropped) = (Arc::default(), Arc::default());
        let (started_too, dropped_too) = (Arc::clone(&started), Arc::clone(&dropped));
        let joined = TaskGroup::scope(async move |group| {
            group.spawn(hangs(&started, &dropped));
            yield_until(|| started.load(Ordering::SeqCst) == 1).await;
            Err::<(), _>(Oops("body"))
        });
        assert_eq!(errors(joined.await.unwrap_err()), [Oops("body")]);
        assert_eq!(started_too.load(Ordering::SeqCst), 1);
        assert_eq!(dropped_too.load(Ordering::SeqCst), 1);
    });
}

fn a_panic_in_the_body_goes_on(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let (started, dropped) = (Arc::default(), Arc::new(AtomicUsize::new(0)));
        let is_dropped = dropped.clone();
        let scope = windlass::spawn(async move {
            TaskGroup::scope(async move |group| {
                group.spawn(hangs(&started, &is_dropped));
                yield_until(|| started.load(Ordering::SeqCst) == 1).await;
                if true {
                    panic!("in the body");
                }
                Ok(())
            })
            .await
        });
        assert!(scope.await.unwrap_err().is_panic());
        assert_eq!(dropped.load(Ordering::SeqCst), 1);
    });
}

/// An error that may be a group of them.
#[derive(Debug)]
enum Nested {
    Leaf(Oops),
    Group(ErrorGroup<Nested>),
}

impl fmt::Display for Nested {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Nested::Leaf(oops) => oops.fmt(f),
            Nested::Group(group) => group.fmt(f),
        }
    }
}

/// ported: test_taskgroups.py::TestTaskGroup::test_taskgroup_14
fn an_inner_failure_nests(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let joined = TaskGroup::scope(async |outer| {
            outer.spawn(pending::<Result<(), Nested>>());
            TaskGroup::scope(async |inner| {
                inner.spawn(async { Err::<(), _>(Nested::Leaf(Oops("inner"))) });
                pending::<Result<(), Nested>>().await
            })
            .await
            .map_err(Nested::Group)
        });
        let errors = joined.await.unwrap_err();
        let shown = errors.to_string();
        assert_eq!(shown, "1 task of a group failed\n  - 1 task of a group failed\n      - inner");
        match errors.into_first() {
            TaskFailure::Error(Nested::Group(inner)) => {
                assert!(matches!(inner.first(), TaskFailure::Error(Nested::Leaf(Oops("inner")))));
            }
            other => panic!("not nested: {other:?}"),
        }
    });
}

fn an_inner_failure_and_an_outer_one(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let outer = TaskGroup::new();
        let (tx, rx) = oneshot::channel::<()>();
        outer.spawn(async move {
            let inner = TaskGroup::new();
            inner.spawn(async { Err::<(), _>(Nested::Leaf(Oops("inner"))) });
            let errors = inner.join().await.unwrap_err();
            tx.send(()).unwrap();
            Err::<(), _>(Nested::Group(errors))
        });
        outer.spawn_blocking(move || {
            futures::executor::block_on(rx).unwrap();
            Err::<(), _>(Nested::Leaf(Oops("outer")))
        });
        let errors = outer.join().await.unwrap_err();
        // The blocking one cannot be aborted once it has begun; before, it can.
        assert!(
            errors.iter().any(|e| matches!(e, TaskFailure::Error(Nested::Group(_)))) || errors.len() == 1
        );
        assert!(errors.len() <= 2);
    });
}

/// ported: test_taskgroups.py::TestTaskGroup::test_taskgroup_no_create_task_after_failure
fn no_child_after_a_failure(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let group = TaskGroup::new();
        let failing = group.spawn(async { Err::<(), _>(Oops("first")) });
        assert_eq!(failing.await, Err(ChildError::Failed));
        assert!(group.is_closed());
        let ran = Arc::new(AtomicBool::new(false));
        let runs = ran.clone();
        let refused = group.spawn(async move {
            runs.store(true, Ordering::SeqCst);
            Ok(())
        });
        assert!(refused.is_finished() && refused.id().is_none());
        assert_eq!(refused.await, Err(ChildError::Cancelled));
        assert_eq!(errors(group.join().await.unwrap_err()), [Oops("first")]);
        assert!(!ran.load(Ordering::SeqCst));
    });
}

/// ported: test_taskgroups.py::TestTaskGroup::test_taskgroup_finished
/// ported: test_taskgroups.py::TestTaskGroup::test_coro_closed_when_tg_closed
fn no_child_after_the_end(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let group = TaskGroup::<Oops>::new();
        let spawner = group.spawner();
        group.join().await.unwrap();
        assert_eq!(spawner.spawn(async { Ok(()) }).await, Err(ChildError::Cancelled));
        assert_eq!(spawner.spawn_blocking(|| Ok(())).await, Err(ChildError::Cancelled));
    });
}

/// ported: test_taskgroups.py::TestTaskGroup::test_taskgroup_24
fn children_spawn_siblings(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let count = Arc::new(AtomicUsize::new(0));
        let group = TaskGroup::<Oops>::new();
        fn generation(
            n: usize,
            spawner: windlass::aio::Spawner<Oops>,
            count: Arc<AtomicUsize>,
        ) -> futures::future::BoxFuture<'static, Result<(), Oops>> {
            Box::pin(async move {
                count.fetch_add(1, Ordering::SeqCst);
                if n > 0 {
                    for _ in 0..2 {
                        spawner.spawn(generation(n - 1, spawner.clone(), count.clone()));
                    }
                }
                Ok(())
            })
        }
        group.spawn(generation(7, group.spawner(), count.clone()));
        group.join().await.unwrap();
        assert_eq!(count.load(Ordering::SeqCst), 255);
    });
}

fn a_child_spawns_while_the_group_joins(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let group = TaskGroup::<Oops>::new();
        let spawner = group.spawner();
        let (tx, rx) = oneshot::channel::<()>();
        let (done, is_done) = oneshot::channel();
        group.spawn(async move {
            rx.await.unwrap();
            spawner.spawn(async move {
                wake_self().await;
                done.send(()).unwrap();
                Ok(())
            });
            Ok(())
        });
        let joined = windlass::spawn(group.join());
        task::yield_now().await;
        tx.send(()).unwrap();
        joined.await.unwrap().unwrap();
        assert_eq!(is_done.await, Ok(()));
    });
}

fn an_empty_group(flavor: Flavor) {
    flavor.runtime().block_on(async {
        TaskGroup::<Oops>::new().join().await.unwrap();
        assert_eq!(TaskGroup::<Oops>::scope(async |_| Ok(1)).await.unwrap(), Some(1));
    });
}

fn children_are_done_after_the_group(flavor: Flavor) {
    flavor.runtime().block_on(async {
        for _ in 0..50 {
            let group = TaskGroup::<Infallible>::new();
            let children: Vec<_> = (0..20).map(|_| group.spawn(async { Ok(()) })).collect();
            group.join().await.unwrap();
            assert!(children.iter().all(|task| task.is_finished()));
        }
    });
}

fn a_panic_is_a_failure(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let group = TaskGroup::<Oops>::new();
        group.spawn(pending::<Result<(), _>>());
        let child = group.spawn(async { panic!("overboard") as Result<(), Oops> });
        let errors = group.join().await.unwrap_err();
        assert_eq!(errors.len(), 1);
        assert!(errors.to_string().contains("overboard"));
        match errors.into_first() {
            TaskFailure::Join(error) => assert_eq!(Some(error.id()), child.id()),
            other => panic!("{other:?}"),
        }
        assert_eq!(child.await, Err(ChildError::Failed));
    });
}

fn a_panic_in_the_drop_of_a_child(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let group = TaskGroup::<Oops>::new();
        let mut held = Some(OnDrop::new(|| panic!("in drop")));
        group.spawn(std::future::poll_fn(move |_| {
            std::hint::black_box(&mut held);
            std::task::Poll::Ready(Ok(()))
        }));
        assert!(group.join().await.unwrap_err().into_first().is_panic());
    });
}

fn blocking_children(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let group = TaskGroup::<Oops>::new();
        let children: Vec<_> = (0..10).map(|n| group.spawn_blocking(move || Ok(n))).collect();
        group.join().await.unwrap();
        for (n, child) in children.into_iter().enumerate() {
            assert_eq!(child.await, Ok(n));
        }
    });
}

fn blocking_children_fail(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let group = TaskGroup::new();
        group.spawn(pending::<Result<(), _>>());
        group.spawn_blocking(|| Err::<(), _>(Oops("blocked")));
        assert_eq!(errors(group.join().await.unwrap_err()), [Oops("blocked")]);

        let group = TaskGroup::<Oops>::new();
        group.spawn_blocking(|| panic!("blocked") as Result<(), _>);
        assert!(group.join().await.unwrap_err().into_first().is_panic());
    });
}

/// ported: test_taskgroups.py::TestTaskGroup::test_taskgroup_task_name
fn names_of_children(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let group = TaskGroup::<Oops>::new();
        let name =
            group.spawn_named("yolo", async { Ok(task::current().unwrap().name().map(str::to_owned)) });
        assert_eq!(name.await.unwrap().as_deref(), Some("yolo"));
        group.join().await.unwrap();
    });
}

fn ten_thousand_children(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let group = TaskGroup::<Oops>::new();
        let sum = Arc::new(AtomicUsize::new(0));
        for n in 0..10_000 {
            let sum = sum.clone();
            group.spawn(async move {
                if n % 3 == 0 {
                    task::yield_now().await;
                }
                sum.fetch_add(n, Ordering::SeqCst);
                Ok(())
            });
        }
        group.join().await.unwrap();
        assert_eq!(sum.load(Ordering::SeqCst), 10_000 * 9_999 / 2);
    });
}

/// ported: test_taskgroups.py::TestTaskGroup::test_taskgroup_23
fn a_long_lived_group_forgets_its_finished_children(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let group = TaskGroup::<Oops>::new();
        let token = Arc::new(());
        for _ in 0..1_000 {
            let token = token.clone();
            group
                .spawn(async move {
                    drop(token);
                    Ok(())
                })
                .await
                .unwrap();
        }
        assert_eq!(Arc::strong_count(&token), 1);
        assert_eq!(group.len(), 0);
        group.join().await.unwrap();
    });
}

/// ported: test_taskgroups.py::TestTaskGroup::test_taskgroup_10
fn an_error_in_the_body_before_the_children_begin(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let kept = Arc::new(parking_lot::Mutex::new(Vec::new()));
        let keep = kept.clone();
        let joined = TaskGroup::scope(async move |group| {
            keep.lock().push(group.spawn(pending::<Result<(), _>>()));
            keep.lock().push(group.spawn(pending::<Result<(), _>>()));
            Err::<(), _>(Oops("body"))
        });
        assert_eq!(errors(joined.await.unwrap_err()), [Oops("body")]);
        let children = std::mem::take(&mut *kept.lock());
        for child in children {
            assert_eq!(child.await, Err(ChildError::Cancelled));
        }
    });
}

/// ported: test_taskgroups.py::TestTaskGroup::test_taskgroup_25
fn more_and_more_children(flavor: Flavor) {
    type Hydra = futures::future::BoxFuture<'static, Result<(), Oops>>;
    fn hydra(spawner: windlass::aio::Spawner<Oops>, heads: Arc<AtomicUsize>) -> Hydra {
        Box::pin(async move {
            heads.fetch_add(1, Ordering::SeqCst);
            windlass::time::sleep(std::time::Duration::from_millis(10)).await;
            spawner.spawn(hydra(spawner.clone(), heads.clone()));
            spawner.spawn(hydra(spawner.clone(), heads));
            Ok(())
        })
    }
    flavor.run_paused(async {
        let heads = Arc::new(AtomicUsize::new(0));
        let group = TaskGroup::new();
        group.spawn(hydra(group.spawner(), heads.clone()));
        let count = heads.clone();
        group.spawn(async move {
            while count.load(Ordering::SeqCst) < 10 {
                windlass::time::sleep(std::time::Duration::from_millis(15)).await;
            }
            Err::<(), _>(Oops("hercules"))
        });
        assert_eq!(errors(group.join().await.unwrap_err()), [Oops("hercules")]);
        assert!(heads.load(Ordering::SeqCst) >= 10);
    });
}

/// different: test_taskgroups.py::TestTaskGroup::test_nested_groups_both_cancelled: the body of a group that has failed is dropped, and with it an inner group that fails at the same time; one that fails before is seen
fn inner_and_outer_group_fail(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let joined = TaskGroup::scope(async |outer| {
            let inner = TaskGroup::new();
            inner.spawn(async { Err::<(), _>(Oops("inner")) });
            let inner = inner.join().await;
            assert_eq!(errors(inner.unwrap_err()), [Oops("inner")]);
            outer.spawn(async { Err::<(), _>(Oops("outer")) });
            Ok(())
        });
        assert_eq!(errors(joined.await.unwrap_err()), [Oops("outer")]);
    });
}

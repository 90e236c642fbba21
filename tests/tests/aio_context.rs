//! `context_var!`: what a task has from where it was spawned. CPython's context cases of test_tasks.py, and test_threads.py's.

use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures::channel::oneshot;
use windlass::aio::{Promise, TaskGroup, gather};
use windlass::task::{self, ContextVars, LocalSet, spawn_local};
use windlass_tests::{Flavor, on_conformance_flavors, panics, wake_self, yield_until};

on_conformance_flavors!(
    a_task_has_the_context_of_its_spawn,
    callbacks_do_not_change_the_context_of_the_task,
    a_context_that_is_given_does_not_change,
    a_task_has_a_context_of_its_own,
    a_context_stays_over_awaits,
    a_grandchild_has_its_parent_s,
    interleaved_tasks_do_not_mix,
    tasks_of_a_group_and_a_gather,
    to_thread_takes_it_along,
    a_blocking_job_does_not,
    callbacks_of_the_runtime_have_it,
    local_tasks_have_it,
    block_on_has_the_context_of_its_thread,
    a_scope_ends,
    a_reset,
    a_default,
    a_context_taken_and_run,
    values_are_dropped_with_the_task,
    the_drop_of_a_future_has_its_context,
    a_value_that_panics_in_its_drop,
    a_task_that_is_aborted_before_it_began,
    spawn_after_shutdown_keeps_the_caller_s,
);

windlass_tests::once!(a_variable_that_is_not_set, a_reset_of_another_variable, a_thread_s_own);

windlass::context_var! {
    static NAME: String;
    static LEVEL: u32 = 0;
}
windlass::context_var! { static OTHER: u32 = 0 }

async fn spawn_and<T: Send + 'static>(f: impl Future<Output = T> + Send + 'static) -> T {
    windlass::spawn(f).await.unwrap()
}

/// ported: test_tasks.py::BaseTaskTests::test_context_1
fn a_task_has_the_context_of_its_spawn(flavor: Flavor) {
    flavor.runtime().block_on(spawn_and(async {
        assert_eq!(LEVEL.get(), 0);
        let (go, gone) = oneshot::channel();
        let sub = windlass::spawn(async move {
            gone.await.unwrap();
            assert_eq!(LEVEL.get(), 0);
            LEVEL.set(10);
        });
        LEVEL.set(1);
        go.send(()).unwrap();
        sub.await.unwrap();
        assert_eq!(LEVEL.get(), 1);
        assert_eq!(spawn_and(async { LEVEL.get() }).await, 1);
    }));
}

/// ported: test_tasks.py::BaseTaskTests::test_context_2
fn callbacks_do_not_change_the_context_of_the_task(flavor: Flavor) {
    let runtime = flavor.runtime();
    runtime.block_on(spawn_and(async {
        let handle = windlass::runtime::Handle::current();
        assert_eq!(LEVEL.get(), 0);
        for round in 1..3 {
            let promise = Promise::<()>::new();
            let (called, was_called) = oneshot::channel();
            promise.add_done_callback(move |_| {
                LEVEL.set(100);
                called.send(()).unwrap();
            });
            LEVEL.set(round);
            let sets = promise.clone();
            handle.call_soon(move || sets.set_result(()).unwrap());
            promise.await.unwrap();
            was_called.await.unwrap();
            assert_eq!(LEVEL.get(), round);
            for step in 0..3 {
                LEVEL.set(round * 10 + step);
                task::yield_now().await;
                assert_eq!(LEVEL.get(), round * 10 + step);
            }
        }
    }));
    assert_eq!(LEVEL.get(), 0);
}

/// different: test_tasks.py::BaseTaskTests::test_context_4: a task that is given a context has one of its own, so that what it sets is not seen in the other
/// different: test_tasks.py::BaseTaskTests::test_context_5: a task that is given a context has one of its own, so that what it sets is not seen in the other
/// different: test_tasks.py::BaseTaskTests::test_context_6: a task that is given a context has one of its own, so that what it sets is not seen in the other
fn a_context_that_is_given_does_not_change(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let given = LEVEL.sync_scope(5, ContextVars::current);
        for level in [1, 2] {
            let sets = given.clone().scope(async move {
                wake_self().await;
                let old = LEVEL.get();
                LEVEL.set(level);
                (old, LEVEL.get())
            });
            assert_eq!(spawn_and(sets).await, (5, level));
            assert_eq!(given.run(|| LEVEL.get()), 5);
        }
    });
}

fn a_task_has_a_context_of_its_own(flavor: Flavor) {
    flavor.runtime().block_on(async {
        LEVEL.set(1);
        spawn_and(async {
            assert_eq!(LEVEL.get(), 1);
            LEVEL.set(10);
            wake_self().await;
            assert_eq!(LEVEL.get(), 10);
        })
        .await;
        assert_eq!(LEVEL.get(), 1);
    });
}

fn a_context_stays_over_awaits(flavor: Flavor) {
    flavor.runtime().block_on(async {
        // A task that had no context when it was spawned.
        spawn_and(async {
            assert_eq!(LEVEL.get(), 0);
            LEVEL.set(5);
            for _ in 0..10 {
                wake_self().await;
                task::yield_now().await;
                assert_eq!(LEVEL.get(), 5);
            }
        })
        .await;
        assert_eq!(LEVEL.get(), 0);
    });
}

fn a_grandchild_has_its_parent_s(flavor: Flavor) {
    flavor.runtime().block_on(async {
        LEVEL.set(1);
        let grandchild = spawn_and(async {
            NAME.set("child".into());
            spawn_and(async { (LEVEL.get(), NAME.get()) }).await
        });
        assert_eq!(grandchild.await, (1, "child".into()));
        assert_eq!(NAME.try_get(), None);
    });
}

/// ported: test_tasks.py::BaseTaskTests::test_context_3
fn interleaved_tasks_do_not_mix(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let tasks: Vec<_> = (0..100)
            .map(|n| {
                windlass::spawn(async move {
                    for step in 0..10 {
                        LEVEL.set(n + step);
                        task::yield_now().await;
                        assert_eq!(LEVEL.get(), n + step);
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        assert_eq!(LEVEL.get(), 0);
    });
}

fn tasks_of_a_group_and_a_gather(flavor: Flavor) {
    flavor.runtime().block_on(async {
        LEVEL.set(3);
        assert_eq!(gather((0..3).map(|n| async move { LEVEL.get() + n })).await.unwrap(), [3, 4, 5]);
        let group = TaskGroup::<()>::new();
        let child = group.spawn(async { Ok(LEVEL.get()) });
        group.join().await.unwrap();
        assert_eq!(child.await, Ok(3));
    });
}

/// ported: test_threads.py::ToThreadTests::test_to_thread_contextvars
fn to_thread_takes_it_along(flavor: Flavor) {
    flavor.runtime().block_on(async {
        LEVEL.set(42);
        let seen = windlass::to_thread(|| {
            let seen = LEVEL.get();
            LEVEL.set(7);
            seen
        });
        assert_eq!(seen.await.unwrap(), 42);
        assert_eq!(LEVEL.get(), 42);
    });
}

fn a_blocking_job_does_not(flavor: Flavor) {
    flavor.runtime().block_on(async {
        LEVEL.set(42);
        assert_eq!(task::spawn_blocking(|| LEVEL.get()).await.unwrap(), 0);
        assert_eq!(windlass::run_in_executor(None, || LEVEL.get()).await.unwrap(), 0);
    });
}

fn callbacks_of_the_runtime_have_it(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let seen = Arc::new(AtomicUsize::new(0));
        let handle = windlass::runtime::Handle::current();
        for level in [1, 2] {
            let sees = seen.clone();
            LEVEL.sync_scope(level, || {
                handle.call_soon(move || {
                    sees.fetch_add(LEVEL.get() as usize, Ordering::SeqCst);
                })
            });
        }
        yield_until(|| seen.load(Ordering::SeqCst) == 3).await;
    });
}

fn local_tasks_have_it(flavor: Flavor) {
    let runtime = flavor.runtime();
    let set = LocalSet::new();
    set.block_on(&runtime, async {
        LEVEL.set(4);
        let task = spawn_local(async {
            let before = LEVEL.get();
            LEVEL.set(5);
            wake_self().await;
            (before, LEVEL.get())
        });
        assert_eq!(task.await.unwrap(), (4, 5));
        assert_eq!(LEVEL.get(), 4);
    });
}

fn block_on_has_the_context_of_its_thread(flavor: Flavor) {
    let runtime = flavor.runtime();
    LEVEL.sync_scope(9, || {
        runtime.block_on(async {
            assert_eq!(LEVEL.get(), 9);
            LEVEL.set(10);
            assert_eq!(spawn_and(async { LEVEL.get() }).await, 10);
            assert_eq!(LEVEL.get(), 10);
        });
        assert_eq!(LEVEL.get(), 9);
    });
}

fn a_scope_ends(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let inner = LEVEL.scope(6, async {
            wake_self().await;
            LEVEL.set(LEVEL.get() + 1);
            wake_self().await;
            spawn_and(async { LEVEL.get() }).await
        });
        assert_eq!(inner.await, 7);
        assert_eq!(LEVEL.get(), 0);
    });
}

fn a_reset(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let unset = NAME.set("one".into());
        let one = NAME.set("two".into());
        NAME.reset(one);
        assert_eq!(NAME.get(), "one");
        NAME.reset(unset);
        assert_eq!(NAME.try_get(), None);
    });
}

fn a_default(flavor: Flavor) {
    flavor.runtime().block_on(async {
        assert_eq!(LEVEL.get(), 0);
        assert_eq!(LEVEL.with(|level| level.copied()), Some(0));
        assert_eq!(NAME.with(|name| name.cloned()), None);
        assert_eq!((LEVEL.name(), OTHER.name()), ("LEVEL", "OTHER"));
    });
}

/// ported: test_tasks.py::BaseTaskTests::test_get_context
fn a_context_taken_and_run(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let taken = spawn_and(async {
            LEVEL.set(11);
            ContextVars::current()
        })
        .await;
        assert_eq!(taken.run(|| LEVEL.get()), 11);
        assert_eq!(LEVEL.get(), 0);
        let task = windlass::spawn(taken.scope(async {
            wake_self().await;
            LEVEL.get()
        }));
        assert_eq!(task.await.unwrap(), 11);
    });
}

windlass::context_var! { static HELD: Arc<()>; }

fn values_are_dropped_with_the_task(flavor: Flavor) {
    let token = Arc::new(());
    let runtime = flavor.runtime();
    runtime.block_on(async {
        for waits in [false, true] {
            let held = token.clone();
            let task = windlass::spawn(async move {
                HELD.set(held);
                if waits {
                    wake_self().await;
                }
            });
            task.await.unwrap();
        }
        yield_until(|| Arc::strong_count(&token) == 1).await;
        let task = HELD.sync_scope(token.clone(), || windlass::spawn(pending::<()>()));
        assert_eq!(Arc::strong_count(&token), 2);
        task.abort();
        assert!(task.await.is_err());
        yield_until(|| Arc::strong_count(&token) == 1).await;
    });
}

struct SeesLevel(Arc<AtomicUsize>);

impl Drop for SeesLevel {
    fn drop(&mut self) {
        self.0.store(LEVEL.get() as usize, Ordering::SeqCst);
    }
}

fn the_drop_of_a_future_has_its_context(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let seen = Arc::new(AtomicUsize::new(0));
        let sees = SeesLevel(seen.clone());
        let (tx, begun) = oneshot::channel();
        let task = windlass::spawn(async move {
            LEVEL.set(8);
            let _sees = sees;
            tx.send(()).unwrap();
            pending::<()>().await;
        });
        begun.await.unwrap();
        task.abort();
        assert!(task.await.is_err());
        assert_eq!(seen.load(Ordering::SeqCst), 8);
    });
}

struct Nasty;

impl Drop for Nasty {
    fn drop(&mut self) {
        panic!("a value that panics");
    }
}

windlass::context_var! { static NASTY: Arc<Nasty>; }

fn a_value_that_panics_in_its_drop(flavor: Flavor) {
    let runtime = flavor.runtime();
    runtime.block_on(async {
        spawn_and(async {
            NASTY.set(Arc::new(Nasty));
        })
        .await;
        spawn_and(async {
            NASTY.set(Arc::new(Nasty));
            wake_self().await;
        })
        .await;
        assert_eq!(spawn_and(async { 1 }).await, 1);
    });
}

fn a_task_that_is_aborted_before_it_began(flavor: Flavor) {
    flavor.runtime().block_on(async {
        LEVEL.set(1);
        let sees = SeesLevel(Arc::default());
        let seen = sees.0.clone();
        let task = LEVEL.sync_scope(2, || {
            windlass::spawn(async move {
                let _sees = sees;
                pending::<()>().await;
            })
        });
        task.abort();
        assert!(task.await.is_err());
        assert_eq!(seen.load(Ordering::SeqCst), 2);
        assert_eq!(LEVEL.get(), 1);
    });
}

fn spawn_after_shutdown_keeps_the_caller_s(flavor: Flavor) {
    let gone = flavor.runtime();
    let handle = gone.handle().clone();
    drop(gone);
    flavor.runtime().block_on(async move {
        LEVEL.set(1);
        // It ends here and now, in its own context.
        let task = LEVEL.sync_scope(2, || handle.spawn(async {}));
        assert!(task.await.unwrap_err().is_cancelled());
        assert_eq!(LEVEL.get(), 1);
    });
}

fn a_variable_that_is_not_set() {
    let panicked = panics(|| NAME.get());
    assert!(panicked.message.contains("NAME"), "{}", panicked.message);
}

fn a_reset_of_another_variable() {
    let reset = LEVEL.set(1);
    let panicked = panics(|| OTHER.reset(reset));
    assert!(panicked.message.contains("LEVEL") && panicked.message.contains("OTHER"));
}

fn a_thread_s_own() {
    let token = Arc::new(());
    let held = token.clone();
    std::thread::spawn(move || {
        HELD.set(held);
        assert!(HELD.try_get().is_some());
    })
    .join()
    .unwrap();
    assert_eq!(Arc::strong_count(&token), 1);
    assert!(HELD.try_get().is_none());
}

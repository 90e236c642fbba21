//! `context_var!` and `eager_start`: what a task has from where it was spawned, and when it begins. CPython's context cases
//! of test_tasks.py, and test_eager_task_factory.py.
//!
//! inexpressible: test_eager_task_factory.py::EagerTaskFactoryLoopTests::test_eager_task_factory_set: there is no task factory: each spawn says whether it is eager
//! inexpressible: test_eager_task_factory.py::CEagerTaskFactoryLoopTests::test_issue105987: only the runtime swaps the running task
//! inexpressible: test_eager_task_factory.py::CEagerTaskFactoryLoopTests::test_issue122332: a task's future is its own, and nobody else can have it

use std::collections::HashSet;
use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use futures::channel::oneshot;
use futures::future::BoxFuture;
use parking_lot::Mutex;
use windlass::aio::{Promise, TaskGroup, gather};
use windlass::task::{self, Builder, ContextVars, JoinHandle, LocalSet, spawn_local};
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
    eager_completion,
    eager_until_it_waits,
    eager_sets_what_its_parent_awaits,
    eager_is_among_all_tasks_while_it_runs,
    eager_runs_before_the_spawn_returns,
    eager_has_its_own_task,
    eager_has_the_context,
    eager_awaits_all_in_one_task,
    a_tree_of_groups,
    a_tree_of_gathers,
    eager_chain,
    eager_recursion,
    eager_that_panics,
    eager_that_wakes_itself,
    eager_that_is_cancelled,
    eager_outside_of_a_worker,
    eager_gathers,
    eager_named,
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

fn eager<T: Send + 'static>(future: impl Future<Output = T> + Send + 'static) -> JoinHandle<T> {
    Builder::new().eager_start(true).spawn(future).unwrap()
}

/// ported: test_eager_task_factory.py::EagerTaskFactoryLoopTests::test_eager_completion
fn eager_completion(flavor: Flavor) {
    flavor.runtime().block_on(spawn_and(async {
        let task = eager(async { "hello" });
        assert!(task.is_finished());
        assert_eq!(task.await.unwrap(), "hello");
    }));
}

/// ported: test_eager_task_factory.py::EagerTaskFactoryLoopTests::test_block_after_eager_step
fn eager_until_it_waits(flavor: Flavor) {
    flavor.runtime().block_on(spawn_and(async {
        let (tx, rx) = oneshot::channel();
        let task = eager(rx);
        assert!(!task.is_finished());
        tx.send("world").unwrap();
        assert_eq!(task.await.unwrap().unwrap(), "world");
    }));
}

/// ported: test_eager_task_factory.py::EagerTaskFactoryLoopTests::test_await_future_during_eager_step
fn eager_sets_what_its_parent_awaits(flavor: Flavor) {
    flavor.runtime().block_on(spawn_and(async {
        let promise = Promise::new();
        let sets = promise.clone();
        let task = eager(async move { sets.set_result("my message").unwrap() });
        assert!(task.is_finished());
        assert_eq!(promise.await.unwrap(), "my message");
    }));
}

/// different: test_eager_task_factory.py::EagerTaskFactoryLoopTests::test_all_tasks_with_blocking: an eager task in its first poll is listed if it has a name, and else only counted; once it has waited it is listed
/// different: test_eager_task_factory.py::EagerTaskFactoryLoopTests::test_all_tasks_with_eager_completion: an eager task in its first poll is listed if it has a name, and else only counted
fn eager_is_among_all_tasks_while_it_runs(flavor: Flavor) {
    flavor.runtime().block_on(spawn_and(async {
        let handle = windlass::runtime::Handle::current();
        let ids = move || handle.all_tasks().iter().map(|task| task.id()).collect::<Vec<_>>();
        let captures = ids.clone();
        let task = Builder::new().eager_start(true).name("eager").spawn(async move { captures() }).unwrap();
        let id = task.id();
        assert!(!ids().contains(&id));
        assert!(task.await.unwrap().contains(&id));
    }));
}

fn eager_runs_before_the_spawn_returns(flavor: Flavor) {
    flavor.runtime().block_on(spawn_and(async {
        let ran = Arc::new(AtomicBool::new(false));
        let runs = ran.clone();
        let thread = std::thread::current().id();
        let task = eager(async move {
            assert_eq!(std::thread::current().id(), thread);
            runs.store(true, Ordering::SeqCst);
            pending::<()>().await;
        });
        assert!(ran.load(Ordering::SeqCst));
        task.abort();
    }));
}

/// ported: test_eager_task_factory.py::EagerTaskFactoryLoopTests::test_current_task
fn eager_has_its_own_task(flavor: Flavor) {
    flavor.runtime().block_on(spawn_and(async {
        let outer = task::id();
        let inner = eager(async {
            let before = task::id();
            wake_self().await;
            assert_eq!(task::id(), before);
            before
        });
        assert_ne!(inner.id(), outer);
        assert_eq!(task::id(), outer);
        let id = inner.id();
        assert_eq!(inner.await.unwrap(), id);
        let waits = eager(pending::<()>());
        assert!(task::all_tasks().iter().any(|task| task.id() == waits.id()));
        waits.abort();
    }));
}

/// ported: test_eager_task_factory.py::EagerTaskFactoryLoopTests::test_context_vars
fn eager_has_the_context(flavor: Flavor) {
    flavor.runtime().block_on(spawn_and(async {
        LEVEL.set(1);
        let task = eager(async {
            assert_eq!(LEVEL.get(), 1);
            LEVEL.set(2);
            wake_self().await;
            LEVEL.get()
        });
        assert_eq!(LEVEL.get(), 1);
        assert_eq!(task.await.unwrap(), 2);
    }));
}

/// ported: test_eager_task_factory.py::BaseTaskCountingTests::test_awaitables_chain
fn eager_awaits_all_in_one_task(flavor: Flavor) {
    fn chain(depth: usize, ids: Ids) -> BoxFuture<'static, usize> {
        Box::pin(async move {
            ids.lock().insert(task::id());
            if depth == 0 { 0 } else { 1 + chain(depth - 1, ids).await }
        })
    }
    flavor.runtime().block_on(spawn_and(async {
        let ids = Ids::default();
        let task = eager(chain(100, ids.clone()));
        assert!(task.is_finished());
        assert_eq!(ids.lock().iter().copied().collect::<Vec<_>>(), [task.id()]);
        assert_eq!(task.await.unwrap(), 100);
    }));
}

/// The ids of the tasks that have been here.
type Ids = Arc<Mutex<HashSet<task::Id>>>;

/// How many tasks there are in a tree that is so wide and so deep.
const IN_TREE: usize = 5 + 25 + 125 + 625;

/// ported: test_eager_task_factory.py::BaseTaskCountingTests::test_recursive_taskgroups
fn a_tree_of_groups(flavor: Flavor) {
    fn grow(width: usize, depth: usize, ids: Ids) -> BoxFuture<'static, Result<(), ()>> {
        Box::pin(async move {
            ids.lock().insert(task::id());
            if depth > 0 {
                let group = TaskGroup::<()>::new();
                for _ in 0..width {
                    group.spawn(grow(width, depth - 1, ids.clone()));
                }
                group.join().await.unwrap();
            }
            Ok(())
        })
    }
    flavor.runtime().block_on(async {
        let ids = Ids::default();
        spawn_and(grow(5, 4, ids.clone())).await.unwrap();
        assert_eq!(ids.lock().len(), IN_TREE + 1);
    });
}

/// ported: test_eager_task_factory.py::BaseTaskCountingTests::test_recursive_gather
fn a_tree_of_gathers(flavor: Flavor) {
    fn grow(width: usize, depth: usize, ids: Ids) -> BoxFuture<'static, ()> {
        Box::pin(async move {
            ids.lock().insert(task::id());
            if depth > 0 {
                let children: Vec<_> = (0..width).map(|_| grow(width, depth - 1, ids.clone())).collect();
                gather(children).await.unwrap();
            }
        })
    }
    flavor.runtime().block_on(async {
        let ids = Ids::default();
        spawn_and(grow(5, 4, ids.clone())).await;
        assert_eq!(ids.lock().len(), IN_TREE + 1);
    });
}

fn eager_chain(flavor: Flavor) {
    flavor.runtime().block_on(spawn_and(async {
        let task = eager(async {
            let inner = eager(async { eager(async { 1 }).await.unwrap() + 1 });
            assert!(inner.is_finished());
            inner.await.unwrap() + 1
        });
        assert!(task.is_finished());
        assert_eq!(task.await.unwrap(), 3);
    }));
}

fn eager_recursion(flavor: Flavor) {
    fn down(n: u32) -> futures::future::BoxFuture<'static, u32> {
        Box::pin(async move { if n == 0 { 0 } else { eager(down(n - 1)).await.unwrap() + 1 } })
    }
    flavor.runtime().block_on(spawn_and(async {
        assert_eq!(down(50).await, 50);
    }));
}

fn eager_that_panics(flavor: Flavor) {
    flavor.runtime().block_on(spawn_and(async {
        let task = eager(async { panic!("at once") });
        assert!(task.is_finished());
        assert!(task.await.unwrap_err().is_panic());
    }));
}

fn eager_that_wakes_itself(flavor: Flavor) {
    flavor.runtime().block_on(spawn_and(async {
        let task = eager(async {
            wake_self().await;
            task::yield_now().await;
            1
        });
        assert_eq!(task.await.unwrap(), 1);
    }));
}

/// ported: test_eager_task_factory.py::EagerTaskFactoryLoopTests::test_cancellation_after_eager_completion
/// ported: test_eager_task_factory.py::EagerTaskFactoryLoopTests::test_cancellation_after_eager_step_blocks
fn eager_that_is_cancelled(flavor: Flavor) {
    flavor.runtime().block_on(spawn_and(async {
        let done = eager(async { 1 });
        done.abort();
        assert_eq!(done.await.unwrap(), 1);
        let waits = eager(pending::<()>());
        waits.abort();
        assert!(waits.await.unwrap_err().is_cancelled());
    }));
}

fn eager_outside_of_a_worker(flavor: Flavor) {
    let runtime = flavor.runtime();
    let task = Builder::new().eager_start(true).spawn_on(async { 1 }, runtime.handle()).unwrap();
    assert!(flavor != Flavor::CurrentThread || !task.is_finished());
    assert_eq!(runtime.block_on(task).unwrap(), 1);
}

fn eager_gathers(flavor: Flavor) {
    flavor.runtime().block_on(spawn_and(async {
        let handles: Vec<_> = (0..10).map(|n| eager(async move { n })).collect();
        let outputs: Vec<i32> = gather(handles).await.unwrap();
        assert!(outputs.into_iter().eq(0..10));
    }));
}

fn eager_named(flavor: Flavor) {
    flavor.runtime().block_on(spawn_and(async {
        let task = Builder::new()
            .name("e1")
            .eager_start(true)
            .spawn(async { task::current().unwrap().name().map(str::to_owned) })
            .unwrap();
        assert_eq!(task.await.unwrap().as_deref(), Some("e1"));
    }));
}

//! `eager_start`: a task that begins within its spawn. CPython's test_eager_task_factory.py.
//!
//! inexpressible: test_eager_task_factory.py::EagerTaskFactoryLoopTests::test_eager_task_factory_set: there is no task factory: each spawn says whether it is eager
//! inexpressible: test_eager_task_factory.py::CEagerTaskFactoryLoopTests::test_issue105987: only the runtime swaps the running task
//! inexpressible: test_eager_task_factory.py::CEagerTaskFactoryLoopTests::test_issue122332: a task's future is its own, and nobody else can have it

use std::collections::HashSet;
use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures::channel::oneshot;
use futures::future::BoxFuture;
use parking_lot::Mutex;
use windlass::aio::{Promise, TaskGroup, gather};
use windlass::task::{self, Builder, JoinHandle, TaskInfo};
use windlass_tests::{Flavor, on_conformance_flavors, wake_self};

windlass::context_var! { static LEVEL: u32 = 0 }
windlass::task_local! { static NAME: &'static str }

on_conformance_flavors!(
    eager_completion,
    eager_until_it_waits,
    eager_sets_what_its_parent_awaits,
    eager_is_among_all_tasks_while_it_runs,
    eager_that_waits_is_among_all_tasks_to_its_end,
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
    eager_while_a_task_local_is_borrowed,
);

async fn spawn_and<T: Send + 'static>(f: impl Future<Output = T> + Send + 'static) -> T {
    windlass::spawn(f).await.unwrap()
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

fn ids_of_all_tasks() -> Vec<task::Id> {
    task::all_tasks().iter().map(TaskInfo::id).collect()
}

/// ported: test_eager_task_factory.py::EagerTaskFactoryLoopTests::test_all_tasks_with_eager_completion
fn eager_is_among_all_tasks_while_it_runs(flavor: Flavor) {
    flavor.runtime().block_on(spawn_and(async {
        let task = eager(async { ids_of_all_tasks() });
        let (id, own) = (task.id(), task::id());
        let after = ids_of_all_tasks();
        assert!(!after.contains(&id) && after.contains(&own));
        let meanwhile = task.await.unwrap();
        assert!(meanwhile.contains(&id) && meanwhile.contains(&own));
    }));
}

/// ported: test_eager_task_factory.py::EagerTaskFactoryLoopTests::test_all_tasks_with_blocking
fn eager_that_waits_is_among_all_tasks_to_its_end(flavor: Flavor) {
    flavor.runtime().block_on(spawn_and(async {
        let (go_on, may_go_on) = oneshot::channel();
        let task = eager(async {
            let before = ids_of_all_tasks();
            may_go_on.await.unwrap();
            (before, ids_of_all_tasks())
        });
        let id = task.id();
        assert!(ids_of_all_tasks().contains(&id));
        go_on.send(()).unwrap();
        let (before, after) = task.await.unwrap();
        assert!(before.contains(&id) && after.contains(&id));
        assert!(!ids_of_all_tasks().contains(&id));
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

fn eager_while_a_task_local_is_borrowed(flavor: Flavor) {
    let own = async || (NAME.try_get().ok(), NAME.scope("child", async { NAME.get() }).await);
    flavor.runtime().block_on(NAME.scope("parent", async move {
        let tasks = NAME.with(|_| [(); 2].map(|()| Builder::new().eager_start(true).spawn(own()).unwrap()));
        for task in tasks {
            assert_eq!(task.await.unwrap(), (None, "child"));
        }
    }));
}

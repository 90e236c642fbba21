//! What works, and what says clearly that it cannot, on a thread that has no runtime.

use std::sync::Arc;

use windlass::runtime::Handle;
use windlass::task::coop::{consume_budget, has_budget_remaining, unconstrained};
use windlass::task::{self, LocalSet};
use windlass_tests::{Flavor, once, panics, wake_self};

once!(
    spawning_panics_and_names_what_is_missing,
    a_future_refused_is_dropped,
    there_is_no_current_task,
    yields_and_budgets_work,
    a_local_set_works_with_any_executor,
    a_thread_that_a_task_started_has_no_runtime,
    a_runtime_leaves_no_context_behind,
);

fn spawning_panics_and_names_what_is_missing() {
    let said = [
        panics(|| windlass::spawn(async {})),
        panics(|| task::spawn_blocking(|| {})),
        panics(|| task::JoinSet::new().spawn(async {})),
        panics(Handle::current),
        panics(|| futures::executor::block_on(async { windlass::spawn(async {}).await })),
    ];
    for panicked in said {
        assert!(panicked.message.contains("runtime"), "the message must say what is missing: {panicked:?}");
    }
}

fn a_future_refused_is_dropped() {
    let held = Arc::new(());
    let in_future = held.clone();
    panics(|| windlass::spawn(async move { drop(in_future) }));
    let in_closure = held.clone();
    panics(|| task::spawn_blocking(move || drop(in_closure)));
    assert_eq!(Arc::strong_count(&held), 1);
}

fn there_is_no_current_task() {
    assert_eq!(task::try_id(), None);
    assert!(Handle::try_current().is_err());
    futures::executor::block_on(async {
        assert_eq!(task::try_id(), None);
        assert!(Handle::try_current().is_err());
    });
}

fn yields_and_budgets_work() {
    futures::executor::block_on(async {
        task::yield_now().await;
        for _ in 0..1_000 {
            consume_budget().await;
        }
        assert!(has_budget_remaining());
        unconstrained(wake_self()).await;
    });
}

fn a_local_set_works_with_any_executor() {
    let local = LocalSet::new();
    let out = futures::executor::block_on(local.run_until(async {
        let task = task::spawn_local(async {
            task::yield_now().await;
            "local"
        });
        task.await.unwrap()
    }));
    assert_eq!(out, "local");
}

fn a_thread_that_a_task_started_has_no_runtime() {
    let runtime = Flavor::MultiThread(1).runtime();
    let none = runtime.block_on(runtime.spawn(async {
        std::thread::spawn(|| Handle::try_current().is_err() && task::try_id().is_none()).join().unwrap()
    }));
    assert!(none.unwrap());
}

fn a_runtime_leaves_no_context_behind() {
    for flavor in [Flavor::CurrentThread, Flavor::MultiThread(2)] {
        let runtime = flavor.runtime();
        assert!(Handle::try_current().is_err());
        runtime.block_on(async { assert!(Handle::try_current().is_ok()) });
        assert!(Handle::try_current().is_err());
        panics(|| runtime.block_on(async { panic!("boom") }));
        assert!(Handle::try_current().is_err());
        drop(runtime);
        assert!(Handle::try_current().is_err());
    }
}

//! Where misuse panics: at the line that called, which is what a user has to look at.

use std::future::pending;

use windlass::runtime::{Builder, Handle};
use windlass::task::{self, JoinSet, LocalSet};
use windlass_tests::{Flavor, on_every_flavor, once, panics_at_its_caller};

on_every_flavor!(
    block_on_in_block_on,
    local_set_block_on_in_block_on,
    into_panic_of_a_cancelled_task,
    a_join_handle_polled_after_it_was_ready,
);

once!(
    spawn_with_no_runtime,
    spawn_blocking_with_no_runtime,
    spawn_local_with_no_local_set,
    task_builder_with_no_runtime,
    join_set_with_no_runtime,
    current_handle_with_no_runtime,
    builder_with_zero_workers,
    builder_with_zero_blocking_threads,
    builder_with_a_zero_global_queue_interval,
    builder_with_a_zero_event_interval,
);

fn block_on_in_block_on(flavor: Flavor) {
    let runtime = flavor.runtime();
    panics_at_its_caller(|| runtime.block_on(async { runtime.block_on(async {}) }));
    panics_at_its_caller(|| runtime.block_on(async { runtime.handle().block_on(async {}) }));
    panics_at_its_caller(|| runtime.handle().block_on(async { runtime.block_on(async {}) }));
    panics_at_its_caller(|| runtime.handle().block_on(async { runtime.handle().block_on(async {}) }));
}

fn local_set_block_on_in_block_on(flavor: Flavor) {
    let runtime = flavor.runtime();
    let local = LocalSet::new();
    panics_at_its_caller(|| runtime.block_on(async { local.block_on(&runtime, async {}) }));
}

fn into_panic_of_a_cancelled_task(flavor: Flavor) {
    let runtime = flavor.runtime();
    let task = runtime.spawn(pending::<()>());
    task.abort();
    let error = runtime.block_on(task).unwrap_err();
    panics_at_its_caller(|| error.into_panic());
}

fn a_join_handle_polled_after_it_was_ready(flavor: Flavor) {
    let runtime = flavor.runtime();
    let mut task = runtime.spawn(async {});
    runtime.block_on(&mut task).unwrap();
    windlass_tests::panics(|| windlass_tests::poll_once(&mut task));
}

fn spawn_with_no_runtime() {
    let panicked = panics_at_its_caller(|| windlass::spawn(async {}));
    assert!(
        panicked.message.contains("runtime"),
        "the message must say what is missing: {}",
        panicked.message
    );
    panics_at_its_caller(|| task::spawn(pending::<()>()));
}

fn spawn_blocking_with_no_runtime() {
    let panicked = panics_at_its_caller(|| task::spawn_blocking(|| {}));
    assert!(
        panicked.message.contains("runtime"),
        "the message must say what is missing: {}",
        panicked.message
    );
}

fn spawn_local_with_no_local_set() {
    let _not_entered = LocalSet::new();
    panics_at_its_caller(|| task::spawn_local(async {}));
}

fn task_builder_with_no_runtime() {
    panics_at_its_caller(|| task::Builder::new().name("n1").spawn(async {}));
    panics_at_its_caller(|| task::Builder::new().name("n1").spawn_local(async {}));
}

fn join_set_with_no_runtime() {
    panics_at_its_caller(|| JoinSet::new().spawn(async {}));
}

fn current_handle_with_no_runtime() {
    panics_at_its_caller(|| {
        let handle = Handle::current();
        handle.spawn(async {})
    });
}

fn builder_with_zero_workers() {
    panics_at_its_caller(|| {
        Builder::new_multi_thread().worker_threads(0);
    });
}

fn builder_with_zero_blocking_threads() {
    panics_at_its_caller(|| {
        Builder::new_multi_thread().max_blocking_threads(0).build().unwrap();
    });
}

fn builder_with_a_zero_global_queue_interval() {
    panics_at_its_caller(|| {
        Builder::new_multi_thread().global_queue_interval(0);
    });
}

fn builder_with_a_zero_event_interval() {
    panics_at_its_caller(|| {
        Builder::new_multi_thread().event_interval(0).build().unwrap();
    });
}

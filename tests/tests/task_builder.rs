//! `task::Builder`: tasks and local tasks with and without a name.

use std::rc::Rc;

use windlass::task::{Builder, LocalSet};
use windlass_tests::{Flavor, on_every_flavor, panics, wake_self};

on_every_flavor!(
    a_task_with_a_name,
    a_task_without_a_name,
    a_task_with_a_borrowed_name,
    a_task_on_a_handle,
    a_task_with_an_odd_name,
    a_name_does_not_change_what_a_task_does,
    a_local_task_with_a_name,
    a_local_task_without_a_name,
    a_local_task_on_a_local_set,
    a_local_task_outside_a_local_set_panics,
);

fn a_task_with_a_name(flavor: Flavor) {
    let out =
        flavor.runtime().block_on(async { Builder::new().name("n1").spawn(async { "ran" }).unwrap().await });
    assert_eq!(out.unwrap(), "ran");
}

fn a_task_without_a_name(flavor: Flavor) {
    let out = flavor.runtime().block_on(async { Builder::new().spawn(async { "ran" }).unwrap().await });
    assert_eq!(out.unwrap(), "ran");
}

fn a_task_with_a_borrowed_name(flavor: Flavor) {
    let runtime = flavor.runtime();
    let task = {
        let name = format!("n{}", 2);
        let _entered = runtime.enter();
        Builder::new().name(&name).spawn(wake_self()).unwrap()
    };
    runtime.block_on(task).unwrap();
}

fn a_task_on_a_handle(flavor: Flavor) {
    let runtime = flavor.runtime();
    let task = Builder::new().name("n3").spawn_on(async { "ran" }, runtime.handle()).unwrap();
    assert_eq!(runtime.block_on(task).unwrap(), "ran");
}

fn a_task_with_an_odd_name(flavor: Flavor) {
    let runtime = flavor.runtime();
    let long = "n".repeat(10_000);
    for name in ["", "\0", "ein Name mit Ümlaut und {}", "a\nb", &long] {
        let task = Builder::new().name(name).spawn_on(async { "ran" }, runtime.handle()).unwrap();
        assert_eq!(runtime.block_on(task).unwrap(), "ran");
    }
}

fn a_name_does_not_change_what_a_task_does(flavor: Flavor) {
    let runtime = flavor.runtime();
    runtime.block_on(async {
        let named = |name| Builder::new().name(name);
        let error = named("panics").spawn(async { panic!("boom") }).unwrap().await.unwrap_err();
        assert!(error.is_panic());
        let waits = named("waits").spawn(std::future::pending::<()>()).unwrap();
        waits.abort();
        assert!(waits.await.unwrap_err().is_cancelled());
        drop(named("detached").spawn(wake_self()).unwrap());
    });
    drop(Builder::new().name("left").spawn_on(std::future::pending::<()>(), runtime.handle()).unwrap());
    drop(runtime);
}

fn a_local_task_with_a_name(flavor: Flavor) {
    let runtime = flavor.runtime();
    let not_send = Rc::new("ran");
    let local = LocalSet::new();
    let out = local.block_on(&runtime, async move {
        Builder::new().name("n4").spawn_local(async move { *not_send }).unwrap().await
    });
    assert_eq!(out.unwrap(), "ran");
}

fn a_local_task_without_a_name(flavor: Flavor) {
    let runtime = flavor.runtime();
    let not_send = Rc::new("ran");
    let local = LocalSet::new();
    let out = local.block_on(&runtime, async move {
        Builder::new().spawn_local(async move { *not_send }).unwrap().await
    });
    assert_eq!(out.unwrap(), "ran");
}

fn a_local_task_on_a_local_set(flavor: Flavor) {
    let runtime = flavor.runtime();
    let local = LocalSet::new();
    let not_send = Rc::new("ran");
    let task = Builder::new().name("n5").spawn_local_on(async move { *not_send }, &local).unwrap();
    assert_eq!(local.block_on(&runtime, task).unwrap(), "ran");
}

fn a_local_task_outside_a_local_set_panics(flavor: Flavor) {
    let runtime = flavor.runtime();
    let panicked = panics(|| {
        runtime.block_on(async { drop(Builder::new().spawn_local(async {}).unwrap()) });
    });
    assert!(panicked.message.contains("LocalSet"), "{}", panicked.message);
}

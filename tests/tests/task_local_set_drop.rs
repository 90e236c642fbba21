//! The end of a `LocalSet` and of its tasks: when it is dropped, when they panic, and when its runtime or thread goes first.

use std::cell::{Cell, RefCell};
use std::future::pending;
use std::process;
use std::rc::Rc;
use std::sync::mpsc as std_mpsc;
use std::task::Poll;
use std::thread::{self};

use futures::StreamExt;
use futures::channel::{mpsc, oneshot};
use windlass::runtime::{Handle, Runtime};
use windlass::task::{self, LocalSet};
use windlass_tests::{
    Flavor, OnDrop, PanicsOnDrop, child, is_child, on_every_flavor, once, wake_self, yield_until,
};

on_every_flavor!(
    dropping_the_set_drops_its_tasks,
    dropping_the_set_drops_tasks_woken_from_elsewhere,
    dropping_the_set_cancels_the_handles,
    a_drop_in_a_set_that_is_dropped_may_wake_another_task,
    a_drop_in_a_set_that_is_dropped_may_spawn_another_task,
    a_panic_in_a_local_task_is_a_join_error,
    a_panic_in_the_drop_of_a_local_task_is_contained,
    a_local_output_is_dropped_on_its_thread,
    a_set_outlives_its_runtime,
    a_set_in_a_thread_local,
    a_set_and_its_runtime_in_a_thread_local,
    wakers_of_local_tasks_outlive_the_set,
);

once!(a_process_that_ends_in_a_local_task);

fn dropping_the_set_drops_its_tasks(flavor: Flavor) {
    let runtime = flavor.runtime();
    let not_send = Rc::new(());
    let local = LocalSet::new();
    for polled in [true, false] {
        let held = not_send.clone();
        let (started, is_started) = oneshot::channel();
        local.spawn_local(async move {
            let _held = held;
            started.send(()).unwrap();
            pending::<()>().await;
        });
        if polled {
            local.block_on(&runtime, is_started).unwrap();
        }
    }
    drop(local);
    assert_eq!(Rc::strong_count(&not_send), 1);
}

fn dropping_the_set_drops_tasks_woken_from_elsewhere(flavor: Flavor) {
    let runtime = flavor.runtime();
    for _ in 0..50 {
        let not_send = Rc::new(());
        let held = not_send.clone();
        let (tx, mut rx) = mpsc::unbounded::<()>();
        let (started, is_started) = oneshot::channel();
        let local = LocalSet::new();
        local.spawn_local(async move {
            let _held = held;
            started.send(()).unwrap();
            while rx.next().await.is_some() {}
        });
        local.block_on(&runtime, is_started).unwrap();
        let thread = thread::spawn(move || drop(tx));
        drop(local);
        thread.join().unwrap();
        assert_eq!(Rc::strong_count(&not_send), 1);
    }
}

fn dropping_the_set_cancels_the_handles(flavor: Flavor) {
    let runtime = flavor.runtime();
    let local = LocalSet::new();
    let task = local.spawn_local(pending::<()>());
    let abort = task.abort_handle();
    drop(local);
    assert!(abort.is_finished());
    assert!(runtime.block_on(task).unwrap_err().is_cancelled());
    abort.abort();
}

fn a_drop_in_a_set_that_is_dropped_may_wake_another_task(flavor: Flavor) {
    let runtime = flavor.runtime();
    let (tx1, rx1) = oneshot::channel::<()>();
    let (tx2, rx2) = oneshot::channel::<()>();
    let local = LocalSet::new();
    local.spawn_local(async move {
        let _ = rx2.await;
        unreachable!();
    });
    local.spawn_local(async move {
        let _tx2 = tx2;
        let _ = rx1.await;
        unreachable!();
    });
    local.spawn_local(async move {
        let _tx1 = tx1;
        pending::<()>().await;
    });
    local.block_on(&runtime, async {
        for _ in 0..5 {
            task::yield_now().await;
        }
    });
    drop(local);
}

fn a_drop_in_a_set_that_is_dropped_may_spawn_another_task(flavor: Flavor) {
    let runtime = flavor.runtime();
    let not_send = Rc::new(());
    let held = not_send.clone();
    let handle = runtime.handle().clone();
    let on_drop = OnDrop::new(move || drop(handle.spawn(wake_self())));
    let local = LocalSet::new();
    local.spawn_local(async move {
        let _values = (on_drop, held);
        pending::<()>().await;
    });
    local.block_on(&runtime, task::yield_now());
    drop(local);
    assert_eq!(Rc::strong_count(&not_send), 1);
}

fn a_panic_in_a_local_task_is_a_join_error(flavor: Flavor) {
    let runtime = flavor.runtime();
    let local = LocalSet::new();
    for _ in 0..20 {
        let task = local.spawn_local(async { panic!("boom") });
        let error = local.block_on(&runtime, task).unwrap_err();
        assert_eq!(*error.into_panic().downcast_ref::<&'static str>().unwrap(), "boom");
    }
    let task = local.spawn_local(async { 1 });
    assert_eq!(local.block_on(&runtime, task).unwrap(), 1);
}

fn a_panic_in_the_drop_of_a_local_task_is_contained(flavor: Flavor) {
    let runtime = flavor.runtime();
    let local = LocalSet::new();
    let spawn = || {
        local.spawn_local(async {
            let _panics = PanicsOnDrop;
            pending::<()>().await;
        })
    };
    let task = spawn();
    local.block_on(&runtime, task::yield_now());
    task.abort();
    local.block_on(&runtime, task).unwrap_err();
    // And when the set is dropped.
    drop(spawn());
    local.block_on(&runtime, task::yield_now());
    drop(local);
    assert_eq!(runtime.block_on(async { windlass::spawn(async { 1 }).await.unwrap() }), 1);
}

fn a_local_output_is_dropped_on_its_thread(flavor: Flavor) {
    let runtime = flavor.runtime();
    let here = thread::current().id();
    let dropped = Rc::new(Cell::new(false));
    let noted = dropped.clone();
    let local = LocalSet::new();
    let task = local.spawn_local(async move {
        OnDrop::new(move || {
            assert_eq!(thread::current().id(), here);
            noted.set(true);
        })
    });
    let finished = task.abort_handle();
    local.block_on(&runtime, yield_until(|| finished.is_finished()));
    drop(task);
    assert!(dropped.get());
}

fn a_set_outlives_its_runtime(flavor: Flavor) {
    let not_send = Rc::new(());
    let held = not_send.clone();
    let local = LocalSet::new();
    {
        let runtime = flavor.runtime();
        local.spawn_local(async move {
            let _held = held;
            pending::<()>().await;
        });
        local.block_on(&runtime, task::yield_now());
    }
    assert_eq!(Rc::strong_count(&not_send), 2);
    let other = flavor.runtime();
    let task = local.spawn_local(async { "on another runtime" });
    assert_eq!(local.block_on(&other, task).unwrap(), "on another runtime");
    drop(local);
    assert_eq!(Rc::strong_count(&not_send), 1);
}

fn a_set_in_a_thread_local(flavor: Flavor) {
    thread_local! {
        static SET: LocalSet = LocalSet::new();
    }
    let runtime = flavor.runtime();
    let handle: Handle = runtime.handle().clone();
    let (stop, stopped) = oneshot::channel::<()>();
    let (waits, is_waiting) = std_mpsc::channel();
    let thread = thread::spawn(move || {
        SET.with(|local| {
            local.spawn_local(pending::<()>());
            handle.block_on(local.run_until(async move {
                task::spawn_local(async move { waits.send(()).unwrap() });
                stopped.await.unwrap();
            }));
        });
    });
    is_waiting.recv().unwrap();
    stop.send(()).unwrap();
    thread.join().unwrap();
}

fn a_process_that_ends_in_a_local_task() {
    const TEST: &str = "once::a_process_that_ends_in_a_local_task";
    thread_local! {
        static SET: LocalSet = LocalSet::new();
    }
    if !is_child() {
        let ended = child(TEST).output().expect("the child starts").status;
        assert_eq!(ended.code(), Some(3));
        return;
    }
    let runtime = Flavor::CurrentThread.runtime();
    SET.with(|local| {
        local.spawn_local(pending::<()>());
        local.block_on(&runtime, async { task::spawn_local(async { process::exit(3) }).await.unwrap() })
    })
}

fn a_set_and_its_runtime_in_a_thread_local(flavor: Flavor) {
    struct Both {
        runtime: Runtime,
        local: LocalSet,
    }
    thread_local! {
        static BOTH: RefCell<Option<Both>> = const { RefCell::new(None) };
    }
    thread::spawn(move || {
        BOTH.set(Some(Both { runtime: flavor.runtime(), local: LocalSet::new() }));
        BOTH.with_borrow(|both| {
            let both = both.as_ref().unwrap();
            both.runtime.block_on(both.local.run_until(async {
                task::spawn_local(pending::<()>());
                task::yield_now().await;
            }));
        });
    })
    .join()
    .unwrap();
}

fn wakers_of_local_tasks_outlive_the_set(flavor: Flavor) {
    let runtime = flavor.runtime();
    let local = LocalSet::new();
    let waker = Rc::new(RefCell::new(None));
    let kept = waker.clone();
    local.spawn_local(std::future::poll_fn(move |context| {
        *kept.borrow_mut() = Some(context.waker().clone());
        Poll::<()>::Pending
    }));
    local.block_on(&runtime, async {
        while waker.borrow().is_none() {
            task::yield_now().await;
        }
    });
    drop(local);
    let waker = waker.take().unwrap();
    let thread = thread::spawn(move || {
        waker.wake_by_ref();
        let another = waker.clone();
        another.wake_by_ref();
        another.wake();
        drop(waker);
    });
    thread.join().unwrap();
    assert_eq!(runtime.block_on(async { windlass::spawn(async { 1 }).await.unwrap() }), 1);
}

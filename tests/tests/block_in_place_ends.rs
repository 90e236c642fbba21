//! `block_in_place`: where a task, a worker or a runtime ends around it.

use std::future::pending;
use std::pin::pin;
use std::sync::mpsc;
use std::task::Context;
use std::thread;

use windlass::runtime::Handle;
use windlass::task::{self, LocalSet, block_in_place};
use windlass_tests::{
    CountingWaker, Flavor, OnDrop, assert_all_workers_live, on_multi_thread, once, panics, wake_self,
};

on_multi_thread!(
    a_yield_before_it_has_woken_its_waker,
    a_task_aborted_in_it_ends_after_it,
    in_the_drop_of_a_local_task_it_works,
    a_shutdown_frees_the_one_who_waits_for_a_task,
    a_shutdown_waits_for_it,
    in_the_drop_of_a_future_at_shutdown_it_works,
    a_runtime_none_the_worse_for_it,
    block_on_and_block_in_place_by_turns,
);

once!(in_a_local_set_of_a_current_thread_runtime_it_panics);

fn a_yield_before_it_has_woken_its_waker(flavor: Flavor) {
    let runtime = flavor.runtime();
    let task = runtime.spawn(async {
        let (counter, waker) = CountingWaker::new();
        let mut yields = pin!(task::yield_now());
        assert!(yields.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
        block_in_place(|| counter.wakes())
    });
    assert_eq!(runtime.block_on(task).unwrap(), 1);
}

fn a_task_aborted_in_it_ends_after_it(flavor: Flavor) {
    let runtime = flavor.runtime();
    let (blocks, is_blocking) = mpsc::channel();
    let (go_on, may_go_on) = mpsc::channel();
    let (done, is_done) = mpsc::channel();
    let task = runtime.spawn(async move {
        block_in_place(|| {
            blocks.send(()).unwrap();
            may_go_on.recv().unwrap();
        });
        done.send(()).unwrap();
        pending::<()>().await;
    });
    is_blocking.recv().unwrap();
    task.abort();
    go_on.send(()).unwrap();
    assert!(runtime.block_on(task).unwrap_err().is_cancelled());
    is_done.recv().expect("the poll in hand goes on to its end");
}

fn in_the_drop_of_a_local_task_it_works(flavor: Flavor) {
    let runtime = flavor.runtime();
    let (tx, rx) = mpsc::channel();
    runtime.block_on(async {
        let set = LocalSet::new();
        let on_drop = OnDrop::new(move || tx.send(block_in_place(|| "dropped")).unwrap());
        let task = set.spawn_local(async move {
            let _on_drop = on_drop;
            pending::<()>().await;
        });
        set.run_until(task::yield_now()).await;
        drop(set);
        assert!(task.await.unwrap_err().is_cancelled());
    });
    assert_eq!(rx.recv().unwrap(), "dropped");
}

fn a_shutdown_frees_the_one_who_waits_for_a_task(flavor: Flavor) {
    let Flavor::MultiThread(workers) = flavor else { unreachable!() };
    for _ in 0..20 {
        let runtime = flavor.runtime();
        let (polled, was_polled) = mpsc::channel();
        let (blocks, is_blocking) = mpsc::channel();
        for _ in 0..workers {
            let (tx, rx) = mpsc::channel::<()>();
            let polled = polled.clone();
            runtime.spawn(async move {
                polled.send(()).unwrap();
                pending::<()>().await;
                drop(tx);
            });
            let blocks = blocks.clone();
            runtime.spawn(async move {
                block_in_place(|| {
                    blocks.send(()).unwrap();
                    assert!(rx.recv().is_err(), "nobody sends");
                });
            });
        }
        for _ in 0..workers {
            was_polled.recv().unwrap();
            is_blocking.recv().unwrap();
        }
        drop(runtime);
    }
}

fn a_shutdown_waits_for_it(flavor: Flavor) {
    let runtime = flavor.runtime();
    let (blocks, is_blocking) = mpsc::channel();
    let (go_on, may_go_on) = mpsc::channel();
    let (done, is_done) = mpsc::channel();
    let handle = runtime.handle().clone();
    runtime.spawn(async move {
        block_in_place(|| {
            blocks.send(()).unwrap();
            may_go_on.recv().unwrap();
        });
        done.send(()).unwrap();
    });
    is_blocking.recv().unwrap();
    let ends = thread::spawn(move || {
        drop(runtime);
        is_done.try_recv().expect("the poll in hand is over before the runtime is gone");
    });
    windlass_tests::linger_into_shutdown(&handle);
    go_on.send(()).unwrap();
    ends.join().unwrap();
}

fn in_the_drop_of_a_future_at_shutdown_it_works(flavor: Flavor) {
    let runtime = flavor.runtime();
    let (polled, was_polled) = mpsc::channel();
    let (tx, rx) = mpsc::channel();
    for i in 0..20 {
        let (polled, tx) = (polled.clone(), tx.clone());
        let on_drop = OnDrop::new(move || tx.send(block_in_place(|| i)).unwrap());
        runtime.spawn(async move {
            let _on_drop = on_drop;
            polled.send(()).unwrap();
            pending::<()>().await;
        });
    }
    for _ in 0..20 {
        was_polled.recv().unwrap();
    }
    drop((runtime, tx));
    assert_eq!(rx.iter().sum::<u32>(), 190);
}

fn a_runtime_none_the_worse_for_it(flavor: Flavor) {
    let Flavor::MultiThread(workers) = flavor else { unreachable!() };
    let runtime = flavor.runtime();
    for _ in 0..5 {
        let tasks: Vec<_> = (0..200)
            .map(|i| {
                runtime.spawn(async move {
                    wake_self().await;
                    block_in_place(thread::yield_now);
                    task::yield_now().await;
                    i
                })
            })
            .collect();
        let sum = runtime.block_on(async {
            let mut sum = 0;
            for task in tasks {
                sum += task.await.unwrap();
            }
            sum
        });
        assert_eq!(sum, 19_900);
        assert_all_workers_live(&runtime, workers);
    }
}

fn block_on_and_block_in_place_by_turns(flavor: Flavor) {
    let runtime = flavor.builder().max_blocking_threads(1).build().unwrap();
    for _ in 0..100 {
        let task = runtime.spawn(async {
            block_in_place(|| {
                Handle::current()
                    .block_on(async { block_in_place(|| Handle::current().block_on(async { 1 })) })
            })
        });
        assert_eq!(runtime.block_on(task).unwrap(), 1);
    }
}

fn in_a_local_set_of_a_current_thread_runtime_it_panics() {
    let runtime = Flavor::CurrentThread.runtime();
    let set = LocalSet::new();
    set.block_on(&runtime, async {
        panics(|| block_in_place(|| ()));
        let task = task::spawn_local(async { panics(|| block_in_place(|| ())).message });
        assert!(task.await.unwrap().contains("spawn_blocking"));
    });
}

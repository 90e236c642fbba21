//! `block_in_place`: a worker blocks, and its tasks go on elsewhere.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, mpsc};
use std::thread;

use futures::StreamExt;
use futures::channel::{mpsc as async_mpsc, oneshot};
use windlass::runtime::Handle;
use windlass::task::{self, LocalSet, block_in_place};
use windlass_tests::{
    Flavor, assert_all_workers_live, on_every_flavor, on_multi_thread, once, panics, panics_at_its_caller,
    wake_self,
};

on_multi_thread!(
    it_returns_what_the_closure_returns,
    a_closure_that_borrows,
    it_waits_for_a_task_that_is_queued_behind_it,
    it_waits_for_many_tasks_queued_behind_it,
    it_waits_for_a_task_that_it_spawns,
    it_waits_for_a_task_that_it_wakes,
    it_waits_for_a_task_that_is_spawned_from_outside,
    other_futures_of_the_same_task_wait,
    in_place_within_in_place,
    all_workers_at_once,
    more_than_there_are_spare_seats,
    each_waits_for_the_next,
    the_closure_is_still_in_its_task,
    a_panic_inside_is_the_tasks,
    a_panic_inside_is_caught_and_the_worker_goes_on,
    inside_block_on,
    inside_block_on_without_a_seat,
    inside_handle_block_on_it_only_calls,
    inside_a_blocking_job_it_only_calls,
    inside_a_local_set_of_block_on,
    the_budget_is_not_spent_inside,
    after_it_the_worker_runs_tasks_again,
    again_and_again,
    task_locals_are_set_inside,
);

on_every_flavor!(outside_of_a_runtime_it_only_calls);

once!(
    on_a_current_thread_runtime_it_panics,
    on_a_current_thread_runtime_it_works_in_a_blocking_job,
    in_a_runtime_entered_by_hand_it_only_calls,
);

fn it_returns_what_the_closure_returns(flavor: Flavor) {
    let runtime = flavor.runtime();
    let task = runtime.spawn(async { block_in_place(|| "returned") });
    assert_eq!(runtime.block_on(task).unwrap(), "returned");
}

fn a_closure_that_borrows(flavor: Flavor) {
    let runtime = flavor.runtime();
    let task = runtime.spawn(async {
        let mut words = vec!["a"];
        block_in_place(|| words.push("b"));
        words
    });
    assert_eq!(futures::executor::block_on(task).unwrap(), ["a", "b"]);
}

fn it_waits_for_a_task_that_is_queued_behind_it(flavor: Flavor) {
    let runtime = flavor.runtime();
    for _ in 0..20 {
        let task = runtime.spawn(async {
            let (tx, rx) = mpsc::channel();
            // On this very worker; nobody is awake to take it from here.
            windlass::spawn(async move { tx.send("behind").unwrap() });
            block_in_place(|| rx.recv().unwrap())
        });
        assert_eq!(futures::executor::block_on(task).unwrap(), "behind");
    }
}

fn it_waits_for_many_tasks_queued_behind_it(flavor: Flavor) {
    const TASKS: usize = 500;
    let runtime = flavor.runtime();
    let task = runtime.spawn(async {
        let (tx, rx) = mpsc::channel();
        for n in 0..TASKS {
            let tx = tx.clone();
            windlass::spawn(async move {
                wake_self().await;
                task::yield_now().await;
                tx.send(n).unwrap();
            });
        }
        drop(tx);
        block_in_place(|| rx.into_iter().count())
    });
    assert_eq!(futures::executor::block_on(task).unwrap(), TASKS);
}

fn it_waits_for_a_task_that_it_spawns(flavor: Flavor) {
    let runtime = flavor.runtime();
    let task = runtime.spawn(async {
        block_in_place(|| {
            let (tx, rx) = mpsc::channel();
            let inner = windlass::spawn(async move {
                tx.send(thread::current().id()).unwrap();
            });
            assert_ne!(rx.recv().unwrap(), thread::current().id());
            inner
        })
        .await
        .unwrap();
    });
    futures::executor::block_on(task).unwrap();
}

fn it_waits_for_a_task_that_it_wakes(flavor: Flavor) {
    let runtime = flavor.runtime();
    let (go_on, may_go_on) = oneshot::channel::<()>();
    let (tx, rx) = mpsc::channel();
    let (polled, was_polled) = oneshot::channel();
    runtime.spawn(async move {
        polled.send(()).unwrap();
        may_go_on.await.unwrap();
        tx.send("woken").unwrap();
    });
    let task = runtime.spawn(async move {
        was_polled.await.unwrap();
        block_in_place(|| {
            go_on.send(()).unwrap();
            rx.recv().unwrap()
        })
    });
    assert_eq!(futures::executor::block_on(task).unwrap(), "woken");
}

fn it_waits_for_a_task_that_is_spawned_from_outside(flavor: Flavor) {
    let runtime = flavor.runtime();
    let (tx, rx) = mpsc::channel();
    let (blocks, is_blocking) = mpsc::channel();
    let task = runtime.spawn(async move {
        block_in_place(|| {
            blocks.send(()).unwrap();
            rx.recv().unwrap()
        })
    });
    is_blocking.recv().unwrap();
    runtime.spawn(async move { tx.send("from outside").unwrap() });
    assert_eq!(futures::executor::block_on(task).unwrap(), "from outside");
}

fn other_futures_of_the_same_task_wait(flavor: Flavor) {
    let runtime = flavor.runtime();
    let order = runtime.block_on(runtime.spawn(async {
        let order = parking_lot::Mutex::new(Vec::new());
        let blocks = async {
            block_in_place(|| order.lock().push("blocks"));
            order.lock().push("has blocked");
        };
        futures::join!(blocks, async { order.lock().push("the other") });
        order.into_inner()
    }));
    assert_eq!(order.unwrap(), ["blocks", "has blocked", "the other"]);
}

fn in_place_within_in_place(flavor: Flavor) {
    let runtime = flavor.runtime();
    for _ in 0..50 {
        let task = runtime.spawn(async {
            block_in_place(|| {
                let (tx, rx) = mpsc::channel();
                let inner = block_in_place(|| {
                    windlass::spawn(async move { tx.send(1).unwrap() });
                    rx.recv().unwrap()
                });
                // The outer one is still in place.
                let (tx, rx) = mpsc::channel();
                windlass::spawn(async move { tx.send(2).unwrap() });
                inner + rx.recv().unwrap()
            })
        });
        assert_eq!(futures::executor::block_on(task).unwrap(), 3);
    }
}

/// Tasks that all block in place at the same time.
fn at_once(flavor: Flavor, tasks: usize) {
    let runtime = flavor.runtime();
    let barrier = Arc::new(Barrier::new(tasks));
    let tasks: Vec<_> = (0..tasks)
        .map(|_| {
            let barrier = barrier.clone();
            runtime.spawn(async move {
                block_in_place(|| barrier.wait());
            })
        })
        .collect();
    for task in tasks {
        futures::executor::block_on(task).unwrap();
    }
    let Flavor::MultiThread(workers) = flavor else { unreachable!("there are workers") };
    assert_all_workers_live(&runtime, workers);
}

fn all_workers_at_once(flavor: Flavor) {
    let Flavor::MultiThread(workers) = flavor else { unreachable!("there are workers") };
    at_once(flavor, workers);
    at_once(flavor, 2 * workers);
}

fn more_than_there_are_spare_seats(flavor: Flavor) {
    let runtime = flavor.runtime();
    let (blocks, blocking) = mpsc::channel::<mpsc::Sender<()>>();
    let tasks: Vec<_> = (0..100)
        .map(|_| {
            let blocks = blocks.clone();
            runtime.spawn(async move {
                block_in_place(|| {
                    let (release, released) = mpsc::channel();
                    blocks.send(release).unwrap();
                    released.recv().unwrap();
                });
            })
        })
        .collect();
    drop(blocks);
    // Whoever blocks is released in time; those that found no seat begin when others are done.
    let held: Vec<_> = blocking.iter().take(2).collect();
    held.into_iter().chain(blocking).for_each(|release| release.send(()).unwrap());
    for task in tasks {
        futures::executor::block_on(task).unwrap();
    }
}

fn each_waits_for_the_next(flavor: Flavor) {
    fn step(left: usize) -> usize {
        if left == 0 {
            return 0;
        }
        let (tx, rx) = mpsc::channel();
        windlass::spawn(async move { tx.send(block_in_place(|| step(left - 1))).unwrap() });
        1 + rx.recv().unwrap()
    }
    let runtime = flavor.runtime();
    let task = runtime.spawn(async { block_in_place(|| step(4)) });
    assert_eq!(futures::executor::block_on(task).unwrap(), 4);
}

fn the_closure_is_still_in_its_task(flavor: Flavor) {
    let runtime = flavor.runtime();
    let task = runtime
        .spawn(async { (task::id(), block_in_place(task::id), block_in_place(Handle::try_current).is_ok()) });
    let (outside, inside, in_runtime) = futures::executor::block_on(task).unwrap();
    assert_eq!(outside, inside);
    assert!(in_runtime);
}

fn a_panic_inside_is_the_tasks(flavor: Flavor) {
    let runtime = flavor.runtime();
    for _ in 0..10 {
        let task = runtime.spawn(async { block_in_place(|| panic!("in place")) });
        let error = futures::executor::block_on(task).unwrap_err();
        assert_eq!(windlass_tests::payload_text(&*error.into_panic()), "in place");
    }
    let Flavor::MultiThread(workers) = flavor else { unreachable!("there are workers") };
    assert_all_workers_live(&runtime, workers);
}

fn a_panic_inside_is_caught_and_the_worker_goes_on(flavor: Flavor) {
    let runtime = flavor.runtime();
    let task = runtime.spawn(async {
        let panicked = panics(|| block_in_place(|| panic!("in place")));
        assert_eq!(panicked.message, "in place");
        // It is a worker again: blocking is refused, spawning works.
        panics(|| Handle::current().block_on(async {}));
        windlass::spawn(async { block_in_place(|| "and again") }).await.unwrap()
    });
    assert_eq!(futures::executor::block_on(task).unwrap(), "and again");
}

fn inside_block_on(flavor: Flavor) {
    let runtime = flavor.runtime();
    let output = runtime.block_on(async {
        let (tx, rx) = mpsc::channel();
        windlass::spawn(async move { tx.send("behind").unwrap() });
        block_in_place(|| rx.recv().unwrap())
    });
    assert_eq!(output, "behind");
}

fn inside_block_on_without_a_seat(flavor: Flavor) {
    let mut builder = flavor.builder();
    builder.block_on_runs_tasks(false);
    let runtime = builder.build().unwrap();
    let output = runtime.block_on(async {
        let (tx, rx) = mpsc::channel();
        windlass::spawn(async move { tx.send("elsewhere").unwrap() });
        block_in_place(|| rx.recv().unwrap())
    });
    assert_eq!(output, "elsewhere");
}

fn inside_handle_block_on_it_only_calls(flavor: Flavor) {
    let runtime = flavor.runtime();
    let here = thread::current().id();
    let (thread, output) = runtime.handle().block_on(async {
        // Here it may block as well.
        block_in_place(|| (thread::current().id(), Handle::current().block_on(async { 4 })))
    });
    assert_eq!((thread, output), (here, 4));
}

fn inside_a_blocking_job_it_only_calls(flavor: Flavor) {
    let runtime = flavor.runtime();
    for _ in 0..50 {
        let job = runtime.spawn(async { task::spawn_blocking(|| block_in_place(|| "hello")).await.unwrap() });
        assert_eq!(runtime.block_on(job).unwrap(), "hello");
    }
}

fn inside_a_local_set_of_block_on(flavor: Flavor) {
    let runtime = flavor.runtime();
    let set = LocalSet::new();
    let output = runtime.block_on(set.run_until(async {
        let local = task::spawn_local(async { block_in_place(|| "local") });
        local.await.unwrap()
    }));
    assert_eq!(output, "local");
}

fn the_budget_is_not_spent_inside(flavor: Flavor) {
    let runtime = flavor.runtime();
    let task = runtime.spawn(async {
        let (tx, rx) = async_mpsc::unbounded();
        for n in 0..500 {
            tx.unbounded_send(n).unwrap();
        }
        drop(tx);
        block_in_place(|| {
            futures::executor::block_on(async {
                // Leaves of ours, which would ask for a new poll that nobody gives here.
                for _ in 0..300 {
                    task::coop::consume_budget().await;
                }
                rx.count().await
            })
        })
    });
    assert_eq!(futures::executor::block_on(task).unwrap(), 500);
}

fn after_it_the_worker_runs_tasks_again(flavor: Flavor) {
    let runtime = flavor.runtime();
    for _ in 0..20 {
        let task = runtime.spawn(async {
            block_in_place(|| ());
            let tasks: Vec<_> = (0..50).map(|_| windlass::spawn(wake_self())).collect();
            for task in tasks {
                task.await.unwrap();
            }
        });
        futures::executor::block_on(task).unwrap();
    }
    let Flavor::MultiThread(workers) = flavor else { unreachable!("there are workers") };
    assert_all_workers_live(&runtime, workers);
}

fn again_and_again(flavor: Flavor) {
    let runtime = flavor.runtime();
    let count = Arc::new(AtomicUsize::new(0));
    let tasks: Vec<_> = (0..20)
        .map(|_| {
            let count = count.clone();
            runtime.spawn(async move {
                for _ in 0..50 {
                    block_in_place(|| count.fetch_add(1, Ordering::SeqCst));
                    task::yield_now().await;
                }
            })
        })
        .collect();
    for task in tasks {
        runtime.block_on(task).unwrap();
    }
    assert_eq!(count.load(Ordering::SeqCst), 1_000);
}

fn task_locals_are_set_inside(flavor: Flavor) {
    windlass::task_local! { static NUMBER: u32; }
    let runtime = flavor.runtime();
    let task = runtime.spawn(NUMBER.scope(3, async { block_in_place(|| NUMBER.get()) }));
    assert_eq!(futures::executor::block_on(task).unwrap(), 3);
}

fn outside_of_a_runtime_it_only_calls(_: Flavor) {
    let here = thread::current().id();
    assert_eq!(block_in_place(|| thread::current().id()), here);
    assert!(block_in_place(Handle::try_current).is_err());
}

fn on_a_current_thread_runtime_it_panics() {
    let runtime = Flavor::CurrentThread.runtime();
    let called = Arc::new(AtomicUsize::new(0));
    let calls = called.clone();
    runtime.block_on(async {
        let panicked = panics_at_its_caller(|| block_in_place(|| ()));
        assert!(panicked.message.contains("current-thread runtime"), "{}", panicked.message);
        assert!(panicked.message.contains("spawn_blocking"), "{}", panicked.message);
        let task = windlass::spawn(async move {
            panics_at_its_caller(|| block_in_place(|| calls.fetch_add(1, Ordering::SeqCst)));
            block_in_place(|| ());
        });
        let error = task.await.unwrap_err();
        assert!(windlass_tests::payload_text(&*error.into_panic()).contains("current-thread"));
        // The runtime is none the worse for it.
        windlass::spawn(async {}).await.unwrap();
    });
    assert_eq!(called.load(Ordering::SeqCst), 0);
}

fn on_a_current_thread_runtime_it_works_in_a_blocking_job() {
    let runtime = Flavor::CurrentThread.runtime();
    let output = runtime.block_on(async { task::spawn_blocking(|| block_in_place(|| 2)).await.unwrap() });
    assert_eq!(output, 2);
}

fn in_a_runtime_entered_by_hand_it_only_calls() {
    for flavor in [Flavor::CurrentThread, Flavor::MultiThread(1)] {
        let runtime = flavor.runtime();
        let _guard = runtime.enter();
        let here = thread::current().id();
        assert_eq!(block_in_place(|| thread::current().id()), here);
        let task = block_in_place(|| windlass::spawn(async {}));
        runtime.block_on(task).unwrap();
    }
}

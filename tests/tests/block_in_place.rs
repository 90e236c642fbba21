//! `block_in_place`: blocking code in the middle of a task, whose worker is replaced while it lasts.

use std::cell::Cell;
use std::future::pending;
use std::pin::pin;
use std::sync::{Arc, Barrier, mpsc};
use std::task::{Context, Poll};
use std::thread;

use futures::channel::oneshot;
use windlass::runtime::Handle;
use windlass::task::{self, LocalSet, block_in_place, coop};
use windlass_tests::{
    CountingWaker, Flavor, OnDrop, assert_all_workers_live, on_every_flavor, on_multi_thread, once, panics,
    wake_self,
};

on_multi_thread!(
    it_runs_on_the_same_thread_and_returns_what_the_function_returns,
    what_waits_in_the_queue_runs_meanwhile,
    what_it_spawns_runs_meanwhile,
    what_it_wakes_runs_meanwhile,
    many_at_once_meet,
    many_one_inside_the_other,
    block_on_may_be_called_in_it,
    block_on_and_block_in_place_by_turns,
    a_runtime_may_be_made_in_it,
    a_yield_before_it_has_woken_its_waker,
    the_budget_after_it_is_limited,
    the_task_is_the_same_in_it,
    a_panic_in_it_is_the_tasks,
    a_task_aborted_in_it_ends_after_it,
    in_block_on_it_works,
    in_a_local_set_it_works,
    in_the_drop_of_a_local_task_it_works,
    a_shutdown_frees_the_one_who_waits_for_a_task,
    a_shutdown_waits_for_it,
    in_the_drop_of_a_future_at_shutdown_it_works,
    a_runtime_none_the_worse_for_it,
);

on_every_flavor!(in_a_blocking_job_it_only_calls);

once!(
    outside_a_runtime_it_only_calls,
    in_a_current_thread_runtime_it_panics_and_says_what_to_do,
    in_a_local_set_of_a_current_thread_runtime_it_panics,
);

/// How many may block at the same time and still have stand-ins: the seats there are beyond the workers', but for one
/// that the thread in `block_on` has.
const MANY: usize = 4;

fn it_runs_on_the_same_thread_and_returns_what_the_function_returns(flavor: Flavor) {
    let runtime = flavor.runtime();
    let task = runtime.spawn(async {
        wake_self().await;
        let here = thread::current().id();
        let there = block_in_place(|| thread::current().id());
        assert_eq!(there, here);
        assert_eq!(thread::current().id(), here);
        "returned"
    });
    assert_eq!(runtime.block_on(task).unwrap(), "returned");
}

fn what_waits_in_the_queue_runs_meanwhile(flavor: Flavor) {
    let runtime = flavor.runtime();
    let task = runtime.spawn(async {
        let (tx, rx) = mpsc::channel();
        for i in 0..100 {
            let tx = tx.clone();
            windlass::spawn(async move {
                wake_self().await;
                tx.send(i).unwrap();
            });
        }
        drop(tx);
        block_in_place(|| rx.iter().sum::<u32>())
    });
    assert_eq!(runtime.block_on(task).unwrap(), 4_950);
}

fn what_it_spawns_runs_meanwhile(flavor: Flavor) {
    let runtime = flavor.runtime();
    let task = runtime.spawn(async {
        block_in_place(|| {
            let (tx, rx) = mpsc::channel();
            windlass::spawn(async move { tx.send("spawned").unwrap() });
            rx.recv().unwrap()
        })
    });
    assert_eq!(runtime.block_on(task).unwrap(), "spawned");
}

fn what_it_wakes_runs_meanwhile(flavor: Flavor) {
    let runtime = flavor.runtime();
    for _ in 0..50 {
        let (wake, woken) = oneshot::channel::<()>();
        let (polled, was_polled) = mpsc::channel();
        let (tx, rx) = mpsc::channel();
        runtime.spawn(async move {
            polled.send(()).unwrap();
            woken.await.unwrap();
            tx.send("woken").unwrap();
        });
        was_polled.recv().unwrap();
        let task = runtime.spawn(async move {
            block_in_place(|| {
                wake.send(()).unwrap();
                rx.recv().unwrap()
            })
        });
        assert_eq!(runtime.block_on(task).unwrap(), "woken");
    }
}

fn many_at_once_meet(flavor: Flavor) {
    let runtime = flavor.runtime();
    for _ in 0..10 {
        let barrier = Arc::new(Barrier::new(MANY));
        let tasks: Vec<_> = (0..MANY)
            .map(|_| {
                let barrier = Arc::clone(&barrier);
                runtime.spawn(async move { block_in_place(|| barrier.wait()) })
            })
            .collect();
        runtime.block_on(async {
            for task in tasks {
                task.await.unwrap();
            }
        });
    }
}

fn many_one_inside_the_other(flavor: Flavor) {
    const DEEP: usize = 16;
    fn nest(depth: usize) -> usize {
        if depth == 0 { 0 } else { block_in_place(|| nest(depth - 1)) + 1 }
    }
    let runtime = flavor.runtime();
    assert_eq!(runtime.block_on(runtime.spawn(async { nest(DEEP) })).unwrap(), DEEP);
}

fn block_on_may_be_called_in_it(flavor: Flavor) {
    let runtime = flavor.runtime();
    let task = runtime.spawn(async {
        block_in_place(|| Handle::current().block_on(task::yield_now()));
        block_in_place(|| futures::executor::block_on(task::yield_now()));
        let task = windlass::spawn(async {
            wake_self().await;
            7
        });
        block_in_place(|| Handle::current().block_on(task)).unwrap()
    });
    assert_eq!(runtime.block_on(task).unwrap(), 7);
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

fn a_runtime_may_be_made_in_it(flavor: Flavor) {
    let runtime = flavor.runtime();
    let task = runtime.spawn(async {
        let outer = task::id();
        let inner = block_in_place(|| {
            let inner = Flavor::CurrentThread.runtime();
            inner.block_on(inner.spawn(async { task::id() })).unwrap()
        });
        assert_ne!(inner, outer);
        assert_eq!(task::id(), outer);
        task::yield_now().await;
        // It is the outer one again that spawns.
        windlass::spawn(async { 7 }).await.unwrap()
    });
    assert_eq!(runtime.block_on(task).unwrap(), 7);
}

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

fn the_budget_after_it_is_limited(flavor: Flavor) {
    let runtime = flavor.runtime();
    let task = runtime.spawn(async {
        block_in_place(|| ());
        let consumed = Cell::new(0);
        let mut consumer = pin!(async {
            loop {
                coop::consume_budget().await;
                consumed.set(consumed.get() + 1);
            }
        });
        let waker = std::task::Waker::noop();
        let polled: Poll<()> = consumer.as_mut().poll(&mut Context::from_waker(waker));
        assert!(polled.is_pending());
        consumed.get()
    });
    assert!(runtime.block_on(task).unwrap() > 0, "some is left of it, too");
}

fn the_task_is_the_same_in_it(flavor: Flavor) {
    windlass::task_local! {
        static NAME: &'static str;
    }
    let runtime = flavor.runtime();
    let task = runtime.spawn(NAME.scope("carried", async {
        let id = task::id();
        block_in_place(|| {
            assert_eq!(task::id(), id);
            assert_eq!(task::current().map(|task| task.id()), Some(id));
            NAME.get()
        })
    }));
    assert_eq!(runtime.block_on(task).unwrap(), "carried");
}

fn a_panic_in_it_is_the_tasks(flavor: Flavor) {
    let runtime = flavor.runtime();
    for _ in 0..20 {
        let task = runtime.spawn(async { block_in_place(|| std::panic::resume_unwind(Box::new("boom"))) });
        let result: Result<(), _> = runtime.block_on(task);
        assert!(result.unwrap_err().is_panic());
    }
    let Flavor::MultiThread(workers) = flavor else { unreachable!() };
    assert_all_workers_live(&runtime, workers);
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

fn in_block_on_it_works(flavor: Flavor) {
    let runtime = flavor.runtime();
    runtime.block_on(async {
        let (tx, rx) = mpsc::channel();
        windlass::spawn(async move { tx.send(1).unwrap() });
        assert_eq!(block_in_place(|| rx.recv().unwrap()), 1);
        assert_eq!(block_in_place(|| Handle::current().block_on(windlass::spawn(async { 2 }))).unwrap(), 2);
        wake_self().await;
    });
    runtime.handle().block_on(async {
        block_in_place(|| Handle::current().block_on(task::yield_now()));
    });
}

fn in_a_local_set_it_works(flavor: Flavor) {
    let runtime = flavor.runtime();
    let set = LocalSet::new();
    set.block_on(&runtime, async {
        let here = thread::current().id();
        assert_eq!(block_in_place(|| thread::current().id()), here);
        let task = task::spawn_local(async move {
            let (tx, rx) = mpsc::channel();
            windlass::spawn(async move { tx.send("sent").unwrap() });
            let got = block_in_place(|| rx.recv().unwrap());
            wake_self().await;
            assert_eq!(thread::current().id(), here);
            got
        });
        assert_eq!(task.await.unwrap(), "sent");
    });
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

/// Every worker waits in place for a message from a task that never sends it. The end of the runtime drops that task.
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

fn in_a_blocking_job_it_only_calls(flavor: Flavor) {
    let runtime = flavor.runtime();
    let job = runtime.spawn_blocking(|| {
        let here = thread::current().id();
        block_in_place(|| thread::current().id() == here)
    });
    assert!(runtime.block_on(job).unwrap());
}

fn outside_a_runtime_it_only_calls() {
    let borrowed = [1, 2, 3];
    assert_eq!(block_in_place(|| borrowed.iter().sum::<i32>()), 6);
    let runtime = Flavor::CurrentThread.runtime();
    let _entered = runtime.enter();
    assert_eq!(block_in_place(|| runtime.block_on(async { 7 })), 7);
}

fn in_a_current_thread_runtime_it_panics_and_says_what_to_do() {
    let runtime = Flavor::CurrentThread.runtime();
    let panicked = panics(|| runtime.block_on(async { block_in_place(|| ()) }));
    assert!(panicked.message.contains("spawn_blocking"), "{}", panicked.message);
    let task = runtime.spawn(async { panics(|| block_in_place(|| ())).message });
    assert_eq!(runtime.block_on(task).unwrap(), panicked.message);
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

//! `yield_now`: gives way once, to every other task, on a runtime and off it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Context;

use parking_lot::Mutex;
use windlass::task::{self, yield_now};
use windlass_tests::{CountingWaker, Flavor, on_every_flavor, once};

on_every_flavor!(
    block_on_may_yield_with_nothing_else_to_do,
    a_hundred_thousand_yields_of_one_task,
    tasks_that_yield_take_turns,
    a_yield_in_a_future_executor_within_a_blocking_job,
    a_yield_that_is_dropped_leaves_nothing_behind,
);

once!(outside_a_runtime_it_wakes_its_waker, a_yielding_task_goes_behind_those_that_wait);

fn block_on_may_yield_with_nothing_else_to_do(flavor: Flavor) {
    flavor.runtime().block_on(async {
        for _ in 0..1_000 {
            yield_now().await;
        }
    });
}

fn a_hundred_thousand_yields_of_one_task(flavor: Flavor) {
    let runtime = flavor.runtime();
    let task = runtime.spawn(async {
        for _ in 0..100_000 {
            yield_now().await;
        }
    });
    runtime.block_on(task).unwrap();
}

fn tasks_that_yield_take_turns(flavor: Flavor) {
    const TASKS: usize = 16;
    const TURNS: usize = 200;
    let runtime = flavor.runtime();
    let turns = Arc::new([const { AtomicUsize::new(0) }; TASKS]);
    let tasks: Vec<_> = (0..TASKS)
        .map(|i| {
            let turns = turns.clone();
            runtime.spawn(async move {
                // Each waits for the slowest, so that none gets anywhere without the others.
                for turn in 1..=TURNS {
                    turns[i].store(turn, Ordering::SeqCst);
                    while turns.iter().any(|other| other.load(Ordering::SeqCst) + 1 < turn) {
                        yield_now().await;
                    }
                }
            })
        })
        .collect();
    runtime.block_on(async {
        for task in tasks {
            task.await.unwrap();
        }
    });
}

fn a_yield_in_a_future_executor_within_a_blocking_job(flavor: Flavor) {
    let runtime = flavor.runtime();
    let job = runtime.spawn_blocking(|| futures::executor::block_on(yield_now()));
    runtime.block_on(job).unwrap();
}

fn a_yield_that_is_dropped_leaves_nothing_behind(flavor: Flavor) {
    let runtime = flavor.runtime();
    let (counter, waker) = CountingWaker::new();
    let task = runtime.spawn(async move {
        for _ in 0..100 {
            let mut future = Box::pin(yield_now());
            assert!(future.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
        }
    });
    runtime.block_on(task).unwrap();
    drop(runtime);
    assert_eq!(Arc::strong_count(&counter), 1, "a waker was left behind");
}

fn outside_a_runtime_it_wakes_its_waker() {
    let (counter, waker) = CountingWaker::new();
    let mut context = Context::from_waker(&waker);
    let mut future = Box::pin(yield_now());
    assert!(future.as_mut().poll(&mut context).is_pending());
    assert_eq!(counter.wakes(), 1);
    assert!(future.as_mut().poll(&mut context).is_ready());
    assert_eq!(counter.wakes(), 1);
}

fn a_yielding_task_goes_behind_those_that_wait() {
    let runtime = Flavor::CurrentThread.runtime();
    let order = Arc::new(Mutex::new(Vec::new()));
    runtime.block_on(async {
        let tasks: Vec<_> = ["a", "b", "c"]
            .into_iter()
            .map(|name| {
                let order = order.clone();
                task::spawn(async move {
                    for _ in 0..3 {
                        order.lock().push(name);
                        yield_now().await;
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
    });
    // Whoever came first, each of the three has had its turn before any has its next.
    let order = order.lock();
    for turn in order.chunks(3) {
        let mut turn = turn.to_vec();
        turn.sort_unstable();
        assert_eq!(turn, ["a", "b", "c"], "in {order:?}");
    }
}

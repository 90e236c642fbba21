//! The cooperative budget: a poll may take so many operations that are ready, and no more, unless it says otherwise.

use std::cell::Cell;
use std::future::{Future, pending, poll_fn};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

use windlass::task::coop::{consume_budget, has_budget_remaining, unconstrained};
use windlass::task::{self, JoinHandle, LocalSet};
use windlass_tests::{Flavor, on_every_flavor, once, yield_until};

on_every_flavor!(
    ready_join_handles_do_not_hold_a_poll_forever,
    unconstrained_takes_all_that_is_ready,
    consume_budget_gives_way_in_the_end,
    a_poll_starts_with_a_budget_and_uses_it_up,
    every_poll_has_a_fresh_budget,
    a_task_out_of_budget_is_polled_again,
    every_spawned_task_has_its_own_budget,
    unconstrained_leaves_the_budget_of_the_rest_alone,
    a_blocking_job_has_no_budget,
    another_block_on_inside_of_a_poll_comes_to_its_end,
    run_until_has_the_budget_of_its_caller,
    every_local_task_has_its_own_budget,
);

once!(outside_a_runtime_there_is_no_limit);

/// More than any budget.
const MANY: usize = 1_000;

/// Handles of tasks that are finished.
async fn finished_tasks(count: usize) -> Vec<JoinHandle<()>> {
    let tasks: Vec<_> = (0..count).map(|_| windlass::spawn(async {})).collect();
    yield_until(|| tasks.iter().all(JoinHandle::is_finished)).await;
    tasks
}

/// How many of the handles are ready in one poll of the caller.
async fn ready_in_one_poll(mut tasks: Vec<JoinHandle<()>>) -> usize {
    poll_fn(|context| {
        let pending = tasks.iter_mut().position(|task| Pin::new(task).poll(context).is_pending());
        Poll::Ready(pending.unwrap_or(MANY))
    })
    .await
}

fn ready_join_handles_do_not_hold_a_poll_forever(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let ready = ready_in_one_poll(finished_tasks(MANY).await).await;
        assert!((1..MANY).contains(&ready), "{ready} of {MANY} in one poll");
        let in_a_task = windlass::spawn(async { ready_in_one_poll(finished_tasks(MANY).await).await });
        let ready = in_a_task.await.unwrap();
        assert!((1..MANY).contains(&ready), "{ready} of {MANY} in one poll of a task");
    });
}

fn unconstrained_takes_all_that_is_ready(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let tasks = finished_tasks(MANY).await;
        assert_eq!(unconstrained(ready_in_one_poll(tasks)).await, MANY);
    });
}

/// How often `consume_budget` lets the caller go on in one poll, at most `MANY` times.
fn consumed_in_one_poll(context: &mut Context<'_>) -> usize {
    let consumed = Cell::new(0);
    let mut consumer = pin!(async {
        while consumed.get() < MANY {
            consume_budget().await;
            consumed.set(consumed.get() + 1);
        }
    });
    let _ = consumer.as_mut().poll(context);
    consumed.get()
}

fn consume_budget_gives_way_in_the_end(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let consumed = poll_fn(|context| Poll::Ready(consumed_in_one_poll(context))).await;
        assert!((1..MANY).contains(&consumed), "{consumed}");
        let consumed = windlass::spawn(poll_fn(|context| Poll::Ready(consumed_in_one_poll(context))));
        let consumed = consumed.await.unwrap();
        assert!((1..MANY).contains(&consumed), "{consumed}");
    });
}

fn a_poll_starts_with_a_budget_and_uses_it_up(flavor: Flavor) {
    let runtime = flavor.runtime();
    let future = || async {
        // Begins anew, whatever was used of this poll before.
        task::yield_now().await;
        assert!(has_budget_remaining());
        poll_fn(|context| {
            consumed_in_one_poll(context);
            assert!(!has_budget_remaining());
            Poll::Ready(())
        })
        .await;
        task::yield_now().await;
        assert!(has_budget_remaining());
    };
    runtime.block_on(future());
    runtime.block_on(runtime.spawn(future())).unwrap();
}

fn every_poll_has_a_fresh_budget(flavor: Flavor) {
    let runtime = flavor.runtime();
    let counts = runtime.block_on(runtime.spawn(async {
        let mut counts = Vec::new();
        for _ in 0..10 {
            task::yield_now().await;
            counts.push(poll_fn(|context| Poll::Ready(consumed_in_one_poll(context))).await);
        }
        counts
    }));
    let counts = counts.unwrap();
    assert!(counts.iter().all(|count| *count == counts[0] && *count > 0), "{counts:?}");
}

fn a_task_out_of_budget_is_polled_again(flavor: Flavor) {
    let runtime = flavor.runtime();
    let consumer = || async {
        for _ in 0..100 * MANY {
            consume_budget().await;
        }
    };
    runtime.block_on(consumer());
    runtime.block_on(runtime.spawn(consumer())).unwrap();
    runtime.block_on(async {
        for task in finished_tasks(MANY).await {
            task.await.unwrap();
        }
    });
}

fn every_spawned_task_has_its_own_budget(flavor: Flavor) {
    let runtime = flavor.runtime();
    runtime.block_on(async {
        poll_fn(|context| Poll::Ready(consumed_in_one_poll(context))).await;
        let fresh = windlass::spawn(async { has_budget_remaining() });
        assert!(fresh.await.unwrap());
    });
}

fn unconstrained_leaves_the_budget_of_the_rest_alone(flavor: Flavor) {
    let runtime = flavor.runtime();
    let task = runtime.spawn(async {
        unconstrained(async {
            for _ in 0..MANY {
                consume_budget().await;
            }
        })
        .await;
        assert!(has_budget_remaining());
        poll_fn(|context| Poll::Ready(consumed_in_one_poll(context))).await
    });
    let consumed = runtime.block_on(task).unwrap();
    assert!((1..MANY).contains(&consumed), "{consumed}");
}

fn a_blocking_job_has_no_budget(flavor: Flavor) {
    let runtime = flavor.runtime();
    let consumed = runtime.spawn_blocking(|| consumed_in_one_poll(&mut Context::from_waker(Waker::noop())));
    assert_eq!(runtime.block_on(consumed).unwrap(), MANY);
}

fn outside_a_runtime_there_is_no_limit() {
    assert!(has_budget_remaining());
    assert_eq!(consumed_in_one_poll(&mut Context::from_waker(Waker::noop())), MANY);
    assert!(has_budget_remaining());
}

/// It is nothing to do in a task, but what it waits for is ready, and it polls again and again in one poll of ours.
fn another_block_on_inside_of_a_poll_comes_to_its_end(flavor: Flavor) {
    async fn take_all(mut tasks: Vec<JoinHandle<()>>) {
        while let Some(task) = tasks.pop() {
            windlass::select! {
                joined = task => joined.unwrap(),
                () = pending() => unreachable!(),
            }
            consume_budget().await;
        }
    }
    flavor.runtime().block_on(async {
        let tasks = finished_tasks(MANY).await;
        futures::executor::block_on(take_all(tasks));
        let tasks = finished_tasks(MANY).await;
        windlass::spawn(async { futures::executor::block_on(take_all(tasks)) }).await.unwrap();
    });
}

fn run_until_has_the_budget_of_its_caller(flavor: Flavor) {
    flavor.runtime().block_on(async {
        task::yield_now().await;
        let whole = poll_fn(|context| Poll::Ready(consumed_in_one_poll(context))).await;
        task::yield_now().await;
        consume_budget().await;
        let set = LocalSet::new();
        let rest = set.run_until(poll_fn(|context| Poll::Ready(consumed_in_one_poll(context)))).await;
        assert_eq!(rest, whole - 1);
    });
}

fn every_local_task_has_its_own_budget(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let set = LocalSet::new();
        set.run_until(async {
            let in_a_task =
                || task::spawn_local(poll_fn(|context| Poll::Ready(consumed_in_one_poll(context))));
            let tasks = [in_a_task(), in_a_task()];
            let used_up = poll_fn(|context| Poll::Ready(consumed_in_one_poll(context))).await;
            let mut counts = Vec::new();
            for task in tasks {
                counts.push(task.await.unwrap());
            }
            assert!(used_up > 0 && counts.iter().all(|&count| count >= used_up), "{used_up}, {counts:?}");
        })
        .await;
    });
}

//! `yield_now`: gives way once, to every other task, on a runtime and off it.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::Context;

use parking_lot::Mutex;
use windlass::io::{AsyncFd, Interest};
use windlass::task::{self, yield_now};
use windlass_tests::{CountingWaker, Flavor, on_every_flavor, on_flavor, once};

on_every_flavor!(
    block_on_may_yield_with_nothing_else_to_do,
    a_hundred_thousand_yields_of_one_task,
    tasks_that_yield_take_turns,
    a_yield_in_a_future_executor_within_a_blocking_job,
    a_yield_that_is_dropped_leaves_nothing_behind,
);

on_flavor!(
    current_thread_alone,
    windlass_tests::Flavor::CurrentThread,
    block_on_lets_those_go_first_whose_events_have_come,
    a_task_lets_those_go_first_whose_events_have_come,
);

on_flavor!(
    one_worker_alone,
    windlass_tests::Flavor::MultiThread(1),
    a_task_lets_those_go_first_whose_events_have_come,
);

once!(outside_a_runtime_it_wakes_its_waker, a_yielding_task_goes_behind_those_that_wait);

fn block_on_may_yield_with_nothing_else_to_do(flavor: Flavor) {
    flavor.runtime().block_on(async {
        for _ in 0..1_000 {
            yield_now().await;
        }
    });
}

/// Spawns a task that waits for a byte, and returns the other end and whether it came.
async fn reader() -> (UnixStream, Arc<AtomicBool>) {
    let (ours, theirs) = UnixStream::pair().unwrap();
    ours.set_nonblocking(true).unwrap();
    let (came, begun) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
    let (has_come, has_begun) = (came.clone(), begun.clone());
    windlass::spawn(async move {
        // SAFETY: a `UnixStream` has the same open descriptor for as long as it lives.
        let fd = unsafe { AsyncFd::register(ours) }.unwrap();
        has_begun.store(true, Ordering::SeqCst);
        fd.async_io(Interest::READABLE, |mut ours| ours.read_exact(&mut [0])).await.unwrap();
        has_come.store(true, Ordering::SeqCst);
    });
    // It looks once more before it waits, as others do in a moment.
    while !begun.load(Ordering::SeqCst) {
        yield_now().await;
    }
    (theirs, came)
}

/// However many go before: one yield is enough, or two where somebody else's has had the worker look in this round.
async fn assert_a_yield_is_enough() {
    for others in [0, 1, 100] {
        let others: Vec<_> = (0..others)
            .map(|_| {
                windlass::spawn(async {
                    loop {
                        yield_now().await;
                    }
                })
            })
            .collect();
        for _ in 0..10 {
            let (mut theirs, came) = reader().await;
            theirs.write_all(b"!").unwrap();
            yield_now().await;
            if !others.is_empty() {
                yield_now().await;
            }
            assert!(came.load(Ordering::SeqCst), "beside {} others", others.len());
        }
        others.iter().for_each(task::JoinHandle::abort);
    }
}

fn block_on_lets_those_go_first_whose_events_have_come(flavor: Flavor) {
    flavor.runtime().block_on(assert_a_yield_is_enough());
}

fn a_task_lets_those_go_first_whose_events_have_come(flavor: Flavor) {
    let runtime = flavor.runtime();
    let task = runtime.spawn(assert_a_yield_is_enough());
    if flavor.is_current_thread() {
        runtime.block_on(task).unwrap();
    } else {
        // On a thread that is none of the runtime's, or it would see to the events itself, a moment later.
        futures::executor::block_on(task).unwrap();
    }
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

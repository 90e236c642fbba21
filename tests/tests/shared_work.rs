//! Work is shared: what one worker has too much of, the others get, whatever it has been like before.

use std::pin::pin;
use std::sync::{Arc, mpsc};
use std::thread::{self, ThreadId};
use std::time::{Duration, Instant};

use windlass::runtime::{Builder, Runtime};
use windlass::sync::Notify;
use windlass::task::yield_now;
use windlass_tests::once;

once!(long_polls_after_many_short_ones);

/// Tasks woken in one go.
const TASKS: usize = 16;

/// How long each of them computes: less than the monitor takes for a poll that does not return.
const LONG: Duration = Duration::from_micros(1_900);

fn runtime() -> Runtime {
    Builder::new_multi_thread().worker_threads(2).build().unwrap()
}

/// So many short polls that the workers have not known any others for long.
fn short_polls(runtime: &Runtime) {
    for _ in 0..30 {
        let (tx, rx) = mpsc::channel::<()>();
        for _ in 0..4 {
            let tx = tx.clone();
            runtime.spawn(async move {
                for _ in 0..3_000 {
                    yield_now().await;
                }
                drop(tx);
            });
        }
        drop(tx);
        rx.recv().unwrap_err();
    }
}

/// Has a task wake all of them, and returns which threads they ran on.
fn woken_in_one_go(runtime: &Runtime) -> Vec<ThreadId> {
    let notify = Arc::new(Notify::new());
    let (waits, waiting) = mpsc::channel();
    let (ran, where_they_ran) = mpsc::channel();
    for _ in 0..TASKS {
        let (notify, waits, ran) = (notify.clone(), waits.clone(), ran.clone());
        runtime.spawn(async move {
            let mut notified = pin!(notify.notified());
            notified.as_mut().enable();
            waits.send(()).unwrap();
            notified.await;
            let begun = Instant::now();
            while begun.elapsed() < LONG {
                std::hint::spin_loop();
            }
            ran.send(thread::current().id()).unwrap();
        });
    }
    drop(ran);
    for _ in 0..TASKS {
        waiting.recv().unwrap();
    }
    runtime.spawn(async move { notify.notify_waiters() });
    where_they_ran.iter().collect()
}

fn long_polls_after_many_short_ones() {
    let runtime = runtime();
    // The smaller share of the two workers. A single round measures the machine too.
    let mut shares: Vec<usize> = (0..7)
        .map(|_| {
            short_polls(&runtime);
            let ran = woken_in_one_go(&runtime);
            let first = ran.iter().filter(|thread| **thread == ran[0]).count();
            first.min(TASKS - first)
        })
        .collect();
    shares.sort_unstable();
    assert!(shares[3] >= TASKS / 4, "one of two workers did nearly all: {shares:?} of {TASKS}");
}

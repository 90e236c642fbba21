//! `Graceful`: what ends by itself, what is cut, and that both are counted right.

use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures::channel::oneshot;
use windlass::runtime::Builder;
use windlass::sync::{CancellationToken, Graceful};
use windlass::task::yield_now;
use windlass::time::{Instant, sleep};
use windlass_tests::{Flavor, OnDrop, on_every_flavor, once, yield_until};

on_every_flavor!(
    all_end_by_themselves,
    what_never_ends_is_cut_and_dropped,
    nothing_to_wait_for,
    a_shutdown_that_is_given_up,
    what_comes_after_the_end_is_cut,
    aborted_and_panicking_tasks_are_no_longer_waited_for,
    counts_add_up,
);

once!(
    over_when_the_last_one_ends,
    over_when_the_limit_is,
    what_ended_before_is_not_counted,
    a_token_from_outside
);

const LONG: Duration = Duration::from_secs(3_600);

fn paused<F: Future>(future: F) -> F::Output {
    Builder::new_current_thread().start_paused(true).build().unwrap().block_on(future)
}

fn over_when_the_last_one_ends() {
    paused(async {
        let graceful = Graceful::new();
        for seconds in [1, 3, 2] {
            let stop = graceful.token().clone();
            graceful.spawn(async move {
                stop.cancelled().await;
                sleep(Duration::from_secs(seconds)).await;
            });
        }
        assert_eq!(graceful.len(), 3);
        let begun = Instant::now();
        let drained = graceful.shutdown(Duration::from_secs(10)).await;
        assert_eq!((drained.finished, drained.cut), (3, 0));
        assert_eq!(begun.elapsed().as_secs(), 3);
        assert!(graceful.is_empty() && graceful.token().is_cancelled());
    });
}

fn over_when_the_limit_is() {
    paused(async {
        let graceful = Graceful::new();
        let tasks: Vec<_> =
            [1, 5, 3_600].map(|seconds| graceful.spawn(sleep(Duration::from_secs(seconds)))).into();
        let begun = Instant::now();
        let drained = graceful.shutdown(Duration::from_secs(10)).await;
        assert_eq!((drained.finished, drained.cut), (2, 1));
        assert_eq!(begun.elapsed().as_secs(), 10);
        let mut outputs = Vec::new();
        for task in tasks {
            outputs.push(task.await.unwrap());
        }
        assert_eq!(outputs, [Some(()), Some(()), None]);
        assert_eq!(begun.elapsed().as_secs(), 10);
    });
}

fn what_ended_before_is_not_counted() {
    paused(async {
        let graceful = Graceful::new();
        for _ in 0..5 {
            graceful.spawn(async {}).await.unwrap().unwrap();
        }
        let last = graceful.spawn(sleep(Duration::from_secs(1)));
        let drained = graceful.shutdown(LONG).await;
        assert_eq!((drained.finished, drained.cut), (1, 0));
        last.await.unwrap().unwrap();
        assert_eq!(graceful.shutdown(LONG).await, Default::default());
    });
}

fn a_token_from_outside() {
    paused(async {
        let program = CancellationToken::new();
        let graceful = Graceful::with_token(program.child_token());
        let stop = graceful.token().clone();
        let task = graceful.spawn(async move { stop.cancelled().await });
        program.cancel();
        task.await.unwrap().unwrap();
        assert!(graceful.token().is_cancelled());
        assert_eq!(graceful.shutdown(LONG).await.cut, 0);
    });
}

fn all_end_by_themselves(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let graceful = Graceful::new();
        let tasks: Vec<_> = (0..100)
            .map(|n| {
                let stop = graceful.token().child_token();
                graceful.spawn(async move {
                    stop.cancelled().await;
                    for _ in 0..n {
                        yield_now().await;
                    }
                    n
                })
            })
            .collect();
        let drained = graceful.shutdown(LONG).await;
        assert_eq!((drained.finished, drained.cut), (100, 0));
        for (n, task) in tasks.into_iter().enumerate() {
            assert_eq!(task.await.unwrap(), Some(n));
        }
    });
}

fn what_never_ends_is_cut_and_dropped(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let (graceful, dropped) = (Graceful::new(), Arc::new(AtomicUsize::new(0)));
        let started = Arc::new(AtomicUsize::new(0));
        let tasks: Vec<_> = (0..100)
            .map(|_| {
                let (dropped, started) = (dropped.clone(), started.clone());
                graceful.spawn(async move {
                    let _guard = OnDrop::new(|| _ = dropped.fetch_add(1, Ordering::SeqCst));
                    started.fetch_add(1, Ordering::SeqCst);
                    pending::<()>().await;
                })
            })
            .collect();
        yield_until(|| started.load(Ordering::SeqCst) == 100).await;
        let drained = graceful.shutdown(Duration::ZERO).await;
        assert_eq!((drained.finished, drained.cut), (0, 100));
        for task in tasks {
            assert_eq!(task.await.unwrap(), None);
        }
        assert_eq!(dropped.load(Ordering::SeqCst), 100);
        assert!(graceful.is_empty());
    });
}

fn nothing_to_wait_for(flavor: Flavor) {
    flavor.runtime().block_on(async {
        assert_eq!(Graceful::new().shutdown(LONG).await, Default::default());
    });
}

fn a_shutdown_that_is_given_up(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let graceful = Graceful::new();
        let (end, ended) = oneshot::channel::<()>();
        let task = graceful.spawn(ended);
        windlass::select! {
            biased;
            _ = graceful.shutdown(LONG) => panic!("a task is there"),
            _ = yield_now() => {}
        }
        assert!(graceful.token().is_cancelled());
        end.send(()).unwrap();
        assert_eq!(task.await.unwrap(), Some(Ok(())));
        assert_eq!(graceful.shutdown(LONG).await.cut, 0);
    });
}

fn what_comes_after_the_end_is_cut(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let graceful = Graceful::new();
        graceful.shutdown(LONG).await;
        let late = graceful.spawn(async { panic!("polled, and the server has ended") });
        assert_eq!(late.await.unwrap().map(|(): ()| 1), None);
        assert_eq!(graceful.shutdown(LONG).await, Default::default());
    });
}

fn aborted_and_panicking_tasks_are_no_longer_waited_for(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let graceful = Graceful::new();
        let aborted = graceful.spawn(pending::<()>());
        let stop = graceful.token().clone();
        let panicking = graceful.spawn(async move {
            stop.cancelled().await;
            panic!("a connection's");
        });
        aborted.abort();
        let drained = graceful.shutdown(LONG).await;
        assert_eq!(drained.cut, 0);
        assert!(aborted.await.unwrap_err().is_cancelled());
        assert!(panicking.await.unwrap_err().is_panic());
    });
}

fn counts_add_up(flavor: Flavor) {
    // Tasks that end at about the moment in which the rest is cut are counted on one side or the other.
    let runtime = flavor.runtime();
    for round in 0..50 {
        runtime.block_on(async {
            let graceful = Graceful::new();
            let tasks: Vec<_> = (0..20)
                .map(|n| {
                    let stop = graceful.token().clone();
                    graceful.spawn(async move {
                        stop.cancelled().await;
                        for _ in 0..(n * round) % 13 {
                            yield_now().await;
                        }
                    })
                })
                .collect();
            let drained = graceful.shutdown(Duration::ZERO).await;
            let mut ended = 0;
            for task in tasks {
                ended += usize::from(task.await.unwrap().is_some());
            }
            assert_eq!(drained.finished + drained.cut, 20);
            // One that ended in the poll under way when it was cut has an output all the same.
            assert!(ended >= drained.finished, "{ended} of {drained:?}");
        });
    }
}

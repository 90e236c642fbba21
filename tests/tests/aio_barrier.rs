//! `Barrier` among tasks: CPython's BarrierTests, with as many tasks as they have.
//!
//! There is no draining here: who has passed has passed, and who comes again waits for the next round, whether or not the others
//! have looked yet. Cases about the time in between differ for that.
//!
//! inexpressible: test_locks.py::BarrierTests::test_barrier: the compiler refuses to await a barrier
//! different: test_locks.py::BarrierTests::test_draining_state: there is no draining: the barrier is ready for the next round at once
//! different: test_locks.py::BarrierTests::test_reset_barrier_when_tasks_half_draining: who has passed is not sent away by a reset
//! different: test_locks.py::BarrierTests::test_reset_barrier_when_tasks_half_draining_half_blocking: who has passed is not sent away by a reset, and who has come again is
//! different: test_locks.py::BarrierTests::test_abort_barrier_when_tasks_half_draining_half_blocking: who has passed is not sent away by an abort, and who has come again is

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use windlass::sync::Barrier;
use windlass::task::JoinHandle;
use windlass_tests::{Flavor, on_conformance_flavors, yield_until};

on_conformance_flavors!(
    one_task_passes_alone,
    one_task_passes_alone_twice,
    tasks_come_one_by_one,
    tasks_wait_twice,
    each_task_has_its_place,
    each_task_has_its_place_to_use,
    who_is_aborted_has_not_come,
    tasks_that_come_again_wait_for_the_next_round,
    a_new_barrier_is_reset,
    tasks_that_wait_are_sent_away,
    tasks_that_were_sent_away_wait_again,
    tasks_that_come_again_are_sent_away,
    tasks_find_it_broken,
    one_task_breaks_it_for_the_others,
    one_task_breaks_it_and_another_mends_it,
    debug_says_how_many_wait,
    a_barrier_for_nobody,
);

const N: usize = 5;

/// So many tasks.
fn tasks<F>(n: usize, f: impl Fn() -> F) -> Vec<JoinHandle<F::Output>>
where
    F: Future<Output: Send + 'static> + Send + 'static,
{
    (0..n).map(|_| windlass::spawn(f())).collect()
}

/// What all of them return.
async fn all<T>(tasks: Vec<JoinHandle<T>>) -> Vec<T> {
    let mut outputs = Vec::new();
    for task in tasks {
        outputs.push(task.await.unwrap());
    }
    outputs
}

#[derive(Default)]
struct Count(AtomicUsize);

impl Count {
    fn up(&self) -> usize {
        self.0.fetch_add(1, Ordering::SeqCst) + 1
    }

    fn get(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

/// Nobody is left waiting, and it is whole.
fn assert_idle(barrier: &Barrier) {
    assert_eq!(barrier.n_waiting(), 0);
    assert!(!barrier.is_broken());
}

/// ported: test_locks.py::BarrierTests::test_filling_one_task
fn one_task_passes_alone(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let barrier = Barrier::new(1);
        let place = barrier.wait().await.index();
        assert_eq!(place, 0);
        assert_idle(&barrier);
    });
}

/// ported: test_locks.py::BarrierTests::test_filling_one_task_twice
fn one_task_passes_alone_twice(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let barrier = Arc::new(Barrier::new(1));
        for _ in 0..2 {
            let passes = barrier.clone();
            windlass::spawn(async move { passes.wait().await }).await.unwrap();
            assert_eq!(barrier.n_waiting(), 0);
        }
        assert!(!barrier.is_broken());
    });
}

/// ported: test_locks.py::BarrierTests::test_filling_task_by_task
fn tasks_come_one_by_one(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let (barrier, passed) = (Arc::new(Barrier::new(3)), Arc::new(Count::default()));
        let task = || {
            let (barrier, passed) = (barrier.clone(), passed.clone());
            windlass::spawn(async move {
                barrier.wait().await;
                passed.up();
            })
        };
        let mut waiting = Vec::new();
        for come in 1..3 {
            waiting.push(task());
            yield_until(|| barrier.n_waiting() == come).await;
            assert_eq!(passed.get(), 0);
        }
        waiting.push(task());
        all(waiting).await;
        assert_eq!(passed.get(), 3);
        assert_idle(&barrier);
    });
}

/// ported: test_locks.py::BarrierTests::test_filling_tasks_wait_twice
fn tasks_wait_twice(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let (barrier, once, twice) =
            (Arc::new(Barrier::new(N)), Arc::new(Count::default()), Arc::new(Count::default()));
        let waits = tasks(N, || {
            let (barrier, once, twice) = (barrier.clone(), once.clone(), twice.clone());
            async move {
                barrier.wait().await;
                once.up();
                barrier.wait().await;
                // All have passed once before one passes twice.
                assert_eq!(once.get(), N);
                twice.up();
            }
        });
        all(waits).await;
        assert_eq!((once.get(), twice.get()), (N, N));
        assert_idle(&barrier);
    });
}

/// The places of all who wait together, in order.
async fn places(barrier: &Arc<Barrier>) -> Vec<usize> {
    let mut places = all(tasks(barrier.parties(), || {
        let barrier = barrier.clone();
        async move { barrier.wait().await.index() }
    }))
    .await;
    places.sort_unstable();
    places
}

/// ported: test_locks.py::BarrierTests::test_filling_tasks_check_return_value
fn each_task_has_its_place(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let barrier = Arc::new(Barrier::new(N));
        // In every round.
        for _ in 0..2 {
            assert_eq!(places(&barrier).await, [0, 1, 2, 3, 4]);
        }
        assert_idle(&barrier);
    });
}

/// ported: test_locks.py::BarrierTests::test_context_manager
fn each_task_has_its_place_to_use(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let barrier = Arc::new(Barrier::new(3));
        assert_eq!(places(&barrier).await, [0, 1, 2]);
        assert_idle(&barrier);
    });
}

/// ported: test_locks.py::BarrierTests::test_filling_tasks_cancel_one
fn who_is_aborted_has_not_come(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let (barrier, passed) = (Arc::new(Barrier::new(3)), Arc::new(Count::default()));
        let task = || {
            let (barrier, passed) = (barrier.clone(), passed.clone());
            windlass::spawn(async move {
                barrier.wait().await;
                passed.up();
            })
        };
        let first = task();
        yield_until(|| barrier.n_waiting() == 1).await;
        let second = task();
        yield_until(|| barrier.n_waiting() == 2).await;
        first.abort();
        assert!(first.await.unwrap_err().is_cancelled());
        assert_eq!(barrier.n_waiting(), 1);
        let third = task();
        yield_until(|| barrier.n_waiting() == 2).await;
        assert_eq!(passed.get(), 0);
        all(vec![second, third, task()]).await;
        assert_eq!(passed.get(), 3);
        assert_idle(&barrier);
    });
}

/// ported: test_locks.py::BarrierTests::test_blocking_tasks_while_draining
fn tasks_that_come_again_wait_for_the_next_round(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let again = 2;
        let (barrier, others) = (Arc::new(Barrier::new(N)), Arc::new(Barrier::new(N - again)));
        let passed = Arc::new(Count::default());
        let waits = tasks(N, || {
            let (barrier, others, passed) = (barrier.clone(), others.clone(), passed.clone());
            async move {
                barrier.wait().await;
                // The first two come again at once, and are not let through by the round they were in.
                if passed.up() > again {
                    others.wait().await;
                    assert!(barrier.n_waiting() < N);
                }
                barrier.wait().await;
            }
        });
        all(waits).await;
        assert_idle(&barrier);
        assert_idle(&others);
    });
}

/// ported: test_locks.py::BarrierTests::test_reset_barrier
fn a_new_barrier_is_reset(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let barrier = Barrier::new(1);
        barrier.reset();
        assert_idle(&barrier);
    });
}

/// ported: test_locks.py::BarrierTests::test_reset_barrier_while_tasks_waiting
fn tasks_that_wait_are_sent_away(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let (barrier, sent_away) = (Arc::new(Barrier::new(N)), Arc::new(Count::default()));
        let waits = tasks(N - 1, || {
            let (barrier, sent_away) = (barrier.clone(), sent_away.clone());
            async move {
                barrier.try_wait().await.unwrap_err();
                sent_away.up();
            }
        });
        yield_until(|| barrier.n_waiting() == N - 1).await;
        barrier.reset();
        all(waits).await;
        assert_eq!(sent_away.get(), N - 1);
        assert_idle(&barrier);
    });
}

/// ported: test_locks.py::BarrierTests::test_reset_barrier_while_tasks_waiting_and_waiting_again
fn tasks_that_were_sent_away_wait_again(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let barrier = Arc::new(Barrier::new(N));
        let (sent_away, passed) = (Arc::new(Count::default()), Arc::new(Count::default()));
        let waits = tasks(N - 1, || {
            let (barrier, sent_away, passed) = (barrier.clone(), sent_away.clone(), passed.clone());
            async move {
                barrier.try_wait().await.unwrap_err();
                sent_away.up();
                barrier.wait().await;
                passed.up();
            }
        });
        yield_until(|| barrier.n_waiting() == N - 1).await;
        barrier.reset();
        let late = barrier.clone();
        let last = windlass::spawn(async move { late.wait().await.index() });
        all(waits).await;
        assert!(last.await.unwrap() < N);
        assert_eq!((sent_away.get(), passed.get()), (N - 1, N - 1));
        assert_idle(&barrier);
    });
}

/// different: test_locks.py::BarrierTests::test_reset_barrier_while_tasks_draining: who has come again waits for the next round, and a reset sends it away
fn tasks_that_come_again_are_sent_away(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let (barrier, passed) = (Arc::new(Barrier::new(N)), Arc::new(Count::default()));
        let waits = tasks(N, || {
            let (barrier, passed) = (barrier.clone(), passed.clone());
            async move {
                barrier.try_wait().await.expect("who has passed has passed");
                if passed.up() == N {
                    yield_until(|| barrier.n_waiting() == N - 1).await;
                    barrier.reset();
                } else {
                    barrier.try_wait().await.unwrap_err();
                }
                barrier.wait().await;
            }
        });
        all(waits).await;
        assert_idle(&barrier);
    });
}

/// ported: test_locks.py::BarrierTests::test_abort_barrier
fn tasks_find_it_broken(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let (barrier, sent_away) = (Arc::new(Barrier::new(N)), Arc::new(Count::default()));
        let waits = tasks(N - 1, || {
            let (barrier, sent_away) = (barrier.clone(), sent_away.clone());
            async move {
                barrier.try_wait().await.unwrap_err();
                sent_away.up();
            }
        });
        yield_until(|| barrier.n_waiting() == N - 1).await;
        barrier.abort();
        all(waits).await;
        assert_eq!(sent_away.get(), N - 1);
        assert!(barrier.is_broken());
        assert_eq!(barrier.n_waiting(), 0);
        barrier.try_wait().await.unwrap_err();
    });
}

/// Passes, after which one breaks the barrier and the others come again. Gives whether it was sent away.
async fn one_breaks(barrier: &Barrier) -> bool {
    if barrier.wait().await.index() == N / 2 {
        barrier.abort();
        return false;
    }
    barrier.try_wait().await.is_err()
}

/// ported: test_locks.py::BarrierTests::test_abort_barrier_when_exception
fn one_task_breaks_it_for_the_others(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let barrier = Arc::new(Barrier::new(N));
        let sent_away = all(tasks(N, || {
            let barrier = barrier.clone();
            async move { one_breaks(&barrier).await }
        }));
        let sent_away = sent_away.await;
        assert_eq!(sent_away.iter().filter(|sent_away| **sent_away).count(), N - 1);
        assert!(barrier.is_broken());
        assert_eq!(barrier.n_waiting(), 0);
    });
}

/// ported: test_locks.py::BarrierTests::test_abort_barrier_when_exception_then_resetting
fn one_task_breaks_it_and_another_mends_it(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let (barrier, around) = (Arc::new(Barrier::new(N)), Arc::new(Barrier::new(N)));
        let sent_away = all(tasks(N, || {
            let (barrier, around) = (barrier.clone(), around.clone());
            async move {
                let sent_away = one_breaks(&barrier).await;
                // All have left it when it is reset, and nobody comes before.
                if around.wait().await.index() == N / 2 {
                    barrier.reset();
                }
                around.wait().await;
                barrier.wait().await;
                sent_away
            }
        }));
        let sent_away = sent_away.await;
        assert_eq!(sent_away.iter().filter(|sent_away| **sent_away).count(), N - 1);
        assert_idle(&barrier);
    });
}

/// different: test_locks.py::BarrierTests::test_repr: Debug has how many wait and whether it is broken, and there are no other states
fn debug_says_how_many_wait(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let barrier = Arc::new(Barrier::new(N));
        assert_eq!(format!("{barrier:?}"), "Barrier { parties: 5, waiting: 0, broken: false }");
        let waits = tasks(2, || {
            let barrier = barrier.clone();
            async move { barrier.try_wait().await.is_err() }
        });
        yield_until(|| barrier.n_waiting() == 2).await;
        assert_eq!(format!("{barrier:?}"), "Barrier { parties: 5, waiting: 2, broken: false }");
        barrier.abort();
        assert_eq!(format!("{barrier:?}"), "Barrier { parties: 5, waiting: 0, broken: true }");
        assert_eq!(all(waits).await, [true, true]);
    });
}

/// different: test_locks.py::BarrierTests::test_barrier_parties: a barrier for nobody is as one for one, as in tokio
fn a_barrier_for_nobody(flavor: Flavor) {
    flavor.runtime().block_on(async {
        Barrier::new(0).wait().await;
        assert_eq!(Barrier::new(N).parties(), N);
    });
}

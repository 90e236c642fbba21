//! `task_local!`: a value for as long as a future is polled or dropped, whatever thread that happens on.

use std::cell::Cell;
use std::future::{Future, pending};
use std::pin::Pin;
use std::task::{Context, Poll};

use futures::channel::oneshot;
use windlass::task;
use windlass_tests::{Flavor, OnDrop, on_every_flavor, once, panics_at_its_caller, poll_once, wake_self};

windlass::task_local! {
    static REQUEST: u32;
    /// Documented, and public.
    pub static FLAG: bool;
    static COUNTER: Cell<u32>
}

on_every_flavor!(
    each_task_sees_its_own_value,
    a_task_it_spawns_does_not_inherit_it,
    an_inner_scope_hides_the_outer_one,
    two_keys_do_not_mix,
    a_value_with_interior_mutability_keeps_its_changes,
    a_value_is_there_when_the_future_is_dropped_by_abort,
    a_value_is_there_when_the_future_is_dropped_by_completion,
    a_value_is_there_when_the_future_is_dropped_with_the_runtime,
    a_value_is_gone_after_a_panic,
    sync_scope_gives_a_value_to_a_closure,
    block_on_in_a_scope_runs_tasks_outside_of_it,
    a_runtime_dropped_in_a_scope_drops_its_tasks_outside_of_it,
    a_local_set_in_a_scope_runs_its_tasks_outside_of_it,
);

once!(
    take_value_takes_it_once,
    take_value_after_completion_gives_it_back,
    a_future_polled_after_take_value_finds_none,
    access_without_a_scope_is_an_error,
    access_without_a_scope_panics_at_its_caller,
    a_scope_within_a_borrow_panics_at_its_caller,
    scoped_futures_need_no_runtime,
);

fn each_task_sees_its_own_value(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let tasks: Vec<_> = (0..20)
            .map(|i| {
                windlass::spawn(REQUEST.scope(i, async move {
                    for _ in 0..10 {
                        assert_eq!(REQUEST.get(), i);
                        REQUEST.with(|value| assert_eq!((*value, REQUEST.get()), (i, i)));
                        wake_self().await;
                        task::yield_now().await;
                    }
                }))
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        assert!(REQUEST.try_get().is_err());
    });
}

fn a_task_it_spawns_does_not_inherit_it(flavor: Flavor) {
    flavor.runtime().block_on(REQUEST.scope(1, async {
        assert_eq!(REQUEST.get(), 1);
        assert!(windlass::spawn(async { REQUEST.try_get() }).await.unwrap().is_err());
        assert!(task::spawn_blocking(|| REQUEST.try_get()).await.unwrap().is_err());
        assert_eq!(REQUEST.get(), 1);
    }));
}

fn an_inner_scope_hides_the_outer_one(flavor: Flavor) {
    flavor.runtime().block_on(REQUEST.scope(1, async {
        REQUEST
            .scope(2, async {
                assert_eq!(REQUEST.get(), 2);
                wake_self().await;
                assert_eq!(REQUEST.get(), 2);
            })
            .await;
        assert_eq!(REQUEST.get(), 1);
    }));
}

fn two_keys_do_not_mix(flavor: Flavor) {
    flavor.runtime().block_on(FLAG.scope(
        true,
        REQUEST.scope(1, async {
            wake_self().await;
            assert!(FLAG.get());
            assert_eq!(REQUEST.get(), 1);
        }),
    ));
}

fn a_value_with_interior_mutability_keeps_its_changes(flavor: Flavor) {
    let out = flavor.runtime().block_on(async {
        windlass::spawn(COUNTER.scope(Cell::new(0), async {
            for _ in 0..10 {
                COUNTER.with(|counter| counter.set(counter.get() + 1));
                wake_self().await;
            }
            COUNTER.with(Cell::get)
        }))
        .await
        .unwrap()
    });
    assert_eq!(out, 10);
}

/// A value that sends the task-local that it sees when it is dropped.
fn tells() -> (OnDrop<impl FnOnce()>, oneshot::Receiver<u32>) {
    let (tx, rx) = oneshot::channel();
    (OnDrop::new(move || tx.send(REQUEST.get()).unwrap()), rx)
}

fn a_value_is_there_when_the_future_is_dropped_by_abort(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let (tells, told) = tells();
        let (polled, was_polled) = oneshot::channel();
        let task = windlass::spawn(REQUEST.scope(42, async move {
            let _tells = tells;
            polled.send(()).unwrap();
            pending::<()>().await;
        }));
        was_polled.await.unwrap();
        task.abort();
        assert_eq!(told.await, Ok(42));
        assert!(task.await.unwrap_err().is_cancelled());
    });
}

fn a_value_is_there_when_the_future_is_dropped_by_completion(flavor: Flavor) {
    struct Holds<T>(T);
    impl<T> Future for Holds<T> {
        type Output = ();
        fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
            Poll::Ready(())
        }
    }
    flavor.runtime().block_on(async {
        let (tells, told) = tells();
        windlass::spawn(REQUEST.scope(42, Holds(tells))).await.unwrap();
        assert_eq!(told.await, Ok(42));
    });
}

fn a_value_is_there_when_the_future_is_dropped_with_the_runtime(flavor: Flavor) {
    let runtime = flavor.runtime();
    let (tells, told) = tells();
    runtime.spawn(REQUEST.scope(42, async move {
        let _tells = tells;
        pending::<()>().await;
    }));
    drop(runtime);
    assert_eq!(futures::executor::block_on(told), Ok(42));
}

fn a_value_is_gone_after_a_panic(flavor: Flavor) {
    flavor.runtime().block_on(async {
        for _ in 0..20 {
            let task = windlass::spawn(REQUEST.scope(1, async { panic!("boom") }));
            assert!(task.await.unwrap_err().is_panic());
            assert!(windlass::spawn(async { REQUEST.try_get() }).await.unwrap().is_err());
        }
    });
}

fn sync_scope_gives_a_value_to_a_closure(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let out = REQUEST.sync_scope(1, || REQUEST.sync_scope(2, || REQUEST.get()) + REQUEST.get());
        assert_eq!(out, 3);
        assert!(REQUEST.try_get().is_err());
    });
}

fn block_on_in_a_scope_runs_tasks_outside_of_it(flavor: Flavor) {
    let runtime = flavor.runtime();
    REQUEST.sync_scope(1, || {
        FLAG.sync_scope(true, || {
            runtime.block_on(async {
                let look = || async { (REQUEST.try_get().ok(), FLAG.try_get().ok()) };
                let tasks: Vec<_> = (0..100).map(|_| windlass::spawn(look())).collect();
                let own = windlass::spawn(REQUEST.scope(2, look()));
                for task in tasks {
                    assert_eq!(task.await.unwrap(), (None, None));
                    assert_eq!(look().await, (Some(1), Some(true)));
                }
                assert_eq!(own.await.unwrap(), (Some(2), None));
            });
            assert_eq!((REQUEST.get(), FLAG.get()), (1, true));
        });
    });
}

fn a_runtime_dropped_in_a_scope_drops_its_tasks_outside_of_it(flavor: Flavor) {
    let runtime = flavor.runtime();
    let (sender, seen) = oneshot::channel();
    let look = OnDrop::new(move || sender.send(REQUEST.try_get().ok()).unwrap());
    runtime.spawn(async move {
        let _look = look;
        pending::<()>().await;
    });
    REQUEST.sync_scope(1, || drop(runtime));
    assert_eq!(futures::executor::block_on(seen), Ok(None));
}

fn a_local_set_in_a_scope_runs_its_tasks_outside_of_it(flavor: Flavor) {
    let set = task::LocalSet::new();
    flavor.runtime().block_on(REQUEST.scope(
        1,
        set.run_until(async {
            let task = task::spawn_local(async { REQUEST.try_get() });
            assert!(task.await.unwrap().is_err());
            assert_eq!(REQUEST.get(), 1);
        }),
    ));
}

fn take_value_takes_it_once() {
    let mut future = Box::pin(REQUEST.scope(1, async {}));
    assert_eq!(future.as_mut().take_value(), Some(1));
    assert_eq!(future.as_mut().take_value(), None);
}

fn take_value_after_completion_gives_it_back() {
    let mut future = Box::pin(COUNTER.scope(Cell::new(1), async { COUNTER.with(|counter| counter.set(2)) }));
    assert!(poll_once(&mut future).is_ready());
    assert_eq!(future.as_mut().take_value(), Some(Cell::new(2)));
}

fn a_future_polled_after_take_value_finds_none() {
    let mut future = Box::pin(REQUEST.scope(1, async { REQUEST.try_with(|_| {}).is_err() }));
    future.as_mut().take_value();
    assert_eq!(poll_once(&mut future), Poll::Ready(true));
}

fn access_without_a_scope_is_an_error() {
    let error = REQUEST.try_with(|_| ()).unwrap_err();
    assert!(!error.to_string().is_empty());
    assert!(REQUEST.try_get().is_err());
    assert_eq!(REQUEST.sync_scope(3, || REQUEST.try_get().unwrap()), 3);
}

fn access_without_a_scope_panics_at_its_caller() {
    panics_at_its_caller(|| REQUEST.with(|_| ()));
    panics_at_its_caller(|| REQUEST.get());
}

fn a_scope_within_a_borrow_panics_at_its_caller() {
    panics_at_its_caller(|| {
        REQUEST.sync_scope(1, || REQUEST.with(|_| REQUEST.sync_scope(2, || ())));
    });
}

fn scoped_futures_need_no_runtime() {
    let out = futures::executor::block_on(REQUEST.scope(5, async {
        wake_self().await;
        REQUEST.get()
    }));
    assert_eq!(out, 5);
}

//! G5: no panic of user code, in a poll, a drop, a foreign waker or a blocking job, kills a worker, poisons a lock or
//! leaks a job. (Panics in thread hooks are in `thread_hooks`.)

use std::future::{Future, pending};
use std::panic::{AssertUnwindSafe, catch_unwind, panic_any, resume_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, RawWaker, RawWakerVTable, Wake, Waker};

use futures::channel::oneshot;
use windlass::runtime::Runtime;
use windlass::task::{self, JoinHandle, LocalSet};
use windlass_tests::{
    Flavor, Ledger, OnDrop, PanicsOnDrop, assert_all_workers_live, on_every_flavor, panics, poll_once,
    wake_self, yield_until,
};

on_every_flavor!(
    in_the_poll_of_a_task,
    in_the_poll_of_every_other_task,
    in_the_drop_of_a_future_that_completed,
    in_the_drop_of_a_future_that_panicked,
    in_the_drops_of_a_future_and_of_its_output,
    in_the_drop_of_a_future_that_was_aborted,
    in_the_drop_of_futures_at_shutdown,
    in_the_drop_of_an_output,
    in_the_drop_of_a_panics_payload,
    in_the_future_of_block_on,
    in_the_drop_of_the_future_of_block_on,
    in_a_blocking_job,
    in_the_drop_of_a_blocking_job,
    in_a_foreign_waker_that_is_woken,
    in_a_foreign_waker_that_is_dropped,
    in_a_foreign_waker_that_is_cloned,
    in_a_drop_that_spawns_while_it_unwinds,
);

/// Asserts that the runtime is none the worse, whatever panicked in it.
fn assert_unharmed(flavor: Flavor, runtime: &Runtime) {
    if let Flavor::MultiThread(workers) = flavor {
        assert_all_workers_live(runtime, workers);
    }
    let out = runtime.block_on(async {
        let tasks: Vec<_> = (0..100)
            .map(|i| {
                windlass::spawn(async move {
                    wake_self().await;
                    i
                })
            })
            .collect();
        let mut sum = task::spawn_blocking(|| 0).await.unwrap();
        for task in tasks {
            sum += task.await.unwrap();
        }
        sum
    });
    assert_eq!(out, 4_950);
}

/// Panics as user code does, but without a line in the log.
fn quiet_panic() -> ! {
    resume_unwind(Box::new("boom"))
}

fn in_the_poll_of_a_task(flavor: Flavor) {
    let runtime = flavor.runtime();
    for i in 0..100 {
        let task = runtime.spawn(async move {
            for _ in 0..i % 3 {
                wake_self().await;
            }
            quiet_panic()
        });
        let result: Result<(), _> = runtime.block_on(task);
        assert_eq!(*result.unwrap_err().into_panic().downcast_ref::<&'static str>().unwrap(), "boom");
    }
    assert_unharmed(flavor, &runtime);
}

fn in_the_poll_of_every_other_task(flavor: Flavor) {
    let runtime = flavor.runtime();
    let tasks: Vec<_> = (0..1_000)
        .map(|i| {
            runtime.spawn(async move {
                wake_self().await;
                if i % 2 == 0 {
                    quiet_panic();
                }
                i
            })
        })
        .collect();
    runtime.block_on(async {
        for (i, task) in tasks.into_iter().enumerate() {
            match task.await {
                Ok(out) => assert!(out == i && i % 2 == 1),
                Err(error) => assert!(error.is_panic() && i % 2 == 0),
            }
        }
    });
    assert_unharmed(flavor, &runtime);
}

/// A future that does as told and panics when it is dropped.
struct Explosive<T = ()>(fn() -> Poll<T>);

impl<T> Future for Explosive<T> {
    type Output = T;
    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<T> {
        (self.0)()
    }
}

impl<T> Drop for Explosive<T> {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            quiet_panic();
        }
    }
}

fn in_the_drop_of_a_future_that_completed(flavor: Flavor) {
    let runtime = flavor.runtime();
    for _ in 0..50 {
        let task = runtime.spawn(Explosive(|| Poll::Ready(())));
        let error = runtime.block_on(task).unwrap_err();
        assert!(error.is_panic());
    }
    // With nobody to tell.
    for _ in 0..50 {
        drop(runtime.spawn(Explosive(|| Poll::Ready(()))));
    }
    assert_unharmed(flavor, &runtime);
}

fn in_the_drop_of_a_future_that_panicked(flavor: Flavor) {
    // Drops while the poll's panic unwinds: a second panic there would abort the process, in any Rust program.
    let runtime = flavor.runtime();
    for _ in 0..50 {
        let task = runtime.spawn(async {
            let _on_drop = OnDrop::new(|| assert!(std::thread::panicking()));
            quiet_panic()
        });
        let result: Result<(), _> = runtime.block_on(task);
        assert!(result.unwrap_err().is_panic());
        let task = runtime.spawn(Explosive::<()>(|| quiet_panic()));
        assert!(runtime.block_on(task).unwrap_err().is_panic());
    }
    assert_unharmed(flavor, &runtime);
}

fn in_the_drops_of_a_future_and_of_its_output(flavor: Flavor) {
    let runtime = flavor.runtime();
    let both = || Explosive(|| Poll::Ready(PanicsOnDrop));
    for _ in 0..10 {
        let task = runtime.spawn(both());
        assert!(runtime.block_on(task).unwrap_err().is_panic());
    }
    runtime.block_on(LocalSet::new().run_until(async {
        assert!(task::spawn_local(both()).await.unwrap_err().is_panic());
    }));
    assert_unharmed(flavor, &runtime);
}

fn in_the_drop_of_a_future_that_was_aborted(flavor: Flavor) {
    let runtime = flavor.runtime();
    for i in 0..50 {
        let task = runtime.spawn(Explosive(|| Poll::<()>::Pending));
        if i % 2 == 0 {
            runtime.block_on(task::yield_now());
        }
        task.abort();
        assert!(runtime.block_on(task).unwrap_err().is_panic());
    }
    assert_unharmed(flavor, &runtime);
}

fn in_the_drop_of_futures_at_shutdown(flavor: Flavor) {
    for background in [false, true] {
        let runtime = flavor.runtime();
        let ledger = Ledger::new();
        let polls = Arc::new(AtomicUsize::new(0));
        for i in 0..100 {
            let (tracked, polls) = (ledger.track(), polls.clone());
            runtime.spawn(async move {
                // Dropped in the reverse order: the panic does not keep the other from being dropped.
                let _tracked = tracked;
                let _explosive = (i % 2 == 0).then(|| Explosive(|| Poll::<()>::Pending));
                polls.fetch_add(1, Ordering::SeqCst);
                pending::<()>().await;
            });
        }
        runtime.block_on(yield_until(|| polls.load(Ordering::SeqCst) == 100));
        if background {
            runtime.shutdown_background();
            windlass_tests::spin_until(|| ledger.dropped() == 100);
        } else {
            drop(runtime);
        }
        ledger.assert_each_dropped_once(|_| true);
    }
}

fn in_the_drop_of_an_output(flavor: Flavor) {
    let runtime = flavor.runtime();
    for i in 0..100 {
        let task = runtime.spawn(async { Box::new(Explosive(|| Poll::<()>::Pending)) as Box<dyn Send> });
        match i % 3 {
            // By the task, by the handle, by whoever took it.
            0 => drop(task),
            1 => {
                runtime.block_on(yield_until(|| task.is_finished()));
                drop(task);
            }
            _ => {
                let output = runtime.block_on(task).unwrap();
                assert!(catch_unwind(AssertUnwindSafe(|| drop(output))).is_err());
            }
        }
    }
    assert_unharmed(flavor, &runtime);
}

fn in_the_drop_of_a_panics_payload(flavor: Flavor) {
    let runtime = flavor.runtime();
    for _ in 0..20 {
        let detached = runtime.spawn(async { resume_unwind(Box::new(PanicsOnDrop)) });
        let finished = detached.abort_handle();
        drop::<JoinHandle<()>>(detached);
        runtime.block_on(yield_until(|| finished.is_finished()));

        let task: JoinHandle<()> = runtime.spawn(async { resume_unwind(Box::new(PanicsOnDrop)) });
        runtime.block_on(yield_until(|| task.is_finished()));
        drop(task);

        let task: JoinHandle<()> = runtime.spawn(async { panic_any(PanicsOnDrop) });
        let payload = runtime.block_on(task).unwrap_err().into_panic();
        assert!(catch_unwind(AssertUnwindSafe(|| drop(payload))).is_err());
    }
    assert_unharmed(flavor, &runtime);
}

fn in_the_future_of_block_on(flavor: Flavor) {
    let runtime = flavor.runtime();
    let mut tasks = Vec::new();
    for _ in 0..20 {
        let panicked = panics(|| {
            runtime.block_on(async {
                // Queued on the seat of this very thread, which is about to leave it.
                for _ in 0..50 {
                    tasks.push(windlass::spawn(wake_self()));
                }
                task::yield_now().await;
                for _ in 0..50 {
                    tasks.push(windlass::spawn(wake_self()));
                }
                panic!("boom");
            });
        });
        assert_eq!(panicked.message, "boom");
    }
    runtime.block_on(async {
        for task in tasks {
            task.await.unwrap();
        }
    });
    assert_unharmed(flavor, &runtime);
}

fn in_the_drop_of_the_future_of_block_on(flavor: Flavor) {
    let runtime = flavor.runtime();
    for _ in 0..20 {
        panics(|| {
            runtime.block_on(async {
                let _panics = PanicsOnDrop;
                windlass::spawn(wake_self()).await.unwrap();
            });
        });
        let explosive = catch_unwind(AssertUnwindSafe(|| runtime.block_on(Explosive(|| Poll::Ready(())))));
        assert!(explosive.is_err());
    }
    assert_unharmed(flavor, &runtime);
}

fn in_a_blocking_job(flavor: Flavor) {
    let runtime = flavor.builder().max_blocking_threads(1).build().unwrap();
    for _ in 0..100 {
        let job: JoinHandle<()> = runtime.spawn_blocking(|| quiet_panic());
        assert!(runtime.block_on(job).unwrap_err().is_panic());
        drop::<JoinHandle<()>>(runtime.spawn_blocking(|| quiet_panic()));
    }
    assert_unharmed(flavor, &runtime);
}

fn in_the_drop_of_a_blocking_job(flavor: Flavor) {
    let runtime = flavor.builder().max_blocking_threads(1).build().unwrap();
    for i in 0..50 {
        let explosive = Explosive(|| Poll::<()>::Pending);
        let job = runtime.spawn_blocking(move || {
            let _explosive = explosive;
        });
        if i % 2 == 0 {
            assert!(runtime.block_on(job).unwrap_err().is_panic());
        }
        let output = runtime.spawn_blocking(|| Explosive(|| Poll::<()>::Pending));
        drop(output);
    }
    assert_unharmed(flavor, &runtime);
}

/// A task that ends when it is told to, and a handle to it that was polled with `waker`.
fn awaited_with(runtime: &Runtime, waker: Waker) -> (JoinHandle<u32>, oneshot::Sender<()>) {
    let (go_on, may_go_on) = oneshot::channel::<()>();
    let mut task = runtime.spawn(async move {
        may_go_on.await.unwrap();
        42
    });
    assert!(Pin::new(&mut task).poll(&mut Context::from_waker(&waker)).is_pending());
    (task, go_on)
}

fn in_a_foreign_waker_that_is_woken(flavor: Flavor) {
    struct PanicsOnWake;
    impl Wake for PanicsOnWake {
        fn wake(self: Arc<Self>) {
            quiet_panic();
        }
    }
    let runtime = flavor.runtime();
    for _ in 0..50 {
        let (mut task, go_on) = awaited_with(&runtime, Waker::from(Arc::new(PanicsOnWake)));
        go_on.send(()).unwrap();
        runtime.block_on(yield_until(|| task.is_finished()));
        let Poll::Ready(result) = poll_once(&mut task) else { panic!("a task that is finished is ready") };
        assert_eq!(result.unwrap(), 42);
    }
    assert_unharmed(flavor, &runtime);
}

fn in_a_foreign_waker_that_is_dropped(flavor: Flavor) {
    struct PanicsOnWakerDrop;
    impl Wake for PanicsOnWakerDrop {
        /// Drops it, if it is the last one.
        fn wake(self: Arc<Self>) {}
        fn wake_by_ref(self: &Arc<Self>) {}
    }
    impl Drop for PanicsOnWakerDrop {
        fn drop(&mut self) {
            quiet_panic();
        }
    }
    let runtime = flavor.runtime();
    for i in 0..60 {
        let waker = Waker::from(Arc::new(PanicsOnWakerDrop));
        // The only count that is left is the task's.
        let (go_on, may_go_on) = oneshot::channel::<()>();
        let mut task = runtime.spawn(async move {
            may_go_on.await.unwrap();
            42
        });
        assert!(Pin::new(&mut task).poll(&mut Context::from_waker(&waker)).is_pending());
        let ours = catch_unwind(AssertUnwindSafe(|| drop(waker)));
        assert!(ours.is_ok(), "the task has a clone");
        match i % 3 {
            // Dropped by completion and its handle, by the next poll, by the handle alone.
            0 => {
                go_on.send(()).unwrap();
                runtime.block_on(yield_until(|| task.is_finished()));
                let result = catch_unwind(AssertUnwindSafe(|| poll_once(&mut task)));
                assert!(!matches!(result, Ok(Poll::Pending)));
            }
            1 => {
                let replaced = catch_unwind(AssertUnwindSafe(|| poll_once(&mut task)));
                go_on.send(()).unwrap();
                let output = runtime.block_on(task).unwrap();
                assert_eq!(output, 42);
                drop(replaced);
            }
            _ => {
                let _ = catch_unwind(AssertUnwindSafe(|| drop(task)));
                // The task may be cancelled or go on, it must not hang or die.
                let _ = go_on.send(());
            }
        }
    }
    assert_unharmed(flavor, &runtime);
}

fn in_a_foreign_waker_that_is_cloned(flavor: Flavor) {
    static PANICS_ON_CLONE: RawWakerVTable = RawWakerVTable::new(|_| quiet_panic(), |_| {}, |_| {}, |_| {});
    let runtime = flavor.runtime();
    for _ in 0..50 {
        let (go_on, may_go_on) = oneshot::channel::<()>();
        let mut task = runtime.spawn(async move {
            may_go_on.await.unwrap();
            42
        });
        // SAFETY: the functions of the table use no data, and may be called from any thread.
        let waker = unsafe { Waker::from_raw(RawWaker::new(std::ptr::null(), &PANICS_ON_CLONE)) };
        let polled = catch_unwind(AssertUnwindSafe(|| {
            Pin::new(&mut task).poll(&mut Context::from_waker(&waker)).is_pending()
        }));
        assert!(polled.is_err(), "the panic is the caller's");
        assert!(poll_once(&mut task).is_pending(), "and the handle can be polled again");
        go_on.send(()).unwrap();
        assert_eq!(runtime.block_on(task).unwrap(), 42);
    }
    assert_unharmed(flavor, &runtime);
}

fn in_a_drop_that_spawns_while_it_unwinds(flavor: Flavor) {
    let runtime = flavor.runtime();
    for _ in 0..50 {
        let (tx, rx) = oneshot::channel();
        let task: JoinHandle<()> = runtime.spawn(async move {
            let _on_drop = OnDrop::new(move || drop(windlass::spawn(async move { tx.send(()).unwrap() })));
            quiet_panic()
        });
        assert!(runtime.block_on(task).unwrap_err().is_panic());
        runtime.block_on(rx).unwrap();
    }
    assert_unharmed(flavor, &runtime);
}

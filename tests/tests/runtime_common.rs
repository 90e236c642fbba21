//! What every runtime does, whatever its flavour: runs futures, tasks and blocking jobs, under load and from other
//! threads.

use std::cell::RefCell;
use std::future::{Future, pending, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, mpsc as std_mpsc};
use std::task::{Context, Poll, Waker};
use std::thread;

use futures::StreamExt;
use futures::channel::{mpsc, oneshot};
use windlass::runtime::Runtime;
use windlass::task;
use windlass_tests::{Flavor, OnDrop, on_every_flavor, panics, poll_once, wake_self, yield_until};

on_every_flavor!(
    block_on_runs_a_future_that_borrows,
    block_on_runs_its_future_on_the_calling_thread,
    block_on_takes_a_future_that_is_neither_send_nor_static,
    block_on_waits_for_another_thread,
    block_on_runs_again_and_again,
    block_on_from_many_threads_at_once,
    block_on_in_block_on_panics,
    a_runtime_made_in_block_on_works_after_it,
    a_task_sends_to_block_on,
    a_task_sends_and_returns_a_value,
    a_task_sends_to_a_task,
    a_task_spawns_a_task,
    tasks_await_tasks_in_a_chain,
    two_hundred_tasks_spawned_by_block_on_are_woken_from_a_thread,
    five_hundred_tasks_spawned_by_a_task_are_woken_from_a_thread,
    ten_thousand_tasks_from_outside_all_run,
    a_large_future_and_a_large_output,
    a_zero_sized_future_and_output,
    a_task_outlives_the_block_on_that_spawned_it,
    a_task_that_never_finishes_is_dropped_with_the_runtime,
    handle_block_on_spawns_for_block_on,
    enter_lets_spawn_find_the_runtime,
    block_on_completes_under_load,
    a_task_completes_under_load,
    a_spawn_from_a_thread_reaches_an_idle_runtime,
    a_spawn_from_a_thread_reaches_a_busy_runtime,
    a_wake_from_a_thread_reaches_an_idle_runtime,
    two_block_ons_hand_over_to_each_other,
    a_blocking_job_spawns_a_task,
    a_blocking_job_spawns_a_blocking_job,
    a_blocking_job_that_panics_is_a_join_error,
    blocking_jobs_run_beside_each_other,
    a_panic_in_a_task_drops_its_future,
    a_panic_in_block_on_is_the_callers,
    ping_pong_pairs_do_not_starve_a_task,
    a_waker_in_a_thread_local_is_woken_by_reference,
    a_waker_in_a_thread_local_is_woken_by_value,
    a_runtime_in_a_thread_local_is_dropped_with_the_thread,
    a_task_may_drop_the_last_handle_to_itself,
    a_waker_wakes_only_its_own_task,
);

fn block_on_runs_a_future_that_borrows(flavor: Flavor) {
    let runtime = flavor.runtime();
    let mut won = false;
    runtime.block_on(async { won = true });
    assert!(won);
}

fn block_on_runs_its_future_on_the_calling_thread(flavor: Flavor) {
    let runtime = flavor.runtime();
    let caller = thread::current().id();
    runtime.block_on(async {
        for _ in 0..100 {
            assert_eq!(thread::current().id(), caller);
            task::yield_now().await;
        }
        let task = windlass::spawn(wake_self());
        task.await.unwrap();
        assert_eq!(thread::current().id(), caller);
    });
}

fn block_on_takes_a_future_that_is_neither_send_nor_static(flavor: Flavor) {
    let runtime = flavor.runtime();
    let local = String::from("local");
    let shared = std::rc::Rc::new(&local);
    let length = runtime.block_on(async {
        task::yield_now().await;
        shared.len()
    });
    assert_eq!(length, local.len());
}

fn block_on_waits_for_another_thread(flavor: Flavor) {
    let runtime = flavor.runtime();
    let out = runtime.block_on(async {
        let (tx, mut rx) = oneshot::channel();
        // The thread starts once the future was polled and waits.
        let mut tx = Some(tx);
        let mut thread = None;
        let out = poll_fn(|context| {
            let poll = Pin::new(&mut rx).poll(context);
            if let Some(tx) = tx.take() {
                thread = Some(thread::spawn(move || tx.send("from a thread").unwrap()));
            }
            poll
        })
        .await
        .unwrap();
        thread.unwrap().join().unwrap();
        out
    });
    assert_eq!(out, "from a thread");
}

fn block_on_runs_again_and_again(flavor: Flavor) {
    let runtime = flavor.runtime();
    let sum =
        (0..1_000).map(|i| runtime.block_on(async move { windlass::spawn(async move { i }).await.unwrap() }));
    assert_eq!(sum.sum::<i32>(), 499_500);
}

fn block_on_from_many_threads_at_once(flavor: Flavor) {
    const THREADS: usize = 16;
    let runtime = flavor.runtime();
    let inside = AtomicUsize::new(0);
    thread::scope(|scope| {
        for thread in 0..THREADS {
            let (runtime, inside) = (&runtime, &inside);
            scope.spawn(move || {
                let out = runtime.block_on(async move {
                    // All of them are in `block_on` before any of them leaves.
                    inside.fetch_add(1, Ordering::SeqCst);
                    yield_until(|| inside.load(Ordering::SeqCst) == THREADS).await;
                    let tasks: Vec<_> = (0..50)
                        .map(|i| {
                            windlass::spawn(async move {
                                wake_self().await;
                                i * thread
                            })
                        })
                        .collect();
                    let mut sum = 0;
                    for task in tasks {
                        sum += task.await.unwrap();
                    }
                    sum
                });
                assert_eq!(out, 1225 * thread);
            });
        }
    });
}

fn block_on_in_block_on_panics(flavor: Flavor) {
    let outer = flavor.runtime();
    let inner = flavor.runtime();
    let panicked = panics(|| outer.block_on(async { inner.block_on(async {}) }));
    assert!(
        panicked.message.contains(".await"),
        "the message must say what to do instead: {}",
        panicked.message
    );
    // Neither is the worse for it.
    assert_eq!(outer.block_on(async { windlass::spawn(async { 1 }).await.unwrap() }), 1);
    assert_eq!(inner.block_on(async { windlass::spawn(async { 2 }).await.unwrap() }), 2);
}

fn a_runtime_made_in_block_on_works_after_it(flavor: Flavor) {
    let outer = flavor.runtime();
    let inner = outer.block_on(async { flavor.runtime() });
    assert_eq!(inner.block_on(async { windlass::spawn(async { "inner" }).await.unwrap() }), "inner");
}

fn a_task_sends_to_block_on(flavor: Flavor) {
    let out = flavor.runtime().block_on(async {
        let (tx, rx) = oneshot::channel();
        windlass::spawn(async move { tx.send("sent").unwrap() });
        rx.await.unwrap()
    });
    assert_eq!(out, "sent");
}

fn a_task_sends_and_returns_a_value(flavor: Flavor) {
    let out = flavor.runtime().block_on(async {
        let (tx, rx) = oneshot::channel();
        let task = windlass::spawn(async move {
            tx.send("sent").unwrap();
            "returned"
        });
        let sent = rx.await.unwrap();
        (sent, task.await.unwrap())
    });
    assert_eq!(out, ("sent", "returned"));
}

fn a_task_sends_to_a_task(flavor: Flavor) {
    let out = flavor.runtime().block_on(async {
        let (tx1, rx1) = oneshot::channel();
        let (tx2, rx2) = oneshot::channel();
        windlass::spawn(async move { tx1.send("passed on").unwrap() });
        windlass::spawn(async move { tx2.send(rx1.await.unwrap()).unwrap() });
        rx2.await.unwrap()
    });
    assert_eq!(out, "passed on");
}

fn a_task_spawns_a_task(flavor: Flavor) {
    let out = flavor.runtime().block_on(async {
        let (tx, rx) = oneshot::channel();
        windlass::spawn(async move {
            windlass::spawn(async move { tx.send("from the grandchild").unwrap() });
        });
        rx.await.unwrap()
    });
    assert_eq!(out, "from the grandchild");
}

fn tasks_await_tasks_in_a_chain(flavor: Flavor) {
    fn link(depth: usize) -> Pin<Box<dyn Future<Output = usize> + Send>> {
        Box::pin(async move {
            if depth == 0 {
                return 0;
            }
            windlass::spawn(link(depth - 1)).await.unwrap() + 1
        })
    }
    assert_eq!(flavor.runtime().block_on(link(200)), 200);
}

/// Spawns `count` tasks that a thread then wakes one by one, and returns what they saw.
async fn woken_from_a_thread(count: usize) -> Vec<usize> {
    let (done, mut all_done) = mpsc::unbounded();
    let senders: Vec<_> = (0..count)
        .map(|_| {
            let (tx, rx) = oneshot::channel();
            let done = done.clone();
            windlass::spawn(async move { done.unbounded_send(rx.await.unwrap()).unwrap() });
            tx
        })
        .collect();
    drop(done);

    let thread = thread::spawn(move || {
        for (i, tx) in senders.into_iter().enumerate() {
            tx.send(i).unwrap();
        }
    });
    let mut seen = Vec::new();
    while let Some(i) = all_done.next().await {
        seen.push(i);
    }
    thread.join().unwrap();
    seen.sort_unstable();
    seen
}

fn two_hundred_tasks_spawned_by_block_on_are_woken_from_a_thread(flavor: Flavor) {
    let seen = flavor.runtime().block_on(woken_from_a_thread(200));
    assert_eq!(seen, (0..200).collect::<Vec<_>>());
}

fn five_hundred_tasks_spawned_by_a_task_are_woken_from_a_thread(flavor: Flavor) {
    let runtime = flavor.runtime();
    let seen = runtime.block_on(async { windlass::spawn(woken_from_a_thread(500)).await.unwrap() });
    assert_eq!(seen, (0..500).collect::<Vec<_>>());
}

fn ten_thousand_tasks_from_outside_all_run(flavor: Flavor) {
    let runtime = flavor.runtime();
    let tasks: Vec<_> = (0..10_000u64).map(|i| runtime.spawn(async move { i })).collect();
    let sum = runtime.block_on(async {
        let mut sum = 0;
        for task in tasks {
            sum += task.await.unwrap();
        }
        sum
    });
    assert_eq!(sum, 49_995_000);
}

fn a_large_future_and_a_large_output(flavor: Flavor) {
    let runtime = flavor.runtime();
    let out = runtime.block_on(async {
        let payload = [7u8; 20_000];
        windlass::spawn(async move {
            wake_self().await;
            let mut out = [0u8; 40_000];
            out[..payload.len()].copy_from_slice(&payload);
            out
        })
        .await
        .unwrap()
    });
    assert_eq!(out.iter().map(|byte| u64::from(*byte)).sum::<u64>(), 140_000);
}

fn a_zero_sized_future_and_output(flavor: Flavor) {
    struct Nothing;
    impl Future for Nothing {
        type Output = ();
        fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
            Poll::Ready(())
        }
    }
    let runtime = flavor.runtime();
    let task = runtime.spawn(Nothing);
    runtime.block_on(task).unwrap();
}

fn a_task_outlives_the_block_on_that_spawned_it(flavor: Flavor) {
    let runtime = flavor.runtime();
    let (tx, rx) = oneshot::channel::<u32>();
    let mut task = None;
    runtime.block_on(async { task = Some(windlass::spawn(async move { rx.await.unwrap() + 1 })) });
    tx.send(1).unwrap();
    assert_eq!(runtime.block_on(task.unwrap()).unwrap(), 2);
}

fn a_task_that_never_finishes_is_dropped_with_the_runtime(flavor: Flavor) {
    let runtime = flavor.runtime();
    let count = Arc::new(());
    let (polled, was_polled) = oneshot::channel();
    runtime.block_on(async {
        let count = count.clone();
        let mut polled = Some(polled);
        windlass::spawn(poll_fn(move |_| {
            assert_eq!(Arc::strong_count(&count), 2);
            if let Some(polled) = polled.take() {
                polled.send(()).unwrap();
            }
            Poll::<()>::Pending
        }));
        was_polled.await.unwrap();
    });
    assert_eq!(Arc::strong_count(&count), 2);
    drop(runtime);
    assert_eq!(Arc::strong_count(&count), 1);
}

#[allow(clippy::async_yields_async, reason = "the handle is what the second block_on waits for")]
fn handle_block_on_spawns_for_block_on(flavor: Flavor) {
    let runtime = flavor.runtime();
    let (tx, rx) = oneshot::channel();
    let task = runtime.handle().block_on(async {
        windlass::spawn(async move {
            tx.send("sent").unwrap();
            "returned"
        })
    });
    let out = runtime.block_on(async { (rx.await.unwrap(), task.await.unwrap()) });
    assert_eq!(out, ("sent", "returned"));
}

fn enter_lets_spawn_find_the_runtime(flavor: Flavor) {
    let runtime = flavor.runtime();
    let task = {
        let _entered = runtime.enter();
        windlass::spawn(async { "entered" })
    };
    assert_eq!(runtime.block_on(task).unwrap(), "entered");
}

/// Tasks that never let the runtime go idle, until `stop` is set.
fn load(runtime: &Runtime, tasks: usize) -> Arc<AtomicBool> {
    let stop = Arc::new(AtomicBool::new(false));
    for _ in 0..tasks {
        let stop = stop.clone();
        runtime.spawn(async move {
            while !stop.load(Ordering::Relaxed) {
                wake_self().await;
            }
        });
    }
    stop
}

fn block_on_completes_under_load(flavor: Flavor) {
    let runtime = flavor.runtime();
    let stop = load(&runtime, 8);
    runtime.block_on(async {
        for _ in 0..10 {
            let (tx, rx) = oneshot::channel();
            let thread = thread::spawn(move || tx.send(()).unwrap());
            rx.await.unwrap();
            thread.join().unwrap();
        }
    });
    stop.store(true, Ordering::Relaxed);
}

fn a_task_completes_under_load(flavor: Flavor) {
    let runtime = flavor.runtime();
    let stop = load(&runtime, 8);
    runtime.block_on(async {
        for _ in 0..10 {
            let (tx1, rx1) = oneshot::channel();
            let (tx2, rx2) = oneshot::channel();
            windlass::spawn(async move {
                rx1.await.unwrap();
                tx2.send(()).unwrap();
            });
            let thread = thread::spawn(move || tx1.send(()).unwrap());
            rx2.await.unwrap();
            thread.join().unwrap();
        }
    });
    stop.store(true, Ordering::Relaxed);
}

fn a_spawn_from_a_thread_reaches_an_idle_runtime(flavor: Flavor) {
    let runtime = Arc::new(flavor.runtime());
    for _ in 0..100 {
        let (tx, rx) = oneshot::channel();
        let spawner = runtime.clone();
        let thread = thread::spawn(move || {
            spawner.spawn(async move { tx.send(()).unwrap() });
        });
        runtime.block_on(async move { rx.await.unwrap() });
        thread.join().unwrap();
    }
}

fn a_spawn_from_a_thread_reaches_a_busy_runtime(flavor: Flavor) {
    let runtime = Arc::new(flavor.runtime());
    let stop = load(&runtime, 4);
    for _ in 0..20 {
        let (tx, rx) = oneshot::channel();
        let spawner = runtime.clone();
        let thread = thread::spawn(move || {
            spawner.spawn(async move { tx.send(()).unwrap() });
        });
        runtime.block_on(async move { rx.await.unwrap() });
        thread.join().unwrap();
    }
    stop.store(true, Ordering::Relaxed);
}

fn a_wake_from_a_thread_reaches_an_idle_runtime(flavor: Flavor) {
    const ROUNDS: usize = 1_000;
    let runtime = flavor.runtime();
    let (ping, mut pings) = mpsc::unbounded();
    let (pong, pongs) = std_mpsc::channel();
    let task = runtime.spawn(async move {
        while pings.next().await.is_some() {
            pong.send(()).unwrap();
        }
    });
    let thread = thread::spawn(move || {
        for _ in 0..ROUNDS {
            ping.unbounded_send(()).unwrap();
            pongs.recv().unwrap();
        }
    });
    runtime.block_on(task).unwrap();
    thread.join().unwrap();
}

fn two_block_ons_hand_over_to_each_other(flavor: Flavor) {
    let runtime = Arc::new(flavor.runtime());
    for _ in 0..50 {
        let (tx1, rx1) = oneshot::channel::<()>();
        let (tx2, rx2) = oneshot::channel::<()>();
        let first = runtime.clone();
        let first = thread::spawn(move || {
            first.block_on(async move {
                rx2.await.unwrap();
                task::yield_now().await;
                windlass::spawn(async move { tx1.send(()).unwrap() }).await.unwrap();
            });
        });
        let second = runtime.clone();
        let second = thread::spawn(move || {
            second.block_on(async move {
                windlass::spawn(async move { tx2.send(()).unwrap() }).await.unwrap();
                rx1.await.unwrap();
                task::yield_now().await;
            });
        });
        first.join().unwrap();
        second.join().unwrap();
    }
}

fn a_blocking_job_spawns_a_task(flavor: Flavor) {
    let out = flavor.runtime().block_on(async {
        let inner = task::spawn_blocking(|| windlass::spawn(async { "from a job" })).await.unwrap();
        inner.await.unwrap()
    });
    assert_eq!(out, "from a job");
}

fn a_blocking_job_spawns_a_blocking_job(flavor: Flavor) {
    let out = flavor.runtime().block_on(async {
        let inner = task::spawn_blocking(|| task::spawn_blocking(|| "from a job")).await.unwrap();
        inner.await.unwrap()
    });
    assert_eq!(out, "from a job");
}

fn a_blocking_job_that_panics_is_a_join_error(flavor: Flavor) {
    flavor.runtime().block_on(async {
        for _ in 0..20 {
            let error = task::spawn_blocking(|| panic!("boom in a job")).await.unwrap_err();
            assert!(error.is_panic());
            assert_eq!(*error.into_panic().downcast_ref::<&'static str>().unwrap(), "boom in a job");
        }
        assert_eq!(task::spawn_blocking(|| 1).await.unwrap(), 1);
    });
}

fn blocking_jobs_run_beside_each_other(flavor: Flavor) {
    const JOBS: usize = 16;
    let barrier = Arc::new(std::sync::Barrier::new(JOBS));
    flavor.runtime().block_on(async {
        let jobs: Vec<_> = (0..JOBS)
            .map(|_| {
                let barrier = barrier.clone();
                task::spawn_blocking(move || barrier.wait().is_leader())
            })
            .collect();
        let mut leaders = 0;
        for job in jobs {
            leaders += usize::from(job.await.unwrap());
        }
        assert_eq!(leaders, 1);
    });
}

fn a_panic_in_a_task_drops_its_future(flavor: Flavor) {
    struct Boom(Option<oneshot::Sender<()>>);
    impl Future for Boom {
        type Output = ();
        fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
            panic!("boom");
        }
    }
    impl Drop for Boom {
        fn drop(&mut self) {
            self.0.take().unwrap().send(()).unwrap();
        }
    }
    let runtime = flavor.runtime();
    let (tx, rx) = oneshot::channel();
    let task = runtime.spawn(Boom(Some(tx)));
    runtime.block_on(rx).unwrap();
    assert!(runtime.block_on(task).unwrap_err().is_panic());
}

fn a_panic_in_block_on_is_the_callers(flavor: Flavor) {
    let runtime = flavor.runtime();
    for _ in 0..20 {
        let payload = catch_unwind(AssertUnwindSafe(|| {
            runtime.block_on(async {
                windlass::spawn(wake_self());
                task::yield_now().await;
                std::panic::panic_any(42);
            });
        }))
        .unwrap_err();
        assert_eq!(*payload.downcast_ref::<i32>().unwrap(), 42);
    }
    assert_eq!(runtime.block_on(async { windlass::spawn(async { 1 }).await.unwrap() }), 1);
}

fn ping_pong_pairs_do_not_starve_a_task(flavor: Flavor) {
    const PAIRS: usize = 100;
    let runtime = flavor.runtime();
    let running = Arc::new(AtomicBool::new(true));
    runtime.block_on(async {
        let (started, mut starts) = mpsc::unbounded();
        let mut tasks = Vec::new();
        for _ in 0..PAIRS {
            let (ping, mut pings) = mpsc::unbounded();
            let (pong, mut pongs) = mpsc::unbounded();
            let (started, running) = (started.clone(), running.clone());
            tasks.push(windlass::spawn(async move {
                started.unbounded_send(()).unwrap();
                while running.load(Ordering::Relaxed) {
                    ping.unbounded_send(()).unwrap();
                    pongs.next().await.unwrap();
                }
                drop(ping);
                assert!(pongs.next().await.is_none());
            }));
            tasks.push(windlass::spawn(async move {
                while pings.next().await.is_some() {
                    pong.unbounded_send(()).unwrap();
                }
            }));
        }
        for _ in 0..PAIRS {
            starts.next().await.unwrap();
        }

        windlass::spawn(async {
            for _ in 0..5 {
                task::yield_now().await;
            }
        })
        .await
        .unwrap();

        running.store(false, Ordering::Relaxed);
        for task in tasks {
            task.await.unwrap();
        }
    });
}

fn a_waker_in_a_thread_local_is_woken_by_reference(flavor: Flavor) {
    waker_in_a_thread_local(flavor, |waker| waker.wake_by_ref());
}

fn a_waker_in_a_thread_local_is_woken_by_value(flavor: Flavor) {
    waker_in_a_thread_local(flavor, Waker::wake);
}

/// Leaves the waker of a finished task in a thread-local, whose destructor wakes it when the thread is on its way out.
fn waker_in_a_thread_local(flavor: Flavor, wake: fn(Waker)) {
    struct Leftover {
        waker: Option<Waker>,
        wake: fn(Waker),
        done: std_mpsc::Sender<()>,
    }
    impl Drop for Leftover {
        fn drop(&mut self) {
            (self.wake)(self.waker.take().unwrap());
            self.done.send(()).unwrap();
        }
    }
    thread_local! {
        static LEFTOVER: RefCell<Option<Leftover>> = const { RefCell::new(None) };
    }

    let (done, woken) = std_mpsc::channel();
    thread::spawn(move || {
        let runtime = flavor.runtime();
        runtime
            .block_on(runtime.spawn(poll_fn(move |context| {
                let leftover = Leftover { waker: Some(context.waker().clone()), wake, done: done.clone() };
                LEFTOVER.set(Some(leftover));
                Poll::Ready(())
            })))
            .unwrap();
    })
    .join()
    .unwrap();
    woken.recv().unwrap();
}

fn a_runtime_in_a_thread_local_is_dropped_with_the_thread(flavor: Flavor) {
    thread_local! {
        static RUNTIME: RefCell<Option<Runtime>> = const { RefCell::new(None) };
    }
    let (dropped, was_dropped) = std_mpsc::channel();
    thread::spawn(move || {
        let runtime = flavor.runtime();
        let on_drop = OnDrop::new(move || dropped.send(()).unwrap());
        runtime.spawn(async move {
            pending::<()>().await;
            drop(on_drop);
        });
        RUNTIME.set(Some(runtime));
        // One that is dropped while the thread lives, to set up the thread's own state.
        flavor.runtime().block_on(async {});
    })
    .join()
    .unwrap();
    was_dropped.recv().unwrap();
}

fn a_task_may_drop_the_last_handle_to_itself(flavor: Flavor) {
    let runtime = flavor.runtime();
    for _ in 0..100 {
        let (tx, rx) = oneshot::channel::<task::JoinHandle<()>>();
        let (done, is_done) = oneshot::channel();
        let task = runtime.spawn(async move {
            drop(rx.await.unwrap());
            wake_self().await;
            done.send(()).unwrap();
        });
        tx.send(task).unwrap();
        runtime.block_on(is_done).unwrap();
    }
}

fn a_waker_wakes_only_its_own_task(flavor: Flavor) {
    let runtime = flavor.runtime();
    let wakers = Arc::new(parking_lot::Mutex::new(Vec::<Waker>::new()));
    let polls = Arc::new([const { AtomicUsize::new(0) }; 3]);
    for i in 0..3 {
        let (seen, polls) = (wakers.clone(), polls.clone());
        let poll_counted = poll_fn(move |context| {
            if polls[i].fetch_add(1, Ordering::SeqCst) == 0 {
                seen.lock().push(context.waker().clone());
            }
            Poll::<()>::Pending
        });
        drop(runtime.spawn(poll_counted));
        runtime.block_on(yield_until(|| wakers.lock().len() == i + 1));
    }
    let wakers = std::mem::take(&mut *wakers.lock());
    assert!(wakers[0].will_wake(&wakers[0].clone()));
    assert!(!wakers[0].will_wake(&wakers[1]));
    wakers[1].wake_by_ref();
    runtime.block_on(yield_until(|| polls[1].load(Ordering::SeqCst) == 2));
    runtime.block_on(async {
        for _ in 0..100 {
            task::yield_now().await;
        }
    });
    let polls: Vec<_> = polls.iter().map(|polls| polls.load(Ordering::SeqCst)).collect();
    assert_eq!(polls, [1, 2, 1]);
}

#[test]
fn a_join_handle_not_awaited_yet_is_pending() {
    let runtime = Flavor::CurrentThread.runtime();
    let mut task = pin!(runtime.spawn(async { 1 }));
    assert!(poll_once(&mut task).is_pending());
    assert_eq!(runtime.block_on(task).unwrap(), 1);
}

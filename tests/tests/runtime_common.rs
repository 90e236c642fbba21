//! What every runtime does, whatever its flavour: tasks that wait for tasks, blocking jobs, panics, and nobody who starves.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use futures::StreamExt;
use futures::channel::{mpsc, oneshot};
use windlass::task;
use windlass_tests::{Flavor, on_every_flavor, poll_once, wake_self};

on_every_flavor!(
    a_task_sends_and_returns_a_value,
    a_task_sends_to_a_task,
    a_task_spawns_a_task,
    tasks_await_tasks_in_a_chain,
    a_large_future_and_a_large_output,
    a_zero_sized_future_and_output,
    a_task_that_never_finishes_is_dropped_with_the_runtime,
    enter_lets_spawn_find_the_runtime,
    a_blocking_job_spawns_a_task,
    a_blocking_job_spawns_a_blocking_job,
    a_blocking_job_that_panics_is_a_join_error,
    blocking_jobs_run_beside_each_other,
    a_panic_in_a_task_drops_its_future,
    ping_pong_pairs_do_not_starve_a_task,
);

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

fn enter_lets_spawn_find_the_runtime(flavor: Flavor) {
    let runtime = flavor.runtime();
    let task = {
        let _entered = runtime.enter();
        windlass::spawn(async { "entered" })
    };
    assert_eq!(runtime.block_on(task).unwrap(), "entered");
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

#[test]
fn a_join_handle_not_awaited_yet_is_pending() {
    let runtime = Flavor::CurrentThread.runtime();
    let mut task = pin!(runtime.spawn(async { 1 }));
    assert!(poll_once(&mut task).is_pending());
    assert_eq!(runtime.block_on(task).unwrap(), 1);
}

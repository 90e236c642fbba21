//! What only a multi-thread runtime does: tasks run with nobody in `block_on`, on threads that are named, hooked and
//! sized as the builder says.

use std::collections::HashSet;
use std::future::{Future, pending};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, mpsc as std_mpsc};
use std::task::{Context, Poll, Waker};
use std::thread;

use futures::channel::{mpsc, oneshot};
use futures::{SinkExt, StreamExt};
use parking_lot::Mutex;
use windlass::runtime::{Builder, Runtime};
use windlass::task::JoinSet;
use windlass_tests::{Flavor, Ledger, assert_all_workers_live, on_multi_thread, once, spin_until, wake_self};

on_multi_thread!(
    tasks_run_with_nobody_in_block_on,
    a_thousand_tasks_from_outside_run_before_the_runtime_is_dropped,
    chains_of_channels_pass_messages_on,
    every_worker_runs_tasks_at_the_same_time,
    a_task_spawned_by_a_blocked_task_finds_another_worker,
    tasks_that_respawn_themselves_leave_room_for_others,
    two_runtimes_talk_to_each_other,
    dropping_the_runtime_drops_its_futures,
    as_many_threads_stop_as_started,
    a_drop_that_wakes_another_task_during_shutdown,
    a_global_queue_interval_of_one_is_valid,
    an_event_interval_of_one_is_valid,
    park_and_unpark_hooks_run_in_pairs,
);

once!(
    the_default_runtime_runs_tasks,
    one_blocking_thread_is_enough,
    threads_bear_the_name_given,
    threads_bear_the_names_a_function_gives,
    the_name_function_is_asked_for_each_thread,
    a_large_stack_holds_a_large_frame,
    a_burst_uses_more_than_one_worker,
);

fn tasks_run_with_nobody_in_block_on(flavor: Flavor) {
    let runtime = flavor.runtime();
    let caller = thread::current().id();
    let (tx, rx) = std_mpsc::channel();
    runtime.spawn(async move {
        wake_self().await;
        windlass::spawn(async move { tx.send(thread::current().id()).unwrap() }).await.unwrap();
    });
    assert_ne!(rx.recv().unwrap(), caller);
}

fn a_thousand_tasks_from_outside_run_before_the_runtime_is_dropped(flavor: Flavor) {
    const TASKS: usize = 1_000;
    for _ in 0..5 {
        let runtime = flavor.runtime();
        let count = Arc::new(AtomicUsize::new(0));
        let (tx, rx) = std_mpsc::channel();
        for _ in 0..TASKS {
            let (count, tx) = (count.clone(), tx.clone());
            runtime.spawn(async move {
                if count.fetch_add(1, Ordering::Relaxed) + 1 == TASKS {
                    tx.send(()).unwrap();
                }
            });
        }
        rx.recv().unwrap();
    }
}

fn chains_of_channels_pass_messages_on(flavor: Flavor) {
    const LINKS: usize = 100;
    const CYCLES: usize = 5;
    const CHAINS: usize = 20;

    for _ in 0..5 {
        let runtime = flavor.runtime();
        let mut starts = Vec::new();
        let mut ends = Vec::new();
        for _ in 0..CHAINS {
            let (start, mut link) = mpsc::channel::<&str>(10);
            for _ in 0..LINKS {
                let (mut next, next_link) = mpsc::channel(10);
                runtime.spawn(async move {
                    while let Some(message) = link.next().await {
                        if next.send(message).await.is_err() {
                            break;
                        }
                    }
                });
                link = next_link;
            }
            let (end, is_end) = oneshot::channel();
            let mut again = start.clone();
            runtime.spawn(async move {
                for _ in 1..CYCLES {
                    let message = link.next().await.unwrap();
                    again.send(message).await.unwrap();
                }
                end.send(link.next().await.unwrap()).unwrap();
            });
            starts.push(start);
            ends.push(is_end);
        }
        runtime.block_on(async {
            for mut start in starts {
                start.send("ping").await.unwrap();
            }
            for end in ends {
                assert_eq!(end.await.unwrap(), "ping");
            }
        });
    }
}

fn every_worker_runs_tasks_at_the_same_time(flavor: Flavor) {
    let Flavor::MultiThread(workers) = flavor else { unreachable!() };
    let runtime = flavor.runtime();
    for _ in 0..20 {
        assert_all_workers_live(&runtime, workers);
    }
}

fn a_task_spawned_by_a_blocked_task_finds_another_worker(flavor: Flavor) {
    let Flavor::MultiThread(workers) = flavor else { unreachable!() };
    if workers == 1 {
        return;
    }
    let runtime = flavor.runtime();
    for _ in 0..100 {
        let barrier = Arc::new(Barrier::new(2));
        let (done, is_done) = std_mpsc::channel();
        runtime.spawn(async move {
            let other = barrier.clone();
            // Two tasks: the first leaves the slot of the task to run next to the second.
            windlass::spawn(async move {
                other.wait();
            });
            windlass::spawn(async {});
            barrier.wait();
            done.send(()).unwrap();
        });
        is_done.recv().unwrap();
    }
}

fn tasks_that_respawn_themselves_leave_room_for_others(flavor: Flavor) {
    fn respawn(stop: Arc<AtomicBool>) {
        windlass::spawn(async move {
            if !stop.load(Ordering::Relaxed) {
                respawn(stop);
            }
        });
    }
    let runtime = flavor.runtime();
    let stop = Arc::new(AtomicBool::new(false));
    let respawning = stop.clone();
    runtime.spawn(async move {
        for _ in 0..4 {
            respawn(respawning.clone());
        }
    });
    for _ in 0..20 {
        let (tx, rx) = std_mpsc::channel();
        runtime.spawn(async move { tx.send(()).unwrap() });
        rx.recv().unwrap();
    }
    stop.store(true, Ordering::Relaxed);
}

fn two_runtimes_talk_to_each_other(flavor: Flavor) {
    let one = flavor.runtime();
    let other = flavor.runtime();
    let (ping, mut pings) = mpsc::unbounded();
    let (pong, mut pongs) = mpsc::unbounded();
    let (done, is_done) = std_mpsc::channel();
    other.spawn(async move {
        while let Some(i) = pings.next().await {
            pong.unbounded_send(i).unwrap();
        }
    });
    one.spawn(async move {
        for i in 0..1_000 {
            ping.unbounded_send(i).unwrap();
            assert_eq!(pongs.next().await.unwrap(), i);
        }
        done.send(()).unwrap();
    });
    is_done.recv().unwrap();
}

fn dropping_the_runtime_drops_its_futures(flavor: Flavor) {
    for _ in 0..100 {
        let ledger = Ledger::new();
        let runtime = flavor.runtime();
        for _ in 0..3 {
            let tracked = ledger.track();
            runtime.spawn(async move {
                pending::<()>().await;
                drop(tracked);
            });
        }
        drop(runtime);
        ledger.close();
        assert_eq!(ledger.dropped(), 3);
    }
}

fn as_many_threads_stop_as_started(flavor: Flavor) {
    let Flavor::MultiThread(workers) = flavor else { unreachable!() };
    for _ in 0..20 {
        let started = Arc::new(AtomicUsize::new(0));
        let stopped = Arc::new(AtomicUsize::new(0));
        let (start, stop) = (started.clone(), stopped.clone());
        let runtime = flavor
            .builder()
            .on_thread_start(move || {
                start.fetch_add(1, Ordering::SeqCst);
            })
            .on_thread_stop(move || {
                stop.fetch_add(1, Ordering::SeqCst);
            })
            .build()
            .unwrap();
        runtime.block_on(runtime.spawn_blocking(|| {})).unwrap();
        assert_all_workers_live(&runtime, workers);
        // The workers and the thread of the blocking job.
        assert!(started.load(Ordering::SeqCst) > workers);
        drop(runtime);
        assert_eq!(started.load(Ordering::SeqCst), stopped.load(Ordering::SeqCst));
    }
}

fn a_drop_that_wakes_another_task_during_shutdown(flavor: Flavor) {
    struct Parted {
        waker: Arc<Mutex<Option<Waker>>>,
        keeps_waker: bool,
        polled: Option<oneshot::Sender<()>>,
    }
    impl Future for Parted {
        type Output = ();
        fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
            if self.keeps_waker {
                *self.waker.lock() = Some(context.waker().clone());
            }
            if let Some(polled) = self.polled.take() {
                polled.send(()).unwrap();
            }
            Poll::Pending
        }
    }
    impl Drop for Parted {
        fn drop(&mut self) {
            // The lock is held while the other task is woken.
            let mut waker = self.waker.lock();
            if !self.keeps_waker {
                waker.take().unwrap().wake();
            }
        }
    }
    for _ in 0..50 {
        let runtime = flavor.runtime();
        let waker = Arc::new(Mutex::new(None));
        let mut polls = Vec::new();
        for keeps_waker in [true, false] {
            let (polled, was_polled) = oneshot::channel();
            runtime.spawn(Parted { waker: waker.clone(), keeps_waker, polled: Some(polled) });
            polls.push(was_polled);
        }
        for polled in polls {
            runtime.block_on(polled).unwrap();
        }
        drop(runtime);
    }
}

fn run_ten_tasks(runtime: &Runtime) {
    let count = Arc::new(AtomicUsize::new(0));
    runtime.block_on(async {
        let mut set = JoinSet::new();
        for _ in 0..10 {
            let count = count.clone();
            set.spawn(async move { count.fetch_add(1, Ordering::Relaxed) });
        }
        while let Some(result) = set.join_next().await {
            result.unwrap();
        }
    });
    assert_eq!(count.load(Ordering::Relaxed), 10);
}

fn a_global_queue_interval_of_one_is_valid(flavor: Flavor) {
    run_ten_tasks(&flavor.builder().global_queue_interval(1).build().unwrap());
}

fn an_event_interval_of_one_is_valid(flavor: Flavor) {
    run_ten_tasks(&flavor.builder().event_interval(1).build().unwrap());
}

fn park_and_unpark_hooks_run_in_pairs(flavor: Flavor) {
    thread_local! {
        static PARKED: std::cell::Cell<bool> = const { std::cell::Cell::new(false) };
    }
    let parks = Arc::new(AtomicUsize::new(0));
    let unpaired = Arc::new(AtomicUsize::new(0));
    let (park, unpaired_park, unpaired_unpark) = (parks.clone(), unpaired.clone(), unpaired.clone());
    let runtime = flavor
        .builder()
        .on_thread_park(move || {
            park.fetch_add(1, Ordering::SeqCst);
            if PARKED.replace(true) {
                unpaired_park.fetch_add(1, Ordering::SeqCst);
            }
        })
        .on_thread_unpark(move || {
            if !PARKED.replace(false) {
                unpaired_unpark.fetch_add(1, Ordering::SeqCst);
            }
        })
        .build()
        .unwrap();
    for _ in 0..20 {
        runtime.block_on(runtime.spawn(async {})).unwrap();
    }
    // Nobody has anything to do: every worker parks in the end.
    spin_until(|| parks.load(Ordering::SeqCst) > 0);
    drop(runtime);
    assert_eq!(unpaired.load(Ordering::SeqCst), 0);
}

fn the_default_runtime_runs_tasks() {
    let runtime = Runtime::new().unwrap();
    run_ten_tasks(&runtime);
    assert!(runtime.metrics().num_workers() >= 1);
}

fn one_blocking_thread_is_enough() {
    let runtime = Builder::new_multi_thread().worker_threads(2).max_blocking_threads(1).build().unwrap();
    let running = Arc::new(AtomicUsize::new(0));
    let jobs: Vec<_> = (0..100)
        .map(|i| {
            let running = running.clone();
            runtime.spawn_blocking(move || {
                assert_eq!(running.fetch_add(1, Ordering::SeqCst), 0, "two jobs on one thread at a time");
                thread::yield_now();
                running.fetch_sub(1, Ordering::SeqCst);
                i
            })
        })
        .collect();
    runtime.block_on(async {
        for (i, job) in jobs.into_iter().enumerate() {
            assert_eq!(job.await.unwrap(), i);
        }
    });
}

/// The names of the threads that run tasks while nobody is in `block_on`, one for each worker.
fn names_of_workers(runtime: &Runtime, workers: usize) -> HashSet<Option<String>> {
    let barrier = Arc::new(Barrier::new(workers));
    let (tx, rx) = std_mpsc::channel();
    for _ in 0..workers {
        let (barrier, tx) = (barrier.clone(), tx.clone());
        runtime.spawn(async move {
            barrier.wait();
            tx.send(thread::current().name().map(str::to_owned)).unwrap();
        });
    }
    drop(tx);
    rx.into_iter().collect()
}

fn threads_bear_the_name_given() {
    let runtime = Builder::new_multi_thread().worker_threads(2).thread_name("crew").build().unwrap();
    assert_eq!(names_of_workers(&runtime, 2), HashSet::from([Some("crew".to_owned())]));
    let blocking = runtime.spawn_blocking(|| thread::current().name().map(str::to_owned));
    assert_eq!(runtime.block_on(blocking).unwrap().as_deref(), Some("crew"));
}

fn threads_bear_the_names_a_function_gives() {
    let next = AtomicUsize::new(0);
    let runtime = Builder::new_multi_thread()
        .worker_threads(2)
        .thread_name_fn(move || format!("crew-{}", next.fetch_add(1, Ordering::SeqCst)))
        .build()
        .unwrap();
    let names = names_of_workers(&runtime, 2);
    assert_eq!(names.len(), 2, "{names:?}");
    for name in names {
        assert!(name.as_deref().is_some_and(|name| name.starts_with("crew-")), "{name:?}");
    }
}

fn the_name_function_is_asked_for_each_thread() {
    let asked = Arc::new(AtomicUsize::new(0));
    let asking = asked.clone();
    let runtime = Builder::new_multi_thread()
        .worker_threads(2)
        .thread_name_fn(move || format!("crew-{}", asking.fetch_add(1, Ordering::SeqCst)))
        .build()
        .unwrap();
    names_of_workers(&runtime, 2);
    assert!(asked.load(Ordering::SeqCst) >= 2);
}

fn a_large_stack_holds_a_large_frame() {
    #[inline(never)]
    fn frame(depth: usize) -> usize {
        let mut bytes = std::hint::black_box([1u8; 16 * 1024]);
        bytes[depth % bytes.len()] = 2;
        let below = if depth == 0 { 0 } else { frame(depth - 1) };
        below + usize::from(std::hint::black_box(&bytes)[depth % bytes.len()])
    }
    // Six megabytes of frames at least, where a thread has two by default.
    let runtime = Builder::new_multi_thread().worker_threads(1).thread_stack_size(32 << 20).build().unwrap();
    let (tx, rx) = std_mpsc::channel();
    runtime.spawn(async move { tx.send(frame(400)).unwrap() });
    assert_eq!(rx.recv().unwrap(), 802);
}

fn a_burst_uses_more_than_one_worker() {
    let runtime = Flavor::MultiThread(2).runtime();
    let barrier = Arc::new(Barrier::new(2));
    let (tx, rx) = std_mpsc::channel();
    runtime.spawn(async move {
        // A hundred tasks queued on one worker; two of them meet, so a second worker must have come for some.
        for i in 0..100 {
            let (barrier, tx) = (barrier.clone(), tx.clone());
            windlass::spawn(async move {
                if i == 40 || i == 60 {
                    barrier.wait();
                }
                tx.send(i).unwrap();
            });
        }
    });
    let mut seen: Vec<_> = rx.into_iter().collect();
    seen.sort_unstable();
    assert_eq!(seen, (0..100).collect::<Vec<_>>());
}

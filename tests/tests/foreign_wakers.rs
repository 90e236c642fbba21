//! Wakers that are not ours, called by the driver: whatever they do, those beside them are woken.

#![cfg(unix)]

use std::io::Write;
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use windlass::io::{AsyncFd, Interest};
use windlass::runtime::{Builder, Runtime};
use windlass::task::{LocalSet, yield_now};
use windlass::time::{Instant, sleep, sleep_until};
use windlass_tests::{spin_until, watchdog};

/// Waits, when it is woken, for word that the task has run.
struct Blocks {
    until: Mutex<Receiver<()>>,
    unblocked: AtomicUsize,
}

impl Wake for Blocks {
    fn wake(self: Arc<Self>) {
        self.until.lock().unwrap().recv().expect("the task runs though its driver's thread is blocked");
        self.unblocked.fetch_add(1, SeqCst);
    }
}

fn two_workers() -> Runtime {
    Builder::new_multi_thread().worker_threads(2).block_on_runs_tasks(false).build().unwrap()
}

fn readable(stream: &UnixStream) -> AsyncFd<UnixStream> {
    let stream = stream.try_clone().unwrap();
    // SAFETY: a stream of std's has one descriptor for as long as it lives.
    unsafe { AsyncFd::register_with_interest(stream, Interest::READABLE) }.unwrap()
}

#[test]
fn one_that_blocks_does_not_keep_a_task_that_is_ready_too() {
    watchdog("one_that_blocks_does_not_keep_a_task_that_is_ready_too", || {
        for _ in 0..100 {
            let runtime = two_workers();
            let (ours, mut theirs) = UnixStream::pair().unwrap();
            ours.set_nonblocking(true).unwrap();
            let (tell, told) = sync_channel(1);
            let blocks = Arc::new(Blocks { until: Mutex::new(told), unblocked: AtomicUsize::new(0) });
            let waits = Arc::new(AtomicUsize::new(0));
            // Both learn of the same byte, often in one fetch and in any order.
            let (first, second) = {
                let _in_it = runtime.enter();
                (readable(&ours), readable(&ours))
            };
            let task = runtime.spawn({
                let waits = Arc::clone(&waits);
                async move {
                    let mut ready = std::pin::pin!(first.readable());
                    std::future::poll_fn(|cx| {
                        let polled = ready.as_mut().poll(cx);
                        waits.fetch_add(1, SeqCst);
                        polled.map(|guard| drop(guard.unwrap()))
                    })
                    .await;
                    tell.send(()).unwrap();
                }
            });
            spin_until(|| waits.load(SeqCst) > 0);
            let waker = Waker::from(Arc::clone(&blocks));
            assert!(matches!(second.poll_read_ready(&mut Context::from_waker(&waker)), Poll::Pending));
            theirs.write_all(b"x").unwrap();
            runtime.block_on(task).unwrap();
            spin_until(|| blocks.unblocked.load(SeqCst) == 1);
        }
    });
}

#[test]
fn one_that_blocks_does_not_keep_a_task_whose_timer_is_due_too() {
    watchdog("one_that_blocks_does_not_keep_a_task_whose_timer_is_due_too", || {
        for _ in 0..20 {
            let runtime = two_workers();
            let (tell, told) = sync_channel(1);
            let blocks = Arc::new(Blocks { until: Mutex::new(told), unblocked: AtomicUsize::new(0) });
            let waker = Waker::from(Arc::clone(&blocks));
            let _in_it = runtime.enter();
            let due = Instant::now() + Duration::from_millis(10);
            let mut first = Box::pin(sleep_until(due));
            if first.as_mut().poll(&mut Context::from_waker(&waker)).is_ready() {
                // This thread had no processor for so long that the timer was not even set: there is nothing to see.
                continue;
            }
            let task = runtime.spawn(async move {
                sleep_until(due).await;
                tell.send(()).unwrap();
            });
            runtime.block_on(task).unwrap();
            spin_until(|| blocks.unblocked.load(SeqCst) == 1);
        }
    });
}

/// One worker sleeps in the driver, the other elsewhere. The first is told to get up and look for a task from outside just when a
/// timer is due too, whose waker blocks until that task has run.
#[test]
fn one_that_blocks_in_a_timer_does_not_keep_a_task_from_outside() {
    watchdog("one_that_blocks_in_a_timer_does_not_keep_a_task_from_outside", || {
        let runtime = two_workers();
        for round in 0..400 {
            let (tell, told) = sync_channel(1);
            let blocks = Arc::new(Blocks { until: Mutex::new(told), unblocked: AtomicUsize::new(0) });
            let _in_it = runtime.enter();
            let due = Instant::now() + Duration::from_millis(2);
            let mut sleep = std::pin::pin!(sleep_until(due));
            let waker = Waker::from(Arc::clone(&blocks));
            if sleep.as_mut().poll(&mut Context::from_waker(&waker)).is_ready() {
                // As above.
                continue;
            }
            // So long before that the worker is on its way when the timer is due, in some of the rounds.
            let early = Duration::from_micros(round % 100);
            spin_until(|| Instant::now() + early >= due);
            drop(runtime.spawn(async move { tell.send(()).unwrap() }));
            spin_until(|| blocks.unblocked.load(SeqCst) == 1);
        }
    });
}

/// Goes on, when it is woken, once all those tasks have had two more turns.
struct Watches {
    turns: Arc<[AtomicUsize; 4]>,
    has_seen: AtomicUsize,
}

impl Wake for Watches {
    fn wake(self: Arc<Self>) {
        let before = [0, 1, 2, 3].map(|task| self.turns[task].load(SeqCst));
        spin_until(|| self.turns.iter().zip(before).all(|(now, before)| now.load(SeqCst) > before + 1));
        self.has_seen.fetch_add(1, SeqCst);
    }
}

/// Whoever polls the set is woken by its task.
#[test]
fn one_that_blocks_behind_a_local_set_keeps_no_task_that_yields() {
    watchdog("one_that_blocks_behind_a_local_set_keeps_no_task_that_yields", || {
        for _ in 0..20 {
            let runtime = two_workers();
            let turns = Arc::new([const { AtomicUsize::new(0) }; 4]);
            for task in 0..4 {
                let turns = turns.clone();
                runtime.spawn(async move {
                    loop {
                        turns[task].fetch_add(1, SeqCst);
                        yield_now().await;
                    }
                });
            }
            let watches = Arc::new(Watches { turns, has_seen: AtomicUsize::new(0) });
            let waker = Waker::from(watches.clone());
            let _in_it = runtime.enter();
            let mut set = Box::pin(LocalSet::new());
            set.spawn_local(sleep(Duration::from_millis(2)));
            if set.as_mut().poll(&mut Context::from_waker(&waker)).is_ready() {
                // As above.
                continue;
            }
            spin_until(|| watches.has_seen.load(SeqCst) == 1);
            assert!(set.as_mut().poll(&mut Context::from_waker(&waker)).is_ready());
        }
    });
}

//! Timers and threads: used where they were not set, set where no worker is, and fired by several at once.

use std::future::{Future, poll_fn};
use std::mem::ManuallyDrop;
use std::pin::{Pin, pin};
use std::ptr;
use std::sync::{Arc, Barrier, mpsc};
use std::task::{Context, Poll, RawWaker, RawWakerVTable, Waker};
use std::thread;
use std::time::Duration;

use parking_lot::Mutex;
use windlass::runtime::Runtime;
use windlass::time::{Instant, Sleep, sleep, timeout};
use windlass_tests::{CountingWaker, Flavor, panics, spin_until};

const MS: Duration = Duration::from_millis(1);
const LONG: Duration = Duration::from_secs(3_600);

windlass_tests::on_every_flavor!(
    dropped_by_another_thread,
    moved_up_by_another_thread,
    polled_by_one_task_then_by_another,
    polled_with_wakers_that_are_lent_from_one_place,
    set_outside_of_workers_and_fired_by_them,
    several_block_on_at_once,
    two_runtimes_have_a_clock_each,
    cancelled_while_they_fire,
    set_after_others_were_cancelled,
    set_while_others_are_cancelled_elsewhere,
    elapsed_after_another_was_cancelled,
    moved_while_they_fire,
    after_its_runtime_a_sleep_can_be_dropped,
    after_its_runtime_a_sleep_says_so,
    timers_do_not_keep_a_shutdown_waiting,
);

windlass_tests::on_multi_thread!(
    woken_on_a_worker_while_the_caller_only_waits,
    workers_that_fire_at_once_lose_none
);

/// Polls once, on whatever thread this is, inside of the runtime.
fn poll_in(rt: &Runtime, sleep: Pin<&mut Sleep>, waker: &Waker) -> Poll<()> {
    let _guard = rt.enter();
    sleep.poll(&mut Context::from_waker(waker))
}

fn sleep_in(rt: &Runtime, duration: Duration) -> Pin<Box<Sleep>> {
    let _guard = rt.enter();
    Box::pin(sleep(duration))
}

/// Sleeps that are set on a worker, one after the other.
async fn set_on_worker(
    count: u64,
    duration: impl Fn(u64) -> Duration,
    waker: &Waker,
) -> Vec<Pin<Box<Sleep>>> {
    let mut sleeps = Vec::new();
    for n in 0..count {
        let mut sleep = Box::pin(sleep(duration(n)));
        // Outside of the budget: a poll that has none left wakes at once.
        let polled = poll_fn(|_| Poll::Ready(sleep.as_mut().poll(&mut Context::from_waker(waker))));
        let _ = windlass::task::coop::unconstrained(polled).await;
        windlass::task::coop::consume_budget().await;
        sleeps.push(sleep);
    }
    sleeps
}

fn dropped_by_another_thread(flavor: Flavor) {
    let rt = flavor.runtime();
    let (counter, waker) = CountingWaker::new();
    rt.block_on(async {
        let sleeps = windlass::spawn({
            let waker = waker.clone();
            async move { set_on_worker(1_000, |n| LONG + n as u32 * MS, &waker).await }
        });
        let sleeps = sleeps.await.unwrap();
        let dropping = thread::spawn(move || drop(sleeps));
        // And the worker sets others meanwhile.
        drop(set_on_worker(1_000, |n| LONG + n as u32 * MS, &waker).await);
        dropping.join().unwrap();
    });
    drop(waker);
    assert_eq!(Arc::strong_count(&counter), 1, "each waker is dropped with its sleep");
    assert_eq!(counter.wakes(), 0);
}

fn moved_up_by_another_thread(flavor: Flavor) {
    let rt = flavor.runtime();
    // Outside of the runtime altogether, and inside.
    for inside in [false, true] {
        let (to_thread, mover) = mpsc::channel::<Pin<Box<Sleep>>>();
        let (back, moved) = mpsc::channel();
        let moved = Mutex::new(moved);
        let handle = rt.handle().clone();
        let thread = thread::spawn(move || {
            let _guard = inside.then(|| handle.enter());
            let mut sleep = mover.recv().unwrap();
            sleep.as_mut().reset(Instant::now() + MS);
            back.send(sleep).unwrap();
        });
        let task = rt.spawn(async move {
            let mut slept = Some(Box::pin(sleep(LONG)));
            poll_fn(|cx| {
                if let Some(mut sleep) = slept.take() {
                    assert!(sleep.as_mut().poll(cx).is_pending());
                    to_thread.send(sleep).unwrap();
                }
                // The waker that the timer has is this task's: it is woken by that alone.
                match moved.lock().try_recv() {
                    Ok(sleep) => {
                        slept = None;
                        Poll::Ready(sleep)
                    }
                    Err(_) => {
                        cx.waker().wake_by_ref();
                        Poll::Pending
                    }
                }
            })
            .await
            .await;
        });
        rt.block_on(task).unwrap();
        thread.join().unwrap();
    }
}

fn polled_by_one_task_then_by_another(flavor: Flavor) {
    let rt = flavor.builder().start_paused(true).build().unwrap();
    rt.block_on(async {
        let start = Instant::now();
        let first = windlass::spawn(async {
            let mut slept = Box::pin(sleep(LONG));
            assert!(poll_fn(|cx| Poll::Ready(slept.as_mut().poll(cx))).await.is_pending());
            (slept,)
        });
        let (slept,) = first.await.unwrap();
        windlass::spawn(slept).await.unwrap();
        assert_eq!(start.elapsed(), LONG);
    });
}

/// Lends a waker: what is lent has the address of the place, and its clones have that of the waker.
struct Lent(Waker);

impl Lent {
    const TABLE: RawWakerVTable = RawWakerVTable::new(Self::clone, Self::ignore, Self::ignore, Self::ignore);

    fn lend<R>(&self, f: impl FnOnce(&Waker) -> R) -> R {
        // SAFETY: it does not outlive the place it is lent from.
        f(&ManuallyDrop::new(unsafe { Waker::new(ptr::from_ref(self).cast(), &Self::TABLE) }))
    }

    unsafe fn clone(place: *const ()) -> RawWaker {
        // SAFETY: the place is there as long as the waker is lent.
        let lent = unsafe { &*place.cast::<Self>() };
        let clone = ManuallyDrop::new(lent.0.clone());
        RawWaker::new(clone.data(), clone.vtable())
    }

    unsafe fn ignore(_: *const ()) {}
}

fn polled_with_wakers_that_are_lent_from_one_place(flavor: Flavor) {
    let rt = flavor.builder().start_paused(true).build().unwrap();
    let [(first_wakes, first), (second_wakes, second)] = [CountingWaker::new(), CountingWaker::new()];
    let mut slept = sleep_in(&rt, LONG);
    // The clock stands as long as a job is under way.
    let (end, ended) = mpsc::channel::<()>();
    let job = rt.spawn_blocking(move || ended.recv());
    let mut place = Lent(first);
    assert!(place.lend(|waker| poll_in(&rt, slept.as_mut(), waker)).is_pending());
    place.0 = second;
    assert!(place.lend(|waker| poll_in(&rt, slept.as_mut(), waker)).is_pending());
    rt.block_on(async {
        drop(end);
        assert!(job.await.unwrap().is_err());
        sleep(2 * LONG).await
    });
    assert_eq!((first_wakes.wakes(), second_wakes.wakes()), (0, 1), "who has polled last is woken");
}

fn set_outside_of_workers_and_fired_by_them(flavor: Flavor) {
    let rt = flavor.runtime();
    // A current-thread runtime fires nothing unless somebody is inside of it.
    let (end, ends) = mpsc::channel::<Waker>();
    thread::scope(|scope| {
        let rt = &rt;
        scope.spawn(move || {
            let mut told = Some(end);
            rt.block_on(poll_fn(move |cx| match told.take() {
                Some(end) => {
                    end.send(cx.waker().clone()).unwrap();
                    Poll::Pending
                }
                None => Poll::Ready(()),
            }));
        });
        let stop = ends.recv().unwrap();
        let (counter, waker) = CountingWaker::new();
        for wait in [20 * MS, 10 * MS, 5 * MS, MS] {
            let mut slept = sleep_in(rt, wait);
            let before = counter.wakes();
            assert!(poll_in(rt, slept.as_mut(), &waker).is_pending());
            let mut later = sleep_in(rt, LONG);
            assert!(poll_in(rt, later.as_mut(), &waker).is_pending());
            spin_until(|| counter.wakes() > before);
            assert!(poll_in(rt, slept.as_mut(), &waker).is_ready());
        }
        stop.wake();
    });
}

fn several_block_on_at_once(flavor: Flavor) {
    let rt = flavor.runtime();
    let barrier = Barrier::new(4);
    thread::scope(|scope| {
        for n in 0..4u32 {
            let (rt, barrier) = (&rt, &barrier);
            scope.spawn(move || {
                barrier.wait();
                let wait = (n + 1) * 3 * MS;
                let start = std::time::Instant::now();
                match n {
                    0 => rt.block_on(async { sleep(wait).await }),
                    _ if flavor.is_current_thread() => rt.block_on(async { sleep(wait).await }),
                    _ => rt.handle().block_on(async { sleep(wait).await }),
                }
                assert!(start.elapsed() >= wait);
            });
        }
    });
}

fn two_runtimes_have_a_clock_each(flavor: Flavor) {
    let stands = flavor.builder().start_paused(true).build().unwrap();
    let goes = flavor.runtime();
    let start = std::time::Instant::now();
    stands.block_on(async { sleep(LONG).await });
    goes.block_on(async { sleep(MS).await });
    assert!(start.elapsed() < LONG);
    let ahead = stands.block_on(async { Instant::now() });
    let now = goes.block_on(async { Instant::now() });
    assert!(ahead > now + LONG / 2);
}

/// A sleep takes its time, whichever was cancelled just before it.
fn set_after_others_were_cancelled(flavor: Flavor) {
    let rt = flavor.runtime();
    rt.block_on(rt.spawn(async {
        for cancelled in [MS, 19 * MS, 20 * MS, 22 * MS, LONG] {
            for task in [false, true] {
                let mut first = Box::pin(sleep(cancelled));
                assert!(poll_fn(|cx| Poll::Ready(first.as_mut().poll(cx))).await.is_pending());
                drop(first);
                let start = Instant::now();
                // One that wakes the same task, or another.
                if task {
                    windlass::spawn(sleep(20 * MS)).await.unwrap();
                } else {
                    timeout(LONG, sleep(20 * MS)).await.unwrap();
                }
                assert!(start.elapsed() >= 20 * MS, "{:?} after one of {cancelled:?}", start.elapsed());
            }
        }
    }))
    .unwrap();
}

/// One whose timer was another's, and fires early, elapses without another poll.
fn elapsed_after_another_was_cancelled(flavor: Flavor) {
    let rt = flavor.runtime();
    rt.block_on(rt.spawn(async {
        let mut first = Box::pin(sleep(19 * MS));
        assert!(poll_fn(|cx| Poll::Ready(first.as_mut().poll(cx))).await.is_pending());
        drop(first);
        let mut second = pin!(sleep(20 * MS));
        let deadline = second.deadline();
        assert!(poll_fn(|cx| Poll::Ready(second.as_mut().poll(cx))).await.is_pending());
        while !second.is_elapsed() {
            windlass::task::yield_now().await;
        }
        assert!(Instant::now() >= deadline);
    }))
    .unwrap();
}

/// Sleeps are set on a worker and dropped on another thread, while more of them are set and fire.
fn set_while_others_are_cancelled_elsewhere(flavor: Flavor) {
    let rt = flavor.runtime();
    let (give, take) = mpsc::channel::<Pin<Box<Sleep>>>();
    let dropping = thread::spawn(move || take.into_iter().map(drop).count());
    let given = rt
        .block_on(rt.spawn(async move {
            let mut given = 0;
            for round in 0..100 {
                for n in 0..50 {
                    let mut sleep = Box::pin(sleep(MS * (5 + n) * (1 + round % 3)));
                    if poll_fn(|cx| Poll::Ready(sleep.as_mut().poll(cx))).await.is_pending() {
                        given += 1;
                        give.send(sleep).unwrap();
                    }
                }
                windlass::task::yield_now().await;
                if round % 10 == 0 {
                    let start = Instant::now();
                    sleep(5 * MS).await;
                    assert!(start.elapsed() >= 5 * MS, "{:?}", start.elapsed());
                }
            }
            given
        }))
        .unwrap();
    assert_eq!(dropping.join().unwrap(), given);
    assert!(given > 0, "sleeps wait");
}

fn cancelled_while_they_fire(flavor: Flavor) {
    let rt = flavor.runtime();
    let (_counter, waker) = CountingWaker::new();
    rt.block_on(async {
        for _ in 0..20 {
            let sleeps = windlass::spawn({
                let waker = waker.clone();
                async move { set_on_worker(300, |n| Duration::from_micros(n * 10), &waker).await }
            });
            let mut sleeps = sleeps.await.unwrap();
            let half = sleeps.split_off(150);
            let other = thread::spawn(move || drop(half));
            windlass::task::yield_now().await;
            drop(sleeps);
            sleep(MS).await;
            other.join().unwrap();
        }
    });
}

fn moved_while_they_fire(flavor: Flavor) {
    let rt = flavor.runtime();
    rt.block_on(async {
        let tasks: Vec<_> = (0..50u32)
            .map(|n| {
                windlass::spawn(async move {
                    let mut slept = pin!(sleep(MS));
                    for round in 0..20u32 {
                        let wait = Duration::from_micros(u64::from((n * 7 + round * 13) % 300));
                        let _ = timeout(wait, slept.as_mut()).await;
                        let deadline = Instant::now() + wait * 2;
                        slept.as_mut().reset(deadline);
                        if round % 3 == 0 {
                            slept.as_mut().await;
                            assert!(Instant::now() >= deadline);
                        }
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
    });
}

fn after_its_runtime_a_sleep_can_be_dropped(flavor: Flavor) {
    let rt = flavor.runtime();
    let (counter, waker) = CountingWaker::new();
    let mut sleep = sleep_in(&rt, LONG);
    assert!(poll_in(&rt, sleep.as_mut(), &waker).is_pending());
    drop(rt);
    assert_eq!(counter.wakes(), 1, "whoever waits is told");
    sleep.as_mut().reset(Instant::now());
    drop(sleep);
    drop(waker);
    assert_eq!(Arc::strong_count(&counter), 1);
}

fn after_its_runtime_a_sleep_says_so(flavor: Flavor) {
    let rt = flavor.runtime();
    let handle = rt.handle().clone();
    let mut set = sleep_in(&rt, LONG);
    let mut fresh = sleep_in(&rt, LONG);
    let mut past = sleep_in(&rt, Duration::ZERO);
    assert!(poll_in(&rt, set.as_mut(), Waker::noop()).is_pending());
    drop(rt);
    let _guard = handle.enter();
    for sleep in [&mut set, &mut fresh] {
        let panicked = panics(|| sleep.as_mut().poll(&mut Context::from_waker(Waker::noop())));
        assert!(panicked.message.contains("being shut down"), "{}", panicked.message);
    }
    assert!(past.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready());
}

fn timers_do_not_keep_a_shutdown_waiting(flavor: Flavor) {
    let rt = flavor.runtime();
    for _ in 0..100 {
        rt.spawn(sleep_in_task());
    }
    rt.block_on(async { sleep(MS).await });
    drop(rt);
}

async fn sleep_in_task() {
    sleep(LONG).await;
}

fn woken_on_a_worker_while_the_caller_only_waits(flavor: Flavor) {
    let rt = flavor.runtime();
    for _ in 0..20 {
        let (sender, receiver) = mpsc::channel();
        rt.spawn(async move {
            sleep(MS).await;
            sender.send(()).unwrap();
        });
        receiver.recv().unwrap();
    }
}

fn workers_that_fire_at_once_lose_none(flavor: Flavor) {
    let rt = flavor.runtime();
    let tasks: Vec<_> = (0..20_000u64)
        .map(|n| {
            rt.spawn(async move {
                for round in 0..3 {
                    sleep(Duration::from_micros((n * 7_919 + round * 104_729) % 20_000)).await;
                }
            })
        })
        .collect();
    rt.block_on(async {
        for task in tasks {
            task.await.unwrap();
        }
    });
}

//! `call_soon`, `call_later`, `call_at`: asyncio's order, cancellation, and panics that stay where they are.

use std::sync::{Arc, Barrier, mpsc};
use std::thread;
use std::time::Duration;

use parking_lot::Mutex;
use windlass::runtime::{Handle, Runtime};
use windlass::time::{Instant, sleep};
use windlass_tests::{Flavor, OnDrop};

const MS: Duration = Duration::from_millis(1);

windlass_tests::on_every_flavor!(
    soon_is_in_order,
    later_is_in_order_of_time,
    equal_times_are_in_the_order_they_were_given,
    times_that_are_past_come_in_their_order,
    soon_goes_before_later,
    a_callback_can_schedule_others,
    endless_callbacks_let_tasks_run,
    cancelled_it_is_not_called,
    cancelling_the_first_does_not_move_the_clock,
    cancelling_what_was_called,
    a_callback_cancels_the_next,
    an_earlier_one_comes_earlier,
    a_panic_keeps_nothing_from_going_on,
    from_any_thread,
    from_many_threads_none_is_lost,
    task_locals_go_along,
    callbacks_run_inside_the_runtime,
    a_shutdown_drops_them_uncalled,
    after_the_shutdown_they_are_dropped,
    far_times_never_come,
    it_debugs,
);

windlass::task_local! { static USER: String; }

fn paused(flavor: Flavor) -> Runtime {
    flavor.builder().start_paused(true).build().expect("a runtime starts")
}

/// Collects what callbacks say.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u32>>>);

impl Log {
    fn says(&self, n: u32) -> impl FnOnce() + Send + use<> {
        let log = self.clone();
        move || log.0.lock().push(n)
    }

    #[track_caller]
    fn assert_is(&self, expected: &[u32]) {
        assert_eq!(*self.0.lock(), expected);
    }
}

/// Waits until every callback that is due has been called.
async fn settle() {
    let (sender, receiver) = mpsc::channel();
    Handle::current().call_soon(move || sender.send(()).unwrap());
    windlass_tests::yield_until(|| receiver.try_recv().is_ok()).await;
}

fn soon_is_in_order(flavor: Flavor) {
    let log = Log::default();
    flavor.runtime().block_on(async {
        for n in 0..200 {
            Handle::current().call_soon(log.says(n));
        }
        settle().await;
    });
    log.assert_is(&(0..200).collect::<Vec<_>>());
}

fn later_is_in_order_of_time(flavor: Flavor) {
    let log = Log::default();
    paused(flavor).block_on(async {
        let handle = Handle::current();
        let start = Instant::now();
        for n in [3, 1, 4, 2] {
            let says = log.says(n);
            handle.call_later(n * MS, move || {
                assert_eq!(start.elapsed(), n * MS);
                says();
            });
        }
        sleep(10 * MS).await;
        settle().await;
    });
    log.assert_is(&[1, 2, 3, 4]);
}

fn equal_times_are_in_the_order_they_were_given(flavor: Flavor) {
    let log = Log::default();
    paused(flavor).block_on(async {
        let when = Instant::now() + MS;
        for n in 0..100 {
            Handle::current().call_at(when, log.says(n));
        }
        sleep(10 * MS).await;
        settle().await;
    });
    log.assert_is(&(0..100).collect::<Vec<_>>());
}

fn times_that_are_past_come_in_their_order(flavor: Flavor) {
    let log = Log::default();
    paused(flavor).block_on(async {
        let start = Instant::now();
        sleep(10 * MS).await;
        let (handle, first, second) = (Handle::current(), log.says(1), log.says(2));
        // Inside a callback, so that both are there before either can be called.
        handle.clone().call_soon(move || {
            handle.call_at(start + 2 * MS, second);
            handle.call_at(start + MS, first);
        });
        settle().await;
        settle().await;
    });
    log.assert_is(&[1, 2]);
}

fn soon_goes_before_later(flavor: Flavor) {
    let log = Log::default();
    paused(flavor).block_on(async {
        Handle::current().call_later(MS, log.says(2));
        Handle::current().call_soon(log.says(1));
        sleep(2 * MS).await;
        settle().await;
    });
    log.assert_is(&[1, 2]);
}

fn a_callback_can_schedule_others(flavor: Flavor) {
    let log = Log::default();
    paused(flavor).block_on(async {
        let (handle, log) = (Handle::current(), log.clone());
        handle.clone().call_soon(move || {
            log.says(1)();
            let inner = log.clone();
            handle.call_soon(log.says(2));
            handle.clone().call_later(MS, move || {
                inner.says(3)();
                handle.call_soon(inner.says(4));
            });
        });
        sleep(5 * MS).await;
        settle().await;
    });
    log.assert_is(&[1, 2, 3, 4]);
}

fn endless_callbacks_let_tasks_run(flavor: Flavor) {
    fn again(handle: Handle) {
        let next = handle.clone();
        handle.call_soon(move || again(next));
    }
    let rt = flavor.runtime();
    rt.block_on(async {
        again(Handle::current());
        windlass::spawn(async {
            for _ in 0..100 {
                windlass::task::yield_now().await;
            }
            sleep(MS).await;
        })
        .await
        .unwrap();
    });
}

fn cancelled_it_is_not_called(flavor: Flavor) {
    let log = Log::default();
    paused(flavor).block_on(async {
        let handle = Handle::current();
        let dropped = Log::default();
        let guard = OnDrop::new(dropped.says(1));
        let (says, when) = (log.says(1), Instant::now() + MS);
        let timer = handle.call_at(when, move || {
            says();
            drop(guard);
        });
        assert!(!timer.cancelled());
        assert_eq!(timer.when(), when);
        let same = timer.clone();
        assert!(timer.cancel());
        assert!(same.cancelled());
        assert!(same.cancel(), "and goes on being so");
        dropped.assert_is(&[1]);
        handle.call_later(2 * MS, log.says(2));
        sleep(5 * MS).await;
        settle().await;
    });
    log.assert_is(&[2]);
}

fn cancelling_the_first_does_not_move_the_clock(flavor: Flavor) {
    paused(flavor).block_on(async {
        let start = Instant::now();
        let timer = Handle::current().call_later(100 * MS, || ());
        settle().await;
        assert!(timer.cancel());
        let job = windlass::task::spawn_blocking(|| ());
        job.await.unwrap();
        settle().await;
        assert_eq!(start.elapsed(), Duration::ZERO);
    });
}

fn cancelling_what_was_called(flavor: Flavor) {
    let log = Log::default();
    flavor.runtime().block_on(async {
        let timer = Handle::current().call_soon(log.says(1));
        settle().await;
        assert!(!timer.cancel());
        assert!(!timer.cancelled());
    });
    log.assert_is(&[1]);
}

fn a_callback_cancels_the_next(flavor: Flavor) {
    let log = Log::default();
    paused(flavor).block_on(async {
        let handle = Handle::current();
        let when = Instant::now() + MS;
        let (sender, receiver) = mpsc::channel::<windlass::runtime::TimerHandle>();
        let says = log.says(1);
        handle.call_at(when, move || {
            says();
            assert!(receiver.recv().unwrap().cancel());
        });
        sender.send(handle.call_at(when, log.says(2))).unwrap();
        handle.call_at(when, log.says(3));
        sleep(2 * MS).await;
        settle().await;
    });
    log.assert_is(&[1, 3]);
}

fn an_earlier_one_comes_earlier(flavor: Flavor) {
    let rt = flavor.runtime();
    let (sender, receiver) = mpsc::channel();
    let last = sender.clone();
    rt.block_on(async move {
        let handle = Handle::current();
        let timer = handle.call_later(Duration::from_secs(3_600), move || last.send(2).unwrap());
        settle().await;
        handle.call_later(MS, move || sender.send(1).unwrap());
        windlass_tests::yield_until(|| receiver.try_recv() == Ok(1)).await;
        assert!(timer.cancel());
        assert!(receiver.try_recv().is_err());
    });
}

fn a_panic_keeps_nothing_from_going_on(flavor: Flavor) {
    let log = Log::default();
    let rt = flavor.runtime();
    rt.block_on(async {
        let handle = Handle::current();
        handle.call_soon(log.says(1));
        handle.call_soon(|| std::panic::resume_unwind(Box::new("on purpose")));
        handle.call_soon(log.says(2));
        settle().await;
    });
    log.assert_is(&[1, 2]);
    assert_eq!(rt.metrics().unobserved_panics_count(), 1);
}

fn from_any_thread(flavor: Flavor) {
    let rt = flavor.runtime();
    let (sender, receiver) = mpsc::channel();
    let handle = rt.handle().clone();
    let thread = thread::spawn(move || {
        handle.call_later(MS, {
            let sender = sender.clone();
            move || sender.send(2).unwrap()
        });
        handle.call_soon(move || sender.send(1).unwrap());
    });
    let mut got = Vec::new();
    rt.block_on(windlass_tests::yield_until(|| {
        got.extend(receiver.try_iter());
        got.len() == 2
    }));
    thread.join().unwrap();
    assert_eq!(got.iter().sum::<u32>(), 3);
}

fn from_many_threads_none_is_lost(flavor: Flavor) {
    let rt = flavor.runtime();
    let (sender, receiver) = mpsc::channel();
    let barrier = Barrier::new(4);
    thread::scope(|scope| {
        for _ in 0..4 {
            let (handle, sender, barrier) = (rt.handle().clone(), sender.clone(), &barrier);
            scope.spawn(move || {
                barrier.wait();
                for n in 0..500u32 {
                    let sender = sender.clone();
                    let send = move || sender.send(()).unwrap();
                    match n % 3 {
                        0 => handle.call_soon(send),
                        1 => handle.call_later(Duration::from_micros(u64::from(n)), send),
                        _ => handle.call_at(Instant::now(), send),
                    };
                }
            });
        }
        let mut got = 0;
        rt.block_on(windlass_tests::yield_until(|| {
            got += receiver.try_iter().count();
            got == 2_000
        }));
    });
}

fn task_locals_go_along(flavor: Flavor) {
    let rt = flavor.runtime();
    let (sender, receiver) = mpsc::channel();
    rt.block_on(USER.scope("ada".into(), async move {
        Handle::current().call_soon(move || sender.send(USER.get()).unwrap());
        settle().await;
    }));
    assert_eq!(receiver.recv(), Ok("ada".into()));
}

fn callbacks_run_inside_the_runtime(flavor: Flavor) {
    let rt = flavor.runtime();
    let (sender, receiver) = mpsc::channel();
    rt.block_on(async {
        Handle::current().call_soon(move || {
            windlass::spawn(async move {
                sleep(MS).await;
                sender.send(()).unwrap();
            });
        });
        windlass_tests::yield_until(|| receiver.try_recv().is_ok()).await;
    });
}

fn a_shutdown_drops_them_uncalled(flavor: Flavor) {
    let log = Log::default();
    let dropped = Log::default();
    let rt = flavor.runtime();
    let guard = OnDrop::new(dropped.says(1));
    let says = log.says(1);
    let timer = rt.handle().call_later(Duration::from_secs(3_600), move || {
        says();
        drop(guard);
    });
    rt.block_on(async { windlass::task::yield_now().await });
    drop(rt);
    log.assert_is(&[]);
    dropped.assert_is(&[1]);
    assert!(timer.cancelled());
}

fn after_the_shutdown_they_are_dropped(flavor: Flavor) {
    let log = Log::default();
    let rt = flavor.runtime();
    let handle = rt.handle().clone();
    drop(rt);
    let dropped = Log::default();
    for _ in 0..2 {
        let guard = OnDrop::new(dropped.says(1));
        let says = log.says(1);
        let timer = handle.call_soon(move || {
            says();
            drop(guard);
        });
        assert!(timer.cancelled());
    }
    log.assert_is(&[]);
    dropped.assert_is(&[1, 1]);
}

fn far_times_never_come(flavor: Flavor) {
    let log = Log::default();
    paused(flavor).block_on(async {
        let timer = Handle::current().call_later(Duration::MAX, log.says(1));
        sleep(Duration::from_secs(86_400 * 365)).await;
        assert!(timer.cancel());
    });
    log.assert_is(&[]);
}

fn it_debugs(flavor: Flavor) {
    let rt = flavor.runtime();
    let timer = rt.handle().call_later(Duration::from_secs(60), || ());
    let text = format!("{timer:?}");
    assert!(text.starts_with("TimerHandle { state: Waits, when: "), "{text}");
    assert!(
        text.contains("scheduled_at: tests/tests/time_callbacks.rs") || text.contains("time_callbacks.rs"),
        "{text}"
    );
}

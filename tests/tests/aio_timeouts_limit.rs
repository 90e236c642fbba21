//! The limit of a `timeout_scope`: from when on it counts, and that one which was moved ends nothing any more.

use std::future::{Future, pending};
use std::pin::pin;
use std::sync::mpsc;
use std::task::{Context, Poll};
use std::thread;
use std::time::Duration;

use windlass::aio::{TimeoutScope, timeout_scope, timeout_scope_at};
use windlass::runtime::Runtime;
use windlass::time::{Instant, advance, sleep};
use windlass_tests::{Flavor, on_every_flavor, once, panics_at_its_caller, panics_when_woken, poll_once};

on_every_flavor!(
    it_counts_from_the_call,
    taken_away_before_the_first_poll,
    moved_before_the_first_poll,
    moved_as_the_time_is_up,
    moved_while_one_waits_whose_waker_panics,
);

once!(a_time_outside_of_a_runtime);

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn it_counts_from_the_call(flavor: Flavor) {
    flavor.run_paused(async {
        let start = Instant::now();
        let mut kept = None;
        let scoped = timeout_scope(ms(20), |scope| {
            kept = Some(scope);
            pending::<()>()
        });
        assert_eq!(kept.unwrap().when(), Some(start + ms(20)));
        advance(ms(15)).await;
        assert!(scoped.await.is_err());
        assert_eq!(start.elapsed(), ms(20));
    });
}

fn taken_away_before_the_first_poll(flavor: Flavor) {
    flavor.run_paused(async {
        let scoped = timeout_scope(ms(5), |scope| {
            scope.reschedule(None).unwrap();
            sleep(ms(50))
        });
        assert!(scoped.await.is_ok());
    });
}

fn moved_before_the_first_poll(flavor: Flavor) {
    flavor.run_paused(async {
        let start = Instant::now();
        for (from, to) in [(5, 50), (50, 5)] {
            let start = Instant::now();
            let scoped = timeout_scope(ms(from), |scope| {
                scope.reschedule(start + ms(to)).unwrap();
                pending::<()>()
            });
            assert!(scoped.await.is_err());
            assert_eq!(start.elapsed(), ms(to));
        }
        assert_eq!(start.elapsed(), ms(55));
    });
}

/// A thread moves the limit to and fro while another one sees that the time is up.
fn moved_as_the_time_is_up(flavor: Flavor) {
    let runtime = flavor.runtime();
    let past = Instant::now();
    let far = past + Duration::from_secs(3600);
    let (give, given) = mpsc::channel::<TimeoutScope>();
    let moves = thread::spawn(move || {
        for scope in given {
            while scope.reschedule(past).is_ok() && scope.reschedule(far).is_ok() {
                // Who is to see it may wait for this very processor.
                thread::yield_now();
            }
        }
    });
    runtime.block_on(async {
        for _ in 0..2_000 {
            let mut kept = None;
            let scoped = timeout_scope_at(far, |scope| {
                kept = Some(scope.clone());
                give.send(scope).unwrap();
                pending::<()>()
            });
            assert!(scoped.await.is_err());
            assert_eq!(kept.unwrap().when(), Some(past), "it was not its limit that ended the body");
        }
    });
    drop(give);
    moves.join().unwrap();
}

fn a_time_outside_of_a_runtime() {
    panics_at_its_caller(|| timeout_scope(ms(5), |_| pending::<()>()));
    // Without a time, it need not be in one before it is polled.
    let runtime = Runtime::new().unwrap();
    assert!(runtime.block_on(timeout_scope(None, async |_| ())).is_ok());
}

fn moved_while_one_waits_whose_waker_panics(flavor: Flavor) {
    let runtime = flavor.runtime();
    let _inside = runtime.enter();
    let mut kept = None;
    let mut scoped = pin!(timeout_scope(ms(60_000), |scope| {
        kept = Some(scope);
        pending::<()>()
    }));
    assert!(scoped.as_mut().poll(&mut Context::from_waker(&panics_when_woken())).is_pending());
    kept.unwrap().reschedule(Instant::now()).unwrap();
    assert!(matches!(poll_once(&mut scoped), Poll::Ready(Err(_))));
}

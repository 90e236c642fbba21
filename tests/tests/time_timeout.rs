//! `timeout`: the future first, then the time, whatever the future does with its budget.

use std::future::{Future, pending, poll_fn, ready};
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;
use std::time::Duration;

use windlass::runtime::Runtime;
use windlass::task::coop;
use windlass::time::{self, Instant, error::Elapsed, sleep, timeout, timeout_at};
use windlass_tests::{Flavor, OnDrop};

const MS: Duration = Duration::from_millis(1);

windlass_tests::on_every_flavor!(
    a_scope_that_is_moved_to_the_past,
    a_ready_future_wins,
    a_ready_future_wins_over_a_time_that_is_up,
    the_time_is_up,
    the_future_ends_in_time,
    of_timeouts_in_timeouts_the_shorter_ends_first,
    a_deadline_far_away_never_comes,
    the_future_is_dropped_with_the_timeout,
    the_future_inside_can_be_had,
    a_future_that_uses_up_the_budget_is_ended_too,
    the_budget_is_not_given_back_by_it,
    dropped_it_can_be_made_again,
    it_takes_what_becomes_a_future,
);

windlass_tests::once!(the_error_reads_well);

fn paused(flavor: Flavor) -> Runtime {
    flavor.builder().start_paused(true).build().expect("a runtime starts")
}

fn a_ready_future_wins(flavor: Flavor) {
    paused(flavor).block_on(async {
        let start = Instant::now();
        assert_eq!(timeout(MS, async { 1 }).await, Ok(1));
        assert_eq!(timeout_at(start + MS, ready(2)).await, Ok(2));
        assert_eq!(start.elapsed(), Duration::ZERO);
    });
}

fn a_ready_future_wins_over_a_time_that_is_up(flavor: Flavor) {
    paused(flavor).block_on(async {
        assert_eq!(timeout(Duration::ZERO, ready(1)).await, Ok(1));
        let past = Instant::now();
        time::advance(MS).await;
        assert_eq!(timeout_at(past, ready(2)).await, Ok(2));
        assert!(timeout_at(past, pending::<()>()).await.is_err());
        assert!(timeout(Duration::ZERO, pending::<()>()).await.is_err());
    });
}

fn the_time_is_up(flavor: Flavor) {
    for rt in [paused(flavor), flavor.runtime()] {
        rt.block_on(async {
            let start = Instant::now();
            assert!(timeout(10 * MS, pending::<()>()).await.is_err());
            assert!(start.elapsed() >= 10 * MS);
            assert!(timeout_at(start + 20 * MS, pending::<()>()).await.is_err());
            assert!(start.elapsed() >= 20 * MS);
        });
    }
}

fn the_future_ends_in_time(flavor: Flavor) {
    paused(flavor).block_on(async {
        let start = Instant::now();
        let task = windlass::spawn(async {
            sleep(10 * MS).await;
            7
        });
        assert_eq!(timeout(20 * MS, task).await.unwrap().unwrap(), 7);
        assert_eq!(start.elapsed(), 10 * MS);
        // Both at once: the future is asked first.
        assert!(timeout(10 * MS, sleep(10 * MS)).await.is_ok());
    });
}

fn of_timeouts_in_timeouts_the_shorter_ends_first(flavor: Flavor) {
    paused(flavor).block_on(async {
        let inner_first = timeout(20 * MS, timeout(10 * MS, pending::<()>())).await;
        assert!(matches!(inner_first, Ok(Err(_))));
        let outer_first = timeout(10 * MS, timeout(20 * MS, pending::<()>())).await;
        assert!(outer_first.is_err());
    });
}

fn a_deadline_far_away_never_comes(flavor: Flavor) {
    paused(flavor).block_on(async {
        let start = Instant::now();
        assert!(timeout(Duration::MAX, sleep(Duration::from_secs(86_400 * 365))).await.is_ok());
        assert_eq!(start.elapsed(), Duration::from_secs(86_400 * 365));
        let mut never = pin!(timeout(Duration::MAX, pending::<()>()));
        let polled = poll_fn(|cx| Poll::Ready(never.as_mut().poll(cx).is_pending())).await;
        assert!(polled);
    });
}

fn the_future_is_dropped_with_the_timeout(flavor: Flavor) {
    paused(flavor).block_on(async {
        let dropped = Arc::new(AtomicBool::new(false));
        let sees = Arc::clone(&dropped);
        let guard = OnDrop::new(move || sees.store(true, Ordering::SeqCst));
        let mut timed = Box::pin(timeout(MS, async move {
            let _guard = guard;
            pending::<()>().await;
        }));
        assert!(timed.as_mut().await.is_err());
        assert!(!dropped.load(Ordering::SeqCst));
        drop(timed);
        assert!(dropped.load(Ordering::SeqCst));
    });
}

fn the_future_inside_can_be_had(flavor: Flavor) {
    paused(flavor).block_on(async {
        let mut timed = timeout(MS, ready(3));
        assert_eq!(format!("{:?}", timed.get_ref()), format!("{:?}", ready(3)));
        *timed.get_mut() = ready(4);
        assert_eq!(timed.into_inner().await, 4);
    });
}

fn a_future_that_uses_up_the_budget_is_ended_too(flavor: Flavor) {
    let rt = flavor.runtime();
    let task = rt.spawn(async {
        timeout(5 * MS, async {
            loop {
                coop::consume_budget().await;
            }
        })
        .await
    });
    assert_eq!(rt.block_on(task).unwrap(), Err::<(), _>(elapsed()));
}

fn the_budget_is_not_given_back_by_it(flavor: Flavor) {
    let rt = flavor.runtime();
    let task = rt.spawn(async {
        let mut timed = pin!(timeout(Duration::from_secs(60), async {
            loop {
                coop::consume_budget().await;
            }
        }));
        poll_fn(|cx| {
            let timed: Poll<Result<(), Elapsed>> = timed.as_mut().poll(cx);
            assert!(timed.is_pending());
            assert!(!coop::has_budget_remaining());
            Poll::Ready(())
        })
        .await;
    });
    rt.block_on(task).unwrap();
}

fn dropped_it_can_be_made_again(flavor: Flavor) {
    paused(flavor).block_on(async {
        let start = Instant::now();
        let mut slept = pin!(sleep(50 * MS));
        let mut rounds = 0;
        while timeout(10 * MS, slept.as_mut()).await.is_err() {
            rounds += 1;
        }
        assert_eq!(rounds, 4);
        assert_eq!(start.elapsed(), 50 * MS);
    });
}

fn it_takes_what_becomes_a_future(flavor: Flavor) {
    struct Soon;
    impl IntoFuture for Soon {
        type Output = u8;
        type IntoFuture = std::future::Ready<u8>;
        fn into_future(self) -> Self::IntoFuture {
            ready(9)
        }
    }
    paused(flavor).block_on(async { assert_eq!(timeout(MS, Soon).await, Ok(9)) });
}

fn elapsed() -> Elapsed {
    let rt = Runtime::new().unwrap();
    std::thread::spawn(move || {
        rt.block_on(async { timeout(Duration::ZERO, pending::<()>()).await.unwrap_err() })
    })
    .join()
    .unwrap()
}

fn the_error_reads_well() {
    let error = elapsed();
    assert_eq!(error.to_string(), "deadline has elapsed");
    assert_eq!(io::Error::from(error).kind(), io::ErrorKind::TimedOut);
    let _: &(dyn std::error::Error + Send + Sync) = &error;
}

/// asyncio's `reschedule` to a moment that is past; and a sleep after it is one like any other.
fn a_scope_that_is_moved_to_the_past(flavor: Flavor) {
    const WAIT: Duration = Duration::from_millis(30);
    flavor.runtime().block_on(async {
        windlass::spawn(async {
            for _ in 0..3 {
                let ended = windlass::aio::timeout_scope(WAIT, async |scope| {
                    windlass::task::yield_now().await;
                    scope.reschedule(Instant::now() - 10 * WAIT).unwrap();
                    std::future::pending::<()>().await;
                })
                .await;
                assert!(ended.is_err());
                sleep(WAIT).await;
            }
        })
        .await
        .unwrap();
    });
}

//! `join!`: all outputs in order, polled in turn.

#![deny(warnings)]

use std::cell::RefCell;
use std::future::{Future, IntoFuture, Ready, pending, poll_fn, ready};
use std::task::{Context, Poll};

use futures::channel::{mpsc, oneshot};
use futures::{SinkExt, StreamExt};
use windlass::join;
use windlass::task::coop::consume_budget;
use windlass_tests::{CountingWaker, Flavor, OnDrop, on_every_flavor, once};

on_every_flavor!(two_that_wait_for_each_other, a_greedy_one_does_not_starve_another);

once!(
    any_number_of_futures,
    a_future_is_done_once,
    each_is_polled_first_in_turn,
    biased_polls_in_order,
    anything_that_becomes_a_future,
    a_temporary_lives_as_long_as_its_future,
    what_is_done_is_dropped_at_once,
    dropping_it_drops_all,
    names_of_the_caller_stay_the_callers,
    a_future_that_never_ends_has_no_warning,
    it_costs_no_more_than_its_futures,
);

fn block_on<F: Future>(future: F) -> F::Output {
    futures::executor::block_on(future)
}

fn any_number_of_futures() {
    block_on(async {
        assert_eq!(join!(), ());
        assert_eq!(join!(async { 1 }), (1,));
        assert_eq!(join!(async { 1 },), (1,));
        assert_eq!(join!(async { 1 }, async { "two" }), (1, "two"));
        assert_eq!(join!(biased; async { 1 }, async { "two" }, ready(3.0),), (1, "two", 3.0));
        assert_eq!(join!(biased; ready(1)), (1,));
        let biased = ready(1);
        assert_eq!(join!(biased, ready(2)), (1, 2));
    });
}

fn two_that_wait_for_each_other(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let (mut ping, mut pinged) = mpsc::channel(0);
        let (mut pong, mut ponged) = mpsc::channel(0);
        let (sent, echoed) = join!(
            async {
                for n in 0..100 {
                    ping.send(n).await.unwrap();
                    assert_eq!(ponged.next().await, Some(n));
                }
                drop(ping);
                100
            },
            async {
                let mut count = 0;
                while let Some(n) = pinged.next().await {
                    pong.send(n).await.unwrap();
                    count += 1;
                }
                count
            }
        );
        assert_eq!((sent, echoed), (100, 100));
    });
}

fn a_greedy_one_does_not_starve_another(flavor: Flavor) {
    flavor.runtime().block_on(async {
        windlass::spawn(async {
            // The first takes all of the budget at every poll it comes first in.
            let (stop, mut stopped) = oneshot::channel::<()>();
            join!(
                async {
                    while let Ok(None) = stopped.try_recv() {
                        consume_budget().await;
                    }
                },
                async {
                    for _ in 0..5 {
                        consume_budget().await;
                    }
                    stop.send(()).unwrap();
                }
            );
        })
        .await
        .unwrap();
    });
}

fn a_future_is_done_once() {
    block_on(async {
        let mut done = false;
        let mut left = 3;
        join!(
            poll_fn(|_| {
                assert!(!done, "polled after it was done");
                done = true;
                Poll::Ready(())
            }),
            poll_fn(|cx| {
                left -= 1;
                cx.waker().wake_by_ref();
                if left == 0 { Poll::Ready(()) } else { Poll::Pending }
            })
        );
    });
}

/// The order in which three futures are polled that are done at their third poll.
fn order_of_polls<F: Future>(join: impl FnOnce(RefCell<Vec<u8>>) -> F) -> F::Output {
    block_on(join(RefCell::new(Vec::new())))
}

fn noted(n: u8, order: &RefCell<Vec<u8>>) -> impl Future<Output = ()> {
    let mut polls = 0;
    poll_fn(move |cx| {
        order.borrow_mut().push(n);
        polls += 1;
        cx.waker().wake_by_ref();
        if polls == 3 { Poll::Ready(()) } else { Poll::Pending }
    })
}

fn each_is_polled_first_in_turn() {
    let order = order_of_polls(|order| async move {
        join!(noted(1, &order), noted(2, &order), noted(3, &order));
        order.into_inner()
    });
    assert_eq!(order, [1, 2, 3, 2, 3, 1, 3, 1, 2]);
}

fn biased_polls_in_order() {
    let order = order_of_polls(|order| async move {
        join!(biased; noted(1, &order), noted(2, &order), noted(3, &order));
        order.into_inner()
    });
    assert_eq!(order, [1, 2, 3, 1, 2, 3, 1, 2, 3]);
}

fn anything_that_becomes_a_future() {
    struct Later(i32);
    impl IntoFuture for Later {
        type Output = i32;
        type IntoFuture = Ready<i32>;
        fn into_future(self) -> Ready<i32> {
            ready(self.0)
        }
    }
    assert_eq!(block_on(async { join!(Later(3), Later(4)) }), (3, 4));
}

fn a_temporary_lives_as_long_as_its_future() {
    block_on(async {
        assert_eq!(join!(&mut Box::pin(async { 1 }), &mut ready(2)), (1, 2));
    });
}

fn what_is_done_is_dropped_at_once() {
    let dropped = std::cell::Cell::new(false);
    let guard = OnDrop::new(|| dropped.set(true));
    block_on(async {
        join!(
            biased;
            async {
                let _guard = guard;
            },
            async { assert!(dropped.get()) }
        );
    });
}

fn dropping_it_drops_all() {
    let dropped = std::cell::Cell::new(0);
    let watched = || {
        let guard = OnDrop::new(|| dropped.set(dropped.get() + 1));
        async move {
            let _guard = guard;
            pending::<()>().await;
        }
    };
    let (wakes, waker) = CountingWaker::new();
    {
        let mut joined = Box::pin(async { join!(watched(), watched(), ready(())) });
        assert!(joined.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
        assert_eq!(dropped.get(), 0);
    }
    assert_eq!((dropped.get(), wakes.wakes()), (2, 0));
}

fn names_of_the_caller_stay_the_callers() {
    block_on(async {
        let (future0, future1, next, first, pending, cx) = (1, 2, 3, 4, 5, 6);
        let joined = join!(async { future0 + future1 + next }, async { first + pending + cx });
        assert_eq!(joined, (6, 15));
    });
}

fn a_future_that_never_ends_has_no_warning() {
    async fn never() -> std::convert::Infallible {
        pending().await
    }
    let mut joined = Box::pin(async { join!(never(), never()) });
    assert!(windlass_tests::poll_once(&mut joined).is_pending());
}

fn it_costs_no_more_than_its_futures() {
    async fn large() {
        let bytes = [0_u8; 1024];
        windlass_tests::wake_self().await;
        std::hint::black_box(&bytes);
    }
    let one = size_of_val(&large());
    let two = async { join!(large(), large()) };
    assert!(size_of_val(&two) <= 2 * one + 64, "{} for two of {one} bytes", size_of_val(&two));
}

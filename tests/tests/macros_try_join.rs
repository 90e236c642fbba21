//! `try_join!`: all values in order, or the first error.

#![deny(warnings)]

use std::cell::RefCell;
use std::convert::Infallible;
use std::future::{Future, pending, poll_fn, ready};
use std::task::Poll;

use futures::channel::oneshot;
use windlass::task::coop::consume_budget;
use windlass::try_join;
use windlass_tests::{Flavor, OnDrop, on_every_flavor, once};

on_every_flavor!(an_error_ends_it_early, a_greedy_one_does_not_starve_another);

once!(
    any_number_of_futures,
    the_others_are_dropped_after_an_error,
    an_error_is_seen_before_what_is_after_it,
    each_is_polled_first_in_turn,
    biased_polls_in_order,
    question_mark_on_it,
    types_without_values_have_no_warning,
    it_costs_no_more_than_its_futures,
);

fn block_on<F: Future>(future: F) -> F::Output {
    futures::executor::block_on(future)
}

/// Any error that is not `Debug`.
#[derive(PartialEq)]
struct Opaque(u8);

fn any_number_of_futures() {
    block_on(async {
        let none: Result<(), ()> = try_join!();
        assert_eq!(none, Ok(()));
        assert_eq!(try_join!(async { Ok::<_, ()>(1) }), Ok((1,)));
        assert_eq!(try_join!(async { Ok::<_, ()>(1) },), Ok((1,)));
        assert_eq!(try_join!(ready(Ok::<_, ()>(1)), ready(Ok("two"))), Ok((1, "two")));
        assert_eq!(try_join!(biased; ready(Ok(1)), ready(Err::<(), _>(2)),), Err(2));
        assert!(
            try_join!(ready(Ok(Opaque(1))), ready(Err::<Opaque, _>(Opaque(2))))
                .is_err_and(|e| e == Opaque(2))
        );
    });
}

fn an_error_ends_it_early(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let (fail, failed) = oneshot::channel();
        let failing = windlass::spawn(async move { fail.send("no").unwrap() });
        let joined = try_join!(async { pending::<Result<(), &str>>().await }, async {
            Err::<(), _>(failed.await.unwrap())
        });
        assert_eq!(joined, Err("no"));
        failing.await.unwrap();
    });
}

fn a_greedy_one_does_not_starve_another(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let task = windlass::spawn(async {
            let (stop, mut stopped) = oneshot::channel::<()>();
            try_join!(
                async {
                    while let Ok(None) = stopped.try_recv() {
                        consume_budget().await;
                    }
                    Ok::<_, ()>(1)
                },
                async {
                    for _ in 0..5 {
                        consume_budget().await;
                    }
                    stop.send(())
                }
            )
        });
        assert_eq!(task.await.unwrap(), Ok((1, ())));
    });
}

fn the_others_are_dropped_after_an_error() {
    let dropped = std::cell::Cell::new(0);
    let watched = || {
        let guard = OnDrop::new(|| dropped.set(dropped.get() + 1));
        async move {
            let _guard = guard;
            pending::<Result<(), ()>>().await
        }
    };
    block_on(async {
        let joined = try_join!(watched(), ready(Err::<(), ()>(())), watched());
        assert_eq!((joined, dropped.get()), (Err(()), 2));
    });
}

fn an_error_is_seen_before_what_is_after_it() {
    block_on(async {
        let joined = try_join!(
            biased;
            ready(Err::<(), _>(1)),
            poll_fn(|_| -> Poll<Result<(), i32>> { panic!("polled after an error") })
        );
        assert_eq!(joined, Err(1));
    });
}

fn noted(n: u8, order: &RefCell<Vec<u8>>) -> impl Future<Output = Result<(), ()>> {
    let mut polls = 0;
    poll_fn(move |cx| {
        order.borrow_mut().push(n);
        polls += 1;
        cx.waker().wake_by_ref();
        if polls == 3 { Poll::Ready(Ok(())) } else { Poll::Pending }
    })
}

fn each_is_polled_first_in_turn() {
    block_on(async {
        let order = RefCell::new(Vec::new());
        try_join!(noted(1, &order), noted(2, &order), noted(3, &order)).unwrap();
        assert_eq!(*order.borrow(), [1, 2, 3, 2, 3, 1, 3, 1, 2]);
    });
}

fn biased_polls_in_order() {
    block_on(async {
        let order = RefCell::new(Vec::new());
        try_join!(biased; noted(1, &order), noted(2, &order), noted(3, &order)).unwrap();
        assert_eq!(*order.borrow(), [1, 2, 3, 1, 2, 3, 1, 2, 3]);
    });
}

fn question_mark_on_it() {
    async fn sum(one: &str, two: &str) -> Result<u32, std::num::ParseIntError> {
        let (one, two) = try_join!(async { one.parse::<u32>() }, async { two.parse::<u32>() })?;
        Ok(one + two)
    }
    block_on(async {
        assert_eq!(sum("1", "2").await, Ok(3));
        assert!(sum("1", "two").await.is_err());
    });
}

fn types_without_values_have_no_warning() {
    block_on(async {
        let joined: Result<(Infallible, ()), u8> = try_join!(async { Err(1) }, async { Ok(()) });
        assert!(matches!(joined, Err(1)));
        let joined: Result<(u8, ()), Infallible> = try_join!(async { Ok(1) }, async { Ok(()) });
        let Ok(values) = joined;
        assert_eq!(values, (1, ()));
    });
}

fn it_costs_no_more_than_its_futures() {
    async fn large() -> Result<(), ()> {
        let bytes = [0_u8; 1024];
        windlass_tests::wake_self().await;
        std::hint::black_box(&bytes);
        Ok(())
    }
    let one = size_of_val(&large());
    let two = async { try_join!(large(), large()) };
    assert!(size_of_val(&two) <= 2 * one + 64, "{} for two of {one} bytes", size_of_val(&two));
}

//! `select!`: what is polled, what wins, what is dropped when, and what a handler may do.

#![deny(warnings)]

use std::cell::{Cell, RefCell};
use std::future::{Future, IntoFuture, Ready, pending, poll_fn, ready};
use std::pin::pin;
use std::task::Poll;

use futures::channel::{mpsc, oneshot};
use futures::{FutureExt, StreamExt};
use windlass::select;
use windlass::task::coop::consume_budget;
use windlass::task::yield_now;
use windlass_tests::{Flavor, OnDrop, on_every_flavor, once, panics};

on_every_flavor!(streams_until_both_end, a_future_that_lost_goes_on, a_select_in_a_loop_gives_way);

once!(
    the_first_ready_branch_wins,
    a_handler_may_be_a_block_without_a_comma,
    else_alone_is_a_value,
    nested_calls,
    all_futures_are_gone_when_a_handler_runs,
    a_handler_borrows_what_a_future_borrowed,
    conditions_come_before_futures,
    a_disabled_future_is_made_and_not_polled,
    a_condition_may_await,
    a_pattern_that_does_not_fit_disables_its_branch,
    a_future_that_is_done_is_not_polled_again,
    no_branch_left_and_no_else_is_a_panic,
    question_mark_break_continue_return_and_await,
    patterns_of_every_kind,
    mutable_and_by_reference_bindings,
    a_name_is_no_constant_and_a_constant_is,
    biased_polls_from_the_top,
    unbiased_starts_anywhere,
    sixty_four_branches,
    anything_that_becomes_a_future,
    a_temporary_lives_as_long_as_its_future,
    futures_are_dropped_in_the_order_they_are_written_in,
    it_costs_no_more_than_its_futures,
    a_future_that_never_ends_has_no_warning,
    a_macro_of_the_user_passes_fragments,
    a_future_is_send_if_its_parts_are,
);

fn block_on<F: Future>(future: F) -> F::Output {
    futures::executor::block_on(future)
}

fn the_first_ready_branch_wins() {
    block_on(async {
        let won = select! {
            _ = pending::<()>() => 1,
            two = async { 2 } => two,
        };
        assert_eq!(won, 2);
        let (sender, receiver) = oneshot::channel();
        sender.send(5).unwrap();
        assert_eq!(select! { sent = receiver => sent }, Ok(5));
        let name = async { 1 };
        assert_eq!(select! { one = name => { one } }, 1);
    });
}

fn a_handler_may_be_a_block_without_a_comma() {
    block_on(async {
        let value = select! {
            _ = pending::<()>() => { 1 }
            _ = pending::<()>() => { 2 },
            _ = pending::<()>() => match "abc".len() { 3 => 3, _ => 0 },
            _ = ready(()) => 4
        };
        assert_eq!(value, 4);
    });
}

fn else_alone_is_a_value() {
    block_on(async {
        let (one, biased) = (select! { else => 6 }, select! { biased; else => { 6 } });
        assert_eq!((one, biased), (6, 6));
        assert_eq!(select! { _ = ready(()), if false => 5, else => 6, }, 6);
    });
}

fn nested_calls() {
    block_on(async {
        let value = select! {
            inner = async { select! { x = async { 1 } => x + 1 } } => {
                select! { y = async { inner } => y + 1 }
            }
        };
        assert_eq!(value, 3);
    });
}

fn all_futures_are_gone_when_a_handler_runs() {
    block_on(async {
        let dropped = Cell::new(0);
        let watched = || {
            let guard = OnDrop::new(|| dropped.set(dropped.get() + 1));
            async move {
                let _guard = guard;
                pending::<()>().await;
            }
        };
        let seen = select! {
            _ = watched() => 0,
            _ = ready(()) => dropped.get(),
            _ = watched() => 0,
            _ = watched(), if false => 0,
        };
        assert_eq!(seen, 3);
    });
}

async fn add_one(to: &mut i32) {
    *to += 1;
}

fn a_handler_borrows_what_a_future_borrowed() {
    block_on(async {
        let mut value = 234;
        select! {
            biased;
            _ = async { add_one(&mut value).await; pending::<()>().await } => {}
            _ = ready(()) => value += 5,
        }
        assert_eq!(value, 240);
        select! {
            Some(_) = async { add_one(&mut value).await; None::<()> } => {}
            else => value += 5,
        }
        assert_eq!(value, 246);
    });
}

fn conditions_come_before_futures() {
    block_on(async {
        let order = RefCell::new(Vec::new());
        let note = |what| {
            order.borrow_mut().push(what);
            true
        };
        let made = |what| {
            note(what);
            ready(())
        };
        select! {
            biased;
            _ = made("future 1"), if note("condition 1") => note("handler 1"),
            _ = made("future 2"), if note("condition 2") => note("handler 2"),
        };
        let expected = ["condition 1", "condition 2", "future 1", "future 2", "handler 1"];
        assert_eq!(*order.borrow(), expected);
    });
}

fn a_disabled_future_is_made_and_not_polled() {
    block_on(async {
        let made = Cell::new(false);
        let make = || {
            made.set(true);
            poll_fn(|_| -> Poll<()> { panic!("polled, and it is disabled") })
        };
        for _ in 0..100 {
            select! {
                _ = make(), if false => unreachable!(),
                _ = yield_once() => {}
            }
        }
        assert!(made.get());
    });
}

fn a_condition_may_await() {
    block_on(async {
        select! {
            _ = pending::<()>(), if { yield_once().await; true } => unreachable!(),
            _ = ready(()), if async { true }.await => {}
        }
        select! {
            biased;
            _ = ready(()), if async { false }.await => unreachable!(),
            _ = ready(()), if async { true }.await => {}
        }
    });
}

fn a_pattern_that_does_not_fit_disables_its_branch() {
    block_on(async {
        let mut polls = 0;
        let value = select! {
            Some(_) = async { None::<()> } => 1,
            Ok(()) = async { Err::<(), i32>(7) } => 2,
            _ = poll_fn(|cx| {
                polls += 1;
                cx.waker().wake_by_ref();
                if polls == 10 { Poll::Ready(()) } else { Poll::Pending }
            }) => 3,
        };
        assert_eq!((value, polls), (3, 10));
    });
}

fn a_future_that_is_done_is_not_polled_again() {
    block_on(async {
        let mut done = false;
        let mut rounds = 0;
        let value = select! {
            Some(_) = poll_fn(|_| {
                assert!(!done, "polled after it was done");
                done = true;
                Poll::Ready(None::<()>)
            }) => 1,
            _ = poll_fn(|cx| {
                rounds += 1;
                cx.waker().wake_by_ref();
                if rounds < 5 { Poll::Pending } else { Poll::Ready(()) }
            }) => 2,
        };
        assert_eq!(value, 2);
    });
}

fn no_branch_left_and_no_else_is_a_panic() {
    let panicked = panics(|| {
        block_on(async {
            select! { Some(()) = async { None } => {} }
        })
    });
    assert!(panicked.message.contains("add an `else` branch"), "{}", panicked.message);
    panics(|| {
        block_on(async {
            select! { _ = ready(()), if false => {} }
        })
    });
}

#[allow(clippy::never_loop, reason = "a handler breaks it")]
fn question_mark_break_continue_return_and_await() {
    async fn asked(value: Result<i32, String>) -> Result<i32, String> {
        let number = select! {
            value = async { value } => value?,
            else => return Err("no branch".to_owned()),
        };
        Ok(number + 1)
    }
    block_on(async {
        assert_eq!(asked(Ok(1)).await, Ok(2));
        assert_eq!(asked(Err("no".to_owned())).await, Err("no".to_owned()));
        let mut turns = 0;
        let end = 'outer: loop {
            turns += 1;
            loop {
                select! {
                    _ = ready(()), if turns < 3 => break,
                    _ = ready(()), if turns == 3 => continue 'outer,
                    _ = ready(()), if turns == 4 => {
                        yield_once().await;
                        break 'outer turns
                    }
                }
            }
        };
        assert_eq!(end, 4);
    });
}

#[derive(Clone, Debug, PartialEq)]
enum Message {
    Text { from: u8, body: String },
    Close,
}

fn patterns_of_every_kind() {
    async fn name(of: Option<Message>) -> &'static str {
        select! {
            biased;
            Some(Message::Text { from: 1 | 2, body: ref b }) = ready(of.clone()) => {
                assert_eq!(b, "hello");
                "from one or two"
            }
            Some(Message::Text { from: from @ 3..=9, .. }) = ready(of.clone()) => {
                assert_eq!(from, 3);
                "from a range"
            }
            Some(all @ Message::Text { .. }) = ready(of.clone()) => {
                assert_ne!(all, Message::Close);
                "a text"
            }
            | Some(Message::Close) | None = ready(of) => "the end",
        }
    }
    let text = |from| Some(Message::Text { from, body: "hello".to_owned() });
    block_on(async {
        assert_eq!(name(text(1)).await, "from one or two");
        assert_eq!(name(text(3)).await, "from a range");
        assert_eq!(name(text(10)).await, "a text");
        assert_eq!(name(Some(Message::Close)).await, "the end");
        assert_eq!(name(None).await, "the end");
        let numbers = [1, 2, 3];
        select! {
            [first, .., last] = ready(numbers) => assert_eq!((first, last), (1, 3)),
        }
        select! {
            biased;
            "b" = ready("a") => unreachable!(),
            "a" = ready("a") => {}
        }
        select! {
            biased;
            &4 = ready(&5) => unreachable!(),
            &number = ready(&5) => assert_eq!(number, 5_u8),
        }
        let pair = (1, &mut 2);
        select! {
            Some(&(one, ref two)) = ready(Some(&pair)) => assert_eq!((one, **two), (1, 2)),
        }
        select! {
            Some(&one) = ready(Some(&1)) => assert_eq!(one, 1),
        }
    });
}

fn mutable_and_by_reference_bindings() {
    block_on(async {
        select! {
            mut x = ready(vec![1]) => {
                x.push(2);
                assert_eq!(x, [1, 2]);
            }
        }
        select! {
            (mut x, ref y) = ready((vec![1], vec![3])) => {
                x.push(2);
                assert_eq!((x, y), (vec![1, 2], &vec![3]));
            }
        }
        select! {
            (ref mut x, _) = ready((vec![1], 1)) => {
                x.push(2);
                assert_eq!(*x, [1, 2]);
            }
        }
        let mut value = 1;
        select! {
            number = async { &mut value } => *number += 1,
        }
        assert_eq!(value, 2);
    });
}

fn a_name_is_no_constant_and_a_constant_is() {
    const LIMIT: i32 = 4;
    block_on(async {
        for (value, expected) in [(4, "the limit"), (5, "another")] {
            let name = select! {
                biased;
                LIMIT = ready(value) => "the limit",
                other = ready(value) => if other == value { "another" } else { "nothing" },
            };
            assert_eq!(name, expected);
        }
    });
}

fn biased_polls_from_the_top() {
    block_on(async {
        for _ in 0..100 {
            let order = RefCell::new(Vec::new());
            let noted = |n| {
                let order = &order;
                poll_fn(move |_| {
                    order.borrow_mut().push(n);
                    if n == 3 { Poll::Ready(()) } else { Poll::Pending }
                })
            };
            select! {
                biased;
                _ = noted(1) => {}
                _ = noted(2) => {}
                _ = noted(3) => {}
                _ = noted(4) => {}
            }
            assert_eq!(*order.borrow(), [1, 2, 3]);
        }
    });
}

fn unbiased_starts_anywhere() {
    block_on(async {
        let mut won = [0; 3];
        for _ in 0..3_000 {
            let winner: usize = select! {
                _ = ready(()) => 0,
                _ = ready(()) => 1,
                _ = ready(()) => 2,
            };
            won[winner] += 1;
        }
        // Each expects 1000, with a deviation of 26.
        assert!(won.iter().all(|&times| (700..1_300).contains(&times)), "{won:?}");
    });
}

fn sixty_four_branches() {
    macro_rules! with_last {
        ($($n:literal)*) => { select! { $(_ = pending::<()>() => $n,)* last = async { 63 } => last } };
    }
    let last = block_on(async {
        with_last!(0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31
            32 33 34 35 36 37 38 39 40 41 42 43 44 45 46 47 48 49 50 51 52 53 54 55 56 57 58 59 60 61 62)
    });
    assert_eq!(last, 63);
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
    assert_eq!(
        block_on(async {
            select! { x = Later(3) => x }
        }),
        3
    );
}

fn a_temporary_lives_as_long_as_its_future() {
    block_on(async {
        select! {
            () = &mut pin!(async {}) => {}
        }
        select! {
            () = &mut Box::pin(async {}) => {}
        }
    });
}

fn futures_are_dropped_in_the_order_they_are_written_in() {
    block_on(async {
        let order = RefCell::new(Vec::new());
        let watched = |n| {
            let guard = OnDrop::new({
                let order = &order;
                move || order.borrow_mut().push(n)
            });
            async move {
                let _guard = guard;
                pending::<()>().await;
            }
        };
        select! {
            _ = watched(1) => {}
            _ = watched(2) => {}
            _ = ready(()) => {}
            _ = watched(3) => {}
        }
        assert_eq!(*order.borrow(), [1, 2, 3]);
    });
}

fn it_costs_no_more_than_its_futures() {
    async fn large() {
        let bytes = [0_u8; 1024];
        yield_once().await;
        std::hint::black_box(&bytes);
    }
    let one = size_of_val(&large());
    let two = async {
        select! { _ = large() => {}, _ = large() => {} }
    };
    assert!(size_of_val(&two) <= 2 * one + 64, "{} for two of {one} bytes", size_of_val(&two));
}

fn a_future_that_never_ends_has_no_warning() {
    async fn never() -> std::convert::Infallible {
        pending().await
    }
    let value = block_on(async {
        select! {
            never = never() => match never {},
            one = async { 1 } => one,
        }
    });
    assert_eq!(value, 1);
}

fn a_macro_of_the_user_passes_fragments() {
    macro_rules! either {
        ($pattern:pat, $future:expr, $condition:expr, $handler:expr) => {
            select! {
                $pattern = $future, if $condition => $handler,
                else => None,
            }
        };
    }
    block_on(async {
        assert_eq!(either!(Some(x @ 1 | x @ 2), ready(Some(1)), true, Some(x)), Some(1));
        assert_eq!(either!(Some(x), ready(Some(1)), false, Some(x)), None);
    });
}

fn a_future_is_send_if_its_parts_are() {
    fn send<T: Send>(value: T) -> T {
        value
    }
    block_on(send(async {
        select! {
            _ = yield_once() => {}
            _ = pending::<()>() => {}
        }
    }));
}

async fn yield_once() {
    windlass_tests::wake_self().await;
}

fn streams_until_both_end(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let (left_sender, mut left) = mpsc::unbounded();
        let (right_sender, mut right) = mpsc::unbounded();
        let sending = windlass::spawn(async move {
            for n in 0..100 {
                let sender = if n % 3 == 0 { &left_sender } else { &right_sender };
                sender.unbounded_send(n).unwrap();
                yield_now().await;
            }
        });
        let mut received = Vec::new();
        let (mut left_open, mut right_open) = (true, true);
        loop {
            select! {
                item = left.next(), if left_open => match item {
                    Some(n) => received.push(n),
                    None => left_open = false,
                },
                item = right.next(), if right_open => match item {
                    Some(n) => received.push(n),
                    None => right_open = false,
                },
                else => break,
            }
        }
        sending.await.unwrap();
        received.sort_unstable();
        assert_eq!(received, (0..100).collect::<Vec<_>>());
    });
}

fn a_future_that_lost_goes_on(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let (first_sender, mut first) = oneshot::channel();
        let (second_sender, mut second) = oneshot::channel();
        let sending = windlass::spawn(async move {
            first_sender.send(1).unwrap();
            second_sender.send(2).unwrap();
        });
        select! {
            sent = &mut first => {
                assert_eq!(sent, Ok(1));
                assert_eq!(second.await, Ok(2));
            }
            sent = &mut second => {
                assert_eq!(sent, Ok(2));
                assert_eq!(first.await, Ok(1));
            }
        }
        sending.await.unwrap();
    });
}

fn a_select_in_a_loop_gives_way(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let task = windlass::spawn(async {
            // Both are always ready and spend the budget; a third is what the loop gives way to.
            let mut rounds = 0_usize;
            let other = windlass::task::spawn_blocking(|| ());
            let mut other = other.fuse();
            loop {
                select! {
                    biased;
                    _ = consume_budget() => rounds += 1,
                    _ = consume_budget() => rounds += 1,
                }
                if (&mut other).now_or_never().is_some() {
                    break rounds;
                }
            }
        });
        task.await.unwrap();
        windlass::spawn(async {
            while consume_budget().now_or_never().is_some() {}
            let mut polls = 0;
            let mut select = pin!(async {
                select! { _ = ready(()) => {} }
            });
            poll_fn(|cx| {
                polls += 1;
                select.as_mut().poll(cx)
            })
            .await;
            assert_eq!(polls, 2, "a poll without a budget gives way, the next one has one");
        })
        .await
        .unwrap();
    });
}

//! `CancellationToken`: who is cancelled with whom, and who is woken.

use std::collections::HashSet;
use std::future::{Future, pending, ready};
use std::hash::{BuildHasher, RandomState};
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier};
use std::task::{Context, Wake, Waker};
use std::thread;

use parking_lot::Mutex;
use windlass::sync::{CancellationToken, DropGuard, WaitForCancellationFutureOwned};
use windlass_tests::{CountingWaker, Flavor, OnDrop, on_every_flavor, once};

on_every_flavor!(
    a_thousand_tasks_are_told,
    waiters_that_give_up_lose_nothing,
    run_until_cancelled_drops_its_future
);

once!(
    a_waiter_is_woken_once,
    an_owned_waiter_keeps_its_token,
    what_is_cancelled_stays_so,
    a_child_goes_with_its_parent,
    a_parent_does_not_go_with_its_child,
    a_grandchild_whose_parent_is_gone_goes_too,
    a_child_of_a_cancelled_token_is_cancelled,
    only_descendants_are_cancelled,
    children_outlive_their_parents,
    a_long_line_of_tokens_that_are_gone,
    guards,
    run_until_cancelled_prefers_the_output,
    equality_and_hashes,
    a_waker_may_use_the_whole_tree,
    a_token_cancelled_by_a_waker,
    all_are_cancelled_before_one_is_woken,
    a_waker_that_panics_keeps_nobody_waiting,
    trees_taken_apart_by_many_threads,
    cancelled_while_it_is_taken_apart,
    cancel_races_with_waiting,
);

fn is_send_and_sync<T: Send + Sync>() {}

fn poll<F: Future + ?Sized>(future: Pin<&mut F>, waker: &Waker) -> bool {
    future.poll(&mut Context::from_waker(waker)).is_ready()
}

fn a_waiter_is_woken_once() {
    is_send_and_sync::<CancellationToken>();
    is_send_and_sync::<WaitForCancellationFutureOwned>();
    is_send_and_sync::<DropGuard>();
    let (wakes, waker) = CountingWaker::new();
    let token = CancellationToken::new();
    assert!(!token.is_cancelled());
    let mut waiting = pin!(token.cancelled());
    assert!(!poll(waiting.as_mut(), &waker));
    assert!(!poll(waiting.as_mut(), &waker));
    assert_eq!(wakes.wakes(), 0);
    token.clone().cancel();
    assert_eq!(wakes.wakes(), 1);
    assert!(token.is_cancelled());
    assert!(poll(waiting, &waker));
    token.cancel();
    assert_eq!(wakes.wakes(), 1);
}

fn an_owned_waiter_keeps_its_token() {
    let (wakes, waker) = CountingWaker::new();
    let parent = CancellationToken::new();
    let mut waiting = Box::pin(parent.child_token().cancelled_owned());
    assert!(!poll(waiting.as_mut(), &waker));
    parent.cancel();
    assert_eq!(wakes.wakes(), 1);
    assert!(poll(waiting.as_mut(), &waker));

    let token = CancellationToken::new();
    let mut dropped = Box::pin(token.clone().cancelled_owned());
    assert!(!poll(dropped.as_mut(), &waker));
    drop(dropped);
    token.cancel();
    assert_eq!(wakes.wakes(), 1);
}

fn what_is_cancelled_stays_so() {
    let token = CancellationToken::default();
    token.cancel();
    for _ in 0..3 {
        assert!(poll(pin!(token.cancelled()), Waker::noop()));
        assert!(poll(pin!(token.clone().cancelled_owned()), Waker::noop()));
    }
    assert!(format!("{token:?}").contains("is_cancelled: true"));
}

fn a_child_goes_with_its_parent() {
    let (wakes, waker) = CountingWaker::new();
    let parent = CancellationToken::new();
    let child = parent.child_token();
    let (mut of_child, mut of_parent) = (pin!(child.cancelled()), pin!(parent.cancelled()));
    assert!(!poll(of_child.as_mut(), &waker));
    assert!(!poll(of_parent.as_mut(), &waker));
    parent.cancel();
    assert_eq!(wakes.wakes(), 2);
    assert!(child.is_cancelled() && parent.is_cancelled());
    assert!(poll(of_child, &waker) && poll(of_parent, &waker));
}

fn a_parent_does_not_go_with_its_child() {
    let (wakes, waker) = CountingWaker::new();
    let parent = CancellationToken::new();
    let children: Vec<_> = (0..3).map(|_| parent.child_token()).collect();
    let mut of_parent = pin!(parent.cancelled());
    assert!(!poll(of_parent.as_mut(), &waker));
    for child in &children {
        child.cancel();
        assert!(child.is_cancelled() && !parent.is_cancelled());
    }
    assert_eq!(wakes.wakes(), 0);
    parent.cancel();
    assert_eq!(wakes.wakes(), 1);
}

fn a_grandchild_whose_parent_is_gone_goes_too() {
    let (wakes, waker) = CountingWaker::new();
    let grandparent = CancellationToken::new();
    let parent = grandparent.child_token();
    let grandchildren: Vec<_> = (0..3).map(|_| parent.child_token()).collect();
    let mut waiting: Vec<_> = grandchildren.iter().map(|token| Box::pin(token.cancelled())).collect();
    assert!(waiting.iter_mut().all(|waiting| !poll(waiting.as_mut(), &waker)));
    drop(parent);
    assert_eq!(wakes.wakes(), 0);
    grandparent.cancel();
    assert_eq!(wakes.wakes(), 3);
    assert!(grandchildren.iter().all(CancellationToken::is_cancelled));
}

fn a_child_of_a_cancelled_token_is_cancelled() {
    let parent = CancellationToken::new();
    parent.cancel();
    let child = parent.child_token();
    assert!(child.is_cancelled() && child.child_token().is_cancelled());
    assert!(poll(pin!(child.cancelled()), Waker::noop()));
    assert_ne!(child, parent);
}

fn only_descendants_are_cancelled() {
    // Each token has two children; the fourth, which is at 1, is cancelled and has 3, 4, 7, 8, 9 and 10 below it.
    let mut tokens = vec![CancellationToken::new()];
    for n in 1..15 {
        let parent: usize = (n - 1) / 2;
        tokens.push(tokens[parent].child_token());
    }
    tokens[1].cancel();
    let cancelled: Vec<usize> = (0..15).filter(|&n| tokens[n].is_cancelled()).collect();
    assert_eq!(cancelled, [1, 3, 4, 7, 8, 9, 10]);
    tokens[0].cancel();
    assert!(tokens.iter().all(CancellationToken::is_cancelled));
}

fn children_outlive_their_parents() {
    let parent = CancellationToken::new();
    let (one, two) = (parent.child_token(), parent.child_token());
    drop(parent);
    assert!(!one.is_cancelled());
    one.cancel();
    assert!(one.is_cancelled() && !two.is_cancelled());
    let below = two.child_token();
    two.cancel();
    assert!(below.is_cancelled());
}

fn a_long_line_of_tokens_that_are_gone() {
    let root = CancellationToken::new();
    let mut last = root.child_token();
    for _ in 0..100_000 {
        last = last.child_token();
    }
    assert!(!last.is_cancelled());
    root.cancel();
    assert!(last.is_cancelled());

    // And one whose tokens are all there, which nothing walks through by recursion.
    let mut line = vec![CancellationToken::new()];
    for n in 0..100_000 {
        line.push(line[n].child_token());
    }
    line[0].cancel();
    assert!(line.iter().all(CancellationToken::is_cancelled));
}

fn guards() {
    let token = CancellationToken::new();
    let kept = token.clone().drop_guard().disarm();
    assert_eq!(kept, token);
    assert!(!token.is_cancelled());
    let guard = token.child_token().drop_guard();
    let child = guard.token().clone();
    drop(guard);
    assert!(child.is_cancelled() && !token.is_cancelled());
    {
        let guard = token.drop_guard_ref();
        assert_eq!(guard.token(), &token);
    }
    assert!(token.is_cancelled());
}

fn run_until_cancelled_prefers_the_output() {
    let token = CancellationToken::new();
    assert!(poll(pin!(token.run_until_cancelled(ready(()))), Waker::noop()));
    futures::executor::block_on(async {
        // Both come between two polls.
        let both = token.run_until_cancelled(async {
            windlass_tests::wake_self().await;
            token.cancel();
            7
        });
        assert_eq!(both.await, Some(7));
        let never = async { panic!("polled, and the token is cancelled") };
        assert_eq!(token.run_until_cancelled::<_>(never).await.map(|(): ()| 1), None);
    });
}

#[allow(clippy::mutable_key_type, reason = "it is hashed by its identity")]
fn equality_and_hashes() {
    let token = CancellationToken::new();
    let (child, other) = (token.child_token(), CancellationToken::new());
    assert_eq!(token, token.clone());
    assert_ne!(token, child);
    assert_ne!(token, other);
    let state = RandomState::new();
    assert_eq!(state.hash_one(&token), state.hash_one(token.clone()));
    let set = HashSet::from([token.clone(), token, child, other]);
    assert_eq!(set.len(), 3);
}

/// Calls a closure when it is woken.
struct Calls<F>(F);

impl<F: Fn() + Send + Sync> Wake for Calls<F> {
    fn wake(self: Arc<Self>) {
        (self.0)();
    }
}

fn a_waker_may_use_the_whole_tree() {
    let root = CancellationToken::new();
    let child = root.child_token();
    let tokens = Mutex::new(Some((root.clone(), child.clone())));
    // Another waiter of the same token, which the waker drops.
    let mut other = Box::pin(child.clone().cancelled_owned());
    assert!(!poll(other.as_mut(), Waker::noop()));
    let waiting = Mutex::new(Some(other));
    let waker = Waker::from(Arc::new(Calls(move || {
        let (root, child) = tokens.lock().take().expect("woken once");
        assert!(root.is_cancelled() && child.is_cancelled());
        root.cancel();
        assert!(poll(pin!(child.cancelled()), Waker::noop()));
        waiting.lock().take();
        drop(child.child_token());
        drop((root, child));
    })));
    let mut waiting = Box::pin(child.cancelled_owned());
    assert!(!poll(waiting.as_mut(), &waker));
    root.cancel();
    assert!(poll(waiting.as_mut(), &waker));
}

fn a_token_cancelled_by_a_waker() {
    let (first, second) = (CancellationToken::new(), CancellationToken::new());
    let sibling = first.child_token();
    let waker = {
        let (second, sibling) = (second.clone(), sibling.clone());
        Waker::from(Arc::new(Calls(move || {
            sibling.cancel();
            second.cancel();
        })))
    };
    let (wakes, counting) = CountingWaker::new();
    let mut of_first = pin!(first.cancelled());
    let mut of_second = pin!(second.cancelled());
    assert!(!poll(of_first.as_mut(), &waker));
    assert!(!poll(of_second.as_mut(), &counting));
    first.cancel();
    assert_eq!(wakes.wakes(), 1);
    assert!(second.is_cancelled() && sibling.is_cancelled());
    assert!(poll(of_second, &counting));
}

fn all_are_cancelled_before_one_is_woken() {
    let root = CancellationToken::new();
    let tokens: Vec<_> = (0..10).map(|_| root.child_token().child_token()).collect();
    let woken = Arc::new(AtomicUsize::new(0));
    let waker = {
        let (tokens, root, woken) = (tokens.clone(), root.clone(), woken.clone());
        Waker::from(Arc::new(Calls(move || {
            woken.fetch_add(1, Ordering::SeqCst);
            assert!(tokens.iter().chain([&root]).all(CancellationToken::is_cancelled));
        })))
    };
    let mut waiting: Vec<_> = tokens.iter().map(|token| Box::pin(token.cancelled())).collect();
    assert!(waiting.iter_mut().all(|waiting| !poll(waiting.as_mut(), &waker)));
    root.cancel();
    assert_eq!(woken.load(Ordering::SeqCst), 10);
}

fn a_waker_that_panics_keeps_nobody_waiting() {
    let root = CancellationToken::new();
    let children: Vec<_> = (0..3).map(|_| root.child_token()).collect();
    let (wakes, counting) = CountingWaker::new();
    let panicking = Waker::from(Arc::new(Calls(|| panic!("a waker's"))));
    let mut waiting: Vec<_> = children.iter().map(|token| Box::pin(token.cancelled())).collect();
    for (n, waiting) in waiting.iter_mut().enumerate() {
        assert!(!poll(waiting.as_mut(), if n == 1 { &panicking } else { &counting }));
    }
    root.cancel();
    assert_eq!(wakes.wakes(), 2);
}

fn trees_taken_apart_by_many_threads() {
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    let mut random = fastrand::Rng::with_seed(seed);
    for _ in 0..200 {
        let root = CancellationToken::new();
        let mut tokens = vec![root.clone()];
        for _ in 0..63 {
            let parent = random.usize(..tokens.len());
            tokens.push(tokens[parent].child_token());
        }
        let last = tokens[random.usize(..tokens.len())].child_token();
        random.shuffle(&mut tokens);
        let barrier = Barrier::new(4);
        thread::scope(|scope| {
            for _ in 0..4 {
                let part = tokens.split_off(tokens.len().saturating_sub(16));
                let barrier = &barrier;
                scope.spawn(move || {
                    barrier.wait();
                    for (n, token) in part.into_iter().enumerate() {
                        if n % 4 == 0 {
                            drop(token.child_token());
                        }
                        drop(token);
                    }
                });
            }
        });
        assert!(!last.is_cancelled());
        root.cancel();
        assert!(last.is_cancelled(), "what is left of the tree still hangs together");
    }
}

fn cancelled_while_it_is_taken_apart() {
    for _ in 0..500 {
        let root = CancellationToken::new();
        let branches: Vec<_> = (0..3).map(|_| root.child_token()).collect();
        let leaves: Vec<_> = branches.iter().map(CancellationToken::child_token).collect();
        let outside = CancellationToken::new();
        let barrier = Barrier::new(4);
        thread::scope(|scope| {
            for branch in branches {
                let (barrier, outside) = (&barrier, &outside);
                scope.spawn(move || {
                    barrier.wait();
                    // Goes, perhaps while the root is cancelled; others come to where it was.
                    drop(branch);
                    assert!(!outside.child_token().is_cancelled());
                });
            }
            barrier.wait();
            root.cancel();
            assert!(leaves.iter().all(CancellationToken::is_cancelled));
        });
        assert!(leaves.iter().all(|leaf| leaf.child_token().is_cancelled()));
    }
}

fn cancel_races_with_waiting() {
    for _ in 0..500 {
        let token = CancellationToken::new();
        let barrier = Barrier::new(4);
        thread::scope(|scope| {
            for n in 0..3 {
                let (token, barrier) = (if n == 0 { token.clone() } else { token.child_token() }, &barrier);
                scope.spawn(move || {
                    barrier.wait();
                    futures::executor::block_on(token.cancelled());
                });
            }
            barrier.wait();
            token.cancel();
        });
    }
}

fn a_thousand_tasks_are_told(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let root = CancellationToken::new();
        let ready = Arc::new(AtomicUsize::new(0));
        let tasks: Vec<_> = (0..1_000)
            .map(|n| {
                let token = if n % 2 == 0 { root.clone() } else { root.child_token() };
                let ready = ready.clone();
                windlass::spawn(async move {
                    ready.fetch_add(1, Ordering::SeqCst);
                    token.cancelled().await;
                    n
                })
            })
            .collect();
        windlass_tests::yield_until(|| ready.load(Ordering::SeqCst) == 1_000).await;
        windlass::spawn({
            let root = root.clone();
            async move { root.cancel() }
        });
        for (n, task) in tasks.into_iter().enumerate() {
            assert_eq!(task.await.unwrap(), n);
        }
    });
}

fn waiters_that_give_up_lose_nothing(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let token = CancellationToken::new();
        let tasks: Vec<_> = (0..100)
            .map(|_| {
                let token = token.clone();
                windlass::spawn(async move {
                    for _ in 0..10 {
                        windlass::select! {
                            biased;
                            _ = token.cancelled() => return,
                            _ = windlass::task::yield_now() => {}
                        }
                    }
                    token.cancelled().await;
                })
            })
            .collect();
        token.cancel();
        for task in tasks {
            task.await.unwrap();
        }
    });
}

fn run_until_cancelled_drops_its_future(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let token = CancellationToken::new();
        let (dropped, was_dropped) = futures::channel::oneshot::channel();
        let task = windlass::spawn(token.clone().run_until_cancelled_owned(async move {
            let _guard = OnDrop::new(|| dropped.send(()).unwrap());
            pending::<()>().await;
        }));
        windlass::task::yield_now().await;
        token.cancel();
        assert_eq!(task.await.unwrap(), None);
        // Dropped if it ran at all, and never made if not.
        let _ = was_dropped.await;
    });
}

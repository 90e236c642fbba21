//! Waiting for what happens to all at once: a flag that is set and told of, and looked at and waited for; and the tree of tokens, which
//! is taken apart while it is cancelled.

use std::task::{Context, Wake, Waker};

use loom::sync::atomic::AtomicUsize;
use loom::thread;

use crate::explore::model;
use crate::primitives::Arc;
use crate::primitives::atomic::{AtomicBool, Ordering};
use crate::sync::cancellation::CancellationToken;
use crate::sync::rounds::{Rounds, Waiter};

/// A waker that counts.
struct Counts(AtomicUsize);

impl Wake for Counts {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::AcqRel);
    }
}

fn counts() -> (Arc<Counts>, Waker) {
    let counts = Arc::new(Counts(AtomicUsize::new(0)));
    (counts.clone(), Waker::from(counts))
}

/// What a future of this crate does in a poll; true if it is over.
fn poll(flag: &AtomicBool, rounds: &Rounds, waiter: &mut Option<Waiter>, waker: &Waker) -> bool {
    while !flag.load(Ordering::Acquire) {
        match waiter {
            None => *waiter = Some(rounds.join()),
            Some(waiter) => {
                if rounds.poll(waiter, &mut Context::from_waker(waker)).is_pending() {
                    return false;
                }
                assert!(flag.load(Ordering::Acquire), "whose round is over sees what ended it");
            }
        }
    }
    true
}

/// One thread sets the flag and tells of it, another waits for it, with the same waker twice and then another one.
#[test]
fn set_against_wait() {
    model("rounds::set_against_wait", 100).explore(|| {
        let shared = Arc::new((AtomicBool::new(false), Rounds::new()));
        let setting = {
            let shared = shared.clone();
            thread::spawn(move || {
                shared.0.store(true, Ordering::Release);
                shared.1.wake_all();
            })
        };
        let (flag, rounds) = &*shared;
        let (first, first_waker) = counts();
        let (second, second_waker) = counts();
        let mut waiter = None;
        let mut over = poll(flag, rounds, &mut waiter, &first_waker);
        over = over || poll(flag, rounds, &mut waiter, &first_waker);
        let mut last = &first;
        if !over {
            last = &second;
            over = poll(flag, rounds, &mut waiter, &second_waker);
        }
        setting.join().unwrap();
        assert!(over || last.0.load(Ordering::Acquire) == 1, "the last waker of one who waits is woken");
        assert!(poll(flag, rounds, &mut waiter, &second_waker), "it is over");
    });
}

/// A waiter goes while all are woken; the one beside it is woken.
#[test]
fn leaving_against_waking() {
    model("rounds::leaving_against_waking", 4).explore(|| {
        let rounds = Arc::new(Rounds::new());
        let (goes, goes_waker) = counts();
        let (stays, stays_waker) = counts();
        let (mut one, mut other) = (rounds.join(), rounds.join());
        assert!(rounds.poll(&mut one, &mut Context::from_waker(&goes_waker)).is_pending());
        assert!(rounds.poll(&mut other, &mut Context::from_waker(&stays_waker)).is_pending());
        let (told, late_waker) = counts();
        let waking = {
            let rounds = rounds.clone();
            thread::spawn(move || {
                rounds.wake_all();
                // One of the next round, at the place of the one that leaves.
                let mut late = rounds.join();
                assert!(rounds.poll(&mut late, &mut Context::from_waker(&late_waker)).is_pending());
                late
            })
        };
        rounds.leave(&mut one);
        let mut late = waking.join().unwrap();
        rounds.wake_all();
        assert_eq!(stays.0.load(Ordering::Acquire), 1, "the one that stays is woken");
        assert!(goes.0.load(Ordering::Acquire) <= 1, "the one that goes is woken once at the most");
        assert_eq!(told.0.load(Ordering::Acquire), 1, "the one that comes is woken");
        rounds.leave(&mut late);
        rounds.leave(&mut other);
    });
}

/// The token between two others goes while the one above is cancelled, or another thread makes a child there.
#[test]
fn cancel_against_a_token_that_goes() {
    model("rounds::cancel_against_a_token_that_goes", 70).explore(|| {
        let root = CancellationToken::new();
        let middle = root.child_token();
        let leaf = middle.child_token();
        let outside = CancellationToken::new();
        let dropping = thread::spawn(move || drop(middle));
        let cancelling = {
            let root = root.clone();
            thread::spawn(move || root.cancel())
        };
        let late = leaf.child_token();
        dropping.join().unwrap();
        cancelling.join().unwrap();
        assert!(leaf.is_cancelled(), "a leaf whose parent goes is cancelled with what was above that");
        assert!(late.is_cancelled(), "a child that is made meanwhile is cancelled too");
        assert!(!outside.is_cancelled(), "another tree is not");
    });
}

/// Two tokens in a line go at the same time, and what was below both hangs together with what was above.
#[test]
fn two_tokens_that_go() {
    model("rounds::two_tokens_that_go", 10).explore(|| {
        let root = CancellationToken::new();
        let upper = root.child_token();
        let lower = upper.child_token();
        let leaf = lower.child_token();
        let one = thread::spawn(move || drop(upper));
        let other = thread::spawn(move || drop(lower));
        one.join().unwrap();
        other.join().unwrap();
        root.cancel();
        assert!(leaf.is_cancelled(), "what is left of a tree hangs together");
    });
}

/// A branch is cancelled while its leaf goes, and one that comes takes the place of either in the tree.
#[test]
fn a_leaf_that_goes_with_its_branch() {
    model("rounds::a_leaf_that_goes_with_its_branch", 50).explore(|| {
        let root = CancellationToken::new();
        let branch = root.child_token();
        let leaf = branch.child_token();
        let dropping = thread::spawn(move || drop(leaf));
        let cancelling = thread::spawn(move || branch.cancel());
        let late = root.child_token();
        dropping.join().unwrap();
        cancelling.join().unwrap();
        assert!(!late.is_cancelled(), "the branch beside it is another's");
        root.cancel();
        assert!(late.is_cancelled(), "a token that has the place of one that went keeps it");
    });
}

/// A token and the one above it are cancelled at the same time, while a task waits for the lower one.
#[test]
fn two_that_cancel() {
    model("rounds::two_that_cancel", 150).explore(|| {
        let root = CancellationToken::new();
        let child = root.child_token();
        let (wakes, waker) = counts();
        let mut waiting = Box::pin(child.clone().cancelled_owned());
        let mut over = waiting.as_mut().poll(&mut Context::from_waker(&waker)).is_ready();
        let one = thread::spawn(move || root.cancel());
        let other = thread::spawn(move || child.cancel());
        over = over || waiting.as_mut().poll(&mut Context::from_waker(&waker)).is_ready();
        one.join().unwrap();
        other.join().unwrap();
        assert!(over || wakes.0.load(Ordering::Acquire) == 1, "one of the two wakes the waiter, once");
        assert!(waiting.as_mut().poll(&mut Context::from_waker(&waker)).is_ready(), "it is over");
    });
}

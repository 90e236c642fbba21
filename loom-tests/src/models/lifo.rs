//! The LIFO slot: its worker against those who take from it.

use std::sync::Mutex;

use loom::thread;

use super::workers::{assert_nothing_lost, clear, finder, on_seat, runtime, sleeper, task, worker};
use crate::explore::model;
use crate::primitives::Arc;
use crate::scheduler::monitor;
use crate::task::Token;

/// The tokens that were taken, by the ids of their tasks. Each is given up without being run, so that one
/// that was taken twice does no harm before it is counted.
fn ids(tokens: impl IntoIterator<Item = Token>) -> Vec<u64> {
    let mut ids: Vec<u64> = tokens
        .into_iter()
        .map(|token| {
            let task = token.into_raw();
            // SAFETY: every task of these models lives to their end.
            let task = unsafe { task.as_ref() };
            // What a thief does first with what it took.
            let _ = task.state().load();
            task.id().get()
        })
        .collect();
    ids.sort_unstable();
    ids
}

/// The worker puts two tasks in and takes one, while a thief takes one.
#[test]
fn owner_against_thief() {
    model("lifo::owner_against_thief", 20).explore(|| {
        let shared = runtime(2);
        let thief = {
            let shared = shared.clone();
            thread::spawn(move || ids(shared.seats[0].lifo.take()))
        };
        let tokens = [task(&shared), task(&shared)];
        let all: Vec<_> = tokens.iter().map(|token| std::ptr::NonNull::from(token.header())).collect();
        let mut expected: Vec<u64> = tokens.iter().map(|token| token.header().id().get()).collect();
        expected.sort_unstable();
        let slot = &shared.seats[0].lifo;
        let mut mine: Vec<u64> = Vec::new();
        for token in tokens {
            mine.extend(ids(slot.put(token)));
        }
        mine.extend(ids(slot.take()));
        mine.extend(thief.join().unwrap());
        mine.extend(ids(slot.take()));
        mine.sort_unstable();
        assert_eq!(mine, expected, "a task in the LIFO slot is taken exactly once");
        for task in all {
            // SAFETY: all tokens were forgotten above, and this takes each back once.
            drop(unsafe { Token::reclaim(task) });
        }
    });
}

/// The monitor moves what waits behind a poll, while the worker comes back from it.
#[test]
fn rescue_against_owner() {
    model("lifo::rescue_against_owner", 20).explore(|| {
        let shared = runtime(2);
        let (owner, asleep) = (worker(&shared), sleeper(&shared));
        let (behind, next) = (task(&shared), task(&shared));
        let mut expected = vec![behind.header().id().get(), next.header().id().get()];
        expected.sort_unstable();
        assert!(shared.seats[owner.index()].lifo.put(next).is_none());
        owner.desk().push(behind);
        let seat = owner.index();
        let rescuer = {
            let shared = shared.clone();
            thread::spawn(move || monitor::rescue(&shared, &shared.seats[seat]))
        };
        let kept = Arc::new(Mutex::new(Vec::new()));
        on_seat(owner, |owner| {
            let (first, second) = (owner.at_hand(), owner.at_hand());
            kept.lock().unwrap().extend(first.into_iter().chain(second));
        });
        rescuer.join().unwrap();
        if !shared.injector.is_empty() {
            assert!(!shared.idle.is_sleeper(asleep.index()), "somebody is woken for what is rescued");
        }
        let mut tokens = std::mem::take(&mut *kept.lock().unwrap());
        while let crate::primitives::deque::Steal::Success(token) = shared.injector.steal() {
            tokens.push(token);
        }
        tokens.extend(shared.seats[seat].lifo.take());
        while let crate::primitives::deque::Steal::Success(token) = shared.seats[seat].stealer.steal() {
            tokens.push(token);
        }
        let mut found: Vec<u64> = tokens.iter().map(|token| token.header().id().get()).collect();
        found.sort_unstable();
        if found != expected {
            tokens.into_iter().for_each(std::mem::forget);
            panic!("a rescued task is neither lost nor doubled: {found:?} of {expected:?}");
        }
        drop(tokens);
        clear(&shared);
    });
}

/// The monitor moves a task from behind a poll, and its worker comes back, finds nothing and goes to sleep.
#[test]
fn rescue_against_owner_that_sleeps() {
    model("lifo::rescue_against_owner_that_sleeps", 200).explore(|| {
        let shared = runtime(2);
        let (owner, asleep) = (worker(&shared), sleeper(&shared));
        let seat = owner.index();
        assert!(shared.seats[seat].lifo.put(task(&shared)).is_none(), "the slot was empty");
        let (watched, thread) = finder(owner);
        monitor::rescue(&shared, &shared.seats[seat]);
        assert_nothing_lost(&shared, &[&watched], &[asleep.index()]);
        shared.set_closing();
        drop(thread.join().unwrap());
        clear(&shared);
    });
}

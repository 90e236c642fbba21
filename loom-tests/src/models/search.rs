//! Searching: whoever searches is trusted with what is queued meanwhile.

use loom::thread;

use super::workers::{assert_nothing_lost, clear, on_seat, runtime, searcher, sleeper, task, worker};
use crate::explore::model;

/// A worker finds a task while another is queued, which is left to it; and it does not come back.
#[test]
fn last_searcher_rechecks() {
    model("search::last_searcher_rechecks", 80).explore(|| {
        let shared = runtime(2);
        let (first, asleep) = (worker(&shared), sleeper(&shared));
        shared.injector.push(task(&shared));
        let pushing = {
            let (shared, token) = (shared.clone(), task(&shared));
            thread::spawn(move || shared.inject(token))
        };
        let found = on_seat(first, |first| first.find_or_sleep());
        pushing.join().unwrap();
        assert!(found.is_some(), "the worker finds what was there before it looked");
        assert_nothing_lost(&shared, &[], &[asleep.index()]);
        drop(found);
        clear(&shared);
    });
}

/// A worker that searched joins the sleepers while a task is queued, which is left to it, sees it at its last look and
/// does not park; and it does not come back.
#[test]
fn what_the_last_look_sees() {
    model("search::what_the_last_look_sees", 200).explore(|| {
        let shared = runtime(2);
        // Taken from the list in the order in which they did not join: the worker first.
        let (asleep, last) = (sleeper(&shared), worker(&shared));
        let pushing = {
            let (shared, token) = (shared.clone(), task(&shared));
            thread::spawn(move || shared.inject(token))
        };
        let found = on_seat(last, |last| last.find_or_sleep());
        pushing.join().unwrap();
        assert_nothing_lost(&shared, &[], &[asleep.index()]);
        drop(found);
        clear(&shared);
    });
}

/// Two workers search. The first takes more than one task and stops, but is not the last to do so.
#[test]
fn batch_of_a_searcher_that_is_not_the_last() {
    model("search::batch_of_a_searcher_that_is_not_the_last", 50_000).explore(|| {
        let shared = runtime(3);
        let searchers = [worker(&shared), worker(&shared)];
        let asleep = sleeper(&shared);
        for _ in 0..3 {
            shared.injector.push(task(&shared));
        }
        let [(one, first), (two, second)] = searchers.map(searcher);
        assert_nothing_lost(&shared, &[&one, &two], &[asleep.index()]);
        shared.set_closing();
        drop(first.join().unwrap());
        drop(second.join().unwrap());
        clear(&shared);
    });
}

/// A worker that does not search takes a batch from the injector in passing, and does not come back.
#[test]
fn batch_taken_in_passing() {
    model("search::batch_taken_in_passing", 500).explore(|| {
        let shared = runtime(3);
        let (passing, other) = (worker(&shared), worker(&shared));
        let asleep = sleeper(&shared);
        for _ in 0..3 {
            shared.injector.push(task(&shared));
        }
        let (watched, thread) = searcher(other);
        let taken = on_seat(passing, |passing| passing.next());
        assert_nothing_lost(&shared, &[&watched], &[asleep.index()]);
        shared.set_closing();
        drop(thread.join().unwrap());
        drop(taken);
        clear(&shared);
    });
}

/// Two threads queue a task each while two workers sleep.
#[test]
fn two_pushes_one_waker() {
    model("search::two_pushes_one_waker", 30).explore(|| {
        let shared = runtime(2);
        let asleep = [sleeper(&shared), sleeper(&shared)];
        let (one, two) = (task(&shared), task(&shared));
        let pushing = {
            let shared = shared.clone();
            thread::spawn(move || shared.inject(one))
        };
        shared.inject(two);
        pushing.join().unwrap();
        let sleeping = |shared: &crate::scheduler::Shared| {
            asleep.iter().filter(|worker| shared.idle.is_sleeper(worker.index())).count()
        };
        assert!(sleeping(&shared) < 2, "a push wakes a sleeper where nobody searches");
        assert_eq!(sleeping(&shared), 1, "one wake is in flight at most");
        clear(&shared);
    });
}

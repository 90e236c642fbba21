//! The monitor's rest against those who get up.

use loom::thread;

use super::workers::{assert_nothing_lost, clear, dozer, finder, guest, runtime, settle, task, worker};
use crate::explore::model;
use crate::scheduler::monitor;

/// A worker gets up while the monitor lies down.
#[test]
fn kick_against_rest() {
    model("monitor::kick_against_rest", 70).explore(|| {
        let shared = runtime(2);
        let monitor = {
            let shared = shared.clone();
            thread::spawn(move || shared.monitor.rest_now(&shared))
        };
        shared.seats[0].set_awake(true);
        shared.monitor.kick();
        settle();
        assert!(!shared.monitor.is_awaited(), "the monitor does not rest while a worker is awake");
        shared.seats[0].set_awake(false);
        shared.set_closing();
        monitor.join().unwrap();
    });
}

/// The runtime closes while the monitor lies down.
#[test]
fn closing_against_rest() {
    model("monitor::closing_against_rest", 20).explore(|| {
        let shared = runtime(2);
        let monitor = {
            let shared = shared.clone();
            thread::spawn(move || shared.monitor.rest_now(&shared))
        };
        shared.set_closing();
        settle();
        assert!(!shared.monitor.is_awaited(), "the monitor does not rest when the runtime closes");
        monitor.join().unwrap();
    });
}

/// A task is queued of which nobody was told, as if it was too short for that, and its worker does not come back for it, while
/// another one looks for work and sleeps.
#[test]
fn shares_what_nobody_was_told_of() {
    model("monitor::shares_what_nobody_was_told_of", 20).explore(|| {
        let shared = runtime(2);
        let (busy, other) = (worker(&shared), worker(&shared));
        let (watched, thread) = finder(other);
        busy.desk().push(task(&shared));
        monitor::share(&shared, false, &mut false);
        assert_nothing_lost(&shared, &[&watched], &[]);
        shared.set_closing();
        drop(thread.join().unwrap());
        clear(&shared);
    });
}

/// A task is queued behind a worker that is stuck, which the monitor finds while a guest goes to sleep, without a search.
#[test]
fn all_are_found_stuck_while_a_guest_goes_to_sleep() {
    model("monitor::all_are_found_stuck_while_a_guest_goes_to_sleep", 20).explore(|| {
        let shared = runtime(2);
        let busy = worker(&shared);
        busy.desk().push(task(&shared));
        let (watched, thread) = dozer(guest(&shared));
        monitor::share(&shared, true, &mut false);
        assert_nothing_lost(&shared, &[&watched], &[]);
        shared.set_closing();
        drop(thread.join().unwrap());
        clear(&shared);
    });
}

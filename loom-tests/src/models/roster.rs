//! Seats that become free, and the guests in line for them.

use std::future::poll_fn;
use std::sync::atomic::Ordering::Relaxed;
use std::task::{Poll, Waker};

use loom::sync::Mutex;
use loom::thread;

use super::tasks::Drops;
use super::workers::{create, runtime, settle, worker};
use crate::context::{self, Seated};
use crate::explore::model;
use crate::primitives::Arc;
use crate::scheduler::model::Parker;
use crate::scheduler::{Close, Desk, Shared, Worker, block_on_seated};

const FORGOTTEN: &str = "a free seat is not forgotten while a guest waits for it";

/// Leaves as a guest does whose future is done.
fn leave(worker: Worker) {
    let worker = Box::new(worker);
    {
        // SAFETY: the worker is in a box of its own, and outlives the guard.
        let _seated = unsafe { Seated::new(&worker) };
        worker.hand_over();
        worker.retire();
    }
    (*worker).depart();
}

/// Whether this thread sits on a seat.
fn has_seat() -> bool {
    context::with_worker(|worker| worker.is_some())
}

/// A guest in line whose future is not woken. It comes back from there with its seat, which it keeps.
fn in_line(shared: &Arc<Shared>) -> (Arc<Parker>, thread::JoinHandle<(usize, Desk)>) {
    let parker = Arc::new(Parker::new(None));
    assert!(shared.roster.sit_or_wait(&parker).is_none(), "every seat is taken");
    let thread = thread::spawn({
        let (shared, parker) = (shared.clone(), parker.clone());
        move || wait(&shared, &parker)
    });
    (parker, thread)
}

fn wait(shared: &Shared, parker: &Arc<Parker>) -> (usize, Desk) {
    loop {
        if let Some(seat) = shared.roster.sit_or_wait(parker) {
            return seat;
        }
        parker.park();
    }
}

/// A guest comes while the one on the only seat leaves.
#[test]
fn arriving_against_leaving() {
    model("roster::arriving_against_leaving", 30).explore(|| {
        let shared = runtime(1);
        let seated = worker(&shared);
        let parker = Arc::new(Parker::new(None));
        let arriving = {
            let (shared, parker) = (shared.clone(), parker.clone());
            thread::spawn(move || wait(&shared, &parker))
        };
        leave(seated);
        settle();
        assert!(!parker.is_awaited(), "{FORGOTTEN}");
        drop(arriving.join().unwrap());
    });
}

/// A guest comes to the line and goes to poll its future, which blocks its thread, while the one on the only
/// seat leaves, and another one comes.
#[test]
fn told_guest_that_polls_its_future() {
    model("roster::told_guest_that_polls_its_future", 500).explore(|| {
        let shared = runtime(1);
        let seated = worker(&shared);
        let mut leaving = Some(thread::spawn(move || leave(seated)));
        let parker = Arc::new(Parker::new(None));
        let other = {
            let (shared, parker) = (shared.clone(), parker.clone());
            thread::spawn(move || wait(&shared, &parker))
        };
        block_on_seated(
            &shared,
            poll_fn(|_| {
                leaving.take().expect("it is polled once").join().unwrap();
                settle();
                assert!(has_seat() || !parker.is_awaited(), "{FORGOTTEN}");
                Poll::Ready(())
            }),
        );
        drop(other.join().unwrap());
    });
}

/// Two seats become free while two guests wait in line, the second of whom is up for another reason and
/// takes the first free seat unasked.
#[test]
fn guest_that_sits_down_unasked() {
    model("roster::guest_that_sits_down_unasked", 8000).explore(|| {
        let shared = runtime(2);
        let seated = [worker(&shared), worker(&shared)];
        let (first, one) = in_line(&shared);
        let (second, two) = in_line(&shared);
        second.unpark();
        seated.into_iter().for_each(leave);
        settle();
        assert!(!first.is_awaited() && !second.is_awaited(), "{FORGOTTEN}");
        drop(one.join().unwrap());
        drop(two.join().unwrap());
    });
}

/// The guest on the only seat leaves a task behind, for whose end the one in line waits.
#[test]
fn next_in_line_runs_what_was_left() {
    model("roster::next_in_line_runs_what_was_left", 40).explore(|| {
        let shared = runtime(1);
        // There is nobody else to run tasks.
        shared.idle.set_guests_too(true);
        let seated = worker(&shared);
        let (token, join) = create(&shared, async { 7 });
        seated.push_back(token);
        let waiting = {
            let shared = shared.clone();
            thread::spawn(move || block_on_seated(&shared, join))
        };
        leave(seated);
        settle();
        let first = shared.roster.first_in_line();
        assert!(first.is_none_or(|parker| !parker.is_awaited()), "{FORGOTTEN}");
        let output = waiting.join().unwrap();
        assert_eq!(output.ok(), Some(7), "what a guest leaves behind is run by the next one");
    });
}

/// The runtime closes and its last worker leaves while a guest waits in line, whose future is woken then.
#[test]
fn closing_against_a_guest_in_line() {
    model("roster::closing_against_a_guest_in_line", 2000).explore(|| {
        let shared = runtime(1);
        let last = worker(&shared);
        let left: Arc<Mutex<Option<Waker>>> = Arc::default();
        let guest = {
            let (shared, left) = (shared.clone(), left.clone());
            let mut polls = 0;
            thread::spawn(move || {
                block_on_seated(
                    &shared,
                    poll_fn(|cx| {
                        assert!(!has_seat(), "nobody sits down in a runtime that closes");
                        polls += 1;
                        if polls == 1 {
                            *left.lock().unwrap() = Some(cx.waker().clone());
                            return Poll::Pending;
                        }
                        Poll::Ready(())
                    }),
                );
            })
        };
        let Close::Workers = shared.roster.close() else { panic!("a worker is there") };
        shared.set_closing();
        leave(last);
        settle();
        let waker = left.lock().unwrap().take().expect("a guest in line is polled");
        waker.wake();
        guest.join().unwrap();
    });
}

/// The runtime closes while a stand-in comes for a worker that blocks until an idle task is ended.
#[test]
fn closing_against_a_stand_in() {
    model("roster::closing_against_a_stand_in", 300).explore(|| {
        let shared = runtime(1);
        let blocked = worker(&shared);
        let (alive, drops) = Drops::new();
        let (token, join) = create(
            &shared,
            poll_fn(move |_| {
                let _alive = &alive;
                Poll::<()>::Pending
            }),
        );
        blocked.run(token);
        let stand_in = {
            let shared = shared.clone();
            thread::spawn(move || {
                let there = shared.clone();
                block_on_seated(
                    &shared,
                    poll_fn(|_| if there.is_closing() { Poll::Ready(()) } else { Poll::Pending }),
                );
            })
        };
        let Close::Workers = shared.roster.close() else { panic!("a worker is there") };
        shared.set_closing();
        settle();
        let first = shared.roster.first_in_line();
        assert!(first.is_none_or(|parker| !parker.is_awaited()), "a stand-in hears of the end in line");
        stand_in.join().unwrap();
        assert!(join.is_finished(), "a stand-in that finds no seat ends what waits");
        assert_eq!(drops.load(Relaxed), 1, "its future is dropped exactly once");
        leave(blocked);
    });
}

/// The runtime closes while the guest on its only seat leaves: one of the two ends what is left.
#[test]
fn closing_against_a_guest_that_leaves() {
    model("roster::closing_against_a_guest_that_leaves", 130).explore(|| {
        let shared = runtime(1);
        let guest = worker(&shared);
        let (alive, drops) = Drops::new();
        let (token, join) = create(&shared, async move { drop(alive) });
        guest.push_back(token);
        let closing = {
            let shared = shared.clone();
            thread::spawn(move || {
                let close = shared.roster.close();
                shared.set_closing();
                if let Close::Caller(index, desk) = close {
                    let caller = Worker::new(shared.clone(), index, desk);
                    caller.arrive();
                    leave(caller);
                }
                shared.roster.wait_drained(None);
            })
        };
        leave(guest);
        settle();
        assert!(!shared.roster.is_awaited(), "who closes the runtime hears of the seat that comes back");
        closing.join().unwrap();
        assert!(join.is_finished(), "what a guest leaves behind is ended with the runtime");
        assert_eq!(drops.load(Relaxed), 1, "its future is dropped exactly once");
    });
}

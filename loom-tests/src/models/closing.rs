//! The end of a runtime against sleepers, spawns and wakes.

use std::future::poll_fn;
use std::panic::Location;
use std::sync::atomic::Ordering::Relaxed;
use std::task::Poll;

use loom::thread;

use super::tasks::{Drops, leave, left, take};
use super::workers::{Watched, assert_nothing_lost, create, on_seat, runtime, settle, worker};
use crate::explore::model;
use crate::scheduler::{Close, Worker, monitor};

/// A worker from its first look for work to its end.
fn work_and_retire(worker: Worker) {
    on_seat(worker, |worker| {
        worker.work();
        worker.retire();
    });
}

/// A worker goes to sleep while the runtime closes.
#[test]
fn closing_against_sleep() {
    model("closing::closing_against_sleep", 60).explore(|| {
        let shared = runtime(2);
        let worker = worker(&shared);
        let parker = worker.parker().clone();
        let thread = thread::spawn(move || on_seat(worker, |worker| worker.work()));
        shared.set_closing();
        settle();
        assert!(!parker.is_awaited(), "no worker sleeps through the end");
        thread.join().unwrap();
    });
}

/// A thread spawns a task while the last worker leaves.
#[test]
fn spawn_racing_drain() {
    model("closing::spawn_racing_drain", 200).explore(|| {
        let shared = runtime(2);
        let worker = worker(&shared);
        let (alive, drops) = Drops::new();
        let spawning = {
            let shared = shared.clone();
            thread::spawn(move || {
                let future = async move { drop(alive) };
                shared.spawn(future, None, Location::caller())
            })
        };
        let Close::Workers = shared.roster.close() else { panic!("a worker is there") };
        shared.set_closing();
        work_and_retire(worker);
        let join = spawning.join().unwrap();
        assert!(join.is_finished(), "a task spawned while the runtime closes is ended");
        assert_eq!(drops.load(Relaxed), 1, "its future is dropped exactly once");
    });
}

/// The same with a task that has a name, and so is in the registry before it is queued, or ended by its
/// spawner.
#[test]
fn named_spawn_racing_drain() {
    model("closing::named_spawn_racing_drain", 600).explore(|| {
        let shared = runtime(2);
        let worker = worker(&shared);
        let watched = Watched::new(&worker);
        let (alive, drops) = Drops::new();
        let Close::Workers = shared.roster.close() else { panic!("a worker is there") };
        let last = {
            let shared = shared.clone();
            thread::spawn(move || {
                shared.set_closing();
                work_and_retire(worker);
            })
        };
        let join = shared.spawn(async move { drop(alive) }, Some("named".into()), Location::caller());
        settle();
        assert!(!watched.sleeps(), "the last worker does not sleep when nothing is left");
        last.join().unwrap();
        assert!(join.is_finished(), "a named task spawned while the runtime closes is ended");
        assert_eq!(drops.load(Relaxed), 1, "its future is dropped exactly once");
    });
}

/// The monitor moves a task from behind a poll while the last workers leave.
#[test]
fn rescue_racing_drain() {
    model("closing::rescue_racing_drain", 200).explore(|| {
        let shared = runtime(2);
        let (other, stuck) = (worker(&shared), worker(&shared));
        let (alive, drops) = Drops::new();
        let (token, join) = create(&shared, async move { drop(alive) });
        assert!(stuck.seat().lifo.put(token).is_none(), "the slot was empty");
        let rescuing = {
            let (shared, seat) = (shared.clone(), stuck.index());
            thread::spawn(move || monitor::rescue(&shared, &shared.seats[seat]))
        };
        let Close::Workers = shared.roster.close() else { panic!("workers are there") };
        shared.set_closing();
        work_and_retire(other);
        work_and_retire(stuck);
        rescuing.join().unwrap();
        assert!(join.is_finished(), "a task rescued while the runtime closes is ended");
        assert_eq!(drops.load(Relaxed), 1, "its future is dropped exactly once");
    });
}

/// A thread wakes an idle task while the last worker ends what is idle.
#[test]
fn wake_racing_drain() {
    model("closing::wake_racing_drain", 800).explore(|| {
        let shared = runtime(2);
        let worker = worker(&shared);
        let (alive, drops) = Drops::new();
        let wakers = left();
        let future = {
            let wakers = wakers.clone();
            let mut first = true;
            poll_fn(move |cx| {
                let _alive = &alive;
                if std::mem::take(&mut first) {
                    leave(&wakers, cx, 1);
                }
                Poll::<()>::Pending
            })
        };
        let (token, join) = create(&shared, future);
        let waking = thread::spawn({
            worker.run(token);
            let waker = take(&wakers);
            move || waker.wake()
        });
        let watched = Watched::new(&worker);
        let Close::Workers = shared.roster.close() else { panic!("a worker is there") };
        shared.set_closing();
        let last = thread::spawn(move || work_and_retire(worker));
        waking.join().unwrap();
        assert_nothing_lost(&shared, &[&watched], &[]);
        last.join().unwrap();
        assert!(join.is_finished(), "a task woken while the runtime closes is ended");
        assert_eq!(drops.load(Relaxed), 1, "its future is dropped exactly once");
        assert!(shared.registry.is_empty(), "the registry is empty in the end");
    });
}

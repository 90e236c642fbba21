//! `block_on` on a seat: its own future, which may block its thread, and the tasks meanwhile.

use std::future::poll_fn;
use std::task::Poll;

use loom::thread;

use super::tasks::{leave, left, take};
use super::workers::{
    Watched, assert_nothing_lost, clear, find, finder, on_seat, runtime, settle, sleeper, task, watched,
    worker,
};
use crate::context::with_worker;
use crate::explore::model;
use crate::scheduler::model::{Root, sit};
use crate::scheduler::{Role, Worker, block_on_as, block_on_seated};

/// The future and a task are woken while the guest goes to sleep: when it polls its future it neither
/// searches nor counts among the sleepers, since that poll may never return.
#[test]
fn polls_its_future_empty_handed() {
    model("guest::polls_its_future_empty_handed", 7000).explore(|| {
        let shared = runtime(2);
        // The guest searches, and is woken for tasks, as there is nobody else.
        shared.idle.set_guests_too(true);
        let wakers = left();
        let seat = 0;
        let mut polls = 0;
        let token = task(&shared);
        let mut start = {
            let (shared, wakers) = (shared.clone(), wakers.clone());
            let mut token = Some(token);
            move || {
                let waker = take(&wakers);
                let token = token.take().expect("it starts once");
                let shared = shared.clone();
                let waking = thread::spawn(move || waker.wake());
                let pushing = thread::spawn(move || shared.inject(token));
                [waking, pushing]
            }
        };
        let mut threads = None;
        block_on_seated(
            &shared,
            poll_fn(|cx| {
                polls += 1;
                if polls == 1 {
                    leave(&wakers, cx, 1);
                    threads = Some(start());
                    return Poll::Pending;
                }
                assert!(!shared.idle.is_sleeper(seat), "a guest that polls is not among the sleepers");
                assert_eq!(shared.idle.searching(), 0, "no search is left open while a guest polls");
                Poll::Ready(())
            }),
        );
        assert_eq!(polls, 2, "the future is polled when it was woken");
        for thread in threads.take().expect("they were started") {
            thread.join().unwrap();
        }
        clear(&shared);
    });
}

/// The same of one who stands in for a worker, and so searches, and whose future blocks: what was left to it while it searched is found by
/// somebody else.
#[test]
fn work_seen_before_it_polls_its_future() {
    model("guest::work_seen_before_it_polls_its_future", 2000).explore(|| blocks_when_woken(Role::Worker));
}

/// The same of a guest, whom nobody asks to search.
#[test]
fn sleeps_unasked_while_a_task_is_queued() {
    model("guest::sleeps_unasked_while_a_task_is_queued", 3000).explore(|| blocks_when_woken(Role::Guest));
}

/// One in that role goes to sleep while a task is queued from outside and its future is woken, which blocks then.
fn blocks_when_woken(role: Role) {
    let shared = runtime(2);
    let asleep = sleeper(&shared);
    let wakers = left();
    let mut token = Some(task(&shared));
    let mut threads: Vec<thread::JoinHandle<()>> = Vec::new();
    let future = poll_fn(|cx| {
        if let Some(token) = token.take() {
            leave(&wakers, cx, 1);
            let waker = take(&wakers);
            let there = shared.clone();
            threads.push(thread::spawn(move || waker.wake()));
            threads.push(thread::spawn(move || there.inject(token)));
            return Poll::Pending;
        }
        threads.drain(..).for_each(|thread| thread.join().unwrap());
        assert_nothing_lost(&shared, &[], &[asleep.index()]);
        Poll::Ready(())
    });
    block_on_as(role, &shared, future);
    clear(&shared);
}

/// A guest has a task in its LIFO slot when it polls its future, which blocks.
#[test]
fn lifo_slot_of_a_guest_that_blocks() {
    model("guest::lifo_slot_of_a_guest_that_blocks", 300).explore(|| {
        let shared = runtime(2);
        let other = worker(&shared);
        let guest = sit(&shared, &Root::new(None)).expect("there is a seat");
        guest.push_next(task(&shared));
        let (watched, thread) = finder(other);
        guest.in_root(|| {
            assert!(guest.seat().lifo.is_empty(), "a guest that blocks has nothing in its LIFO slot");
            assert_nothing_lost(&shared, &[&watched], &[]);
            shared.set_closing();
            drop(thread.join().unwrap());
        });
        drop(guest);
        clear(&shared);
    });
}

/// A guest runs tasks, as many as there are to be workers do with it, and queues one, for which it wakes nobody. Then it polls
/// its future, which blocks, while a worker looks for work and sleeps.
#[test]
fn untold_of_before_it_polls_its_future() {
    model("guest::untold_of_before_it_polls_its_future", 300).explore(|| {
        let shared = runtime(2);
        let (watched, thread) = finder(worker(&shared));
        let guest = sit(&shared, &Root::new(None)).expect("there is a seat");
        guest.push_back(task(&shared));
        guest.in_root(|| {
            assert_nothing_lost(&shared, &[&watched], &[]);
            shared.set_closing();
            drop(thread.join().unwrap());
        });
        drop(guest);
        clear(&shared);
    });
}

/// The guest's future queues one task after the other, and blocks, while a worker takes the first and sleeps again.
#[test]
fn wakes_again_who_was_needed_for_a_moment() {
    model("guest::wakes_again_who_was_needed_for_a_moment", 300).explore(|| {
        let shared = runtime(2);
        let (watched, thread) = watched(worker(&shared), |worker| {
            drop(find(worker));
            find(worker)
        });
        let guest = sit(&shared, &Root::new(None)).expect("there is a seat");
        let tasks = [task(&shared), task(&shared)];
        guest.in_root(|| {
            tasks.into_iter().for_each(|task| guest.push_next(task));
            assert_nothing_lost(&shared, &[&watched], &[]);
            shared.set_closing();
            drop(thread.join().unwrap());
        });
        drop(guest);
        clear(&shared);
    });
}

/// The guest's future queues a task and waits. As a worker runs tasks, as far as the guest sees, it leaves the task to it and
/// rests, while that worker goes to sleep. Bound 2: at 3 it takes a minute.
#[test]
fn rests_while_a_worker_goes_to_sleep() {
    model("guest::rests_while_a_worker_goes_to_sleep", 10_000).preemptions(2).explore(|| {
        let shared = runtime(2);
        let (watched, thread) = finder(worker(&shared));
        let wakers = left();
        let mut token = Some(task(&shared));
        let mut waking = None;
        block_on_seated(
            &shared,
            poll_fn(|cx| {
                if let Some(token) = token.take() {
                    with_worker(|guest| guest.expect("a guest has a seat").push_next(token));
                    leave(&wakers, cx, 1);
                    let waker = take(&wakers);
                    waking = Some(thread::spawn(move || waker.wake()));
                    return Poll::Pending;
                }
                assert_nothing_lost(&shared, &[&watched], &[]);
                Poll::Ready(())
            }),
        );
        shared.set_closing();
        waking.expect("it was polled").join().unwrap();
        drop(thread.join().unwrap());
        clear(&shared);
    });
}

/// A guest arrives, queues a task and leaves again, while a thief looks for work and sleeps, and a thread
/// queues another task. Bound 2: the thief takes both tasks in every order, which at 3 takes minutes.
#[test]
fn arriving_and_leaving_against_thief_and_notifier() {
    model("guest::arriving_and_leaving_against_thief_and_notifier", 80_000).preemptions(2).explore(|| {
        let shared = runtime(2);
        let thief = worker(&shared);
        let watched = Watched::new(&thief);
        let thread = thread::spawn(move || on_seat(thief, Worker::work));
        let notifier = {
            let shared = shared.clone();
            let token = task(&shared);
            thread::spawn(move || shared.inject(token))
        };
        let guest = sit(&shared, &Root::new(None)).expect("there is a seat");
        guest.push_back(task(&shared));
        drop(guest);
        notifier.join().unwrap();
        settle();
        assert!(!(watched.sleeps() && shared.has_work()), "what a guest leaves behind is found");
        shared.set_closing();
        thread.join().unwrap();
        clear(&shared);
    });
}

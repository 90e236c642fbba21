//! The registry: a task joins it at its first `Pending`, and the end of the runtime finds it there.

use std::future::{poll_fn, ready};
use std::sync::atomic::Ordering::Relaxed;
use std::task::Poll;

use loom::thread;

use super::tasks::{ByHand, Drops};
use super::workers::{create, on_seat, runtime, worker};
use crate::explore::model;
use crate::scheduler::Close;
use crate::task::{ContextVar, Schedule, TaskInfo, carry_vars};

/// A worker polls a task for the first time and leaves, while another leaves.
#[test]
fn registration_racing_shutdown() {
    model("registry::registration_racing_shutdown", 500).explore(|| {
        let shared = runtime(2);
        let (one, two) = (worker(&shared), worker(&shared));
        let (token, join) = create(&shared, poll_fn(|_| Poll::<()>::Pending));
        let polling = thread::spawn(move || {
            on_seat(one, |one| {
                one.run(token);
                one.work();
                one.retire();
            });
        });
        let Close::Workers = shared.roster.close() else { panic!("workers are there") };
        shared.set_closing();
        on_seat(two, |two| {
            two.work();
            two.retire();
        });
        polling.join().unwrap();
        assert!(join.is_finished(), "a task that waits is ended by the end of the runtime");
    });
}

/// A worker polls a task for the first time and leaves, while another leaves, and a thread aborts the task.
#[test]
fn registration_racing_shutdown_and_abort() {
    model("registry::registration_racing_shutdown_and_abort", 80_000).explore(|| {
        let shared = runtime(2);
        let (one, two) = (worker(&shared), worker(&shared));
        let (alive, drops) = Drops::new();
        let future = poll_fn(move |_| {
            let _alive = &alive;
            Poll::<()>::Pending
        });
        let (token, join) = create(&shared, future);
        let abort = join.abort_handle();
        let polling = thread::spawn(move || {
            on_seat(one, |one| {
                one.run(token);
                one.work();
                one.retire();
            });
        });
        let aborting = thread::spawn(move || abort.abort());
        let Close::Workers = shared.roster.close() else { panic!("workers are there") };
        shared.set_closing();
        on_seat(two, |two| {
            two.work();
            two.retire();
        });
        polling.join().unwrap();
        aborting.join().unwrap();
        assert!(join.is_finished(), "every task that is registered is ended by the end of the runtime");
        assert_eq!(drops.load(Relaxed), 1, "its future is dropped exactly once");
        assert!(shared.registry.is_empty(), "a complete task is not in the registry");
    });
}

/// A task is in its first poll when somebody lists the tasks, and the worker is done with it meanwhile, and polls another.
#[test]
fn first_poll_against_listing() {
    model("registry::first_poll_against_listing", 200).explore(|| {
        let shared = runtime(1);
        let one = worker(&shared);
        let listing = std::sync::Arc::new(std::sync::Mutex::new(None));
        let future = {
            let (shared, listing) = (shared.clone(), listing.clone());
            poll_fn(move |_| {
                let shared = shared.clone();
                let list = move || shared.all_tasks().iter().map(TaskInfo::id).collect::<Vec<_>>();
                *listing.lock().unwrap() = Some(thread::spawn(list));
                Poll::<()>::Pending
            })
        };
        let (token, waits) = create(&shared, future);
        let (other, done) = create(&shared, ready(()));
        on_seat(one, |one| {
            one.run(token);
            one.run(other);
            let listed = listing.lock().unwrap().take().expect("it was polled").join().unwrap();
            let times = |wanted| listed.iter().filter(|id| **id == wanted).count();
            assert_eq!(times(waits.id()), 1, "a task that had begun is listed, once");
            assert!(times(done.id()) <= 1, "no task is listed twice");
            waits.abort();
            one.run(one.next().expect("it was aborted"));
        });
    });
}

/// A task completes while somebody lists the registry.
#[test]
fn completion_against_listing() {
    model("registry::completion_against_listing", 10).explore(|| {
        let shared = runtime(2);
        let one = worker(&shared);
        let mut first = true;
        let future =
            poll_fn(move |_| if std::mem::take(&mut first) { Poll::Pending } else { Poll::Ready(()) });
        let (token, join) = create(&shared, future);
        one.run(token);
        let listing = {
            let shared = shared.clone();
            thread::spawn(move || {
                let mut complete = false;
                shared.registry.walk(|task, _, _| complete |= task.state().load().is_complete(), || {});
                complete
            })
        };
        join.abort();
        if let Some(token) = one.next() {
            one.run(token);
        }
        assert!(!listing.join().unwrap(), "no task that is listed is complete");
        assert_eq!(shared.registry.len(), 0, "a task that completed is not listed");
    });
}

/// A task completes and another takes its slot while somebody walks, a few at a time.
#[test]
fn walk_against_a_slot_taken_again() {
    model("registry::walk_against_a_slot_taken_again", 40).explore(|| {
        let scheduler = ByHand::new();
        let wait = || {
            let (token, join) = scheduler.create(poll_fn(|_| Poll::<()>::Pending));
            scheduler.run(token);
            join
        };
        let [first, ends, second] = [(); 3].map(|()| wait());
        let walking = {
            let scheduler = scheduler.clone();
            thread::spawn(move || {
                let mut seen = Vec::new();
                scheduler.registry().walk(
                    |task, _, _| {
                        assert!(!task.state().load().is_complete(), "no task that is seen is complete");
                        seen.push(task.id());
                    },
                    || {},
                );
                seen
            })
        };
        ends.abort();
        scheduler.run_all();
        let comes = wait();
        let seen = walking.join().unwrap();
        let times = |id| seen.iter().filter(|seen| **seen == id).count();
        assert_eq!(
            [&first, &second].map(|stays| times(stays.id())),
            [1, 1],
            "a task that stays is seen once"
        );
        assert!(times(ends.id()) <= 1 && times(comes.id()) <= 1, "no task is seen twice");
        for task in [first, second, comes] {
            task.abort();
            scheduler.run_all();
        }
        assert!(scheduler.registry().is_empty(), "a task that completed is not listed");
    });
}

/// A task that is registered gets what few tasks have while somebody looks at it.
#[test]
fn rare_part_against_walk() {
    static VAR: ContextVar<u32> = ContextVar::__new("VAR", None);
    model("registry::rare_part_against_walk", 10).explore(|| {
        let scheduler = ByHand::new();
        let (token, join) = scheduler.create(poll_fn(|_| Poll::Ready(VAR.get())));
        let walking = {
            let scheduler = scheduler.clone();
            thread::spawn(move || {
                let mut seen = 0;
                scheduler.registry().walk(
                    |_, entry, parties| {
                        assert!(entry.name().is_none() && parties.is_empty(), "there is nothing of that");
                        seen += 1;
                    },
                    || {},
                );
                seen
            })
        };
        // SAFETY: the task is the scheduler's, and its token was not started.
        VAR.sync_scope(7, || unsafe { carry_vars::<ByHand>(&token) });
        assert!(walking.join().unwrap() <= 1, "no task is seen twice");
        scheduler.run(token);
        assert!(join.is_finished() && scheduler.registry().is_empty(), "a task that completed is not listed");
    });
}

//! The registry: a task joins it at its first `Pending`, and the end of the runtime finds it there.

use std::future::poll_fn;
use std::sync::atomic::Ordering::Relaxed;
use std::task::Poll;

use loom::thread;

use super::tasks::Drops;
use super::workers::{create, on_seat, runtime, worker};
use crate::explore::model;
use crate::scheduler::Close;

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
                shared.registry.for_each(|task, _| complete |= task.state().load().is_complete());
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

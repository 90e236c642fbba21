//! Push, then notify; against: join the sleepers, look once more, park.

use loom::thread;

use super::workers::{Watched, assert_nothing_lost, clear, finder, on_seat, runtime, task, worker};
use crate::explore::model;
use crate::scheduler::Shared;
use crate::scheduler::model::{Root, sit};
use crate::task::Token;

/// The check of these models: the worker took the task, or will.
fn assert_found(shared: &Shared, watched: &Watched, thread: thread::JoinHandle<Option<Token>>) {
    assert_nothing_lost(shared, &[watched], &[]);
    shared.set_closing();
    drop(thread.join().unwrap());
    clear(shared);
}

/// A worker queues a task in its local queue, and does not come back for it.
#[test]
fn local_push_against_park() {
    model("sleep::local_push_against_park", 100).explore(|| {
        let shared = runtime(2);
        let (pusher, other) = (worker(&shared), worker(&shared));
        let (watched, thread) = finder(other);
        let token = task(&shared);
        on_seat(pusher, |pusher| pusher.push_back(token));
        assert_found(&shared, &watched, thread);
    });
}

/// A thread that is no worker queues a task.
#[test]
fn remote_push_against_park() {
    model("sleep::remote_push_against_park", 200).explore(|| {
        let shared = runtime(2);
        let (watched, thread) = finder(worker(&shared));
        let token = task(&shared);
        shared.inject(token);
        assert_found(&shared, &watched, thread);
    });
}

/// A guest sits down, and its future queues a task and blocks.
#[test]
fn guest_push_against_park() {
    model("sleep::guest_push_against_park", 700).explore(|| {
        let shared = runtime(2);
        let (watched, thread) = finder(worker(&shared));
        let token = task(&shared);
        let guest = sit(&shared, &Root::new(None)).expect("there is a seat");
        guest.in_root(|| {
            guest.push_next(token);
            assert!(guest.seat().lifo.is_empty(), "what a guest's own future wakes is where others find it");
            assert_found(&shared, &watched, thread);
        });
    });
}

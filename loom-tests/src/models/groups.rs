//! A group's end against those who enter, leave, abort and wait; and the end of a gather's members.

use std::future::{self, Future};
use std::panic::Location;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Waker};

use loom::thread;

use super::tasks::{ByHand, Wakes};
use crate::aio::into_task::{ALL, Members};
use crate::explore::model;
use crate::group::Group;
use crate::primitives::atomic::Ordering::Relaxed;
use crate::primitives::atomic::{AtomicBool, AtomicUsize};
use crate::task::Ended;

struct Shared {
    group: Arc<Group<()>>,
    done: AtomicUsize,
}

impl Shared {
    fn new() -> Arc<Self> {
        Arc::new(Self { group: Group::new(Location::caller()), done: AtomicUsize::new(0) })
    }

    /// A task does its work and ends.
    fn end(&self) {
        self.done.fetch_add(1, Relaxed);
        self.group.leave();
    }
}

/// True if the group has ended.
fn poll_end(group: &Group<()>, wakes: &Arc<Wakes>) -> bool {
    group.poll_end(&Context::from_waker(&Waker::from(wakes.clone()))).is_ready()
}

/// Two tasks end while a third waits for that, with one waker and then another.
#[test]
fn last_end_against_joining() {
    model("groups::last_end_against_joining", 1000).explore(|| {
        let shared = Shared::new();
        let tasks = [(); 2].map(|()| {
            assert!(shared.group.count.enter());
            let there = shared.clone();
            thread::spawn(move || there.end())
        });
        let mut last = None;
        for wakes in [Wakes::new(), Wakes::new()] {
            if poll_end(&shared.group, &wakes) {
                assert_eq!(shared.done.load(Relaxed), 2, "who sees the end sees what the tasks did");
                last = None;
                break;
            }
            last = Some(wakes);
        }
        tasks.into_iter().for_each(|task| task.join().unwrap());
        if let Some(last) = last {
            assert_eq!(last.count(), 1, "the last to leave wakes who waits for the end");
            assert!(poll_end(&shared.group, &last));
        }
    });
}

/// A task is spawned into a group without any while that is joined.
#[test]
fn entering_against_the_end() {
    model("groups::entering_against_the_end", 3).explore(|| {
        let shared = Shared::new();
        let runs = Arc::new(AtomicBool::new(false));
        let (there, running) = (shared.clone(), runs.clone());
        let spawning = thread::spawn(move || {
            let entered = there.group.count.enter();
            running.store(entered, Relaxed);
            entered
        });
        let wakes = Wakes::new();
        let ended = poll_end(&shared.group, &wakes);
        let entered = spawning.join().unwrap();
        assert!(!(ended && entered), "no task begins once the group has ended");
        shared.group.leave();
        if !ended {
            assert!(entered || wakes.count() == 1, "who was refused wakes who waits");
            assert!(poll_end(&shared.group, &wakes));
        }
    });
}

/// A task enters a group while that is aborted.
#[test]
fn entering_against_abort() {
    model("groups::entering_against_abort", 6).explore(|| {
        let tasks = ByHand::new();
        let shared = Shared::new();
        let there = shared.clone();
        let aborting = thread::spawn(move || there.group.abort());
        if shared.group.count.enter() {
            let (token, join) = tasks.create(future::pending::<()>());
            tasks.push(token);
            shared.group.keep(join.abort_handle(), &Arc::default());
            aborting.join().unwrap();
            let mut settled = pin!(shared.group.settle());
            let mut cx = Context::from_waker(Waker::noop());
            assert!(settled.as_mut().poll(&mut cx).is_pending(), "a task that entered is waited for");
            tasks.run_all();
            assert!(join.is_finished(), "a task that entered is aborted with the group");
            assert!(settled.as_mut().poll(&mut cx).is_ready());
        } else {
            aborting.join().unwrap();
        }
        shared.group.leave();
        assert!(shared.group.count.is_closed());
    });
}

/// The members of a gather end while it waits, with one waker and then another.
#[test]
fn last_member_against_gathering() {
    model("groups::last_member_against_gathering", 100).explore(|| {
        let ended = Ended::new();
        let members = Arc::new(Members { ended: ended.clone() });
        let other = members.clone();
        let tasks = [thread::spawn(move || drop(members)), thread::spawn(move || drop(other))];
        let mut last = None;
        for wakes in [Wakes::new(), Wakes::new()] {
            let waker = Waker::from(wakes.clone());
            if let Some(key) = ended.next(&Context::from_waker(&waker)) {
                assert_eq!(key, ALL);
                last = None;
                break;
            }
            last = Some(wakes);
        }
        tasks.into_iter().for_each(|task| task.join().unwrap());
        if let Some(last) = last {
            assert_eq!(last.count(), 1, "who gathers is woken when the last member has ended");
            assert_eq!(ended.try_next(), Some(ALL));
        }
    });
}

//! Permits: given back, waited for, handed to a waiter that goes, and closed.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use loom::thread;

use super::tasks::Wakes;
use crate::explore::model;
use crate::primitives::UnsafeCell;
use crate::primitives::atomic::AtomicBool;
use crate::primitives::atomic::Ordering::Relaxed;
use crate::sync::wait::{Closed, Permits};
use crate::task::Resource;

const NO_LOSS: &str = "the last waker of one who waits for a permit is woken";

/// Permits, and whether that was done which comes before they are given back.
struct Shared {
    permits: Permits,
    done: AtomicBool,
}

impl Shared {
    fn new() -> Arc<Self> {
        Arc::new(Self { permits: Permits::new(0), done: AtomicBool::new(false) })
    }

    fn give(&self) {
        self.done.store(true, Relaxed);
        self.permits.release(1);
    }

    /// Called by whoever has the permit that was given.
    fn assert_done(&self) {
        assert!(self.done.load(Relaxed), "who has a permit sees what was done before it was given back");
    }
}

/// [`Permits::acquire`]'s future.
trait Acquiring: Future<Output = Result<(), Closed>> + Unpin {}
impl<F: Future<Output = Result<(), Closed>> + Unpin> Acquiring for F {}

fn poll(acquiring: &mut impl Acquiring, wakes: &Arc<Wakes>) -> Poll<Result<(), Closed>> {
    Pin::new(acquiring).poll(&mut Context::from_waker(&Waker::from(wakes.clone())))
}

fn waits(acquiring: &mut impl Acquiring, wakes: &Arc<Wakes>) {
    assert!(poll(acquiring, wakes).is_pending(), "there is no permit yet");
}

/// A task waits, with one waker and then another, while the permit it waits for is given back.
#[test]
fn release_against_acquire() {
    model("permits::release_against_acquire", 15).explore(|| {
        let shared = Shared::new();
        let there = shared.clone();
        let releasing = thread::spawn(move || there.give());
        let mut acquiring = shared.permits.acquire(1, Resource::Semaphore);
        let (first, second) = (Wakes::new(), Wakes::new());
        let mut last = None;
        for wakes in [&first, &second] {
            if poll(&mut acquiring, wakes).is_ready() {
                shared.assert_done();
                last = None;
                break;
            }
            last = Some(wakes);
        }
        releasing.join().unwrap();
        if let Some(last) = last {
            assert_eq!(last.count(), 1, "{NO_LOSS}");
            assert!(poll(&mut acquiring, last).is_ready(), "it was given the permit");
        }
        assert_eq!(shared.permits.available(), 0, "a permit is given to one");
    });
}

/// The first in line goes while it is given a permit; the one behind it gets that.
#[test]
fn grant_against_leaving() {
    model("permits::grant_against_leaving", 3).explore(|| {
        let shared = Shared::new();
        let (goes, stays) = (Wakes::new(), Wakes::new());
        let (mut first, mut second) =
            (shared.permits.acquire(1, Resource::Semaphore), shared.permits.acquire(1, Resource::Semaphore));
        waits(&mut first, &goes);
        waits(&mut second, &stays);
        let there = shared.clone();
        let releasing = thread::spawn(move || there.give());
        drop(first);
        releasing.join().unwrap();
        assert_eq!(stays.count(), 1, "what was granted to one that goes is granted to the next");
        assert!(poll(&mut second, &stays).is_ready());
    });
}

/// The first in line wants two, and goes while one is given back; the one behind it wants no more than that.
#[test]
fn who_held_up_the_line_leaves() {
    model("permits::who_held_up_the_line_leaves", 3).explore(|| {
        let shared = Shared::new();
        let (goes, stays) = (Wakes::new(), Wakes::new());
        let (mut first, mut second) =
            (shared.permits.acquire(2, Resource::Semaphore), shared.permits.acquire(1, Resource::Semaphore));
        waits(&mut first, &goes);
        waits(&mut second, &stays);
        let there = shared.clone();
        let releasing = thread::spawn(move || there.give());
        drop(first);
        releasing.join().unwrap();
        assert_eq!(stays.count(), 1, "who goes holds up the line no longer");
        assert!(poll(&mut second, &stays).is_ready());
    });
}

/// A task waits while they are closed.
#[test]
fn close_against_acquire() {
    model("permits::close_against_acquire", 10).explore(|| {
        let shared = Shared::new();
        let there = shared.clone();
        let closing = thread::spawn(move || there.permits.close());
        let wakes = Wakes::new();
        let mut acquiring = shared.permits.acquire(1, Resource::Semaphore);
        let over = poll(&mut acquiring, &wakes).is_ready();
        closing.join().unwrap();
        if !over {
            assert_eq!(wakes.count(), 1, "{NO_LOSS}");
            assert!(matches!(poll(&mut acquiring, &wakes), Poll::Ready(Err(Closed))));
        }
    });
}

/// One that was granted its permit before they were closed keeps it, and the one behind it is sent away.
#[test]
fn close_against_grant() {
    model("permits::close_against_grant", 5).explore(|| {
        let shared = Shared::new();
        let (one, other) = (Wakes::new(), Wakes::new());
        let (mut first, mut second) =
            (shared.permits.acquire(1, Resource::Semaphore), shared.permits.acquire(1, Resource::Semaphore));
        waits(&mut first, &one);
        waits(&mut second, &other);
        let there = shared.clone();
        let closing = thread::spawn(move || there.permits.close());
        shared.give();
        closing.join().unwrap();
        assert!(one.count() >= 1 && other.count() >= 1, "{NO_LOSS}");
        let Poll::Ready(outcome) = poll(&mut first, &one) else { panic!("it was granted, or sent away") };
        assert!(matches!(poll(&mut second, &other), Poll::Ready(Err(Closed))), "there was one permit");
        let left = shared.permits.available();
        assert_eq!(left, usize::from(outcome.is_err()), "a permit is held, or it is there");
    });
}

/// Two permits are given to one who waits for one of them, and who then tries for the other without a wait.
#[test]
fn who_was_granted_tries_for_what_is_left() {
    model("permits::who_was_granted_tries_for_what_is_left", 3).explore(|| {
        let permits = Arc::new(Permits::new(0));
        let wakes = Wakes::new();
        let mut first = permits.acquire(1, Resource::Semaphore);
        waits(&mut first, &wakes);
        let there = permits.clone();
        let releasing = thread::spawn(move || there.release(2));
        if poll(&mut first, &wakes).is_ready() {
            assert!(permits.try_acquire(1).is_ok(), "what is left is there for the taking when nobody waits");
        }
        releasing.join().unwrap();
    });
}

/// What a permit stands for: it may be used by who has the permit.
struct Place(UnsafeCell<i32>);

// SAFETY: that it is used by one after the other is what loom checks.
unsafe impl Sync for Place {}

/// Two give a permit each, and one waits for both.
#[test]
fn two_who_give_for_one_who_wants_both() {
    model("permits::two_who_give_for_one_who_wants_both", 50).explore(|| {
        let permits = Arc::new(Permits::new(0));
        let places = Arc::new([(); 2].map(|()| Place(UnsafeCell::new(0))));
        let threads = [0, 1].map(|at| {
            let (permits, places) = (permits.clone(), places.clone());
            thread::spawn(move || {
                // SAFETY: no one has the permit yet.
                places[at].0.with_mut(|place| unsafe { *place = 1 });
                permits.release(1);
            })
        });
        let wakes = Wakes::new();
        let mut acquiring = permits.acquire(2, Resource::Semaphore);
        if poll(&mut acquiring, &wakes).is_ready() || poll(&mut acquiring, &wakes).is_ready() {
            for place in &*places {
                // SAFETY: both permits are had.
                place.0.with_mut(|place| unsafe { *place += 1 });
            }
        }
        for thread in threads {
            thread.join().unwrap();
        }
    });
}

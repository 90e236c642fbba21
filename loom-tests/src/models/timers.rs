//! Timers: fired against cancelled, moved and polled; and who comes for the first of them.
//!
//! loom has no clock: that a timer is due is something a model says, and a wait ends only when somebody ends it.

use std::sync::Arc;
use std::task::Waker;

use loom::sync::atomic::AtomicBool;
use loom::sync::atomic::Ordering::AcqRel;
use loom::thread;

use super::tasks::Wakes;
use super::workers::{Watched, clear, doze, dozer, on_seat, settle, sleepy_runtime, watched, worker};
use crate::driver::{Clock, Moved, OwnTimers, Polled, Set, Timer, Timers, leave_to_worker};
use crate::explore::model;
use crate::scheduler::Shared;
use crate::scheduler::model::{Root, close_silently, end, sit};

/// Timers on that many seats, whose clock stands. (What is due is what `fire` is told.)
fn timers(seats: usize) -> Arc<Timers> {
    Arc::new(Timers::new(seats + 1, Clock::paused()))
}

/// A timer on that seat.
fn set(timers: &Timers, seat: usize, tick: u64) -> (Timer, Arc<Wakes>) {
    let wakes = Wakes::new();
    let set = timers.shard(seat).set(tick, &Waker::from(wakes.clone()));
    let Set::Waits { timer, .. } = set else { panic!("the timer is ahead") };
    (timer, wakes)
}

/// Fires what is due at that tick, on another thread.
fn fire(timers: &Arc<Timers>, tick: u64) -> thread::JoinHandle<usize> {
    let timers = timers.clone();
    thread::spawn(move || timers.fire(tick, Waker::wake))
}

/// Fails unless the timer waits, and will be fired at `tick`.
fn assert_waits(timers: &Timers, timer: &Timer, tick: u64) {
    assert!(!timer.has_fired(), "a timer that is ahead waits");
    assert!(
        timers.earliest() <= tick,
        "no timer is due before the earliest tick: it is {}",
        timers.earliest()
    );
}

/// A timer is cancelled while it is fired; another one is ahead. Each locks the shard of the seat it was set on, so it does
/// not matter which of them is the worker of that seat.
#[test]
fn fired_against_cancelled() {
    model("timers::fired_against_cancelled", 18).explore(|| {
        let timers = timers(1);
        let (timer, wakes) = set(&timers, 0, 10);
        let (ahead, _) = set(&timers, 0, 20);
        let firing = fire(&timers, 10);
        drop(timer);
        let (later, idle) = set(&timers, 0, 30);
        drop(later);
        assert_eq!(Arc::strong_count(&idle), 1, "a timer that is gone keeps no waker");
        let fired = firing.join().unwrap();
        assert_eq!(wakes.count(), fired, "a timer is fired or cancelled");
        assert_eq!(Arc::strong_count(&wakes), 1, "a timer that is gone keeps no waker");
        assert_waits(&timers, &ahead, 20);
    });
}

/// A timer is moved to a later tick while it is fired.
#[test]
fn fired_against_moved() {
    model("timers::fired_against_moved", 5).explore(|| {
        let timers = timers(1);
        let (mut timer, wakes) = set(&timers, 0, 10);
        let firing = fire(&timers, 10);
        let moved = matches!(timer.move_to(20), Moved::Done { .. });
        firing.join().unwrap();
        assert_eq!(wakes.count(), usize::from(!moved), "a timer is fired or moved");
        if moved {
            assert_waits(&timers, &timer, 20);
            assert_eq!(timers.fire(20, Waker::wake), 1, "a timer that was moved is fired");
        }
        assert_eq!(wakes.count(), 1, "a timer wakes once");
    });
}

/// A timer is moved to an earlier tick while others are fired.
#[test]
fn moved_up_against_firing() {
    model("timers::moved_up_against_firing", 5).explore(|| {
        let timers = timers(1);
        let (_first, _) = set(&timers, 0, 10);
        let (mut timer, wakes) = set(&timers, 0, 30);
        let firing = fire(&timers, 10);
        let Moved::Done { .. } = timer.move_to(20) else { panic!("it is ahead") };
        firing.join().unwrap();
        assert_waits(&timers, &timer, 20);
        assert_eq!(timers.fire(20, Waker::wake), 1, "a timer that was moved is fired");
        assert_eq!(wakes.count(), 1, "a timer wakes once");
    });
}

/// A timer is polled with another waker while it is fired.
#[test]
fn fired_against_another_waker() {
    model("timers::fired_against_another_waker", 4).explore(|| {
        let timers = timers(1);
        let (mut timer, first) = set(&timers, 0, 10);
        let second = Wakes::new();
        let firing = fire(&timers, 10);
        let waits = matches!(timer.poll(&Waker::from(second.clone())), Polled::Waits);
        firing.join().unwrap();
        assert!(!waits || second.count() == 1, "a timer wakes the waker a task waits with");
        assert_eq!(first.count() + second.count(), 1, "a timer wakes once");
        assert_eq!(Arc::strong_count(&first), 1, "the waker it waited with before is dropped");
    });
}

/// A timer is polled again with the waker it has while it is fired, and then dropped.
#[test]
fn fired_against_polled_again() {
    model("timers::fired_against_polled_again", 4).explore(|| {
        let timers = timers(1);
        let (mut timer, wakes) = set(&timers, 0, 10);
        let waker = Waker::from(wakes.clone());
        let firing = fire(&timers, 10);
        let waits = matches!(timer.poll(&waker), Polled::Waits);
        if !waits {
            drop(timer);
        }
        firing.join().unwrap();
        assert_eq!(wakes.count(), 1, "a timer wakes the waker a task waits with");
        drop(waker);
        assert_eq!(Arc::strong_count(&wakes), 1, "a timer that is gone keeps no waker");
    });
}

/// Whether a task is to be polled again, as far as it knows itself.
struct Notified(AtomicBool);

impl std::task::Wake for Notified {
    fn wake(self: Arc<Self>) {
        self.0.swap(true, AcqRel);
    }
}

/// A timer that was left is set again, for the same tick and by the same task, while it is fired.
#[test]
fn fired_against_set_again() {
    model("timers::fired_against_set_again", 8).explore(|| {
        let timers = timers(1);
        let own = OwnTimers::new(timers.shard(0).clone());
        let notified = Arc::new(Notified(AtomicBool::new(false)));
        let waker = Waker::from(notified.clone());
        let Set::Waits { timer, .. } = own.set(10, 0, &waker) else { panic!("it is ahead") };
        own.leave(timer);
        let firing = fire(&timers, 10);
        // A poll begins.
        notified.0.swap(false, AcqRel);
        let set = own.set(10, 0, &waker);
        firing.join().unwrap();
        let is_due = matches!(set, Set::Due);
        assert!(
            is_due || notified.0.swap(false, AcqRel),
            "a timer that is set again wakes the task that waits for it"
        );
        drop((set, own, waker));
        assert_eq!(Arc::strong_count(&notified), 1, "a timer that is gone keeps no waker");
    });
}

/// A timer that was left is set again, for an earlier tick and by another task, while others are fired.
#[test]
fn set_again_against_firing() {
    model("timers::set_again_against_firing", 6).explore(|| {
        let timers = timers(1);
        let own = OwnTimers::new(timers.shard(0).clone());
        let (_due, _) = set(&timers, 0, 10);
        let (left, first) = set(&timers, 0, 30);
        own.leave(left);
        let firing = fire(&timers, 10);
        let second = Wakes::new();
        let set = own.set(20, 0, &Waker::from(second.clone()));
        let Set::Waits { timer, .. } = set else { panic!("it is ahead") };
        assert_eq!(Arc::strong_count(&first), 1, "a timer that is gone keeps no waker");
        firing.join().unwrap();
        assert_waits(&timers, &timer, 20);
        assert_eq!(timers.fire(20, Waker::wake), 1, "a timer that is set again is fired");
        assert_eq!((first.count(), second.count()), (0, 1), "a timer that is set again wakes who has set it");
    });
}

/// A timer is left to a worker that goes to sleep.
#[test]
fn left_against_going_to_sleep() {
    model("timers::left_against_going_to_sleep", 8).explore(|| {
        let timers = timers(1);
        let own = OwnTimers::new(timers.shard(0).clone());
        let (timer, wakes) = set(&timers, 0, 10);
        let other = own.set(20, 0, Waker::noop());
        let leaving = thread::spawn(move || leave_to_worker(timer));
        own.close();
        leaving.join().unwrap();
        assert_eq!(Arc::strong_count(&wakes), 1, "nobody leaves a timer to a worker that sleeps");
        drop((other, own));
    });
}

/// A timer is left to a worker that looks for some.
#[test]
fn left_against_a_look() {
    model("timers::left_against_a_look", 8).explore(|| {
        let timers = timers(1);
        let shard = Arc::downgrade(timers.shard(0));
        let own = OwnTimers::new(timers.shard(0).clone());
        let (timer, wakes) = set(&timers, 0, 10);
        let other = own.set(20, 0, Waker::noop());
        let leaving = thread::spawn(move || leave_to_worker(timer));
        let another = own.set(30, 0, Waker::noop());
        leaving.join().unwrap();
        drop((other, another, own));
        assert_eq!(Arc::strong_count(&wakes), 1, "a timer that is gone keeps no waker");
        drop(timers);
        assert_eq!(shard.strong_count(), 0, "timers that are gone leave no count of their shard");
    });
}

/// Two threads set timers on two seats while a third fires what is due, and another does too.
#[test]
fn set_against_firing() {
    model("timers::set_against_firing", 200).explore(|| {
        let timers = timers(2);
        let (_due, _) = set(&timers, 0, 10);
        let firing = fire(&timers, 10);
        let setting = {
            let timers = timers.clone();
            thread::spawn(move || set(&timers, 0, 30))
        };
        let (second, _) = set(&timers, 1, 20);
        let (first, _) = setting.join().unwrap();
        firing.join().unwrap();
        assert_waits(&timers, &second, 20);
        drop(second);
        timers.fire(20, Waker::wake);
        assert_waits(&timers, &first, 30);
    });
}

/// Two threads fire what is due on two seats, and more than fits a batch.
#[test]
fn firing_against_firing() {
    model("timers::firing_against_firing", 1200).explore(|| {
        let timers = timers(2);
        let due = [(0, 10), (0, 10), (0, 11), (1, 10)].map(|(seat, tick)| set(&timers, seat, tick));
        let (ahead, _) = set(&timers, 1, 20);
        let firing = fire(&timers, 11);
        let fired = timers.fire(11, Waker::wake) + firing.join().unwrap();
        assert_eq!(fired, due.len(), "what is due is fired once");
        assert!(due.iter().all(|(_, wakes)| wakes.count() == 1), "what is due is fired once, each of them");
        assert_waits(&timers, &ahead, 20);
    });
}

/// The runtime ends while a timer is set.
#[test]
fn the_end_against_setting() {
    model("timers::the_end_against_setting", 4).explore(|| {
        let timers = timers(1);
        let ending = {
            let timers = timers.clone();
            thread::spawn(move || timers.close())
        };
        let wakes = Wakes::new();
        let set = timers.shard(0).set(10, &Waker::from(wakes.clone()));
        ending.join().unwrap();
        let told = match set {
            Set::Waits { .. } => wakes.count() == 1,
            Set::Closed => true,
            Set::Due => false,
        };
        assert!(told, "a timer is refused, or told of the end");
    });
}

/// The runtime ends, and all its timers go, while one is cancelled.
#[test]
fn the_end_against_cancelled() {
    model("timers::the_end_against_cancelled", 4).explore(|| {
        let timers = timers(1);
        let shard = Arc::downgrade(timers.shard(0));
        let (timer, wakes) = set(&timers, 0, 10);
        let ending = thread::spawn(move || drop(timers));
        drop(timer);
        ending.join().unwrap();
        assert_eq!(Arc::strong_count(&wakes), 1, "a timer that is gone keeps no waker");
        assert_eq!(shard.strong_count(), 0, "timers that are gone leave no count of their shard");
    });
}

/// A tick that no clock of a model comes to.
const FAR: u64 = u64::MAX / 2;

/// Fails if every worker sleeps, and the one in the poller for longer than the first timer allows.
fn assert_in_time(shared: &Shared, watched: &[&Watched]) {
    settle();
    let late = || {
        watched.iter().all(|watched| watched.sleeps())
            && shared.driver.waits_until().is_some_and(|until| until > shared.driver.timers().earliest())
    };
    // Asked twice: one may have been on its way out.
    assert!(!(late() && late()), "nobody waits for longer than the first timer allows");
}

fn finish<T>(shared: &Shared, watched: &Watched, thread: thread::JoinHandle<T>) {
    close_silently(shared);
    watched.unpark();
    drop(thread.join().unwrap());
    end(shared);
    clear(shared);
}

/// A thread that is no worker sets the first timer while a worker says until when it waits.
#[test]
fn set_outside_against_waiting() {
    model("timers::set_outside_against_waiting", 50).explore(|| {
        let shared = sleepy_runtime(2, Clock::new());
        let (watched, thread) = dozer(worker(&shared));
        let timers = shared.driver.timers();
        let Set::Waits { timer: _timer, is_earliest: true } = timers.outside().set(FAR, Waker::noop()) else {
            panic!("it is the first")
        };
        shared.driver.timer_moved_up(FAR);
        assert_in_time(&shared, &[&watched]);
        finish(&shared, &watched, thread);
    });
}

/// A worker sets the first timer and goes to sleep while another waits in the poller. Bound 2: two workers go through their whole sleep in every order, which at 3 takes minutes.
#[test]
fn set_by_a_worker_that_goes_to_sleep() {
    model("timers::set_by_a_worker_that_goes_to_sleep", 17_000).preemptions(2).explore(|| {
        let shared = sleepy_runtime(2, Clock::new());
        let (setting, waiting) = (worker(&shared), worker(&shared));
        let (waits, waiting) = dozer(waiting);
        let there = shared.clone();
        let (sets, setting) = watched(setting, move |worker| {
            let shard = there.driver.timers().shard(worker.index());
            let Set::Waits { timer, .. } = shard.set(FAR, Waker::noop()) else { panic!("it is ahead") };
            let found = doze(worker);
            drop(timer);
            found
        });
        assert_in_time(&shared, &[&sets, &waits]);
        close_silently(&shared);
        sets.unpark();
        drop(setting.join().unwrap());
        finish(&shared, &waits, waiting);
    });
}

/// A worker goes to sleep with a timer left.
#[test]
fn left_by_a_worker_that_sleeps() {
    model("timers::left_by_a_worker_that_sleeps", 1).explore(|| {
        let shared = sleepy_runtime(1, Clock::new());
        let worker = worker(&shared);
        let (timer, wakes) = set(shared.driver.timers(), worker.index(), FAR);
        worker.timers().leave(timer);
        close_silently(&shared);
        assert!(on_seat(worker, |worker| {
            let found = worker.find_or_sleep();
            assert_eq!(Arc::strong_count(&wakes), 1, "a worker that sleeps keeps no timer that was left");
            found.is_none()
        }));
        end(&shared);
        clear(&shared);
    });
}

/// A guest sets the first timer and leaves while a worker waits in the poller.
#[test]
fn set_by_a_guest_that_leaves() {
    model("timers::set_by_a_guest_that_leaves", 500).explore(|| {
        let shared = sleepy_runtime(2, Clock::new());
        let (watched, thread) = dozer(worker(&shared));
        let guest = sit(&shared, &Root::new(Some(shared.driver.clone()))).expect("there is a seat");
        let shard = shared.driver.timers().shard(guest.index());
        let Set::Waits { timer: _timer, .. } = shard.set(FAR, Waker::noop()) else { panic!("it is ahead") };
        drop(guest);
        assert_in_time(&shared, &[&watched]);
        finish(&shared, &watched, thread);
    });
}

/// A worker sets the first timer, and does not return from its poll while another waits in the poller: what is due is seen to
/// by the monitor.
#[test]
fn set_by_a_worker_that_is_stuck() {
    model("timers::set_by_a_worker_that_is_stuck", 500).explore(|| {
        let shared = sleepy_runtime(2, Clock::new());
        let stuck = worker(&shared);
        let (watched, thread) = dozer(worker(&shared));
        // Due once it was set, by the time it is looked at.
        let (_timer, wakes) = set(shared.driver.timers(), stuck.index(), 1);
        let mut looks = shared.driver.looks();
        for _ in 0..2 {
            shared.monitor.look_at_driver(&shared, &mut looks);
        }
        settle();
        assert!(
            !(watched.sleeps() && wakes.count() == 0),
            "a timer that is due is fired, though its worker is stuck"
        );
        finish(&shared, &watched, thread);
    });
}

//! Who waits in the poller: going to sleep, getting up, leaving, and what an event or a clock that stands needs.

use std::future::poll_fn;
use std::sync::atomic::Ordering::Relaxed;
use std::task::{Poll, Waker};

use loom::sync::atomic::{AtomicUsize, Ordering};
use loom::thread;

use super::tasks::{Wakes, leave, left, take};
use super::workers::{
    Watched, assert_nothing_lost, clear, create, doze, dozer, finder, guest, on_seat, runtime_with_driver,
    settle, sleeper, sleepy_runtime, task, watched, worker,
};
use crate::driver::{Clock, InhibitAdvance, Interest, Ready, Registration, Set, Timer};
use crate::explore::model;
use crate::primitives::Arc;
use crate::scheduler::model::{Parker, Root, close_silently, end, sit};
use crate::scheduler::{Shared, Worker, block_on_seated, monitor};

/// A descriptor, and that many tasks that wait for it, each after a first poll by that worker.
fn awaited_descriptor(worker: &Worker, tasks: usize) -> Arc<Registration> {
    let shared = worker.shared();
    let registration = descriptor(shared);
    for _ in 0..tasks {
        let there = registration.clone();
        let (token, _) = create(shared, async move { drop(there.ready(Interest::READABLE).await) });
        worker.run(token);
    }
    registration
}

fn descriptor(shared: &Arc<Shared>) -> Arc<Registration> {
    Arc::new(shared.driver.watch().expect("the runtime is there"))
}

/// Fails if every worker sleeps, and none of them in the poller.
fn assert_attended(watched: &[&Watched]) {
    settle();
    let unattended = || watched.iter().all(|watched| watched.sleeps_on_parker());
    // Asked twice: who was seen asleep first may have been woken by who was seen asleep last.
    assert!(!(unattended() && unattended()), "where every worker sleeps, one of them waits in the poller");
}

/// Fails if every worker sleeps, although there was an event that somebody waits for.
fn assert_event_found(watched: &[&Watched]) {
    settle();
    let asleep = || watched.iter().all(|watched| watched.sleeps());
    assert!(!(asleep() && asleep()), "an event finds a worker");
}

/// Ends a model: its workers one after the other, which adds no schedules, and the tasks that are left.
fn finish<T, const N: usize>(shared: &Shared, workers: [(&Watched, thread::JoinHandle<T>); N]) {
    close_silently(shared);
    for (watched, thread) in workers {
        watched.unpark();
        drop(thread.join().unwrap());
    }
    end(shared);
    clear(shared);
}

/// A thread is given a permit while it goes to wait in the poller, and an event ends its wait besides.
#[test]
fn unpark_against_waiting() {
    model("driver::unpark_against_waiting", 650).explore(|| {
        let shared = runtime_with_driver(1);
        let registration = descriptor(&shared);
        let parker = Arc::new(Parker::new(Some(shared.driver.clone())));
        let written = Arc::new(AtomicUsize::new(0));
        let waiting = {
            let (shared, parker, written) = (shared.clone(), parker.clone(), written.clone());
            thread::spawn(move || {
                let mut held = shared.driver.try_hold().expect("nobody else is there");
                // What is given with the permit is seen once the permit is taken.
                while written.load(Ordering::Relaxed) == 0 {
                    parker.park_in(&mut held);
                }
            })
        };
        let raising = {
            let shared = shared.clone();
            thread::spawn(move || shared.driver.raise(&registration, Ready::READABLE))
        };
        written.store(1, Ordering::Relaxed);
        parker.unpark();
        raising.join().unwrap();
        settle();
        assert!(!shared.driver.is_awaited(), "a permit reaches the thread that waits in the poller");
        waiting.join().unwrap();
    });
}

/// Two workers go to sleep, and nothing is registered yet. Bound 2: two workers go through their whole sleep in every order, which at 3 takes minutes.
#[test]
fn two_workers_go_to_sleep() {
    model("driver::two_workers_go_to_sleep", 6000).preemptions(2).explore(|| {
        let shared = sleepy_runtime(2, Clock::new());
        let [(one, first), (two, second)] = [dozer(worker(&shared)), dozer(worker(&shared))];
        assert_attended(&[&one, &two]);
        finish(&shared, [(&one, first), (&two, second)]);
    });
}

/// The same, while the event comes that a task waits for. Bound 2: two workers go through their whole sleep in every order, which at 3 takes minutes.
#[test]
fn event_against_going_to_sleep() {
    model("driver::event_against_going_to_sleep", 12_000).preemptions(2).explore(|| {
        let shared = sleepy_runtime(2, Clock::new());
        let workers = [worker(&shared), worker(&shared)];
        let registration = awaited_descriptor(&workers[0], 1);
        let [(one, first), (two, second)] = workers.map(dozer);
        shared.driver.raise(&registration, Ready::READABLE);
        assert_event_found(&[&one, &two]);
        finish(&shared, [(&one, first), (&two, second)]);
    });
}

/// A worker waits in the poller when a task is queued, for which it is woken, and an event comes that wakes two. It does not
/// come back from what it runs first.
#[test]
fn event_against_a_task_for_whoever_waits() {
    model("driver::event_against_a_task_for_whoever_waits", 3500).explore(|| {
        let shared = runtime_with_driver(2);
        // Taken from the list in the order in which they did not join: whoever waits in the poller first.
        let (asleep, waiting) = (sleeper(&shared), worker(&shared));
        let registration = awaited_descriptor(&waiting, 2);
        let (watched, thread) = finder(waiting);
        let raising = {
            let shared = shared.clone();
            thread::spawn(move || shared.driver.raise(&registration, Ready::READABLE))
        };
        shared.inject(task(&shared));
        raising.join().unwrap();
        assert_nothing_lost(&shared, &[&watched], &[asleep.index()]);
        finish(&shared, [(&watched, thread)]);
    });
}

/// A worker leaves the driver and does not come back from a poll, when another sleeps on its parker already, or is about
/// to; then an event comes.
#[test]
fn left_behind_by_a_poll_that_does_not_return() {
    model("driver::left_behind_by_a_poll_that_does_not_return", 600).explore(|| {
        let shared = sleepy_runtime(2, Clock::new());
        let (stuck, other) = (worker(&shared), worker(&shared));
        let registration = awaited_descriptor(&stuck, 1);
        let held = shared.driver.try_hold().expect("nobody else is there");
        let (watched, thread) = dozer(other);
        thread::yield_now();
        drop(held);
        shared.driver.raise(&registration, Ready::READABLE);
        let mut looks = shared.driver.looks();
        for _ in 0..2 {
            shared.monitor.look_at_driver(&shared, &mut looks);
        }
        assert_event_found(&[&watched]);
        finish(&shared, [(&watched, thread)]);
    });
}

/// The same, and the poll returns after all: the worker goes to sleep while the monitor looks. Bound 2: two workers go through their whole sleep in every order, which at 3 takes minutes.
#[test]
fn monitor_against_a_worker_that_comes_back() {
    model("driver::monitor_against_a_worker_that_comes_back", 25_000).preemptions(2).explore(|| {
        let shared = sleepy_runtime(2, Clock::new());
        let (back, other) = (worker(&shared), worker(&shared));
        let registration = awaited_descriptor(&back, 1);
        let held = shared.driver.try_hold().expect("nobody else is there");
        let (other, other_thread) = dozer(other);
        thread::yield_now();
        drop(held);
        let (back, back_thread) = dozer(back);
        let mut looks = shared.driver.looks();
        for _ in 0..2 {
            shared.monitor.look_at_driver(&shared, &mut looks);
        }
        assert_attended(&[&back, &other]);
        shared.driver.raise(&registration, Ready::READABLE);
        assert_event_found(&[&back, &other]);
        finish(&shared, [(&back, back_thread), (&other, other_thread)]);
    });
}

/// A guest looks at the driver in passing and leaves, while a worker goes to sleep.
#[test]
fn guest_that_leaves_after_a_look() {
    model("driver::guest_that_leaves_after_a_look", 1400).explore(|| {
        let shared = sleepy_runtime(2, Clock::new());
        let _registration = descriptor(&shared);
        let (watched, thread) = dozer(worker(&shared));
        let guest = sit(&shared, &Root::new(Some(shared.driver.clone()))).expect("there is a seat");
        assert!(guest.next().is_none(), "nothing is queued");
        drop(guest);
        assert_attended(&[&watched]);
        finish(&shared, [(&watched, thread)]);
    });
}

/// A guest goes to sleep, is woken, and leaves, while a worker goes to sleep. Nothing is registered yet: who does so, on a
/// thread that is no worker, is helped by nobody but those who sleep.
#[test]
fn guest_that_leaves_from_the_poller() {
    model("driver::guest_that_leaves_from_the_poller", 45_000).explore(|| {
        let shared = sleepy_runtime(2, Clock::new());
        let (watched, thread) = dozer(worker(&shared));
        let wakers = left();
        let mut threads = Vec::new();
        block_on_seated(
            &shared,
            poll_fn(|cx| {
                if !threads.is_empty() {
                    return Poll::Ready(());
                }
                leave(&wakers, cx, 1);
                let waker = take(&wakers);
                threads.push(thread::spawn(move || waker.wake()));
                Poll::Pending
            }),
        );
        threads.drain(..).for_each(|thread| thread.join().unwrap());
        assert_attended(&[&watched]);
        finish(&shared, [(&watched, thread)]);
    });
}

/// The runtime closes while a worker goes to wait in the poller.
#[test]
fn closing_against_waiting() {
    model("driver::closing_against_waiting", 70).explore(|| {
        let shared = sleepy_runtime(2, Clock::new());
        let (_watched, thread) = dozer(worker(&shared));
        shared.set_closing();
        settle();
        assert!(!shared.driver.is_awaited(), "no worker waits in the poller when the runtime closes");
        thread.join().unwrap();
    });
}

/// A timer that is ahead by the clock that stands, and how often it has woken.
fn timer(shared: &Shared) -> (Timer, std::sync::Arc<Wakes>) {
    const AN_HOUR: u64 = 3_600_000_000_000;
    let wakes = Wakes::new();
    let set = shared.driver.timers().shard(0).set(AN_HOUR, &Waker::from(wakes.clone()));
    let Set::Waits { timer, .. } = set else { panic!("the timer is ahead") };
    (timer, wakes)
}

/// Fails if all sleep with a timer ahead, where nothing keeps the clock that stands from moving.
fn assert_clock_moves(wakes: &Wakes, watched: &[&Watched]) {
    settle();
    let asleep = || watched.iter().all(|watched| watched.sleeps());
    // The count last: what it misses, somebody was up for.
    assert!(
        !(asleep() && asleep() && wakes.count() == 0),
        "a clock that stands moves to the next timer when everyone sleeps"
    );
}

/// The clock stands, a timer is ahead, and two workers go to sleep. Bound 2: two workers go through their whole sleep in every order, which at 3 takes minutes.
#[test]
fn clock_moves_when_all_sleep() {
    model("driver::clock_moves_when_all_sleep", 80_000).preemptions(2).explore(|| {
        let shared = sleepy_runtime(2, Clock::paused());
        let (_timer, wakes) = timer(&shared);
        let [(one, first), (two, second)] = [dozer(worker(&shared)), dozer(worker(&shared))];
        assert_clock_moves(&wakes, &[&one, &two]);
        finish(&shared, [(&one, first), (&two, second)]);
    });
}

/// The clock stands, a worker goes to sleep, and the last one that is awake is a guest that leaves.
#[test]
fn clock_moves_when_the_last_guest_leaves() {
    model("driver::clock_moves_when_the_last_guest_leaves", 2200).explore(|| {
        let shared = sleepy_runtime(2, Clock::paused());
        let (_timer, wakes) = timer(&shared);
        let (watched, thread) = dozer(worker(&shared));
        drop(sit(&shared, &Root::new(Some(shared.driver.clone()))).expect("there is a seat"));
        assert_clock_moves(&wakes, &[&watched]);
        finish(&shared, [(&watched, thread)]);
    });
}

/// The clock stands, a worker sleeps and nothing waits, until a guest comes and sets a timer.
#[test]
fn clock_waits_for_a_guest_that_comes() {
    model("driver::clock_waits_for_a_guest_that_comes", 6600).explore(|| {
        let shared = sleepy_runtime(2, Clock::paused());
        let (watched, thread) = dozer(worker(&shared));
        let guest = sit(&shared, &Root::new(Some(shared.driver.clone()))).expect("there is a seat");
        let begun = shared.driver.timers().clock().tick();
        let (_timer, _wakes) = timer(&shared);
        settle();
        assert_eq!(
            shared.driver.timers().clock().tick(),
            begun,
            "a clock that stands does not move while a guest is up"
        );
        drop(guest);
        finish(&shared, [(&watched, thread)]);
    });
}

/// The clock stands, a job wakes a task and is over, while a guest goes to sleep. No worker has come yet, so that whoever queues
/// the task has nobody to wake, and waits for no lock.
#[test]
fn clock_waits_for_whom_a_job_has_woken() {
    model("driver::clock_waits_for_whom_a_job_has_woken", 20_000).explore(|| {
        let shared = sleepy_runtime(1, Clock::paused());
        let (_timer, wakes) = timer(&shared);
        let there = wakes.clone();
        let (token, _) = create(&shared, async move {
            assert_eq!(there.count(), 0, "a clock that stands waits for those whom a job has woken");
        });
        let guard = InhibitAdvance::if_paused(&shared.driver).expect("it stands");
        let guest = guest(&shared);
        let watched = Watched::new(&guest);
        let thread = thread::spawn(move || on_seat(guest, Worker::work));
        let job = {
            let shared = shared.clone();
            thread::spawn(move || {
                shared.inject(token);
                drop(guard);
            })
        };
        job.join().unwrap();
        monitor::share(&shared, true, &mut false);
        assert_clock_moves(&wakes, &[&watched]);
        finish(&shared, [(&watched, thread)]);
    });
}

/// The clock stands, and a worker begins a job and goes to sleep, when another may have looked for jobs already. Bound 2: two workers go through their whole sleep in every order, which at 3 takes minutes.
#[test]
fn clock_waits_for_a_job_of_one_that_sleeps() {
    model("driver::clock_waits_for_a_job_of_one_that_sleeps", 100_000).preemptions(2).explore(|| {
        let shared = sleepy_runtime(2, Clock::paused());
        let (_timer, wakes) = timer(&shared);
        let (sleeps, begins) = (worker(&shared), worker(&shared));
        let (one, first) = dozer(sleeps);
        let job = Arc::new(std::sync::Mutex::new(None));
        let (two, second) = {
            let (driver, job) = (shared.driver.clone(), job.clone());
            watched(begins, move |worker| {
                *job.lock().unwrap() = InhibitAdvance::if_paused(&driver);
                doze(worker)
            })
        };
        settle();
        assert_eq!(wakes.count(), 0, "a clock that stands waits for jobs that are under way");
        let job = job.lock().unwrap().take();
        if job.is_some() {
            drop(job);
            assert_clock_moves(&wakes, &[&one, &two]);
        }
        finish(&shared, [(&one, first), (&two, second)]);
    });
}

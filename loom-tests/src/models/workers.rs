//! Workers on seats, and the question every model of sleeping asks: is a task queued that nobody comes for?

use std::future::Future;
use std::panic::Location;
use std::time::Duration;

use loom::sync::atomic::{AtomicBool, Ordering};
use loom::thread;

use crate::context::Seated;
use crate::driver::{Clock, Driver};
use crate::primitives::Arc;
use crate::root::executor::Executors;
use crate::scheduler::model::{Parker, Root};
use crate::scheduler::{Config, Hooks, Role, Shared, Worker};
use crate::task::{JoinHandle, Token};

/// A runtime with that many seats and nobody on them. Nobody ever gets its driver, so that workers sleep on their
/// parkers: who waits in the poller is a question of its own, with models of its own.
pub(super) fn runtime(seats: usize) -> Arc<Shared> {
    let shared = runtime_with_driver(seats);
    std::mem::forget(shared.driver.try_hold());
    shared
}

/// The same, whose driver is free.
pub(super) fn runtime_with_driver(seats: usize) -> Arc<Shared> {
    runtime_with(seats, Clock::new(), seats)
}

/// The same, whose workers search only when they are told to: going to sleep has fewer steps then. With that clock.
pub(super) fn sleepy_runtime(seats: usize, clock: Clock) -> Arc<Shared> {
    runtime_with(seats, clock, 0)
}

fn runtime_with(seats: usize, clock: Clock, search_limit: usize) -> Arc<Shared> {
    let config = Config {
        workers: seats,
        seats,
        global_queue_interval: 1,
        event_interval: 1,
        lifo: true,
        search_limit,
        block_on_runs_tasks: true,
        slow_poll_threshold: Duration::from_secs(1),
    };
    let driver = Driver::new(seats, clock).expect("a model's poller opens nothing");
    Shared::new(config, Hooks::default(), Executors, driver)
}

/// A worker on the next free seat. Whoever has it may move it to its thread.
pub(super) fn worker(shared: &Arc<Shared>) -> Worker {
    let (index, desk) = shared.roster.sit().expect("there is a seat");
    let worker = Worker::new(shared.clone(), index, desk);
    worker.arrive();
    worker
}

/// A guest on the next free seat, whose own future waits for ever.
pub(super) fn guest(shared: &Arc<Shared>) -> Worker {
    let (index, desk) = shared.roster.sit().expect("there is a seat");
    let root = Root::new(Some(shared.driver.clone()));
    // Its future has been polled.
    assert!(root.take_woken());
    let guest = Worker::guest(shared.clone(), index, Role::Guest, desk, &root);
    guest.arrive();
    guest
}

/// A worker that sleeps, for others to wake.
pub(super) fn sleeper(shared: &Arc<Shared>) -> Worker {
    let worker = worker(shared);
    shared.idle.sleep(worker.index(), Role::Worker, worker.parker(), None);
    worker
}

/// Calls `f` as that worker.
pub(super) fn on_seat<R>(worker: Worker, f: impl FnOnce(&Worker) -> R) -> R {
    let worker = Box::new(worker);
    // SAFETY: the worker is in a box of its own, and outlives the guard.
    let _seated = unsafe { Seated::new(&worker) };
    f(&worker)
}

/// Looks for a task as a worker does, until there is one or the runtime closes.
pub(super) fn find(worker: &Worker) -> Option<Token> {
    while !worker.shared().is_closing() {
        let found = worker.next().or_else(|| worker.find_or_sleep());
        if found.is_some() {
            return found;
        }
    }
    None
}

/// A worker on a thread of its own that looks for one task and does not come back with it.
pub(super) fn finder(worker: Worker) -> (Arc<Watched>, thread::JoinHandle<Option<Token>>) {
    watched(worker, find)
}

/// The same, but it searches before anything else.
pub(super) fn searcher(worker: Worker) -> (Arc<Watched>, thread::JoinHandle<Option<Token>>) {
    watched(worker, |worker| worker.find_or_sleep().or_else(|| find(worker)))
}

/// The same, and it has nothing at hand to begin with.
pub(super) fn dozer(worker: Worker) -> (Arc<Watched>, thread::JoinHandle<Option<Token>>) {
    watched(worker, doze)
}

/// Sleeps until there is a task or the runtime closes.
pub(super) fn doze(worker: &Worker) -> Option<Token> {
    while !worker.shared().is_closing() {
        let found = worker.find_or_sleep().or_else(|| worker.at_hand());
        if found.is_some() {
            return found;
        }
    }
    None
}

/// A worker on a thread of its own that does this.
pub(super) fn watched(
    worker: Worker,
    look: impl FnOnce(&Worker) -> Option<Token> + Send + 'static,
) -> (Arc<Watched>, thread::JoinHandle<Option<Token>>) {
    let watched = Watched::new(&worker);
    let there = watched.clone();
    let thread = thread::spawn(move || {
        let found = on_seat(worker, look);
        there.end();
        found
    });
    (watched, thread)
}

/// A task that is complete after its first poll, and its token.
pub(super) fn task(shared: &Arc<Shared>) -> Token {
    create(shared, async {}).0
}

pub(super) fn create<F>(shared: &Arc<Shared>, future: F) -> (Token, JoinHandle<F::Output>)
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    shared.create(future, None, Location::caller())
}

/// A worker on a thread of its own: where it waits, and whether it is at the end of its part, where it stays
/// in a poll for ever.
pub(super) struct Watched {
    parker: Arc<Parker>,
    ended: AtomicBool,
}

impl Watched {
    pub(super) fn new(worker: &Worker) -> Arc<Self> {
        Arc::new(Self { parker: worker.parker().clone(), ended: AtomicBool::new(false) })
    }

    /// The worker will not come back.
    pub(super) fn end(&self) {
        self.ended.store(true, Ordering::Release);
    }

    /// Whether the worker sleeps and nobody has woken it.
    pub(super) fn sleeps(&self) -> bool {
        self.parker.is_awaited_anywhere()
    }

    /// The same, and not in the poller.
    pub(super) fn sleeps_on_parker(&self) -> bool {
        self.parker.is_awaited()
    }

    /// Whether the worker has found what it was looking for.
    pub(super) fn has_ended(&self) -> bool {
        self.ended.load(Ordering::Acquire)
    }

    /// Wakes the worker, to no end but that it looks around.
    pub(super) fn unpark(&self) {
        self.parker.unpark();
    }

    fn is_out(&self) -> bool {
        self.has_ended() || self.sleeps()
    }
}

/// Lets the other threads go on until they wait or are done, so that what is asserted next is of the end and
/// needs no luck.
pub(super) fn settle() {
    thread::yield_now();
    thread::yield_now();
}

/// Fails if a task is queued while every worker sleeps or will not come back. The caller has joined those who
/// queue; `sleepers` are the seats of those who sleep without a thread.
pub(super) fn assert_nothing_lost(shared: &Shared, watched: &[&Watched], sleepers: &[usize]) {
    settle();
    let out = || {
        watched.iter().all(|watched| watched.is_out())
            && sleepers.iter().all(|&seat| shared.idle.is_sleeper(seat))
    };
    // Asked twice: who was seen out first may have been woken by who was seen out last.
    let lost = out() && out() && shared.has_work();
    assert!(!lost, "no lost wakeup: a task is queued and every worker sleeps");
}

/// Ends what a model leaves queued.
pub(super) fn clear(shared: &Shared) {
    use crate::primitives::deque::Steal;
    shared.sweep();
    for seat in &shared.seats {
        drop(seat.lifo.take());
        while let Steal::Success(token) = seat.stealer.steal() {
            drop(token);
        }
    }
}

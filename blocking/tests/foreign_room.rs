//! An executor of others that can be full: an adapter counts what is in a pool without bounds, and has a line of its own for
//! those who wait for room.

mod common;

use common::LONG;
use parking_lot::{Condvar, Mutex, MutexGuard};
use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, mpsc};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use windlass_blocking::{Executor, ExecutorExt, Job, RejectReason, Rejected, Room, ThreadPoolExecutor};

const CAPACITY: usize = 3;

#[derive(Clone)]
struct Bounded {
    pool: ThreadPoolExecutor,
    gate: Arc<Gate>,
}

/// How many jobs are inside, and who waits outside.
#[derive(Default)]
struct Gate {
    state: Mutex<State>,
    left: Condvar,
}

#[derive(Default)]
struct State {
    inside: usize,
    line: VecDeque<(usize, Waker)>,
    tickets: usize,
    shut_down: bool,
}

impl State {
    fn has_room_or_ended(&self) -> bool {
        self.inside < CAPACITY || self.shut_down
    }

    /// Takes the first off the line, if there is something to tell.
    fn next_to_tell(&mut self) -> Option<Waker> {
        if self.has_room_or_ended() { self.line.pop_front().map(|(_, waker)| waker) } else { None }
    }
}

impl Gate {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }

    fn leave(&self) {
        let mut state = self.lock();
        state.inside -= 1;
        let next = state.next_to_tell();
        drop(state);
        self.left.notify_all();
        next.into_iter().for_each(Waker::wake);
    }
}

impl Bounded {
    fn new() -> Self {
        Self { pool: ThreadPoolExecutor::new(2), gate: Arc::default() }
    }

    /// Fills it with jobs that end when the senders are dropped.
    fn fill(&self) -> Vec<mpsc::Sender<()>> {
        let blocked = (0..CAPACITY).map(|_| {
            let (gate, gated) = mpsc::channel::<()>();
            self.try_execute(Job::new(move || {
                let _ = gated.recv();
            }))
            .unwrap();
            gate
        });
        blocked.collect()
    }
}

impl Executor for Bounded {
    fn try_execute(&self, job: Job) -> Result<(), Rejected> {
        let mut state = self.gate.lock();
        if state.shut_down {
            return Err(Rejected::new(job, RejectReason::ShutDown));
        }
        if state.inside == CAPACITY {
            return Err(Rejected::new(job, RejectReason::Full));
        }
        state.inside += 1;
        drop(state);
        let gate = self.gate.clone();
        let inside = Job::new(move || {
            job.run();
            gate.leave();
        });
        self.pool.try_execute(inside).expect("the pool inside takes every job");
        Ok(())
    }

    fn room(&self) -> Option<Box<dyn Room>> {
        Some(Box::new(Place { executor: self.clone(), ticket: None }))
    }

    fn shutdown(&self, wait: bool, _cancel_futures: bool) {
        let mut state = self.gate.lock();
        state.shut_down = true;
        let line = std::mem::take(&mut state.line);
        drop(state);
        line.into_iter().for_each(|(_, waker)| waker.wake());
        if wait {
            self.gate.left.wait_while(&mut self.gate.lock(), |state| state.inside > 0);
        }
    }
}

struct Place {
    executor: Bounded,
    /// What it has on the line, or had until it was told of room.
    ticket: Option<usize>,
}

impl Place {
    /// Gets in line, or keeps its place there. False if there is room, or no point in waiting.
    fn line_up(&mut self, waker: &Waker) -> bool {
        let mut state = self.executor.gate.lock();
        if state.has_room_or_ended() {
            return false;
        }
        let own = self.ticket;
        if let Some(place) = state.line.iter_mut().find(|(ticket, _)| Some(*ticket) == own) {
            place.1.clone_from(waker);
            return true;
        }
        state.tickets += 1;
        let ticket = state.tickets;
        state.line.push_back((ticket, waker.clone()));
        self.ticket = Some(ticket);
        true
    }
}

impl Room for Place {
    fn poll_execute(&mut self, cx: &mut Context<'_>, job: &mut Option<Job>) -> Poll<Result<(), Rejected>> {
        loop {
            match self.executor.try_execute(job.take().expect("there is a job to submit")) {
                Err(rejected) if rejected.is_full() => *job = Some(rejected.into_job()),
                outcome => return Poll::Ready(outcome),
            }
            if self.line_up(cx.waker()) {
                return Poll::Pending;
            }
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut state = self.executor.gate.lock();
        state.line.retain(|(ticket, _)| Some(*ticket) != self.ticket);
        // What it was told, and did not use, is for the next.
        let next = state.next_to_tell();
        drop(state);
        next.into_iter().for_each(Waker::wake);
    }
}

#[test]
fn submit_waits_for_room() {
    const SUBMITTERS: usize = 64;
    let pool = Bounded::new();
    let (barrier, most) = (Barrier::new(SUBMITTERS), AtomicUsize::new(0));
    thread::scope(|scope| {
        for submitter in 0..SUBMITTERS {
            let (pool, barrier, most) = (&pool, &barrier, &most);
            scope.spawn(move || {
                barrier.wait();
                let futures: Vec<_> = (0..100).map(|n| pool.submit(move || submitter * 100 + n)).collect();
                most.fetch_max(pool.gate.lock().inside, Ordering::Relaxed);
                for (n, future) in futures.into_iter().enumerate() {
                    assert_eq!(future.result().unwrap(), submitter * 100 + n);
                }
            });
        }
    });
    assert!(most.load(Ordering::Relaxed) <= CAPACITY);
    pool.shutdown(true, false);
    assert!(pool.submit(|| ()).result().unwrap_err().is_rejected());
}

#[test]
fn waiting_for_room_ends_with_the_pool() {
    let pool = Bounded::new();
    let gates = pool.fill();
    assert!(pool.try_submit(|| ()).unwrap_err().is_full());
    thread::scope(|scope| {
        let waiters: Vec<_> = (0..8).map(|_| scope.spawn(|| pool.submit(|| ()).result())).collect();
        pool.shutdown(false, false);
        for waiter in waiters {
            assert!(waiter.join().unwrap().unwrap_err().is_rejected());
        }
    });
    drop(gates);
    pool.shutdown(true, false);
}

#[test]
fn a_place_that_is_given_up_goes_to_the_next() {
    struct Told(mpsc::Sender<usize>, usize);
    impl Wake for Told {
        fn wake(self: Arc<Self>) {
            self.0.send(self.1).unwrap();
        }
    }
    let pool = Bounded::new();
    let mut gates = pool.fill();
    let (sender, told) = mpsc::channel();
    let mut line: Vec<Box<dyn Room>> = Vec::new();
    for number in 0..2 {
        let waker = Waker::from(Arc::new(Told(sender.clone(), number)));
        let mut room = pool.room().unwrap();
        let job = &mut Some(Job::new(|| ()));
        assert!(room.poll_execute(&mut Context::from_waker(&waker), job).is_pending() && job.is_some());
        line.push(room);
    }
    assert!(told.try_recv().is_err());
    drop(gates.remove(0));
    assert_eq!(told.recv_timeout(LONG), Ok(0));
    assert!(told.try_recv().is_err());
    drop(line.remove(0));
    assert_eq!(told.try_recv(), Ok(1));
    let job = &mut Some(Job::new(|| ()));
    let outcome = line[0].poll_execute(&mut Context::from_waker(Waker::noop()), job);
    assert!(matches!(outcome, Poll::Ready(Ok(()))) && job.is_none());
    drop(gates);
    pool.shutdown(true, false);
}

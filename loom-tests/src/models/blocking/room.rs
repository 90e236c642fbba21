//! The line for room in a bounded queue. The pool's thread is played by the model: it takes one job.

use std::task::{Context, Poll, Waker};

use windlass_blocking::model::spawn;
use windlass_blocking::{Executor, Job, Room};

use super::pools::Pool;
use crate::explore::model;
use crate::models::tasks::Wakes;

/// A pool whose only thread is busy and whose queue, for one job, is full.
fn full() -> Pool {
    let pool = Pool::build(1, |builder| builder.queue_capacity(1));
    pool.set_up(|| {
        pool.inside.occupy();
        pool.executor.try_execute(Job::new(|| ())).expect("there is room for one");
    });
    pool
}

/// Somebody who wants room.
struct Waiter {
    room: Box<dyn Room>,
    wakes: std::sync::Arc<Wakes>,
    job: Option<Job>,
}

impl Waiter {
    fn new(pool: &Pool) -> Self {
        let room = pool.executor.room().expect("the queue is bounded");
        Self { room, wakes: Wakes::new(), job: Some(Job::new(|| ())) }
    }

    /// Whether this got it in.
    fn poll(&mut self) -> bool {
        let waker = Waker::from(self.wakes.clone());
        match self.room.poll_execute(&mut Context::from_waker(&waker), &mut self.job) {
            Poll::Ready(outcome) => {
                outcome.expect("the pool takes jobs");
                true
            }
            Poll::Pending => false,
        }
    }

    fn is_told(&self) -> bool {
        self.wakes.count() > 0
    }
}

/// What the pool's thread would do next, and the end, for which nobody waits: that thread never leaves.
fn end(pool: Pool) {
    loom::stop_exploring();
    pool.executor.shutdown(false, false);
    while let Some(job) = pool.inside.take() {
        drop(job);
    }
}

/// Somebody joins the line while the job that fills the queue is taken.
#[test]
fn newcomer_against_a_taken_job() {
    model("blocking::room::newcomer_against_a_taken_job", 30).explore(|| {
        let pool = full();
        let inside = pool.inside.clone();
        let taking = spawn(move || inside.take().expect("the queue is full"));
        let mut waiter = Waiter::new(&pool);
        let is_in = waiter.poll();
        drop(taking.join().unwrap());
        assert!(is_in || waiter.is_told(), "there is room, and who waits for it is told");
        assert!(is_in || waiter.poll(), "who is told of room gets in");
        drop(waiter);
        end(pool);
    });
}

/// The first in line goes away while it is told of room.
#[test]
fn waiter_dropped_while_it_is_told() {
    model("blocking::room::waiter_dropped_while_it_is_told", 6).explore(|| {
        let pool = full();
        let (mut first, mut second) = (Waiter::new(&pool), Waiter::new(&pool));
        assert!(!first.poll() && !second.poll(), "there is no room yet");
        let inside = pool.inside.clone();
        let taking = spawn(move || inside.take().expect("the queue is full"));
        drop(first);
        drop(taking.join().unwrap());
        assert!(second.is_told(), "the room of one that went away is the next one's");
        assert!(second.poll(), "who is told of room gets in");
        drop(second);
        end(pool);
    });
}

/// Somebody joins the line while the pool ends.
#[test]
fn newcomer_against_the_end() {
    model("blocking::room::newcomer_against_the_end", 30).explore(|| {
        let pool = full();
        let executor = pool.executor.clone();
        let ending = spawn(move || executor.shutdown(false, false));
        let mut waiter = Waiter::new(&pool);
        let waker = Waker::from(waiter.wakes.clone());
        let outcome = waiter.room.poll_execute(&mut Context::from_waker(&waker), &mut waiter.job);
        ending.join().unwrap();
        match outcome {
            Poll::Ready(outcome) => assert!(outcome.is_err(), "a full queue takes nothing"),
            Poll::Pending => assert!(waiter.is_told(), "nobody waits for room in a pool that has ended"),
        }
        drop(waiter);
        end(pool);
    });
}

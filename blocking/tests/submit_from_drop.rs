//! Closures and results that submit to their pool when they are dropped, wherever that happens.

mod common;

use common::{LONG, occupy};
use std::sync::mpsc;
use windlass_blocking::{ExecutorExt, Future, JobError, ThreadPoolExecutor};

/// Submits when it is dropped, waits for what comes of it, and sends that.
struct Submits {
    pool: ThreadPoolExecutor,
    sender: mpsc::Sender<Option<Result<u32, JobError>>>,
}

type Outcomes = mpsc::Receiver<Option<Result<u32, JobError>>>;

impl Submits {
    fn to(pool: &ThreadPoolExecutor) -> (Self, Outcomes) {
        let (sender, receiver) = mpsc::channel();
        (Self { pool: pool.clone(), sender }, receiver)
    }
}

impl Drop for Submits {
    fn drop(&mut self) {
        let outcome = self.pool.submit(|| 5).result_timeout(LONG);
        self.sender.send(outcome.ok()).unwrap();
    }
}

/// What came of the one submission.
#[track_caller]
fn outcome(outcomes: &Outcomes) -> Result<u32, JobError> {
    outcomes.recv_timeout(2 * LONG).expect("it is dropped").expect("what it submits comes to an end")
}

#[test]
fn a_closure_that_has_run() {
    let pool = ThreadPoolExecutor::new(1);
    let (submits, outcomes) = Submits::to(&pool);
    pool.submit(move || drop(submits)).result().unwrap();
    assert_eq!(outcome(&outcomes).unwrap(), 5);
}

#[test]
fn a_closure_that_panics() {
    let pool = ThreadPoolExecutor::new(1);
    let (submits, outcomes) = Submits::to(&pool);
    let future: Future<()> = pool.submit(move || {
        let _ = &submits;
        panic!("this panic belongs to the test");
    });
    assert!(future.result().unwrap_err().is_panic());
    assert_eq!(outcome(&outcomes).unwrap(), 5);
}

#[test]
fn a_result_that_nobody_wants() {
    let pool = ThreadPoolExecutor::new(1);
    let gate = occupy(&pool);
    let (submits, outcomes) = Submits::to(&pool);
    drop(pool.submit(move || submits));
    drop(gate);
    assert_eq!(outcome(&outcomes).unwrap(), 5);
}

#[test]
fn a_closure_that_is_cancelled() {
    let pool = ThreadPoolExecutor::new(1);
    let gate = occupy(&pool);
    let (submits, outcomes) = Submits::to(&pool);
    // A pair's first half is dropped first, and its sender hangs up.
    let (token, dropped) = mpsc::channel::<()>();
    let pair = (token, submits);
    let future = pool.submit(move || drop(pair));
    let canceller = std::thread::spawn(move || future.cancel());
    assert!(dropped.recv().is_err());
    drop(gate);
    assert_eq!(outcome(&outcomes).unwrap(), 5);
    assert!(canceller.join().unwrap());
}

#[test]
fn a_closure_that_is_cancelled_with_its_pool() {
    let pool = ThreadPoolExecutor::new(1);
    let gate = occupy(&pool);
    let (submits, outcomes) = Submits::to(&pool);
    let future = pool.submit(move || drop(submits));
    pool.shutdown(false, true);
    assert!(outcome(&outcomes).unwrap_err().is_rejected());
    assert!(future.result().unwrap_err().is_cancelled());
    drop(gate);
}

#[test]
fn a_closure_that_comes_too_late() {
    let pool = ThreadPoolExecutor::new(1);
    pool.shutdown(true, false);
    let (submits, outcomes) = Submits::to(&pool);
    assert!(pool.submit(move || drop(submits)).result().unwrap_err().is_rejected());
    assert!(outcome(&outcomes).unwrap_err().is_rejected());
}

#[test]
fn a_closure_whose_pool_breaks() {
    let (gate, gated) = mpsc::channel::<()>();
    let gated = std::sync::Mutex::new(gated);
    let pool = ThreadPoolExecutor::builder()
        .max_workers(1)
        .initializer(move || {
            let _ = gated.lock().unwrap().recv();
            Err("no dice")
        })
        .build();
    let (submits, outcomes) = Submits::to(&pool);
    let future = pool.submit(move || drop(submits));
    drop(gate);
    assert!(outcome(&outcomes).unwrap_err().is_broken());
    assert!(future.result().unwrap_err().is_broken());
}

#[test]
fn a_closure_whose_place_in_a_full_queue_is_taken_away() {
    let pool = ThreadPoolExecutor::builder().max_workers(1).queue_capacity(1).build();
    let gate = occupy(&pool);
    let _queued = pool.submit(|| ());
    let (submits, outcomes) = Submits::to(&pool);
    std::thread::scope(|scope| {
        let waiter = scope.spawn(|| pool.submit(move || drop(submits)).result());
        // Before it waits for room, while it does, or as it comes: it is refused.
        pool.shutdown(false, false);
        assert!(waiter.join().unwrap().unwrap_err().is_rejected());
    });
    assert!(outcome(&outcomes).unwrap_err().is_rejected());
    drop(gate);
}

//! A pool that had a thread more than it may have, for one that waited: which of them goes, and which stays.

mod common;

use common::{LONG, eventually};
use std::sync::{Mutex, mpsc};
use windlass_blocking::{ExecutorExt, Future, ThreadPoolExecutor, wait_blocked};

/// What the threads of a pool of one say, in order.
#[derive(Debug, PartialEq, Eq)]
enum Event {
    Stopping,
    Ran,
}

/// A pool of one thread that has two.
struct OneTooMany {
    pool: ThreadPoolExecutor,
    /// A job that runs until `gate` is dropped.
    second: Future<()>,
    gate: mpsc::Sender<()>,
    /// Threads that leave wait until this is dropped.
    let_go: mpsc::Sender<()>,
    says: mpsc::Sender<Event>,
    events: mpsc::Receiver<Event>,
}

impl OneTooMany {
    /// The job that had waited for the other to begin goes on and ends with `then`; its thread leaves.
    fn after(then: impl FnOnce(&ThreadPoolExecutor, &mpsc::Sender<Event>)) -> Self {
        let (says, events) = mpsc::channel();
        let (let_go, may_go) = mpsc::channel::<()>();
        let (stopping, may_go) = (says.clone(), Mutex::new(may_go));
        let stop = move || {
            stopping.send(Event::Stopping).unwrap();
            let _ = may_go.lock().unwrap().recv();
        };
        let pool = ThreadPoolExecutor::builder().max_workers(1).on_thread_stop(stop).build();
        let (own, (gate, gated)) = (pool.clone(), mpsc::channel::<()>());
        let ((waiting, waits), (end, may_end)) = (mpsc::channel(), mpsc::channel::<()>());
        let first = pool.submit(move || {
            let (started, starts) = mpsc::channel();
            let second = own.submit(move || {
                started.send(()).unwrap();
                let _ = gated.recv();
            });
            wait_blocked(|| starts.recv().unwrap());
            waiting.send(second).unwrap();
            let _ = may_end.recv();
        });
        let second = waits.recv_timeout(LONG).unwrap();
        then(&pool, &says);
        drop(end);
        first.result().unwrap();
        assert_eq!(events.recv_timeout(LONG), Ok(Event::Stopping));
        Self { pool, second, gate, let_go, says, events }
    }
}

#[test]
fn one_of_two_threads_goes_and_the_other_does_what_is_queued() {
    let queue = |pool: &ThreadPoolExecutor, says: &mpsc::Sender<Event>| {
        let says = says.clone();
        drop(pool.submit(move || says.send(Event::Ran).unwrap()));
        pool.shutdown(false, false);
    };
    let OneTooMany { pool, second, gate, let_go, events, .. } = OneTooMany::after(queue);
    // The one thread takes its time to go, and the other is not too many any more.
    drop(gate);
    second.result().unwrap();
    assert_eq!(events.recv_timeout(LONG), Ok(Event::Ran));
    drop(let_go);
    pool.shutdown(true, false);
}

#[test]
fn a_thread_that_takes_its_time_to_go_is_not_counted_on() {
    let OneTooMany { pool, second, gate, let_go, says, events } = OneTooMany::after(|_, _| ());
    drop(gate);
    second.result().unwrap();
    eventually("the other thread is idle", || pool.metrics().idle_threads == 1);
    drop(pool.submit(move || says.send(Event::Ran).unwrap()));
    assert_eq!(events.recv_timeout(LONG), Ok(Event::Ran));
    drop(let_go);
}

#[test]
fn a_wait_inside_a_wait_counts_once() {
    let pool = ThreadPoolExecutor::new(1);
    let own = pool.clone();
    let threads = pool.submit(move || {
        wait_blocked(|| {
            wait_blocked(|| {
                let (started, starts) = mpsc::channel();
                let (gate, gated) = mpsc::channel::<()>();
                let busy = own.submit(move || {
                    started.send(()).unwrap();
                    let _ = gated.recv();
                });
                starts.recv().unwrap();
                // Whoever may be had for this one is counted when it returns.
                let queued = own.submit(|| ());
                let threads = own.metrics().threads;
                drop(gate);
                busy.result().unwrap();
                queued.result().unwrap();
                threads
            })
        })
    });
    assert_eq!(threads.result().unwrap(), 2, "one thread waits, so one may run");
}

//! Submitting to executors, ours and others'. After CPython's test_concurrent_futures/executor,
//! test_thread_pool and test_init.

mod common;

use common::{LONG, SHORT, eventually, occupy};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;
use windlass_blocking::{
    Executor, ExecutorExt, Job, RejectReason, Rejected, Room, ThreadPoolExecutor, wait_blocked,
};

/// Anyone's pool becomes an executor in a dozen lines.
#[derive(Clone)]
struct Rayon(Arc<rayon_core::ThreadPool>);

impl Executor for Rayon {
    fn try_execute(&self, job: Job) -> Result<(), Rejected> {
        self.0.spawn(move || job.run());
        Ok(())
    }

    /// rayon's pool ends by itself when its last handle is gone.
    fn shutdown(&self, _wait: bool, _cancel_futures: bool) {}
}

fn rayon() -> Rayon {
    Rayon(Arc::new(rayon_core::ThreadPoolBuilder::new().num_threads(2).build().unwrap()))
}

#[test]
fn rayon_can_be_an_executor() {
    let pool = rayon();
    assert_eq!(pool.submit(|| 6 * 7).result().unwrap(), 42);
    assert!(pool.submit(|| panic!("this panic belongs to the test")).result().unwrap_err().is_panic());
    let squares: Result<Vec<u32>, _> = pool.map(|n| n * n, 0..100).collect();
    assert_eq!(squares.unwrap(), (0..100).map(|n| n * n).collect::<Vec<_>>());
    let dynamic: Arc<dyn Executor> = Arc::new(pool);
    assert_eq!(dynamic.submit(|| "object-safe").result().unwrap(), "object-safe");
}

#[test]
fn submit() {
    let pool = ThreadPoolExecutor::new(3);
    let base = 2_u32;
    assert_eq!(pool.submit(move || base.pow(8)).result().unwrap(), 256);
}

#[test]
fn the_location_is_the_submitters() {
    let pool = ThreadPoolExecutor::new(1);
    let future = pool.submit(|| ());
    let line = line!() - 1;
    assert_eq!((future.location().file(), future.location().line()), (file!(), line));
    let future = pool.try_submit(|| ()).unwrap();
    let line = line!() - 1;
    assert_eq!(future.location().line(), line);
}

#[test]
fn the_default_size_is_pythons() {
    let processors = std::thread::available_parallelism().unwrap().get();
    assert_eq!(ThreadPoolExecutor::default().max_workers(), (processors + 4).min(32));
}

#[test]
fn a_pool_of_none_is_refused() {
    assert!(std::panic::catch_unwind(|| ThreadPoolExecutor::new(0)).is_err());
    assert!(std::panic::catch_unwind(|| ThreadPoolExecutor::builder().queue_capacity(0)).is_err());
    // As a word for no bound, which would have the process out of memory.
    let refused = std::panic::catch_unwind(|| ThreadPoolExecutor::builder().queue_capacity(usize::MAX));
    let message = *refused.err().unwrap().downcast::<String>().unwrap();
    assert!(message.contains("for no bound leave it out"), "{message}");
}

#[test]
fn saturation_starts_as_many_threads_as_there_are_jobs() {
    let pool = ThreadPoolExecutor::new(4);
    let gates: Vec<_> = (0..4).map(|_| occupy(&pool)).collect();
    assert_eq!(pool.metrics().threads, 4);
    let waiting = pool.submit(|| "at last");
    assert_eq!(pool.metrics().queued, 1);
    drop(gates);
    assert_eq!(waiting.result().unwrap(), "at last");
    assert_eq!(pool.metrics().threads, 4);
}

#[test]
fn an_idle_thread_is_reused() {
    let pool = ThreadPoolExecutor::new(8);
    for n in 0..3 {
        assert_eq!(pool.submit(move || n).result().unwrap(), n);
        eventually("it is idle", || pool.metrics().idle_threads == 1);
    }
    assert_eq!(pool.metrics().threads, 1);
}

#[test]
fn threads_are_named_in_order() {
    let pool = ThreadPoolExecutor::builder().max_workers(2).thread_name_prefix("special").build();
    let name = || std::thread::current().name().unwrap().to_owned();
    let gate = occupy(&pool);
    assert_eq!(pool.submit(name).result().unwrap(), "special_1");
    drop(gate);
    let unnamed = ThreadPoolExecutor::new(1).submit(name).result().unwrap();
    assert!(unnamed.starts_with("ThreadPoolExecutor-") && unnamed.ends_with("_0"), "{unnamed}");
}

#[test]
fn the_closure_is_gone_when_the_result_is_there() {
    let pool = ThreadPoolExecutor::new(1);
    for _ in 0..100 {
        let token = Arc::new(());
        let inside = token.clone();
        pool.submit(move || {
            let _ = &inside;
        })
        .result()
        .unwrap();
        assert_eq!(Arc::strong_count(&token), 1);
    }
}

#[test]
fn submit_after_shutdown_fails_the_future() {
    let pool = ThreadPoolExecutor::new(1);
    pool.shutdown(true, false);
    let error = pool.submit(|| ()).result().unwrap_err();
    assert!(error.is_rejected() && error.to_string().contains("shut down"), "{error}");
    let refused = pool.try_submit(|| "mine again").unwrap_err();
    assert!(matches!(refused.reason(), RejectReason::ShutDown));
    assert_eq!(refused.into_inner()(), "mine again");
}

#[test]
fn shutdown_with_cancel_futures_cancels_what_waits_and_leaves_what_runs() {
    let pool = ThreadPoolExecutor::new(2);
    let (started, starts) = mpsc::channel();
    let (gates, running): (Vec<_>, Vec<_>) = (0..2)
        .map(|_| {
            let started = started.clone();
            let (gate, gated) = mpsc::channel::<()>();
            let job = move || {
                started.send(()).unwrap();
                gated.recv().is_err()
            };
            (gate, pool.submit(job))
        })
        .unzip();
    starts.recv().unwrap();
    starts.recv().unwrap();
    let waiting: Vec<_> = (0..50).map(|_| pool.submit(|| ())).collect();
    // Those that run go on until the others are cancelled: a thread that was done before would take one of them.
    pool.shutdown(false, true);
    assert!(waiting.into_iter().all(|future| future.result().unwrap_err().is_cancelled()));
    drop(gates);
    pool.shutdown(true, true);
    assert!(running.into_iter().all(|future| future.result().unwrap()));
}

#[test]
fn running_jobs_hear_of_a_shutdown_that_cancels() {
    let pool = ThreadPoolExecutor::new(1);
    let (started, starts) = mpsc::channel();
    let future = pool.submit(move || {
        started.send(()).unwrap();
        while !windlass_blocking::current().is_cancelled() {
            std::thread::yield_now();
        }
    });
    starts.recv().unwrap();
    pool.shutdown(true, true);
    assert!(future.result().is_ok());
}

/// Nor does one that ends by that make way for what was to be cancelled.
#[test]
fn what_waits_is_cancelled_before_running_jobs_hear_of_it() {
    for _ in 0..50 {
        let pool = ThreadPoolExecutor::new(1);
        let (started, starts) = mpsc::channel();
        let running = pool.submit(move || {
            started.send(()).unwrap();
            while !windlass_blocking::current().is_cancelled() {
                std::hint::spin_loop();
            }
        });
        starts.recv().unwrap();
        let waiting: Vec<_> = (0..500).map(|_| pool.submit(|| ())).collect();
        pool.shutdown(true, true);
        assert!(waiting.into_iter().all(|future| future.result().is_err_and(|error| error.is_cancelled())));
        assert!(running.result().is_ok());
    }
}

#[test]
fn submit_cancel_shutdown_does_not_hang() {
    let pool = ThreadPoolExecutor::new(1);
    let gate = occupy(&pool);
    let future = pool.submit(|| ());
    assert!(future.cancel());
    pool.shutdown(false, true);
    drop(gate);
    pool.shutdown(true, false);
}

#[test]
fn an_initializer_comes_before_the_first_job() {
    thread_local!(static READY: std::cell::Cell<bool> = const { std::cell::Cell::new(false) });
    let pool = ThreadPoolExecutor::builder().max_workers(4).initializer(|| READY.set(true)).build();
    let all: Result<Vec<bool>, _> = pool.map(|_| READY.get(), 0..50).collect();
    assert!(all.unwrap().into_iter().all(|ready| ready));
}

#[test]
fn a_failing_initializer_fails_everything_queued() {
    for panics in [false, true] {
        let (gate, gated) = mpsc::channel::<()>();
        let gated = std::sync::Mutex::new(gated);
        let pool = ThreadPoolExecutor::builder()
            .max_workers(1)
            .initializer(move || {
                let _ = gated.lock().unwrap().recv();
                assert!(!panics, "no {}", "dice");
                Err::<(), _>("no dice")
            })
            .build();
        let futures: Vec<_> = (0..20).map(|_| pool.submit(|| unreachable!())).collect();
        drop(gate);
        for future in futures {
            let error: windlass_blocking::JobError = future.result().map(|(): ()| ()).unwrap_err();
            assert!(error.is_broken() && error.to_string().contains("no dice"), "{error}");
        }
        assert!(pool.submit(|| ()).result().unwrap_err().is_broken());
    }
}

#[test]
fn a_job_may_wait_for_another_of_a_saturated_pool() {
    fn nested(pool: &ThreadPoolExecutor, depth: u32) -> u32 {
        if depth == 0 {
            return 0;
        }
        let inner = pool.clone();
        pool.submit(move || nested(&inner, depth - 1) + 1).result().unwrap()
    }
    let pool = ThreadPoolExecutor::builder().max_workers(1).keep_alive(SHORT).build();
    assert_eq!(nested(&pool, 20), 20);
    eventually("the extra threads leave", || pool.metrics().threads <= 1);
}

#[test]
fn many_jobs_may_wait_for_others_of_a_saturated_pool() {
    let pool = ThreadPoolExecutor::new(2);
    let own = pool.clone();
    let futures: Vec<_> = (0..20)
        .map(|n| {
            let own = own.clone();
            pool.submit(move || own.map(|m| m, 0..n).map(Result::unwrap).sum::<u32>())
        })
        .collect();
    for (n, future) in (0_u32..).zip(futures) {
        assert_eq!(future.result().unwrap(), (0..n).sum::<u32>());
    }
}

#[test]
fn a_declared_wait_lets_another_thread_in() {
    let pool = ThreadPoolExecutor::new(1);
    let own = pool.clone();
    let future = pool.submit(move || {
        let (sender, receiver) = mpsc::channel();
        own.submit(move || sender.send(5).unwrap());
        wait_blocked(|| receiver.recv_timeout(LONG))
    });
    assert_eq!(future.result().unwrap(), Ok(5));
}

#[test]
fn a_full_pool_makes_submit_wait() {
    let pool = ThreadPoolExecutor::builder().max_workers(1).queue_capacity(1).build();
    let gate = occupy(&pool);
    let queued = pool.submit(|| "queued");
    assert!(pool.try_submit(|| ()).unwrap_err().is_full());
    std::thread::scope(|scope| {
        let (submitted, is_submitted) = mpsc::channel();
        let pool = &pool;
        for n in 0..4 {
            let submitted = submitted.clone();
            scope.spawn(move || {
                let future = pool.submit(move || n);
                submitted.send(()).unwrap();
                assert_eq!(future.result().unwrap(), n);
            });
        }
        assert!(is_submitted.recv_timeout(SHORT).is_err());
        drop(gate);
        for _ in 0..4 {
            is_submitted.recv_timeout(LONG).unwrap();
        }
    });
    assert_eq!(queued.result().unwrap(), "queued");
}

#[test]
fn waiting_for_room_ends_with_the_pool() {
    let pool = ThreadPoolExecutor::builder().max_workers(1).queue_capacity(1).build();
    let gate = occupy(&pool);
    let _queued = pool.submit(|| ());
    std::thread::scope(|scope| {
        let waiter = scope.spawn(|| pool.submit(|| ()).result());
        std::thread::sleep(SHORT);
        pool.shutdown(false, false);
        assert!(waiter.join().unwrap().unwrap_err().is_rejected());
    });
    drop(gate);
}

#[test]
fn a_job_may_submit_to_its_own_full_pool() {
    let pool = ThreadPoolExecutor::builder().max_workers(1).queue_capacity(1).build();
    let own = pool.clone();
    let futures = pool.submit(move || (0..20).map(|n| own.submit(move || n)).collect::<Vec<_>>());
    for (n, future) in futures.result().unwrap().into_iter().enumerate() {
        assert_eq!(future.result().unwrap(), n);
    }
}

#[test]
fn a_place_in_line_that_is_given_up_goes_to_the_next() {
    use std::task::{Context, Wake, Waker};
    struct Told(AtomicUsize);
    impl Wake for Told {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }
    let pool = ThreadPoolExecutor::builder().max_workers(1).queue_capacity(1).build();
    let gate = occupy(&pool);
    let _queued = pool.submit(|| ());
    let mut line: Vec<(Box<dyn Room>, Arc<Told>)> = Vec::new();
    for _ in 0..3 {
        let (mut room, told) = (pool.room().unwrap(), Arc::new(Told(AtomicUsize::new(0))));
        let waker = Waker::from(told.clone());
        let mut job = Some(Job::new(|| ()));
        assert!(room.poll_execute(&mut Context::from_waker(&waker), &mut job).is_pending());
        line.push((room, told));
    }
    drop(gate);
    eventually("the first is told", || line[0].1.0.load(Ordering::SeqCst) == 1);
    assert_eq!(line[1].1.0.load(Ordering::SeqCst), 0);
    drop(line.remove(0));
    eventually("the second is told instead", || line[0].1.0.load(Ordering::SeqCst) == 1);
    let mut job = Some(Job::new(|| ()));
    let outcome = line[0].0.poll_execute(&mut Context::from_waker(Waker::noop()), &mut job);
    assert!(outcome.is_ready() && job.is_none());
    eventually("the third is told next", || line[1].1.0.load(Ordering::SeqCst) == 1);
}

#[test]
fn bounded_and_contended() {
    let pool = ThreadPoolExecutor::builder().max_workers(2).queue_capacity(2).build();
    let runs = Arc::new(AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| {
                for _ in 0..1_000 {
                    let runs = runs.clone();
                    pool.submit(move || runs.fetch_add(1, Ordering::Relaxed));
                }
            });
        }
    });
    pool.shutdown(true, false);
    assert_eq!(runs.load(Ordering::Relaxed), 6_000);
}

#[test]
fn an_executor_that_is_full_and_has_no_line_fails_the_future() {
    struct Full;
    impl Executor for Full {
        fn try_execute(&self, job: Job) -> Result<(), Rejected> {
            Err(Rejected::new(job, RejectReason::Full))
        }
        fn shutdown(&self, _wait: bool, _cancel_futures: bool) {}
    }
    assert!(Full.submit(|| ()).result().unwrap_err().is_rejected());
    assert_eq!(Full.try_submit(|| 1).unwrap_err().into_inner()(), 1);
}

#[test]
fn an_executor_that_drops_its_jobs_cancels_them() {
    struct Careless;
    impl Executor for Careless {
        fn try_execute(&self, job: Job) -> Result<(), Rejected> {
            drop(job);
            Ok(())
        }
        fn shutdown(&self, _wait: bool, _cancel_futures: bool) {}
    }
    assert!(Careless.submit(|| ()).result().unwrap_err().is_cancelled());
}

#[test]
fn without_a_thread_the_future_fails() {
    let pool = ThreadPoolExecutor::builder().stack_size(usize::MAX / 4).build();
    let error = pool.submit(|| ()).result().unwrap_err();
    assert!(error.is_broken(), "{error}");
    assert!(matches!(pool.try_submit(|| ()).unwrap_err().reason(), RejectReason::NoThread(_)));
}

#[test]
fn small_jobs_are_not_boxed_again() {
    // Three words: what it is, how to run it, where it came from.
    assert_eq!(std::mem::size_of::<Job>(), 3 * std::mem::size_of::<usize>());
}

#[test]
fn results_of_many_jobs_from_many_threads_are_all_right() {
    const EACH: u64 = 10_000;
    let pool = ThreadPoolExecutor::builder().max_workers(8).keep_alive(Duration::from_millis(1)).build();
    std::thread::scope(|scope| {
        for submitter in 0..8_u64 {
            let pool = &pool;
            scope.spawn(move || {
                let futures: Vec<_> =
                    (0..EACH).map(|n| pool.submit(move || n.wrapping_mul(31) ^ submitter)).collect();
                for (n, future) in (0..EACH).zip(futures) {
                    assert_eq!(future.result().unwrap(), n.wrapping_mul(31) ^ submitter);
                }
            });
        }
    });
}

/// A waker that owns a place in line, which goes with it.
#[expect(dead_code, reason = "owned, not looked at")]
struct Owner(Mutex<Box<dyn Room>>);

impl Wake for Owner {
    fn wake(self: Arc<Self>) {}
}

#[test]
fn a_waker_that_is_replaced_in_line_may_own_another_place() {
    let pool = ThreadPoolExecutor::builder().max_workers(1).queue_capacity(1).build();
    let gate = occupy(&pool);
    pool.try_execute(Job::new(|| ())).unwrap();
    let (done, is_done) = mpsc::channel();
    let inner = pool.clone();
    std::thread::spawn(move || {
        let (mut one, mut other) = (inner.room().unwrap(), inner.room().unwrap());
        let (mut job, mut other_job) = (Some(Job::new(|| ())), Some(Job::new(|| ())));
        let noop = &mut Context::from_waker(Waker::noop());
        assert!(matches!(other.poll_execute(noop, &mut other_job), Poll::Pending));
        let owner = Waker::from(Arc::new(Owner(Mutex::new(other))));
        assert!(matches!(one.poll_execute(&mut Context::from_waker(&owner), &mut job), Poll::Pending));
        drop(owner);
        assert!(matches!(one.poll_execute(noop, &mut job), Poll::Pending));
        done.send(()).unwrap();
    });
    assert_eq!(is_done.recv_timeout(LONG), Ok(()));
    drop(gate);
}

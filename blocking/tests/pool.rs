//! The thread pool as an executor of plain jobs: growth, reuse, shrinking, panics, hooks, bounded queues.

mod common;

use common::eventually;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, mpsc};
use std::time::Duration;
use windlass_blocking::{Executor, Job, RejectReason, ThreadPoolExecutor};

fn execute(pool: &ThreadPoolExecutor, f: impl FnOnce() + Send + 'static) {
    pool.try_execute(Job::new(f)).expect("the pool takes jobs");
}

#[test]
fn every_job_runs_once_whoever_submits() {
    const SUBMITTERS: usize = 8;
    const JOBS: usize = 5_000;
    let pool = ThreadPoolExecutor::new(4);
    let runs: Arc<Vec<AtomicUsize>> = Arc::new((0..SUBMITTERS * JOBS).map(|_| AtomicUsize::new(0)).collect());
    std::thread::scope(|scope| {
        for submitter in 0..SUBMITTERS {
            let (pool, runs) = (&pool, &runs);
            scope.spawn(move || {
                for job in 0..JOBS {
                    let runs = runs.clone();
                    execute(pool, move || {
                        runs[submitter * JOBS + job].fetch_add(1, Ordering::Relaxed);
                    });
                }
            });
        }
    });
    pool.shutdown(true, false);
    assert!(runs.iter().all(|count| count.load(Ordering::Relaxed) == 1));
}

#[test]
fn a_hundred_jobs_wait_side_by_side() {
    let pool = ThreadPoolExecutor::new(100);
    // Each of them until all have begun: how long that takes is the machine's business.
    let barrier = Arc::new(Barrier::new(100));
    for _ in 0..100 {
        let barrier = barrier.clone();
        execute(&pool, move || {
            barrier.wait();
        });
    }
    pool.shutdown(true, false);
}

#[test]
fn jobs_that_need_each_other_all_get_a_thread() {
    for _ in 0..50 {
        let pool = ThreadPoolExecutor::new(8);
        let barrier = Arc::new(Barrier::new(8));
        for _ in 0..8 {
            let barrier = barrier.clone();
            execute(&pool, move || {
                barrier.wait();
            });
        }
        pool.shutdown(true, false);
    }
}

#[test]
fn one_job_at_a_time_needs_one_thread() {
    let pool = ThreadPoolExecutor::new(8);
    for _ in 0..200 {
        let (sender, receiver) = mpsc::channel();
        execute(&pool, move || sender.send(()).unwrap());
        receiver.recv().unwrap();
        // The thread has to get from its job to its rest before it can be reused.
        eventually("the thread rests", || pool.metrics().idle_threads == pool.metrics().threads);
    }
    assert_eq!(pool.metrics().threads, 1);
}

#[test]
fn never_more_threads_than_asked_for() {
    let pool = ThreadPoolExecutor::new(3);
    let (running, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    for _ in 0..2_000 {
        let (running, most) = (running.clone(), most.clone());
        execute(&pool, move || {
            most.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            std::thread::yield_now();
            running.fetch_sub(1, Ordering::SeqCst);
        });
    }
    assert!(pool.metrics().threads <= 3);
    pool.shutdown(true, false);
    assert!(most.load(Ordering::SeqCst) <= 3);
}

#[test]
fn idle_threads_go_home() {
    let pool = ThreadPoolExecutor::builder().max_workers(8).keep_alive(Duration::from_millis(20)).build();
    let barrier = Arc::new(Barrier::new(9));
    for _ in 0..8 {
        let barrier = barrier.clone();
        execute(&pool, move || {
            barrier.wait();
        });
    }
    barrier.wait();
    eventually("all threads leave", || pool.metrics().threads == 0);
    let (sender, receiver) = mpsc::channel();
    execute(&pool, move || sender.send(()).unwrap());
    receiver.recv().unwrap();
}

#[test]
fn expiry_against_submission() {
    let pool = ThreadPoolExecutor::builder().max_workers(2).keep_alive(Duration::from_micros(50)).build();
    for round in 0..3_000_u64 {
        let (sender, receiver) = mpsc::channel();
        execute(&pool, move || sender.send(round).unwrap());
        assert_eq!(receiver.recv_timeout(Duration::from_secs(10)), Ok(round));
        if round % 3 == 0 {
            std::thread::sleep(Duration::from_micros(round % 100));
        }
    }
}

#[test]
fn panics_kill_no_thread() {
    let pool = ThreadPoolExecutor::new(1);
    for _ in 0..10 {
        execute(&pool, || panic!("this panic belongs to the test"));
    }
    let (sender, receiver) = mpsc::channel();
    execute(&pool, move || sender.send(std::thread::current().id()).unwrap());
    receiver.recv().unwrap();
    assert_eq!(pool.metrics().threads, 1);
}

#[test]
fn hooks_run_on_every_thread() {
    let (started, stopped) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (on_start, on_stop) = (started.clone(), stopped.clone());
    let pool = ThreadPoolExecutor::builder()
        .max_workers(4)
        .on_thread_start(move || {
            on_start.fetch_add(1, Ordering::SeqCst);
        })
        .on_thread_stop(move || {
            on_stop.fetch_add(1, Ordering::SeqCst);
            panic!("a hook's panic belongs to the test too");
        })
        .build();
    let barrier = Arc::new(Barrier::new(4));
    for _ in 0..4 {
        let barrier = barrier.clone();
        execute(&pool, move || {
            barrier.wait();
        });
    }
    drop(pool);
    assert_eq!((started.load(Ordering::SeqCst), stopped.load(Ordering::SeqCst)), (4, 4));
}

#[test]
fn a_slow_initializer_holds_up_nobody_else() {
    let (gate, gated) = mpsc::channel::<()>();
    let gated = std::sync::Mutex::new(gated);
    let first = AtomicUsize::new(0);
    let pool = ThreadPoolExecutor::builder()
        .max_workers(2)
        .initializer(move || {
            if first.fetch_add(1, Ordering::SeqCst) == 0 {
                let _ = gated.lock().unwrap().recv();
            }
        })
        .build();
    // The first thread hangs in its initializer; the second job must get the second thread, which runs both.
    let (sender, receiver) = mpsc::channel();
    for job in 0..2 {
        let sender = sender.clone();
        execute(&pool, move || sender.send(job).unwrap());
    }
    assert_eq!(receiver.recv_timeout(Duration::from_secs(10)), Ok(0));
    assert_eq!(receiver.recv_timeout(Duration::from_secs(10)), Ok(1));
    drop(gate);
}

#[test]
fn a_failed_initializer_breaks_the_pool() {
    let pool = ThreadPoolExecutor::builder()
        .max_workers(2)
        .initializer(|| -> Result<(), &str> { Err("no such luck") })
        .build();
    execute(&pool, || unreachable!("no thread is fit to run this"));
    eventually("the pool breaks", || pool.try_execute(Job::new(|| ())).is_err());
    let rejected = pool.try_execute(Job::new(|| ())).unwrap_err();
    assert!(matches!(rejected.reason(), RejectReason::Broken(_)), "{rejected:?}");
    assert!(rejected.to_string().contains("no such luck"), "{rejected}");
    eventually("its threads leave", || pool.metrics().threads == 0);
}

#[test]
fn without_a_thread_the_job_comes_back() {
    // No machine has room for such a stack.
    let pool = ThreadPoolExecutor::builder().stack_size(usize::MAX / 4).build();
    let rejected = pool.try_execute(Job::new(|| ())).unwrap_err();
    assert!(matches!(rejected.reason(), RejectReason::NoThread(_)), "{rejected:?}");
    assert_eq!(pool.metrics().threads, 0);
    rejected.into_job().run();
}

#[test]
fn a_full_queue_gives_the_job_back() {
    let pool = ThreadPoolExecutor::builder().max_workers(1).queue_capacity(2).build();
    let (gate, gated) = mpsc::channel::<()>();
    let (started, starts) = mpsc::channel();
    execute(&pool, move || {
        started.send(()).unwrap();
        let _ = gated.recv();
    });
    starts.recv().unwrap();
    execute(&pool, || ());
    execute(&pool, || ());
    assert!(pool.try_execute(Job::new(|| ())).unwrap_err().is_full());
    drop(gate);
    eventually("there is room", || pool.try_execute(Job::new(|| ())).is_ok());
}

#[test]
fn a_stranger_may_unpark_a_thread() {
    let pool = ThreadPoolExecutor::new(1);
    let (sender, receiver) = mpsc::channel();
    execute(&pool, move || sender.send(std::thread::current()).unwrap());
    let thread = receiver.recv().unwrap();
    for _ in 0..100 {
        thread.unpark();
        let (sender, receiver) = mpsc::channel();
        execute(&pool, move || sender.send(()).unwrap());
        assert_eq!(receiver.recv_timeout(Duration::from_secs(10)), Ok(()));
    }
}

#[test]
fn running_jobs_are_named_by_where_they_came_from() {
    let pool = ThreadPoolExecutor::builder().max_workers(2).thread_name_prefix("name").build();
    let (gate, gated) = mpsc::channel::<()>();
    let (started, starts) = mpsc::channel();
    let job = Job::new(move || {
        started.send(()).unwrap();
        let _ = gated.recv();
    });
    let location = job.location();
    pool.try_execute(job).unwrap();
    starts.recv().unwrap();
    let jobs = pool.running_jobs();
    assert_eq!(jobs.len(), 1);
    assert_eq!(jobs[0].location(), location);
    assert_eq!(jobs[0].thread_name(), Some("name_0"));
    drop(gate);
    eventually("the job ends", || pool.running_jobs().is_empty());
}

#[test]
fn debug_output_helps() {
    let pool = ThreadPoolExecutor::new(3);
    let text = format!("{pool:?}");
    assert!(text.contains("max_workers: 3") && text.contains("shut_down: false"), "{text}");
    assert!(format!("{:?}", Job::new(|| ())).contains(file!()));
}

/// A pool of which only every `n`th thread can be started, the first included.
fn pool_with_failing_starts(n: usize) -> ThreadPoolExecutor {
    let starts = AtomicUsize::new(0);
    ThreadPoolExecutor::builder()
        .max_workers(8)
        .keep_alive(Duration::from_micros(200))
        .thread_name_fn(move || {
            // std refuses such a name, so the thread is not started.
            let fails = !starts.fetch_add(1, Ordering::Relaxed).is_multiple_of(n);
            if fails { "\0".to_owned() } else { "fine".to_owned() }
        })
        .build()
}

#[test]
fn a_thread_that_cannot_be_started_leaves_its_job_to_the_others() {
    let pool = pool_with_failing_starts(usize::MAX);
    let gate = common::occupy(&pool);
    let runs = Arc::new(AtomicUsize::new(0));
    for _ in 0..50 {
        let runs = runs.clone();
        execute(&pool, move || {
            runs.fetch_add(1, Ordering::Relaxed);
        });
    }
    assert_eq!(pool.metrics().threads, 1);
    drop(gate);
    eventually("the one thread does it all", || runs.load(Ordering::Relaxed) == 50);
}

#[test]
fn failing_starts_against_expiry_and_submission() {
    struct Fate(Arc<AtomicUsize>);
    impl Drop for Fate {
        fn drop(&mut self) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    let ended = Arc::new(AtomicUsize::new(0));
    let pool = pool_with_failing_starts(3);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for round in 0..2_000 {
                    let fate = Fate(ended.clone());
                    // Given back, run, or failed later for want of a thread: it ends in each case.
                    drop(pool.try_execute(Job::new(move || drop(fate))));
                    if round % 50 == 0 {
                        std::thread::sleep(Duration::from_micros(300));
                    }
                }
            });
        }
    });
    eventually("every job has ended", || ended.load(Ordering::SeqCst) == 8_000);
}

#[test]
fn a_job_may_submit_from_its_drop() {
    struct Again(Option<(ThreadPoolExecutor, mpsc::Sender<()>)>);
    impl Drop for Again {
        fn drop(&mut self) {
            if let Some((pool, sender)) = self.0.take() {
                execute(&pool, move || sender.send(()).unwrap());
            }
        }
    }
    let pool = ThreadPoolExecutor::new(1);
    let (sender, receiver) = mpsc::channel();
    let again = Again(Some((pool.clone(), sender)));
    execute(&pool, move || drop(again));
    assert_eq!(receiver.recv_timeout(common::LONG), Ok(()));
}

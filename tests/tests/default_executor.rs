//! `Handle::set_default_executor`: who uses it, what becomes of the one before, and its end with the runtime.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use windlass::blocking::{Executor, ExecutorExt, Job, Rejected, StillRunning, ThreadPoolExecutor};
use windlass::runtime::Handle;
use windlass::{run_in_executor, task, to_thread};
use windlass_tests::jobs::{Gate, Rayon, ThreadPerJob, held_job, occupy};
use windlass_tests::{Flavor, linger_into_shutdown, on_every_flavor, spin_until};

on_every_flavor!(
    calls_that_name_none_use_it,
    spawn_blocking_does_not,
    a_named_one_goes_before_it,
    rayon_as_the_default,
    a_thread_per_job_as_the_default,
    a_shared_pointer_as_the_default,
    set_by_a_task,
    set_inside_a_job_of_it,
    the_one_before_ends_what_it_has,
    set_while_others_submit,
    a_bounded_one_waits_for_room,
    a_broken_one_is_an_error,
    one_that_was_shut_down_is_an_error,
    the_runtime_shuts_it_down_and_waits,
    what_is_queued_in_it_is_cancelled,
    the_executor_is_told_to_cancel_and_for_how_long,
    one_that_panics_at_its_shutdown,
    one_that_has_a_handle_of_its_runtime_goes_with_it,
    set_after_the_end,
    the_last_handle_is_dropped_in_a_job_of_it,
);

fn name() -> String {
    thread::current().name().unwrap_or_default().to_owned()
}

fn named(prefix: &str, workers: usize) -> ThreadPoolExecutor {
    ThreadPoolExecutor::builder().max_workers(workers).thread_name_prefix(prefix).build()
}

fn calls_that_name_none_use_it(flavor: Flavor) {
    let runtime = flavor.runtime();
    runtime.block_on(async {
        let before = run_in_executor(None, name).await.unwrap();
        Handle::current().set_default_executor(named("mine", 1));
        assert_ne!(before, "mine_0");
        assert_eq!(run_in_executor(None, name).await.unwrap(), "mine_0");
        assert_eq!(to_thread(name).await.unwrap(), "mine_0");
        assert_eq!(Handle::current().run_in_executor(None, name).await.unwrap(), "mine_0");
    });
    // From elsewhere, too.
    assert_eq!(futures::executor::block_on(runtime.handle().run_in_executor(None, name)).unwrap(), "mine_0");
}

fn spawn_blocking_does_not(flavor: Flavor) {
    let runtime = flavor.builder().thread_name("pool").build().unwrap();
    runtime.handle().set_default_executor(named("mine", 1));
    runtime.block_on(async {
        assert_eq!(task::spawn_blocking(name).await.unwrap(), "pool");
        assert_eq!(task::try_spawn_blocking(name).unwrap().await.unwrap(), "pool");
    });
}

fn a_named_one_goes_before_it(flavor: Flavor) {
    let runtime = flavor.runtime();
    runtime.handle().set_default_executor(named("mine", 1));
    let other = named("other", 1);
    assert_eq!(runtime.block_on(async { run_in_executor(Some(&other), name).await.unwrap() }), "other_0");
}

fn rayon_as_the_default(flavor: Flavor) {
    let runtime = flavor.runtime();
    runtime.handle().set_default_executor(Rayon::new(2));
    runtime.block_on(async {
        for _ in 0..50 {
            assert!(to_thread(name).await.unwrap().starts_with("rayon-"));
        }
    });
}

fn a_thread_per_job_as_the_default(flavor: Flavor) {
    let runtime = flavor.runtime();
    runtime.handle().set_default_executor(ThreadPerJob);
    runtime.block_on(async {
        let (one, other) = (to_thread(|| thread::current().id()), to_thread(|| thread::current().id()));
        assert_ne!(one.await.unwrap(), other.await.unwrap());
    });
}

fn a_shared_pointer_as_the_default(flavor: Flavor) {
    let runtime = flavor.runtime();
    let shared: Arc<dyn Executor> = Arc::new(named("shared", 1));
    runtime.handle().set_default_executor(shared.clone());
    assert_eq!(runtime.block_on(async { to_thread(name).await.unwrap() }), "shared_0");
    drop(runtime);
    // As in asyncio, the runtime has shut down what it was given.
    assert!(shared.submit(|| ()).result().unwrap_err().is_rejected());
}

fn set_by_a_task(flavor: Flavor) {
    let runtime = flavor.runtime();
    let task = runtime.spawn(async {
        Handle::current().set_default_executor(named("mine", 1));
        to_thread(name).await.unwrap()
    });
    assert_eq!(runtime.block_on(task).unwrap(), "mine_0");
}

fn set_inside_a_job_of_it(flavor: Flavor) {
    let runtime = flavor.runtime();
    runtime.handle().set_default_executor(named("first", 1));
    runtime.block_on(async {
        // The last handle of the pool goes on its own thread, which does not wait for itself.
        to_thread(|| Handle::current().set_default_executor(named("second", 1))).await.unwrap();
        assert_eq!(to_thread(name).await.unwrap(), "second_0");
    });
}

fn the_one_before_ends_what_it_has(flavor: Flavor) {
    let runtime = flavor.runtime();
    let first = named("first", 1);
    runtime.handle().set_default_executor(first.clone());
    let gate = occupy(&first);
    let queued = runtime.handle().run_in_executor(None, name);
    runtime.handle().set_default_executor(named("second", 1));
    assert_eq!(runtime.block_on(runtime.handle().run_in_executor(None, name)).unwrap(), "second_0");
    assert!(!queued.is_finished());
    gate.open();
    assert_eq!(runtime.block_on(queued).unwrap(), "first_0");
    drop(runtime);
    // It was given up, not shut down.
    assert_eq!(first.submit(|| 1).result().unwrap(), 1);
}

fn set_while_others_submit(flavor: Flavor) {
    let runtime = flavor.runtime();
    let handle = runtime.handle().clone();
    let over = Arc::new(AtomicBool::new(false));
    let threads: Vec<_> = (0..4)
        .map(|_| {
            let (handle, over) = (handle.clone(), over.clone());
            thread::spawn(move || {
                let mut calls = 0;
                while !over.load(Ordering::SeqCst) {
                    // One of them takes it, whichever.
                    let call = handle.run_in_executor(None, move || calls);
                    assert_eq!(futures::executor::block_on(call).unwrap(), calls);
                    calls += 1;
                }
                calls
            })
        })
        .collect();
    for round in 0..50 {
        if round % 2 == 0 {
            handle.set_default_executor(ThreadPerJob);
        } else {
            handle.set_default_executor(ThreadPoolExecutor::new(1));
        }
        runtime.block_on(async { to_thread(|| ()).await.unwrap() });
    }
    over.store(true, Ordering::SeqCst);
    for thread in threads {
        thread.join().unwrap();
    }
}

fn a_bounded_one_waits_for_room(flavor: Flavor) {
    let runtime = flavor.runtime();
    let pool = ThreadPoolExecutor::builder().max_workers(1).queue_capacity(1).build();
    runtime.handle().set_default_executor(pool.clone());
    let gate = occupy(&pool);
    runtime.block_on(async {
        let calls: Vec<_> = (0..10).map(|n| windlass::spawn(to_thread(move || n))).collect();
        for _ in 0..20 {
            task::yield_now().await;
        }
        gate.open();
        for (n, call) in calls.into_iter().enumerate() {
            assert_eq!(call.await.unwrap().unwrap(), n);
        }
    });
}

fn a_broken_one_is_an_error(flavor: Flavor) {
    let runtime = flavor.runtime();
    let broken = ThreadPoolExecutor::builder().initializer(|| Err("no licence")).build();
    runtime.handle().set_default_executor(broken);
    let error = runtime.block_on(async { to_thread(|| ()).await }).unwrap_err();
    assert!(error.is_broken() && error.to_string().contains("no licence"), "{error}");
    // What does not use it is as before.
    assert_eq!(runtime.block_on(runtime.spawn_blocking(|| 1)).unwrap(), 1);
}

fn one_that_was_shut_down_is_an_error(flavor: Flavor) {
    let runtime = flavor.runtime();
    let pool = ThreadPoolExecutor::new(1);
    pool.shutdown(true, false);
    runtime.handle().set_default_executor(pool);
    assert!(runtime.block_on(async { to_thread(|| ()).await }).unwrap_err().is_rejected());
}

fn the_runtime_shuts_it_down_and_waits(flavor: Flavor) {
    let runtime = flavor.runtime();
    let pool = ThreadPoolExecutor::new(1);
    runtime.handle().set_default_executor(pool.clone());
    let handle = runtime.handle().clone();
    let (begun, begins) = mpsc::channel();
    let call = runtime.handle().run_in_executor(None, move || {
        begun.send(()).unwrap();
        linger_into_shutdown(&handle);
        "done"
    });
    begins.recv().unwrap();
    drop(runtime);
    assert!(call.is_finished());
    assert_eq!(futures::executor::block_on(call).unwrap(), "done");
    assert!(pool.is_shut_down());
    assert!(pool.submit(|| ()).result().unwrap_err().is_rejected());
}

fn what_is_queued_in_it_is_cancelled(flavor: Flavor) {
    let runtime = flavor.runtime();
    let pool = ThreadPoolExecutor::new(1);
    runtime.handle().set_default_executor(pool.clone());
    let gate = occupy(&pool);
    let queued = runtime.handle().run_in_executor(None, || unreachable!("it was cancelled"));
    // Of the user's own as well: it is the runtime's executor now.
    let own = pool.submit(|| unreachable!("it was cancelled"));
    runtime.shutdown_background();
    let result: Result<(), _> = futures::executor::block_on(queued);
    assert!(result.unwrap_err().is_cancelled());
    let result: Result<(), _> = own.result();
    assert!(result.unwrap_err().is_cancelled());
    gate.open();
}

/// Notes how it is shut down.
#[derive(Default)]
struct Notes {
    shutdowns: AtomicUsize,
    timeouts: parking_lot::Mutex<Vec<(Duration, bool)>>,
}

struct Noting(Arc<Notes>);

impl Executor for Noting {
    fn try_execute(&self, job: Job) -> Result<(), Rejected> {
        job.run();
        Ok(())
    }

    fn shutdown(&self, wait: bool, cancel_futures: bool) {
        assert!(!wait && cancel_futures);
        self.0.shutdowns.fetch_add(1, Ordering::SeqCst);
    }

    fn shutdown_timeout(&self, timeout: Duration, cancel_futures: bool) -> Result<(), StillRunning> {
        self.0.timeouts.lock().push((timeout, cancel_futures));
        Ok(())
    }
}

fn the_executor_is_told_to_cancel_and_for_how_long(flavor: Flavor) {
    let runtime = flavor.runtime();
    let notes = Arc::new(Notes::default());
    runtime.handle().set_default_executor(Noting(notes.clone()));
    assert_eq!(runtime.block_on(async { to_thread(|| "here and now").await.unwrap() }), "here and now");
    runtime.shutdown_timeout(Duration::from_secs(1_000));
    assert_eq!(notes.shutdowns.load(Ordering::SeqCst), 1);
    let timeouts = notes.timeouts.lock();
    assert_eq!(timeouts.len(), 1);
    let (timeout, cancels) = timeouts[0];
    assert!(
        cancels && timeout <= Duration::from_secs(1_000) && timeout > Duration::from_secs(900),
        "{timeout:?}"
    );
}

fn one_that_panics_at_its_shutdown(flavor: Flavor) {
    struct Panics;
    impl Executor for Panics {
        fn try_execute(&self, job: Job) -> Result<(), Rejected> {
            job.run();
            Ok(())
        }

        fn shutdown(&self, _wait: bool, _cancel_futures: bool) {
            panic!("this panic belongs to the test")
        }
    }
    let runtime = flavor.runtime();
    runtime.handle().set_default_executor(Panics);
    let (job, gate) = held_job(&runtime);
    let queued = runtime.spawn_blocking(|| ());
    runtime.shutdown_timeout(Duration::from_millis(20));
    // The blocking pool was shut down all the same.
    gate.open();
    futures::executor::block_on(job).unwrap();
    spin_until(|| queued.is_finished());
}

fn one_that_has_a_handle_of_its_runtime_goes_with_it(flavor: Flavor) {
    /// Runs its jobs in tasks.
    struct Tasks {
        handle: Handle,
        _token: Arc<()>,
    }
    impl Executor for Tasks {
        fn try_execute(&self, job: Job) -> Result<(), Rejected> {
            self.handle.spawn(async move { job.run() });
            Ok(())
        }

        fn shutdown(&self, _wait: bool, _cancel_futures: bool) {}
    }
    let runtime = flavor.runtime();
    let token = Arc::new(());
    let tasks = Tasks { handle: runtime.handle().clone(), _token: token.clone() };
    runtime.handle().set_default_executor(tasks);
    assert_eq!(runtime.block_on(async { to_thread(|| 7).await.unwrap() }), 7);
    drop(runtime);
    assert_eq!(Arc::strong_count(&token), 1);
}

fn set_after_the_end(flavor: Flavor) {
    let runtime = flavor.runtime();
    let handle = runtime.handle().clone();
    drop(runtime);
    let pool = ThreadPoolExecutor::new(1);
    handle.set_default_executor(pool.clone());
    assert!(futures::executor::block_on(handle.run_in_executor(None, || ())).unwrap_err().is_rejected());
    drop(handle);
    assert_eq!(pool.submit(|| 1).result().unwrap(), 1);
}

fn the_last_handle_is_dropped_in_a_job_of_it(flavor: Flavor) {
    let runtime = flavor.runtime();
    runtime.handle().set_default_executor(ThreadPoolExecutor::new(1));
    let (gate, wait) = Gate::new();
    let handle = runtime.handle().clone();
    let (done, is_done) = mpsc::channel();
    let call = handle.clone().run_in_executor(None, move || {
        wait();
        drop(handle);
        done.send(()).unwrap();
    });
    gate.wait_begun();
    runtime.shutdown_background();
    drop(call);
    gate.open();
    is_done.recv().unwrap();
}

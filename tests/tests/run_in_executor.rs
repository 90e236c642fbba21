//! `run_in_executor`: a blocking call, submitted at once, on the default executor or on any other; what becomes of it
//! when its future is polled, dropped, cancelled, or refused.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;

use windlass::blocking::{self, Executor, ExecutorExt, Job, RejectReason, Rejected, ThreadPoolExecutor};
use windlass::{RunInExecutor, run_in_executor, task};
use windlass_tests::jobs::{Gate, Rayon, ThreadPerJob, occupy};
use windlass_tests::{
    CountingWaker, Flavor, OnDrop, on_every_flavor, once, panics_at_its_caller, payload_text, poll_once,
    spin_until,
};

on_every_flavor!(
    a_call_that_is_never_polled_runs,
    the_default_executor_is_the_blocking_pool,
    a_named_executor,
    an_executor_behind_a_pointer,
    rayon_as_an_executor,
    a_thread_per_job_as_an_executor,
    calls_begin_in_the_order_in_which_they_were_made,
    the_future_is_static_and_polled_wherever_it_goes,
    many_calls_joined_by_tasks,
    the_output_may_borrow_nothing_but_own_much,
    from_a_handle_outside_of_the_runtime,
    inside_a_blocking_job,
    a_panic_is_an_error_with_its_payload,
    dropped_before_it_begins_the_closure_is_dropped_unrun,
    dropped_while_it_runs_it_goes_on_and_is_told,
    cancelled_before_it_begins,
    cancelled_while_it_runs,
    aborting_the_task_that_awaits_it_cancels_it,
    an_executor_that_was_shut_down,
    an_executor_that_is_broken,
    an_executor_that_breaks_with_the_call_in_its_queue,
    an_executor_that_is_full_and_has_no_line,
    an_executor_that_drops_the_job,
    a_pool_shut_down_with_the_call_in_its_queue,
    the_default_executor_of_a_runtime_that_is_gone,
    a_named_executor_outlives_the_runtime,
    debug_names_the_line_and_the_state,
    the_waker_of_the_last_poll_is_woken,
    is_finished_without_being_polled,
);

once!(outside_of_a_runtime_it_panics_at_the_caller);

fn thread_name() -> String {
    thread::current().name().unwrap_or_default().to_owned()
}

fn named(prefix: &str, workers: usize) -> ThreadPoolExecutor {
    ThreadPoolExecutor::builder().max_workers(workers).thread_name_prefix(prefix).build()
}

fn a_call_that_is_never_polled_runs(flavor: Flavor) {
    let runtime = flavor.runtime();
    let (tx, rx) = mpsc::channel();
    let future = runtime.handle().run_in_executor(None, move || tx.send("ran").unwrap());
    // Nobody is inside the runtime, and nobody polls.
    assert_eq!(rx.recv(), Ok("ran"));
    drop(future);
}

fn the_default_executor_is_the_blocking_pool(flavor: Flavor) {
    let runtime = flavor.builder().thread_name("crew").build().unwrap();
    let (name, of_a_job) = runtime.block_on(async {
        let name = run_in_executor(None, thread_name).await.unwrap();
        (name, task::spawn_blocking(thread_name).await.unwrap())
    });
    assert_eq!(name, "crew");
    assert_eq!(name, of_a_job);
}

fn a_named_executor(flavor: Flavor) {
    let pool = named("mine", 1);
    let name = flavor.runtime().block_on(async { run_in_executor(Some(&pool), thread_name).await.unwrap() });
    assert_eq!(name, "mine_0");
}

fn an_executor_behind_a_pointer(flavor: Flavor) {
    let runtime = flavor.runtime();
    let boxed: Box<dyn Executor> = Box::new(named("boxed", 1));
    let shared: Arc<dyn Executor> = Arc::new(named("shared", 1));
    runtime.block_on(async {
        assert_eq!(run_in_executor(Some(&boxed), thread_name).await.unwrap(), "boxed_0");
        assert_eq!(run_in_executor(Some(&*shared), thread_name).await.unwrap(), "shared_0");
    });
}

fn rayon_as_an_executor(flavor: Flavor) {
    let rayon = Rayon::new(2);
    flavor.runtime().block_on(async {
        let name = run_in_executor(Some(&rayon), thread_name).await.unwrap();
        assert!(name.starts_with("rayon-"), "{name}");
        let squares: Vec<_> = (0..100_u32).map(|n| run_in_executor(Some(&rayon), move || n * n)).collect();
        for (n, square) in squares.into_iter().enumerate() {
            assert_eq!(square.await.unwrap() as usize, n * n);
        }
        let failed = run_in_executor(Some(&rayon), || panic!("in rayon's pool")).await;
        assert_eq!(failed.unwrap_err().panic_message(), Some("in rayon's pool"));
    });
}

fn a_thread_per_job_as_an_executor(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let here = thread::current().id();
        let there = run_in_executor(Some(&ThreadPerJob), || thread::current().id()).await.unwrap();
        assert_ne!(here, there);
    });
}

fn calls_begin_in_the_order_in_which_they_were_made(flavor: Flavor) {
    let pool = ThreadPoolExecutor::new(1);
    let (tx, rx) = mpsc::channel();
    flavor.runtime().block_on(async {
        let calls: Vec<_> = (0..100)
            .map(|n| {
                let tx = tx.clone();
                run_in_executor(Some(&pool), move || tx.send(n).unwrap())
            })
            .collect();
        // The order in which they are awaited is another matter.
        for call in calls.into_iter().rev() {
            call.await.unwrap();
        }
    });
    drop(tx);
    assert!(rx.into_iter().eq(0..100));
}

fn the_future_is_static_and_polled_wherever_it_goes(flavor: Flavor) {
    fn is_static<T: Send + 'static>(future: RunInExecutor<T>) -> RunInExecutor<T> {
        future
    }
    let runtime = flavor.runtime();
    let (gate, job) = Gate::new();
    let future = {
        let pool = ThreadPoolExecutor::new(1);
        let future = is_static(runtime.handle().run_in_executor(Some(&pool), move || {
            job();
            42
        }));
        gate.wait_begun();
        pool.shutdown(false, false);
        future
        // The executor is gone, for us.
    };
    let task = runtime.spawn(future);
    gate.open();
    assert_eq!(runtime.block_on(task).unwrap().unwrap(), 42);
}

fn many_calls_joined_by_tasks(flavor: Flavor) {
    let runtime = flavor.runtime();
    runtime.block_on(async {
        let tasks: Vec<_> = (0..200_u64)
            .map(|n| windlass::spawn(async move { run_in_executor(None, move || n * 3).await.unwrap() }))
            .collect();
        for (n, task) in tasks.into_iter().enumerate() {
            assert_eq!(task.await.unwrap(), 3 * n as u64);
        }
    });
}

fn the_output_may_borrow_nothing_but_own_much(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let large = run_in_executor(None, || [7_u64; 4096]).await.unwrap();
        assert_eq!(large, [7; 4096]);
        let dropped = Arc::new(());
        let inside = dropped.clone();
        let back = run_in_executor(None, move || inside).await.unwrap();
        assert_eq!(Arc::strong_count(&dropped), 2);
        drop(back);
        assert_eq!(Arc::strong_count(&dropped), 1);
    });
}

fn from_a_handle_outside_of_the_runtime(flavor: Flavor) {
    let runtime = flavor.runtime();
    let future = runtime.handle().run_in_executor(None, || "outside");
    // It is a future like any other.
    assert_eq!(futures::executor::block_on(future).unwrap(), "outside");
}

fn inside_a_blocking_job(flavor: Flavor) {
    let runtime = flavor.runtime();
    let output = runtime.block_on(async {
        let outer = run_in_executor(None, || run_in_executor(None, || "inner")).await.unwrap();
        outer.await.unwrap()
    });
    assert_eq!(output, "inner");
}

fn a_panic_is_an_error_with_its_payload(flavor: Flavor) {
    let runtime = flavor.runtime();
    runtime.block_on(async {
        let pool = ThreadPoolExecutor::new(1);
        for executor in [None, Some(&pool as &dyn Executor)] {
            let error = run_in_executor(executor, || panic!("number {}", 7)).await.unwrap_err();
            assert!(error.is_panic() && !error.is_cancelled());
            assert_eq!(payload_text(&*error.into_panic()), "number 7");
            let error = run_in_executor(executor, || std::panic::panic_any(5_u8)).await.unwrap_err();
            assert_eq!(error.into_panic().downcast_ref(), Some(&5_u8));
            // The thread is as good as before.
            assert_eq!(run_in_executor(executor, || 1).await.unwrap(), 1);
        }
    });
    assert_eq!(runtime.metrics().unobserved_panics_count(), 0);
}

fn dropped_before_it_begins_the_closure_is_dropped_unrun(flavor: Flavor) {
    let runtime = flavor.runtime();
    let pool = ThreadPoolExecutor::new(1);
    let gate = occupy(&pool);
    let (dropped, was_dropped) = mpsc::channel();
    let on_drop = OnDrop::new(move || dropped.send(thread::current().id()).unwrap());
    let future = runtime.handle().run_in_executor(Some(&pool), move || {
        let _on_drop = on_drop;
        unreachable!("it was dropped before it began");
    });
    assert!(was_dropped.try_recv().is_err());
    drop(future);
    // Here and now, while the pool is still at something else.
    assert_eq!(was_dropped.try_recv(), Ok(thread::current().id()));
    gate.open();
    pool.shutdown(true, false);
}

/// Waits until the running job is not wanted any more.
fn until_cancelled() {
    spin_until(|| blocking::current().is_cancelled());
}

fn dropped_while_it_runs_it_goes_on_and_is_told(flavor: Flavor) {
    let runtime = flavor.runtime();
    for pool in [None, Some(ThreadPoolExecutor::new(1))] {
        let (tx, rx) = mpsc::channel();
        let call = move || {
            assert!(!blocking::current().is_cancelled());
            tx.send("begun").unwrap();
            until_cancelled();
            tx.send("told").unwrap();
        };
        let executor = pool.as_ref().map(|pool| pool as &dyn Executor);
        let future = runtime.handle().run_in_executor(executor, call);
        assert_eq!(rx.recv(), Ok("begun"));
        drop(future);
        assert_eq!(rx.recv(), Ok("told"));
    }
}

fn cancelled_before_it_begins(flavor: Flavor) {
    let runtime = flavor.runtime();
    let pool = ThreadPoolExecutor::new(1);
    let gate = occupy(&pool);
    let future = runtime.handle().run_in_executor(Some(&pool), || unreachable!("it was cancelled"));
    assert!(!future.is_finished());
    assert!(future.cancel());
    assert!(future.cancel(), "it is cancelled still");
    assert!(future.is_finished());
    let result: Result<(), _> = runtime.block_on(future);
    assert!(result.unwrap_err().is_cancelled());
    gate.open();
}

fn cancelled_while_it_runs(flavor: Flavor) {
    let runtime = flavor.runtime();
    let (begun, begins) = mpsc::channel();
    let future = runtime.handle().run_in_executor(None, move || {
        begun.send(()).unwrap();
        until_cancelled();
        "its result counts"
    });
    begins.recv().unwrap();
    assert!(!future.cancel());
    assert_eq!(runtime.block_on(future).unwrap(), "its result counts");
}

fn aborting_the_task_that_awaits_it_cancels_it(flavor: Flavor) {
    let runtime = flavor.runtime();
    let pool = ThreadPoolExecutor::new(1);
    let gate = occupy(&pool);
    let (dropped, was_dropped) = mpsc::channel();
    let on_drop = OnDrop::new(move || dropped.send(()).unwrap());
    let task = runtime.spawn({
        let pool = pool.clone();
        async move {
            run_in_executor(Some(&pool), move || drop(on_drop)).await.unwrap();
        }
    });
    runtime.block_on(async {
        while pool.metrics().queued == 0 {
            task::yield_now().await;
        }
        task.abort();
        assert!(task.await.unwrap_err().is_cancelled());
    });
    assert_eq!(was_dropped.try_recv(), Ok(()));
    gate.open();
}

fn an_executor_that_was_shut_down(flavor: Flavor) {
    let pool = ThreadPoolExecutor::new(1);
    pool.shutdown(true, false);
    let bounded = ThreadPoolExecutor::builder().max_workers(1).queue_capacity(1).build();
    bounded.shutdown(true, false);
    flavor.runtime().block_on(async {
        for pool in [&pool, &bounded] {
            let error = run_in_executor(Some(pool), || unreachable!()).await.unwrap_err();
            assert!(error.is_rejected() && error.to_string().contains("shut down"), "{error}");
        }
    });
}

fn an_executor_that_is_broken(flavor: Flavor) {
    let pool = ThreadPoolExecutor::builder().max_workers(1).initializer(|| Err("no licence")).build();
    assert!(pool.submit(|| ()).result().unwrap_err().is_broken());
    flavor.runtime().block_on(async {
        let error = run_in_executor(Some(&pool), || unreachable!()).await.unwrap_err();
        assert!(error.is_broken() && error.to_string().contains("no licence"), "{error}");
    });
}

fn an_executor_that_breaks_with_the_call_in_its_queue(flavor: Flavor) {
    let (gate, wait) = Gate::new();
    let wait = parking_lot::Mutex::new(Some(wait));
    let pool = ThreadPoolExecutor::builder()
        .max_workers(1)
        .initializer(move || {
            wait.lock().take().expect("one thread")();
            Err("no licence")
        })
        .build();
    let runtime = flavor.runtime();
    let calls: Vec<_> =
        (0..3).map(|_| runtime.handle().run_in_executor(Some(&pool), || unreachable!())).collect();
    gate.wait_begun();
    gate.open();
    for call in calls {
        let result: Result<(), _> = runtime.block_on(call);
        assert!(result.unwrap_err().is_broken());
    }
}

/// Gives every job back.
struct Refuses(fn() -> RejectReason);

impl Executor for Refuses {
    fn try_execute(&self, job: Job) -> Result<(), Rejected> {
        Err(Rejected::new(job, self.0()))
    }

    fn shutdown(&self, _wait: bool, _cancel_futures: bool) {}
}

fn an_executor_that_is_full_and_has_no_line(flavor: Flavor) {
    let runtime = flavor.runtime();
    let (dropped, was_dropped) = mpsc::channel();
    let on_drop = OnDrop::new(move || dropped.send(()).unwrap());
    let future =
        runtime.handle().run_in_executor(Some(&Refuses(|| RejectReason::Full)), move || drop(on_drop));
    assert!(future.is_finished());
    assert_eq!(was_dropped.try_recv(), Ok(()));
    let error = runtime.block_on(future).unwrap_err();
    assert!(error.is_rejected() && error.to_string().contains("full"), "{error}");
    let future = runtime.handle().run_in_executor(Some(&Refuses(|| RejectReason::ShutDown)), || ());
    assert!(runtime.block_on(future).unwrap_err().is_rejected());
}

fn an_executor_that_drops_the_job(flavor: Flavor) {
    struct Loses;
    impl Executor for Loses {
        fn try_execute(&self, job: Job) -> Result<(), Rejected> {
            drop(job);
            Ok(())
        }

        fn shutdown(&self, _wait: bool, _cancel_futures: bool) {}
    }
    let error = flavor.runtime().block_on(async { run_in_executor(Some(&Loses), || ()).await }).unwrap_err();
    assert!(error.is_cancelled(), "{error}");
}

fn a_pool_shut_down_with_the_call_in_its_queue(flavor: Flavor) {
    let runtime = flavor.runtime();
    let pool = ThreadPoolExecutor::new(1);
    let gate = occupy(&pool);
    let cancelled = runtime.spawn(runtime.handle().run_in_executor(Some(&pool), || unreachable!()));
    pool.shutdown(false, true);
    let result: Result<(), _> = runtime.block_on(cancelled).unwrap();
    assert!(result.unwrap_err().is_cancelled());
    gate.open();
}

fn the_default_executor_of_a_runtime_that_is_gone(flavor: Flavor) {
    let runtime = flavor.runtime();
    let handle = runtime.handle().clone();
    drop(runtime);
    let future = handle.run_in_executor(None, || unreachable!());
    let result: Result<(), _> = futures::executor::block_on(future);
    let error = result.unwrap_err();
    assert!(error.is_rejected() && error.to_string().contains("shut down"), "{error}");
    let _guard = handle.enter();
    let result: Result<(), _> = handle.block_on(run_in_executor(None, || unreachable!()));
    assert!(result.unwrap_err().is_rejected());
}

fn a_named_executor_outlives_the_runtime(flavor: Flavor) {
    let runtime = flavor.runtime();
    let pool = ThreadPoolExecutor::new(1);
    let (gate, job) = Gate::new();
    let future = runtime.handle().run_in_executor(Some(&pool), move || {
        job();
        "the pool is not the runtime's"
    });
    gate.wait_begun();
    let handle = runtime.handle().clone();
    drop(runtime);
    gate.open();
    assert_eq!(futures::executor::block_on(future).unwrap(), "the pool is not the runtime's");
    assert_eq!(futures::executor::block_on(handle.run_in_executor(Some(&pool), || 1)).unwrap(), 1);
}

fn debug_names_the_line_and_the_state(flavor: Flavor) {
    let runtime = flavor.runtime();
    let pool = ThreadPoolExecutor::new(1);
    let (gate, job) = Gate::new();
    let (running, line) = (runtime.handle().run_in_executor(Some(&pool), job), line!());
    gate.wait_begun();
    let place = format!("{}:{line}:", file!());
    let text = format!("{running:?}");
    assert!(text.contains(&place) && text.contains("Running"), "{text}");

    let _guard = runtime.enter();
    let (queued, line) = (run_in_executor(Some(&pool), || ()), line!());
    let text = format!("{queued:?}");
    assert!(text.contains(&format!("{}:{line}:", file!())) && text.contains("Pending"), "{text}");
    queued.cancel();
    assert!(format!("{queued:?}").contains("Cancelled"), "{queued:?}");

    gate.open();
    spin_until(|| running.is_finished());
    assert!(format!("{running:?}").contains("Finished"), "{running:?}");
    // The executor says the same of what runs.
    let (gate, job) = Gate::new();
    let (_running, line) = (run_in_executor(Some(&pool), job), line!());
    gate.wait_begun();
    let jobs = pool.running_jobs();
    assert_eq!((jobs[0].location().file(), jobs[0].location().line()), (file!(), line));
}

fn the_waker_of_the_last_poll_is_woken(flavor: Flavor) {
    let runtime = flavor.runtime();
    let (gate, job) = Gate::new();
    let mut future = runtime.handle().run_in_executor(None, job);
    gate.wait_begun();
    let (first, first_waker) = CountingWaker::new();
    let (second, second_waker) = CountingWaker::new();
    for waker in [&first_waker, &second_waker] {
        let mut cx = std::task::Context::from_waker(waker);
        assert!(std::pin::Pin::new(&mut future).poll(&mut cx).is_pending());
    }
    gate.open();
    spin_until(|| second.wakes() == 1);
    assert_eq!(first.wakes(), 0);
    assert!(poll_once(&mut future).is_ready());
}

fn is_finished_without_being_polled(flavor: Flavor) {
    let runtime = flavor.runtime();
    let count = Arc::new(AtomicUsize::new(0));
    let counting = count.clone();
    let future = runtime.handle().run_in_executor(None, move || counting.fetch_add(1, Ordering::SeqCst));
    spin_until(|| future.is_finished());
    assert_eq!(count.load(Ordering::SeqCst), 1);
    assert_eq!(runtime.block_on(future).unwrap(), 0);
}

fn outside_of_a_runtime_it_panics_at_the_caller() {
    let ran = Arc::new(AtomicBool::new(false));
    let running = ran.clone();
    let panicked =
        panics_at_its_caller(|| run_in_executor(None, move || running.store(true, Ordering::SeqCst)));
    assert!(panicked.message.contains("no runtime"), "{}", panicked.message);
    assert!(!ran.load(Ordering::SeqCst));
    panics_at_its_caller(|| windlass::to_thread(|| ()));
    panics_at_its_caller(|| task::try_spawn_blocking(|| ()));
}

//! `spawn_blocking` and `try_spawn_blocking`: a blocking call as a task. What tokio's suites of it assert, and what the
//! handles, names, ids and listings say of such a task.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, mpsc};
use std::thread;
use std::time::Duration;

use futures::channel::mpsc as async_mpsc;
use futures::{SinkExt, StreamExt};
use windlass::blocking::{self, RejectReason};
use windlass::task::{self, JoinSet};
use windlass_tests::jobs::{Gate, held_job};
use windlass_tests::{
    Flavor, Ledger, OnDrop, on_every_flavor, once, panics_at_its_caller, payload_text, poll_once, spin_until,
};

on_every_flavor!(
    a_job_from_a_task,
    a_hundred_jobs_one_after_the_other,
    as_many_jobs_as_threads_at_once,
    no_more_jobs_than_threads_at_once,
    jobs_begin_in_the_order_in_which_they_came,
    a_job_of_which_the_handle_is_dropped_runs,
    a_job_is_inside_its_runtime,
    a_job_has_an_id_and_a_name,
    a_job_is_not_counted_among_the_tasks,
    a_panic_with_its_payload,
    abort_before_it_begins,
    abort_while_it_runs_is_told_to_the_job,
    an_abort_handle_from_another_job,
    awaited_before_during_and_after,
    a_set_of_jobs_aborted,
    a_job_that_submits_its_successor,
    a_job_that_spawns_from_its_drop,
    a_closure_that_submits_when_it_is_dropped_unrun,
    writers_that_block_on_channels,
    try_spawn_blocking_runs,
    try_spawn_blocking_gives_the_closure_back,
    spawn_blocking_after_the_end_is_cancelled,
    threads_go_when_they_are_not_needed,
    debug_names_the_line,
);

once!(the_builder_panics_outside_of_a_runtime);

fn a_job_from_a_task(flavor: Flavor) {
    let runtime = flavor.runtime();
    for _ in 0..100 {
        let task = runtime.spawn(async { task::spawn_blocking(|| "hello").await.unwrap() });
        assert_eq!(runtime.block_on(task).unwrap(), "hello");
    }
}

fn a_hundred_jobs_one_after_the_other(flavor: Flavor) {
    let runtime = flavor.runtime();
    runtime.block_on(async {
        let here = thread::current().id();
        for n in 0..100 {
            let (output, thread) = task::spawn_blocking(move || (n, thread::current().id())).await.unwrap();
            assert_eq!(output, n);
            assert_ne!(thread, here);
        }
    });
}

fn as_many_jobs_as_threads_at_once(flavor: Flavor) {
    const THREADS: usize = 20;
    let runtime = flavor.builder().max_blocking_threads(THREADS).build().unwrap();
    runtime.block_on(async {
        let barrier = Arc::new(Barrier::new(THREADS));
        let jobs: Vec<_> = (0..THREADS)
            .map(|_| {
                let barrier = barrier.clone();
                task::spawn_blocking(move || barrier.wait().is_leader())
            })
            .collect();
        let mut leaders = 0;
        for job in jobs {
            leaders += usize::from(job.await.unwrap());
        }
        assert_eq!(leaders, 1);
    });
}

fn no_more_jobs_than_threads_at_once(flavor: Flavor) {
    const THREADS: usize = 3;
    let runtime = flavor.builder().max_blocking_threads(THREADS).build().unwrap();
    let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    runtime.block_on(async {
        let jobs: Vec<_> = (0..200)
            .map(|_| {
                let (now, most) = (now.clone(), most.clone());
                task::spawn_blocking(move || {
                    most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                    (0..10).for_each(|_| thread::yield_now());
                    now.fetch_sub(1, Ordering::SeqCst);
                })
            })
            .collect();
        for job in jobs {
            job.await.unwrap();
        }
    });
    assert!((1..=THREADS).contains(&most.load(Ordering::SeqCst)), "{most:?}");
}

fn jobs_begin_in_the_order_in_which_they_came(flavor: Flavor) {
    let runtime = flavor.builder().max_blocking_threads(1).build().unwrap();
    let (tx, rx) = mpsc::channel();
    for n in 0..200 {
        let tx = tx.clone();
        drop(runtime.spawn_blocking(move || tx.send(n).unwrap()));
    }
    drop(tx);
    assert!(rx.into_iter().eq(0..200));
}

fn a_job_of_which_the_handle_is_dropped_runs(flavor: Flavor) {
    let runtime = flavor.runtime();
    let (tx, rx) = mpsc::channel();
    drop(runtime.spawn_blocking(move || tx.send("ran").unwrap()));
    assert_eq!(rx.recv(), Ok("ran"));
}

fn a_job_is_inside_its_runtime(flavor: Flavor) {
    let runtime = flavor.runtime();
    let metrics = runtime.metrics();
    let output = runtime.block_on(async {
        let inner = task::spawn_blocking(|| windlass::spawn(async { "inner" })).await.unwrap();
        inner.await.unwrap()
    });
    assert_eq!(output, "inner");
    assert_eq!(metrics.spawned_tasks_count(), 1);
}

fn a_job_has_an_id_and_a_name(flavor: Flavor) {
    let runtime = flavor.runtime();
    let (gate, wait) = Gate::new();
    let builder = task::Builder::new().name("backup");
    let job = move || {
        let info = task::current().unwrap();
        wait();
        (task::id(), info.name().map(str::to_owned))
    };
    let (job, line) = (builder.spawn_blocking_on(job, runtime.handle()).unwrap(), line!());
    gate.wait_begun();
    let shown = format!("{job:?}");
    assert!(shown.contains("name: \"backup\"") && shown.contains(&format!(":{line}")), "{shown}");
    // Jobs are not tasks of the scheduler, which lists those it ends.
    assert!(runtime.handle().all_tasks().iter().all(|task| task.name() != Some("backup")));
    gate.open();
    let id = job.id();
    assert_eq!(runtime.block_on(job).unwrap(), (id, Some("backup".to_owned())));
    let _guard = runtime.enter();
    let named = builder.spawn_blocking(|| task::current().unwrap().name().map(str::to_owned)).unwrap();
    assert_eq!(runtime.block_on(named).unwrap().as_deref(), Some("backup"));
}

fn a_job_is_not_counted_among_the_tasks(flavor: Flavor) {
    let runtime = flavor.runtime();
    let (job, gate) = held_job(&runtime);
    assert_eq!((runtime.metrics().num_alive_tasks(), runtime.metrics().spawned_tasks_count()), (0, 0));
    gate.open();
    runtime.block_on(job).unwrap();
    assert_eq!(runtime.metrics().num_alive_tasks(), 0);
}

fn a_panic_with_its_payload(flavor: Flavor) {
    let runtime = flavor.builder().max_blocking_threads(1).build().unwrap();
    let job = runtime.spawn_blocking(|| panic!("number {}", 3));
    let error = runtime.block_on(job).unwrap_err();
    assert!(error.is_panic());
    assert_eq!(payload_text(&*error.into_panic()), "number 3");
    assert_eq!(runtime.block_on(runtime.spawn_blocking(|| 1)).unwrap(), 1);
}

fn abort_before_it_begins(flavor: Flavor) {
    let runtime = flavor.builder().max_blocking_threads(1).build().unwrap();
    let (held, gate) = held_job(&runtime);
    let ledger = Ledger::new();
    let tracked = ledger.track();
    let job = runtime.spawn_blocking(move || {
        let _tracked = tracked;
        unreachable!("it was aborted before it began");
    });
    job.abort();
    gate.open();
    let result: Result<(), _> = runtime.block_on(job);
    assert!(result.unwrap_err().is_cancelled());
    runtime.block_on(held).unwrap();
    drop(runtime);
    ledger.assert_each_dropped_once(|_| true);
}

fn abort_while_it_runs_is_told_to_the_job(flavor: Flavor) {
    let runtime = flavor.runtime();
    let (begun, begins) = mpsc::channel();
    let job = runtime.spawn_blocking(move || {
        assert!(!blocking::current().is_cancelled());
        begun.send(()).unwrap();
        spin_until(|| blocking::current().is_cancelled());
        "stopped early"
    });
    begins.recv().unwrap();
    job.abort();
    assert_eq!(runtime.block_on(job).unwrap(), "stopped early");
}

fn an_abort_handle_from_another_job(flavor: Flavor) {
    let runtime = flavor.builder().max_blocking_threads(1).build().unwrap();
    let (held, gate) = held_job(&runtime);
    let (tx, rx) = mpsc::channel::<task::AbortHandle>();
    let aborts = runtime.spawn_blocking(move || rx.recv().unwrap().abort());
    let aborted = runtime.spawn_blocking(|| unreachable!("the one before aborts it"));
    tx.send(aborted.abort_handle()).unwrap();
    gate.open();
    let result: Result<(), _> = runtime.block_on(aborted);
    assert!(result.unwrap_err().is_cancelled());
    runtime.block_on(async { (aborts.await.unwrap(), held.await.unwrap()) });
}

fn awaited_before_during_and_after(flavor: Flavor) {
    let runtime = flavor.builder().max_blocking_threads(1).build().unwrap();
    let (held, gate) = held_job(&runtime);
    let (second_gate, wait) = Gate::new();
    let mut job = runtime.spawn_blocking(move || {
        wait();
        "done"
    });
    assert!(poll_once(&mut job).is_pending());
    gate.open();
    second_gate.wait_begun();
    assert!(poll_once(&mut job).is_pending());
    second_gate.open();
    spin_until(|| job.is_finished());
    assert!(matches!(poll_once(&mut job), std::task::Poll::Ready(Ok("done"))));
    runtime.block_on(held).unwrap();
}

fn a_set_of_jobs_aborted(flavor: Flavor) {
    let runtime = flavor.builder().max_blocking_threads(1).build().unwrap();
    let (held, gate) = held_job(&runtime);
    let ledger = Ledger::new();
    runtime.block_on(async {
        let mut set = JoinSet::new();
        for _ in 0..10 {
            let tracked = ledger.track();
            set.spawn_blocking(move || drop(tracked));
        }
        set.abort_all();
        gate.open();
        while let Some(result) = set.join_next().await {
            assert!(result.unwrap_err().is_cancelled());
        }
        held.await.unwrap();
    });
    drop(runtime);
    ledger.assert_each_dropped_once(|_| true);
}

fn a_job_that_submits_its_successor(flavor: Flavor) {
    fn step(left: u32, done: mpsc::Sender<u32>) {
        if left == 0 {
            done.send(0).unwrap();
        } else {
            drop(task::spawn_blocking(move || step(left - 1, done)));
        }
    }
    let runtime = flavor.builder().max_blocking_threads(2).build().unwrap();
    let (tx, rx) = mpsc::channel();
    drop(runtime.spawn_blocking(move || step(500, tx)));
    assert_eq!(rx.recv(), Ok(0));
}

fn a_job_that_spawns_from_its_drop(flavor: Flavor) {
    let runtime = flavor.builder().max_blocking_threads(1).build().unwrap();
    let (tx, rx) = mpsc::channel();
    let on_drop = OnDrop::new(move || {
        tx.send((task::spawn_blocking(|| "a job"), windlass::spawn(async { "a task" }))).unwrap();
    });
    drop(runtime.spawn_blocking(move || drop(on_drop)));
    let (job, task) = rx.recv().unwrap();
    let both = runtime.block_on(async { (job.await.unwrap(), task.await.unwrap()) });
    assert_eq!(both, ("a job", "a task"));
}

fn a_closure_that_submits_when_it_is_dropped_unrun(flavor: Flavor) {
    let runtime = flavor.builder().max_blocking_threads(1).build().unwrap();
    let (held, gate) = held_job(&runtime);
    let (tx, rx) = mpsc::channel();
    let handle = runtime.handle().clone();
    let on_drop = OnDrop::new(move || tx.send(handle.spawn_blocking(|| "from the drop")).unwrap());
    let job = runtime.spawn_blocking(move || drop(on_drop));
    job.abort();
    gate.open();
    runtime.block_on(held).unwrap();
    assert_eq!(runtime.block_on(rx.recv().unwrap()).unwrap(), "from the drop");
    assert!(runtime.block_on(job).unwrap_err().is_cancelled());
}

/// What broke tokio's pool once: jobs that last are submitted while threads that have just been idle are on their way
/// to others. One that is stranded behind them would never end.
fn writers_that_block_on_channels(flavor: Flavor) {
    fn writers() -> (Vec<async_mpsc::Sender<()>>, JoinSet<()>) {
        let mut set = JoinSet::new();
        let senders = (0..2)
            .map(|_| {
                let (tx, mut rx) = async_mpsc::channel(0);
                set.spawn_blocking(move || while futures::executor::block_on(rx.next()).is_some() {});
                tx
            })
            .collect();
        (senders, set)
    }
    async fn drive(mut senders: Vec<async_mpsc::Sender<()>>, mut set: JoinSet<()>) {
        for sender in &mut senders {
            sender.send(()).await.unwrap();
        }
        drop(senders);
        while let Some(result) = set.join_next().await {
            result.unwrap();
        }
    }
    async fn quick() {
        for _ in 0..2 {
            task::spawn_blocking(|| ()).await.unwrap();
        }
    }
    for _ in 0..64 {
        flavor.runtime().block_on(async {
            quick().await;
            let (senders, set) = writers();
            for _ in 0..2 {
                quick().await;
                let (senders, mut set) = writers();
                drop(senders);
                while let Some(result) = set.join_next().await {
                    result.unwrap();
                }
            }
            quick().await;
            let (more_senders, more) = writers();
            drive(senders, set).await;
            drive(more_senders, more).await;
        });
    }
}

fn try_spawn_blocking_runs(flavor: Flavor) {
    let runtime = flavor.runtime();
    runtime.block_on(async {
        assert_eq!(task::try_spawn_blocking(|| 5).unwrap().await.unwrap(), 5);
    });
    let job = runtime.handle().try_spawn_blocking(|| task::try_id().is_some()).unwrap();
    assert!(runtime.block_on(job).unwrap());
}

fn try_spawn_blocking_gives_the_closure_back(flavor: Flavor) {
    let runtime = flavor.runtime();
    let handle = runtime.handle().clone();
    drop(runtime);
    let ledger = Ledger::new();
    let tracked = ledger.track();
    let error = handle.try_spawn_blocking(move || (tracked, 7)).unwrap_err();
    assert!(matches!(error.reason(), RejectReason::ShutDown) && !error.is_full());
    assert!(error.to_string().contains("shut down"), "{error}");
    assert_eq!(ledger.dropped(), 0);
    let (tracked, output) = error.into_inner()();
    assert_eq!(output, 7);
    drop(tracked);
    // And once where nobody wants it back.
    let tracked = ledger.track();
    drop(handle.try_spawn_blocking(move || drop(tracked)));
    ledger.assert_each_dropped_once(|_| true);
    assert_eq!(handle.metrics().num_alive_tasks(), 0);
}

fn spawn_blocking_after_the_end_is_cancelled(flavor: Flavor) {
    let runtime = flavor.runtime();
    let handle = runtime.handle().clone();
    drop(runtime);
    let ledger = Ledger::new();
    for name in [None, Some("late")] {
        let tracked = ledger.track();
        let job = move || drop(tracked);
        let job = match name {
            None => handle.spawn_blocking(job),
            Some(name) => task::Builder::new().name(name).spawn_blocking_on(job, &handle).unwrap(),
        };
        assert!(futures::executor::block_on(job).unwrap_err().is_cancelled());
    }
    ledger.assert_each_dropped_once(|_| true);
}

fn threads_go_when_they_are_not_needed(flavor: Flavor) {
    let (gone, is_gone) = mpsc::channel();
    let mut builder = flavor.builder();
    builder.thread_keep_alive(Duration::from_millis(1)).on_thread_stop(move || {
        let _ = gone.send(thread::current().id());
    });
    let runtime = builder.build().unwrap();
    for _ in 0..3 {
        let thread = runtime.block_on(runtime.spawn_blocking(|| thread::current().id())).unwrap();
        // Its own accord, not the runtime's end.
        assert_eq!(is_gone.recv().unwrap(), thread);
    }
}

fn debug_names_the_line(flavor: Flavor) {
    let runtime = flavor.runtime();
    let (job, line) = (runtime.spawn_blocking(|| ()), line!());
    assert!(format!("{job:?}").contains(&format!("{}:{line}", file!())), "{job:?}");
    let _guard = runtime.enter();
    let (job, line) = (task::try_spawn_blocking(|| ()).unwrap(), line!());
    assert!(format!("{job:?}").contains(&format!("{}:{line}", file!())), "{job:?}");
}

fn the_builder_panics_outside_of_a_runtime() {
    panics_at_its_caller(|| task::Builder::new().name("n").spawn_blocking(|| ()));
    panics_at_its_caller(|| task::spawn_blocking(|| ()));
}

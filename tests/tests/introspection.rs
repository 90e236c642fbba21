//! What is alive, and where it came from: `task::current`, `task::all_tasks`, and what handles print.

use std::collections::HashSet;
use std::future::pending;
use std::panic::Location;
use std::sync::{Arc, Barrier, Mutex, mpsc as std_mpsc};
use std::thread;
use std::time::{Duration, Instant};

use futures::channel::oneshot;
use windlass::runtime::Handle;
use windlass::task::{self, Builder, JoinHandle, JoinSet, LocalSet, TaskInfo, TaskState};
use windlass_tests::{
    Flavor, on_every_flavor, on_multi_thread, once, panics_at_its_caller, wake_self, yield_until,
};

on_every_flavor!(
    a_task_knows_itself,
    a_task_knows_its_name,
    there_is_no_current_task_in_block_on,
    every_way_to_spawn_has_its_own_location,
    polls_are_counted,
    the_age_grows,
    a_waiting_task_is_listed_and_a_finished_one_is_not,
    a_named_task_is_listed_before_its_first_poll,
    an_aborted_task_is_not_listed,
    tasks_in_the_queue_are_counted,
    a_thousand_tasks_are_listed,
    two_runtimes_list_their_own,
    the_handle_lists_from_outside,
    the_list_is_a_slice_and_an_iterator,
    a_join_handle_prints_what_it_is,
    a_join_handle_prints_how_its_task_ended,
    a_join_handle_prints_while_its_task_is_polled_first,
    an_abort_handle_prints_something,
    nothing_is_listed_once_the_runtime_is_gone,
);

on_multi_thread!(
    a_task_in_its_first_poll_is_listed,
    a_task_that_blocks_in_place_in_its_first_poll_is_listed,
    an_eager_task_in_its_first_poll_is_listed,
    tasks_are_listed_while_they_begin_to_wait,
    lists_taken_while_tasks_come_and_go
);

once!(outside_a_runtime);

/// The line that this is called from.
#[track_caller]
fn line() -> u32 {
    Location::caller().line()
}

#[track_caller]
fn assert_spawned_here(info: &TaskInfo, line: u32) {
    assert_eq!((info.spawned_at().file(), info.spawned_at().line()), (file!(), line));
}

/// The task of that id in the list of the current runtime.
fn listed(id: task::Id) -> Option<TaskInfo> {
    task::all_tasks().into_iter().find(|task| task.id() == id)
}

/// A task that waits until the sender is used, and has been polled by the time this returns.
async fn waiting(name: Option<&str>) -> (JoinHandle<()>, oneshot::Sender<()>) {
    let (polled, was_polled) = oneshot::channel();
    let (go_on, may_go_on) = oneshot::channel::<()>();
    let future = async move {
        polled.send(()).unwrap();
        let _ = may_go_on.await;
    };
    let task = match name {
        Some(name) => Builder::new().name(name).spawn(future).unwrap(),
        None => windlass::spawn(future),
    };
    was_polled.await.unwrap();
    // It has said so in its poll, and waits once the list says so too.
    let id = task.id();
    yield_until(|| listed(id).is_some_and(|task| task.state() == TaskState::Idle)).await;
    (task, go_on)
}

fn a_task_knows_itself(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let (task, line) = (windlass::spawn(async { task::current().unwrap() }), line());
        let id = task.id();
        let info = task.await.unwrap();
        assert_eq!(info.id(), id);
        assert_eq!(info.name(), None);
        assert_eq!(info.state(), TaskState::Running);
        assert_eq!(info.polls(), 1);
        assert_spawned_here(&info, line);
    });
}

fn a_task_knows_its_name(flavor: Flavor) {
    flavor.runtime().block_on(async {
        for name in ["n1", "", "ein Name mit Ümlaut", "two\nlines"] {
            let task = Builder::new().name(name).spawn(async {
                let before = task::current().unwrap();
                wake_self().await;
                (before, task::current().unwrap())
            });
            let (before, after) = task.unwrap().await.unwrap();
            assert_eq!((before.name(), after.name()), (Some(name), Some(name)));
        }
    });
}

fn there_is_no_current_task_in_block_on(flavor: Flavor) {
    let runtime = flavor.runtime();
    runtime.block_on(async {
        assert!(task::current().is_none());
        windlass::spawn(wake_self()).await.unwrap();
        assert!(task::current().is_none());
    });
    runtime.handle().block_on(async { assert!(task::current().is_none()) });
}

#[rustfmt::skip]
fn every_way_to_spawn_has_its_own_location(flavor: Flavor) {
    let runtime = flavor.runtime();
    let handle = runtime.handle().clone();
    let me = || async { wake_self().await; task::current().unwrap() };
    let check = |task: JoinHandle<TaskInfo>, line| assert_spawned_here(&runtime.block_on(task).unwrap(), line);

    check(runtime.spawn(me()), line());
    check(handle.spawn(me()), line());
    check(Builder::new().spawn_on(me(), &handle).unwrap(), line());
    check(Builder::new().name("n1").spawn_on(me(), &handle).unwrap(), line());
    let _entered = runtime.enter();
    check(windlass::spawn(me()), line());
    check(task::spawn(me()), line());
    check(Builder::new().spawn(me()).unwrap(), line());
    check(Builder::new().name("n1").spawn(me()).unwrap(), line());
    check(task::spawn_blocking(|| task::current().unwrap()), line());
    check(runtime.spawn_blocking(|| task::current().unwrap()), line());
    check(handle.spawn_blocking(|| task::current().unwrap()), line());

    let mut set = JoinSet::new();
    let mut lines = std::collections::HashMap::new();
    let mut note = |abort: task::AbortHandle, line: u32| lines.insert(abort.id(), line);
    note(set.spawn(me()), line());
    note(set.spawn_on(me(), &handle), line());
    note(set.spawn_blocking(|| task::current().unwrap()), line());
    note(set.build_task().name("n1").spawn(me()).unwrap(), line());
    while let Some(info) = runtime.block_on(set.join_next()) {
        let info = info.unwrap();
        assert_spawned_here(&info, lines[&info.id()]);
    }

    let local = LocalSet::new();
    let check = |task: JoinHandle<TaskInfo>, line| assert_spawned_here(&local.block_on(&runtime, task).unwrap(), line);
    check(local.spawn_local(me()), line());
    check(Builder::new().name("n1").spawn_local_on(me(), &local).unwrap(), line());
    let _entered = local.enter();
    check(task::spawn_local(me()), line());
}

fn polls_are_counted(flavor: Flavor) {
    flavor.runtime().block_on(async {
        for name in [None, Some("n1")] {
            let future = async {
                let mut polls = Vec::new();
                for _ in 0..5 {
                    polls.push(task::current().unwrap().polls());
                    wake_self().await;
                }
                polls
            };
            let task = match name {
                None => windlass::spawn(future),
                Some(name) => Builder::new().name(name).spawn(future).unwrap(),
            };
            assert_eq!(task.await.unwrap(), [1, 2, 3, 4, 5]);
        }
    });
}

fn the_age_grows(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let (task, go_on) = waiting(None).await;
        // The time counts from before the first look: another thread may have the processor between the two.
        let (begun, first) = (Instant::now(), listed(task.id()).unwrap().age());
        // The clock may be coarse, but it moves.
        yield_until(|| listed(task.id()).unwrap().age() > first).await;
        let age = listed(task.id()).unwrap().age();
        assert!(age <= first + begun.elapsed() + Duration::from_millis(50), "{age:?} after {first:?}");
        go_on.send(()).unwrap();
        task.await.unwrap();
    });
}

fn a_waiting_task_is_listed_and_a_finished_one_is_not(flavor: Flavor) {
    flavor.runtime().block_on(async {
        for name in [None, Some("n1")] {
            let (task, go_on) = waiting(name).await;
            let info = listed(task.id()).unwrap();
            assert_eq!(info.name(), name);
            assert_eq!(info.state(), TaskState::Idle);
            assert_eq!(info.polls(), 1);
            assert_eq!(info.spawned_at().file(), file!());
            go_on.send(()).unwrap();
            let id = task.id();
            task.await.unwrap();
            yield_until(|| listed(id).is_none()).await;
        }
    });
}

fn a_named_task_is_listed_before_its_first_poll(flavor: Flavor) {
    let runtime = flavor.runtime();
    if !flavor.is_current_thread() {
        // Someone may poll it before anyone looks.
        return;
    }
    let task = Builder::new().name("n1").spawn_on(pending::<()>(), runtime.handle()).unwrap();
    let tasks = runtime.handle().all_tasks();
    let info = tasks.iter().find(|info| info.id() == task.id()).unwrap();
    assert_eq!((info.name(), info.state(), info.polls()), (Some("n1"), TaskState::Queued, 0));
}

fn an_aborted_task_is_not_listed(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let (task, _go_on) = waiting(Some("n1")).await;
        let id = task.id();
        task.abort();
        task.await.unwrap_err();
        yield_until(|| listed(id).is_none()).await;
    });
}

fn tasks_in_the_queue_are_counted(flavor: Flavor) {
    let runtime = flavor.runtime();
    if flavor.is_current_thread() {
        for _ in 0..10 {
            runtime.spawn(pending::<()>());
        }
        let tasks = runtime.handle().all_tasks();
        assert_eq!((tasks.len(), tasks.not_started()), (0, 10));
    }
    runtime.block_on(async {
        let (one, _go_on) = waiting(None).await;
        let (other, _go_on) = waiting(Some("n1")).await;
        yield_until(|| task::all_tasks().not_started() == 0).await;
        let tasks = task::all_tasks();
        assert!(tasks.iter().any(|task| task.id() == one.id()));
        assert!(tasks.iter().any(|task| task.id() == other.id()));
        assert_eq!(tasks.len(), if flavor.is_current_thread() { 12 } else { 2 });
    });
}

fn a_thousand_tasks_are_listed(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let tasks: Vec<_> = (0..1_000).map(|_| windlass::spawn(pending::<()>())).collect();
        yield_until(|| task::all_tasks().len() == 1_000).await;
        let mut listed: Vec<_> = task::all_tasks().iter().map(|task| task.id().to_string()).collect();
        let mut spawned: Vec<_> = tasks.iter().map(|task| task.id().to_string()).collect();
        listed.sort_unstable();
        spawned.sort_unstable();
        assert_eq!(listed, spawned);
        for task in tasks.iter().take(500) {
            task.abort();
        }
        yield_until(|| task::all_tasks().len() == 500).await;
    });
}

fn two_runtimes_list_their_own(flavor: Flavor) {
    let (one, other) = (flavor.runtime(), flavor.runtime());
    let (task, _go_on) = one.block_on(waiting(Some("of one")));
    assert_eq!(one.handle().all_tasks().len(), 1);
    assert!(other.handle().all_tasks().is_empty());
    let of_other = other.block_on(async {
        let (task, _go_on) = waiting(Some("of other")).await;
        let names: Vec<_> = task::all_tasks().iter().map(|task| task.name().unwrap().to_owned()).collect();
        drop(task);
        names
    });
    assert_eq!(of_other, ["of other"]);
    drop(task);
}

fn the_handle_lists_from_outside(flavor: Flavor) {
    let runtime = flavor.runtime();
    let (task, _go_on) = runtime.block_on(waiting(Some("n1")));
    let handle: Handle = runtime.handle().clone();
    let info = std::thread::spawn(move || handle.all_tasks().into_iter().next().unwrap()).join().unwrap();
    assert_eq!((info.id(), info.name()), (task.id(), Some("n1")));
}

fn the_list_is_a_slice_and_an_iterator(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let (_task, _go_on) = waiting(None).await;
        let tasks = task::all_tasks();
        assert_eq!(tasks.len(), 1);
        assert_eq!(tasks.first().unwrap().id(), tasks[0].id());
        let printed = format!("{tasks:?}");
        assert!(printed.contains(file!()), "it must say where its tasks were spawned: {printed}");
        assert_eq!(tasks.clone().into_iter().count(), tasks.iter().count());
    });
}

fn a_join_handle_prints_what_it_is(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let (go_on, may_go_on) = oneshot::channel::<()>();
        let (task, line) = (Builder::new().name("n1").spawn(may_go_on).unwrap(), line());
        yield_until(|| listed(task.id()).unwrap().state() == TaskState::Idle).await;
        let id = task.id();
        let place = format!("{}:{line}", file!());
        assert_eq!(
            format!("{task:?}"),
            format!("JoinHandle {{ id: {id}, name: \"n1\", state: Idle, spawned_at: {place} }}")
        );
        go_on.send(()).unwrap();
        yield_until(|| task.is_finished()).await;
        assert_eq!(
            format!("{task:?}"),
            format!("JoinHandle {{ id: {id}, name: \"n1\", state: Finished, spawned_at: {place} }}")
        );
        task.await.unwrap().unwrap();
    });
}

/// On another thread: where it was spawned is known by then in another way than before.
fn a_join_handle_prints_while_its_task_is_polled_first(flavor: Flavor) {
    let runtime = flavor.runtime();
    runtime.block_on(async {
        for _ in 0..300 {
            let handle = windlass::spawn(pending::<()>());
            let abort = handle.abort_handle();
            thread::scope(|scope| {
                let printer = scope.spawn(|| {
                    for _ in 0..50 {
                        assert!(format!("{handle:?}").contains("introspection.rs:"));
                    }
                });
                // The task is polled by another worker, or here. Joined, and not left to the scope: the thread sanitizer does not
                // see how that waits.
                printer.join().unwrap();
            });
            task::yield_now().await;
            assert!(format!("{handle:?}").contains("introspection.rs:"));
            abort.abort();
        }
    });
}

fn a_join_handle_prints_how_its_task_ended(flavor: Flavor) {
    let runtime = flavor.runtime();
    let finished = runtime.spawn(async {});
    let (panicked, line) = (runtime.spawn(async { std::panic::resume_unwind(Box::new("boom")) }), line());
    let aborted = runtime.spawn(pending::<()>());
    aborted.abort();
    runtime
        .block_on(yield_until(|| finished.is_finished() && panicked.is_finished() && aborted.is_finished()));
    assert!(format!("{finished:?}").contains("state: Finished"), "{finished:?}");
    let printed = format!("{panicked:?}");
    assert!(printed.contains(&format!("{}:{line}", file!())), "{printed}");
    assert!(format!("{aborted:?}").contains("state: Cancelled"), "{aborted:?}");
    drop::<JoinHandle<()>>(panicked);
    drop(runtime);
    assert!(format!("{finished:?}").contains("state: Finished"), "{finished:?}");
}

fn an_abort_handle_prints_something(flavor: Flavor) {
    let runtime = flavor.runtime();
    let task = runtime.spawn(pending::<()>());
    let printed = format!("{:?}", task.abort_handle());
    assert!(printed.contains(&task.id().to_string()), "{printed}");
    assert!(!format!("{runtime:?} {:?}", runtime.handle()).is_empty());
}

fn nothing_is_listed_once_the_runtime_is_gone(flavor: Flavor) {
    let runtime = flavor.runtime();
    let (_task, _go_on) = runtime.block_on(waiting(Some("n1")));
    let handle = runtime.handle().clone();
    drop(runtime);
    let tasks = handle.all_tasks();
    assert_eq!((tasks.len(), tasks.not_started()), (0, 0));
}

/// Spawns what sends its task's id and then blocks, and looks at it from outside.
fn while_it_blocks(flavor: Flavor, spawn: impl FnOnce(Box<dyn Fn() + Send>)) -> TaskInfo {
    let runtime = flavor.runtime();
    let (ids, id_of_the_task) = std_mpsc::channel();
    let barrier = Arc::new(Barrier::new(2));
    let met = barrier.clone();
    let block = move || {
        ids.send(task::id()).unwrap();
        met.wait();
    };
    let _entered = runtime.enter();
    spawn(Box::new(block));
    let id = id_of_the_task.recv().unwrap();
    let tasks = runtime.handle().all_tasks();
    barrier.wait();
    let info = tasks.into_iter().find(|info| info.id() == id).expect("it is running");
    assert_eq!((info.state(), info.polls()), (TaskState::Running, 1));
    info
}

fn a_task_in_its_first_poll_is_listed(flavor: Flavor) {
    let mut spawned_at = 0;
    let info = while_it_blocks(flavor, |block| {
        spawned_at = (windlass::spawn(async move { block() }), line()).1;
    });
    assert_spawned_here(&info, spawned_at);
}

fn a_task_that_blocks_in_place_in_its_first_poll_is_listed(flavor: Flavor) {
    while_it_blocks(flavor, |block| drop(windlass::spawn(async move { task::block_in_place(block) })));
}

fn an_eager_task_in_its_first_poll_is_listed(flavor: Flavor) {
    while_it_blocks(flavor, |block| {
        drop(windlass::spawn(async move {
            drop(Builder::new().eager_start(true).spawn(async move { block() }).unwrap());
        }));
    });
}

/// Whoever had begun when somebody asked is listed, be it in its first poll, or just back from it.
fn tasks_are_listed_while_they_begin_to_wait(flavor: Flavor) {
    let runtime = flavor.runtime();
    for _ in 0..20 {
        let begun = Arc::new(Mutex::new(Vec::new()));
        let tasks: Vec<_> = (0..100)
            .map(|_| {
                let begun = begun.clone();
                runtime.spawn(async move {
                    begun.lock().unwrap().push(task::id());
                    pending::<()>().await;
                })
            })
            .collect();
        loop {
            let had_begun = begun.lock().unwrap().clone();
            let listed: HashSet<_> = runtime.handle().all_tasks().iter().map(TaskInfo::id).collect();
            let missed: Vec<_> = had_begun.iter().filter(|id| !listed.contains(id)).collect();
            assert!(missed.is_empty(), "{missed:?} had begun and are not listed");
            if had_begun.len() == tasks.len() {
                break;
            }
        }
        tasks.iter().for_each(JoinHandle::abort);
    }
}

fn lists_taken_while_tasks_come_and_go(flavor: Flavor) {
    let runtime = flavor.runtime();
    let stays = Builder::new().name("stays").spawn_on(pending::<()>(), runtime.handle()).unwrap();
    let stop = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let stopping = stop.clone();
    let churn = runtime.spawn(async move {
        let mut rounds = 0u32;
        while !stopping.load(std::sync::atomic::Ordering::Relaxed) {
            rounds += 1;
            let name = format!("n{rounds}");
            let task = Builder::new().name(&name).spawn(wake_self()).unwrap();
            let waits = windlass::spawn(pending::<()>());
            task.await.unwrap();
            waits.abort();
        }
    });
    for _ in 0..500 {
        let tasks = runtime.handle().all_tasks();
        let info = tasks.iter().find(|task| task.id() == stays.id()).expect("it is there all the time");
        assert_eq!(info.name(), Some("stays"));
        for info in tasks.iter().filter(|task| task.id() != stays.id()) {
            assert_eq!(info.spawned_at().file(), file!());
        }
    }
    stop.store(true, std::sync::atomic::Ordering::Relaxed);
    futures::executor::block_on(churn).unwrap();
}

fn outside_a_runtime() {
    assert!(task::current().is_none());
    panics_at_its_caller(|| task::all_tasks().len());
    futures::executor::block_on(async { assert!(task::current().is_none()) });
}

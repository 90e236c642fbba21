//! What is alive in a `LocalSet`: listed with the tasks of the runtime that the set is polled in.

use std::future::pending;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::mpsc as std_mpsc;
use std::task::{Context, Waker};
use std::thread;

use windlass::runtime::{Handle, Runtime};
use windlass::sync::oneshot;
use windlass::task::{self, Builder, Id, LocalSet, TaskInfo, TaskState, spawn_local};
use windlass_tests::{Flavor, on_every_flavor, yield_until};

on_every_flavor!(
    a_local_task_that_waits_is_listed,
    a_local_task_is_there_when_it_asks,
    a_local_task_is_below_who_awaits_it,
    a_named_local_task_is_listed_before_its_first_poll,
    the_tasks_of_a_set_that_is_gone_are_not_listed,
    a_set_is_listed_where_it_was_polled_last,
    lists_taken_elsewhere_while_local_tasks_come_and_go,
);

fn ids(handle: &Handle) -> Vec<Id> {
    handle.all_tasks().iter().map(TaskInfo::id).collect()
}

/// Polls a set once in a runtime.
fn poll_in(runtime: &Runtime, set: &mut LocalSet) {
    let _entered = runtime.enter();
    assert!(Pin::new(set).poll(&mut Context::from_waker(Waker::noop())).is_pending());
}

fn a_local_task_that_waits_is_listed(flavor: Flavor) {
    let runtime = flavor.runtime();
    let handle = runtime.handle().clone();
    let set = LocalSet::new();
    set.block_on(&runtime, async {
        let not_send = Rc::new(());
        let task = spawn_local(async move {
            pending::<()>().await;
            drop(not_send);
        });
        let id = task.id();
        yield_until(|| ids(&handle).contains(&id)).await;
        let tasks = thread::scope(|scope| scope.spawn(|| handle.all_tasks()).join().unwrap());
        let info = tasks.iter().find(|info| info.id() == id).expect("others see it, too");
        assert_eq!((info.state(), info.polls(), info.spawned_at().file()), (TaskState::Idle, 1, file!()));
        assert_eq!(tasks.not_started(), 0);
    });
}

fn a_local_task_is_there_when_it_asks(flavor: Flavor) {
    let runtime = flavor.runtime();
    let set = LocalSet::new();
    set.block_on(&runtime, async {
        let task = spawn_local(async {
            let tasks = task::all_tasks();
            let own = tasks.iter().find(|info| info.id() == task::id()).expect("it is running");
            (own.state(), own.polls(), tasks.len())
        });
        assert_eq!(task.await.unwrap(), (TaskState::Running, 1, 1));
        assert!(task::all_tasks().is_empty());
    });
}

fn a_local_task_is_below_who_awaits_it(flavor: Flavor) {
    let runtime = flavor.runtime();
    let set = LocalSet::new();
    set.block_on(&runtime, async {
        let (_go_on, may_go_on) = oneshot::channel::<()>();
        let below = Builder::new().name("below").spawn_local(async { drop(may_go_on.await) }).unwrap();
        let above = Builder::new().name("above").spawn_local(async { drop(below.await) }).unwrap();
        let mut text = String::new();
        yield_until(|| {
            text = Handle::current().dump().to_string();
            text.matches("idle").count() == 2
        })
        .await;
        let lines: Vec<_> = text.lines().collect();
        let at = |name: &str| lines.iter().position(|line| line.contains(name)).expect("it is listed");
        let indent = |at: usize| lines[at].chars().take_while(|c| !c.is_alphanumeric()).count();
        let (above_at, below_at) = (at("\"above\""), at("\"below\""));
        assert!(above_at < below_at && indent(above_at) < indent(below_at), "{text}");
        above.abort();
    });
}

fn a_named_local_task_is_listed_before_its_first_poll(flavor: Flavor) {
    let runtime = flavor.runtime();
    let mut set = LocalSet::new();
    let waits = set.spawn_local(pending::<()>());
    poll_in(&runtime, &mut set);
    let named = Builder::new().name("n1").spawn_local_on(async {}, &set).unwrap();
    let tasks = runtime.handle().all_tasks();
    let info = tasks.iter().find(|info| info.id() == named.id()).expect("it has a name");
    assert_eq!((info.name(), info.state(), info.polls()), (Some("n1"), TaskState::Queued, 0));
    assert!(tasks.iter().any(|info| info.id() == waits.id()));
}

fn the_tasks_of_a_set_that_is_gone_are_not_listed(flavor: Flavor) {
    let runtime = flavor.runtime();
    for _ in 0..3 {
        let mut set = LocalSet::new();
        let task = set.spawn_local(pending::<()>());
        poll_in(&runtime, &mut set);
        assert_eq!(ids(runtime.handle()), [task.id()]);
        drop(set);
        assert!(ids(runtime.handle()).is_empty());
    }
    // The list of a runtime outlives it where a set is on it.
    let mut set = LocalSet::new();
    let task = set.spawn_local(pending::<()>());
    poll_in(&runtime, &mut set);
    let handle = runtime.handle().clone();
    drop(runtime);
    assert_eq!(ids(&handle), [task.id()]);
    drop(set);
    assert!(ids(&handle).is_empty());
}

fn a_set_is_listed_where_it_was_polled_last(flavor: Flavor) {
    let (one, other) = (flavor.runtime(), flavor.runtime());
    let mut set = LocalSet::new();
    let task = set.spawn_local(pending::<()>());
    for (here, there) in [(&one, &other), (&other, &one), (&one, &other)] {
        poll_in(here, &mut set);
        assert_eq!((ids(here.handle()), ids(there.handle())), (vec![task.id()], vec![]));
    }
}

fn lists_taken_elsewhere_while_local_tasks_come_and_go(flavor: Flavor) {
    let runtime = flavor.runtime();
    let handle = runtime.handle().clone();
    let (stop, stopped) = std_mpsc::channel::<()>();
    let lister = thread::spawn(move || {
        let mut most = 0;
        while stopped.try_recv() == Err(std_mpsc::TryRecvError::Empty) {
            let tasks = handle.all_tasks();
            assert!(tasks.iter().all(|info| info.spawned_at().file() == file!()));
            most = most.max(tasks.len());
            drop(handle.dump().to_string());
        }
        most
    });
    for _ in 0..20 {
        let set = LocalSet::new();
        set.block_on(&runtime, async {
            for _ in 0..10 {
                let waits: Vec<_> = (0..20).map(|_| spawn_local(pending::<()>())).collect();
                spawn_local(async { task::yield_now().await }).await.unwrap();
                waits.iter().for_each(|task| task.abort());
            }
        });
    }
    drop(stop);
    assert!(lister.join().unwrap() <= 20 * 10 + 1);
}

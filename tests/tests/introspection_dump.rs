//! `Handle::dump`: the tree of who waits for whom, in text, and what it costs the others.

use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use windlass::aio::TaskGroup;
use windlass::runtime::{Dump, Handle};
use windlass::sync::{Mutex, Notify, oneshot};
use windlass::task::{self, Builder, JoinHandle, TaskState};
use windlass::time::sleep;
use windlass_tests::{Flavor, on_every_flavor, on_multi_thread, spin_until, yield_until};

on_every_flavor!(
    a_chain_of_joins_is_a_branch,
    a_group_has_its_tasks_below_it,
    tasks_that_await_each_other_are_a_cycle,
    a_long_chain_goes_on_at_the_left,
    block_on_is_a_root,
    states_are_told_apart,
    several_things_are_one_sentence,
    a_dump_from_outside,
    a_dump_of_a_runtime_that_is_gone,
);

on_multi_thread!(dumps_while_tasks_come_and_go, a_listing_lets_others_go_on);

/// The dump once that is true of it.
async fn dump_once(mut is_as_wanted: impl FnMut(&str) -> bool) -> String {
    let mut text = String::new();
    yield_until(|| {
        text = Handle::current().dump().to_string();
        is_as_wanted(&text)
    })
    .await;
    text
}

/// The lines of a dump without what differs from run to run: ids, places, ages, addresses.
fn shape(text: &str) -> Vec<String> {
    text.lines()
        .map(|line| {
            let place = line.find(" at ").unwrap_or(line.len());
            let age = line.find(" old").map_or(line.len(), |at| at + " old".len());
            let kept =
                if place < age { format!("{}{}", &line[..place], &line[age..]) } else { line.to_owned() };
            let mut shape = String::new();
            for part in kept.split_inclusive(' ') {
                let (word, space) = part.split_at(part.trim_end().len());
                let digits = word.chars().take_while(char::is_ascii_digit).count();
                match word {
                    _ if word.starts_with("(0x") => shape.push_str("(..)"),
                    _ if digits == 0 => shape.push_str(word),
                    _ if shape.ends_with("task ") => shape.push_str(&format!("#{}", &word[digits..])),
                    _ => shape.push_str(word),
                }
                shape.push_str(space);
            }
            shape
        })
        .collect()
}

/// The lines from that of a task with this name on.
fn shape_from(text: &str, name: &str) -> Vec<String> {
    let quoted = format!("{name:?}");
    shape(text).into_iter().skip_while(|line| !line.contains(&quoted)).collect()
}

#[track_caller]
fn named<F>(name: &str, future: F) -> JoinHandle<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    Builder::new().name(name).spawn(future).unwrap()
}

fn a_chain_of_joins_is_a_branch(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let lock = Arc::new(Mutex::new(()));
        let _held = lock.clone().lock_owned().await;
        let writer = named("writer", async move { drop(lock.lock().await) });
        let middle = named("middle", writer);
        let top = named("top", middle);
        let text = dump_once(|text| text.matches(", idle, 1 poll, ").count() == 3).await;
        assert_eq!(
            shape_from(&text, "top"),
            [
                r#"task # "top": awaits task #"#,
                r#"└─ task # "middle": awaits task #"#,
                r#"   └─ task # "writer": awaits a mutex (..)"#,
            ]
        );
        assert!(text.starts_with("3 tasks\n"), "{text}");
        assert!(text.contains(&format!(" at {}:", file!())), "{text}");
        top.abort();
    });
}

fn a_group_has_its_tasks_below_it(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let group = TaskGroup::<()>::new();
        for name in ["a", "b", "c"] {
            drop(group.spawn_named(name, pending::<Result<(), ()>>()));
        }
        let spawner = group.spawner();
        let joins = named("joins", async { group.join().await.is_ok() });
        let text = dump_once(|text| text.contains("awaits 3 tasks")).await;
        assert_eq!(
            shape_from(&text, "joins")[..4],
            [
                r#"task # "joins": awaits 3 tasks"#,
                r#"├─ task # "a": awaits something else"#,
                r#"├─ task # "b": awaits something else"#,
                r#"└─ task # "c": awaits something else"#,
            ]
        );
        spawner.cancel();
        joins.await.unwrap();
    });
}

fn tasks_that_await_each_other_are_a_cycle(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let (give, get) = oneshot::channel::<JoinHandle<()>>();
        let one = named("one", async move { get.await.unwrap().await.unwrap() });
        let abort = one.abort_handle();
        let other = named("other", async move { one.await.unwrap() });
        give.send(other).unwrap();
        let text = dump_once(|text| text.matches(": awaits task ").count() == 2).await;
        assert_eq!(
            shape(&text)[1..].iter().filter(|line| !line.starts_with("block_on")).collect::<Vec<_>>(),
            [
                r#"task # "one": awaits task #"#,
                r#"└─ task # "other": awaits task #"#,
                r#"   └─ task #, which awaits itself: a cycle"#,
            ]
        );
        abort.abort();
    });
}

fn a_long_chain_goes_on_at_the_left(flavor: Flavor) {
    const LENGTH: usize = 1_000;
    flavor.runtime().block_on(async {
        let mut last = windlass::spawn(pending::<()>());
        for _ in 1..LENGTH {
            let inner = last;
            last = windlass::spawn(async move { inner.await.unwrap() });
        }
        yield_until(|| {
            task::all_tasks().iter().filter(|task| task.state() == TaskState::Idle).count() == LENGTH
        })
        .await;
        let text = Handle::current().dump().to_string();
        assert_eq!(text.lines().filter(|line| line.contains("idle, 1 poll")).count(), LENGTH);
        assert!(text.lines().all(|line| line.chars().count() < 300), "{text}");
        let shown_below = text.matches("which is shown below").count();
        assert!((LENGTH / 40..LENGTH / 10).contains(&shown_below), "{shown_below}");
        last.abort();
    });
}

fn block_on_is_a_root(flavor: Flavor) {
    let runtime = flavor.runtime();
    let handle = runtime.handle().clone();
    let (done, is_done) = oneshot::channel::<()>();
    let line = line!() + 2;
    let looks = std::thread::spawn(move || {
        runtime.block_on(async move {
            let task = named("awaited", async { is_done.await.unwrap() });
            task.await.unwrap();
        });
    });
    let mut text;
    loop {
        text = handle.dump().to_string();
        if text.contains("a oneshot channel") && text.contains(": awaits task ") {
            break;
        }
        std::thread::yield_now();
    }
    let mut lines = text.lines().skip(1);
    let root = lines.next().unwrap();
    assert!(root.starts_with(&format!("block_on at {}:{line}, thread ", file!())), "{text}");
    assert!(root.contains(", idle, 1 poll: awaits task "), "{text}");
    assert!(lines.next().unwrap().starts_with("└─ task "), "{text}");
    assert_eq!(lines.next(), None);
    done.send(()).unwrap();
    looks.join().unwrap();
    assert!(!handle.dump().to_string().contains("block_on"));
}

fn states_are_told_apart(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let text = named("asks", async { Handle::current().dump().to_string() }).await.unwrap();
        assert!(shape(&text).iter().any(|line| line.ends_with(r#"task # "asks""#)), "{text}");
        assert!(text.contains(", running, 1 poll, ") || text.contains(", running, 0 polls, "), "{text}");

        // Woken by somebody who does not let it run.
        if flavor.is_current_thread() {
            let notify = Arc::new(Notify::new());
            let woken = named("woken", {
                let notify = notify.clone();
                async move { notify.notified().await }
            });
            dump_once(|text| text.contains("a notify")).await;
            notify.notify_one();
            let text = Handle::current().dump().to_string();
            assert!(text.contains(", queued, 1 poll, ") && !text.contains("a notify"), "{text}");
            woken.abort();
            let text = Handle::current().dump().to_string();
            assert!(text.contains(", cancelling, 1 poll, "), "{text}");
        }
    });
}

fn several_things_are_one_sentence(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let inner = named("inner", pending::<()>());
        let notify = Notify::new();
        let task = named("selects", async move {
            windlass::select! {
                biased;
                _ = sleep(Duration::from_secs(3_600)) => {}
                _ = notify.notified() => {}
                _ = inner => {}
            }
        });
        let text = dump_once(|text| text.contains("a notify") && text.contains("something else")).await;
        let line = text.lines().find(|line| line.contains("selects")).unwrap();
        let (timer, rest) = line.split_once(": awaits ").unwrap().1.split_once(", ").unwrap();
        assert!(timer.starts_with("a timer due in 3") && timer.ends_with('s'), "{line}");
        assert!(rest.starts_with("a notify (0x") && rest.contains(") and task "), "{line}");
        task.abort();
    });
}

fn a_dump_from_outside(flavor: Flavor) {
    let runtime = flavor.runtime();
    runtime.block_on(async {
        let _detached = windlass::spawn(sleep(Duration::from_secs(3_600)));
        dump_once(|text| text.contains("a timer due in ")).await;
    });
    let dump: Dump = runtime.handle().dump();
    assert_eq!((dump.tasks().len(), dump.tasks().not_started()), (1, 0));
    assert_eq!(format!("{dump}").lines().count(), 2, "{dump}");
    assert!(format!("{dump:?}").contains(file!()));
}

fn a_dump_of_a_runtime_that_is_gone(flavor: Flavor) {
    let runtime = flavor.runtime();
    let handle = runtime.handle().clone();
    runtime.spawn(pending::<()>());
    drop(runtime);
    assert_eq!(handle.dump().to_string(), "0 tasks\n");
}

fn dumps_while_tasks_come_and_go(flavor: Flavor) {
    let runtime = flavor.runtime();
    let (stop, rounds) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let (stopping, counts) = (stop.clone(), rounds.clone());
    let churn = runtime.spawn(async move {
        while !stopping.load(Relaxed) {
            let group = TaskGroup::<()>::new();
            for n in 0..20u64 {
                drop(group.spawn(async move {
                    sleep(Duration::from_micros(n)).await;
                    Ok::<(), ()>(())
                }));
            }
            let waits = windlass::spawn(pending::<()>());
            group.join().await.unwrap();
            waits.abort();
            counts.fetch_add(1, Relaxed);
        }
    });
    let mut seen = 0;
    while seen < 300 || rounds.load(Relaxed) < 10 {
        let dump = runtime.handle().dump();
        let text = dump.to_string();
        // Each task that is listed has a line of its own, and just one.
        for task in dump.tasks() {
            let start = format!("task {} at {}:", task.id(), file!());
            assert_eq!(text.matches(&start).count(), 1, "{text}");
        }
        seen += 1;
    }
    stop.store(true, Relaxed);
    futures::executor::block_on(churn).unwrap();
}

/// While a hundred thousand tasks are listed others spawn, register and end, which takes the locks that the listing takes.
fn a_listing_lets_others_go_on(flavor: Flavor) {
    const TASKS: usize = 100_000;
    let runtime = flavor.runtime();
    let idle: Vec<_> = (0..TASKS).map(|_| runtime.spawn(pending::<()>())).collect();
    let handle = runtime.handle().clone();
    runtime.block_on(yield_until(|| handle.all_tasks().len() >= TASKS));
    let (stop, rounds) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let churns = runtime.spawn({
        let (stop, rounds) = (stop.clone(), rounds.clone());
        async move {
            while !stop.load(Relaxed) {
                windlass::spawn(task::yield_now()).await.unwrap();
                rounds.fetch_add(1, Relaxed);
            }
        }
    });
    // How many in one listing is a matter of the machine and what else it does.
    spin_until(|| {
        let before = rounds.load(Relaxed);
        let tasks = handle.all_tasks();
        assert!(tasks.len() >= TASKS);
        rounds.load(Relaxed) - before >= 10
    });
    stop.store(true, Relaxed);
    futures::executor::block_on(churns).unwrap();
    drop(idle);
}

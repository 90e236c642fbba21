//! Lists a million tasks that wait while others spawn, wait and end: how long that takes, and for how long it keeps the others.

use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::thread;
use std::time::{Duration, Instant};

use clap::Parser;
use windlass::runtime::{Builder, Runtime};
use windlass::sync::Event;
use windlass::task;

/// Lists tasks while others come and go.
#[derive(Parser)]
#[command(name = "listing")]
struct Args {
    /// Tasks that wait
    #[arg(long, value_name = "N", default_value_t = 1_000_000)]
    tasks: usize,
    /// Worker threads
    #[arg(long, value_name = "N", default_value_t = 1)]
    workers: usize,
    /// Lists
    #[arg(long, value_name = "N", default_value_t = 10)]
    rounds: usize,
}

/// The longest turn of a task on each worker that spawns and joins tasks which wait once, while `f` runs.
fn worst_turn<T>(runtime: &Runtime, workers: usize, f: impl FnOnce() -> T) -> (Duration, T) {
    let stop = Arc::new(AtomicBool::new(false));
    let turning: Vec<_> = (0..workers)
        .map(|_| {
            let stop = stop.clone();
            runtime.spawn(async move {
                let mut worst = Duration::ZERO;
                while !stop.load(Relaxed) {
                    let begun = Instant::now();
                    windlass::spawn(task::yield_now()).await.expect("it yields");
                    worst = worst.max(begun.elapsed());
                }
                worst
            })
        })
        .collect();
    let output = f();
    stop.store(true, Relaxed);
    let worst = turning.into_iter().map(|task| runtime.block_on(task).expect("it returns")).max();
    (worst.unwrap_or_default(), output)
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

fn main() {
    let args = Args::parse();
    // `block_on` would put the thread that lists among those that are listed upon.
    let runtime = Builder::new_multi_thread()
        .worker_threads(args.workers)
        .block_on_runs_tasks(false)
        .build()
        .expect("a runtime");
    let event = Arc::new(Event::new());
    let waits = |n: usize| {
        let event = event.clone();
        async move { if n.is_multiple_of(2) { event.wait().await } else { pending().await } }
    };
    let idle: Vec<_> = (0..args.tasks).map(|n| runtime.spawn(waits(n))).collect();
    while runtime.handle().all_tasks().len() < args.tasks {
        thread::yield_now();
    }

    let (mut took, mut dropped, mut with, mut without) = (vec![], vec![], vec![], vec![]);
    for _ in 0..args.rounds {
        let (worst, (listed, time)) = worst_turn(&runtime, args.workers, || {
            let begun = Instant::now();
            let tasks = runtime.handle().all_tasks();
            (tasks, begun.elapsed())
        });
        assert!(listed.len() >= args.tasks, "{} of {} were listed", listed.len(), args.tasks);
        let awaited = listed.iter().filter(|task| task.awaits().next().is_some()).count();
        assert!(awaited >= args.tasks / 2, "{awaited} await something");
        let begun = Instant::now();
        drop(listed);
        dropped.push(begun.elapsed());
        took.push(time);
        with.push(worst);
        without.push(worst_turn(&runtime, args.workers, || thread::sleep(time)).0);
    }
    println!("{} tasks, {} workers, {} rounds", args.tasks, args.workers, args.rounds);
    println!(
        "a list                         median {:>10.1?}  worst {:.1?}",
        median(took.clone()),
        took.iter().max().unwrap()
    );
    println!("its drop                       median {:>10.1?}", median(dropped));
    println!(
        "longest turn meanwhile         median {:>10.1?}  least {:.1?}",
        median(with.clone()),
        with.iter().min().unwrap()
    );
    println!(
        "longest turn without a list    median {:>10.1?}  least {:.1?}",
        median(without.clone()),
        without.iter().min().unwrap()
    );
    drop(idle);
}

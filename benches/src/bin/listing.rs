//! Lists a million tasks that wait while others spawn, wait and end: how long that takes, and for how long it keeps the others.
//!
//! A thread that lists and as many that work as there are processors take these from each other, some milliseconds at a time. So
//! the longest turn is told with and without what the system says that workers have waited for a processor meanwhile.

use std::fs::{self, File};
use std::future::pending;
use std::os::unix::fs::FileExt;
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

/// Where the system says how long each worker has waited for a processor. Nothing where it does not.
struct Queues(Vec<File>);

impl Queues {
    fn open() -> Self {
        let threads =
            fs::read_dir("/proc/self/task").into_iter().flatten().flatten().map(|thread| thread.path());
        let is_worker = |name: String| name.starts_with("windlass-worker");
        let workers = threads.filter(|thread| fs::read_to_string(thread.join("comm")).is_ok_and(is_worker));
        Self(workers.filter_map(|worker| File::open(worker.join("schedstat")).ok()).collect())
    }

    /// How long all of them have so far.
    fn waited(&self) -> Duration {
        let mut line = [0; 64];
        let mut waited = |queue: &File| -> Option<u64> {
            let length = queue.read_at(&mut line, 0).ok()?;
            // The second of three numbers, in nanoseconds.
            str::from_utf8(&line[..length]).ok()?.split_whitespace().nth(1)?.parse().ok()
        };
        Duration::from_nanos(self.0.iter().filter_map(&mut waited).sum())
    }
}

/// The longest turn.
#[derive(Clone, Copy, Default)]
struct Worst {
    turn: Duration,
    /// The longest less what workers waited for a processor.
    processed: Duration,
}

/// The longest turn of a task on each worker that spawns and joins tasks which wait once, while `f` runs.
fn worst_turn<T>(runtime: &Runtime, workers: usize, f: impl FnOnce() -> T) -> (Worst, T) {
    let stop = Arc::new(AtomicBool::new(false));
    let queues = Arc::new(Queues::open());
    let turning: Vec<_> = (0..workers)
        .map(|_| {
            let (stop, queues) = (stop.clone(), queues.clone());
            runtime.spawn(async move {
                let mut worst = Worst::default();
                while !stop.load(Relaxed) {
                    let (queued, begun) = (queues.waited(), Instant::now());
                    windlass::spawn(task::yield_now()).await.expect("it yields");
                    let turn = begun.elapsed();
                    worst.turn = worst.turn.max(turn);
                    if turn > worst.processed {
                        let queued = queues.waited().saturating_sub(queued);
                        worst.processed = worst.processed.max(turn.saturating_sub(queued));
                    }
                }
                worst
            })
        })
        .collect();
    let output = f();
    stop.store(true, Relaxed);
    let worst = turning.into_iter().map(|task| runtime.block_on(task).expect("it returns"));
    let worst = worst.reduce(|one, other| Worst {
        turn: one.turn.max(other.turn),
        processed: one.processed.max(other.processed),
    });
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
    let print = |what: &str, times: Vec<Duration>| {
        let (least, worst) = (times.iter().min().unwrap(), times.iter().max().unwrap());
        println!("{what:<40} median {:>9.1?}  {least:.1?} to {worst:.1?}", median(times.clone()));
    };
    print("a list", took);
    print("its drop", dropped);
    let turns = |of: &[Worst]| of.iter().map(|worst| worst.turn).collect();
    let processed = |of: &[Worst]| of.iter().map(|worst| worst.processed).collect();
    print("longest turn meanwhile", turns(&with));
    print("  but for waits for a processor", processed(&with));
    print("longest turn without a list", turns(&without));
    print("  but for waits for a processor", processed(&without));
    drop(idle);
}

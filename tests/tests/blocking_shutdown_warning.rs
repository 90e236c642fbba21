//! What a runtime says that is shut down while blocking jobs run: one warning that names each by the line that submitted
//! it, and how long it has run.
//!
//! A program of its own: it has the one subscriber that a process may have.

use std::thread;
use std::time::Duration;

use tracing::Level;
use windlass::blocking::ThreadPoolExecutor;
use windlass::runtime::Handle;
use windlass_tests::jobs::Gate;
use windlass_tests::log::{Line, lines_of, listen, names};
use windlass_tests::{Flavor, linger_into_shutdown, on_every_flavor, once};

on_every_flavor!(
    one_warning_names_each_job_and_how_long,
    the_warning_names_jobs_of_the_default_executor,
    no_warning_if_all_is_over_in_time,
);

once!(without_a_timeout_it_warns_once_and_waits_on);

/// What passes without harm to the tests' own time.
const SHORT: Duration = Duration::from_millis(30);

/// Begins to listen. Until the guard is dropped no other flavour has the same line warned of.
fn listen_alone() -> parking_lot::MutexGuard<'static, ()> {
    static ONE: parking_lot::Mutex<()> = parking_lot::Mutex::new(());
    listen();
    ONE.lock()
}

/// What the runtimes have said of that line of this file.
fn warnings(line: u32) -> Vec<Line> {
    lines_of("windlass::runtime").into_iter().filter(|entry| names(&entry.message, file!(), line)).collect()
}

fn one_warning_names_each_job_and_how_long(flavor: Flavor) {
    let _alone = listen_alone();
    let runtime = flavor.builder().max_blocking_threads(2).build().unwrap();
    let (gates, jobs): (Vec<_>, Vec<_>) = (0..2).map(|_| Gate::new()).unzip();
    let mut jobs = jobs.into_iter();
    let (one, line_of_one) = (runtime.spawn_blocking(jobs.next().unwrap()), line!());
    let (other, line_of_other) = (runtime.handle().run_in_executor(None, jobs.next().unwrap()), line!());
    gates.iter().for_each(Gate::wait_begun);
    let before = (warnings(line_of_one).len(), warnings(line_of_other).len());
    runtime.shutdown_timeout(SHORT);
    let (of_one, of_other) = (warnings(line_of_one), warnings(line_of_other));
    assert_eq!((of_one.len(), of_other.len()), (before.0 + 1, before.1 + 1));
    let line = of_one.last().unwrap();
    assert_eq!(line.level, Level::WARN);
    assert_eq!(line.message, of_other.last().unwrap().message, "one line for both");
    assert!(line.message.contains("2 running"), "{}", line.message);
    let how_long = line.message.split(", for ").skip(1);
    assert_eq!(how_long.filter(|rest| rest.starts_with(|first: char| first.is_ascii_digit())).count(), 2);
    gates.into_iter().for_each(Gate::open);
    futures::executor::block_on(one).unwrap();
    futures::executor::block_on(other).unwrap();
}

fn the_warning_names_jobs_of_the_default_executor(flavor: Flavor) {
    let _alone = listen_alone();
    let runtime = flavor.runtime();
    runtime.handle().set_default_executor(ThreadPoolExecutor::builder().thread_name_prefix("mine").build());
    let (gate, job) = Gate::new();
    let (call, line) = (runtime.handle().run_in_executor(None, job), line!());
    gate.wait_begun();
    let before = warnings(line).len();
    runtime.shutdown_timeout(SHORT);
    let warnings = warnings(line);
    assert_eq!(warnings.len(), before + 1, "{warnings:?}");
    assert!(warnings[before].message.contains("mine_0"), "{warnings:?}");
    gate.open();
    futures::executor::block_on(call).unwrap();
}

fn no_warning_if_all_is_over_in_time(flavor: Flavor) {
    let _alone = listen_alone();
    let runtime = flavor.runtime();
    let (job, line) = (runtime.spawn_blocking(|| linger_into_shutdown(&Handle::current())), line!());
    drop(runtime);
    // Begun or not.
    let _ = futures::executor::block_on(job);
    assert!(warnings(line).is_empty(), "{:?}", warnings(line));
}

fn without_a_timeout_it_warns_once_and_waits_on() {
    let _alone = listen_alone();
    let runtime = Flavor::MultiThread(1).runtime();
    let (gate, wait) = Gate::new();
    let (job, line) = (runtime.spawn_blocking(wait), line!());
    gate.wait_begun();
    // The job ends because of the warning, not for having taken long enough.
    let watches = thread::spawn(move || {
        spin_slowly_until(|| !warnings(line).is_empty());
        gate.open();
    });
    drop(runtime);
    watches.join().unwrap();
    assert!(job.is_finished());
    let warnings = warnings(line);
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(warnings[0].message.contains("has to do with"), "{warnings:?}");
}

/// As `spin_until`, for what takes seconds.
fn spin_slowly_until(mut condition: impl FnMut() -> bool) {
    while !condition() {
        thread::park_timeout(Duration::from_millis(1));
    }
}

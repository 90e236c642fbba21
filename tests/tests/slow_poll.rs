//! The monitor's warning: a poll that takes too long is named in the log, by the line that spawned its task.
//!
//! A program of its own: it has the one subscriber that a process may have, and looks at all that is logged.

use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tracing::Level;
use windlass::runtime::Runtime;
use windlass::task;
use windlass_tests::log::{Line, line, lines_about, lines_of, listen, names};
use windlass_tests::{Flavor, watchdog};

/// What the monitor has logged so far that speaks of a line of this file.
fn warnings(line: u32) -> Vec<Line> {
    lines_about("windlass::monitor", file!(), line)
}

/// Blocks the thread, as a task should not.
fn block(duration: Duration) {
    std::thread::sleep(duration);
}

const SLOW: Duration = Duration::from_millis(200);

/// Runs a task to its end outside `block_on`, or in it where there is no other way.
fn finish<T>(flavor: Flavor, runtime: &Runtime, task: task::JoinHandle<T>) -> T {
    if flavor.is_current_thread() { runtime.block_on(task) } else { futures::executor::block_on(task) }
        .unwrap()
}

const FLAVORS: [Flavor; 4] =
    [Flavor::CurrentThread, Flavor::MultiThread(1), Flavor::MultiThread(2), Flavor::MultiThread(4)];

/// A threshold that leaves the monitor time to look, on a machine that is busy with other things, before 200 ms are over.
const EARLY: Duration = Duration::from_millis(50);

fn early(flavor: Flavor) -> Runtime {
    flavor.builder().slow_poll_threshold(EARLY).build().unwrap()
}

/// The tests measure time, and leave the processors to each other.
fn alone(scenario: &str, body: impl FnOnce() + Send + 'static) {
    static ONE: Mutex<()> = Mutex::new(());
    let _one = ONE.lock();
    listen();
    watchdog(scenario, body);
}

#[test]
fn a_task_that_blocks_200_ms_is_named_by_its_line() {
    const ROUNDS: usize = 3;
    alone("a_task_that_blocks_200_ms_is_named_by_its_line", || {
        for flavor in FLAVORS {
            let runtime = flavor.runtime();
            let before = lines_of("windlass::monitor").len();
            let mut spawned_at = 0;
            for _ in 0..ROUNDS {
                let (task, line) = (runtime.spawn(async { block(SLOW) }), line());
                finish(flavor, &runtime, task);
                spawned_at = line;
            }
            let log = lines_of("windlass::monitor").split_off(before);
            let warnings: Vec<_> =
                log.iter().filter(|entry| names(&entry.message, file!(), spawned_at)).collect();
            // More often than not: now and then the machine keeps the monitor from looking.
            assert!(
                warnings.len() > ROUNDS / 2,
                "{flavor}: {ROUNDS} times slow at line {spawned_at}: {log:?}"
            );
            assert!(warnings.iter().all(|warning| warning.level == Level::WARN), "{warnings:?}");
        }
    });
}

#[test]
fn the_warning_comes_while_the_poll_lasts() {
    alone("the_warning_comes_while_the_poll_lasts", || {
        let runtime = Flavor::MultiThread(2).runtime();
        let spawned_at = line() + 1;
        let task = runtime.spawn(async move {
            // Ends because of the warning, not for having taken long enough.
            while warnings(spawned_at).is_empty() {
                block(Duration::from_millis(1));
            }
        });
        futures::executor::block_on(task).unwrap();
    });
}

#[test]
fn a_slow_poll_is_reported_once() {
    alone("a_slow_poll_is_reported_once", || {
        let runtime = early(Flavor::MultiThread(2));
        let (task, line) = (runtime.spawn(async { block(SLOW) }), line());
        futures::executor::block_on(task).unwrap();
        assert_eq!(warnings(line).len(), 1, "{:?}", warnings(line));
    });
}

#[test]
fn every_slow_poll_is_reported() {
    alone("every_slow_poll_is_reported", || {
        let runtime = early(Flavor::MultiThread(2));
        let slow_twice = async {
            block(SLOW);
            task::yield_now().await;
            block(SLOW);
        };
        let (task, line) = (runtime.spawn(slow_twice), line());
        futures::executor::block_on(task).unwrap();
        assert_eq!(warnings(line).len(), 2, "{:?}", warnings(line));
    });
}

#[test]
fn the_warning_names_the_task_and_how_long() {
    alone("the_warning_names_the_task_and_how_long", || {
        let runtime = early(Flavor::MultiThread(2));
        let builder = task::Builder::new().name("sleepy");
        let (task, line) = (builder.spawn_on(async { block(SLOW) }, runtime.handle()).unwrap(), line());
        futures::executor::block_on(task).unwrap();
        let warnings = warnings(line);
        let message = &warnings.first().expect("a warning").message;
        assert!(message.contains("sleepy"), "the name is missing: {message}");
        assert!(message.contains(" ms"), "how long is missing: {message}");
        assert!(message.contains("spawn_blocking"), "what to do is missing: {message}");
    });
}

#[test]
fn the_threshold_can_be_set() {
    alone("the_threshold_can_be_set", || {
        let patient =
            Flavor::MultiThread(2).builder().slow_poll_threshold(Duration::from_secs(1_000)).build().unwrap();
        let (task, line) = (patient.spawn(async { block(SLOW) }), line());
        futures::executor::block_on(task).unwrap();
        assert!(warnings(line).is_empty(), "{:?}", warnings(line));
    });
}

#[test]
fn many_short_polls_are_not_slow() {
    alone("many_short_polls_are_not_slow", || {
        let threshold = Duration::from_millis(300);
        let runtime = Flavor::MultiThread(2).builder().slow_poll_threshold(threshold).build().unwrap();
        let begun = Instant::now();
        let busy = async move {
            while begun.elapsed() < 2 * threshold {
                task::yield_now().await;
            }
        };
        let (task, line) = (runtime.spawn(busy), line());
        futures::executor::block_on(task).unwrap();
        assert!(warnings(line).is_empty(), "{:?}", warnings(line));
    });
}

#[test]
fn the_second_poll_of_a_task_is_watched_as_the_first() {
    alone("the_second_poll_of_a_task_is_watched_as_the_first", || {
        let runtime = early(Flavor::MultiThread(2));
        let slow_in_the_end = async {
            for _ in 0..10 {
                task::yield_now().await;
            }
            block(SLOW);
        };
        let (task, line) = (runtime.spawn(slow_in_the_end), line());
        futures::executor::block_on(task).unwrap();
        assert_eq!(warnings(line).len(), 1, "{:?}", warnings(line));
    });
}

#[test]
fn a_drop_that_takes_long_is_a_slow_poll() {
    alone("a_drop_that_takes_long_is_a_slow_poll", || {
        let runtime = early(Flavor::MultiThread(2));
        let slow = windlass_tests::OnDrop::new(|| block(SLOW));
        let (polled, was_polled) = std::sync::mpsc::channel();
        let future = async move {
            let _slow = slow;
            polled.send(()).unwrap();
            std::future::pending::<()>().await;
        };
        let (task, line) = (runtime.spawn(future), line());
        was_polled.recv().unwrap();
        task.abort();
        futures::executor::block_on(task).unwrap_err();
        assert_eq!(warnings(line).len(), 1, "{:?}", warnings(line));
    });
}

#[test]
fn a_slow_task_does_not_hold_up_the_others() {
    alone("a_slow_task_does_not_hold_up_the_others", || {
        let runtime = Flavor::MultiThread(2).runtime();
        let (release, released) = std::sync::mpsc::channel::<()>();
        let (started, has_started) = std::sync::mpsc::channel();
        let slow = runtime.spawn(async move {
            let others: Vec<_> = (0..50).map(|_| windlass::spawn(windlass_tests::wake_self())).collect();
            started.send(others).unwrap();
            // Until the others are done, which they could not be behind it.
            released.recv().unwrap();
        });
        for other in has_started.recv().unwrap() {
            futures::executor::block_on(other).unwrap();
        }
        release.send(()).unwrap();
        futures::executor::block_on(slow).unwrap();
    });
}

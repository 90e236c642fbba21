//! The monitor's warning: a poll that takes too long is named in the log, by the line that spawned its task.
//!
//! A program of its own: it has the one subscriber that a process may have, and looks at all that is logged.

use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tracing::Level;
use windlass::runtime::Runtime;
use windlass::task;
use windlass_tests::log::{Line, line, lines_about, listen};
use windlass_tests::{Flavor, watchdog};

/// What the monitor has logged so far that speaks of a line of this file.
fn warnings(line: u32) -> Vec<Line> {
    lines_about("windlass::monitor", file!(), line)
}

/// Blocks the thread, as a task should not.
fn block(duration: Duration) {
    std::thread::sleep(duration);
}

/// Blocks until the monitor has warned so often of that line, and on for as long as one more warning would take: the monitor comes
/// when it has a processor.
fn block_until_warned(line: u32, times: usize) {
    while warnings(line).len() < times {
        block(Duration::from_millis(1));
    }
    block(SLOW);
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
fn a_task_that_blocks_is_named_by_its_line() {
    alone("a_task_that_blocks_is_named_by_its_line", || {
        // As soon as the monitor has a processor: how late that is says nothing of it.
        let usual = format!("{:?}", windlass::runtime::Builder::new_multi_thread());
        assert!(usual.contains("slow_poll_threshold: 100ms"), "{usual}");
        for flavor in FLAVORS {
            let runtime = flavor.runtime();
            let spawned_at = line() + 2;
            let before = warnings(spawned_at).len();
            let task = runtime.spawn(async move { block_until_warned(spawned_at, before + 1) });
            finish(flavor, &runtime, task);
            let warnings = warnings(spawned_at);
            assert_eq!(warnings.len(), before + 1, "{flavor}: {warnings:?}");
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
        let line = line() + 1;
        let task = runtime.spawn(async move { block_until_warned(line, 1) });
        futures::executor::block_on(task).unwrap();
        assert_eq!(warnings(line).len(), 1, "{:?}", warnings(line));
    });
}

#[test]
fn every_slow_poll_is_reported() {
    alone("every_slow_poll_is_reported", || {
        let runtime = early(Flavor::MultiThread(2));
        let line = line() + 6;
        let slow_twice = async move {
            block_until_warned(line, 1);
            task::yield_now().await;
            block_until_warned(line, 2);
        };
        let task = runtime.spawn(slow_twice);
        futures::executor::block_on(task).unwrap();
        assert_eq!(warnings(line).len(), 2, "{:?}", warnings(line));
    });
}

#[test]
fn the_warning_names_the_task_and_how_long() {
    alone("the_warning_names_the_task_and_how_long", || {
        let runtime = early(Flavor::MultiThread(2));
        let builder = task::Builder::new().name("sleepy");
        let line = line() + 2;
        let sleepy = async move { block_until_warned(line, 1) };
        let task = builder.spawn_on(sleepy, runtime.handle()).unwrap();
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
            let (mut last, mut longest) = (begun, Duration::ZERO);
            while last - begun < 2 * threshold {
                task::yield_now().await;
                let now = Instant::now();
                longest = longest.max(now - last);
                last = now;
            }
            longest
        };
        let (task, line) = (runtime.spawn(busy), line());
        let longest = futures::executor::block_on(task).unwrap();
        // A poll lasts that long where its thread has no processor, and is reported then as it should.
        let all_were_short = longest < threshold / 2;
        assert!(warnings(line).is_empty() || !all_were_short, "{:?} after {longest:?}", warnings(line));
    });
}

#[test]
fn the_second_poll_of_a_task_is_watched_as_the_first() {
    alone("the_second_poll_of_a_task_is_watched_as_the_first", || {
        let runtime = early(Flavor::MultiThread(2));
        let line = line() + 10;
        let slow_in_the_end = async move {
            for _ in 0..10 {
                task::yield_now().await;
            }
            // None, unless this thread had no processor for long.
            let before = warnings(line).len();
            block_until_warned(line, before + 1);
            before
        };
        let task = runtime.spawn(slow_in_the_end);
        let before = futures::executor::block_on(task).unwrap();
        assert_eq!(warnings(line).len(), before + 1, "{:?}", warnings(line));
    });
}

#[test]
fn a_drop_that_takes_long_is_a_slow_poll() {
    alone("a_drop_that_takes_long_is_a_slow_poll", || {
        let runtime = early(Flavor::MultiThread(2));
        let line = line() + 8;
        let slow = windlass_tests::OnDrop::new(move || block_until_warned(line, 1));
        let (polled, was_polled) = std::sync::mpsc::channel();
        let future = async move {
            let _slow = slow;
            polled.send(()).unwrap();
            std::future::pending::<()>().await;
        };
        let task = runtime.spawn(future);
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

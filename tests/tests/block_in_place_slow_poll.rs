//! The monitor and `block_in_place`: nobody is warned of a poll that blocks in place, and somebody is of one that
//! blocks after it, or in a stand-in.
//!
//! A program of its own: it has the one subscriber that a process may have.

use std::sync::mpsc;
use std::time::Duration;

use parking_lot::Mutex;
use windlass::runtime::{Handle, Runtime};
use windlass::task::{self, block_in_place};
use windlass_tests::log::{Line, line, lines_about, listen};
use windlass_tests::{Flavor, watchdog};

/// A threshold that leaves the monitor time to look before a slow poll is over.
const EARLY: Duration = Duration::from_millis(50);

const SLOW: Duration = Duration::from_millis(200);

fn runtime(workers: usize) -> Runtime {
    Flavor::MultiThread(workers).builder().slow_poll_threshold(EARLY).build().unwrap()
}

/// Blocks the thread, as a task should not.
fn block() {
    std::thread::sleep(SLOW);
}

/// Blocks until the monitor has warned once more than `before` of that line, and on for as long as a second warning would take:
/// the monitor comes when it has a processor.
fn block_until_warned(line: u32, before: usize) {
    while warnings(line).len() == before {
        std::thread::sleep(Duration::from_millis(1));
    }
    block();
}

/// What the monitor has logged so far that speaks of a line of this file.
fn warnings(line: u32) -> Vec<Line> {
    lines_about("windlass::monitor", file!(), line)
}

/// The tests measure time, and leave the processors to each other.
fn alone(scenario: &str, body: impl FnOnce(usize) + Clone + Send + 'static) {
    static ONE: Mutex<()> = Mutex::new(());
    let _one = ONE.lock();
    listen();
    for workers in [1, 2] {
        let body = body.clone();
        watchdog(&format!("{scenario} on {workers}"), move || body(workers));
    }
}

#[test]
fn blocking_in_place_is_not_slow() {
    alone("blocking_in_place_is_not_slow", |workers| {
        let runtime = runtime(workers);
        let (task, line) = (runtime.spawn(async { block_in_place(block) }), line());
        futures::executor::block_on(task).unwrap();
        assert!(warnings(line).is_empty(), "{:?}", warnings(line));
    });
}

#[test]
fn nor_is_it_within_another_or_with_tasks_beside() {
    alone("nor_is_it_within_another_or_with_tasks_beside", |workers| {
        let runtime = runtime(workers);
        let blocks = async {
            let others: Vec<_> = (0..50).map(|_| windlass::spawn(task::yield_now())).collect();
            block_in_place(|| {
                block_in_place(block);
                Handle::current().block_on(async {
                    for other in others {
                        other.await.unwrap();
                    }
                });
                block();
            });
        };
        let (task, line) = (runtime.spawn(blocks), line());
        futures::executor::block_on(task).unwrap();
        assert!(warnings(line).is_empty(), "{:?}", warnings(line));
    });
}

#[test]
fn what_the_same_poll_does_after_it_is_slow() {
    alone("what_the_same_poll_does_after_it_is_slow", |workers| {
        let runtime = runtime(workers);
        let line = line() + 6;
        let before = warnings(line).len();
        let blocks = async move {
            block_in_place(block);
            block_until_warned(line, before);
        };
        let task = runtime.spawn(blocks);
        futures::executor::block_on(task).unwrap();
        assert_eq!(warnings(line).len(), before + 1, "{:?}", warnings(line));
    });
}

#[test]
fn a_poll_after_it_is_slow() {
    alone("a_poll_after_it_is_slow", |workers| {
        let runtime = runtime(workers);
        let line = line() + 7;
        let before = warnings(line).len();
        let blocks = async move {
            block_in_place(block);
            task::yield_now().await;
            block_until_warned(line, before);
        };
        let task = runtime.spawn(blocks);
        futures::executor::block_on(task).unwrap();
        assert_eq!(warnings(line).len(), before + 1, "{:?}", warnings(line));
    });
}

#[test]
fn a_slow_task_of_the_stand_in_is_slow() {
    alone("a_slow_task_of_the_stand_in_is_slow", |workers| {
        let runtime = runtime(workers);
        let (tx, rx) = mpsc::channel();
        let task = runtime.spawn(async move {
            let line = line() + 6;
            let before = warnings(line).len();
            let slow = async move {
                block_until_warned(line, before);
                tx.send(()).unwrap();
            };
            let _slow = windlass::spawn(slow);
            block_in_place(|| rx.recv().unwrap());
            (line, before)
        });
        let (line, before) = futures::executor::block_on(task).unwrap();
        assert_eq!(warnings(line).len(), before + 1, "{:?}", warnings(line));
    });
}

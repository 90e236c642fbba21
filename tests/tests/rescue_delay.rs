//! A measurement, not a test: how long a task waits behind a poll that blocks, until somebody else runs it.
//!
//! `cargo test --release -p windlass-tests --test rescue_delay -- --ignored --nocapture` prints the distribution of a few hundred
//! rounds of each case. G2 promises 10 ms, which `blocked_worker` asserts for the median with room for a busy
//! machine. `WINDLASS_ROUNDS` is the number of rounds, `WINDLASS_BUSY` how many other processes compute meanwhile.

use std::process::Child;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use windlass::runtime::Runtime;
use windlass_tests::{Flavor, child, is_child};

const SPINNER: &str = "spins_as_another_process";

fn setting(name: &str, usual: usize) -> usize {
    std::env::var(name).ok().and_then(|value| value.parse().ok()).unwrap_or(usual)
}

/// Processes that compute until this is dropped.
struct Busy(Vec<Child>);

impl Busy {
    fn new() -> Self {
        let spin = |_| child(SPINNER).arg("--ignored").spawn().expect("this program runs itself");
        Self((0..setting("WINDLASS_BUSY", 0)).map(spin).collect())
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        for child in &mut self.0 {
            child.kill().expect("it still computes");
            child.wait().expect("it was started here");
        }
    }
}

/// What a process of [`Busy`] does; on its own it does nothing.
#[test]
#[ignore = "a part of a measurement"]
fn spins_as_another_process() {
    while is_child() {
        std::hint::spin_loop();
    }
}

/// Blocks a worker in a poll until a task in its LIFO slot has run, and returns how long that was.
fn round(runtime: &Runtime) -> Duration {
    let (done, is_done) = mpsc::channel();
    runtime.spawn(async move {
        let (tx, rx) = mpsc::channel();
        let begun = Instant::now();
        windlass::spawn(async move { tx.send(begun.elapsed()).unwrap() });
        done.send(rx.recv().unwrap()).unwrap();
    });
    is_done.recv().unwrap()
}

/// Makes the rounds, each at a moment of its own within `pause`, and prints what they took.
fn measure(case: &str, runtime: &Runtime, rounds: usize, pause: std::ops::Range<u64>) {
    let mut took: Vec<Duration> = (0..rounds)
        .map(|_| {
            thread::sleep(Duration::from_micros(fastrand::u64(pause.clone())));
            round(runtime)
        })
        .collect();
    took.sort_unstable();
    let at = |percent: usize| took[(took.len() - 1) * percent / 100].as_secs_f64() * 1e3;
    let over = took.iter().filter(|took| **took > Duration::from_millis(10)).count();
    println!(
        "{case:<28} {rounds:>5} rounds  p50 {:6.2} ms  p90 {:6.2} ms  p99 {:6.2} ms  max {:6.2} ms  over 10 ms: {over}",
        at(50),
        at(90),
        at(99),
        at(100),
    );
}

#[test]
#[ignore = "a measurement: it prints, and asserts nothing"]
fn how_long_a_task_waits_behind_a_poll_that_blocks() {
    let _busy = Busy::new();
    let rounds = setting("WINDLASS_ROUNDS", 400);
    let runtime = Flavor::MultiThread(2).runtime();
    measure("the other worker sleeps", &runtime, rounds, 0..20_000);
    measure("the monitor rests", &runtime, rounds / 8, 80_000..90_000);

    let stop = Arc::new(AtomicBool::new(false));
    for _ in 0..4 {
        let stop = Arc::clone(&stop);
        runtime.spawn(async move {
            while !stop.load(Ordering::Relaxed) {
                windlass::task::yield_now().await;
            }
        });
    }
    measure("the other worker is busy", &runtime, rounds, 0..20_000);
    stop.store(true, Ordering::Relaxed);
}

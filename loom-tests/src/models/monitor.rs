//! The monitor's rest against those who get up.

use loom::thread;

use super::workers::{runtime, settle};
use crate::explore::model;

/// A worker gets up while the monitor lies down.
#[test]
fn kick_against_rest() {
    model("monitor::kick_against_rest", 70).explore(|| {
        let shared = runtime(2);
        let monitor = {
            let shared = shared.clone();
            thread::spawn(move || shared.monitor.rest_now(&shared))
        };
        shared.seats[0].set_awake(true);
        shared.monitor.kick();
        settle();
        assert!(!shared.monitor.is_awaited(), "the monitor does not rest while a worker is awake");
        shared.seats[0].set_awake(false);
        shared.set_closing();
        monitor.join().unwrap();
    });
}

/// The runtime closes while the monitor lies down.
#[test]
fn closing_against_rest() {
    model("monitor::closing_against_rest", 20).explore(|| {
        let shared = runtime(2);
        let monitor = {
            let shared = shared.clone();
            thread::spawn(move || shared.monitor.rest_now(&shared))
        };
        shared.set_closing();
        settle();
        assert!(!shared.monitor.is_awaited(), "the monitor does not rest when the runtime closes");
        monitor.join().unwrap();
    });
}

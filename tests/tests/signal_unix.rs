//! `signal::unix::signal` and `ctrl_c`.
//!
//! Signals concern the whole process, so tests that send one use kinds of their own or take turns.

use std::pin::pin;
use std::sync::{Mutex, PoisonError};
use std::task::Poll;

use rustix::process::{Signal as Number, getpid, kill_process};
use windlass::signal::unix::{Signal, SignalKind, signal};
use windlass_tests::{
    Flavor, child, is_child, on_every_flavor, once, panics, panics_at_its_caller, poll_once, run_to_success,
};

/// Whoever sends signals holds this, so that they are counted right.
static TURN: Mutex<()> = Mutex::new(());

on_every_flavor!(
    is_received,
    is_received_again_and_again,
    every_listener_is_told,
    those_that_came_meanwhile_are_one,
    what_came_before_is_not_received,
    dropping_one_leaves_the_others,
    a_listener_that_gave_up_waiting_loses_nothing,
    ctrl_c_is_received,
    a_listener_is_waited_for_in_another_task,
);
once!(
    every_runtime_is_told,
    one_runtime_ends_and_the_others_are_told,
    the_end_of_the_runtime_is_the_end_of_the_signals,
    what_cannot_be_listened_for_is_an_error,
    panics_outside_of_a_runtime,
    many_listeners_leave_nothing_behind,
);

fn send(number: Number) {
    if cfg!(windlass_sanitize_thread) {
        // That sanitizer keeps a signal back until the thread that has it calls a function of libc. The main one, which has those
        // of the process, calls none while it waits for the tests; this one has its own at once.
        // SAFETY: it takes no pointer.
        assert_eq!(unsafe { libc::raise(number.as_raw()) }, 0);
    } else {
        kill_process(getpid(), number).unwrap();
    }
}

fn with_turn<T>(f: impl FnOnce() -> T) -> T {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    f()
}

fn is_received(flavor: Flavor) {
    with_turn(|| {
        flavor.runtime().block_on(async {
            let mut usr1 = signal(SignalKind::user_defined1()).unwrap();
            let mut recv = Box::pin(usr1.recv());
            assert!(poll_once(&mut recv).is_pending());
            send(Number::USR1);
            assert_eq!(recv.await, Some(()));
        });
    });
}

fn is_received_again_and_again(flavor: Flavor) {
    with_turn(|| {
        flavor.runtime().block_on(async {
            let mut usr1 = signal(SignalKind::user_defined1()).unwrap();
            for _ in 0..20 {
                send(Number::USR1);
                usr1.recv().await.unwrap();
                assert!(poll_once(&mut pin!(usr1.recv())).is_pending());
            }
        });
    });
}

fn every_listener_is_told(flavor: Flavor) {
    with_turn(|| {
        flavor.runtime().block_on(async {
            let mut listeners: Vec<Signal> =
                (0..5).map(|_| signal(SignalKind::user_defined2()).unwrap()).collect();
            send(Number::USR2);
            for listener in &mut listeners {
                listener.recv().await.unwrap();
            }
        });
    });
}

fn those_that_came_meanwhile_are_one(flavor: Flavor) {
    with_turn(|| {
        flavor.runtime().block_on(async {
            let mut usr1 = signal(SignalKind::user_defined1()).unwrap();
            let mut witness = signal(SignalKind::user_defined1()).unwrap();
            for _ in 0..10 {
                send(Number::USR1);
                // It has been handled: the witness was told.
                witness.recv().await.unwrap();
            }
            // All actions of one signal have run when the next one is handled, and these were received in turn.
            let mut last = signal(SignalKind::user_defined1()).unwrap();
            send(Number::USR1);
            last.recv().await.unwrap();
            witness.recv().await.unwrap();
            usr1.recv().await.unwrap();
            assert!(
                poll_once(&mut pin!(usr1.recv())).is_pending(),
                "ten signals were received as more than one"
            );
        });
    });
}

fn what_came_before_is_not_received(flavor: Flavor) {
    with_turn(|| {
        flavor.runtime().block_on(async {
            let mut first = signal(SignalKind::user_defined2()).unwrap();
            send(Number::USR2);
            first.recv().await.unwrap();
            let mut second = signal(SignalKind::user_defined2()).unwrap();
            assert!(poll_once(&mut pin!(second.recv())).is_pending());
        });
    });
}

fn dropping_one_leaves_the_others(flavor: Flavor) {
    with_turn(|| {
        flavor.runtime().block_on(async {
            let first = signal(SignalKind::user_defined1()).unwrap();
            let mut second = signal(SignalKind::user_defined1()).unwrap();
            drop(first);
            send(Number::USR1);
            second.recv().await.unwrap();
            drop(second);
            // Nobody listens, and it does not end the process.
            send(Number::USR1);
            let mut third = signal(SignalKind::user_defined1()).unwrap();
            send(Number::USR1);
            third.recv().await.unwrap();
        });
    });
}

fn a_listener_that_gave_up_waiting_loses_nothing(flavor: Flavor) {
    with_turn(|| {
        flavor.runtime().block_on(async {
            let mut usr2 = signal(SignalKind::user_defined2()).unwrap();
            for _ in 0..3 {
                assert!(poll_once(&mut Box::pin(usr2.recv())).is_pending());
            }
            send(Number::USR2);
            usr2.recv().await.unwrap();
        });
    });
}

fn ctrl_c_is_received(flavor: Flavor) {
    with_turn(|| {
        flavor.runtime().block_on(async {
            let mut first = Box::pin(windlass::signal::ctrl_c());
            let mut second = Box::pin(windlass::signal::ctrl_c());
            assert!(poll_once(&mut first).is_pending() && poll_once(&mut second).is_pending());
            send(Number::INT);
            first.await.unwrap();
            second.await.unwrap();
        });
    });
}

fn a_listener_is_waited_for_in_another_task(flavor: Flavor) {
    with_turn(|| {
        flavor.runtime().block_on(async {
            let mut usr1 = signal(SignalKind::user_defined1()).unwrap();
            assert!(poll_once(&mut pin!(usr1.recv())).is_pending());
            let task = windlass::spawn(async move { usr1.recv().await });
            windlass::task::yield_now().await;
            send(Number::USR1);
            assert_eq!(task.await.unwrap(), Some(()));
        });
    });
}

fn every_runtime_is_told() {
    with_turn(|| {
        let runtimes: Vec<_> = [Flavor::CurrentThread, Flavor::MultiThread(1), Flavor::MultiThread(2)]
            .map(Flavor::runtime)
            .into();
        let mut listeners: Vec<_> = runtimes
            .iter()
            .map(|rt| rt.block_on(async { signal(SignalKind::user_defined1()).unwrap() }))
            .collect();
        send(Number::USR1);
        for (runtime, listener) in runtimes.iter().zip(&mut listeners) {
            runtime.block_on(listener.recv()).unwrap();
        }
    });
}

fn one_runtime_ends_and_the_others_are_told() {
    with_turn(|| {
        let stays = Flavor::MultiThread(1).runtime();
        let mut listener = stays.block_on(async { signal(SignalKind::user_defined1()).unwrap() });
        for _ in 0..5 {
            let goes = Flavor::MultiThread(1).runtime();
            let other = goes.block_on(async { signal(SignalKind::user_defined1()).unwrap() });
            drop(goes);
            send(Number::USR1);
            stays.block_on(listener.recv()).unwrap();
            drop(other);
        }
    });
}

fn the_end_of_the_runtime_is_the_end_of_the_signals() {
    let runtime = Flavor::MultiThread(1).runtime();
    let mut listener = runtime.block_on(async { signal(SignalKind::window_change()).unwrap() });
    drop(runtime);
    match poll_once(&mut Box::pin(listener.recv())) {
        Poll::Ready(received) => assert_eq!(received, None),
        Poll::Pending => panic!("nothing would ever wake it"),
    }
}

fn what_cannot_be_listened_for_is_an_error() {
    Flavor::CurrentThread.runtime().block_on(async {
        for number in [Number::KILL, Number::STOP, Number::SEGV, Number::FPE, Number::ILL] {
            let error = signal(SignalKind::from_raw(number.as_raw())).unwrap_err();
            assert!(error.to_string().contains("cannot be listened for"), "{error}");
        }
        for number in [0, -1, i32::MIN] {
            assert!(signal(SignalKind::from_raw(number)).unwrap_err().to_string().contains("no signal"));
        }
        assert!(signal(SignalKind::from_raw(10_000)).is_err());
    });
    assert_eq!(SignalKind::from(Number::INT.as_raw()), SignalKind::interrupt());
    assert_eq!(i32::from(SignalKind::terminate()), Number::TERM.as_raw());
    assert_eq!(format!("{:?}", SignalKind::from_raw(64)), "SignalKind(signal 64)");
}

fn panics_outside_of_a_runtime() {
    let panicked = panics_at_its_caller(|| signal(SignalKind::user_defined1()));
    assert!(panicked.message.contains("block_on"), "{}", panicked.message);
    panics(|| poll_once(&mut Box::pin(windlass::signal::ctrl_c())));
}

fn many_listeners_leave_nothing_behind() {
    fn open() -> usize {
        std::fs::read_dir("/proc/self/fd").map_or(0, Iterator::count)
    }
    if is_child() {
        let runtime = Flavor::MultiThread(1).runtime();
        runtime.block_on(async {
            drop(signal(SignalKind::user_defined1()).unwrap());
            let before = open();
            for _ in 0..200 {
                let listeners: Vec<_> =
                    (0..10).map(|_| signal(SignalKind::user_defined1()).unwrap()).collect();
                send(Number::USR1);
                drop(listeners);
            }
            assert_eq!(open(), before);
        });
        return;
    }
    run_to_success(child("once::many_listeners_leave_nothing_behind"));
}

#[test]
fn signals_go_to_other_threads() {
    fn crosses<T: Send + Sync + Unpin>() {}
    crosses::<Signal>();
}

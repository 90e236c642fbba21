//! A bell and a notify: told of, waited for, and left by those who were told.

use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Waker};

use loom::thread;

use super::tasks::Wakes;
use crate::explore::model;
use crate::primitives::atomic::AtomicBool;
use crate::primitives::atomic::Ordering::Relaxed;
use crate::sync::notify::Notify;
use crate::sync::wait::Bell;
use crate::task::Resource;

/// What is told of, and whether it happened.
struct Shared<T> {
    by: T,
    happened: AtomicBool,
}

impl<T> Shared<T> {
    fn new(by: T) -> Arc<Self> {
        Arc::new(Self { by, happened: AtomicBool::new(false) })
    }

    fn happen(&self) {
        self.happened.store(true, Relaxed);
    }

    fn assert_happened(&self) {
        assert!(self.happened.load(Relaxed), "who was told of something sees it");
    }
}

/// True if it is over.
fn poll(future: Pin<&mut impl Future<Output = ()>>, wakes: &Arc<Wakes>) -> bool {
    future.poll(&mut Context::from_waker(&Waker::from(wakes.clone()))).is_ready()
}

/// Polls with one waker and then another, and says which of them is to be woken.
fn poll_twice<T>(shared: &Shared<T>, mut future: Pin<&mut impl Future<Output = ()>>) -> Option<Arc<Wakes>> {
    let mut last = None;
    for wakes in [Wakes::new(), Wakes::new()] {
        if poll(future.as_mut(), &wakes) {
            shared.assert_happened();
            return None;
        }
        last = Some(wakes);
    }
    last
}

/// A task listens while something happens and the bell is rung.
#[test]
fn ring_against_listening() {
    model("notify::ring_against_listening", 20).explore(|| {
        let shared = Shared::new(Bell::new());
        let there = shared.clone();
        let ringing = thread::spawn(move || {
            there.happen();
            there.by.ring();
        });
        let mut listening = pin!(shared.by.listen_unless(Resource::Notify, || shared.happened.load(Relaxed)));
        let last = poll_twice(&shared, listening.as_mut());
        ringing.join().unwrap();
        if let Some(last) = last {
            assert_eq!(last.count(), 1, "who listens when the bell is rung is woken");
            assert!(poll(listening, &last));
        }
        assert_eq!(shared.by.listeners(), 0);
    });
}

/// One that listens goes while the bell is rung; those beside it are woken.
#[test]
fn ring_against_leaving() {
    model("notify::ring_against_leaving", 3).explore(|| {
        let shared = Shared::new(Bell::new());
        let listen = || Box::pin(shared.by.listen_unless(Resource::Notify, || shared.happened.load(Relaxed)));
        let wakes = [Wakes::new(), Wakes::new()];
        let (mut one, mut goes, mut other) = (listen(), listen(), listen());
        assert!(!poll(one.as_mut(), &wakes[0]));
        assert!(!poll(goes.as_mut(), &Wakes::new()));
        assert!(!poll(other.as_mut(), &wakes[1]));
        let there = shared.clone();
        let ringing = thread::spawn(move || {
            there.happen();
            there.by.ring();
        });
        drop(goes);
        ringing.join().unwrap();
        for (listening, wakes) in [&mut one, &mut other].into_iter().zip(&wakes) {
            assert_eq!(wakes.count(), 1, "all who listen are woken");
            assert!(poll(listening.as_mut(), wakes));
        }
    });
}

/// A task comes to wait while it is notified.
#[test]
fn notify_one_against_waiting() {
    model("notify::notify_one_against_waiting", 6).explore(|| {
        let shared = Shared::new(Notify::new());
        let there = shared.clone();
        let notifying = thread::spawn(move || {
            there.happen();
            there.by.notify_one();
        });
        let mut notified = pin!(shared.by.notified());
        let last = poll_twice(&shared, notified.as_mut());
        notifying.join().unwrap();
        if let Some(last) = last {
            assert_eq!(last.count(), 1, "one that waits, or the next to wait, is notified");
            assert!(poll(notified, &last));
        }
    });
}

/// One that was notified looks while another one comes to wait, who could do with its slot.
#[test]
fn one_that_comes_against_one_that_sees() {
    model("notify::one_that_comes_against_one_that_sees", 15).explore(|| {
        let notify = Arc::new(Notify::new());
        let wakes = Wakes::new();
        let mut first = pin!(notify.notified());
        assert!(!poll(first.as_mut(), &wakes));
        let there = notify.clone();
        let notifying = thread::spawn(move || {
            there.notify_one();
            let mut second = Box::pin(there.notified_owned());
            assert!(!poll(second.as_mut(), &Wakes::new()), "one notification is for one");
            second
        });
        let sees = poll(first.as_mut(), &wakes);
        let second = notifying.join().unwrap();
        assert!(sees || poll(first, &wakes), "who was told sees it, whoever comes meanwhile");
        notify.notify_one();
        let mut second = second;
        assert!(poll(second.as_mut(), &wakes));
    });
}

/// The first in line goes while it is notified; the one behind it is notified instead.
#[test]
fn notify_one_against_leaving() {
    model("notify::notify_one_against_leaving", 3).explore(|| {
        let shared = Shared::new(Notify::new());
        let wakes = Wakes::new();
        let mut goes = Box::pin(shared.by.notified());
        let mut stays = pin!(shared.by.notified());
        assert!(!poll(goes.as_mut(), &Wakes::new()));
        assert!(!poll(stays.as_mut(), &wakes));
        let there = shared.clone();
        let notifying = thread::spawn(move || {
            there.happen();
            there.by.notify_one();
        });
        drop(goes);
        notifying.join().unwrap();
        assert_eq!(wakes.count(), 1, "a notification that was not seen goes to the next");
        assert!(poll(stays, &wakes));
    });
}

/// All are notified while one that was made before that comes to wait.
#[test]
fn notify_all_against_waiting() {
    model("notify::notify_all_against_waiting", 6).explore(|| {
        let shared = Shared::new(Notify::new());
        let mut notified = pin!(shared.by.notified());
        let there = shared.clone();
        let notifying = thread::spawn(move || {
            there.happen();
            there.by.notify_waiters();
        });
        let last = poll_twice(&shared, notified.as_mut());
        notifying.join().unwrap();
        if let Some(last) = last {
            assert_eq!(last.count(), 1, "each that exists when all are notified is");
            assert!(poll(notified, &last));
        }
    });
}

/// One that was notified with all goes unseen: that is for nobody else.
#[test]
fn notify_all_against_leaving() {
    model("notify::notify_all_against_leaving", 3).explore(|| {
        let shared = Shared::new(Notify::new());
        let mut goes = Box::pin(shared.by.notified());
        assert!(!poll(goes.as_mut(), &Wakes::new()));
        let there = shared.clone();
        let notifying = thread::spawn(move || there.by.notify_waiters());
        drop(goes);
        notifying.join().unwrap();
        let next = pin!(shared.by.notified());
        assert!(!poll(next, &Wakes::new()), "nothing is kept of what all were told");
    });
}

/// One that was notified looks and goes, or goes, while another comes, who could do with its slot.
#[test]
fn one_that_goes_against_one_that_comes() {
    model("notify::one_that_goes_against_one_that_comes", 10).explore(|| {
        let notify = Arc::new(Notify::new());
        let wakes = Wakes::new();
        let mut first = Box::pin(notify.notified());
        assert!(!poll(first.as_mut(), &wakes));
        let there = notify.clone();
        let notifying = thread::spawn(move || {
            there.notify_one();
            let (mut second, wakes) = (Box::pin(there.notified_owned()), Wakes::new());
            let told = poll(second.as_mut(), &Wakes::new()) || poll(second.as_mut(), &wakes);
            (told, second, wakes)
        });
        let sees = poll(first.as_mut(), &wakes);
        drop(first);
        let (told, mut second, second_wakes) = notifying.join().unwrap();
        if sees {
            assert!(!told && !poll(second.as_mut(), &second_wakes), "what one has seen is not for another");
            notify.notify_one();
        }
        let woken = told || second_wakes.count() == 1;
        assert!(woken, "what one who goes has not seen is for who comes");
        assert!(told || poll(second.as_mut(), &second_wakes), "who is woken was told");
    });
}

/// All are notified, and one of them waits again as soon as it sees that.
#[test]
fn all_against_one_that_waits_again() {
    model("notify::all_against_one_that_waits_again", 5).explore(|| {
        let shared = Shared::new(Notify::new());
        let wakes = Wakes::new();
        let (mut one, mut other) = (pin!(shared.by.notified()), pin!(shared.by.notified()));
        assert!(!poll(one.as_mut(), &wakes) && !poll(other.as_mut(), &wakes));
        let there = shared.clone();
        let notifying = thread::spawn(move || {
            there.happen();
            there.by.notify_waiters();
        });
        if poll(one.as_mut(), &wakes) {
            shared.assert_happened();
            let mut again = pin!(shared.by.notified());
            assert!(!poll(again.as_mut(), &wakes), "who waits again waits for the next time");
            assert!(poll(other.as_mut(), &wakes), "all are notified at once");
        }
        notifying.join().unwrap();
    });
}

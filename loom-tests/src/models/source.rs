//! One descriptor: its events against those who wait for them, take readiness back, or go away.

use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use loom::sync::atomic::{AtomicUsize, Ordering};
use loom::thread;

use super::tasks::Wakes;
use crate::driver::model::{Source, Sources};
use crate::driver::{Direction, Interest, Ready, wake_all};
use crate::explore::model;

const READABLE: Ready = Ready::READABLE;
const READ: Direction = Direction::Read;

/// A descriptor, and what the kernel has for whoever reads it.
struct Pipe {
    source: Source,
    bytes: AtomicUsize,
}

impl Pipe {
    fn new() -> Arc<Self> {
        Arc::new(Self { source: Source::new(), bytes: AtomicUsize::new(0) })
    }

    /// Bytes come, and the event that says so.
    fn receive(&self) {
        self.bytes.fetch_add(1, Ordering::Relaxed);
        self.report(READABLE);
    }

    fn report(&self, ready: Ready) {
        let mut wakers = Vec::new();
        self.source.report(ready, &mut wakers);
        wake_all(&mut wakers);
    }

    /// Polls for readiness to read. Whoever finds it sees the bytes that came before.
    fn poll(&self, wakes: &Arc<Wakes>) -> bool {
        let waker = Waker::from(wakes.clone());
        let polled = self.source.poll_ready(&mut Context::from_waker(&waker), READ);
        let ready = polled.is_ready();
        if ready {
            self.assert_bytes();
        }
        ready
    }

    fn assert_bytes(&self) {
        assert_eq!(self.bytes.load(Ordering::Relaxed), 1, "what came before an event is seen with it");
    }

    /// Whether there is anything to be read, as it was reported.
    fn is_readable(&self) -> bool {
        !self.source.look(Interest::READABLE.mask()).ready.is_empty()
    }
}

/// A task waits for its direction while the event comes.
#[test]
fn event_against_waiting() {
    model("source::event_against_waiting", 8).explore(|| {
        let (pipe, wakes) = (Pipe::new(), Wakes::new());
        let receiving = {
            let pipe = pipe.clone();
            thread::spawn(move || pipe.receive())
        };
        let ready = pipe.poll(&wakes);
        receiving.join().unwrap();
        assert!(ready || wakes.count() > 0, "an event wakes the task that waits for it");
        assert!(pipe.poll(&wakes), "readiness stays until it is taken back");
    });
}

/// A task that waits is polled again with another waker while the event comes.
#[test]
fn event_against_another_waker() {
    model("source::event_against_another_waker", 8).explore(|| {
        let (pipe, first, second) = (Pipe::new(), Wakes::new(), Wakes::new());
        assert!(!pipe.poll(&first), "nothing has come yet");
        let receiving = {
            let pipe = pipe.clone();
            thread::spawn(move || pipe.receive())
        };
        let ready = pipe.poll(&second);
        receiving.join().unwrap();
        assert!(ready || second.count() > 0, "an event wakes the waker a task waits with");
        assert_eq!(Arc::strong_count(&first), 1, "the waker it waited with before is dropped");
    });
}

/// Polls for readiness once as one of any number of tasks, and is in the list if it has to wait.
fn poll_listed(pipe: &Pipe, mask: Ready, wakes: &Arc<Wakes>) -> bool {
    let waker = Waker::from(wakes.clone());
    let (mut cx, mut place) = (Context::from_waker(&waker), None);
    let polled = pipe.source.poll_listed(&mut cx, mask, &mut place);
    assert_eq!(polled.is_ready(), place.is_none(), "a place is kept only while its task waits");
    polled.is_ready()
}

/// Two tasks get themselves listed while the event comes.
#[test]
fn event_against_two_that_get_listed() {
    model("source::event_against_two_that_get_listed", 150).explore(|| {
        let (pipe, first, second) = (Pipe::new(), Wakes::new(), Wakes::new());
        let receiving = {
            let pipe = pipe.clone();
            thread::spawn(move || pipe.receive())
        };
        let other = {
            let (pipe, first) = (pipe.clone(), first.clone());
            thread::spawn(move || poll_listed(&pipe, Interest::READABLE.mask(), &first))
        };
        let second_ready = poll_listed(&pipe, (Interest::READABLE | Interest::WRITABLE).mask(), &second);
        let first_ready = other.join().unwrap();
        receiving.join().unwrap();
        assert!(first_ready || first.count() > 0, "an event wakes everyone who is listed for it: the first");
        assert!(
            second_ready || second.count() > 0,
            "an event wakes everyone who is listed for it: the second"
        );
    });
}

/// One of two tasks that are listed gives up while the event comes, and its place goes to a third.
#[test]
fn event_against_one_that_gives_up() {
    model("source::event_against_one_that_gives_up", 20).explore(|| {
        let pipe = Pipe::new();
        let (stays, goes, comes) = (Wakes::new(), Wakes::new(), Wakes::new());
        let mask = Interest::READABLE.mask();
        let mut place = None;
        {
            let waker = Waker::from(goes.clone());
            let polled = pipe.source.poll_listed(&mut Context::from_waker(&waker), mask, &mut place);
            assert!(polled.is_pending(), "nothing has come yet");
        }
        assert!(!poll_listed(&pipe, mask, &stays), "nothing has come yet");
        let receiving = {
            let pipe = pipe.clone();
            thread::spawn(move || pipe.receive())
        };
        pipe.source.unlist(&mut place);
        let came_ready = poll_listed(&pipe, mask, &comes);
        receiving.join().unwrap();
        assert_eq!(stays.count(), 1, "a task that gives up takes nobody else's event");
        assert!(
            came_ready || comes.count() == 1,
            "whoever gets the place of one that gave up is woken for himself"
        );
        assert_eq!(Arc::strong_count(&goes), 1, "who gives up leaves no waker behind");
    });
}

/// A task finds nothing to read and takes the readiness back while more comes.
#[test]
fn clear_against_an_event() {
    model("source::clear_against_an_event", 15).explore(|| {
        let pipe = Pipe::new();
        // What this event was about was read already.
        pipe.report(READABLE);
        let receiving = {
            let pipe = pipe.clone();
            thread::spawn(move || pipe.receive())
        };
        let event = pipe.source.look(READ.mask());
        let found = pipe.bytes.load(Ordering::Relaxed) > 0;
        if !found {
            pipe.source.clear(event);
        }
        receiving.join().unwrap();
        assert!(
            found || pipe.is_readable(),
            "a clear takes nothing back of an event that came after its attempt"
        );
    });
}

/// Two tasks read from one descriptor: both take back what they saw, while more comes.
#[test]
fn two_clears_against_an_event() {
    model("source::two_clears_against_an_event", 1500).explore(|| {
        let pipe = Pipe::new();
        pipe.report(READABLE | Ready::WRITABLE);
        let receiving = {
            let pipe = pipe.clone();
            thread::spawn(move || pipe.receive())
        };
        let attempt = |pipe: &Pipe, mask| {
            let event = pipe.source.look(mask);
            let found = pipe.bytes.load(Ordering::Relaxed) > 0;
            if !found {
                pipe.source.clear(event);
            }
            found
        };
        let other = {
            let pipe = pipe.clone();
            thread::spawn(move || attempt(&pipe, Interest::READABLE.mask()))
        };
        let first = attempt(&pipe, Interest::WRITABLE.mask());
        let second = other.join().unwrap();
        receiving.join().unwrap();
        assert!(
            second || pipe.is_readable(),
            "a clear takes nothing back of an event that came after its attempt"
        );
        let writable = !pipe.source.look(Interest::WRITABLE.mask()).ready.is_empty();
        assert!(!first || writable, "a clear takes back what it saw and nothing else");
    });
}

/// A task takes back what it saw, the end of the stream among it, while another event comes.
#[test]
fn clear_against_the_end_of_the_stream() {
    model("source::clear_against_the_end_of_the_stream", 4).explore(|| {
        let pipe = Pipe::new();
        pipe.report(READABLE | Ready::READ_CLOSED);
        let reporting = {
            let pipe = pipe.clone();
            thread::spawn(move || pipe.report(Ready::WRITABLE))
        };
        pipe.source.clear(pipe.source.look(READ.mask()));
        reporting.join().unwrap();
        let left = pipe.source.look(READ.mask()).ready;
        assert!(left.is_read_closed(), "that a direction is closed is never taken back");
    });
}

/// A pipe with a name was closed, and has a writer again; a task finds that while the new one closes it, too.
#[test]
fn disproof_against_the_end_of_the_stream() {
    model("source::disproof_against_the_end_of_the_stream", 15).explore(|| {
        let (pipe, closed) = (Pipe::new(), Arc::new(AtomicUsize::new(0)));
        pipe.report(Ready::READ_CLOSED);
        let closing = {
            let (pipe, closed) = (pipe.clone(), closed.clone());
            thread::spawn(move || {
                closed.fetch_add(1, Ordering::Relaxed);
                pipe.report(Ready::READ_CLOSED);
            })
        };
        let event = pipe.source.look(READ.mask());
        let found = closed.load(Ordering::Relaxed) > 0;
        if !found {
            pipe.source.disprove(event);
        }
        closing.join().unwrap();
        let left = pipe.source.look(READ.mask()).ready;
        assert!(left.is_read_closed(), "an attempt disproves no end that came after it");
    });
}

/// A descriptor goes away, and another one gets its place, while an event that was fetched before is on its way.
#[test]
fn deregistered_against_a_late_event() {
    model("source::deregistered_against_a_late_event", 8).explore(|| {
        let sources = Arc::new(Sources::new());
        let (old, new) = (Arc::new(Source::new()), Arc::new(Source::new()));
        let wakes = Wakes::new();
        let key = sources.insert(&old).expect("the runtime is there");
        let polled = old.poll_ready(&mut Context::from_waker(&Waker::from(wakes.clone())), READ);
        assert!(polled.is_pending(), "nothing has come yet");
        let reporting = {
            let sources = sources.clone();
            thread::spawn(move || {
                let mut wakers = Vec::new();
                sources.report(&vec![(key, READABLE)], false, &mut wakers);
                wake_all(&mut wakers);
            })
        };
        sources.remove(key);
        old.forget_waiters();
        let next = sources.insert(&new).expect("the runtime is there");
        assert_eq!(next.0 as u32, key.0 as u32, "the place is used again");
        reporting.join().unwrap();
        assert!(
            new.look(READ.mask()).ready.is_empty(),
            "an event of a descriptor that is gone is not another one's"
        );
        assert_eq!(Arc::strong_count(&wakes), 1, "a descriptor that is gone keeps no waker");
        assert_eq!(Arc::strong_count(&old), 1, "a descriptor that is gone is forgotten");
        assert_eq!(sources.len(), 1, "one descriptor is there");
    });
}

/// The runtime ends while a task waits.
#[test]
fn the_end_against_waiting() {
    model("source::the_end_against_waiting", 20).explore(|| {
        let sources = Arc::new(Sources::new());
        let source = Arc::new(Source::new());
        let (one, listed) = (Wakes::new(), Wakes::new());
        sources.insert(&source).expect("the runtime is there");
        let ending = {
            let sources = sources.clone();
            thread::spawn(move || {
                let mut wakers = Vec::new();
                sources.close(&mut wakers);
                wake_all(&mut wakers);
            })
        };
        let waker = Waker::from(one.clone());
        let polled = source.poll_ready(&mut Context::from_waker(&waker), READ);
        let waker = Waker::from(listed.clone());
        let mut place = None;
        let mask = Interest::READABLE.mask();
        let polled_listed = source.poll_listed(&mut Context::from_waker(&waker), mask, &mut place);
        ending.join().unwrap();
        let told = |polled: Poll<_>, wakes: &Wakes| match polled {
            Poll::Ready(event) => crate::driver::ReadyEvent::is_gone(&event),
            Poll::Pending => wakes.count() == 1,
        };
        assert!(told(polled, &one), "whoever waits is told of the end: one that waits for a direction");
        assert!(told(polled_listed, &listed), "whoever waits is told of the end: one that is listed");
    });
}

/// The runtime ends while a descriptor comes.
#[test]
fn the_end_against_registering() {
    model("source::the_end_against_registering", 4).explore(|| {
        let sources = Arc::new(Sources::new());
        let source = Arc::new(Source::new());
        let ending = {
            let sources = sources.clone();
            thread::spawn(move || sources.close(&mut Vec::new()))
        };
        let key = sources.insert(&source);
        ending.join().unwrap();
        let gone = source.look(READ.mask()).is_gone();
        assert_eq!(gone, key.is_some(), "a descriptor is refused, or told of the end");
    });
}

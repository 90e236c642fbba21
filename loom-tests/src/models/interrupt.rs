//! A signal's handler, on whatever thread, against the wait for it and the end of that.

use std::sync::Arc;

use loom::thread;

use crate::claim::{Claim, Ended, IDLE};
use crate::explore::model;
use crate::primitives::UnsafeCell;
use crate::primitives::atomic::Ordering::Relaxed;
use crate::primitives::atomic::{AtomicU8, AtomicUsize};

struct Shared {
    claim: Claim,
    /// Whether it is open.
    descriptor: UnsafeCell<bool>,
    told: AtomicUsize,
}

// SAFETY: loom says so if the descriptor is accessed by two at once, which is what the models are for.
unsafe impl Send for Shared {}
// SAFETY: as above.
unsafe impl Sync for Shared {}

impl Shared {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            claim: Claim::on(AtomicU8::new(IDLE)),
            descriptor: UnsafeCell::new(false),
            told: AtomicUsize::new(0),
        })
    }

    fn arm(&self) {
        self.set_open(true);
        self.claim.arm();
    }

    fn set_open(&self, open: bool) {
        // SAFETY: the claim gives it to one at a time, or loom says so.
        self.descriptor.with_mut(|descriptor| unsafe { *descriptor = open });
    }

    /// What the handler does. False if the signal is nobody's, and ends the process.
    fn handle(&self) -> bool {
        if !self.claim.take() {
            return false;
        }
        // SAFETY: as in `set_open`.
        let open = self.descriptor.with(|descriptor| unsafe { *descriptor });
        assert!(open, "the handler writes to an open descriptor");
        self.told.fetch_add(1, Relaxed);
        self.claim.told();
        true
    }

    /// Ends the wait and closes the descriptor. True if the signal has come.
    fn end(&self) -> bool {
        let came = loop {
            match self.claim.try_end() {
                Ended::Before => panic!("there was a wait"),
                Ended::InVain => break false,
                Ended::Told => break true,
                Ended::NotYet => thread::yield_now(),
            }
        };
        self.set_open(false);
        came
    }
}

/// The signal comes on another thread before, during or after the wait.
#[test]
fn handler_against_the_end() {
    model("interrupt::handler_against_the_end", 8).explore(|| {
        let shared = Shared::new();
        let there = shared.clone();
        let handler = thread::spawn(move || there.handle());
        shared.arm();
        let came = shared.end();
        let handled = handler.join().unwrap();
        assert_eq!(came, handled, "a signal is the wait's or nobody's");
        assert_eq!(shared.claim.try_end(), Ended::Before);
    });
}

/// Two come on two threads.
#[test]
fn two_signals() {
    model("interrupt::two_signals", 20).explore(|| {
        let shared = Shared::new();
        shared.arm();
        let handlers = [(); 2].map(|()| {
            let there = shared.clone();
            thread::spawn(move || there.handle())
        });
        let handled = handlers.map(|handler| handler.join().unwrap());
        assert_ne!(handled[0], handled[1], "the first signal is told of, and the second ends the program");
        assert!(shared.claim.has_come() && shared.end());
        assert_eq!(shared.told.load(Relaxed), 1);
    });
}

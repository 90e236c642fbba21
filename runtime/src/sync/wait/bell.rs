//! A bell that many listen for: ringing it wakes everyone who listens at that moment.

use std::future::poll_fn;
use std::task::{Context, Poll, ready};

use super::{Key, Looked, Waiters, Wakes, const_unless_model};
use crate::primitives::Mutex;
use crate::task::coop::poll_proceed;
use crate::task::{Note, Resource};

/// Who waits for something that happens to all of them at once.
pub(crate) struct Bell {
    line: Mutex<Waiters<()>>,
}

impl Bell {
    const_unless_model! {
        pub(crate) fn new() -> Self {
            Self { line: Mutex::new(Waiters::new()) }
        }
    }

    /// How many listen.
    pub(crate) fn listeners(&self) -> usize {
        self.line.lock().len()
    }

    /// Wakes everyone who listens, unless `f`, which is called under the lock, says that there is no reason to.
    pub(crate) fn ring_if(&self, f: impl FnOnce() -> bool) {
        let mut wakes = Wakes::new();
        let mut line = self.line.lock();
        if f() {
            wakes.reserve(line.len());
            while !line.is_empty() {
                wakes.push(line.grant_front());
            }
        }
        drop(line);
        wakes.wake();
    }

    /// Wakes everyone who listens. What it is about was done before.
    pub(crate) fn ring(&self) {
        self.ring_if(|| true);
    }

    /// Calls `f` while nobody can ring or begin to listen.
    pub(crate) fn silent<R>(&self, f: impl FnOnce() -> R) -> R {
        let _line = self.line.lock();
        f()
    }

    /// Waits for the bell of a `what`, or returns at once if `happened` says so, which is asked under the lock too: who makes it
    /// true and rings then is either seen to have done so, or finds the listener.
    pub(crate) async fn listen_unless(&self, what: Resource, happened: impl Fn() -> bool) {
        let mut listener = Listener { bell: self, key: None };
        let mut is_told = false;
        poll_fn(|cx| {
            let step = poll_proceed(cx);
            // Also where the budget is used up and others run first: it listens from its first poll on.
            is_told = is_told || listener.poll(cx, &happened).is_ready();
            let step = ready!(step).awaiting(Note::resource(what, self));
            if !is_told {
                return Poll::Pending;
            }
            step.made_progress();
            Poll::Ready(())
        })
        .await;
    }
}

struct Listener<'a> {
    bell: &'a Bell,
    key: Option<Key>,
}

impl Listener<'_> {
    fn poll(&mut self, cx: &mut Context<'_>, happened: impl Fn() -> bool) -> Poll<()> {
        if self.key.is_some() {
            // SAFETY: the line is in the bell, which this borrows.
            if unsafe { Key::take_granted(&mut self.key) } {
                return Poll::Ready(());
            }
            // The lock is released before what was looked at is dropped.
            let looked = self.bell.line.lock().look(&mut self.key, cx.waker());
            return match looked {
                Looked::Granted(()) => Poll::Ready(()),
                Looked::Waits(_) => Poll::Pending,
            };
        }
        if happened() {
            return Poll::Ready(());
        }
        let waker = cx.waker().clone();
        let mut line = self.bell.line.lock();
        if happened() {
            drop(line);
            return Poll::Ready(());
        }
        self.key = Some(line.push((), waker));
        Poll::Pending
    }
}

impl Drop for Listener<'_> {
    fn drop(&mut self) {
        if let Some(key) = self.key.take() {
            let left = self.bell.line.lock().remove(key);
            drop(left);
        }
    }
}

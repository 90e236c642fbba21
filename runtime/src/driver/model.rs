//! What models look at, and the steps they take alone.

use std::io;
use std::os::fd::AsFd;
use std::task::Waker;

use super::ready::{Interest, Ready};
use super::registration::Registration;
use super::{Driver, NOBODY};
use crate::primitives::Arc;
use crate::primitives::atomic::Ordering::Relaxed;

pub(crate) use super::source::Source;
pub(crate) use super::sources::Sources;
pub(crate) use crate::primitives::poller::Key;

impl Driver {
    /// A descriptor that is watched. To a model's poller one is as good as the other.
    pub(crate) fn watch(self: &Arc<Self>) -> io::Result<Registration> {
        Registration::with_driver(Arc::clone(self), io::stdin().as_fd(), Interest::READABLE)
    }

    /// The kernel has an event for that descriptor.
    pub(crate) fn raise(&self, registration: &Registration, ready: Ready) {
        self.poller.raise(registration.key(), ready);
    }

    /// Whether a thread waits in the poller that nobody has told to go on.
    pub(crate) fn is_awaited(&self) -> bool {
        self.poller.is_awaited()
    }

    /// Until which tick somebody waits in the poller, if he does.
    pub(crate) fn waits_until(&self) -> Option<u64> {
        self.is_awaited().then(|| self.waits_until.load(Relaxed)).filter(|&until| until != NOBODY)
    }
}

impl Registration {
    pub(crate) fn key(&self) -> Key {
        self.key
    }

    /// Ends the watch.
    pub(crate) fn end(&self) {
        self.deregister(io::stdin().as_fd()).expect("a model's poller refuses nothing");
    }
}

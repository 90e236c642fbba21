//! std, parking_lot and crossbeam-channel.

pub(crate) use parking_lot::{Condvar, Mutex};
pub(crate) use std::sync::atomic::{
    AtomicBool, AtomicPtr, AtomicU32, AtomicU64, AtomicUsize, Ordering, fence,
};
pub(crate) use std::thread_local;
pub(crate) use std::time::Instant;

pub(crate) mod thread {
    pub(crate) use std::thread::{Builder, JoinHandle, Thread, current, park, park_timeout, yield_now};

    /// Whether a finished thread's handle may be let go of.
    pub(crate) fn is_finished(handle: &JoinHandle<()>) -> bool {
        handle.is_finished()
    }

    /// Whether it is the handle of the calling thread.
    pub(crate) fn is_of_caller(handle: &JoinHandle<()>) -> bool {
        handle.thread().id() == current().id()
    }
}

/// How much longer than one look a spinning thread looks; models look once.
pub(crate) const SPINS: bool = true;

pub(crate) use std::hint::spin_loop;

/// std's cell with loom's interface: every access is a call that a model can watch.
pub(crate) struct UnsafeCell<T>(std::cell::UnsafeCell<T>);

impl<T> UnsafeCell<T> {
    pub(crate) const fn new(value: T) -> Self {
        Self(std::cell::UnsafeCell::new(value))
    }

    #[inline]
    pub(crate) fn with<R>(&self, f: impl FnOnce(*const T) -> R) -> R {
        f(self.0.get())
    }

    #[inline]
    pub(crate) fn with_mut<R>(&self, f: impl FnOnce(*mut T) -> R) -> R {
        f(self.0.get())
    }
}

/// A crossbeam channel used as a queue only: its blocking half wakes a thread per message.
///
/// Both ends are kept here, so that it is never disconnected.
pub(crate) struct Queue<T> {
    sender: crossbeam_channel::Sender<T>,
    receiver: crossbeam_channel::Receiver<T>,
}

impl<T> Queue<T> {
    pub(crate) fn new(capacity: Option<usize>) -> Self {
        let (sender, receiver) = match capacity {
            Some(capacity) => crossbeam_channel::bounded(capacity),
            None => crossbeam_channel::unbounded(),
        };
        Self { sender, receiver }
    }

    /// Puts `item` at the end, or gives it back if the queue is full.
    #[inline]
    pub(crate) fn push(&self, item: T) -> Result<(), T> {
        self.sender.try_send(item).map_err(|error| error.into_inner())
    }

    #[inline]
    pub(crate) fn pop(&self) -> Option<T> {
        self.receiver.try_recv().ok()
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.receiver.is_empty()
    }

    #[inline]
    pub(crate) fn is_full(&self) -> bool {
        self.sender.is_full()
    }

    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.receiver.len()
    }
}

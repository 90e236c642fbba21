//! The sending side.

use std::fmt;
use std::sync::Arc;

use super::chan::{Chan, NO_SENDER, ONE};
use super::error::SendError;
use super::{Receiver, Ref};
use crate::primitives::RwLock;
use crate::primitives::atomic::AtomicUsize;
use crate::primitives::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};
use crate::sync::wait::Bell;
use crate::task::Resource;

/// Changes the value.
pub struct Sender<T> {
    pub(super) chan: Arc<Chan<T>>,
}

impl<T> Sender<T> {
    /// A sender whose receivers [`subscribe`](Self::subscribe) later.
    pub fn new(init: T) -> Self {
        let chan = Chan {
            value: RwLock::new(init),
            version: AtomicUsize::new(0),
            senders: AtomicUsize::new(1),
            receivers: AtomicUsize::new(0),
            changed: Bell::new(),
            closed: Bell::new(),
        };
        Self { chan: Arc::new(chan) }
    }

    /// Replaces the value.
    ///
    /// # Errors
    ///
    /// With the new one, if there is no receiver; the old one stays.
    ///
    /// # Examples
    ///
    /// ```
    /// let (sender, receiver) = windlass::sync::watch::channel(1);
    /// sender.send(2).unwrap();
    /// assert_eq!(*receiver.borrow(), 2);
    /// drop(receiver);
    /// assert!(sender.send(3).is_err());
    /// ```
    pub fn send(&self, value: T) -> Result<(), SendError<T>> {
        if self.receiver_count() == 0 {
            return Err(SendError(value));
        }
        drop(self.send_replace(value));
        Ok(())
    }

    /// Changes the value in place, and tells the receivers, if there are any.
    ///
    /// # Panics
    ///
    /// With what `modify` panics with; nobody is told then.
    ///
    /// # Examples
    ///
    /// ```
    /// let (sender, receiver) = windlass::sync::watch::channel(1);
    /// sender.send_modify(|n| *n += 1);
    /// assert_eq!(*receiver.borrow(), 2);
    /// ```
    pub fn send_modify<F>(&self, modify: F)
    where
        F: FnOnce(&mut T),
    {
        self.send_if_modified(|value| {
            modify(value);
            true
        });
    }

    /// Changes the value in place, and tells the receivers if `modify` returns true. Returns what that did.
    ///
    /// # Panics
    ///
    /// With what `modify` panics with; nobody is told then.
    ///
    /// # Examples
    ///
    /// ```
    /// let (sender, mut receiver) = windlass::sync::watch::channel(1);
    /// assert!(!sender.send_if_modified(|_| false));
    /// assert!(!receiver.has_changed().unwrap());
    /// ```
    pub fn send_if_modified<F>(&self, modify: F) -> bool
    where
        F: FnOnce(&mut T) -> bool,
    {
        let mut value = self.chan.value.write();
        if !modify(&mut value) {
            return false;
        }
        // Release pairs with the Acquire of who waits: the value comes with its version.
        self.chan.version.fetch_add(ONE, Release);
        drop(value);
        self.chan.changed.ring();
        true
    }

    /// Replaces the value, whether or not there are receivers, and returns the old one.
    ///
    /// # Examples
    ///
    /// ```
    /// let sender = windlass::sync::watch::Sender::new(1);
    /// assert_eq!(sender.send_replace(2), 1);
    /// ```
    pub fn send_replace(&self, mut value: T) -> T {
        self.send_modify(|old| std::mem::swap(old, &mut value));
        value
    }

    /// The value.
    pub fn borrow(&self) -> Ref<'_, T> {
        Ref { value: self.chan.value.read(), has_changed: false }
    }

    /// Whether there is no receiver.
    pub fn is_closed(&self) -> bool {
        self.receiver_count() == 0
    }

    /// Waits until there is no receiver.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost when it is dropped.
    ///
    /// # Examples
    ///
    /// ```
    /// # let rt = windlass::runtime::Runtime::new().unwrap();
    /// # rt.block_on(async {
    /// let (sender, receiver) = windlass::sync::watch::channel(1);
    /// drop(receiver);
    /// sender.closed().await;
    /// # });
    /// ```
    pub async fn closed(&self) {
        loop {
            self.chan.closed.listen_unless(Resource::Watch, || self.is_closed()).await;
            if self.is_closed() {
                return;
            }
        }
    }

    /// A receiver that has seen the value as it is.
    ///
    /// # Examples
    ///
    /// ```
    /// let sender = windlass::sync::watch::Sender::new(1);
    /// let receiver = sender.subscribe();
    /// assert_eq!(*receiver.borrow(), 1);
    /// assert!(!receiver.has_changed().unwrap());
    /// ```
    pub fn subscribe(&self) -> Receiver<T> {
        self.chan.receivers.fetch_add(1, Relaxed);
        let seen = self.chan.version.load(Acquire) & !NO_SENDER;
        Receiver { chan: self.chan.clone(), seen }
    }

    /// How many receivers there are.
    pub fn receiver_count(&self) -> usize {
        self.chan.receivers.load(Acquire)
    }

    /// How many senders there are.
    pub fn sender_count(&self) -> usize {
        self.chan.senders.load(Acquire)
    }

    /// Whether another one sends to the same channel.
    pub fn same_channel(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.chan, &other.chan)
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        self.chan.senders.fetch_add(1, Relaxed);
        Self { chan: self.chan.clone() }
    }
}

impl<T: Default> Default for Sender<T> {
    fn default() -> Self {
        Self::new(T::default())
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        // Both: what the others sent before they went is there when a receiver sees the end.
        if self.chan.senders.fetch_sub(1, AcqRel) == 1 {
            self.chan.version.fetch_or(NO_SENDER, Release);
            self.chan.changed.ring();
        }
    }
}

impl<T: fmt::Debug> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender").field("receivers", &self.receiver_count()).finish_non_exhaustive()
    }
}

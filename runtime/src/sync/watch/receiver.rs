//! The receiving side.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use super::chan::{Chan, NO_SENDER, ONE};
use super::error::RecvError;
use crate::primitives::RwLockReadGuard;
use crate::primitives::atomic::Ordering::{AcqRel, Acquire, Relaxed};
use crate::task::Resource;
use crate::task::coop::consume_budget;

/// Looks at the value, and waits for it to change.
pub struct Receiver<T> {
    pub(super) chan: Arc<Chan<T>>,
    /// The version it has seen.
    pub(super) seen: usize,
}

/// The value, which cannot change until this is dropped: a sender blocks its thread meanwhile, so it must be short.
pub struct Ref<'a, T> {
    pub(super) value: RwLockReadGuard<'a, T>,
    pub(super) has_changed: bool,
}

impl<T> Ref<'_, T> {
    /// Whether the receiver had not seen it before.
    pub fn has_changed(&self) -> bool {
        self.has_changed
    }
}

impl<T> Deref for Ref<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T: fmt::Debug> fmt::Debug for Ref<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}

impl<T> Receiver<T> {
    /// The value. It does not count as seen.
    ///
    /// # Examples
    ///
    /// ```
    /// let (_sender, receiver) = windlass::sync::watch::channel(1);
    /// assert_eq!(*receiver.borrow(), 1);
    /// ```
    pub fn borrow(&self) -> Ref<'_, T> {
        let value = self.chan.value.read();
        let has_changed = self.version() != self.seen;
        Ref { value, has_changed }
    }

    /// The value, which counts as seen from here on.
    ///
    /// # Examples
    ///
    /// ```
    /// let (sender, mut receiver) = windlass::sync::watch::channel(1);
    /// sender.send(2).unwrap();
    /// assert_eq!(*receiver.borrow_and_update(), 2);
    /// assert!(!receiver.has_changed().unwrap());
    /// ```
    pub fn borrow_and_update(&mut self) -> Ref<'_, T> {
        let value = self.chan.value.read();
        // It does not change while the value is locked.
        let version = self.chan.version.load(Acquire) & !NO_SENDER;
        let has_changed = std::mem::replace(&mut self.seen, version) != version;
        Ref { value, has_changed }
    }

    fn version(&self) -> usize {
        self.chan.version.load(Acquire) & !NO_SENDER
    }

    /// Whether the value is one this has not seen.
    ///
    /// # Errors
    ///
    /// If there is no sender any more.
    pub fn has_changed(&self) -> Result<bool, RecvError> {
        let version = self.chan.version.load(Acquire);
        if version & NO_SENDER != 0 { Err(RecvError(())) } else { Ok(version != self.seen) }
    }

    /// Whether there is no sender any more.
    pub fn is_closed(&self) -> bool {
        self.chan.version.load(Acquire) & NO_SENDER != 0
    }

    /// Makes the value count as one this has not seen.
    ///
    /// # Examples
    ///
    /// ```
    /// let (_sender, mut receiver) = windlass::sync::watch::channel(1);
    /// receiver.mark_changed();
    /// assert!(receiver.has_changed().unwrap());
    /// receiver.mark_unchanged();
    /// assert!(!receiver.has_changed().unwrap());
    /// ```
    pub fn mark_changed(&mut self) {
        self.seen = self.version().wrapping_sub(ONE);
    }

    /// Makes the value count as seen.
    pub fn mark_unchanged(&mut self) {
        self.seen = self.version();
    }

    /// Waits for a value that this has not seen, and makes it count as seen.
    ///
    /// # Errors
    ///
    /// If there is no sender any more, and the last value was seen.
    ///
    /// # Cancel safety
    ///
    /// Dropped before it is ready it has not marked anything as seen.
    ///
    /// # Examples
    ///
    /// ```
    /// # let rt = windlass::runtime::Runtime::new().unwrap();
    /// # rt.block_on(async {
    /// let (sender, mut receiver) = windlass::sync::watch::channel(1);
    /// sender.send(2).unwrap();
    /// receiver.changed().await.unwrap();
    /// drop(sender);
    /// assert!(receiver.changed().await.is_err());
    /// # });
    /// ```
    pub async fn changed(&mut self) -> Result<(), RecvError> {
        let (chan, seen) = (&self.chan, self.seen);
        loop {
            chan.changed.listen_unless(Resource::Watch, || chan.version.load(Acquire) != seen).await;
            let version = chan.version.load(Acquire);
            if version & !NO_SENDER != seen {
                self.seen = version & !NO_SENDER;
                return Ok(());
            }
            if version & NO_SENDER != 0 {
                return Err(RecvError(()));
            }
        }
    }

    /// Waits until that is true of the value, and makes it count as seen.
    ///
    /// # Errors
    ///
    /// If there is no sender any more, and it is not true.
    ///
    /// # Panics
    ///
    /// With what `f` panics with.
    ///
    /// # Cancel safety
    ///
    /// Dropped before it is ready it may have seen values of which it was not true.
    ///
    /// # Examples
    ///
    /// ```
    /// # let rt = windlass::runtime::Runtime::new().unwrap();
    /// # rt.block_on(async {
    /// let (sender, mut receiver) = windlass::sync::watch::channel(1);
    /// windlass::spawn(async move { sender.send(5) });
    /// assert_eq!(*receiver.wait_for(|n| *n > 3).await.unwrap(), 5);
    /// # });
    /// ```
    pub async fn wait_for(&mut self, mut f: impl FnMut(&T) -> bool) -> Result<Ref<'_, T>, RecvError> {
        consume_budget().await;
        loop {
            let closed = self.is_closed();
            {
                let value = self.chan.value.read();
                let version = self.chan.version.load(Acquire) & !NO_SENDER;
                let has_changed = std::mem::replace(&mut self.seen, version) != version;
                if f(&value) {
                    return Ok(Ref { value, has_changed });
                }
            }
            if closed {
                return Err(RecvError(()));
            }
            let (chan, seen) = (&self.chan, self.seen);
            chan.changed.listen_unless(Resource::Watch, || chan.version.load(Acquire) != seen).await;
        }
    }

    /// Whether another one looks at the same channel.
    pub fn same_channel(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.chan, &other.chan)
    }
}

impl<T> Clone for Receiver<T> {
    fn clone(&self) -> Self {
        self.chan.receivers.fetch_add(1, Relaxed);
        Self { chan: self.chan.clone(), seen: self.seen }
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        if self.chan.receivers.fetch_sub(1, AcqRel) == 1 {
            self.chan.closed.ring();
        }
    }
}

impl<T: fmt::Debug> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver").field("closed", &self.is_closed()).finish_non_exhaustive()
    }
}

//! A channel that keeps its last value only: what everyone should know now.
//!
//! # Examples
//!
//! ```
//! use windlass::sync::watch;
//!
//! let (sender, mut receiver) = watch::channel("calm");
//! assert_eq!((sender.sender_count(), sender.receiver_count()), (1, 1));
//! assert!(receiver.same_channel(&sender.subscribe()) && sender.same_channel(&sender.clone()));
//!
//! sender.send("storm").unwrap();
//! {
//!     // Short: a sender waits while the value is borrowed.
//!     let weather = receiver.borrow_and_update();
//!     assert!(weather.has_changed());
//!     assert_eq!(*weather, "storm");
//! }
//! assert!(!receiver.borrow().has_changed());
//! drop(receiver);
//! assert!(sender.is_closed(), "there is no receiver");
//! ```

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use super::wait::Bell;
use crate::primitives::atomic::AtomicUsize;
use crate::primitives::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};
use crate::primitives::{RwLock, RwLockReadGuard};
use crate::task::Resource;
use crate::task::coop::consume_budget;

use error::{RecvError, SendError};

/// A channel that keeps its last value only, which every receiver can look at.
///
/// # Examples
///
/// ```
/// # let rt = windlass::runtime::Runtime::new().unwrap();
/// # rt.block_on(async {
/// let (sender, mut receiver) = windlass::sync::watch::channel("starting");
/// let task = windlass::spawn(async move {
///     receiver.wait_for(|state| *state == "running").await.unwrap();
/// });
/// sender.send("running").unwrap();
/// task.await.unwrap();
/// # });
/// ```
pub fn channel<T>(init: T) -> (Sender<T>, Receiver<T>) {
    let sender = Sender::new(init);
    let receiver = sender.subscribe();
    (sender, receiver)
}

struct Chan<T> {
    value: RwLock<T>,
    /// How often the value changed, times two, and whether there is no sender any more. Changed while the value is locked,
    /// but for that flag.
    version: AtomicUsize,
    senders: AtomicUsize,
    receivers: AtomicUsize,
    /// Rings when the value changes or the last sender goes.
    changed: Bell,
    /// Rings when the last receiver goes.
    closed: Bell,
}

const NO_SENDER: usize = 1;
const ONE: usize = 2;

/// Changes the value.
pub struct Sender<T> {
    chan: Arc<Chan<T>>,
}

/// Looks at the value, and waits for it to change.
pub struct Receiver<T> {
    chan: Arc<Chan<T>>,
    /// The version it has seen.
    seen: usize,
}

/// The value, which cannot change until this is dropped: a sender blocks its thread meanwhile, so it must be short.
pub struct Ref<'a, T> {
    value: RwLockReadGuard<'a, T>,
    has_changed: bool,
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

impl<T: fmt::Debug> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender").field("receivers", &self.receiver_count()).finish_non_exhaustive()
    }
}

impl<T: fmt::Debug> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver").field("closed", &self.is_closed()).finish_non_exhaustive()
    }
}

/// Why a value was not sent or not seen.
pub mod error {
    use std::fmt;

    /// There is no receiver; here is the value.
    ///
    /// # Examples
    ///
    /// ```
    /// use windlass::sync::watch::{Sender, error::SendError};
    ///
    /// let sender = Sender::new(1);
    /// assert_eq!(sender.send(2), Err(SendError(2)));
    /// // Where there may be no receiver:
    /// sender.send_replace(3);
    /// assert_eq!(*sender.borrow(), 3);
    /// ```
    #[derive(PartialEq, Eq, Clone, Copy)]
    pub struct SendError<T>(pub T);

    impl<T> fmt::Debug for SendError<T> {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.debug_struct("SendError").finish_non_exhaustive()
        }
    }

    impl<T> fmt::Display for SendError<T> {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("channel closed")
        }
    }

    impl<T> std::error::Error for SendError<T> {}

    /// There is no sender any more.
    ///
    /// # Examples
    ///
    /// ```
    /// use windlass::sync::watch::{self, error::RecvError};
    ///
    /// # #[windlass::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let (sender, mut receiver) = watch::channel(1);
    /// drop(sender);
    /// let changed: Result<(), RecvError> = receiver.changed().await;
    /// assert!(changed.is_err(), "it will never change again");
    /// assert_eq!(*receiver.borrow(), 1);
    /// # }
    /// ```
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct RecvError(pub(super) ());

    impl fmt::Display for RecvError {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("channel closed")
        }
    }

    impl std::error::Error for RecvError {}
}

//! The sending side.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::sync::mpsc::chan::{Bound, Chan, Tx, WeakTx};
use crate::sync::mpsc::error::{SendError, SendTimeoutError, TrySendError};
use crate::sync::mpsc::permit::{OwnedPermit, Permit, PermitIterator};
use crate::sync::wait::{Refused, block_on};
use crate::task::Resource;

/// Sends to a [bounded channel](crate::sync::mpsc::channel). A clone sends to the same one.
pub struct Sender<T> {
    pub(in crate::sync::mpsc) tx: Tx<T, Bound>,
}

impl<T> Sender<T> {
    /// Sends a message, and waits for room in line.
    ///
    /// # Errors
    ///
    /// With the message, if the receiver is gone or closed, or is while this waits.
    ///
    /// # Cancel safety
    ///
    /// Dropped before it is ready it has not sent the message, which is lost with it, and loses its place. To keep the
    /// message, [`reserve`](Self::reserve) first.
    ///
    /// # Examples
    ///
    /// ```
    /// # let rt = windlass::runtime::Runtime::new().unwrap();
    /// # rt.block_on(async {
    /// let (sender, mut receiver) = windlass::sync::mpsc::channel(1);
    /// sender.send(1).await.unwrap();
    /// assert_eq!(receiver.recv().await, Some(1));
    /// drop(receiver);
    /// assert!(sender.send(2).await.is_err());
    /// # });
    /// ```
    pub async fn send(&self, value: T) -> Result<(), SendError<T>> {
        match self.reserve().await {
            Ok(permit) => permit.try_send(value).map_err(SendError),
            Err(SendError(())) => Err(SendError(value)),
        }
    }

    /// Sends a message if there is room and nobody waits for it.
    ///
    /// # Errors
    ///
    /// With the message, if there is not, or the receiver is gone or closed.
    ///
    /// # Examples
    ///
    /// ```
    /// use windlass::sync::mpsc::{self, error::TrySendError};
    ///
    /// let (sender, _receiver) = mpsc::channel(1);
    /// sender.try_send(1).unwrap();
    /// assert_eq!(sender.try_send(2), Err(TrySendError::Full(2)));
    /// ```
    pub fn try_send(&self, message: T) -> Result<(), TrySendError<T>> {
        match self.try_reserve() {
            Ok(permit) => permit.try_send(message).map_err(TrySendError::Closed),
            Err(TrySendError::Full(())) => Err(TrySendError::Full(message)),
            Err(TrySendError::Closed(())) => Err(TrySendError::Closed(message)),
        }
    }

    /// [`send`](Self::send) that gives up after a while.
    ///
    /// # Errors
    ///
    /// With the message, if there was no room in time, or the receiver is gone or closed.
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    ///
    /// # Cancel safety
    ///
    /// As `send`.
    ///
    /// # Examples
    ///
    /// ```
    /// # let rt = windlass::runtime::Runtime::new().unwrap();
    /// # rt.block_on(async {
    /// use std::time::Duration;
    /// use windlass::sync::mpsc::{self, error::SendTimeoutError};
    ///
    /// let (sender, _receiver) = mpsc::channel(1);
    /// sender.send(1).await.unwrap();
    /// let late = sender.send_timeout(2, Duration::from_millis(1)).await;
    /// assert_eq!(late, Err(SendTimeoutError::Timeout(2)));
    /// # });
    /// ```
    pub async fn send_timeout(&self, value: T, timeout: Duration) -> Result<(), SendTimeoutError<T>> {
        match crate::time::timeout(timeout, self.reserve()).await {
            Ok(Ok(permit)) => permit.try_send(value).map_err(SendTimeoutError::Closed),
            Ok(Err(SendError(()))) => Err(SendTimeoutError::Closed(value)),
            Err(_) => Err(SendTimeoutError::Timeout(value)),
        }
    }

    /// [`send`](Self::send) for a thread that may block.
    ///
    /// # Errors
    ///
    /// As `send`.
    ///
    /// # Panics
    ///
    /// On a thread that runs tasks.
    ///
    /// # Examples
    ///
    /// ```
    /// let (sender, mut receiver) = windlass::sync::mpsc::channel(1);
    /// std::thread::spawn(move || sender.blocking_send(1));
    /// assert_eq!(receiver.blocking_recv(), Some(1));
    /// ```
    #[track_caller]
    pub fn blocking_send(&self, value: T) -> Result<(), SendError<T>> {
        block_on(self.send(value))
    }

    /// Takes room for a message, and waits for it in line.
    ///
    /// # Errors
    ///
    /// If the receiver is gone or closed, or is while this waits.
    ///
    /// # Cancel safety
    ///
    /// Dropped while it waits it loses its place, and no room.
    ///
    /// # Examples
    ///
    /// ```
    /// # let rt = windlass::runtime::Runtime::new().unwrap();
    /// # rt.block_on(async {
    /// let (sender, mut receiver) = windlass::sync::mpsc::channel(1);
    /// let permit = sender.reserve().await.unwrap();
    /// assert!(sender.try_send(1).is_err()); // the room is taken
    /// permit.send(2);
    /// assert_eq!(receiver.recv().await, Some(2));
    /// # });
    /// ```
    pub async fn reserve(&self) -> Result<Permit<'_, T>, SendError<()>> {
        self.acquire(1).await?;
        Ok(Permit::new(&self.tx.chan))
    }

    /// Takes room for so many messages at once, and waits for it in line.
    ///
    /// # Errors
    ///
    /// If the receiver is gone or closed, or is while this waits, or the channel never has so much room.
    ///
    /// # Cancel safety
    ///
    /// Dropped while it waits it loses its place, and no room.
    ///
    /// # Examples
    ///
    /// ```
    /// # let rt = windlass::runtime::Runtime::new().unwrap();
    /// # rt.block_on(async {
    /// let (sender, mut receiver) = windlass::sync::mpsc::channel(2);
    /// for permit in sender.reserve_many(2).await.unwrap() {
    ///     permit.send(1);
    /// }
    /// assert_eq!(receiver.len(), 2);
    /// # });
    /// ```
    pub async fn reserve_many(&self, n: usize) -> Result<PermitIterator<'_, T>, SendError<()>> {
        if n > self.max_capacity() {
            return Err(SendError(()));
        }
        self.acquire(n).await?;
        Ok(PermitIterator::new(&self.tx.chan, n))
    }

    /// Takes room for a message, with a permit that lives by itself and gives the sender back.
    ///
    /// # Errors
    ///
    /// If the receiver is gone or closed, or is while this waits.
    ///
    /// # Cancel safety
    ///
    /// Dropped while it waits it loses its place, and no room.
    ///
    /// # Examples
    ///
    /// ```
    /// # let rt = windlass::runtime::Runtime::new().unwrap();
    /// # rt.block_on(async {
    /// let (sender, mut receiver) = windlass::sync::mpsc::channel(1);
    /// let permit = sender.reserve_owned().await.unwrap();
    /// let sender = permit.send(1);
    /// assert_eq!(receiver.recv().await, Some(1));
    /// # drop(sender);
    /// # });
    /// ```
    pub async fn reserve_owned(self) -> Result<OwnedPermit<T>, SendError<()>> {
        self.acquire(1).await?;
        Ok(OwnedPermit::new(self))
    }

    async fn acquire(&self, n: usize) -> Result<(), SendError<()>> {
        let abandoned = Abandoned(&self.tx.chan);
        let outcome = self.tx.chan.limit.permits.acquire(n, Resource::Mpsc).await;
        std::mem::forget(abandoned);
        outcome.map_err(|_| SendError(()))?;
        if self.tx.chan.is_gone() {
            // The room was there, and then the receiver was not, before this was polled.
            self.tx.chan.give_back(n);
            return Err(SendError(()));
        }
        Ok(())
    }

    /// Takes room for a message if there is some and nobody waits for it.
    ///
    /// # Errors
    ///
    /// If there is not, or the receiver is gone or closed.
    pub fn try_reserve(&self) -> Result<Permit<'_, T>, TrySendError<()>> {
        self.try_acquire(1)?;
        Ok(Permit::new(&self.tx.chan))
    }

    /// Takes room for so many messages if there is that much and nobody waits for it.
    ///
    /// # Errors
    ///
    /// If there is not, or the receiver is gone or closed.
    ///
    /// # Examples
    ///
    /// ```
    /// let (sender, receiver) = windlass::sync::mpsc::channel(3);
    /// let mut permits = sender.try_reserve_many(2).unwrap();
    /// permits.next().unwrap().send(1);
    /// drop(permits); // the other one goes back
    /// assert_eq!((receiver.len(), sender.capacity()), (1, 2));
    /// ```
    pub fn try_reserve_many(&self, n: usize) -> Result<PermitIterator<'_, T>, TrySendError<()>> {
        self.try_acquire(n)?;
        Ok(PermitIterator::new(&self.tx.chan, n))
    }

    /// Takes room for a message if there is some and nobody waits for it, with a permit that lives by itself.
    ///
    /// # Errors
    ///
    /// With the sender, if there is not, or the receiver is gone or closed.
    pub fn try_reserve_owned(self) -> Result<OwnedPermit<T>, TrySendError<Self>> {
        match self.try_acquire(1) {
            Ok(()) => Ok(OwnedPermit::new(self)),
            Err(TrySendError::Full(())) => Err(TrySendError::Full(self)),
            Err(TrySendError::Closed(())) => Err(TrySendError::Closed(self)),
        }
    }

    fn try_acquire(&self, n: usize) -> Result<(), TrySendError<()>> {
        self.tx.chan.limit.permits.try_acquire(n).map_err(|refused| match refused {
            Refused::TooFew => TrySendError::Full(()),
            Refused::Closed => TrySendError::Closed(()),
        })
    }

    /// Waits until the receiver is gone or closed.
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
    /// let (sender, receiver) = windlass::sync::mpsc::channel::<u32>(4);
    /// drop(receiver);
    /// sender.closed().await;
    /// # });
    /// ```
    pub async fn closed(&self) {
        self.tx.chan.closed().await;
    }

    /// Whether the receiver is gone or closed.
    pub fn is_closed(&self) -> bool {
        self.tx.chan.is_closed()
    }

    /// Whether another one sends to the same channel.
    pub fn same_channel(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.tx.chan, &other.tx.chan)
    }

    /// What can become a sender as long as there is one, and does not keep the channel open.
    ///
    /// # Examples
    ///
    /// ```
    /// let (sender, _receiver) = windlass::sync::mpsc::channel::<u32>(4);
    /// let weak = sender.downgrade();
    /// assert!(weak.upgrade().is_some());
    /// drop(sender);
    /// assert!(weak.upgrade().is_none());
    /// ```
    pub fn downgrade(&self) -> WeakSender<T> {
        WeakSender { tx: self.tx.downgrade() }
    }

    /// How many senders there are.
    pub fn strong_count(&self) -> usize {
        self.tx.chan.strong_count()
    }

    /// How many weak senders there are.
    pub fn weak_count(&self) -> usize {
        self.tx.chan.weak_count()
    }

    /// How many more messages there is room for.
    pub fn capacity(&self) -> usize {
        self.tx.chan.limit.permits.available()
    }

    /// How many messages there is room for when it is empty.
    pub fn max_capacity(&self) -> usize {
        self.tx.chan.limit.max
    }
}

/// Room that was waited for and may have come back unused, which the receiver of a closed channel waits for.
struct Abandoned<'a, T>(&'a Chan<T, Bound>);

impl<T> Drop for Abandoned<'_, T> {
    fn drop(&mut self) {
        self.0.give_back(0);
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        Self { tx: self.tx.clone() }
    }
}

impl<T> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender").field("closed", &self.is_closed()).finish()
    }
}

/// What can become a [`Sender`] as long as there is one, and does not keep the channel open.
pub struct WeakSender<T> {
    tx: WeakTx<T, Bound>,
}

impl<T> WeakSender<T> {
    /// A sender, unless the last one is gone.
    pub fn upgrade(&self) -> Option<Sender<T>> {
        Some(Sender { tx: self.tx.upgrade()? })
    }

    /// How many senders there are.
    pub fn strong_count(&self) -> usize {
        self.tx.chan.strong_count()
    }

    /// How many weak senders there are.
    pub fn weak_count(&self) -> usize {
        self.tx.chan.weak_count()
    }
}

impl<T> Clone for WeakSender<T> {
    fn clone(&self) -> Self {
        Self { tx: self.tx.clone() }
    }
}

impl<T> fmt::Debug for WeakSender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WeakSender").finish_non_exhaustive()
    }
}

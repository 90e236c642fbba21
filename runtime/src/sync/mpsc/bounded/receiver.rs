//! The receiving side.

use std::fmt;
use std::future::poll_fn;
use std::task::{Context, Poll};

use crate::sync::mpsc::chan::{Bound, Rx};
use crate::sync::mpsc::error::TryRecvError;
use crate::sync::wait::block_on;

/// Receives from a [bounded channel](crate::sync::mpsc::channel).
pub struct Receiver<T> {
    pub(super) rx: Rx<T, Bound>,
}

impl<T> Receiver<T> {
    /// Receives the next message, and waits for it; `None` when the channel is closed and empty.
    ///
    /// # Cancel safety
    ///
    /// Dropped before it is ready it has received nothing.
    ///
    /// # Examples
    ///
    /// ```
    /// # let rt = windlass::runtime::Runtime::new().unwrap();
    /// # rt.block_on(async {
    /// let (sender, mut receiver) = windlass::sync::mpsc::channel(4);
    /// sender.try_send(1).unwrap();
    /// drop(sender);
    /// assert_eq!(receiver.recv().await, Some(1));
    /// assert_eq!(receiver.recv().await, None);
    /// # });
    /// ```
    pub async fn recv(&mut self) -> Option<T> {
        poll_fn(|cx| self.rx.poll_recv(cx)).await
    }

    /// Receives up to so many messages, and waits for the first; returns how many it appended. 0 means that the channel is
    /// closed and empty, or that `limit` is 0.
    ///
    /// # Cancel safety
    ///
    /// Dropped before it is ready it has received nothing.
    ///
    /// # Examples
    ///
    /// ```
    /// # let rt = windlass::runtime::Runtime::new().unwrap();
    /// # rt.block_on(async {
    /// let (sender, mut receiver) = windlass::sync::mpsc::channel(4);
    /// sender.try_send(1).unwrap();
    /// let mut messages = Vec::new();
    /// assert_eq!(receiver.recv_many(&mut messages, 10).await, 1);
    /// # });
    /// ```
    pub async fn recv_many(&mut self, buffer: &mut Vec<T>, limit: usize) -> usize {
        poll_fn(|cx| self.rx.poll_recv_many(cx, buffer, limit)).await
    }

    /// Receives a message if there is one.
    ///
    /// # Errors
    ///
    /// If there is none, and then whether one can come.
    ///
    /// # Examples
    ///
    /// ```
    /// use windlass::sync::mpsc::{self, error::TryRecvError};
    ///
    /// let (sender, mut receiver) = mpsc::channel(4);
    /// assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));
    /// sender.try_send(1).unwrap();
    /// assert_eq!(receiver.try_recv(), Ok(1));
    /// ```
    pub fn try_recv(&mut self) -> Result<T, TryRecvError> {
        self.rx.try_recv()
    }

    /// [`recv`](Self::recv) for a thread that may block.
    ///
    /// # Panics
    ///
    /// On a thread that runs tasks.
    ///
    /// # Examples
    ///
    /// ```
    /// let (sender, mut receiver) = windlass::sync::mpsc::channel(4);
    /// sender.try_send(1).unwrap();
    /// assert_eq!(receiver.blocking_recv(), Some(1));
    /// ```
    #[track_caller]
    pub fn blocking_recv(&mut self) -> Option<T> {
        block_on(self.recv())
    }

    /// [`recv_many`](Self::recv_many) for a thread that may block.
    ///
    /// # Panics
    ///
    /// On a thread that runs tasks.
    #[track_caller]
    pub fn blocking_recv_many(&mut self, buffer: &mut Vec<T>, limit: usize) -> usize {
        block_on(self.recv_many(buffer, limit))
    }

    /// Closes the channel to senders; what is in it, and what has room in it, is still received.
    ///
    /// # Examples
    ///
    /// ```
    /// let (sender, mut receiver) = windlass::sync::mpsc::channel(4);
    /// sender.try_send(1).unwrap();
    /// receiver.close();
    /// assert!(sender.is_closed());
    /// assert_eq!(receiver.try_recv(), Ok(1));
    /// ```
    pub fn close(&mut self) {
        self.rx.close();
    }

    /// Whether it was closed, or has no sender left.
    pub fn is_closed(&self) -> bool {
        self.rx.is_closed()
    }

    /// Whether there is no message in it.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many messages are in it.
    pub fn len(&self) -> usize {
        self.rx.len()
    }

    /// As [`recv`](Self::recv), for futures written by hand.
    pub fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Option<T>> {
        self.rx.poll_recv(cx)
    }

    /// As [`recv_many`](Self::recv_many), for futures written by hand.
    pub fn poll_recv_many(&mut self, cx: &mut Context<'_>, buffer: &mut Vec<T>, limit: usize) -> Poll<usize> {
        self.rx.poll_recv_many(cx, buffer, limit)
    }

    /// How many senders there are.
    pub fn sender_strong_count(&self) -> usize {
        self.rx.chan.strong_count()
    }

    /// How many weak senders there are.
    pub fn sender_weak_count(&self) -> usize {
        self.rx.chan.weak_count()
    }

    /// How many more messages there is room for.
    pub fn capacity(&self) -> usize {
        self.rx.chan.limit.permits.available()
    }

    /// How many messages there is room for when it is empty.
    pub fn max_capacity(&self) -> usize {
        self.rx.chan.limit.max
    }
}

impl<T> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver").field("len", &self.len()).field("closed", &self.is_closed()).finish()
    }
}

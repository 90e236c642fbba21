//! The sending side.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

use super::Receiver;
use super::chan::{Chan, Message, State};
use super::error::SendError;
use crate::primitives::Mutex;
use crate::primitives::atomic::AtomicUsize;
use crate::primitives::atomic::Ordering::{AcqRel, Acquire, Relaxed};
use crate::sync::wait::{Bell, Waiters, Wakes};
use crate::task::Resource;

/// Sends to every receiver.
///
/// It is `Send` and `Sync` if the messages are both; see [`channel`](super::channel).
pub struct Sender<T> {
    pub(super) chan: Arc<Chan<T>>,
}

/// What can become a [`Sender`] as long as there is one, and does not keep the channel open.
///
/// It is `Send` and `Sync` if the messages are both; see [`channel`](super::channel).
pub struct WeakSender<T> {
    pub(super) chan: Arc<Chan<T>>,
}

impl<T> Sender<T> {
    /// A sender whose receivers [`subscribe`](Self::subscribe) later.
    ///
    /// # Panics
    ///
    /// If the capacity is 0, or more than `usize::MAX >> 1`.
    #[track_caller]
    pub fn new(capacity: usize) -> Self {
        assert!(
            capacity > 0,
            "a broadcast channel has room for one message at least: `broadcast::channel(1)`"
        );
        let state = State {
            messages: VecDeque::new(),
            next: 0,
            receivers: 0,
            senders_gone: false,
            line: Waiters::new(),
        };
        let chan = Chan {
            capacity,
            state: Mutex::new(state),
            senders: AtomicUsize::new(1),
            weak: AtomicUsize::new(0),
            closed: Bell::new(),
        };
        Self { chan: Arc::new(chan) }
    }

    /// Sends a message to every receiver, and returns how many those are.
    ///
    /// # Errors
    ///
    /// With the message, if there are none.
    ///
    /// # Examples
    ///
    /// ```
    /// let (sender, receiver) = windlass::sync::broadcast::channel(1);
    /// assert_eq!(sender.send(1), Ok(1));
    /// drop(receiver);
    /// assert!(sender.send(2).is_err());
    /// ```
    pub fn send(&self, value: T) -> Result<usize, SendError<T>> {
        let value = Arc::new(value);
        let mut wakes = Wakes::new();
        let mut state = self.chan.state.lock();
        let receivers = state.receivers;
        if receivers == 0 {
            drop(state);
            let value = Arc::into_inner(value).expect("nobody else has it");
            return Err(SendError(value));
        }
        let full = state.messages.len() == self.chan.capacity;
        let oldest = if full { state.messages.pop_front() } else { None };
        state.messages.push_back(Message { value, unread: receivers });
        state.next += 1;
        wakes.reserve(state.line.len());
        while !state.line.is_empty() {
            wakes.push(state.line.grant_front());
        }
        drop(state);
        wakes.wake();
        drop(oldest);
        Ok(receivers)
    }

    /// A receiver of what is sent from now on.
    ///
    /// # Examples
    ///
    /// ```
    /// let sender = windlass::sync::broadcast::Sender::new(4);
    /// assert!(sender.send(1).is_err());
    /// let mut receiver = sender.subscribe();
    /// sender.send(2).unwrap();
    /// assert_eq!(receiver.try_recv(), Ok(2));
    /// ```
    pub fn subscribe(&self) -> Receiver<T> {
        let mut state = self.chan.state.lock();
        state.receivers += 1;
        let next = state.next;
        drop(state);
        Receiver { chan: self.chan.clone(), next }
    }

    /// What can become a sender as long as there is one.
    ///
    /// # Examples
    ///
    /// ```
    /// let (sender, _receiver) = windlass::sync::broadcast::channel::<u32>(4);
    /// let weak = sender.downgrade();
    /// assert!(weak.upgrade().is_some());
    /// drop(sender);
    /// assert!(weak.upgrade().is_none());
    /// ```
    pub fn downgrade(&self) -> WeakSender<T> {
        self.chan.weak.fetch_add(1, Relaxed);
        WeakSender { chan: self.chan.clone() }
    }

    /// How many messages there are that somebody has not received.
    pub fn len(&self) -> usize {
        self.chan.state.lock().messages.len()
    }

    /// Whether everyone has received everything.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many receivers there are.
    pub fn receiver_count(&self) -> usize {
        self.chan.state.lock().receivers
    }

    /// Whether another one sends to the same channel.
    pub fn same_channel(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.chan, &other.chan)
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
    /// let (sender, receiver) = windlass::sync::broadcast::channel::<u32>(1);
    /// drop(receiver);
    /// sender.closed().await;
    /// # });
    /// ```
    pub async fn closed(&self) {
        let is_closed = || self.receiver_count() == 0;
        loop {
            self.chan.closed.listen_unless(Resource::Broadcast, is_closed).await;
            if is_closed() {
                return;
            }
        }
    }

    /// How many senders there are.
    pub fn strong_count(&self) -> usize {
        self.chan.senders.load(Acquire)
    }

    /// How many weak senders there are.
    pub fn weak_count(&self) -> usize {
        self.chan.weak.load(Acquire)
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        self.chan.senders.fetch_add(1, Relaxed);
        Self { chan: self.chan.clone() }
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        if self.chan.senders.fetch_sub(1, AcqRel) == 1 {
            let mut wakes = Wakes::new();
            let mut state = self.chan.state.lock();
            state.senders_gone = true;
            while !state.line.is_empty() {
                wakes.push(state.line.grant_front());
            }
            drop(state);
            wakes.wake();
        }
    }
}

impl<T> WeakSender<T> {
    /// A sender, unless the last one is gone.
    pub fn upgrade(&self) -> Option<Sender<T>> {
        let more = |senders| if senders == 0 { None } else { Some(senders + 1) };
        self.chan.senders.fetch_update(Relaxed, Relaxed, more).ok()?;
        Some(Sender { chan: self.chan.clone() })
    }

    /// How many senders there are.
    pub fn strong_count(&self) -> usize {
        self.chan.senders.load(Acquire)
    }

    /// How many weak senders there are.
    pub fn weak_count(&self) -> usize {
        self.chan.weak.load(Acquire)
    }
}

impl<T> Clone for WeakSender<T> {
    fn clone(&self) -> Self {
        self.chan.weak.fetch_add(1, Relaxed);
        Self { chan: self.chan.clone() }
    }
}

impl<T> Drop for WeakSender<T> {
    fn drop(&mut self) {
        self.chan.weak.fetch_sub(1, Relaxed);
    }
}

impl<T> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender").field("len", &self.len()).field("receivers", &self.receiver_count()).finish()
    }
}

impl<T> fmt::Debug for WeakSender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WeakSender").finish_non_exhaustive()
    }
}

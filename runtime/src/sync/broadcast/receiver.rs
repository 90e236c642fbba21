//! The receiving side.

use std::fmt;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use super::chan::{Chan, State};
use super::error::{RecvError, TryRecvError};
use crate::primitives::atomic::Ordering::Acquire;
use crate::sync::wait::{Key, Looked, block_on};
use crate::task::coop::poll_proceed;
use crate::task::{Note, Resource};

/// Receives every message that is sent while it is there.
///
/// It is `Send` and `Sync` if the messages are both; see [`channel`](super::channel).
pub struct Receiver<T> {
    pub(super) chan: Arc<Chan<T>>,
    /// The number of the message it receives next.
    pub(super) next: u64,
}

impl<T> Receiver<T> {
    /// How many messages it has not received.
    pub fn len(&self) -> usize {
        (self.chan.state.lock().next - self.next) as usize
    }

    /// Whether it has received everything.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether another one receives from the same channel.
    pub fn same_channel(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.chan, &other.chan)
    }

    /// How many senders there are.
    pub fn sender_strong_count(&self) -> usize {
        self.chan.senders.load(Acquire)
    }

    /// How many weak senders there are.
    pub fn sender_weak_count(&self) -> usize {
        self.chan.weak.load(Acquire)
    }

    /// Whether there is no sender any more.
    ///
    /// # Examples
    ///
    /// ```
    /// let (sender, receiver) = windlass::sync::broadcast::channel::<()>(1);
    /// assert!(!receiver.is_closed());
    /// drop(sender);
    /// assert!(receiver.is_closed());
    /// ```
    pub fn is_closed(&self) -> bool {
        self.chan.state.lock().senders_gone
    }

    /// The next message, not copied yet.
    fn next(&mut self, state: &mut State<T>) -> Result<Arc<T>, TryRecvError> {
        let oldest = state.oldest();
        if self.next < oldest {
            let missed = oldest - std::mem::replace(&mut self.next, oldest);
            return Err(TryRecvError::Lagged(missed));
        }
        let index = (self.next - oldest) as usize;
        let Some(message) = state.messages.get_mut(index) else {
            return Err(if state.senders_gone { TryRecvError::Closed } else { TryRecvError::Empty });
        };
        self.next += 1;
        message.unread -= 1;
        if message.unread > 0 {
            return Ok(message.value.clone());
        }
        // Only the oldest can have been received by all: each receives in order. Those before it are gone.
        Ok(state.trim().expect("it is the oldest, and everyone has received it"))
    }
}

impl<T: Clone> Receiver<T> {
    /// A receiver of what is sent from now on.
    pub fn resubscribe(&self) -> Self {
        let mut state = self.chan.state.lock();
        state.receivers += 1;
        let next = state.next;
        drop(state);
        Receiver { chan: self.chan.clone(), next }
    }

    /// Receives the next message, and waits for it.
    ///
    /// # Errors
    ///
    /// If it has missed messages, whose number it then learns and which it goes on after; or if there is no sender any more
    /// and everything was received.
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
    /// use windlass::sync::broadcast::{self, error::RecvError};
    ///
    /// let (sender, mut receiver) = broadcast::channel(2);
    /// for n in 0..3 {
    ///     sender.send(n).unwrap();
    /// }
    /// assert_eq!(receiver.recv().await, Err(RecvError::Lagged(1)));
    /// assert_eq!(receiver.recv().await, Ok(1));
    /// # });
    /// ```
    pub async fn recv(&mut self) -> Result<T, RecvError> {
        let chan = self.chan.clone();
        let mut waiter = Waiter { chan: &chan, key: None };
        poll_fn(|cx| {
            let step = ready!(poll_proceed(cx)).awaiting(Note::resource(Resource::Broadcast, &*chan));
            let outcome = waiter.poll(self, cx);
            if outcome.is_ready() {
                step.made_progress();
            }
            outcome
        })
        .await
        .map(Arc::unwrap_or_clone)
    }

    /// Receives the next message if there is one.
    ///
    /// # Errors
    ///
    /// As [`recv`](Self::recv), and if there is none.
    ///
    /// # Examples
    ///
    /// ```
    /// use windlass::sync::broadcast::{self, error::TryRecvError};
    ///
    /// let (sender, mut receiver) = broadcast::channel(2);
    /// assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));
    /// sender.send(1).unwrap();
    /// assert_eq!(receiver.try_recv(), Ok(1));
    /// ```
    pub fn try_recv(&mut self) -> Result<T, TryRecvError> {
        let chan = self.chan.clone();
        let received = self.next(&mut chan.state.lock());
        received.map(Arc::unwrap_or_clone)
    }

    /// [`recv`](Self::recv) for a thread that may block.
    ///
    /// # Errors
    ///
    /// As `recv`.
    ///
    /// # Panics
    ///
    /// On a thread that runs tasks.
    #[track_caller]
    pub fn blocking_recv(&mut self) -> Result<T, RecvError> {
        block_on(self.recv())
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        let mut state = self.chan.state.lock();
        state.receivers -= 1;
        let last = state.receivers == 0;
        let begin = self.next.saturating_sub(state.oldest()) as usize;
        for message in state.messages.iter_mut().skip(begin) {
            message.unread -= 1;
        }
        let mut garbage = Vec::new();
        while state.messages.front().is_some_and(|message| message.unread == 0) {
            garbage.extend(state.messages.pop_front());
        }
        drop(state);
        if last {
            self.chan.closed.ring();
        }
        drop(garbage);
    }
}

struct Waiter<'a, T> {
    chan: &'a Chan<T>,
    key: Option<Key>,
}

impl<T> Waiter<'_, T> {
    fn poll(&mut self, receiver: &mut Receiver<T>, cx: &mut Context<'_>) -> Poll<Result<Arc<T>, RecvError>> {
        let mut state = self.chan.state.lock();
        if self.key.is_some() {
            match state.line.look(&mut self.key, cx.waker()) {
                Looked::Granted(()) => {}
                waits @ Looked::Waits(_) => {
                    drop(state);
                    drop(waits);
                    return Poll::Pending;
                }
            }
        }
        let received = match receiver.next(&mut state) {
            Ok(value) => Ok(value),
            Err(TryRecvError::Lagged(missed)) => Err(RecvError::Lagged(missed)),
            Err(TryRecvError::Closed) => Err(RecvError::Closed),
            Err(TryRecvError::Empty) => {
                self.key = Some(state.line.push((), cx.waker().clone()));
                return Poll::Pending;
            }
        };
        drop(state);
        Poll::Ready(received)
    }
}

impl<T> Drop for Waiter<'_, T> {
    fn drop(&mut self) {
        if let Some(key) = self.key.take() {
            let left = self.chan.state.lock().line.remove(key);
            drop(left);
        }
    }
}

impl<T> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver").field("len", &self.len()).finish_non_exhaustive()
    }
}

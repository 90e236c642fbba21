//! A channel whose every message reaches every receiver.
//!
//! # Examples
//!
//! A receiver that is too slow misses the oldest messages, and is told how many. A channel that nobody receives from gives the
//! message back.
//!
//! ```
//! use windlass::sync::broadcast::{self, error::{RecvError, SendError, TryRecvError}};
//!
//! # #[windlass::main(flavor = "current_thread")]
//! # async fn main() {
//! let (sender, mut receiver) = broadcast::channel(2);
//! assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));
//! for n in 1..=3 {
//!     sender.send(n).unwrap();
//! }
//! assert_eq!(receiver.recv().await, Err(RecvError::Lagged(1)));
//! assert_eq!(receiver.recv().await, Ok(2));
//!
//! // It begins with what is sent from now on.
//! let mut late = receiver.resubscribe();
//! assert!(late.is_empty() && receiver.len() == 1);
//! drop(receiver);
//! sender.send(4).unwrap();
//! assert_eq!(late.recv().await, Ok(4));
//! drop(late);
//! assert_eq!(sender.send(5), Err(SendError(5)));
//! # }
//! ```
//!
//! Who is there can be counted. A [`WeakSender`] does not keep the channel open, and a thread without a runtime can receive too:
//!
//! ```
//! use windlass::sync::broadcast;
//!
//! let (sender, mut receiver) = broadcast::channel(8);
//! let weak = sender.downgrade();
//! assert_eq!((sender.strong_count(), sender.weak_count(), sender.receiver_count()), (1, 1, 1));
//! assert_eq!((weak.strong_count(), weak.weak_count()), (1, 1));
//! assert_eq!((receiver.sender_strong_count(), receiver.sender_weak_count()), (1, 1));
//! assert!(weak.upgrade().is_some_and(|upgraded| upgraded.same_channel(&sender)));
//! assert!(receiver.same_channel(&sender.subscribe()));
//!
//! let thread = std::thread::spawn(move || receiver.blocking_recv());
//! sender.send("all hands").unwrap();
//! drop(sender);
//! assert_eq!(thread.join().unwrap(), Ok("all hands"));
//! assert!(weak.upgrade().is_none());
//! ```

use std::collections::VecDeque;
use std::fmt;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use super::wait::{Bell, Key, Looked, Waiters, Wakes, block_on};
use crate::primitives::BriefMutex;
use crate::primitives::atomic::AtomicUsize;
use crate::primitives::atomic::Ordering::{AcqRel, Acquire, Relaxed};
use crate::task::coop::poll_proceed;
use crate::task::{Note, Resource};

use error::{RecvError, SendError, TryRecvError};

/// A channel whose every message reaches every receiver that was there when it was sent.
///
/// It keeps so many messages at most. A receiver that has not received one when it must make room learns how many it
/// has missed. (tokio rounds the capacity up to a power of two.)
///
/// # Panics
///
/// If the capacity is 0, or more than `usize::MAX >> 1`.
///
/// # Examples
///
/// ```
/// # let rt = windlass::runtime::Runtime::new().unwrap();
/// # rt.block_on(async {
/// let (sender, mut one) = windlass::sync::broadcast::channel(16);
/// let mut other = sender.subscribe();
/// sender.send(1).unwrap();
/// assert_eq!(one.recv().await, Ok(1));
/// assert_eq!(other.recv().await, Ok(1));
/// # });
/// ```
#[track_caller]
pub fn channel<T: Clone>(capacity: usize) -> (Sender<T>, Receiver<T>) {
    let sender = Sender::new(capacity);
    let receiver = sender.subscribe();
    (sender, receiver)
}

struct Chan<T> {
    capacity: usize,
    state: BriefMutex<State<T>>,
    senders: AtomicUsize,
    weak: AtomicUsize,
    /// Rings when the last receiver goes.
    closed: Bell,
}

struct State<T> {
    messages: VecDeque<Message<T>>,
    /// The number of the next message.
    next: u64,
    receivers: usize,
    senders_gone: bool,
    line: Waiters<()>,
}

struct Message<T> {
    value: Arc<T>,
    /// How many receivers have not received it.
    unread: usize,
}

impl<T> State<T> {
    /// The number of the oldest message.
    fn oldest(&self) -> u64 {
        self.next - self.messages.len() as u64
    }

    /// Takes out what everyone has received.
    fn trim(&mut self) -> Option<Arc<T>> {
        let mut last = None;
        while self.messages.front().is_some_and(|message| message.unread == 0) {
            last = self.messages.pop_front().map(|message| message.value);
        }
        last
    }
}

/// Sends to every receiver.
pub struct Sender<T> {
    chan: Arc<Chan<T>>,
}

/// What can become a [`Sender`] as long as there is one, and does not keep the channel open.
pub struct WeakSender<T> {
    chan: Arc<Chan<T>>,
}

/// Receives every message that is sent while it is there.
pub struct Receiver<T> {
    chan: Arc<Chan<T>>,
    /// The number of the message it receives next.
    next: u64,
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
            state: BriefMutex::new(state),
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

impl<T> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver").field("len", &self.len()).finish_non_exhaustive()
    }
}

/// Why a message was not sent or not received.
pub mod error {
    use std::fmt;

    /// There is no receiver; here is the message.
    ///
    /// # Examples
    ///
    /// ```
    /// use windlass::sync::broadcast::{Sender, error::SendError};
    ///
    /// // Nobody has subscribed.
    /// let SendError(message) = Sender::new(1).send("lost").unwrap_err();
    /// assert_eq!(message, "lost");
    /// ```
    #[derive(Debug, PartialEq, Eq)]
    pub struct SendError<T>(pub T);

    impl<T> fmt::Display for SendError<T> {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("channel closed")
        }
    }

    impl<T: fmt::Debug> std::error::Error for SendError<T> {}

    /// Why [`Receiver::recv`](super::Receiver::recv) has no message.
    ///
    /// # Examples
    ///
    /// Going on after messages were missed:
    ///
    /// ```
    /// use windlass::sync::broadcast::{self, error::RecvError};
    ///
    /// # #[windlass::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let (sender, mut receiver) = broadcast::channel(1);
    /// sender.send(1).unwrap();
    /// sender.send(2).unwrap();
    /// drop(sender);
    /// let mut received = Vec::new();
    /// loop {
    ///     match receiver.recv().await {
    ///         Ok(n) => received.push(n),
    ///         Err(RecvError::Lagged(missed)) => println!("{missed} messages were missed"),
    ///         Err(RecvError::Closed) => break,
    ///     }
    /// }
    /// assert_eq!(received, [2]);
    /// # }
    /// ```
    #[derive(Debug, PartialEq, Eq, Clone)]
    pub enum RecvError {
        /// There is no sender any more, and everything was received.
        Closed,
        /// So many messages were missed. The next call receives the oldest that is still there.
        Lagged(u64),
    }

    impl fmt::Display for RecvError {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            match self {
                RecvError::Closed => f.write_str("channel closed"),
                RecvError::Lagged(missed) => write!(f, "channel lagged by {missed}"),
            }
        }
    }

    impl std::error::Error for RecvError {}

    /// Why [`Receiver::try_recv`](super::Receiver::try_recv) has no message.
    ///
    /// # Examples
    ///
    /// ```
    /// use windlass::sync::broadcast::{self, error::TryRecvError};
    ///
    /// let (sender, mut receiver) = broadcast::channel::<u32>(1);
    /// assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));
    /// drop(sender);
    /// assert_eq!(receiver.try_recv(), Err(TryRecvError::Closed));
    /// ```
    #[derive(Debug, PartialEq, Eq, Clone)]
    pub enum TryRecvError {
        /// None is there.
        Empty,
        /// There is no sender any more, and everything was received.
        Closed,
        /// So many messages were missed. The next call receives the oldest that is still there.
        Lagged(u64),
    }

    impl fmt::Display for TryRecvError {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            match self {
                TryRecvError::Empty => f.write_str("channel empty"),
                TryRecvError::Closed => f.write_str("channel closed"),
                TryRecvError::Lagged(missed) => write!(f, "channel lagged by {missed}"),
            }
        }
    }

    impl std::error::Error for TryRecvError {}
}

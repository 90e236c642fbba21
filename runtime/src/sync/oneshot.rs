//! A channel for one value.
//!
//! # Examples
//!
//! Each side sees whether the other is still there:
//!
//! ```
//! use windlass::sync::oneshot;
//!
//! let (sender, mut receiver) = oneshot::channel();
//! assert!(!sender.is_closed() && receiver.is_empty() && !receiver.is_terminated());
//! sender.send("landfall").unwrap();
//! assert!(!receiver.is_empty());
//! assert_eq!(receiver.try_recv(), Ok("landfall"));
//! assert!(receiver.is_terminated());
//!
//! let (sender, receiver) = oneshot::channel::<()>();
//! drop(receiver);
//! assert!(sender.is_closed(), "nobody waits: the work for it can be left");
//! ```

use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};

use super::wait::block_on;
use crate::primitives::Mutex;
use crate::quietly;
use crate::task::coop::poll_proceed;
use crate::task::{Note, Resource};

use error::{RecvError, TryRecvError};

/// A channel for one value.
///
/// # Examples
///
/// ```
/// # let rt = windlass::runtime::Runtime::new().unwrap();
/// # rt.block_on(async {
/// use windlass::sync::oneshot;
///
/// let (sender, receiver) = oneshot::channel();
/// windlass::spawn(async move { sender.send(3) });
/// assert_eq!(receiver.await, Ok(3));
/// # });
/// ```
pub fn channel<T>() -> (Sender<T>, Receiver<T>) {
    let state =
        State { value: None, sender_gone: false, receiver_gone: false, rx_waker: None, tx_waker: None };
    let chan = Arc::new(Mutex::new(state));
    (Sender { chan: Some(chan.clone()) }, Receiver { chan: Some(chan) })
}

struct State<T> {
    value: Option<T>,
    sender_gone: bool,
    /// Or closed.
    receiver_gone: bool,
    rx_waker: Option<Waker>,
    tx_waker: Option<Waker>,
}

/// Sends the one value.
pub struct Sender<T> {
    /// `None` once it has sent.
    chan: Option<Arc<Mutex<State<T>>>>,
}

/// Receives the one value: it is a future.
#[must_use = "futures do nothing unless they are awaited"]
pub struct Receiver<T> {
    /// `None` once it was ready.
    chan: Option<Arc<Mutex<State<T>>>>,
}

fn wake(waker: Option<Waker>) {
    if let Some(waker) = waker {
        quietly(|| waker.wake());
    }
}

impl<T> Sender<T> {
    fn chan(&self) -> &Mutex<State<T>> {
        self.chan.as_ref().expect("it is there until the value is sent")
    }

    /// Sends the value. That it was sent does not mean that it is received.
    ///
    /// # Errors
    ///
    /// With the value, if the receiver is gone or closed.
    ///
    /// # Examples
    ///
    /// ```
    /// let (sender, receiver) = windlass::sync::oneshot::channel();
    /// drop(receiver);
    /// assert_eq!(sender.send(3), Err(3));
    /// ```
    pub fn send(mut self, t: T) -> Result<(), T> {
        let chan = self.chan.take().expect("it is there until the value is sent");
        let mut state = chan.lock();
        state.sender_gone = true;
        let garbage = state.tx_waker.take();
        if state.receiver_gone {
            drop(state);
            drop(garbage);
            return Err(t);
        }
        state.value = Some(t);
        let waker = state.rx_waker.take();
        drop(state);
        // First: what is dropped may panic.
        wake(waker);
        drop(garbage);
        Ok(())
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
    /// let (mut sender, receiver) = windlass::sync::oneshot::channel::<()>();
    /// drop(receiver);
    /// sender.closed().await;
    /// # });
    /// ```
    pub async fn closed(&mut self) {
        poll_fn(|cx| self.poll_closed(cx)).await;
    }

    /// Whether the receiver is gone or closed.
    pub fn is_closed(&self) -> bool {
        self.chan().lock().receiver_gone
    }

    /// As [`closed`](Self::closed), for futures written by hand.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::task::{Context, Poll, Waker};
    ///
    /// let (mut sender, receiver) = windlass::sync::oneshot::channel::<u32>();
    /// let mut cx = Context::from_waker(Waker::noop());
    /// assert!(sender.poll_closed(&mut cx).is_pending());
    /// drop(receiver);
    /// assert_eq!(sender.poll_closed(&mut cx), Poll::Ready(()));
    /// ```
    pub fn poll_closed(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let step = ready!(poll_proceed(cx)).awaiting(Note::resource(Resource::Oneshot, self.chan()));
        let waker = cx.waker().clone();
        let mut state = self.chan().lock();
        if state.receiver_gone {
            drop(state);
            step.made_progress();
            return Poll::Ready(());
        }
        let old = state.tx_waker.replace(waker);
        drop(state);
        drop(old);
        Poll::Pending
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        if let Some(chan) = self.chan.take() {
            let mut state = chan.lock();
            state.sender_gone = true;
            let (waker, garbage) = (state.rx_waker.take(), state.tx_waker.take());
            drop(state);
            // As in `send`.
            wake(waker);
            drop(garbage);
        }
    }
}

impl<T> Receiver<T> {
    /// Lets the sender fail from now on; what was sent already is still received.
    ///
    /// # Examples
    ///
    /// ```
    /// let (sender, mut receiver) = windlass::sync::oneshot::channel();
    /// receiver.close();
    /// assert!(sender.send(3).is_err());
    /// ```
    pub fn close(&mut self) {
        if let Some(chan) = &self.chan {
            let mut state = chan.lock();
            state.receiver_gone = true;
            let waker = state.tx_waker.take();
            drop(state);
            wake(waker);
        }
    }

    /// Whether it was ready already, and must not be awaited again.
    pub fn is_terminated(&self) -> bool {
        self.chan.is_none()
    }

    /// Whether there is no value to receive now.
    pub fn is_empty(&self) -> bool {
        self.chan.as_ref().is_none_or(|chan| chan.lock().value.is_none())
    }

    /// The value, if it was sent.
    ///
    /// # Errors
    ///
    /// If it was not, or was received already, and then whether it can come.
    ///
    /// # Examples
    ///
    /// ```
    /// use windlass::sync::oneshot::{self, error::TryRecvError};
    ///
    /// let (sender, mut receiver) = oneshot::channel();
    /// assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));
    /// sender.send(3).unwrap();
    /// assert_eq!(receiver.try_recv(), Ok(3));
    /// ```
    pub fn try_recv(&mut self) -> Result<T, TryRecvError> {
        let Some(chan) = &self.chan else {
            return Err(TryRecvError::Closed);
        };
        let mut state = chan.lock();
        let outcome = match state.value.take() {
            Some(value) => Ok(value),
            None if state.sender_gone || state.receiver_gone => Err(TryRecvError::Closed),
            None => return Err(TryRecvError::Empty),
        };
        drop(state);
        self.chan = None;
        outcome
    }

    /// Waits for the value on a thread that may block.
    ///
    /// # Errors
    ///
    /// If the sender was dropped.
    ///
    /// # Panics
    ///
    /// On a thread that runs tasks.
    ///
    /// # Examples
    ///
    /// ```
    /// let (sender, receiver) = windlass::sync::oneshot::channel();
    /// std::thread::spawn(move || sender.send(3));
    /// assert_eq!(receiver.blocking_recv(), Ok(3));
    /// ```
    #[track_caller]
    pub fn blocking_recv(self) -> Result<T, RecvError> {
        block_on(self)
    }
}

impl<T> Future for Receiver<T> {
    type Output = Result<T, RecvError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let step = ready!(poll_proceed(cx));
        let chan = self.chan.as_ref().expect("it was ready, and was polled again");
        let step = step.awaiting(Note::resource(Resource::Oneshot, &**chan));
        let mut state = chan.lock();
        let outcome = match state.value.take() {
            Some(value) => Ok(value),
            None if state.sender_gone || state.receiver_gone => Err(RecvError(())),
            None => {
                let old = match &state.rx_waker {
                    Some(old) if old.will_wake(cx.waker()) => None,
                    _ => state.rx_waker.replace(cx.waker().clone()),
                };
                drop(state);
                drop(old);
                return Poll::Pending;
            }
        };
        drop(state);
        self.chan = None;
        step.made_progress();
        Poll::Ready(outcome)
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        if let Some(chan) = self.chan.take() {
            let mut state = chan.lock();
            state.receiver_gone = true;
            let garbage = (state.value.take(), state.rx_waker.take());
            let waker = state.tx_waker.take();
            drop(state);
            wake(waker);
            drop(garbage);
        }
    }
}

impl<T> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender").field("closed", &self.is_closed()).finish()
    }
}

impl<T> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver")
            .field("terminated", &self.is_terminated())
            .field("empty", &self.is_empty())
            .finish()
    }
}

/// Why no value was received.
pub mod error {
    use std::fmt;

    /// The sender was dropped, or the channel closed, before a value was sent.
    ///
    /// # Examples
    ///
    /// ```
    /// use windlass::sync::oneshot::{self, error::RecvError};
    ///
    /// # #[windlass::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let (sender, receiver) = oneshot::channel::<u32>();
    /// drop(sender);
    /// let answer: Result<u32, RecvError> = receiver.await;
    /// assert!(answer.is_err());
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

    /// Why [`Receiver::try_recv`](super::Receiver::try_recv) has no value.
    ///
    /// # Examples
    ///
    /// ```
    /// use windlass::sync::oneshot::{self, error::TryRecvError};
    ///
    /// let (sender, mut receiver) = oneshot::channel::<u32>();
    /// assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));
    /// drop(sender);
    /// assert_eq!(receiver.try_recv(), Err(TryRecvError::Closed));
    /// ```
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub enum TryRecvError {
        /// It was not sent yet.
        Empty,
        /// It cannot come any more.
        Closed,
    }

    impl fmt::Display for TryRecvError {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(match self {
                TryRecvError::Empty => "channel empty",
                TryRecvError::Closed => "channel closed",
            })
        }
    }

    impl std::error::Error for TryRecvError {}
}

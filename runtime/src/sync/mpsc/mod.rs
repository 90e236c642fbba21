//! Channels that many send to and one receives from.
//!
//! A [bounded](channel) one lets its senders wait, first come, first served, while it is full; an
//! [unbounded](unbounded_channel) one never does. Both are closed when the last sender is dropped, or by the receiver.
//!
//! # Examples
//!
//! The receiver sees how much there is, and who sends; a thread without a runtime takes several at once.
//!
//! ```
//! use windlass::sync::mpsc;
//!
//! let (sender, mut receiver) = mpsc::channel(4);
//! assert_eq!((receiver.capacity(), receiver.max_capacity(), sender.max_capacity()), (4, 4, 4));
//! sender.try_send("a").unwrap();
//! sender.try_send("b").unwrap();
//! assert_eq!((receiver.len(), receiver.is_empty(), receiver.capacity()), (2, false, 2));
//!
//! let mut batch = Vec::new();
//! assert_eq!(receiver.blocking_recv_many(&mut batch, 10), 2);
//! assert_eq!(batch, ["a", "b"]);
//! drop(sender);
//! assert!(receiver.is_closed());
//! ```
//!
//! A weak sender does not keep the channel open: for a cache or a back reference that must not stop the receiver from ending.
//!
//! ```
//! use windlass::sync::mpsc;
//!
//! let (sender, receiver) = mpsc::unbounded_channel::<u32>();
//! let weak = sender.downgrade();
//! assert_eq!((sender.strong_count(), sender.weak_count()), (1, 1));
//! assert_eq!((weak.strong_count(), weak.weak_count()), (1, 1));
//! assert_eq!((receiver.sender_strong_count(), receiver.sender_weak_count()), (1, 1));
//!
//! let again = weak.upgrade().expect("a sender is there");
//! assert!(again.same_channel(&sender) && !sender.is_closed());
//! drop((again, sender));
//! assert!(weak.upgrade().is_none());
//! ```
//!
//! Room that is reserved cannot be taken by others: what is sent into it is never refused. It is given back if it is not used.
//!
//! ```
//! use windlass::sync::mpsc::{self, error::TrySendError};
//!
//! let (sender, mut receiver) = mpsc::channel(1);
//! let permit = sender.try_reserve().unwrap();
//! assert_eq!(sender.try_send("other").unwrap_err().into_inner(), "other");
//! permit.send("first");
//! assert_eq!(receiver.try_recv(), Ok("first"));
//!
//! // A permit that owns its sender can go to another task.
//! let owned = sender.clone().try_reserve_owned().unwrap();
//! assert!(owned.same_channel_as_sender(&sender));
//! let (other, _receiver) = mpsc::channel(1);
//! assert!(!owned.same_channel(&other.try_reserve_owned().unwrap()));
//! let sender = owned.release();
//! sender.try_reserve_owned().unwrap().send("second");
//! assert_eq!(receiver.try_recv(), Ok("second"));
//! ```
//!
//! In a `poll` method of one's own:
//!
//! ```
//! use std::pin::pin;
//! use std::task::{Context, Poll, Waker};
//! use windlass::sync::mpsc;
//!
//! let (sender, mut receiver) = mpsc::channel(2);
//! let mut cx = Context::from_waker(Waker::noop());
//! assert_eq!(receiver.poll_recv(&mut cx), Poll::Pending);
//! sender.try_send(1).unwrap();
//! assert_eq!(receiver.poll_recv(&mut cx), Poll::Ready(Some(1)));
//! sender.try_send(2).unwrap();
//! let mut several = Vec::new();
//! assert_eq!(receiver.poll_recv_many(&mut cx, &mut several, 8), Poll::Ready(1));
//! ```

mod bounded;
mod chan;
pub mod error;
mod permit;
mod unbounded;

pub use bounded::{Receiver, Sender, WeakSender, channel};
pub use permit::{OwnedPermit, Permit, PermitIterator};
pub use unbounded::{UnboundedReceiver, UnboundedSender, WeakUnboundedSender, unbounded_channel};

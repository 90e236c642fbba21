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

pub mod error;

mod chan;
mod receiver;
mod sender;

pub use receiver::Receiver;
pub use sender::{Sender, WeakSender};

/// A channel whose every message reaches every receiver that was there when it was sent.
///
/// Its ends can go to other threads if the messages are `Send` and `Sync`: receivers copy a message at the same time, each on its own
/// thread. (tokio asks for `Send` alone, and copies under a lock. Here no code of a user runs under one: a `Clone` that waits, or that
/// receives from the same channel, holds up nobody.) What is `Send` alone goes into a `Mutex`.
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

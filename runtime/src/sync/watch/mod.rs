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

pub mod error;

mod chan;
mod receiver;
mod sender;

pub use receiver::{Receiver, Ref};
pub use sender::Sender;

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

//! The bounded channel.

use super::chan::{Bound, Chan};
use crate::sync::wait::Permits;

mod receiver;
mod sender;

pub use receiver::Receiver;
pub use sender::{Sender, WeakSender};

/// A channel of so many messages at most.
///
/// # Panics
///
/// If that is 0, or more than [`Semaphore::MAX_PERMITS`](crate::sync::Semaphore::MAX_PERMITS).
///
/// # Examples
///
/// ```
/// # let rt = windlass::runtime::Runtime::new().unwrap();
/// # rt.block_on(async {
/// let (sender, mut receiver) = windlass::sync::mpsc::channel(2);
/// windlass::spawn(async move {
///     for n in 0..10 {
///         sender.send(n).await.unwrap(); // waits while two are under way
///     }
/// });
/// let mut sum = 0;
/// while let Some(n) = receiver.recv().await {
///     sum += n;
/// }
/// assert_eq!(sum, 45);
/// # });
/// ```
#[track_caller]
pub fn channel<T>(buffer: usize) -> (Sender<T>, Receiver<T>) {
    assert!(buffer > 0, "a bounded channel has room for one message at least: `mpsc::channel(1)`");
    let (tx, rx) = Chan::pair(Bound { max: buffer, permits: Permits::new(buffer) });
    (Sender { tx }, Receiver { rx })
}

//! What a runtime has for tasks to meet at: groups of them, locks, queues and channels, each runtime its own.

use std::sync::Arc;

use crate::runtime::Runtime;

/// A runtime with all of that.
pub trait Meeting: Runtime {
    /// Spawns every future and waits for their outputs, in order.
    fn gather<F>(futures: impl Iterator<Item = F>) -> impl Future<Output = Vec<F::Output>>
    where
        F: Future<Output: Send> + Send + 'static;

    /// Spawns every future into a group that ends them all if one fails, and waits until they have ended.
    fn group<F>(futures: impl Iterator<Item = F>) -> impl Future<Output = ()>
    where
        F: Future<Output = Result<(), ()>> + Send + 'static;

    /// A lock around a count.
    type Mutex: Send + Sync + 'static;
    /// Whoever has the lock.
    type Guard<'a>: std::ops::DerefMut<Target = u64> + Send + 'a;
    /// A lock around 0.
    fn mutex() -> Self::Mutex;
    /// Takes the lock.
    fn lock(mutex: &Self::Mutex) -> impl Future<Output = Self::Guard<'_>> + Send;

    /// So many permits.
    type Semaphore: Send + Sync + 'static;
    /// One of them.
    type Permit<'a>: Send + 'a;
    /// A semaphore of so many permits.
    fn semaphore(permits: usize) -> Self::Semaphore;
    /// Takes a permit.
    fn acquire(semaphore: &Self::Semaphore) -> impl Future<Output = Self::Permit<'_>> + Send;

    /// What wakes those who wait for it.
    type Notify: Send + Sync + 'static;
    /// One who waits.
    type Notified<'a>: Future<Output = ()> + Send + 'a;
    /// A notify that nobody waits for.
    fn notify() -> Self::Notify;
    /// One who will wait, and is already counted among those whom `notify_all` wakes.
    fn notified(notify: &Self::Notify) -> Self::Notified<'_>;
    /// Puts it in line for `notify_one`.
    fn enable(notified: std::pin::Pin<&mut Self::Notified<'_>>);
    /// Wakes the first in line.
    fn notify_one(notify: &Self::Notify);
    /// Wakes all.
    fn notify_all(notify: &Self::Notify);

    /// A queue that many put into and many get from.
    type Queue: Send + Sync + 'static;
    /// A queue with so much room.
    fn queue(room: usize) -> Arc<Self::Queue>;
    /// Puts a number in, and waits for room.
    fn put(queue: &Self::Queue, item: u64) -> impl Future<Output = ()> + Send;
    /// Gets the next number, and waits for it.
    fn get(queue: &Self::Queue) -> impl Future<Output = u64> + Send;

    /// Sends into a channel with room for so many.
    type Sender: Clone + Send + Sync + 'static;
    /// Receives from it.
    type Receiver: Send + 'static;
    /// A bounded channel.
    fn channel(room: usize) -> (Self::Sender, Self::Receiver);
    /// Sends a number, and waits for room.
    fn send(sender: &Self::Sender, item: u64) -> impl Future<Output = ()> + Send;
    /// Receives the next number; nothing once all senders are gone.
    fn recv(receiver: &mut Self::Receiver) -> impl Future<Output = Option<u64>> + Send;

    /// Sends into a channel without bounds.
    type UnboundedSender: Clone + Send + Sync + 'static;
    /// Receives from it.
    type UnboundedReceiver: Send + 'static;
    /// A channel without bounds.
    fn unbounded() -> (Self::UnboundedSender, Self::UnboundedReceiver);
    /// Sends a number.
    fn send_unbounded(sender: &Self::UnboundedSender, item: u64);
    /// Receives the next number; nothing once all senders are gone.
    fn recv_unbounded(receiver: &mut Self::UnboundedReceiver) -> impl Future<Output = Option<u64>> + Send;
}

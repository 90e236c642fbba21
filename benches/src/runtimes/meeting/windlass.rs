//! Windlass's own.

use std::pin::Pin;
use std::sync::Arc;

use ::windlass::aio::{self, TaskGroup};
use ::windlass::sync::{self, mpsc};

use crate::meeting::Meeting;
use crate::runtimes::windlass::Windlass;

impl Meeting for Windlass {
    async fn gather<F>(futures: impl Iterator<Item = F>) -> Vec<F::Output>
    where
        F: Future<Output: Send> + Send + 'static,
    {
        aio::gather(futures).await.expect("a task failed")
    }

    async fn group<F>(futures: impl Iterator<Item = F>)
    where
        F: Future<Output = Result<(), ()>> + Send + 'static,
    {
        let group = TaskGroup::new();
        for future in futures {
            group.spawn(future);
        }
        group.join().await.expect("a task failed");
    }

    type Mutex = sync::Mutex<u64>;
    type Guard<'a> = sync::MutexGuard<'a, u64>;

    fn mutex() -> Self::Mutex {
        sync::Mutex::new(0)
    }

    fn lock(mutex: &Self::Mutex) -> impl Future<Output = Self::Guard<'_>> + Send {
        mutex.lock()
    }

    type Semaphore = sync::Semaphore;
    type Permit<'a> = sync::SemaphorePermit<'a>;

    fn semaphore(permits: usize) -> Self::Semaphore {
        sync::Semaphore::new(permits)
    }

    async fn acquire(semaphore: &Self::Semaphore) -> Self::Permit<'_> {
        semaphore.acquire().await.expect("nobody closes it")
    }

    type Notify = sync::Notify;
    type Notified<'a> = sync::Notified<'a>;

    fn notify() -> Self::Notify {
        sync::Notify::new()
    }

    fn notified(notify: &Self::Notify) -> Self::Notified<'_> {
        notify.notified()
    }

    fn enable(notified: Pin<&mut Self::Notified<'_>>) {
        notified.enable();
    }

    fn notify_one(notify: &Self::Notify) {
        notify.notify_one();
    }

    fn notify_all(notify: &Self::Notify) {
        notify.notify_waiters();
    }

    type Queue = sync::Queue<u64>;

    fn queue(room: usize) -> Arc<Self::Queue> {
        Arc::new(sync::Queue::with_maxsize(room))
    }

    async fn put(queue: &Self::Queue, item: u64) {
        queue.put(item).await.expect("nobody shuts it down");
    }

    async fn get(queue: &Self::Queue) -> u64 {
        queue.get().await.expect("nobody shuts it down")
    }

    type Sender = mpsc::Sender<u64>;
    type Receiver = mpsc::Receiver<u64>;

    fn channel(room: usize) -> (Self::Sender, Self::Receiver) {
        mpsc::channel(room)
    }

    async fn send(sender: &Self::Sender, item: u64) {
        sender.send(item).await.expect("somebody receives");
    }

    fn recv(receiver: &mut Self::Receiver) -> impl Future<Output = Option<u64>> + Send {
        receiver.recv()
    }

    type UnboundedSender = mpsc::UnboundedSender<u64>;
    type UnboundedReceiver = mpsc::UnboundedReceiver<u64>;

    fn unbounded() -> (Self::UnboundedSender, Self::UnboundedReceiver) {
        mpsc::unbounded_channel()
    }

    fn send_unbounded(sender: &Self::UnboundedSender, item: u64) {
        sender.send(item).expect("somebody receives");
    }

    fn recv_unbounded(receiver: &mut Self::UnboundedReceiver) -> impl Future<Output = Option<u64>> + Send {
        receiver.recv()
    }
}

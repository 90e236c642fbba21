//! Queues that many put to and many get from, in three orders.

use std::cmp::Ordering;
use std::collections::VecDeque;
use std::collections::binary_heap::{BinaryHeap, PeekMut};
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread;

use super::queue_core::{Core, Store};
use super::queue_error::{QueueShutDown, TryGetError, TryPutError};

/// The first that came is the first to go.
struct Fifo<T>(VecDeque<T>);

impl<T> Store<T> for Fifo<T> {
    fn push(&mut self, item: T) -> thread::Result<()> {
        self.0.push_back(item);
        Ok(())
    }

    fn pop(&mut self) -> thread::Result<Option<T>> {
        Ok(self.0.pop_front())
    }

    fn len(&self) -> usize {
        self.0.len()
    }

    fn drain(&mut self) -> Self {
        Self(std::mem::take(&mut self.0))
    }
}

/// The last that came is the first to go.
struct Lifo<T>(Vec<T>);

impl<T> Store<T> for Lifo<T> {
    fn push(&mut self, item: T) -> thread::Result<()> {
        self.0.push(item);
        Ok(())
    }

    fn pop(&mut self) -> thread::Result<Option<T>> {
        Ok(self.0.pop())
    }

    fn len(&self) -> usize {
        self.0.len()
    }

    fn drain(&mut self) -> Self {
        Self(std::mem::take(&mut self.0))
    }
}

/// The least is the first to go; of those that are equal the first that came.
struct Priority<T> {
    heap: BinaryHeap<Entry<T>>,
    puts: u64,
}

struct Entry<T> {
    /// There until the entry is taken out.
    item: Option<T>,
    put: u64,
}

impl<T: Ord> Ord for Entry<T> {
    fn cmp(&self, other: &Self) -> Ordering {
        // The heap has its greatest on top.
        other.item.cmp(&self.item).then(other.put.cmp(&self.put))
    }
}

impl<T: Ord> PartialOrd for Entry<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<T: Ord> PartialEq for Entry<T> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl<T: Ord> Eq for Entry<T> {}

impl<T: Ord> Store<T> for Priority<T> {
    fn push(&mut self, item: T) -> thread::Result<()> {
        let entry = Entry { item: Some(item), put: self.puts };
        self.puts += 1;
        // The heap has it before it compares.
        catch_unwind(AssertUnwindSafe(|| self.heap.push(entry)))
    }

    fn pop(&mut self) -> thread::Result<Option<T>> {
        let Some(mut first) = self.heap.peek_mut() else { return Ok(None) };
        let (item, put) = (first.item.take(), first.put);
        // What it compares is the others: the first one is out by then.
        match catch_unwind(AssertUnwindSafe(|| PeekMut::pop(first))) {
            Ok(_) => Ok(item),
            Err(panic) => {
                // Once more, if that panics too.
                let _again = catch_unwind(AssertUnwindSafe(|| self.heap.push(Entry { item, put })));
                Err(panic)
            }
        }
    }

    fn len(&self) -> usize {
        self.heap.len()
    }

    fn drain(&mut self) -> Self {
        Self { heap: std::mem::take(&mut self.heap), puts: self.puts }
    }
}

macro_rules! queue {
    ($(#[$attr:meta])* $Queue:ident, $Store:ident, $items:expr, [$($bound:tt)*]) => {
        $(#[$attr])*
        ///
        /// How much is in it:
        ///
        /// ```
        /// let queue = windlass::sync::Queue::with_maxsize(2);
        /// assert!(queue.empty());
        /// queue.try_put("keel").unwrap();
        /// assert_eq!((queue.qsize(), queue.maxsize(), queue.full()), (1, 2, false));
        /// queue.shutdown(true);
        /// assert!(queue.is_shut_down() && queue.empty(), "at once: what was in it is dropped");
        /// ```
        pub struct $Queue<T: $($bound)*> {
            core: Core<T, $Store<T>>,
        }

        impl<T: $($bound)*> $Queue<T> {
            /// An empty queue without a limit.
            pub fn new() -> Self {
                Self::with_maxsize(0)
            }

            /// An empty queue of so many items at most; 0 is no limit.
            ///
            /// # Examples
            ///
            /// ```
            #[doc = concat!("let queue = windlass::sync::", stringify!($Queue), "::with_maxsize(1);")]
            /// queue.try_put(1).unwrap();
            /// assert!(queue.full() && queue.try_put(2).is_err());
            /// ```
            pub fn with_maxsize(maxsize: usize) -> Self {
                Self { core: Core::new($items, maxsize) }
            }

            /// Puts an item in, and waits for room in line.
            ///
            /// # Errors
            ///
            /// With the item, if the queue was shut down, or is while this waits.
            ///
            /// # Cancel safety
            ///
            /// Dropped while it waits it has not put the item, which is lost with it, and loses its place.
            ///
            /// # Examples
            ///
            /// ```
            /// # let rt = windlass::runtime::Runtime::new().unwrap();
            /// # rt.block_on(async {
            #[doc = concat!("let queue = windlass::sync::", stringify!($Queue), "::new();")]
            /// queue.put(1).await.unwrap();
            /// assert_eq!(queue.get().await, Ok(1));
            /// # });
            /// ```
            pub async fn put(&self, item: T) -> Result<(), QueueShutDown<T>> {
                self.core.put(item).await
            }

            /// Puts an item in if there is room that nobody waits for.
            ///
            /// # Errors
            ///
            /// With the item, if there is none, or the queue was shut down.
            #[doc(alias = "put_nowait")]
            pub fn try_put(&self, item: T) -> Result<(), TryPutError<T>> {
                self.core.try_put(item)
            }

            /// Takes an item out, and waits for one in line.
            ///
            /// # Errors
            ///
            /// If the queue was shut down and has no item left, or is while this waits.
            ///
            /// # Cancel safety
            ///
            /// Dropped while it waits it loses its place, and no item: one that was meant for it goes to the next.
            ///
            /// # Examples
            ///
            /// ```
            /// # let rt = windlass::runtime::Runtime::new().unwrap();
            /// # rt.block_on(async {
            #[doc = concat!("let queue = windlass::sync::", stringify!($Queue), "::new();")]
            /// queue.try_put(1).unwrap();
            /// assert_eq!(queue.get().await, Ok(1));
            /// queue.shutdown(false);
            /// assert!(queue.get().await.is_err());
            /// # });
            /// ```
            pub async fn get(&self) -> Result<T, QueueShutDown> {
                self.core.get().await
            }

            /// Takes an item out if there is one that nobody waits for.
            ///
            /// # Errors
            ///
            /// If there is none, and then whether there will be.
            #[doc(alias = "get_nowait")]
            pub fn try_get(&self) -> Result<T, TryGetError> {
                self.core.try_get()
            }

            /// Reports that an item which was got is worked off; see [`join`](Self::join).
            ///
            /// # Panics
            ///
            /// If it is called more often than items were put, where Python raises a `ValueError`.
            ///
            /// # Examples
            ///
            /// ```
            /// # let rt = windlass::runtime::Runtime::new().unwrap();
            /// # rt.block_on(async {
            #[doc = concat!("let queue = windlass::sync::", stringify!($Queue), "::new();")]
            /// queue.try_put(1).unwrap();
            /// queue.get().await.unwrap();
            /// queue.task_done();
            /// queue.join().await;
            /// # });
            /// ```
            #[track_caller]
            pub fn task_done(&self) {
                self.core.task_done();
            }

            /// Waits until every item that was put is reported [done](Self::task_done).
            ///
            /// # Cancel safety
            ///
            /// Nothing is lost when it is dropped.
            pub async fn join(&self) {
                self.core.join().await
            }

            /// Shuts the queue down: a `put` fails from now on. A `get` fails when the queue is empty, or with `immediate` at
            /// once: the items that are left are then dropped, and count as done.
            ///
            /// # Examples
            ///
            /// ```
            #[doc = concat!("let queue = windlass::sync::", stringify!($Queue), "::new();")]
            /// queue.try_put(1).unwrap();
            /// queue.shutdown(false);
            /// assert!(queue.try_put(2).is_err());
            /// assert_eq!(queue.try_get(), Ok(1));
            /// assert!(queue.try_get().is_err());
            /// ```
            pub fn shutdown(&self, immediate: bool) {
                self.core.shutdown(immediate);
            }

            /// Whether it was shut down.
            pub fn is_shut_down(&self) -> bool {
                self.core.is_shut_down()
            }

            /// How many items there are to get. One that is on its way to somebody who waited is not in it.
            #[doc(alias = "len")]
            pub fn qsize(&self) -> usize {
                self.core.qsize()
            }

            /// Whether there is no item to get.
            #[doc(alias = "is_empty")]
            pub fn empty(&self) -> bool {
                self.core.qsize() == 0
            }

            /// Whether there is no room to put an item.
            #[doc(alias = "is_full")]
            pub fn full(&self) -> bool {
                self.core.full()
            }

            /// How many items there may be at most; 0 is no limit.
            #[doc(alias = "capacity")]
            pub fn maxsize(&self) -> usize {
                self.core.maxsize()
            }
        }

        impl<T: $($bound)*> Default for $Queue<T> {
            fn default() -> Self {
                Self::new()
            }
        }

        impl<T: $($bound)*> fmt::Debug for $Queue<T> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.core.debug(stringify!($Queue), f)
            }
        }
    };
}

queue! {
    /// A queue that many put to and many get from, first in, first out; asyncio's `Queue`.
    ///
    /// # Differences from asyncio
    ///
    /// Nobody overtakes those who wait: what is put while somebody waits is his, and `try_get` does not get it. Without
    /// `Arc` it is not shared, as nothing in Rust is.
    ///
    /// # Examples
    ///
    /// ```
    /// # let rt = windlass::runtime::Runtime::new().unwrap();
    /// # rt.block_on(async {
    /// use std::sync::Arc;
    /// use windlass::sync::Queue;
    ///
    /// let queue = Arc::new(Queue::with_maxsize(2));
    /// let workers: Vec<_> = (0..3)
    ///     .map(|_| {
    ///         let queue = queue.clone();
    ///         windlass::spawn(async move {
    ///             let mut sum = 0;
    ///             while let Ok(n) = queue.get().await {
    ///                 sum += n;
    ///                 queue.task_done();
    ///             }
    ///             sum
    ///         })
    ///     })
    ///     .collect();
    /// for n in 1..=10 {
    ///     queue.put(n).await.unwrap();
    /// }
    /// queue.join().await;
    /// queue.shutdown(false);
    /// let mut sum = 0;
    /// for worker in workers {
    ///     sum += worker.await.unwrap();
    /// }
    /// assert_eq!(sum, 55);
    /// # });
    /// ```
    #[doc(alias("asyncio.Queue", "mpmc"))]
    Queue, Fifo, Fifo(VecDeque::new()), [Sized]
}

queue! {
    /// A [`Queue`](super::Queue) whose last item in is the first out; asyncio's `LifoQueue`.
    ///
    /// # Examples
    ///
    /// ```
    /// let queue = windlass::sync::LifoQueue::new();
    /// for n in [1, 2, 3] {
    ///     queue.try_put(n).unwrap();
    /// }
    /// assert_eq!(queue.try_get(), Ok(3));
    /// ```
    #[doc(alias = "asyncio.LifoQueue")]
    LifoQueue, Lifo, Lifo(Vec::new()), [Sized]
}

queue! {
    /// A [`Queue`](super::Queue) whose least item is the first out, and of equal ones the first in; asyncio's
    /// `PriorityQueue`.
    ///
    /// Items are compared while the queue is locked: their `Ord` must not use it. One that panics does so in the call that compares;
    /// no item is lost, but in what order they come from then on is not specified.
    ///
    /// # Examples
    ///
    /// ```
    /// let queue = windlass::sync::PriorityQueue::new();
    /// for n in [3, 1, 2] {
    ///     queue.try_put(n).unwrap();
    /// }
    /// assert_eq!(queue.try_get(), Ok(1));
    /// ```
    #[doc(alias = "asyncio.PriorityQueue")]
    PriorityQueue, Priority, Priority { heap: BinaryHeap::new(), puts: 0 }, [Ord]
}

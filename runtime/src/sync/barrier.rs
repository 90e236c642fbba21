//! A point that so many tasks pass together.

use std::fmt;
use std::future::poll_fn;
use std::task::{Context, Poll, ready};

use super::wait::{Key, Looked, Waiters, Wakes};
use crate::primitives::Mutex;
use crate::task::coop::poll_proceed;
use crate::task::{Note, Resource};

/// A point that so many tasks pass together, again and again; tokio's and asyncio's `Barrier`.
///
/// A wait that is dropped does not count, as in asyncio; in tokio one that was polled once does.
///
/// # Examples
///
/// ```
/// # let rt = windlass::runtime::Runtime::new().unwrap();
/// # rt.block_on(async {
/// use std::sync::Arc;
/// use windlass::sync::Barrier;
///
/// let barrier = Arc::new(Barrier::new(3));
/// let tasks: Vec<_> = (0..3)
///     .map(|_| {
///         let barrier = barrier.clone();
///         windlass::spawn(async move { barrier.wait().await.is_leader() })
///     })
///     .collect();
/// let mut leaders = 0;
/// for task in tasks {
///     leaders += usize::from(task.await.unwrap());
/// }
/// assert_eq!(leaders, 1);
/// # });
/// ```
///
/// One of those who meet is the leader, and each has a number:
///
/// ```
/// use std::sync::Arc;
/// use windlass::sync::Barrier;
///
/// # #[windlass::main]
/// # async fn main() {
/// let barrier = Arc::new(Barrier::new(3));
/// assert_eq!((barrier.parties(), barrier.n_waiting()), (3, 0));
/// let tasks = (0..3).map(|_| {
///     let barrier = Arc::clone(&barrier);
///     windlass::spawn(async move { barrier.wait().await })
/// });
/// let met: Vec<_> = tasks.collect();
/// let mut indices = Vec::new();
/// let mut leaders = 0;
/// for task in met {
///     let result = task.await.unwrap();
///     leaders += usize::from(result.is_leader());
///     indices.push(result.index());
/// }
/// indices.sort();
/// assert_eq!((indices, leaders), (vec![0, 1, 2], 1));
/// # }
/// ```
#[doc(alias = "asyncio.Barrier")]
pub struct Barrier {
    parties: usize,
    state: Mutex<State>,
}

struct State {
    broken: bool,
    line: Waiters<Arrival>,
}

/// What came of an arrival.
#[derive(Clone, Copy)]
enum Arrival {
    Waits,
    /// All came; this one was the so-manieth.
    Passed(usize),
    Broken,
}

impl Barrier {
    /// A barrier for so many. None is as one: who comes passes.
    ///
    /// # Examples
    ///
    /// ```
    /// assert_eq!(windlass::sync::Barrier::new(3).parties(), 3);
    /// ```
    pub fn new(n: usize) -> Self {
        Self { parties: n.max(1), state: Mutex::new(State { broken: false, line: Waiters::new() }) }
    }

    /// How many pass together.
    pub fn parties(&self) -> usize {
        self.parties
    }

    /// How many wait now.
    pub fn n_waiting(&self) -> usize {
        self.state.lock().line.len()
    }

    /// Whether it was [aborted](Self::abort), and not reset since.
    #[doc(alias = "broken")]
    pub fn is_broken(&self) -> bool {
        self.state.lock().broken
    }

    /// Waits until so many have come.
    ///
    /// # Panics
    ///
    /// If the barrier is broken or reset meanwhile, which nobody does who uses tokio's part of the interface;
    /// [`try_wait`](Self::try_wait) returns it as an error.
    ///
    /// # Cancel safety
    ///
    /// Dropped while it waits it has not come. Dropped after the last one came, it has.
    ///
    /// # Examples
    ///
    /// ```
    /// # let rt = windlass::runtime::Runtime::new().unwrap();
    /// # rt.block_on(async {
    /// let barrier = windlass::sync::Barrier::new(2);
    /// let (one, other) = futures_lite::future::zip(barrier.wait(), barrier.wait()).await;
    /// assert!(one.is_leader() != other.is_leader());
    /// # });
    /// ```
    pub async fn wait(&self) -> BarrierWaitResult {
        match self.try_wait().await {
            Ok(result) => result,
            Err(BrokenBarrier(())) => {
                panic!(
                    "the barrier was aborted or reset while this waited: use `try_wait` where that is done"
                )
            }
        }
    }

    /// Waits until so many have come, or the barrier is broken.
    ///
    /// # Errors
    ///
    /// If the barrier is broken, or is broken or reset while this waits.
    ///
    /// # Cancel safety
    ///
    /// As [`wait`](Self::wait).
    ///
    /// # Examples
    ///
    /// ```
    /// # let rt = windlass::runtime::Runtime::new().unwrap();
    /// # rt.block_on(async {
    /// let barrier = windlass::sync::Barrier::new(2);
    /// barrier.abort();
    /// assert!(barrier.try_wait().await.is_err());
    /// # });
    /// ```
    #[doc(alias("BrokenBarrierError", "asyncio.Barrier.wait"))]
    pub async fn try_wait(&self) -> Result<BarrierWaitResult, BrokenBarrier> {
        let mut waiter = Waiter { barrier: self, key: None };
        let mut arrival = Poll::Pending;
        let arrival = poll_fn(|cx| {
            let step = poll_proceed(cx);
            // Also where the budget is used up and others run first: it is there from its first poll on.
            if arrival.is_pending() {
                arrival = waiter.poll(cx);
            }
            let step = ready!(step).awaiting(Note::resource(Resource::Barrier, self));
            if arrival.is_ready() {
                step.made_progress();
            }
            arrival
        })
        .await;
        match arrival {
            Arrival::Passed(index) => Ok(BarrierWaitResult { index, parties: self.parties }),
            Arrival::Broken => Err(BrokenBarrier(())),
            Arrival::Waits => unreachable!("it waits no more"),
        }
    }

    /// Breaks it: who waits, and who comes from now on, gets an error, until it is [reset](Self::reset).
    pub fn abort(&self) {
        self.send_away(true);
    }

    /// Makes it new: who waits gets an error.
    ///
    /// # Examples
    ///
    /// ```
    /// let barrier = windlass::sync::Barrier::new(2);
    /// barrier.abort();
    /// assert!(barrier.is_broken());
    /// barrier.reset();
    /// assert!(!barrier.is_broken());
    /// ```
    pub fn reset(&self) {
        self.send_away(false);
    }

    fn send_away(&self, broken: bool) {
        let mut wakes = Wakes::new();
        let mut state = self.state.lock();
        state.broken = broken;
        state.grant_all(&mut wakes, |_| Arrival::Broken);
        drop(state);
        wakes.wake();
    }
}

impl State {
    fn grant_all(&mut self, wakes: &mut Wakes, outcome: impl Fn(usize) -> Arrival) {
        wakes.reserve(self.line.len());
        let mut index = 0;
        while let Some(arrival) = self.line.front() {
            *arrival = outcome(index);
            index += 1;
            wakes.push(self.line.grant_front());
        }
    }
}

impl fmt::Debug for Barrier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Barrier")
            .field("parties", &self.parties)
            .field("waiting", &self.n_waiting())
            .field("broken", &self.is_broken())
            .finish()
    }
}

/// What came of a wait at a [`Barrier`].
///
/// # Examples
///
/// ```
/// use windlass::sync::Barrier;
///
/// # #[windlass::main(flavor = "current_thread")]
/// # async fn main() {
/// let barrier = Barrier::new(2);
/// let (one, other) = futures_lite::future::zip(barrier.wait(), barrier.wait()).await;
/// assert_ne!(one.is_leader(), other.is_leader());
/// assert_eq!(one.index() + other.index(), 1);
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct BarrierWaitResult {
    index: usize,
    parties: usize,
}

impl BarrierWaitResult {
    /// True for one of those that passed together: the last that came.
    pub fn is_leader(&self) -> bool {
        self.index + 1 == self.parties
    }

    /// As the how-manieth it came, from 0; what asyncio's `wait` returns.
    pub fn index(&self) -> usize {
        self.index
    }
}

/// The barrier was broken, or reset while somebody waited.
///
/// # Examples
///
/// ```
/// use windlass::sync::{Barrier, BrokenBarrier};
///
/// # #[windlass::main(flavor = "current_thread")]
/// # async fn main() {
/// let barrier = Barrier::new(2);
/// barrier.abort();
/// let broken: BrokenBarrier = barrier.try_wait().await.unwrap_err();
/// println!("{broken}");
/// barrier.reset();
/// assert!(!barrier.is_broken());
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BrokenBarrier(());

impl fmt::Display for BrokenBarrier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("barrier broken")
    }
}

impl std::error::Error for BrokenBarrier {}

struct Waiter<'a> {
    barrier: &'a Barrier,
    key: Option<Key>,
}

impl Waiter<'_> {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Arrival> {
        if self.key.is_some() {
            // The lock is released before what was looked at is dropped.
            let looked = self.barrier.state.lock().line.look(&mut self.key, cx.waker());
            return match looked {
                Looked::Granted(arrival) => Poll::Ready(arrival),
                Looked::Waits(_) => Poll::Pending,
            };
        }
        let mut wakes = Wakes::new();
        let mut state = self.barrier.state.lock();
        let outcome = if state.broken {
            Poll::Ready(Arrival::Broken)
        } else if state.line.len() + 1 == self.barrier.parties {
            state.grant_all(&mut wakes, Arrival::Passed);
            Poll::Ready(Arrival::Passed(self.barrier.parties - 1))
        } else {
            self.key = Some(state.line.push(Arrival::Waits, cx.waker().clone()));
            Poll::Pending
        };
        drop(state);
        wakes.wake();
        outcome
    }
}

impl Drop for Waiter<'_> {
    fn drop(&mut self) {
        if let Some(key) = self.key.take() {
            let left = self.barrier.state.lock().line.remove(key);
            drop(left);
        }
    }
}

//! [`wait`] and [`as_completed`]: many futures at once.

use super::{Future, TimeoutError, block};
use crate::primitives::{Instant, Mutex};
use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use std::task::{Wake, Waker};
use std::time::Duration;

/// Which futures are done, in the order in which that happened; by their index among those waited for.
struct Arrivals {
    done: Mutex<VecDeque<usize>>,
    /// Of the thread that waits, as of when it last looked.
    waiting: Mutex<Waker>,
}

/// Is woken when one of them is done.
struct Arrival {
    arrivals: Arc<Arrivals>,
    index: usize,
}

impl Wake for Arrival {
    fn wake(self: Arc<Self>) {
        self.arrivals.done.lock().push_back(self.index);
        let waker = self.arrivals.waiting.lock().clone();
        waker.wake();
    }
}

impl Arrivals {
    /// Watches all of `futures`. Those that are done have arrived in the order of the list.
    fn watch<'f, T: 'f>(futures: impl Iterator<Item = &'f Future<T>>) -> Arc<Self> {
        let arrivals =
            Arc::new(Self { done: Mutex::new(VecDeque::new()), waiting: Mutex::new(block::waker()) });
        for (index, future) in futures.enumerate() {
            let waker = Waker::from(Arc::new(Arrival { arrivals: arrivals.clone(), index }));
            if !future.watch(&waker) {
                arrivals.done.lock().push_back(index);
            }
        }
        arrivals
    }

    /// Waits for the next one. `None` if `deadline` came first.
    fn next(&self, deadline: Option<Instant>) -> Option<usize> {
        block::until(deadline, |waker| {
            // The iterator may have been moved to another thread since.
            if let Some(index) = self.done.lock().pop_front() {
                return Some(index);
            }
            let mut waiting = self.waiting.lock();
            if !waiting.will_wake(waker) {
                waiting.clone_from(waker);
            }
            drop(waiting);
            self.done.lock().pop_front()
        })
    }
}

/// When [`wait`] returns.
///
/// ```
/// use windlass_blocking::{Promise, ReturnWhen, wait};
///
/// let (promise, quick) = Promise::new();
/// let (_unkept, slow) = Promise::<u32>::new();
/// promise.set_result(1).unwrap();
/// let (done, pending) = wait([quick, slow], None, ReturnWhen::FirstCompleted);
/// assert_eq!((done.len(), pending.len()), (1, 1));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ReturnWhen {
    /// When any future finishes or is cancelled.
    FirstCompleted,
    /// When any future ends with a panic or another error; cancelled ones do not count. If none does, when
    /// all are done.
    FirstException,
    /// When all futures have finished or were cancelled.
    AllCompleted,
}

/// Waits for `futures` and returns those that are done and those that are not, each in the order given.
///
/// It cancels nothing, and when the time is up it returns what there is. A cancelled future counts as done, at
/// once. No futures at all are all done.
///
/// ```
/// use windlass_blocking::{ExecutorExt, Promise, ReturnWhen, ThreadPoolExecutor, wait};
///
/// let pool = ThreadPoolExecutor::new(2);
/// let (promise, never) = Promise::new();
/// let futures = [pool.submit(|| 1), never];
/// let (done, not_done) = wait(futures, None, ReturnWhen::FirstCompleted);
/// assert_eq!((done.len(), not_done.len()), (1, 1));
/// # drop(promise);
/// ```
pub fn wait<T>(
    futures: impl IntoIterator<Item = Future<T>>,
    timeout: Option<Duration>,
    return_when: ReturnWhen,
) -> (Vec<Future<T>>, Vec<Future<T>>) {
    let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
    let futures: Vec<Future<T>> = futures.into_iter().collect();
    let enough = |future: &Future<T>| match return_when {
        ReturnWhen::FirstCompleted => true,
        ReturnWhen::FirstException => future.cell.failed(),
        ReturnWhen::AllCompleted => false,
    };
    let arrivals = Arrivals::watch(futures.iter());
    for _ in 0..futures.len() {
        match arrivals.next(deadline) {
            Some(index) if !enough(&futures[index]) => {}
            _ => break,
        }
    }
    let (done, not_done): (Vec<_>, Vec<_>) = futures.into_iter().partition(Future::done);
    not_done.iter().for_each(Future::unwatch);
    (done, not_done)
}

/// Gives the futures back one by one as they are done, those first that are done already.
///
/// The time is counted from this call. When it is up, the iterator yields one error and ends;
/// [`into_pending`](AsCompleted::into_pending) has the rest. A cancelled future counts as done, at once.
///
/// ```
/// use windlass_blocking::{ExecutorExt, ThreadPoolExecutor, as_completed};
///
/// let pool = ThreadPoolExecutor::new(4);
/// let futures: Vec<_> = (1..=3).map(|n| pool.submit(move || n * 10)).collect();
/// let mut values: Vec<u32> =
///     as_completed(futures, None).map(|future| future.unwrap().result().unwrap()).collect();
/// values.sort();
/// assert_eq!(values, [10, 20, 30]);
/// ```
pub fn as_completed<T>(
    futures: impl IntoIterator<Item = Future<T>>,
    timeout: Option<Duration>,
) -> AsCompleted<T> {
    let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
    let futures: Vec<Option<Future<T>>> = futures.into_iter().map(Some).collect();
    let arrivals = Arrivals::watch(futures.iter().flatten());
    AsCompleted { left: futures.len(), futures, arrivals, deadline, timed_out: false }
}

/// The iterator made by [`as_completed`].
pub struct AsCompleted<T> {
    futures: Vec<Option<Future<T>>>,
    left: usize,
    arrivals: Arc<Arrivals>,
    deadline: Option<Instant>,
    timed_out: bool,
}

impl<T> AsCompleted<T> {
    /// The futures that it has not yielded, in the order in which they were given.
    ///
    /// ```
    /// use std::time::Duration;
    /// use windlass_blocking::{Promise, as_completed};
    ///
    /// let (_promise, future) = Promise::<u32>::new();
    /// let mut completed = as_completed([future], Some(Duration::ZERO));
    /// assert!(completed.next().unwrap().is_err());
    /// assert!(completed.into_pending()[0].cancel());
    /// ```
    #[must_use]
    pub fn into_pending(self) -> Vec<Future<T>> {
        let pending: Vec<Future<T>> = self.futures.into_iter().flatten().collect();
        pending.iter().for_each(Future::unwatch);
        pending
    }
}

impl<T> Iterator for AsCompleted<T> {
    type Item = Result<Future<T>, TimeoutError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.left == 0 || self.timed_out {
            return None;
        }
        Some(match self.arrivals.next(self.deadline) {
            Some(index) => {
                self.left -= 1;
                Ok(self.futures[index].take().expect("a future arrives once"))
            }
            None => {
                self.timed_out = true;
                Err(TimeoutError { unfinished: self.left, total: self.futures.len() })
            }
        })
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        // An error takes the place of at least one future.
        (usize::from(self.left > 0 && !self.timed_out), Some(if self.timed_out { 0 } else { self.left }))
    }
}

impl<T> std::iter::FusedIterator for AsCompleted<T> {}

impl<T> fmt::Debug for AsCompleted<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AsCompleted").field("left", &self.left).field("of", &self.futures.len()).finish()
    }
}

//! A lock, and a place to wait for what it protects to change.

use std::fmt;
use std::future::poll_fn;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::task::{Context, Poll};

use super::wait::{Key, Looked, Waiters, Wakes};
use super::{Mutex, MutexGuard, TryLockError};
use crate::context;
use crate::task::{Note, Resource};

type Line = crate::primitives::Mutex<Waiters<()>>;

/// A lock with a place to wait for what it protects to change; asyncio's `Condition`.
///
/// # Differences from asyncio
///
/// Waiting and notifying are methods of the guard, so neither can be done without the lock. [`wait`](ConditionGuard::wait)
/// takes the guard and returns it: a wait that is dropped does not hold the lock, where Python takes it again first.
///
/// # Examples
///
/// ```
/// # let rt = windlass::runtime::Runtime::new().unwrap();
/// # rt.block_on(async {
/// use std::sync::Arc;
/// use windlass::sync::Condition;
///
/// let stock = Arc::new(Condition::new(0));
/// let buyer = windlass::spawn({
///     let stock = stock.clone();
///     async move {
///         let mut stock = stock.lock().await.wait_for(|stock| *stock >= 2).await;
///         *stock -= 2;
///     }
/// });
/// for _ in 0..2 {
///     let mut stock = stock.lock().await;
///     *stock += 1;
///     stock.notify(1);
/// }
/// buyer.await.unwrap();
/// assert_eq!(*stock.lock().await, 0);
/// # });
/// ```
#[doc(alias("asyncio.Condition", "Condvar"))]
pub struct Condition<T: ?Sized = ()> {
    line: Line,
    lock: Arc<Mutex<T>>,
}

impl<T> Condition<T> {
    /// A condition with a lock of its own around a value.
    ///
    /// # Examples
    ///
    /// ```
    /// let condition = windlass::sync::Condition::new(5);
    /// assert_eq!(*condition.try_lock().unwrap(), 5);
    /// ```
    pub fn new(value: T) -> Self {
        Self::with_lock(Arc::new(Mutex::new(value)))
    }
}

impl<T: ?Sized> Condition<T> {
    /// A condition of a lock that others use too, or other conditions; `Condition(lock)`.
    ///
    /// # Examples
    ///
    /// ```
    /// # let rt = windlass::runtime::Runtime::new().unwrap();
    /// # rt.block_on(async {
    /// use std::sync::Arc;
    /// use windlass::sync::{Condition, Mutex};
    ///
    /// let lock = Arc::new(Mutex::new(0));
    /// let (filled, emptied) = (Condition::with_lock(lock.clone()), Condition::with_lock(lock.clone()));
    /// *filled.lock().await += 1;
    /// assert_eq!(*emptied.lock().await, 1);
    /// # });
    /// ```
    pub fn with_lock(lock: Arc<Mutex<T>>) -> Self {
        Self { line: Line::new(Waiters::new()), lock }
    }

    /// Takes the lock, and waits for it in line.
    ///
    /// # Cancel safety
    ///
    /// Dropped while it waits it loses its place; the lock goes to the next in line.
    ///
    /// # Examples
    ///
    /// ```
    /// # let rt = windlass::runtime::Runtime::new().unwrap();
    /// # rt.block_on(async {
    /// let condition = windlass::sync::Condition::new(0);
    /// *condition.lock().await += 1;
    /// # });
    /// ```
    #[doc(alias = "acquire")]
    pub async fn lock(&self) -> ConditionGuard<'_, T> {
        ConditionGuard { condition: self, guard: self.lock.lock().await }
    }

    /// Takes the lock if it is free and nobody waits for it.
    ///
    /// # Errors
    ///
    /// If it is not.
    pub fn try_lock(&self) -> Result<ConditionGuard<'_, T>, TryLockError> {
        Ok(ConditionGuard { condition: self, guard: self.lock.try_lock()? })
    }

    fn notify(&self, n: usize) {
        let mut wakes = Wakes::new();
        let mut line = self.line.lock();
        for _ in 0..n.min(line.len()) {
            wakes.push(line.grant_front());
        }
        drop(line);
        wakes.wake();
    }
}

impl<T: ?Sized> fmt::Debug for Condition<T>
where
    T: fmt::Debug,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // What is written to is the user's: not under the line's lock.
        let waiters = { self.line.lock().len() };
        f.debug_struct("Condition").field("lock", &self.lock).field("waiters", &waiters).finish()
    }
}

/// The lock of a [`Condition`], held until it is dropped.
#[must_use = "the lock is released when its guard is dropped"]
#[clippy::has_significant_drop]
pub struct ConditionGuard<'a, T: ?Sized = ()> {
    condition: &'a Condition<T>,
    guard: MutexGuard<'a, T>,
}

impl<'a, T: ?Sized> ConditionGuard<'a, T> {
    /// Releases the lock, waits to be notified, and takes the lock again.
    ///
    /// There may be wakes that nobody meant: see [`wait_for`](Self::wait_for).
    ///
    /// # Cancel safety
    ///
    /// Dropped, it leaves the lock to others. A notification it got and did not act on goes to the next that waits.
    ///
    /// # Examples
    ///
    /// ```
    /// # let rt = windlass::runtime::Builder::new_current_thread().build().unwrap();
    /// # rt.block_on(async {
    /// use std::sync::Arc;
    /// use windlass::sync::Condition;
    ///
    /// let condition = Arc::new(Condition::new(0));
    /// let guard = condition.lock().await;
    /// windlass::spawn({
    ///     let condition = condition.clone();
    ///     async move {
    ///         let mut guard = condition.lock().await;
    ///         *guard = 1;
    ///         guard.notify_all();
    ///     }
    /// });
    /// let guard = guard.wait().await;
    /// assert_eq!(*guard, 1);
    /// # });
    /// ```
    pub async fn wait(self) -> Self {
        let Self { condition, guard } = self;
        let mut waiter = Waiter { condition, key: None, notified: false };
        let mut guard = Some(guard);
        poll_fn(|cx| {
            let outcome = waiter.poll(cx);
            // In line, it lets the lock go.
            guard = None;
            outcome
        })
        .await;
        let guard = condition.lock.lock().await;
        waiter.notified = false;
        Self { condition, guard }
    }

    /// Waits until that is true of the value, holding the lock whenever it looks.
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
    /// let condition = windlass::sync::Condition::new(5);
    /// let guard = condition.lock().await.wait_for(|n| *n == 5).await; // it is already
    /// # });
    /// ```
    pub async fn wait_for(self, mut predicate: impl FnMut(&mut T) -> bool) -> Self {
        let mut this = self;
        while !predicate(&mut this) {
            this = this.wait().await;
        }
        this
    }

    /// Wakes so many of those who wait, first come, first served. They go on when they have the lock.
    ///
    /// # Examples
    ///
    /// ```
    /// # let rt = windlass::runtime::Runtime::new().unwrap();
    /// # rt.block_on(async {
    /// let condition = windlass::sync::Condition::new(0);
    /// let mut guard = condition.lock().await;
    /// *guard += 2;
    /// guard.notify(2);
    /// # });
    /// ```
    #[doc(alias = "notify_one")]
    pub fn notify(&self, n: usize) {
        self.condition.notify(n);
    }

    /// Wakes everyone who waits.
    pub fn notify_all(&self) {
        self.condition.notify(usize::MAX);
    }
}

impl<T: ?Sized> Deref for ConditionGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.guard
    }
}

impl<T: ?Sized> DerefMut for ConditionGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.guard
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for ConditionGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}

/// One that waits; passes on a notification that it does not act on.
struct Waiter<'a, T: ?Sized> {
    condition: &'a Condition<T>,
    key: Option<Key>,
    /// It was notified, and does not have the lock yet.
    notified: bool,
}

impl<T: ?Sized> Waiter<'_, T> {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.key.is_none() {
            let waker = cx.waker().clone();
            self.key = Some(self.condition.line.lock().push((), waker));
            context::note(Note::resource(Resource::Condition, self.condition));
            return Poll::Pending;
        }
        // The line is unlocked before what was looked at is dropped.
        let looked = self.condition.line.lock().look(&mut self.key, cx.waker());
        match looked {
            Looked::Granted(()) => {
                self.notified = true;
                Poll::Ready(())
            }
            Looked::Waits(_) => {
                context::note(Note::resource(Resource::Condition, self.condition));
                Poll::Pending
            }
        }
    }
}

impl<T: ?Sized> Drop for Waiter<'_, T> {
    fn drop(&mut self) {
        if let Some(key) = self.key.take() {
            let left = self.condition.line.lock().remove(key);
            self.notified = left.was_granted;
        }
        if self.notified {
            self.condition.notify(1);
        }
    }
}

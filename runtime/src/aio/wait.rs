//! `wait`: many tasks, until enough of them have ended.

use std::collections::VecDeque;
use std::error::Error;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use super::ReturnWhen;
use super::deadline::Deadline;
use crate::task::{Ended, Ending, Followed, JoinHandle, coop};

/// Waits until enough tasks have ended, and gives back those that have and those that have not; asyncio's `wait`.
///
/// It fails for none of them and aborts none, not even when the time is up. Of [`ReturnWhen`], `FirstException` means
/// the first panic; a task that was merely cancelled does not count. Both lists keep the order in which the tasks were
/// given. A timeout of zero looks and does not wait.
///
/// # Errors
///
/// [`EmptySet`] if there is nothing to wait for.
///
/// # Cancel safety
///
/// It owns the handles: dropping it detaches the tasks, which go on. (In asyncio the caller keeps them.)
///
/// # Panics
///
/// With a timeout, outside of a runtime.
///
/// # Examples
///
/// ```
/// use std::future::pending;
/// use windlass::aio::{ReturnWhen, wait};
///
/// #[windlass::main]
/// async fn main() {
///     let tasks = [windlass::spawn(pending::<i32>()), windlass::spawn(async { 1 })];
///     let (done, left) = wait(tasks, None, ReturnWhen::FirstCompleted).await.unwrap();
///     for task in done {
///         assert_eq!(task.await.unwrap(), 1);
///     }
///     left.iter().for_each(|task| task.abort());
/// }
/// ```
#[track_caller]
pub fn wait<T>(
    tasks: impl IntoIterator<Item = JoinHandle<T>>,
    timeout: Option<Duration>,
    return_when: ReturnWhen,
) -> Wait<T> {
    Wait::new(tasks, timeout, return_when, |ending| matches!(ending, Ending::Panicked))
}

/// As [`wait`], for tasks whose output is a `Result`: for `FirstException` an error counts too.
///
/// # Errors, cancel safety, panics
///
/// As for [`wait`].
///
/// # Examples
///
/// ```
/// use windlass::aio::{ReturnWhen, try_wait};
///
/// #[windlass::main]
/// async fn main() {
///     let tasks = [windlass::spawn(std::future::pending()), windlass::spawn(async { Err::<(), _>("torn") })];
///     let (mut done, left) = try_wait(tasks, None, ReturnWhen::FirstException).await.unwrap();
///     assert_eq!(done.remove(0).await.unwrap(), Err("torn"));
///     assert_eq!(left.len(), 1);
/// }
/// ```
#[doc(alias = "wait")]
#[track_caller]
pub fn try_wait<T, E>(
    tasks: impl IntoIterator<Item = JoinHandle<Result<T, E>>>,
    timeout: Option<Duration>,
    return_when: ReturnWhen,
) -> Wait<Result<T, E>> {
    Wait::new(tasks, timeout, return_when, |ending| {
        matches!(ending, Ending::Panicked | Ending::Returned(Err(_)))
    })
}

/// Tasks that are waited for, and the keys of those that have ended, in the order in which they did.
pub(super) struct Watch<T> {
    pub(super) tasks: Vec<Option<JoinHandle<T>>>,
    ended: Arc<Ended>,
    /// Those that had ended before.
    before: VecDeque<usize>,
    followed: Followed,
}

impl<T> Watch<T> {
    pub(super) fn new(tasks: impl IntoIterator<Item = JoinHandle<T>>) -> Self {
        let ended = Ended::new();
        let mut before = VecDeque::new();
        let mut followed = Followed::default();
        let tasks = tasks
            .into_iter()
            .enumerate()
            .map(|(key, mut task)| {
                if task.is_finished() {
                    before.push_back(key);
                } else {
                    task.set_waker(&ended.note(key));
                    followed.push(task.id());
                }
                Some(task)
            })
            .collect();
        Self { tasks, ended, before, followed }
    }

    /// The next one that has ended.
    pub(super) fn next(&mut self, cx: &Context<'_>) -> Option<usize> {
        let next = self.before.pop_front().or_else(|| self.ended.next(cx));
        if next.is_none() {
            self.followed.note();
        }
        next
    }
}

/// The future of [`wait`] and [`try_wait`].
#[must_use = "futures do nothing unless they are awaited"]
pub struct Wait<T> {
    watch: Watch<T>,
    /// How many must end, if none does what ends the wait.
    missing: usize,
    deadline: Deadline,
    return_when: ReturnWhen,
    fails: fn(Ending<'_, T>) -> bool,
}

impl<T> Unpin for Wait<T> {}

impl<T> Wait<T> {
    #[track_caller]
    fn new(
        tasks: impl IntoIterator<Item = JoinHandle<T>>,
        timeout: Option<Duration>,
        return_when: ReturnWhen,
        fails: fn(Ending<'_, T>) -> bool,
    ) -> Self {
        let watch = Watch::new(tasks);
        let missing = watch.tasks.len();
        Self { watch, missing, deadline: Deadline::after(timeout), return_when, fails }
    }

    fn poll_enough(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        while self.missing > 0 {
            let Some(key) = self.watch.next(cx) else { return self.deadline.poll(cx) };
            self.missing -= 1;
            let enough = match self.return_when {
                ReturnWhen::FirstCompleted => true,
                ReturnWhen::FirstException => {
                    self.watch.tasks[key].as_mut().and_then(JoinHandle::ending).is_some_and(self.fails)
                }
                ReturnWhen::AllCompleted => false,
            };
            if enough {
                break;
            }
        }
        Poll::Ready(())
    }
}

impl<T> Future for Wait<T> {
    type Output = Result<(Vec<JoinHandle<T>>, Vec<JoinHandle<T>>), EmptySet>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if self.watch.tasks.is_empty() {
            return Poll::Ready(Err(EmptySet(())));
        }
        let coop = ready!(coop::poll_proceed(cx));
        ready!(self.poll_enough(cx));
        coop.made_progress();
        let tasks = std::mem::take(&mut self.watch.tasks);
        Poll::Ready(Ok(tasks.into_iter().flatten().partition(JoinHandle::is_finished)))
    }
}

impl<T> fmt::Debug for Wait<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wait")
            .field("tasks", &self.watch.tasks.len())
            .field("return_when", &self.return_when)
            .finish_non_exhaustive()
    }
}

/// The error of [`wait`] for no tasks at all.
///
/// # Examples
///
/// ```
/// use windlass::aio::{EmptySet, ReturnWhen, wait};
/// use windlass::task::JoinHandle;
///
/// # #[windlass::main(flavor = "current_thread")]
/// # async fn main() {
/// let none: Vec<JoinHandle<()>> = Vec::new();
/// let empty: EmptySet = wait(none, None, ReturnWhen::AllCompleted).await.unwrap_err();
/// println!("{empty}");
/// # }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EmptySet(());

impl fmt::Display for EmptySet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("there are no tasks to wait for: ask whether the set is empty before")
    }
}

impl Error for EmptySet {}

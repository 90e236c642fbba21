//! A task of a group, and its handle.

use std::error::Error;
use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;

use super::group::Group;
use crate::aio::TaskFailure;
use crate::context;
use crate::quietly;
use crate::task::{AbortHandle, Id, JoinError, JoinHandle};

/// A task's membership; its drop ends it.
pub(super) struct Member<E>(Arc<Group<E>>);

impl<E> Member<E> {
    /// `None` if the group takes no more tasks.
    pub(super) fn enter(group: &Arc<Group<E>>) -> Option<Self> {
        let entered = group.count.enter();
        let member = Self(Arc::clone(group));
        entered.then_some(member)
    }

    /// What the group makes of the outcome: the output, or nothing if that was a failure.
    pub(super) fn settle<T>(&self, outcome: std::thread::Result<Result<T, E>>) -> Option<T> {
        let failure = match outcome {
            Ok(Ok(output)) => return Some(output),
            Ok(Err(error)) => TaskFailure::Error(error),
            Err(payload) => match context::with_task(|task| task.map(|task| task.id())) {
                Some(id) => TaskFailure::Join(JoinError::panic(id, payload)),
                // It was never polled, and ends outside of its runtime: its handle has the panic.
                None => resume_unwind(payload),
            },
        };
        self.0.fail(failure);
        None
    }
}

impl<E> Drop for Member<E> {
    fn drop(&mut self) {
        self.0.leave();
    }
}

pin_project! {
    /// The future of a task of a group, or the function of a blocking one.
    pub(super) struct Child<F, T, E> {
        // Dropped before the membership.
        #[pin]
        future: Option<F>,
        member: Member<E>,
        _output: PhantomData<fn() -> T>,
    }

    impl<F, T, E> PinnedDrop for Child<F, T, E> {
        fn drop(this: Pin<&mut Self>) {
            // A panic in the drop of a future that was aborted is a failure too.
            let mut this = this.project();
            if this.future.is_some()
                && let Err(payload) = catch_unwind(AssertUnwindSafe(|| this.future.set(None)))
            {
                this.member.settle::<T>(Err(payload));
            }
        }
    }
}

impl<F, T, E> Child<F, T, E> {
    pub(super) fn new(future: F, member: Member<E>) -> Self {
        Self { future: Some(future), member, _output: PhantomData }
    }
}

impl<F: FnOnce() -> Result<T, E>, T, E> Child<F, T, E> {
    /// Calls the function that this is of, for a blocking job. One that is not called is dropped as a future is.
    pub(super) fn call(mut self) -> Option<T> {
        let f = self.future.take().expect("it is called once");
        self.member.settle(catch_unwind(AssertUnwindSafe(f)))
    }
}

impl<F: Future<Output = Result<T, E>>, T, E> Future for Child<F, T, E> {
    type Output = Option<T>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        let mut this = self.project();
        let polled = catch_unwind(AssertUnwindSafe(|| {
            this.future.as_mut().as_pin_mut().expect("a task is not polled after its end").poll(cx)
        }));
        let outcome = match polled {
            Ok(Poll::Pending) => return Poll::Pending,
            Ok(Poll::Ready(output)) => Ok(output),
            Err(payload) => Err(payload),
        };
        let dropped = catch_unwind(AssertUnwindSafe(|| this.future.set(None)));
        let output = this.member.settle(outcome);
        let Err(payload) = dropped else { return Poll::Ready(output) };
        // A panic in the future's drop is a failure of the task, whatever it returned; and what it returned may panic too.
        quietly(|| drop(output));
        Poll::Ready(this.member.settle(Err(payload)))
    }
}

/// The handle of a task of a [`TaskGroup`](super::TaskGroup). Dropping it leaves the task to the group.
///
/// It is a [`JoinHandle`] but for two things. Its output is a `Result<T, ChildError>` and not a
/// `Result<Result<T, E>, JoinError>`: what a task fails with, error or panic, goes to its group at once, which ends for it and gives it to
/// whoever joins. An error exists once, so the handle can say only that there was one. And [`id`](Self::id) and
/// [`abort_handle`](Self::abort_handle) are options: a group that has ended takes no task, and drops the future; there is a handle, of
/// what was cancelled, but no task.
///
/// # Errors
///
/// Awaiting it gives the output, or says that the task failed, and that what it failed with is in the group; or that it
/// was cancelled.
///
/// # Cancel safety
///
/// Awaiting `&mut handle` can be given up and begun again.
///
/// # Examples
///
/// ```
/// use windlass::aio::TaskGroup;
///
/// # #[windlass::main(flavor = "current_thread")]
/// # async fn main() {
/// let group = TaskGroup::<std::io::Error>::new();
/// let child = group.spawn(async { std::future::pending().await });
/// println!("{:?} is {}", child.id(), if child.is_finished() { "done" } else { "under way" });
/// assert!(child.abort_handle().is_some(), "the group took it");
/// // Its siblings go on.
/// child.abort();
/// let error: Result<(), _> = child.await;
/// assert!(error.unwrap_err().is_cancelled());
/// group.join().await.unwrap();
/// # }
/// ```
#[doc(alias = "Task")]
pub struct ChildHandle<T>(Option<JoinHandle<Option<T>>>);

impl<T> ChildHandle<T> {
    pub(super) fn new(task: JoinHandle<Option<T>>) -> Self {
        Self(Some(task))
    }

    /// Of a task that the group did not take.
    pub(super) fn refused() -> Self {
        Self(None)
    }

    /// Aborts this task only: the group does not count that as a failure.
    #[doc(alias = "cancel")]
    pub fn abort(&self) {
        if let Some(task) = &self.0 {
            task.abort();
        }
    }

    /// A handle that can only abort the task; `None` if the group did not take it.
    pub fn abort_handle(&self) -> Option<AbortHandle> {
        self.0.as_ref().map(JoinHandle::abort_handle)
    }

    /// Whether the task has ended.
    #[doc(alias = "done")]
    pub fn is_finished(&self) -> bool {
        self.0.as_ref().is_none_or(JoinHandle::is_finished)
    }

    /// The id of the task; `None` if the group did not take it.
    pub fn id(&self) -> Option<Id> {
        self.0.as_ref().map(JoinHandle::id)
    }
}

impl<T> Future for ChildHandle<T> {
    type Output = Result<T, ChildError>;

    #[track_caller]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Some(task) = &mut self.0 else { return Poll::Ready(Err(ChildError::Cancelled)) };
        Poll::Ready(match ready!(Pin::new(task).poll(cx)) {
            Ok(Some(output)) => Ok(output),
            Ok(None) => Err(ChildError::Failed),
            Err(error) if error.is_cancelled() => Err(ChildError::Cancelled),
            Err(_) => Err(ChildError::Failed),
        })
    }
}

impl<T> fmt::Debug for ChildHandle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ChildHandle").field(&self.0).finish()
    }
}

/// Why a task of a group has no output.
///
/// # Examples
///
/// ```
/// use windlass::aio::{ChildError, TaskGroup};
///
/// # #[windlass::main(flavor = "current_thread")]
/// # async fn main() {
/// let group = TaskGroup::<&str>::new();
/// let child = group.spawn(async { Err::<(), _>("no wind") });
/// assert!(matches!(child.await, Err(ChildError::Failed)));
/// // What it failed with is the group's.
/// assert_eq!(group.join().await.unwrap_err().into_first().into_error(), Some("no wind"));
/// # }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChildError {
    /// It failed or panicked: the group has what it failed with, and gives it to whoever joins it.
    Failed,
    /// It was aborted, by the group or by itself, or the group did not take it.
    Cancelled,
}

impl ChildError {
    /// Whether it was cancelled.
    ///
    /// # Examples
    ///
    /// ```
    /// use windlass::aio::TaskGroup;
    ///
    /// # #[windlass::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let group = TaskGroup::<()>::new();
    /// let child = group.spawn(async { std::future::pending::<Result<(), ()>>().await });
    /// group.cancel();
    /// assert!(child.await.unwrap_err().is_cancelled());
    /// group.join().await.unwrap();
    /// # }
    /// ```
    pub fn is_cancelled(&self) -> bool {
        *self == Self::Cancelled
    }
}

impl fmt::Display for ChildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Failed => "the task failed, and its group has the error",
            Self::Cancelled => "the task was cancelled",
        })
    }
}

impl Error for ChildError {}

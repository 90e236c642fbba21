//! `start`: a task of a group that says when it is ready.

use std::error::Error;
use std::fmt;
use std::future::Future;
use std::mem;
use std::panic::{AssertUnwindSafe, resume_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use futures_lite::FutureExt;
use parking_lot::Mutex;

use super::child::ChildHandle;
use super::group::Group;
use crate::aio::TaskFailure;
use crate::quietly;
use crate::task::{self, JoinError};

/// Tells whoever [started](super::Spawner::start) a task that it is ready; Trio's `TaskStatus`.
///
/// Dropped without that, the task is never ready, and `start` waits for its end.
///
/// # Examples
///
/// ```
/// use windlass::aio::{TaskGroup, TaskStatus};
///
/// async fn serve(status: TaskStatus<u16>) -> Result<(), std::io::Error> {
///     // .. bind, and say where; then serve.
///     status.started(4711);
///     Ok(())
/// }
///
/// # #[windlass::main(flavor = "current_thread")]
/// # async fn main() {
/// let group = TaskGroup::new();
/// assert_eq!(group.start(serve).await.unwrap(), 4711);
/// group.join().await.unwrap();
/// # }
/// ```
pub struct TaskStatus<V>(Arc<Readiness<V>>);

struct Readiness<V>(Mutex<State<V>>);

enum State<V> {
    Waits(Option<Waker>),
    Ready(V),
    Ended,
    Seen,
}

impl<V> Readiness<V> {
    fn waits(&self) -> bool {
        matches!(*self.0.lock(), State::Waits(_))
    }

    /// Moves on from waiting, and tells whoever waits.
    fn become_(&self, next: State<V>) {
        let old = {
            let mut state = self.0.lock();
            if !matches!(*state, State::Waits(_)) {
                return drop(state);
            }
            mem::replace(&mut *state, next)
        };
        if let State::Waits(Some(waker)) = old {
            quietly(|| waker.wake());
        }
    }
}

impl<V> TaskStatus<V> {
    /// The task is ready, and gives this to whoever started it, for instance the address it listens at.
    pub fn started(self, value: V) {
        self.0.become_(State::Ready(value));
    }
}

impl<V> fmt::Debug for TaskStatus<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TaskStatus").field("started", &!self.0.waits()).finish()
    }
}

/// What a task that ended before it was ready failed with.
enum Failure<E> {
    /// It has not failed. Whoever started it is there.
    None,
    /// It is the failure of whoever started it.
    Left(TaskFailure<E>),
    /// Whoever started it is gone: it is the group's.
    Unwanted,
}

/// Tells whoever waits that the task has ended, in its drop.
struct End<V>(Arc<Readiness<V>>);

impl<V> Drop for End<V> {
    fn drop(&mut self) {
        self.0.become_(State::Ended);
    }
}

/// The future of [`start`](super::Spawner::start).
#[must_use = "dropping it before the task is ready aborts the task"]
pub struct Start<V, E> {
    readiness: Arc<Readiness<V>>,
    failure: Arc<Mutex<Failure<E>>>,
    group: Arc<Group<E>>,
    child: Option<ChildHandle<()>>,
}

impl<V, E> Unpin for Start<V, E> {}

/// Of a task that is being started: what it tells, and what it ends with before that.
pub(super) struct Starting<V, E> {
    end: End<V>,
    failure: Arc<Mutex<Failure<E>>>,
}

impl<V, E> Starting<V, E> {
    pub(super) fn new() -> Self {
        let readiness = Arc::new(Readiness(Mutex::new(State::Waits(None))));
        Self { end: End(readiness), failure: Arc::new(Mutex::new(Failure::None)) }
    }

    pub(super) fn status(&self) -> TaskStatus<V> {
        TaskStatus(Arc::clone(&self.end.0))
    }

    /// The future that waits until the task is ready.
    pub(super) fn start(&self, group: &Arc<Group<E>>) -> Start<V, E> {
        Start {
            readiness: Arc::clone(&self.end.0),
            failure: Arc::clone(&self.failure),
            group: Arc::clone(group),
            child: None,
        }
    }

    /// The future of the task.
    pub(super) async fn run(self, body: impl Future<Output = Result<(), E>>) -> Result<(), E> {
        // The end is dropped after the body, and after the failure was left.
        let Self { end, failure } = self;
        let outcome = AssertUnwindSafe(body).catch_unwind().await;
        let failed = match outcome {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(error)) => TaskFailure::Error(error),
            Err(payload) => TaskFailure::Join(JoinError::panic(task::id(), payload)),
        };
        if end.0.waits() {
            let mut failure = failure.lock();
            if matches!(*failure, Failure::None) {
                *failure = Failure::Left(failed);
                return Ok(());
            }
        }
        // It is a failure of the group.
        match failed {
            TaskFailure::Error(error) => Err(error),
            TaskFailure::Join(error) => resume_unwind(error.into_panic()),
        }
    }
}

impl<V, E> Start<V, E> {
    pub(super) fn with_child(mut self, child: ChildHandle<()>) -> Self {
        self.child = Some(child);
        self
    }

    /// What the task failed with before it was ready. What it fails with from here on is the group's.
    fn give_up(&self) -> Option<TaskFailure<E>> {
        match mem::replace(&mut *self.failure.lock(), Failure::Unwanted) {
            Failure::Left(failure) => Some(failure),
            Failure::None | Failure::Unwanted => None,
        }
    }
}

impl<V, E> Future for Start<V, E> {
    type Output = Result<V, StartError<E>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let waker = cx.waker().clone();
        let _old;
        let seen = {
            let mut state = self.readiness.0.lock();
            if let State::Waits(left) = &mut *state {
                _old = left.replace(waker);
                return Poll::Pending;
            }
            mem::replace(&mut *state, State::Seen)
        };
        self.child = None;
        Poll::Ready(match seen {
            State::Ready(value) => Ok(value),
            State::Ended => Err(match self.give_up() {
                Some(failure) => StartError::Failed(failure),
                None => StartError::NeverReady,
            }),
            State::Waits(_) | State::Seen => panic!("`Start` polled after completion"),
        })
    }
}

impl<V, E> Drop for Start<V, E> {
    fn drop(&mut self) {
        let seen = {
            let mut state = self.readiness.0.lock();
            let waits = matches!(*state, State::Waits(_));
            (!waits).then(|| mem::replace(&mut *state, State::Seen))
        };
        // One that is ready belongs to the group, though nobody has seen what it said.
        if seen.is_none()
            && let Some(child) = &self.child
        {
            child.abort();
        }
        if let Some(failure) = self.give_up() {
            self.group.fail(failure);
        }
    }
}

impl<V, E> fmt::Debug for Start<V, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Start").field("ready", &!self.readiness.waits()).finish_non_exhaustive()
    }
}

/// Why a task did not get ready.
///
/// # Examples
///
/// ```
/// use windlass::aio::{StartError, TaskGroup, TaskStatus};
///
/// # #[windlass::main(flavor = "current_thread")]
/// # async fn main() {
/// let group = TaskGroup::<&str>::new();
/// let started = group.start(async |_status: TaskStatus<u16>| Err("the port is taken"));
/// match started.await {
///     Err(StartError::Failed(failure)) => assert_eq!(failure.into_error(), Some("the port is taken")),
///     other => panic!("{other:?}"),
/// }
/// group.join().await.unwrap();
/// # }
/// ```
#[derive(Debug)]
pub enum StartError<E> {
    /// It failed before. The group does not have this failure, whoever started the task has it.
    Failed(TaskFailure<E>),
    /// It ended, or was cancelled, without having said that it is ready.
    NeverReady,
}

impl<E: fmt::Display> fmt::Display for StartError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed(failure) => write!(f, "the task failed before it was ready: {failure}"),
            Self::NeverReady => f.write_str("the task ended without calling `TaskStatus::started`"),
        }
    }
}

impl<E: Error + 'static> Error for StartError<E> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Failed(failure) => Some(failure),
            Self::NeverReady => None,
        }
    }
}

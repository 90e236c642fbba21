//! `TaskGroup`: tasks that end together.

mod child;
mod count;
mod error_group;
mod group;
mod start;

use std::fmt;
use std::future::{Future, poll_fn};
use std::ops::Deref;
use std::panic::{AssertUnwindSafe, Location, catch_unwind, resume_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use super::TaskFailure;
use crate::and_dropped;
use crate::context;
use crate::runtime::in_runtime;
use crate::scheduler::Shared;
use crate::task::JoinHandle;

use child::{Child, Member};
pub use child::{ChildError, ChildHandle};
pub use error_group::ErrorGroup;
use group::Group;
use start::Starting;
pub use start::{Start, StartError, TaskStatus};

/// Tasks that end together: the first failure aborts the others, and [`join`](Self::join) gives every failure there was;
/// asyncio's `TaskGroup`, Trio's nursery.
///
/// A task fails by returning `Err`, or by a panic. One that is merely aborted does not count. Tasks spawn siblings through a
/// [`Spawner`], which the group derefs to, as long as one task is alive; once the group ends no more begin: their futures
/// are dropped, and their handles say that they were cancelled (asyncio raises `RuntimeError`).
///
/// asyncio's `async with` interrupts its body too; here that is [`TaskGroup::scope`]. Dropping the group aborts every task
/// and waits for none.
///
/// # Examples
///
/// ```
/// use windlass::aio::TaskGroup;
///
/// #[windlass::main]
/// async fn main() {
///     let group = TaskGroup::new();
///     let one = group.spawn(async { Ok(1) });
///     let two = group.spawn(async { Ok(2) });
///     group.spawn_blocking(|| std::fs::read("Cargo.toml"));
///     group.join().await.unwrap();
///     assert_eq!(one.await.unwrap() + two.await.unwrap(), 3);
/// }
/// ```
#[doc(alias = "nursery")]
#[must_use = "dropping the group aborts its tasks: `join` it"]
pub struct TaskGroup<E>(Spawner<E>);

/// Spawns tasks into a [`TaskGroup`]; to be given to its tasks.
///
/// # Examples
///
/// A task of the group that spawns others:
///
/// ```
/// use windlass::aio::{Spawner, TaskGroup};
///
/// async fn crew(group: Spawner<std::io::Error>) -> Result<(), std::io::Error> {
///     for n in 0..3 {
///         group.spawn_named("sailor", async move { Ok(println!("{n} is aboard")) });
///     }
///     group.spawn_blocking(|| std::fs::metadata("Cargo.toml"));
///     Ok(())
/// }
///
/// # #[windlass::main(flavor = "current_thread")]
/// # async fn main() {
/// let group = TaskGroup::new();
/// let spawner = group.spawner();
/// spawner.spawn(crew(group.spawner()));
/// assert_eq!((spawner.len(), spawner.is_closed()), (1, false));
/// group.join().await.unwrap();
/// assert!(spawner.is_closed(), "no more begin");
/// # }
/// ```
pub struct Spawner<E>(Arc<Group<E>>);

impl<E: Send + 'static> TaskGroup<E> {
    /// A group without tasks.
    #[track_caller]
    pub fn new() -> Self {
        Self(Spawner(Group::new(Location::caller())))
    }

    /// Waits until every task has ended. Tasks may spawn more meanwhile.
    ///
    /// # Errors
    ///
    /// Every failure, in the order in which they happened, if there was one. An abort is none, and neither is
    /// [`cancel`](Spawner::cancel).
    ///
    /// # Cancel safety
    ///
    /// Dropping it aborts every task.
    ///
    /// # Examples
    ///
    /// ```
    /// use windlass::aio::TaskGroup;
    ///
    /// #[windlass::main]
    /// async fn main() {
    ///     let group = TaskGroup::new();
    ///     group.spawn(std::future::pending::<Result<(), &str>>());
    ///     group.spawn(async { Err::<(), _>("ran aground") });
    ///     let errors = group.join().await.unwrap_err();
    ///     assert_eq!(errors.into_first().into_error(), Some("ran aground"));
    /// }
    /// ```
    pub async fn join(self) -> Result<(), ErrorGroup<E>> {
        self.end().await;
        match ErrorGroup::of(self.0.0.take_failures()) {
            Some(errors) => Err(errors),
            None => Ok(()),
        }
    }

    async fn end(&self) {
        let group = &self.0.0;
        poll_fn(|cx| group.poll_end(cx)).await;
        group.settle().await;
    }

    /// Runs a body with a group, then waits until every task of it has ended; asyncio's `async with TaskGroup() as group`.
    ///
    /// The first failure of a task drops the body where it waits; a failure of the body aborts the tasks. A body that
    /// panics aborts them, waits for them, and panics on; then what the tasks failed with is reported
    /// ([`Builder::on_unhandled`](crate::runtime::Builder::on_unhandled)).
    ///
    /// # Errors
    ///
    /// Every failure, the body's included. `Ok(None)` if the group was [cancelled](Spawner::cancel) before the body was
    /// done.
    ///
    /// # Cancel safety
    ///
    /// Dropping it drops the body and aborts every task.
    ///
    /// # Examples
    ///
    /// ```
    /// use windlass::aio::TaskGroup;
    ///
    /// #[windlass::main]
    /// async fn main() {
    ///     let sum = TaskGroup::<std::num::ParseIntError>::scope(async |group| {
    ///         let one = group.spawn(async { "1".parse::<i32>() });
    ///         let two = group.spawn(async { "2".parse::<i32>() });
    ///         Ok(one.await.unwrap() + two.await.unwrap())
    ///     });
    ///     assert_eq!(sum.await.unwrap(), Some(3));
    /// }
    /// ```
    #[doc(alias = "__aenter__")]
    #[track_caller]
    pub fn scope<T, F, B>(body: F) -> impl Future<Output = Result<Option<T>, ErrorGroup<E>>>
    where
        F: FnOnce(Spawner<E>) -> B,
        B: Future<Output = Result<T, E>>,
    {
        let group = Self::new();
        async move {
            let value = match group.run_body(body).await {
                Some(Ok(Ok(value))) => Some(value),
                Some(Ok(Err(error))) => {
                    group.0.0.fail(TaskFailure::Error(error));
                    None
                }
                Some(Err(payload)) => {
                    group.cancel();
                    group.end().await;
                    group.0.0.report_failures();
                    resume_unwind(payload);
                }
                None => None,
            };
            group.join().await.map(|()| value)
        }
    }

    /// Runs the body until it is done, panics, or the group ends, and drops it.
    async fn run_body<T, F, B>(&self, body: F) -> Option<std::thread::Result<Result<T, E>>>
    where
        F: FnOnce(Spawner<E>) -> B,
        B: Future<Output = Result<T, E>>,
    {
        let group = &self.0.0;
        let mut body = pin!(Some(async move { body(self.0.clone()).await }));
        let outcome = poll_fn(|cx| {
            if group.count.is_closed() {
                return Poll::Ready(None);
            }
            let running = body.as_mut().as_pin_mut().expect("it is dropped when it has ended");
            let polled = catch_unwind(AssertUnwindSafe(|| running.poll(cx)));
            match polled {
                Ok(Poll::Ready(output)) => return Poll::Ready(Some(Ok(output))),
                Ok(Poll::Pending) => {}
                Err(payload) => return Poll::Ready(Some(Err(payload))),
            }
            group.leave_waker(cx.waker());
            if group.count.is_closed() { Poll::Ready(None) } else { Poll::Pending }
        })
        .await;
        // A panic in its drop is one of the body: the tasks are waited for all the same.
        and_dropped(outcome.transpose(), || body.set(None)).transpose()
    }

    /// What spawns into this group, for its tasks.
    ///
    /// # Examples
    ///
    /// ```
    /// use windlass::aio::TaskGroup;
    ///
    /// # #[windlass::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let group = TaskGroup::<()>::new();
    /// let spawner = group.spawner();
    /// group.spawn(async move {
    ///     spawner.spawn(async { Ok(()) }).await.unwrap();
    ///     Ok(())
    /// });
    /// group.join().await.unwrap();
    /// # }
    /// ```
    pub fn spawner(&self) -> Spawner<E> {
        self.0.clone()
    }
}

impl<E: Send + 'static> Spawner<E> {
    /// Spawns a task into the group.
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    #[doc(alias = "create_task")]
    #[track_caller]
    pub fn spawn<F, T>(&self, future: F) -> ChildHandle<T>
    where
        F: Future<Output = Result<T, E>> + Send + 'static,
        T: Send + 'static,
    {
        self.spawn_at(future, None, Location::caller())
    }

    /// Spawns a task with a name into the group; see [`task::Builder::name`](crate::task::Builder::name).
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    #[track_caller]
    pub fn spawn_named<F, T>(&self, name: &str, future: F) -> ChildHandle<T>
    where
        F: Future<Output = Result<T, E>> + Send + 'static,
        T: Send + 'static,
    {
        self.spawn_at(future, Some(name.into()), Location::caller())
    }

    #[track_caller]
    fn spawn_at<F, T>(
        &self,
        future: F,
        name: Option<Box<str>>,
        at: &'static Location<'static>,
    ) -> ChildHandle<T>
    where
        F: Future<Output = Result<T, E>> + Send + 'static,
        T: Send + 'static,
    {
        let Some(member) = Member::enter(&self.0) else { return ChildHandle::refused() };
        let child = Child::new(future, member);
        self.keep(|runtime| runtime.spawn(child, name, at))
    }

    /// Runs a function that blocks, on the blocking pool, as a task of the group.
    ///
    /// Once it has begun it cannot be aborted: the group waits for it.
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    #[doc(alias = "to_thread")]
    #[track_caller]
    pub fn spawn_blocking<F, T>(&self, f: F) -> ChildHandle<T>
    where
        F: FnOnce() -> Result<T, E> + Send + 'static,
        T: Send + 'static,
    {
        let at = Location::caller();
        let Some(member) = Member::enter(&self.0) else { return ChildHandle::refused() };
        let child = Child::new(f, member);
        self.keep(|runtime| runtime.spawn_blocking(move || child.call(), None, at))
    }

    /// Keeps a task of the current runtime.
    #[track_caller]
    fn keep<T>(&self, spawn: impl FnOnce(&Arc<Shared>) -> JoinHandle<Option<T>>) -> ChildHandle<T> {
        let task = in_runtime(context::with_runtime(|runtime| {
            let runtime = runtime?;
            let task = spawn(runtime);
            self.0.keep(task.abort_handle(), &runtime.unobserved);
            Some(task)
        }));
        ChildHandle::new(task)
    }

    /// Spawns a task and waits until it says that it is ready; Trio's `nursery.start`.
    ///
    /// # Errors
    ///
    /// If the task ends before it is ready; what it fails with until then is the caller's, and not the group's.
    ///
    /// # Cancel safety
    ///
    /// Dropping it before the task is ready aborts the task. If the task fails all the same, or has failed by then, that
    /// is a failure of the group.
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    ///
    /// # Examples
    ///
    /// ```
    /// use windlass::aio::TaskGroup;
    ///
    /// #[windlass::main]
    /// async fn main() {
    ///     let group = TaskGroup::<std::io::Error>::new();
    ///     let address = group.start(async |status| {
    ///         status.started("127.0.0.1:4711");
    ///         std::future::pending().await
    ///     });
    ///     assert_eq!(address.await.unwrap(), "127.0.0.1:4711");
    ///     group.cancel();
    ///     group.join().await.unwrap();
    /// }
    /// ```
    #[track_caller]
    pub fn start<V, F, B>(&self, body: F) -> Start<V, E>
    where
        F: FnOnce(TaskStatus<V>) -> B,
        B: Future<Output = Result<(), E>> + Send + 'static,
        V: Send + 'static,
    {
        let starting = Starting::new();
        let start = starting.start(&self.0);
        let body = body(starting.status());
        start.with_child(self.spawn_at(starting.run(body), None, Location::caller()))
    }

    /// Ends the group without an error: aborts every task, and lets none begin. Again, it does nothing.
    ///
    /// # Examples
    ///
    /// ```
    /// use windlass::aio::TaskGroup;
    ///
    /// #[windlass::main]
    /// async fn main() {
    ///     let group = TaskGroup::<()>::new();
    ///     group.spawn(std::future::pending::<Result<(), ()>>());
    ///     group.cancel();
    ///     assert!(group.join().await.is_ok());
    /// }
    /// ```
    #[doc(alias = "abort_all")]
    pub fn cancel(&self) {
        self.0.abort();
    }

    /// Whether the group takes no more tasks: one has failed, it was cancelled, or all have ended and it was joined.
    pub fn is_closed(&self) -> bool {
        self.0.count.is_closed()
    }

    /// How many tasks are alive.
    #[expect(clippy::len_without_is_empty, reason = "it is a number, not a collection's")]
    pub fn len(&self) -> usize {
        self.0.count.live()
    }
}

impl<E> Deref for TaskGroup<E> {
    type Target = Spawner<E>;

    fn deref(&self) -> &Spawner<E> {
        &self.0
    }
}

impl<E> Drop for TaskGroup<E> {
    fn drop(&mut self) {
        self.0.0.abort();
    }
}

impl<E: Send + 'static> Default for TaskGroup<E> {
    #[track_caller]
    fn default() -> Self {
        Self::new()
    }
}

impl<E> Clone for Spawner<E> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<E> fmt::Debug for TaskGroup<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        describe(f, "TaskGroup", &self.0.0)
    }
}

impl<E> fmt::Debug for Spawner<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        describe(f, "Spawner", &self.0)
    }
}

fn describe<E>(f: &mut fmt::Formatter<'_>, what: &str, group: &Group<E>) -> fmt::Result {
    f.debug_struct(what)
        .field("tasks", &group.count.live())
        .field("closed", &group.count.is_closed())
        .finish()
}

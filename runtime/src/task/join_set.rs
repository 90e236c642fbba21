//! A set of tasks that are joined as they end: [`JoinSet`].

use std::fmt;
use std::future::{Future, poll_fn};
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};

use slab::Slab;

use super::coop;
use super::ended::Ended;
use super::waits::Followed;
use super::{AbortHandle, Id, JoinError, JoinHandle, LocalSet, local};
use crate::runtime::Handle;

/// Tasks with the same output, joined in the order in which they end.
///
/// Dropping the set aborts every task in it.
///
/// # Examples
///
/// ```
/// # let rt = windlass::runtime::Runtime::new().unwrap();
/// # rt.block_on(async {
/// let mut set = windlass::task::JoinSet::new();
/// for n in 0..10 {
///     set.spawn(async move { n });
/// }
/// let mut sum = 0;
/// while let Some(n) = set.join_next().await {
///     sum += n.unwrap();
/// }
/// assert_eq!(sum, 45);
/// # });
/// ```
///
/// What can be spawned, and how it is waited for:
///
/// ```
/// use windlass::runtime::Handle;
/// use windlass::task::{JoinSet, LocalSet};
///
/// # #[windlass::main(flavor = "current_thread")]
/// # async fn main() -> std::io::Result<()> {
/// let handle = Handle::current();
/// let local = LocalSet::new();
/// let mut set = JoinSet::new();
/// set.spawn_on(async { 1 }, &handle);
/// set.spawn_blocking(|| 2);
/// set.spawn_blocking_on(|| 3, &handle);
/// set.spawn_local_on(async { 4 }, &local);
/// set.build_task().name("five").spawn(async { 5 })?;
/// local.run_until(async { set.spawn_local(async { 6 }); }).await;
/// assert_eq!((set.len(), set.is_empty()), (6, false));
///
/// let (id, first) = local.run_until(set.join_next_with_id()).await.unwrap().unwrap();
/// println!("task {id} gave {first}");
/// let mut rest = local.run_until(set.join_all()).await;
/// rest.push(first);
/// rest.sort();
/// assert_eq!(rest, [1, 2, 3, 4, 5, 6]);
/// # Ok(())
/// # }
/// ```
///
/// Without waiting, and ending early:
///
/// ```
/// use windlass::task::JoinSet;
///
/// # #[windlass::main(flavor = "current_thread")]
/// # async fn main() {
/// let mut set = JoinSet::new();
/// set.spawn(std::future::pending::<()>());
/// assert!(set.try_join_next().is_none() && set.try_join_next_with_id().is_none());
/// set.abort_all();
/// assert!(set.join_next().await.unwrap().unwrap_err().is_cancelled());
///
/// set.spawn(std::future::pending());
/// // Aborts, and waits until they are gone.
/// set.shutdown().await;
/// assert!(set.is_empty());
///
/// set.spawn(async { println!("goes on when the set is gone") });
/// set.detach_all();
/// # }
/// ```
///
/// In a `poll` method of one's own:
///
/// ```
/// use std::future::poll_fn;
/// use windlass::task::JoinSet;
///
/// # #[windlass::main(flavor = "current_thread")]
/// # async fn main() {
/// let mut set = JoinSet::new();
/// let task = set.spawn(async { 1 }).id();
/// let (id, value) = poll_fn(|cx| set.poll_join_next_with_id(cx)).await.unwrap().unwrap();
/// assert_eq!((id, value), (task, 1));
/// assert!(poll_fn(|cx| set.poll_join_next(cx)).await.is_none(), "the set is empty");
/// # }
/// ```
pub struct JoinSet<T> {
    tasks: Slab<Member<T>>,
    ended: Arc<Ended>,
    followed: Followed,
}

/// So many that have ended may be among those that are followed, besides as many as there are tasks.
const FEW: usize = 64;

struct Member<T> {
    handle: JoinHandle<T>,
    waker: Waker,
}

impl<T> JoinSet<T> {
    /// An empty set.
    pub fn new() -> Self {
        Self { tasks: Slab::new(), ended: Ended::new(), followed: Followed::default() }
    }

    /// How many tasks are in the set.
    pub fn len(&self) -> usize {
        self.tasks.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.tasks.is_empty()
    }
}

impl<T: 'static> JoinSet<T> {
    /// Spawns on the current runtime.
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    #[doc(alias = "create_task")]
    #[track_caller]
    pub fn spawn<F>(&mut self, future: F) -> AbortHandle
    where
        F: Future<Output = T> + Send + 'static,
        T: Send,
    {
        self.insert(super::spawn(future))
    }

    /// Spawns on that runtime.
    #[track_caller]
    pub fn spawn_on<F>(&mut self, future: F, handle: &Handle) -> AbortHandle
    where
        F: Future<Output = T> + Send + 'static,
        T: Send,
    {
        self.insert(handle.spawn(future))
    }

    /// Spawns on the current [`LocalSet`].
    ///
    /// # Panics
    ///
    /// Outside of a `LocalSet`.
    #[track_caller]
    pub fn spawn_local<F>(&mut self, future: F) -> AbortHandle
    where
        F: Future<Output = T> + 'static,
    {
        self.insert(local::spawn_local(future))
    }

    /// Spawns on that [`LocalSet`].
    #[track_caller]
    pub fn spawn_local_on<F>(&mut self, future: F, local_set: &LocalSet) -> AbortHandle
    where
        F: Future<Output = T> + 'static,
    {
        self.insert(local_set.spawn_local(future))
    }

    /// Runs a function that blocks on the blocking pool of the current runtime.
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    #[track_caller]
    pub fn spawn_blocking<F>(&mut self, f: F) -> AbortHandle
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send,
    {
        self.insert(super::spawn_blocking(f))
    }

    /// Runs a function that blocks on the blocking pool of that runtime.
    #[track_caller]
    pub fn spawn_blocking_on<F>(&mut self, f: F, handle: &Handle) -> AbortHandle
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send,
    {
        self.insert(handle.spawn_blocking(f))
    }

    fn insert(&mut self, handle: JoinHandle<T>) -> AbortHandle {
        let abort = handle.abort_handle();
        let entry = self.tasks.vacant_entry();
        let waker = self.ended.note(entry.key());
        let member = entry.insert(Member { handle, waker });
        if member.handle.is_finished() {
            member.waker.wake_by_ref();
        } else {
            member.handle.set_waker(&member.waker);
        }
        self.forget_the_ended();
        self.followed.push(abort.id());
        abort
    }

    /// Follows only those that are in the set, if most of the others have left it. Also where nobody waits for the set.
    fn forget_the_ended(&mut self) {
        if self.followed.len() > 2 * self.tasks.len() + FEW {
            self.followed.replace(self.tasks.iter().map(|(_, member)| member.handle.id()));
        }
    }

    /// Waits for a task to end, and takes it out of the set. `None` if the set is empty.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost when it is dropped: a task that has ended stays in the set.
    pub async fn join_next(&mut self) -> Option<Result<T, JoinError>> {
        poll_fn(|cx| self.poll_join_next(cx)).await
    }

    /// As [`join_next`](Self::join_next), with the id of the task that returned.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost when it is dropped.
    pub async fn join_next_with_id(&mut self) -> Option<Result<(Id, T), JoinError>> {
        poll_fn(|cx| self.poll_join_next_with_id(cx)).await
    }

    /// Takes a task that has ended out of the set, if there is one.
    pub fn try_join_next(&mut self) -> Option<Result<T, JoinError>> {
        self.try_join_next_with_id().map(|joined| joined.map(|(_, output)| output))
    }

    /// As [`try_join_next`](Self::try_join_next), with the id of the task that returned.
    pub fn try_join_next_with_id(&mut self) -> Option<Result<(Id, T), JoinError>> {
        loop {
            let key = self.ended.try_next()?;
            if let Some(joined) = self.take(key) {
                return Some(joined);
            }
        }
    }

    /// Polls for a task that has ended; `Ready(None)` if the set is empty.
    pub fn poll_join_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<T, JoinError>>> {
        let joined = ready!(self.poll_join_next_with_id(cx));
        Poll::Ready(joined.map(|joined| joined.map(|(_, output)| output)))
    }

    /// As [`poll_join_next`](Self::poll_join_next), with the id of the task that returned.
    pub fn poll_join_next_with_id(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<(Id, T), JoinError>>> {
        self.poll_ended(cx, Self::take)
    }

    /// Polls for a member that has ended, and takes it out with `take`, which returns nothing if it has not.
    fn poll_ended<R>(
        &mut self,
        cx: &mut Context<'_>,
        take: impl Fn(&mut Self, usize) -> Option<R>,
    ) -> Poll<Option<R>> {
        let proceed = ready!(coop::poll_proceed(cx));
        loop {
            let Some(key) = self.ended.next(cx) else {
                if self.tasks.is_empty() {
                    return Poll::Ready(None);
                }
                drop(proceed);
                self.forget_the_ended();
                self.followed.note();
                return Poll::Pending;
            };
            if let Some(taken) = take(self, key) {
                proceed.made_progress();
                return Poll::Ready(Some(taken));
            }
        }
    }

    /// Takes a member that has ended.
    fn take(&mut self, key: usize) -> Option<Result<(Id, T), JoinError>> {
        let member = self.tasks.get_mut(key)?;
        let id = member.handle.id();
        match member.handle.poll_unmetered(&member.waker) {
            Poll::Pending => None,
            Poll::Ready(output) => {
                self.tasks.remove(key);
                Some(output.map(|output| (id, output)))
            }
        }
    }

    /// Takes a member that has ended, and what it ended with unseen: dropped, that is reported if it is a panic.
    fn take_unseen(&mut self, key: usize) -> Option<JoinHandle<T>> {
        let member = self.tasks.get_mut(key)?;
        if !member.handle.is_finished() {
            member.handle.set_waker(&member.waker);
            return None;
        }
        Some(self.tasks.remove(key).handle)
    }

    /// Aborts every task and waits until they all have ended. What they ended with is dropped; a panic is reported, as that of any task
    /// whose handle was dropped.
    ///
    /// # Cancel safety
    ///
    /// The tasks are aborted whether or not it is awaited to its end.
    pub async fn shutdown(&mut self) {
        self.abort_all();
        while poll_fn(|cx| self.poll_ended(cx, Self::take_unseen)).await.is_some() {}
    }

    /// Waits for every task and returns their outputs in the order in which they ended.
    ///
    /// # Panics
    ///
    /// With the panic of the first task that does not return, or if it was cancelled. The rest is aborted.
    pub async fn join_all(mut self) -> Vec<T> {
        let mut outputs = Vec::with_capacity(self.len());
        while let Some(joined) = self.join_next().await {
            match joined {
                Ok(output) => outputs.push(output),
                Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
                Err(error) => panic!("{error}"),
            }
        }
        outputs
    }

    /// Aborts every task. They stay in the set until they are joined.
    pub fn abort_all(&self) {
        for (_, member) in &self.tasks {
            member.handle.abort();
        }
    }

    /// Takes every task out of the set and leaves them running.
    pub fn detach_all(&mut self) {
        self.tasks.clear();
        self.ended.clear();
        self.followed = Followed::default();
    }

    /// A task with a name, to be spawned into this set.
    pub fn build_task(&mut self) -> Builder<'_, T> {
        Builder { set: self, builder: super::Builder::new() }
    }
}

impl<T> Drop for JoinSet<T> {
    fn drop(&mut self) {
        for (_, member) in &self.tasks {
            member.handle.abort();
        }
    }
}

impl<T> Default for JoinSet<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> fmt::Debug for JoinSet<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JoinSet").field("len", &self.len()).finish()
    }
}

/// Spawns every future of the iterator on the current runtime.
impl<T, F> FromIterator<F> for JoinSet<T>
where
    F: Future<Output = T> + Send + 'static,
    T: Send + 'static,
{
    #[track_caller]
    fn from_iter<I: IntoIterator<Item = F>>(futures: I) -> Self {
        let mut set = Self::new();
        set.extend(futures);
        set
    }
}

/// Spawns every future of the iterator on the current runtime.
impl<T, F> Extend<F> for JoinSet<T>
where
    F: Future<Output = T> + Send + 'static,
    T: Send + 'static,
{
    #[track_caller]
    fn extend<I: IntoIterator<Item = F>>(&mut self, futures: I) {
        for future in futures {
            self.spawn(future);
        }
    }
}

/// Configures a task before it is spawned into a [`JoinSet`]; see [`JoinSet::build_task`].
///
/// # Examples
///
/// ```
/// use windlass::runtime::Handle;
/// use windlass::task::JoinSet;
/// use windlass::task::join_set::Builder;
///
/// # #[windlass::main(flavor = "current_thread")]
/// # async fn main() -> std::io::Result<()> {
/// let mut set = JoinSet::new();
/// let builder: Builder<'_, u32> = set.build_task();
/// builder.name("one").spawn(async { 1 })?;
/// set.build_task().name("two").spawn_on(async { 2 }, &Handle::current())?;
/// assert_eq!(set.join_all().await.iter().sum::<u32>(), 3);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Builder<'a, T> {
    set: &'a mut JoinSet<T>,
    builder: super::Builder<'a>,
}

impl<'a, T: 'static> Builder<'a, T> {
    /// Names the task.
    pub fn name(self, name: &'a str) -> Self {
        Self { builder: self.builder.name(name), ..self }
    }

    /// Spawns on the current runtime.
    ///
    /// # Errors
    ///
    /// None today; the signature is tokio's.
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    #[track_caller]
    pub fn spawn<F>(self, future: F) -> std::io::Result<AbortHandle>
    where
        F: Future<Output = T> + Send + 'static,
        T: Send,
    {
        Ok(self.set.insert(self.builder.spawn(future)?))
    }

    /// Spawns on that runtime.
    ///
    /// # Errors
    ///
    /// None today; the signature is tokio's.
    #[track_caller]
    pub fn spawn_on<F>(self, future: F, handle: &Handle) -> std::io::Result<AbortHandle>
    where
        F: Future<Output = T> + Send + 'static,
        T: Send,
    {
        Ok(self.set.insert(self.builder.spawn_on(future, handle)?))
    }
}

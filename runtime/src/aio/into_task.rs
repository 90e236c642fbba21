//! Futures and join handles, taken alike.

use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::thread;

use pin_project_lite::pin_project;

use crate::scheduler::Shared;
use crate::task::{Ended, Followed, JoinHandle};

/// What becomes a task with the output `T`: a future, which is spawned, or the handle of a task; what asyncio's
/// `ensure_future` takes.
///
/// A handle is a future as well, whose output is a `Result`. So where both would do, `T` says which is meant:
/// `let sums: Vec<u32> = gather(handles).await?` joins the tasks themselves.
///
/// # Examples
///
/// ```
/// use windlass::aio::{IntoTask, Shield, shield};
///
/// /// For a future and for a handle alike.
/// fn finish<T>(task: impl IntoTask<T>) -> Shield<T> {
///     shield(task)
/// }
///
/// # #[windlass::main(flavor = "current_thread")]
/// # async fn main() {
/// assert_eq!(finish(async { 1 }).await.unwrap(), 1);
/// // A handle is a future, too, of a `Result`: the type says which of the two is meant.
/// let two: Shield<i32> = finish(windlass::spawn(async { 2 }));
/// assert_eq!(two.await.unwrap(), 2);
/// # }
/// ```
#[doc(alias = "ensure_future")]
#[doc(alias = "Awaitable")]
pub trait IntoTask<T>: private::Sealed<T> {}

impl<F> IntoTask<F::Output> for F
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
}

impl<T: Send + 'static> IntoTask<T> for JoinHandle<T> {}

/// Where and for whom tasks are spawned.
#[doc(hidden)]
pub struct Spawns<'a> {
    pub(crate) runtime: &'a Arc<Shared>,
    pub(crate) at: &'static Location<'static>,
}

impl fmt::Debug for Spawns<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Spawns").field("at", &format_args!("{}", self.at)).finish_non_exhaustive()
    }
}

pub(crate) mod private {
    use super::{Enlist, JoinHandle, Spawns};

    pub trait Sealed<T>: Sized {
        /// The task.
        fn into_task(self, spawns: &Spawns<'_>) -> JoinHandle<T>;

        /// The task, which notes when it fails, and if it is only a handle when it ends.
        fn enlist(self, spawns: &Spawns<'_>, enlist: Enlist<'_, T>) -> JoinHandle<T>;
    }
}

impl<F> private::Sealed<F::Output> for F
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    fn into_task(self, spawns: &Spawns<'_>) -> JoinHandle<F::Output> {
        spawns.runtime.spawn(self, None, spawns.at)
    }

    fn enlist(self, spawns: &Spawns<'_>, enlist: Enlist<'_, F::Output>) -> JoinHandle<F::Output> {
        let Enlist { key, roll, fails } = enlist;
        let member = Member { key, roll: Arc::clone(&roll.members), returned: false };
        let task = spawns.runtime.spawn(Watched { future: self, fails, member }, None, spawns.at);
        roll.followed.push(task.id());
        task
    }
}

impl<T: Send + 'static> private::Sealed<T> for JoinHandle<T> {
    fn into_task(self, _: &Spawns<'_>) -> JoinHandle<T> {
        self
    }

    fn enlist(mut self, _: &Spawns<'_>, Enlist { key, roll, .. }: Enlist<'_, T>) -> JoinHandle<T> {
        roll.handles += 1;
        roll.followed.push(self.id());
        let ended = &roll.members.ended;
        if self.is_finished() {
            ended.push(key | HANDLE);
        } else {
            self.set_waker(&ended.note(key | HANDLE));
        }
        self
    }
}

/// The task of a group that is to be.
pub struct Enlist<'a, T> {
    pub(crate) key: usize,
    pub(crate) roll: &'a mut Roll,
    /// Whether an output is a failure.
    pub(crate) fails: fn(&T) -> bool,
}

/// A group of tasks that is being spawned.
pub struct Roll {
    pub(crate) members: Arc<Members>,
    /// How many of them are handles, each of which notes its end.
    pub(crate) handles: usize,
    pub(crate) followed: Followed,
}

impl<T> fmt::Debug for Enlist<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Enlist").field("key", &self.key).field("roll", &self.roll).finish_non_exhaustive()
    }
}

impl fmt::Debug for Roll {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Roll").field("handles", &self.handles).finish_non_exhaustive()
    }
}

/// Noted when every spawned member of a group has ended.
pub(crate) const ALL: usize = usize::MAX;

/// Marks the key of a member that is a handle.
pub(crate) const HANDLE: usize = 1 << (usize::BITS - 2);

/// What the spawned members of a group share: who drops it last has it noted that they all have ended. So that an
/// end costs no more than a reference.
pub(crate) struct Members {
    pub(crate) ended: Arc<Ended>,
}

impl Drop for Members {
    fn drop(&mut self) {
        self.ended.push(ALL);
    }
}

pin_project! {
    /// A member's future, and after it in the order of drops its membership.
    struct Watched<F: Future> {
        #[pin]
        future: F,
        fails: fn(&F::Output) -> bool,
        member: Member,
    }
}

struct Member {
    key: usize,
    roll: Arc<Members>,
    returned: bool,
}

impl<F: Future> Future for Watched<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let output = ready!(this.future.poll(cx));
        this.member.returned = !(this.fails)(&output);
        Poll::Ready(output)
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        // A future that has returned may panic in its drop, which comes before this: that is a failure.
        if !self.returned || thread::panicking() {
            self.roll.ended.push(self.key);
        }
    }
}

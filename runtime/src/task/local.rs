//! Tasks that stay on one thread.
//!
//! A `LocalSet` is a scheduler of its own with one queue, which only its thread touches. Who wakes one of its
//! tasks on another thread puts the token into the remote queue, under a lock, and wakes whoever polls the
//! set. A set that is dropped ends every task of it; one whose token is on its way is waited for.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::fmt;
use std::future::{Future, poll_fn};
use std::marker::PhantomData;
use std::panic::Location;
use std::pin::{Pin, pin};
use std::ptr::NonNull;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use super::coop::BUDGET;
use super::local_sets::Listed;
use super::{JoinHandle, Ran, Registry, Schedule, Token, Unobserved, leave_scopes};
use crate::context;
use crate::primitives::{Arc, Condvar, Mutex, UnsafeCell};
use crate::quietly;
use crate::scheduler::Shared;

/// How many tasks of a set run in one poll of it.
const TASKS_PER_POLL: usize = 61;

/// A group of tasks whose futures need not be `Send`: they all run on the thread of the set.
///
/// They run while the set is awaited, or inside of [`run_until`](Self::run_until). Dropping the set cancels
/// them.
///
/// # Examples
///
/// ```
/// use std::rc::Rc;
/// use windlass::task::{LocalSet, spawn_local};
///
/// let rt = windlass::runtime::Builder::new_current_thread().build().unwrap();
/// let set = LocalSet::new();
/// let sum = set.block_on(&rt, async {
///     let shared = Rc::new(20);
///     let there = Rc::clone(&shared);
///     let task = spawn_local(async move { *there + 1 });
///     task.await.unwrap() + *shared
/// });
/// assert_eq!(sum, 41);
/// ```
///
/// Spawning before the set runs, as in a constructor:
///
/// ```
/// use std::rc::Rc;
/// use windlass::task::{LocalSet, spawn_local};
///
/// # #[windlass::main(flavor = "current_thread")]
/// # async fn main() {
/// let local = LocalSet::new();
/// let count = Rc::new(1);
/// let task = {
///     let _inside = local.enter();
///     spawn_local(async move { *count })
/// };
/// assert_eq!(local.run_until(task).await.unwrap(), 1);
/// # }
/// ```
pub struct LocalSet {
    shared: Arc<LocalShared>,
    /// The set belongs to its thread.
    _not_send: PhantomData<Rc<()>>,
}

/// The scheduler of a `LocalSet`.
pub(crate) struct LocalShared {
    owner: context::ThreadToken,
    /// Accessed on the owner's thread only, for no longer than a push or a pop.
    queue: UnsafeCell<VecDeque<Token>>,
    /// How many tasks are not complete. Accessed on the owner's thread only.
    live: Cell<usize>,
    /// Whether the set is being dropped. Accessed on the owner's thread only.
    closed: Cell<bool>,
    /// Whether the set is being polled. Accessed on the owner's thread only.
    polling: Cell<bool>,
    remote: Mutex<Remote>,
    arrived: Condvar,
    registry: Arc<Registry>,
    /// Where whoever lists the tasks of a runtime finds them: that of the last poll. Accessed on the owner's thread only.
    listed: RefCell<Option<Listed>>,
    unobserved: Arc<Unobserved>,
}

struct Remote {
    queue: VecDeque<Token>,
    /// Whoever polls the set.
    waker: Option<Waker>,
}

// SAFETY: what is not made for sharing is accessed on the owner's thread only, which every access checks or
// inherits from `LocalSet`, which is not `Send`. Tokens in the remote queue are only carried.
unsafe impl Send for LocalShared {}
// SAFETY: as for `Send`.
unsafe impl Sync for LocalShared {}

impl LocalShared {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            owner: context::ThreadToken::current(),
            queue: UnsafeCell::new(VecDeque::new()),
            live: Cell::new(0),
            closed: Cell::new(false),
            polling: Cell::new(false),
            remote: Mutex::new(Remote { queue: VecDeque::new(), waker: None }),
            arrived: Condvar::new(),
            registry: Arc::new(Registry::new(1)),
            listed: RefCell::new(None),
            unobserved: context::with_runtime(|runtime| {
                runtime.map(|runtime| Arc::clone(&runtime.unobserved)).unwrap_or_default()
            }),
        })
    }

    /// Queues a task on the owner's thread.
    fn push_local(&self, token: Token) {
        debug_assert!(self.owner.is_current());
        self.queue.with_mut(|queue| {
            // SAFETY: this is the owner's thread, and nobody else on it is inside of `with_mut`.
            unsafe { &mut *queue }.push_back(token);
        });
        if !self.polling.get() {
            self.wake_poller();
        }
    }

    fn has_local(&self) -> bool {
        self.queue.with(|queue| {
            // SAFETY: this is the owner's thread, and nobody else on it is inside of `with_mut`.
            !unsafe { &*queue }.is_empty()
        })
    }

    fn pop_local(&self) -> Option<Token> {
        self.queue.with_mut(|queue| {
            // SAFETY: this is the owner's thread, and nobody else on it is inside of `with_mut`.
            unsafe { &mut *queue }.pop_front()
        })
    }

    /// Queues a task on another thread.
    fn push_remote(&self, token: Token) {
        let waker = {
            let mut remote = self.remote.lock();
            remote.queue.push_back(token);
            remote.waker.take()
        };
        self.arrived.notify_one();
        wake(waker);
    }

    fn wake_poller(&self) {
        let waker = self.remote.lock().waker.take();
        wake(waker);
    }

    /// Moves what other threads queued to the local queue. True if there was something.
    fn take_remote(&self) -> bool {
        let mut queue = std::mem::take(&mut self.remote.lock().queue);
        let some = !queue.is_empty();
        self.queue.with_mut(|local| {
            // SAFETY: this is the owner's thread, and nobody else on it is inside of `with_mut`.
            unsafe { &mut *local }.append(&mut queue);
        });
        some
    }

    fn run(&self, token: Token) {
        let polling = context::begin_poll(token.header(), BUDGET);
        let ran = token.run();
        drop(polling);
        match ran {
            Ran::Done => self.live.set(self.live.get() - 1),
            Ran::Idle => {}
            Ran::Woken(token) | Ran::Yielded(token) => self.push_local(token),
        }
    }

    fn end(&self, token: Token) {
        let _polling = context::begin_poll(token.header(), BUDGET);
        token.cancel();
        self.live.set(self.live.get() - 1);
    }

    /// Runs what is ready, up to a bound. True if something is left.
    fn tick(&self) -> bool {
        // First, so that tasks which keep the queue from being empty do not keep others from it.
        self.take_remote();
        // In them none of the task-locals is set in whose scopes the set is polled.
        let _out_of_scopes = leave_scopes();
        for _ in 0..TASKS_PER_POLL {
            let token = match self.pop_local() {
                Some(token) => token,
                None if self.take_remote() => continue,
                None => return false,
            };
            self.run(token);
        }
        true
    }

    /// Leaves the waker of whoever polls the set. True if there is something to run already.
    fn leave_waker(&self, waker: &Waker) -> bool {
        {
            let remote = self.remote.lock();
            if remote.waker.as_ref().is_some_and(|left| left.will_wake(waker)) {
                return !remote.queue.is_empty();
            }
        }
        let waker = waker.clone();
        let (old, ready) = {
            let mut remote = self.remote.lock();
            (remote.waker.replace(waker), !remote.queue.is_empty())
        };
        // Its drop may run anything: not under the lock. A task of the set that it woke waits in our own queue.
        drop(old);
        ready || self.has_local()
    }

    /// Polls the set: runs tasks, and sees to it that it is polled again when there are more.
    fn poll(&self, cx: &mut Context<'_>) {
        context::with_runtime(|runtime| runtime.into_iter().for_each(|runtime| self.be_listed(runtime)));
        let _polling = Polling::new(self);
        if self.tick() || self.leave_waker(cx.waker()) {
            cx.waker().wake_by_ref();
        }
    }

    /// The set is polled in that runtime.
    #[inline]
    fn be_listed(&self, runtime: &Shared) {
        let sets = &runtime.local_sets;
        let mut listed = self.listed.borrow_mut();
        if !listed.as_ref().is_some_and(|listed| listed.is_in(sets)) {
            *listed = Some(sets.list(&self.registry));
        }
    }

    fn spawn<F>(
        this: &Arc<Self>,
        future: F,
        name: Option<Box<str>>,
        at: &'static Location<'static>,
    ) -> JoinHandle<F::Output>
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        // SAFETY: an `Arc`'s pointer is not null.
        let scheduler = unsafe { NonNull::new_unchecked(Arc::as_ptr(this).cast_mut()) };
        // SAFETY: the set's drop does not end before every task of it is complete, and all its tasks run on
        // the thread of the set, which is this one.
        let (token, join) = unsafe { super::create(future, scheduler, name, at) };
        // SAFETY: it was made for this.
        unsafe { super::carry_vars::<Self>(&token) };
        this.live.set(this.live.get() + 1);
        if this.closed.get() {
            this.end(token);
        } else {
            this.push_local(token);
        }
        join
    }

    /// Ends every task.
    fn close(&self) {
        self.closed.set(true);
        loop {
            while let Some(token) = self.pop_local() {
                self.end(token);
            }
            if self.take_remote() {
                continue;
            }
            let mut idle = Vec::new();
            self.registry.walk(|task, entry, _| idle.extend(Token::abort_idle(task, entry)), || {});
            if idle.is_empty() {
                if self.live.get() == 0 {
                    break;
                }
                if self.polling.get() {
                    // Nobody drops a set in its own poll, but whoever ends the process there: that drops this thread's
                    // thread-locals. The poll never comes back, and the set it has entered is kept for whoever wakes its tasks.
                    break;
                }
                // What is left was woken on another thread, and its token is on its way.
                let mut remote = self.remote.lock();
                while remote.queue.is_empty() {
                    self.arrived.wait(&mut remote);
                }
            }
            for token in idle {
                self.end(token);
            }
        }
        self.listed.take();
        let waker = self.remote.lock().waker.take();
        drop(waker);
    }
}

/// Wakes whoever polls the set: a stranger, perhaps, whose panic is not for whoever has woken or aborted a task.
fn wake(poller: Option<Waker>) {
    if let Some(poller) = poller {
        quietly(|| poller.wake());
    }
}

impl Schedule for LocalShared {
    // That of whoever polls the set.
    const CALLS_WAKERS: bool = true;

    unsafe fn schedule(this: NonNull<Self>, token: Token) {
        let this = this.as_ptr().cast_const();
        // Once the token is queued its task may end and the set with it: this keeps what is left to be done.
        // SAFETY: the token's task is not complete, so its set is alive.
        unsafe { Arc::increment_strong_count(this) };
        // SAFETY: the count was taken for this.
        let shared = unsafe { Arc::from_raw(this) };
        if shared.owner.is_current() { shared.push_local(token) } else { shared.push_remote(token) }
    }

    fn registry(&self) -> &Registry {
        &self.registry
    }

    fn shard(&self) -> usize {
        0
    }

    fn unobserved(&self) -> Arc<Unobserved> {
        // The set is most often made before it is in a runtime; where it is polled counts.
        context::with_runtime(|runtime| {
            Arc::clone(runtime.map_or(&self.unobserved, |runtime| &runtime.unobserved))
        })
    }
}

/// The set is being polled on this thread, and is the one that `spawn_local` spawns on.
struct Polling<'a> {
    shared: &'a LocalShared,
    outer: bool,
}

impl<'a> Polling<'a> {
    fn new(shared: &'a LocalShared) -> Self {
        Self { shared, outer: shared.polling.replace(true) }
    }
}

impl Drop for Polling<'_> {
    fn drop(&mut self) {
        self.shared.polling.set(self.outer);
    }
}

/// Spawns a future that need not be `Send` on the [`LocalSet`] this is called in.
///
/// # Panics
///
/// Outside of a `LocalSet`.
///
/// # Examples
///
/// See [`LocalSet`].
///
/// ```
/// use std::cell::Cell;
/// use std::rc::Rc;
/// use windlass::task::{LocalSet, spawn_local};
///
/// # #[windlass::main(flavor = "current_thread")]
/// # async fn main() {
/// let local = LocalSet::new();
/// let length = local.run_until(async {
///     let shared = Rc::new(Cell::new(1));
///     let ours = Rc::clone(&shared);
///     spawn_local(async move { ours.set(2) }).await.unwrap();
///     shared.get()
/// });
/// assert_eq!(length.await, 2);
/// # }
/// ```
#[track_caller]
pub fn spawn_local<F>(future: F) -> JoinHandle<F::Output>
where
    F: Future + 'static,
    F::Output: 'static,
{
    spawn_named(future, None, Location::caller())
}

#[track_caller]
pub(super) fn spawn_named<F>(
    future: F,
    name: Option<Box<str>>,
    at: &'static Location<'static>,
) -> JoinHandle<F::Output>
where
    F: Future + 'static,
    F::Output: 'static,
{
    match context::with_local_set(|set| Some(LocalShared::spawn(set?, future, name, at))) {
        Some(join) => join,
        None => panic!(
            "`spawn_local` called from outside of a `task::LocalSet`: run this code inside of \
             `LocalSet::run_until` or `LocalSet::block_on`, or use `spawn` if the future is `Send`"
        ),
    }
}

impl LocalSet {
    /// An empty set, on this thread.
    pub fn new() -> Self {
        Self { shared: LocalShared::new(), _not_send: PhantomData }
    }

    /// Makes this set the one that [`spawn_local`] spawns on, until the guard is dropped.
    pub fn enter(&self) -> LocalEnterGuard {
        LocalEnterGuard {
            outer: context::enter_local_set(Some(Arc::clone(&self.shared))),
            _not_send: PhantomData,
        }
    }

    /// Spawns a future on this set. It runs once the set is polled.
    #[track_caller]
    pub fn spawn_local<F>(&self, future: F) -> JoinHandle<F::Output>
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        self.spawn_named(future, None, Location::caller())
    }

    pub(super) fn spawn_named<F>(
        &self,
        future: F,
        name: Option<Box<str>>,
        at: &'static Location<'static>,
    ) -> JoinHandle<F::Output>
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        let _entered = self.enter();
        LocalShared::spawn(&self.shared, future, name, at)
    }

    /// Runs a future to its end on a runtime, and the tasks of this set meanwhile.
    ///
    /// # Panics
    ///
    /// As [`Runtime::block_on`](crate::runtime::Runtime::block_on).
    #[cfg(not(windlass_loom))]
    #[track_caller]
    pub fn block_on<F: Future>(&self, runtime: &crate::runtime::Runtime, future: F) -> F::Output {
        runtime.block_on(self.run_until(future))
    }

    /// Runs a future to its end, and the tasks of this set while it is polled. The set wakes whoever polled it
    /// last: await one such call at a time.
    ///
    /// # Cancel safety
    ///
    /// That of the future; the tasks wait until the set is polled again.
    pub async fn run_until<F: Future>(&self, future: F) -> F::Output {
        let mut future = pin!(future);
        poll_fn(|cx| {
            let _entered = self.enter();
            let output = {
                let _polling = Polling::new(&self.shared);
                future.as_mut().poll(cx)
            };
            if output.is_pending() {
                self.shared.poll(cx);
            }
            output
        })
        .await
    }
}

/// Runs every task of the set to its end.
impl Future for LocalSet {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let _entered = self.enter();
        self.shared.poll(cx);
        if self.shared.live.get() == 0 { Poll::Ready(()) } else { Poll::Pending }
    }
}

impl Default for LocalSet {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for LocalSet {
    fn drop(&mut self) {
        let _entered = self.enter();
        self.shared.close();
    }
}

impl fmt::Debug for LocalSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalSet").field("tasks", &self.shared.live.get()).finish()
    }
}

/// Keeps a set the one that [`spawn_local`] spawns on; see [`LocalSet::enter`].
///
/// # Examples
///
/// ```
/// use windlass::task::{LocalEnterGuard, LocalSet, spawn_local};
///
/// let local = LocalSet::new();
/// let inside: LocalEnterGuard = local.enter();
/// let task = spawn_local(async { 1 });
/// drop(inside);
/// # drop(task);
/// ```
#[must_use = "dropping the guard leaves the set"]
pub struct LocalEnterGuard {
    outer: Option<Arc<LocalShared>>,
    _not_send: PhantomData<Rc<()>>,
}

impl Drop for LocalEnterGuard {
    fn drop(&mut self) {
        drop(context::enter_local_set(self.outer.take()));
    }
}

impl fmt::Debug for LocalEnterGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalEnterGuard").finish_non_exhaustive()
    }
}

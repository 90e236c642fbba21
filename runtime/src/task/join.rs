//! Handles of spawned tasks.

use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::pin::Pin;
use std::ptr::NonNull;
use std::task::{Context, Poll, Waker};

use super::cell::Header;
use super::entry::Entry;
use super::error::JoinError;
use super::id::Id;
use super::raw::release;
use super::state::{Join, Leave};
use super::token::Token;
use super::waits::Note;
use crate::context;
use crate::quietly;
use crate::task::coop;

/// Waits for a task's output; asyncio's `Task`.
///
/// Awaiting it gives the task's output, or a [`JoinError`] if the task panicked or was cancelled. Dropping
/// it **detaches** the task, which goes on running (in asyncio a task that nobody refers to may vanish;
/// here it never does).
///
/// # Cancel safety
///
/// Awaiting `&mut handle` can be given up and begun again; no output is lost.
///
/// # Examples
///
/// ```
/// # let rt = windlass::runtime::Runtime::new().unwrap();
/// # rt.block_on(async {
/// let task = windlass::spawn(async { 6 * 7 });
/// assert_eq!(task.await.unwrap(), 42);
/// # });
/// ```
#[doc(alias = "Task")]
pub struct JoinHandle<T> {
    task: NonNull<Header>,
    taken: bool,
    _output: PhantomData<T>,
}

// SAFETY: the handle moves the output to its own thread at most, which `T: Send` allows; all else behind
// the pointer is made for sharing.
unsafe impl<T: Send> Send for JoinHandle<T> {}
// SAFETY: a shared handle gives access to the state word and the id only.
unsafe impl<T: Send> Sync for JoinHandle<T> {}
impl<T> UnwindSafe for JoinHandle<T> {}
impl<T> RefUnwindSafe for JoinHandle<T> {}
impl<T> Unpin for JoinHandle<T> {}

impl<T> JoinHandle<T> {
    /// # Safety
    ///
    /// `task` is a task with this output, and the caller gives up the join handle's reference.
    pub(super) unsafe fn from_raw(task: NonNull<Header>) -> Self {
        Self { task, taken: false, _output: PhantomData }
    }

    fn header(&self) -> &Header {
        // SAFETY: the handle has a reference.
        unsafe { self.task.as_ref() }
    }

    /// Asks for the task to be cancelled: its future is dropped at its next start instead of being polled.
    ///
    /// A task that is complete stays so. One that is being polled ends after that poll, unless it completes
    /// in it. asyncio throws `CancelledError` into the coroutine, which may catch it; a Rust future is
    /// dropped where it waits and has only its destructors to say so.
    ///
    /// # Examples
    ///
    /// ```
    /// # let rt = windlass::runtime::Runtime::new().unwrap();
    /// # rt.block_on(async {
    /// let task = windlass::spawn(std::future::pending::<()>());
    /// task.abort();
    /// assert!(task.await.unwrap_err().is_cancelled());
    /// # });
    /// ```
    #[doc(alias = "cancel")]
    pub fn abort(&self) {
        abort(self.task);
    }

    /// Whether the task is complete: finished, panicked or cancelled, with its future dropped.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[windlass::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let task = windlass::spawn(async { 1 });
    /// let abort = task.abort_handle();
    /// assert_eq!(abort.id(), task.id());
    /// windlass::task::yield_now().await;
    /// assert!(task.is_finished() && abort.is_finished());
    /// // Too late: the output is there.
    /// abort.abort();
    /// assert_eq!(task.await.unwrap(), 1);
    /// # }
    /// ```
    #[doc(alias = "done")]
    pub fn is_finished(&self) -> bool {
        self.header().state().load().is_complete()
    }

    /// A handle that can only abort the task, and can be cloned.
    pub fn abort_handle(&self) -> AbortHandle {
        self.header().state().retain();
        AbortHandle { task: self.task }
    }

    /// The id of the task.
    pub fn id(&self) -> Id {
        self.header().id()
    }

    /// Leaves a waker for the end of the task, and uses it if that has come.
    pub(crate) fn set_waker(&mut self, waker: &Waker) {
        let state = self.header().state();
        if state.reclaim_waker() == Join::Complete || self.leave_waker(waker) == Join::Complete {
            waker.wake_by_ref();
        }
    }

    /// As `poll`, but for one who joins many tasks in one step of the budget.
    #[track_caller]
    pub(crate) fn poll_unmetered(&mut self, waker: &Waker) -> Poll<Result<T, JoinError>> {
        assert!(!self.taken, "`JoinHandle` polled after it gave its output");
        let state = self.header().state();
        if state.reclaim_waker() == Join::OwnsWaker && self.leave_waker(waker) == Join::OwnsWaker {
            return Poll::Pending;
        }
        self.taken = true;
        self.take_output()
    }

    /// How the task has ended, if it is complete, and its output in its place.
    pub(crate) fn ending(&mut self) -> Option<Ending<'_, T>> {
        if self.taken || !self.is_finished() {
            return None;
        }
        let peek = self.header().vtable.peek_output;
        // SAFETY: the task is complete and its output belongs to this handle.
        let output = unsafe { peek(self.task) }.cast::<T>();
        // SAFETY: a pointer to the output, which stays there as long as the handle is borrowed, or null.
        if let Some(output) = unsafe { output.as_ref() } {
            return Some(Ending::Returned(output));
        }
        let panicked = self.header().origin().entry().is_some_and(Entry::has_panicked);
        Some(if panicked { Ending::Panicked } else { Ending::Cancelled })
    }

    /// Takes the output of a task that is complete.
    fn take_output(&self) -> Poll<Result<T, JoinError>> {
        let mut output = Poll::Pending;
        let read = self.header().vtable.read_output;
        // SAFETY: the task is complete and its output belongs to this handle; `T` is the task's output.
        unsafe { read(self.task, (&raw mut output).cast()) };
        output
    }

    /// Leaves `waker` for the one who completes the task. `Complete` if that has happened meanwhile.
    fn leave_waker(&self, waker: &Waker) -> Join {
        self.header().join_waker.with_mut(|field| {
            // SAFETY: `reclaim_waker` said that the field is the handle's.
            let field = unsafe { &mut *field };
            match field {
                Some(old) => old.clone_from(waker),
                None => *field = Some(waker.clone()),
            }
        });
        self.header().state().give_waker()
    }
}

/// How a task has ended.
pub(crate) enum Ending<'a, T> {
    /// With this output.
    Returned(&'a T),
    /// With a panic.
    Panicked,
    /// It was aborted.
    Cancelled,
}

impl<T> Future for JoinHandle<T> {
    type Output = Result<T, JoinError>;

    #[track_caller]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let coop = std::task::ready!(coop::poll_proceed(cx));
        let Poll::Ready(output) = self.poll_unmetered(cx.waker()) else {
            coop.awaits(Note::task(self.id()));
            return Poll::Pending;
        };
        coop.made_progress();
        Poll::Ready(output)
    }
}

impl<T> Drop for JoinHandle<T> {
    fn drop(&mut self) {
        if self.taken {
            return release(self.task);
        }
        match self.header().state().leave() {
            Leave::Released => return,
            Leave::DropWaker => {
                let waker = self.header().join_waker.with_mut(|waker| {
                    // SAFETY: `leave` took the field back.
                    unsafe { (*waker).take() }
                });
                quietly(|| drop(waker));
            }
            Leave::DropOutput => {
                let drop_output = self.header().vtable.drop_output;
                // What the output's destructor asks about its task is answered as if it ran in it.
                let _in_task = context::begin_poll(self.header(), context::budget());
                // SAFETY: the output of a complete task belongs to its join handle.
                unsafe { drop_output(self.task) };
            }
        }
        release(self.task);
    }
}

impl<T> fmt::Debug for JoinHandle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        describe(f, "JoinHandle", self.header())
    }
}

/// Aborts a task, without its output and without keeping it from being detached.
///
/// # Examples
///
/// ```
/// # let rt = windlass::runtime::Runtime::new().unwrap();
/// # rt.block_on(async {
/// let task = windlass::spawn(std::future::pending::<()>());
/// let abort = task.abort_handle();
/// abort.abort();
/// assert!(task.await.unwrap_err().is_cancelled());
/// assert!(abort.is_finished());
/// # });
/// ```
///
/// ```
/// # #[windlass::main(flavor = "current_thread")]
/// # async fn main() {
/// let task = windlass::spawn(std::future::pending::<()>());
/// let abort = task.abort_handle();
/// println!("task {} can be ended by whoever has this", abort.id());
/// abort.abort();
/// assert!(task.await.unwrap_err().is_cancelled());
/// # }
/// ```
pub struct AbortHandle {
    task: NonNull<Header>,
}

// SAFETY: it reaches the state word and the id only, which are made for sharing; freeing the task's memory
// needs no particular thread, since the future and the output are dropped before.
unsafe impl Send for AbortHandle {}
// SAFETY: as for `Send`.
unsafe impl Sync for AbortHandle {}
impl UnwindSafe for AbortHandle {}
impl RefUnwindSafe for AbortHandle {}

impl AbortHandle {
    /// A handle of a task that is being polled.
    pub(crate) fn of(task: &Header) -> Self {
        task.state().retain();
        Self { task: NonNull::from(task) }
    }

    fn header(&self) -> &Header {
        // SAFETY: the handle has a reference.
        unsafe { self.task.as_ref() }
    }

    /// Asks for the task to be cancelled; see [`JoinHandle::abort`].
    pub fn abort(&self) {
        abort(self.task);
    }

    /// Whether the task is complete.
    pub fn is_finished(&self) -> bool {
        self.header().state().load().is_complete()
    }

    /// The id of the task.
    pub fn id(&self) -> Id {
        self.header().id()
    }
}

impl Clone for AbortHandle {
    fn clone(&self) -> Self {
        self.header().state().retain();
        Self { task: self.task }
    }
}

impl Drop for AbortHandle {
    fn drop(&mut self) {
        release(self.task);
    }
}

impl fmt::Debug for AbortHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        describe(f, "AbortHandle", self.header())
    }
}

fn abort(task: NonNull<Header>) {
    // SAFETY: the caller has a reference.
    if unsafe { task.as_ref() }.state().abort() {
        // SAFETY: `abort` made the token and left it to us.
        unsafe { Token::from_raw(task) }.schedule();
    }
}

fn describe(f: &mut fmt::Formatter<'_>, what: &str, header: &Header) -> fmt::Result {
    let mut out = f.debug_struct(what);
    out.field("id", &format_args!("{}", header.id()));
    if let Some(name) = header.origin().entry().and_then(|entry| entry.name()) {
        out.field("name", &name);
    }
    out.field("state", &super::info::TaskState::of(header));
    out.field("spawned_at", &format_args!("{}", super::info::Place(header.origin().location())));
    out.finish()
}

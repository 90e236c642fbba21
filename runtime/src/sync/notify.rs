//! A notification: one task tells another, or all that wait, that something happened.

use std::fmt;
use std::future::Future;
use std::ops::Deref;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};

use super::wait::{Key, Looked, Waiters, Wakes, const_unless_model};
use crate::primitives::BriefMutex;
use crate::primitives::atomic::AtomicUsize;
use crate::primitives::atomic::Ordering::{Acquire, Release};
use crate::task::coop::poll_proceed;
use crate::task::{Note, Resource};

/// Tells one task, or all that wait, that something happened; it carries no data.
///
/// [`notify_one`](Self::notify_one) is remembered, once, if nobody waits, so it may come before the wait it is for.
/// [`notify_waiters`](Self::notify_waiters) is not; it reaches every [`Notified`] that exists.
///
/// # Examples
///
/// ```
/// # let rt = windlass::runtime::Runtime::new().unwrap();
/// # rt.block_on(async {
/// use std::sync::Arc;
/// use windlass::sync::Notify;
///
/// let done = Arc::new(Notify::new());
/// let task = windlass::spawn({
///     let done = done.clone();
///     async move { done.notified().await }
/// });
/// done.notify_one();
/// task.await.unwrap();
/// # });
/// ```
pub struct Notify {
    /// How often all were notified. Written under the lock only.
    calls: AtomicUsize,
    state: BriefMutex<State>,
}

struct State {
    /// One was notified while nobody waited.
    kept: bool,
    line: Waiters<By>,
}

/// What notified a waiter.
#[derive(Clone, Copy, PartialEq, Eq)]
enum By {
    Nothing,
    /// `notify_one`: goes to the next if it is not seen.
    One,
    /// `notify_last`: goes to the last one then.
    Last,
    All,
}

// No code of a user runs while the lock is held, so a panic leaves everything whole.
impl UnwindSafe for Notify {}
impl RefUnwindSafe for Notify {}

impl Notify {
    /// Nobody waits, and nothing happened.
    ///
    /// # Examples
    ///
    /// ```
    /// let notify = windlass::sync::Notify::new();
    /// notify.notify_one();
    /// ```
    pub fn new() -> Self {
        Self::const_new()
    }

    const_unless_model! {
        /// As [`new`](Self::new), in a constant.
        ///
        /// # Examples
        ///
        /// ```
        /// static NOTIFY: windlass::sync::Notify = windlass::sync::Notify::const_new();
        /// NOTIFY.notify_one();
        /// ```
        pub fn const_new() -> Self {
            Self {
                calls: AtomicUsize::new(0),
                state: BriefMutex::new(State { kept: false, line: Waiters::new() }),
            }
        }
    }

    /// Waits to be notified. It is reached by [`notify_waiters`](Self::notify_waiters) from the moment it exists, and takes its
    /// place in line when it is first polled, or [`enable`](Notified::enable)d.
    ///
    /// # Cancel safety
    ///
    /// Dropped while it waits it loses its place; a notification of one that it got and did not see goes to the next.
    ///
    /// # Examples
    ///
    /// ```
    /// # let rt = windlass::runtime::Runtime::new().unwrap();
    /// # rt.block_on(async {
    /// let notify = windlass::sync::Notify::new();
    /// let notified = notify.notified();
    /// notify.notify_waiters();
    /// notified.await;
    /// # });
    /// ```
    pub fn notified(&self) -> Notified<'_> {
        Notified(Waiting::new(self))
    }

    /// [`notified`](Self::notified) that lives by itself.
    ///
    /// # Cancel safety
    ///
    /// As `notified`.
    ///
    /// # Examples
    ///
    /// ```
    /// # let rt = windlass::runtime::Runtime::new().unwrap();
    /// # rt.block_on(async {
    /// use std::sync::Arc;
    ///
    /// let notify = Arc::new(windlass::sync::Notify::new());
    /// let task = windlass::spawn(notify.clone().notified_owned());
    /// notify.notify_one();
    /// task.await.unwrap();
    /// # });
    /// ```
    pub fn notified_owned(self: Arc<Self>) -> OwnedNotified {
        OwnedNotified(Waiting::new(self))
    }

    /// Notifies the one that waits longest; if nobody does, the next one to wait.
    ///
    /// # Examples
    ///
    /// ```
    /// # let rt = windlass::runtime::Runtime::new().unwrap();
    /// # rt.block_on(async {
    /// let notify = windlass::sync::Notify::new();
    /// notify.notify_one();
    /// notify.notified().await; // it was kept
    /// # });
    /// ```
    pub fn notify_one(&self) {
        self.notify(By::One);
    }

    /// Notifies the one that came last; if nobody waits, the next one to wait.
    ///
    /// # Examples
    ///
    /// ```
    /// # let rt = windlass::runtime::Runtime::new().unwrap();
    /// # rt.block_on(async {
    /// use std::pin::pin;
    ///
    /// let notify = windlass::sync::Notify::new();
    /// let (mut first, mut second) = (pin!(notify.notified()), pin!(notify.notified()));
    /// first.as_mut().enable();
    /// second.as_mut().enable();
    /// notify.notify_last();
    /// second.await;
    /// # });
    /// ```
    pub fn notify_last(&self) {
        self.notify(By::Last);
    }

    fn notify(&self, by: By) {
        let mut state = self.state.lock();
        let wakes = state.notify(by);
        drop(state);
        wakes.wake();
    }

    /// Notifies all that wait, and every [`Notified`] that exists. It is not remembered.
    ///
    /// # Examples
    ///
    /// ```
    /// # let rt = windlass::runtime::Runtime::new().unwrap();
    /// # rt.block_on(async {
    /// let notify = windlass::sync::Notify::new();
    /// let (one, other) = (notify.notified(), notify.notified());
    /// notify.notify_waiters();
    /// one.await;
    /// other.await;
    /// # });
    /// ```
    pub fn notify_waiters(&self) {
        let mut wakes = Wakes::new();
        let mut state = self.state.lock();
        let calls = self.calls.load(Acquire);
        // Release pairs with the Acquire in `notified`: who sees this call does not wait for it.
        self.calls.store(calls.wrapping_add(1), Release);
        wakes.reserve(state.line.len());
        while let Some(by) = state.line.front() {
            *by = By::All;
            wakes.push(state.line.grant_front());
        }
        drop(state);
        wakes.wake();
    }
}

impl State {
    fn notify(&mut self, by: By) -> Wakes {
        let mut wakes = Wakes::new();
        let waiter = if by == By::Last { self.line.back() } else { self.line.front() };
        match waiter {
            Some(waiter) => {
                *waiter = by;
                wakes.push(if by == By::Last { self.line.grant_back() } else { self.line.grant_front() });
            }
            None => self.kept = true,
        }
        wakes
    }
}

impl Default for Notify {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Notify {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // What is written to is the user's: not under the lock.
        let (kept, waiters) = {
            let state = self.state.lock();
            (state.kept, state.line.len())
        };
        f.debug_struct("Notify").field("notified", &kept).field("waiters", &waiters).finish()
    }
}

/// The future of [`Notify::notified`].
#[must_use = "futures do nothing unless they are awaited"]
pub struct Notified<'a>(Waiting<&'a Notify>);

/// The future of [`Notify::notified_owned`].
#[must_use = "futures do nothing unless they are awaited"]
pub struct OwnedNotified(Waiting<Arc<Notify>>);

struct Waiting<N: Deref<Target = Notify>> {
    notify: N,
    stage: Stage,
}

enum Stage {
    /// Not in line; made when all had been notified so often.
    New {
        calls: usize,
    },
    InLine(Option<Key>),
    Done,
}

impl<N: Deref<Target = Notify>> Waiting<N> {
    fn new(notify: N) -> Self {
        let calls = notify.calls.load(Acquire);
        Self { notify, stage: Stage::New { calls } }
    }

    /// Takes its place in line if it has none, without a waker: nobody is woken for it until it is polled. If it was, that is who is woken.
    fn enable(&mut self) -> Poll<()> {
        match &self.stage {
            Stage::InLine(Some(key)) => {
                let is_granted = self.notify.state.lock().line.is_granted(key);
                if is_granted { self.look(Waker::noop()) } else { Poll::Pending }
            }
            _ => self.look(Waker::noop()),
        }
    }

    /// Takes its place in line if it has none, and leaves the waker there.
    fn look(&mut self, waker: &Waker) -> Poll<()> {
        match &mut self.stage {
            Stage::Done => Poll::Ready(()),
            Stage::New { calls } => {
                let calls = *calls;
                let waker = waker.clone();
                let mut state = self.notify.state.lock();
                if self.notify.calls.load(Acquire) != calls || std::mem::take(&mut state.kept) {
                    drop(state);
                    self.stage = Stage::Done;
                    return Poll::Ready(());
                }
                self.stage = Stage::InLine(Some(state.line.push(By::Nothing, waker)));
                Poll::Pending
            }
            Stage::InLine(key) => {
                // SAFETY: the line is in `notify`, which this has.
                if unsafe { Key::take_granted(key) } {
                    self.stage = Stage::Done;
                    return Poll::Ready(());
                }
                // The lock is released before what was looked at is dropped.
                let looked = self.notify.state.lock().line.look(key, waker);
                match looked {
                    Looked::Granted(_) => {
                        self.stage = Stage::Done;
                        Poll::Ready(())
                    }
                    Looked::Waits(_) => Poll::Pending,
                }
            }
        }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let step = ready!(poll_proceed(cx)).awaiting(Note::resource(Resource::Notify, &*self.notify));
        let outcome = self.look(cx.waker());
        if outcome.is_ready() {
            step.made_progress();
        }
        outcome
    }
}

impl<N: Deref<Target = Notify>> Drop for Waiting<N> {
    fn drop(&mut self) {
        if let Stage::InLine(key) = &mut self.stage
            && let Some(key) = key.take()
        {
            let mut state = self.notify.state.lock();
            let left = state.line.remove(key);
            let wakes = match left.note {
                By::One | By::Last if left.was_granted => state.notify(left.note),
                _ => Wakes::new(),
            };
            drop(state);
            wakes.wake();
        }
    }
}

macro_rules! notified {
    ([$($generics:tt)*] $Notified:ty) => {
        impl<$($generics)*> $Notified {
            /// Takes its place in line without being polled. True if it was notified already, and is ready. If it was polled before,
            /// whoever did is woken still.
            ///
            /// # Examples
            ///
            /// ```
            /// use std::pin::pin;
            /// use windlass::sync::Notify;
            ///
            /// # #[windlass::main(flavor = "current_thread")]
            /// # async fn main() {
            /// let notify = Notify::new();
            /// let mut notified = pin!(notify.notified());
            /// // In line from here on, before anything is awaited.
            /// assert!(!notified.as_mut().enable());
            /// notify.notify_waiters();
            /// notified.await;
            /// # }
            /// ```
            pub fn enable(mut self: Pin<&mut Self>) -> bool {
                self.0.enable().is_ready()
            }
        }

        impl<$($generics)*> Future for $Notified {
            type Output = ();

            fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
                self.0.poll(cx)
            }
        }

        impl<$($generics)*> fmt::Debug for $Notified {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let stage = match self.0.stage {
                    Stage::New { .. } => "new",
                    Stage::InLine(_) => "in line",
                    Stage::Done => "done",
                };
                f.debug_struct(stringify!($Notified)).field("stage", &stage).finish()
            }
        }
    };
}

notified!(['a] Notified<'a>);
notified!([] OwnedNotified);

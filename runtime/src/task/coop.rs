//! Cooperation: a budget per poll, so that a task whose sockets and channels are always ready lets others
//! run.
//!
//! Each poll of a task begins with a budget of 128 operations. The leaf futures of this crate take one for
//! every step of progress, and where none is left they return `Pending` and ask for another poll, behind the
//! other tasks.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;

use crate::context;
use crate::task::Note;

/// The operations a poll may do.
pub(crate) const BUDGET: u32 = 128;

/// The budget of code that is not held to one.
pub(crate) const UNCONSTRAINED: u32 = u32::MAX;

/// A budget that is used up, with how often an operation was refused since.
const REFUSED: u32 = 1 << 31;

/// After so many refusals in one poll an operation is let through all the same. Whoever is refused returns, and is polled again
/// with a budget of its own; but somebody else's `block_on` inside of the poll would only ask again, for ever.
const MOST_REFUSALS: u32 = 1 << 10;

/// Given by [`poll_proceed`]; gives the operation back unless it made progress.
#[must_use]
pub(crate) struct Proceed {
    before: u32,
    progress: bool,
    awaits: Note,
}

impl Proceed {
    /// The operation did something: what it took of the budget stays taken.
    #[inline]
    pub(crate) fn made_progress(mut self) {
        self.progress = true;
    }

    /// Unless it makes progress, this is what the operation waits for.
    #[inline]
    pub(crate) fn awaiting(mut self, what: Note) -> Self {
        self.awaits = what;
        self
    }

    /// The operation waits for this.
    #[inline]
    pub(crate) fn awaits(self, what: Note) {
        drop(self.awaiting(what));
    }
}

impl Drop for Proceed {
    #[inline]
    fn drop(&mut self) {
        if !self.progress {
            context::set_budget(self.before);
            if self.awaits != Note::NONE {
                context::note(self.awaits);
            }
        }
    }
}

/// Takes one operation from the budget, or returns `Pending` and asks for another poll.
#[inline]
pub(crate) fn poll_proceed(cx: &mut Context<'_>) -> Poll<Proceed> {
    let before = context::budget();
    match before {
        UNCONSTRAINED => {}
        1..=BUDGET => context::set_budget(before - 1),
        used_up => ready!(poll_used_up(used_up, 0, cx)),
    }
    Poll::Ready(Proceed { before, progress: false, awaits: Note::NONE })
}

/// Lets other tasks go first if this poll has used its budget up; takes nothing from it.
#[inline]
pub(crate) fn poll_budget(cx: &mut Context<'_>) -> Poll<()> {
    if has_budget_remaining() { Poll::Ready(()) } else { poll_used_up(context::budget(), 1, cx) }
}

/// Refuses an operation. Or lets it through, and leaves that budget.
#[cold]
fn poll_used_up(before: u32, left: u32, cx: &mut Context<'_>) -> Poll<()> {
    let refusals = before & !REFUSED;
    if refusals == MOST_REFUSALS {
        context::set_budget(left);
        return Poll::Ready(());
    }
    context::set_budget(REFUSED | (refusals + 1));
    context::yield_to_others(cx.waker());
    Poll::Pending
}

/// Takes one operation from the budget of this poll, and lets other tasks run first if there is none left.
///
/// A loop that is always ready calls this once per turn to stay fair.
///
/// # Cancel safety
///
/// Nothing is lost when it is dropped.
///
/// # Examples
///
/// ```
/// # let rt = windlass::runtime::Runtime::new().unwrap();
/// # rt.block_on(async {
/// let mut sum = 0u64;
/// for i in 0..1_000 {
///     sum += i;
///     windlass::task::coop::consume_budget().await;
/// }
/// assert_eq!(sum, 499_500);
/// # });
/// ```
pub async fn consume_budget() {
    poll_fn(|cx| poll_proceed(cx).map(Proceed::made_progress)).await;
}

/// Whether this poll may do another operation. True outside of tasks.
///
/// # Examples
///
/// ```
/// use windlass::task::coop::has_budget_remaining;
///
/// # #[windlass::main(flavor = "current_thread")]
/// # async fn main() {
/// // A loop that never waits lets others run now and then.
/// let mut sum = 0_u64;
/// for n in 0..10_000 {
///     sum += n;
///     if !has_budget_remaining() {
///         windlass::task::yield_now().await;
///     }
///     windlass::task::consume_budget().await;
/// }
/// assert_eq!(sum, 49_995_000);
/// # }
/// ```
pub fn has_budget_remaining() -> bool {
    matches!(context::budget(), 1..=BUDGET | UNCONSTRAINED)
}

pin_project! {
    /// The future of [`unconstrained`].
    #[must_use = "futures do nothing unless they are awaited"]
    #[derive(Debug)]
    pub struct Unconstrained<F> {
        #[pin]
        future: F,
    }
}

impl<F: Future> Future for Unconstrained<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        with_unconstrained(|| self.project().future.poll(cx))
    }
}

/// Calls `f` outside of the budget.
pub(crate) fn with_unconstrained<R>(f: impl FnOnce() -> R) -> R {
    let _restore = Restore(context::budget());
    context::set_budget(UNCONSTRAINED);
    f()
}

struct Restore(u32);

impl Drop for Restore {
    fn drop(&mut self) {
        context::set_budget(self.0);
    }
}

/// Runs a future outside of the budget: it never yields on account of it.
///
/// It may then keep its worker for as long as what it waits for is ready.
///
/// # Cancel safety
///
/// That of the future inside.
///
/// # Examples
///
/// ```
/// # let rt = windlass::runtime::Runtime::new().unwrap();
/// # rt.block_on(async {
/// use windlass::task::coop::{consume_budget, unconstrained};
///
/// unconstrained(async {
///     for _ in 0..1_000 {
///         consume_budget().await; // never yields here
///     }
/// })
/// .await;
/// # });
/// ```
pub fn unconstrained<F>(future: F) -> Unconstrained<F> {
    Unconstrained { future }
}

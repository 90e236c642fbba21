//! `sleep`.

use std::fmt;
use std::future::Future;
use std::marker::PhantomPinned;
use std::mem::ManuallyDrop;
use std::ops::{Deref, DerefMut};
use std::pin::Pin;
use std::ptr;
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use pin_project_lite::pin_project;

use super::Instant;
use crate::context;
use crate::driver::{Clock, Grain, Moved, Polled, Set, Timer, Timers, leave_to_worker, now_by};
use crate::primitives::Arc;
use crate::runtime::in_runtime;
use crate::scheduler::Shared;
use crate::task::{Note, coop, is_of, only_queues};

/// Waits until so much time has passed; asyncio's `sleep`.
///
/// The time counts from the call, not from the first poll. Zero is ready at once.
///
/// # Cancel safety
///
/// Dropping it cancels the timer; nothing is lost.
///
/// # Panics
///
/// Outside of a runtime.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// #[windlass::main]
/// async fn main() {
///     windlass::time::sleep(Duration::from_millis(5)).await;
///     println!("5 ms have passed");
/// }
/// ```
#[doc(alias = "delay_for")]
#[inline]
#[track_caller]
pub fn sleep(duration: Duration) -> Sleep {
    let now = in_runtime(context::with_runtime(|runtime| {
        let runtime = runtime?;
        Some(now_by(|| runtime.driver.timers().clock()))
    }));
    let state = if duration.is_zero() { State::Due } else { State::Ahead(duration) };
    Sleep { deadline: Instant::from_std(now).later_by(duration), state, _pinned: PhantomPinned }
}

/// Waits until a moment. One that is past is ready at once.
///
/// # Cancel safety
///
/// Dropping it cancels the timer; nothing is lost.
///
/// # Panics
///
/// Outside of a runtime.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use windlass::time::{Instant, sleep_until};
///
/// #[windlass::main]
/// async fn main() {
///     let deadline = Instant::now() + Duration::from_millis(5);
///     sleep_until(deadline).await;
///     assert!(Instant::now() >= deadline);
/// }
/// ```
#[doc(alias = "delay_until")]
#[inline]
#[track_caller]
pub fn sleep_until(deadline: Instant) -> Sleep {
    in_runtime(context::with_runtime(|runtime| runtime.map(|_| ())));
    Sleep { deadline, state: State::Unknown, _pinned: PhantomPinned }
}

pin_project! {
    /// The future of [`sleep`] and [`sleep_until`].
    ///
    /// It does not implement `Unpin`: to poll one by reference, as [`reset`](Sleep::reset) and `select!` in a loop do, pin it first with
    /// [`std::pin::pin!`] or [`Box::pin`].
    ///
    /// The timer is set at the first poll, in the runtime that polls it.
    ///
    /// # Panics
    ///
    /// A poll outside of a runtime panics, and one after the runtime was shut down; but not in a task of that runtime whose poll
    /// goes on for longer, which is cancelled as soon as that is over.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use windlass::time::{Instant, sleep};
    ///
    /// #[windlass::main]
    /// async fn main() {
    ///     let mut sleep = std::pin::pin!(sleep(Duration::from_secs(60)));
    ///     sleep.as_mut().reset(Instant::now() + Duration::from_millis(5));
    ///     sleep.as_mut().await;
    ///     assert!(sleep.is_elapsed());
    /// }
    /// ```
    ///
    /// ```
    /// use windlass::time::{Duration, Instant, sleep_until};
    ///
    /// # #[windlass::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let when = Instant::now() + Duration::from_millis(1);
    /// let sleep = sleep_until(when);
    /// assert_eq!(sleep.deadline(), when);
    /// sleep.await;
    /// # }
    /// ```
    #[must_use = "futures do nothing unless they are awaited"]
    pub struct Sleep {
        deadline: Instant,
        state: State,
        #[pin]
        _pinned: PhantomPinned,
    }
}

enum State {
    /// No timer is set. The deadline was ahead by so much when this was made.
    Ahead(Duration),
    /// No timer is set, and the deadline may be past.
    Unknown,
    /// The deadline is past; nobody has seen that yet.
    Due,
    /// A timer is set for the deadline.
    Set(Registered),
    /// The deadline is past, and a poll has said so.
    Elapsed,
}

/// A timer that is set. Dropped, it is cancelled, or left to its worker for the next.
struct Registered {
    timer: ManuallyDrop<Timer>,
    /// When the deadline is reached, in ticks. The timer may fire earlier, and then is set again.
    due: u64,
}

impl Drop for Registered {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: nobody looks at it again.
        leave(unsafe { ManuallyDrop::take(&mut self.timer) });
    }
}

/// Leaves a timer to its worker if it may be of use there, or cancels it. A call: most sleeps that are dropped elsewhere have no timer.
#[inline(never)]
fn leave(timer: Timer) {
    if !timer.may_be_left() {
        return;
    }
    context::with_worker(|worker| match worker {
        Some(worker) if worker.timers().is_mine(&timer) => worker.timers().leave(timer),
        _ => leave_to_worker(timer),
    });
}

impl Deref for Registered {
    type Target = Timer;

    #[inline]
    fn deref(&self) -> &Timer {
        &self.timer
    }
}

impl DerefMut for Registered {
    #[inline]
    fn deref_mut(&mut self) -> &mut Timer {
        &mut self.timer
    }
}

impl Sleep {
    /// The moment it waits for.
    pub fn deadline(&self) -> Instant {
        self.deadline
    }

    /// Whether its timer has fired and the deadline is past. A timer fires only if it was set, by a poll.
    ///
    /// A task may be woken for it a little too early, and then a poll sets the timer again: whoever waits has to poll, and not only to
    /// ask.
    pub fn is_elapsed(&self) -> bool {
        match &self.state {
            State::Elapsed => true,
            State::Set(timer) => {
                // It may have been moved since, or have fired early in place of one that was left.
                timer.has_fired() && (timer.due <= timer.tick() || has_passed(timer.clock(), self.deadline))
            }
            State::Ahead(_) | State::Unknown | State::Due => false,
        }
    }

    /// Has it wait for another moment, whether it has been ready already or not. Nothing is allocated.
    ///
    /// A task that waits for it goes on waiting, and is woken at the new moment.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use windlass::time::{Instant, sleep};
    ///
    /// # let rt = windlass::runtime::Runtime::new().unwrap();
    /// # rt.block_on(async {
    /// let mut idle = std::pin::pin!(sleep(Duration::from_secs(60)));
    /// // Something came in: the time counts from here again.
    /// idle.as_mut().reset(Instant::now() + Duration::from_secs(60));
    /// # });
    /// ```
    #[inline]
    pub fn reset(self: Pin<&mut Self>, deadline: Instant) {
        let this = self.project();
        *this.deadline = deadline;
        if let State::Set(timer) = this.state
            && move_timer(timer, deadline)
        {
            return;
        }
        *this.state = State::Unknown;
    }
}

/// Has a timer that is set serve another deadline. False if it has fired, or if the next poll must set one again.
#[inline]
fn move_timer(timer: &mut Registered, deadline: Instant) -> bool {
    let clock = timer.clock();
    let due = clock.tick_for(deadline.into_std());
    let tick = clock.rounded_up(due, Grain::FINEST);
    timer.due = due;
    // It may as well fire when it would: the poll that comes of that sets another one. Most are moved on again and again.
    tick >= timer.tick() || move_up(timer, tick, deadline)
}

#[inline(never)]
fn move_up(timer: &mut Timer, tick: u64, deadline: Instant) -> bool {
    if has_passed(timer.clock(), deadline) {
        // Who waits is woken, and whoever polls finds it elapsed, without waiting for a look at the timers.
        timer.fire();
        return false;
    }
    match timer.move_to(tick) {
        Moved::TooLate => false,
        Moved::Done { is_earliest: false } => true,
        // A worker of the runtime looks at what it has set before it sleeps. Anyone else has the task set it again there.
        Moved::Done { is_earliest: true } => {
            let on_worker = context::with_worker(|worker| {
                worker.is_some_and(|worker| timer.is_of(worker.shared().driver.timers()))
            });
            if !on_worker {
                timer.fire();
            }
            on_worker
        }
    }
}

impl Future for Sleep {
    type Output = ();

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let coop = ready!(coop::poll_proceed(cx));
        let this = self.project();
        let is_ready = match this.state {
            State::Set(timer) => {
                let tick = timer.tick();
                match timer.poll(cx.waker()) {
                    Polled::Waits => false,
                    polled => end(polled, tick, *this.deadline, this.state, cx.waker()),
                }
            }
            State::Ahead(_) | State::Unknown => set(*this.deadline, this.state, cx.waker()),
            State::Due | State::Elapsed => true,
        };
        if !is_ready {
            if let State::Set(timer) = this.state {
                // Not the tick at which its timer fires, which may be a little earlier.
                coop.awaits(Note::timer(timer.due));
            }
            return Poll::Pending;
        }
        *this.state = State::Elapsed;
        coop.made_progress();
        Poll::Ready(())
    }
}

/// What to make of a timer that is gone: the deadline was at its tick, or was moved to a later one since. Returns whether it is past.
#[cold]
fn end(polled: Polled, tick: u64, deadline: Instant, state: &mut State, waker: &Waker) -> bool {
    let State::Set(timer) = state else { return true };
    let clock = timer.clock();
    match polled {
        Polled::Closed if !has_passed(clock, deadline) => {
            assert_ends(waker, |timers| timer.is_of(timers));
            false
        }
        Polled::Fired if timer.due > tick => {
            *state = State::Unknown;
            set(deadline, state, waker)
        }
        _ => true,
    }
}

/// Sets the timer, in the shard of the worker that polls. Returns whether it is due.
#[inline]
fn set(deadline: Instant, state: &mut State, waker: &Waker) -> bool {
    context::with_runtime(|runtime| {
        let runtime = in_runtime(runtime);
        let clock = runtime.driver.timers().clock();
        let ahead = if let State::Ahead(ahead) = *state {
            ahead
        } else {
            let ahead = deadline.into_std().saturating_duration_since(clock.now());
            if ahead.is_zero() {
                return true;
            }
            ahead
        };
        let due = clock.tick_for(deadline.into_std());
        let tick = clock.rounded_up(due, Grain::of(ahead));
        // A clock that stands is exact about whom it stops for.
        let slack = if clock.is_virtual() { 0 } else { slack(ahead) };
        match set_in(runtime, tick, slack, waker) {
            Set::Waits { timer, .. } => {
                *state = State::Set(Registered { timer: ManuallyDrop::new(timer), due });
                false
            }
            Set::Due => true,
            Set::Closed => {
                assert_ends(waker, |timers| ptr::eq(timers, runtime.driver.timers()));
                false
            }
        }
    })
}

/// By how much a timer that was left may be too early to serve another, in ticks: what comes of its firing sets another, as with one that was moved.
/// With an eighth that is seldom, as most are cancelled before that.
#[inline]
fn slack(ahead: Duration) -> u64 {
    // 2^30 ns are about a second.
    (ahead.as_secs().min(1 << 34) << 27) + u64::from(ahead.subsec_nanos() >> 3)
}

#[inline]
fn set_in(runtime: &Arc<Shared>, tick: u64, slack: u64, waker: &Waker) -> Set {
    let (set, on_worker) = context::with_worker_of(Arc::as_ptr(runtime), |worker| match worker {
        Some(worker) => (worker.timers().set(tick, slack, waker), true),
        None => (runtime.driver.timers().outside().set(tick, waker), false),
    });
    // A worker looks at what it has set before it sleeps.
    if matches!(set, Set::Waits { is_earliest: true, .. }) && !on_worker {
        runtime.driver.timer_moved_up(tick);
    }
    set
}

fn has_passed(clock: &Clock, deadline: Instant) -> bool {
    deadline.into_std() <= clock.now()
}

/// The runtime of the timer is shut down, and wakes nobody. What waits is to be a task of it, in a poll that has gone on for longer: that
/// task ends with the poll, and until then it may wait.
#[cold]
fn assert_ends(waker: &Waker, is_its: impl FnOnce(&Timers) -> bool) {
    let ends =
        context::with_worker(|worker| worker.is_some_and(|worker| is_its(worker.shared().driver.timers())))
            && context::with_task(|task| task.is_some_and(|task| only_queues(waker) && is_of(waker, task)));
    assert!(
        ends,
        "the runtime of this timer is being shut down, and will not wake anyone any more: end what waits for \
         time before the runtime is dropped"
    );
}

impl fmt::Debug for Sleep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sleep")
            .field("deadline", &self.deadline)
            .field("is_elapsed", &self.is_elapsed())
            .finish()
    }
}

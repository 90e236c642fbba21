//! Callbacks: functions that a runtime calls soon, or at a given time, one after the other.
//!
//! They wait in a queue and an ordered map. As long as there is one, one task takes them out and calls them.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::future::Future;
use std::mem;
use std::panic::{AssertUnwindSafe, Location, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use super::Handle;
use crate::context;
use crate::primitives::{Arc, Mutex};
use crate::scheduler::Shared;
use crate::task::{CarriedLocals, ContextVars, Unhandled, UnhandledKind};
use crate::time::{Instant, Sleep, sleep_until};

/// How many callbacks are called in a row before other tasks have their turn.
const ROW: usize = 32;

/// The callbacks of a runtime.
#[derive(Default)]
pub(crate) struct Callbacks(Mutex<Waiting>);

#[derive(Default)]
struct Waiting {
    /// To be called now, in this order.
    ready: VecDeque<Arc<Callback>>,
    /// To be called at a time; of equal times in the order of their numbers.
    timed: BTreeMap<(Instant, u64), Arc<Callback>>,
    last_number: u64,
    caller: Caller,
}

/// The task that calls them.
#[derive(Default)]
enum Caller {
    /// There is none: nothing waits.
    #[default]
    None,
    /// It is at it, or about to look.
    Busy,
    /// It waits for the time of the first.
    Waits(Waker),
}

/// One callback.
struct Callback {
    state: Mutex<State>,
    location: &'static Location<'static>,
}

enum State {
    Waits(Box<dyn FnOnce() + Send>),
    Called,
    Cancelled,
}

/// A callback that was scheduled with [`Handle::call_soon`], [`call_later`](Handle::call_later) or [`call_at`](Handle::call_at); asyncio's
/// `TimerHandle`. Dropping it changes nothing.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// # let rt = windlass::runtime::Runtime::new().unwrap();
/// let timer = rt.handle().call_later(Duration::from_secs(60), || println!("too late"));
/// assert!(timer.cancel());
/// assert!(timer.cancelled());
/// ```
///
/// ```
/// use windlass::runtime::Handle;
/// use windlass::time::{Duration, Instant};
///
/// # #[windlass::main(flavor = "current_thread")]
/// # async fn main() {
/// let when = Instant::now() + Duration::from_secs(60);
/// let timer = Handle::current().call_at(when, || ());
/// assert_eq!(timer.when(), when);
/// timer.cancel();
/// # }
/// ```
#[derive(Clone)]
pub struct TimerHandle {
    shared: Arc<Shared>,
    callback: Arc<Callback>,
    key: (Instant, u64),
}

impl TimerHandle {
    /// Has the function not be called. True if it will never be, false if it has been called or is being called now.
    pub fn cancel(&self) -> bool {
        let dropped = {
            let mut state = self.callback.state.lock();
            if matches!(*state, State::Called) {
                return false;
            }
            mem::replace(&mut *state, State::Cancelled)
        };
        // What the function owns is dropped under no lock.
        drop(dropped);
        let mut waiting = self.shared.callbacks.0.lock();
        let was_first = waiting.timed.first_key_value().is_some_and(|(key, _)| *key == self.key);
        let removed = waiting.timed.remove(&self.key);
        let caller = if was_first { waiting.rouse() } else { None };
        drop(waiting);
        drop(removed);
        wake(caller);
        true
    }

    /// Whether it was cancelled.
    pub fn cancelled(&self) -> bool {
        matches!(*self.callback.state.lock(), State::Cancelled)
    }

    /// When the function is or was to be called: for [`Handle::call_soon`], when that was called.
    pub fn when(&self) -> Instant {
        self.key.0
    }
}

impl fmt::Debug for TimerHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match *self.callback.state.lock() {
            State::Waits(_) => "Waits",
            State::Called => "Called",
            State::Cancelled => "Cancelled",
        };
        f.debug_struct("TimerHandle")
            .field("state", &format_args!("{state}"))
            .field("when", &self.key.0)
            .field("scheduled_at", &format_args!("{}", self.callback.location))
            .finish()
    }
}

impl Handle {
    /// Has the runtime call a function as soon as it can; asyncio's `call_soon` and `call_soon_threadsafe`.
    ///
    /// Functions are called in the order in which they were given, by one task: one that blocks keeps the others waiting. The task-locals
    /// of the caller are set in it, as far as they are `Clone + Send`, and so are its context variables. A panic in it is reported and counted
    /// ([`unobserved_panics_count`](super::RuntimeMetrics::unobserved_panics_count)), and keeps nothing else from going on. Once the
    /// runtime is shut down, functions are dropped uncalled. Any thread may call this.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::mpsc;
    ///
    /// let rt = windlass::runtime::Runtime::new().unwrap();
    /// let (sender, receiver) = mpsc::channel();
    /// for n in 1..=3 {
    ///     let sender = sender.clone();
    ///     rt.handle().call_soon(move || sender.send(n).unwrap());
    /// }
    /// drop(sender);
    /// assert_eq!(receiver.iter().collect::<Vec<_>>(), [1, 2, 3]);
    /// ```
    #[doc(alias = "call_soon_threadsafe")]
    #[track_caller]
    pub fn call_soon<F: FnOnce() + Send + 'static>(&self, f: F) -> TimerHandle {
        self.schedule(None, Box::new(f), Location::caller())
    }

    /// Has the runtime call a function after a time, by its own clock; asyncio's `call_later`. For the rest see
    /// [`call_soon`](Self::call_soon).
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::mpsc;
    /// use std::time::Duration;
    ///
    /// let rt = windlass::runtime::Runtime::new().unwrap();
    /// let (sender, receiver) = mpsc::channel();
    /// rt.handle().call_later(Duration::from_millis(5), move || sender.send("now").unwrap());
    /// assert_eq!(receiver.recv(), Ok("now"));
    /// ```
    #[track_caller]
    pub fn call_later<F: FnOnce() + Send + 'static>(&self, delay: Duration, f: F) -> TimerHandle {
        self.schedule(Some(self.time().later_by(delay)), Box::new(f), Location::caller())
    }

    /// Has the runtime call a function at a time; asyncio's `call_at`. Functions are called in the order of their times, those of equal
    /// times in the order in which they were given. For the rest see [`call_soon`](Self::call_soon).
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::mpsc;
    /// use std::time::Duration;
    /// use windlass::time::Instant;
    ///
    /// let rt = windlass::runtime::Runtime::new().unwrap();
    /// let (sender, receiver) = mpsc::channel();
    /// let when = Instant::now() + Duration::from_millis(5);
    /// let timer = rt.handle().call_at(when, move || sender.send(Instant::now()).unwrap());
    /// assert_eq!(timer.when(), when);
    /// assert!(receiver.recv().unwrap() >= when);
    /// ```
    #[track_caller]
    pub fn call_at<F: FnOnce() + Send + 'static>(&self, when: Instant, f: F) -> TimerHandle {
        self.schedule(Some(when), Box::new(f), Location::caller())
    }

    /// The time by the clock of this runtime; asyncio's `loop.time()`.
    fn time(&self) -> Instant {
        Instant::from_std(self.shared().driver.timers().clock().now())
    }

    fn schedule(
        &self,
        when: Option<Instant>,
        f: Box<dyn FnOnce() + Send>,
        location: &'static Location<'static>,
    ) -> TimerHandle {
        let shared = self.shared();
        let locals = CarriedLocals::of_caller();
        let f: Box<dyn FnOnce() + Send> =
            if locals.is_empty() { f } else { Box::new(move || locals.enter(f)) };
        let vars = ContextVars::current();
        let f: Box<dyn FnOnce() + Send> = if vars.is_empty() { f } else { Box::new(move || vars.run(f)) };
        let callback = Arc::new(Callback { state: Mutex::new(State::Waits(f)), location });
        let key_time = when.unwrap_or_else(|| self.time());
        let mut waiting = shared.callbacks.0.lock();
        waiting.last_number += 1;
        let key = (key_time, waiting.last_number);
        let is_next = match when {
            None => {
                waiting.ready.push_back(Arc::clone(&callback));
                true
            }
            Some(_) => {
                waiting.timed.insert(key, Arc::clone(&callback));
                waiting.timed.first_key_value().is_some_and(|(first, _)| *first == key)
            }
        };
        let mut caller = None;
        let begins = matches!(waiting.caller, Caller::None);
        if begins {
            waiting.caller = Caller::Busy;
        } else if is_next {
            caller = waiting.rouse();
        }
        drop(waiting);
        wake(caller);
        if begins {
            let calling = Calling { sleep: None, ended: false, shared: Arc::clone(shared) };
            // The context variables of whoever came first are those of its callback only.
            ContextVars::default().run(|| drop(shared.spawn(calling, None, location)));
        }
        TimerHandle { shared: Arc::clone(shared), callback, key }
    }
}

/// What the caller is to do.
enum Next {
    Call(Arc<Callback>),
    WaitUntil(Instant),
    End,
}

impl Callbacks {
    fn next(&self, caller: &Waker) -> Next {
        let mut waiting = self.0.lock();
        waiting.make_ready(Instant::now());
        if let Some(next) = waiting.ready.pop_front() {
            return Next::Call(next);
        }
        match waiting.timed.first_key_value() {
            Some((&(when, _), _)) => {
                waiting.caller = Caller::Waits(caller.clone());
                Next::WaitUntil(when)
            }
            None => {
                waiting.caller = Caller::None;
                Next::End
            }
        }
    }
}

impl Waiting {
    /// The caller, to be woken, if it waits.
    fn rouse(&mut self) -> Option<Waker> {
        match mem::replace(&mut self.caller, Caller::Busy) {
            Caller::Waits(waker) => Some(waker),
            other => {
                self.caller = other;
                None
            }
        }
    }

    /// Moves those whose time has come to the others that are to be called.
    fn make_ready(&mut self, now: Instant) {
        while let Some(first) = self.timed.first_entry()
            && first.key().0 <= now
        {
            self.ready.push_back(first.remove());
        }
    }
}

fn wake(waker: Option<Waker>) {
    if let Some(waker) = waker {
        waker.wake();
    }
}

/// The future of the task that calls the callbacks. It ends when there are none.
struct Calling {
    shared: Arc<Shared>,
    /// Until the time of the first.
    sleep: Option<Pin<Box<Sleep>>>,
    ended: bool,
}

impl Future for Calling {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        for _ in 0..ROW {
            match self.shared.callbacks.next(cx.waker()) {
                Next::Call(callback) => callback.call(&self.shared),
                Next::WaitUntil(when) if self.wait_until(when, cx).is_pending() => return Poll::Pending,
                // The time has come meanwhile.
                Next::WaitUntil(_) => {}
                Next::End => {
                    self.ended = true;
                    return Poll::Ready(());
                }
            }
        }
        context::yield_to_others(cx.waker());
        Poll::Pending
    }
}

impl Calling {
    fn wait_until(&mut self, when: Instant, cx: &mut Context<'_>) -> Poll<()> {
        let sleep = self.sleep.get_or_insert_with(|| Box::pin(sleep_until(when)));
        if sleep.deadline() != when {
            sleep.as_mut().reset(when);
        }
        sleep.as_mut().poll(cx)
    }
}

impl Drop for Calling {
    fn drop(&mut self) {
        if self.ended {
            return;
        }
        // The runtime ends: what was not called is dropped with its task.
        let mut waiting = self.shared.callbacks.0.lock();
        waiting.caller = Caller::None;
        let (ready, timed) = (mem::take(&mut waiting.ready), mem::take(&mut waiting.timed));
        drop(waiting);
        for callback in ready.iter().chain(timed.values()) {
            callback.cancel();
        }
    }
}

impl Callback {
    fn call(&self, shared: &Shared) {
        let f = {
            let mut state = self.state.lock();
            match mem::replace(&mut *state, State::Called) {
                State::Waits(f) => f,
                other => {
                    *state = other;
                    return;
                }
            }
        };
        if let Err(payload) = catch_unwind(AssertUnwindSafe(f)) {
            shared.unobserved.report(&Unhandled::panic(UnhandledKind::Callback, self.location, &*payload));
            crate::quietly(|| drop(payload));
        }
    }

    fn cancel(&self) {
        let mut state = self.state.lock();
        if let State::Waits(f) = mem::replace(&mut *state, State::Cancelled) {
            drop(state);
            crate::quietly(|| drop(f));
        }
    }
}

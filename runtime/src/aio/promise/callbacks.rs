//! The callbacks of a promise: one queue, and one task at a time that calls what is in it.

use std::collections::VecDeque;
use std::mem;
use std::panic::{AssertUnwindSafe, Location, catch_unwind};

use super::Promise;
use crate::quietly;
use crate::task::{ContextVars, Unhandled, UnhandledKind, yield_now};

/// A callback of a [`Promise`], to be removed.
///
/// # Examples
///
/// ```
/// use windlass::aio::{CallbackId, Promise};
///
/// # #[windlass::main(flavor = "current_thread")]
/// # async fn main() {
/// let promise = Promise::<u32>::new();
/// let id: CallbackId = promise.add_done_callback(|_| unreachable!("it was removed"));
/// assert!(promise.remove_done_callback(id));
/// # promise.set_result(1).unwrap();
/// # }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CallbackId(u64);

pub(super) struct Callback<T> {
    call: Box<dyn FnOnce(Promise<T>) + Send>,
    at: &'static Location<'static>,
    vars: ContextVars,
}

impl<T> Callback<T> {
    /// To be called with the context variables of here and now.
    pub(super) fn new(call: Box<dyn FnOnce(Promise<T>) + Send>, at: &'static Location<'static>) -> Self {
        Self { call, at, vars: ContextVars::current() }
    }
}

/// Those that are to be called, in the order in which they were added.
pub(super) struct Callbacks<T> {
    queue: VecDeque<(CallbackId, Callback<T>)>,
    last_id: u64,
    /// Whether there is a task that calls them. It looks here again before it ends.
    calling: bool,
}

impl<T> Default for Callbacks<T> {
    fn default() -> Self {
        Self { queue: VecDeque::new(), last_id: 0, calling: false }
    }
}

impl<T> Callbacks<T> {
    pub(super) fn add(&mut self, callback: Callback<T>) -> CallbackId {
        self.last_id += 1;
        let id = CallbackId(self.last_id);
        self.queue.push_back((id, callback));
        id
    }

    pub(super) fn remove(&mut self, id: CallbackId) -> Option<Callback<T>> {
        let at = self.queue.iter().position(|(known, _)| *known == id)?;
        self.queue.remove(at).map(|(_, callback)| callback)
    }

    pub(super) fn len(&self) -> usize {
        self.queue.len()
    }

    /// Of a promise that is done: whether a task is to be spawned that calls them.
    #[must_use]
    pub(super) fn begin(&mut self) -> bool {
        !self.queue.is_empty() && !mem::replace(&mut self.calling, true)
    }

    /// What that task calls next. If nothing, it is none any more.
    fn go_on(&mut self) -> Option<VecDeque<(CallbackId, Callback<T>)>> {
        self.calling = !self.queue.is_empty();
        self.calling.then(|| mem::take(&mut self.queue))
    }
}

/// The task that calls the callbacks of a promise that is done. Dropped before it has called all, it reports the others.
pub(super) struct Calls<T> {
    promise: Promise<T>,
    next: VecDeque<(CallbackId, Callback<T>)>,
    over: bool,
}

impl<T: Clone + Send + Sync + 'static> Calls<T> {
    pub(super) fn new(promise: Promise<T>) -> Self {
        Self { promise, next: VecDeque::new(), over: false }
    }

    pub(super) async fn run(mut self) {
        self.go_on();
        while !self.over {
            while let Some((_, Callback { call, at, vars })) = self.next.pop_front() {
                let promise = self.promise.clone();
                let called = catch_unwind(AssertUnwindSafe(|| vars.run(|| call(promise))));
                if let Err(payload) = called {
                    self.report(&Unhandled::panic(UnhandledKind::Callback, at, &*payload));
                    quietly(|| drop(payload));
                }
            }
            self.go_on();
            if !self.over {
                // Callbacks that add others for ever let the rest run.
                yield_now().await;
            }
        }
    }
}

impl<T> Calls<T> {
    fn go_on(&mut self) {
        let next = { self.promise.inner.state.lock().callbacks.go_on() };
        match next {
            Some(next) => self.next = next,
            None => self.over = true,
        }
    }

    fn report(&self, unhandled: &Unhandled<'_>) {
        self.promise.inner.runtime.unobserved.report(unhandled);
    }
}

impl<T> Drop for Calls<T> {
    fn drop(&mut self) {
        while !self.over {
            while let Some((_, callback)) = self.next.pop_front() {
                let what = "it was not called: the runtime of its promise has ended";
                self.report(&Unhandled::other(UnhandledKind::Callback, callback.at, what));
                quietly(|| drop(callback));
            }
            self.go_on();
        }
    }
}

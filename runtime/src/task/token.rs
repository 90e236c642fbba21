//! The token: the right to poll or drop a task's future.

use std::mem;
use std::ptr::NonNull;

use super::cell::Header;
use super::entry::Entry;

/// The right to poll or drop the future of a task that is not complete.
///
/// It keeps the task alive without a reference of its own: only its holder can complete the task. A token
/// that is dropped cancels its task, so none can be lost.
pub(crate) struct Token(NonNull<Header>);

// SAFETY: the token of a `Send` future may be run on any thread. Those of a `LocalSet`'s tasks are run by
// the `LocalSet` alone, which is not `Send`.
unsafe impl Send for Token {}

/// What running a token came to.
#[must_use]
pub(crate) enum Ran {
    /// The task is complete, and perhaps freed.
    Done,
    /// The task waits to be woken.
    Idle,
    /// It was woken while it was polled.
    Woken(Token),
    /// It asked to let others go first.
    Yielded(Token),
}

impl Token {
    /// # Safety
    ///
    /// The caller holds the token of this task and gives it up.
    #[inline]
    pub(super) unsafe fn from_raw(task: NonNull<Header>) -> Self {
        Self(task)
    }

    /// Gives up the token to a place that holds bare pointers.
    #[inline]
    pub(crate) fn into_raw(self) -> NonNull<Header> {
        let task = self.0;
        mem::forget(self);
        task
    }

    /// Takes a token back from where [`into_raw`](Self::into_raw) put it.
    ///
    /// # Safety
    ///
    /// `task` came from `into_raw`, and this takes it out of circulation.
    #[inline]
    pub(crate) unsafe fn reclaim(task: NonNull<Header>) -> Self {
        Self(task)
    }

    /// The task, for one who still knows it when the token comes back.
    pub(crate) fn as_raw(&self) -> NonNull<Header> {
        self.0
    }

    /// The task.
    #[inline]
    pub(crate) fn header(&self) -> &Header {
        // SAFETY: a task whose token exists is not complete and therefore not freed.
        unsafe { self.0.as_ref() }
    }

    /// Names the task without a place in the registry, where the end of the scheduler would wait for it: for
    /// one that something else runs. Once, and before its first start.
    pub(crate) fn set_name(&self, name: Box<str>) {
        let header = self.header();
        header.origin().set_entry(Entry::new(self.0, header, 0, Some(name)));
    }

    /// Polls the future once, or drops it if the task was aborted.
    #[inline]
    pub(crate) fn run(self) -> Ran {
        let poll = self.header().vtable.poll;
        let task = self.into_raw();
        // SAFETY: the token is given up to `poll`, and the vtable is the task's own.
        unsafe { poll(task) }
    }

    /// Ends the task without polling it again.
    pub(crate) fn cancel(self) {
        self.header().state.cancel_claimed();
        // The start sees the cancellation, so the task is done after it.
        let Ran::Done = self.run() else { unreachable!("a cancelled task is done") };
    }

    /// Gives the token to the task's scheduler.
    #[inline]
    pub(super) fn schedule(self) {
        let schedule = self.header().vtable.schedule;
        let task = self.into_raw();
        // SAFETY: the token is given up to `schedule`, and the vtable is the task's own.
        unsafe { schedule(task) };
    }
}

impl Drop for Token {
    #[cold]
    fn drop(&mut self) {
        Token(self.0).cancel();
    }
}

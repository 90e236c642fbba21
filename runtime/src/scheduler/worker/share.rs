//! What a worker queues, and when it has another share the work.

use super::{SOON, Worker};
use crate::scheduler::desk::Reach;
use crate::scheduler::idle::{Role, Seen};
use crate::task::Token;

/// So many tasks that are woken in one go are shared at once, however short polls have been.
const FEW: usize = 16;

impl Worker {
    /// Queues a task that was woken or spawned on this worker, to be run next.
    #[inline]
    pub(crate) fn push_next(&self, token: Token) {
        if self.in_root.get() || !self.shared.config.lifo {
            self.push_back(token);
        } else if let Some(displaced) = self.seat().lifo.put(token) {
            self.push_back(displaced);
        }
    }

    /// Queues a task behind the others.
    #[inline]
    pub(crate) fn push_back(&self, token: Token) {
        if self.desk.push(token) == Reach::Others {
            match self.brought.get() {
                None => self.tell(),
                Some(brought) => self.brought.set(Some(brought + 1)),
            }
        }
    }

    /// A task was queued here: has another worker share the work, if that is worth a wake. If not it is as with the LIFO
    /// slot: this worker comes back for it soon, or else the monitor moves it.
    #[inline]
    pub(super) fn tell(&self) {
        // Who is drained is alone, and ends what it queues itself.
        if let Seen::Asleep(sleepers) = self.shared.idle.look() {
            self.wake_another(sleepers);
        }
    }

    #[cold]
    fn wake_another(&self, sleepers: usize) {
        // The future of `block_on` may block for what it has just spawned.
        if !self.in_root.get() && !self.is_worth_a_wake(sleepers) {
            self.leave_untold();
            return;
        }
        self.untold.set(false);
        if self.shared.idle.wake_one() {
            self.pace.wakes_another(sleepers);
        }
    }

    fn is_worth_a_wake(&self, sleepers: usize) -> bool {
        // A guest that runs tasks is one more worker: if only one sleeps then as many are up as there are to be.
        (self.role == Role::Worker || sleepers > 1) && !self.pace.wakes_in_vain(sleepers)
    }

    /// Whether this is a guest, and as many run tasks as there are to be workers without it.
    #[inline]
    pub(crate) fn is_one_too_many(&self) -> bool {
        self.role == Role::Guest && self.pace.is_one_too_many(self.shared.idle.all_run())
    }

    /// Tells of what is still here of that for which nobody was woken, unless it is as short as it was thought to be.
    pub(super) fn think_again(&self) {
        if self.untold.get() && self.is_over_soon() {
            self.leave_untold();
        } else {
            self.tell_of_untold();
        }
    }

    /// Whether something is left here, and is likely to be over before it is worth a wake.
    fn is_over_soon(&self) -> bool {
        let left = self.desk.len();
        left > 0 && self.pace.is_over_soon(self.seat().stats.polls.get(), left)
    }

    /// Whether there are tasks for which nobody was woken, and which are known to be short. Somebody would have to be woken for them before this
    /// thread polls its own future, behind which they may have to wait for good.
    #[inline]
    pub(crate) fn has_short_ones(&self) -> bool {
        self.untold.get() && self.has_surely_short_ones()
    }

    #[cold]
    fn has_surely_short_ones(&self) -> bool {
        let left = self.desk.len();
        left > 0 && self.pace.is_surely_over_soon(self.seat().stats.polls.get(), left)
    }

    /// Tells of what is still here of that for which nobody was woken.
    pub(super) fn tell_of_untold(&self) {
        if self.untold.take() && self.desk.len() > 0 {
            self.tell();
        }
    }

    /// Wakes many at once; those that come to this worker's queue are told of together.
    pub(crate) fn wake_together(&self, wake: impl FnOnce()) {
        if self.in_root.get() || self.brought.get().is_some() {
            return wake();
        }
        self.brought.set(Some(0));
        wake();
        match self.brought.get() {
            // Few may be few long ones, and then it is worth a lot. Of many not much has been done alone before it is seen.
            Some(1..=FEW) => {
                self.brought.set(None);
                self.tell();
            }
            _ => self.tell_of_brought(),
        }
    }

    /// Many tasks were queued at once: tells somebody, if it is worth it. If not it is as with the LIFO slot: this
    /// worker comes back for them soon, or else the monitor does.
    pub(super) fn tell_of_brought(&self) {
        let brought = self.brought.take().unwrap_or_default();
        if brought == 0 {
            return;
        }
        if self.pace.is_worth_a_wake(brought) {
            self.tell();
        } else {
            self.leave_untold();
        }
    }

    /// Wakes nobody for what was queued, and thinks of that again soon.
    fn leave_untold(&self) {
        self.untold.set(true);
        self.until_injector.set(self.until_injector.get().min(SOON));
    }

    /// Moves the task in the LIFO slot to the queue, where others see it at once.
    pub(super) fn flush_lifo(&self) {
        if let Some(token) = self.seat().lifo.take() {
            self.push_back(token);
        }
    }
}

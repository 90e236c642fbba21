//! `block_on`: a thread that waits for one future, and runs tasks meanwhile if it gets a seat.

use std::future::Future;
use std::mem::ManuallyDrop;
use std::ops::Deref;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

use super::desk::Desk;
use super::idle::Role;
use super::root::{self, Root};
use super::shared::Shared;
use super::worker::Worker;
use crate::context::{self, Seated};
use crate::primitives::Arc;
use crate::task::coop::BUDGET;
use crate::task::leave_scopes;

/// Runs `future` to its end on this thread. While it waits the thread runs tasks, if a seat is free; in the
/// line for one it only parks.
pub(crate) fn block_on_seated<F: Future>(shared: &Arc<Shared>, future: F) -> F::Output {
    // Where there are no workers it is the one that runs the tasks.
    let role = if shared.config.workers == 0 { Role::Worker } else { Role::Guest };
    block_on_as(role, shared, future)
}

/// The same in that role, which for one who stands in is that of the one he stands in for.
pub(crate) fn block_on_as<F: Future>(role: Role, shared: &Arc<Shared>, future: F) -> F::Output {
    let root = Root::new(Some(Arc::clone(&shared.driver)));
    let waker = root::waker(&root);
    let mut future = pin!(future);
    let mut has_seen_the_end = false;
    loop {
        if let Some((index, desk)) = shared.roster.sit_or_wait(root.parker()) {
            let guest = Guest::sit(shared, index, role, desk, &root);
            return guest.run(&root, &waker, future);
        }
        let sees_the_end = !has_seen_the_end && shared.is_closing();
        if !root.take_woken() && !sees_the_end {
            root.parker().park();
            continue;
        }
        has_seen_the_end |= sees_the_end;
        // The poll may block this thread for good: a seat that becomes free meanwhile is for somebody else.
        shared.roster.stop_waiting(root.parker());
        let polled = poll(&waker, future.as_mut());
        if shared.is_closing() {
            // Of a runtime that closes only a stand-in can be here, too late for a seat. The worker it stands in
            // for blocks, perhaps until another task is ended. (After the poll, in which it may have seen the end.)
            shared.end_from_outside();
        }
        if let Poll::Ready(output) = polled {
            return output;
        }
    }
}

/// Runs `future` to its end on this thread, which does nothing else meanwhile.
pub(crate) fn block_on_parked<F: Future>(future: F) -> F::Output {
    let root = Root::new(None);
    let waker = root::waker(&root);
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(output) = poll_or_park(&root, &waker, future.as_mut()) {
            return output;
        }
    }
}

pub(crate) fn poll_or_park<F: Future>(root: &Root, waker: &Waker, future: Pin<&mut F>) -> Poll<F::Output> {
    if root.take_woken() {
        return poll(waker, future);
    }
    root.parker().park();
    Poll::Pending
}

fn poll<F: Future>(waker: &Waker, future: Pin<&mut F>) -> Poll<F::Output> {
    let _polling = context::begin_poll(std::ptr::null(), BUDGET);
    future.poll(&mut Context::from_waker(waker))
}

/// A guest on its seat. When dropped it hands over its tasks and leaves.
pub(crate) struct Guest {
    /// Restores the thread's context; dropped before the worker is.
    seated: Option<Seated>,
    /// Taken when the guest is dropped.
    worker: ManuallyDrop<Box<Worker>>,
}

impl Guest {
    pub(crate) fn sit(shared: &Arc<Shared>, index: usize, role: Role, desk: Desk, root: &Arc<Root>) -> Self {
        let worker = Box::new(Worker::guest(Arc::clone(shared), index, role, desk, root));
        worker.arrive();
        // SAFETY: the worker is in a box of its own, and `drop` takes the guard away first.
        let seated = unsafe { Seated::new(&worker) };
        Self { seated: Some(seated), worker: ManuallyDrop::new(worker) }
    }

    fn run<F: Future>(&self, root: &Root, waker: &Waker, mut future: Pin<&mut F>) -> F::Output {
        loop {
            // Of a runtime that closes only a stand-in can be a guest; its future sees that, and ends.
            if (root.take_woken() || self.shared().is_closing())
                && let Poll::Ready(output) = self.in_root(|| poll(waker, future.as_mut()))
            {
                return output;
            }
            // In tasks none of the task-locals is set in whose scopes `block_on` was called.
            let _out_of_scopes = leave_scopes();
            // Its own future has priority, but for all that is at hand when it lets others go first, for some of that when it is woken already (one that
            // wakes itself at every poll must not starve the tasks), and for short tasks that somebody else would have to be woken for.
            let most = self.shared().config.event_interval as usize;
            let turns = match root.is_woken() {
                false => 0,
                true if self.take_yield_of_root() => self.count_at_hand(),
                true => self.count_at_hand().min(most),
            };
            for turn in 1..=turns.max(most.saturating_mul(2)) {
                let found = if self.is_one_too_many() && !root.is_woken() {
                    self.rest()
                } else {
                    let elsewhere = || if turn > 1 && root.is_woken() { None } else { self.find_or_sleep() };
                    self.next().or_else(elsewhere)
                };
                let Some(token) = found else { break };
                Worker::run(self, token);
                let comes_now =
                    if root.is_woken() { turn >= turns && !self.has_short_ones() } else { turn >= most };
                if comes_now {
                    break;
                }
            }
        }
    }
}

impl Deref for Guest {
    type Target = Worker;

    #[inline]
    fn deref(&self) -> &Worker {
        &self.worker
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        self.hand_over();
        self.retire();
        self.seated = None;
        // SAFETY: it is not used again: nothing is dropped after this that could.
        let worker = unsafe { ManuallyDrop::take(&mut self.worker) };
        (*worker).depart();
    }
}

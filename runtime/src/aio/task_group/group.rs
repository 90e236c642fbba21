//! What the tasks of a group share.

use std::mem;
use std::panic::Location;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use super::count::{Count, Ended};
use crate::aio::TaskFailure;
use crate::context;
use crate::primitives::Mutex;
use crate::quietly;
use crate::task::{AbortHandle, Party, Unhandled, UnhandledKind, Unobserved, note_party, yield_now};

/// How many handles are kept before the finished ones are looked for.
const FIRST_SWEEP: usize = 64;

pub(super) struct Group<E> {
    pub(super) count: Count,
    inner: Mutex<Inner<E>>,
    at: &'static Location<'static>,
}

struct Inner<E> {
    /// Those that may be alive. Finished ones are swept out when there are twice as many as at the last sweep, so that an
    /// end needs no lock.
    tasks: Vec<AbortHandle>,
    sweep_at: usize,
    aborting: bool,
    failures: Vec<TaskFailure<E>>,
    /// Of the runtime that had the first task: who is told of failures that nobody asks for.
    unobserved: Option<Arc<Unobserved>>,
    /// Of whoever waits for the end of the tasks, or runs the body.
    waiter: Option<Waker>,
    /// The tasks again, once somebody awaits the end.
    party: Option<Arc<Party>>,
}

impl<E> Group<E> {
    pub(super) fn new(at: &'static Location<'static>) -> Arc<Self> {
        let inner = Inner {
            tasks: Vec::new(),
            sweep_at: FIRST_SWEEP,
            aborting: false,
            failures: Vec::new(),
            unobserved: None,
            waiter: None,
            party: None,
        };
        Arc::new(Self { count: Count::new(), inner: Mutex::new(inner), at })
    }

    /// Keeps the handle of a task that has entered, to abort it; and who hears of failures in its runtime.
    pub(super) fn keep(&self, task: AbortHandle, unobserved: &Arc<Unobserved>) {
        let mut swept = Vec::new();
        let mut inner = self.inner.lock();
        if inner.unobserved.is_none() {
            inner.unobserved = Some(Arc::clone(unobserved));
        }
        if inner.aborting {
            // It may have failed itself, and not be complete yet: `settle` waits for it.
            inner.tasks.push(task.clone());
            drop(inner);
            task.abort();
            return;
        }
        if inner.tasks.len() >= inner.sweep_at {
            swept = inner.tasks.extract_if(.., |task| task.is_finished()).collect();
            inner.sweep_at = FIRST_SWEEP.max(2 * inner.tasks.len());
        }
        if let Some(party) = &inner.party {
            party.with(|known| {
                if !swept.is_empty() {
                    known.clear();
                    known.extend(inner.tasks.iter().map(AbortHandle::id));
                }
                known.push(task.id());
            });
        }
        inner.tasks.push(task);
        drop(inner);
        // Frees the tasks: not under the lock.
        drop(swept);
    }

    /// A task has failed: the others end.
    #[cold]
    pub(super) fn fail(&self, failure: TaskFailure<E>) {
        self.inner.lock().failures.push(failure);
        self.abort();
    }

    /// Ends every task; none begins any more.
    pub(super) fn abort(&self) {
        self.count.close();
        let (tasks, waiter) = {
            let mut inner = self.inner.lock();
            if mem::replace(&mut inner.aborting, true) {
                return;
            }
            (inner.tasks.clone(), inner.waiter.take())
        };
        tasks.iter().for_each(AbortHandle::abort);
        if let Some(waiter) = waiter {
            quietly(|| waiter.wake());
        }
    }

    /// A task has ended, and what it owned is gone.
    pub(super) fn leave(&self) {
        if self.count.leave() {
            let waiter = { self.inner.lock().waiter.take() };
            if let Some(waiter) = waiter {
                quietly(|| waiter.wake());
            }
        }
    }

    /// Leaves the waker of whoever wants to know of an abort, and of the last end.
    pub(super) fn leave_waker(&self, waker: &Waker) {
        if self.inner.lock().waiter.as_ref().is_some_and(|waiter| waiter.will_wake(waker)) {
            return;
        }
        let waker = waker.clone();
        let old = { self.inner.lock().waiter.replace(waker) };
        drop(old);
    }

    /// Ready when nothing of the group is alive, and it takes no more.
    pub(super) fn poll_end(&self, cx: &Context<'_>) -> Poll<()> {
        if self.count.try_end() == Ended::Yes {
            return Poll::Ready(());
        }
        // First the waker, then the look: whoever leaves last takes the lock after that, or before, and then the look
        // sees it.
        self.leave_waker(cx.waker());
        match self.count.try_end() {
            Ended::Yes => Poll::Ready(()),
            Ended::No => {
                self.note();
                Poll::Pending
            }
        }
    }

    /// Notes that what is being polled awaits the tasks.
    fn note(&self) {
        let party = {
            let mut inner = self.inner.lock();
            let Inner { tasks, party, .. } = &mut *inner;
            Arc::clone(party.get_or_insert_with(|| Party::new(tasks.iter().map(AbortHandle::id).collect())))
        };
        note_party(&party);
    }

    /// Waits for the moment between a task's leaving and its being complete, so that `is_finished` is true for all of them.
    pub(super) async fn settle(&self) {
        let tasks = mem::take(&mut self.inner.lock().tasks);
        for task in tasks {
            while !task.is_finished() {
                yield_now().await;
            }
        }
    }

    /// Reports the failures, for which nobody will ask.
    #[cold]
    pub(super) fn report_failures(&self) {
        let (failures, unobserved) = {
            let mut inner = self.inner.lock();
            (mem::take(&mut inner.failures), inner.unobserved.clone())
        };
        // Of a group without tasks, the body may have failed.
        let unobserved = unobserved.unwrap_or_else(|| {
            context::with_runtime(|runtime| {
                runtime.map(|runtime| Arc::clone(&runtime.unobserved)).unwrap_or_default()
            })
        });
        for failure in failures {
            match failure {
                TaskFailure::Join(error) => {
                    if let Ok(payload) = error.try_into_panic() {
                        unobserved.report(&Unhandled::panic(UnhandledKind::TaskGroup, self.at, &*payload));
                        quietly(|| drop(payload));
                    }
                }
                TaskFailure::Error(error) => {
                    unobserved.report(&Unhandled::other(
                        UnhandledKind::TaskGroup,
                        self.at,
                        "one of its tasks returned an error; `join` would have given it",
                    ));
                    quietly(|| drop(error));
                }
            }
        }
    }

    pub(super) fn take_failures(&self) -> Vec<TaskFailure<E>> {
        mem::take(&mut self.inner.lock().failures)
    }
}

/// What nobody asked for is reported.
impl<E> Drop for Group<E> {
    fn drop(&mut self) {
        if !self.inner.get_mut().failures.is_empty() {
            self.report_failures();
        }
    }
}

//! Which of many tasks have ended: noted by the waker that each one's handle was given.

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::{Context, Wake, Waker};

use crate::primitives::Mutex;
use crate::quietly;

/// The members of a set of tasks that may have ended, in the order in which they did, and who wants to know.
pub(crate) struct Ended {
    inner: Mutex<Inner>,
}

struct Inner {
    keys: VecDeque<usize>,
    waker: Option<Waker>,
}

impl Ended {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self { inner: Mutex::new(Inner { keys: VecDeque::new(), waker: None }) })
    }

    /// The waker to be given to the handle of a member.
    pub(crate) fn note(self: &Arc<Self>, key: usize) -> Waker {
        Waker::from(Arc::new(Note { key, ended: Arc::clone(self) }))
    }

    /// Notes that a member may have ended.
    pub(crate) fn push(&self, key: usize) {
        let waker = {
            let mut inner = self.inner.lock();
            inner.keys.push_back(key);
            inner.waker.take()
        };
        if let Some(waker) = waker {
            // It may be anybody's, and what has ended must not fail by its panic.
            quietly(|| waker.wake());
        }
    }

    /// A member that may have ended.
    pub(crate) fn try_next(&self) -> Option<usize> {
        self.inner.lock().keys.pop_front()
    }

    /// A member that may have ended; otherwise the waker is left for the next one.
    pub(crate) fn next(&self, cx: &Context<'_>) -> Option<usize> {
        {
            let mut inner = self.inner.lock();
            let key = inner.keys.pop_front();
            let is_left = || inner.waker.as_ref().is_some_and(|waker| waker.will_wake(cx.waker()));
            if key.is_some() || is_left() {
                return key;
            }
        }
        // What a foreign waker does when it is cloned or dropped, nobody knows; it may wake a member of this
        // set. Not under the lock.
        let waker = cx.waker().clone();
        let (key, _old) = {
            let mut inner = self.inner.lock();
            (inner.keys.pop_front(), inner.waker.replace(waker))
        };
        key
    }

    /// Forgets what was noted.
    pub(crate) fn clear(&self) {
        self.inner.lock().keys.clear();
    }
}

/// The waker of one member.
struct Note {
    key: usize,
    ended: Arc<Ended>,
}

impl Wake for Note {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.ended.push(self.key);
    }
}

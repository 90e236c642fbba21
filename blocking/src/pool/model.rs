//! What models look at, and the steps they take alone.

use super::ThreadPoolExecutor;
use super::shared::Shared;
use crate::job::Job;
use crate::primitives::{self, Condvar, Mutex, thread};
use loom::thread::JoinHandle;
use std::sync::Arc;

/// To be called first in an execution.
pub fn begin() {
    primitives::begin();
}

/// Whether every thread but the calling one is over, or waits for someone to wake it. Asked by the model's first
/// thread, which stays the only one that can change anything then.
pub fn is_quiet() -> bool {
    primitives::awake() == 0
}

/// Whether everything that jobs and futures share is freed.
pub fn is_free() -> bool {
    primitives::cells() == 0
}

/// A thread that [`is_quiet`] knows of.
pub fn spawn<R: Send + 'static>(f: impl FnOnce() -> R + Send + 'static) -> JoinHandle<R> {
    thread::Builder::new().spawn(f).expect("nobody wants it to fail")
}

/// Where threads wait until it is opened.
#[derive(Clone)]
pub struct Gate(Arc<(Mutex<bool>, Condvar)>);

impl Gate {
    /// One that is closed.
    #[expect(clippy::new_without_default, reason = "a gate that is open would be as good a default")]
    pub fn new() -> Self {
        Self(Arc::new((Mutex::new(false), Condvar::new())))
    }

    /// Waits here.
    pub fn pass(&self) {
        let (is_open, changed) = &*self.0;
        let mut is_open = is_open.lock();
        while !*is_open {
            changed.wait(&mut is_open);
        }
    }

    /// Lets everyone pass from now on.
    pub fn open(&self) {
        let (is_open, changed) = &*self.0;
        let mut is_open = is_open.lock();
        *is_open = true;
        changed.notify_all();
    }
}

/// The inside of a pool.
#[derive(Clone)]
pub struct Inside(Arc<Shared>);

/// The newest state of a pool's counts, its stack and its queue.
#[derive(Clone, Copy, Debug)]
pub struct Counts {
    /// Threads that exist or are being started.
    pub threads: usize,
    /// Those counted as idle.
    pub idle: usize,
    /// Those counted as searching.
    pub searching: usize,
    /// Those in their initializer.
    pub booting: usize,
    /// Seats on the stack of idle threads.
    pub listed: usize,
    /// Jobs that nobody has taken.
    pub queued: usize,
}

impl Inside {
    /// That of `pool`.
    pub fn of(pool: &ThreadPoolExecutor) -> Self {
        Self(pool.pool().clone())
    }

    /// What there is now. (A plain load could be of an older state.)
    pub fn counts(&self) -> Counts {
        let (seen, listed) = self.0.crew.newest();
        Counts {
            threads: seen.threads(),
            idle: seen.idle(),
            searching: seen.searching(),
            booting: seen.booting(),
            listed,
            queued: self.0.queue.newest_len(),
        }
    }

    /// Counts one thread that runs a job, and that the caller plays: it never comes back.
    pub fn occupy(&self) {
        assert!(self.0.crew.claim_first(), "the first thread is the one that is played");
        assert!(self.0.crew.last_found(), "nobody else searches");
    }

    /// Lets the keep-alive of the idle thread run out that would be woken next.
    pub fn keep_alive_is_over(&self) {
        primitives::pass(self.0.config.keep_alive);
        self.0.crew.next_idle().expect("a thread is idle").unpark();
    }

    /// Takes the next job, as a thread does.
    pub fn take(&self) -> Option<Job> {
        self.0.take()
    }

    /// One more thread may be there.
    pub fn widen(&self) {
        self.0.crew.widen();
    }

    /// One thread less may be there.
    pub fn narrow(&self) {
        self.0.crew.narrow();
    }
}

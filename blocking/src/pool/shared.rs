//! [`Shared`]: what the handles and the threads of a pool have in common.

use super::builder::Config;
use super::crew::{Crew, Rouse};
use super::line::Line;
use super::seat::Seat;
use super::word::{End, Seen};
use super::worker;
use crate::error::JobError;
use crate::executor::{BrokenThreadPool, RejectReason, Rejected};
use crate::job::Job;
use crate::panics::{drop_payload, swallow};
use crate::primitives::thread::{self, JoinHandle};
use crate::primitives::{AtomicBool, AtomicU64, Condvar, Instant, Mutex, Ordering, Queue};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

/// After a failed start no other is tried for this long, as long as there is a thread at all.
const START_BACKOFF: Duration = Duration::from_millis(10);

pub(crate) struct Shared {
    pub(super) queue: Queue<Job>,
    pub(super) crew: Crew,
    pub(super) config: Config,
    /// Those waiting for room, if the queue is bounded.
    line: Option<Line>,
    pub(super) lifecycle: Mutex<Lifecycle>,
    /// Told when the last thread is gone; goes with `lifecycle`.
    pub(super) gone: Condvar,
    built: Instant,
    /// When a thread could not be started last, in nanoseconds after `built`; 0 if that never happened.
    start_failed: AtomicU64,
    /// Shut down with `cancel_futures`: what is queued is cancelled.
    pub(super) cancelling: AtomicBool,
    /// And once what was queued is gone: running jobs are told when they ask.
    pub(super) tells_running: AtomicBool,
}

/// What is touched when threads come and go only.
pub(crate) struct Lifecycle {
    pub(super) seats: Vec<Arc<Seat>>,
    pub(super) handles: Vec<JoinHandle<()>>,
    started: usize,
    broken: Option<BrokenThreadPool>,
}

impl Shared {
    pub(crate) fn new(config: Config) -> Arc<Self> {
        Arc::new(Self {
            queue: Queue::new(config.queue_capacity),
            crew: Crew::new(config.max_workers),
            line: config.queue_capacity.map(|_| Line::new()),
            config,
            lifecycle: Mutex::new(Lifecycle {
                seats: Vec::new(),
                handles: Vec::new(),
                started: 0,
                broken: None,
            }),
            gone: Condvar::new(),
            built: Instant::now(),
            start_failed: AtomicU64::new(0),
            cancelling: AtomicBool::new(false),
            tells_running: AtomicBool::new(false),
        })
    }

    /// Nanoseconds since the pool was built.
    #[inline]
    pub(super) fn now(&self) -> u64 {
        self.built.elapsed().as_nanos() as u64
    }

    pub(super) fn line(&self) -> Option<&Line> {
        self.line.as_ref()
    }

    pub(super) fn is_ended(&self) -> bool {
        self.crew.look().is_ended()
    }

    pub(super) fn has_room_or_ended(&self) -> bool {
        !self.queue.is_full() || self.is_ended()
    }

    /// Accepts a job: first a thread, if there is none, then the queue, then someone to look at it.
    pub(crate) fn submit(self: &Arc<Self>, job: Job) -> Result<(), Rejected> {
        let seen = self.crew.look();
        if seen.is_ended() {
            return Err(Rejected::new(job, self.end_reason(seen)));
        }
        if seen.threads() == 0
            && let Err(error) = self.start_first()
        {
            return Err(Rejected::new(job, RejectReason::NoThread(Arc::new(error))));
        }
        if let Err(job) = self.queue.push(job) {
            return Err(Rejected::new(job, RejectReason::Full));
        }
        let seen = self.crew.look_after_push();
        if seen.is_ended() {
            self.pushed_late(seen);
        } else if self.crew.wants_rousing(seen) {
            self.rouse();
        }
        Ok(())
    }

    fn end_reason(&self, seen: Seen) -> RejectReason {
        if seen.is_broken()
            && let Some(broken) = self.lifecycle.lock().broken.clone()
        {
            return RejectReason::Broken(broken);
        }
        RejectReason::ShutDown
    }

    /// A job became visible while the pool ended: those still here take it, and if nobody is, or nothing is to be run any
    /// more, it is ended here.
    #[cold]
    fn pushed_late(self: &Arc<Self>, seen: Seen) {
        if seen.is_broken() || seen.threads() == 0 || self.cancelling.load(Ordering::Relaxed) {
            self.abandon_queued();
        } else {
            self.rouse();
        }
    }

    /// Ends everything queued without running it, with the error that fits the pool's state.
    pub(super) fn abandon_queued(&self) {
        let reason = match self.lifecycle.lock().broken.clone() {
            Some(broken) => Some(RejectReason::Broken(broken)),
            None if self.cancelling.load(Ordering::Relaxed) => None,
            // The threads leave nothing behind: it came while they left, and nobody asked to cancel it.
            None => Some(RejectReason::ShutDown),
        };
        while let Some(job) = self.take() {
            match &reason {
                Some(reason) => swallow(|| job.fail(reason.clone().into())),
                None => swallow(|| drop(job)),
            }
        }
    }

    /// The next queued job.
    #[inline]
    pub(super) fn take(&self) -> Option<Job> {
        let job = self.queue.pop();
        if job.is_some()
            && let Some(line) = &self.line
        {
            line.taken();
        }
        job
    }

    /// Makes sure that someone looks at the queue, if there is anything in it and anyone to be had.
    pub(super) fn rouse_if_queued(self: &Arc<Self>) {
        if !self.queue.is_empty() {
            self.rouse();
        }
    }

    #[cold]
    pub(super) fn rouse(self: &Arc<Self>) {
        // After a failed start nobody else may be looking: once more, for the idle.
        while self.crew.rouse(|seen| self.may_start(seen)) == Rouse::Start {
            match self.start_thread() {
                Ok(()) => return,
                Err(error) => {
                    if self.crew.start_failed().threads() == 0 {
                        self.fail_queued(&error);
                        return;
                    }
                }
            }
        }
    }

    /// Whether a queued job is worth a new thread: not if as many are booting and will look at the queue, nor
    /// just after a start has failed.
    fn may_start(&self, seen: Seen) -> bool {
        if seen.booting() > 0 && self.queue.len() <= seen.booting() {
            return false;
        }
        let failed = self.start_failed.load(Ordering::Relaxed);
        failed == 0
            || seen.threads() == 0
            || self.now().saturating_sub(failed) > START_BACKOFF.as_nanos() as u64
    }

    #[cold]
    fn start_first(self: &Arc<Self>) -> io::Result<()> {
        if self.crew.claim_first()
            && let Err(error) = self.start_thread()
        {
            if self.crew.start_failed().threads() == 0 {
                // What others queued while they saw this thread on its way.
                self.fail_queued(&error);
            } else {
                self.rouse_if_queued();
            }
            return Err(error);
        }
        Ok(())
    }

    /// There is no thread, and none to be had: what is queued would wait for ever.
    fn fail_queued(&self, error: &io::Error) {
        while let Some(job) = self.take() {
            swallow(|| job.fail(JobError::broken(format!("no thread could be started: {error}"))));
        }
    }

    /// Starts the thread that a claim counted.
    fn start_thread(self: &Arc<Self>) -> io::Result<()> {
        let mut lifecycle = self.lifecycle.lock();
        lifecycle.handles.retain(|handle| !thread::is_finished(handle));
        let number = lifecycle.started;
        lifecycle.started += 1;
        drop(lifecycle);
        let pool = self.clone();
        // The name comes from others, and std panics at a NUL in it.
        let start = AssertUnwindSafe(|| self.config.thread(number).spawn(move || worker::main(&pool)));
        let started = catch_unwind(start).unwrap_or_else(|payload| {
            drop_payload(payload);
            Err(io::Error::other("its name could not be made"))
        });
        match started {
            Ok(handle) => {
                self.lifecycle.lock().handles.push(handle);
                Ok(())
            }
            Err(error) => {
                self.start_failed.store(self.now().max(1), Ordering::Relaxed);
                Err(error)
            }
        }
    }

    /// An initializer failed: takes no more jobs and fails those queued. What runs, runs on.
    pub(super) fn break_down(&self, reason: &str) {
        let mut lifecycle = self.lifecycle.lock();
        lifecycle.broken.get_or_insert_with(|| BrokenThreadPool::new(reason));
        drop(lifecycle);
        self.end(End::Broken);
        self.abandon_queued();
    }

    pub(super) fn end(&self, end: End) {
        self.crew.end(end);
        if let Some(line) = &self.line {
            line.tell_all();
        }
    }
}

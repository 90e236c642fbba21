//! Ending a pool, and saying what does not end.

use super::member;
use super::shared::Shared;
use super::word::End;
use crate::panics::swallow;
use crate::primitives::{Instant, Ordering, fence, thread};
use std::fmt;
use std::panic::Location;
use std::sync::Arc;
use std::time::Duration;

impl Shared {
    pub(super) fn shutdown(self: &Arc<Self>, wait: bool, cancel_futures: bool) {
        self.begin_shutdown(cancel_futures);
        if wait && !member::is_of(self) {
            member::wait_blocked(|| self.wait_gone(None));
            let handles = std::mem::take(&mut self.lifecycle.lock().handles);
            for handle in handles {
                if thread::is_of_caller(&handle) {
                    // In its last moments, with a handle in a thread-local: there is no joining oneself.
                    continue;
                }
                // A thread's result is (): panics of others' code are caught further in.
                let _ = handle.join();
            }
        }
    }

    pub(super) fn shutdown_timeout(
        self: &Arc<Self>,
        timeout: Duration,
        cancel_futures: bool,
    ) -> Result<(), StillRunning> {
        // One of the pool's own threads would wait for itself.
        let timeout = if member::is_of(self) { Duration::ZERO } else { timeout };
        let deadline = Instant::now().checked_add(timeout);
        self.begin_shutdown(cancel_futures);
        if member::wait_blocked(|| self.wait_gone(deadline)) {
            // Joining could still wait for a destructor of a thread-local, so only those at their end are let go.
            self.lifecycle.lock().handles.retain(|handle| !thread::is_finished(handle));
            Ok(())
        } else {
            Err(StillRunning { jobs: self.running_jobs(), queued: self.queue.len() })
        }
    }

    fn begin_shutdown(self: &Arc<Self>, cancel_futures: bool) {
        if cancel_futures {
            self.cancelling.store(true, Ordering::Relaxed);
        }
        self.end(End::Shutdown);
        if cancel_futures {
            // Pairs with the fence in `look_after_push`: either a submitter sees the end, or we see what it pushed.
            fence(Ordering::SeqCst);
            while let Some(job) = self.take() {
                swallow(|| drop(job));
            }
            // Not before: the thread of one that ends by that would take the next.
            self.tells_running.store(true, Ordering::Relaxed);
        }
    }

    /// Waits until the last thread is gone. False if `deadline` came first.
    fn wait_gone(&self, deadline: Option<Instant>) -> bool {
        let mut lifecycle = self.lifecycle.lock();
        // The last thread takes the lock to tell us, after it has counted itself out.
        while self.crew.look().threads() > 0 {
            match deadline {
                None => self.gone.wait(&mut lifecycle),
                Some(deadline) => {
                    if self.gone.wait_until(&mut lifecycle, deadline).timed_out() {
                        return self.crew.look().threads() == 0;
                    }
                }
            }
        }
        drop(lifecycle);
        // The last thread may still be at this.
        self.abandon_queued();
        true
    }

    pub(super) fn running_jobs(&self) -> Vec<RunningJob> {
        let now = self.now();
        let lifecycle = self.lifecycle.lock();
        let running = lifecycle.seats.iter().filter_map(|seat| {
            let (location, since) = seat.current().read()?;
            let running_for = Duration::from_nanos(now.saturating_sub(since));
            Some(RunningJob { location, running_for, thread_name: seat.thread_name().map(str::to_owned) })
        });
        let mut jobs: Vec<RunningJob> = running.collect();
        drop(lifecycle);
        jobs.sort_by_key(|job| std::cmp::Reverse(job.running_for));
        jobs
    }
}

/// A job that a pool is running: where it was submitted, and for how long it has been running.
///
/// ```
/// use windlass_blocking::{ExecutorExt, ThreadPoolExecutor};
/// let pool = ThreadPoolExecutor::builder().thread_name_prefix("crew").build();
/// let inner = pool.clone();
/// let job = pool.submit(move || inner.running_jobs().remove(0)).result().unwrap();
/// assert_eq!(job.thread_name(), Some("crew_0"));
/// assert!(job.running_for().as_secs() < 60);
/// assert!(job.location().line() > 0);
/// println!("{job}"); // src/main.rs:3:17, for 12.1µs, on thread crew_0
/// ```
#[derive(Clone, Debug)]
pub struct RunningJob {
    location: &'static Location<'static>,
    running_for: Duration,
    thread_name: Option<String>,
}

impl RunningJob {
    /// Where the job was submitted.
    #[must_use]
    pub fn location(&self) -> &'static Location<'static> {
        self.location
    }

    /// How long the job had been running when this was asked.
    #[must_use]
    pub fn running_for(&self) -> Duration {
        self.running_for
    }

    /// The name of the thread it runs on.
    #[must_use]
    pub fn thread_name(&self) -> Option<&str> {
        self.thread_name.as_deref()
    }
}

impl fmt::Display for RunningJob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, for {:.1?}", self.location, self.running_for)?;
        match &self.thread_name {
            Some(name) => write!(f, ", on thread {name}"),
            None => Ok(()),
        }
    }
}

/// What was not over when a shutdown stopped waiting.
///
/// ```
/// use std::sync::mpsc;
/// use std::time::Duration;
/// use windlass_blocking::{ExecutorExt, StillRunning, ThreadPoolExecutor};
///
/// let pool = ThreadPoolExecutor::new(1);
/// let (go, wait) = mpsc::channel::<()>();
/// let (begun, begins) = mpsc::channel();
/// let job = pool.submit(move || { begun.send(()).unwrap(); wait.recv() });
/// let queued = pool.submit(|| ());
/// begins.recv().unwrap();
/// let still: StillRunning = pool.shutdown_timeout(Duration::ZERO, false).unwrap_err();
/// assert_eq!((still.jobs().len(), still.queued()), (1, 1));
/// println!("not over: the job of {}", still.jobs()[0].location());
/// go.send(()).unwrap();
/// # job.result().unwrap().unwrap();
/// # queued.result().unwrap();
/// ```
#[derive(Clone, Debug)]
#[must_use = "it names what was not waited for"]
pub struct StillRunning {
    jobs: Vec<RunningJob>,
    queued: usize,
}

impl StillRunning {
    /// The jobs that were running, the longest running first. None, if it is a thread's hook that takes long.
    #[must_use]
    pub fn jobs(&self) -> &[RunningJob] {
        &self.jobs
    }

    /// How many jobs had not been started yet; they will be.
    #[must_use]
    pub fn queued(&self) -> usize {
        self.queued
    }
}

impl fmt::Display for StillRunning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} running and {} queued jobs", self.jobs.len(), self.queued)?;
        for (index, job) in self.jobs.iter().enumerate() {
            let separator = if index == 0 { ": " } else { "; " };
            write!(f, "{separator}{job}")?;
        }
        Ok(())
    }
}

impl std::error::Error for StillRunning {}

//! The life of a pool's thread.

use super::member;
use super::seat::{Parked, Seat};
use super::shared::Shared;
use super::spin::Spin;
use super::word::Seen;
use crate::panics::{drop_payload, message, swallow};
use crate::primitives::thread;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// How many threads may search at once, the one on its way included: one for the next job, and one for the job
/// after it, so that a burst finds both awake and wakes nobody. More would compete for the same jobs. (Measured
/// with batches of 16 empty jobs from one submitter: 37 us of CPU time per batch with 1, 10 us with 2.)
const MOST_SEARCHING: usize = 2;

/// The thread's main function. It was counted as searching by whoever started it.
pub(super) fn main(pool: &Arc<Shared>) {
    let seat = Seat::new();
    pool.lifecycle.lock().seats.push(seat.clone());
    let member = member::enter(pool);
    let mut worker = Worker { pool, seat, searching: true, surplus: false, spin: Spin::new() };
    if worker.boot() {
        worker.work();
    }
    if let Some(stop) = &pool.config.on_thread_stop {
        // It may take long, and nobody is to count on this thread meanwhile.
        worker.stop_searching();
        swallow(|| stop());
    }
    drop(member);
    worker.leave();
}

struct Worker<'p> {
    pool: &'p Arc<Shared>,
    seat: Arc<Seat>,
    /// Whether this thread is counted as searching. If so, submitters rely on it.
    searching: bool,
    /// Whether it has to leave because there are too many threads.
    surplus: bool,
    spin: Spin,
}

impl Worker<'_> {
    /// Runs the hooks of the one who built the pool, as a thread that nobody counts on. False if the
    /// initializer failed, which broke the pool.
    fn boot(&mut self) -> bool {
        let config = &self.pool.config;
        if config.on_thread_start.is_none() && config.initializer.is_none() {
            return true;
        }
        self.pool.crew.boot();
        self.pool.rouse_if_queued();
        if let Some(start) = &config.on_thread_start {
            swallow(|| start());
        }
        let outcome = config.initializer.as_ref().map_or(Ok(()), |initialize| {
            catch_unwind(AssertUnwindSafe(|| initialize())).unwrap_or_else(|payload| {
                let message =
                    message(&payload).map_or("it panicked".to_owned(), |text| format!("it panicked: {text}"));
                drop_payload(payload);
                Err(message)
            })
        });
        if let Err(reason) = &outcome {
            self.pool.break_down(&format!("the initializer of its threads failed: {reason}"));
        }
        self.pool.crew.booted();
        outcome.is_ok()
    }

    /// The loop: take and run while there is something, then look a little longer, then park.
    fn work(&mut self) {
        loop {
            while let Some(job) = self.take() {
                self.seat.current().begin(job.location(), self.pool.now());
                swallow(|| job.run());
                self.seat.current().end();
            }
            if !self.search() && !self.rest() {
                return;
            }
        }
    }

    /// Takes a job, and before it is run makes sure that someone looks after the next one.
    fn take(&mut self) -> Option<crate::job::Job> {
        let seen = self.pool.crew.look();
        if self.has_to_leave(seen) {
            return None;
        }
        let job = self.pool.take()?;
        if self.searching {
            self.stop_searching();
        } else if self.pool.crew.wants_rousing(seen) {
            // By the protocol someone is on the way already, unless a start has failed.
            self.pool.rouse_if_queued();
        }
        Some(job)
    }

    /// Gives up the token, if this thread holds one, and sees to what others left to it.
    fn stop_searching(&mut self) {
        if std::mem::take(&mut self.searching) && self.pool.crew.last_found() {
            self.pool.rouse_if_queued();
        }
    }

    /// Looks for work a little longer. True if there seems to be some.
    fn search(&mut self) -> bool {
        if !self.searching {
            self.searching = self.pool.crew.search(MOST_SEARCHING);
        }
        self.searching
            && self.spin.until(|| !self.pool.queue.is_empty() || self.pool.crew.look().is_ended())
            && !self.has_to_leave(self.pool.crew.look())
            && !self.pool.queue.is_empty()
    }

    /// Parks until there is work. False if the thread has to leave.
    fn rest(&mut self) -> bool {
        if self.has_to_leave(self.pool.crew.look()) {
            return false;
        }
        if !self.pool.crew.lie_down(&self.seat, self.searching) {
            // Shut down. What was accepted before still runs: this look sees it, having seen the end.
            return self.pool.is_ended() && !self.pool.queue.is_empty();
        }
        self.searching = false;
        self.pool.rouse_if_queued();
        while self.seat.park_timeout(self.pool.config.keep_alive) == Parked::TimedOut {
            if self.pool.crew.expire(&self.seat) {
                return false;
            }
        }
        self.searching = true;
        true
    }

    /// Whether the pool broke, or has more threads than it may have, because one has stopped waiting, and this
    /// is the one to go.
    fn has_to_leave(&mut self, seen: Seen) -> bool {
        self.surplus = self.surplus || self.pool.crew.claim_surplus(seen);
        self.surplus || seen.is_broken()
    }

    fn leave(self) {
        let Self { pool, seat, searching, surplus, .. } = self;
        let mut lifecycle = pool.lifecycle.lock();
        lifecycle.seats.retain(|other| !Arc::ptr_eq(other, &seat));
        lifecycle.handles.retain(|handle| !thread::is_finished(handle));
        drop(lifecycle);
        let seen = pool.crew.leave(searching, surplus);
        if seen.threads() == 0 && seen.is_ended() {
            pool.abandon_queued();
            let lifecycle = pool.lifecycle.lock();
            pool.gone.notify_all();
            drop(lifecycle);
        } else {
            // It may have been the last that looked, or a place that was missing is free now.
            pool.rouse_if_queued();
        }
    }
}

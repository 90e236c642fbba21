//! Blocking jobs under a paused clock, which must not move while they are under way.

use windlass_blocking::{Job, JobError, Run};

use crate::driver::{Driver, InhibitAdvance};
use crate::primitives::Arc;

/// The job, and a guard that goes when it has run or was refused, and has woken whoever waits for it.
struct Inhibiting {
    job: Job,
    guard: InhibitAdvance,
}

impl Run for Inhibiting {
    fn run(self) {
        let Self { job, guard } = self;
        job.run();
        drop(guard);
    }

    fn fail(self, error: JobError) {
        let Self { job, guard } = self;
        job.fail(error);
        drop(guard);
    }
}

/// The job; under a paused clock, one that keeps it from moving by itself until it is over.
#[inline]
pub(super) fn keeping_the_clock(driver: &Arc<Driver>, job: Job) -> Job {
    match InhibitAdvance::if_paused(driver) {
        None => job,
        Some(guard) => {
            let location = job.location();
            Job::with_location(Inhibiting { job, guard }, location)
        }
    }
}

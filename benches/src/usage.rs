//! What the process or a part of it has used so far.

use std::ops::{AddAssign, Sub};

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;

/// CPU time and context switches.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Usage {
    /// User and system time.
    pub(crate) cpu_ns: u64,
    /// Times a thread waited for something.
    pub(crate) voluntary_switches: u64,
}

impl Usage {
    /// Of all threads of this process.
    pub(crate) fn of_process() -> Self {
        Self::of(UsageWho::RUSAGE_SELF)
    }

    /// Of `part`, which runs on this thread. Nothing where the system does not count by threads.
    pub(crate) fn of_part(part: impl FnOnce()) -> Self {
        #[cfg(target_os = "linux")]
        let now = || Self::of(UsageWho::RUSAGE_THREAD);
        #[cfg(not(target_os = "linux"))]
        let now = Self::default;
        let before = now();
        part();
        now() - before
    }

    fn of(who: UsageWho) -> Self {
        let usage = getrusage(who).expect("getrusage knows this process");
        let cpu_us = usage.user_time().num_microseconds() + usage.system_time().num_microseconds();
        Self {
            cpu_ns: cpu_us.unsigned_abs() * 1_000,
            voluntary_switches: usage.voluntary_context_switches().unsigned_abs(),
        }
    }
}

impl Sub for Usage {
    type Output = Self;

    /// Not below zero: the clocks of a thread and of its process are not read at the same moment.
    fn sub(self, other: Self) -> Self {
        Self {
            cpu_ns: self.cpu_ns.saturating_sub(other.cpu_ns),
            voluntary_switches: self.voluntary_switches.saturating_sub(other.voluntary_switches),
        }
    }
}

impl AddAssign for Usage {
    fn add_assign(&mut self, other: Self) {
        self.cpu_ns += other.cpu_ns;
        self.voluntary_switches += other.voluntary_switches;
    }
}

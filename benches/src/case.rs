//! A case: a workload with its parameters, under the name it is chosen by.

use std::fmt;

use crate::runtime::Flavor;
use crate::runtimes::RuntimeName;
use crate::runtimes::channel::Channel;
use crate::runtimes::limit::Limit;
use crate::runtimes::rayon::Rayon;
use crate::runtimes::smol::Smol;
use crate::runtimes::tokio::Tokio;
use crate::runtimes::unblock::Unblock;
use crate::runtimes::windlass::Windlass;
use crate::runtimes::windlass_blocking::WindlassBlocking;
use crate::workloads::{PoolWorkload, Prepared, ThreadedWorkload, TimerWorkload, Workload};

/// Why a runtime cannot run a case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CannotRun(pub &'static str);

/// What a case runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Setting {
    /// A scheduler of tasks.
    Tasks(Flavor),
    /// A pool for blocking calls.
    Pool {
        /// Its threads at most.
        threads: usize,
    },
}

impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tasks(flavor) => flavor.fmt(f),
            Self::Pool { threads } => write!(f, "pool of {threads}"),
        }
    }
}

/// A workload with its parameters and its name.
pub struct Case {
    /// What it is chosen by, parameters included: `remote_spawn/threads/4`.
    pub name: String,
    /// One line on what an iteration does.
    pub about: &'static str,
    /// What it runs on.
    pub setting: Setting,
    /// Operations an iteration completes; times are reported per operation.
    pub ops: u64,
    /// What a runtime with one thread lacks for it, if it takes more than one.
    why_threads: Option<&'static str>,
    prepare: Box<dyn Fn(RuntimeName) -> Prepared + Send + Sync>,
}

impl Case {
    /// A case every runtime can run.
    pub fn new<W: Workload>(name: impl Into<String>, about: &'static str, workload: W) -> Self {
        Self {
            name: name.into(),
            about,
            setting: Setting::Tasks(workload.flavor()),
            ops: workload.ops(),
            why_threads: None,
            prepare: Box::new(move |runtime| match runtime {
                RuntimeName::Windlass => workload.prepare::<Windlass>(),
                RuntimeName::Tokio => workload.prepare::<Tokio>(),
                RuntimeName::Smol => workload.prepare::<Smol>(),
                RuntimeName::Limit => workload.prepare::<Limit>(),
                RuntimeName::WindlassBlocking | RuntimeName::Rayon | RuntimeName::Channel => {
                    unreachable!("`cannot_run` says so")
                }
            }),
        }
    }

    /// A case that takes more than one thread.
    pub fn threaded<W: ThreadedWorkload>(name: impl Into<String>, about: &'static str, workload: W) -> Self {
        Self {
            name: name.into(),
            about,
            setting: Setting::Tasks(workload.flavor()),
            ops: workload.ops(),
            why_threads: Some(W::WHY_THREADS),
            prepare: Box::new(move |runtime| match runtime {
                RuntimeName::Windlass => workload.prepare::<Windlass>(),
                RuntimeName::Tokio => workload.prepare::<Tokio>(),
                RuntimeName::Smol => workload.prepare::<Smol>(),
                RuntimeName::WindlassBlocking
                | RuntimeName::Rayon
                | RuntimeName::Channel
                | RuntimeName::Limit => unreachable!("`cannot_run` says so"),
            }),
        }
    }

    /// A case of timers.
    pub fn timers<W: TimerWorkload>(name: impl Into<String>, about: &'static str, workload: W) -> Self {
        Self {
            name: name.into(),
            about,
            setting: Setting::Tasks(workload.flavor()),
            ops: workload.ops(),
            why_threads: Some("it has no clock"),
            prepare: Box::new(move |runtime| match runtime {
                RuntimeName::Tokio => workload.prepare::<Tokio>(),
                RuntimeName::Smol => workload.prepare::<Smol>(),
                RuntimeName::Windlass
                | RuntimeName::WindlassBlocking
                | RuntimeName::Rayon
                | RuntimeName::Channel
                | RuntimeName::Limit => unreachable!("`cannot_run` says so"),
            }),
        }
    }

    /// A case of the blocking pool, which a pool without a runtime can run too.
    pub fn pool<W: PoolWorkload>(name: impl Into<String>, about: &'static str, workload: W) -> Self {
        Self {
            name: name.into(),
            about,
            setting: Setting::Pool { threads: workload.threads() },
            ops: workload.ops(),
            why_threads: Some("it has no pool of threads"),
            prepare: Box::new(move |runtime| match runtime {
                RuntimeName::Windlass => workload.prepare::<Windlass>(),
                RuntimeName::Tokio => workload.prepare::<Tokio>(),
                RuntimeName::Smol => workload.prepare::<Unblock>(),
                RuntimeName::WindlassBlocking => workload.prepare::<WindlassBlocking>(),
                RuntimeName::Rayon => workload.prepare::<Rayon>(),
                RuntimeName::Channel => workload.prepare::<Channel>(),
                RuntimeName::Limit => unreachable!("`cannot_run` says so"),
            }),
        }
    }

    /// Whether `runtime` is of the kind this case is for, so that it is worth a line that it cannot run it.
    pub fn concerns(&self, runtime: RuntimeName) -> bool {
        !runtime.is_pool_only() || matches!(self.setting, Setting::Pool { .. })
    }

    /// Why `runtime` cannot run this case, if it cannot.
    pub fn cannot_run(&self, runtime: RuntimeName) -> Option<CannotRun> {
        if !self.concerns(runtime) {
            return Some(CannotRun("it runs no tasks"));
        }
        if runtime == RuntimeName::Windlass && self.name.starts_with("timer") {
            return Some(CannotRun("it has no timers yet"));
        }
        self.why_threads.filter(|_| runtime == RuntimeName::Limit).map(CannotRun)
    }

    /// Builds the runtime and whatever else the workload needs before its first iteration.
    pub fn prepare(&self, runtime: RuntimeName) -> Result<Prepared, CannotRun> {
        self.cannot_run(runtime).map_or_else(|| Ok((self.prepare)(runtime)), Err)
    }

    /// Runs one iteration and checks that it completed all it should have.
    ///
    /// # Panics
    ///
    /// If it did not.
    pub fn iterate(&self, prepared: &mut Prepared) {
        let completed = prepared.iterate();
        assert_eq!(completed, self.ops, "{}: an iteration completed {completed} of {}", self.name, self.ops);
    }
}

//! A case: a workload with its parameters, under the name it is chosen by.

use std::fmt;

use crate::runtime::Flavor;
use crate::runtimes::channel::Channel;
use crate::runtimes::limit::Limit;
use crate::runtimes::rayon::Rayon;
use crate::runtimes::smol::Smol;
use crate::runtimes::tokio::Tokio;
use crate::runtimes::unblock::Unblock;
use crate::runtimes::windlass::Windlass;
use crate::runtimes::windlass_blocking::WindlassBlocking;
use crate::runtimes::{Kind, RuntimeName};
use crate::server::ServerCase;
use crate::workloads::{MeetingWorkload, PoolWorkload, Prepared, ThreadedWorkload, TimerWorkload, Workload};

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
    /// A server in a process of its own.
    Server {
        /// Its worker threads.
        workers: usize,
    },
}

impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tasks(flavor) => flavor.fmt(f),
            Self::Pool { threads } => write!(f, "pool of {threads}"),
            Self::Server { workers: 1 } => f.write_str("server, 1"),
            Self::Server { workers } => write!(f, "server, {workers}"),
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
    /// Runtimes that lack something for it, and what.
    lacking: Vec<(RuntimeName, &'static str)>,
    run: Run,
}

/// How a case is run.
enum Run {
    /// In the process that measures.
    Here(Box<dyn Fn(RuntimeName) -> Prepared + Send + Sync>),
    /// With a server in another.
    Server(ServerCase),
}

impl Case {
    /// A case every runtime can run.
    pub fn new<W: Workload>(name: impl Into<String>, about: &'static str, workload: W) -> Self {
        Self {
            name: name.into(),
            about,
            setting: Setting::Tasks(workload.flavor()),
            ops: workload.ops(),
            lacking: Vec::new(),
            run: Run::Here(Box::new(move |runtime| match runtime {
                RuntimeName::Windlass => workload.prepare::<Windlass>(),
                RuntimeName::Tokio => workload.prepare::<Tokio>(),
                RuntimeName::Smol => workload.prepare::<Smol>(),
                RuntimeName::Limit => workload.prepare::<Limit>(),
                _ => unreachable!("`cannot_run` says so"),
            })),
        }
    }

    /// A case that takes more than one thread.
    pub fn threaded<W: ThreadedWorkload>(name: impl Into<String>, about: &'static str, workload: W) -> Self {
        Self {
            name: name.into(),
            about,
            setting: Setting::Tasks(workload.flavor()),
            ops: workload.ops(),
            lacking: vec![(RuntimeName::Limit, W::WHY_THREADS)],
            run: Run::Here(Box::new(move |runtime| match runtime {
                RuntimeName::Windlass => workload.prepare::<Windlass>(),
                RuntimeName::Tokio => workload.prepare::<Tokio>(),
                RuntimeName::Smol => workload.prepare::<Smol>(),
                _ => unreachable!("`cannot_run` says so"),
            })),
        }
    }

    /// A case of timers.
    pub fn timers<W: TimerWorkload>(name: impl Into<String>, about: &'static str, workload: W) -> Self {
        Self {
            name: name.into(),
            about,
            setting: Setting::Tasks(workload.flavor()),
            ops: workload.ops(),
            lacking: vec![(RuntimeName::Limit, "it has no clock")],
            run: Run::Here(Box::new(move |runtime| match runtime {
                RuntimeName::Windlass => workload.prepare::<Windlass>(),
                RuntimeName::Tokio => workload.prepare::<Tokio>(),
                RuntimeName::Smol => workload.prepare::<Smol>(),
                _ => unreachable!("`cannot_run` says so"),
            })),
        }
    }

    /// A case of what tasks meet at.
    pub fn meeting<W: MeetingWorkload>(name: impl Into<String>, about: &'static str, workload: W) -> Self {
        const WHY: &str = "groups, locks and queues are other crates' there";
        Self {
            name: name.into(),
            about,
            setting: Setting::Tasks(workload.flavor()),
            ops: workload.ops(),
            lacking: vec![(RuntimeName::Smol, WHY), (RuntimeName::Limit, WHY)],
            run: Run::Here(Box::new(move |runtime| match runtime {
                RuntimeName::Windlass => workload.prepare::<Windlass>(),
                RuntimeName::Tokio => workload.prepare::<Tokio>(),
                _ => unreachable!("`cannot_run` says so"),
            })),
        }
    }

    /// A case of the blocking pool, which a pool without a runtime can run too.
    pub fn pool<W: PoolWorkload>(name: impl Into<String>, about: &'static str, workload: W) -> Self {
        Self {
            name: name.into(),
            about,
            setting: Setting::Pool { threads: workload.threads() },
            ops: workload.ops(),
            lacking: vec![(RuntimeName::Limit, "it has no pool of threads")],
            run: Run::Here(Box::new(move |runtime| match runtime {
                RuntimeName::Windlass => workload.prepare::<Windlass>(),
                RuntimeName::Tokio => workload.prepare::<Tokio>(),
                RuntimeName::Smol => workload.prepare::<Unblock>(),
                RuntimeName::WindlassBlocking => workload.prepare::<WindlassBlocking>(),
                RuntimeName::Rayon => workload.prepare::<Rayon>(),
                RuntimeName::Channel => workload.prepare::<Channel>(),
                _ => unreachable!("`cannot_run` says so"),
            })),
        }
    }

    /// A case with a server in a process of its own; one operation is one message and its answer.
    pub fn server(name: impl Into<String>, about: &'static str, server: ServerCase) -> Self {
        Self {
            name: name.into(),
            about,
            setting: Setting::Server { workers: server.workers },
            ops: 1,
            lacking: Vec::new(),
            run: Run::Server(server),
        }
    }

    /// The server of such a case.
    pub fn as_server(&self) -> Option<&ServerCase> {
        match &self.run {
            Run::Here(_) => None,
            Run::Server(server) => Some(server),
        }
    }

    /// Whether `runtime` is of the kind this case is for, so that it is worth a line that it cannot run it.
    pub fn concerns(&self, runtime: RuntimeName) -> bool {
        match runtime.kind() {
            Kind::Runtime => true,
            Kind::Pool => matches!(self.setting, Setting::Pool { .. }),
            Kind::Foreign => matches!(self.setting, Setting::Server { .. }),
        }
    }

    /// Why `runtime` cannot run this case, if it cannot.
    pub fn cannot_run(&self, runtime: RuntimeName) -> Option<CannotRun> {
        if !self.concerns(runtime) {
            return Some(CannotRun("it is of another kind"));
        }
        self.lacking.iter().find(|(name, _)| *name == runtime).map(|(_, what)| CannotRun(what))
    }

    /// Builds the runtime and whatever else the workload needs before its first iteration.
    pub fn prepare(&self, runtime: RuntimeName) -> Result<Prepared, CannotRun> {
        match (self.cannot_run(runtime), &self.run) {
            (Some(reason), _) => Err(reason),
            (None, Run::Here(prepare)) => Ok(prepare(runtime)),
            (None, Run::Server(_)) => Err(CannotRun("its server is another process")),
        }
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

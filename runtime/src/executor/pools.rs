//! The executors of a runtime, and their end.

use std::time::{Duration, Instant};

use windlass_blocking::{Executor, Job, Rejected, ThreadPoolExecutor};

use crate::primitives::atomic::AtomicBool;
use crate::primitives::atomic::Ordering::{Acquire, Release};
use crate::primitives::{Arc, Mutex};
use crate::quietly;
use crate::scheduler::Hooks;

/// How long a shutdown waits before it says what for.
pub(crate) const PATIENCE: Duration = Duration::from_secs(5);

/// The most threads the runtime starts for its own blocking calls.
const OWN_THREADS: usize = 32;

/// Where the blocking calls of a runtime run.
pub(crate) struct Executors {
    /// The blocking pool: the jobs of its users.
    pool: ThreadPoolExecutor,
    /// What the runtime itself has to wait for, such as name resolution: a pool that is full of users' jobs
    /// does not keep it waiting. It has no thread until it is used.
    own: ThreadPoolExecutor,
    /// Stand-ins, as many as there are seats for: they last as long as what they stand in for, and neither users'
    /// jobs nor the runtime's own are to wait for that, nor they for those.
    stand_ins: ThreadPoolExecutor,
    /// What `set_default_executor` put in the place of the blocking pool.
    default: Mutex<Option<Arc<dyn Executor>>>,
    /// Whether it did, so that all who did not need not meet at the lock.
    is_replaced: AtomicBool,
}

/// What the pools are built with.
pub(crate) struct PoolConfig {
    pub(crate) max_threads: usize,
    /// Seats beyond the workers'.
    pub(crate) spare_seats: usize,
    pub(crate) keep_alive: Duration,
    pub(crate) stack_size: Option<usize>,
    pub(crate) thread_name: Arc<dyn Fn() -> String + Send + Sync>,
    pub(crate) hooks: Hooks,
}

impl PoolConfig {
    fn pool(&self, max_threads: usize) -> ThreadPoolExecutor {
        let (starts, stops) = (self.hooks.clone(), self.hooks.clone());
        let thread_name = Arc::clone(&self.thread_name);
        let mut builder = ThreadPoolExecutor::builder()
            .max_workers(max_threads)
            .keep_alive(self.keep_alive)
            .thread_name_fn(move || thread_name());
        // A thread with hooks boots without being counted on; one without need not.
        if starts.on_start.is_some() {
            builder = builder.on_thread_start(move || starts.started());
        }
        if stops.on_stop.is_some() {
            builder = builder.on_thread_stop(move || stops.stopping());
        }
        match self.stack_size {
            Some(size) => builder.stack_size(size).build(),
            None => builder.build(),
        }
    }
}

impl Executors {
    pub(crate) fn new(config: &PoolConfig) -> Self {
        Self {
            pool: config.pool(config.max_threads),
            own: config.pool(OWN_THREADS),
            stand_ins: config.pool(config.spare_seats),
            default: Mutex::new(None),
            is_replaced: AtomicBool::new(false),
        }
    }

    /// Gives a job to the blocking pool.
    pub(super) fn execute(&self, job: Job) -> Result<(), Rejected> {
        self.pool.try_execute(job)
    }

    /// The pool of the runtime's own.
    pub(super) fn own(&self) -> &ThreadPoolExecutor {
        &self.own
    }

    /// Calls `f` with the executor of those who name none.
    pub(super) fn with_default<R>(&self, f: impl FnOnce(&dyn Executor) -> R) -> R {
        // Acquire pairs with the Release of `set_default`, though the lock would do.
        if self.is_replaced.load(Acquire)
            && let Some(executor) = { self.default.lock().clone() }
        {
            return f(&*executor);
        }
        f(&self.pool)
    }

    /// Where stand-ins run.
    pub(super) fn stand_ins(&self) -> &ThreadPoolExecutor {
        &self.stand_ins
    }

    pub(crate) fn set_default(&self, executor: Arc<dyn Executor>) {
        let old = self.default.lock().replace(executor);
        self.is_replaced.store(true, Release);
        // Its drop may wait for jobs: not under the lock.
        drop(old);
    }

    /// Takes no more jobs, cancels what is queued and waits for what runs, no longer than until `deadline`.
    pub(crate) fn shut_down(&self, deadline: Option<Instant>) {
        let replaced = { self.default.lock().clone() };
        let mut executors: Vec<&dyn Executor> = vec![&self.pool, &self.own, &self.stand_ins];
        executors.extend(replaced.as_deref().map(|executor| executor as &dyn Executor));
        // All at once, then one after the other.
        for executor in &executors {
            quietly(|| executor.shutdown(false, true));
        }
        let mut ended = true;
        for executor in &executors {
            quietly(|| ended &= wait_for(*executor, deadline));
        }
        drop(executors);
        if ended {
            // It may have a handle of this runtime, and each would keep the other for ever.
            let set = self.default.lock().take();
            quietly(|| drop(set));
            quietly(|| drop(replaced));
        }
    }
}

fn wait_for(executor: &dyn Executor, deadline: Option<Instant>) -> bool {
    let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
    let ended = executor.shutdown_timeout(left.unwrap_or(PATIENCE), true);
    if let Err(running) = &ended {
        warn(&match left {
            Some(_) => format!("the runtime is shut down and leaves its blocking pool behind with {running}"),
            None => {
                format!("the shutdown of a runtime has to do with its blocking pool, which has {running}")
            }
        });
    }
    if left.is_none() {
        executor.shutdown(true, true);
    }
    left.is_none() || ended.is_ok()
}

fn warn(message: &str) {
    // A subscriber that panics must not keep the shutdown from its end.
    quietly(|| tracing::warn!(target: "windlass::runtime", "{message}"));
}

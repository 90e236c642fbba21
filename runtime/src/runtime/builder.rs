//! Building runtimes.

use std::env;
use std::fmt;
use std::io;
use std::thread;
use std::time::Duration;

use super::runtime::work;
use super::{Handle, Runtime};
use crate::driver::{Clock, Driver};
use crate::executor::{Executors, PoolConfig};
use crate::primitives::Arc;
use crate::scheduler::{Config, Hook, Hooks, Shared, monitor};
use crate::task::Unhandled;

/// The environment variable that overrides the default number of workers.
const WORKERS_VARIABLE: &str = "WINDLASS_WORKER_THREADS";

/// More workers than this are a mistake.
const MOST_WORKERS: usize = 4096;

/// The fewest seats beyond the workers': for threads inside `block_on`, and for stand-ins, of which there may be
/// one for each worker.
const FEWEST_SPARE_SEATS: usize = 4;

/// Configures a runtime and builds it.
///
/// # Examples
///
/// ```
/// use windlass::runtime::Builder;
///
/// let rt = Builder::new_multi_thread().worker_threads(2).thread_name("haul").build().unwrap();
/// assert_eq!(rt.block_on(async { 1 + 1 }), 2);
/// ```
///
/// Threads, and what is told of them:
///
/// ```
/// use std::sync::Arc;
/// use std::sync::atomic::{AtomicUsize, Ordering};
/// use std::time::Duration;
/// use windlass::runtime::Builder;
///
/// let started = Arc::new(AtomicUsize::new(0));
/// let count = Arc::clone(&started);
/// let numbers = AtomicUsize::new(0);
/// let runtime = Builder::new_multi_thread()
///     .worker_threads(2)
///     .thread_name_fn(move || format!("crew-{}", numbers.fetch_add(1, Ordering::Relaxed)))
///     .thread_stack_size(1 << 20)
///     .on_thread_start(move || { count.fetch_add(1, Ordering::Relaxed); })
///     .on_thread_stop(|| println!("gone"))
///     .on_thread_park(|| ())
///     .on_thread_unpark(|| ())
///     // Blocking calls: at most so many at once, and a thread that is idle goes after so long.
///     .max_blocking_threads(16)
///     .thread_keep_alive(Duration::from_secs(1))
///     .build()
///     .unwrap();
/// runtime.block_on(async { windlass::task::spawn_blocking(|| ()).await.unwrap() });
/// assert!(started.load(Ordering::Relaxed) >= 1);
/// ```
///
/// How it works:
///
/// ```
/// use std::time::Duration;
/// use windlass::runtime::Builder;
///
/// let runtime = Builder::new_multi_thread()
///     // Of so many polls, one looks first at what other threads queued, one at sockets and timers.
///     .global_queue_interval(31)
///     .event_interval(61)
///     // A lock that this program holds around `block_on` is wanted by its tasks.
///     .block_on_runs_tasks(false)
///     // No warning of a poll that takes less.
///     .slow_poll_threshold(Duration::from_millis(500))
///     .build()
///     .unwrap();
/// # drop(runtime);
/// ```
#[derive(Clone)]
pub struct Builder {
    multi_thread: bool,
    worker_threads: Option<usize>,
    thread_name: ThreadName,
    thread_stack_size: Option<usize>,
    max_blocking_threads: usize,
    thread_keep_alive: Duration,
    global_queue_interval: Option<u32>,
    event_interval: u32,
    block_on_runs_tasks: bool,
    slow_poll_threshold: Duration,
    start_paused: bool,
    hooks: Hooks,
}

type ThreadName = Arc<dyn Fn() -> String + Send + Sync>;

impl Builder {
    /// A runtime with worker threads.
    pub fn new_multi_thread() -> Self {
        Self::new(true)
    }

    /// A runtime whose tasks run on the thread that calls [`Runtime::block_on`], in the order in which they
    /// were woken.
    pub fn new_current_thread() -> Self {
        Self::new(false)
    }

    fn new(multi_thread: bool) -> Self {
        Self {
            multi_thread,
            worker_threads: None,
            thread_name: Arc::new(|| "windlass-worker".into()),
            thread_stack_size: None,
            max_blocking_threads: 512,
            thread_keep_alive: Duration::from_secs(10),
            global_queue_interval: None,
            event_interval: 61,
            block_on_runs_tasks: true,
            slow_poll_threshold: Duration::from_millis(100),
            start_paused: false,
            hooks: Hooks::default(),
        }
    }

    /// The number of worker threads. Without it, as many as there are cores, or what the environment
    /// variable `WINDLASS_WORKER_THREADS` says.
    ///
    /// A current-thread runtime has none and ignores it.
    ///
    /// # Panics
    ///
    /// If it is zero.
    #[track_caller]
    pub fn worker_threads(&mut self, threads: usize) -> &mut Self {
        assert!(
            threads > 0,
            "Worker threads cannot be set to 0: a runtime without worker threads is \
             `Builder::new_current_thread`"
        );
        self.worker_threads = Some(threads);
        self
    }

    /// How many threads the blocking pool has at most. A job that waits for another one in `block_on`, or in a
    /// wait of [`blocking`](crate::blocking), does not count meanwhile. The runtime has threads of its own for what
    /// it has to wait for itself, at most 32, and none until it does.
    ///
    /// # Panics
    ///
    /// If it is zero.
    #[track_caller]
    pub fn max_blocking_threads(&mut self, threads: usize) -> &mut Self {
        assert!(threads > 0, "Max blocking threads cannot be set to 0: a blocking job would wait for ever");
        self.max_blocking_threads = threads;
        self
    }

    /// How long a thread of the blocking pool waits for another job before it ends.
    pub fn thread_keep_alive(&mut self, duration: Duration) -> &mut Self {
        self.thread_keep_alive = duration;
        self
    }

    /// The name of the runtime's threads; `windlass-worker` by default.
    ///
    /// # Panics
    ///
    /// If there is a NUL byte in it, which no thread's name can have.
    #[track_caller]
    pub fn thread_name(&mut self, name: impl Into<String>) -> &mut Self {
        let name = name.into();
        assert!(!name.contains('\0'), "a thread's name cannot contain a NUL byte: {name:?}");
        self.thread_name_fn(move || name.clone())
    }

    /// A function that names each of the runtime's threads. NUL bytes in a name become question marks.
    pub fn thread_name_fn<F>(&mut self, f: F) -> &mut Self
    where
        F: Fn() -> String + Send + Sync + 'static,
    {
        // `thread::Builder` panics on what is replaced here, in threads that nobody expects to panic.
        self.thread_name = Arc::new(move || f().replace('\0', "?"));
        self
    }

    /// The stack size of the runtime's threads in bytes; std's default otherwise.
    pub fn thread_stack_size(&mut self, size: usize) -> &mut Self {
        self.thread_stack_size = Some(size);
        self
    }

    /// A function that every thread of the runtime calls when it starts.
    pub fn on_thread_start<F: Fn() + Send + Sync + 'static>(&mut self, f: F) -> &mut Self {
        self.hooks.on_start = hook(f);
        self
    }

    /// A function that every thread of the runtime calls before it ends.
    pub fn on_thread_stop<F: Fn() + Send + Sync + 'static>(&mut self, f: F) -> &mut Self {
        self.hooks.on_stop = hook(f);
        self
    }

    /// A function that a worker calls before it goes to sleep.
    pub fn on_thread_park<F: Fn() + Send + Sync + 'static>(&mut self, f: F) -> &mut Self {
        self.hooks.on_park = hook(f);
        self
    }

    /// A function that a worker calls when it wakes up.
    pub fn on_thread_unpark<F: Fn() + Send + Sync + 'static>(&mut self, f: F) -> &mut Self {
        self.hooks.on_unpark = hook(f);
        self
    }

    /// A function that is told of every failure that nobody looks at: asyncio's `set_exception_handler`. Without it,
    /// they are logged.
    ///
    /// It is called where the failure is noticed: by whoever drops the last handle, or on a thread of the runtime.
    ///
    /// It is not told of what no runtime knows: the panic of a job that was submitted to an executor, and of which nobody but a dropped
    /// [`WrapFuture`](crate::WrapFuture) or [`blocking::Future`](crate::blocking::Future) knew.
    /// [`unobserved_panics`](crate::blocking::unobserved_panics) counts those. A job of
    /// [`run_in_executor`](crate::run_in_executor()) is the runtime's, on whatever executor it runs.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::mpsc;
    ///
    /// let (tell, told) = mpsc::channel();
    /// let rt = windlass::runtime::Builder::new_current_thread()
    ///     .on_unhandled(move |unhandled| tell.send(unhandled.to_string()).unwrap())
    ///     .build()
    ///     .unwrap();
    /// rt.block_on(async {
    ///     drop(windlass::spawn(async { panic!("nobody waits for this") }));
    ///     windlass::task::yield_now().await;
    /// });
    /// assert!(told.recv().unwrap().contains("nobody waits for this"));
    /// ```
    #[doc(alias = "set_exception_handler")]
    #[doc(alias = "call_exception_handler")]
    pub fn on_unhandled<F>(&mut self, f: F) -> &mut Self
    where
        F: Fn(&Unhandled<'_>) + Send + Sync + 'static,
    {
        self.hooks.on_unhandled = Some(Arc::new(f));
        self
    }

    /// How many tasks a worker runs at most between two looks at the tasks that were queued from outside of
    /// the runtime; 31 by default.
    ///
    /// # Panics
    ///
    /// If it is zero.
    #[track_caller]
    pub fn global_queue_interval(&mut self, tasks: u32) -> &mut Self {
        assert!(tasks > 0, "global_queue_interval must be greater than 0");
        self.global_queue_interval = Some(tasks);
        self
    }

    /// How many tasks a thread runs at most before it looks for events and timers; 61 by default. It runs fewer where they take
    /// long: it looks about every 2 ms.
    ///
    /// # Panics
    ///
    /// If it is zero.
    #[track_caller]
    pub fn event_interval(&mut self, tasks: u32) -> &mut Self {
        assert!(tasks > 0, "event_interval must be greater than 0");
        self.event_interval = tasks;
        self
    }

    /// Whether [`Runtime::block_on`] runs tasks while its own future waits; true by default. A multi-thread
    /// runtime does without. A current-thread runtime has no other thread to run them, and ignores this.
    pub fn block_on_runs_tasks(&mut self, yes: bool) -> &mut Self {
        self.block_on_runs_tasks = yes;
        self
    }

    /// How long a poll takes before a warning names its task; 100 ms by default.
    pub fn slow_poll_threshold(&mut self, duration: Duration) -> &mut Self {
        self.slow_poll_threshold = duration;
        self
    }

    /// Whether the runtime's clock stands from the beginning; see [`time::pause`](crate::time::pause).
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use windlass::{runtime::Builder, time};
    ///
    /// let rt = Builder::new_current_thread().start_paused(true).build().unwrap();
    /// rt.block_on(async { time::sleep(Duration::from_secs(3_600)).await }); // takes no time
    /// ```
    #[cfg(feature = "test-util")]
    pub fn start_paused(&mut self, yes: bool) -> &mut Self {
        self.start_paused = yes;
        self
    }

    /// Builds the runtime and starts its threads.
    ///
    /// # Errors
    ///
    /// If there are too many workers, if `WINDLASS_WORKER_THREADS` is not a number of threads, or if a
    /// thread cannot be started; then those that did start are shut down again.
    pub fn build(&mut self) -> io::Result<Runtime> {
        let workers = self.workers()?;
        let spare_seats = workers.max(FEWEST_SPARE_SEATS);
        let config = Config {
            workers,
            seats: if self.multi_thread { workers + spare_seats } else { 1 },
            global_queue_interval: self.global_queue_interval.unwrap_or(if self.multi_thread {
                61
            } else {
                31
            }),
            event_interval: self.event_interval,
            lifo: self.multi_thread,
            search_limit: workers.div_ceil(2).max(1),
            block_on_runs_tasks: self.block_on_runs_tasks || !self.multi_thread,
            slow_poll_threshold: self.slow_poll_threshold,
        };
        let executors = Executors::new(&PoolConfig {
            max_threads: self.max_blocking_threads,
            spare_seats,
            keep_alive: self.thread_keep_alive,
            stack_size: self.thread_stack_size,
            thread_name: Arc::clone(&self.thread_name),
            hooks: self.hooks.clone(),
        });
        let driver =
            Driver::new(config.seats, if self.start_paused { Clock::paused() } else { Clock::new() })?;
        let shared = Shared::new(config, self.hooks.clone(), executors, driver);
        // From here on an error, or a panic of the function that names the threads, drops the runtime, and
        // that shuts down what did start.
        let mut runtime = Runtime::without_threads(Handle::new(Arc::clone(&shared)));
        for _ in 0..workers {
            runtime.adopt(self.start_worker(&shared))?;
        }
        let monitor = self.thread("windlass-monitor".into()).spawn(move || monitor::watch(&shared));
        runtime.adopt(monitor)?;
        Ok(runtime)
    }

    fn workers(&self) -> io::Result<usize> {
        if !self.multi_thread {
            return Ok(0);
        }
        match self.worker_threads {
            Some(workers) if workers > MOST_WORKERS => Err(invalid(format!(
                "{workers} worker threads are more than the {MOST_WORKERS} a runtime can have: set \
                 `Builder::worker_threads` to about the number of cores"
            ))),
            Some(workers) => Ok(workers),
            None => default_workers(env::var_os(WORKERS_VARIABLE)),
        }
    }

    fn start_worker(&self, shared: &Arc<Shared>) -> io::Result<thread::JoinHandle<()>> {
        let thread = self.thread((self.thread_name)());
        let (index, desk) = shared.roster.sit().expect("there is a seat for every worker");
        let started = thread.spawn({
            let shared = Arc::clone(shared);
            move || work(shared, index, desk)
        });
        if started.is_err() {
            shared.roster.never_came();
        }
        started
    }

    fn thread(&self, name: String) -> thread::Builder {
        let thread = thread::Builder::new().name(name);
        match self.thread_stack_size {
            Some(size) => thread.stack_size(size),
            None => thread,
        }
    }
}

fn hook<F: Fn() + Send + Sync + 'static>(f: F) -> Option<Hook> {
    Some(Arc::new(f))
}

fn default_workers(variable: Option<std::ffi::OsString>) -> io::Result<usize> {
    let Some(value) = variable else { return Ok(num_cpus::get().clamp(1, MOST_WORKERS)) };
    match value.to_str().and_then(|value| value.trim().parse::<usize>().ok()) {
        Some(workers) if (1..=MOST_WORKERS).contains(&workers) => Ok(workers),
        _ => Err(invalid(format!(
            "the environment variable {WORKERS_VARIABLE} is {value:?}: set it to the number of worker \
             threads, from 1 to {MOST_WORKERS}, or unset it"
        ))),
    }
}

fn invalid(message: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, message)
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("multi_thread", &self.multi_thread)
            .field("worker_threads", &self.worker_threads)
            .field("max_blocking_threads", &self.max_blocking_threads)
            .field("thread_keep_alive", &self.thread_keep_alive)
            .field("slow_poll_threshold", &self.slow_poll_threshold)
            .finish_non_exhaustive()
    }
}

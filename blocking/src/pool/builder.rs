//! [`Builder`]: how a thread pool is set up.

use super::ThreadPoolExecutor;
use super::word::MAX_THREADS;
use crate::primitives::thread;
use std::error::Error;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

type Hook = Arc<dyn Fn() + Send + Sync>;
type Initializer = Arc<dyn Fn() -> Result<(), String> + Send + Sync>;
type ThreadName = Arc<dyn Fn() -> String + Send + Sync>;

/// The largest bound of a queue: its memory is some 500 MB.
const MOST_QUEUED: usize = 1 << 24;

/// What the threads of a pool need to know of its builder.
pub(crate) struct Config {
    pub(super) max_workers: usize,
    pub(super) queue_capacity: Option<usize>,
    pub(super) keep_alive: Duration,
    pub(super) initializer: Option<Initializer>,
    pub(super) on_thread_start: Option<Hook>,
    pub(super) on_thread_stop: Option<Hook>,
    stack_size: Option<usize>,
    name: Name,
}

#[derive(Clone)]
enum Name {
    /// Numbered by the pool.
    Prefix(String),
    Function(ThreadName),
}

impl Config {
    /// How the pool's thread with this number is started.
    pub(super) fn thread(&self, number: usize) -> thread::Builder {
        let name = match &self.name {
            Name::Prefix(prefix) => Some(format!("{prefix}_{number}")),
            // One that panics has said so; the thread goes without a name.
            Name::Function(name) => catch_unwind(AssertUnwindSafe(|| name())).ok(),
        };
        let mut builder = thread::Builder::new();
        if let Some(name) = name {
            builder = builder.name(name);
        }
        if let Some(size) = self.stack_size {
            builder = builder.stack_size(size);
        }
        builder
    }
}

/// What an initializer may return: nothing, or a `Result` whose error breaks the pool.
///
/// ```
/// use windlass_blocking::{ExecutorExt, InitializerOutput, ThreadPoolExecutor};
///
/// assert_eq!(().into_outcome(), Ok(()));
/// assert_eq!(Err::<(), _>("no licence").into_outcome(), Err("no licence".to_string()));
///
/// let pool = ThreadPoolExecutor::builder().initializer(|| Err::<(), _>("no licence")).build();
/// let error = pool.submit(|| ()).result().unwrap_err();
/// assert!(error.is_broken());
/// ```
pub trait InitializerOutput {
    /// The failure, in words.
    ///
    /// # Errors
    /// The text of the initializer's own error.
    fn into_outcome(self) -> Result<(), String>;
}

impl InitializerOutput for () {
    fn into_outcome(self) -> Result<(), String> {
        Ok(())
    }
}

impl<E: Into<Box<dyn Error + Send + Sync>>> InitializerOutput for Result<(), E> {
    fn into_outcome(self) -> Result<(), String> {
        self.map_err(|error| error.into().to_string())
    }
}

/// Sets up a [`ThreadPoolExecutor`]; made by [`ThreadPoolExecutor::builder`].
///
/// ```
/// use std::time::Duration;
/// use windlass_blocking::{ExecutorExt, ThreadPoolExecutor};
///
/// let pool = ThreadPoolExecutor::builder()
///     .max_workers(4)
///     .thread_name_prefix("disk")
///     .keep_alive(Duration::from_secs(2))
///     .build();
/// let name = pool.submit(|| std::thread::current().name().map(String::from)).result().unwrap();
/// assert_eq!(name.as_deref(), Some("disk_0"));
/// ```
#[derive(Clone)]
#[must_use = "a builder does nothing until `build` is called"]
pub struct Builder {
    max_workers: Option<usize>,
    queue_capacity: Option<usize>,
    keep_alive: Duration,
    initializer: Option<Initializer>,
    on_thread_start: Option<Hook>,
    on_thread_stop: Option<Hook>,
    stack_size: Option<usize>,
    name: Option<Name>,
}

impl Builder {
    pub(super) fn new() -> Self {
        Self {
            max_workers: None,
            queue_capacity: None,
            keep_alive: Duration::from_secs(10),
            initializer: None,
            on_thread_start: None,
            on_thread_stop: None,
            stack_size: None,
            name: None,
        }
    }

    /// Sets the most threads the pool has at a time; by default the number of processors plus 4, at most 32.
    ///
    /// More than 32 767 are taken as 32 767. Threads that wait for another job of the pool do not count: see
    /// [`ThreadPoolExecutor`].
    ///
    /// # Panics
    /// If `max_workers` is 0.
    ///
    /// ```
    /// let pool = windlass_blocking::ThreadPoolExecutor::builder().max_workers(2).build();
    /// assert_eq!(pool.max_workers(), 2);
    /// ```
    #[track_caller]
    #[doc(alias = "max_blocking_threads")]
    pub fn max_workers(mut self, max_workers: usize) -> Self {
        assert!(max_workers > 0, "`max_workers` must be at least 1");
        self.max_workers = Some(max_workers.min(MAX_THREADS));
        self
    }

    /// Names the threads `prefix_0`, `prefix_1`, ...; by default the prefix is `ThreadPoolExecutor-0`, with
    /// the number of pools built before.
    ///
    /// ```
    /// # use windlass_blocking::ThreadPoolExecutor;
    /// let pool = ThreadPoolExecutor::builder().thread_name_prefix("dns").build();
    /// ```
    pub fn thread_name_prefix(mut self, prefix: impl Into<String>) -> Self {
        self.name = Some(Name::Prefix(prefix.into()));
        self
    }

    /// Names each thread by calling `name`; replaces [`thread_name_prefix`](Self::thread_name_prefix).
    ///
    /// ```
    /// # use windlass_blocking::ThreadPoolExecutor;
    /// let pool = ThreadPoolExecutor::builder().thread_name_fn(|| "blocking".to_owned()).build();
    /// ```
    pub fn thread_name_fn(mut self, name: impl Fn() -> String + Send + Sync + 'static) -> Self {
        self.name = Some(Name::Function(Arc::new(name)));
        self
    }

    /// Sets the threads' stack size in bytes; by default std's.
    ///
    /// ```
    /// # use windlass_blocking::ThreadPoolExecutor;
    /// let pool = ThreadPoolExecutor::builder().stack_size(256 * 1024).build();
    /// ```
    #[doc(alias = "thread_stack_size")]
    pub fn stack_size(mut self, bytes: usize) -> Self {
        self.stack_size = Some(bytes);
        self
    }

    /// Sets how long a thread without work stays; 10 seconds by default.
    ///
    /// ```
    /// # use windlass_blocking::ThreadPoolExecutor;
    /// # use std::time::Duration;
    /// let pool = ThreadPoolExecutor::builder().keep_alive(Duration::MAX).build(); // for ever
    /// ```
    #[doc(alias = "thread_keep_alive")]
    pub fn keep_alive(mut self, keep_alive: Duration) -> Self {
        self.keep_alive = keep_alive;
        self
    }

    /// Runs `initializer` on each thread before its first job. If it fails or panics, the pool is broken: what
    /// is queued fails, and nothing more is accepted.
    ///
    /// ```
    /// use std::cell::Cell;
    /// use windlass_blocking::{ExecutorExt, ThreadPoolExecutor};
    ///
    /// thread_local!(static CONNECTION: Cell<u32> = Cell::new(0));
    /// let pool = ThreadPoolExecutor::builder().initializer(|| CONNECTION.set(7)).build();
    /// assert_eq!(pool.submit(|| CONNECTION.get()).result().unwrap(), 7);
    /// ```
    pub fn initializer<R: InitializerOutput>(
        mut self,
        initializer: impl Fn() -> R + Send + Sync + 'static,
    ) -> Self {
        self.initializer = Some(Arc::new(move || initializer().into_outcome()));
        self
    }

    /// Runs `hook` first thing on each new thread, before the initializer. Its panics are ignored.
    ///
    /// ```
    /// # use windlass_blocking::ThreadPoolExecutor;
    /// let pool = ThreadPoolExecutor::builder().on_thread_start(|| println!("one more")).build();
    /// ```
    pub fn on_thread_start(mut self, hook: impl Fn() + Send + Sync + 'static) -> Self {
        self.on_thread_start = Some(Arc::new(hook));
        self
    }

    /// Runs `hook` last thing on each thread that ends. Its panics are ignored.
    ///
    /// ```
    /// # use windlass_blocking::ThreadPoolExecutor;
    /// let pool = ThreadPoolExecutor::builder().on_thread_stop(|| println!("one less")).build();
    /// ```
    pub fn on_thread_stop(mut self, hook: impl Fn() + Send + Sync + 'static) -> Self {
        self.on_thread_stop = Some(Arc::new(hook));
        self
    }

    /// Bounds how many jobs may be queued and not yet taken by a thread; unbounded by default.
    ///
    /// With it, `submit` waits for room and `try_submit` gives the job back. The memory for so many is taken when the pool is built.
    ///
    /// # Panics
    /// If `capacity` is 0, or more than 16 777 216.
    ///
    /// ```
    /// # use windlass_blocking::ThreadPoolExecutor;
    /// let pool = ThreadPoolExecutor::builder().queue_capacity(100).build();
    /// ```
    #[track_caller]
    pub fn queue_capacity(mut self, capacity: usize) -> Self {
        assert!(capacity > 0, "`queue_capacity` must be at least 1");
        assert!(
            capacity <= MOST_QUEUED,
            "`queue_capacity` must be at most {MOST_QUEUED}, since the memory for so many is taken at once: for no bound leave it out"
        );
        self.queue_capacity = Some(capacity);
        self
    }

    /// Builds the pool. Threads are started as jobs come.
    ///
    /// ```
    /// let pool = windlass_blocking::ThreadPoolExecutor::builder().build();
    /// assert_eq!(pool.metrics().threads, 0);
    /// ```
    pub fn build(self) -> ThreadPoolExecutor {
        /// How many pools have a default name.
        static UNNAMED: AtomicUsize = AtomicUsize::new(0);

        let name = self.name.unwrap_or_else(|| {
            Name::Prefix(format!("ThreadPoolExecutor-{}", UNNAMED.fetch_add(1, Ordering::Relaxed)))
        });
        ThreadPoolExecutor::from_config(Config {
            max_workers: self.max_workers.unwrap_or_else(default_max_workers),
            queue_capacity: self.queue_capacity,
            keep_alive: self.keep_alive,
            initializer: self.initializer,
            on_thread_start: self.on_thread_start,
            on_thread_stop: self.on_thread_stop,
            stack_size: self.stack_size,
            name,
        })
    }
}

fn default_max_workers() -> usize {
    (num_cpus::get() + 4).min(32)
}

impl std::fmt::Debug for Builder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Builder")
            .field("max_workers", &self.max_workers)
            .field("queue_capacity", &self.queue_capacity)
            .field("keep_alive", &self.keep_alive)
            .field("stack_size", &self.stack_size)
            .finish_non_exhaustive()
    }
}

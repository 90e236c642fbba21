//! What a workload asks of a runtime.
//!
//! Two traits, because the limit runs on one thread only: [`Runtime`] is what every runtime can do, [`Threaded`]
//! adds what takes a second thread. A workload names in its bound the one it needs.

use std::io;
use std::net;
use std::pin::Pin;
use std::time::Duration;

/// Which scheduler to build.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flavor {
    /// A scheduler with this many worker threads.
    Multi(usize),
    /// A scheduler that runs on the thread inside `block_on` and nowhere else.
    Current,
}

impl Flavor {
    /// A multi-thread scheduler with a worker per processor, every runtime's default.
    pub fn default_workers() -> Self {
        Self::Multi(processors())
    }
}

/// The number of processors this process may use.
pub(crate) fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

impl std::fmt::Display for Flavor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Multi(1) => f.write_str("1 worker"),
            Self::Multi(workers) => write!(f, "{workers} workers"),
            Self::Current => f.write_str("current thread"),
        }
    }
}

/// A runtime that can spawn, join and yield.
///
/// Dropping the runtime shuts it down and waits for its threads.
pub trait Runtime: Sized + 'static {
    /// Waits for a task. A task whose `Join` is dropped unawaited may be cancelled: use
    /// [`spawn_detached`](Self::spawn_detached) for one that nobody waits for.
    type Join<T: Send + 'static>: Future<Output = T> + 'static;

    /// Starts a runtime of this flavor.
    fn new(flavor: Flavor) -> io::Result<Self>;

    /// Whether tasks run while no thread is inside `block_on`, so that a workload may block its thread on them.
    fn has_workers(flavor: Flavor) -> bool {
        matches!(flavor, Flavor::Multi(_))
    }

    /// Runs `future` on the calling thread until it is done.
    fn block_on<F: Future>(&self, future: F) -> F::Output;

    /// Spawns from a thread that runs no tasks.
    fn spawn_outside<F>(&self, future: F) -> Self::Join<F::Output>
    where
        F: Future<Output: Send> + Send + 'static;

    /// Spawns from inside a task or from inside `block_on`.
    fn spawn<F>(future: F) -> Self::Join<F::Output>
    where
        F: Future<Output: Send> + Send + 'static;

    /// Like [`spawn`](Self::spawn), for a task that nobody waits for.
    fn spawn_detached<F>(future: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        drop(Self::spawn(future));
    }

    /// Like [`spawn_outside`](Self::spawn_outside), for a task that nobody waits for.
    fn spawn_outside_detached<F>(&self, future: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        drop(self.spawn_outside(future));
    }

    /// Returns to the scheduler once.
    fn yield_now() -> impl Future<Output = ()> + Send;
}

/// A runtime other threads can spawn onto, with a pool for blocking calls.
pub trait Threaded: Runtime {
    /// A clonable handle that spawns from any thread.
    type Spawner: Clone + Send + 'static;
    /// Waits for a task spawned through a [`Spawner`](Self::Spawner); it may itself change threads.
    type RemoteJoin<T: Send + 'static>: Future<Output = T> + Send + 'static;
    /// Waits for a blocking call.
    type BlockingJoin<T: Send + 'static>: Future<Output = T> + Send + 'static;

    /// A handle for other threads.
    fn spawner(&self) -> Self::Spawner;

    /// Spawns from any thread.
    fn spawn_from<F>(spawner: &Self::Spawner, future: F) -> Self::RemoteJoin<F::Output>
    where
        F: Future<Output: Send> + Send + 'static;

    /// Runs a blocking call in the runtime's pool; called from inside a task.
    fn spawn_blocking<T, F>(call: F) -> Self::BlockingJoin<T>
    where
        T: Send + 'static,
        F: FnOnce() -> T + Send + 'static;
}

/// A runtime with a clock.
pub trait Timers: Threaded {
    /// Done after a time; it registers with the clock when it is polled, not before.
    type Sleep: Future<Output: Send> + Send + 'static;

    /// A sleep of this long, from now on.
    fn sleep(time: Duration) -> Self::Sleep;

    /// Makes a sleep last this long from now on.
    fn reset(sleep: Pin<&mut Self::Sleep>, time: Duration);

    /// Gives `future` this long; `None` when it took longer.
    fn timeout<F: Future<Output: Send> + Send>(
        time: Duration,
        future: F,
    ) -> impl Future<Output = Option<F::Output>> + Send;
}

/// A runtime with TCP sockets.
pub trait Sockets: Threaded {
    /// A listening socket.
    type Listener: Send + Sync + 'static;
    /// A connected socket.
    type Stream: Send + 'static;

    /// Takes over a socket that listens and does not block; called from inside a task.
    fn listener(listener: net::TcpListener) -> io::Result<Self::Listener>;

    /// Waits for a connection, and has it send without delay.
    fn accept(listener: &Self::Listener) -> impl Future<Output = io::Result<Self::Stream>> + Send;

    /// Reads what there is; nothing at the end.
    fn read(stream: &mut Self::Stream, buffer: &mut [u8]) -> impl Future<Output = io::Result<usize>> + Send;

    /// Writes all of it.
    fn write_all(stream: &mut Self::Stream, bytes: &[u8]) -> impl Future<Output = io::Result<()>> + Send;
}

//! Windlass itself.

use std::io;
use std::net;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use ::windlass::net::{TcpListener, TcpStream};
use ::windlass::runtime;
use ::windlass::task;
use ::windlass::time::{self, Instant};

use crate::pool::{Pool, Trip};
use crate::runtime::{Flavor, Runtime, Sockets, Threaded, Timers, processors};

/// A Windlass runtime.
pub struct Windlass(runtime::Runtime);

/// Windlass's join handle; a task that panicked or was cancelled panics the one who waits.
pub struct WindlassJoin<T>(task::JoinHandle<T>);

impl<T> Future for WindlassJoin<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        Pin::new(&mut self.0).poll(cx).map(|joined| joined.expect("the task failed"))
    }
}

impl Runtime for Windlass {
    type Join<T: Send + 'static> = WindlassJoin<T>;

    fn new(flavor: Flavor) -> io::Result<Self> {
        let runtime = match flavor {
            Flavor::Multi(workers) => runtime::Builder::new_multi_thread().worker_threads(workers).build()?,
            Flavor::Current => runtime::Builder::new_current_thread().build()?,
        };
        Ok(Self(runtime))
    }

    fn block_on<F: Future>(&self, future: F) -> F::Output {
        self.0.block_on(future)
    }

    fn spawn_outside<F>(&self, future: F) -> Self::Join<F::Output>
    where
        F: Future<Output: Send> + Send + 'static,
    {
        WindlassJoin(self.0.spawn(future))
    }

    fn spawn<F>(future: F) -> Self::Join<F::Output>
    where
        F: Future<Output: Send> + Send + 'static,
    {
        WindlassJoin(task::spawn(future))
    }

    fn yield_now() -> impl Future<Output = ()> + Send {
        task::yield_now()
    }
}

impl Threaded for Windlass {
    type Spawner = runtime::Handle;
    type RemoteJoin<T: Send + 'static> = WindlassJoin<T>;
    type BlockingJoin<T: Send + 'static> = WindlassJoin<T>;

    fn spawner(&self) -> Self::Spawner {
        self.0.handle().clone()
    }

    fn spawn_from<F>(spawner: &Self::Spawner, future: F) -> Self::RemoteJoin<F::Output>
    where
        F: Future<Output: Send> + Send + 'static,
    {
        WindlassJoin(spawner.spawn(future))
    }

    fn spawn_blocking<T, F>(call: F) -> Self::BlockingJoin<T>
    where
        T: Send + 'static,
        F: FnOnce() -> T + Send + 'static,
    {
        WindlassJoin(task::spawn_blocking(call))
    }
}

impl Timers for Windlass {
    type Sleep = time::Sleep;

    // A program calls what this calls.
    #[inline(always)]
    fn sleep(time: Duration) -> Self::Sleep {
        time::sleep(time)
    }

    #[inline(always)]
    fn reset(sleep: Pin<&mut Self::Sleep>, time: Duration) {
        sleep.reset(Instant::now() + time);
    }

    async fn timeout<F: Future<Output: Send> + Send>(time: Duration, future: F) -> Option<F::Output> {
        time::timeout(time, future).await.ok()
    }
}

impl Sockets for Windlass {
    type Listener = TcpListener;
    type Stream = TcpStream;

    fn listener(listener: net::TcpListener) -> io::Result<Self::Listener> {
        TcpListener::from_std(listener)
    }

    async fn accept(listener: &Self::Listener) -> io::Result<Self::Stream> {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        Ok(stream)
    }

    async fn read(stream: &mut Self::Stream, buffer: &mut [u8]) -> io::Result<usize> {
        stream.read(buffer).await
    }

    async fn write_all(stream: &mut Self::Stream, bytes: &[u8]) -> io::Result<()> {
        stream.write_all(bytes).await
    }
}

impl Pool for Windlass {
    type Submitter = runtime::Handle;

    fn with_threads(threads: usize) -> io::Result<Self> {
        runtime::Builder::new_multi_thread()
            .worker_threads(processors())
            .max_blocking_threads(threads)
            .build()
            .map(Self)
    }

    fn submitter(&self) -> Self::Submitter {
        self.0.handle().clone()
    }

    fn submit<F>(submitter: &Self::Submitter, job: F)
    where
        F: FnOnce() + Send + 'static,
    {
        drop(submitter.spawn_blocking(job));
    }

    fn call<T, F>(&self, job: F) -> Trip<T>
    where
        T: Send + 'static,
        F: FnOnce() -> T + Send + 'static,
    {
        self.0.block_on(Trip::awaited(|| WindlassJoin(task::spawn_blocking(job))))
    }
}

//! smol, taken apart: async-executor run by threads that sit in async-io's `block_on`, and the `blocking` pool.
//!
//! This is how `smol::spawn` runs its global executor; only the number of threads is chosen here.

use std::cell::RefCell;
use std::io;
use std::net::{TcpListener, TcpStream};
use std::pin::Pin;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use ::tokio::sync::watch;
use async_executor::{Executor, Task};
use async_io::{Async, Timer};
use futures_lite::{AsyncReadExt, AsyncWriteExt, future};

use crate::runtime::{Flavor, Runtime, Sockets, Threaded, Timers};

thread_local! {
    /// The executor whose tasks this thread runs or whose `block_on` it is in.
    static CURRENT: RefCell<Option<Arc<Executor<'static>>>> = const { RefCell::new(None) };
}

/// An executor and the threads that run it. One at a time per thread: [`Runtime::spawn`] finds the last one built.
pub struct Smol {
    executor: Arc<Executor<'static>>,
    flavor: Flavor,
    /// Dropped to stop the threads.
    stop: Option<watch::Sender<()>>,
    threads: Vec<thread::JoinHandle<()>>,
}

impl Drop for Smol {
    fn drop(&mut self) {
        self.stop = None;
        for thread in self.threads.drain(..) {
            thread.join().expect("an executor thread panicked");
        }
        // The executor drops what is left of its tasks: not while `CURRENT` is borrowed.
        drop(CURRENT.take());
    }
}

impl Smol {
    fn start_thread(&self, mut stopped: watch::Receiver<()>) -> io::Result<thread::JoinHandle<()>> {
        let executor = Arc::clone(&self.executor);
        thread::Builder::new().name("smol".into()).spawn(move || {
            CURRENT.set(Some(Arc::clone(&executor)));
            async_io::block_on(executor.run(async {
                // An error is the sender's drop, which is all that is waited for.
                let _ = stopped.changed().await;
            }));
            CURRENT.set(None);
        })
    }
}

impl Runtime for Smol {
    type Join<T: Send + 'static> = Task<T>;

    fn new(flavor: Flavor) -> io::Result<Self> {
        let (stop, stopped) = watch::channel(());
        let mut smol =
            Self { executor: Arc::new(Executor::new()), flavor, stop: Some(stop), threads: Vec::new() };
        if let Flavor::Multi(workers) = flavor {
            for _ in 0..workers {
                smol.threads.push(smol.start_thread(stopped.clone())?);
            }
        }
        CURRENT.set(Some(Arc::clone(&smol.executor)));
        Ok(smol)
    }

    fn block_on<F: Future>(&self, future: F) -> F::Output {
        match self.flavor {
            Flavor::Multi(_) => async_io::block_on(future),
            Flavor::Current => async_io::block_on(self.executor.run(future)),
        }
    }

    fn spawn_outside<F>(&self, future: F) -> Self::Join<F::Output>
    where
        F: Future<Output: Send> + Send + 'static,
    {
        self.executor.spawn(future)
    }

    fn spawn<F>(future: F) -> Self::Join<F::Output>
    where
        F: Future<Output: Send> + Send + 'static,
    {
        CURRENT.with_borrow(|current| current.as_ref().expect("not on an executor's thread").spawn(future))
    }

    fn spawn_detached<F>(future: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        Self::spawn(future).detach();
    }

    fn spawn_outside_detached<F>(&self, future: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.spawn_outside(future).detach();
    }

    fn yield_now() -> impl Future<Output = ()> + Send {
        future::yield_now()
    }
}

impl Threaded for Smol {
    type Spawner = Arc<Executor<'static>>;
    type RemoteJoin<T: Send + 'static> = Task<T>;
    type BlockingJoin<T: Send + 'static> = blocking::Task<T>;

    fn spawner(&self) -> Self::Spawner {
        Arc::clone(&self.executor)
    }

    fn spawn_from<F>(spawner: &Self::Spawner, future: F) -> Self::RemoteJoin<F::Output>
    where
        F: Future<Output: Send> + Send + 'static,
    {
        spawner.spawn(future)
    }

    fn spawn_blocking<T, F>(call: F) -> Self::BlockingJoin<T>
    where
        T: Send + 'static,
        F: FnOnce() -> T + Send + 'static,
    {
        blocking::unblock(call)
    }
}

impl Timers for Smol {
    type Sleep = Timer;

    // A program calls what this calls.
    #[inline(always)]
    fn sleep(time: Duration) -> Self::Sleep {
        Timer::after(time)
    }

    #[inline(always)]
    fn reset(sleep: Pin<&mut Self::Sleep>, time: Duration) {
        sleep.get_mut().set_after(time);
    }

    /// As smol's documentation does it.
    async fn timeout<F: Future<Output: Send> + Send>(time: Duration, future: F) -> Option<F::Output> {
        let expired = async {
            Timer::after(time).await;
            None
        };
        future::or(async { Some(future.await) }, expired).await
    }
}

impl Sockets for Smol {
    type Listener = Async<TcpListener>;
    type Stream = Async<TcpStream>;

    fn listener(listener: TcpListener) -> io::Result<Self::Listener> {
        Async::new(listener)
    }

    async fn accept(listener: &Self::Listener) -> io::Result<Self::Stream> {
        let (stream, _) = listener.accept().await?;
        stream.get_ref().set_nodelay(true)?;
        Ok(stream)
    }

    async fn read(stream: &mut Self::Stream, buffer: &mut [u8]) -> io::Result<usize> {
        stream.read(buffer).await
    }

    async fn write_all(stream: &mut Self::Stream, bytes: &[u8]) -> io::Result<()> {
        stream.write_all(bytes).await
    }
}

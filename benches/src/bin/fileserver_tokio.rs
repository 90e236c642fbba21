//! The file server of `examples/` on tokio: the same hyper, the same handler, tokio's sockets, timers and blocking pool.
//!
//! `cargo run --release -p windlass-benches --bin fileserver_tokio -- --root FOLDER` takes the options of the original, and ends
//! without ceremony.

use std::error::Error;
use std::future::{Future, pending};
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use clap::Parser;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use windlass_examples::fileserver::{Blocking, Options, Root, Server, Site, serve_connection};

fn main() -> Result<(), Box<dyn Error>> {
    let options = Options::parse();
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    if let Some(workers) = options.workers {
        builder.worker_threads(workers.get());
    }
    builder.enable_all().build()?.block_on(serve(&options))
}

async fn serve(options: &Options) -> Result<(), Box<dyn Error>> {
    let listener = TcpListener::bind(options.listen).await?;
    let server = Server::new(Site::new(Root::open(&options.root)?, options.hidden), options, SpawnBlocking);
    let room = Arc::new(Semaphore::new(options.max_connections.get()));
    println!("serving {} on http://{}/ until Ctrl-C", options.root.display(), listener.local_addr()?);
    loop {
        let permit = Arc::clone(&room).acquire_owned().await?;
        let (stream, peer) = listener.accept().await?;
        let server = server.clone();
        tokio::spawn(async move {
            let _ = stream.set_nodelay(true);
            let (io, timer, executor) = (TokioIo::new(stream), TokioTimer::new(), TokioExecutor::new());
            serve_connection(&server, io, peer, timer, executor, pending()).await;
            drop(permit);
        });
    }
}

#[derive(Clone, Debug)]
struct SpawnBlocking;

struct Job<T>(JoinHandle<T>);

impl Blocking for SpawnBlocking {
    type Job<T: Send + 'static> = Job<T>;

    fn run<T, F>(&self, call: F) -> Job<T>
    where
        T: Send + 'static,
        F: FnOnce() -> T + Send + 'static,
    {
        Job(tokio::task::spawn_blocking(call))
    }
}

impl<T> Future for Job<T> {
    type Output = io::Result<T>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<T>> {
        Pin::new(&mut self.0).poll(cx).map_err(io::Error::other)
    }
}

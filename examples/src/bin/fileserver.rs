//! Serves the files of a folder over HTTP/1.1 and HTTP/2.
//!
//! `cargo run --release -p windlass-examples --bin fileserver` serves the current folder on 127.0.0.1:8080; `--help` has
//! the options. What is served and what a client can do is in [`windlass_examples::fileserver`]; here are the sockets,
//! the signals and the end. Ctrl-C or SIGTERM ends it when the requests that have begun are answered, a second one at once.

use std::future::Future;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::pin::Pin;
use std::process::ExitCode;
use std::task::{Context, Poll};
use std::time::Duration;

use clap::Parser;
use windlass::compat::hyper::{HyperExecutor, HyperIo, HyperTimer};
use windlass::net::{TcpListener, TcpStream};
use windlass::runtime::Builder;
use windlass::signal::unix::{SignalKind, signal};
use windlass::sync::Graceful;
use windlass::task::JoinSet;
use windlass::{RunInExecutor, run_in_executor};
use windlass_examples::fileserver::{Blocking, Options, Root, Server, Site, serve_connection};

/// How many connections may wait to be accepted.
const BACKLOG: usize = 1024;

/// How long to wait when no connection can be accepted, as when there is no descriptor left.
const BACK_OFF: Duration = Duration::from_millis(100);

/// How long blocking calls may take after the last connection, as on a disk that does not answer.
const LAST_CALLS: Duration = Duration::from_secs(1);

fn main() -> ExitCode {
    run(&Options::parse()).unwrap_or_else(|message| {
        complain(format_args!("{message}"));
        ExitCode::FAILURE
    })
}

fn run(options: &Options) -> Result<ExitCode, String> {
    let site = site(options)?;
    let mut builder = Builder::new_multi_thread();
    if let Some(workers) = options.workers {
        builder.worker_threads(workers.get());
    }
    let runtime = builder.build().map_err(|error| format!("the runtime does not start: {error}"))?;
    let outcome = runtime.block_on(serve(site, options));
    runtime.shutdown_timeout(LAST_CALLS);
    outcome
}

fn site(options: &Options) -> Result<Site, String> {
    let root = Root::open(&options.root).map_err(|error| {
        format!(
            "cannot serve {}: {error}; name a folder that can be read with --root",
            options.root.display()
        )
    })?;
    Ok(Site::new(root, options.hidden))
}

async fn serve(site: Site, options: &Options) -> Result<ExitCode, String> {
    let listener = listen(options.listen).await?;
    let address = listener.local_addr().map_err(|error| error.to_string())?;
    let server = Server::new(site, options, InExecutor);
    let graceful = Graceful::new();
    watch_signals(graceful.clone(), server.clone(), options.grace).map_err(|error| error.to_string())?;

    let root = options.root.canonicalize().unwrap_or_else(|_| options.root.clone());
    say(format_args!("serving {} on http://{address}/ until Ctrl-C", root.display()));
    let mut connections = accept(listener, &server, &graceful, options.max_connections.get()).await;

    let drained = graceful.shutdown(options.grace).await;
    // Those that were cut are counted when they are gone.
    let _ = windlass::time::timeout(LAST_CALLS, connections.shutdown()).await;
    say(format_args!("{}", server.served()));
    if drained.cut == 0 {
        return Ok(ExitCode::SUCCESS);
    }
    complain(format_args!(
        "{} connections were cut after {:?}; --grace gives them longer",
        drained.cut, options.grace
    ));
    Ok(ExitCode::FAILURE)
}

async fn listen(address: SocketAddr) -> Result<TcpListener, String> {
    TcpListener::bind(address).await.map_err(|error| {
        let advice = match error.kind() {
            io::ErrorKind::AddrInUse => {
                "end the program that listens there, or choose another port with --listen"
            }
            io::ErrorKind::PermissionDenied => "choose a port from 1024 on with --listen",
            io::ErrorKind::AddrNotAvailable => "choose an address of this machine with --listen",
            _ => "choose another address with --listen",
        };
        format!("cannot listen on {address}: {error}; {advice}")
    })
}

/// Begins to drain at the first signal, and ends the process at the second.
fn watch_signals(graceful: Graceful, server: Server<InExecutor>, grace: Duration) -> io::Result<()> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    windlass::spawn(async move {
        for first in [true, false] {
            windlass::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
            if first {
                complain(format_args!(
                    "ends when {} connections do, after {grace:?} at the latest",
                    graceful.len()
                ));
                graceful.token().cancel();
            }
        }
        say(format_args!("{}", server.served()));
        std::process::exit(1);
    });
    Ok(())
}

/// Accepts connections until the server is to end.
async fn accept(
    listener: TcpListener,
    server: &Server<InExecutor>,
    graceful: &Graceful,
    most: usize,
) -> JoinSet<()> {
    let mut connections = JoinSet::new();
    let serve = |connections: &mut JoinSet<()>, stream, peer| {
        let connection = graceful.track(connection(server.clone(), stream, peer, graceful.clone()));
        connections.spawn(async { connection.await.unwrap_or(()) });
    };
    while !graceful.token().is_cancelled() {
        windlass::select! {
            () = graceful.token().cancelled() => {}
            Some(_) = connections.join_next() => {}
            accepted = listener.accept(), if connections.len() < most => match accepted {
                Ok((stream, peer)) => serve(&mut connections, stream, peer),
                Err(error) => {
                    complain(format_args!("cannot accept a connection: {error}"));
                    windlass::time::sleep(BACK_OFF).await;
                }
            },
        }
    }
    // Who is in the queue by now may have sent a request. No more than a queue holds: others may go on coming.
    if let Ok(listener) = listener.into_std() {
        for _ in 0..BACKLOG {
            if connections.len() >= most {
                break;
            }
            let Ok((stream, peer)) = listener.accept() else { break };
            if stream.set_nonblocking(true).is_ok()
                && let Ok(stream) = TcpStream::from_std(stream)
            {
                serve(&mut connections, stream, peer);
            }
        }
    }
    connections
}

async fn connection(server: Server<InExecutor>, stream: TcpStream, peer: SocketAddr, graceful: Graceful) {
    // An answer is written in large pieces; the last one does not wait for the client's word on those before.
    let _ = stream.set_nodelay(true);
    let stop = graceful.token().cancelled();
    serve_connection(&server, HyperIo::new(stream), peer, HyperTimer::new(), HyperExecutor::new(), stop)
        .await;
}

/// To whom listens, if anybody does: `println!` panics if not.
fn say(line: std::fmt::Arguments<'_>) {
    let _ = writeln!(io::stdout(), "{line}");
}

/// As [`say`], of what goes wrong, or is not what was asked for.
fn complain(line: std::fmt::Arguments<'_>) {
    let _ = writeln!(io::stderr(), "fileserver: {line}");
}

/// Blocking calls go to the runtime's executor.
#[derive(Clone, Debug)]
struct InExecutor;

struct Job<T>(RunInExecutor<T>);

impl Blocking for InExecutor {
    type Job<T: Send + 'static> = Job<T>;

    fn run<T, F>(&self, call: F) -> Job<T>
    where
        T: Send + 'static,
        F: FnOnce() -> T + Send + 'static,
    {
        Job(run_in_executor(None, call))
    }
}

impl<T> Future for Job<T> {
    type Output = io::Result<T>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<T>> {
        Pin::new(&mut self.0).poll(cx).map_err(io::Error::other)
    }
}

//! What the server process does: the program runs itself again with hidden arguments.
//!
//! It prints the port it listens on, and ends when its standard input does, which is when the process that started it
//! has ended, in whatever way.

use std::future::{pending, poll_fn};
use std::io::{self, BufRead, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::mpsc;
use std::task::Poll;
use std::time::Duration;

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use socket2::{Domain, Socket, Type};

use super::process::Settings;
use super::{Service, echo, plaintext, raw};
use crate::runtime::{Flavor, Sockets, Timers};
use crate::runtimes::RuntimeName;
use crate::runtimes::smol::Smol;
use crate::runtimes::tokio::Tokio;
use crate::runtimes::windlass::Windlass;

/// The hidden first argument.
pub(super) const FLAG: &str = "--serve";

/// Connections that may wait to be accepted, more than any client here opens before it looks.
const BACKLOG: i32 = 4_096;

/// When the timers of an idle server would fire.
const FAR: Duration = Duration::from_secs(3_600);

/// The question how many bytes are allocated.
pub(super) const HEAP: &str = "heap";

/// Bytes allocated and not freed, kept up to date by a program that has an allocator which counts.
pub static LIVE_BYTES: AtomicUsize = AtomicUsize::new(0);

/// In a server process, serves and returns the exit code; otherwise returns `None`.
pub fn answer() -> Option<ExitCode> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (flag, rest) = arguments.split_first()?;
    if flag != FLAG {
        return None;
    }
    Some(match serve(rest) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{FLAG}: {error}");
            ExitCode::FAILURE
        }
    })
}

fn serve(arguments: &[String]) -> Result<(), String> {
    let settings = Settings::parse(arguments)?;
    raise_open_files().map_err(|error| format!("more files could not be opened: {error}"))?;
    let listener = listen().map_err(|error| format!("it could not listen: {error}"))?;
    match settings.runtime {
        RuntimeName::Windlass => run::<Windlass>(&settings, listener),
        RuntimeName::Tokio => run::<Tokio>(&settings, listener),
        RuntimeName::Smol => run::<Smol>(&settings, listener),
        RuntimeName::Limit if settings.timers > 0 => Err("the loop around epoll has no timers".into()),
        RuntimeName::Limit => {
            announce(&listener);
            raw::serve(&listener).map_err(|error| format!("the loop failed: {error}"))
        }
        other => Err(format!("{other} does not serve")),
    }
}

/// Serves on workers alone; the main thread, which would be a worker more on some runtimes, waits in `read`.
fn run<R: Hosts>(settings: &Settings, listener: TcpListener) -> Result<(), String> {
    let runtime = R::new(Flavor::Multi(settings.workers)).map_err(|error| error.to_string())?;
    if settings.timers > 0 {
        register_timers(&runtime, settings.timers);
    }
    announce(&listener);
    match settings.service {
        Service::Echo => runtime.spawn_outside_detached(echo::serve::<R>(listener)),
        Service::Plaintext => {
            let serve = R::plaintext(listener).ok_or("it has no adapter for hyper")?;
            runtime.spawn_outside_detached(serve);
        }
    }
    answer_questions();
    // Its connections and timers go with the process; dropping ten thousand of them is not what anyone waits for.
    std::process::exit(0)
}

/// Registers timers that nobody waits for, and waits until they are.
fn register_timers<R: Timers>(runtime: &R, timers: usize) {
    let (registered, all_registered) = mpsc::channel();
    runtime.spawn_outside_detached(async move {
        let mut sleeps: Vec<_> = (0..timers).map(|_| Box::pin(R::sleep(FAR))).collect();
        // A runtime allows a poll some 128 steps.
        for sleeps in sleeps.chunks_mut(100) {
            poll_fn(|cx| {
                let pending = sleeps.iter_mut().all(|sleep| sleep.as_mut().poll(cx).is_pending());
                assert!(pending, "a timer of {FAR:?} fired at once");
                Poll::Ready(())
            })
            .await;
            R::yield_now().await;
        }
        registered.send(()).expect("the main thread waits");
        pending::<()>().await;
        drop(sleeps);
    });
    all_registered.recv().expect("the task registers them");
}

/// A runtime that can serve all there is to serve.
trait Hosts: Sockets + Timers {
    /// The plaintext service, if the runtime works with hyper.
    fn plaintext(listener: TcpListener) -> Option<impl Future<Output = ()> + Send + 'static>;
}

impl Hosts for Windlass {
    fn plaintext(listener: TcpListener) -> Option<impl Future<Output = ()> + Send + 'static> {
        Some(plaintext::serve_windlass(listener))
    }
}

impl Hosts for Tokio {
    fn plaintext(listener: TcpListener) -> Option<impl Future<Output = ()> + Send + 'static> {
        Some(plaintext::serve_tokio(listener))
    }
}

impl Hosts for Smol {
    fn plaintext(_: TcpListener) -> Option<impl Future<Output = ()> + Send + 'static> {
        None::<std::future::Ready<()>>
    }
}

/// A listener that does not block, on any free port.
fn listen() -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into())?;
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

fn announce(listener: &TcpListener) {
    let port = listener.local_addr().expect("it listens").port();
    say(&port.to_string());
}

fn say(line: &str) {
    let mut stdout = io::stdout();
    // Nobody listens once the process that started this one is gone, which stdin tells too.
    let _ = writeln!(stdout, "{line}");
    let _ = stdout.flush();
}

/// Answers questions from stdin until it ends.
fn answer_questions() {
    for line in io::stdin().lock().lines() {
        match line.as_deref() {
            Ok(HEAP) => say(&LIVE_BYTES.load(Relaxed).to_string()),
            _ => return,
        }
    }
}

/// Answers what has come from stdin, which is ready; says whether it goes on.
pub(super) fn answer_question() -> bool {
    let mut question = [0; 64];
    let read = io::stdin().read(&mut question).unwrap_or(0);
    if question.starts_with(HEAP.as_bytes()) {
        say(&LIVE_BYTES.load(Relaxed).to_string());
    }
    read > 0
}

/// Lets this process open as many files as it may.
pub fn raise_open_files() -> io::Result<u64> {
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
    if soft < hard {
        setrlimit(Resource::RLIMIT_NOFILE, hard, hard)?;
    }
    Ok(hard)
}

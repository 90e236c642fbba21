//! A case with a server: start it, connect, warm up, measure.

use std::io;
use std::net::SocketAddr;
use std::process::Command;
use std::time::{Duration, Instant};

use nix::sched::{CpuSet, sched_setaffinity};
use nix::unistd::Pid;

use super::client::{Client, EchoTalk, Stop, Talk};
use super::http::HttpTalk;
use super::process::{ProcessUsage, ServerProcess, Settings};
use super::{ServerCase, Service, peers, serve};
use crate::case::CannotRun;
use crate::measure::{Budget, Sample, ServerSide};
use crate::runtimes::RuntimeName;
use crate::usage::Usage;

/// Where the processes run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Pinning {
    /// Where the system puts them.
    #[default]
    Free,
    /// The server on the first processor, the client on the second.
    Pinned,
}

/// A budget of time is for a workload in one process; a server gets so many times of it.
const TIMES_THE_BUDGET: u32 = 2;

/// Messages each connection has had answered, at least, before anything is measured.
const WARM_UP_EACH: u64 = 20;

/// Measures a case in a process that does nothing else: this one is the client.
pub fn measure(
    case: &ServerCase,
    runtime: RuntimeName,
    budget: Budget,
    pinning: Pinning,
) -> Result<io::Result<Sample>, CannotRun> {
    let command = match command(case, runtime, &[])? {
        Ok(command) => command,
        Err(error) => return Ok(Err(error)),
    };
    Ok(measure_by(case, command, budget, pinning))
}

/// How to start a server.
pub enum Start {
    /// This program.
    Own(Command),
    /// One in another language.
    Foreign(peers::Foreign),
}

/// How to start the server of a case, by `wrapper` if there is one.
pub fn command(
    case: &ServerCase,
    runtime: RuntimeName,
    wrapper: &[String],
) -> Result<io::Result<Start>, CannotRun> {
    if matches!(runtime, RuntimeName::Asyncio | RuntimeName::Uvloop | RuntimeName::Go) {
        return Ok(peers::server(case, runtime)?.map(Start::Foreign));
    }
    if case.service == Service::Plaintext {
        match runtime {
            RuntimeName::Limit => return Err(CannotRun("hyper needs a runtime")),
            RuntimeName::Smol => return Err(CannotRun("smol-hyper has had no release since 2024")),
            _ => {}
        }
    }
    let settings = Settings { service: case.service, runtime, workers: case.workers, timers: 0 };
    Ok(settings.command(wrapper).map(Start::Own))
}

/// Keeps this thread on one processor, and what it starts.
pub(super) fn pin_this_thread(processor: usize) -> io::Result<()> {
    let mut processors = CpuSet::new();
    processors.set(processor)?;
    Ok(sched_setaffinity(Pid::from_raw(0), &processors)?)
}

/// Starts the server; it inherits the processor this thread is on for that moment.
pub fn start(start: Start, pinning: Pinning) -> io::Result<(ServerProcess, SocketAddr)> {
    if pinning == Pinning::Pinned {
        pin_this_thread(0)?;
    }
    let started = match start {
        Start::Own(command) => ServerProcess::start(command)?,
        Start::Foreign(mut foreign) => {
            ServerProcess::start(std::mem::replace(&mut foreign.command, Command::new("true")))?
        }
    };
    if pinning == Pinning::Pinned {
        pin_this_thread(1)?;
    }
    Ok(started)
}

/// Opens the connections of a case and has every one of them answered a few times.
pub(crate) fn connect(case: &ServerCase, address: SocketAddr) -> io::Result<Client> {
    serve::raise_open_files()?;
    let talk: Box<dyn Talk> = match case.service {
        Service::Echo => Box::new(EchoTalk::new()),
        Service::Plaintext => Box::new(HttpTalk::learn(address)?),
    };
    let mut client = Client::connect(talk, address, case.connections)?;
    client.begin()?;
    client.run(Stop::Each(WARM_UP_EACH))?;
    Ok(client)
}

fn measure_by(case: &ServerCase, command: Start, budget: Budget, pinning: Pinning) -> io::Result<Sample> {
    let (server, address) = start(command, pinning)?;
    let mut client = connect(case, address)?;
    client.begin()?;
    let measured_time = match budget {
        Budget::Time(time) => {
            let time = time * TIMES_THE_BUDGET;
            client.run(Stop::At(Instant::now() + time / 4))?;
            Some(time)
        }
        Budget::Iterations(_) => None,
    };
    let client_before = Usage::of_process();
    let before = ProcessUsage::of(server.id())?;
    let start = Instant::now();
    let answers = client.run(match (measured_time, budget) {
        (Some(time), _) => Stop::At(start + time),
        (None, Budget::Iterations(each)) => Stop::Each(each),
        (None, Budget::Time(_)) => unreachable!("it has a time"),
    })?;
    let wall = start.elapsed();
    let used = ProcessUsage::of(server.id())?.since(before);
    let client_used = Usage::of_process() - client_before;
    Ok(sample(answers.round_trips, wall, used, client_used))
}

fn sample(mut latencies_ns: Vec<u64>, wall: Duration, used: ProcessUsage, client: Usage) -> Sample {
    latencies_ns.sort_unstable();
    Sample {
        iterations: latencies_ns.len() as u64,
        wall_ns: wall.as_nanos() as u64,
        cpu_ns: used.cpu_ns,
        voluntary_switches: used.voluntary_switches,
        background_steps: None,
        latencies_ns,
        server: Some(ServerSide {
            user_ns: used.user_ns,
            involuntary_switches: used.involuntary_switches,
            client_cpu_ns: client.cpu_ns,
        }),
    }
}

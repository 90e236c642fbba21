//! A server that has nothing to do: how often it wakes up all the same, and what its connections and timers weigh.

use std::io;
use std::thread;
use std::time::Duration;

use super::client::{Client, EchoTalk, Stop};
use super::count::system_calls;
use super::drive::{self, Pinning, Start};
use super::process::{ProcessUsage, ServerProcess, Settings, resident_bytes};
use super::{Service, serve};
use crate::runtimes::RuntimeName;

/// How long a server has to come to rest.
const SETTLE: Duration = Duration::from_secs(1);

/// What an idle server did.
#[derive(Debug)]
pub struct Idleness {
    /// Times a thread of it woke up and waited again.
    pub wakeups: u64,
    /// Times a thread of it was interrupted.
    pub preemptions: u64,
    /// System calls it made, if they could be counted; then the calls were counted in the same time.
    pub system_calls: io::Result<u64>,
    /// Its CPU time.
    pub cpu_ns: u64,
}

/// Bytes for each of something.
#[derive(Clone, Copy, Debug)]
pub struct Weight {
    /// Allocated and not freed.
    pub heap: f64,
    /// Resident memory.
    pub resident: f64,
}

fn server(runtime: RuntimeName, timers: usize) -> io::Result<(ServerProcess, std::net::SocketAddr)> {
    let settings = Settings { service: Service::Echo, runtime, workers: 2, timers };
    drive::start(Start::Own(settings.command(&[])?), Pinning::Free)
}

/// Opens connections that have each had one message answered.
fn connect(address: std::net::SocketAddr, connections: usize) -> io::Result<Client> {
    let files = serve::raise_open_files()?;
    if files < connections as u64 + 100 {
        return Err(io::Error::other(format!(
            "{connections} connections, and only {files} files may be open"
        )));
    }
    let mut client = Client::connect(Box::new(EchoTalk::new()), address, connections)?;
    client.begin()?;
    client.run(Stop::Each(1))?;
    Ok(client)
}

/// Watches a server with idle connections and far timers for some time.
pub fn watch(
    runtime: RuntimeName,
    connections: usize,
    timers: usize,
    time: Duration,
) -> io::Result<Idleness> {
    let (server, address) = server(runtime, timers)?;
    let _client = connect(address, connections)?;
    thread::sleep(SETTLE);
    let mut used = ProcessUsage::default();
    let watched = || {
        let before = ProcessUsage::of(server.id())?;
        thread::sleep(time);
        used = ProcessUsage::of(server.id())?.since(before);
        Ok(())
    };
    let system_calls = system_calls(server.id(), watched);
    if system_calls.is_err() {
        let before = ProcessUsage::of(server.id())?;
        thread::sleep(time);
        used = ProcessUsage::of(server.id())?.since(before);
    }
    Ok(Idleness {
        wakeups: used.voluntary_switches,
        preemptions: used.involuntary_switches,
        system_calls,
        cpu_ns: used.cpu_ns,
    })
}

/// What an idle connection weighs, its task and the echo's buffer included.
pub fn connection_weight(runtime: RuntimeName, connections: usize) -> io::Result<Weight> {
    let (mut server, address) = server(runtime, 0)?;
    // What is there once for all connections is there from the first few on.
    let _first = connect(address, 100)?;
    let before = (server.live_bytes()?, resident_bytes(server.id())?);
    let _client = connect(address, connections)?;
    let after = (server.live_bytes()?, resident_bytes(server.id())?);
    Ok(weight(before, after, connections))
}

/// What a registered timer weighs, in a box of its own.
pub fn timer_weight(runtime: RuntimeName, timers: usize) -> io::Result<Weight> {
    let measure = |timers| -> io::Result<(u64, u64)> {
        let (mut server, _) = server(runtime, timers)?;
        Ok((server.live_bytes()?, resident_bytes(server.id())?))
    };
    Ok(weight(measure(100)?, measure(timers)?, timers))
}

fn weight(before: (u64, u64), after: (u64, u64), count: usize) -> Weight {
    let each = |before: u64, after: u64| (after as f64 - before as f64) / count as f64;
    Weight { heap: each(before.0, after.0), resident: each(before.1, after.1) }
}

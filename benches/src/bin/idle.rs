//! Watches idle servers: 10 000 connections and 10 000 far timers, and nothing to do.
//!
//! It also weighs a connection and a timer: this program's allocator counts what is allocated and not yet freed.

use std::alloc::{GlobalAlloc, Layout, System};
use std::fmt::Display;
use std::io;
use std::process::ExitCode;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use clap::Parser;
use windlass_benches::child;
use windlass_benches::runtimes::RuntimeName;
use windlass_benches::server::idle::{self, Idleness, Weight};
use windlass_benches::server::serve::LIVE_BYTES;

/// The system's allocator, counting.
struct Counting;

// SAFETY: every method hands its arguments on to the system's allocator, whose results it returns.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        LIVE_BYTES.fetch_add(layout.size(), Relaxed);
        // SAFETY: the caller keeps to the contract of `alloc`, which is the system's too.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        LIVE_BYTES.fetch_sub(layout.size(), Relaxed);
        // SAFETY: as above; `place` came from the system's allocator.
        unsafe { System.dealloc(place, layout) }
    }

    unsafe fn realloc(&self, place: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        LIVE_BYTES.fetch_add(size, Relaxed);
        LIVE_BYTES.fetch_sub(layout.size(), Relaxed);
        // SAFETY: as above.
        unsafe { System.realloc(place, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Watches idle servers, and weighs their connections and timers.
#[derive(Parser)]
#[command(name = "idle")]
struct Args {
    /// The runtimes to watch
    #[arg(long, value_name = "NAMES", value_delimiter = ',', default_value = "windlass,tokio,smol,limit")]
    runtimes: Vec<RuntimeName>,
    /// Idle connections
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    connections: usize,
    /// Timers that are registered and an hour from firing
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    timers: usize,
    /// Timers that are weighed
    #[arg(long, value_name = "N", default_value_t = 1_000_000)]
    weighed_timers: usize,
    /// Seconds each server is watched
    #[arg(long, value_name = "N", default_value_t = 5)]
    seconds: u64,
}

fn main() -> ExitCode {
    child::answer().unwrap_or_else(watch)
}

fn watch() -> ExitCode {
    let args = Args::parse();
    let (connections, timers, seconds) = (args.connections, args.timers, args.seconds);
    println!("{connections} connections, {timers} timers, 2 workers, watched for {seconds} s");
    let mut ok = true;
    for runtime in args.runtimes {
        // The loop around epoll has no timers.
        let timers = if runtime == RuntimeName::Limit { 0 } else { timers };
        let watched = idle::watch(runtime, connections, timers, Duration::from_secs(seconds));
        ok &= print(runtime, "idle", watched.map(|idleness| describe(&idleness)));
        let connection = idle::connection_weight(runtime, connections);
        ok &= print(runtime, "a connection, with 4 096 bytes of the echo's", connection.map(weight));
        if runtime != RuntimeName::Limit {
            let timer = idle::timer_weight(runtime, args.weighed_timers);
            ok &= print(runtime, "a timer, with 8 bytes for its place", timer.map(weight));
        }
    }
    if ok { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn print(runtime: RuntimeName, what: &str, text: io::Result<impl Display>) -> bool {
    match &text {
        Ok(text) => println!("{runtime:10}  {what}: {text}"),
        Err(error) => println!("{runtime:10}  {what}: FAILED: {error}"),
    }
    text.is_ok()
}

fn describe(idleness: &Idleness) -> String {
    let calls = match &idleness.system_calls {
        Ok(calls) => format!("{calls} system calls"),
        Err(error) => format!("system calls not counted ({error})"),
    };
    let Idleness { wakeups, preemptions, cpu_ns, .. } = idleness;
    format!("{wakeups} wakeups, {preemptions} preemptions, {calls}, {} us of CPU time", cpu_ns / 1_000)
}

fn weight(weight: Weight) -> String {
    format!("{:.0} bytes allocated, {:.0} resident", weight.heap, weight.resident)
}

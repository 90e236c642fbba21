//! Compares two HTTP servers that are the same program on two runtimes: each round runs both under `wrk`, in turn.
//!
//! The servers are any two commands that serve a folder.

use std::fs;
use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use serde_json::json;
use windlass_benches::server::drive::Pinning;
use windlass_benches::server::wrk::{self, Files, Load, Served};
use windlass_benches::stats::Median;

/// Runs two file servers in turn under wrk, and compares requests per second and CPU time per request.
#[derive(Parser)]
#[command(name = "twins")]
struct Args {
    /// The server on Windlass; `{root}` and `{port}` are filled in
    #[arg(
        long,
        value_name = "COMMAND",
        default_value = "target/release/fileserver --root {root} --listen 127.0.0.1:{port} --workers 2"
    )]
    windlass: String,
    /// Its twin
    #[arg(
        long,
        value_name = "COMMAND",
        default_value = "target/release/fileserver_tokio --root {root} --listen 127.0.0.1:{port} --workers 2"
    )]
    tokio: String,
    /// Sizes of the file that is fetched
    #[arg(long, value_name = "BYTES", value_delimiter = ',', default_value = "1024,1048576")]
    sizes: Vec<usize>,
    /// Connections of wrk's, each with one request on its way
    #[arg(long, value_name = "N", default_value_t = 64)]
    connections: usize,
    /// How often each server is measured with each file
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// Whole seconds of each measurement, after one to warm up
    #[arg(long, value_name = "N", default_value_t = 2)]
    seconds: u64,
    /// Run the servers on the first processor and wrk on the second
    #[arg(long)]
    pin: bool,
    /// Also write the results as JSON lines
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// The names of the two, the base first.
const NAMES: [&str; 2] = ["windlass", "tokio"];

fn main() -> ExitCode {
    match compare(&Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("twins: {error}");
            ExitCode::FAILURE
        }
    }
}

fn compare(args: &Args) -> io::Result<()> {
    let files = Files::make(&args.sizes)?;
    let commands = [&args.windlass, &args.tokio];
    let pinning = if args.pin { Pinning::Pinned } else { Pinning::Free };
    let mut lines = String::new();
    println!("{} rounds of {} s, {} connections", args.rounds, args.seconds, args.connections);
    for size in &args.sizes {
        let load = Load { size: *size, connections: args.connections, seconds: args.seconds, pinning };
        let mut served = [Vec::new(), Vec::new()];
        for round in 0..args.rounds as usize {
            for place in 0..2 {
                let which = (place + round) % 2;
                served[which].push(wrk::measure(commands[which], &files, load)?);
            }
        }
        for (name, rounds) in NAMES.iter().zip(&served) {
            lines += &report(&format!("fileserver/{size}"), name, rounds, &served[0]);
        }
    }
    args.json.as_ref().map_or(Ok(()), |file| fs::write(file, lines))
}

/// Prints what a server did, and returns it as a line of JSON.
fn report(case: &str, name: &str, rounds: &[Served], base: &[Served]) -> String {
    let wall = |served: &Served| served.wall_ns as f64 / served.requests.max(1) as f64;
    let cpu = |served: &Served| served.cpu_ns as f64 / served.requests.max(1) as f64;
    let median = |figure: &dyn Fn(&Served) -> f64| {
        let values: Vec<f64> = rounds.iter().map(figure).collect();
        Median::of(&values).expect("there is a round").median
    };
    let ratio = |figure: &dyn Fn(&Served) -> f64| {
        let ratios: Vec<f64> =
            rounds.iter().zip(base).map(|(served, base)| figure(served) / figure(base)).collect();
        Median::of(&ratios).expect("there is a round")
    };
    let (wall_ratio, cpu_ratio) = (ratio(&wall), ratio(&cpu));
    let [p50, p99] = [median(&|served| served.p50_ns), median(&|served| served.p99_ns)];
    let show =
        |ratio: &Median| format!("{:.3} ({:.3} to {:.3})", ratio.median, ratio.interval.0, ratio.interval.1);
    println!(
        "{case:20}  {name:9}  {:>8.0} requests/s  {:>8.2} us CPU  p50 {:.0} us  p99 {:.0} us  \
         time per request / {}: {}  CPU: {}",
        1e9 / median(&wall),
        median(&cpu) / 1e3,
        p50 / 1e3,
        p99 / 1e3,
        NAMES[0],
        show(&wall_ratio),
        show(&cpu_ratio),
    );
    let line = json!({
        "case": case,
        "runtime": name,
        "wall_ns_per_op": median(&wall),
        "cpu_ns_per_op": median(&cpu),
        "ratio_vs_windlass": wall_ratio.median,
        "rounds": rounds.len(),
        "ratio_interval": wall_ratio.interval,
        "cpu_ratio_vs_windlass": cpu_ratio.median,
        "cpu_ratio_interval": cpu_ratio.interval,
        "p50_ns": p50,
        "p99_ns": p99,
    });
    format!("{line}\n")
}

//! Counts the instructions one operation of a case takes, with valgrind's callgrind.
//!
//! Counts do not drift with the load of the machine. Two runs of the same program, one with more iterations than the
//! other, are subtracted, so that what starting and stopping costs is not counted. Valgrind runs one thread at a time:
//! on a current-thread scheduler the count is exact, elsewhere it shows the path without contention.
//!
//! Of a case with a server the server alone is counted: its instructions, and the system calls that `perf stat` sees.

use std::io;
use std::process::{Command, ExitCode};
use std::time::Duration;

use clap::Parser;
use glob::Pattern;
use windlass_benches::case::{CannotRun, Case};
use windlass_benches::measure::Budget;
use windlass_benches::runtimes::RuntimeName;
use windlass_benches::server::drive::Pinning;
use windlass_benches::server::{self, ServerCase};
use windlass_benches::stats::Median;
use windlass_benches::{cases, child};

const PATIENCE: Duration = Duration::from_secs(600);

/// Counts instructions per operation under `valgrind --tool=callgrind`.
#[derive(Parser)]
#[command(name = "count")]
struct Args {
    /// Only cases whose name matches, `*` across slashes too
    #[arg(long = "case", value_name = "GLOB", default_value = "current/*")]
    cases: Pattern,
    /// The runtimes to count
    #[arg(long, value_name = "NAMES", value_delimiter = ',', default_value = "windlass,tokio,smol,limit")]
    runtimes: Vec<RuntimeName>,
    /// Iterations counted; of a case with a server, thousands of messages
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..))]
    iterations: u64,
    /// Of a case with a server, how often system calls are counted, all runtimes in turn
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// Count only instructions, or only system calls
    #[arg(long, value_name = "WHAT")]
    only: Option<What>,
    /// Run servers on the first processor and their clients on the second while system calls are counted
    #[arg(long)]
    pin: bool,
}

/// What is counted of a server.
#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum What {
    Instructions,
    SystemCalls,
}

fn main() -> ExitCode {
    child::answer().unwrap_or_else(count)
}

fn count() -> ExitCode {
    let args = Args::parse();
    let cases = cases::matching(&args.cases);
    if cases.is_empty() {
        eprintln!("no case matches `{}`", args.cases);
        return ExitCode::FAILURE;
    }
    let mut code = ExitCode::SUCCESS;
    println!("{:32}  {:17}  instructions per operation", "case", "runtime");
    for case in &cases {
        if let Some(server) = case.as_server() {
            if !count_server(&args, case, server) {
                code = ExitCode::FAILURE;
            }
            continue;
        }
        for runtime in &args.runtimes {
            let counted = instructions_per_op(case, *runtime, args.iterations);
            let text = match counted {
                Ok(Some(count)) => format!("{count:.1}"),
                Ok(None) => "cannot run this".into(),
                Err(error) => {
                    code = ExitCode::FAILURE;
                    error
                }
            };
            println!("{:32}  {runtime:17}  {text}", case.name);
        }
    }
    code
}

/// Counts and prints what a message costs each runtime's server; says whether all could be counted.
fn count_server(args: &Args, case: &Case, server: &ServerCase) -> bool {
    let mut ok = true;
    let mut print = |runtime: RuntimeName, what: &str, counted: Result<io::Result<String>, CannotRun>| {
        let text = match counted {
            Ok(Ok(count)) => format!("{count} {what}"),
            Ok(Err(error)) => {
                ok = false;
                format!("FAILED: {what}: {error}")
            }
            Err(CannotRun(reason)) => format!("cannot run this: {reason}"),
        };
        println!("{:32}  {runtime:17}  {text}", case.name);
    };
    let messages = args.iterations * 1_000;
    if args.only != Some(What::SystemCalls) {
        for runtime in &args.runtimes {
            let counted = server::count::instructions_per_message(server, *runtime, messages);
            print(
                *runtime,
                "user instructions",
                counted.map(|count| count.map(|count| format!("{count:.1}"))),
            );
        }
    }
    if args.only != Some(What::Instructions) {
        for (runtime, counted) in system_calls(args, server, messages) {
            print(runtime, "system calls (each round; beyond the limit's)", counted);
        }
    }
    ok
}

type Counted = Result<io::Result<String>, CannotRun>;

/// System calls per message, all runtimes in turn, and how many those are beyond the limit's in the same round.
fn system_calls(args: &Args, server: &ServerCase, messages: u64) -> Vec<(RuntimeName, Counted)> {
    let pinning = if args.pin { Pinning::Pinned } else { Pinning::Free };
    let count = args.runtimes.len();
    let mut counts: Vec<Result<io::Result<Vec<f64>>, CannotRun>> =
        (0..count).map(|_| Ok(Ok(Vec::new()))).collect();
    for round in 0..args.rounds as usize {
        for place in 0..count {
            let place = (place + round) % count;
            let Ok(Ok(rounds)) = &mut counts[place] else { continue };
            match server::count::system_calls_per_message(server, args.runtimes[place], messages, pinning) {
                Ok(Ok(calls)) => rounds.push(calls),
                Ok(Err(error)) => counts[place] = Ok(Err(error)),
                Err(reason) => counts[place] = Err(reason),
            }
        }
    }
    let limit = args.runtimes.iter().position(|runtime| *runtime == RuntimeName::Limit);
    let limit: Vec<f64> = match limit.map(|place| &counts[place]) {
        Some(Ok(Ok(rounds))) => rounds.clone(),
        _ => Vec::new(),
    };
    let text = |rounds: Vec<f64>| {
        let median =
            |values: &[f64]| Median::of(values).map_or_else(|| "?".into(), |of| format!("{:.3}", of.median));
        let beyond: Vec<f64> = rounds.iter().zip(&limit).map(|(calls, limit)| calls - limit).collect();
        let each: Vec<String> = rounds.iter().map(|calls| format!("{calls:.3}")).collect();
        format!("{} ({}; {})", median(&rounds), each.join(" "), median(&beyond))
    };
    let texts = counts.into_iter().map(|counted| counted.map(|rounds| rounds.map(text)));
    args.runtimes.iter().copied().zip(texts).collect()
}

/// `None` if the runtime cannot run the case.
fn instructions_per_op(case: &Case, runtime: RuntimeName, iterations: u64) -> Result<Option<f64>, String> {
    let Some(few) = instructions(case, runtime, 1)? else { return Ok(None) };
    let Some(many) = instructions(case, runtime, 1 + iterations)? else { return Ok(None) };
    Ok(Some((many as f64 - few as f64) / (iterations * case.ops) as f64))
}

/// The instructions of a whole process that runs this many iterations after its warm-up.
fn instructions(case: &Case, runtime: RuntimeName, iterations: u64) -> Result<Option<u64>, String> {
    let program =
        std::env::current_exe().map_err(|error| format!("this program cannot find itself: {error}"))?;
    let out = std::env::temp_dir().join(format!("windlass-count-{}.out", std::process::id()));
    let mut valgrind = Command::new("valgrind");
    valgrind
        .args(["--quiet", "--tool=callgrind", "--fair-sched=yes"])
        .arg(format!("--callgrind-out-file={}", out.display()))
        .arg(program)
        .args(child::arguments(case, runtime, Budget::Iterations(iterations), Pinning::Free))
        .envs(child::environment(case));
    let printed = child::output_of(valgrind, PATIENCE);
    let profile = std::fs::read_to_string(&out);
    // There is none if valgrind did not start.
    let _ = std::fs::remove_file(&out);
    if printed?.contains("CannotRun") {
        return Ok(None);
    }
    let profile = profile.map_err(|error| format!("callgrind left no profile: {error}"))?;
    server::count::total_of(&profile).map(Some).ok_or_else(|| "callgrind's profile has no total".into())
}

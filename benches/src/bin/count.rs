//! Counts the instructions one operation of a case takes, with valgrind's callgrind.
//!
//! Counts do not drift with the load of the machine. Two runs of the same program, one with more iterations than the
//! other, are subtracted, so that what starting and stopping costs is not counted. Valgrind runs one thread at a time:
//! on a current-thread scheduler the count is exact, elsewhere it shows the path without contention.

use std::process::{Command, ExitCode};
use std::time::Duration;

use clap::Parser;
use glob::Pattern;
use windlass_benches::case::Case;
use windlass_benches::measure::Budget;
use windlass_benches::runtimes::RuntimeName;
use windlass_benches::server::drive::Pinning;
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
    /// Iterations counted
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..))]
    iterations: u64,
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
    let total =
        profile.lines().find_map(|line| line.strip_prefix("summary: ").or(line.strip_prefix("totals: ")));
    let total = total.and_then(|total| total.split_whitespace().next()?.parse().ok());
    total.map(Some).ok_or_else(|| "callgrind's profile has no total".into())
}

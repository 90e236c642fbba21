//! A measurement in a fresh process: the program runs itself again with hidden arguments.
//!
//! Nothing of one measurement, neither threads nor a heap in some state, is there for the next.

use std::io::Read;
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::case::{CannotRun, Case, Setting};
use crate::cases;
use crate::measure::{Budget, Sample, measure};
use crate::runtimes::RuntimeName;
use crate::runtimes::unblock::THREADS_VARIABLE;
use crate::server::drive::{self, Pinning};
use crate::server::serve;

/// The hidden first argument that makes a program measure one case and print the result.
const FLAG: &str = "--measure-one";

const FREE: &str = "free";
const PINNED: &str = "pinned";

/// How long a measurement may take beyond its budget before it counts as hung.
const PATIENCE: Duration = Duration::from_secs(60);

/// What a child prints.
#[derive(Serialize, Deserialize)]
enum Answer {
    Measured(Sample),
    CannotRun(String),
}

/// How a measurement in a child ended.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// It succeeded.
    Measured(Sample),
    /// The runtime cannot run this case, for this reason.
    CannotRun(String),
    /// It did not complete its work, for this reason.
    Failed(String),
}

/// The arguments that make this program measure one case.
pub fn arguments(case: &Case, runtime: RuntimeName, budget: Budget, pinning: Pinning) -> [String; 5] {
    let budget = match budget {
        Budget::Time(time) => format!("{}us", time.as_micros()),
        Budget::Iterations(iterations) => iterations.to_string(),
    };
    let pinning = match pinning {
        Pinning::Free => FREE,
        Pinning::Pinned => PINNED,
    };
    [FLAG.into(), case.name.clone(), runtime.to_string(), budget, pinning.into()]
}

/// What that program finds in its environment: the one way to tell the `blocking` crate how many threads to have.
pub fn environment(case: &Case) -> Option<(&'static str, String)> {
    match case.setting {
        Setting::Tasks(_) | Setting::Server { .. } => None,
        Setting::Pool { threads } => Some((THREADS_VARIABLE, threads.to_string())),
    }
}

/// Measures `case` on `runtime` in a fresh process of the current program.
///
/// That program's `main` must begin with [`answer`].
pub fn run(case: &Case, runtime: RuntimeName, budget: Budget, pinning: Pinning) -> Outcome {
    let time = match budget {
        Budget::Time(time) => time,
        Budget::Iterations(_) => Duration::ZERO,
    };
    let program = match std::env::current_exe() {
        Ok(program) => program,
        Err(error) => return Outcome::Failed(format!("this program cannot find itself: {error}")),
    };
    let mut command = Command::new(program);
    command.args(arguments(case, runtime, budget, pinning)).envs(environment(case));
    output_of(command, time + PATIENCE).map_or_else(Outcome::Failed, |text| parse(&text))
}

/// Runs `command` and returns what it printed, or in what way it failed.
pub fn output_of(mut command: Command, patience: Duration) -> Result<String, String> {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| format!("it could not be started: {error}"))?;
    let printed = read_within(&mut child, patience);
    if printed.is_none() {
        // It may have ended just now, which is as good.
        let _ = child.kill();
    }
    let status = child.wait().map_err(|error| format!("it was lost: {error}"))?;
    match printed {
        None => Err(format!("it hung for more than {} s", patience.as_secs())),
        Some(_) if !status.success() => Err(format!("it ended with {status}")),
        Some(text) => Ok(text),
    }
}

fn read_within(child: &mut Child, patience: Duration) -> Option<String> {
    let mut stdout = child.stdout.take().expect("the child's output is piped");
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        let mut text = String::new();
        let read = stdout.read_to_string(&mut text);
        // The receiver is gone when the child took too long.
        let _ = sender.send(read.map(|_| text).unwrap_or_default());
    });
    receiver.recv_timeout(patience).ok()
}

fn parse(text: &str) -> Outcome {
    match serde_json::from_str(text) {
        Ok(Answer::Measured(sample)) => Outcome::Measured(sample),
        Ok(Answer::CannotRun(reason)) => Outcome::CannotRun(reason),
        Err(error) => Outcome::Failed(format!("it printed no result: {error}")),
    }
}

/// In a child, measures or serves what the arguments ask for and returns the exit code; otherwise returns `None`.
pub fn answer() -> Option<ExitCode> {
    if let Some(code) = serve::answer() {
        return Some(code);
    }
    let mut arguments = std::env::args().skip(1);
    if arguments.next().as_deref() != Some(FLAG) {
        return None;
    }
    let rest: Vec<String> = arguments.collect();
    Some(match measure_one(&rest) {
        Ok(answer) => {
            println!("{}", serde_json::to_string(&answer).expect("an answer is plain data"));
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{FLAG}: {error}");
            ExitCode::FAILURE
        }
    })
}

fn measure_one(arguments: &[String]) -> Result<Answer, String> {
    let [name, runtime, budget, pinning] = arguments else {
        return Err("wants a case, a runtime, a budget and whether to pin".into());
    };
    let case = cases::all().into_iter().find(|case| case.name == *name).ok_or("no such case")?;
    let runtime = runtime.parse()?;
    let budget = parse_budget(budget).ok_or("a budget is `300000us` or a number of iterations")?;
    let pinning = if pinning == PINNED { Pinning::Pinned } else { Pinning::Free };
    let measured = match case.as_server() {
        None => measure(&case, runtime, budget),
        Some(_) if let Some(reason) = case.cannot_run(runtime) => Err(reason),
        Some(server) => match drive::measure(server, runtime, budget, pinning) {
            Ok(sample) => Ok(sample.map_err(|error| error.to_string())?),
            Err(reason) => Err(reason),
        },
    };
    Ok(match measured {
        Ok(sample) => Answer::Measured(sample),
        Err(CannotRun(reason)) => Answer::CannotRun(reason.into()),
    })
}

fn parse_budget(text: &str) -> Option<Budget> {
    Some(match text.strip_suffix("us") {
        Some(micros) => Budget::Time(Duration::from_micros(micros.parse().ok()?)),
        None => Budget::Iterations(text.parse().ok()?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_survives_the_command_line() {
        let case = &cases::all()[0];
        for budget in [Budget::Time(Duration::from_millis(300)), Budget::Iterations(7)] {
            let [_, name, runtime, text, _] = arguments(case, RuntimeName::Limit, budget, Pinning::Free);
            assert_eq!((name, runtime.as_str()), (case.name.clone(), "limit"));
            assert_eq!(parse_budget(&text), Some(budget));
        }
        assert_eq!(parse_budget("soon"), None);
    }

    #[test]
    fn an_answer_survives_the_pipe() {
        let sample = Sample {
            iterations: 3,
            wall_ns: 5,
            cpu_ns: 7,
            voluntary_switches: 0,
            background_steps: None,
            latencies_ns: vec![1, 2, 2],
            server: None,
        };
        let text = serde_json::to_string(&Answer::Measured(sample.clone())).unwrap();
        assert_eq!(parse(&text), Outcome::Measured(sample));
        assert!(matches!(parse(""), Outcome::Failed(_)));
    }

    #[test]
    fn a_program_that_fails_or_hangs_is_reported() {
        let shell = |script: &str| {
            let mut command = Command::new("sh");
            command.args(["-c", script]);
            command
        };
        assert_eq!(output_of(shell("echo well"), PATIENCE), Ok("well\n".into()));
        assert!(output_of(shell("exit 3"), PATIENCE).unwrap_err().contains("exit status: 3"));
        assert!(output_of(shell("exec sleep 100"), Duration::from_millis(50)).unwrap_err().contains("hung"));
    }
}

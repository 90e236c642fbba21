//! Running the rounds.

use std::io::{IsTerminal, Write, stderr};

use super::Plan;
use crate::child::{self, Outcome};
use crate::measure::{Budget, Sample};
use crate::runtimes::RuntimeName;

/// What one runtime did in one case.
#[derive(Clone, Debug)]
pub struct Runs {
    /// The runtime.
    pub runtime: RuntimeName,
    /// A sample per round, until something went wrong.
    pub samples: Vec<Sample>,
    /// Why there are none, or no more.
    pub stopped: Option<Stop>,
}

/// Why a runtime no longer takes part in a case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stop {
    /// It cannot run it.
    CannotRun(String),
    /// It did not complete its work.
    Failed(String),
}

/// Runs every round of the plan; per case, the base first and then the peers.
pub fn run(plan: &Plan) -> Vec<Vec<Runs>> {
    let none = |runtime| Runs { runtime, samples: Vec::new(), stopped: None };
    let mut all: Vec<Vec<Runs>> =
        plan.cases.iter().map(|case| plan.runtimes(case).into_iter().map(none).collect()).collect();
    for round in 0..plan.rounds {
        for (number, (case, runs)) in plan.cases.iter().zip(&mut all).enumerate() {
            report_progress(&format!("round {}/{}: {}", round + 1, plan.rounds, case.name));
            let count = runs.len();
            for place in 0..count {
                let runs = &mut runs[(place + round + number) % count];
                if runs.stopped.is_some() {
                    continue;
                }
                match child::run(case, runs.runtime, Budget::Time(plan.time), plan.pinning) {
                    Outcome::Measured(sample) => runs.samples.push(sample),
                    Outcome::CannotRun(reason) => runs.stopped = Some(Stop::CannotRun(reason)),
                    Outcome::Failed(reason) => {
                        eprintln!("{} on {}: {reason}", case.name, runs.runtime);
                        runs.stopped = Some(Stop::Failed(reason));
                    }
                }
            }
        }
    }
    report_progress("");
    all
}

/// Shows what is being done, where someone is watching.
fn report_progress(what: &str) {
    let mut stderr = stderr();
    if stderr.is_terminal() {
        // Progress that cannot be shown is not worth stopping for.
        let _ = write!(stderr, "\r\x1b[2K{what}");
        let _ = stderr.flush();
    }
}

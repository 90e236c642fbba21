//! `loom`: the models, to completion or to the end of a stated budget.

use std::time::{Duration, Instant};

use crate::artifacts::{self, Artifact};
use crate::failure::Failure;
use crate::options::Options;
use crate::place::{LOOM_TESTS, cargo};
use crate::session::{Session, human};
use crate::shell::{self, Ended};

/// How long the models may take before they count as hanging.
pub(crate) const USUAL_BUDGET: Duration = Duration::from_secs(15 * 60);

/// The same for [`Depth::Deep`].
pub(crate) const DEEP_BUDGET: Duration = Duration::from_secs(4 * 60 * 60);

/// The variable in which loom looks for the bound on preemptions. Set by whoever calls us, it goes through to the models.
pub(crate) const BOUND: &str = "LOOM_MAX_PREEMPTIONS";

/// The variable that adds one to the bound each model states.
const DEEP: &str = "WINDLASS_LOOM_DEEP";

/// How many preemptions the models explore.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Depth {
    /// Two, in a few seconds.
    Quick,
    /// What each model states for itself.
    Usual,
    /// One more than that.
    Deep,
}

impl Depth {
    /// What to set in the models' environment.
    fn variable(self) -> Option<(&'static str, &'static str)> {
        match self {
            Depth::Quick => Some((BOUND, "2")),
            Depth::Usual => None,
            Depth::Deep => Some((DEEP, "1")),
        }
    }
}

pub(crate) fn routine(session: &mut Session, mut options: Options) -> Result<(), Failure> {
    let depth = match (options.flag("--quick"), options.flag("--deep")) {
        (true, true) => return Err(Failure::new("the models run at one bound: --quick or --deep")),
        (true, false) => Depth::Quick,
        (false, true) => Depth::Deep,
        (false, false) => Depth::Usual,
    };
    let budget = match options.value::<u64>("--budget")? {
        Some(minutes) => Duration::from_secs(minutes * 60),
        None if depth == Depth::Deep => DEEP_BUDGET,
        None => USUAL_BUDGET,
    };
    let only: Option<String> = options.value("--only")?;
    options.end()?;
    let models = models(session, depth, budget, only.as_deref())?;
    println!("\n{models} loom models");
    Ok(())
}

/// Builds the models' test programs.
pub(crate) fn build() -> Result<Vec<Artifact>, Failure> {
    artifacts::build(cargo().args(["test", "--package", LOOM_TESTS]))
}

/// Runs the models and returns their number.
pub(crate) fn models(
    session: &mut Session,
    depth: Depth,
    budget: Duration,
    only: Option<&str>,
) -> Result<usize, Failure> {
    let mut count = 0;
    let rerun = match depth {
        Depth::Quick => "cargo xtask loom --quick",
        Depth::Usual => "cargo xtask loom",
        Depth::Deep => "cargo xtask loom --deep",
    };
    session.step("loom models", rerun, || {
        let end = Instant::now() + budget;
        for artifact in build()? {
            let chosen = chosen(&artifact, only)?;
            if chosen == 0 {
                continue;
            }
            count += chosen;
            run(&artifact, depth, only, end).map_err(|failure| {
                failure.fix(
                    "one model alone: cargo xtask loom --only NAME (LOOM_LOG=trace shows its last schedule)",
                )
            })?;
        }
        if count == 0 {
            return Err(Failure::new("there is no such model").fix("without --only, all of them run"));
        }
        Ok(())
    })?;
    Ok(count)
}

fn chosen(artifact: &Artifact, only: Option<&str>) -> Result<usize, Failure> {
    Ok(artifact.tests()?.iter().filter(|name| only.is_none_or(|text| name.contains(text))).count())
}

fn run(artifact: &Artifact, depth: Depth, only: Option<&str>, end: Instant) -> Result<(), Failure> {
    let mut command = artifact.command();
    command.args(only).arg("--nocapture");
    command.envs(depth.variable());
    let left = end.saturating_duration_since(Instant::now());
    match shell::run_limited(&mut command, left)? {
        Ended::Exited(status) if status.success() => Ok(()),
        Ended::Exited(_) => Err(Failure::new(format!("a model of `{}` failed", artifact.target))),
        Ended::TimedOut => Err(Failure::new(format!(
            "the models of `{}` were not done at the end of the budget, after {}",
            artifact.target,
            human(left)
        ))
        .fix("give them more with --budget MINUTES, or make the model that grew smaller")),
    }
}

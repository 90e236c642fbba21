//! `stress`: the stress tests again and again.
//!
//! A stress test (a file of `tests/tests/` whose name begins with `stress`) makes many rounds, each with a seed of its own that it prints
//! as the round begins, and takes one given seed from a variable instead. What it prints goes to a file here, of which a failure
//! shows the end: so the seed is known even where the test hangs or takes the whole process down.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::artifacts::{self, Artifact};
use crate::failure::{Failure, on_path};
use crate::options::Options;
use crate::place::{Workspace, cargo};
use crate::session::{Session, human};
use crate::shell::{self, Ended};

const SEED: &str = "WINDLASS_STRESS_SEED";

/// A program that takes longer than this hangs.
const LIMIT: Duration = Duration::from_secs(10 * 60);

/// How much of its output is shown of a program that failed.
const LINES: usize = 40;

/// How often, with which seed, and which.
#[derive(Debug, Default)]
pub(crate) struct Stress {
    pub(crate) times: u64,
    pub(crate) seed: Option<u64>,
    pub(crate) only: Option<String>,
    pub(crate) release: bool,
}

pub(crate) fn routine(session: &mut Session, mut options: Options) -> Result<(), Failure> {
    let stress = Stress {
        times: options.value("--times")?.unwrap_or(1),
        seed: options.value("--seed")?,
        only: options.value("--only")?,
        release: options.flag("--release"),
    };
    options.end()?;
    run(session, &stress)
}

/// Runs every stress program `times` times.
pub(crate) fn run(session: &mut Session, stress: &Stress) -> Result<(), Failure> {
    let release = if stress.release { " --release" } else { "" };
    let rerun = format!("cargo xtask stress --times {}{release}", stress.times);
    session.step(&format!("stress{release}, {} times", stress.times), &rerun, || {
        let mut command = cargo();
        command.args(["test", "--package", "windlass-tests", "--test", "stress*"]);
        if stress.release {
            command.arg("--release");
        }
        let programs = artifacts::build(&mut command)?;
        let logs = Workspace::load()?.target("stress")?;
        for time in 1..=stress.times {
            for program in &programs {
                let started = Instant::now();
                once(program, &logs.join(format!("{}.log", program.target)), stress)?;
                println!(
                    "{time} of {}: {} passed, {}",
                    stress.times,
                    program.target,
                    human(started.elapsed())
                );
            }
        }
        Ok(())
    })
}

fn once(program: &Artifact, log: &Path, stress: &Stress) -> Result<(), Failure> {
    let mut command = program.command();
    command.arg("--nocapture").args(&stress.only);
    if let Some(seed) = stress.seed {
        command.env(SEED, seed.to_string());
    }
    let what = match shell::run_logged(&mut command, log, LIMIT)? {
        Ended::Exited(status) if status.success() => return Ok(()),
        Ended::Exited(status) => format!("`{}` ended with {status}", program.target),
        Ended::TimedOut => format!("`{}` hangs: it still ran after {}", program.target, human(LIMIT)),
    };
    let output = fs::read(log).map_err(on_path("read", log))?;
    let output = String::from_utf8_lossy(&output);
    let lines: Vec<&str> = output.lines().collect();
    println!("{}", lines[lines.len().saturating_sub(LINES)..].join("\n"));
    let release = if stress.release { " --release" } else { "" };
    Err(Failure::new(what)
        .fix(format!("all it printed is in {}, each round with its seed", log.display()))
        .fix(format!("the rounds of one seed: cargo xtask stress --seed SEED{release}")))
}

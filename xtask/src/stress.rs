//! `stress`: the stress tests again and again.
//!
//! A test program whose name begins with `stress` reads its seed from the variable `WINDLASS_STRESS_SEED`, so that a run can
//! be had again; what the operating system schedules cannot.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::artifacts::{self, Artifact};
use crate::failure::Failure;
use crate::options::Options;
use crate::place::cargo;
use crate::session::Session;
use crate::shell::{self, Ended};

const SEED: &str = "WINDLASS_STRESS_SEED";

/// A program that takes longer than this hangs.
const LIMIT: Duration = Duration::from_secs(10 * 60);

/// How often, from which seed on, and which.
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
    let rerun = format!("cargo xtask stress --times {}", stress.times);
    session.step(&format!("stress, {} times", stress.times), &rerun, || {
        let mut command = cargo();
        command.args(["test", "--package", "windlass-tests", "--test", "stress*"]);
        if stress.release {
            command.arg("--release");
        }
        let programs = artifacts::build(&mut command)?;
        let first = stress.seed.unwrap_or_else(seed_of_now);
        for round in 0..stress.times {
            let seed = first.wrapping_add(round);
            println!("\nround {} of {}, seed {seed}", round + 1, stress.times);
            for program in &programs {
                once(program, seed, stress)?;
            }
        }
        Ok(())
    })
}

fn once(program: &Artifact, seed: u64, stress: &Stress) -> Result<(), Failure> {
    let mut command = program.command();
    command.env(SEED, seed.to_string()).args(&stress.only);
    let release = if stress.release { " --release" } else { "" };
    let rerun = || format!("the same seed: cargo xtask stress --seed {seed}{release}");
    match shell::run_limited(&mut command, LIMIT)? {
        Ended::Exited(status) if status.success() => Ok(()),
        Ended::Exited(status) => {
            Err(Failure::new(format!("`{}` ended with {status}, seed {seed}", program.target)).fix(rerun()))
        }
        Ended::TimedOut => {
            let minutes = LIMIT.as_secs() / 60;
            let what =
                format!("`{}` still ran after {minutes} minutes, seed {seed}: it hangs", program.target);
            Err(Failure::new(what).fix(rerun()))
        }
    }
}

/// A seed nobody has used: the clock's, short enough to type.
fn seed_of_now() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    now.as_millis() as u64 % 1_000_000_000
}

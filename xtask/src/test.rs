//! `test` and `bench`: what is run every day.

use crate::failure::Failure;
use crate::failures::Failures;
use crate::loom::{self, Depth};
use crate::options::Options;
use crate::place::{LOOM_TESTS, cargo};
use crate::session::Session;
use crate::shell;

/// `cargo xtask test`: every test there is.
pub(crate) fn routine(session: &mut Session, options: Options) -> Result<(), Failure> {
    options.end()?;
    let mut tally = Tally::default();
    let tests = workspace(session, &mut tally);
    // A failing test hides no failing model, as no test program hides the next one's.
    let models = loom::models(session, Depth::Usual, loom::USUAL_BUDGET, None);
    println!("\n{tally}");
    if let Ok(models) = &models {
        println!("{models} loom models");
    }
    tests.and(models.map(drop))
}

/// The unit, integration and documentation tests: all but the models.
pub(crate) fn workspace(session: &mut Session, tally: &mut Tally) -> Result<(), Failure> {
    session.step("tests", "cargo test --workspace --exclude windlass-loom-tests --no-fail-fast", || {
        let mut command = cargo();
        command.args(["test", "--workspace", "--exclude", LOOM_TESTS, "--no-fail-fast"]);
        let mut failures = Failures::default();
        let result = shell::run_watching(&mut command, |line| {
            tally.see(line);
            failures.see(line);
        });
        print!("{failures}");
        result
    })
}

/// `cargo xtask bench`: the `compare` program with the arguments given.
pub(crate) fn bench_routine(session: &mut Session, options: Options) -> Result<(), Failure> {
    bench(session, &options.all())
}

/// The `compare` program.
pub(crate) fn bench(session: &mut Session, args: &[String]) -> Result<(), Failure> {
    let rerun = format!("cargo xtask bench {}", args.join(" "));
    session.step("compare", rerun.trim_end(), || {
        let mut command = cargo();
        command
            .args(["run", "--release", "--package", "windlass-benches", "--bin", "compare", "--"])
            .args(args);
        shell::run(&mut command)
    })
}

/// The sums of the summary lines that test programs end with.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    programs: u64,
    passed: u64,
    failed: u64,
    ignored: u64,
}

impl Tally {
    /// How many programs have ended.
    pub(crate) fn programs(&self) -> u64 {
        self.programs
    }

    /// Takes one line of output: `test result: ok. 7 passed; 0 failed; 1 ignored; ...`.
    pub(crate) fn see(&mut self, line: &str) {
        let Some((_, counts)) = line.strip_prefix("test result: ").and_then(|rest| rest.split_once(". "))
        else {
            return;
        };
        self.programs += 1;
        for part in counts.split("; ") {
            let Some((number, what)) = part.split_once(' ') else { continue };
            let number: u64 = number.parse().unwrap_or(0);
            match what {
                "passed" => self.passed += number,
                "failed" => self.failed += number,
                "ignored" => self.ignored += number,
                _ => {}
            }
        }
    }
}

impl std::fmt::Display for Tally {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Tally { programs, passed, failed, ignored } = self;
        write!(f, "tests: {passed} passed, {failed} failed, {ignored} ignored, in {programs} programs")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn summary_lines_add_up() {
        let mut tally = Tally::default();
        tally.see("running 3 tests");
        tally.see(
            "test result: ok. 7 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s",
        );
        tally.see("test result: FAILED. 2 passed; 3 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s");
        assert_eq!(tally, Tally { programs: 2, passed: 9, failed: 3, ignored: 1 });
    }
}

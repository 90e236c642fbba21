//! `conformance`: which of CPython's cases there are as tests of ours, and why the others are not.
//!
//! `tests/conformance/cases.txt` lists the cases, the tests' own annotations say what became of each, and
//! `tests/CONFORMANCE.md` is made of both, so that it cannot say what the tests do not. A test that is annotated must run on every
//! flavour that conformance is claimed for, or it does not count.

mod annotations;
mod table;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use annotations::Annotation;
use table::Table;

use crate::artifacts::{self, Artifact};
use crate::failure::{Failure, on_path};
use crate::options::Options;
use crate::place::{Workspace, cargo, root};
use crate::session::{Session, human};
use crate::shell::{self, Ended};

/// The cases, one to a line.
const CASES: &str = "tests/conformance/cases.txt";

/// The tests, whose annotations say what became of the cases.
const TESTS: &str = "tests/tests";

/// What is generated.
const DOCUMENT: &str = "tests/CONFORMANCE.md";

/// A test program that takes longer than this hangs.
const LIMIT: Duration = Duration::from_secs(10 * 60);

pub(crate) fn routine(session: &mut Session, mut options: Options) -> Result<(), Failure> {
    let only_check = options.flag("--check");
    let times: u64 = options.value("--times")?.unwrap_or(0);
    options.end()?;
    if only_check { check(session) } else { write(session) }?;
    if times > 0 { repeat(session, times) } else { Ok(()) }
}

/// Fails if the document is not what the tests say.
pub(crate) fn check(session: &mut Session) -> Result<(), Failure> {
    session.step("conformance", "cargo xtask conformance --check", || {
        let (table, path) = (load()?, root().join(DOCUMENT));
        let found = fs::read_to_string(&path).map_err(on_path("read", &path))?;
        if found != table.to_string() {
            return Err(
                Failure::new(format!("{DOCUMENT} is not what the tests say")).fix("cargo xtask conformance")
            );
        }
        println!("{}", table.summary());
        Ok(())
    })
}

fn write(session: &mut Session) -> Result<(), Failure> {
    session.step("conformance", "cargo xtask conformance", || {
        let (table, path) = (load()?, root().join(DOCUMENT));
        fs::write(&path, table.to_string()).map_err(on_path("write", &path))?;
        println!("{}", table.summary());
        Ok(())
    })
}

fn load() -> Result<Table, Failure> {
    let path = root().join(CASES);
    let cases = fs::read_to_string(&path).map_err(on_path("read", &path))?;
    Table::new(&cases, &annotations()?)
}

/// Those of all tests, the files in order.
fn annotations() -> Result<Vec<Annotation>, Failure> {
    let mut found = Vec::new();
    for path in sources(&root().join(TESTS))? {
        let source = fs::read_to_string(&path).map_err(on_path("read", &path))?;
        found.extend(annotations::in_source(&stem(&path), &source)?);
    }
    Ok(found)
}

fn sources(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let mut sources = Vec::new();
    for entry in fs::read_dir(folder).map_err(on_path("read", folder))? {
        let path = entry.map_err(on_path("read", folder))?.path();
        if path.extension().is_some_and(|extension| extension == "rs") {
            sources.push(path);
        }
    }
    sources.sort();
    Ok(sources)
}

fn stem(path: &Path) -> String {
    path.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}

/// Runs every program that has a ported case in it `times` times, stopping at the first failure.
fn repeat(session: &mut Session, times: u64) -> Result<(), Failure> {
    session.step(
        &format!("conformance, {times} times"),
        &format!("cargo xtask conformance --times {times}"),
        || {
            let mut targets: Vec<String> =
                annotations()?.into_iter().filter(Annotation::is_ported).map(|found| found.file).collect();
            targets.dedup();
            let mut command = cargo();
            command.args(["test", "--package", "windlass-tests"]);
            for target in &targets {
                command.args(["--test", target]);
            }
            let programs = artifacts::build(&mut command)?;
            let logs = Workspace::load()?.target("conformance")?;
            for time in 1..=times {
                let started = Instant::now();
                for program in &programs {
                    once(program, &logs.join(format!("{}.log", program.target)))?;
                }
                println!(
                    "{time} of {times}: {} programs passed, {}",
                    programs.len(),
                    human(started.elapsed())
                );
            }
            Ok(())
        },
    )
}

fn once(program: &Artifact, log: &Path) -> Result<(), Failure> {
    let what = match shell::run_logged(&mut program.command(), log, LIMIT)? {
        Ended::Exited(status) if status.success() => return Ok(()),
        Ended::Exited(status) => format!("`{}` ended with {status}", program.target),
        Ended::TimedOut => format!("`{}` hangs: it still ran after {}", program.target, human(LIMIT)),
    };
    Err(Failure::new(what).fix(format!("all it printed is in {}", log.display())))
}

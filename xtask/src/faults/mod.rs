//! `faults`: a model that cannot fail proves nothing, so every one is shown to.
//!
//! Each fault of `loom-tests/FAULTS.md` is put into a copy of the sources, the model it names is run there, and must fail with
//! the assertion it names. The copy has a target directory of its own, so from one fault to the next only the models' package is built.

mod list;
mod patch;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use list::{Fault, Kind, List};

use crate::artifacts::{self, Artifact};
use crate::copy;
use crate::failure::{Failure, on_path};
use crate::loom;
use crate::options::Options;
use crate::place::{self, LOOM_TESTS, Workspace, cargo_in};
use crate::session::{Session, human};
use crate::shell::{self, Ended};

/// How long a model may look for its fault.
const LIMIT: Duration = Duration::from_secs(5 * 60);

/// How long its package may be compiled, once its dependencies are.
const BUILD_LIMIT: Duration = Duration::from_secs(30 * 60);

/// Which faults are tried.
#[derive(Debug)]
pub(crate) struct Selection {
    only: Option<String>,
    one_per_model: bool,
    limit: Duration,
}

impl Default for Selection {
    fn default() -> Self {
        Selection { only: None, one_per_model: false, limit: LIMIT }
    }
}

pub(crate) fn routine(session: &mut Session, mut options: Options) -> Result<(), Failure> {
    let show = options.flag("--list");
    let only_fit = options.flag("--fit");
    let selection = Selection {
        only: options.value("--only")?,
        one_per_model: options.flag("--one-per-model"),
        limit: options.value("--timeout")?.map_or(LIMIT, Duration::from_secs),
    };
    options.end()?;
    if show {
        for fault in chosen(&read()?, &selection)? {
            println!("{:<40} {:<9} {}", fault.name, fault.kind.name(), fault.model);
        }
        return Ok(());
    }
    if only_fit { fit(session) } else { check(session, &selection) }
}

/// Whether each fault still fits the sources. That takes no time, so that whoever moves a line hears of it at once.
pub(crate) fn fit(session: &mut Session) -> Result<(), Failure> {
    session.step("faults fit", "cargo xtask faults --fit", || {
        let list = read()?;
        for fault in &list.faults {
            let path = place::root().join(&fault.file);
            patch::apply(fault, &fs::read_to_string(&path).map_err(on_path("read", &path))?)?;
        }
        println!("{} faults", list.faults.len());
        Ok(())
    })
}

/// Tries the faults, and says of each what became of it.
pub(crate) fn check(session: &mut Session, selection: &Selection) -> Result<(), Failure> {
    session.step("faults", "cargo xtask faults", || {
        let list = read()?;
        let faults = chosen(&list, selection)?;
        let bench = Bench::set_up()?;
        bench.complete(&list)?;
        let mut survivors = 0;
        println!("\n{:<40} {:<9} {:<44} {:>8}  result", "fault", "kind", "model", "time");
        for fault in faults {
            let started = Instant::now();
            let verdict = bench.try_out(fault, selection.limit)?;
            survivors += usize::from(verdict != Verdict::Caught);
            println!(
                "{:<40} {:<9} {:<44} {:>8}  {}",
                fault.name,
                fault.kind.name(),
                fault.model,
                human(started.elapsed()),
                verdict.text(&bench.log(fault))
            );
        }
        if survivors == 0 {
            return Ok(());
        }
        Err(Failure::new(format!("{survivors} faults survived")).fix(
            "one alone: cargo xtask faults --only NAME; the model's output is in the log named beside it",
        ))
    })
}

fn read() -> Result<List, Failure> {
    let path = place::root().join("loom-tests/FAULTS.md");
    list::parse(&fs::read_to_string(&path).map_err(on_path("read", &path))?)
}

fn chosen<'a>(list: &'a List, selection: &Selection) -> Result<Vec<&'a Fault>, Failure> {
    if list.faults.is_empty() {
        return Err(
            Failure::new("loom-tests/FAULTS.md lists no fault").fix("its head says how one is written")
        );
    }
    let mut faults: Vec<&Fault> = Vec::new();
    for fault in &list.faults {
        let named = selection
            .only
            .as_ref()
            .is_none_or(|text| fault.name.contains(text) || fault.model.contains(text));
        let model_is_new = !faults.iter().any(|other| other.model == fault.model);
        if named && (model_is_new || !selection.one_per_model) {
            faults.push(fault);
        }
    }
    if faults.is_empty() {
        return Err(Failure::new("there is no such fault").fix("cargo xtask faults --list"));
    }
    Ok(faults)
}

/// What became of a fault. Only the first is good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Caught,
    /// The model passed.
    Survived,
    /// The model failed with something else.
    OtherFailure,
    TimedOut,
    DoesNotBuild,
}

impl Verdict {
    fn text(self, log: &Path) -> String {
        let what = match self {
            Verdict::Caught => return "caught".into(),
            Verdict::Survived => "SURVIVED: the model passes",
            Verdict::OtherFailure => "SURVIVED: the model fails, but not with the assertion named",
            Verdict::TimedOut => "SURVIVED: not found within the time limit",
            Verdict::DoesNotBuild => "SURVIVED: with the fault in, the sources do not build",
        };
        format!("{what} ({})", log.display())
    }
}

/// The copy of the sources, and where it is built.
struct Bench {
    folder: PathBuf,
    target: PathBuf,
    logs: PathBuf,
    /// The models' programs as they are without any fault: which model is in which target.
    programs: Vec<(Artifact, Vec<String>)>,
}

impl Bench {
    fn set_up() -> Result<Self, Failure> {
        let scratch = Workspace::load()?.target("faults")?;
        let (folder, target, logs) =
            (scratch.join("workspace"), scratch.join("target"), scratch.join("logs"));
        fs::create_dir_all(&folder).map_err(on_path("create", &folder))?;
        fs::create_dir_all(&logs).map_err(on_path("create", &logs))?;
        copy::sync(&place::root(), &folder)?;
        let mut bench = Bench { folder, target, logs, programs: Vec::new() };
        for program in bench.build()? {
            let tests = program.tests()?;
            bench.programs.push((program, tests));
        }
        Ok(bench)
    }

    fn cargo_test(&self) -> std::process::Command {
        let mut command = cargo_in(&self.folder);
        command.args(["test", "--package", LOOM_TESTS, "--target-dir"]).arg(&self.target);
        // A fault shows early, so that what counts is the time to build it: three seconds this way, half a minute
        // as models that run to their end are built.
        command.args(["--config", &format!("profile.dev.package.{LOOM_TESTS}.opt-level=0")]);
        command.env("CARGO_PROFILE_DEV_DEBUG", "0");
        command
    }

    fn build(&self) -> Result<Vec<Artifact>, Failure> {
        artifacts::build(&mut self.cargo_test())
    }

    /// Every model has a fault, every fault a model, and half of the faults are of the kinds only a model finds.
    fn complete(&self, list: &List) -> Result<(), Failure> {
        let tests = || self.programs.iter().flat_map(|(_, tests)| tests);
        let unknown = |name: &&String| !tests().any(|test| test == *name);
        let strangers: Vec<&String> =
            list.faults.iter().map(|fault| &fault.model).chain(&list.not_models).filter(unknown).collect();
        if !strangers.is_empty() {
            return Err(Failure::new(format!(
                "FAULTS.md names tests that do not exist: {}",
                joined(&strangers)
            ))
            .fix(format!("cargo test -p {LOOM_TESTS} -- --list shows those there are")));
        }
        let has_fault = |test: &&String| list.faults.iter().any(|fault| fault.model == **test);
        let bare: Vec<&String> =
            tests().filter(|test| !list.not_models.contains(test)).filter(|test| !has_fault(test)).collect();
        if !bare.is_empty() {
            return Err(Failure::new(format!("models without a fault: {}", joined(&bare)))
                .fix("add one to loom-tests/FAULTS.md, or name the test there under `Not models`"));
        }
        let others = list.faults.iter().filter(|fault| fault.kind == Kind::Other).count();
        if others * 2 > list.faults.len() {
            return Err(Failure::new(format!(
                "{others} of {} faults are of the kind `other`",
                list.faults.len()
            ))
            .fix("at least half are to be a weakened ordering, a removed fence or a removed recheck"));
        }
        Ok(())
    }

    /// Puts the fault in, runs its model, and takes the fault out again whatever happens.
    fn try_out(&self, fault: &Fault, limit: Duration) -> Result<Verdict, Failure> {
        let path = self.folder.join(&fault.file);
        let text = fs::read_to_string(&path).map_err(on_path("read", &path))?;
        let broken = patch::apply(fault, &text)?;
        fs::write(&path, broken).map_err(on_path("write", &path))?;
        let verdict = self.verdict(fault, limit);
        fs::write(&path, text).map_err(on_path("write", &path))?;
        verdict
    }

    fn verdict(&self, fault: &Fault, limit: Duration) -> Result<Verdict, Failure> {
        let log = self.log(fault);
        let sound =
            self.programs.iter().find(|(_, tests)| tests.contains(&fault.model)).map(|(program, _)| program);
        let sound = sound.ok_or_else(|| Failure::new(format!("there is no model `{}`", fault.model)))?;
        let mut build = self.cargo_test();
        build.args(sound.selection()).args(["--no-run", "--quiet"]);
        let built = shell::run_logged(&mut build, &log, BUILD_LIMIT)?;
        if !matches!(built, Ended::Exited(status) if status.success()) {
            return Ok(Verdict::DoesNotBuild);
        }
        let mut run = sound.command();
        run.args(["--exact", &fault.model, "--nocapture"]);
        if let Some(bound) = fault.preemptions {
            run.env(loom::BOUND, bound.to_string());
        }
        let ended = shell::run_logged(&mut run, &log, limit)?;
        let output = fs::read(&log).map_err(on_path("read", &log))?;
        Ok(match ended {
            Ended::TimedOut => Verdict::TimedOut,
            Ended::Exited(status) if status.success() => Verdict::Survived,
            Ended::Exited(_) if String::from_utf8_lossy(&output).contains(&fault.assertion) => {
                Verdict::Caught
            }
            Ended::Exited(_) => Verdict::OtherFailure,
        })
    }

    fn log(&self, fault: &Fault) -> PathBuf {
        self.logs.join(format!("{}.log", fault.name.replace('/', "-")))
    }
}

fn joined(names: &[&String]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

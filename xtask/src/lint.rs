//! `fmt`, `clippy`, `docs`, `duplicates`: what can be said without running anything.

use crate::examples;
use crate::failure::Failure;
use crate::options::Options;
use crate::place::{PUBLISHED, cargo};
use crate::session::Session;
use crate::shell;

pub(crate) fn fmt_routine(session: &mut Session, mut options: Options) -> Result<(), Failure> {
    let check = options.flag("--check");
    options.end()?;
    fmt(session, check)
}

/// Formats the sources, or only says whether they are.
pub(crate) fn fmt(session: &mut Session, check: bool) -> Result<(), Failure> {
    session.step("fmt", "cargo xtask fmt --check", || {
        let mut command = cargo();
        command.args(["fmt", "--all"]);
        if !check {
            return shell::run(&mut command);
        }
        shell::run(command.args(["--", "--check"]))
            .map_err(|failure| failure.fix("to format the sources: cargo xtask fmt"))
    })
}

pub(crate) fn clippy_routine(session: &mut Session, options: Options) -> Result<(), Failure> {
    options.end()?;
    clippy(session)
}

/// Lints over every target and feature.
pub(crate) fn clippy(session: &mut Session) -> Result<(), Failure> {
    session.step("clippy", "cargo xtask clippy", || {
        let mut command = cargo();
        command.args(["clippy", "--workspace", "--all-targets", "--all-features", "--", "-D", "warnings"]);
        shell::run(&mut command)
    })
}

pub(crate) fn docs_routine(session: &mut Session, options: Options) -> Result<(), Failure> {
    options.end()?;
    docs(session)
}

/// The documentation, private items left out, as docs.rs shows it, and whether it has an example of everything.
pub(crate) fn docs(session: &mut Session) -> Result<(), Failure> {
    session.step("docs", "cargo xtask docs", || {
        let mut command = cargo();
        command
            .args(["doc", "--workspace", "--no-deps", "--all-features"])
            .env("RUSTDOCFLAGS", "-D warnings");
        shell::run(&mut command)
    })?;
    examples::examples(session)
}

pub(crate) fn duplicates_routine(session: &mut Session, options: Options) -> Result<(), Failure> {
    options.end()?;
    duplicates(session)
}

/// What a user of the published packages would compile twice on this platform: nothing.
pub(crate) fn duplicates(session: &mut Session) -> Result<(), Failure> {
    session.step("duplicates", "cargo xtask duplicates", || {
        let mut command = cargo();
        command.args(["tree", "--duplicates", "--edges=normal", "--all-features"]);
        for package in PUBLISHED {
            command.args(["--package", package]);
        }
        let text = shell::output(&mut command)?;
        if text.trim().is_empty() {
            println!("none");
            return Ok(());
        }
        println!("{text}");
        Err(Failure::new("the crates above come in more than one version").fix(
            "bring them to one with `cargo update --package NAME`, or by asking for a version that agrees with the others",
        ))
    })
}

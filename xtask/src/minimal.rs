//! `minimal-versions`: the published packages with the oldest dependencies their manifests allow.

use crate::copy;
use crate::failure::Failure;
use crate::options::Options;
use crate::place::{self, PUBLISHED, Workspace, cargo_in};
use crate::session::Session;
use crate::shell;

pub(crate) fn routine(session: &mut Session, options: Options) -> Result<(), Failure> {
    options.end()?;
    minimal_versions(session)
}

/// Resolves in a copy, so that the lock file stays as it is, and checks the libraries there.
pub(crate) fn minimal_versions(session: &mut Session) -> Result<(), Failure> {
    session.step("minimal versions", "cargo xtask minimal-versions", || {
        let scratch = Workspace::load()?.target("minimal")?;
        let folder = scratch.join("workspace");
        copy::sync(&place::root(), &folder)?;
        let mut resolve = cargo_in(&folder);
        resolve.env("RUSTC_BOOTSTRAP", "1").args(["update", "-Zdirect-minimal-versions"]);
        shell::run(&mut resolve).map_err(|failure| {
            failure.fix(
                "a dependency is asked for in a version older than another one needs: raise it in Cargo.toml",
            )
        })?;
        let mut check = cargo_in(&folder);
        check.args(["check", "--all-features", "--locked", "--target-dir"]).arg(scratch.join("target"));
        check.args(PUBLISHED.iter().flat_map(|package| ["--package", package]));
        shell::run(&mut check)
    })
}

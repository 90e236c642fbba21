//! `portable`: the tests of sockets on `polling`'s own way of waiting, which is what other systems than Linux have.
//!
//! Edge-triggered first, as where the system can, then reported once and asked for again, as where it cannot.

use crate::failure::Failure;
use crate::options::Options;
use crate::place::{Workspace, cargo};
use crate::session::Session;
use crate::shell;

/// The tests that wait for descriptors.
const TESTS: [&str; 8] =
    ["tcp_*", "async_fd", "fifo", "signal_*", "run_interrupted", "hyper_*", "time_*", "stress_sockets"];

/// The target directory's name.
pub(crate) const FOLDER: &str = "portable";

const WAYS: [(&str, &str); 2] =
    [("edge", "--cfg windlass_portable_poll"), ("oneshot", "--cfg windlass_portable_poll=\"oneshot\"")];

pub(crate) fn routine(session: &mut Session, options: Options) -> Result<(), Failure> {
    options.end()?;
    portable(session)
}

/// Runs the tests of sockets on the portable path.
pub(crate) fn portable(session: &mut Session) -> Result<(), Failure> {
    session.step("the portable way of waiting", "cargo xtask portable", || {
        for (name, flags) in WAYS {
            println!("{name}");
            let mut command = cargo();
            command
                // Of the encoded flags, which may hold quotation marks, only spaces are separators.
                .env("CARGO_ENCODED_RUSTFLAGS", flags.replace(' ', "\u{1f}"))
                .args(["test", "--package", "windlass-tests", "--no-fail-fast", "--target-dir"])
                .arg(Workspace::load()?.target(FOLDER)?)
                .args(TESTS.iter().flat_map(|test| ["--test", test]));
            shell::run(&mut command)?;
        }
        Ok(())
    })
}

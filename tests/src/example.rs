//! Running the programs of `examples/` as a reader of them would.

use std::process::{Command, Output};

use crate::watchdog;

/// Runs an example by its name, with arguments, and returns what it printed.
///
/// # Panics
///
/// If it fails or hangs.
#[track_caller]
pub fn output(name: &'static str, arguments: &'static [&str]) -> String {
    let run = run(name, arguments);
    let stderr = String::from_utf8_lossy(&run.stderr);
    assert!(run.status.success(), "{}\n{stderr}", run.status);
    String::from_utf8(run.stdout).expect("the example prints text")
}

/// Runs an example by its name, with arguments, however it ends.
///
/// # Panics
///
/// If it cannot be built, or hangs.
#[track_caller]
pub fn run(name: &'static str, arguments: &'static [&str]) -> Output {
    // Building takes as long as it takes; the watchdog is for the program.
    let build = cargo("build", name).output().expect("cargo runs");
    assert!(build.status.success(), "{}", String::from_utf8_lossy(&build.stderr));
    let program = move || cargo("run", name).arg("--").args(arguments).output().expect("cargo runs");
    watchdog(&format!("the example {name}"), program)
}

/// cargo knows where it builds, whatever the profile and target directory of this test.
fn cargo(command: &str, name: &str) -> Command {
    let mut cargo = Command::new(env!("CARGO"));
    cargo
        .args([command, "--quiet", "--package", "windlass-examples", "--bin", name])
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
    cargo
}

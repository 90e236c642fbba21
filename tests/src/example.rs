//! Running the programs of `examples/` as a reader of them would.

use std::path::PathBuf;
use std::process::{Command, Output};
use std::sync::OnceLock;

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
/// If the examples cannot be built, or it hangs.
#[track_caller]
pub fn run(name: &'static str, arguments: &'static [&str]) -> Output {
    // Building takes as long as it takes; the watchdog is for the program.
    if let Err(errors) = BUILT.get_or_init(build) {
        panic!("the examples could not be built:\n{errors}");
    }
    let program =
        move || cargo("run", &["--bin", name]).arg("--").args(arguments).output().expect("cargo runs");
    watchdog(&format!("the example {name}"), program)
}

/// Whether the examples are built: all of them at once, for cargo builds one after the other what it is asked for one by one.
static BUILT: OnceLock<Result<(), String>> = OnceLock::new();

fn build() -> Result<(), String> {
    let build = cargo("build", &["--bins"]).output().expect("cargo runs");
    build.status.success().then_some(()).ok_or_else(|| String::from_utf8_lossy(&build.stderr).into_owned())
}

/// Builds an example, and says where it is: for tests that talk to it while it runs.
///
/// # Panics
///
/// If it does not build.
#[track_caller]
pub fn program(name: &str) -> PathBuf {
    let arguments = ["--bin", name, "--message-format=json-render-diagnostics"];
    let build = cargo("build", &arguments).output().expect("cargo runs");
    assert!(build.status.success(), "{}", String::from_utf8_lossy(&build.stderr));
    let messages = String::from_utf8_lossy(&build.stdout).into_owned();
    let executable =
        messages.lines().find_map(|line| line.split_once("\"executable\":\"")?.1.split('"').next());
    executable.expect("cargo names what it built").into()
}

/// cargo knows where it builds, whatever the profile and target directory of this test.
fn cargo(command: &str, programs: &[&str]) -> Command {
    let mut cargo = Command::new(env!("CARGO"));
    cargo
        .args([command, "--quiet", "--package", "windlass-examples"])
        .args(programs)
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
    cargo
}

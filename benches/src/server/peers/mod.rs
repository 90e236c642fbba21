//! The echo server in other languages, where they are installed.

use std::fs;
use std::io;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use super::ServerCase;
use super::Service;
use crate::case::CannotRun;
use crate::runtimes::RuntimeName;

const PYTHON_SERVER: &str = include_str!("echo.py");
const GO_SERVER: &str = include_str!("echo.go");

/// Prints what a loop is, with its version where it has one of its own, and that of Python.
const PYTHON_VERSIONS: &str = "
import importlib, platform, sys
version = getattr(importlib.import_module(sys.argv[1]), '__version__', '')
print(f'{sys.argv[1]} {version}'.strip(), 'on', platform.python_implementation(), platform.python_version())
";

/// Which Python to use instead of `python3`: one that has uvloop, say.
const PYTHON_VARIABLE: &str = "WINDLASS_BENCH_PYTHON";

/// A server of another language, and what is to be removed when it has started.
pub struct Foreign {
    pub(super) command: Command,
    folder: Option<PathBuf>,
}

impl Drop for Foreign {
    fn drop(&mut self) {
        if let Some(folder) = &self.folder {
            // What is left of it in the temporary folder harms nobody.
            let _ = fs::remove_dir_all(folder);
        }
    }
}

/// The server of a case on `runtime`, which is one of another language.
pub(super) fn server(case: &ServerCase, runtime: RuntimeName) -> Result<io::Result<Foreign>, CannotRun> {
    if case.service != Service::Echo {
        return Err(CannotRun("it does not run hyper"));
    }
    match runtime {
        RuntimeName::Go => go(case.workers),
        _ if case.workers > 1 => Err(CannotRun("its loop has one thread")),
        RuntimeName::Uvloop => python("uvloop", CannotRun("python3 has no uvloop")),
        _ => python("asyncio", CannotRun("python3 is not installed")),
    }
}

fn succeeds(command: &mut Command) -> bool {
    let quiet = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    quiet.status().is_ok_and(|status| status.success())
}

fn python_program() -> String {
    std::env::var(PYTHON_VARIABLE).unwrap_or_else(|_| "python3".into())
}

/// What one of Python's loops is, with the versions that are installed.
pub(crate) fn describe_python(module: &str) -> String {
    let run = Command::new(python_program()).args(["-c", PYTHON_VERSIONS, module]).output();
    match run {
        Ok(run) if run.status.success() => String::from_utf8_lossy(&run.stdout).trim().to_owned(),
        _ => format!("{module}, which is not installed"),
    }
}

fn python(module: &str, missing: CannotRun) -> Result<io::Result<Foreign>, CannotRun> {
    let python = python_program();
    if !succeeds(Command::new(&python).args(["-c", &format!("import {module}")])) {
        return Err(missing);
    }
    let mut command = Command::new(python);
    command.args(["-c", PYTHON_SERVER, module]);
    Ok(Ok(Foreign { command, folder: None }))
}

fn go(workers: usize) -> Result<io::Result<Foreign>, CannotRun> {
    if !succeeds(Command::new("go").arg("version")) {
        return Err(CannotRun("go is not installed"));
    }
    Ok(build_go(workers))
}

fn build_go(workers: usize) -> io::Result<Foreign> {
    let folder = std::env::temp_dir().join(format!("windlass-echo-go-{}", std::process::id()));
    fs::create_dir_all(&folder)?;
    let (source, program) = (folder.join("echo.go"), folder.join("echo"));
    fs::write(&source, GO_SERVER)?;
    let mut command = Command::new(&program);
    command.env("GOMAXPROCS", workers.to_string());
    let foreign = Foreign { command, folder: Some(folder) };
    if succeeds(Command::new("go").arg("build").arg("-o").arg(&program).arg(&source)) {
        Ok(foreign)
    } else {
        Err(io::Error::other("the Go server could not be built"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loop_that_is_missing_is_named() {
        assert_eq!(describe_python("no_such_loop"), "no_such_loop, which is not installed");
    }
}

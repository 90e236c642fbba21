//! A package's test programs, built and then run one by one.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::failure::Failure;
use crate::shell;

/// One test program.
#[derive(Debug, Clone)]
pub(crate) struct Artifact {
    /// The target's name: the library's, or the file's under `tests/`.
    pub(crate) target: String,
    /// What kind of target it is: `lib`, `test`, `bin`.
    kind: String,
    pub(crate) executable: PathBuf,
    /// The package's folder, in which `cargo test` would run it.
    folder: PathBuf,
}

impl Artifact {
    /// The program, to be run as `cargo test` would.
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(&self.executable);
        command.current_dir(&self.folder).env("CARGO_MANIFEST_DIR", &self.folder);
        command
    }

    /// The options that make cargo build this target and no other.
    pub(crate) fn selection(&self) -> Vec<&str> {
        match self.kind.as_str() {
            "lib" => vec!["--lib"],
            "bin" => vec!["--bin", &self.target],
            _ => vec!["--test", &self.target],
        }
    }

    /// The full names of the tests in it.
    pub(crate) fn tests(&self) -> Result<Vec<String>, Failure> {
        let text = shell::output(self.command().args(["--list", "--format=terse"]))?;
        Ok(text.lines().filter_map(|line| line.strip_suffix(": test")).map(str::to_string).collect())
    }
}

/// Builds with the command given (`cargo test --no-run ...`) and returns the test programs.
pub(crate) fn build(cargo_test: &mut Command) -> Result<Vec<Artifact>, Failure> {
    let text = shell::output(cargo_test.args(["--no-run", "--message-format=json-render-diagnostics"]))?;
    Ok(text
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok())
        .filter_map(|message| artifact(&message))
        .collect())
}

fn artifact(message: &Value) -> Option<Artifact> {
    if message["reason"] != "compiler-artifact" || message["profile"]["test"] != true {
        return None;
    }
    let folder = Path::new(message["manifest_path"].as_str()?).parent()?;
    Some(Artifact {
        target: message["target"]["name"].as_str()?.to_string(),
        kind: message["target"]["kind"][0].as_str()?.to_string(),
        executable: message["executable"].as_str()?.into(),
        folder: folder.to_path_buf(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_test_programs_are_taken() {
        let message = |text: &str| artifact(&serde_json::from_str(text).unwrap());
        let test = r#"{"reason":"compiler-artifact","manifest_path":"/w/t/Cargo.toml","target":{"name":"idle","kind":["test"]},
            "profile":{"test":true},"executable":"/w/target/idle-1"}"#;
        let found = message(test).unwrap();
        assert_eq!((found.target.as_str(), found.folder.as_path()), ("idle", Path::new("/w/t")));
        assert_eq!(found.selection(), ["--test", "idle"]);
        assert!(message(&test.replace("true", "false")).is_none());
        assert!(message(&test.replace("\"/w/target/idle-1\"", "null")).is_none());
        assert!(message(r#"{"reason":"build-finished","success":true}"#).is_none());
    }
}

//! Where things are: the workspace, its packages, cargo.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::failure::{Failure, on_path};
use crate::shell;

/// The packages people depend on; the others are not published.
pub(crate) const PUBLISHED: [&str; 4] =
    ["windlass", "windlass-blocking", "windlass-timer", "windlass-macros"];

/// The package of the loom models, which is built under a cfg of its own.
pub(crate) const LOOM_TESTS: &str = "windlass-loom-tests";

/// The workspace's folder.
pub(crate) fn root() -> PathBuf {
    // Asked for when run: two copies of the workspace may share one target directory, and so one program.
    let own = std::env::var_os("CARGO_MANIFEST_DIR")
        .map_or_else(|| env!("CARGO_MANIFEST_DIR").into(), PathBuf::from);
    own.parent().map_or(own.clone(), Path::to_path_buf)
}

/// cargo, to be run on this workspace.
pub(crate) fn cargo() -> Command {
    cargo_in(&root())
}

/// cargo, to be run in `folder`.
pub(crate) fn cargo_in(folder: &Path) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(folder);
    // `cargo run` describes this program in its environment; a build script below must not take that for itself.
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("CARGO_PKG_")
            || text.starts_with("CARGO_MANIFEST_")
            || text.starts_with("CARGO_BIN_")
            // It would count instead of the flags that a step sets.
            || text == "CARGO_ENCODED_RUSTFLAGS"
        {
            command.env_remove(&name);
        }
    }
    command
}

/// What cargo knows of the workspace.
pub(crate) struct Workspace {
    metadata: Value,
}

impl Workspace {
    pub(crate) fn load() -> Result<Self, Failure> {
        let text = shell::output(cargo().args(["metadata", "--no-deps", "--format-version=1"]))?;
        let metadata = serde_json::from_str(&text)
            .map_err(|error| Failure::new(format!("cannot read what `cargo metadata` wrote: {error}")))?;
        Ok(Workspace { metadata })
    }

    /// The names of the integration tests of all packages but some.
    pub(crate) fn tests_without(&self, left_out: &[&str]) -> Vec<String> {
        let packages = self.metadata["packages"].as_array().into_iter().flatten();
        let packages = packages.filter(|package| !left_out.iter().any(|name| package["name"] == *name));
        let targets = packages.flat_map(|package| package["targets"].as_array().into_iter().flatten());
        let tests = targets.filter(|target| target["kind"][0] == "test");
        tests.filter_map(|test| test["name"].as_str().map(str::to_string)).collect()
    }

    /// A folder of this name in cargo's target directory, made if need be.
    pub(crate) fn target(&self, name: &str) -> Result<PathBuf, Failure> {
        let target = self.metadata["target_directory"].as_str().unwrap_or("target");
        let folder = root().join(target).join(name);
        std::fs::create_dir_all(&folder).map_err(on_path("create", &folder))?;
        Ok(folder)
    }

    /// Removes a folder of this name from cargo's target directory: two hundred programs, which nothing else uses.
    pub(crate) fn discard(&self, name: &str) -> Result<(), Failure> {
        let folder = self.target(name)?;
        std::fs::remove_dir_all(&folder).map_err(on_path("remove", &folder))
    }

    /// What cargo's target directory takes, in bytes.
    pub(crate) fn built(&self) -> Result<u64, Failure> {
        size_of(&self.target("")?)
    }

    /// The package's features but for `default`, in order.
    pub(crate) fn features(&self, package: &str) -> Result<Vec<String>, Failure> {
        let packages = self.metadata["packages"].as_array();
        let found = packages.into_iter().flatten().find(|entry| entry["name"] == package);
        let entry = found.ok_or_else(|| Failure::new(format!("the workspace has no package `{package}`")))?;
        let features = entry["features"].as_object().into_iter().flat_map(serde_json::Map::keys);
        Ok(features.filter(|name| *name != "default").cloned().collect())
    }
}

fn size_of(folder: &Path) -> Result<u64, Failure> {
    let mut bytes = 0;
    for entry in std::fs::read_dir(folder).map_err(on_path("read", folder))? {
        let path = entry.map_err(on_path("read", folder))?.path();
        let about = std::fs::symlink_metadata(&path).map_err(on_path("look at", &path))?;
        bytes += if about.is_dir() { size_of(&path)? } else { about.blocks() * 512 };
    }
    Ok(bytes)
}

/// The compiler's own platform, such as `x86_64-unknown-linux-gnu`.
pub(crate) fn host() -> Result<String, Failure> {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let text = shell::output(Command::new(rustc).arg("-vV"))?;
    let line = text.lines().find_map(|line| line.strip_prefix("host: "));
    line.map(str::to_string).ok_or_else(|| Failure::new("`rustc -vV` does not name its host"))
}

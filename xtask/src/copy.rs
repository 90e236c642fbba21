//! A copy of the sources to work on, so that the sources themselves stay as they are.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::failure::{Failure, on_path};
use crate::shell;

/// Makes `to` the same as the workspace at `from`: what git tracks, and what it does not but would.
///
/// A file already the same is not written again, so that cargo builds only what changed.
pub(crate) fn sync(from: &Path, to: &Path) -> Result<(), Failure> {
    let mut listing = Command::new("git");
    listing.current_dir(from).args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"]);
    let names = shell::output(&mut listing)
        .map_err(|failure| failure.fix("the sources are copied as git lists them: run this in a clone"))?;
    let mut wanted = BTreeSet::new();
    for name in names.split('\0').filter(|name| !name.is_empty()) {
        let source = from.join(name);
        // A file that was deleted and not yet committed is still listed.
        if source.is_file() {
            copy(&source, &to.join(name))?;
            wanted.insert(PathBuf::from(name));
        }
    }
    remove_others(to, to, &wanted)
}

fn copy(source: &Path, target: &Path) -> Result<(), Failure> {
    let content = fs::read(source).map_err(on_path("read", source))?;
    if fs::read(target).is_ok_and(|there| there == content) {
        return Ok(());
    }
    if let Some(folder) = target.parent() {
        fs::create_dir_all(folder).map_err(on_path("create", folder))?;
    }
    fs::write(target, content).map_err(on_path("write", target))
}

/// Deletes the files of an earlier copy that are no longer wanted.
fn remove_others(base: &Path, folder: &Path, wanted: &BTreeSet<PathBuf>) -> Result<(), Failure> {
    for entry in fs::read_dir(folder).map_err(on_path("read", folder))? {
        let path = entry.map_err(on_path("read", folder))?.path();
        if path.is_dir() {
            remove_others(base, &path, wanted)?;
        } else if !path.strip_prefix(base).is_ok_and(|name| wanted.contains(name)) {
            fs::remove_file(&path).map_err(on_path("remove", &path))?;
        }
    }
    Ok(())
}

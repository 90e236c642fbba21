//! `examples`: every public item is used by an example in the documentation.
//!
//! An item is covered when an example (a code block that is compiled) stands in its own documentation, or uses its name on its
//! **page** or in its **module's** documentation. The page of a method is that of its type: what the type, its `impl` blocks
//! and its other methods say. A type is covered too when a covered function returns it: an example that calls the function has it
//! in hand. What is deprecated needs none. What an example hides from the reader (lines that start with `#`) does not count, nor do comments.
//!
//! rustdoc says what is public, through every re-export and macro; its JSON is behind a nightly flag, which
//! `RUSTC_BOOTSTRAP` opens. What is read of it (names, docs, kinds, signatures) has been the same for years.

mod api;
mod code;

use std::collections::BTreeMap;

use serde_json::Value;

use crate::failure::{Failure, on_path};
use crate::options::Options;
use crate::place::{Workspace, cargo};
use crate::session::Session;
use crate::shell;
use api::{Item, items};

/// The packages with an interface of their own; that of `windlass-macros` is re-exported by `windlass`.
const PACKAGES: [&str; 3] = ["windlass", "windlass-blocking", "windlass-timer"];

/// Items that have no example, each with the reason.
const EXCEPTIONS: &[(&str, &str)] = &[];

pub(crate) fn routine(session: &mut Session, options: Options) -> Result<(), Failure> {
    options.end()?;
    examples(session)
}

/// Looks whether the documentation has an example of everything.
pub(crate) fn examples(session: &mut Session) -> Result<(), Failure> {
    session.step("examples", "cargo xtask examples", || {
        let folder = Workspace::load()?.target("doc")?;
        let mut all = Vec::new();
        for package in PACKAGES {
            let mut command = cargo();
            command
                .args(["rustdoc", "--quiet", "--package", package, "--all-features", "--"])
                .args(["-Zunstable-options", "--output-format=json"])
                .env("RUSTC_BOOTSTRAP", "1");
            shell::run(&mut command)?;
            let path = folder.join(format!("{}.json", package.replace('-', "_")));
            let text = std::fs::read_to_string(&path).map_err(on_path("read", &path))?;
            let json: Value = serde_json::from_str(&text)
                .map_err(|error| Failure::new(format!("cannot read what rustdoc wrote: {error}")))?;
            all.extend(items(&json).map_err(|what| {
                Failure::new(format!("rustdoc's JSON is not as expected: {what}"))
                    .fix("look at `xtask/src/examples/api.rs` beside the format's description in the crate `rustdoc-types`")
            })?);
        }
        judge(&all)
    })
}

fn judge(all: &[Item]) -> Result<(), Failure> {
    if all.len() < 500 {
        return Err(Failure::new(format!(
            "only {} public items were found: the check looks past them",
            all.len()
        )));
    }
    let excepted = |item: &Item| EXCEPTIONS.iter().any(|(path, _)| *path == item.path);
    let missing: Vec<_> = all.iter().filter(|item| !item.covered && !excepted(item)).collect();
    let stale: Vec<_> = EXCEPTIONS
        .iter()
        .filter(|(path, _)| !all.iter().any(|item| item.path == *path && !item.covered))
        .map(|(path, _)| *path)
        .collect();
    if !stale.is_empty() {
        return Err(Failure::new(format!("exceptions that are none: {}", stale.join(", "))));
    }
    if missing.is_empty() {
        println!("{} public items, each used by an example", all.len() - EXCEPTIONS.len());
        return Ok(());
    }
    let mut by_file: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for item in &missing {
        by_file.entry(&item.file).or_default().push(&item.path);
    }
    for (file, paths) in by_file {
        println!("{file}");
        for path in paths {
            println!("    {path}");
        }
    }
    Err(Failure::new(format!("{} of {} public items are used by no example", missing.len(), all.len()))
        .fix("write one in the item's documentation, or use it in an example of its type or module (CONTRIBUTING.md, \"Examples\")"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(path: &str, covered: bool) -> Item {
        Item { path: path.to_string(), file: "lib.rs".to_string(), covered }
    }

    #[test]
    fn one_item_without_an_example_fails_the_check() {
        let mut all: Vec<_> = (0..600).map(|n| item(&format!("a::f{n}"), true)).collect();
        assert!(judge(&all).is_ok());
        all.push(item("a::bare", false));
        let failure = judge(&all).unwrap_err().to_string();
        assert!(failure.contains("1 of 601"), "{failure}");
    }

    #[test]
    fn a_check_that_finds_next_to_nothing_fails() {
        assert!(judge(&[item("a::f", true)]).is_err());
    }
}

//! What the tests say about CPython's cases.
//!
//! `/// ported: CASE` stands before the test that observes what the case observes. `different: CASE: REASON` and
//! `inexpressible: CASE: REASON` stand in the head of a file, or before the test that shows what is different.

use std::collections::BTreeSet;

use crate::failure::Failure;

/// The macros whose tests run on current-thread and on 1, 2 and 8 workers.
const FLAVORS: [&str; 2] = ["on_conformance_flavors!(", "in_a_task_on_conformance_flavors!("];

/// What became of a case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    Ported,
    Different,
    Inexpressible,
}

impl Fate {
    const ALL: [(&str, Fate); 3] = [
        ("ported: ", Fate::Ported),
        ("different: ", Fate::Different),
        ("inexpressible: ", Fate::Inexpressible),
    ];
}

/// One line of a test's comments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Annotation {
    /// `file::Class::case`.
    pub(crate) case: String,
    pub(crate) fate: Fate,
    /// Why it is not ported.
    pub(crate) reason: String,
    /// The test's file, without `.rs`.
    pub(crate) file: String,
    /// The test, where the line stands before one.
    pub(crate) test: Option<String>,
}

impl Annotation {
    pub(crate) fn is_ported(&self) -> bool {
        self.fate == Fate::Ported
    }
}

/// All of one file.
pub(crate) fn in_source(file: &str, source: &str) -> Result<Vec<Annotation>, Failure> {
    let listed = listed(source);
    let (mut found, mut waiting) = (Vec::new(), Vec::new());
    for (number, line) in source.lines().enumerate() {
        let wrong = |what: &str| Failure::new(format!("{TESTS}{file}.rs:{}: {what}", number + 1));
        if let Some(comment) = line.strip_prefix("//! ") {
            found.extend(annotation(file, comment).map_err(wrong)?);
        } else if let Some(comment) = line.strip_prefix("/// ") {
            waiting.extend(annotation(file, comment).map_err(wrong)?);
        } else if let Some(name) = function(line) {
            if waiting.iter().any(Annotation::is_ported) && !listed.contains(name) {
                return Err(wrong(&format!("`{name}` is a ported case but not on the conformance flavours")));
            }
            found.extend(waiting.drain(..).map(|found| Annotation { test: Some(name.to_string()), ..found }));
        }
    }
    match found.iter().chain(&waiting).find(|found| found.is_ported() && found.test.is_none()) {
        Some(stray) => Err(Failure::new(format!("{TESTS}{file}.rs: {} stands before no test", stray.case))),
        None => Ok(found),
    }
}

const TESTS: &str = "tests/tests/";

fn annotation(file: &str, comment: &str) -> Result<Option<Annotation>, &'static str> {
    for (word, fate) in Fate::ALL {
        let Some(rest) = comment.strip_prefix(word) else { continue };
        let (case, reason) = rest.split_once(": ").unwrap_or((rest, ""));
        let (case, reason) = (case.trim().to_string(), reason.trim().to_string());
        if (fate == Fate::Ported) != reason.is_empty() {
            return Err("what is ported needs no reason, and what is not ported needs one");
        }
        return Ok(Some(Annotation { case, fate, reason, file: file.to_string(), test: None }));
    }
    Ok(None)
}

/// The name of the function that begins at this line.
fn function(line: &str) -> Option<&str> {
    let rest = line.strip_prefix("fn ")?;
    rest.split(['(', '<']).next()
}

/// The tests that run on all flavours.
fn listed(source: &str) -> BTreeSet<&str> {
    let mut names = BTreeSet::new();
    let mut inside = false;
    for line in source.lines() {
        let mut rest = line;
        if let Some(after) = FLAVORS.iter().find_map(|opening| line.strip_prefix(opening)) {
            (inside, rest) = (true, after);
        }
        if inside {
            let end = rest.find(')');
            let names_here = rest[..end.unwrap_or(rest.len())].split(',').map(str::trim);
            names.extend(names_here.filter(|name| !name.is_empty()));
            inside = end.is_none();
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCE: &str = "\
//! Things.
//!
//! different: test_a.py::A::test_two: it is better
use x;
on_conformance_flavors!(one, two);
in_a_task_on_conformance_flavors!(
    three,
);
/// ported: test_a.py::A::test_one
/// ported: test_a.py::A::test_uno
fn one(flavor: Flavor) {}
fn two(flavor: Flavor) {}
/// inexpressible: test_a.py::A::test_three: there is no such thing
fn three() {}
";

    #[test]
    fn every_line_is_found_with_its_test() {
        let found = in_source("aio", SOURCE).unwrap();
        let cases: Vec<_> =
            found.iter().map(|found| (&found.case[14..], found.fate, found.test.as_deref())).collect();
        assert_eq!(
            cases,
            [
                ("test_two", Fate::Different, None),
                ("test_one", Fate::Ported, Some("one")),
                ("test_uno", Fate::Ported, Some("one")),
                ("test_three", Fate::Inexpressible, Some("three")),
            ]
        );
        assert_eq!(found[0].reason, "it is better");
    }

    fn refused(from: &str, to: &str) -> String {
        in_source("aio", &SOURCE.replace(from, to)).unwrap_err().to_string()
    }

    #[test]
    fn what_does_not_run_everywhere_is_refused() {
        assert!(refused("(one, two)", "(two)").contains("`one` is a ported case but not on the conformance"));
    }

    #[test]
    fn reasons_are_for_what_is_not_ported() {
        assert!(refused("test_two: it is better", "test_two").contains("rs:3: what is ported needs no"));
        assert!(refused("test_one\n", "test_one: why\n").contains("rs:9: what is ported needs no"));
    }

    #[test]
    fn what_is_ported_stands_before_a_test() {
        assert!(
            refused("//! different: test_a.py::A::test_two: it is better", "//! ported: test_a.py::A::b")
                .contains("test_a.py::A::b stands before no test")
        );
    }
}

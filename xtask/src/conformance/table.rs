//! The cases with what became of them, as a document.

use std::collections::BTreeMap;
use std::fmt;

use super::annotations::{Annotation, Fate};
use crate::failure::Failure;

/// How many mistakes are shown at a time.
const SHOWN: usize = 20;

/// Every case, each with its one annotation.
#[derive(Debug)]
pub(crate) struct Table {
    rows: Vec<Row>,
}

#[derive(Debug)]
struct Row {
    file: String,
    /// `Class::case`.
    case: String,
    annotation: Annotation,
}

impl Table {
    /// Joins the two; a case without an annotation, an annotation of no case and doubles are mistakes.
    pub(crate) fn new(cases: &str, annotations: &[Annotation]) -> Result<Self, Failure> {
        let mut mistakes = Vec::new();
        let mut by_case: BTreeMap<&str, &Annotation> = BTreeMap::new();
        for annotation in annotations {
            if let Some(first) = by_case.insert(&annotation.case, annotation) {
                let files = format!("in {}.rs and in {}.rs", first.file, annotation.file);
                mistakes.push(format!("{} is annotated twice, {files}", annotation.case));
            }
        }
        let mut rows = Vec::new();
        for line in cases.lines().filter(|line| !line.starts_with('#')) {
            match (by_case.remove(line), line.split_once("::")) {
                (Some(annotation), Some((file, case))) => rows.push(Row {
                    file: file.to_string(),
                    case: case.to_string(),
                    annotation: annotation.clone(),
                }),
                _ => mistakes.push(format!("{line} is not annotated, or listed twice")),
            }
        }
        for (case, annotation) in by_case {
            mistakes.push(format!("{case}, of which {}.rs speaks, is no case", annotation.file));
        }
        if mistakes.is_empty() {
            return Ok(Table { rows });
        }
        let shown = &mistakes[..mistakes.len().min(SHOWN)];
        Err(Failure::new(format!("mistakes: {}, such as\n     {}", mistakes.len(), shown.join("\n     ")))
            .fix("tests/tests/*.rs have the annotations, and tests/conformance/cases.txt the cases"))
    }

    /// The totals, in a line.
    pub(crate) fn summary(&self) -> String {
        let [ported, different, inexpressible] = counts(self.rows.iter());
        let all = self.rows.len();
        format!(
            "{all} cases: {ported} ported, {different} different on purpose, {inexpressible} inexpressible"
        )
    }

    /// The files, in order.
    fn files(&self) -> Vec<&str> {
        let mut files: Vec<&str> = self.rows.iter().map(|row| row.file.as_str()).collect();
        files.dedup();
        files
    }

    fn of(&self, file: &str) -> impl Iterator<Item = &Row> {
        self.rows.iter().filter(move |row| row.file == file)
    }
}

fn counts<'a>(rows: impl Iterator<Item = &'a Row>) -> [usize; 3] {
    let mut counts = [0; 3];
    for row in rows {
        counts[match row.annotation.fate {
            Fate::Ported => 0,
            Fate::Different => 1,
            Fate::Inexpressible => 2,
        }] += 1;
    }
    counts
}

const HEAD: &str = "\
# Conformance with asyncio

What became of every case of CPython 3.13.0's tests of asyncio's tasks, groups, timeouts, locks, queues, futures, runners and
threads. This file is made by `cargo xtask conformance` of the annotations in `tests/tests/*.rs` and of `tests/conformance/cases.txt`,
and `cargo xtask ci` fails where it is not what they say.

**ported**: the test named observes, in Rust's terms, what the case observes. It runs on a current-thread runtime and on 1, 2 and 8 workers.
**different**: what the case observes is otherwise here, on purpose. **inexpressible**: what the case does cannot be written in
Rust, or what it looks at does not exist.

";

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(HEAD)?;
        f.write_str(
            "| file | cases | ported | different | inexpressible |\n| --- | --: | --: | --: | --: |\n",
        )?;
        for file in self.files() {
            let [ported, different, inexpressible] = counts(self.of(file));
            let all = ported + different + inexpressible;
            writeln!(f, "| {file} | {all} | {ported} | {different} | {inexpressible} |")?;
        }
        let [ported, different, inexpressible] = counts(self.rows.iter());
        writeln!(f, "| all | {} | {ported} | {different} | {inexpressible} |", self.rows.len())?;
        f.write_str("\n| file | case | what became of it | test, or reason |\n| --- | --- | --- | --- |\n")?;
        for Row { file, case, annotation } in &self.rows {
            let test = annotation.test.as_ref().map(|test| format!("`{}::{test}`", annotation.file));
            let (fate, why) = match annotation.fate {
                Fate::Ported => ("ported", test.unwrap_or_default()),
                Fate::Different => ("different", reason(annotation, test)),
                Fate::Inexpressible => ("inexpressible", reason(annotation, test)),
            };
            writeln!(f, "| {file} | {case} | {fate} | {why} |")?;
        }
        Ok(())
    }
}

fn reason(annotation: &Annotation, test: Option<String>) -> String {
    match test {
        Some(test) => format!("{} ({test})", annotation.reason),
        None => annotation.reason.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn annotation(case: &str, fate: Fate) -> Annotation {
        let test = (fate == Fate::Ported).then(|| "it".to_string());
        Annotation { case: case.to_string(), fate, reason: "so".to_string(), file: "aio".to_string(), test }
    }

    const CASES: &str = "# cases\na.py::A::one\na.py::A::two\nb.py::B::one\n";

    fn all() -> Vec<Annotation> {
        vec![
            annotation("a.py::A::two", Fate::Different),
            annotation("b.py::B::one", Fate::Inexpressible),
            annotation("a.py::A::one", Fate::Ported),
        ]
    }

    #[test]
    fn rows_come_in_the_order_of_the_cases() {
        let table = Table::new(CASES, &all()).unwrap();
        let text = table.to_string();
        assert!(text.ends_with(
            "| a.py | A::one | ported | `aio::it` |\n| a.py | A::two | different | so |\n\
             | b.py | B::one | inexpressible | so |\n"
        ));
        assert!(
            text.contains("| a.py | 2 | 1 | 1 | 0 |\n| b.py | 1 | 0 | 0 | 1 |\n| all | 3 | 1 | 1 | 1 |\n")
        );
        assert_eq!(table.summary(), "3 cases: 1 ported, 1 different on purpose, 1 inexpressible");
    }

    #[test]
    fn every_mistake_is_named() {
        let mut annotations = all();
        annotations.push(annotations[0].clone());
        annotations[1].case = "b.py::B::none".to_string();
        let text = Table::new(CASES, &annotations).unwrap_err().to_string();
        assert!(text.contains("mistakes: 3"), "{text}");
        assert!(text.contains("a.py::A::two is annotated twice, in aio.rs and in aio.rs"), "{text}");
        assert!(text.contains("b.py::B::one is not annotated"), "{text}");
        assert!(text.contains("b.py::B::none, of which aio.rs speaks, is no case"), "{text}");
    }
}

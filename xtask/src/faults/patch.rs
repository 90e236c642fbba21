//! Putting a fault into a source file.

use super::list::Fault;
use crate::failure::Failure;

/// The file's text with the fault in it. The lines looked for must be there exactly once.
pub(crate) fn apply(fault: &Fault, text: &str) -> Result<String, Failure> {
    let lines: Vec<&str> = text.lines().collect();
    let size = fault.before.len();
    let found: Vec<usize> = (0..(lines.len() + 1).saturating_sub(size))
        .filter(|&at| {
            lines[at..at + size].iter().zip(&fault.before).all(|(line, wanted)| line.trim() == wanted.trim())
        })
        .collect();
    let at = match found.as_slice() {
        [at] => *at,
        [] => return Err(wrong(fault, "are nowhere in").fix("the source has moved on: write the fault anew")),
        many => {
            let numbers: Vec<String> = many.iter().map(|at| (at + 1).to_string()).collect();
            let what = format!("are at lines {} of", numbers.join(", "));
            return Err(wrong(fault, &what).fix("add lines of context to the fault until it fits one place"));
        }
    };
    let mut changed: Vec<&str> = lines[..at].to_vec();
    changed.extend(fault.after.iter().map(String::as_str));
    changed.extend(&lines[at + size..]);
    Ok(changed.join("\n") + "\n")
}

fn wrong(fault: &Fault, what: &str) -> Failure {
    Failure::new(format!(
        "loom-tests/FAULTS.md, line {}: the lines of the fault `{}` {what} {}",
        fault.line, fault.name, fault.file
    ))
}

#[cfg(test)]
mod tests {
    use super::super::list::Kind;
    use super::*;

    fn fault(before: &[&str], after: &[&str]) -> Fault {
        let owned = |lines: &[&str]| lines.iter().map(ToString::to_string).collect();
        Fault {
            name: "it".into(),
            line: 7,
            file: "a.rs".into(),
            model: String::new(),
            assertion: String::new(),
            kind: Kind::Other,
            preemptions: None,
            before: owned(before),
            after: owned(after),
        }
    }

    const TEXT: &str = "fn a() {\n    one();\n    two();\n}\nfn b() {\n    two();\n}\n";

    #[test]
    fn the_one_place_is_changed() {
        let changed = apply(&fault(&["one();", "two();"], &["one();"]), TEXT).unwrap();
        assert_eq!(changed, "fn a() {\none();\n}\nfn b() {\n    two();\n}\n");
        let changed = apply(&fault(&["fn b() {"], &["fn c() {", "  more();"]), TEXT).unwrap();
        assert!(changed.contains("}\nfn c() {\n  more();\n    two();"), "{changed}");
        assert_eq!(apply(&fault(&["one();"], &[]), TEXT).unwrap().lines().count(), 6);
    }

    #[test]
    fn no_place_and_many_places_are_errors() {
        let none = apply(&fault(&["three();"], &[]), TEXT).unwrap_err().to_string();
        assert!(none.contains("line 7") && none.contains("nowhere in a.rs"), "{none}");
        let many = apply(&fault(&["two();"], &[]), TEXT).unwrap_err().to_string();
        assert!(many.contains("at lines 3, 6 of a.rs"), "{many}");
        let longer = apply(&fault(&["x"; 20], &[]), TEXT).unwrap_err().to_string();
        assert!(longer.contains("nowhere"), "{longer}");
    }

    #[test]
    fn part_of_a_line_is_not_the_line() {
        assert!(apply(&fault(&["one()"], &[]), TEXT).is_err());
    }
}

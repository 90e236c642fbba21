//! What failing tests have said, kept to be said again at the end, where nobody has to look for it among thousands of lines.

/// How many lines of one program's failures are kept: the message is first, what follows may be a long backtrace for each test.
const KEPT: usize = 60;

/// The failures of all programs so far.
#[derive(Debug, Default)]
pub(crate) struct Failures {
    lines: Vec<String>,
    /// How many lines of the program that is listing its failures are kept by now, while it is.
    of_this: Option<usize>,
}

impl Failures {
    /// Takes one line of output. A program lists its failures after a line `failures:`: first what each test wrote, then, after the same
    /// line again, their names; and ends with its result.
    pub(crate) fn see(&mut self, line: &str) {
        match self.of_this {
            None if line == "failures:" => self.of_this = Some(0),
            None => {}
            Some(_) if line.starts_with("test result: ") => self.of_this = None,
            Some(kept) if kept < KEPT => {
                self.lines.push(line.to_owned());
                self.of_this = Some(kept + 1);
            }
            Some(KEPT) => {
                self.lines.push("[...]".to_owned());
                self.of_this = Some(KEPT + 1);
            }
            Some(_) => {}
        }
    }
}

impl std::fmt::Display for Failures {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if !self.lines.is_empty() {
            writeln!(f, "\n── what failed {}", "─".repeat(58))?;
        }
        self.lines.iter().try_for_each(|line| writeln!(f, "{line}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(output: &[&str]) -> String {
        let mut failures = Failures::default();
        output.iter().for_each(|line| failures.see(line));
        failures.to_string()
    }

    #[test]
    fn only_what_failed_is_said_again() {
        let text = shown(&[
            "test one ... ok",
            "test two ... FAILED",
            "failures:",
            "---- two stdout ----",
            "panicked: no",
            "failures:",
            "    two",
            "test result: FAILED. 1 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s",
            "test three ... ok",
        ]);
        for (part, is_there) in
            [("panicked: no", true), ("    two", true), ("one", false), ("three", false), ("result", false)]
        {
            assert_eq!(text.contains(part), is_there, "{part} in {text}");
        }
    }

    #[test]
    fn a_long_backtrace_hides_no_other_programs_failure() {
        let long = vec!["at some place"; 1_000];
        let result = "test result: FAILED. 0 passed; 1 failed; 0 ignored";
        let output = [&["failures:"][..], &long, &[result, "failures:", "panicked: no", result]].concat();
        let text = shown(&output);
        assert!(text.contains("panicked: no") && text.lines().count() < 100, "{text}");
    }

    #[test]
    fn nothing_is_said_where_nothing_failed() {
        assert_eq!(shown(&["test one ... ok", "test result: ok. 1 passed; 0 failed"]), "");
    }
}

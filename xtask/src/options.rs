//! A routine's options, taken one by one; what is left over at the end is an error.

use std::str::FromStr;

use crate::failure::Failure;

/// What stood after the routine's name.
#[derive(Debug)]
pub(crate) struct Options {
    routine: String,
    left: Vec<String>,
}

impl Options {
    pub(crate) fn new(routine: &str, args: Vec<String>) -> Self {
        Options { routine: routine.to_string(), left: args }
    }

    /// Whether `--name` was given.
    pub(crate) fn flag(&mut self, name: &str) -> bool {
        let before = self.left.len();
        self.left.retain(|arg| arg != name);
        self.left.len() < before
    }

    /// The value of `--name VALUE` or `--name=VALUE`.
    pub(crate) fn value<T: FromStr>(&mut self, name: &str) -> Result<Option<T>, Failure> {
        let prefix = format!("{name}=");
        let Some(at) = self.left.iter().position(|arg| arg == name || arg.starts_with(&prefix)) else {
            return Ok(None);
        };
        let arg = self.left.remove(at);
        let text = match arg.strip_prefix(&prefix) {
            Some(text) => text.to_string(),
            None if at < self.left.len() => self.left.remove(at),
            None => return Err(self.wrong(format!("`{name}` needs a value"))),
        };
        match text.parse() {
            Ok(value) => Ok(Some(value)),
            Err(_) => Err(self.wrong(format!("`{text}` cannot be the value of `{name}`"))),
        }
    }

    /// The next argument that is no option.
    pub(crate) fn word(&mut self) -> Option<String> {
        let at = self.left.iter().position(|arg| !arg.starts_with('-'))?;
        Some(self.left.remove(at))
    }

    /// Everything, for a routine that passes it on.
    pub(crate) fn all(self) -> Vec<String> {
        self.left
    }

    /// Refuses what nothing has taken.
    pub(crate) fn end(self) -> Result<(), Failure> {
        match self.left.first() {
            None => Ok(()),
            Some(arg) => Err(self.wrong(format!("`{}` does not take `{arg}`", self.routine))),
        }
    }

    fn wrong(&self, what: String) -> Failure {
        Failure::new(what).fix("`cargo xtask help` shows what each routine takes")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(args: &[&str]) -> Options {
        Options::new("it", args.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn values_come_in_two_forms() {
        let mut given = options(&["--times", "3", "--seed=9", "word", "--all"]);
        assert_eq!(given.value::<u32>("--times").unwrap(), Some(3));
        assert_eq!(given.value::<u64>("--seed").unwrap(), Some(9));
        assert_eq!(given.value::<u64>("--budget").unwrap(), None);
        assert!(given.flag("--all"));
        assert!(!given.flag("--all"));
        assert_eq!(given.word().as_deref(), Some("word"));
        given.end().unwrap();
    }

    #[test]
    fn nonsense_is_named() {
        let text = |failure: Failure| failure.to_string();
        assert!(text(options(&["--times"]).value::<u32>("--times").unwrap_err()).contains("needs a value"));
        assert!(
            text(options(&["--times", "x"]).value::<u32>("--times").unwrap_err()).contains("`x` cannot be")
        );
        assert!(text(options(&["--what"]).end().unwrap_err()).contains("`it` does not take `--what`"));
    }
}

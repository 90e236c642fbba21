//! What went wrong, and what to do about it.

use std::fmt;

/// An error for the person at the terminal: every one says, where it can be known, what to do.
#[derive(Debug)]
pub(crate) struct Failure {
    what: String,
    fixes: Vec<String>,
}

impl Failure {
    pub(crate) fn new(what: impl Into<String>) -> Self {
        Failure { what: what.into(), fixes: Vec::new() }
    }

    /// Adds what to do about it.
    pub(crate) fn fix(mut self, fix: impl Into<String>) -> Self {
        self.fixes.push(fix.into());
        self
    }

    /// Puts `context` before the message, as in `context: message`.
    pub(crate) fn in_context(mut self, context: &str) -> Self {
        self.what = format!("{context}: {}", self.what);
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "xtask: {}", self.what)?;
        for fix in &self.fixes {
            write!(f, "\n  -> {fix}")?;
        }
        Ok(())
    }
}

/// Names the operation and the path an [`io::Error`](std::io::Error) leaves out.
pub(crate) fn on_path<'a>(
    what: &'a str,
    path: &'a std::path::Path,
) -> impl FnOnce(std::io::Error) -> Failure + 'a {
    move |error| Failure::new(format!("cannot {what} {}: {error}", path.display()))
}

//! Reading `loom-tests/FAULTS.md`; the file itself says how it is written.

use crate::failure::Failure;

/// What kind of thing a fault takes away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Ordering,
    Fence,
    Recheck,
    Other,
}

impl Kind {
    fn named(name: &str) -> Option<Self> {
        Some(match name {
            "ordering" => Kind::Ordering,
            "fence" => Kind::Fence,
            "recheck" => Kind::Recheck,
            "other" => Kind::Other,
            _ => return None,
        })
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Kind::Ordering => "ordering",
            Kind::Fence => "fence",
            Kind::Recheck => "recheck",
            Kind::Other => "other",
        }
    }
}

/// One fault: a change to one file, and the model that must notice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) name: String,
    /// The line of its heading, for messages.
    pub(crate) line: usize,
    pub(crate) file: String,
    pub(crate) model: String,
    pub(crate) assertion: String,
    pub(crate) kind: Kind,
    pub(crate) preemptions: Option<u32>,
    /// The lines to be found, and those to put in their place.
    pub(crate) before: Vec<String>,
    pub(crate) after: Vec<String>,
}

/// The whole file.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct List {
    pub(crate) faults: Vec<Fault>,
    /// Tests that are no models, and so need no fault.
    pub(crate) not_models: Vec<String>,
}

/// Which part of the file a line is in.
#[derive(PartialEq, Eq)]
enum Part {
    Prose,
    NotModels,
    Faults,
}

/// Reads the file; every error names its line.
pub(crate) fn parse(text: &str) -> Result<List, Failure> {
    let mut list = List::default();
    let mut part = Part::Prose;
    let mut draft: Option<Draft> = None;
    let mut fence: Option<&str> = None;
    for (at, line) in text.lines().enumerate() {
        let number = at + 1;
        // A fenced block ends only at its own mark; nothing in one is a heading.
        if let Some(mark) = fence {
            if fence_mark(line).is_some_and(|(closing, info)| closing == mark && info.is_empty()) {
                fence = None;
            } else if let Some(draft) = &mut draft {
                draft.block_line(line, number)?;
            }
            continue;
        }
        if let Some((mark, _)) = fence_mark(line) {
            if let Some(draft) = &mut draft {
                draft.open_block(line, number)?;
            }
            fence = Some(mark);
        } else if let Some(heading) = line.strip_prefix("### ")
            && part == Part::Faults
        {
            finish(&mut list, draft.replace(Draft::new(heading, number)))?;
        } else if let Some(heading) = line.strip_prefix("## ") {
            finish(&mut list, draft.take())?;
            part = match heading.trim() {
                "The faults" => Part::Faults,
                "Not models" => Part::NotModels,
                _ => Part::Prose,
            };
        } else if part == Part::NotModels && line.starts_with("- ") {
            list.not_models.push(
                in_backticks(line)
                    .ok_or_else(|| wrong(number, "a test is named in backticks: - `name`: why"))?
                    .to_string(),
            );
        } else if let Some(draft) = &mut draft {
            draft.line(line, number)?;
        }
    }
    if fence.is_some() {
        return Err(wrong(text.lines().count(), "a fenced block is still open at the end of the file"));
    }
    finish(&mut list, draft)?;
    Ok(list)
}

fn finish(list: &mut List, draft: Option<Draft>) -> Result<(), Failure> {
    let Some(draft) = draft else { return Ok(()) };
    let fault = draft.finish()?;
    if list.faults.iter().any(|other| other.name == fault.name) {
        return Err(wrong(fault.line, &format!("there is a fault `{}` already", fault.name)));
    }
    list.faults.push(fault);
    Ok(())
}

/// A fault whose section is still being read.
struct Draft {
    name: String,
    line: usize,
    file: Option<String>,
    model: Option<String>,
    assertion: Option<String>,
    kind: Option<Kind>,
    preemptions: Option<u32>,
    diff: Option<Diff>,
    /// Whether the block being read is the `diff`.
    in_diff: bool,
}

#[derive(Default)]
struct Diff {
    before: Vec<String>,
    after: Vec<String>,
}

impl Draft {
    fn new(heading: &str, line: usize) -> Self {
        let name = heading.trim().trim_matches('`').to_string();
        let (file, model, assertion, kind, preemptions, diff) = (None, None, None, None, None, None);
        Draft { name, line, file, model, assertion, kind, preemptions, diff, in_diff: false }
    }

    /// A line outside of any block: one of the fields, or prose.
    fn line(&mut self, line: &str, number: usize) -> Result<(), Failure> {
        let Some((field, value)) = line.strip_prefix("- ").and_then(|item| item.split_once(':')) else {
            return Ok(());
        };
        match field {
            "file" => put(&mut self.file, Some(quoted(value)), field, number),
            "model" => put(&mut self.model, Some(quoted(value)), field, number),
            "assertion" => put(&mut self.assertion, Some(quoted(value)), field, number),
            "kind" => put(&mut self.kind, Kind::named(&quoted(value)), field, number),
            "preemptions" => put(&mut self.preemptions, quoted(value).parse().ok(), field, number),
            _ => {
                Err(wrong(number, &format!("a fault has no `{field}`; prose does not begin with `- word:`")))
            }
        }
    }

    fn open_block(&mut self, line: &str, number: usize) -> Result<(), Failure> {
        self.in_diff = fence_mark(line).is_some_and(|(_, info)| info == "diff");
        if self.in_diff && self.diff.replace(Diff::default()).is_some() {
            return Err(wrong(number, "a fault has one `diff` block"));
        }
        Ok(())
    }

    fn block_line(&mut self, line: &str, number: usize) -> Result<(), Failure> {
        let Some(diff) = self.diff.as_mut().filter(|_| self.in_diff) else { return Ok(()) };
        let mut chars = line.chars();
        let (mark, rest) = (chars.next(), chars.as_str().to_string());
        match mark {
            Some('-') => diff.before.push(rest),
            Some('+') => diff.after.push(rest),
            Some(' ') | None => {
                diff.before.push(rest.clone());
                diff.after.push(rest);
            }
            Some(_) => return Err(wrong(number, "a line of a `diff` block begins with `-`, `+` or a space")),
        }
        Ok(())
    }

    fn finish(self) -> Result<Fault, Failure> {
        let Draft { name, line, .. } = self;
        let missing = |what: &str| wrong(line, &format!("the fault `{name}` has no {what}"));
        let diff = self.diff.ok_or_else(|| missing("`diff` block"))?;
        if diff.before == diff.after {
            return Err(wrong(line, &format!("the fault `{name}` changes nothing")));
        }
        if diff.before.iter().all(|text| text.trim().is_empty()) {
            return Err(wrong(line, &format!("the fault `{name}` has no line to look for")));
        }
        let file = self.file.ok_or_else(|| missing("`file`"))?;
        let model = self.model.ok_or_else(|| missing("`model`"))?;
        let assertion = self.assertion.ok_or_else(|| missing("`assertion`"))?;
        let kind = self.kind.ok_or_else(|| missing("`kind`"))?;
        let Diff { before, after } = diff;
        Ok(Fault { line, file, model, assertion, kind, preemptions: self.preemptions, before, after, name })
    }
}

/// Fills a field, once, with something.
fn put<T>(slot: &mut Option<T>, value: Option<T>, field: &str, number: usize) -> Result<(), Failure> {
    if slot.is_some() {
        return Err(wrong(number, &format!("`{field}` is there twice")));
    }
    *slot = Some(value.ok_or_else(|| wrong(number, &format!("this cannot be a `{field}`")))?);
    Ok(())
}

/// The value with its backticks taken off.
fn quoted(value: &str) -> String {
    in_backticks(value).unwrap_or(value.trim()).to_string()
}

/// What stands between the first backtick and the next one.
fn in_backticks(text: &str) -> Option<&str> {
    let (_, rest) = text.split_once('`')?;
    Some(rest.split_once('`')?.0)
}

/// The backticks that open or close a block, and what follows them. A line indented by four is text, as Markdown has it.
fn fence_mark(line: &str) -> Option<(&str, &str)> {
    let text = line.trim_start_matches(' ');
    let ticks = text.len() - text.trim_start_matches('`').len();
    (ticks >= 3 && line.len() - text.len() < 4).then(|| (&text[..ticks], text[ticks..].trim()))
}

fn wrong(line: usize, what: &str) -> Failure {
    Failure::new(format!("loom-tests/FAULTS.md, line {line}: {what}"))
        .fix("the head of that file says how a fault is written")
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "\
# Faults

```markdown
### not-this-one
    ```diff
    nothing
    ```
```

## Not models

- `floor::of_iterations`: of the harness

## The faults

### `first`

Some words - with a dash.

- file: `runtime/src/a.rs`
- model: `a::b`
- assertion: `it: is lost`
- kind: fence
- preemptions: 4

```diff
 let x = 1;
-fence(SeqCst);
+

 // # end
```

### second
- file: b.rs
- model: `c`
- assertion: `gone`
- kind: `other`

```text
-not the diff
```

```diff
-a
+b
```
";

    fn error(text: &str) -> String {
        parse(text).unwrap_err().to_string()
    }

    #[test]
    fn a_good_file_is_read() {
        let list = parse(GOOD).unwrap();
        assert_eq!(list.not_models, ["floor::of_iterations"]);
        let [first, second] = list.faults.as_slice() else { panic!("{list:?}") };
        assert_eq!(first.name, "first");
        assert_eq!((first.file.as_str(), first.model.as_str()), ("runtime/src/a.rs", "a::b"));
        assert_eq!(
            (first.assertion.as_str(), first.kind, first.preemptions),
            ("it: is lost", Kind::Fence, Some(4))
        );
        assert_eq!(first.before, ["let x = 1;", "fence(SeqCst);", "", "// # end"]);
        assert_eq!(first.after, ["let x = 1;", "", "", "// # end"]);
        assert_eq!(
            (second.before.as_slice(), second.after.as_slice()),
            (&["a".to_string()][..], &["b".to_string()][..])
        );
        assert_eq!((second.file.as_str(), second.kind, second.preemptions), ("b.rs", Kind::Other, None));
    }

    #[test]
    fn an_empty_list_is_a_list() {
        assert_eq!(parse("# Faults\n\n## Not models\n\n## The faults\n").unwrap(), List::default());
    }

    #[test]
    fn what_is_missing_is_named_with_its_line() {
        for field in ["file", "model", "assertion", "kind"] {
            let without: String = GOOD
                .lines()
                .filter(|line| !line.starts_with(&format!("- {field}:")))
                .map(|line| format!("{line}\n"))
                .collect();
            let error = error(&without);
            assert!(error.contains(&format!("the fault `first` has no `{field}`")), "{error}");
            assert!(error.contains("line 16"), "{error}");
        }
    }

    #[test]
    fn mistakes_are_found() {
        let cases = [
            ("- kind: fence", "- kind: fog", "this cannot be a `kind`"),
            ("- kind: fence", "- kind: fence\n- kind: other", "`kind` is there twice"),
            ("- kind: fence", "- kin: fence", "a fault has no `kin`"),
            ("- preemptions: 4", "- preemptions: many", "this cannot be a `preemptions`"),
            ("### second", "### first", "there is a fault `first` already"),
            ("-a\n+b", "-a\n+a", "changes nothing"),
            ("-a\n+b", "+b", "no line to look for"),
            ("-a\n+b", "a", "begins with `-`, `+` or a space"),
            ("-a\n+b\n```", "-a\n+b", "still open"),
            ("```text", "```diff", "one `diff` block"),
            ("- `floor::of_iterations`: of", "- of", "named in backticks"),
        ];
        for (from, to, expected) in cases {
            assert!(GOOD.contains(from), "{from}");
            let error = error(&GOOD.replacen(from, to, 1));
            assert!(error.contains(expected), "{to}: {error}");
        }
    }

    #[test]
    fn the_real_file_is_well_written() {
        let path = crate::place::root().join("loom-tests/FAULTS.md");
        let list = parse(&std::fs::read_to_string(path).unwrap()).unwrap();
        // The example at its head is no fault.
        assert!(list.faults.iter().all(|fault| fault.name != "park-without-recheck" || fault.line > 45));
    }
}

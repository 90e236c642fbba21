//! The examples in a documentation comment.

/// What a reader sees of the code blocks that rustdoc compiles, without comments.
pub(super) fn examples(docs: &str) -> String {
    let mut code = String::new();
    // The fence that ends the block, and whether the block counts.
    let mut block: Option<(&str, bool)> = None;
    for line in docs.lines() {
        let line = line.trim();
        let fence = ["```", "~~~"].into_iter().find(|fence| line.starts_with(fence));
        match (block, fence) {
            (None, Some(fence)) => block = Some((fence, is_compiled(&line[fence.len()..]))),
            (Some((open, _)), Some(fence)) if open == fence => block = None,
            (Some((_, true)), _) if !is_hidden(line) => {
                code.push_str(line.split("//").next().unwrap_or(line));
                code.push('\n');
            }
            _ => {}
        }
    }
    code
}

/// Whether a block with this written after its fence is compiled.
fn is_compiled(info: &str) -> bool {
    const RUST: [&str; 4] = ["rust", "should_panic", "no_run", "compile_fail"];
    info.split([' ', ',']).filter(|word| !word.is_empty()).all(|word| RUST.contains(&word))
}

fn is_hidden(line: &str) -> bool {
    line == "#" || line.starts_with("# ")
}

/// Whether the code uses the name, as a word of its own.
pub(super) fn uses(code: &str, name: &str) -> bool {
    code.split(|c: char| !c.is_alphanumeric() && c != '_').any(|word| word == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DOCS: &str = "\
Mentions `said`.

```
# use a::hidden;
#[attribute]
shown(1); // commented
```

```text
drawn
```

```no_run
serve();
```

after";

    #[test]
    fn only_what_is_compiled_and_seen_counts() {
        let code = examples(DOCS);
        for name in ["shown", "serve", "attribute"] {
            assert!(uses(&code, name), "{name}");
        }
        for name in ["said", "hidden", "commented", "drawn", "after"] {
            assert!(!uses(&code, name), "{name}");
        }
    }

    #[test]
    fn a_part_of_a_word_is_no_use() {
        assert!(uses("a.try_recv()", "try_recv"));
        assert!(!uses("a.try_recv()", "recv"));
    }
}

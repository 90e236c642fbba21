//! The ranges of a file that a request asks for (RFC 9110, section 14).

/// With more the whole file is sent: each costs a header of its own.
const MOST_RANGES: usize = 16;

/// A part of a file that has this part, and is not empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) offset: u64,
    pub(crate) length: u64,
}

impl Span {
    fn end(self) -> u64 {
        self.offset + self.length
    }

    /// The value of `Content-Range` for this part of a file of `size`.
    pub(crate) fn content_range(self, size: u64) -> String {
        format!("bytes {}-{}/{size}", self.offset, self.end() - 1)
    }
}

/// What to send.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Ranges {
    /// The whole: no range was asked for, or none that is to be honoured.
    Whole,
    /// These parts, at least one.
    Parts(Vec<Span>),
    /// Nothing of what was asked for is there.
    Unsatisfiable,
}

/// Reads the value of a `Range` header for a file of `size`.
///
/// One that is not well-formed, or in another unit than bytes, is ignored. Overlapping ranges are merged.
pub(crate) fn parse(value: &str, size: u64) -> Ranges {
    let Some(specs) = strip_unit(value) else { return Ranges::Whole };
    let mut parts = Vec::new();
    let mut asked = 0;
    for spec in specs.split(',').map(|spec| spec.trim_matches([' ', '\t'])).filter(|spec| !spec.is_empty()) {
        asked += 1;
        match parse_spec(spec, size) {
            Some(part) => parts.extend(part),
            None => return Ranges::Whole,
        }
    }
    match (asked, parts.len()) {
        (0, _) => Ranges::Whole,
        // Any suffix of an empty file is the whole of it.
        (_, 0) if size == 0 && specs.trim_start().starts_with('-') => Ranges::Whole,
        (_, 0) => Ranges::Unsatisfiable,
        _ if asked > MOST_RANGES => Ranges::Whole,
        _ => Ranges::Parts(merged(parts)),
    }
}

fn strip_unit(value: &str) -> Option<&str> {
    let (unit, specs) = value.split_once('=')?;
    unit.trim().eq_ignore_ascii_case("bytes").then_some(specs)
}

/// `None` if it is not well-formed, `Some(None)` if the file has nothing of it.
fn parse_spec(spec: &str, size: u64) -> Option<Option<Span>> {
    let (first, last) = spec.split_once('-')?;
    if first.is_empty() {
        let length = number(last)?.min(size);
        return Some((length > 0).then(|| Span { offset: size - length, length }));
    }
    let first = number(first)?;
    let last = if last.is_empty() { u64::MAX } else { number(last)? };
    if last < first {
        return None;
    }
    Some((first < size).then(|| Span { offset: first, length: last.min(size - 1) - first + 1 }))
}

/// A number of digits alone; one that is too large is as good as the largest.
fn number(digits: &str) -> Option<u64> {
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| digits.parse().unwrap_or(u64::MAX))
}

/// In the order asked for, unless some overlap: then in the file's order, those merged.
fn merged(parts: Vec<Span>) -> Vec<Span> {
    let mut sorted = parts.clone();
    sorted.sort_by_key(|part| part.offset);
    if sorted.windows(2).all(|pair| pair[0].end() <= pair[1].offset) {
        return parts;
    }
    let mut merged: Vec<Span> = Vec::with_capacity(sorted.len());
    for part in sorted {
        match merged.last_mut() {
            Some(last) if part.offset <= last.end() => last.length = part.end().max(last.end()) - last.offset,
            _ => merged.push(part),
        }
    }
    merged
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts<const N: usize>(parts: [(u64, u64); N]) -> Ranges {
        Ranges::Parts(parts.map(|(offset, length)| Span { offset, length }).to_vec())
    }

    #[test]
    fn single_ranges() {
        assert_eq!(parse("bytes=0-0", 10), parts([(0, 1)]));
        assert_eq!(parse("bytes=2-5", 10), parts([(2, 4)]));
        assert_eq!(parse("bytes=2-", 10), parts([(2, 8)]));
        assert_eq!(parse("bytes=2-99", 10), parts([(2, 8)]));
        assert_eq!(parse("bytes=-3", 10), parts([(7, 3)]));
        assert_eq!(parse("bytes=-30", 10), parts([(0, 10)]));
        assert_eq!(parse("Bytes= 2-5 ", 10), parts([(2, 4)]));
        assert_eq!(parse("bytes=0-99999999999999999999999", 10), parts([(0, 10)]));
        assert_eq!(Span { offset: 2, length: 4 }.content_range(10), "bytes 2-5/10");
    }

    #[test]
    fn unsatisfiable_ranges() {
        for value in
            ["bytes=10-", "bytes=10-20", "bytes=-0", "bytes=99999999999999999999999-", "bytes=10-,-0"]
        {
            assert_eq!(parse(value, 10), Ranges::Unsatisfiable, "{value}");
        }
        assert_eq!(parse("bytes=0-", 0), Ranges::Unsatisfiable);
        assert_eq!(parse("bytes=-5", 0), Ranges::Whole);
    }

    #[test]
    fn what_is_no_range_is_ignored() {
        for value in [
            "bytes",
            "bytes=",
            "bytes=,",
            "lines=0-1",
            "bytes=5-2",
            "bytes=a-b",
            "bytes=--1",
            "bytes=1",
            "bytes=+1-2",
        ] {
            assert_eq!(parse(value, 10), Ranges::Whole, "{value}");
        }
        assert_eq!(parse("bytes=0-1,x", 10), Ranges::Whole);
    }

    #[test]
    fn many_ranges() {
        assert_eq!(parse("bytes=0-1, 4-5", 10), parts([(0, 2), (4, 2)]));
        assert_eq!(parse("bytes=4-5,0-1", 10), parts([(4, 2), (0, 2)]), "in the order asked for");
        assert_eq!(parse("bytes=0-1,20-30", 10), parts([(0, 2)]));
        assert_eq!(parse("bytes=4-8,0-5,9-9", 10), parts([(0, 10)]), "merged");
        let many = |count| format!("bytes={}", vec!["0-0"; count].join(","));
        assert_eq!(parse(&many(MOST_RANGES), 10), parts([(0, 1)]));
        assert_eq!(parse(&many(MOST_RANGES + 1), 10), Ranges::Whole);
    }
}

//! Which version of a file a client has, and what it wants done about it (RFC 9110, sections 8.8 and 13).

use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::{Duration, SystemTime};

use http::header::{IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE, IF_UNMODIFIED_SINCE};
use http::{HeaderMap, HeaderName};
use rustix::fs::Stat;

/// A file that was written to this recently may be written to again and keep its times.
const UNSETTLED: Duration = Duration::from_secs(2);

/// The last second of the year 9999, the last that a date in HTTP can be.
const LAST_DATE: u64 = 253_402_300_799;

/// What tells one version of a file from another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Validators {
    /// With its quotes.
    tag: String,
    /// Whether the file may change without this changing.
    weak: bool,
    /// In whole seconds; none if it is no date that HTTP can say, or lies in the future.
    modified: Option<SystemTime>,
}

/// What comes of a request's conditions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Send,
    NotModified,
    PreconditionFailed,
}

impl Validators {
    pub(crate) fn new(stat: &Stat, now: SystemTime) -> Validators {
        // The time of the last change tells also a file whose content's time was set back.
        let mut hasher = DefaultHasher::new();
        (stat.st_dev, stat.st_ino, stat.st_size).hash(&mut hasher);
        (stat.st_mtime, stat.st_mtime_nsec, stat.st_ctime, stat.st_ctime_nsec).hash(&mut hasher);

        let seconds = |seconds: i64| u64::try_from(seconds).ok().filter(|&seconds| seconds <= LAST_DATE);
        let date = |at: i64| seconds(at).map(|at| SystemTime::UNIX_EPOCH + Duration::from_secs(at));
        let settled = |at: SystemTime| now.duration_since(at).is_ok_and(|age| age >= UNSETTLED);
        Validators {
            tag: format!("\"{:016x}\"", hasher.finish()),
            weak: !date(stat.st_ctime).is_some_and(settled),
            modified: date(stat.st_mtime).filter(|&modified| modified <= now),
        }
    }

    /// The value of `ETag`.
    pub(crate) fn etag(&self) -> String {
        if self.weak { format!("W/{}", self.tag) } else { self.tag.clone() }
    }

    /// The value of `Last-Modified`.
    pub(crate) fn last_modified(&self) -> Option<String> {
        self.modified.map(httpdate::fmt_http_date)
    }

    /// Weighs the conditions of a GET or HEAD request, in the order of section 13.2.2.
    pub(crate) fn weigh(&self, headers: &HeaderMap) -> Outcome {
        if headers.contains_key(IF_MATCH) {
            if !self.is_listed(headers, IF_MATCH, |tag| !self.weak && !tag.weak) {
                return Outcome::PreconditionFailed;
            }
        } else if let (Some(since), Some(modified)) = (date(headers, IF_UNMODIFIED_SINCE), self.modified)
            && modified > since
        {
            return Outcome::PreconditionFailed;
        }
        if headers.contains_key(IF_NONE_MATCH) {
            if self.is_listed(headers, IF_NONE_MATCH, |_| true) {
                return Outcome::NotModified;
            }
        } else if let (Some(since), Some(modified)) = (date(headers, IF_MODIFIED_SINCE), self.modified)
            && modified <= since
        {
            return Outcome::NotModified;
        }
        Outcome::Send
    }

    /// Whether the ranges asked for are ranges of this version, as far as `If-Range` says.
    pub(crate) fn ranges_apply(&self, headers: &HeaderMap) -> bool {
        let Some(value) = headers.get(IF_RANGE) else { return true };
        if self.weak {
            return false;
        }
        match tags(value.as_bytes()).next() {
            Some(tag) => !tag.weak && tag.opaque == self.tag.as_bytes(),
            None => date(headers, IF_RANGE).is_some_and(|date| Some(date) == self.modified),
        }
    }

    /// Whether a list of tags has this version's, or is `*`. The list may be spread over several headers.
    fn is_listed(&self, headers: &HeaderMap, name: HeaderName, counts: impl Fn(&Tag<'_>) -> bool) -> bool {
        headers.get_all(name).iter().any(|value| {
            value.as_bytes().trim_ascii() == b"*"
                || tags(value.as_bytes()).any(|tag| tag.opaque == self.tag.as_bytes() && counts(&tag))
        })
    }
}

/// The date in a header, if it is one.
fn date(headers: &HeaderMap, name: HeaderName) -> Option<SystemTime> {
    httpdate::parse_http_date(headers.get(name)?.to_str().ok()?.trim()).ok()
}

struct Tag<'a> {
    weak: bool,
    /// With its quotes.
    opaque: &'a [u8],
}

/// The entity tags of a list, as far as it is well-formed. A tag may have commas in it.
fn tags(mut list: &[u8]) -> impl Iterator<Item = Tag<'_>> {
    std::iter::from_fn(move || {
        while let [b' ' | b'\t' | b',', rest @ ..] = list {
            list = rest;
        }
        let weak = list.strip_prefix(b"W/");
        let quoted = weak.unwrap_or(list).strip_prefix(b"\"")?;
        let length = quoted.iter().position(|&byte| byte == b'"')?;
        let opaque = &weak.unwrap_or(list)[..length + 2];
        list = &quoted[length + 1..];
        Some(Tag { weak: weak.is_some(), opaque })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const MODIFIED: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
    const BEFORE: &str = "Sun, 06 Nov 1994 08:49:36 GMT";
    const AFTER: &str = "Sun, 06 Nov 1994 08:49:38 GMT";

    fn file() -> Validators {
        let modified = httpdate::parse_http_date(MODIFIED).unwrap();
        Validators { tag: "\"a,b\"".into(), weak: false, modified: Some(modified) }
    }

    fn headers(headers: &[(HeaderName, &str)]) -> HeaderMap {
        headers.iter().map(|(name, value)| (name.clone(), value.parse().unwrap())).collect()
    }

    fn weigh(file: &Validators, list: &[(HeaderName, &str)]) -> Outcome {
        file.weigh(&headers(list))
    }

    #[test]
    fn none_match() {
        for (value, outcome) in [
            ("*", Outcome::NotModified),
            ("\"a,b\"", Outcome::NotModified),
            ("\"x\", W/\"a,b\"", Outcome::NotModified),
            ("\"a\"", Outcome::Send),
            ("a,b", Outcome::Send),
            ("\"a,b", Outcome::Send),
            ("", Outcome::Send),
        ] {
            assert_eq!(weigh(&file(), &[(IF_NONE_MATCH, value)]), outcome, "{value}");
            let two = [(IF_NONE_MATCH, value), (IF_MODIFIED_SINCE, AFTER)];
            assert_eq!(weigh(&file(), &two), outcome, "{value}, and the date does not count");
        }
    }

    #[test]
    fn matches() {
        for (value, outcome) in [
            ("*", Outcome::Send),
            ("\"x\",\"a,b\"", Outcome::Send),
            ("W/\"a,b\"", Outcome::PreconditionFailed),
            ("\"x\"", Outcome::PreconditionFailed),
        ] {
            assert_eq!(weigh(&file(), &[(IF_MATCH, value)]), outcome, "{value}");
        }
        let weak = Validators { weak: true, ..file() };
        assert_eq!(weigh(&weak, &[(IF_MATCH, "\"a,b\"")]), Outcome::PreconditionFailed);
        let both = [(IF_MATCH, "\"a,b\""), (IF_NONE_MATCH, "\"a,b\"")];
        assert_eq!(weigh(&file(), &both), Outcome::NotModified);
    }

    #[test]
    fn dates() {
        for (value, since, unmodified) in [
            (BEFORE, Outcome::Send, Outcome::PreconditionFailed),
            (MODIFIED, Outcome::NotModified, Outcome::Send),
            (AFTER, Outcome::NotModified, Outcome::Send),
            ("yesterday", Outcome::Send, Outcome::Send),
        ] {
            assert_eq!(weigh(&file(), &[(IF_MODIFIED_SINCE, value)]), since, "{value}");
            assert_eq!(weigh(&file(), &[(IF_UNMODIFIED_SINCE, value)]), unmodified, "{value}");
        }
    }

    #[test]
    fn ranges() {
        for (value, apply) in [
            ("\"a,b\"", true),
            ("W/\"a,b\"", false),
            ("\"x\"", false),
            (MODIFIED, true),
            (BEFORE, false),
            (AFTER, false),
        ] {
            assert_eq!(file().ranges_apply(&headers(&[(IF_RANGE, value)])), apply, "{value}");
        }
        assert!(file().ranges_apply(&HeaderMap::new()));
        let weak = Validators { weak: true, ..file() };
        assert!(!weak.ranges_apply(&headers(&[(IF_RANGE, MODIFIED)])));
    }

    #[test]
    fn times_that_http_cannot_say() {
        let mut stat = rustix::fs::stat("/").unwrap();
        let at = |seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        stat.st_mtime = 1000;
        stat.st_ctime = 1000;
        assert!(Validators::new(&stat, at(1000)).weak, "it may be written to once more in this second");
        let settled = Validators::new(&stat, at(1002));
        assert!(!settled.weak);
        assert_eq!(settled.last_modified().as_deref(), Some("Thu, 01 Jan 1970 00:16:40 GMT"));
        for odd in [-1, 1003, i64::MAX] {
            stat.st_mtime = odd;
            let odd = Validators::new(&stat, at(1002));
            assert_eq!(odd.last_modified(), None);
            assert_ne!(odd.etag(), settled.etag());
        }
    }
}

//! From the target of a request to a path below the root.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;

use http::Uri;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, percent_encode};

/// The longest target that is looked at.
const LONGEST: usize = 8 * 1024;

/// What is not encoded in a path: RFC 3986's unreserved characters.
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A path below the root: names, each decoded once.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct RequestPath {
    names: Vec<Vec<u8>>,
    /// Whether it ends in a slash, and so means a folder.
    pub(crate) folder: bool,
}

/// Why a target is no path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BadPath {
    TooLong,
    /// It cannot be the name of anything.
    Malformed,
    /// It names what no folder can have in it, or what is not shown.
    NotThere,
}

impl RequestPath {
    /// Decodes the path of a request.
    ///
    /// Empty names are skipped, as in `a//b`. Names of `.` and `..` are refused, however they are encoded: a client resolves
    /// them before it asks. What is encoded twice stays encoded once.
    pub(crate) fn of(uri: &Uri, hidden: bool) -> Result<RequestPath, BadPath> {
        let length = uri.path().len() + uri.query().map_or(0, |query| query.len() + 1);
        if length > LONGEST { Err(BadPath::TooLong) } else { Self::parse(uri.path(), hidden) }
    }

    fn parse(path: &str, hidden: bool) -> Result<RequestPath, BadPath> {
        let rest = path.strip_prefix('/').ok_or(BadPath::Malformed)?;
        let mut names = Vec::new();
        for name in rest.split('/').filter(|name| !name.is_empty()) {
            names.push(decode(name, hidden)?);
        }
        Ok(RequestPath { folder: path.ends_with('/'), names })
    }

    /// The path relative to the root, `.` for the root itself.
    pub(crate) fn relative(&self) -> OsString {
        OsString::from_vec(if self.names.is_empty() { b".".to_vec() } else { self.names.join(&b'/') })
    }

    /// The last name.
    pub(crate) fn name(&self) -> &[u8] {
        self.names.last().map_or(b"", Vec::as_slice)
    }

    pub(crate) fn is_root(&self) -> bool {
        self.names.is_empty()
    }

    /// The path as a URL that means the folder. It begins with one slash, so that it never names another host.
    pub(crate) fn folder_url(&self) -> String {
        let mut url = String::from("/");
        for name in &self.names {
            url.push_str(&encode(name));
            url.push('/');
        }
        url
    }

    /// The path for people.
    pub(crate) fn display(&self) -> String {
        self.names.iter().fold(String::from("/"), |mut text, name| {
            text.push_str(&String::from_utf8_lossy(name));
            text.push('/');
            text
        })
    }
}

fn decode(name: &str, hidden: bool) -> Result<Vec<u8>, BadPath> {
    if !is_well_encoded(name.as_bytes()) {
        return Err(BadPath::Malformed);
    }
    let name = percent_decode_str(name).collect::<Vec<u8>>();
    match name.as_slice() {
        b"." | b".." => Err(BadPath::Malformed),
        name if name.contains(&0) => Err(BadPath::Malformed),
        // An encoded slash is part of a name, and no name has one.
        name if name.contains(&b'/') => Err(BadPath::NotThere),
        name if is_hidden(name) && !hidden => Err(BadPath::NotThere),
        _ => Ok(name),
    }
}

/// Whether each `%` has its two digits.
fn is_well_encoded(name: &[u8]) -> bool {
    let hex = |at: usize| name.get(at).is_some_and(u8::is_ascii_hexdigit);
    name.iter().enumerate().all(|(at, &byte)| byte != b'%' || (hex(at + 1) && hex(at + 2)))
}

pub(crate) fn is_hidden(name: &[u8]) -> bool {
    name.starts_with(b".")
}

/// A name as part of a URL.
pub(crate) fn encode(name: &[u8]) -> String {
    percent_encode(name, UNRESERVED).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn relative(path: &str) -> Result<String, BadPath> {
        let path = RequestPath::parse(path, false)?;
        Ok(path.relative().into_string().expect("UTF-8"))
    }

    #[test]
    fn names_are_decoded_once() {
        assert_eq!(relative("/").as_deref(), Ok("."));
        assert_eq!(relative("/a%20b/c.txt").as_deref(), Ok("a b/c.txt"));
        assert_eq!(relative("/%C3%A9t%c3%a9").as_deref(), Ok("été"));
        assert_eq!(relative("/%252e%252e/a").as_deref(), Ok("%2e%2e/a"));
        assert_eq!(relative("//a///b").as_deref(), Ok("a/b"));
    }

    #[test]
    fn what_leads_out_is_refused() {
        for path in ["/..", "/a/../b", "/%2e%2e/a", "/.%2E", "/a/.", "/%2e/", "/a%00b", "/%", "/%2", "/%zz"] {
            assert_eq!(relative(path), Err(BadPath::Malformed), "{path}");
        }
        assert_eq!(relative("/a%2f..%2fb"), Err(BadPath::NotThere));
        assert_eq!(relative("*"), Err(BadPath::Malformed));
        // Of what a backslash or dots mean elsewhere, nothing is known here.
        assert_eq!(relative("/..%5cb"), Err(BadPath::NotThere));
        assert_eq!(relative("/a..").as_deref(), Ok("a.."));
    }

    #[test]
    fn names_with_a_dot_are_shown_on_request() {
        assert_eq!(relative("/.git/config"), Err(BadPath::NotThere));
        let path = RequestPath::parse("/.git/config", true).unwrap();
        assert_eq!(path.relative(), ".git/config");
    }

    #[test]
    fn lengths() {
        let of = |uri: String| RequestPath::of(&uri.parse().unwrap(), false);
        assert!(of(format!("/{}", "a".repeat(LONGEST - 1))).is_ok());
        assert_eq!(of(format!("/{}", "a".repeat(LONGEST))), Err(BadPath::TooLong));
        assert_eq!(of(format!("/?{}", "a".repeat(LONGEST - 1))), Err(BadPath::TooLong));
    }

    #[test]
    fn a_url_comes_back_as_it_went() {
        for path in ["/", "/a/", "/a%20b/%25/%C3%A9/", "/%FF/~x_-/"] {
            let parsed = RequestPath::parse(path, false).unwrap();
            assert!(parsed.folder);
            assert_eq!(parsed.folder_url(), path);
        }
        let elsewhere = RequestPath::parse("//example.com", false).unwrap();
        assert_eq!(elsewhere.folder_url(), "/example.com/");
    }
}

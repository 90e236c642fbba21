//! From a request to its answer: plain code that blocks.

use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use http::header::{
    ACCEPT_RANGES, ALLOW, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_SECURITY_POLICY,
    CONTENT_TYPE, ETAG, HOST, LAST_MODIFIED, LOCATION, RANGE, RETRY_AFTER, X_CONTENT_TYPE_OPTIONS,
};
use http::request::Parts;
use http::{HeaderName, HeaderValue, Method, Response, StatusCode, Version};
use rustix::io::Errno;

use super::body::{Content, FRAME, PIECE, Part};
use super::buffers::Buffers;
use super::conditional::{Outcome, Validators};
use super::listing;
use super::path::{BadPath, RequestPath};
use super::range::{self, Ranges, Span};
use super::root::{Opened, Root};

/// How many headers a request has at most.
pub(crate) const MOST_HEADERS: usize = 100;

const METHODS: HeaderValue = HeaderValue::from_static("GET, HEAD, OPTIONS");
const HTML: HeaderValue = HeaderValue::from_static("text/html; charset=utf-8");

/// A folder page runs nothing and loads nothing, whatever the names in it.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'",
);

/// What is served.
#[derive(Debug)]
pub struct Site {
    root: Root,
    hidden: bool,
    buffers: Arc<Buffers>,
}

/// An answer that is an error, or has nothing to say.
#[derive(Debug)]
struct Refusal {
    status: StatusCode,
    header: Option<(HeaderName, HeaderValue)>,
}

impl From<StatusCode> for Refusal {
    fn from(status: StatusCode) -> Refusal {
        Refusal { status, header: None }
    }
}

impl From<BadPath> for Refusal {
    fn from(bad: BadPath) -> Refusal {
        Refusal::from(match bad {
            BadPath::TooLong => StatusCode::URI_TOO_LONG,
            BadPath::Malformed => StatusCode::BAD_REQUEST,
            BadPath::NotThere => StatusCode::NOT_FOUND,
        })
    }
}

impl From<io::Error> for Refusal {
    fn from(error: io::Error) -> Refusal {
        let Some(error) = Errno::from_io_error(&error) else {
            return StatusCode::INTERNAL_SERVER_ERROR.into();
        };
        match error {
            Errno::NOENT | Errno::NOTDIR | Errno::NAMETOOLONG => StatusCode::NOT_FOUND.into(),
            // Not permitted, a link that leads out of the root or in circles, or a socket.
            Errno::ACCESS | Errno::PERM | Errno::XDEV | Errno::LOOP | Errno::NXIO => {
                StatusCode::FORBIDDEN.into()
            }
            Errno::MFILE | Errno::NFILE | Errno::NOMEM | Errno::BUSY => Refusal {
                status: StatusCode::SERVICE_UNAVAILABLE,
                header: Some((RETRY_AFTER, HeaderValue::from_static("1"))),
            },
            _ => StatusCode::INTERNAL_SERVER_ERROR.into(),
        }
    }
}

impl Site {
    /// What is below `root`, with names that begin with a dot if `hidden`.
    pub fn new(root: Root, hidden: bool) -> Site {
        Site { root, hidden, buffers: Arc::default() }
    }

    /// Answers a request. It blocks.
    pub fn answer(&self, request: &Parts) -> Response<Content> {
        let answer = self.try_answer(request);
        answer.unwrap_or_else(|refusal| refusal.into_answer(request.method == Method::HEAD))
    }

    fn try_answer(&self, request: &Parts) -> Result<Response<Content>, Refusal> {
        // HTTP/1 has this limit before there is a request.
        if request.headers.len() > MOST_HEADERS {
            return Err(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE.into());
        }
        if request.version == Version::HTTP_11 && request.headers.get_all(HOST).iter().count() != 1 {
            return Err(StatusCode::BAD_REQUEST.into());
        }
        match request.method {
            Method::GET | Method::HEAD => {}
            Method::OPTIONS => return Err(Refusal::with(StatusCode::NO_CONTENT, ALLOW, METHODS)),
            _ => return Err(Refusal::with(StatusCode::METHOD_NOT_ALLOWED, ALLOW, METHODS)),
        }
        let path = RequestPath::of(&request.uri, self.hidden)?;
        let relative = path.relative();
        let opened = self.root.open_beneath(&relative)?;
        if !opened.is_folder() {
            // A file has nothing below it.
            return if path.folder {
                Err(StatusCode::NOT_FOUND.into())
            } else {
                self.file(request, opened, path.name())
            };
        }
        if !path.folder {
            let query = request.uri.query().map(|query| format!("?{query}")).unwrap_or_default();
            let location = path.folder_url() + &query;
            return Err(Refusal::with(StatusCode::MOVED_PERMANENTLY, LOCATION, value(location)));
        }
        match self.root.open_beneath(&listing::join(relative, "index.html")) {
            Ok(index) if !index.is_folder() => self.file(request, index, b"index.html"),
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error.into()),
            _ => self.listing(request, opened, &path),
        }
    }

    fn listing(
        &self,
        request: &Parts,
        folder: Opened,
        path: &RequestPath,
    ) -> Result<Response<Content>, Refusal> {
        let page = Bytes::from(listing::render(&self.root, folder.fd, path, self.hidden)?);
        let mut answer = answer(StatusCode::OK, HTML, Content::from(page));
        let headers = answer.headers_mut();
        headers.insert(CONTENT_SECURITY_POLICY, POLICY);
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        Ok(if request.method == Method::HEAD { answer.map(|_| Content::empty()) } else { answer })
    }

    fn file(&self, request: &Parts, file: Opened, name: &[u8]) -> Result<Response<Content>, Refusal> {
        let (size, validators) = (file.size(), Validators::new(&file.stat, SystemTime::now()));
        let status = match validators.weigh(&request.headers) {
            Outcome::Send => StatusCode::OK,
            Outcome::NotModified => StatusCode::NOT_MODIFIED,
            Outcome::PreconditionFailed => return Err(StatusCode::PRECONDITION_FAILED.into()),
        };
        let mut answer = if status == StatusCode::NOT_MODIFIED {
            let mut answer = Response::new(Content::empty());
            *answer.status_mut() = status;
            answer
        } else if request.method == Method::HEAD {
            let mut answer = answer(status, media_type(name), Content::empty());
            answer.headers_mut().insert(CONTENT_LENGTH, size.into());
            answer
        } else {
            self.content(request, file, media_type(name), &validators)?
        };
        let headers = answer.headers_mut();
        headers.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
        headers.insert(ETAG, value(validators.etag()));
        if let Some(modified) = validators.last_modified() {
            headers.insert(LAST_MODIFIED, value(modified));
        }
        Ok(answer)
    }

    /// The file, or the ranges of it that were asked for.
    fn content(
        &self,
        request: &Parts,
        file: Opened,
        media_type: HeaderValue,
        validators: &Validators,
    ) -> Result<Response<Content>, Refusal> {
        let size = file.size();
        let ranges = match request.headers.get(RANGE).and_then(|value| value.to_str().ok()) {
            Some(ranges) if validators.ranges_apply(&request.headers) => range::parse(ranges, size),
            _ => Ranges::Whole,
        };
        let piece = if request.version == Version::HTTP_2 { FRAME } else { PIECE };
        let read = |parts| Content::read(file.fd, &self.buffers, piece, parts);
        match ranges {
            Ranges::Whole if size == 0 => Ok(answer(StatusCode::OK, media_type, Content::empty())),
            Ranges::Whole => {
                let content = read(vec![Part::File(Span { offset: 0, length: size })])?;
                Ok(answer(StatusCode::OK, media_type, content))
            }
            Ranges::Unsatisfiable => {
                let range = value(format!("bytes */{size}"));
                Err(Refusal::with(StatusCode::RANGE_NOT_SATISFIABLE, CONTENT_RANGE, range))
            }
            Ranges::Parts(parts) => match parts[..] {
                [part] => {
                    let content = read(vec![Part::File(part)])?;
                    let mut answer = answer(StatusCode::PARTIAL_CONTENT, media_type, content);
                    answer.headers_mut().insert(CONTENT_RANGE, value(part.content_range(size)));
                    Ok(answer)
                }
                _ => {
                    // Nobody who wrote the file could know it.
                    let boundary = format!("{:032x}", fastrand::u128(..));
                    let content = read(multipart(&parts, &boundary, &media_type, size))?;
                    let media_type = value(format!("multipart/byteranges; boundary={boundary}"));
                    Ok(answer(StatusCode::PARTIAL_CONTENT, media_type, content))
                }
            },
        }
    }
}

fn multipart(parts: &[Span], boundary: &str, media_type: &HeaderValue, size: u64) -> Vec<Part> {
    let mut all = Vec::with_capacity(2 * parts.len() + 1);
    for &part in parts {
        let line = if all.is_empty() { "" } else { "\r\n" };
        let media_type = media_type.to_str().unwrap_or_default();
        let range = part.content_range(size);
        let head =
            format!("{line}--{boundary}\r\nContent-Type: {media_type}\r\nContent-Range: {range}\r\n\r\n");
        all.extend([Part::Text(head.into()), Part::File(part)]);
    }
    all.push(Part::Text(format!("\r\n--{boundary}--\r\n").into()));
    all
}

impl Refusal {
    fn with(status: StatusCode, name: HeaderName, value: HeaderValue) -> Refusal {
        Refusal { status, header: Some((name, value)) }
    }

    fn into_answer(self, head: bool) -> Response<Content> {
        let content = if self.status == StatusCode::NO_CONTENT {
            Content::empty()
        } else {
            let reason = self.status.canonical_reason().unwrap_or_default();
            Content::from(Bytes::from(format!("{} {reason}\n", self.status.as_u16())))
        };
        let mut answer = answer(self.status, HeaderValue::from_static("text/plain; charset=utf-8"), content);
        if self.status == StatusCode::NO_CONTENT {
            answer.headers_mut().clear();
        }
        answer.headers_mut().extend(self.header.map(|(name, value)| (Some(name), value)));
        if head { answer.map(|_| Content::empty()) } else { answer }
    }
}

fn answer(status: StatusCode, media_type: HeaderValue, content: Content) -> Response<Content> {
    let length = content.length;
    let mut answer = Response::new(content);
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    headers.insert(CONTENT_TYPE, media_type);
    headers.insert(CONTENT_LENGTH, length.into());
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    answer
}

/// By the name's ending. Text is taken to be UTF-8.
fn media_type(name: &[u8]) -> HeaderValue {
    match mime_guess::from_path(OsStr::from_bytes(name)).first_raw() {
        Some("text/html") => HTML,
        Some(text) if text.starts_with("text/") => value(format!("{text}; charset=utf-8")),
        Some(other) => HeaderValue::from_static(other),
        None => HeaderValue::from_static("application/octet-stream"),
    }
}

/// A header's value of text without control characters: ours, or of a URL.
fn value(text: String) -> HeaderValue {
    HeaderValue::try_from(text).unwrap_or_else(|_| HeaderValue::from_static(""))
}

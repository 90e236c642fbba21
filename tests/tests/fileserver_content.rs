//! What the file server answers about a file: its bytes, parts of them, and whether they have changed.

use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom, Write};
use std::net::Shutdown;
use std::time::{Duration, SystemTime};

use tempfile::TempDir;
use windlass_tests::fileserver::{Answer, FileServer};
use windlass_tests::served;

served!(
    whole_files,
    heads,
    media_types,
    ranges,
    many_ranges,
    conditions,
    ranges_of_another_version,
    a_file_just_written,
    keep_alive_and_pipelining,
    a_client_that_sends_no_more,
    a_file_that_grows,
    a_file_that_shrinks,
    a_file_that_vanishes,
);

/// More than sockets buffer, and more than one piece.
const LARGE: usize = 16 * 1024 * 1024;

struct Fixture {
    folder: TempDir,
    server: FileServer,
}

impl Fixture {
    /// Files that were last written to an hour ago.
    fn new(files: &[(&str, &[u8])]) -> Fixture {
        let folder = tempfile::tempdir().unwrap();
        for (name, content) in files {
            let path = folder.path().join(name);
            fs::write(&path, content).unwrap();
            File::open(&path).unwrap().set_modified(an_hour_ago()).unwrap();
        }
        let server = FileServer::start(folder.path(), &[]);
        Fixture { folder, server }
    }

    fn get(&self, target: &str, headers: &[(&str, &str)]) -> Answer {
        self.server.get(target, headers)
    }

    /// The answer about a file whose change lies so far back that its tag is a strong one.
    fn settled(&self, target: &str) -> Answer {
        loop {
            let answer = self.get(target, &[]);
            if answer.header("etag").is_some_and(|tag| !tag.starts_with("W/")) {
                return answer;
            }
            std::thread::yield_now();
        }
    }
}

fn an_hour_ago() -> SystemTime {
    SystemTime::now() - Duration::from_secs(3600)
}

/// Bytes that tell where they are from.
fn pattern(length: usize) -> Vec<u8> {
    (0..length).map(|at| (at / 251 + at * 7) as u8).collect()
}

fn whole_files() {
    let sizes = [0, 1, 16 * 1024, 16 * 1024 + 1, 256 * 1024, 256 * 1024 + 1, 3_000_000];
    let contents = sizes.map(pattern);
    let names = sizes.map(|size| size.to_string());
    let files: Vec<(&str, &[u8])> =
        names.iter().map(String::as_str).zip(contents.iter().map(Vec::as_slice)).collect();
    let fixture = Fixture::new(&files);
    for (name, content) in files {
        let answer = fixture.get(&format!("/{name}"), &[]);
        assert_eq!(answer.status, 200);
        assert_eq!(answer.length(), content.len() as u64);
        assert!(answer.body == content, "the bytes of the file of {name}");
        assert_eq!(answer.header("accept-ranges"), Some("bytes"));
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
        assert!(answer.header("date").is_some() && answer.header("last-modified").is_some());
    }
}

fn heads() {
    let fixture = Fixture::new(&[("file.txt", b"hello")]);
    let get = fixture.settled("/file.txt");
    let head = fixture.server.ask("HEAD /file.txt HTTP/1.1", &[("Range", "bytes=0-1")]);
    let without_date =
        |answer: Answer| answer.headers.into_iter().filter(|(name, _)| name != "date").collect::<Vec<_>>();
    assert_eq!(head.status, 200, "ranges are for GET");
    assert_eq!(without_date(head), without_date(get));
    let mut client = fixture.server.connect();
    client.send("HEAD / HTTP/1.1", &[]);
    let page = client.head();
    client.send("GET / HTTP/1.1", &[]);
    assert_eq!(client.answer(false).body.len() as u64, page.length(), "nothing followed the head");
}

fn media_types() {
    let expected = [
        ("a.html", "text/html; charset=utf-8"),
        ("a.css", "text/css; charset=utf-8"),
        ("a.JS", "text/javascript; charset=utf-8"),
        ("a.png", "image/png"),
        ("a.wasm", "application/wasm"),
        ("a.tar.gz", "application/gzip"),
        ("a.svg", "image/svg+xml"),
        ("a", "application/octet-stream"),
        ("a.unknown", "application/octet-stream"),
    ];
    let fixture = Fixture::new(&expected.map(|(name, _)| (name, &b"x"[..])));
    for (name, media_type) in expected {
        assert_eq!(fixture.get(&format!("/{name}"), &[]).header("content-type"), Some(media_type), "{name}");
    }
}

fn ranges() {
    let content = pattern(600_000);
    let fixture = Fixture::new(&[("file", &content), ("empty", b"")]);
    for (range, part) in [
        ("bytes=0-0", 0..1),
        ("bytes=100-199", 100..200),
        ("bytes=599990-", 599_990..600_000),
        ("bytes=-10", 599_990..600_000),
        ("bytes=-9999999", 0..600_000),
        ("bytes=100000-500000", 100_000..500_001),
        ("bytes=599999-700000", 599_999..600_000),
    ] {
        let answer = fixture.get("/file", &[("Range", range)]);
        assert_eq!(answer.status, 206, "{range}");
        let content_range = format!("bytes {}-{}/600000", part.start, part.end - 1);
        assert_eq!(answer.header("content-range"), Some(content_range.as_str()));
        assert!(answer.body == content[part], "{range}");
    }
    for range in ["bytes=600000-", "bytes=-0", "bytes=999999-9999999"] {
        let answer = fixture.get("/file", &[("Range", range)]);
        assert_eq!((answer.status, answer.header("content-range")), (416, Some("bytes */600000")), "{range}");
    }
    for range in ["bytes=5-1", "lines=0-1", "bytes=x", "bytes="] {
        let answer = fixture.get("/file", &[("Range", range)]);
        assert!(answer.status == 200 && answer.body == content, "{range} is none");
    }
    assert_eq!(fixture.get("/empty", &[("Range", "bytes=0-")]).status, 416);
    assert_eq!(fixture.get("/empty", &[("Range", "bytes=-1")]).status, 200);
    assert_eq!(fixture.get("/", &[("Range", "bytes=0-1")]).status, 200, "a page has no ranges");
}

fn many_ranges() {
    let content = pattern(600_000);
    let fixture = Fixture::new(&[("file.txt", &content)]);
    let answer = fixture.get("/file.txt", &[("Range", "bytes=0-9, 300000-599999, 100-109")]);
    assert_eq!(answer.status, 206);
    let boundary =
        answer.header("content-type").unwrap().strip_prefix("multipart/byteranges; boundary=").unwrap();
    let mut expected = Vec::new();
    for part in [0..10, 300_000..600_000, 100..110] {
        let (first, last) = (part.start, part.end - 1);
        let line = if expected.is_empty() { "" } else { "\r\n" };
        let head = format!(
            "{line}--{boundary}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Range: bytes {first}-{last}/600000\r\n\r\n"
        );
        expected.extend(head.as_bytes());
        expected.extend(&content[part]);
    }
    expected.extend(format!("\r\n--{boundary}--\r\n").as_bytes());
    assert_eq!(answer.length(), expected.len() as u64);
    assert!(answer.body == expected);

    let merged = fixture.get("/file.txt", &[("Range", "bytes=5-20,0-9")]);
    assert_eq!(merged.header("content-range"), Some("bytes 0-20/600000"));
    let many = format!("bytes={}", (0..1000).map(|at| format!("{at}-{at}")).collect::<Vec<_>>().join(","));
    let answer = fixture.get("/file.txt", &[("Range", &many)]);
    assert!(answer.status == 200 && answer.body == content, "too many are none");
}

fn conditions() {
    let fixture = Fixture::new(&[("file", b"hello")]);
    let answer = fixture.settled("/file");
    let (tag, date) = (answer.header("etag").unwrap(), answer.header("last-modified").unwrap());
    let weak = format!("W/{tag}");
    let (before, after) = ("Sun, 06 Nov 1994 08:49:37 GMT", "Fri, 31 Dec 2100 00:00:00 GMT");
    for (header, value, status) in [
        ("If-None-Match", tag, 304),
        ("If-None-Match", &weak, 304),
        ("If-None-Match", "*", 304),
        ("If-None-Match", "\"other\"", 200),
        ("If-Modified-Since", date, 304),
        ("If-Modified-Since", after, 304),
        ("If-Modified-Since", before, 200),
        ("If-Modified-Since", "nonsense", 200),
        ("If-Match", tag, 200),
        ("If-Match", "*", 200),
        ("If-Match", &weak, 412),
        ("If-Match", "\"other\"", 412),
        ("If-Unmodified-Since", date, 200),
        ("If-Unmodified-Since", before, 412),
    ] {
        let answer = fixture.get("/file", &[(header, value)]);
        assert_eq!(answer.status, status, "{header}: {value}");
        if status == 304 {
            assert_eq!((answer.header("etag"), answer.header("last-modified")), (Some(tag), Some(date)));
            assert_eq!(answer.length(), 0, "{answer:?}");
        }
    }
    let both = fixture.get("/file", &[("If-None-Match", "\"other\""), ("If-Modified-Since", after)]);
    assert_eq!(both.status, 200, "a tag counts more than a date");
    assert_eq!(fixture.get("/nothing", &[("If-None-Match", "*")]).status, 404);
}

fn ranges_of_another_version() {
    let fixture = Fixture::new(&[("file", b"hello")]);
    let answer = fixture.settled("/file");
    let (tag, date) = (answer.header("etag").unwrap(), answer.header("last-modified").unwrap());
    let weak = format!("W/{tag}");
    for (value, status) in
        [(tag, 206), (date, 206), (&weak, 200), ("\"other\"", 200), ("Sun, 06 Nov 1994 08:49:37 GMT", 200)]
    {
        let answer = fixture.get("/file", &[("Range", "bytes=1-2"), ("If-Range", value)]);
        assert_eq!(answer.status, status, "{value}");
    }

    // The same size and time, but not the same file.
    let path = fixture.folder.path().join("file");
    fs::write(&path, b"HELLO").unwrap();
    File::open(&path).unwrap().set_modified(fs::metadata(&path).unwrap().modified().unwrap()).unwrap();
    let answer = fixture.get("/file", &[("Range", "bytes=1-2"), ("If-Range", tag)]);
    assert_eq!((answer.status, answer.text().as_str()), (200, "HELLO"));
}

/// It may be written to again with no sign of it, so that nobody may put parts of it together.
fn a_file_just_written() {
    let fixture = Fixture::new(&[]);
    fs::write(fixture.folder.path().join("file"), b"hello").unwrap();
    let answer = fixture.get("/file", &[]);
    let tag = answer.header("etag").unwrap();
    assert!(tag.starts_with("W/\""), "{tag}");
    assert_eq!(fixture.get("/file", &[("If-None-Match", tag)]).status, 304);
    assert_eq!(fixture.get("/file", &[("Range", "bytes=1-2"), ("If-Range", tag)]).status, 200);
}

fn keep_alive_and_pipelining() {
    let content = pattern(300_000);
    let fixture = Fixture::new(&[("large", &content), ("small", b"small")]);
    let mut client = fixture.server.connect();
    for _ in 0..20 {
        client.send("GET /small HTTP/1.1", &[]);
        assert_eq!(client.answer(false).text(), "small");
    }
    let targets = ["/small", "/large", "/nothing", "/large", "/small"];
    for target in targets {
        client.send(&format!("GET {target} HTTP/1.1"), &[]);
    }
    let lengths = targets.map(|_| client.answer(false).body.len());
    assert_eq!(lengths, [5, 300_000, 14, 300_000, 5]);
    client.send("GET /small HTTP/1.1", &[("Connection", "close")]);
    assert_eq!(client.answer(false).text(), "small");
    assert!(client.rest().is_empty());
}

/// It closes its side of the connection behind its last request, as `nc -N` does, and waits.
fn a_client_that_sends_no_more() {
    let content = pattern(LARGE);
    let fixture = Fixture::new(&[("large", &content), ("small", b"small")]);
    for targets in [&["/small"][..], &["/large"], &["/small", "/small"], &["/large", "/small"]] {
        let mut client = fixture.server.connect();
        let requests = targets.iter().map(|target| format!("GET {target} HTTP/1.1\r\nHost: test\r\n\r\n"));
        client.write(requests.collect::<String>().as_bytes());
        client.stream.get_ref().shutdown(Shutdown::Write).unwrap();
        for target in targets {
            let answer = client.answer(false);
            assert!(answer.body == if *target == "/small" { b"small" } else { &content[..] }, "{targets:?}");
        }
        assert!(client.rest().is_empty(), "{targets:?}");
    }
}

fn a_file_that_grows() {
    let content = pattern(LARGE);
    let fixture = Fixture::new(&[("file", &content)]);
    let mut client = fixture.server.connect();
    client.send("GET /file HTTP/1.1", &[]);
    let head = client.head();
    let mut file = File::options().append(true).open(fixture.folder.path().join("file")).unwrap();
    file.write_all(&content).unwrap();
    let mut body = Vec::new();
    client.stream.by_ref().take(head.length()).read_to_end(&mut body).unwrap();
    assert!(head.length() == LARGE as u64 && body == content, "what was there when it was asked for");
    client.send("HEAD /file HTTP/1.1", &[]);
    assert_eq!(client.answer(true).length(), 2 * LARGE as u64, "what follows is the next answer");
}

fn a_file_that_shrinks() {
    let content = pattern(LARGE);
    let fixture = Fixture::new(&[("file", &content)]);
    let mut client = fixture.server.connect();
    client.send("GET /file HTTP/1.1", &[]);
    let head = client.head();
    File::options().write(true).open(fixture.folder.path().join("file")).unwrap().set_len(1000).unwrap();
    let body = client.rest();
    assert_eq!(head.length(), LARGE as u64);
    assert!(body.len() < LARGE, "the connection ends before what was promised");
    assert!(content.starts_with(&body), "and nothing is made up");
    assert_eq!(fixture.get("/file", &[]).body, content[..1000]);
}

fn a_file_that_vanishes() {
    let content = pattern(LARGE);
    let fixture = Fixture::new(&[("file", &content)]);
    let path = fixture.folder.path().join("file");
    let mut client = fixture.server.connect();
    client.send("GET /file HTTP/1.1", &[]);
    let head = client.head();
    // Replaced, as an editor does; who has begun to read goes on with the old one.
    let mut other = tempfile::NamedTempFile::new_in(fixture.folder.path()).unwrap();
    other.seek(SeekFrom::Start(0)).unwrap();
    other.write_all(b"other").unwrap();
    other.persist(&path).unwrap();
    let mut body = Vec::new();
    client.stream.by_ref().take(head.length()).read_to_end(&mut body).unwrap();
    assert!(body == content);
    fs::remove_file(&path).unwrap();
    assert_eq!(fixture.get("/file", &[]).status, 404);
}

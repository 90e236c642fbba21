//! The crawler finds every page of a site, keeps its limits, and ends gracefully.

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, ExitStatus, Stdio};
use std::sync::OnceLock;

use tempfile::TempDir;
use windlass::net::TcpSocket;
use windlass_tests::example;
use windlass_tests::fileserver::FileServer;

/// Each of these is a test, with the programs built before the watchdog begins to count.
macro_rules! built {
    ($($scenario:ident),+ $(,)?) => {
        mod built {
            $(
                #[test]
                fn $scenario() {
                    super::crawler();
                    windlass_tests::fileserver::program();
                    windlass_tests::watchdog(stringify!($scenario), super::$scenario);
                }
            )+
        }
    };
}

built!(
    every_page_once,
    at_most_so_many_pages,
    at_most_so_many_links_away,
    a_page_that_is_too_large,
    no_first_page,
    a_page_that_takes_too_long,
    no_more_at_once_than_allowed,
    pages_that_have_begun_end_after_a_stop,
    the_grace_is_not_for_ever,
    a_second_interrupt_ends_it,
);

/// The program, built once.
fn crawler() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| example::program("crawler"))
}

/// A site of seven pages, with links that are doubled, dead, circular and lead elsewhere.
fn site() -> (TempDir, FileServer) {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("deep")).unwrap();
    for (name, page) in [
        (
            "index.html",
            "<a href='a.html'>A</a> <a href='a.html#part'>A</a> <a href='b.html'>B</a>
             <a href='http://elsewhere.invalid/'>x</a> <a href='mailto:a@b'>y</a> <a href='gone.html'>z</a>",
        ),
        ("a.html", "<a href='/index.html'>up</a> <a href='./deep/c.html'>C</a>"),
        ("b.html", "<a href='text.txt'>text</a>"),
        ("deep/c.html", "<a href='../deep/d.html'>D</a>"),
        ("deep/d.html", "<a href='../a.html'>A</a>"),
        ("alone.html", "nobody links here"),
        ("text.txt", "<a href='alone.html'>no HTML, so no link</a>"),
    ] {
        fs::write(folder.path().join(name), page).unwrap();
    }
    let server = FileServer::start(folder.path(), &[]);
    (folder, server)
}

struct Crawled {
    status: ExitStatus,
    /// A line for each page, without the host, in no order.
    pages: BTreeSet<String>,
    summary: String,
    stderr: String,
}

fn start(address: SocketAddr, path: &str, options: &[&str]) -> Child {
    Command::new(crawler())
        .arg(format!("http://{address}{path}"))
        .args(options)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the crawler starts")
}

fn finish(child: Child, address: SocketAddr) -> Crawled {
    let output = child.wait_with_output().expect("it ends");
    let stdout = String::from_utf8(output.stdout).unwrap().replace(&format!("http://{address}"), "");
    let mut lines: Vec<_> = stdout.lines().map(String::from).collect();
    let summary = lines.pop().unwrap_or_default();
    let count = lines.len();
    let pages: BTreeSet<_> = lines.into_iter().collect();
    assert_eq!(pages.len(), count, "no page is fetched twice: {stdout}");
    Crawled {
        status: output.status,
        pages,
        summary,
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

fn crawl(server: &FileServer, path: &str, options: &[&str]) -> Crawled {
    finish(start(server.address, path, options), server.address)
}

fn every_page_once() {
    let (_folder, server) = site();
    let crawled = crawl(&server, "/index.html", &[]);
    let expected = [
        "200 /a.html (2 links)",
        "200 /b.html (1 links)",
        "200 /deep/c.html (1 links)",
        "200 /deep/d.html (1 links)",
        "200 /index.html (4 links)",
        "200 /text.txt (0 links)",
        "404 /gone.html (0 links)",
    ];
    assert_eq!(crawled.pages, expected.map(String::from).into());
    assert_eq!(crawled.summary, "7 pages fetched, 0 failed, 0 beyond the limits, 0 left, 0 cut");
    assert!(crawled.status.success(), "{}", crawled.stderr);
}

fn at_most_so_many_pages() {
    let (_folder, server) = site();
    let crawled = crawl(&server, "/index.html", &["--pages", "3", "--at-once", "1"]);
    let expected = ["200 /a.html (2 links)", "200 /b.html (1 links)", "200 /index.html (4 links)"];
    assert_eq!(crawled.pages, expected.map(String::from).into());
    assert_eq!(crawled.summary, "3 pages fetched, 0 failed, 3 beyond the limits, 0 left, 0 cut");
}

fn at_most_so_many_links_away() {
    let (_folder, server) = site();
    let crawled = crawl(&server, "/index.html", &["--depth", "0"]);
    assert_eq!(crawled.pages, ["200 /index.html (4 links)".to_string()].into());
    assert_eq!(crawled.summary, "1 pages fetched, 0 failed, 3 beyond the limits, 0 left, 0 cut");
}

fn a_page_that_is_too_large() {
    let (folder, server) = site();
    fs::write(folder.path().join("b.html"), "x".repeat(2000)).unwrap();
    let crawled = crawl(&server, "/index.html", &["--bytes", "1000", "--depth", "1"]);
    assert!(crawled.pages.contains("failed /b.html (length limit exceeded)"), "{:?}", crawled.pages);
    assert_eq!(crawled.summary, "3 pages fetched, 1 failed, 1 beyond the limits, 0 left, 0 cut");
    assert!(crawled.status.success());
}

fn no_first_page() {
    // A port that is taken, so that nobody else gets it, and on which nobody listens.
    let bound = TcpSocket::new_v4().unwrap();
    bound.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = bound.local_addr().unwrap();
    let crawled = finish(start(address, "/", &[]), address);
    assert_eq!(crawled.status.code(), Some(1));
    assert!(crawled.stderr.contains("the first page cannot be fetched"), "{}", crawled.stderr);
}

/// A server that answers when the test says so.
struct ByHand(TcpListener);

/// A request that waits for its answer.
struct Asked(TcpStream, String);

impl ByHand {
    fn new() -> ByHand {
        ByHand(TcpListener::bind("127.0.0.1:0").unwrap())
    }

    fn address(&self) -> SocketAddr {
        self.0.local_addr().unwrap()
    }

    /// The next request.
    fn asked(&self) -> Asked {
        let (stream, _) = self.0.accept().unwrap();
        let mut lines = BufReader::new(&stream).lines().map(Result::unwrap);
        let target = lines.next().unwrap().split(' ').nth(1).unwrap().to_owned();
        // The rest of the head.
        lines.take_while(|line| !line.is_empty()).for_each(drop);
        Asked(stream, target)
    }
}

impl Asked {
    fn answer(mut self, html: &str) {
        let length = html.len();
        let head = format!("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {length}\r\n\r\n");
        self.0.write_all((head + html).as_bytes()).unwrap();
    }
}

fn interrupt(child: &Child) {
    let kill = Command::new("kill").args(["-s", "INT", &child.id().to_string()]).status();
    assert!(kill.expect("kill runs").success());
}

/// Sends an interrupt, and waits until the crawler says that it has noticed. Gives the rest of what it says.
fn interrupt_and_see(child: &mut Child) -> BufReader<ChildStderr> {
    interrupt(child);
    let mut stderr = BufReader::new(child.stderr.take().expect("it is piped"));
    let mut line = String::new();
    stderr.read_line(&mut line).unwrap();
    assert!(line.contains("Ctrl-C once more"), "{line}");
    stderr
}

fn a_page_that_takes_too_long() {
    let server = ByHand::new();
    // The other two pages have to be answered within that, however late this thread gets a processor.
    let child = start(server.address(), "/", &["--timeout", "2000"]);
    server.asked().answer("<a href=slow>s</a><a href=quick>q</a>");
    let (one, two) = (server.asked(), server.asked());
    let (slow, quick) = if one.1 == "/slow" { (one, two) } else { (two, one) };
    quick.answer("");
    let crawled = finish(child, server.address());
    drop(slow);
    assert!(crawled.pages.contains("failed /slow (no whole answer within 2s)"), "{:?}", crawled.pages);
    assert_eq!(crawled.summary, "2 pages fetched, 1 failed, 0 beyond the limits, 0 left, 0 cut");
}

fn no_more_at_once_than_allowed() {
    let server = ByHand::new();
    let child = start(server.address(), "/", &["--at-once", "2"]);
    server.asked().answer("<a href=1>1</a><a href=2>2</a><a href=3>3</a>");
    let held = [server.asked(), server.asked()];
    // A third request would be in the listener's queue, as soon as its connection is made.
    server.0.set_nonblocking(true).unwrap();
    assert!(server.0.accept().is_err());
    server.0.set_nonblocking(false).unwrap();
    for asked in held {
        asked.answer("");
    }
    let last = server.asked();
    assert_eq!(last.1, "/3");
    last.answer("");
    let crawled = finish(child, server.address());
    assert_eq!(crawled.summary, "4 pages fetched, 0 failed, 0 beyond the limits, 0 left, 0 cut");
}

fn pages_that_have_begun_end_after_a_stop() {
    let server = ByHand::new();
    let mut child = start(server.address(), "/", &["--at-once", "1", "--grace", "60000"]);
    server.asked().answer("<a href=1>1</a><a href=2>2</a><a href=3>3</a>");
    let begun = server.asked();
    let _stderr = interrupt_and_see(&mut child);
    begun.answer("<a href=4>4</a>");
    let crawled = finish(child, server.address());
    let expected = ["200 / (3 links)", "200 /1 (1 links)"];
    assert_eq!(crawled.pages, expected.map(String::from).into());
    assert_eq!(crawled.summary, "2 pages fetched, 0 failed, 0 beyond the limits, 3 left, 0 cut");
    assert_eq!(crawled.status.code(), Some(1));
}

fn the_grace_is_not_for_ever() {
    let server = ByHand::new();
    let mut child = start(server.address(), "/", &["--grace", "50", "--timeout", "600000"]);
    server.asked().answer("<a href=1>1</a>");
    let mut held = server.asked();
    let _stderr = interrupt_and_see(&mut child);
    let crawled = finish(child, server.address());
    assert_eq!(crawled.summary, "1 pages fetched, 0 failed, 0 beyond the limits, 0 left, 1 cut");
    assert_eq!(held.0.read(&mut [0]).unwrap(), 0, "its connection was closed");
}

fn a_second_interrupt_ends_it() {
    let server = ByHand::new();
    let mut child = start(server.address(), "/", &["--grace", "600000", "--timeout", "600000"]);
    let _held = server.asked();
    let _stderr = interrupt_and_see(&mut child);
    interrupt(&child);
    let crawled = finish(child, server.address());
    assert_eq!(crawled.status.code(), Some(130));
}

//! How the file server begins and ends: errors that say what to do, and a stop that cuts nothing off.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::sync::Barrier;
use std::thread;

use tempfile::TempDir;
use windlass_tests::fileserver::{Client, FileServer, has, program};
use windlass_tests::served;

served!(
    a_stop_under_load,
    a_stop_amid_a_stream,
    a_stop_with_nothing_to_do,
    a_stop_amid_the_next_request,
    a_stop_after_a_body,
    the_end_of_the_grace,
    a_second_signal,
    a_stop_when_nobody_reads_what_it_prints,
    a_port_in_use,
    a_root_that_is_not_there,
    options_that_are_none,
);

fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("small"), "small").unwrap();
    File::create(folder.path().join("large")).unwrap().set_len(64 << 20).unwrap();
    folder
}

/// Every request gets its answer, of those whose connection was there before the signal; and each client is told when to go.
fn a_stop_under_load() {
    const CLIENTS: usize = 8;
    let folder = folder();
    let mut server = FileServer::start(folder.path(), &[]);
    let ready = Barrier::new(CLIENTS + 2);
    let answered: u64 = thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS)
            .map(|_| {
                scope.spawn(|| {
                    let mut client = server.connect();
                    for asked in 1.. {
                        client.send("GET /small HTTP/1.1", &[]);
                        let answer = client.answer(false);
                        assert_eq!(answer.text(), "small");
                        if asked == 10 {
                            ready.wait();
                        }
                        if answer.header("connection") == Some("close") {
                            assert!(client.rest().is_empty());
                            return asked;
                        }
                    }
                    unreachable!()
                })
            })
            .collect();
        let download = scope.spawn(|| {
            let mut client = server.connect();
            client.send("GET /large HTTP/1.1", &[]);
            let length = client.head().length();
            // Begun, and more than half of it is still on the server's side.
            ready.wait();
            assert_eq!(io::copy(&mut client.stream.take(length), &mut io::sink()).unwrap(), 64 << 20);
        });
        ready.wait();
        server.signal("TERM");
        download.join().unwrap();
        clients.into_iter().map(|client| client.join().unwrap()).sum()
    });
    let (status, rest) = server.wait();
    assert!(status.success());
    let requests = answered + 1;
    let expected = format!("served {requests} requests on {} connections, ", CLIENTS + 1);
    assert!(
        rest.starts_with(&expected) && rest.ends_with(&format!("{requests} with 2xx\n")),
        "{expected}\n{rest}"
    );
}

/// As above, over HTTP/2.
fn a_stop_amid_a_stream() {
    if !has("curl") {
        return;
    }
    let folder = folder();
    let mut server = FileServer::start(folder.path(), &[]);
    let mut curl = Command::new("curl")
        .args([
            "--silent",
            "--show-error",
            "--noproxy",
            "*",
            "--http2-prior-knowledge",
            &server.url("/large"),
        ])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut body = curl.stdout.take().unwrap();
    body.read_exact(&mut [0; 100]).unwrap();
    server.signal("TERM");
    while std::net::TcpStream::connect(server.address).is_ok() {}
    assert_eq!(io::copy(&mut body, &mut io::sink()).unwrap() + 100, 64 << 20);
    assert!(curl.wait().unwrap().success());
    let (status, rest) = server.wait();
    assert!(status.success() && !rest.contains("cut short"), "{rest}");
}

fn a_stop_with_nothing_to_do() {
    let folder = folder();
    let mut server = FileServer::start(folder.path(), &[]);
    let mut idle = server.connect();
    idle.send("GET /small HTTP/1.1", &[]);
    assert_eq!(idle.answer(false).status, 200);
    server.signal("INT");
    assert!(idle.rest().is_empty(), "an idle connection ends");
    let (status, rest) = server.wait();
    assert!(status.success());
    assert_eq!(rest, "served 1 requests on 1 connections, 5 B, 1 with 2xx\n");
}

/// The beginning of a request that came along with the one before is the beginning of a request.
fn a_stop_amid_the_next_request() {
    let folder = folder();
    let mut server = FileServer::start(folder.path(), &["--grace", "1h"]);
    let mut client = server.connect();
    client.write(b"GET /small HTTP/1.1\r\nHost: test\r\n\r\nGET /small HT");
    assert_eq!(client.answer(false).text(), "small");
    let mut idle: Vec<_> = (0..4).map(|_| server.connect()).collect();
    for idle in &mut idle {
        idle.send("GET /small HTTP/1.1", &[]);
        assert_eq!(idle.answer(false).text(), "small");
    }
    server.signal("TERM");
    // When they have ended, it has been decided about the other.
    for mut idle in idle {
        assert!(idle.rest().is_empty());
    }
    client.write(b"TP/1.1\r\nHost: test\r\n\r\n");
    let answer = client.answer(false);
    assert_eq!((answer.text().as_str(), answer.header("connection")), ("small", Some("close")));
    assert!(client.rest().is_empty());
    assert!(server.wait().0.success());
}

/// A body that was not asked for is no beginning of a request.
fn a_stop_after_a_body() {
    let folder = folder();
    let mut server = FileServer::start(folder.path(), &["--grace", "1h"]);
    let mut client = server.connect();
    client.write(b"PUT /small HTTP/1.1\r\nHost: test\r\nContent-Length: 5\r\n\r\nlarge");
    assert_eq!(client.answer(false).status, 405);
    server.signal("TERM");
    assert!(client.rest().is_empty());
    assert!(server.wait().0.success());
}

fn the_end_of_the_grace() {
    let folder = folder();
    let mut server = FileServer::start(folder.path(), &["--grace", "300ms"]);
    let mut client = server.connect();
    client.send("GET /large HTTP/1.1", &[]);
    assert_eq!(client.head().status, 200);
    server.signal("TERM");
    let (status, rest) = server.wait();
    assert_eq!(status.code(), Some(1));
    assert!(rest.contains("1 answers cut short"), "{rest}");
    assert!(client.rest().len() < 64 << 20);
}

fn a_second_signal() {
    let folder = folder();
    let mut server = FileServer::start(folder.path(), &["--grace", "1h"]);
    let mut client = server.connect();
    client.send("GET /large HTTP/1.1", &[]);
    assert_eq!(client.head().status, 200);
    server.signal("TERM");
    // New connections are refused once the first signal is heard.
    while std::net::TcpStream::connect(server.address).is_ok() {}
    server.signal("INT");
    let (status, rest) = server.wait();
    assert_eq!(status.code(), Some(1));
    assert!(rest.starts_with("served 1 requests"), "{rest}");
}

/// The log of a request and the word that it ends go to pipes that are closed.
fn a_stop_when_nobody_reads_what_it_prints() {
    let folder = folder();
    let mut server = Command::new(program())
        .args(["--listen", "127.0.0.1:0", "--log", "--root"])
        .arg(folder.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(server.stdout.take().unwrap()).read_line(&mut line).unwrap();
    drop(server.stderr.take());
    let address = line.split("http://").nth(1).unwrap().split('/').next().unwrap();
    let mut client = Client { stream: BufReader::new(TcpStream::connect(address).unwrap()) };
    for _ in 0..2 {
        client.send("GET /small HTTP/1.1", &[]);
        assert_eq!(client.answer(false).text(), "small");
    }
    drop(client);
    let kill = Command::new("kill").args(["-s", "TERM", &server.id().to_string()]).status();
    assert!(kill.unwrap().success());
    assert!(server.wait().unwrap().success());
}

#[track_caller]
fn fails(arguments: &[&str]) -> String {
    let output = Command::new(program()).args(arguments).output().unwrap();
    assert!(!output.status.success() && output.stdout.is_empty(), "{output:?}");
    String::from_utf8(output.stderr).unwrap()
}

fn a_port_in_use() {
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = other.local_addr().unwrap().to_string();
    let message = fails(&["--listen", &address]);
    assert!(message.contains(&address) && message.contains("choose another port with --listen"), "{message}");
}

fn a_root_that_is_not_there() {
    let folder = folder();
    for name in ["nothing", "small"] {
        let path = folder.path().join(name);
        let path = path.to_str().unwrap();
        let message = fails(&["--root", path]);
        assert!(message.contains(path) && message.contains("name a folder"), "{message}");
    }
}

fn options_that_are_none() {
    for arguments in [
        ["--grace", "soon"],
        ["--request-timeout", "0s"],
        ["--workers", "0"],
        ["--max-connections", "many"],
        ["--listen", "here"],
    ] {
        let message = fails(&arguments);
        assert!(message.contains(arguments[0]) && message.contains(arguments[1]), "{message}");
    }
}

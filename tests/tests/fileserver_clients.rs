//! Clients that are slow, stuck or many do not hold the file server up.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::time::{Duration, Instant};

use tempfile::TempDir;
use windlass_tests::fileserver::{Client, FileServer};
use windlass_tests::served;

served!(
    nothing_is_sent,
    a_head_that_comes_byte_by_byte,
    an_idle_connection,
    an_answer_that_nobody_reads,
    a_client_that_goes_away,
    a_slow_reader_that_gets_on,
    memory_while_streaming,
    as_many_connections_as_allowed,
);

/// What the tests that wait for a limit give it.
const LIMIT: Duration = Duration::from_millis(400);

/// A folder with a small file, and one of zeros that takes no room on the disk.
fn serve(arguments: &[&str]) -> (TempDir, FileServer) {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("small"), "small").unwrap();
    File::create(folder.path().join("large")).unwrap().set_len(256 << 20).unwrap();
    let server = FileServer::start(folder.path(), arguments);
    (folder, server)
}

/// Asserts that the connection ends without another word, and not before the limit since `begin`.
#[track_caller]
fn assert_dropped(client: &mut Client, begin: Instant) {
    let rest = client.rest();
    assert!(rest.is_empty(), "{}", String::from_utf8_lossy(&rest));
    let took = begin.elapsed();
    assert!(took >= LIMIT, "dropped after {took:?}");
}

fn nothing_is_sent() {
    let (_folder, server) = serve(&["--header-timeout", "400ms"]);
    let begin = Instant::now();
    assert_dropped(&mut server.connect(), begin);
}

fn a_head_that_comes_byte_by_byte() {
    let (_folder, server) = serve(&["--header-timeout", "400ms"]);
    for protocol in ["GET /small HTTP/1.1\r\nX: ", "PRI * HTTP/2.0\r\n\r\nS"] {
        let begin = Instant::now();
        let mut client = server.connect();
        client.write(protocol.as_bytes());
        let socket = client.stream.get_mut();
        socket.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
        // A byte whenever nothing has come for a moment.
        let mut space = [0; 64];
        let ended = loop {
            match socket.read(&mut space) {
                Ok(read) => break read,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(_) => break 0,
            }
            if protocol.starts_with("GET") && socket.write_all(b"x").is_err() {
                break 0;
            }
        };
        assert_eq!(ended, 0, "the connection ends without an answer");
        assert!(begin.elapsed() >= LIMIT);
    }
}

fn an_idle_connection() {
    let (_folder, server) = serve(&["--header-timeout", "400ms"]);
    let mut client = server.connect();
    // Before the request: it may be answered while this thread has no processor, and the server's time counts from then.
    let begin = Instant::now();
    client.send("GET /small HTTP/1.1", &[]);
    assert_eq!(client.answer(false).text(), "small");
    assert_dropped(&mut client, begin);
}

fn an_answer_that_nobody_reads() {
    for sends_more in [true, false] {
        let (_folder, mut server) = serve(&["--request-timeout", "400ms", "--log"]);
        let begin = Instant::now();
        let mut client = server.connect();
        client.send("GET /large HTTP/1.1", &[]);
        if !sends_more {
            client.stream.get_ref().shutdown(Shutdown::Write).unwrap();
        }
        let line = server.line();
        assert!(line.contains("GET /large") && line.ends_with("cut short\n"), "{line}");
        assert!(begin.elapsed() >= LIMIT);
        assert!(client.rest().len() < 256 << 20, "what came is less than was promised");
        server.signal("TERM");
        let (status, rest) = server.wait();
        assert!(status.success() && rest.contains("1 answers cut short, 1 connections too slow"), "{rest}");
    }
}

/// Nothing waits for a limit: the limit is an hour.
fn a_client_that_goes_away() {
    let (_folder, mut server) = serve(&["--request-timeout", "1h", "--header-timeout", "1h", "--log"]);
    let mut client = server.connect();
    client.send("GET /large HTTP/1.1", &[]);
    assert_eq!(client.head().status, 200);
    drop(client);
    let line = server.line();
    assert!(line.contains("GET /large") && line.ends_with("cut short\n"), "{line}");
}

fn a_slow_reader_that_gets_on() {
    // Ten times what it rests: as much may come on top where this thread has no processor.
    const LIMIT: Duration = Duration::from_secs(1);
    let (_folder, server) = serve(&["--request-timeout", "1s"]);
    let begin = Instant::now();
    let mut client = server.connect();
    client.send("GET /large HTTP/1.1", &[]);
    let length = client.head().length();
    let (mut read, mut space) = (0, vec![0; 8 << 20]);
    // In pieces with rests between them that are shorter than the limit, and longer than it together.
    while read < length {
        let piece = space.len().min((length - read) as usize);
        client.stream.read_exact(&mut space[..piece]).unwrap();
        read += piece as u64;
        if begin.elapsed() < 2 * LIMIT {
            std::thread::sleep(LIMIT / 10);
        }
    }
    assert!(begin.elapsed() > LIMIT, "it took longer than the limit");
}

/// The most memory a process ever had, in KiB.
fn peak(id: u32) -> usize {
    let status = fs::read_to_string(format!("/proc/{id}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_ascii_whitespace().nth(1).unwrap().parse().unwrap()
}

fn memory_while_streaming() {
    let (_folder, server) = serve(&[]);
    assert_eq!(server.get("/small", &[]).status, 200);
    let before = peak(server.id());
    let mut clients: Vec<Client> = (0..8).map(|_| server.connect()).collect();
    for client in &mut clients {
        client.send("GET /large HTTP/1.1", &[]);
        assert_eq!(client.head().length(), 256 << 20);
    }
    // All are begun and stuck; one is read to its end.
    let read = io::copy(&mut clients[0].stream.by_ref().take(256 << 20), &mut io::sink()).unwrap();
    assert_eq!(read, 256 << 20);
    let grown = peak(server.id()) - before;
    println!("eight answers of 256 MiB took {grown} KiB");
    assert!(grown < 16 * 1024, "eight answers of 256 MiB took {grown} KiB of memory");
}

fn as_many_connections_as_allowed() {
    let (_folder, server) = serve(&["--max-connections", "2"]);
    let ask = |client: &mut Client| {
        client.send("GET /small HTTP/1.1", &[]);
        assert_eq!(client.answer(false).text(), "small");
    };
    let (mut first, mut second) = (server.connect(), server.connect());
    ask(&mut first);
    ask(&mut second);
    let mut third = server.connect();
    third.send("GET /small HTTP/1.1", &[]);
    third.stream.get_ref().set_read_timeout(Some(Duration::from_millis(200))).unwrap();
    assert!(third.stream.read(&mut [0]).is_err(), "it waits");
    ask(&mut first);
    drop(second);
    third.stream.get_ref().set_read_timeout(None).unwrap();
    assert_eq!(third.answer(false).text(), "small");
}

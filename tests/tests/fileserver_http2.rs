//! What is the file server's own over HTTP/2, where many requests share a connection: limits, memory, and the end.

use std::fs::{self, File};
use std::time::{Duration, Instant};

use tempfile::TempDir;
use windlass_tests::fileserver::{Client, FileServer};
use windlass_tests::http2::{self, ACK, DATA, GOAWAY, HEADERS, RST_STREAM, SETTINGS};
use windlass_tests::served;

served!(
    a_stream_whose_window_stays_shut,
    a_stream_that_is_read,
    a_stream_that_is_paused_beside_one_that_gets_on,
    a_connection_without_a_request,
    many_headers,
    memory_of_streams_that_are_not_taken,
    a_stop_before_the_first_request,
    a_stop_that_the_client_does_not_hear,
);

/// What the tests that wait for a limit give it.
const LIMIT: Duration = Duration::from_millis(400);

/// How many streams of a connection are answered at once.
const STREAMS: usize = 32;

/// A folder with a small file, and one of zeros that takes no room on the disk and is never read to its end.
fn serve(arguments: &[&str]) -> (TempDir, FileServer) {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("small"), "small").unwrap();
    File::create(folder.path().join("large")).unwrap().set_len(1 << 40).unwrap();
    let server = FileServer::start(folder.path(), arguments);
    (folder, server)
}

/// The first bytes of a connection, with a request on its first stream.
fn request(path: &str, window: u32) -> Vec<u8> {
    [http2::preface(window), http2::get(1, path, &[])].concat()
}

/// Reads frames until the connection ends; how many bytes of data came. Asks for an answer to a ping after each frame.
fn data(client: &mut Client) -> usize {
    let mut data = 0;
    while let Some(frame) = client.frame() {
        if frame.kind == DATA {
            data += frame.payload.len();
        }
        client.ping();
    }
    data
}

/// Its client answers and asks; only what it asked for, it does not take.
fn a_stream_whose_window_stays_shut() {
    for (path, window) in [("/large", 0), ("/large", 1000), ("/small", 0)] {
        let (_folder, mut server) =
            serve(&["--request-timeout", "400ms", "--header-timeout", "400ms", "--log"]);
        let begin = Instant::now();
        let mut client = server.connect();
        client.write(&request(path, window));
        assert_eq!(data(&mut client), window as usize, "{path}");
        assert!(begin.elapsed() >= LIMIT);
        let line = server.line();
        assert!(line.contains(&format!("{path} HTTP/2.0\" 200")), "{line}");
    }
}

fn a_stream_that_is_read() {
    let (_folder, server) = serve(&["--header-timeout", "400ms", "--request-timeout", "400ms"]);
    let mut client = server.connect();
    client.write(&request("/small", 65535));
    assert_eq!(data(&mut client), 5, "and then the connection is idle, and ends");
}

/// Only the one that is not taken ends; the other goes on, and so does the connection.
fn a_stream_that_is_paused_beside_one_that_gets_on() {
    let (_folder, mut server) = serve(&["--request-timeout", "1s", "--log"]);
    let begin = Instant::now();
    let mut client = server.connect();
    client.write(&request("/large", 65535));
    client.write(&http2::get(3, "/large", &[]));
    client.write(&http2::window_update(0, 0x7000_0000));
    let mut more = 1 << 20;
    let mut reset = false;
    while !reset || more > 0 {
        let frame = client.frame().expect("the answer that gets on goes on");
        if frame.is(DATA, 3) {
            let length = frame.payload.len() as u32;
            client.write(&http2::window_update(3, length));
            if reset {
                more -= i64::from(length);
            }
        }
        reset |= frame.is(RST_STREAM, 1);
    }
    assert!(begin.elapsed() >= Duration::from_secs(1));
    let line = server.line();
    assert!(line.contains("/large HTTP/2.0\" 200") && line.ends_with("cut short\n"), "{line}");
    client.write(&http2::get(5, "/small", &[]));
    assert_eq!(client.frame_where(|frame| frame.is(HEADERS, 5)).status(), 200);
}

/// It ends at the limit for a head, whatever else its client sends.
fn a_connection_without_a_request() {
    let (_folder, server) = serve(&["--header-timeout", "400ms", "--request-timeout", "1h"]);
    let begin = Instant::now();
    let mut client = server.connect();
    client.write(&http2::preface(65535));
    assert_eq!(data(&mut client), 0);
    assert!(begin.elapsed() >= LIMIT);
}

fn many_headers() {
    let (_folder, server) = serve(&[]);
    let mut client = server.connect();
    client.write(&http2::preface(65535));
    for (stream, count, status) in [(1, 100, 200), (3, 101, 431), (5, 1, 200)] {
        client.write(&http2::get(stream, "/small", &vec![("x-many", "v"); count]));
        assert_eq!(client.frame_where(|frame| frame.is(HEADERS, stream)).status(), status, "{count} headers");
    }
}

/// The most memory a process ever had, in KiB.
fn peak(id: u32) -> usize {
    let status = fs::read_to_string(format!("/proc/{id}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_ascii_whitespace().nth(1).unwrap().parse().unwrap()
}

/// Each client asks for more than it is allowed, and takes nothing or only the beginning.
fn memory_of_streams_that_are_not_taken() {
    const CLIENTS: usize = 8;
    const ASKED: usize = 100;
    for (window, most) in [(0, 3 * 1024), (1000, 6 * 1024)] {
        let (_folder, server) = serve(&[]);
        // Large pieces lie about as spare memory.
        let mut others: Vec<Client> = (0..CLIENTS).map(|_| server.connect()).collect();
        for other in &mut others {
            other.send("GET /large HTTP/1.1", &[]);
            assert_eq!(other.head().status, 200);
        }
        drop(others);
        let before = peak(server.id());
        let mut clients: Vec<Client> = (0..CLIENTS).map(|_| server.connect()).collect();
        for client in &mut clients {
            let streams = (0..ASKED).flat_map(|number| http2::get(2 * number as u32 + 1, "/large", &[]));
            client.write(&[http2::preface(window), streams.collect()].concat());
        }
        for client in &mut clients {
            let (mut answered, mut refused, mut taken) = (0, 0, 0);
            while answered + refused < ASKED || taken < answered * window as usize {
                let frame = client.frame().unwrap();
                match frame.kind {
                    HEADERS => answered += 1,
                    RST_STREAM => refused += 1,
                    DATA => taken += frame.payload.len(),
                    _ => {}
                }
            }
            assert_eq!(answered, STREAMS);
        }
        let grown = (peak(server.id()) - before) / CLIENTS;
        println!("a connection with {STREAMS} streams took {grown} KiB");
        assert!(grown < most, "a connection with {STREAMS} streams took {grown} KiB of memory");
    }
}

/// A connection that was opened in advance.
fn a_stop_before_the_first_request() {
    for at_once in [true, false] {
        let (_folder, mut server) = serve(&[]);
        let mut client = server.connect();
        client.stream.get_ref().set_nodelay(true).unwrap();
        let preface = http2::preface(65535);
        for bytes in preface.chunks(if at_once { preface.len() } else { 1 }) {
            client.write(bytes);
        }
        client.frame_where(|frame| frame.kind == SETTINGS && frame.flags == ACK);
        server.signal("TERM");
        client.frame_where(|frame| frame.kind == GOAWAY);
        drop(client);
        let (status, rest) = server.wait();
        assert!(status.success() && rest.starts_with("served 0 requests on 1 connections"), "{rest}");
    }
}

/// It says nothing any more, as one whose network is gone: there is nothing to keep the server up for.
fn a_stop_that_the_client_does_not_hear() {
    for asks in [false, true] {
        let (_folder, mut server) = serve(&[]);
        let mut client = server.connect();
        client.write(&http2::preface(65535));
        client.frame_where(|frame| frame.kind == SETTINGS && frame.flags == ACK);
        if asks {
            client.write(&http2::get(1, "/small", &[]));
            client.frame_where(|frame| frame.is(DATA, 1));
        }
        server.signal("TERM");
        let (status, rest) = server.wait();
        assert!(status.success() && !rest.contains("too slow"), "{rest}");
    }
}

//! Two HTTP servers, each any command, in turn under `wrk`.

use std::fs;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::count::Scratch;
use super::drive::{Pinning, pin_this_thread};
use super::process::{ProcessUsage, bind_to_this_process};

/// How long a server may take until it listens.
const PATIENCE: Duration = Duration::from_secs(10);

/// Files that servers serve.
pub struct Files(Scratch);

impl Files {
    /// Makes files of these sizes, named for them.
    pub fn make(sizes: &[usize]) -> io::Result<Self> {
        let scratch = Scratch::new("files")?;
        for size in sizes {
            fs::write(scratch.0.join(size.to_string()), Self::content(*size))?;
        }
        Ok(Self(scratch))
    }

    fn content(size: usize) -> Vec<u8> {
        (0..size).map(|place| (place * 31 + place / 251) as u8).collect()
    }
}

/// How a server is loaded.
#[derive(Clone, Copy)]
pub struct Load {
    /// The size of the file that is fetched.
    pub size: usize,
    /// Connections, each with one request on its way.
    pub connections: usize,
    /// Whole seconds that are measured.
    pub seconds: u64,
    /// Where the server and wrk run.
    pub pinning: Pinning,
}

/// What a server did under load.
#[derive(Clone, Copy, Debug, Default)]
pub struct Served {
    /// Requests answered.
    pub requests: u64,
    /// The time that took.
    pub wall_ns: u64,
    /// CPU time of the server.
    pub cpu_ns: u64,
    /// Half of the answers took no longer.
    pub p50_ns: f64,
    /// One in a hundred took longer.
    pub p99_ns: f64,
}

struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Starts the server, sees that it serves the file, warms it up, and measures it.
///
/// In `command`, words apart by spaces, `{root}` stands for the folder with the files and `{port}` for a free port.
pub fn measure(command: &str, files: &Files, load: Load) -> io::Result<Served> {
    let address = free_address()?;
    let word = |word: &str| {
        word.replace("{root}", &files.0.0.display().to_string())
            .replace("{port}", &address.port().to_string())
    };
    let mut words = command.split_whitespace().map(word);
    let program = words.next().ok_or_else(|| io::Error::other("the command is empty"))?;
    let mut command = Command::new(&program);
    command.args(words).stdout(Stdio::null());
    bind_to_this_process(&mut command);
    if load.pinning == Pinning::Pinned {
        pin_this_thread(0)?;
    }
    let server = command.spawn().map_err(|error| io::Error::other(format!("{program}: {error}")))?;
    let server = Running(server);
    if load.pinning == Pinning::Pinned {
        pin_this_thread(1)?;
    }
    wait_for(address)?;
    check(address, load.size)?;
    wrk(address, load, 1)?;
    let before = ProcessUsage::of(server.0.id())?;
    let mut served = wrk(address, load, load.seconds)?;
    served.cpu_ns = ProcessUsage::of(server.0.id())?.since(before).cpu_ns;
    Ok(served)
}

fn free_address() -> io::Result<SocketAddr> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()
}

fn wait_for(address: SocketAddr) -> io::Result<()> {
    let start = Instant::now();
    while let Err(error) = TcpStream::connect(address) {
        if start.elapsed() > PATIENCE {
            return Err(io::Error::other(format!("the server does not listen on {address}: {error}")));
        }
        thread::sleep(Duration::from_millis(10));
    }
    Ok(())
}

/// Fetches the file once and compares it.
fn check(address: SocketAddr, size: usize) -> io::Result<()> {
    let mut stream = TcpStream::connect(address)?;
    write!(stream, "GET /{size} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    let ok = answer.starts_with(b"HTTP/1.1 200 ") && answer.ends_with(&Files::content(size));
    if ok { Ok(()) } else { Err(io::Error::other("the server does not serve the file as it is")) }
}

fn wrk(address: SocketAddr, load: Load, seconds: u64) -> io::Result<Served> {
    let output = Command::new("wrk")
        .args(["--threads=1", "--latency"])
        .arg(format!("--connections={}", load.connections))
        .arg(format!("--duration={seconds}s"))
        .arg(format!("http://{address}/{}", load.size))
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| io::Error::other(format!("wrk: {error}")))?;
    let report = String::from_utf8_lossy(&output.stdout);
    parse(&report).ok_or_else(|| io::Error::other(format!("wrk reported:\n{report}")))
}

/// What wrk's report says; `None` if there were errors.
fn parse(report: &str) -> Option<Served> {
    if report.contains("Socket errors") || report.contains("Non-2xx") {
        return None;
    }
    let (requests, rest) = report.lines().find_map(|line| line.trim().split_once(" requests in "))?;
    let (time, _) = rest.split_once(',')?;
    let percentile = |name: &str| {
        let line = report.lines().find_map(|line| line.trim().strip_prefix(name))?;
        duration_ns(line.trim())
    };
    Some(Served {
        requests: requests.parse().ok()?,
        wall_ns: duration_ns(time)? as u64,
        cpu_ns: 0,
        p50_ns: percentile("50%")?,
        p99_ns: percentile("99%")?,
    })
}

/// A time as wrk writes it: `1.23ms`.
fn duration_ns(text: &str) -> Option<f64> {
    let unit = text.find(|letter: char| letter.is_ascii_alphabetic())?;
    let number: f64 = text[..unit].parse().ok()?;
    let ns = match &text[unit..] {
        "us" => 1e3,
        "ms" => 1e6,
        "s" => 1e9,
        "m" => 6e10,
        _ => return None,
    };
    Some(number * ns)
}

#[cfg(test)]
mod tests {
    use super::*;

    const REPORT: &str = "Running 2s test @ http://127.0.0.1:8080/\n  1 threads and 64 connections\n  Thread Stats   Avg\n\
        \x20   Latency   362.43us  100.00us\n  Latency Distribution\n     50%  332.00us\n     75%  1.50ms\n     99%    2.00ms\n\
        \x20 181234 requests in 2.10s, 22.01MB read\nRequests/sec:  86301.9\n";

    #[test]
    fn a_report_is_read() {
        let served = parse(REPORT).unwrap();
        assert_eq!((served.requests, served.wall_ns), (181_234, 2_100_000_000));
        assert_eq!((served.p50_ns, served.p99_ns), (332e3, 2e6));
    }

    #[test]
    fn errors_are_no_result() {
        assert!(parse(&format!("{REPORT}  Socket errors: connect 0, read 3\n")).is_none());
        assert!(parse(&format!("{REPORT}  Non-2xx or 3xx responses: 1\n")).is_none());
        assert!(parse("").is_none());
    }
}

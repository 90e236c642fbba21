//! A Redis that lives as long as a value does.

use std::io::{self, BufRead, BufReader};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::process::{Child, ChildStdout, Command, Stdio};

use tempfile::TempDir;

/// How often another port is tried.
const ATTEMPTS: u32 = 5;

/// `redis-server` on a port of the loopback, with nothing in it. Dropping it kills it.
#[derive(Debug)]
pub struct RedisServer {
    process: Child,
    address: SocketAddr,
    /// Where it would write what it keeps.
    _folder: TempDir,
    /// Open, so that what it has to say harms it not.
    log: BufReader<ChildStdout>,
}

impl RedisServer {
    /// Starts one, and waits until it answers. This blocks.
    ///
    /// # Errors
    ///
    /// If it is not installed, or does not start.
    pub fn start() -> io::Result<Self> {
        let mut last = io::Error::other("redis-server was not tried");
        for _ in 0..ATTEMPTS {
            // It cannot choose a port itself. Between here and there somebody else may take the one that was free.
            let address = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?;
            match Self::start_on(address) {
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => last = error,
                started => return started,
            }
        }
        Err(last)
    }

    fn start_on(address: SocketAddr) -> io::Result<Self> {
        let folder = tempfile::tempdir()?;
        let mut process = Command::new("redis-server")
            .args(["--bind", &address.ip().to_string(), "--port", &address.port().to_string()])
            // It keeps nothing.
            .args(["--save", "", "--appendonly", "no", "--daemonize", "no"])
            .arg("--dir")
            .arg(folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| match error.kind() {
                io::ErrorKind::NotFound => io::Error::new(
                    error.kind(),
                    "redis-server is not installed: apt-get install redis-server",
                ),
                _ => error,
            })?;
        let log = BufReader::new(process.stdout.take().expect("it is piped"));
        let mut server = Self { process, address, _folder: folder, log };
        server.wait_until_ready()?;
        Ok(server)
    }

    /// Reads its log up to where it says so; a log that ends before is that of a server that has ended.
    fn wait_until_ready(&mut self) -> io::Result<()> {
        let mut said = String::new();
        loop {
            let line = said.len();
            if self.log.read_line(&mut said)? == 0 {
                return Err(io::Error::new(io::ErrorKind::UnexpectedEof, said));
            }
            if said[line..].contains("Ready to accept connections") {
                return Ok(());
            }
        }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        // It fails if the server has ended, which is as well.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

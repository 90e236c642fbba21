//! The file server of `examples/`, started as a person would, and a client that sends exactly what a test says.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::OnceLock;

use crate::example;

/// Makes a test of each named `fn()` under the watchdog, which begins to count when the file server is built: that takes as long
/// as it takes, and minutes where nothing of it was built before.
#[macro_export]
macro_rules! served {
    ($($scenario:ident),+ $(,)?) => {
        mod served {
            $(
                #[test]
                fn $scenario() {
                    $crate::fileserver::program();
                    $crate::watchdog(stringify!($scenario), super::$scenario);
                }
            )+
        }
    };
}

/// A file server on a port of its own. It is killed when this is dropped.
#[derive(Debug)]
pub struct FileServer {
    child: Child,
    stdout: BufReader<ChildStdout>,
    /// Where it listens.
    pub address: SocketAddr,
}

/// The program, built once.
///
/// # Panics
///
/// If it does not build.
pub fn program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| example::program("fileserver"))
}

impl FileServer {
    /// Serves a folder, with more arguments.
    ///
    /// # Panics
    ///
    /// If it does not say where it listens.
    #[track_caller]
    pub fn start(root: &Path, arguments: &[&str]) -> FileServer {
        let mut child = Command::new(program())
            .args(["--listen", "127.0.0.1:0", "--root"])
            .arg(root)
            .args(arguments)
            .env_remove("WINDLASS_WORKER_THREADS")
            .stdout(Stdio::piped())
            .spawn()
            .expect("the server starts");
        let mut stdout = BufReader::new(child.stdout.take().expect("it is piped"));
        let mut line = String::new();
        stdout.read_line(&mut line).expect("its first line");
        let address = line.split("http://").nth(1).and_then(|rest| rest.split('/').next());
        let address =
            address.unwrap_or_else(|| panic!("no address in {line:?}")).parse().expect("an address");
        FileServer { child, stdout, address }
    }

    /// Its number among the machine's processes.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// The next line that it prints.
    pub fn line(&mut self) -> String {
        let mut line = String::new();
        self.stdout.read_line(&mut line).expect("it prints text");
        line
    }

    /// Sends it a signal: `TERM`, `INT`.
    #[track_caller]
    pub fn signal(&self, name: &str) {
        let kill = Command::new("kill").args(["-s", name, &self.id().to_string()]).status();
        assert!(kill.expect("kill runs").success());
    }

    /// Waits for its end, with the rest of what it printed.
    pub fn wait(&mut self) -> (ExitStatus, String) {
        let mut rest = String::new();
        self.stdout.read_to_string(&mut rest).expect("it prints text");
        (self.child.wait().expect("it ends"), rest)
    }

    /// A new connection.
    #[track_caller]
    pub fn connect(&self) -> Client {
        Client { stream: BufReader::new(TcpStream::connect(self.address).expect("the server listens")) }
    }

    /// The answer to one request of a connection of its own.
    #[track_caller]
    pub fn ask(&self, request: &str, headers: &[(&str, &str)]) -> Answer {
        let mut client = self.connect();
        client.send(request, headers);
        client.answer(request.starts_with("HEAD "))
    }

    /// The answer to a GET request.
    #[track_caller]
    pub fn get(&self, target: &str, headers: &[(&str, &str)]) -> Answer {
        self.ask(&format!("GET {target} HTTP/1.1"), headers)
    }

    /// A URL of it.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }
}

impl Drop for FileServer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A connection to a server.
#[derive(Debug)]
pub struct Client {
    /// The socket, and what was read of it.
    pub stream: BufReader<TcpStream>,
}

/// What a server answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// As in 200.
    pub status: u16,
    /// In the order they came, names in lower case.
    pub headers: Vec<(String, String)>,
    /// As far as it came.
    pub body: Vec<u8>,
}

impl Client {
    /// Sends a request without a body: its first line, and its headers but `Host`.
    ///
    /// # Panics
    ///
    /// If the connection is closed.
    #[track_caller]
    pub fn send(&mut self, request: &str, headers: &[(&str, &str)]) {
        let mut text = format!("{request}\r\nHost: test\r\n");
        for (name, value) in headers {
            write!(text, "{name}: {value}\r\n").expect("a string takes everything");
        }
        self.write(format!("{text}\r\n").as_bytes());
    }

    /// Sends bytes.
    ///
    /// # Panics
    ///
    /// If the connection is closed.
    #[track_caller]
    pub fn write(&mut self, bytes: &[u8]) {
        self.stream.get_mut().write_all(bytes).expect("the connection is open");
    }

    /// Reads the head of an answer. Its body is left to read, but for what is no body at all.
    ///
    /// # Panics
    ///
    /// If there is none.
    #[track_caller]
    pub fn head(&mut self) -> Answer {
        self.try_head().expect("an answer")
    }

    /// Reads the head of an answer, if there is one before the connection ends.
    pub fn try_head(&mut self) -> Option<Answer> {
        let mut line = String::new();
        self.stream.read_line(&mut line).ok().filter(|&length| length > 0)?;
        let status = line.split(' ').nth(1)?.parse().ok()?;
        let mut headers = Vec::new();
        loop {
            line.clear();
            self.stream.read_line(&mut line).ok().filter(|&length| length > 0)?;
            let Some((name, value)) = line.trim_end().split_once(": ") else { break };
            headers.push((name.to_ascii_lowercase(), value.to_owned()));
        }
        Some(Answer { status, headers, body: Vec::new() })
    }

    /// Reads an answer, with its body unless it is one to a HEAD request.
    ///
    /// # Panics
    ///
    /// If there is none.
    #[track_caller]
    pub fn answer(&mut self, head: bool) -> Answer {
        let mut answer = self.head();
        if !head {
            let length = answer.length();
            self.stream.by_ref().take(length).read_to_end(&mut answer.body).expect("a body");
        }
        answer
    }

    /// Everything until the connection ends, however it does.
    pub fn rest(&mut self) -> Vec<u8> {
        let mut rest = Vec::new();
        let _ = self.stream.read_to_end(&mut rest);
        rest
    }
}

impl Answer {
    /// The value of a header, by its name in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }

    /// What `Content-Length` says, 0 if nothing.
    pub fn length(&self) -> u64 {
        self.header("content-length").map_or(0, |length| length.parse().expect("a number"))
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// Whether a program is there. Says so by name if not, so that a test without it does not pass in silence.
pub fn has(tool: &str) -> bool {
    let found = Command::new("sh").args(["-c", &format!("command -v {tool}")]).output();
    let found = found.is_ok_and(|output| output.status.success());
    if !found {
        println!("skipped: {tool} is not installed (.ci/run installs it)");
    }
    found
}

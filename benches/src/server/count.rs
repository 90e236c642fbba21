//! What a message costs a server in instructions of its own and in system calls: numbers that no load changes.

use std::fs;
use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::sys::stat::Mode;
use nix::unistd::{Pid, mkfifo};

use super::ServerCase;
use super::client::{Client, Stop};
use super::drive::{self, Pinning, Start};
use super::process::bind_to_this_process;
use crate::case::CannotRun;
use crate::runtimes::RuntimeName;

/// A folder that is removed again.
pub(super) struct Scratch(pub(super) PathBuf);

impl Scratch {
    pub(super) fn new(purpose: &str) -> io::Result<Self> {
        let folder = std::env::temp_dir().join(format!("windlass-{purpose}-{}", std::process::id()));
        fs::create_dir_all(&folder)?;
        Ok(Self(folder))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What is left of it in the temporary folder harms nobody.
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn exchange(client: &mut Client, each: u64) -> io::Result<u64> {
    client.begin()?;
    Ok(client.run(Stop::Each(each))?.round_trips.len() as u64)
}

/// User instructions per message, under callgrind: those of a run with `messages` messages more than another, so that
/// neither the start, the connections nor the end counts.
pub fn instructions_per_message(
    case: &ServerCase,
    runtime: RuntimeName,
    messages: u64,
) -> Result<io::Result<f64>, CannotRun> {
    let each = (messages / case.connections as u64).max(1);
    let run = |each| -> Result<io::Result<u64>, CannotRun> {
        let scratch = match Scratch::new("callgrind") {
            Ok(scratch) => scratch,
            Err(error) => return Ok(Err(error)),
        };
        let profile = scratch.0.join("profile");
        let wrapper = ["valgrind", "--quiet", "--tool=callgrind", "--fair-sched=yes"].map(String::from);
        let out = format!("--callgrind-out-file={}", profile.display());
        let log = format!("--log-file={}", scratch.0.join("log").display());
        let wrapper: Vec<String> = wrapper.into_iter().chain([out, log]).collect();
        let start = drive::command(case, runtime, &wrapper)?;
        Ok(start.and_then(|start| run_under_callgrind(case, start, each, &profile)))
    };
    let (few, many) = match (run(1)?, run(1 + each)?) {
        (Ok(few), Ok(many)) => (few, many),
        (Err(error), _) | (_, Err(error)) => return Ok(Err(error)),
    };
    Ok(Ok((many as f64 - few as f64) / (each * case.connections as u64) as f64))
}

fn run_under_callgrind(case: &ServerCase, start: Start, each: u64, profile: &Path) -> io::Result<u64> {
    if matches!(start, Start::Foreign(_)) {
        return Err(io::Error::other("only programs of ours are counted"));
    }
    let (server, address) = drive::start(start, Pinning::Free)?;
    let mut client = drive::connect(case, address)?;
    exchange(&mut client, each)?;
    server.stop()?;
    let text = fs::read_to_string(profile)?;
    total_of(&text).ok_or_else(|| io::Error::other("callgrind's profile has no total"))
}

/// The instructions in a profile of callgrind's.
pub fn total_of(profile: &str) -> Option<u64> {
    let mut lines = profile.lines();
    let total =
        lines.find_map(|line| line.strip_prefix("summary: ").or_else(|| line.strip_prefix("totals: ")));
    total?.split_whitespace().next()?.parse().ok()
}

/// System calls per message, counted by `perf stat` while `messages` messages are exchanged and at no other time.
pub fn system_calls_per_message(
    case: &ServerCase,
    runtime: RuntimeName,
    messages: u64,
    pinning: Pinning,
) -> Result<io::Result<f64>, CannotRun> {
    let start = drive::command(case, runtime, &[])?;
    Ok(start.and_then(|start| {
        let (server, address) = drive::start(start, pinning)?;
        let mut client = drive::connect(case, address)?;
        let each = (messages / case.connections as u64).max(1);
        let mut exchanged = 0;
        let calls = system_calls(server.id(), || {
            exchanged = exchange(&mut client, each)?;
            Ok(())
        })?;
        Ok(calls as f64 / exchanged as f64)
    }))
}

/// The system calls that a process makes during `part`.
pub fn system_calls(process: u32, part: impl FnOnce() -> io::Result<()>) -> io::Result<u64> {
    let mut perf = Perf::start(process)?;
    perf.tell("enable")?;
    part()?;
    perf.tell("disable")?;
    perf.finish()
}

/// A `perf stat` that counts when it is told to.
struct Perf {
    child: Child,
    control: fs::File,
    answers: BufReader<fs::File>,
    report: PathBuf,
    _scratch: Scratch,
}

/// How long perf may take to open what it was given.
const PATIENCE: Duration = Duration::from_secs(10);

impl Perf {
    fn start(process: u32) -> io::Result<Self> {
        let scratch = Scratch::new("perf")?;
        let path = |name| scratch.0.join(name);
        let (control, answers, report) = (path("control"), path("answers"), path("report"));
        for fifo in [&control, &answers] {
            mkfifo(fifo, Mode::S_IRUSR | Mode::S_IWUSR)?;
        }
        let mut command = Command::new("perf");
        command
            .args(["stat", "-x", ",", "-e", "raw_syscalls:sys_enter", "-D", "-1", "-p"])
            .arg(process.to_string())
            .arg("-o")
            .arg(&report)
            .arg("--control")
            .arg(format!("fifo:{},{}", control.display(), answers.display()))
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        bind_to_this_process(&mut command);
        // Open for both directions, so that neither open waits for perf.
        let both = |path| fs::OpenOptions::new().read(true).write(true).open(path);
        let (control, answers) = (both(&control)?, BufReader::new(both(&answers)?));
        let child = command.spawn().map_err(|error| io::Error::other(format!("perf: {error}")))?;
        Ok(Self { child, control, answers, report, _scratch: scratch })
    }

    fn tell(&mut self, what: &str) -> io::Result<()> {
        if let Some(status) = self.child.try_wait()? {
            return Err(io::Error::other(format!("perf ended with {status}; may it count system calls?")));
        }
        writeln!(self.control, "{what}")?;
        let start = Instant::now();
        loop {
            let mut answer = String::new();
            self.answers.read_line(&mut answer)?;
            if answer.trim_matches(['\0', '\n']) == "ack" {
                return Ok(());
            }
            if start.elapsed() > PATIENCE {
                return Err(io::Error::other(format!("perf answered {answer:?}")));
            }
        }
    }

    fn finish(mut self) -> io::Result<u64> {
        kill(Pid::from_raw(self.child.id().cast_signed()), Signal::SIGINT)?;
        self.child.wait()?;
        let report = fs::read_to_string(&self.report)?;
        let line = report.lines().find(|line| line.contains("raw_syscalls:sys_enter"));
        let count = line.and_then(|line| match line.split(',').next()? {
            // Nothing of the process ran at all.
            "<not counted>" => Some(0),
            count => count.parse().ok(),
        });
        count.ok_or_else(|| io::Error::other(format!("perf reported {report:?}")))
    }
}

impl Drop for Perf {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_total_is_found() {
        assert_eq!(total_of("events: Ir\nsummary: 1234\n"), Some(1_234));
        assert_eq!(total_of("totals: 5 6"), Some(5));
        assert_eq!(total_of("nothing"), None);
    }
}

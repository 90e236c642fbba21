//! A server process as the client sees it.

use std::fs;
use std::io::{self, BufRead, BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::Signal;
use nix::time::{clock_getcpuclockid, clock_gettime};
use nix::unistd::Pid;

use super::Service;
use super::serve::{FLAG, HEAP};
use crate::runtimes::RuntimeName;

/// What a server of this program is to be.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// What it does.
    pub service: Service,
    /// What it runs on.
    pub runtime: RuntimeName,
    /// Its worker threads.
    pub workers: usize,
    /// Timers it has registered all the while, an hour from firing.
    pub timers: usize,
}

impl Settings {
    pub(super) fn parse(arguments: &[String]) -> Result<Self, String> {
        let [service, runtime, workers, timers] = arguments else {
            return Err("wants a service, a runtime, a number of workers and one of timers".into());
        };
        let number = |text: &String| text.parse().map_err(|error| format!("`{text}`: {error}"));
        Ok(Self {
            service: service.parse()?,
            runtime: runtime.parse()?,
            workers: number(workers)?,
            timers: number(timers)?,
        })
    }

    /// This program as that server, run by `wrapper` if there is one: a profiler and its arguments.
    pub fn command(&self, wrapper: &[String]) -> io::Result<Command> {
        let program = std::env::current_exe()?;
        let mut command = match wrapper.split_first() {
            None => Command::new(program),
            Some((wrapper, arguments)) => {
                let mut command = Command::new(wrapper);
                command.args(arguments).arg(program);
                command
            }
        };
        let [workers, timers] = [self.workers, self.timers].map(|number| number.to_string());
        command.args([FLAG, self.service.as_str(), self.runtime.as_str(), &workers, &timers]);
        Ok(command)
    }
}

/// A server that runs until this is dropped.
pub struct ServerProcess {
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: BufReader<ChildStdout>,
}

/// Makes sure that a process ends with this one: its stdin ends, and it gets a signal too, in case it reads none.
///
/// The signal comes when the *thread* that starts it ends: start it from the main thread, or one that outlives it.
pub fn bind_to_this_process(command: &mut Command) {
    let at_parents_death = || set_pdeathsig(Signal::SIGKILL).map_err(io::Error::from);
    // SAFETY: between fork and exec the closure makes one system call and allocates nothing.
    unsafe { command.pre_exec(at_parents_death) };
    command.stdin(Stdio::piped());
}

impl ServerProcess {
    /// Starts a server that prints its port first, and waits for that.
    pub fn start(mut command: Command) -> io::Result<(Self, SocketAddr)> {
        bind_to_this_process(&mut command);
        let mut child = command.stdout(Stdio::piped()).spawn()?;
        let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
        let stdout = BufReader::new(stdout.expect("the server's output is piped"));
        let mut server = Self { child, stdin, stdout };
        let port = server.line()?.parse().map_err(io::Error::other)?;
        Ok((server, SocketAddr::from((Ipv4Addr::LOCALHOST, port))))
    }

    fn line(&mut self) -> io::Result<String> {
        let mut line = String::new();
        if self.stdout.read_line(&mut line)? == 0 {
            let status = self.child.wait()?;
            return Err(io::Error::other(format!("the server ended with {status}")));
        }
        Ok(line.trim().to_owned())
    }

    /// Bytes the server has allocated and not freed, if its program counts them.
    pub fn live_bytes(&mut self) -> io::Result<u64> {
        let stdin = self.stdin.as_mut().ok_or_else(|| io::Error::other("it was asked to end"))?;
        writeln!(stdin, "{HEAP}")?;
        self.line()?.parse().map_err(io::Error::other)
    }

    /// The server's process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Asks it to end, and waits until it has.
    pub fn stop(mut self) -> io::Result<()> {
        self.stdin = None;
        self.child.wait().map(drop)
    }
}

impl Drop for ServerProcess {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What a process has used so far, as the system knows it: nothing that the process itself has to count.
#[derive(Clone, Copy, Debug, Default)]
pub struct ProcessUsage {
    /// User and system time.
    pub cpu_ns: u64,
    /// User time, by the ticks of the system's clock, 10 ms.
    pub user_ns: u64,
    /// Times a thread that is there now waited for something.
    pub voluntary_switches: u64,
    /// Times such a thread had to make room for another.
    pub involuntary_switches: u64,
}

impl ProcessUsage {
    /// Of the process with this id.
    pub fn of(process: u32) -> io::Result<Self> {
        let clock = clock_getcpuclockid(Pid::from_raw(process.cast_signed()))?;
        let time = clock_gettime(clock)?;
        let cpu_ns = time.tv_sec().unsigned_abs() * 1_000_000_000 + time.tv_nsec().unsigned_abs();
        let mut usage = Self { cpu_ns, user_ns: user_ns(process)?, ..Self::default() };
        for thread in fs::read_dir(format!("/proc/{process}/task"))? {
            let Ok(status) = fs::read_to_string(thread?.path().join("status")) else { continue };
            usage.voluntary_switches += field(&status, "voluntary_ctxt_switches:");
            usage.involuntary_switches += field(&status, "nonvoluntary_ctxt_switches:");
        }
        Ok(usage)
    }

    /// What was used since `before`.
    pub fn since(self, before: Self) -> Self {
        Self {
            cpu_ns: self.cpu_ns.saturating_sub(before.cpu_ns),
            user_ns: self.user_ns.saturating_sub(before.user_ns),
            voluntary_switches: self.voluntary_switches.saturating_sub(before.voluntary_switches),
            involuntary_switches: self.involuntary_switches.saturating_sub(before.involuntary_switches),
        }
    }
}

/// A process's resident memory.
pub fn resident_bytes(process: u32) -> io::Result<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status"))?;
    Ok(field(&status, "VmRSS:") * 1_024)
}

fn field(status: &str, name: &str) -> u64 {
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}

fn user_ns(process: u32) -> io::Result<u64> {
    const TICK_NS: u64 = 10_000_000;
    let stat = fs::read_to_string(format!("/proc/{process}/stat"))?;
    // `123 (name, which may hold anything) S ppid ...`: utime is the 12th after the name.
    let rest = stat.rsplit_once(") ").map_or("", |(_, rest)| rest);
    let ticks: u64 = rest.split(' ').nth(11).and_then(|ticks| ticks.parse().ok()).unwrap_or(0);
    Ok(ticks * TICK_NS)
}

//! An idle runtime does nothing at all: after a burst of load none of its threads wakes up, nor makes a system call.
//!
//! The load and the rest happen in a process of their own, this program as its own child, so that nothing else moves
//! in it. Whether a thread woke up is counted by the kernel; which system calls it made, by `strace` where there is one.

#![cfg(target_os = "linux")]

use std::collections::BTreeMap;
use std::future::pending;
use std::io::Write;
use std::process::{Command, Output, Stdio};
use std::thread;
use std::time::Duration;

use windlass::task;
use windlass_tests::{Flavor, as_child, child, is_child, only, wake_self};

const TEST: &str = "an_idle_runtime_makes_no_system_calls";
const BEGIN: &str = "idle: begin";
const END: &str = "idle: end";

/// The time after which workers have stopped spinning and the monitor has stopped looking, where they have a processor.
const SETTLE: Duration = Duration::from_millis(500);

fn idle_for() -> Duration {
    Duration::from_secs(std::env::var("WINDLASS_IDLE_SECONDS").ok().and_then(|s| s.parse().ok()).unwrap_or(5))
}

/// Keeps four workers busy, from inside and outside, and leaves tasks that wait.
fn burst() -> windlass::runtime::Runtime {
    let runtime =
        Flavor::MultiThread(4).builder().thread_keep_alive(Duration::from_millis(1)).build().unwrap();
    for _ in 0..20 {
        runtime.block_on(async {
            let tasks: Vec<_> = (0..500)
                .map(|_| {
                    windlass::spawn(async {
                        wake_self().await;
                        task::yield_now().await;
                    })
                })
                .collect();
            for task in tasks {
                task.await.unwrap();
            }
            windlass::spawn(pending::<()>());
            task::spawn_blocking(|| {}).await.unwrap();
        });
        let tasks: Vec<_> = (0..500).map(|_| runtime.spawn(wake_self())).collect();
        for task in tasks {
            futures::executor::block_on(task).unwrap();
        }
        runtime.spawn(pending::<()>());
    }
    runtime
}

/// What the kernel says of the threads of this process but the calling one.
#[derive(Debug, PartialEq)]
struct Others {
    /// How often each was switched to.
    switches: BTreeMap<String, u64>,
    /// Whether all of them wait, and none for a processor.
    all_wait: bool,
}

impl Others {
    fn now() -> Self {
        let mut all_wait = true;
        let mut of_thread = |entry: std::io::Result<std::fs::DirEntry>| {
            // A thread may end in the middle of this.
            let status = std::fs::read_to_string(entry.ok()?.path().join("status")).ok()?;
            let field = |name: &str| status.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
            let id = field("Pid:")?;
            if id == this_thread() {
                return None;
            }
            all_wait &= field("State:")?.starts_with('S');
            Some((format!("{} ({id})", field("Name:")?), field("voluntary_ctxt_switches:")?.parse().ok()?))
        };
        let switches = std::fs::read_dir("/proc/self/task").unwrap().filter_map(&mut of_thread).collect();
        Others { switches, all_wait }
    }

    /// Waits until they have done nothing for that long, and have nothing to do. A machine that is busy with other things may let a
    /// thread wait longer than that for a processor. One that gets up again and again is found out by what follows.
    fn settled() -> Self {
        let mut before = Others::now();
        for _ in 0..40 {
            thread::sleep(SETTLE);
            let now = Others::now();
            if now.all_wait && now == before {
                break;
            }
            before = now;
        }
        before
    }

    /// Asserts that none of them has got up since.
    #[track_caller]
    fn assert_still(&self) {
        let after = Others::now().switches;
        for (thread, count) in &self.switches {
            assert_eq!(after.get(thread), Some(count), "{thread} woke up while the runtime was idle");
        }
    }
}

/// Writes a line of its own in one system call, which the trace shows.
fn mark(line: &str) {
    std::io::stderr().write_all(format!("{line}\n").as_bytes()).unwrap();
}

/// What the child does.
fn rest_after_a_burst() {
    let runtime = burst();
    let others = Others::settled();
    mark(BEGIN);
    thread::sleep(idle_for());
    mark(END);
    others.assert_still();
    assert!(others.switches.len() > 4, "there are four workers at least: {others:?}");
    drop(runtime);
}

/// The id that the kernel has for this thread.
fn this_thread() -> String {
    let link = std::fs::read_link("/proc/thread-self").unwrap();
    link.file_name().unwrap().to_string_lossy().into_owned()
}

/// The system calls in a trace between the marks, but for those of the thread that made the marks.
fn calls_while_idle(trace: &str) -> Vec<&str> {
    let thread_of = |line: &str| line.split_whitespace().next().unwrap_or_default().to_owned();
    let lines: Vec<_> = trace.lines().collect();
    let position = |mark: &str| {
        let found = lines.iter().position(|line| line.contains("write(2") && line.contains(mark));
        found.unwrap_or_else(|| panic!("the trace does not show {mark:?}:\n{trace}"))
    };
    let (begin, end) = (position(BEGIN), position(END));
    let marker = thread_of(lines[begin]);
    lines[begin + 1..end].iter().copied().filter(|line| thread_of(line) != marker).collect()
}

#[test]
fn an_idle_runtime_makes_no_system_calls() {
    if is_child() {
        rest_after_a_burst();
        return;
    }
    // Without a tracer, which slows down what it watches.
    let output = child(TEST).output().unwrap();
    assert_succeeded(&output);

    if Command::new("strace").arg("-V").stdout(Stdio::null()).stderr(Stdio::null()).status().is_err() {
        eprintln!("{TEST}: there is no strace here, so the system calls were not counted, only the wakeups");
        return;
    }
    let file = std::env::temp_dir().join(format!("windlass-idle-{}.strace", std::process::id()));
    let mut command = Command::new("strace");
    command.args(["-f", "-o"]).arg(&file).arg(std::env::current_exe().unwrap()).args(only(TEST));
    let output = as_child(&mut command).output().unwrap();
    let trace = std::fs::read_to_string(&file);
    let _ = std::fs::remove_file(&file);
    if String::from_utf8_lossy(&output.stderr).contains("ptrace(") {
        eprintln!(
            "{TEST}: strace may not trace here, so the system calls were not counted, only the wakeups"
        );
        return;
    }
    assert_succeeded(&output);
    let trace = trace.expect("strace writes its trace");
    let calls = calls_while_idle(&trace);
    assert!(
        calls.is_empty(),
        "{} system calls in {:?} of an idle runtime:\n{}",
        calls.len(),
        idle_for(),
        calls[..calls.len().min(40)].join("\n")
    );
}

#[track_caller]
fn assert_succeeded(output: &Output) {
    assert!(
        output.status.success(),
        "the child failed, {}:\n{}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}

/// The same without a burst, and for a runtime that never ran anything; wakeups only.
#[test]
fn a_new_runtime_does_not_wake_up() {
    if is_child() {
        let runtimes = [Flavor::CurrentThread.runtime(), Flavor::MultiThread(4).runtime()];
        let others = Others::settled();
        thread::sleep(SETTLE);
        others.assert_still();
        drop(runtimes);
        return;
    }
    assert_succeeded(&child("a_new_runtime_does_not_wake_up").output().unwrap());
}

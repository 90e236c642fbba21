//! `sanitize`: the tests under the compiler's sanitizers.
//!
//! They run on the stable compiler with its unstable options unlocked. The standard library itself is not instrumented: what the
//! thread sanitizer cannot see in it is named in `tsan.supp`, never by a symbol of ours. A test that starts cargo starts it with
//! the same flags and for the same target, so the programs of `examples/` run under the address sanitizer as well.
//!
//! Every process writes its reports to a file of its own: of one that is killed or whose end nobody looks at, none is lost.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;

use crate::failure::{Failure, on_path};
use crate::options::Options;
use crate::place::{self, LOOM_TESTS, Workspace, cargo};
use crate::session::Session;
use crate::shell;
use crate::test::Tally;

/// The tests of `windlass-tests` that run in every `ci`: threads against each other, and every way a task ends. The rest
/// runs with `--all`.
const CORE_TESTS: [&str; 14] = [
    "stress",
    "stress_sockets",
    "shutdown",
    "shutdown_races",
    "shutdown_where",
    "drop_once",
    "fairness",
    "task_local_set",
    "task_local_set_drop",
    "block_on_seats",
    "block_in_place",
    "tcp_stream",
    "time_threads",
    "cancellation_token",
];

/// A part of the tests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    /// All tests of a package.
    Package(&'static str),
    /// All tests of a file in a folder `tests`.
    Program(&'static str),
    /// The tests whose names have this in them.
    Test(&'static str),
}

use Part::{Package, Program, Test};

const OTHERS_LOCKS: &str = "the locks of hyper, of rayon, or of the program it starts, are std's, which are not seen where contended";
const SIGNALS: &str =
    "it starts a program and sends it signals, which are kept back while a thread waits for a lock or a wake";

/// What no sanitizer looks at, and why.
const LEFT_OUT: [(Part, &str); 9] = [
    (Package(LOOM_TESTS), "loom switches stacks by itself"),
    (
        Package("windlass-benches"),
        "what is to be said of the other runtimes that they run is not ours to mend",
    ),
    (Package("windlass-macros"), "it runs in the compiler"),
    (Package("xtask"), "it is one thread of safe code, and starts cargo"),
    (Test("compile_fail_messages"), "the compiler runs in it, and nothing of ours does"),
    (
        Test("a_new_runtime_does_not_wake_up"),
        "it counts the wake-ups of a process, and the sanitizer's own thread wakes up",
    ),
    (
        Test("an_idle_runtime_makes_no_system_calls"),
        "it counts those of a process, and the sanitizer's own thread makes some",
    ),
    (
        Test("memory_while_streaming"),
        "it limits the memory of a process, and most of it is the sanitizer's own",
    ),
    (
        Test("threads_that_cannot_be_started_are_an_error"),
        "it limits the address space, all of which a sanitizer claims",
    ),
];

/// What the thread sanitizer does not look at besides, and why.
const LEFT_OUT_OF_THREAD: [(Part, &str); 11] = [
    (Program("run_interrupted"), SIGNALS),
    (Program("examples_crawler"), SIGNALS),
    (Program("fileserver_end"), SIGNALS),
    (Program("fileserver_clients"), OTHERS_LOCKS),
    (Program("fileserver_content"), OTHERS_LOCKS),
    (Program("fileserver_http2"), OTHERS_LOCKS),
    (Program("fileserver_paths"), OTHERS_LOCKS),
    (Program("fileserver_tools"), OTHERS_LOCKS),
    (Program("hyper_http"), OTHERS_LOCKS),
    (Test("rayon"), OTHERS_LOCKS),
    (
        Program("wakes"),
        "it counts how often threads sleep, and one that the sanitizer slows down is given a job before it does",
    ),
];

/// What one test program may take, in minutes: several times what the slowest does.
const MINUTES: u64 = 10;

/// One of the compiler's sanitizers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sanitizer {
    Thread,
    Address,
    Leak,
}

impl Sanitizer {
    fn named(name: &str) -> Result<Self, Failure> {
        match name {
            "thread" => Ok(Sanitizer::Thread),
            "address" => Ok(Sanitizer::Address),
            "leak" => Ok(Sanitizer::Leak),
            other => Err(Failure::new(format!("there is no sanitizer `{other}`"))
                .fix("it is `thread`, `address` or `leak`; with none named, the first two run")),
        }
    }

    fn name(self) -> &'static str {
        match self {
            Sanitizer::Thread => "thread",
            Sanitizer::Address => "address",
            Sanitizer::Leak => "leak",
        }
    }

    /// The target directory's name: each sanitizer has one, since everything is compiled differently.
    pub(crate) fn folder(self) -> &'static str {
        match self {
            Sanitizer::Thread => "tsan",
            Sanitizer::Address => "asan",
            Sanitizer::Leak => "lsan",
        }
    }

    fn left_out(self) -> Vec<(Part, &'static str)> {
        let mut parts = LEFT_OUT.to_vec();
        if self == Sanitizer::Thread {
            parts.extend(LEFT_OUT_OF_THREAD);
        }
        parts
    }

    /// The variable its runtime reads, and what we set it to, with reports going to files whose names begin with `log`.
    fn environment(self, log: &Path) -> (&'static str, String) {
        let (variable, options) = match self {
            Sanitizer::Thread => {
                let file = place::root().join("xtask/tsan.supp");
                ("TSAN_OPTIONS", format!("suppressions={} second_deadlock_stack=1", file.display()))
            }
            Sanitizer::Address => {
                ("ASAN_OPTIONS", "detect_leaks=1 detect_stack_use_after_return=1 strict_init_order=1".into())
            }
            Sanitizer::Leak => ("LSAN_OPTIONS", "report_objects=1".into()),
        };
        (variable, format!("{options} print_suppressions=0 log_path={}", log.display()))
    }

    /// The compiler's flags.
    fn flags(self) -> String {
        let mut flags = format!("-Zsanitizer={} -Cunsafe-allow-abi-mismatch=sanitizer", self.name());
        if self == Sanitizer::Thread {
            // crossbeam then uses acquire loads where it has fences, which this sanitizer does not understand; and the tests of
            // signals send them where it delivers them.
            flags.push_str(" --cfg crossbeam_sanitize_thread --cfg windlass_sanitize_thread");
        }
        flags
    }
}

/// Which packages' tests run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scope {
    Core,
    All,
}

pub(crate) fn routine(session: &mut Session, mut options: Options) -> Result<(), Failure> {
    let scope = if options.flag("--all") { Scope::All } else { Scope::Core };
    let times = options.value("--times")?.unwrap_or(1);
    let named = options.word();
    options.end()?;
    match named {
        Some(name) => sanitize(session, Sanitizer::named(&name)?, scope, times),
        None => {
            sanitize(session, Sanitizer::Thread, scope, times)?;
            sanitize(session, Sanitizer::Address, scope, times)
        }
    }
}

/// Runs the tests under one sanitizer, so many times.
pub(crate) fn sanitize(
    session: &mut Session,
    sanitizer: Sanitizer,
    scope: Scope,
    times: u64,
) -> Result<(), Failure> {
    let all = if scope == Scope::All { " --all" } else { "" };
    let (often, repeated) = if times == 1 {
        (String::new(), String::new())
    } else {
        (format!(" --times {times}"), format!(", {times} times"))
    };
    let rerun = format!("cargo xtask sanitize {}{all}{often}", sanitizer.name());
    session.step(&format!("{} sanitizer{repeated}", sanitizer.name()), &rerun, || {
        for time in 1..=times {
            if times > 1 {
                println!("{time} of {times}");
            }
            run(sanitizer, scope)?;
        }
        Ok(())
    })
}

fn run(sanitizer: Sanitizer, scope: Scope) -> Result<(), Failure> {
    let host = place::host()?;
    if !["x86_64-unknown-linux-gnu", "aarch64-unknown-linux-gnu"].contains(&host.as_str()) {
        return Err(Failure::new(format!("the sanitizers are not set up for {host}"))
            .fix("run this on Linux with a compiler for x86-64 or aarch64 and glibc"));
    }
    let (mut packages, mut programs, mut tests) = (Vec::new(), Vec::new(), Vec::new());
    for (part, reason) in sanitizer.left_out() {
        if scope == Scope::All {
            println!("left out: {part:?}: {reason}");
        }
        match part {
            Package(name) => packages.push(name),
            Program(name) => programs.push(name),
            Test(name) => tests.push(name),
        }
    }
    let workspace = Workspace::load()?;
    let folder = workspace.target(sanitizer.folder())?;
    let reports = folder.join("reports");
    if reports.exists() {
        fs::remove_dir_all(&reports).map_err(on_path("remove", &reports))?;
    }
    fs::create_dir_all(&reports).map_err(on_path("create", &reports))?;
    let (variable, options) = sanitizer.environment(&reports.join("of"));
    let instrumented = |command: &mut Command| {
        command
            .env("RUSTC_BOOTSTRAP", "1")
            .env("RUSTFLAGS", sanitizer.flags())
            // In the environment, where a cargo that a test starts finds them.
            .env("CARGO_BUILD_TARGET", &host)
            .env("CARGO_TARGET_DIR", &folder)
            .env(variable, &options)
            // std prints backtraces under a lock the thread sanitizer does not see.
            .env("RUST_BACKTRACE", "0");
    };
    if scope == Scope::All {
        // Ahead of the tests that start them, which wait for a minute and no longer.
        let mut command = cargo();
        instrumented(&mut command);
        shell::run(command.args(["build", "--package", "windlass-examples", "--bins"]))?;
    }
    let mut command = cargo();
    instrumented(&mut command);
    command.args(["test", "--no-fail-fast", "--config", &with_limit(&host)]);
    let named;
    match scope {
        Scope::Core => {
            named = CORE_TESTS.len();
            command
                .args(["--package", "windlass-tests"])
                .args(CORE_TESTS.iter().flat_map(|test| ["--test", test]))
        }
        Scope::All => {
            let mut all = workspace.tests_without(&packages);
            all.retain(|test| !programs.contains(&test.as_str()));
            named = all.len();
            command
                .args(["--workspace", "--lib", "--bins"])
                .args(all.iter().flat_map(|test| ["--test", test]))
                .args(packages.iter().flat_map(|package| ["--exclude", package]))
        }
    };
    // What a test prints would go through a lock of std's, which the thread sanitizer does not see.
    command.args(["--", "--nocapture"]).args(tests.iter().flat_map(|test| ["--skip", test]));
    let mut tally = Tally::default();
    let ended = shell::run_watching(&mut command, |line| tally.see(line));
    println!("{tally}");
    none_in(&reports)?;
    ended?;
    if tally.programs() < named as u64 {
        let ran = tally.programs();
        return Err(Failure::new(format!("{ran} test programs ran, and {named} were named")));
    }
    Ok(())
}

/// cargo's setting that has each test program run by `timeout`, so that one which hangs fails, and the next one's turn comes.
fn with_limit(host: &str) -> String {
    // In the foreground, it ends with all the rest where someone types ctrl-c.
    format!(r#"target.{host}.runner = ["timeout", "--foreground", "--kill-after=10s", "{MINUTES}m"]"#)
}

/// Fails with what the sanitizer's files say, if there are any.
fn none_in(reports: &Path) -> Result<(), Failure> {
    let mut all = String::new();
    for entry in fs::read_dir(reports).map_err(on_path("read", reports))? {
        let file = entry.map_err(on_path("read", reports))?.path();
        let text = fs::read(&file).map_err(on_path("read", &file))?;
        let _ = writeln!(all, "{}:\n{}", file.display(), String::from_utf8_lossy(&text));
    }
    if all.is_empty() {
        println!("the sanitizer has nothing to report");
        return Ok(());
    }
    println!("{all}");
    let count = all.lines().filter(|line| line.starts_with("SUMMARY: ")).count();
    Err(Failure::new(format!("the sanitizer has {count} reports, see above"))
        .fix(format!("they are kept until the next run in {}", reports.display())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reports_are_counted_and_fail_and_no_file_is_no_report() {
        let folder = std::env::temp_dir().join(format!("windlass-reports-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        none_in(&folder).unwrap();
        fs::write(folder.join("of.1"), "WARNING: a race\nSUMMARY: a race\nSUMMARY: another\n").unwrap();
        fs::write(folder.join("of.2"), "SUMMARY: a leak\n").unwrap();
        let text = none_in(&folder).unwrap_err().to_string();
        fs::remove_dir_all(&folder).unwrap();
        assert!(text.contains("3 reports"), "{text}");
    }

    #[test]
    fn only_the_standard_library_is_suppressed_and_each_time_with_a_reason() {
        let text = std::fs::read_to_string(place::root().join("xtask/tsan.supp")).unwrap();
        let mut reason = false;
        for line in text.lines() {
            if line.is_empty() || line.starts_with('#') {
                reason = !line.is_empty();
                continue;
            }
            assert!(reason, "no reason stands above `{line}`");
            let allowed = ["race:std::", "race:alloc::", "race:core::", "race:crossbeam_deque"];
            assert!(allowed.iter().any(|root| line.starts_with(root)), "not of std: `{line}`");
            assert!(!line.contains("windlass"), "ours: `{line}`");
        }
    }
}

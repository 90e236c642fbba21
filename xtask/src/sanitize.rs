//! `sanitize`: the tests under the compiler's sanitizers.
//!
//! They run on the stable compiler with its unstable options unlocked. The standard library itself is not instrumented: what the
//! thread sanitizer cannot see in it is named in `tsan.supp`, never by a symbol of ours. The models stay out (loom
//! switches stacks by itself), and so do the benchmarks, which run other runtimes with what is to be said of them, and the test
//! that runs cargo, which would build a compiler's plugin with a sanitizer in it.

use crate::failure::Failure;
use crate::options::Options;
use crate::place::{self, LOOM_TESTS, Workspace, cargo};
use crate::session::Session;
use crate::shell;

/// The tests of `windlass-tests` that run in every `ci`: threads against each other, and every way a task ends. The rest
/// runs with `--all`.
const CORE_TESTS: [&str; 11] = [
    "stress",
    "stress_sockets",
    "shutdown",
    "drop_once",
    "fairness",
    "task_local_set",
    "block_on_seats",
    "block_in_place",
    "tcp_stream",
    "time_threads",
    "cancellation_token",
];

/// Parts of names: of tests that start cargo (for the compiler's messages, and for each example), and of those that ask what a
/// sanitizer's runtime answers differently: which system calls an idle process makes, and what happens when there is no
/// address space for a thread.
const SKIPPED: [&str; 5] = [
    "compile_fail_messages",
    "_example",
    "a_new_runtime_does_not_wake_up",
    "an_idle_runtime_makes_no_system_calls",
    "threads_that_cannot_be_started_are_an_error",
];

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

    /// The variable its runtime reads, and what we set it to.
    fn environment(self) -> (&'static str, String) {
        match self {
            Sanitizer::Thread => {
                let file = place::root().join("xtask/tsan.supp");
                ("TSAN_OPTIONS", format!("suppressions={} second_deadlock_stack=1", file.display()))
            }
            Sanitizer::Address => {
                ("ASAN_OPTIONS", "detect_leaks=1 detect_stack_use_after_return=1 strict_init_order=1".into())
            }
            Sanitizer::Leak => ("LSAN_OPTIONS", "report_objects=1".into()),
        }
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
    let mut flags = format!("-Zsanitizer={} -Cunsafe-allow-abi-mismatch=sanitizer", sanitizer.name());
    if sanitizer == Sanitizer::Thread {
        // crossbeam then uses acquire loads where it has fences, which this sanitizer does not understand.
        flags.push_str(" --cfg crossbeam_sanitize_thread");
    }
    let (variable, value) = sanitizer.environment();
    let mut command = cargo();
    command
        .env("RUSTC_BOOTSTRAP", "1")
        .env("RUSTFLAGS", flags)
        .env(variable, value)
        // std prints backtraces under a lock the thread sanitizer does not see.
        .env("RUST_BACKTRACE", "0")
        .args(["test", "--no-fail-fast", "--target", &host, "--target-dir"])
        .arg(Workspace::load()?.target(sanitizer.folder())?);
    match scope {
        Scope::Core => command
            .args(["--package", "windlass-tests"])
            .args(CORE_TESTS.iter().flat_map(|test| ["--test", test])),
        Scope::All => {
            command.args(["--workspace", "--lib", "--tests"]);
            command.args(
                [LOOM_TESTS, "windlass-benches", "windlass-macros", "xtask"]
                    .iter()
                    .flat_map(|package| ["--exclude", package]),
            )
        }
    };
    // What a test prints would go through a lock of std's, which the thread sanitizer does not see.
    command.args(["--", "--nocapture"]).args(SKIPPED.iter().flat_map(|test| ["--skip", test]));
    shell::run(&mut command)
}

#[cfg(test)]
mod tests {
    use super::*;

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

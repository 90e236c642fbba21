//! Running other programs.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use crate::failure::{Failure, on_path};

/// Runs the command to its end, its output going where ours goes.
pub(crate) fn run(command: &mut Command) -> Result<(), Failure> {
    announce(command);
    let status = command.status().map_err(|error| cannot_start(command, &error))?;
    succeeded(command, status)
}

/// Runs the command and returns what it wrote to its standard output.
pub(crate) fn output(command: &mut Command) -> Result<String, Failure> {
    let output = command.stderr(Stdio::inherit()).output().map_err(|error| cannot_start(command, &error))?;
    succeeded(command, output.status)?;
    String::from_utf8(output.stdout).map_err(|_| Failure::new(format!("{} wrote no UTF-8", line(command))))
}

/// Runs the command and shows each line of its standard output to `look` while it goes where ours goes.
pub(crate) fn run_watching(command: &mut Command, mut look: impl FnMut(&str)) -> Result<(), Failure> {
    announce(command);
    let mut child = command.stdout(Stdio::piped()).spawn().map_err(|error| cannot_start(command, &error))?;
    if let Some(stdout) = child.stdout.take() {
        let mut ours = io::stdout().lock();
        for bytes in BufReader::new(stdout).split(b'\n').map_while(Result::ok) {
            let text = String::from_utf8_lossy(&bytes);
            look(&text);
            // Nobody may be reading any more: the command's own status is what counts.
            let _ = writeln!(ours, "{text}");
        }
    }
    let status = child.wait().map_err(|error| cannot_start(command, &error))?;
    succeeded(command, status)
}

/// How a command with a time limit ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    Exited(ExitStatus),
    /// It was killed at its limit.
    TimedOut,
}

/// Runs one process (that starts no others) with a time limit, its output going where ours goes.
pub(crate) fn run_limited(command: &mut Command, limit: Duration) -> Result<Ended, Failure> {
    announce(command);
    let child = command.spawn().map_err(|error| cannot_start(command, &error))?;
    wait_limited(child, limit).map_err(|error| cannot_start(command, &error))
}

/// Runs one process (that starts no others) with a time limit, all its output going to the file `log`.
pub(crate) fn run_logged(command: &mut Command, log: &Path, limit: Duration) -> Result<Ended, Failure> {
    let file = File::create(log).map_err(on_path("create", log))?;
    let twin = file.try_clone().map_err(on_path("create", log))?;
    let child = command
        .stdin(Stdio::null())
        .stdout(file)
        .stderr(twin)
        .spawn()
        .map_err(|error| cannot_start(command, &error))?;
    wait_limited(child, limit).map_err(|error| cannot_start(command, &error))
}

fn wait_limited(mut child: Child, limit: Duration) -> io::Result<Ended> {
    let end = Instant::now() + limit;
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Ended::Exited(status));
        }
        if Instant::now() >= end {
            child.kill()?;
            child.wait()?;
            return Ok(Ended::TimedOut);
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn announce(command: &Command) {
    println!("$ {}", line(command));
}

/// The command as it would be typed.
fn line(command: &Command) -> String {
    let mut words = Vec::new();
    for (name, value) in command.get_envs() {
        // What cargo itself sets is no part of what one would type, and what is encoded cannot be typed.
        if let Some(value) = value
            && !["CARGO_MANIFEST_DIR", "CARGO_ENCODED_RUSTFLAGS"].iter().any(|hidden| name == *hidden)
        {
            words.push(format!("{}={}", name.display(), quoted(&value.to_string_lossy())));
        }
    }
    let program = Path::new(command.get_program());
    words.push(program.file_name().unwrap_or(program.as_os_str()).to_string_lossy().into_owned());
    words.extend(command.get_args().map(|arg| quoted(&arg.to_string_lossy())));
    words.join(" ")
}

fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_=./,:+@%".contains(c);
    if !word.is_empty() && word.chars().all(plain) { word.to_string() } else { format!("'{word}'") }
}

fn succeeded(command: &Command, status: ExitStatus) -> Result<(), Failure> {
    if status.success() {
        Ok(())
    } else {
        Err(Failure::new(format!("`{}` ended with {status}", line(command))))
    }
}

fn cannot_start(command: &Command, error: &io::Error) -> Failure {
    let program = command.get_program().to_string_lossy().into_owned();
    let failure = Failure::new(format!("cannot run `{program}`: {error}"));
    if error.kind() == io::ErrorKind::NotFound {
        failure.fix(format!("install it (on Debian: apt-get install {program}) and see that it is in PATH"))
    } else {
        failure
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_shown_as_typed() {
        let mut command = Command::new("/somewhere/cargo");
        command
            .env("RUSTFLAGS", "-D warnings")
            .env_remove("CARGO_PKG_NAME")
            .args(["test", "--test", "stress*"]);
        assert_eq!(line(&command), "RUSTFLAGS='-D warnings' cargo test --test 'stress*'");
    }

    #[test]
    fn a_missing_program_says_how_to_get_it() {
        let text = run(&mut Command::new("no-such-program")).unwrap_err().to_string();
        assert!(text.contains("apt-get install no-such-program"), "{text}");
    }

    #[test]
    fn a_process_past_its_limit_is_killed() {
        let started = Instant::now();
        let ended = run_limited(Command::new("sleep").arg("30"), Duration::from_millis(50)).unwrap();
        assert_eq!(ended, Ended::TimedOut);
        assert!(started.elapsed() < Duration::from_secs(10));
    }

    #[test]
    fn lines_are_seen_and_failure_is_told() {
        let mut seen = Vec::new();
        let mut command = Command::new("sh");
        command.args(["-c", "echo one; echo two; exit 3"]);
        let failure = run_watching(&mut command, |line| seen.push(line.to_string())).unwrap_err();
        assert_eq!(seen, ["one", "two"]);
        assert!(failure.to_string().contains("exit status: 3"), "{failure}");
    }
}

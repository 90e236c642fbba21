//! Servers and their client, as `compare` runs them.

#![cfg(target_os = "linux")]

use std::process::{Command, Stdio};

/// A few rounds on every runtime of this program: each byte is checked, and one wrong makes the exit code 1.
#[test]
fn every_server_answers_every_message() {
    let output = Command::new(env!("CARGO_BIN_EXE_compare"))
        .args(["--quick", "--rounds", "1", "--case", "echo/64/*", "--case", "plaintext/64/*"])
        .args(["--against", "tokio,smol,limit"])
        .output()
        .expect("the program starts");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}");
    for case in ["echo/64/1", "echo/64/2", "plaintext/64/1", "plaintext/64/2"] {
        assert!(text.contains(case), "no {case} in {text}");
    }
}

/// A server reads the end of its standard input, which comes when whoever started it is gone.
#[test]
fn a_server_does_not_outlive_its_client() {
    for runtime in ["windlass", "tokio", "smol", "limit"] {
        let mut server = Command::new(env!("CARGO_BIN_EXE_compare"))
            .args(["--serve", "echo", runtime, "1", "0"])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .expect("the program starts");
        drop(server.stdin.take());
        let status = server.wait().expect("the server is there");
        assert!(status.success(), "{runtime}: {status}");
    }
}

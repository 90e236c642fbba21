//! Compares Windlass with its peers on the same workloads; see `--help` and `benches/RESULTS.md`.

use std::process::ExitCode;

use windlass_benches::{child, compare};

fn main() -> ExitCode {
    child::answer().unwrap_or_else(compare::main)
}

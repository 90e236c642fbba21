//! What kind of machine this is, for the head of a report.

use std::fs;

/// Processors, their model and the system's load, as far as they can be read.
pub fn describe() -> String {
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let mut description = format!("{processors} processors");
    if let Some(model) = cpu_model() {
        description += &format!(" ({model})");
    }
    description += &format!(", {} {}", std::env::consts::OS, std::env::consts::ARCH);
    if let Some(load) = load_average() {
        description += &format!(", load {load} at the start");
    }
    description
}

fn cpu_model() -> Option<String> {
    let info = fs::read_to_string("/proc/cpuinfo").ok()?;
    let line = info.lines().find(|line| line.starts_with("model name"))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

fn load_average() -> Option<String> {
    Some(fs::read_to_string("/proc/loadavg").ok()?.split_whitespace().next()?.to_owned())
}

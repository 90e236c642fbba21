//! The report for people.

use super::results::{CaseResult, Figures, Latency, Row, ServerFigures, summarise};
use super::rounds::Stop;
use super::{Plan, machine};
use crate::case::Case;
use crate::stats::Median;

/// Lists the cases and what each does.
pub fn print_list(cases: &[Case]) {
    let width = cases.iter().map(|case| case.name.len()).max().unwrap_or(0);
    for case in cases {
        let setting = case.setting.to_string();
        println!("{:width$}  {setting:14}  {:>7} ops  {}", case.name, case.ops, case.about);
    }
}

/// Says what will be measured, and on what.
pub fn print_header(plan: &Plan) {
    println!("machine: {}", machine::describe());
    for runtime in std::iter::once(&plan.base).chain(&plan.peers) {
        println!("{runtime}: {}", runtime.describe());
    }
    let (cases, rounds, time) = (plan.cases.len(), plan.rounds, plan.time.as_millis());
    println!("{cases} cases, {rounds} rounds, {time} ms measured per run in a fresh process\n");
}

/// Prints all results and what they come to.
pub fn print(plan: &Plan, results: &[CaseResult]) {
    let has = |result: &CaseResult, test: fn(&Row) -> bool| result.rows.iter().any(test);
    let (of_servers, rest): (Vec<_>, Vec<_>) =
        results.iter().partition(|result| has(result, |row| server_of(row).is_some()));
    let (of_latencies, others): (Vec<_>, Vec<_>) =
        rest.into_iter().partition(|result| has(result, |row| latency_of(row).is_some()));
    print_table(plan, &others, &heading(plan), figures_of);
    print_table(plan, &of_latencies, &latency_heading(plan), latencies_of);
    print_table(plan, &of_servers, &server_heading(plan), server_figures_of);
    for peer in &plan.peers {
        print_summary(plan, results, *peer);
    }
    print_footnote(results);
}

fn print_table(plan: &Plan, results: &[&CaseResult], heading: &str, line: fn(&Row, u64, bool) -> String) {
    if results.is_empty() {
        return;
    }
    let case_width = results.iter().map(|result| result.case.len()).max().unwrap_or(0);
    let names = std::iter::once(&plan.base).chain(&plan.peers).map(|runtime| runtime.as_str().len());
    let name_width = names.max().unwrap_or(0).max("runtime".len());
    println!("{:case_width$}  {:name_width$}  {heading}", "case", "runtime");
    for result in results {
        for (place, row) in result.rows.iter().enumerate() {
            let case = if place == 0 { result.case.as_str() } else { "" };
            let line = line(row, result.ops, place == 0);
            println!("{case:case_width$}  {:name_width$}  {line}", row.runtime);
        }
    }
    println!();
}

fn heading(plan: &Plan) -> String {
    let ratio = format!("wall / {} (interval) [min-max]", plan.base);
    format!(
        "{:>10}  {:>10}  {:>10}  {:>9}  {ratio:RATIO$}  cpu / {}",
        "wall ns/op", "cpu ns/op", "us/run", "waits/run", plan.base
    )
}

fn latency_heading(plan: &Plan) -> String {
    let ratio = format!("p50 / {} (interval) [min-max]", plan.base);
    format!(
        "{:>9}  {:>9}  {:>9}  {:>6}  {:>10}  {ratio:RATIO$}  p99 / {}  cpu / {}",
        "p50 us", "p99 us", "p99.9 us", "count", "cpu us/op", plan.base, plan.base
    )
}

fn server_heading(plan: &Plan) -> String {
    let cpu = format!("server cpu / {} (interval) [min-max]", plan.base);
    format!(
        "{:>7}  {:>6}  {:>5}  {:>7}  {:>7}  {:>7}  {:>5}  {:>9}  {:>9}  {cpu:RATIO$}  {:20}  wall / {}  p99.9 / {}",
        "msg/s",
        "cpu us",
        "user",
        "p50 us",
        "p99 us",
        "p99.9",
        "waits",
        "busy",
        "preempted",
        "cpu / limit",
        plan.base,
        plan.base
    )
}

/// How wide a ratio with its spread is.
const RATIO: usize = 38;

fn latency_of(row: &Row) -> Option<&Latency> {
    row.figures.as_ref()?.latency.as_ref()
}

fn latencies_of(row: &Row, _: u64, is_base: bool) -> String {
    let mut line = String::new();
    if let Some((figures, latency)) = row.figures.as_ref().zip(latency_of(row)) {
        let [p50, p99, p999] = [latency.p50, latency.p99, latency.p999].map(|ns| short(ns / 1e3));
        let cpu = short(figures.cpu_ns_per_op / 1e3);
        line += &format!("{p50:>9}  {p99:>9}  {p999:>9}  {:>6}  {cpu:>10}", latency.count);
        if !is_base {
            let p50 = figures.wall_ratio.as_ref().map_or_else(String::new, ratio);
            let [p99, cpu] = [&latency.p99_ratio, &figures.cpu_ratio]
                .map(|ratio| ratio.as_ref().map_or_else(String::new, |ratio| short(ratio.median)));
            line += &format!("  {p50:RATIO$}  {p99:14}  {cpu}");
        }
    }
    with_stop(line, row)
}

fn server_of(row: &Row) -> Option<(&Figures, &ServerFigures, &Latency)> {
    let figures = row.figures.as_ref()?;
    Some((figures, figures.server.as_ref()?, figures.latency.as_ref()?))
}

fn server_figures_of(row: &Row, _: u64, is_base: bool) -> String {
    let mut line = String::new();
    if let Some((figures, server, latency)) = server_of(row) {
        let [cpu, user] = [figures.cpu_ns_per_op, server.user_ns_per_op].map(|ns| short(ns / 1e3));
        let [p50, p99, p999] = [latency.p50, latency.p99, latency.p999].map(|ns| short(ns / 1e3));
        let [waits, preempted] = [server.waits_per_op, server.preemptions_per_op].map(short);
        let busy = format!("{:.2}+{:.2}", server.busy, server.client_busy);
        line += &format!("{:>7.0}  {cpu:>6}  {user:>5}  ", 1e9 / figures.wall_ns_per_op);
        line += &format!("{p50:>7}  {p99:>7}  {p999:>7}  {waits:>5}  {busy:>9}  {preempted:>9}  ");
        let text = |median: &Option<Median>, show: fn(&Median) -> String| {
            median.as_ref().map_or_else(String::new, show)
        };
        let cpu = if is_base { String::new() } else { text(&figures.cpu_ratio, ratio) };
        let to_limit = text(&server.cpu_to_limit, |ratio| {
            let [median, low, high] = [ratio.median, ratio.interval.0, ratio.interval.1].map(short);
            format!("{median} ({low} to {high})")
        });
        line += &format!("{cpu:RATIO$}  {to_limit:20}  ");
        if !is_base {
            let [wall, p999] =
                [&figures.wall_ratio, &latency.p999_ratio].map(|of| text(of, |of| short(of.median)));
            line += &format!("{wall:8}  {p999}");
        }
    }
    with_stop(line, row)
}

fn figures_of(row: &Row, ops: u64, is_base: bool) -> String {
    let mut line = String::new();
    if let Some(figures) = &row.figures {
        let wall = figures.wall_ns_per_op;
        line += &format!(
            "{:>10}  {:>10}  {:>10}  {:>9}",
            short(wall),
            short(figures.cpu_ns_per_op),
            short(wall * ops as f64 / 1e3),
            short(figures.switches_per_iteration),
        );
        if !is_base {
            let wall = figures.wall_ratio.as_ref().map_or_else(String::new, ratio);
            let cpu = figures.cpu_ratio.as_ref().map_or_else(String::new, |cpu| short(cpu.median));
            line += &format!("  {wall:RATIO$}  {cpu}");
        }
    }
    with_stop(line, row)
}

/// The line of a row, with why it has no figures or too few.
fn with_stop(mut line: String, row: &Row) -> String {
    match &row.stopped {
        None => {}
        Some(Stop::CannotRun(reason)) => line += &format!("cannot run this: {reason}"),
        Some(Stop::Failed(reason)) => line += &format!("  FAILED: {reason}"),
    }
    line.trim_end().to_owned()
}

fn ratio(ratio: &Median) -> String {
    let (low, high) = ratio.interval;
    let [median, low, high, min, max] = [ratio.median, low, high, ratio.min, ratio.max].map(short);
    format!("{median:>6} ({low} to {high}) [{min}-{max}]")
}

/// Two or three digits that mean something.
pub(super) fn short(value: f64) -> String {
    match value {
        value if value >= 99.95 => format!("{value:.0}"),
        value if value >= 9.995 => format!("{value:.1}"),
        value if value >= 0.0995 || value == 0.0 => format!("{value:.2}"),
        value => format!("{value:.4}"),
    }
}

fn print_summary(plan: &Plan, results: &[CaseResult], peer: crate::runtimes::RuntimeName) {
    let summary = summarise(results, peer);
    let Some((wall, cpu)) = summary.means else { return };
    let (base, cases) = (plan.base, summary.cases);
    println!("geometric mean, {peer} / {base}, {cases} cases: wall {}, cpu {}", short(wall), short(cpu));
    for (what, cases) in [("faster", &summary.faster_in), ("takes less CPU time", &summary.leaner_in)] {
        if !cases.is_empty() {
            println!("  {peer} {what} (interval below 1) in: {}", cases.join(", "));
        }
    }
}

fn print_footnote(results: &[CaseResult]) {
    let all = results.iter().flat_map(|result| &result.rows);
    let coverage = all
        .clone()
        .filter_map(|row| row.figures.as_ref()?.wall_ratio)
        .map(|ratio| ratio.coverage)
        .reduce(f64::min)
        .unwrap_or(0.0);
    println!(
        "figures are medians over the rounds; ratios are taken within a round and above 1 the peer is slower;"
    );
    if all.clone().any(|row| latency_of(row).is_some()) {
        println!(
            "latencies are those of all rounds together; without a server their p50 counts as wall time;"
        );
    }
    if all.clone().any(|row| server_of(row).is_some()) {
        println!(
            "a server's CPU time is its own alone; busy is CPU over wall time, of the server and of its client;"
        );
    }
    println!(
        "the interval is that of the median ratio by order statistics, here covering {:.1}%",
        coverage * 100.0
    );
}

#[cfg(test)]
mod tests {
    use super::super::results::tests::{example, latency_example};
    use super::*;

    #[test]
    fn a_row_of_latencies_shows_their_percentiles() {
        let (_, results) = latency_example();
        let [windlass, rayon] = &results[0].rows[..] else { panic!("two runtimes") };
        assert!(!latencies_of(windlass, 100, true).contains('('));
        let line = latencies_of(rayon, 100, false);
        let words: Vec<_> = line.split_whitespace().collect();
        assert_eq!(words[..4], ["0.30", "2.00", "2.00", "6"]);
        assert!(line.contains("2.00 (1.00 to 3.00) [1.00-3.00]"), "{line}");
    }

    #[test]
    fn the_digits_that_mean_something_are_kept() {
        let texts = [0.0, 0.01234, 0.1234, 1.239, 12.34, 99.96, 1234.5].map(short);
        assert_eq!(texts, ["0.00", "0.0123", "0.12", "1.24", "12.3", "100", "1234"]);
    }

    #[test]
    fn a_row_shows_its_figures_or_why_there_are_none() {
        let (_, results) = example();
        let [windlass, tokio, limit] = &results[0].rows[..] else { panic!("three runtimes") };
        assert!(!figures_of(windlass, 1_000, true).contains('('));
        assert!(figures_of(tokio, 1_000, false).contains("3.00 (2.00 to 4.00) [2.00-4.00]"));
        assert!(figures_of(limit, 1_000, false).starts_with("cannot run this: it <has>"));
    }
}

//! The report for programs: one JSON object per case and runtime, a line each.

use serde::{Serialize, Serializer};
use serde_json::{Value, json};

use super::Plan;
use super::results::{CaseResult, Row};
use super::rounds::Stop;

/// All results as JSON lines.
///
/// Each has `case`, `runtime`, `wall_ns_per_op`, `cpu_ns_per_op`, `ratio_vs_windlass` (the median of the rounds' wall
/// ratios, named for the base) and `rounds`; after those the spread of the ratio, the CPU ratio, for a case of latencies
/// their percentiles, and `cannot_run` or `failed` with the reason. What was not measured is null. In a case of latencies
/// the wall time and its ratios are those of the p50. In a case with a server wall time is that of a message, CPU time is
/// the server's alone, and there are the messages per second, how busy both sides were, and the CPU ratio to the limit.
pub fn lines(plan: &Plan, results: &[CaseResult]) -> String {
    let mut text = String::new();
    for result in results {
        for row in &result.rows {
            text += &serde_json::to_string(&line(plan, &result.case, row)).expect("a line is plain data");
            text.push('\n');
        }
    }
    text
}

/// A JSON object whose keys stay in order.
struct Line(Vec<(String, Value)>);

impl Serialize for Line {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(key, value)| (key, value)))
    }
}

fn line(plan: &Plan, case: &str, row: &Row) -> Line {
    let figures = row.figures.as_ref();
    let wall = figures.and_then(|figures| figures.wall_ratio);
    let cpu = figures.and_then(|figures| figures.cpu_ratio);
    let mut line = Vec::new();
    let mut put = |key: &str, value: Value| line.push((key.to_owned(), value));
    put("case", json!(case));
    put("runtime", json!(row.runtime.as_str()));
    put("wall_ns_per_op", json!(figures.map(|figures| figures.wall_ns_per_op)));
    put("cpu_ns_per_op", json!(figures.map(|figures| figures.cpu_ns_per_op)));
    put(&format!("ratio_vs_{}", plan.base), json!(wall.map(|ratio| ratio.median)));
    put("rounds", json!(figures.map_or(0, |figures| figures.rounds)));
    put("ratio_min", json!(wall.map(|ratio| ratio.min)));
    put("ratio_max", json!(wall.map(|ratio| ratio.max)));
    put("ratio_interval", json!(wall.map(|ratio| ratio.interval)));
    put("interval_coverage", json!(wall.map(|ratio| ratio.coverage)));
    put(&format!("cpu_ratio_vs_{}", plan.base), json!(cpu.map(|ratio| ratio.median)));
    put("cpu_ratio_interval", json!(cpu.map(|ratio| ratio.interval)));
    put("waits_per_iteration", json!(figures.map(|figures| figures.switches_per_iteration)));
    if let Some(latency) = figures.and_then(|figures| figures.latency.as_ref()) {
        let p99 = latency.p99_ratio;
        put("p50_ns", json!(latency.p50));
        put("p99_ns", json!(latency.p99));
        put("p999_ns", json!(latency.p999));
        put("latencies", json!(latency.count));
        put(&format!("p99_ratio_vs_{}", plan.base), json!(p99.map(|ratio| ratio.median)));
        put("p99_ratio_interval", json!(p99.map(|ratio| ratio.interval)));
        if figures.is_some_and(|figures| figures.server.is_some()) {
            let p999 = latency.p999_ratio;
            put(&format!("p999_ratio_vs_{}", plan.base), json!(p999.map(|ratio| ratio.median)));
            put("p999_ratio_interval", json!(p999.map(|ratio| ratio.interval)));
        }
    }
    if let Some((figures, server)) = figures.and_then(|figures| Some((figures, figures.server.as_ref()?))) {
        put("messages_per_second", json!(1e9 / figures.wall_ns_per_op));
        put("user_ns_per_op", json!(server.user_ns_per_op));
        put("server_busy", json!(server.busy));
        put("client_busy", json!(server.client_busy));
        put("waits_per_op", json!(server.waits_per_op));
        put("preemptions_per_op", json!(server.preemptions_per_op));
        put("cpu_ratio_vs_limit", json!(server.cpu_to_limit.map(|ratio| ratio.median)));
        put("cpu_ratio_vs_limit_interval", json!(server.cpu_to_limit.map(|ratio| ratio.interval)));
    }
    match &row.stopped {
        None => {}
        Some(Stop::CannotRun(reason)) => put("cannot_run", json!(reason)),
        Some(Stop::Failed(reason)) => put("failed", json!(reason)),
    }
    Line(line)
}

#[cfg(test)]
mod tests {
    use super::super::results::tests::{example, latency_example};
    use super::*;

    #[test]
    fn latencies_have_percentiles_and_other_cases_do_not() {
        let (plan, results) = latency_example();
        let text = lines(&plan, &results);
        let rayon: Value = serde_json::from_str(text.lines().nth(1).unwrap()).unwrap();
        assert_eq!((&rayon["p50_ns"], &rayon["p999_ns"]), (&json!(300.0), &json!(2000.0)));
        assert_eq!((&rayon["p99_ratio_vs_windlass"], &rayon["latencies"]), (&json!(1.3), &json!(6)));
        assert_eq!(rayon["ratio_vs_windlass"], 2.0);
        let (plan, results) = example();
        assert!(!lines(&plan, &results).contains("p99"));
    }

    #[test]
    fn there_is_a_line_per_runtime_with_the_agreed_names() {
        let (plan, results) = example();
        let text = lines(&plan, &results);
        let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let [windlass, tokio, limit] = &lines[..] else { panic!("three lines, not {text}") };
        assert!(
            text.starts_with("{\"case\":\"ping_pong\",\"runtime\":\"windlass\",\"wall_ns_per_op\":15.0,")
        );
        assert_eq!(windlass["ratio_vs_windlass"], 1.0);
        assert_eq!((&tokio["case"], &tokio["runtime"]), (&json!("ping_pong"), &json!("tokio")));
        assert_eq!(tokio["wall_ns_per_op"], 45.0);
        assert_eq!(tokio["cpu_ns_per_op"], 7.5);
        assert_eq!(tokio["ratio_vs_windlass"], 3.0);
        assert_eq!(tokio["rounds"], 3);
        assert_eq!(limit["ratio_vs_windlass"], Value::Null);
        assert_eq!(limit["cannot_run"], "it <has> \"no\" threads");
    }
}

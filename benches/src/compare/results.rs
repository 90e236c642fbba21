//! From samples to medians and ratios.

use super::Plan;
use super::rounds::{Runs, Stop};
use crate::case::Case;
use crate::measure::{Sample, ServerSide};
use crate::runtimes::RuntimeName;
use crate::stats::{Median, geometric_mean, percentile};

/// A case with what each runtime made of it, the base first.
#[derive(Debug)]
pub struct CaseResult {
    /// The case's name.
    pub case: String,
    /// Operations per iteration.
    pub ops: u64,
    /// One per runtime.
    pub rows: Vec<Row>,
}

/// What one runtime made of a case.
#[derive(Debug)]
pub struct Row {
    /// The runtime.
    pub runtime: RuntimeName,
    /// The figures of its rounds, if it completed any.
    pub figures: Option<Figures>,
    /// Why it did not run all of them.
    pub stopped: Option<Stop>,
}

/// The medians over the rounds.
#[derive(Debug)]
pub struct Figures {
    /// Wall time per operation, or in a case of latencies their p50.
    pub wall_ns_per_op: f64,
    /// CPU time of the whole process per operation.
    pub cpu_ns_per_op: f64,
    /// Times a thread waited, per iteration.
    pub switches_per_iteration: f64,
    /// Wall time, or the p50, over the base's in the same round.
    pub wall_ratio: Option<Median>,
    /// CPU time over the base's in the same round.
    pub cpu_ratio: Option<Median>,
    /// Rounds completed.
    pub rounds: usize,
    /// In a case of latencies, how they are distributed.
    pub latency: Option<Latency>,
    /// In a case with a server, more on it; its wall time is that of a message, and not the p50.
    pub server: Option<ServerFigures>,
}

/// Medians of what is known of a server only.
#[derive(Debug)]
pub struct ServerFigures {
    /// The user part of its CPU time.
    pub user_ns_per_op: f64,
    /// CPU time over wall time: 1 is one processor all of the time.
    pub busy: f64,
    /// The same of the client.
    pub client_busy: f64,
    /// Times a thread waited, per message.
    pub waits_per_op: f64,
    /// Times a thread had to make room for another, per message.
    pub preemptions_per_op: f64,
    /// CPU time over the limit's in the same round, where the limit takes part.
    pub cpu_to_limit: Option<Median>,
}

/// Latencies of all rounds taken together, in nanoseconds.
#[derive(Debug)]
pub struct Latency {
    /// Half of them are no longer.
    pub p50: f64,
    /// One in a hundred is longer.
    pub p99: f64,
    /// One in a thousand is longer.
    pub p999: f64,
    /// How many there are.
    pub count: usize,
    /// The p99 over the base's in the same round.
    pub p99_ratio: Option<Median>,
    /// The p99.9 over the base's in the same round.
    pub p999_ratio: Option<Median>,
}

impl CaseResult {
    /// Whether a runtime did not complete its work.
    pub fn has_failed(&self) -> bool {
        self.rows.iter().any(|row| matches!(row.stopped, Some(Stop::Failed(_))))
    }

    /// What a runtime made of it, if it completed any round.
    pub fn figures(&self, runtime: RuntimeName) -> Option<&Figures> {
        self.rows.iter().rev().find(|row| row.runtime == runtime)?.figures.as_ref()
    }
}

/// Evaluates all rounds of a plan.
pub fn evaluate(plan: &Plan, measured: &[Vec<Runs>]) -> Vec<CaseResult> {
    plan.cases.iter().zip(measured).map(|(case, runs)| evaluate_case(case, runs)).collect()
}

fn evaluate_case(case: &Case, runs: &[Runs]) -> CaseResult {
    let base = runs.first().map_or(&[][..], |base| &base.samples);
    let limit = runs.iter().find(|runs| runs.runtime == RuntimeName::Limit);
    let limit = limit.map_or(&[][..], |limit| &limit.samples);
    let row = |runs: &Runs| Row {
        runtime: runs.runtime,
        figures: figures(case.ops, &runs.samples, base, limit),
        stopped: runs.stopped.clone(),
    };
    CaseResult { case: case.name.clone(), ops: case.ops, rows: runs.iter().map(row).collect() }
}

fn figures(ops: u64, samples: &[Sample], base: &[Sample], limit: &[Sample]) -> Option<Figures> {
    let median = |figure: &dyn Fn(&Sample) -> f64| {
        Median::of(&samples.iter().map(figure).collect::<Vec<_>>()).map(|figure| figure.median)
    };
    let ratio_to = |base: &[Sample], figure: &dyn Fn(&Sample) -> f64| {
        let ratios = samples.iter().zip(base).map(|(peer, base)| figure(peer) / figure(base));
        Median::of(&ratios.filter(|ratio| ratio.is_finite() && *ratio > 0.0).collect::<Vec<_>>())
    };
    let ratio = |figure: &dyn Fn(&Sample) -> f64| ratio_to(base, figure);
    let wall = |sample: &Sample| {
        let per_op = sample.wall_ns as f64 / (sample.iterations * ops) as f64;
        match sample.server {
            Some(_) => per_op,
            None => percentile(&sample.latencies_ns, 0.5).unwrap_or(per_op),
        }
    };
    let cpu = |sample: &Sample| sample.cpu_ns as f64 / (sample.iterations * ops) as f64;
    let of_server = |figure: fn(&ServerSide) -> u64| {
        median(&|sample| sample.server.as_ref().map_or(0, figure) as f64 / (sample.iterations * ops) as f64)
    };
    let has_server = samples.iter().all(|sample| sample.server.is_some());
    let server = if has_server {
        let client_cpu = |sample: &Sample| sample.server.map_or(0, |server| server.client_cpu_ns) as f64;
        Some(ServerFigures {
            user_ns_per_op: of_server(|server| server.user_ns)?,
            busy: median(&|sample| sample.cpu_ns as f64 / sample.wall_ns as f64)?,
            client_busy: median(&|sample| client_cpu(sample) / sample.wall_ns as f64)?,
            waits_per_op: median(&|sample| {
                sample.voluntary_switches as f64 / (sample.iterations * ops) as f64
            })?,
            preemptions_per_op: of_server(|server| server.involuntary_switches)?,
            cpu_to_limit: ratio_to(limit, &cpu),
        })
    } else {
        None
    };
    Some(Figures {
        wall_ns_per_op: median(&wall)?,
        cpu_ns_per_op: median(&cpu)?,
        switches_per_iteration: median(&|sample| {
            sample.voluntary_switches as f64 / sample.iterations as f64
        })?,
        wall_ratio: ratio(&wall),
        cpu_ratio: ratio(&cpu),
        rounds: samples.len(),
        latency: latency(samples, base),
        server,
    })
}

fn latency(samples: &[Sample], base: &[Sample]) -> Option<Latency> {
    let mut all: Vec<u64> = samples.iter().flat_map(|sample| &sample.latencies_ns).copied().collect();
    all.sort_unstable();
    let ratio = |p: f64| {
        let of = |sample: &Sample| percentile(&sample.latencies_ns, p);
        let ratios = samples.iter().zip(base).filter_map(|(peer, base)| Some(of(peer)? / of(base)?));
        Median::of(&ratios.collect::<Vec<_>>())
    };
    Some(Latency {
        p50: percentile(&all, 0.5)?,
        p99: percentile(&all, 0.99)?,
        p999: percentile(&all, 0.999)?,
        count: all.len(),
        p99_ratio: ratio(0.99),
        p999_ratio: ratio(0.999),
    })
}

/// A peer's ratios over all cases.
#[derive(Debug)]
pub struct Summary {
    /// The peer.
    pub runtime: RuntimeName,
    /// Geometric means of the median ratios: of wall and of CPU time.
    pub means: Option<(f64, f64)>,
    /// How many cases those are of.
    pub cases: usize,
    /// Cases in which the peer is faster: the interval of the wall ratio lies below one.
    pub faster_in: Vec<String>,
    /// Cases in which the peer takes less CPU time: the interval of the CPU ratio lies below one.
    pub leaner_in: Vec<String>,
}

/// Whether the median is below one, by an interval that is worth something: three rounds prove nothing.
fn certainly_below_one(ratio: &Median) -> bool {
    ratio.interval.1 < 1.0 && ratio.coverage > 0.9
}

/// Summarises what a peer did over all cases.
pub fn summarise(results: &[CaseResult], runtime: RuntimeName) -> Summary {
    let ratios: Vec<(&str, Median, Median)> = results
        .iter()
        .filter_map(|result| {
            let figures = result.figures(runtime)?;
            Some((result.case.as_str(), figures.wall_ratio?, figures.cpu_ratio?))
        })
        .collect();
    let below_one = |pick: &dyn Fn(&(&str, Median, Median)) -> Median| {
        ratios
            .iter()
            .filter(|ratio| certainly_below_one(&pick(ratio)))
            .map(|(case, ..)| (*case).to_owned())
            .collect()
    };
    let wall: Vec<f64> = ratios.iter().map(|(_, wall, _)| wall.median).collect();
    let cpu: Vec<f64> = ratios.iter().map(|(_, _, cpu)| cpu.median).collect();
    Summary {
        runtime,
        means: geometric_mean(&wall).zip(geometric_mean(&cpu)),
        cases: ratios.len(),
        faster_in: below_one(&|(_, wall, _)| *wall),
        leaner_in: below_one(&|(_, _, cpu)| *cpu),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::time::Duration;

    use super::*;
    use crate::cases;
    use crate::server::drive::Pinning;

    fn sample(wall_ns: u64, cpu_ns: u64) -> Sample {
        Sample {
            iterations: 2,
            wall_ns,
            cpu_ns,
            voluntary_switches: 8,
            background_steps: None,
            latencies_ns: Vec::new(),
            server: None,
        }
    }

    fn latencies(runtime: RuntimeName, rounds: &[&[u64]]) -> Runs {
        let sample = |ns: &&[u64]| Sample { latencies_ns: ns.to_vec(), ..sample(1_000_000, 1_000) };
        Runs { runtime, samples: rounds.iter().map(sample).collect(), stopped: None }
    }

    /// A plan of one case of latencies, and made-up measurements of it.
    pub(in crate::compare) fn latency_example() -> (Plan, Vec<CaseResult>) {
        let plan = Plan {
            cases: cases::matching(&glob::Pattern::new("blocking_latency/start").unwrap()),
            base: RuntimeName::Windlass,
            peers: vec![RuntimeName::Rayon],
            all_peers: false,
            rounds: 2,
            time: Duration::ZERO,
            pinning: Pinning::Free,
        };
        let measured = [vec![
            latencies(RuntimeName::Windlass, &[&[100, 200, 1_000], &[200, 300, 500]]),
            latencies(RuntimeName::Rayon, &[&[400, 600, 2_000], &[300, 300, 300]]),
        ]];
        let results = evaluate(&plan, &measured);
        (plan, results)
    }

    fn runs(runtime: RuntimeName, samples: &[(u64, u64)]) -> Runs {
        let samples = samples.iter().map(|(wall, cpu)| sample(*wall, *cpu)).collect();
        Runs { runtime, samples, stopped: None }
    }

    /// A plan of one case, ping_pong with its 1 000 operations, and made-up measurements of it.
    pub(in crate::compare) fn example() -> (Plan, Vec<CaseResult>) {
        let plan = Plan {
            cases: cases::matching(&glob::Pattern::new("ping_pong").unwrap()),
            base: RuntimeName::Windlass,
            peers: vec![RuntimeName::Tokio, RuntimeName::Limit],
            all_peers: false,
            rounds: 3,
            time: Duration::ZERO,
            pinning: Pinning::Free,
        };
        let mut limit = runs(RuntimeName::Limit, &[]);
        limit.stopped = Some(Stop::CannotRun("it <has> \"no\" threads".into()));
        let measured = [vec![
            runs(RuntimeName::Windlass, &[(20_000, 30_000), (40_000, 30_000), (30_000, 30_000)]),
            runs(RuntimeName::Tokio, &[(40_000, 15_000), (160_000, 15_000), (90_000, 15_000)]),
            limit,
        ]];
        let results = evaluate(&plan, &measured);
        (plan, results)
    }

    #[test]
    fn ratios_are_taken_within_a_round() {
        let (_, results) = example();
        let tokio = results[0].figures(RuntimeName::Tokio).unwrap();
        let ratio = tokio.wall_ratio.unwrap();
        assert_eq!((ratio.min, ratio.median, ratio.max), (2.0, 3.0, 4.0));
        assert_eq!(tokio.cpu_ratio.unwrap().median, 0.5);
    }

    #[test]
    fn figures_are_per_operation() {
        let (_, results) = example();
        let windlass = results[0].figures(RuntimeName::Windlass).unwrap();
        assert_eq!((windlass.wall_ns_per_op, windlass.cpu_ns_per_op), (15.0, 15.0));
        assert_eq!(windlass.switches_per_iteration, 4.0);
        assert_eq!(windlass.wall_ratio.unwrap().median, 1.0);
    }

    #[test]
    fn latencies_are_pooled_and_their_ratios_taken_within_a_round() {
        let (_, results) = latency_example();
        let rayon = results[0].figures(RuntimeName::Rayon).unwrap();
        let latency = rayon.latency.as_ref().unwrap();
        assert_eq!((latency.p50, latency.p99, latency.p999, latency.count), (300.0, 2_000.0, 2_000.0, 6));
        let p50 = rayon.wall_ratio.unwrap();
        assert_eq!((p50.min, p50.max), (1.0, 3.0));
        let p99 = latency.p99_ratio.unwrap();
        assert_eq!((p99.min, p99.max), (0.6, 2.0));
        assert_eq!(results[0].figures(RuntimeName::Windlass).unwrap().wall_ns_per_op, 250.0);
    }

    #[test]
    fn a_peer_without_figures_counts_for_nothing() {
        let (_, results) = example();
        assert!(!results[0].has_failed());
        let limit = summarise(&results, RuntimeName::Limit);
        assert_eq!((limit.means, limit.cases), (None, 0));
    }

    #[test]
    fn a_peer_wins_a_case_when_the_interval_says_so() {
        let ratio = |values: &[f64]| Median::of(values).unwrap();
        assert!(certainly_below_one(&ratio(&[0.5; 5])));
        assert!(!certainly_below_one(&ratio(&[0.5; 3])));
        assert!(!certainly_below_one(&ratio(&[0.5, 0.5, 0.5, 0.5, 1.5])));
    }

    #[test]
    fn the_summary_is_of_medians() {
        let (_, results) = example();
        let tokio = summarise(&results, RuntimeName::Tokio);
        assert!(tokio.faster_in.is_empty() && tokio.leaner_in.is_empty(), "three rounds prove nothing");
        let (wall, cpu) = tokio.means.unwrap();
        assert!((wall - 3.0).abs() < 1e-9 && (cpu - 0.5).abs() < 1e-9);
    }
}

//! The `compare` program: rounds of fresh processes, ratios taken round by round.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use glob::Pattern;

use crate::case::Case;
use crate::cases;
use crate::runtimes::RuntimeName;
use crate::server::drive::Pinning;

pub mod json;
pub mod machine;
pub mod results;
pub mod rounds;
pub mod svg;
pub mod table;

/// Compares Windlass with its peers: each round runs every runtime once per case, in a fresh process each, the order
/// rotated. Ratios are taken within a round, so that a machine whose speed drifts does not matter.
#[derive(Debug, Parser)]
#[command(name = "compare")]
pub struct Args {
    /// Only cases whose name matches, `*` across slashes too; may be repeated [default: all]
    #[arg(long = "case", value_name = "GLOB")]
    cases: Vec<Pattern>,
    /// The runtimes to compare with [default: all, pools without a runtime only in cases of such pools, and other languages only as servers]
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    against: Vec<RuntimeName>,
    /// How often each runtime runs each case [default: 20, with --quick 5]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    rounds: Option<u32>,
    /// Shorter and fewer runs, none of a million timers unless --case asks for it: finds what is broken, not what is 5% slower
    #[arg(long)]
    quick: bool,
    /// Also write the results as JSON lines
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Also draw the ratios
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
    /// Run servers on the first processor and their clients on the second
    #[arg(long)]
    pin: bool,
    /// List the cases and what each does, and run none
    #[arg(long)]
    list: bool,
    /// The runtime the ratios are against: `--base tokio --against tokio` shows the noise
    #[arg(long, value_name = "NAME", default_value = "windlass")]
    base: RuntimeName,
}

/// What to run, and how.
pub struct Plan {
    /// The cases.
    pub cases: Vec<Case>,
    /// The runtime the ratios are against.
    pub base: RuntimeName,
    /// The runtimes it is compared with.
    pub peers: Vec<RuntimeName>,
    /// Whether those the case does not concern are shown too, as not able to run it.
    pub all_peers: bool,
    /// How often.
    pub rounds: usize,
    /// How long the measured part of one run is.
    pub time: Duration,
    /// Where servers and their clients run.
    pub pinning: Pinning,
}

impl Plan {
    /// What a case is run on, the base first.
    pub fn runtimes(&self, case: &Case) -> Vec<RuntimeName> {
        let peers = self.peers.iter().copied().filter(|peer| self.all_peers || case.concerns(*peer));
        std::iter::once(self.base).chain(peers).collect()
    }
}

/// Runs the program; its exit code says whether every run completed its work.
pub fn main() -> ExitCode {
    let args = Args::parse();
    let cases = args.selected_cases();
    if cases.is_empty() {
        eprintln!("no case matches; --list shows them all");
        return ExitCode::FAILURE;
    }
    if args.list {
        table::print_list(&cases);
        return ExitCode::SUCCESS;
    }
    let plan = args.plan(cases);
    table::print_header(&plan);
    let measured = rounds::run(&plan);
    let results = results::evaluate(&plan, &measured);
    table::print(&plan, &results);
    let mut ok = !results.iter().any(results::CaseResult::has_failed);
    for (file, text) in [(&args.json, json::lines(&plan, &results)), (&args.svg, svg::chart(&plan, &results))]
    {
        if let Some(file) = file
            && let Err(error) = fs::write(file, text)
        {
            eprintln!("{} could not be written: {error}", file.display());
            ok = false;
        }
    }
    if ok { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

impl Args {
    fn selected_cases(&self) -> Vec<Case> {
        // A million timers take seconds, however short the run is to be.
        let default = |case: &Case| !self.quick || case.ops < 1_000_000;
        let matches = |case: &Case| match &self.cases[..] {
            [] => default(case),
            globs => globs.iter().any(|glob| glob.matches(&case.name)),
        };
        cases::all().into_iter().filter(matches).collect()
    }

    fn plan(&self, cases: Vec<Case>) -> Plan {
        let mut seen = BTreeSet::new();
        let concerned =
            |peer: &RuntimeName| *peer != self.base && cases.iter().any(|case| case.concerns(*peer));
        let peers = if self.against.is_empty() {
            RuntimeName::ALL.into_iter().filter(concerned).collect()
        } else {
            self.against.iter().copied().filter(|peer| seen.insert(*peer)).collect()
        };
        let (rounds, time) = if self.quick { (5, 50) } else { (20, 300) };
        Plan {
            cases,
            base: self.base,
            peers,
            all_peers: !self.against.is_empty(),
            rounds: self.rounds.unwrap_or(rounds) as usize,
            time: Duration::from_millis(time),
            pinning: if self.pin { Pinning::Pinned } else { Pinning::Free },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(arguments: &str) -> Plan {
        let args = Args::parse_from(std::iter::once("compare").chain(arguments.split_whitespace()));
        let cases = args.selected_cases();
        args.plan(cases)
    }

    #[test]
    fn the_command_line_is_consistent() {
        use clap::CommandFactory;
        Args::command().debug_assert();
    }

    #[test]
    fn everything_runs_by_default() {
        let plan = plan("");
        assert_eq!(plan.cases.len(), cases::all().len());
        assert_eq!(plan.peers, RuntimeName::ALL[1..]);
        assert_eq!((plan.base, plan.rounds), (RuntimeName::Windlass, 20));
        let names = |plan: Plan| plan.cases.into_iter().map(|case| case.name).collect::<Vec<_>>();
        let million = "timer_fired/1M/2".to_owned();
        assert!(names(plan).contains(&million));
        assert!(!names(self::plan("--quick")).contains(&million));
        assert!(names(self::plan("--quick --case timer*")).contains(&million));
    }

    #[test]
    fn what_is_asked_for_runs() {
        let plan = plan("--case ping_pong --case current/y* --against limit,tokio,limit --quick --rounds 3");
        let names: Vec<_> = plan.cases.iter().map(|case| case.name.as_str()).collect();
        assert_eq!(names, ["ping_pong", "current/yield_many"]);
        assert_eq!(plan.peers, [RuntimeName::Limit, RuntimeName::Tokio]);
        assert_eq!((plan.rounds, plan.time), (3, Duration::from_millis(50)));
    }

    #[test]
    fn pools_without_a_runtime_are_left_out_of_cases_of_tasks_unless_asked_for() {
        let runs = |arguments: &str| {
            let plan = plan(arguments);
            plan.cases.iter().map(|case| plan.runtimes(case)).collect::<Vec<_>>()
        };
        use RuntimeName::{Channel, Limit, Rayon, Smol, Tokio, Windlass, WindlassBlocking};
        assert_eq!(
            runs("--case ping_pong --case blocking_sleepers"),
            [
                vec![Windlass, Tokio, Smol, Limit],
                vec![Windlass, Tokio, Smol, WindlassBlocking, Rayon, Channel, Limit]
            ]
        );
        assert_eq!(runs("--case ping_pong --against rayon"), [[Windlass, Rayon]]);
        assert_eq!(plan("--case ping_pong").peers, [Tokio, Smol, Limit]);
    }

    #[test]
    fn nonsense_is_refused() {
        for arguments in ["--against tokyo", "--rounds 0", "--case [", "--rounds many"] {
            let words = std::iter::once("compare").chain(arguments.split(' '));
            assert!(Args::try_parse_from(words).is_err(), "{arguments}");
        }
    }
}

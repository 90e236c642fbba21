//! One case on one runtime, in this process: warm-up, number of iterations, wall and CPU time.

use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::case::{CannotRun, Case};
use crate::runtimes::RuntimeName;
use crate::usage::Usage;

/// Time between two looks at the clock, a thousand times what a look costs.
const LOOK_EVERY: Duration = Duration::from_micros(30);

/// How long to measure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Budget {
    /// As many iterations as take this long, after a warm-up of a quarter of it.
    Time(Duration),
    /// Exactly this many iterations after one to warm up, so that runs can be subtracted from each other.
    Iterations(u64),
}

/// What was measured.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sample {
    /// Iterations the figures below are of.
    pub iterations: u64,
    /// Wall time.
    pub wall_ns: u64,
    /// User and system time of all threads of the process.
    pub cpu_ns: u64,
    /// Times a thread of the process waited for something.
    pub voluntary_switches: u64,
    /// Steps of tasks in the background, where the case has such tasks.
    pub background_steps: Option<u64>,
    /// In ascending order, the times the case took itself, where it does; those count then, and not the wall time.
    pub latencies_ns: Vec<u64>,
    /// Of a case with a server, whose the CPU time and the switches above are; its wall time counts too.
    pub server: Option<ServerSide>,
}

/// What else is known of a server and its client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerSide {
    /// The user part of its CPU time.
    pub user_ns: u64,
    /// Times a thread of it had to make room for another.
    pub involuntary_switches: u64,
    /// CPU time of the client.
    pub client_cpu_ns: u64,
}

/// Measures `case` on `runtime`.
///
/// # Panics
///
/// If an iteration did not complete its operations, or tasks in the background made no step.
pub fn measure(case: &Case, runtime: RuntimeName, budget: Budget) -> Result<Sample, CannotRun> {
    let mut prepared = case.prepare(runtime)?;
    let pace = match budget {
        Budget::Time(time) => Pace::after_warm_up(&mut || case.iterate(&mut prepared), time),
        Budget::Iterations(iterations) => {
            case.iterate(&mut prepared);
            Pace { between_looks: iterations, time: Duration::ZERO }
        }
    };

    let background_before = prepared.background();
    // Those of the warm-up.
    drop(prepared.take_latencies());
    let before = Usage::of_process();
    let start = Instant::now();
    let iterations = pace.run(start, &mut || case.iterate(&mut prepared));
    let wall = start.elapsed();
    let used = Usage::of_process() - before;
    let mut latencies = prepared.take_latencies();
    let used = used - latencies.unmeasured;
    latencies.ns.sort_unstable();
    let background_steps = prepared.background().zip(background_before).map(|(after, before)| after - before);

    assert_ne!(
        background_steps,
        Some(0),
        "{}: no task in the background made a step on {runtime}",
        case.name
    );
    Ok(Sample {
        iterations,
        wall_ns: wall.as_nanos() as u64,
        cpu_ns: used.cpu_ns,
        voluntary_switches: used.voluntary_switches,
        background_steps,
        latencies_ns: latencies.ns,
        server: None,
    })
}

/// When to stop.
struct Pace {
    /// Iterations between two looks at the clock.
    between_looks: u64,
    /// How long to go on.
    time: Duration,
}

impl Pace {
    /// Iterates for a quarter of `time`, to know how many iterations there are between two looks at the clock that
    /// cost nothing in comparison. The number of all iterations is left open: some workloads are quick at first.
    fn after_warm_up(iterate: &mut impl FnMut(), time: Duration) -> Self {
        let start = Instant::now();
        let mut iterations = 0;
        let elapsed = loop {
            iterate();
            iterations += 1;
            let elapsed = start.elapsed();
            if elapsed >= time / 4 {
                break elapsed;
            }
        };
        let between_looks = LOOK_EVERY.as_nanos() as u64 * iterations / elapsed.as_nanos().max(1) as u64;
        Self { between_looks: between_looks.max(1), time }
    }

    /// Iterates until the time since `start` is up, and returns how often.
    fn run(&self, start: Instant, iterate: &mut impl FnMut()) -> u64 {
        let mut iterations = 0;
        loop {
            for _ in 0..self.between_looks {
                iterate();
            }
            iterations += self.between_looks;
            if start.elapsed() >= self.time {
                return iterations;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quick_iterations_run_many_between_two_looks_at_the_clock() {
        let mut iterations = 0_u64;
        let pace = Pace::after_warm_up(&mut || iterations += 1, Duration::from_millis(20));
        assert!(pace.between_looks > 100, "{}", pace.between_looks);
        assert!(iterations > pace.between_looks);
    }

    #[test]
    fn slow_iterations_are_timed_one_by_one() {
        let mut iterations = 0;
        let mut iterate = || {
            iterations += 1;
            std::thread::sleep(Duration::from_millis(5));
        };
        let pace = Pace::after_warm_up(&mut iterate, Duration::from_millis(12));
        assert_eq!(pace.between_looks, 1);
        let measured = pace.run(Instant::now(), &mut iterate);
        assert!((1..=3).contains(&measured), "{measured}");
        assert_eq!(iterations, 1 + measured);
    }

    #[test]
    fn a_number_of_iterations_is_kept_to() {
        let mut iterations = 0;
        let pace = Pace { between_looks: 7, time: Duration::ZERO };
        assert_eq!(pace.run(Instant::now(), &mut || iterations += 1), 7);
        assert_eq!(iterations, 7);
    }
}

//! Rounds of a random test, each with a seed that is printed as it begins.

use crate::watchdog;

/// Runs `round` so many times under the watchdog, each time with the number of the round and a seed.
///
/// `WINDLASS_STRESS_SEED` is the seed of every round where it is set, and `WINDLASS_STRESS_ROUNDS` their number.
pub fn rounds(name: impl std::fmt::Display, rounds: u64, round: impl Fn(u64, u64) + Copy + Send + 'static) {
    let given = number("WINDLASS_STRESS_SEED");
    for n in 0..number("WINDLASS_STRESS_ROUNDS").unwrap_or(rounds) {
        let seed = given.unwrap_or_else(|| fastrand::u64(..));
        let title = format!("{name}, round {n} with WINDLASS_STRESS_SEED={seed}");
        println!("{title}");
        watchdog(&title, move || round(n, seed));
    }
}

fn number(variable: &str) -> Option<u64> {
    let value = std::env::var(variable).ok()?;
    Some(value.parse().unwrap_or_else(|_| panic!("{variable} is {value:?}, which is no number")))
}

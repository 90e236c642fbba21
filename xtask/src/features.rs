//! `powerset`: the published packages under every combination of their features.

use crate::failure::Failure;
use crate::options::Options;
use crate::place::{PUBLISHED, Workspace, cargo};
use crate::session::Session;
use crate::shell;

/// Up to so many features every combination is tried; beyond, every one and every pair, and all of them.
const EVERY: usize = 6;

pub(crate) fn routine(session: &mut Session, options: Options) -> Result<(), Failure> {
    options.end()?;
    powerset(session)
}

/// Lints each package under each combination, so that what one feature leaves unused is found too.
pub(crate) fn powerset(session: &mut Session) -> Result<(), Failure> {
    session.step("feature powerset", "cargo xtask powerset", || {
        let workspace = Workspace::load()?;
        for package in PUBLISHED {
            let combinations = combinations(&workspace.features(package)?);
            println!("{package}: {} combinations", combinations.len());
            for features in combinations {
                check(package, &features)?;
            }
        }
        Ok(())
    })
}

fn check(package: &str, features: &[String]) -> Result<(), Failure> {
    let mut command = cargo();
    command.args(["clippy", "--quiet", "--package", package, "--no-default-features"]);
    if !features.is_empty() {
        command.args(["--features", &features.join(",")]);
    }
    shell::run(command.args(["--", "-D", "warnings"]))
}

/// The subsets of the features to try, the empty one first.
fn combinations(features: &[String]) -> Vec<Vec<String>> {
    let count = features.len();
    let sets: Vec<Vec<bool>> = if count <= EVERY {
        (0..1_u32 << count).map(|bits| (0..count).map(|at| bits & (1 << at) != 0).collect()).collect()
    } else {
        let with = |on: &[usize]| (0..count).map(|at| on.contains(&at)).collect();
        let mut sets = vec![with(&[])];
        sets.extend((0..count).map(|one| with(&[one])));
        sets.extend(
            (0..count)
                .flat_map(|one| (0..one).map(move |two| (one, two)))
                .map(|(one, two)| with(&[two, one])),
        );
        sets.push(vec![true; count]);
        sets
    };
    let chosen = |set: Vec<bool>| {
        features.iter().zip(set).filter(|(_, on)| *on).map(|(name, _)| name.clone()).collect()
    };
    sets.into_iter().map(chosen).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(count: usize) -> Vec<String> {
        (0..count).map(|number| format!("f{number}")).collect()
    }

    #[test]
    fn few_features_give_every_subset() {
        assert_eq!(combinations(&[]), [Vec::<String>::new()]);
        let two = combinations(&names(2)).iter().map(|set| set.join("+")).collect::<Vec<_>>();
        assert_eq!(two, ["", "f0", "f1", "f0+f1"]);
        assert_eq!(combinations(&names(6)).len(), 64);
    }

    #[test]
    fn many_features_give_each_and_every_pair() {
        let sets = combinations(&names(10));
        assert_eq!(sets.len(), 1 + 10 + 45 + 1);
        assert!(sets.contains(&vec!["f3".to_string(), "f7".to_string()]));
        assert_eq!(sets.last().map(Vec::len), Some(10));
    }
}

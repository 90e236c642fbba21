//! `ci`: everything that must hold before a change is handed in, each step stopping the rest where it fails.

use std::time::Duration;

use crate::failure::Failure;
use crate::faults::{self, Selection};
use crate::loom::{self, Depth};
use crate::options::Options;
use crate::place::Workspace;
use crate::sanitize::{Sanitizer, Scope, sanitize};
use crate::session::{Session, human};
use crate::stress::{self, Stress};
use crate::test::Tally;
use crate::{conformance, features, lint, minimal, portable, test};

/// What the usual run may take on two cores.
const LIMIT: Duration = Duration::from_secs(40 * 60);

/// What the models may take of it.
const LOOM_BUDGET: Duration = Duration::from_secs(8 * 60);

/// How often the full run repeats the stress tests, and the core tests under each sanitizer.
const STRESS_TIMES: u64 = 20;

pub(crate) fn routine(session: &mut Session, mut options: Options) -> Result<(), Failure> {
    let full = options.flag("--full");
    options.end()?;
    lint::fmt(session, true)?;
    lint::clippy(session)?;
    lint::docs(session)?;
    lint::duplicates(session)?;
    conformance::check(session)?;
    faults::fit(session)?;
    let mut tally = Tally::default();
    test::workspace(session, &mut tally)?;
    if full { the_rest_in_full(session) } else { the_rest(session) }?;
    println!("\n{tally}");
    Ok(())
}

fn the_rest(session: &mut Session) -> Result<(), Failure> {
    loom::models(session, Depth::Usual, LOOM_BUDGET, None)?;
    portable::portable(session)?;
    make_room(portable::FOLDER)?;
    for sanitizer in [Sanitizer::Thread, Sanitizer::Address] {
        sanitize(session, sanitizer, Scope::Core, 1)?;
        make_room(sanitizer.folder())?;
    }
    test::bench(session, &["--quick".to_string()])?;
    let took = session.elapsed();
    if took > LIMIT {
        println!(
            "\nthis took {}, more than the {} it should: see the times below",
            human(took),
            human(LIMIT)
        );
    }
    Ok(())
}

/// Says how large the build folder has grown, and on a machine that only checks, where no one builds this again, removes what
/// the step that ended has put there.
fn make_room(folder: &str) -> Result<(), Failure> {
    let workspace = Workspace::load()?;
    println!("── the build folder takes {:.1} GB", workspace.built()? as f64 / 1e9);
    if std::env::var_os("CI").is_some() { workspace.discard(folder) } else { Ok(()) }
}

fn the_rest_in_full(session: &mut Session) -> Result<(), Failure> {
    features::powerset(session)?;
    minimal::minimal_versions(session)?;
    portable::portable(session)?;
    loom::models(session, Depth::Deep, loom::DEEP_BUDGET, None)?;
    faults::check(session, &Selection::default())?;
    sanitize(session, Sanitizer::Thread, Scope::All, 1)?;
    sanitize(session, Sanitizer::Address, Scope::All, 1)?;
    sanitize(session, Sanitizer::Thread, Scope::Core, STRESS_TIMES)?;
    sanitize(session, Sanitizer::Address, Scope::Core, STRESS_TIMES)?;
    stress::run(session, &Stress { times: STRESS_TIMES, ..Stress::default() })?;
    stress::run(session, &Stress { times: STRESS_TIMES, release: true, ..Stress::default() })?;
    test::bench(session, &["--quick".to_string()])
}

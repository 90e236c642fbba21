//! The project's routines: `cargo xtask <routine>`.
//!
//! A routine is a function that runs steps in a [`Session`], which prints each step's time and, where one
//! fails, how to run that one again. Whatever is called for outside this program is an ordinary command a person could type.

mod artifacts;
mod ci;
mod conformance;
mod copy;
mod examples;
mod failure;
mod failures;
mod faults;
mod features;
mod lint;
mod loom;
mod minimal;
mod options;
mod place;
mod portable;
mod sanitize;
mod session;
mod shell;
mod stress;
mod test;

use std::process::ExitCode;

use failure::Failure;
use options::Options;
use session::Session;

const HELP: &str = "\
The routines of the Windlass project.

Usage: cargo xtask <routine> [options]

Every day:
  test                    every test there is: unit, integration, doc and loom models
  fmt [--check]           format the sources, or only look whether they are
  clippy                  lints, every target and feature, warnings denied
  docs                    the documentation, warnings denied, and `examples`
  examples                whether every public item is used by an example in the documentation
  bench [arguments]       the comparison with other runtimes; arguments go to `compare` (try `bench --help`)

Now and then:
  loom [--quick|--deep] [--budget MINUTES] [--only TEXT]
                          the loom models, each at its bound on preemptions, at 2, or at one more
  faults [--only TEXT] [--one-per-model] [--list] [--fit] [--timeout SECONDS]
                          break the sources as loom-tests/FAULTS.md says, and see the models notice, or only look whether
                          each fault fits the sources
  sanitize [thread|address|leak] [--all] [--times N]
                          the tests of the core packages, or all, under a sanitizer (thread and address if none is named)
  stress [--times N] [--seed SEED] [--only TEXT] [--release]
                          the stress tests again and again, with new seeds each time or one that is given
  conformance [--check] [--times N]
                          write tests/CONFORMANCE.md of what the tests say about CPython's, or only look whether it is up to
                          date; then run the tests ported from CPython N times
  portable                the tests of sockets on the portable way of waiting for them
  powerset                every combination of the features of the published packages
  minimal-versions        the published packages with the oldest dependencies they claim to work with
  duplicates              no dependency of the published packages may come in two versions

Before a change is handed in:
  ci                      everything that must hold, in 40 minutes on two cores
  ci --full               more of it: deeper models, every fault, every package under sanitizers, stress and the core tests
                          under sanitizers 20 times
";

fn main() -> ExitCode {
    let mut args = std::env::args().skip(1);
    let routine = args.next().unwrap_or_else(|| "help".to_string());
    let mut session = Session::start();
    let done = run(&mut session, &routine, Options::new(&routine, args.collect()));
    session.finish();
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("\n{failure}");
            ExitCode::FAILURE
        }
    }
}

fn run(session: &mut Session, routine: &str, options: Options) -> Result<(), Failure> {
    match routine {
        "test" => test::routine(session, options),
        "fmt" => lint::fmt_routine(session, options),
        "clippy" => lint::clippy_routine(session, options),
        "docs" => lint::docs_routine(session, options),
        "examples" => examples::routine(session, options),
        "duplicates" => lint::duplicates_routine(session, options),
        "bench" => test::bench_routine(session, options),
        "loom" => loom::routine(session, options),
        "faults" => faults::routine(session, options),
        "sanitize" => sanitize::routine(session, options),
        "stress" => stress::routine(session, options),
        "conformance" => conformance::routine(session, options),
        "portable" => portable::routine(session, options),
        "powerset" => features::routine(session, options),
        "minimal-versions" => minimal::routine(session, options),
        "ci" => ci::routine(session, options),
        "help" | "--help" | "-h" => {
            print!("{HELP}");
            Ok(())
        }
        other => Err(Failure::new(format!("there is no routine `{other}`"))
            .fix("`cargo xtask help` lists those there are")),
    }
}

//! `--virtual`: the clock of a program stands, and moves by itself to whatever is waited for next, so that an hour is over at once.

use std::env::args;
use std::process::exit;

/// Whether the command line asks for it. Ends the program if it asks for anything else.
pub fn asked() -> bool {
    match args().nth(1).as_deref() {
        None => false,
        Some("--virtual") => true,
        Some(other) => {
            eprintln!("usage: [--virtual], not {other:?}");
            exit(2)
        }
    }
}

/// Stops the clock of the runtime this is called in, if the command line asks for it.
pub fn if_asked() {
    if asked() {
        windlass::time::pause();
    }
}

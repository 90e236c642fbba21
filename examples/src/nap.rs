//! How long a program that blocks its threads sleeps.

use std::env::args;
use std::path::Path;
use std::time::Duration;

/// As many milliseconds as the command line says, or else `usual`.
///
/// # Errors
///
/// How the program is used, if the command line says anything else.
pub fn nap(usual: Duration) -> Result<Duration, String> {
    let mut args = args();
    let program = args.next().unwrap_or_default();
    let Some(given) = args.next() else { return Ok(usual) };
    let name = Path::new(&program).file_stem().unwrap_or_default().display();
    let milliseconds = given.parse().map_err(|_| format!("usage: {name} [MILLISECONDS], not {given:?}"))?;
    Ok(Duration::from_millis(milliseconds))
}

//! Fetches a page and every page of its host that links lead to.
//!
//! `cargo run --release -p windlass-examples --bin crawler -- http://127.0.0.1:8080/` prints a line for each page; `--help` has
//! the limits. Ctrl-C lets the pages that have begun come to their end, a second one ends the program at once.

use std::io::{self, Write};
use std::process::ExitCode;

use clap::Parser;
use windlass::signal::unix::{Signal, SignalKind, signal};
use windlass::sync::CancellationToken;
use windlass_examples::crawler::{Options, Page, crawl};

#[windlass::main]
async fn main() -> ExitCode {
    run(Options::parse()).await.unwrap_or_else(|message| {
        eprintln!("crawler: {message}");
        ExitCode::FAILURE
    })
}

async fn run(options: Options) -> Result<ExitCode, String> {
    let stop = CancellationToken::new();
    // Listening begins here, and not when the task is polled first: no Ctrl-C is missed from now on.
    let interrupts = signal(SignalKind::interrupt()).map_err(|error| format!("no Ctrl-C: {error}"))?;
    windlass::spawn(stop_on(interrupts, stop.clone()));

    let report = crawl(options.start.clone(), options.limits(), &stop, print).await;
    let report = report.map_err(|error| format!("{}: {error}", options.start))?;
    say(format_args!(
        "{} pages fetched, {} failed, {} beyond the limits, {} left, {} cut",
        report.fetched, report.failed, report.beyond, report.left, report.cut
    ));
    Ok(if stop.is_cancelled() { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// Cancels the token at the first Ctrl-C, and ends the program at the second.
async fn stop_on(mut interrupts: Signal, stop: CancellationToken) {
    interrupts.recv().await;
    eprintln!("crawler: ends with the pages that have begun; Ctrl-C once more ends it now");
    stop.cancel();
    interrupts.recv().await;
    std::process::exit(130);
}

fn print(page: &Page) {
    match &page.outcome {
        Ok(visit) => say(format_args!("{} {} ({} links)", visit.status, page.url, visit.links)),
        Err(why) => say(format_args!("failed {} ({why})", page.url)),
    }
}

/// To whom listens, if anybody does.
fn say(line: std::fmt::Arguments<'_>) {
    let _ = writeln!(io::stdout(), "{line}");
}

//! What the server can be told on its command line.

use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;

/// Serves the files of a folder over HTTP/1.1 and HTTP/2.
#[derive(Clone, Debug, Parser)]
#[command(version, max_term_width = 110)]
pub struct Options {
    /// The folder to serve.
    #[arg(long, default_value = ".", value_name = "FOLDER")]
    pub root: PathBuf,

    /// The address to listen on; port 0 is any free one.
    #[arg(long, default_value = "127.0.0.1:8080", value_name = "ADDRESS:PORT")]
    pub listen: SocketAddr,

    /// How many threads run the server; one for each core if not given.
    #[arg(long, value_name = "NUMBER")]
    pub workers: Option<NonZeroUsize>,

    /// How many connections are served at once; others wait.
    #[arg(long, default_value = "1024", value_name = "NUMBER")]
    pub max_connections: NonZeroUsize,

    /// How long a client may take to send a request, or be idle.
    #[arg(long, default_value = "30s", value_name = "TIME", value_parser = duration)]
    pub header_timeout: Duration,

    /// How long a request may go on without progress.
    #[arg(long, default_value = "30s", value_name = "TIME", value_parser = duration)]
    pub request_timeout: Duration,

    /// How long requests may go on after a signal to stop.
    #[arg(long, default_value = "10s", value_name = "TIME", value_parser = duration)]
    pub grace: Duration,

    /// Serve names that begin with a dot.
    #[arg(long)]
    pub hidden: bool,

    /// Print a line for each request.
    #[arg(long)]
    pub log: bool,
}

/// A time such as `30s`, `500ms`, `2m` or `0.5`, which is in seconds.
fn duration(text: &str) -> Result<Duration, String> {
    let digits = text.trim_end_matches(|char: char| char.is_ascii_alphabetic());
    let unit = match &text[digits.len()..] {
        "ms" => 0.001,
        "s" | "" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        _ => return Err("a time is a number with ms, s, m or h behind it".into()),
    };
    let number: f64 = digits.parse().map_err(|_| "a time begins with a number, as in 30s".to_string())?;
    let time = Duration::try_from_secs_f64(number * unit).ok();
    // Far beyond what anybody waits for, deadlines overflow.
    time.filter(|time| !time.is_zero() && *time <= Duration::from_secs(366 * 24 * 3600))
        .ok_or_else(|| "a time is more than nothing and at most a year".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times() {
        for (text, milliseconds) in
            [("30s", 30_000), ("250ms", 250), ("2m", 120_000), ("1h", 3_600_000), ("0.5", 500)]
        {
            assert_eq!(duration(text), Ok(Duration::from_millis(milliseconds)), "{text}");
        }
        for text in ["", "s", "0", "-1s", "1d", "9999h", "nan", "inf", "1 s"] {
            assert!(duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn the_options_are_well_formed() {
        use clap::CommandFactory;
        Options::command().debug_assert();
        let options = Options::parse_from(["fileserver"]);
        assert_eq!(options.listen.to_string(), "127.0.0.1:8080", "reached from this machine alone");
        assert_eq!(options.root, PathBuf::from("."));
    }
}

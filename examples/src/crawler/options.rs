//! What the crawler can be told on its command line.

use std::num::NonZeroUsize;
use std::time::Duration;

use clap::Parser;
use http::Uri;

use super::Limits;

/// Fetches a page and every page of its host that links lead to.
#[derive(Clone, Debug, Parser)]
#[command(version, max_term_width = 110)]
pub struct Options {
    /// The first page, as in http://127.0.0.1:8080/.
    #[arg(value_parser = url)]
    pub start: Uri,

    /// How many pages are fetched in all.
    #[arg(long, default_value = "1000", value_name = "NUMBER")]
    pub pages: NonZeroUsize,

    /// How many links away from the first page.
    #[arg(long, default_value = "16", value_name = "NUMBER")]
    pub depth: usize,

    /// How many pages are fetched at once.
    #[arg(long, default_value = "8", value_name = "NUMBER")]
    pub at_once: NonZeroUsize,

    /// How large a page may be, in bytes.
    #[arg(long, default_value = "4194304", value_name = "BYTES")]
    pub bytes: usize,

    /// How long a page may take, in milliseconds.
    #[arg(long, default_value = "10000", value_name = "MS", value_parser = milliseconds)]
    pub timeout: Duration,

    /// How long pages that have begun may take after Ctrl-C, in milliseconds.
    #[arg(long, default_value = "5000", value_name = "MS", value_parser = milliseconds)]
    pub grace: Duration,
}

impl Options {
    /// How far to go.
    pub fn limits(&self) -> Limits {
        Limits {
            pages: self.pages.get(),
            depth: self.depth,
            at_once: self.at_once.get(),
            bytes: self.bytes,
            timeout: self.timeout,
            grace: self.grace,
        }
    }
}

fn url(text: &str) -> Result<Uri, String> {
    let url: Uri = text.parse().map_err(|error| format!("this is no URL: {error}"))?;
    if url.scheme_str() != Some("http") || url.authority().is_none() {
        return Err("a URL begins with http:// and a host".into());
    }
    Ok(url)
}

fn milliseconds(text: &str) -> Result<Duration, String> {
    text.parse().map(Duration::from_millis).map_err(|_| "a time is a whole number of milliseconds".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_sound() {
        let options = Options::parse_from(["crawler", "http://host/"]);
        assert_eq!(options.limits().at_once, 8);
        assert!(Options::try_parse_from(["crawler", "https://host/"]).is_err());
        assert!(Options::try_parse_from(["crawler", "/page"]).is_err());
        assert!(Options::try_parse_from(["crawler", "http://host/", "--at-once", "0"]).is_err());
    }
}

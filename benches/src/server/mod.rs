//! Servers, each in a process of its own, and the client that drives them from another.
//!
//! - [`serve`]: what the server process runs: [`raw`] is the limit, [`echo`] and [`plaintext`] are generic over the
//!   runtime, `peers/` has the same for Python's event loops and Go.
//! - [`process`]: starting one, what it has used so far, and that it ends with this process.
//! - [`client`]: many connections, each with one message on its way; one thread, epoll, every byte checked.
//! - [`drive`]: a case: start the server, connect, warm up, measure.
//! - [`count`]: instructions and system calls per message.
//! - [`idle`]: what a server does that has nothing to do.
//! - [`mod@wrk`]: any HTTP server under `wrk`.

pub mod client;
pub mod count;
pub mod drive;
pub mod echo;
pub mod http;
pub mod idle;
pub mod peers;
pub mod plaintext;
pub mod process;
pub mod raw;
pub mod serve;
pub mod wrk;

use std::fmt;
use std::str::FromStr;

/// What a server does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    /// Sends back what it gets.
    Echo,
    /// Answers every HTTP/1.1 request with the same short text, by hyper.
    Plaintext,
}

impl Service {
    /// The name as the server process gets it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Echo => "echo",
            Self::Plaintext => "plaintext",
        }
    }
}

impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Service {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        [Self::Echo, Self::Plaintext]
            .into_iter()
            .find(|service| service.as_str() == name)
            .ok_or_else(|| format!("there is no service `{name}`"))
    }
}

/// A server and what its client does.
#[derive(Clone, Copy, Debug)]
pub struct ServerCase {
    /// What the server does.
    pub service: Service,
    /// Its worker threads. A server that has one thread by nature has one.
    pub workers: usize,
    /// Connections, each with one message on its way at any time.
    pub connections: usize,
}

//! The adapters, one file per runtime, and their names.

use std::fmt;
use std::str::FromStr;

use crate::server::peers::describe_python;

pub mod channel;
pub mod limit;
mod meeting;
pub mod rayon;
pub mod smol;
pub mod tokio;
pub mod unblock;
pub mod windlass;
pub mod windlass_blocking;

/// A runtime a case can be run on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum RuntimeName {
    /// This project's runtime.
    Windlass,
    /// tokio: multi-thread with every driver enabled, or current-thread without any, as in its own benches.
    Tokio,
    /// async-executor run by threads inside async-io's `block_on`, as smol does it.
    Smol,
    /// This project's thread pool alone, without the runtime.
    WindlassBlocking,
    /// rayon's thread pool.
    Rayon,
    /// Threads that each wait in the `recv` of one crossbeam channel.
    Channel,
    /// The event loop of Python's asyncio.
    Asyncio,
    /// libuv's event loop under asyncio's interface.
    Uvloop,
    /// Go's scheduler and network poller.
    Go,
    /// How fast it could be: a single-threaded executor without any synchronisation, or for servers a loop around epoll.
    Limit,
}

/// What there is under a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A runtime, or its limit.
    Runtime,
    /// Threads for blocking calls and nothing that runs tasks.
    Pool,
    /// A server in another language.
    Foreign,
}

impl RuntimeName {
    /// All of them, in the order they are shown.
    pub const ALL: [Self; 10] = [
        Self::Windlass,
        Self::Tokio,
        Self::Smol,
        Self::WindlassBlocking,
        Self::Rayon,
        Self::Channel,
        Self::Asyncio,
        Self::Uvloop,
        Self::Go,
        Self::Limit,
    ];

    /// The name as written on the command line.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Windlass => "windlass",
            Self::Tokio => "tokio",
            Self::Smol => "smol",
            Self::WindlassBlocking => "windlass-blocking",
            Self::Rayon => "rayon",
            Self::Channel => "channel",
            Self::Asyncio => "asyncio",
            Self::Uvloop => "uvloop",
            Self::Go => "go",
            Self::Limit => "limit",
        }
    }

    /// What kind of thing it is.
    pub const fn kind(self) -> Kind {
        match self {
            Self::Windlass | Self::Tokio | Self::Smol | Self::Limit => Kind::Runtime,
            Self::WindlassBlocking | Self::Rayon | Self::Channel => Kind::Pool,
            Self::Asyncio | Self::Uvloop | Self::Go => Kind::Foreign,
        }
    }

    /// What exactly runs under this name, with the versions this program was built with, or those that are installed.
    pub fn describe(self) -> String {
        match self {
            Self::Windlass => format!("windlass {}", locked_version("windlass")),
            Self::Tokio => format!("tokio {}", locked_version("tokio")),
            Self::Smol => {
                let [executor, io, blocking] = ["async-executor", "async-io", "blocking"].map(locked_version);
                format!("async-executor {executor} + async-io {io} + blocking {blocking}")
            }
            Self::WindlassBlocking => format!("windlass-blocking {}", locked_version("windlass-blocking")),
            Self::Rayon => format!("rayon-core {}", locked_version("rayon-core")),
            Self::Channel => {
                format!("threads that receive from crossbeam-channel {}", locked_version("crossbeam-channel"))
            }
            Self::Asyncio | Self::Uvloop => describe_python(self.as_str()),
            Self::Go => "the go that is installed, if one is".into(),
            Self::Limit => "one thread: an executor without synchronisation, or a server around epoll".into(),
        }
    }
}

impl fmt::Display for RuntimeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for RuntimeName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|name| name.as_str() == text).ok_or_else(|| {
            let known = Self::ALL.map(Self::as_str).join(", ");
            format!("no runtime is called `{text}`; there are: {known}")
        })
    }
}

/// The version of `package` in the workspace's lock file.
fn locked_version(package: &str) -> &'static str {
    const LOCK: &str = include_str!("../../../Cargo.lock");
    LOCK.split("[[package]]")
        .find_map(|entry| {
            let mut lines = entry.trim().lines();
            let name = lines.next()?.strip_prefix("name = \"")?.strip_suffix('"')?;
            let version = lines.next()?.strip_prefix("version = \"")?.strip_suffix('"')?;
            (name == package).then_some(version)
        })
        .unwrap_or("?")
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::pin::pin;
    use std::task::Poll;

    use super::*;
    use crate::runtime::{Flavor, Runtime};

    /// A yield that does not return to the scheduler would make `yield_many` fast and meaningless.
    fn yield_is_pending_once<R: Runtime>(flavor: Flavor) {
        let runtime = R::new(flavor).unwrap();
        let task = runtime.spawn_outside(async {
            let mut yielding = pin!(R::yield_now());
            let mut polls = 0;
            poll_fn(|cx| {
                polls += 1;
                let poll: Poll<()> = yielding.as_mut().poll(cx);
                assert_eq!(poll.is_pending(), polls == 1, "poll {polls}");
                poll
            })
            .await;
            polls
        });
        assert_eq!(runtime.block_on(task), 2);
    }

    #[test]
    fn a_yield_returns_to_the_scheduler_once() {
        for flavor in [Flavor::Current, Flavor::Multi(2)] {
            yield_is_pending_once::<windlass::Windlass>(flavor);
            yield_is_pending_once::<tokio::Tokio>(flavor);
            yield_is_pending_once::<smol::Smol>(flavor);
            yield_is_pending_once::<limit::Limit>(flavor);
        }
    }

    #[test]
    fn names_read_back_as_themselves() {
        for name in RuntimeName::ALL {
            assert_eq!(name.as_str().parse(), Ok(name));
        }
        assert!("tokyo".parse::<RuntimeName>().unwrap_err().contains("tokio"));
    }

    #[test]
    fn versions_come_from_the_lock_file() {
        assert!(locked_version("tokio").starts_with("1."));
        assert_eq!(locked_version("no-such-package"), "?");
    }
}

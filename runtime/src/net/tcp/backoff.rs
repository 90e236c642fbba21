//! What to do when a connection cannot be accepted.

use std::future::Future;
use std::io;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use rustix::io::Errno;

use crate::primitives::Mutex;
use crate::primitives::atomic::AtomicU32;
use crate::primitives::atomic::Ordering::Relaxed;

const LONGEST: Duration = Duration::from_secs(1);

/// Slows a listener down while the process or the system has no room for another connection.
pub(super) struct Backoff {
    /// How often accepting failed for want of room since it last succeeded.
    failures: AtomicU32,
    /// The pause of whoever calls `poll_accept`.
    pause: Mutex<Option<Pause>>,
}

// A pause is a timer of ours, which no code of a user's runs in.
impl UnwindSafe for Backoff {}
impl RefUnwindSafe for Backoff {}

type Pause = Pin<Box<dyn Future<Output = ()> + Send>>;

/// What an error of `accept` is about.
pub(super) enum Failure {
    /// No room: to be tried again after this long.
    NoRoom(Duration),
    /// The connection that would have been accepted: to be tried again at once.
    Connection,
    /// The listener.
    Listener,
}

impl Backoff {
    pub(super) fn new() -> Self {
        Self { failures: AtomicU32::new(0), pause: Mutex::new(None) }
    }

    #[cold]
    pub(super) fn failed(&self, error: &io::Error) -> Failure {
        match error.raw_os_error().map(Errno::from_raw_os_error) {
            Some(Errno::MFILE | Errno::NFILE | Errno::NOBUFS | Errno::NOMEM) => {
                let failures = self.failures.fetch_add(1, Relaxed);
                if failures == 0 {
                    tracing::warn!(
                        target: "windlass::net",
                        "a listener cannot accept connections: {error}. It goes on trying; raise the limit on \
                         open files, or accept fewer connections at a time"
                    );
                }
                Failure::NoRoom(LONGEST.min(Duration::from_millis(1 << failures.min(10))))
            }
            // Linux reports errors that a connection has met with before it is accepted.
            Some(
                Errno::CONNABORTED
                | Errno::CONNRESET
                | Errno::PROTO
                | Errno::NETDOWN
                | Errno::NETUNREACH
                | Errno::HOSTDOWN
                | Errno::HOSTUNREACH
                | Errno::NOPROTOOPT,
            ) => Failure::Connection,
            _ => Failure::Listener,
        }
    }

    #[inline]
    pub(super) fn succeeded(&self) {
        if self.failures.load(Relaxed) != 0 {
            self.failures.store(0, Relaxed);
        }
    }

    /// Has `poll_paused` wait.
    pub(super) fn pause(&self, length: Duration) {
        *self.pause.lock() = Some(Box::pin(pause(length)));
    }

    #[inline]
    pub(super) fn poll_paused(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut pause = self.pause.lock();
        if let Some(pause) = pause.as_mut() {
            ready!(pause.as_mut().poll(cx));
        }
        *pause = None;
        Poll::Ready(())
    }
}

pub(super) async fn pause(length: Duration) {
    crate::time::sleep(length).await;
}

//! Signals as Unix has them.

mod claim;
mod interrupt;
mod kind;
mod notice;

use std::fmt;
use std::future::poll_fn;
use std::io;
use std::task::{Context, Poll};

use signal_hook_registry::{FORBIDDEN, SigId, register, unregister};

pub use kind::SignalKind;

pub(crate) use interrupt::{Interrupt, die};

use self::notice::Notice;

/// Waits for the signals of one kind; made by [`signal`].
///
/// # Examples
///
/// A program that is told to read its configuration again, and to end:
///
/// ```no_run
/// use windlass::signal::unix::{SignalKind, signal};
///
/// #[windlass::main]
/// async fn main() -> std::io::Result<()> {
///     let mut hangup = signal(SignalKind::hangup())?;
///     let mut terminate = signal(SignalKind::terminate())?;
///     loop {
///         windlass::select! {
///             Some(()) = hangup.recv() => println!("reading the configuration"),
///             _ = std::future::poll_fn(|cx| terminate.poll_recv(cx)) => return Ok(()),
///         }
///     }
/// }
/// ```
#[must_use = "a signal is received by `recv`, and by nobody once this is dropped"]
pub struct Signal {
    kind: SignalKind,
    notice: Notice,
    action: SigId,
}

/// Listens for the signals of one kind, in the runtime this thread is in.
///
/// What comes from now on is received by [`Signal::recv`]. The system's own action on the signal, such as to end the
/// process, is replaced for the rest of the process's life, also after the `Signal` is dropped. That holds for
/// `SIGCHLD` too: others who wait for children still get theirs.
///
/// # Errors
///
/// If there is no such signal; if it cannot be listened for, which are `SIGKILL` and `SIGSTOP`, whose action cannot be
/// replaced, and `SIGSEGV`, `SIGFPE` and `SIGILL`, after which the program cannot go on; if there is no descriptor left
/// to be told by.
///
/// # Panics
///
/// Outside of a runtime.
///
/// # Examples
///
/// ```no_run
/// use windlass::signal::unix::{SignalKind, signal};
///
/// #[windlass::main]
/// async fn main() -> std::io::Result<()> {
///     let mut hangup = signal(SignalKind::hangup())?;
///     while hangup.recv().await.is_some() {
///         println!("reading the configuration again");
///     }
///     Ok(())
/// }
/// ```
#[doc(alias = "add_signal_handler")]
#[track_caller]
pub fn signal(kind: SignalKind) -> io::Result<Signal> {
    let number = kind.as_raw_value();
    if FORBIDDEN.contains(&number) {
        return Err(io::Error::other(format!(
            "{kind} cannot be listened for: its action cannot be replaced, or the program cannot go on after it"
        )));
    }
    if number <= 0 {
        return Err(io::Error::other(format!("{number} is no signal: they are numbered from 1")));
    }
    let (notice, notifier) = Notice::new()?;
    let action = move || notifier.notify();
    // SAFETY: the action is one system call that is safe in a signal handler; it neither allocates nor locks nor
    // panics, and keeps `errno`.
    let action = unsafe { register(number, action) }?;
    Ok(Signal { kind, notice, action })
}

impl Signal {
    /// Waits for the next signal. Those that came since the last one are one.
    ///
    /// `None` says that none will come, because the runtime it belongs to is gone.
    ///
    /// # Cancel safety
    ///
    /// No signal is lost when it is dropped.
    pub async fn recv(&mut self) -> Option<()> {
        poll_fn(|cx| self.poll_recv(cx)).await
    }

    /// As [`recv`](Self::recv), for hand-written futures. Of several tasks that call it, only the last one is woken.
    pub fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Option<()>> {
        self.notice.poll(cx).map(Result::ok)
    }
}

impl Drop for Signal {
    fn drop(&mut self) {
        // The action holds the descriptor it writes to: no signal finds a closed one, or another in its place.
        unregister(self.action);
    }
}

impl fmt::Debug for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signal").field("kind", &self.kind).finish_non_exhaustive()
    }
}

//! The kinds of signals.

use std::ffi::c_int;
use std::fmt;

use rustix::process::Signal;

/// A kind of signal.
///
/// ```
/// use windlass::signal::unix::SignalKind;
///
/// assert_eq!(SignalKind::from_raw(15), SignalKind::terminate());
/// assert_eq!(SignalKind::hangup().to_string(), "SIGHUP");
/// ```
///
/// # Examples
///
/// ```
/// use windlass::signal::unix::SignalKind;
///
/// for (kind, name) in [
///     (SignalKind::alarm(), "SIGALRM"),
///     (SignalKind::child(), "SIGCHLD"),
///     (SignalKind::hangup(), "SIGHUP"),
///     (SignalKind::interrupt(), "SIGINT"),
///     (SignalKind::io(), "SIGIO"),
///     (SignalKind::pipe(), "SIGPIPE"),
///     (SignalKind::quit(), "SIGQUIT"),
///     (SignalKind::terminate(), "SIGTERM"),
///     (SignalKind::user_defined1(), "SIGUSR1"),
///     (SignalKind::user_defined2(), "SIGUSR2"),
///     (SignalKind::window_change(), "SIGWINCH"),
/// ] {
///     println!("{name} is {}", kind.as_raw_value());
///     assert_eq!(SignalKind::from_raw(kind.as_raw_value()), kind);
/// }
/// ```
#[derive(Clone, Copy, Hash, PartialEq, Eq)]
pub struct SignalKind(c_int);

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident = $signal:ident, $text:literal;)*) => {
        impl SignalKind {
            $(
                $(#[$doc])*
                pub const fn $name() -> Self {
                    Self(Signal::$signal.as_raw())
                }
            )*

            fn name(self) -> Option<&'static str> {
                $(if self == Self::$name() {
                    return Some($text);
                })*
                None
            }
        }
    };
}

kinds! {
    /// `SIGALRM`: a timer of the system's has expired. It ends the process by default.
    alarm = ALARM, "SIGALRM";
    /// `SIGCHLD`: a child has ended or stopped. It is ignored by default.
    child = CHILD, "SIGCHLD";
    /// `SIGHUP`: the terminal is gone; to servers, by custom, to read their configuration again. It ends the process
    /// by default.
    hangup = HUP, "SIGHUP";
    /// `SIGINT`: Ctrl-C. It ends the process by default.
    interrupt = INT, "SIGINT";
    /// `SIGIO`: a descriptor is ready. It ends the process by default on Linux.
    io = IO, "SIGIO";
    /// `SIGPIPE`: something was written that nobody can read any more. Rust programs ignore it.
    pipe = PIPE, "SIGPIPE";
    /// `SIGQUIT`: Ctrl-\. It ends the process with a core dump by default.
    quit = QUIT, "SIGQUIT";
    /// `SIGTERM`: a request to end. It ends the process by default.
    terminate = TERM, "SIGTERM";
    /// `SIGUSR1`: means what programs agree on. It ends the process by default.
    user_defined1 = USR1, "SIGUSR1";
    /// `SIGUSR2`: means what programs agree on. It ends the process by default.
    user_defined2 = USR2, "SIGUSR2";
    /// `SIGWINCH`: the size of the terminal has changed. It is ignored by default.
    window_change = WINCH, "SIGWINCH";
}

impl SignalKind {
    /// The kind with that number on this system.
    pub const fn from_raw(signum: c_int) -> Self {
        Self(signum)
    }

    /// The number on this system.
    pub const fn as_raw_value(&self) -> c_int {
        self.0
    }
}

impl From<c_int> for SignalKind {
    fn from(signum: c_int) -> Self {
        Self(signum)
    }
}

impl From<SignalKind> for c_int {
    fn from(kind: SignalKind) -> c_int {
        kind.0
    }
}

impl fmt::Display for SignalKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "signal {}", self.0),
        }
    }
}

impl fmt::Debug for SignalKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SignalKind({self})")
    }
}

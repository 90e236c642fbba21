//! Signals of the operating system.
//!
//! Whoever waits for a signal gets those that come from then on; several may wait for the same one, in several
//! runtimes, and each of them is told. Signals that come faster than they are received are merged into one.
//!
//! Waiting for a signal replaces what the system does by default, such as ending the process on `SIGINT` or
//! `SIGTERM`, **for the rest of the process's life**: nobody would notice the signal after the last [`unix::Signal`] was
//! dropped. A program that waits for Ctrl-C once, and wants a second one to end it, waits a second time and calls
//! `std::process::exit`.
//!
//! Where nobody has ever waited for it, Ctrl-C ends the program, on the main thread of [`run`](crate::run) and
//! [`#[windlass::main]`](macro@crate::main) with the destructors of what it was doing.
//!
//! ```no_run
//! #[windlass::main]
//! async fn main() -> std::io::Result<()> {
//!     println!("working until Ctrl-C is pressed");
//!     windlass::signal::ctrl_c().await?;
//!     println!("cleaning up");
//!     Ok(())
//! }
//! ```

pub mod unix;

use std::io;

/// Waits until Ctrl-C is pressed, which is `SIGINT`.
///
/// It listens from the first time it is polled. Ctrl-C does not end the process by itself any more after that; see
/// [the module](self).
///
/// # Errors
///
/// If the system has no descriptor left to be told by.
///
/// # Cancel safety
///
/// It stops listening when it is dropped: a signal that comes before it is called again is lost. A
/// [`unix::Signal`] that is kept loses none.
///
/// # Panics
///
/// Outside of a runtime, when it is polled.
#[doc(alias = "add_signal_handler")]
pub async fn ctrl_c() -> io::Result<()> {
    let received = unix::signal(unix::SignalKind::interrupt())?.recv().await;
    received.ok_or_else(|| io::Error::other("the runtime was shut down while it waited for Ctrl-C"))
}

//! Channels that many send to and one receives from.
//!
//! A [bounded](channel) one lets its senders wait, first come, first served, while it is full; an
//! [unbounded](unbounded_channel) one never does. Both are closed when the last sender is dropped, or by the receiver.

mod bounded;
mod chan;
pub mod error;
mod permit;
mod unbounded;

pub use bounded::{Receiver, Sender, WeakSender, channel};
pub use permit::{OwnedPermit, Permit, PermitIterator};
pub use unbounded::{UnboundedReceiver, UnboundedSender, WeakUnboundedSender, unbounded_channel};

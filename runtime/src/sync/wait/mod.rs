//! How everything in `sync` waits: a line of waiters under a lock, and what is built on it. The README beside
//! this file has the protocol.

mod bell;
mod block;
mod held;
mod permits;
mod waiters;
mod wakes;

pub(crate) use bell::Bell;
pub(crate) use block::block_on;
pub(crate) use held::{Exclusive, HasPermits, Held, Shared, forward_guard};
pub(crate) use permits::{Closed, Permits, Refused};
pub(crate) use waiters::{Key, Looked, Waiters};
pub(crate) use wakes::Wakes;

/// Declares a function that is `const` but in a model, where locks and atomics cannot be made in one.
macro_rules! const_unless_model {
    ($(#[$attr:meta])* $vis:vis fn $name:ident($($arg:ident: $ty:ty),* $(,)?) -> $ret:ty $body:block) => {
        #[cfg(not(windlass_loom))]
        $(#[$attr])*
        $vis const fn $name($($arg: $ty),*) -> $ret $body
        #[cfg(windlass_loom)]
        $(#[$attr])*
        $vis fn $name($($arg: $ty),*) -> $ret $body
    };
}
pub(crate) use const_unless_model;

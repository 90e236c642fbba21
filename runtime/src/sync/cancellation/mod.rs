//! Tokens that say stop, in trees: `tree` has the protocol, `wait` the futures, `guard` what cancels by being dropped.

mod guard;
mod token;
mod tree;
mod wait;

pub use guard::{DropGuard, DropGuardRef};
pub use token::CancellationToken;
pub use wait::{WaitForCancellationFuture, WaitForCancellationFutureOwned};

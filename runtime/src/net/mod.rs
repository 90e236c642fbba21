//! Names and addresses; sockets are not there yet.

mod addr;

pub use addr::{ToSocketAddrs, lookup_host};

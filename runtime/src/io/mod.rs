//! Waiting for descriptors.

pub use crate::driver::{Interest, Ready};

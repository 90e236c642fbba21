//! Other crates' ideas of a runtime, on this one.

#[cfg(feature = "hyper")]
pub mod hyper;

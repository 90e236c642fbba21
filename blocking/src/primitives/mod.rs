//! The one door to atomics, cells, locks, threads and the queue.
//!
//! Everything here exists twice behind the same small interface: over std, parking_lot and
//! crossbeam-channel for programs, and over loom for models (`cfg(windlass_loom)`, which `loom-tests/blocking` builds with). Nothing else in the
//! crate imports such things from anywhere else, so every interleaving that matters is visible to a model.
//! (`Arc` is std's in both: what it guards here has no cells of its own, and loom's cannot be a method's `self`.)

#[cfg(windlass_loom)]
mod model;
#[cfg(not(windlass_loom))]
mod real;

#[cfg(windlass_loom)]
pub(crate) use model::*;
#[cfg(not(windlass_loom))]
pub(crate) use real::*;

//! The macros that wait for several futures in one task. What they expand to is in `windlass-macros`.

mod join;
mod select;
pub mod support;

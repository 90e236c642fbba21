//! loom models of the protocols of Windlass.
//!
//! The sources modelled are the real ones, included by their paths and built with `cfg(windlass_loom)`, which
//! `build.rs` turns on: their `primitives` then take atomics, cells and locks from loom. `models` has one
//! file per protocol and one test per scenario; `explore` runs them; `FAULTS.md` lists what they must notice.

#![cfg(test)]
#![allow(
    dead_code,
    missing_docs,
    unreachable_pub,
    unused_imports,
    unused_macros,
    reason = "the sources are included whole, and the models use a part of them"
)]

#[path = "../../runtime/src/context.rs"]
mod context;
#[path = "../../runtime/src/primitives.rs"]
mod primitives;
#[path = "../../runtime/src/scheduler/mod.rs"]
mod scheduler;
#[path = "../../runtime/src/task/mod.rs"]
mod task;
#[path = "../../runtime/src/executor/threadsafe.rs"]
mod threadsafe;
#[path = "../../runtime/src/executor/wrap.rs"]
mod wrap;

mod explore;
mod models;
mod root;

use root::{executor, quietly, runtime};

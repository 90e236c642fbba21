//! loom models of the protocols of Windlass.
//!
//! The sources modelled are the real ones, built with `cfg(windlass_loom)`, which a `build.rs` turns on: their
//! `primitives` then take atomics, cells and locks from loom. Those of the runtime are included here by their
//! paths. Those of the blocking pool are a package of their own, in `blocking/`, which the runtime's sources and
//! the models use as they use the real one; what models see of its inside is `windlass_blocking::model`.
//!
//! `models` has one file per protocol and one test per scenario; `explore` runs them; `FAULTS.md` lists what they
//! must notice.

#![cfg(test)]
#![allow(
    dead_code,
    missing_docs,
    unreachable_pub,
    unused_imports,
    unused_macros,
    reason = "the sources are included whole, and the models use a part of them"
)]

#[path = "../../runtime/src/signal/unix/claim.rs"]
mod claim;
#[path = "../../runtime/src/context.rs"]
mod context;
#[path = "../../runtime/src/aio/task_group/count.rs"]
mod count;
#[path = "../../runtime/src/driver/mod.rs"]
mod driver;
#[path = "../../runtime/src/aio/task_group/group.rs"]
mod group;
#[path = "../../runtime/src/panics.rs"]
mod panics;
#[path = "../../runtime/src/primitives.rs"]
mod primitives;
#[path = "../../runtime/src/scheduler/mod.rs"]
mod scheduler;
#[path = "../../runtime/src/slots.rs"]
mod slots;
#[path = "../../runtime/src/task/mod.rs"]
mod task;
#[path = "../../runtime/src/executor/threadsafe.rs"]
mod threadsafe;
#[path = "../../runtime/src/executor/wrap.rs"]
mod wrap;

mod aio;
mod explore;
mod models;
mod root;
mod sync;

use panics::{and_dropped, quietly};
use root::{executor, runtime};

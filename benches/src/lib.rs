//! The workloads Windlass is measured with, and the machinery that runs them.
//!
//! - [`runtime`]: the two small traits a workload is written against.
//! - [`pool`]: the trait for workloads of the blocking pool, which pools without a runtime have too.
//! - [`meeting`]: the trait for workloads of groups, locks, queues and channels, of which each runtime has its own.
//! - [`runtimes`]: one adapter per runtime or pool: Windlass, its peers, and the unsynchronised limit.
//! - [`workloads`]: one idea per file, each iteration counting what it completed.
//! - [`case`](mod@case): a workload with its parameters and its name; [`cases`] lists them all.
//! - [`measure`]: warm-up, number of iterations, wall and CPU time of one case on one runtime.
//! - [`child`]: the same in a fresh process.
//! - [`server`]: servers in processes of their own, and their client.
//! - [`compare`]: the program that runs rounds of those and reports ratios.
//!
//! The criterion benches run the very same cases.

pub mod case;
pub mod cases;
pub mod child;
pub mod compare;
pub mod measure;
pub mod meeting;
pub mod pool;
pub mod runtime;
pub mod runtimes;
pub mod server;
pub mod stats;
mod usage;
pub mod workloads;

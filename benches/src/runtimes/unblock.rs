//! smol's blocking pool, the `blocking` crate, which belongs to the process and needs no executor.

use std::io;

use crate::pool::{Pool, Trip};

/// Where the crate finds its limit of threads, 500 without it. It reads this once, at the first job of the process.
pub const THREADS_VARIABLE: &str = "BLOCKING_MAX_THREADS";

/// The pool.
pub struct Unblock(());

impl Pool for Unblock {
    type Submitter = ();

    /// The number of threads is not chosen here but by [`THREADS_VARIABLE`], which `compare` and `count` set.
    fn with_threads(_: usize) -> io::Result<Self> {
        Ok(Self(()))
    }

    fn submitter(&self) -> Self::Submitter {}

    fn submit<F>((): &Self::Submitter, job: F)
    where
        F: FnOnce() + Send + 'static,
    {
        blocking::unblock(job).detach();
    }

    fn call<T, F>(&self, job: F) -> Trip<T>
    where
        T: Send + 'static,
        F: FnOnce() -> T + Send + 'static,
    {
        async_io::block_on(Trip::awaited(|| blocking::unblock(job)))
    }
}

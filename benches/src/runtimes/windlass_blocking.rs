//! Windlass's thread pool alone, as a program without an async runtime uses it.

use std::io;

use windlass_blocking::{ExecutorExt, ThreadPoolExecutor};

use crate::pool::{Pool, Trip};

/// A thread pool.
pub struct WindlassBlocking(ThreadPoolExecutor);

impl Pool for WindlassBlocking {
    type Submitter = ThreadPoolExecutor;

    fn with_threads(threads: usize) -> io::Result<Self> {
        Ok(Self(ThreadPoolExecutor::new(threads)))
    }

    fn submitter(&self) -> Self::Submitter {
        self.0.clone()
    }

    fn submit<F>(submitter: &Self::Submitter, job: F)
    where
        F: FnOnce() + Send + 'static,
    {
        drop(submitter.submit(job));
    }

    fn call<T, F>(&self, job: F) -> Trip<T>
    where
        T: Send + 'static,
        F: FnOnce() -> T + Send + 'static,
    {
        Trip::blocked(|| self.0.submit(job).result().expect("the job failed"))
    }
}

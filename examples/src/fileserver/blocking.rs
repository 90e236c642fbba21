//! How blocking calls are run.

use std::future::Future;
use std::io;

/// A place to run calls that block.
pub trait Blocking: Clone + Send + Sync + Unpin + 'static {
    /// A call under way. Its output is an error if the call panicked, or could not be run.
    type Job<T: Send + 'static>: Future<Output = io::Result<T>> + Send + Unpin + 'static;

    /// Begins a call, whether or not the future is polled.
    fn run<T, F>(&self, call: F) -> Self::Job<T>
    where
        T: Send + 'static,
        F: FnOnce() -> T + Send + 'static;
}

//! What a workload asks of a pool of threads for blocking calls.
//!
//! A runtime with such a pool has this beside its [`Threaded`](crate::runtime::Threaded) side; a pool without a runtime
//! has nothing else.

use std::io;
use std::time::Instant;

/// A pool of threads.
///
/// Dropping it may wait for its threads, or leave idle ones to end by themselves.
pub trait Pool: Sized + 'static {
    /// What submits jobs from any thread.
    type Submitter: Clone + Send + 'static;

    /// A pool of at most this many threads; a runtime around it has a worker per processor besides.
    fn with_threads(threads: usize) -> io::Result<Self>;

    /// A handle for any thread.
    fn submitter(&self) -> Self::Submitter;

    /// Submits a job that reports its end itself: whatever handle this pool has for it is dropped.
    fn submit<F>(submitter: &Self::Submitter, job: F)
    where
        F: FnOnce() + Send + 'static;

    /// Runs a job and waits for its result in the way that comes with this pool.
    fn call<T, F>(&self, job: F) -> Trip<T>
    where
        T: Send + 'static,
        F: FnOnce() -> T + Send + 'static;
}

/// A job that was waited for.
#[derive(Clone, Copy, Debug)]
pub struct Trip<T> {
    /// Just before the submitting call.
    pub submitted: Instant,
    /// What the job returned.
    pub output: T,
    /// When the submitter had it.
    pub returned: Instant,
}

impl<T> Trip<T> {
    /// A call that blocks until it has the job's result.
    pub fn blocked(call: impl FnOnce() -> T) -> Self {
        let submitted = Instant::now();
        let output = call();
        Self { submitted, output, returned: Instant::now() }
    }

    /// A call whose result is awaited. Inside `block_on`, so that entering and leaving that is not part of the trip.
    pub async fn awaited<F: Future<Output = T>>(call: impl FnOnce() -> F) -> Self {
        let submitted = Instant::now();
        let output = call().await;
        Self { submitted, output, returned: Instant::now() }
    }
}

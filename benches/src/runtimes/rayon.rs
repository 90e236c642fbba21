//! rayon's thread pool and its `spawn`.

use std::io;
use std::sync::Arc;

use rayon_core::{ThreadPool, ThreadPoolBuilder};

use crate::pool::{Pool, Trip};

/// A thread pool. `spawn` gives no handle: a result comes back over a crossbeam channel.
pub struct Rayon(Arc<ThreadPool>);

impl Pool for Rayon {
    type Submitter = Arc<ThreadPool>;

    fn with_threads(threads: usize) -> io::Result<Self> {
        let pool = ThreadPoolBuilder::new().num_threads(threads).build().map_err(io::Error::other)?;
        Ok(Self(Arc::new(pool)))
    }

    fn submitter(&self) -> Self::Submitter {
        Arc::clone(&self.0)
    }

    fn submit<F>(submitter: &Self::Submitter, job: F)
    where
        F: FnOnce() + Send + 'static,
    {
        submitter.spawn(job);
    }

    fn call<T, F>(&self, job: F) -> Trip<T>
    where
        T: Send + 'static,
        F: FnOnce() -> T + Send + 'static,
    {
        Trip::blocked(|| {
            let (sender, receiver) = crossbeam_channel::bounded(1);
            self.0.spawn(move || sender.send(job()).expect("nobody waits"));
            receiver.recv().expect("the job failed")
        })
    }
}

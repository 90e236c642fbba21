//! Tasks for hyper.

use std::future::Future;

use hyper::rt::Executor;

use crate::runtime::Handle;

/// Spawns what hyper wants to run besides, as tasks that nobody waits for.
///
/// HTTP/2 needs it, on both sides. A panic in such a task is reported as that of any task whose handle is gone.
///
/// # Examples
///
/// ```
/// use windlass::compat::hyper::{HyperExecutor, HyperTimer};
///
/// let mut builder = hyper::server::conn::http2::Builder::new(HyperExecutor::new());
/// builder.timer(HyperTimer::new());
/// ```
#[derive(Clone, Debug, Default)]
pub struct HyperExecutor {
    handle: Option<Handle>,
}

impl HyperExecutor {
    /// Spawns on the runtime that hyper's future is polled in.
    pub fn new() -> Self {
        Self::default()
    }

    /// Spawns on a runtime of choice.
    ///
    /// # Examples
    ///
    /// ```
    /// use windlass::compat::hyper::HyperExecutor;
    ///
    /// let runtime = windlass::runtime::Runtime::new().unwrap();
    /// // Connections' tasks go there, whatever thread asks.
    /// let executor = HyperExecutor::with_handle(runtime.handle().clone());
    /// let server = hyper::server::conn::http2::Builder::new(executor);
    /// # drop(server);
    /// ```
    pub fn with_handle(handle: Handle) -> Self {
        Self { handle: Some(handle) }
    }
}

impl<F> Executor<F> for HyperExecutor
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    /// # Panics
    ///
    /// Outside of a runtime, if none was chosen.
    #[track_caller]
    fn execute(&self, future: F) {
        match &self.handle {
            Some(handle) => drop(handle.spawn(future)),
            None => drop(crate::spawn(future)),
        }
    }
}

//! Spawning with a name.

use std::future::Future;
use std::io;
use std::panic::Location;

use super::{JoinHandle, LocalSet, local};
use crate::context;
use crate::runtime::{Handle, in_runtime};

/// Configures a task before it is spawned.
///
/// # Examples
///
/// ```
/// # let rt = windlass::runtime::Runtime::new().unwrap();
/// # rt.block_on(async {
/// let task = windlass::task::Builder::new().name("n1").spawn(async { 1 }).unwrap();
/// assert!(format!("{task:?}").contains("name: \"n1\""));
/// assert_eq!(task.await.unwrap(), 1);
/// # });
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Builder<'a> {
    name: Option<&'a str>,
}

impl<'a> Builder<'a> {
    /// A task like any other.
    pub fn new() -> Self {
        Self::default()
    }

    /// Names the task, for every listing and report it appears in. A task with a name costs an allocation
    /// more, and is listed from its spawn on.
    pub fn name(self, name: &'a str) -> Self {
        Self { name: Some(name) }
    }

    /// Spawns on the current runtime.
    ///
    /// # Errors
    ///
    /// None today; the signature is tokio's.
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    #[track_caller]
    pub fn spawn<F>(self, future: F) -> io::Result<JoinHandle<F::Output>>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let location = Location::caller();
        let name = self.boxed_name();
        Ok(in_runtime(context::with_runtime(|runtime| Some(runtime?.spawn(future, name, location)))))
    }

    /// Spawns on that runtime.
    ///
    /// # Errors
    ///
    /// None today; the signature is tokio's.
    #[track_caller]
    pub fn spawn_on<F>(self, future: F, handle: &Handle) -> io::Result<JoinHandle<F::Output>>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        Ok(handle.shared().spawn(future, self.boxed_name(), Location::caller()))
    }

    /// Spawns on the current [`LocalSet`].
    ///
    /// # Errors
    ///
    /// None today; the signature is tokio's.
    ///
    /// # Panics
    ///
    /// Outside of a `LocalSet`.
    #[track_caller]
    pub fn spawn_local<F>(self, future: F) -> io::Result<JoinHandle<F::Output>>
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        Ok(local::spawn_named(future, self.boxed_name(), Location::caller()))
    }

    /// Spawns on that [`LocalSet`].
    ///
    /// # Errors
    ///
    /// None today; the signature is tokio's.
    #[track_caller]
    pub fn spawn_local_on<F>(self, future: F, local_set: &LocalSet) -> io::Result<JoinHandle<F::Output>>
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        Ok(local_set.spawn_named(future, self.boxed_name(), Location::caller()))
    }

    /// Runs a function that blocks on the blocking pool of the current runtime; see
    /// [`spawn_blocking`](super::spawn_blocking). Its name is in its handle, and in [`current`](super::current) inside; it
    /// is not among [`all_tasks`](super::all_tasks).
    ///
    /// # Errors
    ///
    /// None today; the signature is tokio's.
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    #[track_caller]
    pub fn spawn_blocking<F, T>(self, f: F) -> io::Result<JoinHandle<T>>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        let location = Location::caller();
        let name = self.boxed_name();
        Ok(in_runtime(context::with_runtime(|runtime| Some(runtime?.spawn_blocking(f, name, location)))))
    }

    /// Runs a function that blocks on the blocking pool of that runtime.
    ///
    /// # Errors
    ///
    /// None today; the signature is tokio's.
    #[track_caller]
    pub fn spawn_blocking_on<F, T>(self, f: F, handle: &Handle) -> io::Result<JoinHandle<T>>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        Ok(handle.shared().spawn_blocking(f, self.boxed_name(), Location::caller()))
    }

    fn boxed_name(&self) -> Option<Box<str>> {
        self.name.map(Box::from)
    }
}

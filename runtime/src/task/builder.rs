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
///
/// A name for every kind of task:
///
/// ```
/// use windlass::runtime::Handle;
/// use windlass::task::{Builder, LocalSet};
///
/// # #[windlass::main(flavor = "current_thread")]
/// # async fn main() -> std::io::Result<()> {
/// let handle = Handle::current();
/// let named = || Builder::new().name("sum");
/// assert_eq!(named().spawn_on(async { 1 }, &handle)?.await.unwrap(), 1);
/// assert_eq!(named().spawn_blocking(|| 2)?.await.unwrap(), 2);
/// assert_eq!(named().spawn_blocking_on(|| 3, &handle)?.await.unwrap(), 3);
///
/// let local = LocalSet::new();
/// let outside = named().spawn_local_on(async { 4 }, &local)?;
/// let inside = local.run_until(async { named().spawn_local(async { 5 })?.await.map_err(std::io::Error::other) }).await?;
/// assert_eq!((local.run_until(outside).await.unwrap(), inside), (4, 5));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Builder<'a> {
    name: Option<&'a str>,
    eager: bool,
}

impl<'a> Builder<'a> {
    /// A task like any other.
    pub fn new() -> Self {
        Self::default()
    }

    /// Names the task, for every listing and report it appears in. A task with a name costs an allocation
    /// more, and is listed from its spawn on.
    pub fn name(self, name: &'a str) -> Self {
        Self { name: Some(name), ..self }
    }

    /// Whether the task begins inside of the call that spawns it: it is polled once, here and now, before that returns.
    /// asyncio's `eager_start`.
    ///
    /// A task that need not wait is then done without having been queued. But what the spawning code has borrowed or
    /// locked is so while the task begins. Where no task of the same runtime's workers spawns it, but another thread or a
    /// [`LocalSet`], and inside of [`LocalKey::with`](super::LocalKey::with), it begins as any other.
    ///
    /// # Examples
    ///
    /// ```
    /// use windlass::task::Builder;
    ///
    /// #[windlass::main(flavor = "current_thread")]
    /// async fn main() {
    ///     let task = Builder::new().eager_start(true).spawn(async { 1 }).unwrap();
    ///     assert!(task.is_finished());
    ///     assert_eq!(task.await.unwrap(), 1);
    /// }
    /// ```
    #[doc(alias = "eager_task_factory")]
    pub fn eager_start(self, yes: bool) -> Self {
        Self { eager: yes, ..self }
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
    #[doc(alias = "create_task")]
    #[track_caller]
    pub fn spawn<F>(self, future: F) -> io::Result<JoinHandle<F::Output>>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let location = Location::caller();
        let name = self.boxed_name();
        Ok(in_runtime(context::with_runtime(|runtime| {
            let runtime = runtime?;
            Some(match self.eager {
                false => runtime.spawn(future, name, location),
                true => runtime.spawn_eager(future, name, location),
            })
        })))
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
        let (name, location) = (self.boxed_name(), Location::caller());
        Ok(match self.eager {
            false => handle.shared().spawn(future, name, location),
            true => handle.shared().spawn_eager(future, name, location),
        })
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

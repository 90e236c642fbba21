//! [`Map`]: one function over many items.

use crate::error::JobError;
use crate::executor::Executor;
use crate::ext::submit_at;
use crate::future::Future;
use crate::primitives::Instant;
use std::collections::VecDeque;
use std::fmt;
use std::panic::Location;
use std::sync::Arc;
use std::time::Duration;

/// How [`ExecutorExt::map_with`](crate::ExecutorExt::map_with) goes about it.
///
/// ```
/// use std::time::Duration;
/// use windlass_blocking::{ExecutorExt, MapOptions, ThreadPoolExecutor};
///
/// let pool = ThreadPoolExecutor::new(1);
/// let options = MapOptions::new().timeout(Duration::from_millis(20));
/// let mut naps = pool.map_with(options, |ms| std::thread::sleep(Duration::from_millis(ms)), [0, 500, 0]);
/// assert!(naps.next().unwrap().is_ok());
/// assert!(naps.next().unwrap().unwrap_err().is_timeout());
/// assert!(naps.next().is_none());
/// ```
#[derive(Clone, Copy, Debug, Default)]
#[must_use]
pub struct MapOptions {
    timeout: Option<Duration>,
    buffersize: Option<usize>,
}

impl MapOptions {
    /// No limits: everything is submitted at once, and waited for as long as it takes.
    ///
    /// ```
    /// let options = windlass_blocking::MapOptions::new();
    /// ```
    pub fn new() -> Self {
        Self::default()
    }

    /// Ends the iteration with an error ([`JobError::is_timeout`]) when a result is not there this long after
    /// the call of `map_with`; what has not started then is cancelled.
    ///
    /// ```
    /// # use std::time::Duration;
    /// let options = windlass_blocking::MapOptions::new().timeout(Duration::from_secs(5));
    /// ```
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Bounds how many items are submitted and not yet yielded; the next is taken from the source when a
    /// result is yielded.
    ///
    /// # Panics
    /// If `buffersize` is 0.
    ///
    /// ```
    /// let options = windlass_blocking::MapOptions::new().buffersize(16);
    /// ```
    #[track_caller]
    pub fn buffersize(mut self, buffersize: usize) -> Self {
        assert!(buffersize > 0, "`buffersize` must be at least 1");
        self.buffersize = Some(buffersize);
        self
    }
}

/// The results of a function over many items, in their order; made by
/// [`ExecutorExt::map`](crate::ExecutorExt::map).
///
/// A job that panics yields an error, and the iteration goes on. Dropping the iterator cancels what has not
/// started, so that `collect::<Result<Vec<_>, _>>()` stops the rest at the first error.
pub struct Map<'e, E: ?Sized, I, F, T> {
    executor: &'e E,
    function: Arc<F>,
    /// What has not been submitted; gone when it has come to its end.
    items: Option<I>,
    /// What has been submitted and not yet yielded, in order.
    ahead: VecDeque<Future<T>>,
    buffersize: usize,
    deadline: Option<Instant>,
    location: &'static Location<'static>,
}

impl<'e, E, I, F, T> Map<'e, E, I, F, T>
where
    E: Executor + ?Sized,
    I: Iterator,
    I::Item: Send + 'static,
    F: Fn(I::Item) -> T + Send + Sync + 'static,
    T: Send + 'static,
{
    pub(crate) fn new(
        executor: &'e E,
        options: MapOptions,
        function: F,
        items: I,
        location: &'static Location<'static>,
    ) -> Self {
        let mut map = Self {
            executor,
            function: Arc::new(function),
            items: Some(items),
            ahead: VecDeque::new(),
            buffersize: options.buffersize.unwrap_or(usize::MAX),
            deadline: options.timeout.and_then(|timeout| Instant::now().checked_add(timeout)),
            location,
        };
        map.fill();
        map
    }

    /// Submits as many items as may be ahead.
    fn fill(&mut self) {
        while self.ahead.len() < self.buffersize {
            let Some(item) = self.items.as_mut().and_then(I::next) else {
                self.items = None;
                return;
            };
            let function = self.function.clone();
            self.ahead.push_back(submit_at(self.executor, move || function(item), self.location));
        }
    }
}

impl<E: ?Sized, I, F, T> Map<'_, E, I, F, T> {
    fn cancel_rest(&mut self) {
        // All of them before a result or an item goes, whose drop may panic.
        for future in &self.ahead {
            future.cancel();
        }
        self.ahead.clear();
        self.items = None;
    }
}

impl<E, I, F, T> Iterator for Map<'_, E, I, F, T>
where
    E: Executor + ?Sized,
    I: Iterator,
    I::Item: Send + 'static,
    F: Fn(I::Item) -> T + Send + Sync + 'static,
    T: Send + 'static,
{
    type Item = Result<T, JobError>;

    fn next(&mut self) -> Option<Self::Item> {
        let future = self.ahead.pop_front()?;
        let result = match self.deadline {
            None => future.result(),
            Some(deadline) => {
                match future.result_timeout(deadline.saturating_duration_since(Instant::now())) {
                    Ok(result) => result,
                    Err(future) => {
                        future.cancel();
                        self.cancel_rest();
                        return Some(Err(JobError::timed_out()));
                    }
                }
            }
        };
        self.fill();
        Some(result)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        if self.deadline.is_some() {
            return (usize::from(!self.ahead.is_empty()), None);
        }
        let (least, most) = self.items.as_ref().map_or((0, Some(0)), I::size_hint);
        let ahead = self.ahead.len();
        (least.saturating_add(ahead), most.and_then(|most| most.checked_add(ahead)))
    }
}

impl<E: ?Sized, I, F, T> Drop for Map<'_, E, I, F, T> {
    fn drop(&mut self) {
        self.cancel_rest();
    }
}

impl<E: ?Sized, I, F, T> fmt::Debug for Map<'_, E, I, F, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Map").field("ahead", &self.ahead).finish_non_exhaustive()
    }
}

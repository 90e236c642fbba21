//! `wait_for`: a task with a time limit, which is over when this is.

use std::future::Future;
use std::time::Duration;

use crate::task::{JoinError, JoinHandle};
use crate::time::error::Elapsed;
use crate::time::timeout;

/// Waits for a task, and when the time is up aborts it and waits for its end; asyncio's `wait_for`.
///
/// So nothing of the task runs any more when this returns, and it may take longer than the timeout: as long as a poll
/// of the task, or a blocking call that cannot be cancelled. A timeout of zero gives the output of a task that has
/// ended, and keeps one from starting that has not begun; `None` waits for ever. For a bare future, which ends when it
/// is dropped, there is [`time::timeout`](crate::time::timeout()).
///
/// # Errors
///
/// [`Elapsed`] if the task was aborted because its time was up. What it returned or panicked with all the same is not
/// lost: then that is the result. The inner error is the task's own.
///
/// # Cancel safety
///
/// Dropping it aborts the task, as cancelling `wait_for` does in asyncio.
///
/// # Panics
///
/// Outside of a runtime.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use windlass::aio::wait_for;
///
/// #[windlass::main]
/// async fn main() {
///     let quick = windlass::spawn(async { 1 });
///     assert_eq!(wait_for(quick, Duration::from_secs(60)).await.unwrap().unwrap(), 1);
///
///     let never = windlass::spawn(std::future::pending::<()>());
///     assert!(wait_for(never, Duration::from_millis(1)).await.is_err());
/// }
/// ```
pub fn wait_for<T, D>(
    task: JoinHandle<T>,
    duration: D,
) -> impl Future<Output = Result<Result<T, JoinError>, Elapsed>>
where
    D: Into<Option<Duration>>,
{
    let mut task = AbortOnDrop(task);
    let duration = duration.into();
    async move {
        let Some(duration) = duration else { return Ok((&mut task.0).await) };
        if duration.is_zero() && !task.0.is_finished() {
            // Not even a first poll: asyncio cancels what was never started.
            return task.give_up().await;
        }
        match timeout(duration, &mut task.0).await {
            Ok(outcome) => Ok(outcome),
            Err(_) => task.give_up().await,
        }
    }
}

struct AbortOnDrop<T>(JoinHandle<T>);

impl<T> AbortOnDrop<T> {
    async fn give_up(&mut self) -> Result<Result<T, JoinError>, Elapsed> {
        self.0.abort();
        match (&mut self.0).await {
            Err(error) if error.is_cancelled() => Err(Elapsed::new()),
            outcome => Ok(outcome),
        }
    }
}

impl<T> Drop for AbortOnDrop<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

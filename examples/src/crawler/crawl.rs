//! Which page is next, how many at once, and the end.

use std::collections::HashSet;
use std::error::Error;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::Uri;
use windlass::aio::TaskGroup;
use windlass::sync::{CancellationToken, Queue, Semaphore};
use windlass::time::timeout;

use super::fetch::fetch;
use super::links::{links, resolve};

/// How far a crawl goes.
#[derive(Clone, Debug)]
pub struct Limits {
    /// How many pages are fetched in all.
    pub pages: usize,
    /// How many links a page is away from the first one, at most.
    pub depth: usize,
    /// How many pages are fetched at once.
    pub at_once: usize,
    /// How large a page may be.
    pub bytes: usize,
    /// How long a page may take.
    pub timeout: Duration,
    /// How long pages that have begun may take when the crawl is told to stop.
    pub grace: Duration,
}

/// What became of a page.
#[derive(Clone, Debug)]
pub struct Page {
    /// Where it is.
    pub url: Uri,
    /// How many links away from the first page.
    pub depth: usize,
    /// What was found, or why it was not.
    pub outcome: Result<Visit, String>,
}

/// What was found on a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Visit {
    /// As in 200.
    pub status: u16,
    /// How many of its links stay on the host.
    pub links: usize,
}

/// A crawl in numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Report {
    /// Pages that were fetched.
    pub fetched: usize,
    /// Pages that could not be.
    pub failed: usize,
    /// Pages that were known and not begun when the crawl was stopped.
    pub left: usize,
    /// Pages that had begun and took longer than the grace.
    pub cut: usize,
    /// Pages that were one too many, or too far away.
    pub beyond: usize,
}

/// The first page could not be fetched.
#[derive(Clone, Debug)]
pub struct StartFailed(String);

impl fmt::Display for StartFailed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the first page cannot be fetched: {}", self.0)
    }
}

impl Error for StartFailed {}

/// Fetches a page and what its links lead to, until there is no more, a limit is reached, or `stop` is cancelled: then
/// no page begins any more, and those that have begun have the grace to come to their end.
///
/// `found` is told of each page, by the task that fetched it.
///
/// # Errors
///
/// If not even the first page can be fetched.
pub async fn crawl<F>(
    start: Uri,
    limits: Limits,
    stop: &CancellationToken,
    found: F,
) -> Result<Report, StartFailed>
where
    F: Fn(&Page) + Send + Sync + 'static,
{
    let at_once = Arc::new(Semaphore::new(limits.at_once));
    let grace = limits.grace;
    let crawl = Arc::new(Crawl { limits, queue: Queue::new(), known: Mutex::default(), found });
    crawl.offer(start, 0);

    let pages = TaskGroup::new();
    loop {
        let next = async {
            let permit = Arc::clone(&at_once).acquire_owned().await.expect("the semaphore is never closed");
            (permit, crawl.queue.get().await.expect("the queue is never shut down"))
        };
        windlass::select! {
            biased;
            () = stop.cancelled() => break,
            // Every page that was put has been fetched, and put none.
            () = crawl.queue.join() => break,
            // A permit that waits for a page is given back when one of the above wins.
            (permit, (url, depth)) = next => {
                crawl.known().begun += 1;
                let crawl = Arc::clone(&crawl);
                pages.spawn(async move {
                    let _permit = permit;
                    crawl.visit(url, depth).await
                });
            }
        }
    }

    let ended = timeout(grace, pages.join()).await;
    let known = crawl.known();
    let report = Report {
        fetched: known.fetched,
        failed: known.failed,
        left: crawl.queue.qsize(),
        cut: known.begun - known.fetched - known.failed,
        beyond: known.beyond,
    };
    match ended {
        Ok(Err(errors)) => {
            Err(errors.into_first().into_error().unwrap_or_else(|| StartFailed("it panicked".into())))
        }
        // Where the grace is over, the group was dropped, and with it what was still under way.
        Ok(Ok(())) | Err(_) => Ok(report),
    }
}

struct Crawl<F> {
    limits: Limits,
    queue: Queue<(Uri, usize)>,
    /// Held for no `await`, so a lock of std's does.
    known: Mutex<Known>,
    found: F,
}

#[derive(Default)]
struct Known {
    urls: HashSet<Uri>,
    begun: usize,
    fetched: usize,
    failed: usize,
    beyond: usize,
}

impl<F: Fn(&Page) + Send + Sync + 'static> Crawl<F> {
    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts a page into the queue, if it is a new one and within the limits.
    fn offer(&self, url: Uri, depth: usize) {
        let mut known = self.known();
        if known.urls.contains(&url) {
            return;
        }
        let within = depth <= self.limits.depth && known.urls.len() - known.beyond < self.limits.pages;
        known.urls.insert(url.clone());
        if within {
            self.queue.try_put((url, depth)).expect("the queue has no bound and is never shut down");
        } else {
            known.beyond += 1;
        }
    }

    /// Fetches a page and puts what it links to.
    async fn visit(&self, url: Uri, depth: usize) -> Result<(), StartFailed> {
        let _done = Done(&self.queue);
        let outcome = match timeout(self.limits.timeout, fetch(&url, self.limits.bytes)).await {
            Ok(Ok(answer)) => {
                let mut links = answer.html().map_or_else(Vec::new, |html| links(&html));
                links.extend(answer.location().map(String::from));
                let targets = links.iter().filter_map(|link| resolve(&url, link));
                let targets: Vec<_> =
                    targets.filter(|target| target.authority() == url.authority()).collect();
                let visit = Visit { status: answer.status.as_u16(), links: targets.len() };
                for target in targets {
                    self.offer(target, depth + 1);
                }
                Ok(visit)
            }
            Ok(Err(error)) => Err(reason(&*error)),
            Err(_elapsed) => Err(format!("no whole answer within {:?}", self.limits.timeout)),
        };

        let failed_start = match &outcome {
            Err(why) if depth == 0 => Some(StartFailed(why.clone())),
            _ => None,
        };
        {
            let mut known = self.known();
            if outcome.is_ok() { known.fetched += 1 } else { known.failed += 1 }
        }
        (self.found)(&Page { url, depth, outcome });
        failed_start.map_or(Ok(()), Err)
    }
}

/// Says that a page is done with, however its task ends: asyncio's `finally: queue.task_done()`.
struct Done<'a>(&'a Queue<(Uri, usize)>);

impl Drop for Done<'_> {
    fn drop(&mut self) {
        self.0.task_done();
    }
}

/// An error with its causes.
fn reason(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

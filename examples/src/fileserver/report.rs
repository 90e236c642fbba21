//! What was served, in numbers.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use http::StatusCode;

use super::listing::human;

/// Counts of what was served. They are numbers for people: no order between them is promised.
#[derive(Debug, Default)]
pub struct Served {
    connections: AtomicU64,
    dropped: AtomicU64,
    bytes: AtomicU64,
    cut_short: AtomicU64,
    /// Answers whose status begins with 2, 3, 4 and 5.
    classes: [AtomicU64; 4],
}

impl Served {
    pub(crate) fn connection(&self) {
        self.connections.fetch_add(1, Ordering::Relaxed);
    }

    /// A connection that took too long.
    pub(crate) fn dropped(&self) {
        self.dropped.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn answer(&self, status: StatusCode) {
        let class = usize::from(status.as_u16() / 100).saturating_sub(2);
        self.classes[class.min(3)].fetch_add(1, Ordering::Relaxed);
    }

    /// An answer came to its end, complete or not.
    pub(crate) fn end(&self, bytes: u64, complete: bool) {
        if bytes > 0 {
            self.bytes.fetch_add(bytes, Ordering::Relaxed);
        }
        if !complete {
            self.cut_short.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl fmt::Display for Served {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let load = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let classes = self.classes.each_ref().map(load);
        let (requests, connections) = (classes.iter().sum::<u64>(), load(&self.connections));
        write!(f, "served {requests} requests on {connections} connections, {}", human(load(&self.bytes)))?;
        for (class, count) in (2..).zip(classes).filter(|(_, count)| *count > 0) {
            write!(f, ", {count} with {class}xx")?;
        }
        for (count, what) in [(&self.cut_short, "answers cut short"), (&self.dropped, "connections too slow")]
        {
            match load(count) {
                0 => {}
                count => write!(f, ", {count} {what}")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_for_people() {
        let served = Served::default();
        assert_eq!(served.to_string(), "served 0 requests on 0 connections, 0 B");
        served.connection();
        served.answer(StatusCode::OK);
        served.answer(StatusCode::NOT_FOUND);
        served.end(2048, true);
        served.end(0, false);
        served.dropped();
        assert_eq!(
            served.to_string(),
            "served 2 requests on 1 connections, 2.0 KiB, 1 with 2xx, 1 with 4xx, 1 answers cut short, 1 connections too slow"
        );
    }
}

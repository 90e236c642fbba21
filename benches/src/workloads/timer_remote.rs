//! Timers registered by a task and cancelled by another thread.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;
use std::thread;
use std::time::Duration;

use tokio::sync::mpsc;

use super::{Prepared, TimerWorkload, build};
use crate::runtime::{Flavor, Timers};

/// When the timers would fire.
const LATER: Duration = Duration::from_secs(1);

/// Polls of timers in one poll of their task; see `timer_churn`.
const POLLS: usize = 100;

/// Timers that change threads together, so that what is measured is timers and not the channel.
const BATCH: usize = 1_000;

/// Batches on their way at most, so that neither side waits for each of the other's.
const BATCHES: usize = 8;

/// Sleeps that stay where they are while they are polled: a vector of boxes, whose boxes are kept for the next time,
/// so that no allocation is measured.
struct Batch<S>(Vec<Pin<Box<Option<S>>>>);

impl<S: Future> Batch<S> {
    fn empty() -> Self {
        Self((0..BATCH).map(|_| Box::pin(None)).collect())
    }

    /// Drops all sleeps, and returns how many there were.
    fn cancel(&mut self) -> u64 {
        let mut cancelled = 0;
        for place in &mut self.0 {
            cancelled += u64::from(place.is_some());
            place.set(None);
        }
        cancelled
    }
}

/// Fills the batch with registered sleeps.
async fn fill<R: Timers>(batch: &mut Batch<R::Sleep>) {
    for places in batch.0.chunks_mut(POLLS) {
        poll_fn(|cx| {
            for place in &mut *places {
                place.set(Some(R::sleep(LATER)));
                let sleep = place.as_mut().as_pin_mut().expect("it was just put there");
                assert!(sleep.poll(cx).is_pending(), "a timer of {LATER:?} fired at once");
            }
            Poll::Ready(())
        })
        .await;
        R::yield_now().await;
    }
}

/// See the module.
pub struct TimerRemote {
    /// Worker threads.
    pub workers: usize,
    /// Timers per iteration, a multiple of the batch.
    pub timers: usize,
}

impl TimerWorkload for TimerRemote {
    fn flavor(&self) -> Flavor {
        Flavor::Multi(self.workers)
    }

    fn ops(&self) -> u64 {
        self.timers as u64
    }

    fn prepare<R: Timers>(&self) -> Prepared {
        let batches = self.timers / BATCH;
        let runtime = build::<R>(self.flavor());
        let (full, filled) = crossbeam_channel::unbounded::<Batch<R::Sleep>>();
        let (empty, mut emptied) = mpsc::unbounded_channel();
        let (report, reported) = crossbeam_channel::unbounded();
        for _ in 0..BATCHES {
            empty.send(Batch::empty()).expect("the other end is here");
        }
        let (start, mut started) = mpsc::unbounded_channel();
        runtime.spawn_outside_detached(async move {
            while let Some(batches) = started.recv().await {
                for _ in 0..batches {
                    let mut batch = emptied.recv().await.expect("the other thread gives them back");
                    fill::<R>(&mut batch).await;
                    full.send(batch).expect("the other thread waits for them");
                }
            }
        });
        // Ends when the task does.
        thread::spawn(move || {
            for mut batch in filled {
                let cancelled = batch.cancel();
                // Who started this may be gone by now.
                let _ = empty.send(batch);
                let _ = report.send(cancelled);
            }
        });
        Prepared::new(move || {
            let _runtime = &runtime;
            start.send(batches).expect("the task waits for it");
            (0..batches).map(|_| reported.recv().expect("the thread goes on")).sum()
        })
    }
}

//! How a task says that the work is done, and how the workload waits for that.
//!
//! Where workers run the tasks it is a blocking channel, as in tokio's benches, even inside `block_on`: there the
//! thread is lost to the runtime while it waits. Where the waiting thread itself has to run the tasks it is an
//! asynchronous channel.

use std::sync::mpsc as blocking;

use tokio::sync::mpsc as waiting;

use crate::runtime::{Flavor, Runtime};

/// What a task reports to.
#[derive(Clone)]
pub(super) enum DoneSender {
    Blocking(blocking::SyncSender<u64>),
    Waiting(waiting::UnboundedSender<u64>),
}

/// What the workload waits on.
pub(super) enum DoneReceiver {
    Blocking(blocking::Receiver<u64>),
    Waiting(waiting::UnboundedReceiver<u64>),
}

/// A channel with room for `capacity` reports, of the kind that suits this runtime.
pub(super) fn channel<R: Runtime>(flavor: Flavor, capacity: usize) -> (DoneSender, DoneReceiver) {
    if R::has_workers(flavor) {
        let (sender, receiver) = blocking::sync_channel(capacity);
        (DoneSender::Blocking(sender), DoneReceiver::Blocking(receiver))
    } else {
        let (sender, receiver) = waiting::unbounded_channel();
        (DoneSender::Waiting(sender), DoneReceiver::Waiting(receiver))
    }
}

impl DoneSender {
    /// Reports this many completed operations.
    pub(super) fn send(&self, completed: u64) {
        match self {
            Self::Blocking(sender) => sender.send(completed).expect("nobody waits"),
            Self::Waiting(sender) => sender.send(completed).expect("nobody waits"),
        }
    }
}

impl DoneReceiver {
    /// Waits for one report inside `block_on`.
    pub(super) async fn wait(&mut self) -> u64 {
        match self {
            Self::Blocking(receiver) => receiver.recv().expect("the tasks are gone"),
            Self::Waiting(receiver) => receiver.recv().await.expect("the tasks are gone"),
        }
    }

    /// Waits for `reports` reports outside of the runtime and adds them up.
    pub(super) fn wait_outside<R: Runtime>(&mut self, runtime: &R, reports: usize) -> u64 {
        match self {
            Self::Blocking(receiver) => {
                (0..reports).map(|_| receiver.recv().expect("the tasks are gone")).sum()
            }
            Self::Waiting(_) => runtime.block_on(async {
                let mut completed = 0;
                for _ in 0..reports {
                    completed += self.wait().await;
                }
                completed
            }),
        }
    }
}

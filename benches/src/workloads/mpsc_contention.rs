//! Several tasks send into one channel, the main task receives.

use tokio::sync::mpsc;

use super::{Prepared, Workload, build};
use crate::runtime::{Flavor, Runtime};

/// See the module.
pub struct MpscContention {
    /// The scheduler it runs on.
    pub flavor: Flavor,
    /// Room in the channel.
    pub capacity: usize,
    /// Sending tasks.
    pub senders: u64,
    /// Messages each of them sends per iteration.
    pub messages: u64,
}

impl Workload for MpscContention {
    fn flavor(&self) -> Flavor {
        self.flavor
    }

    fn ops(&self) -> u64 {
        self.senders * self.messages
    }

    fn prepare<R: Runtime>(&self) -> Prepared {
        let Self { flavor, capacity, senders, messages } = *self;
        let runtime = build::<R>(flavor);
        Prepared::new(move || {
            runtime.block_on(async move {
                let (sender, mut receiver) = mpsc::channel(capacity);
                for _ in 0..senders {
                    let sender = sender.clone();
                    R::spawn_detached(async move {
                        for message in 0..messages {
                            sender.send(message).await.expect("nobody receives");
                        }
                    });
                }
                let mut received = 0;
                while received < senders * messages {
                    receiver.recv().await.expect("nobody sends");
                    received += 1;
                }
                received
            })
        })
    }
}

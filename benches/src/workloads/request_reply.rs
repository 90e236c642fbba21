//! The main task asks another one a question at a time and waits for each answer.

use tokio::sync::{mpsc, oneshot};

use super::{Prepared, Workload, build};
use crate::runtime::{Flavor, Runtime};

/// Room in the channel of requests.
const CAPACITY: usize = 10;

/// See the module.
pub struct RequestReply {
    /// The scheduler it runs on.
    pub flavor: Flavor,
    /// Questions per iteration.
    pub requests: u64,
}

impl Workload for RequestReply {
    fn flavor(&self) -> Flavor {
        self.flavor
    }

    fn ops(&self) -> u64 {
        self.requests
    }

    fn prepare<R: Runtime>(&self) -> Prepared {
        let requests = self.requests;
        let runtime = build::<R>(self.flavor);
        let ask = runtime.block_on(async {
            let (ask, mut asked) = mpsc::channel::<oneshot::Sender<()>>(CAPACITY);
            R::spawn_detached(async move {
                while let Some(reply) = asked.recv().await {
                    reply.send(()).expect("nobody waits for the reply");
                }
            });
            ask
        });
        Prepared::new(move || {
            let ask = ask.clone();
            runtime.block_on(async move {
                let mut replies = 0;
                for _ in 0..requests {
                    let (reply, replied) = oneshot::channel();
                    ask.send(reply).await.expect("nobody answers");
                    replied.await.expect("no reply came");
                    replies += 1;
                }
                replies
            })
        })
    }
}

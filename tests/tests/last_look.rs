//! The last look before a worker sleeps: what it sees there was perhaps left to it alone, and is found by somebody
//! whatever this thread does next.
//!
//! Each round may hang, if it goes wrong, and is then the watchdog's.

use std::sync::{Arc, Barrier, mpsc};
use std::thread;

use futures::channel::oneshot;
use windlass_tests::{Flavor, on_flavor};

on_flavor!(
    two_workers,
    windlass_tests::Flavor::MultiThread(2),
    two_tasks_that_wait_for_each_other,
    a_guest_leaves_as_a_task_comes,
);

on_flavor!(
    four_workers,
    windlass_tests::Flavor::MultiThread(4),
    two_tasks_that_wait_for_each_other,
    a_guest_leaves_as_a_task_comes,
);

const ROUNDS: usize = 20_000;

/// A worker takes the first and blocks on it; nobody else may be awake for the second.
fn two_tasks_that_wait_for_each_other(flavor: Flavor) {
    let runtime = flavor.runtime();
    for _ in 0..ROUNDS {
        let both = Arc::new(Barrier::new(3));
        for _ in 0..2 {
            let both = both.clone();
            runtime.spawn(async move {
                both.wait();
            });
        }
        both.wait();
    }
}

/// The thread in `block_on` has looked for work, and goes: its future is done.
fn a_guest_leaves_as_a_task_comes(flavor: Flavor) {
    let runtime = Arc::new(flavor.runtime());
    let (hand_over, handed) = mpsc::channel::<(oneshot::Receiver<()>, Arc<Barrier>)>();
    let guest = {
        let runtime = runtime.clone();
        thread::spawn(move || {
            for (done, together) in handed {
                runtime.block_on(async {
                    together.wait();
                    done.await.unwrap();
                });
                together.wait();
            }
        })
    };
    for _ in 0..ROUNDS {
        let (done, is_done) = oneshot::channel();
        let together = Arc::new(Barrier::new(2));
        hand_over.send((is_done, together.clone())).unwrap();
        together.wait();
        let task = runtime.spawn(async {});
        done.send(()).unwrap();
        // By now the guest does not come back, and runs nothing.
        together.wait();
        futures::executor::block_on(task).unwrap();
    }
    drop(hand_over);
    guest.join().unwrap();
}

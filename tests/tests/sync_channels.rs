//! `mpsc`, `oneshot`, `broadcast`, `watch`: what was sent is received, in order, by whom it is for.

use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;

use windlass::sync::mpsc::error::{TryRecvError, TrySendError};
use windlass::sync::{broadcast, mpsc, oneshot, watch};
use windlass_tests::polled::Polled;
use windlass_tests::{Flavor, Ledger, on_every_flavor, panics_at_its_caller};

on_every_flavor!(
    many_senders_in_order,
    a_ready_channel_does_not_hold_a_poll_forever,
    a_oneshot_from_task_to_task,
    everyone_receives_every_broadcast,
    the_last_value_is_seen_in_the_end,
    blocking_ends,
);

fn many_senders_in_order(flavor: Flavor) {
    flavor.runtime().block_on(async {
        for bound in [Some(1), Some(16), None] {
            let mut last = [0; 8];
            let mut check = |(sender, n): (usize, usize)| {
                assert_eq!(n, last[sender] + 1, "messages of sender {sender} out of order");
                last[sender] = n;
            };
            match bound {
                Some(bound) => {
                    let (sender, mut receiver) = mpsc::channel(bound);
                    for number in 0..8 {
                        let sender = sender.clone();
                        windlass::spawn(async move {
                            for n in 1..=200 {
                                sender.send((number, n)).await.unwrap();
                            }
                        });
                    }
                    drop(sender);
                    while let Some(message) = receiver.recv().await {
                        check(message);
                    }
                    assert_eq!(receiver.capacity(), bound);
                }
                None => {
                    let (sender, mut receiver) = mpsc::unbounded_channel();
                    for number in 0..8 {
                        let sender = sender.clone();
                        windlass::spawn(async move {
                            for n in 1..=200 {
                                sender.send((number, n)).unwrap();
                            }
                        });
                    }
                    drop(sender);
                    let mut messages = Vec::new();
                    while receiver.recv_many(&mut messages, 7).await > 0 {
                        messages.drain(..).for_each(&mut check);
                    }
                }
            }
            assert_eq!(last, [200; 8]);
        }
    });
}

fn a_ready_channel_does_not_hold_a_poll_forever(flavor: Flavor) {
    let runtime = flavor.runtime();
    let task = runtime.spawn(async {
        let (sender, mut receiver) = mpsc::unbounded_channel();
        (0..1_000).for_each(|n| sender.send(n).unwrap());
        poll_fn(|cx| {
            let mut received = 0;
            while receiver.poll_recv(cx).is_ready() {
                received += 1;
            }
            Poll::Ready(received)
        })
        .await
    });
    let received = runtime.block_on(task).unwrap();
    assert!((1..1_000).contains(&received), "{received}");
}

#[test]
fn senders_wait_in_line() {
    let (sender, mut receiver) = mpsc::channel(1);
    sender.try_send(0).unwrap();
    let mut senders: Vec<_> = (1..4).map(|n| Polled::waiting(sender.send(n))).collect();
    for (n, waiter) in senders.iter_mut().enumerate() {
        assert!(!waiter.is_woken());
        assert_eq!(receiver.try_recv(), Ok(n));
        assert_eq!(sender.try_send(9), Err(TrySendError::Full(9)), "the room is promised");
        waiter.woken_and_ready().unwrap();
    }
    assert_eq!(receiver.try_recv(), Ok(3));
    assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));
    assert_eq!(sender.capacity(), 1);
}

#[test]
fn a_dropped_send_sends_nothing_and_passes_its_room_on() {
    let (sender, mut receiver) = mpsc::channel(1);
    sender.try_send(0).unwrap();
    let waiting = Polled::waiting(sender.send(1));
    let granted = Polled::waiting(sender.send(2));
    let mut last = Polled::waiting(sender.send(3));
    drop(waiting);
    assert_eq!(receiver.try_recv(), Ok(0));
    assert!(granted.is_woken());
    drop(granted);
    last.woken_and_ready().unwrap();
    assert_eq!(receiver.try_recv(), Ok(3));
}

#[test]
fn a_dropped_receive_receives_nothing() {
    let (sender, mut receiver) = mpsc::channel(1);
    let mut receiving = Polled::waiting(receiver.recv());
    sender.try_send(1).unwrap();
    assert!(receiving.is_woken());
    let _ = &mut receiving;
    drop(receiving);
    assert_eq!(Polled::new(receiver.recv()).ready(), Some(1));
}

#[test]
fn a_closed_channel_is_emptied_first() {
    let (sender, mut receiver) = mpsc::channel(3);
    sender.try_send(1).unwrap();
    let permit = sender.try_reserve().unwrap();
    let mut closed = Polled::waiting(sender.closed());
    receiver.close();
    closed.woken_and_ready();
    assert!(sender.is_closed() && receiver.is_closed());
    assert_eq!(sender.try_send(2), Err(TrySendError::Closed(2)));
    assert!(Polled::new(sender.send(2)).ready().is_err());
    assert_eq!(receiver.try_recv(), Ok(1));
    assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty), "there is room that somebody has");
    let mut receiving = Polled::waiting(receiver.recv());
    permit.send(3);
    assert_eq!(receiving.woken_and_ready(), Some(3));
    drop(receiving);
    assert_eq!(Polled::new(receiver.recv()).ready(), None);
}

#[test]
fn a_closed_channel_ends_when_room_comes_back_unused() {
    let (sender, mut receiver) = mpsc::channel::<u32>(1);
    let permit = sender.try_reserve().unwrap();
    receiver.close();
    let mut receiving = Polled::waiting(receiver.recv());
    drop(permit);
    assert_eq!(receiving.woken_and_ready(), None);

    // The same of a send that was granted room and never saw it.
    let (sender, mut receiver) = mpsc::channel::<u32>(1);
    sender.try_send(1).unwrap();
    let granted = Polled::waiting(sender.send(2));
    assert_eq!(receiver.try_recv(), Ok(1));
    receiver.close();
    let mut receiving = Polled::waiting(receiver.recv());
    drop(granted);
    assert_eq!(receiving.woken_and_ready(), None);
}

#[test]
fn senders_that_wait_are_sent_away_when_the_receiver_goes() {
    let (sender, receiver) = mpsc::channel(1);
    sender.try_send(1).unwrap();
    let mut waiting = Polled::waiting(sender.send(2));
    let mut reserving = Polled::waiting(sender.reserve());
    drop(receiver);
    assert_eq!(waiting.woken_and_ready().unwrap_err().0, 2);
    assert!(reserving.woken_and_ready().is_err());
}

#[test]
fn room_that_was_granted_is_of_no_use_when_the_receiver_goes() {
    let (sender, mut receiver) = mpsc::channel(2);
    sender.try_send(0).unwrap();
    sender.try_send(0).unwrap();
    let mut sending = Polled::waiting(sender.send(1));
    let mut reserving = Polled::waiting(sender.reserve());
    assert_eq!((receiver.try_recv(), receiver.try_recv()), (Ok(0), Ok(0)));
    // Both have room, and have not seen it.
    drop(receiver);
    assert_eq!(sending.woken_and_ready().unwrap_err().0, 1, "the message comes back");
    assert!(reserving.woken_and_ready().is_err());

    // Where the channel is only closed the message is received.
    let (sender, mut receiver) = mpsc::channel(1);
    sender.try_send(0).unwrap();
    let mut sending = Polled::waiting(sender.send(1));
    assert_eq!(receiver.try_recv(), Ok(0));
    receiver.close();
    sending.woken_and_ready().unwrap();
    assert_eq!(receiver.try_recv(), Ok(1));
}

#[test]
fn every_message_is_dropped_once() {
    let ledger = Ledger::new();
    let (sender, mut receiver) = mpsc::unbounded_channel();
    for _ in 0..10 {
        sender.send(ledger.track()).unwrap();
    }
    drop(receiver.try_recv().unwrap());
    drop(receiver);
    assert_eq!(ledger.dropped(), 10, "the receiver takes them along");
    drop(sender.send(ledger.track()).unwrap_err());

    let (sender, receiver) = mpsc::channel(2);
    let permit = sender.try_reserve().unwrap();
    drop(receiver);
    permit.send(ledger.track());
    assert_eq!(ledger.dropped(), 12, "nobody is left to receive it");

    let (sender, receiver) = oneshot::channel();
    sender.send(ledger.track()).unwrap();
    drop(receiver);
    let (sender, receiver) = broadcast::channel(4);
    sender.send(Arc::new(ledger.track())).unwrap();
    drop(receiver);
    assert_eq!(ledger.dropped(), 14);
    ledger.assert_each_dropped_once(|_| true);
}

#[test]
fn room_for_several() {
    let (sender, mut receiver) = mpsc::channel(3);
    assert!(Polled::new(sender.reserve_many(4)).ready().is_err());
    let mut permits = sender.try_reserve_many(2).unwrap();
    assert_eq!((permits.len(), sender.capacity()), (2, 1));
    let mut all = Polled::waiting(sender.reserve_many(3));
    permits.next().unwrap().send(1);
    drop(permits);
    assert!(!all.is_woken());
    assert_eq!(receiver.try_recv(), Ok(1));
    for (n, permit) in all.woken_and_ready().unwrap().enumerate() {
        permit.send(n);
    }
    let mut messages = Vec::new();
    assert_eq!(Polled::new(receiver.recv_many(&mut messages, 10)).ready(), 3);
    assert_eq!(messages, [0, 1, 2]);
    assert_eq!(Polled::new(receiver.recv_many(&mut messages, 0)).ready(), 0);
    let owned = sender.clone().try_reserve_owned().unwrap();
    assert!(owned.same_channel_as_sender(&sender));
    let sender = owned.release();
    assert_eq!(sender.capacity(), 3);
}

#[test]
fn weak_senders_do_not_keep_a_channel_open() {
    let (sender, mut receiver) = mpsc::channel(1);
    let weak = sender.downgrade();
    assert_eq!((sender.strong_count(), sender.weak_count()), (1, 1));
    let again = weak.upgrade().unwrap();
    drop(sender);
    again.try_send(1).unwrap();
    let mut receiving = Polled::new(receiver.recv());
    assert_eq!(receiving.ready(), Some(1));
    drop(receiving);
    let mut receiving = Polled::waiting(receiver.recv());
    drop(again);
    assert_eq!(receiving.woken_and_ready(), None);
    assert!(weak.upgrade().is_none());
}

#[test]
fn a_channel_without_room_is_refused() {
    panics_at_its_caller(|| mpsc::channel::<u32>(0));
    panics_at_its_caller(|| broadcast::channel::<u32>(0));
}

#[test]
fn how_much_is_in_a_channel() {
    let (sender, mut receiver) = mpsc::channel(5);
    for n in 0..4 {
        sender.try_send(n).unwrap();
    }
    assert_eq!((receiver.len(), receiver.capacity(), receiver.max_capacity()), (4, 1, 5));
    receiver.try_recv().unwrap();
    assert_eq!((receiver.len(), receiver.capacity(), receiver.is_empty()), (3, 2, false));
    sender.try_send(4).unwrap();
    assert_eq!(receiver.len(), 4);
}

fn a_oneshot_from_task_to_task(flavor: Flavor) {
    flavor.runtime().block_on(async {
        for n in 0..200 {
            let (sender, receiver) = oneshot::channel();
            windlass::spawn(async move { sender.send(n) });
            assert_eq!(receiver.await, Ok(n));
        }
    });
}

#[test]
fn a_oneshot_ends_in_every_way() {
    let (sender, receiver) = oneshot::channel();
    let mut receiving = Polled::waiting(receiver);
    sender.send(1).unwrap();
    assert_eq!(receiving.woken_and_ready(), Ok(1));

    let (sender, receiver) = oneshot::channel::<u32>();
    let mut receiving = Polled::waiting(receiver);
    drop(sender);
    assert!(receiving.woken_and_ready().is_err());

    let (mut sender, mut receiver) = oneshot::channel();
    assert_eq!(receiver.try_recv(), Err(oneshot::error::TryRecvError::Empty));
    let mut closed = Polled::waiting(sender.closed());
    receiver.close();
    closed.woken_and_ready();
    drop(closed);
    assert!(sender.is_closed());
    assert_eq!(sender.send(1), Err(1));
    assert_eq!(receiver.try_recv(), Err(oneshot::error::TryRecvError::Closed));

    let (sender, mut receiver) = oneshot::channel();
    sender.send(1).unwrap();
    receiver.close();
    assert!(!receiver.is_empty());
    assert_eq!(receiver.try_recv(), Ok(1));
    assert!(receiver.is_terminated());
}

fn everyone_receives_every_broadcast(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let (sender, receiver) = broadcast::channel(100);
        let tasks: Vec<_> = (0..5)
            .map(|_| {
                let mut receiver = sender.subscribe();
                windlass::spawn(async move {
                    let mut sum = 0;
                    while let Ok(n) = receiver.recv().await {
                        sum += n;
                    }
                    sum
                })
            })
            .collect();
        drop(receiver);
        for n in 0..100 {
            sender.send(n).unwrap();
        }
        drop(sender);
        for task in tasks {
            assert_eq!(task.await.unwrap(), 4950);
        }
    });
}

#[test]
fn who_is_too_slow_learns_what_it_missed() {
    use broadcast::error::{RecvError, TryRecvError};

    let (sender, mut slow) = broadcast::channel(2);
    let mut fast = sender.subscribe();
    for n in 0..5 {
        assert_eq!(sender.send(n), Ok(2));
        assert_eq!(fast.try_recv(), Ok(n));
    }
    assert_eq!((slow.len(), sender.len()), (5, 2));
    assert_eq!(slow.try_recv(), Err(TryRecvError::Lagged(3)));
    assert_eq!(Polled::new(slow.recv()).ready(), Ok(3));
    assert_eq!(sender.len(), 1);
    drop(slow.resubscribe());
    drop(sender.subscribe());
    assert_eq!(Polled::new(slow.recv()).ready(), Ok(4));
    assert!(sender.is_empty());
    let mut receiving = Polled::waiting(fast.recv());
    drop(sender);
    assert_eq!(receiving.woken_and_ready(), Err(RecvError::Closed));
    assert_eq!(slow.try_recv(), Err(TryRecvError::Closed));
}

#[test]
fn a_receiver_that_goes_leaves_nothing_for_itself() {
    let (sender, one) = broadcast::channel(8);
    let mut other = sender.subscribe();
    sender.send(1).unwrap();
    sender.send(2).unwrap();
    assert_eq!(other.try_recv(), Ok(1));
    assert_eq!(sender.len(), 2);
    drop(one);
    assert_eq!(sender.len(), 1);
    let mut closed = Polled::waiting(sender.closed());
    drop(other);
    closed.woken_and_ready();
    assert!(sender.is_empty() && sender.send(3).is_err());
}

fn the_last_value_is_seen_in_the_end(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let (sender, receiver) = watch::channel(0);
        let seen = Arc::new(AtomicUsize::new(0));
        let tasks: Vec<_> = (0..5)
            .map(|_| {
                let (mut receiver, seen) = (receiver.clone(), seen.clone());
                windlass::spawn(async move {
                    let mut last = 0;
                    while receiver.changed().await.is_ok() {
                        let now = *receiver.borrow_and_update();
                        assert!(now >= last);
                        last = now;
                        seen.fetch_add(1, Ordering::Relaxed);
                    }
                    last
                })
            })
            .collect();
        for n in 1..=100 {
            sender.send(n).unwrap();
            windlass::task::yield_now().await;
        }
        drop(sender);
        for task in tasks {
            assert_eq!(task.await.unwrap(), 100);
        }
        assert!((5..=500).contains(&seen.load(Ordering::Relaxed)));
    });
}

#[test]
fn what_counts_as_seen() {
    let (sender, mut receiver) = watch::channel(1);
    assert!(!receiver.has_changed().unwrap());
    let mut waiting = Polled::waiting(receiver.changed());
    sender.send(2).unwrap();
    waiting.woken_and_ready().unwrap();
    drop(waiting);
    assert!(!receiver.borrow().has_changed());
    sender.send_modify(|n| *n += 1);
    assert!(receiver.borrow().has_changed());
    assert_eq!(*receiver.borrow_and_update(), 3);
    receiver.mark_changed();
    Polled::new(receiver.changed()).ready().unwrap();
    sender.send(4).unwrap();
    receiver.mark_unchanged();
    assert!(!sender.send_if_modified(|_| false));
    drop(Polled::waiting(receiver.changed()));
    assert_eq!(*Polled::new(receiver.wait_for(|n| *n == 4)).ready().unwrap(), 4);
    let mut late = sender.subscribe();
    drop(Polled::waiting(late.changed()));
    let mut waiting = Polled::waiting(receiver.wait_for(|n| *n == 9));
    drop(sender);
    assert!(waiting.woken_and_ready().is_err());
    assert!(late.has_changed().is_err());
}

#[test]
fn a_panic_while_a_value_is_changed_tells_nobody() {
    let (sender, mut receiver) = watch::channel(1);
    let _ = windlass_tests::panics(|| sender.send_modify(|_| panic!("no")));
    drop(Polled::waiting(receiver.changed()));
    assert_eq!(*receiver.borrow(), 1);
    sender.send(2).unwrap();
    Polled::new(receiver.changed()).ready().unwrap();
}

fn blocking_ends(flavor: Flavor) {
    let runtime = flavor.runtime();
    let (to_thread, mut from_task) = mpsc::channel(1);
    let (to_task, mut from_thread) = mpsc::channel(1);
    let thread = std::thread::spawn(move || {
        while let Some(n) = from_task.blocking_recv() {
            to_task.blocking_send(n + 1).unwrap();
        }
    });
    runtime.block_on(async {
        for n in 0..100 {
            to_thread.send(n).await.unwrap();
            assert_eq!(from_thread.recv().await, Some(n + 1));
        }
        drop(to_thread);
        assert_eq!(from_thread.recv().await, None);
        panics_at_its_caller(|| mpsc::channel::<u32>(1).1.blocking_recv());
        panics_at_its_caller(|| oneshot::channel::<u32>().1.blocking_recv());
    });
    thread.join().unwrap();
}

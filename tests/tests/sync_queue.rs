//! `Queue`, `LifoQueue`, `PriorityQueue`, as CPython's `test_queues` sees them, and under many threads.
//!
//! inexpressible: test_queues.py::QueueBasicTests::test_generic_alias: types are not looked at as they run
//! inexpressible: test_queues.py::QueuePutTests::test_float_maxsize: a size is a whole number

use std::collections::BTreeSet;
use std::sync::Arc;

use windlass::sync::{LifoQueue, PriorityQueue, Queue, QueueShutDown, TryGetError, TryPutError};
use windlass_tests::polled::Polled;
use windlass_tests::{
    Flavor, in_a_task_on_conformance_flavors, on_conformance_flavors, panics_at_its_caller,
};

on_conformance_flavors!(
    producers_and_consumers,
    join_waits_for_the_last_item,
    every_item_reaches_one_of_those_that_are_not_cancelled,
);

in_a_task_on_conformance_flavors!(
    shutdown_of_an_empty_queue,
    shutdown_of_a_queue_with_items,
    shutdown_at_once,
    shutdown_at_once_with_an_item_under_work,
    shutdown_of_those_who_were_granted_something,
    a_queue_knows_how_much_is_in_it,
    debug_of_a_queue_says_who_waits,
    three_orders,
    a_putter_waits_for_room,
    what_does_not_wait,
    a_getter_waits_for_an_item_that_nobody_else_gets,
    putters_go_on_one_by_one,
    a_getter_that_stops_waiting_is_skipped,
    an_item_that_a_dropped_getter_was_granted_goes_to_the_next,
    room_that_a_dropped_putter_was_granted_goes_to_the_next,
    a_putter_that_stops_waiting_puts_nothing,
    task_done_is_not_called_too_often,
    nobody_waits_for_an_empty_queue,
);

fn producers_and_consumers(flavor: Flavor) {
    for maxsize in [0, 1, 7] {
        let queue = Arc::new(Queue::with_maxsize(maxsize));
        let got = flavor.runtime().block_on(async {
            let producers: Vec<_> = (0..8)
                .map(|producer| {
                    let queue = queue.clone();
                    windlass::spawn(async move {
                        for n in 0..100 {
                            queue.put((producer, n)).await.unwrap();
                        }
                    })
                })
                .collect();
            let consumers: Vec<_> = (0..8)
                .map(|_| {
                    let queue = queue.clone();
                    windlass::spawn(async move {
                        let mut got = Vec::new();
                        while let Ok(item) = queue.get().await {
                            got.push(item);
                            queue.task_done();
                        }
                        got
                    })
                })
                .collect();
            for producer in producers {
                producer.await.unwrap();
            }
            queue.join().await;
            queue.shutdown(false);
            let mut got = BTreeSet::new();
            for consumer in consumers {
                for item in consumer.await.unwrap() {
                    assert!(got.insert(item), "{item:?} came twice");
                }
            }
            got
        });
        assert_eq!(got.len(), 800);
    }
}

/// ported: test_queues.py::_QueueJoinTestMixin::test_task_done
fn join_waits_for_the_last_item(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let queue = Arc::new(Queue::new());
        for n in 0..100 {
            queue.try_put(n).unwrap();
        }
        let workers: Vec<_> = (0..2)
            .map(|_| {
                let queue = queue.clone();
                windlass::spawn(async move {
                    let mut sum = 0;
                    while let Ok(n) = queue.get().await {
                        windlass::task::yield_now().await;
                        sum += n;
                        queue.task_done();
                    }
                    sum
                })
            })
            .collect();
        queue.join().await;
        assert!(queue.empty());
        queue.shutdown(true);
        let mut sum = 0;
        for worker in workers {
            sum += worker.await.unwrap();
        }
        assert_eq!(sum, 4950);
    });
}

fn every_item_reaches_one_of_those_that_are_not_cancelled(flavor: Flavor) {
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    let mut random = fastrand::Rng::with_seed(seed);
    flavor.runtime().block_on(async {
        let queue = Arc::new(Queue::with_maxsize(3));
        let mut put = 0;
        let mut got = 0;
        for _ in 0..200 {
            let getters: Vec<_> = (0..random.usize(1..6))
                .map(|_| {
                    let queue = queue.clone();
                    windlass::spawn(async move { queue.get().await.map(drop) })
                })
                .collect();
            let putters: Vec<_> = (0..random.usize(1..6))
                .map(|_| {
                    let queue = queue.clone();
                    windlass::spawn(async move { queue.put(()).await })
                })
                .collect();
            for _ in 0..random.usize(..4) {
                windlass::task::yield_now().await;
            }
            for getter in getters {
                getter.abort();
                got += usize::from(getter.await.is_ok());
            }
            for putter in putters {
                putter.abort();
                put += usize::from(putter.await.is_ok());
            }
            assert_eq!(queue.qsize(), put - got, "seed {seed}");
        }
        while queue.try_get().is_ok() {
            got += 1;
        }
        assert_eq!(put, got, "seed {seed}");
        for _ in 0..3 {
            queue.try_put(()).unwrap();
        }
        assert!(queue.full(), "seed {seed}");
    });
}

/// ported: test_queues.py::QueueBasicTests::test_empty
/// ported: test_queues.py::QueueBasicTests::test_full
fn a_queue_knows_how_much_is_in_it() {
    let queue = Queue::with_maxsize(1);
    assert!(queue.empty() && !queue.full());
    Polled::new(queue.put(1)).ready().unwrap();
    assert!(!queue.empty() && queue.full());
    assert_eq!(Polled::new(queue.get()).ready(), Ok(1));
    assert!(queue.empty());
    assert!(!Queue::<u32>::new().full());
}

/// ported: test_queues.py::QueueBasicTests::test_repr
/// ported: test_queues.py::QueueBasicTests::test_str
/// ported: test_queues.py::_QueueJoinTestMixin::test_format
/// ported: test_queues.py::_QueueShutdownTestMixin::test_format
fn debug_of_a_queue_says_who_waits() {
    let queue = Queue::with_maxsize(1);
    let getter = Polled::waiting(queue.get());
    assert_eq!(
        format!("{queue:?}"),
        "Queue { maxsize: 1, qsize: 0, unfinished: 0, getters: 1, putters: 0, shut_down: false }"
    );
    drop(getter);
    queue.try_put(1).unwrap();
    let _putter = Polled::waiting(queue.put(2));
    queue.shutdown(false);
    assert_eq!(
        format!("{queue:?}"),
        "Queue { maxsize: 1, qsize: 1, unfinished: 1, getters: 0, putters: 1, shut_down: true }"
    );
}

/// ported: test_queues.py::QueueBasicTests::test_order
/// ported: test_queues.py::LifoQueueTests::test_order
/// ported: test_queues.py::PriorityQueueTests::test_order
fn three_orders() {
    let (fifo, lifo, priority) = (Queue::new(), LifoQueue::new(), PriorityQueue::new());
    for n in [1, 3, 2] {
        fifo.try_put(n).unwrap();
        lifo.try_put(n).unwrap();
        priority.try_put(n).unwrap();
    }
    let three = |get: &dyn Fn() -> i32| [get(), get(), get()];
    assert_eq!(three(&|| fifo.try_get().unwrap()), [1, 3, 2]);
    assert_eq!(three(&|| lifo.try_get().unwrap()), [2, 3, 1]);
    assert_eq!(three(&|| priority.try_get().unwrap()), [1, 2, 3]);
}

/// A queue's model is a sorted list; what it gives out, whatever is put when, is what the list has first.
#[test]
fn a_priority_queue_gives_out_the_least_and_of_equals_the_first() {
    #[derive(Debug, Clone, Copy)]
    struct Item(u8, usize);
    impl PartialEq for Item {
        fn eq(&self, other: &Self) -> bool {
            self.0 == other.0
        }
    }
    impl Eq for Item {}
    impl PartialOrd for Item {
        fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
            Some(self.cmp(other))
        }
    }
    impl Ord for Item {
        fn cmp(&self, other: &Self) -> std::cmp::Ordering {
            self.0.cmp(&other.0)
        }
    }

    for round in 0..200 {
        let seed = fastrand::u64(..);
        let mut random = fastrand::Rng::with_seed(seed);
        let queue = PriorityQueue::new();
        let mut model: Vec<Item> = Vec::new();
        for n in 0..100 {
            if random.u8(..3) > 0 {
                let item = Item(random.u8(..5), n);
                queue.try_put(item).unwrap();
                let place = model.partition_point(|other| other.0 <= item.0);
                model.insert(place, item);
            } else if model.is_empty() {
                assert_eq!(queue.try_get(), Err(TryGetError::Empty));
            } else {
                let (expected, got) = (model.remove(0), queue.try_get().unwrap());
                assert_eq!((expected.0, expected.1), (got.0, got.1), "round {round}, seed {seed}");
            }
            assert_eq!(queue.qsize(), model.len());
        }
    }
}

/// ported: test_queues.py::QueueBasicTests::test_maxsize
/// ported: test_queues.py::QueuePutTests::test_blocking_put_wait
fn a_putter_waits_for_room() {
    let queue = Queue::with_maxsize(2);
    assert_eq!(queue.maxsize(), 2);
    queue.try_put(0).unwrap();
    queue.try_put(1).unwrap();
    let mut putter = Polled::waiting(queue.put(2));
    assert_eq!(queue.try_get(), Ok(0));
    putter.woken_and_ready().unwrap();
    assert_eq!((queue.try_get(), queue.try_get()), (Ok(1), Ok(2)));
}

/// ported: test_queues.py::QueueGetTests::test_blocking_get
/// ported: test_queues.py::QueueGetTests::test_nonblocking_get
/// ported: test_queues.py::QueueGetTests::test_nonblocking_get_exception
/// ported: test_queues.py::QueuePutTests::test_blocking_put
/// ported: test_queues.py::QueuePutTests::test_nonblocking_put
/// ported: test_queues.py::QueuePutTests::test_put_cancelled
/// ported: test_queues.py::QueuePutTests::test_nonblocking_put_exception
fn what_does_not_wait() {
    let queue = Queue::with_maxsize(1);
    assert_eq!(queue.try_get(), Err(TryGetError::Empty));
    queue.try_put(1).unwrap();
    assert_eq!(queue.try_put(2), Err(TryPutError::Full(2)));
    assert_eq!(Polled::new(queue.get()).ready(), Ok(1));
    Polled::new(queue.put(3)).ready().unwrap();
    assert_eq!(queue.try_get(), Ok(3));
}

/// ported: test_queues.py::QueueGetTests::test_blocking_get_wait
/// ported: test_queues.py::QueuePutTests::test_put_with_waiting_getters
fn a_getter_waits_for_an_item_that_nobody_else_gets() {
    let queue = Queue::new();
    let mut getter = Polled::waiting(queue.get());
    queue.try_put(1).unwrap();
    assert_eq!(queue.try_get(), Err(TryGetError::Empty), "it is the getter's");
    assert!(queue.empty());
    assert_eq!(getter.woken_and_ready(), Ok(1));
}

/// ported: test_queues.py::QueueGetTests::test_get_with_putters
/// ported: test_queues.py::QueueGetTests::test_get_with_waiting_putters
/// ported: test_queues.py::QueueGetTests::test_why_are_getters_waiting
/// ported: test_queues.py::QueuePutTests::test_why_are_putters_waiting
fn putters_go_on_one_by_one() {
    let queue = Queue::with_maxsize(1);
    queue.try_put(0).unwrap();
    let mut putters: Vec<_> = (1..4).map(|n| Polled::waiting(queue.put(n))).collect();
    for (n, putter) in putters.iter_mut().enumerate() {
        assert!(!putter.is_woken());
        assert_eq!(queue.try_get(), Ok(n));
        assert_eq!(queue.try_put(9), Err(TryPutError::Full(9)), "the room is the putter's");
        putter.woken_and_ready().unwrap();
    }
    assert_eq!(queue.try_get(), Ok(3));
}

/// ported: test_queues.py::QueueGetTests::test_get_cancelled_race
/// ported: test_queues.py::QueueGetTests::test_cancelled_getters_not_being_held_in_self_getters
fn a_getter_that_stops_waiting_is_skipped() {
    let queue = Queue::new();
    let first = Polled::waiting(queue.get());
    let mut second = Polled::waiting(queue.get());
    assert!(format!("{queue:?}").contains("getters: 2"));
    drop(first);
    assert!(format!("{queue:?}").contains("getters: 1"));
    queue.try_put("a").unwrap();
    assert_eq!(second.woken_and_ready(), Ok("a"));
    assert!(format!("{queue:?}").contains("getters: 0"));
}

/// ported: test_queues.py::QueuePutTests::test_get_cancel_drop_one_pending_reader
/// ported: test_queues.py::QueuePutTests::test_get_cancel_drop_many_pending_readers
fn an_item_that_a_dropped_getter_was_granted_goes_to_the_next() {
    let queue = Queue::new();
    let first = Polled::waiting(queue.get());
    let mut second = Polled::waiting(queue.get());
    let mut third = Polled::waiting(queue.get());
    queue.try_put(1).unwrap();
    queue.try_put(2).unwrap();
    drop(first);
    assert_eq!((second.woken_and_ready(), third.woken_and_ready()), (Ok(1), Ok(2)));

    let getter = Polled::waiting(queue.get());
    queue.try_put(1).unwrap();
    queue.try_put(2).unwrap();
    drop(getter);
    assert_eq!(queue.try_get(), Ok(1), "with nobody in line it is where it was");
}

/// ported: test_queues.py::QueuePutTests::test_put_cancel_drop
/// ported: test_queues.py::QueuePutTests::test_cancelled_put_silence_value_error_exception
fn room_that_a_dropped_putter_was_granted_goes_to_the_next() {
    let queue = Queue::with_maxsize(1);
    queue.try_put(1).unwrap();
    let first = Polled::waiting(queue.put(2));
    let mut second = Polled::waiting(queue.put(3));
    assert_eq!(queue.try_get(), Ok(1));
    drop(first);
    second.woken_and_ready().unwrap();
    assert_eq!(queue.try_get(), Ok(3));
    assert_eq!(queue.qsize(), 0);
}

/// ported: test_queues.py::QueuePutTests::test_put_cancelled_race
/// ported: test_queues.py::QueuePutTests::test_cancelled_puts_not_being_held_in_self_putters
fn a_putter_that_stops_waiting_puts_nothing() {
    let queue = Queue::with_maxsize(1);
    queue.try_put("a").unwrap();
    let mut second = Polled::waiting(queue.put("b"));
    let third = Polled::waiting(queue.put("X"));
    assert!(format!("{queue:?}").contains("putters: 2"));
    drop(third);
    assert!(format!("{queue:?}").contains("putters: 1"));
    assert_eq!(queue.try_get(), Ok("a"));
    second.woken_and_ready().unwrap();
    assert_eq!(queue.try_get(), Ok("b"));
    assert_eq!(queue.try_get(), Err(TryGetError::Empty));
}

/// ported: test_queues.py::_QueueJoinTestMixin::test_task_done_underflow
fn task_done_is_not_called_too_often() {
    let queue = Queue::new();
    panics_at_its_caller(|| queue.task_done());
    queue.try_put(1).unwrap();
    queue.task_done();
    panics_at_its_caller(|| queue.task_done());
}

/// ported: test_queues.py::_QueueJoinTestMixin::test_join_empty_queue
fn nobody_waits_for_an_empty_queue() {
    let queue = Queue::<u32>::new();
    Polled::new(queue.join()).ready();
    queue.try_put(1).unwrap();
    let mut joiner = Polled::waiting(queue.join());
    drop(Polled::waiting(queue.join()));
    queue.try_get().unwrap();
    joiner.is_pending();
    queue.task_done();
    joiner.woken_and_ready();
}

macro_rules! shutdown {
    ($module:ident, $Queue:ident) => {
        mod $module {
            use super::*;

            fn refuses(queue: &$Queue<&'static str>) {
                assert_eq!(Polled::new(queue.put("data")).ready(), Err(QueueShutDown("data")));
                assert_eq!(queue.try_put("data"), Err(TryPutError::ShutDown("data")));
                assert_eq!(Polled::new(queue.get()).ready(), Err(QueueShutDown(())));
                assert_eq!(queue.try_get(), Err(TryGetError::ShutDown));
            }

            pub(super) fn of_an_empty_queue() {
                let queue = $Queue::new();
                let mut getter = Polled::waiting(queue.get());
                queue.shutdown(false);
                assert_eq!(queue.qsize(), 0);
                Polled::new(queue.join()).ready();
                assert!(getter.woken_and_ready().is_err());
                refuses(&queue);
            }

            pub(super) fn of_a_queue_with_items() {
                let queue = $Queue::with_maxsize(1);
                queue.try_put("data").unwrap();
                let mut joiner = Polled::waiting(queue.join());
                let mut putter = Polled::waiting(queue.put("data2"));
                queue.shutdown(false);
                assert_eq!(queue.qsize(), 1);
                assert_eq!(putter.woken_and_ready(), Err(QueueShutDown("data2")));
                assert_eq!(Polled::new(queue.get()).ready(), Ok("data"));
                joiner.is_pending();
                refuses(&queue);
                queue.task_done();
                joiner.woken_and_ready();
                panics_at_its_caller(|| queue.task_done());
            }

            pub(super) fn at_once() {
                let queue = $Queue::new();
                queue.try_put("data").unwrap();
                let mut joiner = Polled::waiting(queue.join());
                queue.shutdown(true);
                assert_eq!(queue.qsize(), 0);
                joiner.woken_and_ready();
                refuses(&queue);
                panics_at_its_caller(|| queue.task_done());
            }

            pub(super) fn at_once_with_an_item_under_work() {
                let queue = $Queue::new();
                queue.try_put("data").unwrap();
                queue.try_put("data").unwrap();
                let mut joiner = Polled::waiting(queue.join());
                assert_eq!(queue.try_get(), Ok("data"));
                queue.shutdown(true);
                joiner.is_pending();
                refuses(&queue);
                queue.task_done();
                panics_at_its_caller(|| queue.task_done());
                joiner.woken_and_ready();
            }

            pub(super) fn of_those_who_were_granted_something() {
                let queue = $Queue::with_maxsize(1);
                let mut getter = Polled::waiting(queue.get());
                queue.try_put("data").unwrap();
                queue.shutdown(false);
                assert_eq!(getter.woken_and_ready(), Ok("data"));

                let queue = $Queue::with_maxsize(1);
                let (mut getter, dropped) = (Polled::waiting(queue.get()), Polled::waiting(queue.get()));
                queue.try_put("data").unwrap();
                queue.shutdown(true);
                assert!(getter.woken_and_ready().is_err(), "the item is gone");
                drop(dropped);

                let queue = $Queue::with_maxsize(1);
                queue.try_put("data").unwrap();
                let mut putter = Polled::waiting(queue.put("more"));
                queue.try_get().unwrap();
                queue.shutdown(false);
                assert_eq!(putter.woken_and_ready(), Err(QueueShutDown("more")));
                refuses(&queue);
            }
        }
    };
}

shutdown!(fifo, Queue);
shutdown!(lifo, LifoQueue);
shutdown!(priority, PriorityQueue);

/// ported: test_queues.py::_QueueShutdownTestMixin::test_shutdown_empty
fn shutdown_of_an_empty_queue() {
    fifo::of_an_empty_queue();
    lifo::of_an_empty_queue();
    priority::of_an_empty_queue();
}

/// ported: test_queues.py::_QueueShutdownTestMixin::test_shutdown_nonempty
fn shutdown_of_a_queue_with_items() {
    fifo::of_a_queue_with_items();
    lifo::of_a_queue_with_items();
    priority::of_a_queue_with_items();
}

/// ported: test_queues.py::_QueueShutdownTestMixin::test_shutdown_immediate
fn shutdown_at_once() {
    fifo::at_once();
    lifo::at_once();
    priority::at_once();
}

/// ported: test_queues.py::_QueueShutdownTestMixin::test_shutdown_immediate_with_unfinished
fn shutdown_at_once_with_an_item_under_work() {
    fifo::at_once_with_an_item_under_work();
    lifo::at_once_with_an_item_under_work();
    priority::at_once_with_an_item_under_work();
}

fn shutdown_of_those_who_were_granted_something() {
    fifo::of_those_who_were_granted_something();
    lifo::of_those_who_were_granted_something();
    priority::of_those_who_were_granted_something();
}

//! Guards with an asynchronous close, and async generators.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures::StreamExt;
use parking_lot::Mutex;
use windlass::aio::{Promise, closing};
use windlass::task::{self, UnhandledKind};
use windlass_tests::{Flavor, OnDrop, on_conformance_flavors, wake_self, yield_until};

on_conformance_flavors!(
    a_guard_that_is_closed,
    a_guard_that_is_dropped_is_reported,
    a_guard_of_an_aborted_task_is_reported,
    a_guard_given_back,
    an_async_generator,
    a_generator_dropped_early_cleans_up,
);

fn a_guard_that_is_closed(flavor: Flavor) {
    let runtime = flavor.builder().on_unhandled(|unhandled| panic!("{unhandled}")).build().unwrap();
    runtime.block_on(async {
        let mut guard = closing(vec![1], async |list: Vec<i32>| {
            wake_self().await;
            list.len()
        });
        guard.push(2);
        assert_eq!(*guard, [1, 2]);
        assert_eq!(guard.close().await, 2);
    });
}

fn a_guard_that_is_dropped_is_reported(flavor: Flavor) {
    let reports = Arc::new(Mutex::new(Vec::new()));
    let list = reports.clone();
    let runtime = flavor
        .builder()
        .on_unhandled(move |unhandled| list.lock().push((unhandled.kind(), unhandled.location().line())))
        .build()
        .unwrap();
    let line = line!() + 2;
    runtime.block_on(async {
        drop(closing(String::new(), async |text: String| text));
        // One that is not polled closes nothing.
        drop(closing(String::new(), async |text: String| text).close());
    });
    assert_eq!(*reports.lock(), [(UnhandledKind::Unclosed, line), (UnhandledKind::Unclosed, line + 2)]);
}

fn a_guard_of_an_aborted_task_is_reported(flavor: Flavor) {
    let reported = Arc::new(AtomicBool::new(false));
    let reports = reported.clone();
    let runtime = flavor
        .builder()
        .on_unhandled(move |unhandled| {
            assert!(unhandled.to_string().contains("was not closed"), "{unhandled}");
            reports.store(true, Ordering::SeqCst);
        })
        .build()
        .unwrap();
    runtime.block_on(async {
        let started = Promise::new();
        let starts = started.clone();
        let task = windlass::spawn(async move {
            let guard = closing(1, async |n: i32| n);
            starts.set_result(()).unwrap();
            std::future::pending::<()>().await;
            guard.close().await
        });
        started.await.unwrap();
        task.abort();
        assert!(task.await.is_err());
        assert!(reported.load(Ordering::SeqCst));
    });
}

fn a_guard_given_back(flavor: Flavor) {
    let runtime = flavor.builder().on_unhandled(|unhandled| panic!("{unhandled}")).build().unwrap();
    runtime.block_on(async {
        assert_eq!(closing(7, async |_: i32| ()).into_inner(), 7);
    });
}

/// A generator as a stream.
fn countdown(from: u32) -> impl futures::Stream<Item = u32> {
    async_stream::stream! {
        for n in (1..=from).rev() {
            task::yield_now().await;
            yield n;
        }
    }
}

fn an_async_generator(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let mut count = std::pin::pin!(countdown(3));
        let mut seen = Vec::new();
        while let Some(n) = count.next().await {
            seen.push(n);
        }
        assert_eq!(seen, [3, 2, 1]);
        // On any task, and with everything that takes a stream.
        let doubled = windlass::spawn(countdown(3).map(|n| n * 2).collect::<Vec<_>>());
        assert_eq!(doubled.await.unwrap(), [6, 4, 2]);
    });
}

fn a_generator_dropped_early_cleans_up(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let dropped = Arc::new(AtomicBool::new(false));
        let drops = dropped.clone();
        let task = windlass::spawn(async move {
            let stream = async_stream::stream! {
                let _on_drop = OnDrop::new(move || drops.store(true, Ordering::SeqCst));
                loop {
                    yield 1;
                    task::yield_now().await;
                }
            };
            let mut stream = std::pin::pin!(stream);
            stream.next().await
        });
        assert_eq!(task.await.unwrap(), Some(1));
        yield_until(|| dropped.load(Ordering::SeqCst)).await;
    });
}

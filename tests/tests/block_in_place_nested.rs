//! `block_in_place` with runtimes inside: blocking on this one and on others, and the end of this one meanwhile.

use std::future::pending;
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use futures::channel::oneshot;
use windlass::blocking::ThreadPoolExecutor;
use windlass::runtime::{Builder, Handle, Runtime};
use windlass::task::{self, block_in_place};
use windlass::{run_in_executor, to_thread};
use windlass_tests::{Flavor, linger_into_shutdown, on_multi_thread, panics};

on_multi_thread!(
    block_on_inside,
    handle_block_on_inside,
    block_on_inside_that_spawns_and_joins,
    a_current_thread_runtime_inside,
    another_runtime_made_and_dropped_inside,
    a_blocking_job_inside,
    the_runtime_is_dropped_inside,
    the_runtime_shuts_down_while_it_blocks,
    the_runtime_is_given_up_while_it_blocks,
    it_begins_while_the_runtime_shuts_down,
);

fn block_on_inside(flavor: Flavor) {
    let runtime = Arc::new(flavor.runtime());
    let inner = runtime.clone();
    let task = runtime.spawn(async move {
        let output = block_in_place(|| {
            inner.block_on(async {
                let (tx, rx) = oneshot::channel();
                windlass::spawn(async move { tx.send("inner").unwrap() });
                rx.await.unwrap()
            })
        });
        drop(inner);
        output
    });
    assert_eq!(futures::executor::block_on(task).unwrap(), "inner");
}

fn handle_block_on_inside(flavor: Flavor) {
    let runtime = flavor.runtime();
    let task = runtime.spawn(async {
        let handle = Handle::current();
        let output =
            block_in_place(|| handle.block_on(async { windlass::spawn(async { 5 }).await.unwrap() }));
        // And it is refused again after it.
        let panicked = panics(|| handle.block_on(async {}));
        assert!(panicked.message.contains("from within a runtime"), "{}", panicked.message);
        output
    });
    assert_eq!(futures::executor::block_on(task).unwrap(), 5);
}

fn block_on_inside_that_spawns_and_joins(flavor: Flavor) {
    let runtime = flavor.runtime();
    let tasks: Vec<_> = (0..2_u32)
        .map(|n| {
            runtime.spawn(async move {
                let inner = block_in_place(|| {
                    Handle::current().block_on(async move {
                        let task = windlass::spawn(async move {
                            block_in_place(|| Handle::current().block_on(async move { n * 2 }))
                        });
                        task.await.unwrap()
                    })
                });
                inner + 1
            })
        })
        .collect();
    for (n, task) in tasks.into_iter().enumerate() {
        assert_eq!(futures::executor::block_on(task).unwrap() as usize, 2 * n + 1);
    }
}

fn a_current_thread_runtime_inside(flavor: Flavor) {
    let runtime = flavor.runtime();
    let output = runtime.block_on(async {
        block_in_place(|| {
            let inner = Builder::new_current_thread().build().unwrap();
            inner.block_on(async { windlass::spawn(async { "inner" }).await.unwrap() })
        })
    });
    assert_eq!(output, "inner");
}

fn another_runtime_made_and_dropped_inside(flavor: Flavor) {
    let runtime = flavor.runtime();
    let task = runtime.spawn(async move {
        block_in_place(|| {
            let inner = flavor.runtime();
            let cancelled = inner.spawn(pending::<()>());
            let output = inner.block_on(async { block_in_place(|| 8) });
            drop(inner);
            (output, cancelled)
        })
    });
    let (output, cancelled) = futures::executor::block_on(task).unwrap();
    assert_eq!(output, 8);
    assert!(futures::executor::block_on(cancelled).unwrap_err().is_cancelled());
}

fn a_blocking_job_inside(flavor: Flavor) {
    let runtime = flavor.builder().max_blocking_threads(1).build().unwrap();
    let task = runtime.spawn(async {
        block_in_place(|| {
            let handle = Handle::current();
            let job = handle.block_on(task::spawn_blocking(|| 1)).unwrap();
            let pool = ThreadPoolExecutor::new(1);
            job + handle.block_on(run_in_executor(Some(&pool), || 2)).unwrap()
                + handle.block_on(to_thread(|| 3)).unwrap()
        })
    });
    assert_eq!(futures::executor::block_on(task).unwrap(), 6);
}

fn the_runtime_is_dropped_inside(flavor: Flavor) {
    for _ in 0..10 {
        let runtime = flavor.runtime();
        let (hand_over, handed) = oneshot::channel();
        let (done, is_done) = mpsc::channel();
        let task = runtime.spawn(async move {
            let runtime = handed.await.unwrap();
            block_in_place(|| drop::<Runtime>(runtime));
            done.send(()).unwrap();
        });
        let waits = runtime.spawn(pending::<()>());
        hand_over.send(runtime).unwrap();
        // It does not wait for itself.
        is_done.recv().unwrap();
        futures::executor::block_on(task).unwrap();
        assert!(futures::executor::block_on(waits).unwrap_err().is_cancelled());
    }
}

fn the_runtime_shuts_down_while_it_blocks(flavor: Flavor) {
    let runtime = flavor.runtime();
    let handle = runtime.handle().clone();
    let (blocks, is_blocking) = mpsc::channel();
    let waits = runtime.spawn(pending::<()>());
    let task = runtime.spawn(async move {
        block_in_place(|| {
            blocks.send(()).unwrap();
            linger_into_shutdown(&handle);
            "done all the same"
        })
    });
    is_blocking.recv().unwrap();
    drop(runtime);
    // The runtime was not gone before the closure had returned.
    assert!(task.is_finished());
    assert_eq!(futures::executor::block_on(task).unwrap(), "done all the same");
    assert!(futures::executor::block_on(waits).unwrap_err().is_cancelled());
}

fn the_runtime_is_given_up_while_it_blocks(flavor: Flavor) {
    let runtime = flavor.runtime();
    let (blocks, is_blocking) = mpsc::channel();
    let (go_on, may_go_on) = mpsc::channel::<()>();
    let task = runtime.spawn(async move {
        block_in_place(|| {
            blocks.send(()).unwrap();
            let _ = may_go_on.recv();
        });
        pending::<()>().await;
    });
    is_blocking.recv().unwrap();
    runtime.shutdown_timeout(Duration::from_millis(20));
    drop(go_on);
    assert!(futures::executor::block_on(task).unwrap_err().is_cancelled());
}

fn it_begins_while_the_runtime_shuts_down(flavor: Flavor) {
    for _ in 0..50 {
        let runtime = flavor.runtime();
        let tasks: Vec<_> = (0..10)
            .map(|_| {
                runtime.spawn(async {
                    block_in_place(|| {
                        drop(windlass::spawn(async {}));
                        thread::yield_now();
                    });
                })
            })
            .collect();
        drop(runtime);
        for task in tasks {
            if let Err(error) = futures::executor::block_on(task) {
                assert!(error.is_cancelled(), "{error}");
            }
        }
    }
}

//! G4, wherever a runtime is dropped: in a task or a job, its own or of another; and what drops may do meanwhile.

use std::future::pending;
use std::sync::{Arc, Barrier, Weak, mpsc as std_mpsc};
use std::time::Duration;

use futures::channel::oneshot;
use windlass::runtime::Runtime;
use windlass::task;
use windlass_tests::ending::{Way, assert_ended};
use windlass_tests::{Flavor, Ledger, OnDrop, on_every_flavor, on_multi_thread, spin_until};

on_every_flavor!(
    a_runtime_dropped_in_its_own_blocking_job,
    a_runtime_dropped_in_a_blocking_job_of_another,
    a_runtime_shut_down_in_the_background_of_another,
    a_runtime_dropped_at_once,
    a_drop_that_spawns_on_the_runtime_that_shuts_down,
    a_drop_that_submits_a_blocking_job_to_the_runtime_that_shuts_down,
    a_drop_that_blocks_on_the_runtime_that_shuts_down,
);

on_multi_thread!(
    a_runtime_dropped_in_its_own_task,
    a_runtime_dropped_with_a_future_of_its_own,
    a_runtime_dropped_in_a_task_of_another,
);

/// Drops the last reference to a runtime, having made sure that it is the last.
fn drop_last(runtime: Arc<Runtime>) {
    let runtime = Arc::into_inner(runtime).expect("nobody else holds the runtime");
    drop(runtime);
}

fn a_runtime_dropped_in_its_own_blocking_job(flavor: Flavor) {
    let runtime = Arc::new(flavor.runtime());
    let ledger = Ledger::new();
    let tracked = ledger.track();
    runtime.spawn(async move {
        let _tracked = tracked;
        pending::<()>().await;
    });
    let (go_on, may_go_on) = std_mpsc::channel::<()>();
    let last = runtime.clone();
    let job = runtime.spawn_blocking(move || {
        may_go_on.recv().unwrap();
        drop_last(last);
        "done"
    });
    drop(runtime);
    go_on.send(()).unwrap();
    assert_eq!(futures::executor::block_on(job).unwrap(), "done");
    spin_until(|| ledger.dropped() == 1);
}

fn a_runtime_dropped_in_a_blocking_job_of_another(flavor: Flavor) {
    let runtime = flavor.runtime();
    let other = flavor.runtime();
    let task = runtime.spawn(pending::<()>());
    let job = other.spawn_blocking(move || drop(runtime));
    other.block_on(job).unwrap();
    assert!(futures::executor::block_on(task).unwrap_err().is_cancelled());
}

fn a_runtime_shut_down_in_the_background_of_another(flavor: Flavor) {
    let other = flavor.runtime();
    other.block_on(async {
        let runtime = flavor.runtime();
        let task = runtime.spawn(pending::<()>());
        runtime.shutdown_background();
        assert!(task.await.unwrap_err().is_cancelled());

        let runtime = flavor.runtime();
        let task = runtime.spawn(pending::<()>());
        runtime.shutdown_timeout(Duration::ZERO);
        assert!(task.await.unwrap_err().is_cancelled());
    });
}

fn a_runtime_dropped_at_once(flavor: Flavor) {
    for _ in 0..200 {
        drop(flavor.runtime());
    }
}

fn a_drop_that_spawns_on_the_runtime_that_shuts_down(flavor: Flavor) {
    for way in Way::ALL {
        let runtime = flavor.runtime();
        let handle = runtime.handle().clone();
        let (tx, rx) = std_mpsc::channel();
        let on_drop = OnDrop::new(move || {
            tx.send(handle.spawn(pending::<()>())).unwrap();
            tx.send(windlass::spawn(pending::<()>())).unwrap();
        });
        let (polled, was_polled) = oneshot::channel();
        runtime.spawn(async move {
            let _on_drop = on_drop;
            polled.send(()).unwrap();
            pending::<()>().await;
        });
        runtime.block_on(was_polled).unwrap();
        way.shut_down(runtime);
        for task in rx {
            assert!(futures::executor::block_on(task).unwrap_err().is_cancelled());
        }
    }
}

fn a_drop_that_submits_a_blocking_job_to_the_runtime_that_shuts_down(flavor: Flavor) {
    for way in Way::ALL {
        let runtime = flavor.runtime();
        let (tx, rx) = std_mpsc::channel();
        let on_drop = OnDrop::new(move || tx.send(task::spawn_blocking(|| {})).unwrap());
        let (polled, was_polled) = oneshot::channel();
        runtime.spawn(async move {
            let _on_drop = on_drop;
            polled.send(()).unwrap();
            pending::<()>().await;
        });
        runtime.block_on(was_polled).unwrap();
        way.shut_down(runtime);
        rx.into_iter().for_each(assert_ended);
    }
}

fn a_drop_that_blocks_on_the_runtime_that_shuts_down(flavor: Flavor) {
    // Blocking there is refused, with a panic that the shutdown contains, or done; either way the shutdown ends.
    for way in Way::ALL {
        let runtime = flavor.runtime();
        let handle = runtime.handle().clone();
        let on_drop = OnDrop::new(move || handle.block_on(async {}));
        let (polled, was_polled) = oneshot::channel();
        runtime.spawn(async move {
            let _on_drop = on_drop;
            polled.send(()).unwrap();
            pending::<()>().await;
        });
        runtime.block_on(was_polled).unwrap();
        way.shut_down(runtime);
    }
}

fn a_runtime_dropped_in_its_own_task(flavor: Flavor) {
    for _ in 0..50 {
        let runtime = Arc::new(flavor.runtime());
        let ledger = Ledger::new();
        for _ in 0..10 {
            let tracked = ledger.track();
            runtime.spawn(async move {
                let _tracked = tracked;
                pending::<()>().await;
            });
        }
        let (go_on, may_go_on) = oneshot::channel::<()>();
        let (done, is_done) = std_mpsc::channel();
        let last = runtime.clone();
        runtime.spawn(async move {
            may_go_on.await.unwrap();
            drop_last(last);
            done.send(()).unwrap();
            // The poll in hand goes on; there is no next one.
            task::yield_now().await;
            unreachable!("it was polled after its runtime went");
        });
        drop(runtime);
        go_on.send(()).unwrap();
        is_done.recv().unwrap();
        spin_until(|| ledger.dropped() == 10);
        ledger.assert_each_dropped_once(|_| true);
    }
}

fn a_runtime_dropped_with_a_future_of_its_own(flavor: Flavor) {
    // The task owns its runtime; aborting it drops both.
    for _ in 0..20 {
        let runtime = Arc::new(flavor.runtime());
        let weak: Weak<Runtime> = Arc::downgrade(&runtime);
        let (polled, was_polled) = oneshot::channel();
        let owned = runtime.clone();
        let task = runtime.spawn(async move {
            let _owned = owned;
            polled.send(()).unwrap();
            pending::<()>().await;
        });
        runtime.block_on(was_polled).unwrap();
        drop(runtime);
        task.abort();
        assert!(futures::executor::block_on(task).unwrap_err().is_cancelled());
        assert!(weak.upgrade().is_none());
    }
}

fn a_runtime_dropped_in_a_task_of_another(flavor: Flavor) {
    // It would block the other's worker until every thread of this one ended: a clear panic, or done all the same.
    let other = flavor.runtime();
    for _ in 0..10 {
        let runtime = flavor.runtime();
        let waiting = runtime.spawn(pending::<()>());
        let barrier = Arc::new(Barrier::new(2));
        let met = barrier.clone();
        runtime.spawn(async move {
            met.wait();
        });
        barrier.wait();
        let task = other.spawn(async move { drop(runtime) });
        if let Err(error) = futures::executor::block_on(task) {
            let message = windlass_tests::payload_text(&*error.into_panic());
            assert!(message.contains("runtime"), "the panic must say what it is about: {message}");
        }
        assert!(futures::executor::block_on(waiting).unwrap_err().is_cancelled());
    }
    assert_eq!(other.block_on(async { windlass::spawn(async { 1 }).await.unwrap() }), 1);
}

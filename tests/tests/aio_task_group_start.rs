//! `TaskGroup::start`: a child that says when it is ready.

use std::future::pending;

use futures::channel::oneshot;
use windlass::aio::{Start, StartError, TaskFailure, TaskGroup};
use windlass::task;
use windlass_tests::group::{Oops, errors};
use windlass_tests::{Flavor, on_conformance_flavors, yield_until};

on_conformance_flavors!(
    start_waits_until_ready,
    start_of_one_that_fails,
    start_of_one_that_panics,
    start_of_one_that_is_never_ready,
    start_given_up_aborts,
    start_given_up_once_it_is_ready,
    start_given_up_after_it_failed,
    start_given_up_before_it_fails,
    start_fails_later_in_the_group,
    start_in_a_group_that_is_closed,
);

fn start_waits_until_ready(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let group = TaskGroup::<Oops>::new();
        let (tx, rx) = oneshot::channel::<()>();
        let start = group.start(async move |status| {
            rx.await.unwrap();
            status.started(7);
            pending().await
        });
        let start = windlass::spawn(start);
        task::yield_now().await;
        assert!(!start.is_finished());
        tx.send(()).unwrap();
        assert_eq!(start.await.unwrap().unwrap(), 7);
        // It goes on in the group.
        assert_eq!(group.len(), 1);
        group.cancel();
        group.join().await.unwrap();
    });
}

fn start_of_one_that_fails(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let group = TaskGroup::new();
        let start = group.start::<(), _, _>(async |_status| Err(Oops("no port")));
        assert!(matches!(start.await, Err(StartError::Failed(TaskFailure::Error(Oops("no port"))))));
        // Its failure is not the group's.
        assert!(!group.is_closed());
        group.join().await.unwrap();
    });
}

fn start_of_one_that_panics(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let group = TaskGroup::<Oops>::new();
        let start = group.start::<(), _, _>(async |_status| panic!("no port"));
        match start.await.unwrap_err() {
            StartError::Failed(failure) => assert!(failure.is_panic()),
            other => panic!("{other:?}"),
        }
        group.join().await.unwrap();
    });
}

fn start_of_one_that_is_never_ready(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let group = TaskGroup::<Oops>::new();
        let start = group.start::<(), _, _>(async |_status| Ok(()));
        assert!(matches!(start.await, Err(StartError::NeverReady)));
        group.join().await.unwrap();
    });
}

fn start_given_up_aborts(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let group = TaskGroup::<Oops>::new();
        let start = group.start(async |status| {
            pending::<()>().await;
            status.started(());
            Ok(())
        });
        task::yield_now().await;
        drop(start);
        group.join().await.unwrap();
    });
}

fn start_given_up_once_it_is_ready(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let group = TaskGroup::<Oops>::new();
        let (unseen, mut is_unseen) = oneshot::channel::<()>();
        let (ready, is_ready) = oneshot::channel();
        let (go_on, may_go_on) = oneshot::channel();
        let (done, is_done) = oneshot::channel();
        let start = group.start(async move |status| {
            status.started(unseen);
            ready.send(()).unwrap();
            may_go_on.await.unwrap();
            done.send(()).unwrap();
            Ok(())
        });
        is_ready.await.unwrap();
        drop(start);
        assert!(is_unseen.try_recv().is_err(), "nobody will see what it said: that is gone");
        go_on.send(()).unwrap();
        is_done.await.expect("it is the group's, and goes on");
        group.join().await.unwrap();
    });
}

fn start_given_up_after_it_failed(flavor: Flavor) {
    flavor.runtime().block_on(async {
        for panics in [false, true] {
            let group = TaskGroup::new();
            let start = group.start::<(), _, _>(async move |_status| {
                assert!(!panics, "no port");
                Err(Oops("no port"))
            });
            yield_until(|| group.len() == 0).await;
            assert!(!group.is_closed());
            drop(start);
            // Nobody else will have the failure.
            let errors = group.join().await.unwrap_err();
            assert_eq!(errors.len(), 1);
            assert_eq!(errors.first().is_panic(), panics);
            assert!(errors.to_string().contains("no port"));
        }
    });
}

fn start_given_up_before_it_fails(flavor: Flavor) {
    flavor.runtime().block_on(async {
        for panics in [false, true] {
            let group = TaskGroup::new();
            let (tx, rx) = oneshot::channel();
            let start = group.start::<(), _, _>(async move |_status| {
                drop::<Start<(), Oops>>(rx.await.unwrap());
                assert!(!panics, "no port");
                Err(Oops("no port"))
            });
            assert!(tx.send(start).is_ok());
            let errors = group.join().await.unwrap_err();
            assert_eq!(errors.len(), 1);
            assert_eq!(errors.first().is_panic(), panics);
        }
    });
}

fn start_fails_later_in_the_group(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let group = TaskGroup::new();
        let (tx, rx) = oneshot::channel::<()>();
        let start = group.start(async move |status| {
            status.started(());
            rx.await.unwrap();
            Err(Oops("later"))
        });
        start.await.unwrap();
        tx.send(()).unwrap();
        assert_eq!(errors(group.join().await.unwrap_err()), [Oops("later")]);
    });
}

fn start_in_a_group_that_is_closed(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let group = TaskGroup::<Oops>::new();
        group.cancel();
        let start = group.start(async |status| {
            status.started(());
            Ok(())
        });
        assert!(matches!(start.await, Err(StartError::NeverReady)));
        group.join().await.unwrap();
    });
}

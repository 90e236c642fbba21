//! No failure of a `TaskGroup` is lost.

use std::future::poll_fn;
use std::hint::black_box;
use std::task::Poll;

use windlass::aio::{ChildError, TaskFailure, TaskGroup};
use windlass_tests::group::Oops;
use windlass_tests::{Flavor, OnDrop, PanicsOnDrop, on_every_flavor};

on_every_flavor!(
    of_a_child_whose_output_panics_too_when_it_is_dropped,
    of_a_child_that_returned_an_error_and_panics_when_it_is_dropped,
);

/// A future that is ready with this, and panics when it is dropped.
fn ready_and_panics<T>(value: T) -> impl Future<Output = T> {
    let mut value = Some(value);
    let mut held = OnDrop::new(|| panic!("the future"));
    poll_fn(move |_| {
        black_box(&mut held);
        Poll::Ready(value.take().unwrap())
    })
}

fn of_a_child_whose_output_panics_too_when_it_is_dropped(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let group = TaskGroup::<Oops>::new();
        let child = group.spawn(ready_and_panics(Ok(PanicsOnDrop)));
        let errors = group.join().await.unwrap_err();
        assert_eq!((errors.len(), errors.to_string().contains("the future")), (1, true));
        assert_eq!(child.await.unwrap_err(), ChildError::Failed);
    });
}

fn of_a_child_that_returned_an_error_and_panics_when_it_is_dropped(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let group = TaskGroup::new();
        group.spawn(ready_and_panics(Err::<(), _>(Oops("the error"))));
        let errors = group.join().await.unwrap_err();
        assert!(matches!(
            errors.iter().as_slice(),
            [TaskFailure::Error(Oops("the error")), TaskFailure::Join(_)]
        ));
    });
}

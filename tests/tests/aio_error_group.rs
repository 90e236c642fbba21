//! `ErrorGroup` of boxed errors: it becomes one itself, nests, and shows all that is in it.

use std::error::Error;
use std::iter::successors;

use windlass::aio::{BoxedError, ErrorGroup, TaskFailure, TaskGroup};
use windlass_tests::group::Oops;
use windlass_tests::{Flavor, on_every_flavor};

on_every_flavor!(
    a_group_of_boxed_errors_fails_a_child_of_another,
    a_walk_along_the_sources_meets_every_level,
    panics_stay_panics_in_a_box,
    a_group_of_errors_of_a_type_can_be_boxed_too,
);

type Failure = Box<dyn Error + Send + Sync>;

/// Fails with a group, in which there is an error.
async fn inner() -> Result<(), Failure> {
    let group = TaskGroup::<Failure>::new();
    group.spawn(async { Err::<(), _>(Oops("inner").into()) });
    group.join().await.map_err(ErrorGroup::into_boxed)?;
    Ok(())
}

async fn outer() -> Failure {
    let group = TaskGroup::<Failure>::new();
    group.spawn(inner());
    group.join().await.map_err(ErrorGroup::into_boxed).unwrap_err()
}

fn a_group_of_boxed_errors_fails_a_child_of_another(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let error = outer().await;
        assert_eq!(
            error.to_string(),
            "1 task of a group failed\n  - 1 task of a group failed\n      - inner"
        );
        // Down to the error, of which nothing but the type is known.
        let outer: ErrorGroup<BoxedError> = *error.downcast().unwrap();
        let inner = outer.into_first().into_error().unwrap().into_inner();
        let inner: ErrorGroup<BoxedError> = *inner.downcast().unwrap();
        assert_eq!(inner.len(), 1);
        let oops = inner.into_first().into_error().unwrap().into_inner();
        assert_eq!(*oops.downcast::<Oops>().unwrap(), Oops("inner"));
    });
}

fn a_walk_along_the_sources_meets_every_level(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let error = outer().await;
        let all: Vec<&(dyn Error + 'static)> =
            successors(Some(&*error as &(dyn Error + 'static)), |&error| error.source()).collect();
        assert_eq!(all.iter().filter(|error| error.is::<ErrorGroup<BoxedError>>()).count(), 2);
        assert_eq!(all.last().unwrap().downcast_ref(), Some(&Oops("inner")));
    });
}

fn panics_stay_panics_in_a_box(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let group = TaskGroup::<Failure>::new();
        group.spawn(async { if true { std::panic::resume_unwind(Box::new("boom")) } else { Ok(()) } });
        let error = group.join().await.map_err(ErrorGroup::into_boxed).unwrap_err();
        let errors = error.downcast_ref::<ErrorGroup<BoxedError>>().unwrap();
        assert!(matches!(errors.first(), TaskFailure::Join(error) if error.is_panic()));
        assert!(errors.to_string().contains("boom"), "{errors}");
    });
}

fn a_group_of_errors_of_a_type_can_be_boxed_too(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let group = TaskGroup::<Oops>::new();
        group.spawn(async { Err::<(), _>(Oops("typed")) });
        let error = group.join().await.map_err(ErrorGroup::into_boxed).unwrap_err();
        let errors: ErrorGroup<BoxedError> = *error.downcast().unwrap();
        let oops = errors.into_first().into_error().unwrap();
        assert_eq!(
            (oops.to_string(), format!("{oops:?}")),
            ("typed".to_owned(), "Oops(\"typed\")".to_owned())
        );
        assert!(oops.into_inner().is::<Oops>());
    });
}

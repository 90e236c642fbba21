//! Which panics count as unobserved: those whose future went away before anyone looked at the result.

mod common;

use common::{LONG, occupy};
use windlass_blocking::{
    ExecutorExt, Future, Promise, ReturnWhen, ThreadPoolExecutor, as_completed, unobserved_panics, wait,
};

/// How many more there are after `f`, at the end of whose pool all is over.
fn counted(f: impl FnOnce(&ThreadPoolExecutor)) -> u64 {
    let before = unobserved_panics();
    let pool = ThreadPoolExecutor::new(2);
    f(&pool);
    pool.shutdown(true, false);
    unobserved_panics() - before
}

fn panics(pool: &ThreadPoolExecutor) -> Future<u32> {
    pool.submit(|| panic!("this panic belongs to the test"))
}

// One test, since the count is the process's.
#[test]
fn who_looks_at_a_panic() {
    // Nobody.
    assert_eq!(counted(|pool| drop(panics(pool))), 1);
    assert_eq!(
        counted(|pool| {
            let futures: Vec<_> = (0..10).map(|_| panics(pool)).collect();
            let (done, _) = wait(futures, Some(LONG), ReturnWhen::AllCompleted);
            assert_eq!(done.len(), 10);
        }),
        10
    );
    assert_eq!(counted(|pool| drop(panics(pool).share())), 1);
    assert_eq!(counted(|pool| assert!(as_completed([panics(pool)], Some(LONG)).all(|f| f.is_ok()))), 1);
    assert_eq!(
        counted(|_| {
            let (promise, future) = Promise::<u32>::new();
            drop(future);
            promise.set_panic(Box::new("why")).unwrap();
        }),
        1
    );

    // Somebody.
    assert_eq!(counted(|pool| assert!(panics(pool).result().is_err())), 0);
    assert_eq!(counted(|pool| assert!(panics(pool).result_timeout(LONG).unwrap().is_err())), 0);
    assert_eq!(
        counted(|pool| {
            let shared = panics(pool).share();
            assert!(shared.clone().result().is_err());
            drop(shared);
        }),
        0
    );
    assert_eq!(
        counted(|pool| {
            let gate = occupy(pool);
            panics(pool).add_done_callback(|result| assert!(result.is_err()));
            drop(gate);
        }),
        0
    );
    assert_eq!(counted(|pool| assert_eq!(pool.map(|n: u32| 1 / n, [0, 0]).count(), 2)), 0);

    // There was none.
    assert_eq!(
        counted(|pool| {
            drop(pool.submit(|| 1));
            let gates = [occupy(pool), occupy(pool)];
            let cancelled = panics(pool);
            assert!(cancelled.cancel());
            drop(gates);
        }),
        0
    );
    assert_eq!(
        counted(|_| {
            let broken = ThreadPoolExecutor::builder().initializer(|| Err("no dice")).build();
            drop(broken.submit(|| 1));
        }),
        0
    );
}

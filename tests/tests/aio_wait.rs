//! `wait`, `as_completed`: which tasks have ended, and in which order. CPython's cases of them in test_tasks.py.
//!
//! different: test_tasks.py::BaseTaskTests::test_wait_duplicate_coroutines: a handle exists once
//! different: test_tasks.py::BaseTaskTests::test_as_completed_duplicate_coroutines: a future exists once
//! inexpressible: test_tasks.py::BaseTaskTests::test_as_completed_invalid_args: the compiler refuses it
//! inexpressible: test_tasks.py::BaseTaskTests::test_wait_invalid_args: the compiler refuses it

use std::future::pending;
use std::time::Duration;

use futures::StreamExt;
use futures::channel::oneshot;
use windlass::aio::{ReturnWhen, as_completed, try_wait, wait};
use windlass::task::{self, JoinHandle};
use windlass::time::{Instant, sleep};
use windlass_tests::{Flavor, on_conformance_flavors, once, panics_at_its_caller, wake_self, yield_until};

on_conformance_flavors!(
    wait_for_all,
    wait_for_nothing,
    wait_for_the_first,
    wait_sees_all_that_are_done,
    wait_for_the_first_exception,
    wait_for_an_exception_that_comes,
    a_cancelled_task_is_no_exception,
    wait_with_an_exception_among_all,
    wait_with_a_timeout,
    wait_whose_time_is_up_as_a_task_ends,
    wait_with_a_timeout_of_zero,
    wait_takes_an_iterator,
    wait_many,
    wait_for_the_first_error,
    wait_given_up_leaves_the_tasks_running,
    completed_in_order,
    completed_are_the_original_handles,
    completed_with_a_timeout,
    completed_with_an_unused_timeout,
    completed_resumed,
    completed_at_once,
    completed_many_as_a_stream,
    completed_of_handles_that_are_done,
);

once!(a_timeout_outside_of_a_runtime_panics_at_its_caller);

fn after<T: Send + 'static>(millis: u64, value: T) -> JoinHandle<T> {
    windlass::spawn(async move {
        sleep(Duration::from_millis(millis)).await;
        value
    })
}

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// ported: test_tasks.py::BaseTaskTests::test_wait
fn wait_for_all(flavor: Flavor) {
    flavor.run_paused(async {
        let start = Instant::now();
        let (done, left) =
            wait([after(150, 'b'), after(100, 'a')], None, ReturnWhen::AllCompleted).await.unwrap();
        assert_eq!((done.len(), left.len()), (2, 0));
        assert_eq!(start.elapsed(), ms(150));
        // Again it takes no time.
        let (done, _) = wait(done, None, ReturnWhen::AllCompleted).await.unwrap();
        assert_eq!(start.elapsed(), ms(150));
        let mut letters = Vec::new();
        for task in done {
            letters.push(task.await.unwrap());
        }
        assert_eq!(letters, ['b', 'a']);
    });
}

/// ported: test_tasks.py::BaseTaskTests::test_wait_errors
fn wait_for_nothing(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let error = wait(Vec::<JoinHandle<()>>::new(), None, ReturnWhen::AllCompleted).await.unwrap_err();
        assert!(error.to_string().contains("no tasks"));
    });
}

/// ported: test_tasks.py::BaseTaskTests::test_wait_first_completed
fn wait_for_the_first(flavor: Flavor) {
    flavor.run_paused(async {
        let start = Instant::now();
        let (a, b) = (after(10_000, ()), after(100, ()));
        let id = b.id();
        let (done, left) = wait([b, a], None, ReturnWhen::FirstCompleted).await.unwrap();
        assert_eq!(start.elapsed(), ms(100));
        assert_eq!((done.len(), left.len()), (1, 1));
        assert_eq!(done[0].id(), id);
        assert!(done[0].is_finished() && !left[0].is_finished());
        wait(left, None, ReturnWhen::AllCompleted).await.unwrap();
        assert_eq!(start.elapsed(), ms(10_000));
    });
}

/// ported: test_tasks.py::BaseTaskTests::test_wait_really_done
fn wait_sees_all_that_are_done(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let a = windlass::spawn(wake_self());
        let b = windlass::spawn(async {
            wake_self().await;
            wake_self().await;
        });
        yield_until(|| a.is_finished() && b.is_finished()).await;
        let (done, left) = wait([b, a], None, ReturnWhen::FirstCompleted).await.unwrap();
        assert_eq!((done.len(), left.len()), (2, 0));
    });
}

/// ported: test_tasks.py::BaseTaskTests::test_wait_first_exception
fn wait_for_the_first_exception(flavor: Flavor) {
    flavor.run_paused(async {
        let start = Instant::now();
        let a = after(10_000, ());
        let b = windlass::spawn(async { panic!("err") });
        let (mut done, left) = wait([b, a], None, ReturnWhen::FirstException).await.unwrap();
        assert_eq!((done.len(), left.len()), (1, 1));
        assert_eq!(start.elapsed(), Duration::ZERO);
        assert!(done.remove(0).await.unwrap_err().is_panic());
    });
}

/// ported: test_tasks.py::BaseTaskTests::test_wait_first_exception_in_wait
fn wait_for_an_exception_that_comes(flavor: Flavor) {
    flavor.run_paused(async {
        let start = Instant::now();
        let a = after(10_000, ());
        let fine = after(1, ());
        let b = windlass::spawn(async {
            sleep(ms(10)).await;
            panic!("err");
        });
        let (done, left) = wait([b, fine, a], None, ReturnWhen::FirstException).await.unwrap();
        assert_eq!((done.len(), left.len()), (2, 1));
        assert_eq!(start.elapsed(), ms(10));
    });
}

fn a_cancelled_task_is_no_exception(flavor: Flavor) {
    flavor.run_paused(async {
        let cancelled = windlass::spawn(pending::<()>());
        cancelled.abort();
        let start = Instant::now();
        let (done, left) = wait([cancelled, after(10, ())], None, ReturnWhen::FirstException).await.unwrap();
        assert_eq!((done.len(), left.len()), (2, 0));
        assert_eq!(start.elapsed(), ms(10));
    });
}

/// ported: test_tasks.py::BaseTaskTests::test_wait_with_exception
fn wait_with_an_exception_among_all(flavor: Flavor) {
    flavor.run_paused(async {
        let start = Instant::now();
        let b = windlass::spawn(async {
            sleep(ms(150)).await;
            panic!("really");
        });
        let (done, left) = wait([b, after(100, ())], None, ReturnWhen::AllCompleted).await.unwrap();
        assert_eq!((done.len(), left.len()), (2, 0));
        assert_eq!(start.elapsed(), ms(150));
        let mut errors = 0;
        for task in done {
            errors += usize::from(task.await.is_err());
        }
        assert_eq!(errors, 1);
    });
}

/// ported: test_tasks.py::BaseTaskTests::test_wait_with_timeout
fn wait_with_a_timeout(flavor: Flavor) {
    flavor.run_paused(async {
        let start = Instant::now();
        let tasks = [after(150, 'b'), after(100, 'a')];
        let (done, left) = wait(tasks, Some(ms(110)), ReturnWhen::AllCompleted).await.unwrap();
        assert_eq!(start.elapsed(), ms(110));
        assert_eq!((done.len(), left.len()), (1, 1));
        for task in done {
            assert_eq!(task.await.unwrap(), 'a');
        }
        // It was not aborted.
        for task in left {
            assert_eq!(task.await.unwrap(), 'b');
        }
    });
}

/// different: test_tasks.py::BaseTaskTests::test_wait_concurrent_complete: a task that ends at the very moment when the time is up may be told of before or after it, and is in one of the two
fn wait_whose_time_is_up_as_a_task_ends(flavor: Flavor) {
    flavor.run_paused(async {
        let start = Instant::now();
        let (b, a) = (after(150, 'b'), after(100, 'a'));
        let (slow, quick) = (b.id(), a.id());
        let (done, left) = wait([b, a], Some(ms(100)), ReturnWhen::AllCompleted).await.unwrap();
        assert_eq!(start.elapsed(), ms(100));
        let ids = |tasks: &[JoinHandle<char>]| tasks.iter().map(JoinHandle::id).collect::<Vec<_>>();
        match done.len() {
            0 => assert_eq!(ids(&left), [slow, quick]),
            _ => assert_eq!((ids(&done), ids(&left)), (vec![quick], vec![slow])),
        }
        wait(left, None, ReturnWhen::AllCompleted).await.unwrap();
        assert_eq!(start.elapsed(), ms(150));
    });
}

fn wait_with_a_timeout_of_zero(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let done = windlass::spawn(async {});
        yield_until(|| done.is_finished()).await;
        let waits = windlass::spawn(pending());
        let (done, left) = wait([done, waits], Some(Duration::ZERO), ReturnWhen::AllCompleted).await.unwrap();
        assert_eq!((done.len(), left.len()), (1, 1));
        left[0].abort();
    });
}

/// ported: test_tasks.py::BaseTaskTests::test_wait_with_iterator_of_tasks
fn wait_takes_an_iterator(flavor: Flavor) {
    flavor.run_paused(async {
        let start = Instant::now();
        let tasks = [150, 100].into_iter().map(|millis| after(millis, ()));
        let (done, left) = wait(tasks, None, ReturnWhen::AllCompleted).await.unwrap();
        assert_eq!((done.len(), left.len()), (2, 0));
        assert_eq!(start.elapsed(), ms(150));
    });
}

/// ported: test_tasks.py::BaseTaskTests::test_wait_generator
fn wait_many(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let tasks = (0..1_000).map(|n| windlass::spawn(async move { n }));
        let (done, left) = wait(tasks, None, ReturnWhen::AllCompleted).await.unwrap();
        assert_eq!((done.len(), left.len()), (1_000, 0));
        for (n, task) in done.into_iter().enumerate() {
            assert_eq!(task.await.unwrap(), n);
        }
    });
}

fn wait_for_the_first_error(flavor: Flavor) {
    flavor.run_paused(async {
        let tasks = [after(10_000, Ok(())), after(1, Ok(())), after(2, Err("torn"))];
        let (mut done, left) = try_wait(tasks, None, ReturnWhen::FirstException).await.unwrap();
        assert_eq!((done.len(), left.len()), (2, 1));
        assert_eq!(done.pop().unwrap().await.unwrap(), Err("torn"));
    });
}

fn wait_given_up_leaves_the_tasks_running(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let (tx, rx) = oneshot::channel::<()>();
        let task = windlass::spawn(rx);
        let handle = task.abort_handle();
        let waits = windlass::spawn(wait([task], None, ReturnWhen::AllCompleted));
        task::yield_now().await;
        waits.abort();
        assert!(waits.await.unwrap_err().is_cancelled());
        assert!(!handle.is_finished());
        tx.send(()).unwrap();
        yield_until(|| handle.is_finished()).await;
    });
}

/// ported: test_tasks.py::BaseTaskTests::test_as_completed
fn completed_in_order(flavor: Flavor) {
    flavor.run_paused(async {
        let start = Instant::now();
        let mut completed = as_completed([after(10, 'b'), after(150, 'c'), after(10, 'a')], None);
        let mut letters = Vec::new();
        while let Some(task) = completed.next().await {
            letters.push(task.unwrap().await.unwrap());
        }
        assert_eq!(start.elapsed(), ms(150));
        assert!(letters[..2].contains(&'a') && letters[..2].contains(&'b'));
        assert_eq!(letters[2], 'c');
    });
}

/// ported: test_tasks.py::BaseTaskTests::test_as_completed_same_tasks_in_as_out
fn completed_are_the_original_handles(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let tasks: Vec<_> = (0..4).map(|n| windlass::spawn(async move { n })).collect();
        let mut ids: Vec<_> = tasks.iter().map(JoinHandle::id).collect();
        let completed: Vec<_> = as_completed(tasks, None).map(|task| task.unwrap().id()).collect().await;
        assert_eq!(completed.len(), 4);
        ids.retain(|id| !completed.contains(id));
        assert!(ids.is_empty());
    });
}

/// ported: test_tasks.py::BaseTaskTests::test_as_completed_with_timeout
fn completed_with_a_timeout(flavor: Flavor) {
    flavor.run_paused(async {
        let start = Instant::now();
        let mut completed = as_completed([after(100, 'a'), after(150, 'b')], Some(ms(120)));
        assert_eq!(completed.next().await.unwrap().unwrap().await.unwrap(), 'a');
        assert!(completed.next().await.unwrap().is_err());
        assert_eq!(start.elapsed(), ms(120));
        assert!(completed.next().await.is_none());
        let mut left = completed.into_pending();
        assert_eq!(left.len(), 1);
        assert_eq!(left.remove(0).await.unwrap(), 'b');
    });
}

/// ported: test_tasks.py::BaseTaskTests::test_as_completed_with_unused_timeout
fn completed_with_an_unused_timeout(flavor: Flavor) {
    flavor.run_paused(async {
        let mut completed = as_completed([after(10, 'a')], Some(ms(1_000)));
        assert_eq!(completed.next().await.unwrap().unwrap().await.unwrap(), 'a');
        assert!(completed.next().await.is_none());
    });
}

/// ported: test_tasks.py::BaseTaskTests::test_as_completed_resume_iterator
fn completed_resumed(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let mut completed = as_completed((0..4).map(|n| windlass::spawn(async move { n })), None);
        let mut collected = Vec::new();
        while collected.len() < 2 {
            collected.push(completed.next().await.unwrap().unwrap().await.unwrap());
        }
        // A step that was given up loses nothing.
        drop(completed.next());
        while let Some(task) = completed.next().await {
            collected.push(task.unwrap().await.unwrap());
        }
        collected.sort_unstable();
        assert_eq!(collected, [0, 1, 2, 3]);
    });
}

/// ported: test_tasks.py::BaseTaskTests::test_as_completed_concurrent
fn completed_at_once(flavor: Flavor) {
    flavor.run_paused(async {
        let start = Instant::now();
        let tasks: Vec<_> =
            as_completed([after(50, 'a'), after(50, 'b')], None).map(|task| task.unwrap()).collect().await;
        assert_eq!(start.elapsed(), ms(50));
        let (done, _) = wait(tasks, None, ReturnWhen::AllCompleted).await.unwrap();
        let mut letters = Vec::new();
        for task in done {
            letters.push(task.await.unwrap());
        }
        letters.sort_unstable();
        assert_eq!(letters, ['a', 'b']);
    });
}

/// ported: test_tasks.py::BaseTaskTests::test_as_completed_coroutine_use_running_loop
fn completed_many_as_a_stream(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let tasks = (0..2_000).map(|n| windlass::spawn(async move { n }));
        let sum: usize = as_completed(tasks, None)
            .then(|task| async { task.unwrap().await.unwrap() })
            .fold(0, |sum, n| async move { sum + n })
            .await;
        assert_eq!(sum, 2_000 * 1_999 / 2);
    });
}

fn completed_of_handles_that_are_done(flavor: Flavor) {
    flavor.runtime().block_on(async {
        let tasks: Vec<_> = (0..3).map(|n| windlass::spawn(async move { n })).collect();
        yield_until(|| tasks.iter().all(JoinHandle::is_finished)).await;
        let mut completed = as_completed(tasks, Some(Duration::ZERO));
        for n in 0..3 {
            assert_eq!(completed.next().await.unwrap().unwrap().await.unwrap(), n);
        }
        assert!(completed.next().await.is_none());
    });
}

fn a_timeout_outside_of_a_runtime_panics_at_its_caller() {
    let none = Vec::<JoinHandle<()>>::new;
    panics_at_its_caller(|| wait(none(), Some(Duration::ZERO), ReturnWhen::AllCompleted));
    panics_at_its_caller(|| {
        try_wait(Vec::<JoinHandle<Result<(), ()>>>::new(), Some(ms(1)), ReturnWhen::AllCompleted)
    });
    panics_at_its_caller(|| as_completed(none(), Some(Duration::ZERO)));
}

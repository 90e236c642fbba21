//! The paused clock: it stands, is advanced, moves by itself when everyone waits, and never while a blocking job is under way.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::mpsc;
use std::task::Poll;
use std::time::Duration;

use windlass::blocking::ThreadPoolExecutor;
use windlass::runtime::Runtime;
use windlass::time::{self, Instant, pause, sleep, timeout};
use windlass_tests::{Flavor, panics, panics_at_its_caller};

const MS: Duration = Duration::from_millis(1);
const HOUR: Duration = Duration::from_secs(3_600);

windlass_tests::on_every_flavor!(
    it_stands_until_it_is_advanced,
    it_moves_by_itself_when_everyone_waits,
    paused_in_the_middle,
    resumed_it_goes_on_from_where_it_stood,
    advancing_fires_what_is_due_and_nothing_else,
    advancing_in_steps,
    advancing_lets_woken_tasks_run,
    advancing_lets_all_run_that_are_woken_together,
    it_does_not_stop_at_a_timer_that_was_cancelled,
    it_does_not_stop_where_nobody_waits,
    it_waits_for_spawn_blocking,
    it_waits_for_run_in_executor,
    it_waits_for_an_executor_of_the_users,
    it_waits_for_a_job_that_panics,
    it_waits_for_what_a_job_has_woken,
    it_waits_for_block_on_that_a_job_has_woken,
    a_job_nobody_awaits_holds_it_only_while_it_runs,
    it_does_not_move_while_a_task_runs,
    threads_in_the_runtime_see_it,
    what_waits_is_never_early_as_far_as_time_is_counted,
    misuse_says_what_to_do,
);

windlass_tests::on_multi_thread!(many_tasks_see_one_time, block_in_place_keeps_it);

fn paused(flavor: Flavor) -> Runtime {
    flavor.builder().start_paused(true).build().expect("a runtime starts")
}

fn it_stands_until_it_is_advanced(flavor: Flavor) {
    paused(flavor).block_on(async {
        let start = Instant::now();
        for _ in 0..10 {
            windlass::task::yield_now().await;
            assert_eq!(Instant::now(), start);
        }
        time::advance(5 * MS).await;
        assert_eq!(start.elapsed(), 5 * MS);
        time::advance(Duration::ZERO).await;
        assert_eq!(start.elapsed(), 5 * MS);
    });
}

fn it_moves_by_itself_when_everyone_waits(flavor: Flavor) {
    paused(flavor).block_on(async {
        let start = Instant::now();
        sleep(HOUR).await;
        assert_eq!(start.elapsed(), HOUR);
        let tasks: Vec<_> = (1..=20u32)
            .map(|n| {
                windlass::spawn(async move {
                    sleep(n * HOUR).await;
                    (n, Instant::now())
                })
            })
            .collect();
        for task in tasks {
            let (n, woken) = task.await.unwrap();
            assert_eq!(woken - start, HOUR + n * HOUR);
        }
    });
}

fn paused_in_the_middle(flavor: Flavor) {
    flavor.runtime().block_on(async {
        sleep(MS).await;
        // One that waits in the poller for a deadline of the system's clock.
        let waits = windlass::spawn(sleep(HOUR));
        windlass::spawn(async {}).await.unwrap();
        time::pause();
        let start = Instant::now();
        waits.await.unwrap();
        assert!(start.elapsed() > HOUR - Duration::from_secs(60));
        assert!(start.elapsed() <= HOUR + MS);
    });
}

fn resumed_it_goes_on_from_where_it_stood(flavor: Flavor) {
    paused(flavor).block_on(async {
        let start = Instant::now();
        sleep(HOUR).await;
        // A task that waits, and is to be woken by the clock that goes.
        let other = windlass::spawn(sleep(20 * MS));
        time::resume();
        let real = std::time::Instant::now();
        sleep(10 * MS).await;
        assert!(real.elapsed() >= 10 * MS);
        assert!(start.elapsed() >= HOUR + 10 * MS);
        other.await.unwrap();
        time::pause();
        let stands = Instant::now();
        assert_eq!(stands, Instant::now());
        sleep(HOUR).await;
        assert_eq!(stands.elapsed(), HOUR);
    });
}

fn advancing_fires_what_is_due_and_nothing_else(flavor: Flavor) {
    paused(flavor).block_on(async {
        let mut first = pin!(sleep(10 * MS));
        let mut second = pin!(sleep(20 * MS));
        poll_fn(|cx| {
            assert!(first.as_mut().poll(cx).is_pending());
            assert!(second.as_mut().poll(cx).is_pending());
            Poll::Ready(())
        })
        .await;
        time::advance(9 * MS).await;
        assert!(!first.is_elapsed());
        time::advance(MS).await;
        assert!(first.is_elapsed());
        assert!(!second.is_elapsed());
        time::advance(HOUR).await;
        assert!(second.is_elapsed());
    });
}

fn advancing_in_steps(flavor: Flavor) {
    paused(flavor).block_on(async {
        let start = Instant::now();
        let mut slept = pin!(sleep(Duration::from_micros(10_500)));
        for step in 1..=11u32 {
            assert!(poll_fn(|cx| Poll::Ready(slept.as_mut().poll(cx))).await.is_pending(), "{step}");
            time::advance(MS).await;
            assert_eq!(start.elapsed(), step * MS);
        }
        assert!(slept.is_elapsed());
    });
}

fn advancing_lets_all_run_that_are_woken_together(flavor: Flavor) {
    if !flavor.is_current_thread() {
        // As below.
        return;
    }
    let runtime = flavor.builder().event_interval(10).start_paused(true).build().expect("a runtime starts");
    runtime.block_on(async {
        let (sender, receiver) = mpsc::channel();
        for n in 0..35 {
            let sender = sender.clone();
            windlass::spawn(async move {
                sleep(MS).await;
                sender.send(n).unwrap();
            });
        }
        windlass::task::yield_now().await;
        time::advance(MS).await;
        assert_eq!(receiver.try_iter().collect::<Vec<_>>(), (0..35).collect::<Vec<_>>());
    });
}

fn advancing_lets_woken_tasks_run(flavor: Flavor) {
    if !flavor.is_current_thread() {
        // On other threads they run when they run.
        return;
    }
    paused(flavor).block_on(async {
        let (sender, receiver) = mpsc::channel();
        for n in [3u32, 1, 2] {
            let sender = sender.clone();
            windlass::spawn(async move {
                sleep(n * MS).await;
                sender.send(n).unwrap();
            });
        }
        windlass::task::yield_now().await;
        time::advance(2 * MS).await;
        assert_eq!(receiver.try_iter().collect::<Vec<_>>(), [1, 2]);
        time::advance(2 * MS).await;
        assert_eq!(receiver.try_iter().collect::<Vec<_>>(), [3]);
    });
}

/// Timers that were set and cancelled before the clock stood are nothing to stop at either.
fn it_does_not_stop_where_nobody_waits(flavor: Flavor) {
    const WAIT: Duration = Duration::from_millis(1_100);
    let rt = flavor.runtime();
    let asked = rt.block_on(async {
        windlass::spawn(async {
            {
                let mut cancelled = std::pin::pin!(sleep(Duration::from_secs(1)));
                let pending = poll_fn(|cx| Poll::Ready(cancelled.as_mut().poll(cx).is_pending())).await;
                assert!(pending);
            }
            pause();
            let start = Instant::now();
            let mut asked = Vec::new();
            let never = poll_fn(|_| {
                asked.push(start.elapsed());
                Poll::<()>::Pending
            });
            timeout(WAIT, never).await.unwrap_err();
            asked
        })
        .await
        .unwrap()
    });
    // At the beginning, and perhaps once more at the end.
    assert!(asked.iter().all(|at| at.is_zero() || *at >= WAIT), "{asked:?}");
}

fn it_does_not_stop_at_a_timer_that_was_cancelled(flavor: Flavor) {
    paused(flavor).block_on(async {
        let start = Instant::now();
        assert!(time::timeout(MS, async { windlass::spawn(async {}).await }).await.is_ok());
        {
            let mut cancelled = pin!(sleep(2 * MS));
            poll_fn(|cx| Poll::Ready(cancelled.as_mut().poll(cx))).await.is_pending();
        }
        // Nothing waits for time: the clock stands while the thread outside takes its own.
        let (sender, receiver) = mpsc::channel();
        let (waker, wakers) = mpsc::channel::<std::task::Waker>();
        let thread = std::thread::spawn(move || {
            let waker = wakers.recv().unwrap();
            std::thread::yield_now();
            sender.send(()).unwrap();
            waker.wake();
        });
        let mut told = false;
        poll_fn(|cx| {
            if !told {
                told = true;
                waker.send(cx.waker().clone()).unwrap();
            }
            if receiver.try_recv().is_ok() { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
        thread.join().unwrap();
        assert_eq!(start.elapsed(), Duration::ZERO);
    });
}

/// Runs a job that ends when the test says so, and asserts that a timer does not fire before.
fn waits_for_job<J, F>(flavor: Flavor, job: J)
where
    J: FnOnce(Box<dyn FnOnce() + Send>) -> F + Send + 'static,
    F: Future<Output = ()> + Send + 'static,
{
    let rt = paused(flavor);
    let (end, ends) = mpsc::channel::<()>();
    let (begun, begins) = mpsc::channel::<()>();
    let helper = std::thread::spawn(move || {
        begins.recv().unwrap();
        // Time for a clock that would move.
        for _ in 0..1_000 {
            std::thread::yield_now();
        }
        end.send(()).unwrap();
    });
    rt.block_on(async move {
        let start = Instant::now();
        let sleeping = windlass::spawn(async move {
            sleep(HOUR).await;
            start.elapsed()
        });
        let awaited = windlass::spawn(job(Box::new(move || {
            begun.send(()).unwrap();
            ends.recv().unwrap();
        })));
        awaited.await.unwrap();
        assert_eq!(start.elapsed(), Duration::ZERO, "the clock moved while the job was under way");
        assert_eq!(sleeping.await.unwrap(), HOUR);
    });
    helper.join().unwrap();
}

fn it_waits_for_spawn_blocking(flavor: Flavor) {
    waits_for_job(flavor, |f| async move { windlass::task::spawn_blocking(f).await.unwrap() });
}

fn it_waits_for_run_in_executor(flavor: Flavor) {
    waits_for_job(flavor, |f| async move { windlass::run_in_executor(None, f).await.unwrap() });
    waits_for_job(flavor, |f| async move { windlass::to_thread(f).await.unwrap() });
}

fn it_waits_for_an_executor_of_the_users(flavor: Flavor) {
    let pool = ThreadPoolExecutor::new(1);
    waits_for_job(flavor, |f| async move { windlass::run_in_executor(Some(&pool), f).await.unwrap() });
}

fn it_waits_for_a_job_that_panics(flavor: Flavor) {
    waits_for_job(flavor, |f| async move {
        let job = windlass::task::spawn_blocking(move || {
            f();
            std::panic::resume_unwind(Box::new("on purpose"));
        });
        assert!(job.await.unwrap_err().is_panic());
    });
}

fn it_waits_for_what_a_job_has_woken(flavor: Flavor) {
    // Again and again: what it forbids is a race.
    let rt = paused(flavor);
    rt.block_on(async {
        let start = Instant::now();
        let far = windlass::spawn(sleep(HOUR));
        for _ in 0..2_000 {
            windlass::task::spawn_blocking(|| ()).await.unwrap();
            assert_eq!(start.elapsed(), Duration::ZERO);
            windlass::run_in_executor(None, || ()).await.unwrap();
            assert_eq!(start.elapsed(), Duration::ZERO);
        }
        far.await.unwrap();
        assert_eq!(start.elapsed(), HOUR);
    });
}

fn it_waits_for_block_on_that_a_job_has_woken(flavor: Flavor) {
    paused(flavor).block_on(async {
        let start = Instant::now();
        for round in 0..300 {
            // Some end before anyone sleeps, and some after.
            let job = windlass::task::spawn_blocking(move || std::thread::sleep(round % 7 * MS / 20));
            time::timeout(HOUR, job).await.expect("the time stands").unwrap();
            assert_eq!(start.elapsed(), Duration::ZERO, "in round {round}");
            // And some while others are up.
            let task = windlass::spawn(async {
                windlass::task::spawn_blocking(|| ()).await.unwrap();
                windlass::task::yield_now().await;
                windlass::task::spawn_blocking(std::thread::yield_now).await.unwrap();
            });
            time::timeout(HOUR, task).await.expect("the time stands").unwrap();
        }
    });
}

fn a_job_nobody_awaits_holds_it_only_while_it_runs(flavor: Flavor) {
    paused(flavor).block_on(async {
        let start = Instant::now();
        let job = windlass::run_in_executor(None, || ());
        let other = windlass::task::spawn_blocking(|| ());
        sleep(HOUR).await;
        assert_eq!(start.elapsed(), HOUR);
        job.await.unwrap();
        other.await.unwrap();
    });
}

fn it_does_not_move_while_a_task_runs(flavor: Flavor) {
    paused(flavor).block_on(async {
        let start = Instant::now();
        let far = windlass::spawn(sleep(HOUR));
        for _ in 0..100 {
            windlass::spawn(async move {
                for _ in 0..50 {
                    windlass::task::yield_now().await;
                    assert_eq!(start.elapsed(), Duration::ZERO);
                }
            })
            .await
            .unwrap();
        }
        far.await.unwrap();
    });
}

fn threads_in_the_runtime_see_it(flavor: Flavor) {
    let rt = paused(flavor);
    rt.block_on(sleep_for(HOUR));
    let now = rt.block_on(async { Instant::now() });
    let _guard = rt.enter();
    assert_eq!(Instant::now(), now);
    let handle = rt.handle().clone();
    let other = std::thread::spawn(move || {
        let _guard = handle.enter();
        Instant::now()
    });
    assert_eq!(other.join().unwrap(), now);
    let job = rt.spawn_blocking(Instant::now);
    assert_eq!(rt.block_on(job).unwrap(), now);
}

async fn sleep_for(duration: Duration) {
    sleep(duration).await;
}

fn what_waits_is_never_early_as_far_as_time_is_counted(flavor: Flavor) {
    const YEAR: Duration = Duration::from_secs(365 * 24 * 3_600);
    let runtime = paused(flavor);
    runtime.block_on(async {
        time::advance(583 * YEAR).await;
        let start = Instant::now();
        let far = windlass::spawn(sleep(1_000 * YEAR));
        sleep(Duration::from_secs(60)).await;
        assert_eq!(start.elapsed(), Duration::from_secs(60));
        assert!(!far.is_finished());
    });
    // Whatever was due beyond would be due at once.
    let too_far = panics(|| runtime.block_on(time::advance(2 * YEAR)));
    assert!(too_far.message.contains("counted for 584 years"), "{}", too_far.message);
}

#[allow(clippy::redundant_closure, reason = "the caller of a function that is passed on is in core")]
fn misuse_says_what_to_do(flavor: Flavor) {
    let stands = paused(flavor);
    {
        let _guard = stands.enter();
        assert!(panics_at_its_caller(|| time::pause()).message.contains("already frozen"));
    }
    let too_far = panics(|| stands.block_on(time::advance(Duration::MAX)));
    assert!(too_far.message.contains("counted for 584 years"), "{}", too_far.message);
    let goes = flavor.runtime();
    {
        let _guard = goes.enter();
        assert!(panics_at_its_caller(|| time::resume()).message.contains("time is not frozen"));
    }
    let not_frozen = panics(|| goes.block_on(time::advance(MS)));
    assert!(not_frozen.message.contains("time is not frozen"), "{}", not_frozen.message);
}

fn many_tasks_see_one_time(flavor: Flavor) {
    paused(flavor).block_on(async {
        let start = Instant::now();
        let tasks: Vec<_> = (0..200u32)
            .map(|n| {
                windlass::spawn(async move {
                    let mut expected = start;
                    for step in 1..=50u32 {
                        let wait = (n % 7 + step % 5 + 1) * MS;
                        sleep(wait).await;
                        expected += wait;
                        assert_eq!(Instant::now(), expected);
                        windlass::task::yield_now().await;
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
    });
}

fn block_in_place_keeps_it(flavor: Flavor) {
    paused(flavor).block_on(async {
        let start = Instant::now();
        let far = windlass::spawn(sleep(HOUR));
        windlass::spawn(async move {
            windlass::task::block_in_place(|| {
                for _ in 0..1_000 {
                    std::thread::yield_now();
                }
                assert_eq!(start.elapsed(), Duration::ZERO);
            });
        })
        .await
        .unwrap();
        far.await.unwrap();
    });
}

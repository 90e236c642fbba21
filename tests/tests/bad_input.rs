//! What a user may get wrong when building or shutting down a runtime: a clear error or nothing, never a hang or abort.

use std::io::ErrorKind;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use windlass::runtime::{Builder, Runtime};
use windlass_tests::{
    Flavor, as_child, child, is_child, on_every_flavor, once, only, panics, run_to_success, wake_self,
};

on_every_flavor!(
    absurd_durations,
    a_slow_poll_threshold_of_zero,
    a_thread_name_that_no_thread_can_have,
    absurd_intervals,
    absurd_numbers_of_blocking_threads,
);

once!(
    zero_workers,
    zero_blocking_threads,
    zero_intervals,
    absurd_numbers_of_workers,
    workers_of_a_current_thread_runtime,
    a_stack_that_no_thread_can_have,
    a_tiny_stack,
);

/// The variable that overrides the default number of workers.
const WORKERS: &str = "WINDLASS_WORKER_THREADS";

fn works(runtime: &Runtime) {
    let out = runtime.block_on(async {
        let task = windlass::spawn(async {
            wake_self().await;
            1
        });
        task.await.unwrap() + windlass::task::spawn_blocking(|| 1).await.unwrap()
    });
    assert_eq!(out, 2);
}

fn zero_workers() {
    let panicked = panics(|| {
        Builder::new_multi_thread().worker_threads(0);
    });
    assert!(panicked.message.contains('0'), "{}", panicked.message);
}

fn zero_blocking_threads() {
    let panicked = panics(|| {
        Builder::new_multi_thread().max_blocking_threads(0).build().unwrap();
    });
    assert!(panicked.message.contains('0'), "{}", panicked.message);
}

fn zero_intervals() {
    panics(|| {
        Builder::new_multi_thread().global_queue_interval(0);
    });
    panics(|| {
        Builder::new_multi_thread().event_interval(0).build().unwrap();
    });
}

fn absurd_numbers_of_workers() {
    for workers in [usize::MAX, usize::MAX / 2, isize::MAX as usize, 1 << 40, u32::MAX as usize, 100_000_000]
    {
        let error = Builder::new_multi_thread().worker_threads(workers).build().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{workers}: {error}");
        let message = error.to_string();
        assert!(message.contains(&workers.to_string()), "the message must say what it got: {message}");
        assert!(message.contains("worker_threads"), "the message must say what to do: {message}");
    }
}

fn workers_of_a_current_thread_runtime() {
    // Ignored, as tokio does.
    works(&Builder::new_current_thread().worker_threads(4).build().unwrap());
}

fn a_stack_that_no_thread_can_have() {
    for workers in [1, 4] {
        let built = catch_unwind(|| {
            Builder::new_multi_thread().worker_threads(workers).thread_stack_size(1 << 46).build()
        });
        let error = built.expect("no panic").unwrap_err();
        let message = error.to_string();
        assert!(message.contains("thread"), "the message must say what failed: {message}");
    }
}

fn a_tiny_stack() {
    // The system gives a thread what it needs at least.
    let runtime = Builder::new_multi_thread().worker_threads(1).thread_stack_size(1).build();
    drop(runtime.expect("a stack rounded up"));
}

fn absurd_durations(flavor: Flavor) {
    let runtime =
        flavor.builder().thread_keep_alive(Duration::MAX).slow_poll_threshold(Duration::MAX).build().unwrap();
    works(&runtime);
    runtime.shutdown_timeout(Duration::MAX);

    let runtime = flavor.builder().thread_keep_alive(Duration::ZERO).build().unwrap();
    works(&runtime);
    runtime.shutdown_timeout(Duration::ZERO);
}

fn a_slow_poll_threshold_of_zero(flavor: Flavor) {
    let runtime = flavor.builder().slow_poll_threshold(Duration::ZERO).build().unwrap();
    works(&runtime);
}

fn a_thread_name_that_no_thread_can_have(flavor: Flavor) {
    for name in ["in\0side", "", &"n".repeat(100_000)] {
        // A panic of std's in `build`, an error, or a runtime that works.
        let built = catch_unwind(AssertUnwindSafe(|| flavor.builder().thread_name(name).build()));
        if let Ok(Ok(runtime)) = built {
            let used = catch_unwind(AssertUnwindSafe(|| works(&runtime)));
            assert!(used.is_ok() || name.contains('\0'), "{name:?}");
        }
    }
}

fn absurd_intervals(flavor: Flavor) {
    works(&flavor.builder().global_queue_interval(u32::MAX).build().unwrap());
    works(&flavor.builder().event_interval(u32::MAX).build().unwrap());
}

fn absurd_numbers_of_blocking_threads(flavor: Flavor) {
    // A limit, not a number of threads to start.
    works(&flavor.builder().max_blocking_threads(usize::MAX).build().unwrap());
}

/// A nonsense environment variable, in a process of its own. What the child found is its exit status.
#[test]
fn a_nonsense_environment_variable_is_an_error_that_says_so() {
    if is_child() {
        let value = std::env::var_os(WORKERS).unwrap();
        for built in [Builder::new_multi_thread().build(), Runtime::new()] {
            let error = built.expect_err("nonsense");
            assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
            let message = error.to_string();
            assert!(message.contains(WORKERS), "the message must name the variable: {message}");
            if let Some(value) = value.to_str() {
                assert!(message.contains(value), "the message must quote the value: {message}");
            }
        }
        let panicked = panics(|| windlass::run(async {}));
        assert!(panicked.message.contains(WORKERS), "{}", panicked.message);
        // Whoever says how many does not depend on the variable.
        works(&Builder::new_multi_thread().worker_threads(1).build().unwrap());
        works(&Builder::new_current_thread().build().unwrap());
        return;
    }
    for value in ["", "banana", "0", "-1", "1.5", "4 threads", "99999999999999999999999", "4294967296"] {
        let mut command = child("a_nonsense_environment_variable_is_an_error_that_says_so");
        command.env(WORKERS, value);
        run_to_success(command);
    }
}

/// A variable that is no text at all.
#[cfg(unix)]
#[test]
fn an_environment_variable_that_is_no_text_is_an_error_that_says_so() {
    use std::os::unix::ffi::OsStrExt;

    let mut command = child("a_nonsense_environment_variable_is_an_error_that_says_so");
    command.env(WORKERS, std::ffi::OsStr::from_bytes(b"\xff\xfe"));
    run_to_success(command);
}

/// The variable where it makes sense.
#[test]
fn the_environment_variable_is_the_default_number_of_workers() {
    if is_child() {
        assert_eq!(Runtime::new().unwrap().metrics().num_workers(), 3);
        assert_eq!(Builder::new_multi_thread().build().unwrap().metrics().num_workers(), 3);
        let explicit = Builder::new_multi_thread().worker_threads(2).build().unwrap();
        assert_eq!(explicit.metrics().num_workers(), 2);
        windlass::run(async { windlass::spawn(wake_self()).await.unwrap() });
        return;
    }
    let mut command = child("the_environment_variable_is_the_default_number_of_workers");
    command.env(WORKERS, "3");
    run_to_success(command);
}

/// Threads that cannot be started: here for want of address space, half-way through.
#[cfg(target_os = "linux")]
#[test]
fn threads_that_cannot_be_started_are_an_error() {
    const TEST: &str = "threads_that_cannot_be_started_are_an_error";
    if is_child() {
        let before = windlass_tests::thread_count();
        for _ in 0..3 {
            let mut builder = Builder::new_multi_thread();
            builder.worker_threads(64).thread_stack_size(256 << 20);
            let error = builder.build().expect_err("there is no room for 64 such stacks");
            let message = error.to_string();
            assert!(message.contains("thread"), "the message must say what failed: {message}");
            // What did start has ended.
            windlass_tests::spin_until(|| windlass_tests::thread_count() <= before);
        }
        works(&Builder::new_multi_thread().worker_threads(2).build().unwrap());
        return;
    }
    let this = std::env::current_exe().unwrap();
    let mut command = std::process::Command::new("sh");
    command.args(["-c", "ulimit -v 4194304 && exec \"$@\"", "sh"]).arg(this).args(only(TEST));
    as_child(&mut command);
    run_to_success(command);
}
